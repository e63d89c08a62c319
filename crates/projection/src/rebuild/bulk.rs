//! A rebuild: every row of a projection out of the whole log, in the order of its keys.
//!
//! The log is sorted by appointment first (`gather.rs`). Then each appointment is folded from its first delivery to its
//! last by the same `AppointmentRecord::enter` that live deliveries go through, on all cores. Sorting takes the memory
//! that its resources allow, and files beyond that; the stores' caches come on top.

use std::{
    fs,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
};

use clockfold_lifecycle::FoldRules;
use clockfold_log::{AppointmentId, Log, Position, SourceName};

use crate::{
    error::{ProjectionError, failed},
    rebuild::{
        fold_sorted::{FoldedPart, fold_appointments},
        gather::{Gathered, IdUse, LogCheck, Seen, gather},
        parallel::{Feed, in_order},
        progress::{ProgressReporter, RebuildResources},
        sort::{Sorted, Sorter},
        source_rows::OfSource,
    },
    schema::{
        identity::{AppointmentKey, Checkpoint},
        keys::{
            CHECKPOINT_KEY, Counts, LAST_ARRIVAL_KEY, POSITIONS_OF_ID_MAX, SourceNumber, SourceRow, delivery_id_key,
            encode_checkpoint, encode_last_arrival, encode_positions, encode_set_back, encode_source, id_key,
            set_back_key,
        },
        keyspaces::{Keyspaces, Space, source_number},
        rules::Rules,
        set_back::SetBack,
        sink::{Ingest, Sink},
    },
    write::store::Projection,
};

/// About how many deliveries are folded as one piece of work, with all of an appointment in one.
const PIECE_DELIVERIES: usize = 8192;
/// The most deliveries that one appointment may have here: they are folded in memory. Nobody's visit has a thousandth.
const APPOINTMENT_DELIVERIES_MAX: usize = if cfg!(test) { 20_000 } else { 2_000_000 };

impl Projection {
    /// A projection of the log up to `to`, in the new folder `path`. Its rows go to `also` as well. The log's chain is
    /// not computed again: [`crate::compare_with_fresh_fold`] does that.
    pub(crate) fn rebuild(
        path: &Path,
        rules: Arc<Rules>,
        log: &dyn Log,
        to: Position,
        resources: &RebuildResources,
        progress: &mut ProgressReporter<'_>,
        also: &mut impl Sink,
    ) -> Result<Projection, ProjectionError> {
        let keyspaces = Keyspaces::open(path)?;
        let mut ingest = Ingest::into(&keyspaces)?;
        let checked = (log, to, LogCheck::Checksums);
        fold_log(checked, &rules, resources, &Scratch::beside(path)?, progress, &mut (&mut ingest, also))?;
        ingest.finish()?;
        Projection::of(keyspaces, rules)
    }
}

/// A folder for data that does not fit into memory; it goes when this is dropped.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn beside(path: &Path) -> Result<Scratch, ProjectionError> {
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
        // The next one removes what is left.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Folds the log up to `to`, and puts every row of its projection into `sink`. `scratch` is for data that does not fit
/// into memory. Returns where the clock was set back.
pub(crate) fn fold_log(
    (log, to, check): (&dyn Log, Position, LogCheck),
    rules: &Rules,
    resources: &RebuildResources,
    scratch: &Scratch,
    progress: &mut ProgressReporter<'_>,
    sink: &mut impl Sink,
) -> Result<Vec<SetBack>, ProjectionError> {
    let folder = &scratch.0;
    let Gathered { sources, seen, ids, digest, last_arrival, set_backs } =
        gather(log, to, check, resources, folder, progress)?;
    let counts = fold_all(&sources, seen, rules, resources, folder, progress, sink)?;
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
    if let Some(last_arrival) = last_arrival {
        sink.put(Space::Meta, LAST_ARRIVAL_KEY, &encode_last_arrival(last_arrival))?;
    }
    for set_back in &set_backs {
        sink.put(Space::Meta, &set_back_key(set_back.position), &encode_set_back(set_back))?;
    }
    Ok(set_backs)
}

/// Folds appointment after appointment. Returns each source's counts.
fn fold_all(
    sources: &[SourceName],
    seen: Sorted<Seen>,
    rules: &Rules,
    resources: &RebuildResources,
    folder: &Path,
    progress: &mut ProgressReporter<'_>,
    sink: &mut impl Sink,
) -> Result<Vec<Counts>, ProjectionError> {
    let by_number: Vec<(SourceName, &FoldRules)> = sources.iter().map(|name| (name.clone(), rules.of(name))).collect();
    let mut all_counts = vec![Counts::default(); sources.len()];
    let mut current: Option<OfSource> = None;
    let mut by_id: Sorter<(u64, u64)> = Sorter::new(folder, "by-id", resources.memory_bytes / 16);
    let mut done = 0;
    thread::scope(|scope| {
        let feed = |feed: &mut Feed<Result<Vec<Seen>, ProjectionError>>| cut_into_pieces(seen, feed);
        let by_number = &by_number;
        let work =
            move |piece: Result<Vec<Seen>, ProjectionError>| piece.map(|piece| fold_appointments(&piece, by_number));
        for part in in_order(scope, resources.threads, feed, work) {
            let FoldedPart { deliveries, appointments, history, sources } = part?;
            for (key, value) in appointments {
                let (source, id) = key_parts(&key);
                by_id.push((id, source.into())).map_err(|error| failed("sorting", error))?;
                sink.put(Space::Appointments, &key, &value)?;
            }
            for (key, value) in history {
                sink.put(Space::History, &key, &value)?;
            }
            for part in sources {
                if current.as_ref().is_none_or(|current| current.number.0 != part.source)
                    && let Some(finished) = current.replace(OfSource::new(part.source, resources, folder))
                {
                    let number = finished.number.0 as usize;
                    all_counts[number] = finished.finish(sink)?;
                }
                current.as_mut().expect("it was made just now").take(part)?;
            }
            done += deliveries;
            progress.folded(done)?;
        }
        if let Some(finished) = current.take() {
            let number = finished.number.0 as usize;
            all_counts[number] = finished.finish(sink)?;
        }
        Ok::<_, ProjectionError>(())
    })?;
    for one in by_id.finish().map_err(|error| failed("sorting", error))? {
        let (id, source) = one.map_err(|error| failed("sorting", error))?;
        let id = AppointmentId::new(id).ok_or(ProjectionError::Corrupt("appointment"))?;
        let source = u32::try_from(source).expect("it was 32 bits");
        sink.put(Space::ById, &id_key(id, SourceNumber(source)), &[])?;
    }
    Ok(all_counts)
}

/// The source and the appointment of a row.
fn key_parts(key: &[u8; 12]) -> (u32, u64) {
    let (source, id) = key.split_at(4);
    let number = |bytes: &[u8]| bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
    (u32::try_from(number(source)).expect("four bytes"), number(id))
}

/// Pieces of work that each hold all of their appointments.
fn cut_into_pieces(seen: Sorted<Seen>, feed: &mut Feed<Result<Vec<Seen>, ProjectionError>>) {
    let fresh = || Vec::with_capacity(PIECE_DELIVERIES + 64);
    let mut piece: Vec<Seen> = fresh();
    for one in seen {
        let last = piece.last().map(|last| (last.source, last.appointment_id));
        let next = one.map_err(|error| failed("sorting", error)).and_then(|one| {
            let same = last == Some((one.source, one.appointment_id));
            // Deliveries that name no appointment are not folded, and may stand in several pieces.
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

/// The identity of a sorted appointment.
pub(crate) fn key_of(source: &SourceName, id: u64) -> Option<AppointmentKey> {
    Some(AppointmentKey { source: source.clone(), appointment_id: AppointmentId::new(id)? })
}

#[cfg(test)]
mod tests;
