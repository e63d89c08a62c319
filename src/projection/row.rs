//! The rows on disk and their bytes.
//!
//! | keyspace | key (integers big-endian) | value |
//! |---|---|---|
//! | `meta` | `checkpoint` | format version, position, digest, rules digest |
//! | `sources` | source u32 | name, rules digest, counts by status and by outcome |
//! | `source_ids` | name | source u32 |
//! | `appointments` | source u32, appointment u64 | the fold, the figures and the last entries of its deliveries |
//! | `by_status` | source u32, status u8, appointment u64 | – |
//! | `history` | source u32, appointment u64, position u64 of the last entry | [`ENTRIES_IN_ROW`] entries |
//! | `delivery_ids` | source u32, the sender's id | the first [`POSITIONS_OF_ID_MAX`] positions with it |
//! | `by_outcome` | source u32, outcome u8, position u64 / 256 | position mod 256 of each, ascending |
//!
//! A delivery costs a row for its appointment and, every so often, one of its history. Every row follows from
//! the log alone, however it was cut into groups. A source's number is the order in which the log first names
//! it, so equal logs make equal rows. A changed layout raises the format's version in `rules.rs`; no old row is
//! ever read.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    lifecycle::{
        Applied, Appointment, Code, EventType, Judgement, Met, Outcome, Parts, Place, Reconsidered, Standing, Status,
        Step, StepSet, Verdict, Waiting, Window,
    },
    log::{AppointmentId, Digest, Position, SourceName},
};

use super::{AppointmentKey, Checkpoint, ProjectionError, rules::FORMAT_VERSION};

/// Entries in one row of `history`. The appointment's own row holds those after the last full one.
pub(super) const ENTRIES_IN_ROW: usize = 16;
/// Positions that one row of `by_outcome` stands for.
pub(super) const POSITIONS_IN_ROW: u64 = 256;

/// A sender that gives many bodies the same id has them compared with the first so many.
pub(super) const POSITIONS_OF_ID_MAX: usize = 16;

/// What the projection knows of one appointment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppointmentRecord {
    /// Its identity.
    pub key: AppointmentKey,
    /// The fold of its deliveries.
    pub appointment: Appointment,
    /// When its first delivery arrived, whatever its outcome.
    pub first_received_at: DateTime<Utc>,
    /// Its last delivery, whatever its outcome.
    pub last_position: Position,
    /// When that arrived.
    pub last_received_at: DateTime<Utc>,
    /// How many deliveries name it, whatever their outcomes.
    pub delivery_count: u64,
    /// The last deliveries that name it, by position: fewer than [`ENTRIES_IN_ROW`].
    pub(super) recent: Vec<Entry>,
}

/// What became of one delivery of an appointment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) position: Position,
    pub(super) judgement: Judgement,
}

/// A source's number in keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct SourceNumber(pub(super) u32);

/// One row of `sources`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SourceRow {
    pub(super) name: SourceName,
    /// The digest of the rules that its deliveries are folded by.
    pub(super) rules_digest: Digest,
    pub(super) counts: Counts,
}

/// A source's figures.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Counts {
    appointments: [u64; Status::ALL.len()],
    deliveries: [u64; Outcome::ALL.len()],
}

impl Counts {
    pub(super) fn appointments(&self, status: Status) -> u64 {
        self.appointments[status as usize]
    }

    pub(super) fn deliveries(&self, outcome: Outcome) -> u64 {
        self.deliveries[outcome as usize]
    }

    pub(super) fn count_delivery(&mut self, outcome: Outcome) {
        self.deliveries[outcome as usize] += 1;
    }

    pub(super) fn move_delivery(&mut self, before: Outcome, after: Outcome) {
        self.deliveries[before as usize] -= 1;
        self.deliveries[after as usize] += 1;
    }

    pub(super) fn move_appointment(&mut self, before: Met, after: Met) {
        if let Some(status) = before {
            self.appointments[status as usize] -= 1;
        }
        if let Some(status) = after {
            self.appointments[status as usize] += 1;
        }
    }
}

#[derive(Serialize, Deserialize)]
struct CheckpointBytes {
    format_version: u32,
    position: u64,
    digest: [u8; 32],
    rules_digest: [u8; 32],
}

/// Times are milliseconds since the appointment's first delivery.
#[derive(Serialize, Deserialize)]
struct AppointmentBytes {
    first_received_at_ms: i64,
    last_received_at: i64,
    last_position: u64,
    delivery_count: u64,
    began_at: Option<i64>,
    created: Option<StandingBytes>,
    steps: Vec<StandingBytes>,
    undone: u8,
    reschedule_count: u32,
    demographics_update_count: u32,
    window: Option<WindowBytes>,
    recent: Vec<EntryBytes>,
}

/// Step, time, position, what it met.
type StandingBytes = (u8, i64, u64, u8);

#[derive(Serialize, Deserialize)]
struct WindowBytes {
    /// Status, oldest arrival since, steps since.
    places: Vec<(u8, Option<i64>, u8)>,
    /// Position and event.
    first: Option<(u64, u8)>,
    bottom: Vec<(u64, u8)>,
    /// Position, event and time.
    waiting: Vec<(u64, u8, i64)>,
}

#[derive(Serialize, Deserialize)]
struct EntryBytes {
    /// Positions since the entry before it.
    after: u64,
    /// 0 for APPLIED, else the code's place in [`Code::ALL`] plus 1; [`LATE`] is added for a late one.
    verdict: u8,
    /// The status before in the upper half, the status after in the lower; 0 is NONE.
    statuses: u8,
    /// Where it was REJECTED once.
    reconsidered_at: Option<u64>,
}

const LATE: u8 = 0x80;
/// What most rows fit into.
const ROW_BYTES: usize = 160;

pub(super) const CHECKPOINT_KEY: &[u8] = b"checkpoint";

pub(super) fn appointment_key(source: SourceNumber, id: AppointmentId) -> [u8; 12] {
    key(source, [], id.get())
}

pub(super) fn status_key(source: SourceNumber, status: Status, id: AppointmentId) -> [u8; 13] {
    key(source, [status as u8], id.get())
}

pub(super) fn history_key(source: SourceNumber, id: AppointmentId, position: Position) -> Vec<u8> {
    [&source.0.to_be_bytes()[..], &id.get().to_be_bytes(), &position.get().to_be_bytes()].concat()
}

/// The key of the row with these positions; `row` is their common part, see [`row_of`].
pub(super) fn outcome_key(source: SourceNumber, outcome: Outcome, row: u64) -> [u8; 13] {
    key(source, [outcome as u8], row)
}

fn key<const PART: usize, const ALL: usize>(source: SourceNumber, part: [u8; PART], last: u64) -> [u8; ALL] {
    let mut key = [0; ALL];
    let bytes = source.0.to_be_bytes().into_iter().chain(part).chain(last.to_be_bytes());
    key.iter_mut().zip(bytes).for_each(|(place, byte)| *place = byte);
    key
}

pub(super) fn delivery_id_key(source: SourceNumber, delivery_id: &str) -> Vec<u8> {
    [&source.0.to_be_bytes()[..], delivery_id.as_bytes()].concat()
}

pub(super) fn encode_positions(positions: &[u64]) -> Vec<u8> {
    to_bytes(&positions)
}

pub(super) fn decode_positions(bytes: &[u8]) -> Result<Vec<u64>, ProjectionError> {
    from_bytes(bytes, "delivery id")
}

/// The row of `by_outcome` that stands for a position, and the position's byte in it.
pub(super) fn row_of(position: Position) -> (u64, u8) {
    let byte = u8::try_from(position.get() % POSITIONS_IN_ROW).expect("256 values fit a byte");
    (position.get() / POSITIONS_IN_ROW, byte)
}

/// The last eight bytes of a key: an appointment's id or a position.
pub(super) fn last_number(key: &[u8]) -> Result<u64, ProjectionError> {
    key.last_chunk::<8>().map(|bytes| u64::from_be_bytes(*bytes)).ok_or(ProjectionError::Damaged("key"))
}

pub(super) fn encode_checkpoint(checkpoint: Checkpoint) -> Vec<u8> {
    to_bytes(&CheckpointBytes {
        format_version: FORMAT_VERSION,
        position: checkpoint.position.get(),
        digest: *checkpoint.digest.as_bytes(),
        rules_digest: *checkpoint.rules_digest.as_bytes(),
    })
}

pub(super) fn decode_checkpoint(bytes: &[u8]) -> Result<Checkpoint, ProjectionError> {
    let stored: CheckpointBytes = from_bytes(bytes, "checkpoint")?;
    if stored.format_version != FORMAT_VERSION {
        return Err(ProjectionError::Damaged("checkpoint of another version of this program"));
    }
    Ok(Checkpoint {
        position: Position::new(stored.position),
        digest: Digest::from_bytes(stored.digest),
        rules_digest: Digest::from_bytes(stored.rules_digest),
    })
}

pub(super) fn encode_source(row: &SourceRow) -> Vec<u8> {
    to_bytes(&(row.name.as_str(), row.rules_digest.as_bytes(), &row.counts))
}

pub(super) fn decode_source(bytes: &[u8]) -> Result<SourceRow, ProjectionError> {
    let (name, rules_digest, counts): (String, [u8; 32], Counts) = from_bytes(bytes, "source")?;
    let name = name.parse().map_err(|_| ProjectionError::Damaged("source"))?;
    Ok(SourceRow { name, rules_digest: Digest::from_bytes(rules_digest), counts })
}

pub(super) fn encode_appointment(record: &AppointmentRecord) -> Vec<u8> {
    let Parts { began_at, created, steps, undone, reschedule_count, demographics_update_count, window } =
        record.appointment.parts();
    let ms = |time: DateTime<Utc>| (time - record.first_received_at).num_milliseconds();
    let standing = |at: &Standing| (at.step as u8, ms(at.received_at), at.position, met_byte(at.met));
    let place = |place: &Place| (met_byte(place.met), place.oldest.map(ms), place.steps.bits());
    let applied = |applied: &Applied| (applied.position, applied.event as u8);
    let waiting = |one: &Waiting| (one.position, one.event as u8, ms(one.received_at));
    let window_bytes = (
        List(window.places.iter().map(place)),
        window.first.as_ref().map(applied),
        List(window.bottom.iter().map(applied)),
        List(window.waiting.iter().map(waiting)),
    );
    // In the order of [`AppointmentBytes`], without a list of its own for each list.
    to_bytes(&(
        (
            record.first_received_at.timestamp_millis(),
            ms(record.last_received_at),
            record.last_position.get(),
            record.delivery_count,
            began_at.map(ms),
            created.as_ref().map(standing),
        ),
        (List(steps.iter().map(standing)), undone.bits(), *reschedule_count, *demographics_update_count),
        (*window != Window::default()).then_some(window_bytes),
        List(encode_entries(&record.recent)),
    ))
}

/// Items that are written as they are made.
struct List<I>(I);

impl<I: Iterator<Item: Serialize> + Clone> Serialize for List<I> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.clone())
    }
}

pub(super) fn decode_appointment(key: AppointmentKey, bytes: &[u8]) -> Result<AppointmentRecord, ProjectionError> {
    let damaged = || ProjectionError::Damaged("appointment");
    let stored: AppointmentBytes = from_bytes(bytes, "appointment")?;
    let first_received_at = DateTime::from_timestamp_millis(stored.first_received_at_ms).ok_or_else(damaged)?;
    let time = |ms: i64| {
        let since = TimeDelta::try_milliseconds(ms).ok_or_else(damaged)?;
        first_received_at.checked_add_signed(since).ok_or_else(damaged)
    };
    let event = |place: u8| EventType::ALL.get(usize::from(place)).copied().ok_or_else(damaged);
    let standing = |(step, ms, position, met): StandingBytes| {
        let step = *Step::ALL.get(usize::from(step)).ok_or_else(damaged)?;
        Ok(Standing { step, received_at: time(ms)?, position, met: met_of(met)? })
    };
    let applied = |(position, place): (u64, u8)| Ok(Applied { position, event: event(place)? });
    let place = |(met, oldest, steps): (u8, Option<i64>, u8)| {
        let oldest = oldest.map(time).transpose()?;
        Ok::<_, ProjectionError>(Place { met: met_of(met)?, oldest, steps: StepSet::from_bits(steps) })
    };
    let waits = |(position, place, ms): (u64, u8, i64)| {
        Ok::<_, ProjectionError>(Waiting { position, event: event(place)?, received_at: time(ms)? })
    };
    let window = match stored.window {
        None => Window::default(),
        Some(window) => Window {
            places: window.places.into_iter().map(place).collect::<Result<_, _>>()?,
            first: window.first.map(applied).transpose()?,
            bottom: window.bottom.into_iter().map(applied).collect::<Result<_, ProjectionError>>()?,
            waiting: window.waiting.into_iter().map(waits).collect::<Result<_, _>>()?,
        },
    };
    Ok(AppointmentRecord {
        key,
        appointment: Appointment::from_parts(Parts {
            began_at: stored.began_at.map(time).transpose()?,
            created: stored.created.map(standing).transpose()?,
            steps: stored.steps.into_iter().map(standing).collect::<Result<_, ProjectionError>>()?,
            undone: StepSet::from_bits(stored.undone),
            reschedule_count: stored.reschedule_count,
            demographics_update_count: stored.demographics_update_count,
            window,
        }),
        first_received_at,
        last_position: Position::new(stored.last_position),
        last_received_at: time(stored.last_received_at)?,
        delivery_count: stored.delivery_count,
        recent: decode_entries(stored.recent)?,
    })
}

pub(super) fn encode_history(entries: &[Entry]) -> Vec<u8> {
    to_bytes(&List(encode_entries(entries)))
}

pub(super) fn decode_history(bytes: &[u8]) -> Result<Vec<Entry>, ProjectionError> {
    decode_entries(from_bytes(bytes, "history")?)
}

fn encode_entries(entries: &[Entry]) -> impl Iterator<Item = EntryBytes> + Clone {
    let mut previous = 0;
    let encode = move |Entry { position, judgement }: &Entry| {
        let after = position.get() - std::mem::replace(&mut previous, position.get());
        let place = judgement.verdict.code().map_or(0, |code| {
            let place = Code::ALL.iter().position(|known| *known == code).expect("Code::ALL has every code");
            u8::try_from(place + 1).expect("there are few codes")
        });
        EntryBytes {
            after,
            verdict: if judgement.late { place | LATE } else { place },
            statuses: met_byte(judgement.before) << 4 | met_byte(judgement.after),
            reconsidered_at: judgement.reconsidered.map(|reconsidered| reconsidered.at),
        }
    };
    entries.iter().map(encode)
}

fn decode_entries(entries: Vec<EntryBytes>) -> Result<Vec<Entry>, ProjectionError> {
    let damaged = || ProjectionError::Damaged("judgement");
    let mut position: u64 = 0;
    let decode = |bytes: EntryBytes| {
        position = position.checked_add(bytes.after).ok_or_else(damaged)?;
        let verdict = match (bytes.verdict & !LATE).checked_sub(1) {
            None => Verdict::Applied,
            Some(place) => Verdict::NotApplied(*Code::ALL.get(usize::from(place)).ok_or_else(damaged)?),
        };
        let judgement = Judgement {
            verdict,
            before: met_of(bytes.statuses >> 4)?,
            after: met_of(bytes.statuses & 0xf)?,
            late: bytes.verdict & LATE != 0,
            reconsidered: bytes.reconsidered_at.map(|at| Reconsidered { at }),
        };
        Ok(Entry { position: Position::new(position), judgement })
    };
    entries.into_iter().map(decode).collect()
}

/// 0 for NONE, else the status' place in [`Status::ALL`] plus 1.
fn met_byte(met: Met) -> u8 {
    met.map_or(0, |status| status as u8 + 1)
}

fn met_of(byte: u8) -> Result<Met, ProjectionError> {
    match byte.checked_sub(1) {
        None => Ok(None),
        Some(place) => Status::ALL.get(usize::from(place)).copied().map(Some).ok_or(ProjectionError::Damaged("status")),
    }
}

fn to_bytes(value: &impl Serialize) -> Vec<u8> {
    postcard::to_extend(value, Vec::with_capacity(ROW_BYTES)).expect("a row has nothing that postcard refuses")
}

fn from_bytes<T: DeserializeOwned>(bytes: &[u8], row: &'static str) -> Result<T, ProjectionError> {
    postcard::from_bytes(bytes).map_err(|_| ProjectionError::Damaged(row))
}
