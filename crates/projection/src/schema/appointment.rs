//! An appointment and the entries of its history, as values and as bytes.
//!
//! An entry says when its delivery arrived and what it said, so an appointment can be folded again, up to any
//! delivery, from its own rows. A row is written without a list of its own for each list in it: there is one for
//! every delivery.

use chrono::{DateTime, TimeDelta, Utc};
use clockfold_lifecycle::{
    Applied, Appointment, Arrival, Change, EventType, FoldRules, Folded, Judgement, Met, Outcome, Parts, Place,
    Reconsidered, Standing, Status, Step, StepSet, Verdict, Waiting, Window,
};
use clockfold_log::Position;
use serde::{Deserialize, Serialize};

use crate::{
    error::ProjectionError,
    planted::planted,
    schema::{
        identity::AppointmentKey,
        keys::{Kind, event_byte, from_bytes, to_bytes, verdict_byte, verdict_of},
    },
};

/// Entries in one row of `history`. The appointment's own row holds those after the last full one.
pub(crate) const ENTRIES_IN_ROW: usize = 16;

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
    pub(crate) recent: Vec<JudgedEvent>,
}

/// One delivery of an appointment: when it arrived, what it said, and what became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct JudgedEvent {
    pub(crate) position: Position,
    pub(crate) received_at: DateTime<Utc>,
    /// `None` where the lifecycle does not know the event type.
    pub(crate) event: Option<EventType>,
    pub(crate) judgement: Judgement,
}

/// A delivery on its way into an appointment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sighting {
    pub(crate) position: Position,
    pub(crate) received_at: DateTime<Utc>,
    pub(crate) event: Option<EventType>,
}

impl AppointmentRecord {
    /// An appointment before its first delivery, which arrives now.
    pub(crate) fn new(key: AppointmentKey, first: Sighting) -> AppointmentRecord {
        AppointmentRecord {
            key,
            appointment: Appointment::default(),
            first_received_at: first.received_at,
            last_position: first.position,
            last_received_at: first.received_at,
            delivery_count: 0,
            recent: Vec::new(),
        }
    }

    /// Folds the next delivery and enters it in the history. The caller revises earlier entries, because it knows where
    /// they are; see [`JudgedEvent::revise`]. The one way into a record, live and in a rebuild.
    pub(crate) fn enter(&mut self, rules: &FoldRules, sighting: Sighting) -> Folded {
        let Sighting { position, received_at, event } = sighting;
        self.last_position = position;
        self.last_received_at = received_at;
        self.delivery_count += 1;
        // To the fold all unknown names are the same.
        let reading = Ok(event.map_or("", EventType::name));
        let folded = self.appointment.fold(rules, Arrival { position: position.get(), received_at, reading });
        let mut judgement = folded.judgement;
        if planted!(RejectionRecordedAsApplied) && judgement.verdict.outcome() == Outcome::Rejected {
            judgement.verdict = Verdict::Applied;
        }
        self.recent.push(JudgedEvent { position, received_at, event, judgement });
        folded
    }
}

impl JudgedEvent {
    pub(crate) fn kind(&self) -> Kind {
        Kind { verdict: self.judgement.verdict, event: self.event }
    }

    /// Takes over what a later delivery changed about this one.
    pub(crate) fn revise(&mut self, change: &Change) {
        match change {
            Change::Judged { judgement, .. } => self.judgement = *judgement,
            Change::Moved { before, after, .. } => {
                (self.judgement.before, self.judgement.after) = (*before, *after);
            }
        }
    }
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
    newest: Option<i64>,
}

#[derive(Serialize, Deserialize)]
struct EntryBytes {
    /// Positions since the entry before it; since 0 for the first of a row.
    after: u64,
    /// Milliseconds since the entry before it; since 1970-01-01 UTC for the first of a row.
    after_ms: i64,
    /// 0 for an event that is not known, else its place in [`EventType::ALL`] plus 1.
    event: u8,
    /// 0 for APPLIED, else the code's place in [`clockfold_lifecycle::Code::ALL`] plus 1; [`LATE`] is added for a late one.
    verdict: u8,
    /// The status before in the upper half, the status after in the lower; 0 is NONE.
    statuses: u8,
    /// Where it was REJECTED once.
    reconsidered_at: Option<u64>,
}

const LATE: u8 = 0x80;

pub(crate) fn encode_appointment(record: &AppointmentRecord) -> Vec<u8> {
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
        window.newest.map(ms),
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

pub(crate) fn decode_appointment(key: AppointmentKey, bytes: &[u8]) -> Result<AppointmentRecord, ProjectionError> {
    let corrupt = || ProjectionError::Corrupt("appointment");
    let stored: AppointmentBytes = from_bytes(bytes, "appointment")?;
    let first_received_at = DateTime::from_timestamp_millis(stored.first_received_at_ms).ok_or_else(corrupt)?;
    let time = |ms: i64| {
        let since = TimeDelta::try_milliseconds(ms).ok_or_else(corrupt)?;
        first_received_at.checked_add_signed(since).ok_or_else(corrupt)
    };
    let event = |place: u8| EventType::ALL.get(usize::from(place)).copied().ok_or_else(corrupt);
    let standing = |(step, ms, position, met): StandingBytes| {
        let step = *Step::ALL.get(usize::from(step)).ok_or_else(corrupt)?;
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
            newest: window.newest.map(time).transpose()?,
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

pub(crate) fn encode_history(entries: &[JudgedEvent]) -> Vec<u8> {
    to_bytes(&List(encode_entries(entries)))
}

pub(crate) fn decode_history(bytes: &[u8]) -> Result<Vec<JudgedEvent>, ProjectionError> {
    decode_entries(from_bytes(bytes, "history")?)
}

fn encode_entries(entries: &[JudgedEvent]) -> impl Iterator<Item = EntryBytes> + Clone {
    let (mut previous, mut previous_ms) = (0, 0);
    let encode = move |JudgedEvent { position, received_at, event, judgement }: &JudgedEvent| {
        let after = position.get() - std::mem::replace(&mut previous, position.get());
        let ms = received_at.timestamp_millis();
        let after_ms = ms - std::mem::replace(&mut previous_ms, ms);
        let verdict = verdict_byte(judgement.verdict);
        EntryBytes {
            after,
            after_ms,
            event: event_byte(*event),
            verdict: if judgement.late { verdict | LATE } else { verdict },
            statuses: met_byte(judgement.before) << 4 | met_byte(judgement.after),
            reconsidered_at: judgement.reconsidered.map(|reconsidered| reconsidered.at),
        }
    };
    entries.iter().map(encode)
}

fn decode_entries(entries: Vec<EntryBytes>) -> Result<Vec<JudgedEvent>, ProjectionError> {
    let corrupt = || ProjectionError::Corrupt("judgement");
    let (mut position, mut ms): (u64, i64) = (0, 0);
    let decode = |bytes: EntryBytes| {
        position = position.checked_add(bytes.after).ok_or_else(corrupt)?;
        ms = ms.checked_add(bytes.after_ms).ok_or_else(corrupt)?;
        let received_at = DateTime::from_timestamp_millis(ms).ok_or_else(corrupt)?;
        let event = match bytes.event.checked_sub(1) {
            None => None,
            Some(place) => Some(*EventType::ALL.get(usize::from(place)).ok_or_else(corrupt)?),
        };
        let verdict = verdict_of(bytes.verdict & !LATE).ok_or_else(corrupt)?;
        let judgement = Judgement {
            verdict,
            before: met_of(bytes.statuses >> 4)?,
            after: met_of(bytes.statuses & 0xf)?,
            late: bytes.verdict & LATE != 0,
            reconsidered: bytes.reconsidered_at.map(|at| Reconsidered { at }),
        };
        Ok(JudgedEvent { position: Position::new(position), received_at, event, judgement })
    };
    entries.into_iter().map(decode).collect()
}

/// 0 for NONE, else the status' place in [`Status::ALL`] plus 1.
pub(crate) fn met_byte(met: Met) -> u8 {
    met.map_or(0, |status| status as u8 + 1)
}

pub(crate) fn met_of(byte: u8) -> Result<Met, ProjectionError> {
    match byte.checked_sub(1) {
        None => Ok(None),
        Some(place) => Status::ALL.get(usize::from(place)).copied().map(Some).ok_or(ProjectionError::Corrupt("status")),
    }
}
