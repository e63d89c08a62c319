//! Where an appointment stands in the orders that lists come in.
//!
//! Three indexes hold every appointment that has come into being: by status and since when, by its first arrival, and
//! by status and its last position. A delivery moves the appointment in the last one, and a change of status in the
//! first. In the last one, an open appointment has with it what decides where it is on a board.

use chrono::{DateTime, Utc};
use clockfold_lifecycle::Status;
use clockfold_log::AppointmentId;

use crate::{
    error::ProjectionError,
    schema::{
        appointment::AppointmentRecord,
        changes::is_open,
        keys::{SourceNumber, from_bytes, order_key, ordered_ms, status_key, time_of, time_order, to_bytes},
        keyspaces::Space,
    },
};

/// An appointment's places, as numbers that order in the same way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Places {
    pub(crate) status: Status,
    pub(crate) since: u64,
    pub(crate) first: u64,
    pub(crate) last: u64,
    /// When the last delivery arrived.
    pub(crate) last_arrival: u64,
}

/// What a row of `by_last` says of an open appointment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LastSeen {
    pub(crate) status_since: DateTime<Utc>,
    pub(crate) last_received_at: DateTime<Utc>,
}

impl Places {
    /// `None` for one that no delivery has brought into being.
    pub(crate) fn of(record: &AppointmentRecord) -> Option<Places> {
        let (status, since) = (record.appointment.status()?, record.appointment.status_since()?);
        Some(Places {
            status,
            since: time_order(since),
            first: time_order(record.first_received_at),
            last: record.last_position.get(),
            last_arrival: time_order(record.last_received_at),
        })
    }

    /// What its row of `by_last` says.
    pub(crate) fn last_seen(&self) -> Vec<u8> {
        encode_last_seen(self.status, self.since, self.last_arrival)
    }
}

/// Nothing for one that has ended: most have, and no board asks when their last delivery arrived.
pub(crate) fn encode_last_seen(status: Status, since: u64, last_arrival: u64) -> Vec<u8> {
    if !is_open(status) {
        return Vec::new();
    }
    let (since, last_arrival) = (ordered_ms(since), ordered_ms(last_arrival));
    to_bytes(&(last_arrival, last_arrival - since))
}

pub(crate) fn decode_last_seen(bytes: &[u8]) -> Result<LastSeen, ProjectionError> {
    let row = "order of appointments";
    let (last_arrival, before): (i64, i64) = from_bytes(bytes, row)?;
    let since = last_arrival.checked_sub(before).ok_or(ProjectionError::Corrupt(row))?;
    Ok(LastSeen { status_since: time_of(since, row)?, last_received_at: time_of(last_arrival, row)? })
}

/// The rows that go, or come, where an appointment that stood at `here` and stands at `there`: their keys and values.
pub(crate) fn only_in(
    here: Option<Places>,
    there: Option<Places>,
    number: SourceNumber,
    id: AppointmentId,
    mut take: impl FnMut(Space, &[u8], &[u8]),
) {
    let Some(here) = here else { return };
    let id = id.get();
    if there.is_none_or(|there| (there.status, there.since) != (here.status, here.since)) {
        take(Space::ByStatus, &status_key(number, here.status, here.since, id), &[]);
    }
    if there.is_none_or(|there| there.first != here.first) {
        take(Space::ByFirst, &order_key(number, here.first, id), &[]);
    }
    // Where only what the row says is another, it goes and comes again: nothing is inserted that is there already.
    let row = |places: Places| (places.status, places.last, places.since, places.last_arrival);
    if there.is_none_or(|there| row(there) != row(here)) {
        take(Space::ByLast, &status_key(number, here.status, here.last, id), &here.last_seen());
    }
}
