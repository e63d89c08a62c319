//! The rows of a source that do not stand in the order of its appointments: the orders of its lists, its deliveries by
//! outcome, and its status changes. They are sorted as they come, and put when the source has ended.

use std::{
    collections::BTreeMap,
    io::{self, Read, Write},
    path::Path,
};

use clockfold_lifecycle::{EventType, Status};
use clockfold_log::{AppointmentId, Position};

use crate::{
    error::{ProjectionError, failed},
    rebuild::{
        fold_sorted::SourcePart,
        gather::take,
        progress::RebuildResources,
        sort::{Sorted, Sorter, Spill},
    },
    schema::{
        appointment::{met_byte, met_of},
        changes::{OpenSet, StatusChange, StatusLog, encode_changes, encode_open},
        keys::{
            Counts, Kind, SourceNumber, encode_places, event_byte, hour_key, order_key, outcome_key, position_key,
            row_of, status_key, verdict_byte, verdict_of,
        },
        keyspaces::Space,
        orders::{Places, encode_last_seen},
        sink::Sink,
        tally::{Hour, Tally, encode_hour, hour_of},
    },
};

/// A change of status as it waits to be sorted by position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Changed {
    position: u64,
    received_at_ms: i64,
    appointment_id: u64,
    statuses: u8,
}

/// An appointment's place in the order of last positions, as it waits to be sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Last {
    status: u8,
    position: u64,
    appointment_id: u64,
    since: u64,
    arrival: u64,
}

/// A source's rows that are not in the order of its appointments.
pub(crate) struct OfSource {
    pub(crate) number: SourceNumber,
    counts: Counts,
    /// Status, since when, appointment.
    statuses: Sorter<(u8, u64, u64)>,
    /// First arrival, appointment.
    first: Sorter<(u64, u64)>,
    last: Sorter<Last>,
    /// The kind in the twelve highest bits, position below.
    listed: Sorter<u64>,
    changes: Sorter<Changed>,
    /// By minute: there are as many as minutes with a delivery.
    tallies: BTreeMap<u64, Tally>,
}

impl OfSource {
    pub(crate) fn new(source: u32, resources: &RebuildResources, folder: &Path) -> OfSource {
        let memory_bytes = resources.memory_bytes / 16;
        OfSource {
            number: SourceNumber(source),
            counts: Counts::default(),
            statuses: Sorter::new(folder, "statuses", memory_bytes),
            first: Sorter::new(folder, "first", memory_bytes),
            last: Sorter::new(folder, "last", memory_bytes),
            listed: Sorter::new(folder, "outcomes", memory_bytes),
            changes: Sorter::new(folder, "changes", memory_bytes),
            tallies: BTreeMap::new(),
        }
    }

    pub(crate) fn take(&mut self, part: SourcePart) -> Result<(), ProjectionError> {
        let disk = |error: io::Error| failed("sorting", error);
        for (id, Places { status, since, first, last, last_arrival }) in part.places {
            self.counts.move_appointment(None, Some(status));
            self.statuses.push((status as u8, since, id.get())).map_err(disk)?;
            self.first.push((first, id.get())).map_err(disk)?;
            let (status, position, arrival) = (status as u8, last, last_arrival);
            self.last.push(Last { status, position, appointment_id: id.get(), since, arrival }).map_err(disk)?;
        }
        for (kind, position) in part.listed {
            self.counts.count_delivery(kind.outcome());
            let kind = u64::from(verdict_byte(kind.verdict)) << EVENT_BITS | u64::from(event_byte(kind.event));
            self.listed.push(kind << KIND_SHIFT | position).map_err(disk)?;
        }
        for (minute, tally) in part.tallies {
            self.tallies.entry(minute).or_default().add(&tally);
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

    pub(crate) fn finish(self, sink: &mut impl Sink) -> Result<Counts, ProjectionError> {
        let disk = |error: io::Error| failed("sorting", error);
        for status in self.statuses.finish().map_err(disk)? {
            let (status, since, id) = status.map_err(disk)?;
            let status = Status::ALL[usize::from(status)];
            sink.put(Space::ByStatus, &status_key(self.number, status, since, id), &[])?;
        }
        for place in self.first.finish().map_err(disk)? {
            let (value, id) = place.map_err(disk)?;
            sink.put(Space::ByFirst, &order_key(self.number, value, id), &[])?;
        }
        for last in self.last.finish().map_err(disk)? {
            let Last { status, position, appointment_id, since, arrival } = last.map_err(disk)?;
            let status = Status::ALL[usize::from(status)];
            let key = status_key(self.number, status, position, appointment_id);
            sink.put(Space::ByLast, &key, &encode_last_seen(status, since, arrival))?;
        }
        put_outcomes(self.number, self.listed.finish().map_err(disk)?, sink)?;
        put_tallies(self.number, self.tallies, sink)?;
        put_changes(self.number, self.changes.finish().map_err(disk)?, sink)?;
        Ok(self.counts)
    }
}

/// A kind is the verdict's byte, and the event in four bits below it. The remaining bits hold positions up to 2^52.
const EVENT_BITS: u32 = 4;
const KIND_SHIFT: u32 = 52;
const _: () = assert!(EventType::ALL.len() < 1 << EVENT_BITS, "0 is for no event");

fn kind_of(kind: u64) -> Kind {
    let event = usize::try_from(kind & 0xf).expect("four bits");
    Kind {
        verdict: verdict_of(u8::try_from(kind >> EVENT_BITS).expect("a byte")).expect("a verdict's byte was put in"),
        event: event.checked_sub(1).map(|place| EventType::ALL[place]),
    }
}

fn put_outcomes(number: SourceNumber, listed: Sorted<u64>, sink: &mut impl Sink) -> Result<(), ProjectionError> {
    let mut current: Option<(u64, u64)> = None;
    let mut places: Vec<u16> = Vec::new();
    let mut put = |(kind, row): (u64, u64), places: &[u16]| {
        sink.put(Space::ByOutcome, &outcome_key(number, kind_of(kind), row), &encode_places(places))
    };
    for one in listed {
        let one = one.map_err(|error| failed("sorting", error))?;
        let (row, place) = row_of(Position::new(one & ((1 << KIND_SHIFT) - 1)));
        let key = (one >> KIND_SHIFT, row);
        if current != Some(key) {
            if let Some(finished) = current.replace(key) {
                put(finished, &places)?;
            }
            places.clear();
        }
        places.push(place);
    }
    current.map_or(Ok(()), |finished| put(finished, &places))
}

fn put_tallies(
    number: SourceNumber,
    tallies: BTreeMap<u64, Tally>,
    sink: &mut impl Sink,
) -> Result<(), ProjectionError> {
    let mut current = Hour::new();
    let mut tallies = tallies.into_iter().peekable();
    while let Some((at, tally)) = tallies.next() {
        let (hour, minute) = hour_of(at);
        current.insert(minute, tally);
        if tallies.peek().is_none_or(|(next, _)| hour_of(*next).0 != hour) {
            sink.put(Space::Tallies, &hour_key(number, hour), &encode_hour(&current))?;
            current.clear();
        }
    }
    Ok(())
}

fn put_changes(number: SourceNumber, changes: Sorted<Changed>, sink: &mut impl Sink) -> Result<(), ProjectionError> {
    let (mut status_log, mut open) = (StatusLog::default(), OpenSet::new());
    for change in changes {
        let change = change.map_err(|error| failed("sorting", error)).and_then(Changed::change)?;
        change.enter(&mut open);
        let completed = status_log.push(change);
        if let Some(row) = completed.row {
            let first = row.changes.first().expect("a full row has changes").position;
            sink.put(Space::Changes, &position_key(number, first), &encode_changes(&row))?;
        }
        if completed.open_set {
            sink.put(Space::Open, &position_key(number, change.position), &encode_open(&open))?;
        }
    }
    if let Some(first) = status_log.row.changes.first() {
        sink.put(Space::Changes, &position_key(number, first.position), &encode_changes(&status_log.row))?;
    }
    Ok(())
}

impl Changed {
    fn change(self) -> Result<StatusChange, ProjectionError> {
        let corrupt = || ProjectionError::Corrupt("status changes");
        Ok(StatusChange {
            position: Position::new(self.position),
            received_at: chrono::DateTime::from_timestamp_millis(self.received_at_ms).ok_or_else(corrupt)?,
            appointment_id: AppointmentId::new(self.appointment_id).ok_or_else(corrupt)?,
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

impl Spill for Last {
    fn write(&self, file: &mut impl Write) -> io::Result<()> {
        file.write_all(&[self.status])?;
        [self.position, self.appointment_id, self.since, self.arrival].iter().try_for_each(|number| number.write(file))
    }

    fn read(file: &mut impl Read) -> io::Result<Last> {
        let [status] = take(file)?;
        let mut number = || u64::read(file);
        Ok(Last { status, position: number()?, appointment_id: number()?, since: number()?, arrival: number()? })
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

impl Spill for (u64, u64) {
    fn write(&self, file: &mut impl Write) -> io::Result<()> {
        self.0.write(file)?;
        self.1.write(file)
    }

    fn read(file: &mut impl Read) -> io::Result<(u64, u64)> {
        Ok((u64::read(file)?, u64::read(file)?))
    }
}

impl Spill for (u8, u64, u64) {
    fn write(&self, file: &mut impl Write) -> io::Result<()> {
        file.write_all(&[self.0])?;
        (self.1, self.2).write(file)
    }

    fn read(file: &mut impl Read) -> io::Result<(u8, u64, u64)> {
        let status = u8::from_le_bytes(take(file)?);
        let (since, id) = <(u64, u64)>::read(file)?;
        Ok((status, since, id))
    }
}
