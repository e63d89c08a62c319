//! Where projections are built while the server runs: one at a time.

use std::{
    path::{Path, PathBuf},
    sync::{
        Mutex, MutexGuard, PoisonError, TryLockError,
        atomic::{AtomicBool, Ordering},
    },
};

use crate::{
    log::{Log, Room},
    projection::{
        Cancelled, Progress, Projection, ProjectionError, RebuildResources, build_in_place_of, remove_old_projections,
    },
};

/// A rebuild that would leave the disk with less ends: deliveries need the room. Of a small disk, a tenth.
const ROOM_BYTES: u64 = 256 << 20;

/// The folder of projections, and what building one may use.
#[derive(Debug)]
pub struct RebuildSlot {
    projections: PathBuf,
    resources: RebuildResources,
    /// Somebody builds.
    taken: Mutex<()>,
    /// The writer needs it: a rebuild in it ends.
    is_needed: AtomicBool,
    /// The server stops: a rebuild in it ends.
    is_closed: AtomicBool,
}

impl RebuildSlot {
    /// A rebuild slot below `projections`.
    pub fn new(projections: PathBuf, resources: RebuildResources) -> RebuildSlot {
        let (is_needed, is_closed) = (AtomicBool::new(false), AtomicBool::new(false));
        RebuildSlot { projections, resources, taken: Mutex::default(), is_needed, is_closed }
    }

    /// From now on no rebuild begins, and the running one is given up: the next start builds it.
    pub fn close(&self) {
        self.is_closed.store(true, Ordering::Relaxed);
    }

    pub(super) fn projections(&self) -> &Path {
        &self.projections
    }

    pub(super) fn resources(&self) -> &RebuildResources {
        &self.resources
    }

    /// Takes it, and waits for that.
    pub(super) fn take(&self) -> MutexGuard<'_, ()> {
        // A rebuild that panicked has left a folder that counts for nothing.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether somebody builds.
    pub(super) fn is_taken(&self) -> bool {
        matches!(self.taken.try_lock(), Err(TryLockError::WouldBlock))
    }

    /// Whether the writer waits for it.
    pub(super) fn is_needed(&self) -> bool {
        self.is_needed.load(Ordering::Relaxed)
    }

    /// An error where the disk has room for little more than deliveries.
    pub(super) fn check_room(&self) -> Result<(), Cancelled> {
        let room = self.projections.parent().and_then(Room::at);
        let suffices = room.is_none_or(|room| room.free >= ROOM_BYTES.min(room.total / 10));
        if suffices { Ok(()) } else { Err(Cancelled::DiskAlmostFull) }
    }

    /// A projection in the place of one that is corrupt, folded as far. A rebuild that is running ends for that.
    pub(super) fn replace(&self, corrupt: &Projection, log: &dyn Log) -> Result<Projection, ProjectionError> {
        self.is_needed.store(true, Ordering::Relaxed);
        let _taken = self.take();
        self.is_needed.store(false, Ordering::Relaxed);
        let built = build_in_place_of(corrupt, &self.projections, log, &self.resources, &mut |progress| {
            tell(progress);
            self.check_room()?;
            if self.is_closed.load(Ordering::Relaxed) { Err(Cancelled::Stopping) } else { Ok(()) }
        });
        built.map_err(|error| match error {
            ProjectionError::Cancelled(why) => {
                ProjectionError::Storage { doing: "building the projection anew", message: self.reason(why) }
            }
            error => error,
        })
    }

    /// Why building one was given up, for the person who looks after the server.
    pub(super) fn reason(&self, why: Cancelled) -> String {
        match why {
            Cancelled::DiskAlmostFull => format!("the disk of {} is almost full", self.projections.display()),
            Cancelled::Stopping => format!("{why}; the next start builds it"),
            Cancelled::OnRequest | Cancelled::BuiltAtOnce | Cancelled::StorageFailed => why.to_string(),
        }
    }

    /// Removes every projection but the one that counts. The next start removes what is left.
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
