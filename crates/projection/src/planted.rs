//! Faults that a test plants in the projection, to see whether its checks find them. No product has the feature that
//! they stand behind: there `planted!` is `false`.

#[cfg(feature = "planted")]
use std::cell::Cell;

/// A fault of the projection.
#[cfg(feature = "planted")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// An appointment whose status changes is not listed by its new one.
    IndexRowForgotten,
    /// An appointment whose status changes stays listed by its old one as well.
    OldIndexRowKept,
    /// An appointment whose status changes is still listed where its last delivery was before.
    OldLastRowKept,
    /// Where an appointment is listed by its last delivery, its status is said to have begun when the one before it did.
    OldSinceKept,
    /// The counts of a source do not follow a change of status.
    CountNotMoved,
    /// A change of status is missing from the changes of its source.
    StatusChangeForgotten,
    /// A rejected delivery does not go into the digest of the log.
    RejectedNotInDigest,
    /// The checkpoint counts one delivery that was not folded.
    CheckpointTooFar,
    /// The checkpoint is written with the next batch, so that a snapshot can lie between it and its rows.
    CheckpointBehind,
    /// The first delivery after a start is folded twice.
    FoldedTwiceAfterStart,
    /// The history says of a rejected delivery that it was applied.
    RejectionRecordedAsApplied,
    /// The history goes to a row of its own one entry too late.
    HistoryRowTooLong,
    /// A delivery stays listed by the outcome that a later one has changed.
    RevisionNotListed,
    /// Only the first position of each sender's id is kept.
    DeliveryIdForgotten,
    /// A row that is looked up by its key is as it is now, not as of the snapshot.
    LookUpPastSnapshot,
    /// A rebuild forgets the last delivery of each stretch of the log.
    RebuildForgetsLast,
}

#[cfg(feature = "planted")]
thread_local! {
    static PLANTED: Cell<Option<Fault>> = const { Cell::new(None) };
}

/// Plants a fault in all projections that this thread writes, reads or rebuilds.
#[cfg(feature = "planted")]
pub fn plant(fault: Option<Fault>) {
    PLANTED.set(fault);
}

#[cfg(feature = "planted")]
pub(crate) fn is_planted(fault: Fault) -> bool {
    PLANTED.get() == Some(fault)
}

/// Whether a test has planted a fault.
#[cfg(feature = "planted")]
macro_rules! planted {
    ($fault:ident) => {
        $crate::planted::is_planted($crate::planted::Fault::$fault)
    };
}

/// Whether a test has planted a fault: nobody can.
#[cfg(not(feature = "planted"))]
macro_rules! planted {
    ($fault:ident) => {
        false
    };
}

pub(crate) use planted;
