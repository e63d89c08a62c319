//! Who was open at a position: the last set before it, and the changes since.

use std::collections::BTreeMap;

use fjall::{Guard, Readable};

use crate::log::Position;

use super::{
    Projection, ProjectionError, View,
    changes::{ChangeRow, OpenSet, StatusChange, decode_changes, decode_open},
    row::{SourceNumber, last_number, position_key},
    store::failed,
};

impl View {
    /// The open appointments of a source right after `position`.
    pub(super) fn open_at(&self, number: SourceNumber, position: Position) -> Result<OpenSet, ProjectionError> {
        let (since, mut open) = self.open_set_before(number, position)?;
        for change in self.changes_between(number, since, position) {
            change?.enter(&mut open);
        }
        Ok(open)
    }

    /// The last set at or before `position`, and where it was written; an empty one at 0 where there is none.
    fn open_set_before(
        &self,
        number: SourceNumber,
        position: Position,
    ) -> Result<(Position, OpenSet), ProjectionError> {
        let keys = position_key(number, Position::ZERO)..=position_key(number, position);
        let Some(row) = self.snapshot.range(&self.store.open, keys).next_back() else {
            return Ok((Position::ZERO, OpenSet::new()));
        };
        let (key, bytes) = row.into_inner().map_err(|error| failed("reading", error))?;
        Ok((Position::new(last_number(&key)?), decode_open(&bytes)?))
    }

    /// The rows that hold changes after one position and up to another. The first may begin before.
    pub(super) fn change_rows(
        &self,
        number: SourceNumber,
        after: Position,
        to: Position,
    ) -> impl DoubleEndedIterator<Item = Result<ChangeRow, ProjectionError>> + use<> {
        let first = position_key(number, Position::ZERO)..=position_key(number, after);
        let first = self.snapshot.range(&self.store.changes, first).next_back();
        let rest = position_key(number, after.next())..=position_key(number, to.max(after.next()));
        let rest = self.snapshot.range(&self.store.changes, rest);
        first.into_iter().chain(rest).map(|row: Guard| {
            let bytes = row.value().map_err(|error| failed("reading", error))?;
            decode_changes(&bytes)
        })
    }

    /// The changes of a source after one position and up to another, in the order of the log.
    pub(super) fn changes_between(
        &self,
        number: SourceNumber,
        after: Position,
        to: Position,
    ) -> impl DoubleEndedIterator<Item = Result<StatusChange, ProjectionError>> + use<> {
        let wanted = move |change: &StatusChange| after < change.position && change.position <= to;
        self.change_rows(number, after, to).flat_map(move |row| {
            let changes = row.map(|row| row.changes.into_iter().filter(wanted).map(Ok).collect::<Vec<_>>());
            changes.unwrap_or_else(|error| vec![Err(error)])
        })
    }
}

impl Projection {
    /// The open appointments of a source right after `position`, in the midst of a group: `rows` and `sets` are
    /// what it has made and not written yet.
    pub(super) fn open_set(
        &self,
        number: SourceNumber,
        position: Position,
        rows: &BTreeMap<(SourceNumber, Position), ChangeRow>,
        sets: &BTreeMap<(SourceNumber, Position), OpenSet>,
    ) -> Result<OpenSet, ProjectionError> {
        let view = self.view();
        let pending = sets.range((number, Position::ZERO)..=(number, position)).next_back();
        let (since, mut open) = match pending {
            Some(((_, since), open)) => (*since, open.clone()),
            None => view.open_set_before(number, position)?,
        };
        // A row on disk may have grown in this group: then it is in both, and the longer one counts.
        let mut changes: BTreeMap<Position, StatusChange> = BTreeMap::new();
        for row in view.change_rows(number, since, position) {
            changes.extend(row?.changes.into_iter().map(|change| (change.position, change)));
        }
        let made = rows.range((number, Position::ZERO)..=(number, position)).map(|(_, row)| row);
        for row in made.chain([&self.courses[number.0 as usize].row]) {
            changes.extend(row.changes.iter().map(|change| (change.position, *change)));
        }
        for change in changes.values().filter(|change| since < change.position && change.position <= position) {
            change.enter(&mut open);
        }
        Ok(open)
    }
}
