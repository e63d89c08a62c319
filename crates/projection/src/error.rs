//! What can go wrong with a projection, and which of it is corruption: then it is built anew from the log.

use std::io;

use clockfold_rows::Error;

/// The projection can't be written or read.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ProjectionError {
    /// The store failed.
    #[error("the projection's store failed while {doing}: {message}")]
    Storage {
        /// What was being done.
        doing: &'static str,
        /// What the store said.
        message: String,
    },
    /// A row can't be what was written. Deleting the projection's folder has it built anew.
    #[error(
        "a row of the projection is corrupt ({0}); stop, delete the `projection` folder and start again: it is built anew from the log"
    )]
    Corrupt(&'static str),
    /// A file of the store is not what was written. A start builds the projection anew where it meets that.
    #[error("{0}. It is built anew from the log by the server that meets this, at a start, or by `clockfold rebuild`")]
    CorruptFile(String),
    /// An appointment has more deliveries than a rebuild holds in memory.
    #[error(
        "one appointment has more than two million deliveries, which can't be sorted and folded together; without a projection a start folds them one by one"
    )]
    TooManyDeliveries,
    /// Too many appointments would have to be put in order at an earlier moment.
    #[error("more than {0} appointments would have to be put in order")]
    TooManyToOrder(usize),
    /// No delivery names the appointment.
    #[error("no delivery names this appointment")]
    NoSuchAppointment,
    /// It was given up before it was done; nothing has changed.
    #[error("{0}; nothing has changed")]
    Cancelled(#[from] Cancelled),
    /// The reader no longer waits.
    #[error("a query was ended before it was done: its time was over, or nobody waited for it any more")]
    OutOfTime,
    /// The log could not be read.
    #[error(transparent)]
    Log(#[from] clockfold_log::LogError),
    /// A delivery that does not follow the checkpoint.
    #[error("the projection was given position {found} where {expected} comes next")]
    OutOfOrder {
        /// What comes next.
        expected: clockfold_log::Position,
        /// What was given.
        found: clockfold_log::Position,
    },
}

/// Why building or switching a projection was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Cancelled {
    /// Somebody asked for that.
    #[error("the rebuild was cancelled")]
    OnRequest,
    /// The disk has little room left, and deliveries need it.
    #[error("the disk is almost full")]
    DiskAlmostFull,
    /// The projection that counts turned out to be corrupt, and the writer builds it anew at once.
    #[error("the projection is corrupt and is built anew at once")]
    BuiltAtOnce,
    /// The log takes nothing at the moment.
    #[error("the storage has failed")]
    StorageFailed,
    /// The server stops.
    #[error("the server stops")]
    Stopping,
}

impl ProjectionError {
    /// Whether the projection is not what was written: then it is built anew from the log.
    pub fn is_corruption(&self) -> bool {
        matches!(self, ProjectionError::Corrupt(_) | ProjectionError::CorruptFile(_))
    }
}

impl From<Error> for ProjectionError {
    fn from(error: Error) -> ProjectionError {
        let message = error.to_string();
        match error {
            Error::Corrupt { .. } => ProjectionError::CorruptFile(message),
            Error::Io { doing, path, message } => {
                ProjectionError::Storage { doing, message: format!("{path}: {message}") }
            }
            Error::Foreign { .. } => ProjectionError::Storage { doing: "opening", message },
            Error::Stopped(_) => ProjectionError::Storage { doing: "writing", message },
        }
    }
}

/// An error of the file system outside the store.
pub(crate) fn failed(doing: &'static str, error: io::Error) -> ProjectionError {
    ProjectionError::Storage { doing, message: error.to_string() }
}
