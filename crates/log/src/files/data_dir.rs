//! The data directory: `log/`, `projection/`, `head` and `lock`, and nothing else at its top.
//!
//! While another log is being made, `erasing/` or `restoring/` stands beside them. The next open removes what a crash
//! leaves of these, because it may hold bodies that somebody takes for erased.

use std::{
    any::Any,
    fs,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use clockfold_disk::{Disk, RealDisk};

use crate::{
    LogError,
    files::{
        cause::Cause,
        lock_file::{self, DataDirLock},
    },
};

/// Where everything is kept.
#[derive(Clone, Debug)]
pub struct DataDir {
    root: PathBuf,
    /// What the journal and the head are on.
    disk: Arc<dyn Disk>,
}

impl DataDir {
    /// The data directory at `root`. Nothing is made or checked yet.
    pub fn at(root: impl Into<PathBuf>) -> DataDir {
        DataDir { root: root.into(), disk: Arc::new(RealDisk) }
    }

    /// One on a disk in memory. The lock and the store are not there.
    #[cfg(test)]
    pub(crate) fn on(disk: Arc<dyn Disk>, root: impl Into<PathBuf>) -> DataDir {
        DataDir { root: root.into(), disk }
    }

    /// What the journal and the head are on.
    pub(crate) fn disk(&self) -> &Arc<dyn Disk> {
        &self.disk
    }

    /// Makes the directory and its log folder where they are missing, durably, and locks it.
    pub fn lock(&self) -> Result<DataDirLock, LogError> {
        let failed = |error| storage(format!("making the data directory {}", self.root.display()), error);
        make_private_dir(&self.log()).map_err(failed)?;
        sync_dir(&self.root).map_err(failed)?;
        // The directory's own entry: without it a power cut forgets a fresh store.
        let parent = fs::canonicalize(&self.root).map_err(failed)?.parent().map(Path::to_owned);
        parent.as_deref().map_or(Ok(()), sync_dir).map_err(failed)?;
        DataDirLock::take(&self.root, &self.lock_path())
    }

    /// Locks the directory for a reader: makes nothing, and leaves the lock file as it was.
    pub(crate) fn lock_to_read(&self) -> Result<DataDirLock, LogError> {
        DataDirLock::take_to_read(&self.root, &self.lock_path())
    }

    /// Whether the lock is that of the directory that is there now.
    pub(crate) fn is_locked_by(&self, lock: &DataDirLock) -> Result<bool, LogError> {
        let is_there = lock.is_at(&self.lock_path());
        is_there.map_err(|error| storage(format!("looking at {}", self.lock_path().display()), error))
    }

    /// Locks the directory, and leaves its lock file as it is: it may be somebody else's.
    pub(crate) fn lock_quietly(&self) -> Result<DataDirLock, LogError> {
        DataDirLock::taken(&self.root, &self.lock_path()).map(|(lock, _)| lock)
    }

    fn lock_path(&self) -> PathBuf {
        self.root.join("lock")
    }

    /// What the process that holds the directory says of itself in the lock file: see [`DataDirLock::announce`]. `None`
    /// where that can't be read.
    pub fn announced(&self) -> Option<Vec<String>> {
        lock_file::announced(&self.lock_path())
    }

    /// The directory itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The log's folder.
    pub fn log(&self) -> PathBuf {
        self.root.join("log")
    }

    /// The projection's folder. It may be deleted while nobody runs.
    pub fn projection(&self) -> PathBuf {
        self.root.join("projection")
    }

    /// Where a log with fewer bodies is made, and where the old one then goes. Only during that work.
    pub fn erasing(&self) -> PathBuf {
        self.root.join("erasing")
    }

    /// Where a log is made from a copy. Only during that work.
    pub fn restoring(&self) -> PathBuf {
        self.root.join("restoring")
    }

    /// Removes what a crash left of such work, durably. Only the holder of the lock may.
    pub(crate) fn remove_unfinished(&self) -> Result<(), LogError> {
        for folder in [self.erasing(), self.restoring()] {
            let removed = remove_folder(&folder);
            if removed
                .map_err(|error| storage(format!("removing {}, which may hold bodies", folder.display()), error))?
            {
                tracing::info!(folder = %folder.display(), "what an interrupted command left, perhaps with bodies, is removed");
            }
        }
        Ok(())
    }

    /// The remembered head.
    pub fn head(&self) -> PathBuf {
        self.root.join("head")
    }
}

/// Makes a directory, and those above it, for its owner only: nobody else may see what was sent about patients.
pub fn make_private_dir(path: &Path) -> std::io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Removes a folder and all that is in it, durably. Returns whether it was there.
pub(crate) fn remove_folder(path: &Path) -> std::io::Result<bool> {
    match fs::remove_dir_all(path) {
        Ok(()) => path.parent().map_or(Ok(()), sync_dir).map(|()| true),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// How many bytes a disk has free, and in all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Bytes that may still be written.
    pub free: u64,
    /// All of them.
    pub total: u64,
}

impl Room {
    /// The room on the disk that holds `path`; `None` where the system does not say.
    pub fn at(path: &Path) -> Option<Room> {
        let told = rustix::fs::statvfs(path).ok()?;
        Some(Room { free: told.f_bavail * told.f_frsize, total: told.f_blocks * told.f_frsize })
    }

    /// No user has more than that, root included; `None` where the system does not say.
    pub(crate) fn surely_free_at(path: &Path) -> Option<u64> {
        let told = rustix::fs::statvfs(path).ok().filter(|told| told.f_blocks > 0)?;
        Some(told.f_bfree * told.f_frsize)
    }
}

/// Makes a directory's entries durable.
pub fn sync_dir(path: &Path) -> std::io::Result<()> {
    RealDisk.sync_folder(path)
}

/// The error of something that the system refused.
pub(crate) fn storage(doing: String, error: impl std::fmt::Display + 'static) -> LogError {
    let cause = (&error as &dyn Any).downcast_ref().map_or(Cause::Other, Cause::of);
    LogError::Storage { doing, message: error.to_string(), cause }
}
