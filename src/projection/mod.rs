//! All appointments on disk, folded from the log, with the indexes that queries use.
//!
//! Deliveries come in as the log hands them back; rows and a checkpoint go to disk in one atomic
//! batch; [`View`]s answer queries from a snapshot. Restart, catch-up, rebuild and live traffic go
//! through the same [`Projection::apply`]. Keeps promise 6: it can be deleted at any time.

mod rules;
mod row;
mod record;
mod places;
mod changes;
mod course;
mod tally;
mod hot;
mod home;
mod lsm;
mod store;
mod apply;
mod pace;
mod parallel;
mod sort;
mod gather;
mod fold_sorted;
mod rows;
mod source_rows;
mod bulk;
mod compare;
mod rebuild;
mod catch_up;
mod merge;
mod patience;
mod view;
mod filter;
mod runs;
mod find;
mod listed;
mod flow;
mod not_applied;
mod as_of;
mod patterns;
mod place;
mod repeats;
mod refold;

use crate::log::{AppointmentId, Digest, Position, SourceName};

pub use as_of::{AsOf, BoardRecords, Column, Moment, StaleRules};
pub use compare::{Differences, Report, Sample};
pub use filter::{AppointmentFilter, AppointmentPlace, IdPrefix, Order, OrderBy, Positions, Stretches, Times};
pub use flow::{Flow, Waits};
pub use listed::{DeliveryFilter, HistoryEntry};
pub use not_applied::NotApplied;
pub use pace::{Progress, Stage, Workshop};
pub use patience::{Patience, Waiting};
pub use patterns::{Evidence, Pattern, REJECTIONS_MAX, Shown, WINDOW_TRIED};
pub use place::BoardPlace;
pub use rebuild::{
    Candidate, build_in_place_of, compare_with_fresh_fold, open_as_it_is, open_to_read, rebuild_beside,
    remove_old_projections, state_digest_of,
};
pub use record::AppointmentRecord;
pub use refold::{Arrived, Refolded};
pub use rules::Rules;
pub use runs::SetBack;
pub use store::{Projection, Reader, Readers};
pub use tally::Tally;
pub use view::{Page, PageOf, Told, View};

/// An appointment's identity: two sources may use the same number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AppointmentKey {
    /// Who sends its deliveries.
    pub source: SourceName,
    /// The source's number for it.
    pub appointment_id: AppointmentId,
}

/// How far the log is folded, and by which rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The last position that is folded.
    pub position: Position,
    /// The log's digest there.
    pub digest: Digest,
    /// The digest of the rules it was folded by.
    pub rules_digest: Digest,
}

impl ProjectionError {
    /// Whether the projection is not what was written: then it is built anew from the log.
    pub fn is_damage(&self) -> bool {
        matches!(self, ProjectionError::Damaged(_) | ProjectionError::DamagedFile(_))
    }
}

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
        "a row of the projection is damaged ({0}); stop, delete the `projection` folder and start again: it is built anew from the log"
    )]
    Damaged(&'static str),
    /// A file of the store is not what was written. A start builds the projection anew where it meets that.
    #[error("{0}")]
    DamagedFile(String),
    /// An appointment has more deliveries than a rebuild holds in memory.
    #[error(
        "one appointment has more than two million deliveries, which can't be sorted and folded together; without a projection a start folds them one by one"
    )]
    TooManyDeliveries,
    /// What has to be put in order at an earlier moment is too much.
    #[error("more than {0} appointments would have to be put in order")]
    TooManyToOrder(usize),
    /// No delivery names the appointment.
    #[error("no delivery names this appointment")]
    NoSuchAppointment,
    /// Somebody asked for the end of a rebuild.
    #[error("the rebuild was cancelled; nothing has changed")]
    Cancelled,
    /// Whoever reads waits no longer.
    #[error("a query was ended before it was done: its time was over, or nobody waited for it any more")]
    OutOfTime,
    /// The log could not be read.
    #[error(transparent)]
    Log(#[from] crate::log::LogError),
    /// A delivery that does not follow the checkpoint.
    #[error("the projection was given position {found} where {expected} comes next")]
    OutOfOrder {
        /// What comes next.
        expected: crate::log::Position,
        /// What was given.
        found: crate::log::Position,
    },
}
