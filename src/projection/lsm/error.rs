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
    /// A thread panicked in the midst of a batch.
    #[error("the store stopped at a defect: {0}")]
    Stopped(String),
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

/// Makes an error of reading a file tell of it: what can't be read of a file that is there is damaged, whatever the disk
/// says, and it is built anew elsewhere.
pub(super) fn unreadable(path: &Path) -> impl FnOnce(io::Error) -> Error {
    move |error| match error.kind() {
        io::ErrorKind::UnexpectedEof => damaged(path, "it is shorter than it was"),
        _ => damaged(path, "the disk does not give it back"),
    }
}

pub(super) fn damaged(path: &Path, what: &'static str) -> Error {
    Error::Damaged { path: path.display().to_string(), what }
}
