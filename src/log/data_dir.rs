//! The data directory: `log/`, `projection/`, `head` and `lock`, and nothing else at its top.

use std::{
    fs::{self, File, TryLockError},
    io::{Read, Seek, Write},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use super::LogError;

/// Where everything is kept.
#[derive(Clone, Debug)]
pub struct DataDir {
    root: PathBuf,
}

/// While this lives, no other process opens the data directory.
#[derive(Debug)]
pub struct DataDirLock {
    _file: File,
}

impl DataDir {
    /// The data directory at `root`. Nothing is made or checked yet.
    pub fn at(root: impl Into<PathBuf>) -> DataDir {
        DataDir { root: root.into() }
    }

    /// Makes the directory and its log folder where they are missing, durably, and locks it.
    pub fn lock(&self) -> Result<DataDirLock, LogError> {
        let failed = |error| storage(format!("making the data directory {}", self.root.display()), error);
        // It holds what was sent about patients: nobody but its owner has business there.
        fs::DirBuilder::new().recursive(true).mode(0o700).create(self.log()).map_err(failed)?;
        sync_dir(&self.root).map_err(failed)?;
        // The directory's own entry: without it a power cut forgets a fresh store.
        let parent = fs::canonicalize(&self.root).map_err(failed)?.parent().map(Path::to_owned);
        parent.as_deref().map_or(Ok(()), sync_dir).map_err(failed)?;
        let path = self.root.join("lock");
        let failed = |error| storage(format!("locking {}", path.display()), error);
        let options = || File::options().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = options().map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let read = file.read_to_string(&mut holder);
                let holder = read.ok().map(|_| holder.trim().to_owned()).filter(|pid| !pid.is_empty());
                return Err(LogError::InUse { path: self.root.clone(), holder });
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        let write_pid = |file: &mut File| {
            file.set_len(0)?;
            file.rewind()?;
            writeln!(file, "{}", std::process::id())
        };
        // The process id only serves a message: a full disk must not keep a log from being read.
        if let Err(error) = write_pid(&mut file) {
            tracing::warn!(%error, "the lock file could not be written");
        }
        Ok(DataDirLock { _file: file })
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

    /// The remembered head.
    pub fn head(&self) -> PathBuf {
        self.root.join("head")
    }
}

/// Makes a directory's entries durable.
pub(super) fn sync_dir(path: &Path) -> std::io::Result<()> {
    File::open(path)?.sync_all()
}

pub(super) fn storage(doing: String, error: impl std::fmt::Display) -> LogError {
    LogError::Storage { doing, message: error.to_string() }
}
