//! The columns of a board while it is made: how many appointments there are, and which are the first.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BinaryHeap},
};

use chrono::{DateTime, Utc};
use clockfold_lifecycle::Status;
use clockfold_log::{AppointmentId, SourceName};

use crate::{
    error::ProjectionError,
    schema::{
        appointment::AppointmentRecord,
        identity::AppointmentKey,
        keys::{ordered_time, time_order},
    },
    view::View,
};

/// The appointments of some sources on their board.
#[derive(Clone, Debug, Default)]
pub struct Board {
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
    /// The first of them, the one that has been in its status longest first. Those that are equal in it are ordered as
    /// their sources were asked for, then by id.
    pub first: Vec<Card>,
}

/// An appointment on a board. [`View::record_of`] tells the rest of it.
#[derive(Clone, Debug)]
pub struct Card {
    /// Which one.
    pub key: AppointmentKey,
    /// Since when it is in its status.
    pub status_since: DateTime<Utc>,
    /// How it was, where that may not be how it is now.
    past: Option<Box<AppointmentRecord>>,
}

impl View {
    /// The appointment of a card of this view, as it is on the board.
    pub fn record_of(&self, card: &Card) -> Result<AppointmentRecord, ProjectionError> {
        match &card.past {
            Some(record) => Ok((**record).clone()),
            None => self.appointment(&card.key)?.ok_or(ProjectionError::Corrupt("order of appointments")),
        }
    }
}

/// Where an appointment is in a column: since when it is in its status, its source's place among those asked for, its id.
pub(super) type Rank = (u64, usize, u64);

/// A board that is being made.
pub(super) struct BoardDraft {
    wanted: usize,
    columns: BTreeMap<Status, ColumnDraft>,
    pub(super) stale: ColumnDraft,
}

/// A column of which the first are kept.
pub(super) struct ColumnDraft {
    pub(super) count: u64,
    wanted: usize,
    /// The last of the first on top.
    first: BinaryHeap<Ranked>,
}

struct Ranked {
    rank: Rank,
    past: Option<Box<AppointmentRecord>>,
}

impl BoardDraft {
    pub(super) fn new(wanted: usize) -> BoardDraft {
        BoardDraft { wanted, columns: BTreeMap::new(), stale: ColumnDraft::new(wanted) }
    }

    pub(super) fn column(&mut self, status: Status) -> &mut ColumnDraft {
        self.columns.entry(status).or_insert_with(|| ColumnDraft::new(self.wanted))
    }

    /// The board of these sources.
    pub(super) fn finish(self, sources: &[&SourceName]) -> Result<Board, ProjectionError> {
        let finished = |(status, column): (Status, ColumnDraft)| Ok((status, column.finish(sources)?));
        let columns = self.columns.into_iter().map(finished).collect::<Result<_, ProjectionError>>()?;
        Ok(Board { columns, stale: self.stale.finish(sources)? })
    }
}

impl ColumnDraft {
    fn new(wanted: usize) -> ColumnDraft {
        ColumnDraft { count: 0, wanted, first: BinaryHeap::new() }
    }

    /// Counts one that is as it is now.
    pub(super) fn add(&mut self, rank: Rank) {
        self.count += 1;
        if self.is_among_first(rank) {
            self.keep(rank);
        }
    }

    /// Counts one that was so.
    pub(super) fn add_past(&mut self, source: usize, record: AppointmentRecord) {
        self.count += 1;
        let since = record.appointment.status_since().map_or(0, time_order);
        let rank = (since, source, record.key.appointment_id.get());
        if self.is_among_first(rank) {
            self.put(Ranked { rank, past: Some(Box::new(record)) });
        }
    }

    /// Takes one that is counted already.
    pub(super) fn keep(&mut self, rank: Rank) {
        self.put(Ranked { rank, past: None });
    }

    fn is_among_first(&self, rank: Rank) -> bool {
        self.first.len() < self.wanted || self.first.peek().is_some_and(|last| rank < last.rank)
    }

    fn put(&mut self, ranked: Ranked) {
        self.first.push(ranked);
        if self.first.len() > self.wanted {
            self.first.pop();
        }
    }

    fn finish(self, sources: &[&SourceName]) -> Result<Column, ProjectionError> {
        let card = |Ranked { rank: (since, source, id), past }: Ranked| {
            let appointment_id = AppointmentId::new(id).ok_or(ProjectionError::Corrupt("order of appointments"))?;
            let key = AppointmentKey { source: sources[source].clone(), appointment_id };
            Ok(Card { key, status_since: ordered_time(since)?, past })
        };
        let first = self.first.into_sorted_vec().into_iter().map(card).collect::<Result<_, ProjectionError>>()?;
        Ok(Column { count: self.count, first })
    }
}

impl Ord for Ranked {
    fn cmp(&self, other: &Ranked) -> Ordering {
        self.rank.cmp(&other.rank)
    }
}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Ranked) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ranked {
    fn eq(&self, other: &Ranked) -> bool {
        self.rank == other.rank
    }
}

impl Eq for Ranked {}
