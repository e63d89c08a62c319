//! Where an appointment stands in the orders that lists come in.
//!
//! Three indexes hold every appointment that has come into being: by status and since when, by its first arrival, and
//! by its last position. A delivery moves the appointment in the last one, and a change of status in the first.

use clockfold_lifecycle::Status;
use clockfold_log::AppointmentId;

use crate::schema::{
    appointment::AppointmentRecord,
    keys::{SourceNumber, order_key, status_key, time_order},
    keyspaces::Space,
};

/// An appointment's places, as numbers that order in the same way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Places {
    pub(crate) status: Status,
    pub(crate) since: u64,
    pub(crate) first: u64,
    pub(crate) last: u64,
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
        })
    }
}

/// The rows that go, or come, where an appointment that stood at `here` and stands at `there`.
pub(crate) fn only_in(
    here: Option<Places>,
    there: Option<Places>,
    number: SourceNumber,
    id: AppointmentId,
    mut take: impl FnMut(Space, &[u8]),
) {
    let Some(here) = here else { return };
    let id = id.get();
    if there.is_none_or(|there| (there.status, there.since) != (here.status, here.since)) {
        take(Space::ByStatus, &status_key(number, here.status, here.since, id));
    }
    if there.is_none_or(|there| there.first != here.first) {
        take(Space::ByFirst, &order_key(number, here.first, id));
    }
    if there.is_none_or(|there| there.last != here.last) {
        take(Space::ByLast, &order_key(number, here.last, id));
    }
}
