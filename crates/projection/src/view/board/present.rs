//! A source's board as it is now, out of the orders of its appointments: no record is read.
//!
//! Within a run of the clock, later positions arrived later. So among those in an open status, the ones that are not
//! stale stand together at the end of each run in the order of last positions, and reading ends at the first that is.
//! All others in the status are stale, and the counters know how many there are. An ended appointment is on the board
//! by when it ended, whatever has arrived since, so that is a stretch of the order of statuses.

use std::collections::HashSet;

use clockfold_lifecycle::Status;
use clockfold_log::Position;

use crate::{
    error::ProjectionError,
    schema::{
        changes::is_open,
        keys::{SourceNumber, decode_source, last_numbers, ordered_time, status_key, time_order},
        keyspaces::Space,
        orders::decode_last_seen,
    },
    view::{
        View,
        board::{
            cards::{BoardDraft, Rank},
            place::BoardRules,
        },
        merge::Results,
        runs::Run,
    },
};

/// A source whose board is asked for, and its place among those that are.
#[derive(Clone, Copy)]
pub(super) struct Asked {
    pub(super) place: usize,
    pub(super) number: SourceNumber,
}

impl View {
    /// Whether no appointment of a source has a delivery after `position`. The orders hold all that have ever come into
    /// being, and no others are on a board.
    pub(super) fn is_unchanged_since(&self, number: SourceNumber, position: Position) -> Result<bool, ProjectionError> {
        for status in Status::ALL {
            let later = status_key(number, status, position.get().saturating_add(1), 0)..=last_key(number, status);
            self.deadline.check()?;
            if let Some(row) = self.snapshot.range(&self.store[Space::ByLast], later).next() {
                return row.key().map(|_| false).map_err(ProjectionError::from);
            }
        }
        Ok(true)
    }

    /// Puts a source's appointments on the board, but for the stale ones: those are only counted, and returned in lists
    /// of which each begins with the one that has been in its status longest.
    pub(super) fn put_present(
        &self,
        asked: Asked,
        rules: &BoardRules,
        runs: &[Run],
        board: &mut BoardDraft,
    ) -> Result<Vec<Results<'_, Rank>>, ProjectionError> {
        let row = self.get(&self.store[Space::Sources], &asked.number.0.to_be_bytes())?;
        // A new source may not be in the snapshot yet.
        let Some(row) = row else { return Ok(Vec::new()) };
        let counts = decode_source(&row)?.counts;
        let mut stale = Vec::new();
        for status in Status::ALL.into_iter().filter(|status| counts.appointments(*status) > 0) {
            if !is_open(status) {
                self.put_ended(asked, status, rules, board)?;
                continue;
            }
            let seen = self.put_open(asked, status, rules, runs, board)?;
            let others = counts.appointments(status).saturating_sub(seen.len() as u64);
            if others > 0 {
                board.stale.count += others;
                stale.push(self.others(asked, status, seen));
            }
        }
        Ok(stale)
    }

    /// Puts those in an open status on the board that are not stale, and returns them.
    fn put_open(
        &self,
        Asked { place, number }: Asked,
        status: Status,
        rules: &BoardRules,
        runs: &[Run],
        board: &mut BoardDraft,
    ) -> Result<Vec<u64>, ProjectionError> {
        let mut seen = Vec::new();
        // Of a run that ended too long ago all are stale.
        let may_have_more =
            |run: &&Run| run.first <= run.last && run.ends.is_none_or(|ends| !rules.is_stale(status, ends));
        for run in runs.iter().rev().filter(may_have_more) {
            let first = status_key(number, status, run.first.get(), 0);
            let last = status_key(number, status, run.last.get(), u64::MAX);
            for row in self.snapshot.range(&self.store[Space::ByLast], first..=last).rev() {
                self.deadline.check()?;
                let (key, value) = row.into_inner()?;
                let last_seen = decode_last_seen(&value)?;
                if rules.is_stale(status, last_seen.last_received_at) {
                    break;
                }
                let (_, id) = last_numbers(&key)?;
                board.column(status).add((time_order(last_seen.status_since), place, id));
                seen.push(id);
            }
        }
        Ok(seen)
    }

    /// Puts those on the board that have ended, but not too long ago.
    fn put_ended(
        &self,
        Asked { place, number }: Asked,
        status: Status,
        rules: &BoardRules,
        board: &mut BoardDraft,
    ) -> Result<(), ProjectionError> {
        let (after, to) = rules.ended_shown();
        // Statuses begin at whole milliseconds.
        let first = status_key(number, status, time_order(after).saturating_add(1), 0);
        let last = status_key(number, status, time_order(to), u64::MAX);
        for row in self.snapshot.range(&self.store[Space::ByStatus], first..=last) {
            self.deadline.check()?;
            let (since, id) = last_numbers(&row.key()?)?;
            debug_assert!(rules.place(status, ordered_time(since)?, rules.time).is_some());
            board.column(status).add((since, place, id));
        }
        Ok(())
    }

    /// Those in a status that were not seen, the one that has been in it longest first.
    fn others(&self, Asked { place, number }: Asked, status: Status, seen: Vec<u64>) -> Results<'_, Rank> {
        let seen: HashSet<u64> = seen.into_iter().collect();
        let all = status_key(number, status, 0, 0)..=last_key(number, status);
        let rows = self.snapshot.range(&self.store[Space::ByStatus], all);
        let ranks = rows.map(|row| {
            self.deadline.check()?;
            last_numbers(&row.key()?)
        });
        let is_other = move |rank: &Result<(u64, u64), ProjectionError>| match rank {
            Ok((_, id)) => !seen.contains(id),
            Err(_) => true,
        };
        Box::new(ranks.filter(is_other).map(move |rank| rank.map(|(since, id)| (since, place, id))))
    }
}

/// After every row of a status in the orders.
fn last_key(number: SourceNumber, status: Status) -> [u8; 21] {
    status_key(number, status, u64::MAX, u64::MAX)
}
