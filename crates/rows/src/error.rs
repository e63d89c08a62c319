//! What can go wrong in a store, in the words of the person who reads it.

use std::{io, path::Path};

/// A store can't be read or written.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The file system refuses.
    #[error("{doing} {path}: {message}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// With which file.
        path: String,
        /// What the system said.
        message: String,
    },
    /// A file is not what was written.
    #[error("{path} is corrupt ({what})")]
    Corrupt {
        /// Which file.
        path: String,
        /// What does not fit.
        what: &'static str,
    },
    /// The folder holds something else.
    #[error("{path} holds no rows that this version can read")]
    Foreign {
        /// Which folder.
        path: String,
    },
    /// A thread panicked in the midst of a batch.
    #[error("the store stopped at a defect: {0}")]
    Stopped(String),
}

pub(crate) type Result<T> = std::result::Result<T, Error>;

/// Makes an error of the file system name its file. A missing or shortened file is corrupt, however well the disk is.
pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    move |error| match error.kind() {
        io::ErrorKind::NotFound => corrupt(path, "it is gone"),
        io::ErrorKind::UnexpectedEof => corrupt(path, "it is shorter than it was"),
        _ => Error::Io { doing, path: path.display().to_string(), message: error.to_string() },
    }
}

/// Makes an error of a read name the file. A file that can't be read is corrupt, whatever the disk says: the store's
/// owner makes its rows anew elsewhere.
pub(crate) fn unreadable(path: &Path) -> impl FnOnce(io::Error) -> Error {
    move |error| match error.kind() {
        io::ErrorKind::UnexpectedEof => corrupt(path, "it is shorter than it was"),
        _ => corrupt(path, "the disk does not give it back"),
    }
}

pub(crate) fn corrupt(path: &Path, what: &'static str) -> Error {
    Error::Corrupt { path: path.display().to_string(), what }
}
