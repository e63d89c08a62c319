//! What can keep bodies from being erased, and what to do about it.

use std::{io, path::PathBuf};

use crate::{Cause, LogError, Position};

/// Why bodies were not erased. But for [`ErasureError::Left`], the log is as it was.
#[derive(Debug, thiserror::Error)]
pub enum ErasureError {
    /// The log's folder is not where another one can take its place.
    #[error("{path} {message}, so another log can't take its place for good")]
    Folder {
        /// The folder, or what is in it.
        path: PathBuf,
        /// What is wrong with it.
        message: &'static str,
    },
    /// Two folders can't be exchanged there.
    #[error("the file system of {path} can't exchange two folders in one step: {error}")]
    NoExchange {
        /// The data directory.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The log without the bodies could not be written.
    #[error(
        "the log could not be written anew beside the old one, which is as it was: {error} (the old one takes {} on the disk, {} were free at that moment)",
        mebibytes(*.takes),
        mebibytes(*.free)
    )]
    Making {
        /// What went wrong.
        error: LogError,
        /// The size of the old log, in bytes.
        takes: u64,
        /// What was free, in bytes.
        free: u64,
    },
    /// The log that was written reads back otherwise.
    #[error("the log that was written without the bodies differs from the old one at position {position}: {message}")]
    Differs {
        /// The first position that differs.
        position: Position,
        /// What does not fit.
        message: &'static str,
    },
    /// A file or folder can't be read, written or synced.
    #[error("{doing} {path}: {error}")]
    File {
        /// What was being done.
        doing: &'static str,
        /// To what.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The new log is in its place, and the old one could not be removed.
    #[error(
        "the log without the bodies is in its place, but the old one, with the bodies, is still in {path}: {error}"
    )]
    Left {
        /// Where it is.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The old log can't be read, or the new one can't be opened in its place.
    #[error(transparent)]
    Log(#[from] LogError),
}

impl ErasureError {
    /// What the person who reads the message can do.
    pub fn hint(&self) -> &'static str {
        match self {
            ErasureError::Folder { .. } => {
                "make log/ a plain folder of plain files in the data directory; the data directory itself may lie anywhere"
            }
            ErasureError::NoExchange { .. } => {
                "move the data directory to a local file system such as ext4, XFS or Btrfs"
            }
            ErasureError::Making {
                error: LogError::Storage { cause: Cause::NoSpace | Cause::Other, .. } | LogError::Closed(_),
                ..
            } => "make room for a second log on that disk (or check it, where it is not full) and try again",
            ErasureError::Making { error, .. } => error.hint(),
            ErasureError::Differs { .. } | ErasureError::File { .. } => "check the disk and try again",
            ErasureError::Left { .. } => "remove that folder; the next start tries it too",
            ErasureError::Log(error) => error.hint(),
        }
    }
}

/// An amount that a person compares.
fn mebibytes(bytes: u64) -> String {
    format!("{} MiB", bytes.div_ceil(1 << 20))
}
