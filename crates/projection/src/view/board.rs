//! A source's board: who is in which status, who has just ended, and whom staff seem to have forgotten.

pub(crate) mod place;

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use clockfold_lifecycle::{FoldRules, STANDSTILL_MAX, Status};
use clockfold_log::{AppointmentId, Position, SourceName};

use crate::{
    error::ProjectionError,
    schema::{appointment::AppointmentRecord, changes::is_open, identity::AppointmentKey, keys::SourceNumber},
    view::{
        View,
        as_of::Moment,
        board::place::{BoardPlace, StaleRules},
        runs::Run,
    },
};

/// A source's appointments on its board.
#[derive(Clone, Debug, Default)]
pub struct BoardRecords {
    /// By status, without those that are stale or ended too long ago.
    pub columns: BTreeMap<Status, Column>,
    /// Appointments that staff seem to have forgotten.
    pub stale: Column,
}

/// Appointments on a board.
#[derive(Clone, Debug, Default)]
pub struct Column {
    /// How many there are.
    pub count: u64,
    /// The first of them, the one that has been in its status longest first.
    pub first: Vec<AppointmentRecord>,
}

impl Column {
    /// Takes one more, and keeps at most twice as many as are wanted.
    fn push(&mut self, record: AppointmentRecord, wanted: usize) {
        self.count += 1;
        self.first.push(record);
        if self.first.len() >= wanted.saturating_mul(2).max(64) {
            self.settle(wanted);
        }
    }

    fn settle(&mut self, wanted: usize) {
        sort_oldest_first(&mut self.first);
        self.first.truncate(wanted);
    }
}

impl View {
    /// A source's board as it was. Ended appointments stay on it for `ended_within`; a column holds its first `wanted`.
    pub fn board(
        &self,
        source: &SourceName,
        moment: Moment,
        fold: &FoldRules,
        stale: StaleRules,
        ended_within: TimeDelta,
        wanted: usize,
    ) -> Result<BoardRecords, ProjectionError> {
        let mut board = BoardRecords::default();
        let Some(number) = self.number_of(source) else { return Ok(board) };
        let ended_after = before(moment.time, ended_within);
        let open = self.open_at(number, moment.position)?;
        // A step that was placed among earlier ones stands longer than its change is old; and what let it in may have
        // arrived a little before it.
        let margin = fold.reorder_window.max(STANDSTILL_MAX);
        let mut ended = self.ended_since(number, moment.position, before(ended_after, margin))?;
        ended.retain(|id| !open.contains_key(id));
        for id in open.into_keys().chain(ended) {
            let key = AppointmentKey { source: source.clone(), appointment_id: id };
            let Some(record) = self.appointment_as_of(&key, moment.position, fold)? else { continue };
            match record.place_on_board(moment.time, stale, ended_within) {
                None => {}
                Some(BoardPlace::Stale) => board.stale.push(record, wanted),
                Some(BoardPlace::Column(status)) => board.columns.entry(status).or_default().push(record, wanted),
            }
        }
        board.columns.values_mut().chain([&mut board.stale]).for_each(|column| column.settle(wanted));
        Ok(board)
    }

    /// Appointments that had ended by `position`, and did so after a time; and some that were open again.
    fn ended_since(
        &self,
        number: SourceNumber,
        position: Position,
        after: DateTime<Utc>,
    ) -> Result<Vec<AppointmentId>, ProjectionError> {
        let mut last: BTreeMap<AppointmentId, bool> = BTreeMap::new();
        let recent = |run: &Run| run.first <= position && run.ends.is_none_or(|ends| ends > after);
        for run in self.runs()?.iter().rev().filter(|run| recent(run)) {
            let before = Position::new(run.first.get() - 1);
            for change in self.changes_between(number, before, run.last.min(position)).rev() {
                let change = change?;
                if change.received_at <= after {
                    break;
                }
                let ended = change.after.is_some_and(|status| !is_open(status));
                last.entry(change.appointment_id).or_insert(ended);
            }
        }
        Ok(last.into_iter().filter(|(_, ended)| *ended).map(|(id, _)| id).collect())
    }
}

fn before(time: DateTime<Utc>, span: TimeDelta) -> DateTime<Utc> {
    time.checked_sub_signed(span).unwrap_or(DateTime::<Utc>::MIN_UTC)
}

fn sort_oldest_first(records: &mut [AppointmentRecord]) {
    records.sort_by(|one, other| {
        let since = |record: &AppointmentRecord| (record.appointment.status_since(), record.key.appointment_id);
        since(one).cmp(&since(other))
    });
}
