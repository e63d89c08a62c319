//! Who was open at a position: the last set before it, and the changes since.

use std::collections::BTreeMap;

use clockfold_lifecycle::Status;
use clockfold_log::{AppointmentId, Position};
use clockfold_rows::Guard;

use crate::{
    error::ProjectionError,
    schema::{
        changes::{ChangeRow, OpenSet, StatusChange, decode_changes, decode_open},
        keys::{SourceNumber, last_number, position_key},
        keyspaces::Space,
    },
    view::View,
    write::store::Projection,
};

impl View {
    /// The open appointments of a source right after `position`.
    pub(crate) fn open_at(&self, number: SourceNumber, position: Position) -> Result<OpenSet, ProjectionError> {
        let (since, mut open) = self.open_set_before(number, position)?;
        for change in self.changes_between(number, since, position) {
            change?.enter(&mut open);
        }
        Ok(open)
    }

    /// The status of every appointment of a source right after `position`, by all changes up to there.
    pub(crate) fn statuses_at(
        &self,
        number: SourceNumber,
        position: Position,
    ) -> Result<BTreeMap<AppointmentId, Status>, ProjectionError> {
        let mut statuses = BTreeMap::new();
        for change in self.changes_between(number, Position::ZERO, position) {
            let StatusChange { appointment_id, after, .. } = change?;
            match after {
                Some(status) => statuses.insert(appointment_id, status),
                None => statuses.remove(&appointment_id),
            };
        }
        Ok(statuses)
    }

    /// The last set at or before `position`, and where it was written; an empty one at 0 where there is none.
    fn open_set_before(
        &self,
        number: SourceNumber,
        position: Position,
    ) -> Result<(Position, OpenSet), ProjectionError> {
        let keys = position_key(number, Position::ZERO)..=position_key(number, position);
        let Some(row) = self.snapshot.range(&self.store[Space::Open], keys).next_back() else {
            return Ok((Position::ZERO, OpenSet::new()));
        };
        let (key, bytes) = row.into_inner()?;
        Ok((Position::new(last_number(&key)?), decode_open(&bytes)?))
    }

    /// The rows that hold changes after one position and up to another. The first may begin before.
    pub(crate) fn change_rows(
        &self,
        number: SourceNumber,
        after: Position,
        to: Position,
    ) -> impl DoubleEndedIterator<Item = Result<ChangeRow, ProjectionError>> + use<> {
        let first = position_key(number, Position::ZERO)..=position_key(number, after);
        let first = self.snapshot.range(&self.store[Space::Changes], first).next_back();
        let rest = position_key(number, after.next())..=position_key(number, to.max(after.next()));
        let rest = self.snapshot.range(&self.store[Space::Changes], rest);
        let deadline = self.deadline.clone();
        first.into_iter().chain(rest).map(move |row: Guard| {
            deadline.check()?;
            let bytes = row.value()?;
            decode_changes(&bytes)
        })
    }

    /// The changes of a source after one position and up to another, in the order of the log.
    pub(crate) fn changes_between(
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
    /// The open appointments of a source right after `position`, in the midst of a group: `rows` and `sets` are its
    /// own, not written yet.
    pub(crate) fn open_set(
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
        for row in made.chain([&self.status_logs[number.0 as usize].row]) {
            changes.extend(row.changes.iter().map(|change| (change.position, *change)));
        }
        for change in changes.values().filter(|change| since < change.position && change.position <= position) {
            change.enter(&mut open);
        }
        Ok(open)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use clockfold_log::{DataDir, Log, NewDelivery, Reading, SledLog};

    use super::*;
    use crate::schema::{changes::OPEN_SET_MIN, rules::Rules};

    #[test]
    fn sets_of_open_appointments_come_as_often_as_they_are_promised_and_are_what_all_changes_make() {
        let folder = tempfile::tempdir().unwrap();
        let log = SledLog::open(&DataDir::at(folder.path()), Arc::new(chrono::Utc::now)).unwrap();
        let mut projection = Projection::open(&folder.path().join("p"), Arc::new(Rules::default())).unwrap();
        // 2,500 appointments are made, a third of them ends: more are open than the fewest changes between two sets.
        let one = |number: u64| {
            let event_type = if number % 4 == 3 { "remove" } else { "create" }.into();
            let id = if number % 4 == 3 { number - 1 } else { number };
            let reading = Reading::Readable { appointment_id: (id + 1).to_string().parse().unwrap(), event_type };
            NewDelivery { source: "downtown".parse().unwrap(), reading, delivery_id: None, body: Vec::new() }
        };
        for first in (0..10_000).step_by(97) {
            log.append((first..first + 97).map(one).collect()).unwrap();
            projection.catch_up(&log, &mut |_| {}).unwrap();
        }
        let (view, head) = (projection.view(), log.head().position);
        let number = SourceNumber(0);
        let sets: Vec<u64> =
            view.snapshot.iter(&view.store[Space::Open]).map(|row| last_number(&row.key().unwrap()).unwrap()).collect();
        assert!(sets.len() >= 3, "{sets:?}");
        for (since, set) in [0].into_iter().chain(sets.iter().copied()).zip(&sets) {
            let members = view.open_at(number, Position::new(*set)).unwrap().len() as u64;
            let changes = view.changes_between(number, Position::new(since), Position::new(*set)).count() as u64;
            assert!(changes <= OPEN_SET_MIN.max(members), "{changes} changes before a set of {members}");
        }
        for position in sets.iter().flat_map(|set| [set - 1, *set, set + 1]).chain([1, head.get()]) {
            let position = Position::new(position);
            let mut all = view.statuses_at(number, position).unwrap();
            all.retain(|_, status| crate::schema::changes::is_open(*status));
            assert_eq!(view.open_at(number, position).unwrap(), all, "at {position}");
        }
    }
}
