//! A board for subscribers: how it is, and then what deliveries and the passing of time do to it.

use async_graphql::{Enum, SimpleObject};
use chrono::{TimeDelta, Utc};

use crate::{
    graphql::{
        problem::Problem,
        scalars::{DateTime, Position},
        schema::{appointment::Appointment, board::Board, cost::COLUMN_MAX, delivery::Delivery},
        scope::Scope,
        step::{Kind, Step},
    },
    lifecycle::{Outcome, Status},
    log::{self, SourceName},
    projection::{self, AppointmentKey, AppointmentRecord, Moment},
};

/// Where an appointment is on a board.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
enum BoardPlace {
    /// In the column SCHEDULED.
    Scheduled,
    /// In the column CHECKED_IN.
    CheckedIn,
    /// In the column READY.
    Ready,
    /// In the column CALLED_BACK.
    CalledBack,
    /// In the column DISCHARGED.
    Discharged,
    /// In the column REMOVED.
    Removed,
    /// Among those that staff seem to have forgotten.
    Stale,
}

/// How a board is, or what has become of it since the update before.
#[derive(SimpleObject)]
pub(in crate::graphql) struct BoardUpdate {
    /// The last delivery that counts.
    position: Position,
    /// The time that the board shows with it.
    as_of: DateTime,
    /// The whole board, in the first update, and where the server's clock was set back; null in all others.
    board: Option<Board>,
    /// What has changed; empty where the whole board is told.
    changes: Vec<BoardChange>,
}

/// What has become of one appointment on a board.
#[derive(SimpleObject)]
struct BoardChange {
    /// The appointment as it is now. Its `id` is the appointment's own.
    appointment: Appointment,
    /// Where it was; null where it was not on the board.
    from: Option<BoardPlace>,
    /// Where it is; null where it is no longer on the board. The same as `from` where only a detail has changed.
    to: Option<BoardPlace>,
}

/// Which board.
pub(in crate::graphql) struct Followed<'a> {
    pub(in crate::graphql) scope: &'a Scope,
    pub(in crate::graphql) sources: Vec<SourceName>,
    pub(in crate::graphql) ended_within_hours: i32,
}

impl Followed<'_> {
    /// The updates of the step.
    pub(in crate::graphql) fn tell(self, step: &Step) -> Result<Vec<BoardUpdate>, Problem> {
        match step.kind() {
            Kind::Begin => Ok(Vec::new()),
            Kind::First => self.first(step).map(|update| vec![update]),
            Kind::Deliveries(_) => step.tell(|entry| self.after(&entry.delivery)),
            Kind::Passed { position, from, to } => {
                let update = self.passed(*position, *from, *to)?;
                update.iter().for_each(|_| step.note((*position).into()));
                Ok(update.into_iter().collect())
            }
        }
    }

    fn first(self, step: &Step) -> Result<BoardUpdate, Problem> {
        let moment = self.scope.this_moment()?;
        step.note(moment.position.into());
        let board = Board::new(self.scope, self.sources, moment, false, self.ended_within_hours)?;
        let (position, as_of) = (Position(moment.position), DateTime(moment.time));
        Ok(BoardUpdate { position, as_of, board: Some(board), changes: Vec::new() })
    }

    /// What a delivery did to it. One that was not applied may change it too: an appointment with a recent delivery is
    /// not stale.
    fn after(&self, delivery: &log::Delivery) -> Result<Option<BoardUpdate>, Problem> {
        let Some(appointment_id) = delivery.reading.appointment_id() else { return Ok(None) };
        let Some(told) = Delivery::of(self.scope, delivery)? else { return Ok(None) };
        let key = AppointmentKey { source: delivery.source.clone(), appointment_id };
        let rules = self.scope.rules(&key.source);
        let as_of = |position| self.scope.view().appointment_as_of(&key, position, rules);
        let before = as_of(log::Position::new(delivery.position.get() - 1))?;
        let Some(after) = as_of(delivery.position)? else { return Ok(None) };
        let from = before.and_then(|record| self.place(&record, delivery.received_at));
        let to = self.place(&after, delivery.received_at);
        if from == to && (to.is_none() || told.met() != Outcome::Applied) {
            return Ok(None);
        }
        let appointment = Appointment::changed(after, delivery.received_at);
        Ok(appointment.map(|appointment| BoardUpdate {
            position: Position(delivery.position),
            as_of: DateTime(delivery.received_at),
            board: None,
            changes: vec![BoardChange { appointment, from, to }],
        }))
    }

    /// What the time between two moments did to it, with no delivery in between.
    fn passed(
        &self,
        position: log::Position,
        from: chrono::DateTime<Utc>,
        to: chrono::DateTime<Utc>,
    ) -> Result<Option<BoardUpdate>, Problem> {
        if to < from {
            // The clock was set back, and with it everything that depends on it.
            let moment = Moment { position, time: to };
            let board = Board::new(self.scope, self.sources.clone(), moment, false, self.ended_within_hours)?;
            let (position, as_of) = (Position(position), DateTime(to));
            return Ok(Some(BoardUpdate { position, as_of, board: Some(board), changes: Vec::new() }));
        }
        let mut changes = Vec::new();
        for source in &self.sources {
            let (of, moment) = ([self.scope.board_of(source)], Moment { position, time: from });
            let board = self.scope.view().board(&of, moment, self.ended_within(), COLUMN_MAX)?;
            for card in board.columns.values().flat_map(|column| &column.first) {
                let record = self.scope.view().record_of(card)?;
                let (was, is) = (self.place(&record, from), self.place(&record, to));
                if was != is {
                    let appointment = Appointment::changed(record, to);
                    changes.extend(appointment.map(|appointment| BoardChange { appointment, from: was, to: is }));
                }
            }
        }
        let update = BoardUpdate { position: Position(position), as_of: DateTime(to), board: None, changes };
        Ok(Some(update).filter(|update| !update.changes.is_empty()))
    }

    fn place(&self, record: &AppointmentRecord, time: chrono::DateTime<Utc>) -> Option<BoardPlace> {
        let stale = self.scope.stale_rules(&record.key.source);
        record.place_on_board(time, stale, self.ended_within()).map(|place| match place {
            projection::BoardPlace::Stale => BoardPlace::Stale,
            projection::BoardPlace::Column(Status::Scheduled) => BoardPlace::Scheduled,
            projection::BoardPlace::Column(Status::CheckedIn) => BoardPlace::CheckedIn,
            projection::BoardPlace::Column(Status::Ready) => BoardPlace::Ready,
            projection::BoardPlace::Column(Status::CalledBack) => BoardPlace::CalledBack,
            projection::BoardPlace::Column(Status::Discharged) => BoardPlace::Discharged,
            projection::BoardPlace::Column(Status::Removed) => BoardPlace::Removed,
        })
    }

    fn ended_within(&self) -> TimeDelta {
        TimeDelta::hours(self.ended_within_hours.into())
    }
}

#[cfg(test)]
mod tests;
