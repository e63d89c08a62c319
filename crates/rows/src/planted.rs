//! Faults that a test plants in the store, to see whether the simulation finds them. The product has none of them: there
//! `planted!` is `false`, and the compiler drops what stands behind it.

#[cfg(test)]
use std::cell::Cell;

/// A fault of the store.
#[cfg(test)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A block, an index or a manifest whose checksum does not fit is taken.
    ChecksumNotChecked,
    /// A manifest that does not fit is taken for that of an empty store.
    TornManifestAccepted,
    /// The manifest is synced after it has its name.
    ManifestRenamedBeforeSync,
    /// Of several tables in memory, the newest full one goes to a file first.
    FlushOrderWrong,
    /// Rows leave memory although the manifest could not be written.
    ManifestErrorSwallowed,
    /// Tables that were compacted are removed before the manifest is written.
    TablesRemovedBeforeManifest,
    /// A table is removed although a manifest that names it may be on the disk.
    DoubtfulTableRemoved,
    /// A start removes what its manifest does not name before it is sure of that manifest.
    RemovedBeforeFolderSynced,
    /// A compaction forgets that rows were removed, although older tables have them.
    RemovalForgotten,
    /// A compaction puts its table before those that came in the meantime.
    CompactedTableFirst,
    /// The last row of each section is forgotten.
    RowForgotten,
    /// A filter does not know the first key of its section.
    FilterKeyForgotten,
    /// The version that a snapshot needs is not kept.
    VersionForgotten,
}

#[cfg(test)]
thread_local! {
    static PLANTED: Cell<Option<Fault>> = const { Cell::new(None) };
}

/// Plants a fault in all stores of this thread.
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
