//! Where projections are built while the server runs: one at a time, whoever asks.

use std::{
    path::{Path, PathBuf},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use crate::{
    log::Log,
    projection::{Progress, Projection, ProjectionError, Workshop, build_in_place_of, remove_old_projections},
};

/// The folder of projections, and what building one may use.
#[derive(Debug)]
pub struct Workbench {
    projections: PathBuf,
    workshop: Workshop,
    /// Somebody builds.
    taken: Mutex<()>,
    /// The writer needs it: whoever builds ends.
    is_needed: AtomicBool,
}

impl Workbench {
    /// A workbench below `projections`.
    pub fn new(projections: PathBuf, workshop: Workshop) -> Workbench {
        Workbench { projections, workshop, taken: Mutex::default(), is_needed: AtomicBool::new(false) }
    }

    pub(super) fn projections(&self) -> &Path {
        &self.projections
    }

    pub(super) fn workshop(&self) -> &Workshop {
        &self.workshop
    }

    /// Takes it, and waits for that.
    pub(super) fn take(&self) -> MutexGuard<'_, ()> {
        // Whoever panicked has left a folder that counts for nothing.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the writer waits for it.
    pub(super) fn is_needed(&self) -> bool {
        self.is_needed.load(Ordering::Relaxed)
    }

    /// A projection of the whole log in the place of one that is damaged. A rebuild that is running ends for that.
    pub(super) fn replace(&self, damaged: &Projection, log: &dyn Log) -> Result<Projection, ProjectionError> {
        self.is_needed.store(true, Ordering::Relaxed);
        let _taken = self.take();
        self.is_needed.store(false, Ordering::Relaxed);
        build_in_place_of(damaged, &self.projections, log, &self.workshop, &mut |progress| {
            tell(progress);
            true
        })
    }

    /// Removes every projection but the one that counts. What is left is removed at the next start.
    pub(super) fn tidy(&self) {
        if let Err(error) = remove_old_projections(&self.projections) {
            tracing::warn!(%error, "a projection that does not count could not be removed");
        }
    }
    /// The same, where nobody builds.
    pub(super) fn tidy_if_free(&self) {
        if let Ok(_taken) = self.taken.try_lock() {
            self.tidy();
        }
    }
}

fn tell(Progress { done, of, .. }: Progress) {
    tracing::info!(done, of, "building the projection anew");
}
