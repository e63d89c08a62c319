//! Where the clock was set back. Between two such places stands a run: deliveries whose arrival times do not go back.
//!
//! Most logs are one run. A time is looked up by bisection within a run, from the last run to the first: as of a time
//! means up to the last position whose arrival time is at or before it, whatever stands before that. The fold writes
//! the places as rows, so nobody has to read a log to know them.

use chrono::{DateTime, TimeDelta, Utc};
use clockfold_log::{Log, Position};

use crate::{
    error::ProjectionError,
    schema::{
        keys::{SET_BACK_KEY, decode_set_back, last_number},
        keyspaces::Space,
        set_back::SetBack,
    },
    view::{
        View,
        as_of::AsOf,
        filter::{Positions, Stretches, Times},
    },
};

/// Deliveries whose arrival times do not go back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) first: Position,
    /// Before the first where there is none.
    pub(crate) last: Position,
    /// When the first arrived; `None` for the first of the log.
    pub(crate) begins: Option<DateTime<Utc>>,
    /// When the last arrived; `None` where more may come.
    pub(crate) ends: Option<DateTime<Utc>>,
}

impl Run {
    /// The runs of a log that ends at `head`, in its order.
    fn all(set_backs: &[SetBack], head: Position) -> Vec<Run> {
        let begins = |at: &SetBack| (at.position, Some(at.to));
        let ends = |at: &SetBack| (Position::new(at.position.get() - 1), Some(at.from));
        let begins = [(Position::new(1), None)].into_iter().chain(set_backs.iter().map(begins));
        let ends = set_backs.iter().map(ends).chain([(head, None)]);
        begins.zip(ends).map(|((first, begins), (last, ends))| Run { first, last, begins, ends }).collect()
    }

    /// The last position of the run that had arrived at or before a time; the one before the run where none had. Looks at
    /// few deliveries.
    fn position_at(&self, log: &dyn Log, time: DateTime<Utc>) -> Result<Position, ProjectionError> {
        let before = Position::new(self.first.get() - 1);
        if self.begins.is_some_and(|begins| begins > time) {
            return Ok(before);
        }
        if self.ends.is_some_and(|ends| ends <= time) {
            return Ok(self.last);
        }
        // Everything up to `low` had arrived, nothing from `high` on.
        let (mut low, mut high) = (before.get(), self.last.get() + 1);
        while low + 1 < high {
            let middle = Position::new(low + (high - low) / 2);
            match log.read(middle).next().transpose()? {
                Some(delivery) if delivery.received_at <= time => low = middle.get(),
                _ => high = middle.get(),
            }
        }
        Ok(Position::new(low))
    }

    /// What of it arrived after one time and up to another: after the first position, up to the second.
    pub(crate) fn between(
        &self,
        log: &dyn Log,
        after: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> Result<(Position, Position), ProjectionError> {
        let after = self.position_at(log, after)?;
        Ok((after, self.position_at(log, to)?.max(after)))
    }
}

impl View {
    /// Where the clock was set back, in the order of the log.
    pub fn set_backs(&self) -> Result<Vec<SetBack>, ProjectionError> {
        let rows = self.snapshot.prefix(&self.store[Space::Meta], SET_BACK_KEY);
        let set_back = |row: clockfold_rows::Guard| {
            self.deadline.check()?;
            let (key, value) = row.into_inner()?;
            decode_set_back(Position::new(last_number(&key)?), &value)
        };
        rows.map(set_back).collect()
    }

    /// The runs of what is folded, in the order of the log.
    pub(crate) fn runs(&self) -> Result<Vec<Run>, ProjectionError> {
        Ok(Run::all(&self.set_backs()?, self.checkpoint()?.position))
    }

    /// The last position whose arrival time is at or before a time, of what is folded; 0 where there is none.
    pub fn position_at(&self, log: &dyn Log, time: DateTime<Utc>) -> Result<Position, ProjectionError> {
        for run in self.runs()?.iter().rev() {
            self.deadline.check()?;
            if run.begins.is_none_or(|begins| begins <= time) {
                return run.position_at(log, time);
            }
        }
        Ok(Position::ZERO)
    }

    /// The last position that counts at a moment.
    pub fn position_of(&self, log: &dyn Log, as_of: AsOf) -> Result<Position, ProjectionError> {
        match as_of {
            AsOf::Position(position) => Ok(position.min(self.checkpoint()?.position)),
            AsOf::Time(time) => self.position_at(log, time),
        }
    }

    /// What arrived in a stretch of time, of what is folded.
    pub fn arrived_in(&self, log: &dyn Log, times: Times) -> Result<Stretches, ProjectionError> {
        if times == Times::default() {
            return Ok(Stretches::default());
        }
        let (after, to) = (times.from.map_or(DateTime::<Utc>::MIN_UTC, just_before), times.to.map(just_before));
        let to = to.unwrap_or(DateTime::<Utc>::MAX_UTC);
        let mut stretches: Vec<Positions> = Vec::new();
        for run in self.runs()? {
            self.deadline.check()?;
            let (after, to) = run.between(log, after, to)?;
            match stretches.last_mut() {
                _ if after == to => {}
                Some(last) if last.to == Some(after) => last.to = Some(to),
                _ => stretches.push(Positions { after: Some(after), to: Some(to) }),
            }
        }
        Ok(Stretches::of(stretches))
    }
}

/// The last time before another.
pub(crate) fn just_before(time: DateTime<Utc>) -> DateTime<Utc> {
    time.checked_sub_signed(TimeDelta::nanoseconds(1)).unwrap_or(time)
}
