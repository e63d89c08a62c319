//! What can go wrong in the store, in the words of the person who reads it.

use std::{io, path::Path};

/// The store can't be read or written.
#[derive(Clone, Debug, thiserror::Error)]
pub(in crate::projection) enum Error {
    /// The file system says no.
    #[error("{doing} {path}: {message}")]
    Io { doing: &'static str, path: String, message: String },
    /// A file is not what was written.
    #[error(
        "{path} is damaged ({what}). It is built anew from the log by the server that meets this, at a start, or by `clockfold rebuild`"
    )]
    Damaged { path: String, what: &'static str },
    /// The folder holds something else.
    #[error("{path} holds no projection that this version can read")]
    Foreign { path: String },
    /// An earlier failure left rows in memory that are on no disk.
    #[error("the store stopped after a failure: {0}")]
    Stopped(String),
}

impl Error {
    /// What everybody is told from then on whose rows can't be kept because of it.
    pub(super) fn stops(&self) -> Error {
        match self {
            Error::Damaged { .. } => self.clone(),
            _ => Error::Stopped(self.to_string()),
        }
    }
}

pub(super) type Result<T> = std::result::Result<T, Error>;

/// Makes an error of the file system tell of its file. Where somebody has removed or cut it, it is damaged, and the disk
/// may be well.
pub(super) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    move |error| match error.kind() {
        io::ErrorKind::NotFound => damaged(path, "it is gone"),
        io::ErrorKind::UnexpectedEof => damaged(path, "it is shorter than it was"),
        _ => Error::Io { doing, path: path.display().to_string(), message: error.to_string() },
    }
}

pub(super) fn damaged(path: &Path, what: &'static str) -> Error {
    Error::Damaged { path: path.display().to_string(), what }
}
