//! A fresh fold of the log beside a projection: to see what it would change, or to take its place.
//!
//! The projection that counts stays as it is until the new one is complete. Only the rename of a small file makes the
//! new one count (`generations.rs`), so a crash at any moment leaves the one or the other.

pub(crate) mod progress;
pub(crate) mod generations;
pub(crate) mod sort;
pub(crate) mod gather;
pub(crate) mod parallel;
pub(crate) mod source_rows;
pub(crate) mod fold_sorted;
pub(crate) mod bulk;
pub(crate) mod compare;
pub(crate) mod catch_up;
pub(crate) mod refold;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use clockfold_log::{Digest, Log, Position};

use crate::{
    error::{Cancelled, ProjectionError, failed},
    rebuild::{
        bulk::{Scratch, fold_log},
        compare::{Compare, Report},
        gather::LogCheck,
        generations::Generations,
        progress::{Progress, ProgressReporter, RebuildResources},
    },
    schema::{identity::Checkpoint, rules::Rules, set_back::SetBack, sink::StateHasher},
    view::View,
    write::store::Projection,
};

/// A projection that was built beside another one and does not count yet.
pub struct Candidate {
    /// The projection.
    pub projection: Projection,
    /// What differs from the one that counts; `None` where there was none to compare with.
    pub report: Option<Report>,
    folder: PathBuf,
}

/// The projection that counts below `projections`, as it is: not caught up, and whatever rules it was folded by. `None`
/// where there is none.
pub fn open_as_it_is(projections: &Path, rules: Arc<Rules>) -> Result<Option<Projection>, ProjectionError> {
    let current =
        Generations::at(projections).current().map_err(|error| failed("looking for the projection", error))?;
    current.map(|current| Projection::open(&current, rules)).transpose()
}

/// The same, only to read: no file is made, written or removed, and new rows stay in memory.
pub fn open_to_read(projections: &Path, rules: Arc<Rules>) -> Result<Option<Projection>, ProjectionError> {
    let current =
        Generations::at(projections).current().map_err(|error| failed("looking for the projection", error))?;
    current.map(|current| Projection::open_to_read(&current, rules)).transpose()
}

/// The state digest that a projection of the log up to `to` would have; and where the clock was set back. Data that
/// does not fit into memory waits in files below `scratch`.
pub fn state_digest_of(
    log: &dyn Log,
    to: Position,
    scratch: &Path,
    rules: &Rules,
    resources: &RebuildResources,
    tell: &mut dyn FnMut(Progress) -> Result<(), Cancelled>,
) -> Result<(Digest, Vec<SetBack>), ProjectionError> {
    let mut hasher = StateHasher::new();
    let scratch = Scratch::beside(&scratch.join("compared"))?;
    let (checked, mut progress) = ((log, to, LogCheck::Chain), ProgressReporter::new(to, tell));
    let set_backs = fold_log(checked, rules, resources, &scratch, &mut progress, &mut hasher)?;
    Ok((hasher.finish(), set_backs))
}

/// How a fresh fold by `rules` differs from a snapshot, whatever the rules of that were. Writes only what does not fit
/// into memory, below `scratch`. `tell` gets the progress, and says whether to go on.
pub fn compare_with_fresh_fold(
    view: &View,
    scratch: &Path,
    rules: &Rules,
    log: &dyn Log,
    resources: &RebuildResources,
    tell: &mut dyn FnMut(Progress) -> Result<(), Cancelled>,
) -> Result<Report, ProjectionError> {
    let to = view.checkpoint()?.position;
    let mut compare = Compare::with(view)?;
    let scratch = Scratch::beside(&scratch.join("compared"))?;
    let (checked, mut progress) = ((log, to, LogCheck::Chain), ProgressReporter::new(to, tell));
    let set_backs = fold_log(checked, rules, resources, &scratch, &mut progress, &mut compare)?;
    compare.report(set_backs)
}

/// A new projection of the log below `projections`, beside the one that counts, and how it differs from `old`, a
/// snapshot of that. It is folded as far as the snapshot; without one, to the log's head.
pub fn rebuild_beside(
    old: Option<&View>,
    projections: &Path,
    rules: Arc<Rules>,
    log: &dyn Log,
    resources: &RebuildResources,
    tell: &mut dyn FnMut(Progress) -> Result<(), Cancelled>,
) -> Result<Candidate, ProjectionError> {
    let generations = Generations::at(projections);
    let folder = generations.fresh().map_err(|error| failed("building anew", error))?;
    let built = match old {
        None => {
            let to = log.head().position;
            Projection::rebuild(&folder, rules, log, to, resources, &mut ProgressReporter::new(to, tell), &mut ())
                .map(|projection| (projection, None))
        }
        Some(view) => view.checkpoint().and_then(|Checkpoint { position: to, .. }| {
            let (mut compare, mut progress) = (Compare::with(view)?, ProgressReporter::new(to, tell));
            let projection = Projection::rebuild(&folder, rules, log, to, resources, &mut progress, &mut compare)?;
            let report = compare.report(projection.view().set_backs()?)?;
            Ok((projection, Some(report)))
        }),
    };
    match built {
        Ok((projection, report)) => Ok(Candidate { projection, report, folder }),
        Err(error) => {
            forget(&generations);
            Err(error)
        }
    }
}

/// A projection in place of a corrupt one that counts until then, folded as far. Readers of that one move to this one.
/// Nobody else may build meanwhile.
pub fn build_in_place_of(
    corrupt: &Projection,
    projections: &Path,
    log: &dyn Log,
    resources: &RebuildResources,
    tell: &mut dyn FnMut(Progress) -> Result<(), Cancelled>,
) -> Result<Projection, ProjectionError> {
    let generations = Generations::at(projections);
    let folder = generations.fresh().map_err(|error| failed("building anew", error))?;
    let (rules, to) = (Arc::clone(&corrupt.rules), corrupt.checkpoint().position);
    let built = Projection::rebuild(&folder, rules, log, to, resources, &mut ProgressReporter::new(to, tell), &mut ());
    let candidate = Candidate { projection: built.inspect_err(|_| forget(&generations))?, report: None, folder };
    candidate.take_the_place_of(Some(corrupt), projections)
}

/// Removes an unfinished projection that was given up.
fn forget(generations: &Generations<'_>) {
    if let Err(error) = generations.tidy() {
        tracing::warn!(%error, "what was built of a projection could not be removed");
    }
}

impl Candidate {
    /// Makes it the projection that counts, and queries of `old` go to it from now on.
    pub fn take_the_place_of(
        self,
        old: Option<&Projection>,
        projections: &Path,
    ) -> Result<Projection, ProjectionError> {
        let mut projection = self.projection;
        Generations::at(projections).switch(&self.folder).map_err(|error| failed("switching", error))?;
        if let Some(old) = old {
            projection.take_over_readers(old);
        }
        Ok(projection)
    }
}

/// Removes projections that no longer count, below `projections`. Not while somebody still reads from one.
pub fn remove_old_projections(projections: &Path) -> Result<(), ProjectionError> {
    Generations::at(projections).tidy().map_err(|error| failed("removing", error))
}
