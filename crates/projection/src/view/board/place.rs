//! Where an appointment is on a board, at a time: the one place that has the rules.

use chrono::{DateTime, TimeDelta, Utc};
use clockfold_lifecycle::{STANDSTILL_MAX, Status};

use crate::schema::{appointment::AppointmentRecord, changes::is_open};

/// When an appointment without deliveries counts as forgotten by staff.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StaleRules {
    /// How long one that is here may be without a delivery.
    pub stale_after: TimeDelta,
    /// How long a booking may be without a delivery.
    pub booking_horizon: TimeDelta,
}

impl Default for StaleRules {
    /// A day, and 30 days.
    fn default() -> StaleRules {
        StaleRules { stale_after: TimeDelta::hours(24), booking_horizon: TimeDelta::days(30) }
    }
}

/// A place on a board.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BoardPlace {
    /// In the column of its status.
    Column(Status),
    /// Among those that staff seem to have forgotten.
    Stale,
}

impl AppointmentRecord {
    /// Where it is on a board that shows `time`, if no other delivery has come; ended ones stay on it for
    /// `ended_within`. `None`: it is not on it. Where the clock was set back, one that ended after `time` is not on it
    /// either, and one whose last delivery is after `time` is not stale.
    pub fn place_on_board(
        &self,
        time: DateTime<Utc>,
        stale: StaleRules,
        ended_within: TimeDelta,
    ) -> Option<BoardPlace> {
        let (status, since) = (self.appointment.status()?, self.appointment.status_since()?);
        BoardRules { time, stale, ended_within }.place(status, since, self.last_received_at)
    }
}

/// What a source's board shows at a time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BoardRules {
    pub(crate) time: DateTime<Utc>,
    pub(crate) stale: StaleRules,
    /// How long ended ones stay on it.
    pub(crate) ended_within: TimeDelta,
}

impl BoardRules {
    /// Where one is that has been in its status since then, and whose last delivery arrived then.
    pub(crate) fn place(
        &self,
        status: Status,
        since: DateTime<Utc>,
        last_received_at: DateTime<Utc>,
    ) -> Option<BoardPlace> {
        if is_open(status) {
            let is_stale = self.is_stale(status, last_received_at);
            return Some(if is_stale { BoardPlace::Stale } else { BoardPlace::Column(status) });
        }
        let (after, to) = self.ended_shown();
        (after < since && since <= to).then_some(BoardPlace::Column(status))
    }

    /// Whether staff seem to have forgotten one in this status whose last delivery arrived then.
    pub(crate) fn is_stale(&self, status: Status, last_received_at: DateTime<Utc>) -> bool {
        let silent = self.time - last_received_at;
        match status {
            Status::Scheduled => silent >= self.stale.booking_horizon,
            Status::CheckedIn | Status::Ready | Status::CalledBack => silent >= self.stale.stale_after,
            Status::Discharged | Status::Removed => false,
        }
    }

    /// Ended ones are on the board whose status began after the first of these, and at or before the second.
    pub(crate) fn ended_shown(&self) -> (DateTime<Utc>, DateTime<Utc>) {
        let after = self.time.checked_sub_signed(self.ended_within).unwrap_or(DateTime::<Utc>::MIN_UTC);
        let to = self.time.checked_add_signed(STANDSTILL_MAX).unwrap_or(DateTime::<Utc>::MAX_UTC);
        (after, to)
    }
}
