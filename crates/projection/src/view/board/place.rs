//! Where an appointment is on a board, at a time.

use chrono::{DateTime, TimeDelta, Utc};
use clockfold_lifecycle::{STANDSTILL_MAX, Status};

use crate::schema::appointment::AppointmentRecord;

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
        let ended_after = time.checked_sub_signed(ended_within).unwrap_or(DateTime::<Utc>::MIN_UTC);
        let silent = time - self.last_received_at;
        match status {
            Status::Discharged | Status::Removed if since <= ended_after || since - time > STANDSTILL_MAX => None,
            Status::CheckedIn | Status::Ready | Status::CalledBack if silent >= stale.stale_after => {
                Some(BoardPlace::Stale)
            }
            Status::Scheduled if silent >= stale.booking_horizon => Some(BoardPlace::Stale),
            _ => Some(BoardPlace::Column(status)),
        }
    }
}
