//! What can go wrong with copies in files, and what to do about it.

use std::{fmt, io, path::PathBuf};

use clockfold_log::{Head, LogError, Position};

/// What can go wrong with a backup, an archive, or a log that is made from one.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// A file or directory can't be read or written.
    #[error("{doing} {path}: {error}")]
    File {
        /// What was being done.
        doing: &'static str,
        /// To what.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// A backup needs a directory of its own.
    #[error("{path} is not empty{}", if *.interrupted { ": it holds a backup that was interrupted" } else { "" })]
    NotEmpty {
        /// The directory.
        path: PathBuf,
        /// Whether it holds the beginning of a backup.
        interrupted: bool,
    },
    /// An archive needs a directory of its own.
    #[error("{path} is not empty, and what it holds is no archive")]
    NotAnArchive {
        /// The directory.
        path: PathBuf,
    },
    /// A backup that has no manifest.
    #[error("the backup in {path} is incomplete: it was interrupted before its end")]
    Incomplete {
        /// The directory.
        path: PathBuf,
    },
    /// Neither a backup nor an archive.
    #[error("{path} holds neither a backup nor an archive")]
    Unknown {
        /// The directory.
        path: PathBuf,
    },
    /// The file that says what the copy is can't be right.
    #[error("{path} can't be right: {message}")]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        message: String,
    },
    /// The copy is not what was written.
    #[error("{0}")]
    Corrupt(Box<Corruption>),
    /// What was written reads back otherwise.
    #[error("{path} does not read back as it was written: {message}")]
    ReadBack {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        message: String,
    },
    /// The copy and the log have nothing to do with each other.
    #[error("the archive in {path} is of another log: {message}")]
    OtherLog {
        /// The archive's directory.
        path: PathBuf,
        /// What does not fit.
        message: String,
    },
    /// Another process writes to the archive.
    #[error("the archive in {path} is in use by another process")]
    InUse {
        /// The archive's directory.
        path: PathBuf,
    },
    /// There is a log already.
    #[error("the data directory {path} holds a log that ends at position {head}; it is not overwritten")]
    LogThere {
        /// The data directory.
        path: PathBuf,
        /// Its last position.
        head: Position,
    },
    /// The log that was made does not end where the copy does.
    #[error("the log that was made ends at position {} and not with what was copied up to position {}", .found.position, .expected.position)]
    NotRestored {
        /// Where the log ends.
        found: Head,
        /// Where the copy ends.
        expected: Head,
    },
    /// The log.
    #[error(transparent)]
    Log(#[from] LogError),
}

/// Where a copy is not what was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Corruption {
    /// The segment's file.
    pub segment: PathBuf,
    /// The first byte that is not known to be right.
    pub offset: u64,
    /// The first position that can't be read.
    pub position: Position,
    /// What does not fit.
    pub message: String,
    /// The later groups that are whole by themselves, first and last position.
    pub whole_later: Vec<(Position, Position)>,
}

impl fmt::Display for Corruption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Corruption { segment, offset, position, message, whole_later } = self;
        write!(f, "{} is corrupt at byte {offset}, position {position}: {message}", segment.display())?;
        match position.get() - 1 {
            0 => write!(f, "; nothing before it is there")?,
            good => write!(f, "; positions 1 to {good} are good")?,
        }
        let later: Vec<String> = whole_later.iter().map(|(first, last)| format!("{first} to {last}")).collect();
        match later.len() {
            0 => write!(f, "; nothing after it can be read"),
            _ => write!(f, "; after it, positions {} can still be read", later.join(", ")),
        }
    }
}

impl CopyError {
    /// What the person who reads the message can do.
    pub fn hint(&self) -> &'static str {
        match self {
            CopyError::File { error, .. } => match error.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "make room on that disk",
                io::ErrorKind::NotFound => "check that the directory is there, and that its disk is mounted",
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                    "let the user that runs clockfold write there"
                }
                _ => "check that disk (space, permissions, kernel messages)",
            },
            CopyError::NotEmpty { interrupted: true, .. } => "remove it and begin again, or name another directory",
            CopyError::NotEmpty { .. } => "name a new directory for each backup",
            CopyError::NotAnArchive { .. } => "name a new or an empty directory in [archive] directory",
            CopyError::Incomplete { .. } => "use another backup, or take what is whole of this one with --up-to-damage",
            CopyError::Unknown { .. } => {
                "name the directory that `clockfold backup` wrote, or that [archive] directory names"
            }
            CopyError::Manifest { .. } => "use another copy",
            CopyError::Corrupt(_) => {
                "use another copy, or take what is good before the damage with --up-to-damage; keep the damaged one"
            }
            CopyError::ReadBack { .. } => "the disk does not keep what is written to it: back up to another one",
            CopyError::OtherLog { .. } => {
                "check data_dir and [archive] directory; to begin a new archive of this log, name an empty directory and keep the old one"
            }
            CopyError::InUse { .. } => "give each server an archive directory of its own",
            CopyError::LogThere { .. } => "name an empty or a new directory with --data-dir",
            CopyError::NotRestored { .. } => "check the disk and try again",
            CopyError::Log(error) => error.hint(),
        }
    }

    /// For `map_err`: what was being done to what.
    pub(super) fn file(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> CopyError {
        let path = path.into();
        move |error| CopyError::File { doing, path, error }
    }
}
