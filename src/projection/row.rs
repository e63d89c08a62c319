//! The rows on disk and their bytes.
//!
//! | keyspace | key (integers big-endian) | value |
//! |---|---|---|
//! | `meta` | `checkpoint` | position, digest, rules digest |
//! | `sources` | source u32 | name, counts by status and by outcome |
//! | `source_ids` | name | source u32 |
//! | `appointments` | source u32, appointment u64 | the fold and the figures of its deliveries |
//! | `by_status` | source u32, status u8, appointment u64 | – |
//! | `history` | source u32, appointment u64, position u64 | judgement |
//! | `by_outcome` | source u32, outcome u8, position u64 | judgement |
//!
//! A source's number is the order in which the log first names it, so equal logs make equal rows.
//! A changed layout raises the format's version in `rules.rs`; no old row is ever read.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    lifecycle::{Appointment, Code, Judgement, Met, Outcome, Parts, Standing, Status, Step, StepSet, Verdict},
    log::{AppointmentId, Digest, Position, SourceName},
};

use super::{AppointmentKey, Checkpoint, ProjectionError};

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
}

/// A source's number in keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct SourceNumber(pub(super) u32);

/// One row of `sources`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SourceRow {
    pub(super) name: SourceName,
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
    position: u64,
    digest: [u8; 32],
    rules_digest: [u8; 32],
}

#[derive(Serialize, Deserialize)]
struct AppointmentBytes {
    /// Step number and milliseconds since 1970-01-01 UTC.
    standing: Vec<(u8, i64)>,
    undone: u8,
    reschedule_count: u32,
    demographics_update_count: u32,
    first_received_at_ms: i64,
    last_position: u64,
    last_received_at_ms: i64,
    delivery_count: u64,
}

pub(super) const CHECKPOINT_KEY: &[u8] = b"checkpoint";

pub(super) fn appointment_key(source: SourceNumber, id: AppointmentId) -> Vec<u8> {
    [&source.0.to_be_bytes()[..], &id.get().to_be_bytes()].concat()
}

pub(super) fn status_key(source: SourceNumber, status: Status, id: AppointmentId) -> Vec<u8> {
    [&source.0.to_be_bytes()[..], &[status as u8], &id.get().to_be_bytes()].concat()
}

pub(super) fn history_key(source: SourceNumber, id: AppointmentId, position: Position) -> Vec<u8> {
    [&source.0.to_be_bytes()[..], &id.get().to_be_bytes(), &position.get().to_be_bytes()].concat()
}

pub(super) fn outcome_key(source: SourceNumber, outcome: Outcome, position: Position) -> Vec<u8> {
    [&source.0.to_be_bytes()[..], &[outcome as u8], &position.get().to_be_bytes()].concat()
}

/// The last eight bytes of a key: an appointment's id or a position.
pub(super) fn last_number(key: &[u8]) -> Result<u64, ProjectionError> {
    key.last_chunk::<8>().map(|bytes| u64::from_be_bytes(*bytes)).ok_or(ProjectionError::Damaged("key"))
}

pub(super) fn encode_checkpoint(checkpoint: Checkpoint) -> Vec<u8> {
    to_bytes(&CheckpointBytes {
        position: checkpoint.position.get(),
        digest: *checkpoint.digest.as_bytes(),
        rules_digest: *checkpoint.rules_digest.as_bytes(),
    })
}

pub(super) fn decode_checkpoint(bytes: &[u8]) -> Result<Checkpoint, ProjectionError> {
    let stored: CheckpointBytes = from_bytes(bytes, "checkpoint")?;
    Ok(Checkpoint {
        position: Position::new(stored.position),
        digest: Digest::from_bytes(stored.digest),
        rules_digest: Digest::from_bytes(stored.rules_digest),
    })
}

pub(super) fn encode_source(row: &SourceRow) -> Vec<u8> {
    to_bytes(&(row.name.as_str(), &row.counts))
}

pub(super) fn decode_source(bytes: &[u8]) -> Result<SourceRow, ProjectionError> {
    let (name, counts): (String, Counts) = from_bytes(bytes, "source")?;
    let name = name.parse().map_err(|_| ProjectionError::Damaged("source"))?;
    Ok(SourceRow { name, counts })
}

pub(super) fn encode_appointment(record: &AppointmentRecord) -> Vec<u8> {
    let parts = record.appointment.to_parts();
    let standing = |standing: &Standing| (standing.step as u8, standing.received_at.timestamp_millis());
    to_bytes(&AppointmentBytes {
        standing: parts.standing.iter().map(standing).collect(),
        undone: parts.undone.bits(),
        reschedule_count: parts.reschedule_count,
        demographics_update_count: parts.demographics_update_count,
        first_received_at_ms: record.first_received_at.timestamp_millis(),
        last_position: record.last_position.get(),
        last_received_at_ms: record.last_received_at.timestamp_millis(),
        delivery_count: record.delivery_count,
    })
}

pub(super) fn decode_appointment(key: AppointmentKey, bytes: &[u8]) -> Result<AppointmentRecord, ProjectionError> {
    let stored: AppointmentBytes = from_bytes(bytes, "appointment")?;
    let time = |ms| DateTime::from_timestamp_millis(ms).ok_or(ProjectionError::Damaged("appointment"));
    let standing = |(step, ms): (u8, i64)| {
        let step = *Step::ALL.get(usize::from(step)).ok_or(ProjectionError::Damaged("appointment"))?;
        Ok(Standing { step, received_at: time(ms)? })
    };
    Ok(AppointmentRecord {
        key,
        appointment: Appointment::from_parts(Parts {
            standing: stored.standing.into_iter().map(standing).collect::<Result<_, ProjectionError>>()?,
            undone: StepSet::from_bits(stored.undone),
            reschedule_count: stored.reschedule_count,
            demographics_update_count: stored.demographics_update_count,
        }),
        first_received_at: time(stored.first_received_at_ms)?,
        last_position: Position::new(stored.last_position),
        last_received_at: time(stored.last_received_at_ms)?,
        delivery_count: stored.delivery_count,
    })
}

/// Three bytes: the code (0 for none, else its place in [`Code::ALL`] plus 1), the status before, the status after.
pub(super) fn encode_judgement(judgement: Judgement) -> [u8; 3] {
    let place = judgement.verdict.code().map_or(0, |code| {
        let place = Code::ALL.iter().position(|known| *known == code).expect("Code::ALL has every code");
        u8::try_from(place + 1).expect("there are few codes")
    });
    let met = |met: Met| met.map_or(0, |status| status as u8 + 1);
    [place, met(judgement.before), met(judgement.after)]
}

pub(super) fn decode_judgement(bytes: &[u8]) -> Result<Judgement, ProjectionError> {
    let damaged = || ProjectionError::Damaged("judgement");
    let [place, before, after] = *<&[u8; 3]>::try_from(bytes).map_err(|_| damaged())?;
    let verdict = match place.checked_sub(1) {
        None => Verdict::Applied,
        Some(place) => Verdict::NotApplied(*Code::ALL.get(usize::from(place)).ok_or_else(damaged)?),
    };
    let met = |place: u8| match place.checked_sub(1) {
        None => Ok(None),
        Some(place) => Status::ALL.get(usize::from(place)).copied().map(Some).ok_or_else(damaged),
    };
    Ok(Judgement { verdict, before: met(before)?, after: met(after)? })
}

fn to_bytes(value: &impl Serialize) -> Vec<u8> {
    postcard::to_stdvec(value).expect("a row has nothing that postcard refuses")
}

fn from_bytes<T: DeserializeOwned>(bytes: &[u8], row: &'static str) -> Result<T, ProjectionError> {
    postcard::from_bytes(bytes).map_err(|_| ProjectionError::Damaged(row))
}
