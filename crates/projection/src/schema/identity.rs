//! Whose rows these are: which appointment, and how far of which log.

use clockfold_log::{AppointmentId, Digest, Position, SourceName};

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
