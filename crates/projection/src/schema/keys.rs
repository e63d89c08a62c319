//! The rows on disk and their bytes.
//!
//! | keyspace | key (integers big-endian) | value |
//! |---|---|---|
//! | `meta` | `checkpoint` | format version, position, digest, rules digest |
//! | `meta` | `last-arrival` | when the last delivery arrived |
//! | `meta` | `set-back`, position u64 of the first delivery after it | the arrival times before and after it (`runs.rs`) |
//! | `sources` | source u32 | name, rules digest, counts by status and by outcome |
//! | `source_ids` | name | source u32 |
//! | `appointments` | source u32, appointment u64 | the fold, the figures and the last entries of its deliveries |
//! | `by_id` | appointment u64, source u32 | – |
//! | `by_status` | source u32, status u8, status since u64, appointment u64 | – |
//! | `by_first` | source u32, first arrival u64, appointment u64 | – |
//! | `by_last` | source u32, status u8, last position u64, appointment u64 | of an open one: last arrival, the status' age then |
//! | `history` | source u32, appointment u64, position u64 of the last entry | 16 entries |
//! | `changes` | source u32, position u64 of the first change | up to 64 changes of status (`changes.rs`) |
//! | `open` | source u32, position u64 | the appointments that were open after that position |
//! | `by_outcome` | source u32, verdict u8, event u8, position u64 / 2048 | position mod 2048 of each, u16, ascending |
//! | `tallies` | source u32, hour u64 | deliveries, and what became of them, by minute (`tally.rs`) |
//! | `delivery_ids` | source u32, the sender's id | the first [`POSITIONS_OF_ID_MAX`] positions with it |
//!
//! Times in keys are milliseconds since 1970-01-01 UTC, with the sign's bit turned so that they order ([`time_order`]).
//! An event is its place in [`EventType::ALL`] plus 1, or 0 where it is not known; a verdict is its code's place in
//! [`Code::ALL`] plus 1, or 0 for APPLIED. The three orders of appointments hold those that have come into being
//! (`orders.rs`).
//!
//! A delivery costs a row for its appointment and, every so often, one of its history (`appointment.rs`). Every row
//! follows from the log and the rules alone, however the log was cut into groups. A source's number is the order in
//! which the log first names it, so equal logs make equal rows. A changed layout raises the format's version in
//! `rules.rs`; no old row is ever read.

use chrono::{DateTime, Utc};
use clockfold_lifecycle::{Code, EventType, Met, Outcome, Status, Verdict};
use clockfold_log::{AppointmentId, Digest, Position, SourceName};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    error::ProjectionError,
    schema::{identity::Checkpoint, rules::FORMAT_VERSION, set_back::SetBack},
};

/// Positions that one row of `by_outcome` stands for.
pub(crate) const POSITIONS_IN_ROW: u64 = 2048;

/// Where a sender gives many bodies the same id, a new one is compared with at most this many: the first.
pub(crate) const POSITIONS_OF_ID_MAX: usize = 16;

/// What deliveries are listed by: what became of them, and what they said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Kind {
    pub(crate) verdict: Verdict,
    /// `None` where the lifecycle does not know the event type, or the body is unreadable.
    pub(crate) event: Option<EventType>,
}

impl Kind {
    /// All possible kinds.
    pub(crate) fn all() -> impl Iterator<Item = Kind> {
        let verdicts = Code::ALL.into_iter().map(Verdict::NotApplied).chain([Verdict::Applied]);
        let events = || EventType::ALL.into_iter().map(Some).chain([None]);
        let kinds = verdicts.flat_map(move |verdict| events().map(move |event| Kind { verdict, event }));
        kinds.filter(|kind| kind.verdict.is_of(kind.event))
    }

    pub(crate) fn outcome(self) -> Outcome {
        self.verdict.outcome()
    }
}

/// A source's number in keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SourceNumber(pub(crate) u32);

/// One row of `sources`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SourceRow {
    pub(crate) name: SourceName,
    /// The digest of the rules that its deliveries are folded by.
    pub(crate) rules_digest: Digest,
    pub(crate) counts: Counts,
}

/// A source's figures.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counts {
    appointments: [u64; Status::ALL.len()],
    deliveries: [u64; Outcome::ALL.len()],
}

impl Counts {
    pub(crate) fn appointments(&self, status: Status) -> u64 {
        self.appointments[status as usize]
    }

    pub(crate) fn deliveries(&self, outcome: Outcome) -> u64 {
        self.deliveries[outcome as usize]
    }

    pub(crate) fn count_delivery(&mut self, outcome: Outcome) {
        self.deliveries[outcome as usize] += 1;
    }

    pub(crate) fn move_delivery(&mut self, before: Outcome, after: Outcome) {
        self.deliveries[before as usize] -= 1;
        self.deliveries[after as usize] += 1;
    }

    pub(crate) fn move_appointment(&mut self, before: Met, after: Met) {
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

/// A buffer that most rows fit into.
const ROW_BYTES: usize = 160;

pub(crate) const CHECKPOINT_KEY: &[u8] = b"checkpoint";
pub(crate) const LAST_ARRIVAL_KEY: &[u8] = b"last-arrival";
/// What the keys of set-backs begin with.
pub(crate) const SET_BACK_KEY: &[u8] = b"set-back";

pub(crate) fn appointment_key(source: SourceNumber, id: AppointmentId) -> [u8; 12] {
    key(source, [], [id.get()])
}

/// The key of a row of `by_id`: whose appointment has this number.
pub(crate) fn id_key(id: AppointmentId, source: SourceNumber) -> [u8; 12] {
    let mut key = [0; 12];
    key[..8].copy_from_slice(&id.get().to_be_bytes());
    key[8..].copy_from_slice(&source.0.to_be_bytes());
    key
}

/// The key of a row of `by_status` or `by_last`.
pub(crate) fn status_key(source: SourceNumber, status: Status, value: u64, id: u64) -> [u8; 21] {
    key(source, [status as u8], [value, id])
}

/// The key of a row of `by_first`.
pub(crate) fn order_key(source: SourceNumber, value: u64, id: u64) -> [u8; 20] {
    key(source, [], [value, id])
}

/// A time as a number that orders as the time does.
pub(crate) fn time_order(time: DateTime<Utc>) -> u64 {
    time.timestamp_millis().cast_unsigned() ^ SIGN
}

/// The milliseconds of such a number.
pub(crate) fn ordered_ms(order: u64) -> i64 {
    (order ^ SIGN).cast_signed()
}

/// The time of such a number.
pub(crate) fn ordered_time(order: u64) -> Result<DateTime<Utc>, ProjectionError> {
    time_of(ordered_ms(order), "order of appointments")
}

const SIGN: u64 = 1 << 63;

/// The key of a row of `tallies`.
pub(crate) fn hour_key(source: SourceNumber, hour: u64) -> [u8; 12] {
    key(source, [], [hour])
}

/// The key of a row of `changes` or `open`.
pub(crate) fn position_key(source: SourceNumber, position: Position) -> [u8; 12] {
    key(source, [], [position.get()])
}

pub(crate) fn history_key(source: SourceNumber, id: AppointmentId, position: Position) -> Vec<u8> {
    [&source.0.to_be_bytes()[..], &id.get().to_be_bytes(), &position.get().to_be_bytes()].concat()
}

/// The key of the row with these positions; `row` is their common part, see [`row_of`].
pub(crate) fn outcome_key(source: SourceNumber, kind: Kind, row: u64) -> [u8; 14] {
    key(source, [verdict_byte(kind.verdict), event_byte(kind.event)], [row])
}

/// 0 for APPLIED, else the code's place in [`Code::ALL`] plus 1.
pub(crate) fn verdict_byte(verdict: Verdict) -> u8 {
    verdict.code().map_or(0, |code| {
        let place = Code::ALL.iter().position(|known| *known == code).expect("Code::ALL has every code");
        u8::try_from(place + 1).expect("there are few codes")
    })
}

/// `None` where no verdict has this byte.
pub(crate) fn verdict_of(byte: u8) -> Option<Verdict> {
    match byte.checked_sub(1) {
        None => Some(Verdict::Applied),
        Some(place) => Code::ALL.get(usize::from(place)).copied().map(Verdict::NotApplied),
    }
}

/// 0 for none, else the event's place in [`EventType::ALL`] plus 1.
pub(crate) fn event_byte(event: Option<EventType>) -> u8 {
    event.map_or(0, |event| event as u8 + 1)
}

fn key<const PART: usize, const NUMBERS: usize, const ALL: usize>(
    source: SourceNumber,
    part: [u8; PART],
    numbers: [u64; NUMBERS],
) -> [u8; ALL] {
    let mut key = [0; ALL];
    let numbers = numbers.into_iter().flat_map(u64::to_be_bytes);
    let bytes = source.0.to_be_bytes().into_iter().chain(part).chain(numbers);
    key.iter_mut().zip(bytes).for_each(|(place, byte)| *place = byte);
    key
}

pub(crate) fn delivery_id_key(source: SourceNumber, delivery_id: &str) -> Vec<u8> {
    [&source.0.to_be_bytes()[..], delivery_id.as_bytes()].concat()
}

pub(crate) fn encode_positions(positions: &[u64]) -> Vec<u8> {
    to_bytes(&positions)
}

pub(crate) fn decode_positions(bytes: &[u8]) -> Result<Vec<u64>, ProjectionError> {
    from_bytes(bytes, "delivery id")
}

/// The row of `by_outcome` that stands for a position, and the position's place in it.
pub(crate) fn row_of(position: Position) -> (u64, u16) {
    let place = u16::try_from(position.get() % POSITIONS_IN_ROW).expect("2,048 values fit 16 bits");
    (position.get() / POSITIONS_IN_ROW, place)
}

pub(crate) fn encode_places(places: &[u16]) -> Vec<u8> {
    places.iter().flat_map(|place| place.to_be_bytes()).collect()
}

pub(crate) fn decode_places(bytes: &[u8]) -> Result<Vec<u16>, ProjectionError> {
    let (places, rest) = bytes.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(ProjectionError::Corrupt("outcome index"));
    }
    Ok(places.iter().map(|place| u16::from_be_bytes(*place)).collect())
}

/// The last eight bytes of a key: an appointment's id or a position.
pub(crate) fn last_number(key: &[u8]) -> Result<u64, ProjectionError> {
    key.last_chunk::<8>().map(|bytes| u64::from_be_bytes(*bytes)).ok_or(ProjectionError::Corrupt("key"))
}

/// The two numbers at the end of a key of `by_status`, `by_first` or `by_last`: what it is ordered by, and the appointment.
pub(crate) fn last_numbers(key: &[u8]) -> Result<(u64, u64), ProjectionError> {
    let (rest, id) = key.split_last_chunk::<8>().ok_or(ProjectionError::Corrupt("key"))?;
    Ok((last_number(rest)?, u64::from_be_bytes(*id)))
}

pub(crate) fn encode_checkpoint(checkpoint: Checkpoint) -> Vec<u8> {
    to_bytes(&CheckpointBytes {
        format_version: FORMAT_VERSION,
        position: checkpoint.position.get(),
        digest: *checkpoint.digest.as_bytes(),
        rules_digest: *checkpoint.rules_digest.as_bytes(),
    })
}

pub(crate) fn decode_checkpoint(bytes: &[u8]) -> Result<Checkpoint, ProjectionError> {
    let stored: CheckpointBytes = from_bytes(bytes, "checkpoint")?;
    if stored.format_version != FORMAT_VERSION {
        return Err(ProjectionError::Corrupt("checkpoint of another version of this program"));
    }
    Ok(Checkpoint {
        position: Position::new(stored.position),
        digest: Digest::from_bytes(stored.digest),
        rules_digest: Digest::from_bytes(stored.rules_digest),
    })
}

pub(crate) fn encode_last_arrival(time: DateTime<Utc>) -> Vec<u8> {
    to_bytes(&time.timestamp_millis())
}

pub(crate) fn decode_last_arrival(bytes: &[u8]) -> Result<DateTime<Utc>, ProjectionError> {
    time_of(from_bytes(bytes, "last arrival")?, "last arrival")
}

pub(crate) fn set_back_key(position: Position) -> Vec<u8> {
    [SET_BACK_KEY, &position.get().to_be_bytes()].concat()
}

pub(crate) fn encode_set_back(set_back: &SetBack) -> Vec<u8> {
    to_bytes(&(set_back.from.timestamp_millis(), set_back.to.timestamp_millis()))
}

pub(crate) fn decode_set_back(position: Position, bytes: &[u8]) -> Result<SetBack, ProjectionError> {
    let (from, to) = from_bytes(bytes, "set-back")?;
    Ok(SetBack { position, from: time_of(from, "set-back")?, to: time_of(to, "set-back")? })
}

pub(crate) fn time_of(ms: i64, row: &'static str) -> Result<DateTime<Utc>, ProjectionError> {
    DateTime::from_timestamp_millis(ms).ok_or(ProjectionError::Corrupt(row))
}

pub(crate) fn encode_source(row: &SourceRow) -> Vec<u8> {
    to_bytes(&(row.name.as_str(), row.rules_digest.as_bytes(), &row.counts))
}

pub(crate) fn decode_source(bytes: &[u8]) -> Result<SourceRow, ProjectionError> {
    let (name, rules_digest, counts): (String, [u8; 32], Counts) = from_bytes(bytes, "source")?;
    let name = name.parse().map_err(|_| ProjectionError::Corrupt("source"))?;
    Ok(SourceRow { name, rules_digest: Digest::from_bytes(rules_digest), counts })
}

pub(crate) fn to_bytes(value: &impl Serialize) -> Vec<u8> {
    postcard::to_extend(value, Vec::with_capacity(ROW_BYTES)).expect("a row has nothing that postcard refuses")
}

pub(crate) fn from_bytes<T: DeserializeOwned>(bytes: &[u8], row: &'static str) -> Result<T, ProjectionError> {
    postcard::from_bytes(bytes).map_err(|_| ProjectionError::Corrupt(row))
}
