//! A rebuild: every row of a projection out of the whole log, in the order of its keys.
//!
//! The log is sorted by appointment first (`gather.rs`). Then each appointment is folded from its first delivery to
//! its last by the same `AppointmentRecord::enter` that live deliveries go through, on all cores. Memory is what the
//! workshop gives; what does not fit waits in files.

use std::{
    fs,
    io::{self, Read, Write},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use crate::{
    lifecycle::{FoldRules, Outcome, Status},
    log::{AppointmentId, Log, Position, SourceName},
};

use super::{
    AppointmentKey, Checkpoint, Projection, ProjectionError, Rules,
    changes::{Course, OpenSet, StatusChange, encode_changes, encode_open},
    fold_sorted::{FoldedPart, SourcePart, fold_appointments},
    gather::{Gathered, IdUse, Seen, gather, take},
    parallel::{Feed, in_order},
    record::met_byte,
    row::{
        CHECKPOINT_KEY, Counts, POSITIONS_OF_ID_MAX, SourceNumber, SourceRow, delivery_id_key, encode_checkpoint,
        encode_positions, encode_source, outcome_key, position_key, row_of, status_key,
    },
    rows::{Ingest, Sink, Space},
    sort::{Sorted, Sorter, Spill},
    store::{Keyspaces, failed, source_number},
};

/// Deliveries that are folded as one piece of work: about so many, and all of an appointment.
const PIECE_DELIVERIES: usize = 8192;
/// The most deliveries that one appointment may have here: they are folded in memory. Nobody's visit has a thousandth.
const APPOINTMENT_DELIVERIES_MAX: usize = if cfg!(test) { 20_000 } else { 2_000_000 };
const PROGRESS_INTERVAL: Duration = Duration::from_millis(500);

/// What a rebuild may use.
#[derive(Clone, Debug)]
pub struct Workshop {
    /// Memory in bytes, about; what is beyond waits in files beside the projection.
    pub memory_bytes: usize,
    /// Threads that do the work.
    pub threads: usize,
}

impl Default for Workshop {
    /// 128 MiB, and every core.
    fn default() -> Workshop {
        let threads = thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Workshop { memory_bytes: 128 << 20, threads }
    }
}

/// What a rebuild is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Reading the log.
    Reading,
    /// Folding what was read.
    Folding,
}

/// How far a rebuild, or a catch-up, has come.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// What is being done.
    pub stage: Stage,
    /// How many deliveries that is done for.
    pub done: u64,
    /// Of how many.
    pub of: u64,
    /// Deliveries a second, so far, in this stage.
    pub per_second: f64,
}

/// Tells how far a rebuild is, and whether it is to go on.
pub(super) struct Pace<'a> {
    tell: &'a mut dyn FnMut(Progress) -> bool,
    of: u64,
    stage: Stage,
    begun: Instant,
    told: Instant,
}

impl<'a> Pace<'a> {
    pub(super) fn new(of: Position, tell: &'a mut dyn FnMut(Progress) -> bool) -> Pace<'a> {
        Pace { tell, of: of.get(), stage: Stage::Reading, begun: Instant::now(), told: Instant::now() }
    }

    pub(super) fn read(&mut self, position: Position) -> Result<(), ProjectionError> {
        self.tell(Stage::Reading, position.get())
    }

    fn folded(&mut self, deliveries: u64) -> Result<(), ProjectionError> {
        self.tell(Stage::Folding, deliveries)
    }

    fn tell(&mut self, stage: Stage, done: u64) -> Result<(), ProjectionError> {
        if stage != self.stage {
            (self.stage, self.begun) = (stage, Instant::now());
        } else if self.told.elapsed() < PROGRESS_INTERVAL {
            return Ok(());
        }
        self.told = Instant::now();
        // Exact enough for a rate: far below 2^52.
        #[allow(clippy::cast_precision_loss)]
        let per_second = done as f64 / self.begun.elapsed().as_secs_f64().max(0.001);
        let go_on = (self.tell)(Progress { stage, done, of: self.of, per_second });
        if go_on { Ok(()) } else { Err(ProjectionError::Cancelled) }
    }
}

/// A change of status as it waits to be sorted by position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Changed {
    position: u64,
    received_at_ms: i64,
    appointment_id: u64,
    statuses: u8,
}

/// A source's rows that are not in the order of its appointments.
struct OfSource {
    number: SourceNumber,
    counts: Counts,
    statuses: Sorter<(u8, u64)>,
    /// Outcome in the three highest bits, position below.
    listed: Sorter<u64>,
    changes: Sorter<Changed>,
}

impl Projection {
    /// A projection of the log up to `to`, in the new folder `path`. Its rows go to `also` as well.
    pub(super) fn rebuild(
        path: &Path,
        rules: Arc<Rules>,
        log: &dyn Log,
        to: Position,
        workshop: &Workshop,
        pace: &mut Pace<'_>,
        also: &mut impl Sink,
    ) -> Result<Projection, ProjectionError> {
        let keyspaces = Keyspaces::open(path).map_err(|error| failed("rebuilding", error))?;
        let mut ingest = Ingest::into(&keyspaces)?;
        fold_log(log, to, &rules, workshop, &Scratch::beside(path)?, pace, &mut (&mut ingest, also))?;
        ingest.finish()?;
        Projection::of(keyspaces, rules)
    }
}

/// A folder for what does not fit into memory; it goes when this is dropped.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    pub(super) fn beside(path: &Path) -> Result<Scratch, ProjectionError> {
        let path = path.with_extension("sorting");
        let fresh = || {
            if path.exists() {
                fs::remove_dir_all(&path)?;
            }
            fs::DirBuilder::new().recursive(true).mode(0o700).create(&path)
        };
        fresh().map_err(|error| failed("making room to sort", error))?;
        Ok(Scratch(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left is removed with the next one.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Folds the log up to `to`, and puts every row of its projection into `sink`. `scratch` is for what does not fit
/// into memory.
pub(super) fn fold_log(
    log: &dyn Log,
    to: Position,
    rules: &Rules,
    workshop: &Workshop,
    scratch: &Scratch,
    pace: &mut Pace<'_>,
    sink: &mut impl Sink,
) -> Result<Checkpoint, ProjectionError> {
    let folder = &scratch.0;
    let Gathered { sources, seen, ids, digest } = gather(log, to, workshop, folder, pace)?;
    let counts = fold_all(&sources, seen, rules, workshop, folder, pace, sink)?;
    put_ids(ids, sink)?;
    for (index, (name, counts)) in sources.iter().zip(counts).enumerate() {
        let row = SourceRow { name: name.clone(), rules_digest: rules.digest_for(name), counts };
        sink.put(Space::Sources, &source_number(index).0.to_be_bytes(), &encode_source(&row))?;
    }
    let mut names: Vec<(&SourceName, u32)> = sources.iter().zip(0..).collect();
    names.sort();
    for (name, number) in names {
        sink.put(Space::SourceIds, name.as_str().as_bytes(), &number.to_be_bytes())?;
    }
    let checkpoint = Checkpoint { position: to, digest, rules_digest: rules.digest() };
    sink.put(Space::Meta, CHECKPOINT_KEY, &encode_checkpoint(checkpoint))?;
    Ok(checkpoint)
}

/// Folds appointment after appointment. Returns each source's counts.
fn fold_all(
    sources: &[SourceName],
    seen: Sorted<Seen>,
    rules: &Rules,
    workshop: &Workshop,
    folder: &Path,
    pace: &mut Pace<'_>,
    sink: &mut impl Sink,
) -> Result<Vec<Counts>, ProjectionError> {
    let by_number: Vec<(SourceName, &FoldRules)> = sources.iter().map(|name| (name.clone(), rules.of(name))).collect();
    let mut all_counts = vec![Counts::default(); sources.len()];
    let mut current: Option<OfSource> = None;
    let mut done = 0;
    thread::scope(|scope| {
        let feed = |feed: &mut Feed<Result<Vec<Seen>, ProjectionError>>| cut_into_pieces(seen, feed);
        let by_number = &by_number;
        let work =
            move |piece: Result<Vec<Seen>, ProjectionError>| piece.map(|piece| fold_appointments(&piece, by_number));
        for part in in_order(scope, workshop.threads, feed, work) {
            let FoldedPart { deliveries, appointments, history, sources } = part?;
            for (key, value) in appointments {
                sink.put(Space::Appointments, &key, &value)?;
            }
            for (key, value) in history {
                sink.put(Space::History, &key, &value)?;
            }
            for part in sources {
                if current.as_ref().is_none_or(|current| current.number.0 != part.source)
                    && let Some(finished) = current.replace(OfSource::new(part.source, workshop, folder))
                {
                    let number = finished.number.0 as usize;
                    all_counts[number] = finished.finish(sink)?;
                }
                current.as_mut().expect("it was made just now").take(part)?;
            }
            done += deliveries;
            pace.folded(done)?;
        }
        if let Some(finished) = current.take() {
            let number = finished.number.0 as usize;
            all_counts[number] = finished.finish(sink)?;
        }
        Ok::<_, ProjectionError>(())
    })?;
    Ok(all_counts)
}

/// Pieces of work that each hold all of their appointments.
fn cut_into_pieces(seen: Sorted<Seen>, feed: &mut Feed<Result<Vec<Seen>, ProjectionError>>) {
    let fresh = || Vec::with_capacity(PIECE_DELIVERIES + 64);
    let mut piece: Vec<Seen> = fresh();
    for one in seen {
        let last = piece.last().map(|last| (last.source, last.appointment_id));
        let next = one.map_err(|error| failed("sorting", error)).and_then(|one| {
            let same = last == Some((one.source, one.appointment_id));
            // What names no appointment is not folded, and may stand in several pieces.
            let divisible = !same || one.appointment_id == 0;
            match piece.len() {
                PIECE_DELIVERIES.. if divisible => Ok((one, Some(std::mem::replace(&mut piece, fresh())))),
                APPOINTMENT_DELIVERIES_MAX.. => Err(ProjectionError::TooManyDeliveries),
                _ => Ok((one, None)),
            }
        });
        match next {
            Ok((one, full)) => {
                if full.is_some_and(|full| !feed.put(Ok(full))) {
                    return;
                }
                piece.push(one);
            }
            Err(error) => {
                feed.put(Err(error));
                return;
            }
        }
    }
    feed.put(Ok(piece));
}

/// Where each sender's id was used first.
fn put_ids(ids: Sorted<IdUse>, sink: &mut impl Sink) -> Result<(), ProjectionError> {
    let mut current: Option<(u32, Box<str>, Vec<u64>)> = None;
    let mut put = |(source, delivery_id, positions): (u32, Box<str>, Vec<u64>)| {
        let key = delivery_id_key(SourceNumber(source), &delivery_id);
        sink.put(Space::DeliveryIds, &key, &encode_positions(&positions))
    };
    for id in ids {
        let IdUse { source, delivery_id, position } = id.map_err(|error| failed("sorting", error))?;
        match &mut current {
            Some((of, known, positions)) if *of == source && *known == delivery_id => {
                if positions.len() < POSITIONS_OF_ID_MAX {
                    positions.push(position);
                }
            }
            _ => {
                if let Some(finished) = current.replace((source, delivery_id, vec![position])) {
                    put(finished)?;
                }
            }
        }
    }
    current.map_or(Ok(()), put)
}

impl OfSource {
    fn new(source: u32, workshop: &Workshop, folder: &Path) -> OfSource {
        let memory_bytes = workshop.memory_bytes / 16;
        OfSource {
            number: SourceNumber(source),
            counts: Counts::default(),
            statuses: Sorter::new(folder, "statuses", memory_bytes),
            listed: Sorter::new(folder, "outcomes", memory_bytes),
            changes: Sorter::new(folder, "changes", memory_bytes),
        }
    }

    fn take(&mut self, part: SourcePart) -> Result<(), ProjectionError> {
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

    fn finish(self, sink: &mut impl Sink) -> Result<Counts, ProjectionError> {
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
            before: super::record::met_of(self.statuses >> 4)?,
            after: super::record::met_of(self.statuses & 0xf)?,
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

/// The identity of a sorted appointment.
pub(super) fn key_of(source: &SourceName, id: u64) -> Option<AppointmentKey> {
    Some(AppointmentKey { source: source.clone(), appointment_id: AppointmentId::new(id)? })
}

#[cfg(test)]
mod tests;
