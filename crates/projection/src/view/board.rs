//! A source's board: who is in which status, who has just ended, and whom staff seem to have forgotten.
//!
//! The board of now comes out of the orders of appointments (`present.rs`). At an earlier moment those are not known: the
//! status log says who was open then, and who had ended lately, and each of them is folded again.

pub(crate) mod place;
pub(crate) mod cards;
mod present;

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use clockfold_lifecycle::{FoldRules, STANDSTILL_MAX};
use clockfold_log::{AppointmentId, Position, SourceName};

use crate::{
    error::ProjectionError,
    schema::{changes::is_open, identity::AppointmentKey, keys::SourceNumber},
    view::{
        View,
        as_of::Moment,
        board::{
            cards::{Board, BoardDraft},
            place::{BoardPlace, BoardRules, StaleRules},
            present::Asked,
        },
        merge::merged,
        runs::Run,
    },
};

/// Whose appointments are on a board, and by which rules.
#[derive(Clone, Copy, Debug)]
pub struct BoardOf<'a> {
    /// The source.
    pub source: &'a SourceName,
    /// How its deliveries are folded.
    pub fold: &'a FoldRules,
    /// When its appointments count as forgotten.
    pub stale: StaleRules,
}

impl View {
    /// The board of these sources as it was. Ended appointments stay on it for `ended_within`; a column holds its first
    /// `wanted`.
    pub fn board(
        &self,
        sources: &[BoardOf<'_>],
        moment: Moment,
        ended_within: TimeDelta,
        wanted: usize,
    ) -> Result<Board, ProjectionError> {
        let is_head = self.checkpoint()?.position <= moment.position;
        let is_present = |number| Ok(is_head || self.is_unchanged_since(number, moment.position)?);
        self.board_or_past(sources, moment, ended_within, wanted, is_present)
    }

    /// The same, where it is told of which sources the board is as it is now.
    fn board_or_past(
        &self,
        sources: &[BoardOf<'_>],
        moment: Moment,
        ended_within: TimeDelta,
        wanted: usize,
        is_present: impl Fn(SourceNumber) -> Result<bool, ProjectionError>,
    ) -> Result<Board, ProjectionError> {
        let (mut board, mut stale, runs) = (BoardDraft::new(wanted), Vec::new(), self.runs()?);
        for (place, of) in sources.iter().enumerate() {
            let Some(number) = self.number_of(of.source) else { continue };
            let (asked, rules) =
                (Asked { place, number }, BoardRules { time: moment.time, stale: of.stale, ended_within });
            if is_present(number)? {
                stale.extend(self.put_present(asked, &rules, &runs, &mut board)?);
            } else {
                self.put_past(of, asked, moment.position, &rules, &mut board)?;
            }
        }
        for rank in merged(stale.into_iter(), false).take(wanted) {
            board.stale.keep(rank?);
        }
        let names: Vec<&SourceName> = sources.iter().map(|of| of.source).collect();
        board.finish(&names)
    }

    /// Puts a source's appointments on the board as they were after `position`.
    fn put_past(
        &self,
        of: &BoardOf<'_>,
        Asked { place, number }: Asked,
        position: Position,
        rules: &BoardRules,
        board: &mut BoardDraft,
    ) -> Result<(), ProjectionError> {
        let open = self.open_at(number, position)?;
        // A step that was placed among earlier ones stands longer than its change is old; and what let it in may have
        // arrived a little before it.
        let margin = of.fold.reorder_window.max(STANDSTILL_MAX);
        let mut ended = self.ended_since(number, position, before(rules.ended_shown().0, margin))?;
        ended.retain(|id| !open.contains_key(id));
        for appointment_id in open.into_keys().chain(ended) {
            let key = AppointmentKey { source: of.source.clone(), appointment_id };
            let Some(record) = self.appointment_as_of(&key, position, of.fold)? else { continue };
            match record.place_on_board(rules.time, rules.stale, rules.ended_within) {
                None => {}
                Some(BoardPlace::Stale) => board.stale.add_past(place, record),
                Some(BoardPlace::Column(status)) => board.column(status).add_past(place, record),
            }
        }
        Ok(())
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

#[cfg(test)]
mod tests;
