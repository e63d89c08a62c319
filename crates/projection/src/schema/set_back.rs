//! A place where the clock was set back: how it is found between two arrivals.

use chrono::{DateTime, Utc};

use clockfold_log::{Delivery, LogError, Position, may_follow};

/// A place where the clock was set back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetBack {
    /// The first delivery after it.
    pub position: Position,
    /// When the delivery before that one arrived.
    pub from: DateTime<Utc>,
    /// When that one arrived: earlier.
    pub to: DateTime<Utc>,
}

impl SetBack {
    /// The set-back between one arrival and the next, if there is one; an error where it is smaller than that of any
    /// clock: up to a minute times stand still.
    pub fn checked(
        last: Option<DateTime<Utc>>,
        position: Position,
        to: DateTime<Utc>,
    ) -> Result<Option<SetBack>, LogError> {
        let Some(from) = last else { return Ok(None) };
        if !may_follow(from, to) {
            let message = "it arrived less than a minute before the delivery that it follows".to_owned();
            return Err(LogError::Corrupt { position, message });
        }
        Ok((to < from).then_some(SetBack { position, from, to }))
    }

    /// The set-back between one arrival and the next delivery, if there is one.
    pub fn between(last: Option<DateTime<Utc>>, next: &Delivery) -> Option<SetBack> {
        let (position, to) = (next.position, next.received_at);
        last.filter(|last| to < *last).map(|from| SetBack { position, from, to })
    }
}
