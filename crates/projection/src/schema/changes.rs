//! The status changes of a source in the order of the log: what was true at any position.
//!
//! A change is what one delivery did to its appointment's status, after everything that it set off, as folded up to
//! that delivery. It never changes later, so the changes up to a position give every status at that position. They
//! stand in rows of [`CHANGES_IN_ROW`]; a row begins with the counts before it. Whenever as many changes have come
//! together as there are open appointments (but at least [`OPEN_SET_MIN`]), the set of the open ones is written as
//! well. So one set and at most about as many changes as it has members give the open appointments at any position,
//! however long the log.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use clockfold_lifecycle::{Met, Status};
use clockfold_log::{AppointmentId, Position};
use serde::{Deserialize, Serialize};

use crate::{
    error::ProjectionError,
    schema::{
        appointment::{met_byte, met_of},
        keys::{from_bytes, to_bytes},
    },
};

/// Changes in one row.
pub(crate) const CHANGES_IN_ROW: usize = 64;
/// The fewest changes between two sets of open appointments.
pub(crate) const OPEN_SET_MIN: u64 = 1024;

/// What one delivery did to its appointment's status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StatusChange {
    pub(crate) position: Position,
    pub(crate) received_at: DateTime<Utc>,
    pub(crate) appointment_id: AppointmentId,
    pub(crate) before: Met,
    pub(crate) after: Met,
}

/// How many appointments there are, by status.
pub(crate) type StatusCounts = [u64; Status::ALL.len()];

/// The open appointments of a source: neither DISCHARGED nor REMOVED.
pub(crate) type OpenSet = BTreeMap<AppointmentId, Status>;

/// A row of changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ChangeRow {
    /// The appointments by status before the first change.
    pub(crate) counts_before: StatusCounts,
    /// Changes since the last set of open appointments, before the first change.
    pub(crate) since_open_set: u64,
    pub(crate) changes: Vec<StatusChange>,
}

/// Where the changes of a source end: the row that takes the next one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct StatusLog {
    pub(crate) row: ChangeRow,
    counts: StatusCounts,
    since_open_set: u64,
}

/// What one more change completes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Completed {
    /// A full row.
    pub(crate) row: Option<ChangeRow>,
    /// Whether the set of open appointments is to be written, as it is after this change.
    pub(crate) open_set: bool,
}

pub(crate) fn is_open(status: Status) -> bool {
    !matches!(status, Status::Discharged | Status::Removed)
}

impl StatusChange {
    /// Enters the change in a set.
    pub(crate) fn enter(&self, open: &mut OpenSet) {
        match self.after.filter(|status| is_open(*status)) {
            Some(status) => open.insert(self.appointment_id, status),
            None => open.remove(&self.appointment_id),
        };
    }

    pub(crate) fn count(&self, counts: &mut StatusCounts) {
        if let Some(before) = self.before {
            counts[before as usize] = counts[before as usize].saturating_sub(1);
        }
        if let Some(after) = self.after {
            counts[after as usize] += 1;
        }
    }
}

impl StatusLog {
    /// Goes on after the last row of a source.
    pub(crate) fn after(row: ChangeRow) -> StatusLog {
        let (mut counts, mut since_open_set) = (row.counts_before, row.since_open_set);
        for change in &row.changes {
            change.count(&mut counts);
            since_open_set = count_since(since_open_set, &counts).0;
        }
        let mut status_log = StatusLog { row, counts, since_open_set };
        if status_log.row.changes.len() >= CHANGES_IN_ROW {
            status_log.turn();
        }
        status_log
    }

    /// Takes the next change.
    pub(crate) fn push(&mut self, change: StatusChange) -> Completed {
        change.count(&mut self.counts);
        self.row.changes.push(change);
        let (since, open_set) = count_since(self.since_open_set, &self.counts);
        self.since_open_set = since;
        let row = (self.row.changes.len() >= CHANGES_IN_ROW).then(|| self.turn());
        Completed { row, open_set }
    }

    /// Begins a row, and returns the one before it.
    fn turn(&mut self) -> ChangeRow {
        let next = ChangeRow { counts_before: self.counts, since_open_set: self.since_open_set, changes: Vec::new() };
        std::mem::replace(&mut self.row, next)
    }
}

/// Changes since the last set, after one more; and whether the next set is due there. It depends only on the changes
/// themselves, so that every fold of a log writes the same sets.
fn count_since(since: u64, counts: &StatusCounts) -> (u64, bool) {
    let open: u64 =
        Status::ALL.into_iter().filter(|status| is_open(*status)).map(|status| counts[status as usize]).sum();
    if since + 1 >= open.max(OPEN_SET_MIN) { (0, true) } else { (since + 1, false) }
}

#[derive(Serialize, Deserialize)]
struct ChangeRowBytes {
    counts_before: StatusCounts,
    since_open_set: u64,
    /// Positions and milliseconds since the change before it (since 0 for the first), the appointment, and the
    /// statuses: before in the upper half, after in the lower, 0 is NONE.
    changes: Vec<(u64, i64, u64, u8)>,
}

pub(crate) fn encode_changes(row: &ChangeRow) -> Vec<u8> {
    let (mut position, mut ms) = (0, 0);
    let change = |change: &StatusChange| {
        let (now, now_ms) = (change.position.get(), change.received_at.timestamp_millis());
        let (after, after_ms) =
            (now - std::mem::replace(&mut position, now), now_ms - std::mem::replace(&mut ms, now_ms));
        (after, after_ms, change.appointment_id.get(), met_byte(change.before) << 4 | met_byte(change.after))
    };
    to_bytes(&ChangeRowBytes {
        counts_before: row.counts_before,
        since_open_set: row.since_open_set,
        changes: row.changes.iter().map(change).collect(),
    })
}

pub(crate) fn decode_changes(bytes: &[u8]) -> Result<ChangeRow, ProjectionError> {
    let corrupt = || ProjectionError::Corrupt("status changes");
    let stored: ChangeRowBytes = from_bytes(bytes, "status changes")?;
    let (mut position, mut ms): (u64, i64) = (0, 0);
    let change = |(after, after_ms, id, statuses): (u64, i64, u64, u8)| {
        position = position.checked_add(after).ok_or_else(corrupt)?;
        ms = ms.checked_add(after_ms).ok_or_else(corrupt)?;
        Ok(StatusChange {
            position: Position::new(position),
            received_at: DateTime::from_timestamp_millis(ms).ok_or_else(corrupt)?,
            appointment_id: AppointmentId::new(id).ok_or_else(corrupt)?,
            before: met_of(statuses >> 4)?,
            after: met_of(statuses & 0xf)?,
        })
    };
    let changes = stored.changes.into_iter().map(change).collect::<Result<_, ProjectionError>>()?;
    Ok(ChangeRow { counts_before: stored.counts_before, since_open_set: stored.since_open_set, changes })
}

pub(crate) fn encode_open(open: &OpenSet) -> Vec<u8> {
    let mut previous = 0;
    let member = |(id, status): (&AppointmentId, &Status)| {
        let after = id.get() - std::mem::replace(&mut previous, id.get());
        (after, *status as u8)
    };
    to_bytes(&open.iter().map(member).collect::<Vec<(u64, u8)>>())
}

pub(crate) fn decode_open(bytes: &[u8]) -> Result<OpenSet, ProjectionError> {
    let corrupt = || ProjectionError::Corrupt("open appointments");
    let stored: Vec<(u64, u8)> = from_bytes(bytes, "open appointments")?;
    let mut previous: u64 = 0;
    let member = |(after, status): (u64, u8)| {
        previous = previous.checked_add(after).ok_or_else(corrupt)?;
        let status = *Status::ALL.get(usize::from(status)).ok_or_else(corrupt)?;
        Ok((AppointmentId::new(previous).ok_or_else(corrupt)?, status))
    };
    stored.into_iter().map(member).collect()
}
