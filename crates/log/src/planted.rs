//! Faults that a test plants in the log, to see whether the simulation finds them. The product has none of them: there
//! `planted!` is `false`, and the compiler drops what stands behind it.

#[cfg(test)]
use std::cell::Cell;

/// A fault of the log.
#[cfg(test)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A record whose checksum does not fit is taken.
    TornRecordTaken,
    /// A record's checksum says nothing of what is in it.
    ChecksumWithoutValue,
    /// A broken record is given up although whole ones follow it.
    BrokenBeforeWholeGivenUp,
    /// A record is written over the one before.
    RecordWrittenOverTheLast,
    /// A file of the journal has its number before its head is on the disk.
    FileNamedBeforeSync,
    /// What a crash left of a file that was being made is in the way of the next one.
    LeftoverKept,
    /// A file of the journal is removed before the store has what it holds.
    FileRemovedBeforeCheckpoint,
    /// Deliveries leave memory before the store has them.
    CheckpointedBeforeCommit,
    /// The log's digest stays what it was when a group comes.
    DigestNotAdvanced,
    /// Only the last group that a crash left in the journal is taken.
    EarlierGroupForgotten,
    /// A start removes the journal's files before the store has what they hold.
    RecoveredFilesRemovedFirst,
    /// A log that ends before its remembered head is opened all the same.
    ShorterAccepted,
}

#[cfg(test)]
thread_local! {
    static PLANTED: Cell<Option<Fault>> = const { Cell::new(None) };
}

/// Plants a fault in all logs of this thread.
#[cfg(test)]
pub(crate) fn plant(fault: Option<Fault>) {
    PLANTED.set(fault);
}

#[cfg(test)]
pub(crate) fn is_planted(fault: Fault) -> bool {
    PLANTED.get() == Some(fault)
}

/// Whether a test has planted a fault.
#[cfg(test)]
macro_rules! planted {
    ($fault:ident) => {
        $crate::planted::is_planted($crate::planted::Fault::$fault)
    };
}

/// Whether a test has planted a fault: this is no test.
#[cfg(not(test))]
macro_rules! planted {
    ($fault:ident) => {
        false
    };
}

pub(crate) use planted;
