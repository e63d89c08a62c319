//! The rows of a source that do not stand in the order of its appointments: its indexes by status and by outcome, and
//! its status changes. They are sorted as they come, and put when the source has ended.

use std::{
    io::{self, Read, Write},
    path::Path,
};

use crate::{
    lifecycle::{Outcome, Status},
    log::{AppointmentId, Position},
};

use super::{
    ProjectionError,
    changes::{Course, OpenSet, StatusChange, encode_changes, encode_open},
    fold_sorted::SourcePart,
    gather::take,
    pace::Workshop,
    record::{met_byte, met_of},
    row::{Counts, SourceNumber, outcome_key, position_key, row_of, status_key},
    rows::{Sink, Space},
    sort::{Sorted, Sorter, Spill},
    store::failed,
};

/// A change of status as it waits to be sorted by position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Changed {
    position: u64,
    received_at_ms: i64,
    appointment_id: u64,
    statuses: u8,
}

/// A source's rows that are not in the order of its appointments.
pub(super) struct OfSource {
    pub(super) number: SourceNumber,
    counts: Counts,
    statuses: Sorter<(u8, u64)>,
    /// Outcome in the three highest bits, position below.
    listed: Sorter<u64>,
    changes: Sorter<Changed>,
}

impl OfSource {
    pub(super) fn new(source: u32, workshop: &Workshop, folder: &Path) -> OfSource {
        let memory_bytes = workshop.memory_bytes / 16;
        OfSource {
            number: SourceNumber(source),
            counts: Counts::default(),
            statuses: Sorter::new(folder, "statuses", memory_bytes),
            listed: Sorter::new(folder, "outcomes", memory_bytes),
            changes: Sorter::new(folder, "changes", memory_bytes),
        }
    }

    pub(super) fn take(&mut self, part: SourcePart) -> Result<(), ProjectionError> {
        let disk = |error: io::Error| failed("sorting", error);
        for (status, id) in part.statuses {
            self.counts.move_appointment(None, Some(status));
            self.statuses.push((status as u8, id)).map_err(disk)?;
        }
        for (outcome, position) in part.listed {
            self.counts.count_delivery(outcome);
            self.listed.push((outcome as u64) << OUTCOME_SHIFT | position).map_err(disk)?;
        }
        for change in part.changes {
            let statuses = met_byte(change.before) << 4 | met_byte(change.after);
            let changed = Changed {
                position: change.position.get(),
                received_at_ms: change.received_at.timestamp_millis(),
                appointment_id: change.appointment_id.get(),
                statuses,
            };
            self.changes.push(changed).map_err(disk)?;
        }
        Ok(())
    }

    pub(super) fn finish(self, sink: &mut impl Sink) -> Result<Counts, ProjectionError> {
        let disk = |error: io::Error| failed("sorting", error);
        for status in self.statuses.finish().map_err(disk)? {
            let (status, id) = status.map_err(disk)?;
            let id = AppointmentId::new(id).ok_or(ProjectionError::Damaged("status index"))?;
            sink.put(Space::ByStatus, &status_key(self.number, Status::ALL[usize::from(status)], id), &[])?;
        }
        put_outcomes(self.number, self.listed.finish().map_err(disk)?, sink)?;
        put_changes(self.number, self.changes.finish().map_err(disk)?, sink)?;
        Ok(self.counts)
    }
}

const OUTCOME_SHIFT: u32 = 61;

fn put_outcomes(number: SourceNumber, listed: Sorted<u64>, sink: &mut impl Sink) -> Result<(), ProjectionError> {
    let mut current: Option<(u64, u64)> = None;
    let mut bytes: Vec<u8> = Vec::new();
    let mut put = |(outcome, row): (u64, u64), bytes: &[u8]| {
        let outcome = Outcome::ALL[usize::try_from(outcome).expect("three bits")];
        sink.put(Space::ByOutcome, &outcome_key(number, outcome, row), bytes)
    };
    for one in listed {
        let one = one.map_err(|error| failed("sorting", error))?;
        let (row, byte) = row_of(Position::new(one & ((1 << OUTCOME_SHIFT) - 1)));
        let key = (one >> OUTCOME_SHIFT, row);
        if current != Some(key) {
            if let Some(finished) = current.replace(key) {
                put(finished, &bytes)?;
            }
            bytes.clear();
        }
        bytes.push(byte);
    }
    current.map_or(Ok(()), |finished| put(finished, &bytes))
}

fn put_changes(number: SourceNumber, changes: Sorted<Changed>, sink: &mut impl Sink) -> Result<(), ProjectionError> {
    let (mut course, mut open) = (Course::default(), OpenSet::new());
    for change in changes {
        let change = change.map_err(|error| failed("sorting", error)).and_then(Changed::change)?;
        change.enter(&mut open);
        let completed = course.push(change);
        if let Some(row) = completed.row {
            let first = row.changes.first().expect("a full row has changes").position;
            sink.put(Space::Changes, &position_key(number, first), &encode_changes(&row))?;
        }
        if completed.open_set {
            sink.put(Space::Open, &position_key(number, change.position), &encode_open(&open))?;
        }
    }
    if let Some(first) = course.row.changes.first() {
        sink.put(Space::Changes, &position_key(number, first.position), &encode_changes(&course.row))?;
    }
    Ok(())
}

impl Changed {
    fn change(self) -> Result<StatusChange, ProjectionError> {
        let damaged = || ProjectionError::Damaged("status changes");
        Ok(StatusChange {
            position: Position::new(self.position),
            received_at: chrono::DateTime::from_timestamp_millis(self.received_at_ms).ok_or_else(damaged)?,
            appointment_id: AppointmentId::new(self.appointment_id).ok_or_else(damaged)?,
            before: met_of(self.statuses >> 4)?,
            after: met_of(self.statuses & 0xf)?,
        })
    }
}

impl Spill for Changed {
    fn write(&self, file: &mut impl Write) -> io::Result<()> {
        file.write_all(&self.position.to_le_bytes())?;
        file.write_all(&self.received_at_ms.to_le_bytes())?;
        file.write_all(&self.appointment_id.to_le_bytes())?;
        file.write_all(&[self.statuses])
    }

    fn read(file: &mut impl Read) -> io::Result<Changed> {
        Ok(Changed {
            position: u64::from_le_bytes(take(file)?),
            received_at_ms: i64::from_le_bytes(take(file)?),
            appointment_id: u64::from_le_bytes(take(file)?),
            statuses: u8::from_le_bytes(take(file)?),
        })
    }
}

impl Spill for u64 {
    fn write(&self, file: &mut impl Write) -> io::Result<()> {
        file.write_all(&self.to_le_bytes())
    }

    fn read(file: &mut impl Read) -> io::Result<u64> {
        take(file).map(u64::from_le_bytes)
    }
}

impl Spill for (u8, u64) {
    fn write(&self, file: &mut impl Write) -> io::Result<()> {
        file.write_all(&[self.0])?;
        file.write_all(&self.1.to_le_bytes())
    }

    fn read(file: &mut impl Read) -> io::Result<(u8, u64)> {
        Ok((u8::from_le_bytes(take(file)?), u64::from_le_bytes(take(file)?)))
    }
}
