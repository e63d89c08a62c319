//! What can go wrong with a log, and what the person who reads that can do.

use std::path::PathBuf;

use crate::{Cause, Position};

/// What can go wrong with a log.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LogError {
    /// The system refuses to open, read or write the log, or the store can't go on. That says nothing about the
    /// deliveries in it.
    #[error("{doing}: {message}")]
    Storage {
        /// What was being done.
        doing: String,
        /// What the store or the system said.
        message: String,
        /// What that means.
        cause: Cause,
    },
    /// The store itself refuses to open: it noticed corruption, without saying where.
    #[error("the store in {path} can't be opened: {message}")]
    Unopenable {
        /// The log's folder.
        path: PathBuf,
        /// What the store said.
        message: String,
    },
    /// A record can't be what was written.
    #[error("the log is corrupt at position {position}: {message}")]
    Corrupt {
        /// The first position that can't be trusted.
        position: Position,
        /// What does not fit.
        message: String,
    },
    /// The log ends before the head that was remembered beside it.
    #[error(
        "the log in {path} ends at position {found}, but {remembered} were acknowledged: {} deliveries are missing",
        remembered.get().saturating_sub(found.get())
    )]
    Shorter {
        /// The log's folder.
        path: PathBuf,
        /// The last position that is there.
        found: Position,
        /// The last position that was there.
        remembered: Position,
    },
    /// The head file was read, and is not what was written.
    #[error("the head file {path} can't be read: {message}")]
    HeadUnreadable {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        message: String,
    },
    /// Another process has the data directory.
    #[error("the data directory {path} is in use by another clockfold process{}", .holder.as_deref().map(|pid| format!(" (process {pid})")).unwrap_or_default())]
    InUse {
        /// The directory.
        path: PathBuf,
        /// Its process id, where the lock file has it.
        holder: Option<String>,
    },
    /// A delivery of another log can't follow the last one here.
    #[error("the delivery {position} can't be appended: {message}")]
    Misplaced {
        /// Its position there.
        position: Position,
        /// Why not.
        message: String,
    },
    /// There is nothing to read yet.
    #[error("there is no log in {path} yet: its making was interrupted")]
    Unmade {
        /// The log's folder.
        path: PathBuf,
    },
    /// The path of the data directory leads elsewhere than when it was opened, or nowhere.
    #[error("{path} is no longer what this process has opened: it was removed, renamed or exchanged")]
    Exchanged {
        /// The directory.
        path: PathBuf,
    },
    /// An earlier storage error closed the log for writing, until it can be opened anew.
    #[error("the log takes no deliveries since a storage error: {0}")]
    Closed(String),
}

impl LogError {
    /// Whether the log itself was read and is not what was written: then it waits for a person.
    pub fn is_corruption(&self) -> bool {
        matches!(self, LogError::Corrupt { .. } | LogError::Shorter { .. })
    }

    /// Whether the hint says to give up what is there: the log was read, by us or by the store, and is corrupt.
    pub fn gives_up(&self) -> bool {
        self.is_corruption() || matches!(self, LogError::Unopenable { .. })
    }

    /// Whether there was no room for more.
    pub(crate) fn is_full(&self) -> bool {
        matches!(self, LogError::Storage { cause: Cause::NoSpace | Cause::Quota, .. })
    }

    /// What the person who reads the message can do.
    pub fn hint(&self) -> &'static str {
        match self {
            LogError::Storage { cause, .. } => cause.hint(),
            LogError::Closed(_) => {
                "check the disk (space, permissions, kernel messages): the log is opened anew by itself once that takes files, with everything that was acknowledged"
            }
            LogError::Unopenable { .. } | LogError::Corrupt { .. } => {
                "keep this data directory as it is, have `clockfold verify` say what of it is good, and restore the log from a backup (`clockfold restore`)"
            }
            LogError::Shorter { .. } => {
                "restore the log from a backup. To go on without the missing deliveries, move the `head` file out of the data directory: what is missing is then lost for good"
            }
            LogError::HeadUnreadable { .. } => {
                "the disk may be failing. The head is only a tripwire: move the file out of the data directory to go on without the comparison"
            }
            LogError::Exchanged { .. } => {
                "put back what was there: deliveries are accepted again as soon as the path leads to a log that holds everything that was acknowledged"
            }
            LogError::Unmade { .. } => "the next start makes it; nothing was accepted before that",
            LogError::Misplaced { .. } => "take the deliveries from a copy of this same log, in their order",
            LogError::InUse { .. } => "stop that process first, or choose another directory with --data-dir",
        }
    }
}
