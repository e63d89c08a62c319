//! Faults that a test plants in the writer, to see whether its checks find them. The product has none of them: there
//! `planted!` is `false`.

#[cfg(test)]
use std::cell::Cell;

/// A fault of the writer.
#[cfg(test)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// A repeat of a delivery of the log is appended again.
    RepeatOfLogAppended,
    /// A repeat of a delivery of its own group is appended again.
    RepeatInGroupAppended,
    /// In a group, a delivery with the id of another counts as its repeat, whatever its body.
    BodyNotCompared,
    /// The sender of the second delivery of a group gets the receipt of the first.
    ReceiptOfNeighbour,
    /// Nobody learns that another body had the id before.
    ConflictNotTold,
    /// A delivery that is not folded is announced.
    AnnouncedTooFar,
    /// Deliveries after a storage error are taken as if there had been none.
    FailureForgotten,
    /// What was folded while it was made durable is written although that failed.
    AppendErrorForgotten,
    /// What was folded before a storage error still counts after it.
    CountedAsBeforeFailure,
    /// After a repair, waiting deliveries are not folded.
    NotFoldedAfterRepair,
}

#[cfg(test)]
thread_local! {
    static PLANTED: Cell<Option<Fault>> = const { Cell::new(None) };
}

/// Plants a fault in all writers that serve on this thread.
#[cfg(test)]
pub(super) fn plant(fault: Option<Fault>) {
    PLANTED.set(fault);
}

#[cfg(test)]
pub(super) fn is_planted(fault: Fault) -> bool {
    PLANTED.get() == Some(fault)
}

/// Whether a test has planted a fault.
#[cfg(test)]
macro_rules! planted {
    ($fault:ident) => {
        $crate::tracker::planted::is_planted($crate::tracker::planted::Fault::$fault)
    };
}

/// Whether a test has planted a fault: this is no test.
#[cfg(not(test))]
macro_rules! planted {
    ($fault:ident) => {
        false
    };
}

pub(super) use planted;
