//! A store of ordered rows in keyspaces, with atomic batches and cheap snapshots. It has no journal: it is for rows that
//! follow from something durable elsewhere, so that the owner can write the last of them again after a crash.
//!
//! ```text
//! batch ──> memory (memory/) ── once full, or 20 s old, or closed ──> a table's file (table/)
//!               ^                                                       │ compaction (store/compaction.rs)
//! snapshot ─────┴──────────────── reads both, the newest first ─────────┘
//! ```
//!
//! - **Crash.** A flush writes whole batches. A crash takes whole batches from the end: at most those in memory, which are
//!   [`Options::memtable_bytes`] in each of [`Options::frozen_max`] + 1 tables.
//! - **Power cut.** The same holds after a power cut, and the batch that is left is at least as new as the last one for which
//!   [`Database::flush`], [`Ingestion::finish`] or the drop of a [`Database`] has returned without an error. A table's file is
//!   synced, and then the folder, before a manifest names the table; the manifest is synced before it takes the place of
//!   the one before, and the folder after that; a file that no manifest names goes after that again. An opening does the same,
//!   so a power cut may hit it as well. The promise is as good as the disk: a sync that it answered has to be true.
//! - **Errors.** A failed write or sync surfaces from the next flush, and from commits once memory is full; the store tries
//!   again with another file, and never syncs the same file again. Meanwhile it serves what it has.
//! - **Corruption.** Every block, index and manifest has a checksum. What does not fit is an error that names the file, and
//!   never a wrong row.
//! - **Snapshots.** A snapshot sees the end of one batch in every keyspace. Memory keeps an older version of a row only while
//!   a snapshot needs it. A snapshot that is held for long keeps the memory and the files that it reads.
//! - **Threads.** One thread writes at a time; any number reads, and no reader waits for a batch.
//!
//! The store gives no meaning to a row. Its files are drawn in `docs/formats/rows.md`.

mod planted;
mod error;
mod options;
mod table;
mod memory;
mod merge;
mod store;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
#[cfg(test)]
mod frozen;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;

use std::{
    ops::RangeBounds,
    path::Path,
    sync::Arc,
    thread::{self, JoinHandle},
};

use clockfold_disk::{Disk, RealDisk};

use crate::{
    error::Result,
    store::{background::Background, clock::Clock, manifest::Manifest, shared::Shared},
};

pub use error::Error;
pub use options::{KeyspaceOptions, Options};
pub use store::{
    batch::Batch,
    ingest::Ingestion,
    iter::{Guard, Iter},
    snapshot::Snapshot,
};
pub use table::key::Key;

/// An open store. Its drop writes all rows to files, and waits for that; an error is in the program's messages then.
pub struct Database {
    shared: Arc<Shared>,
    /// `None` where it is only read.
    background: Option<JoinHandle<()>>,
}

/// A handle to one keyspace; cheap to clone.
#[derive(Clone)]
pub struct Keyspace {
    shared: Arc<Shared>,
    space: usize,
}

impl Database {
    /// Opens what is in a folder, or makes an empty store where there is none.
    pub fn open(path: &Path, options: Options) -> Result<Database> {
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        let manifest = Manifest::open(&disk, path, options.keyspaces.len())?;
        let shared = Arc::new(Shared::new(disk, Clock::of_machine(), path.to_owned(), options, manifest));
        let background = Background::new(Arc::clone(&shared));
        let thread = thread::Builder::new().name("rows".to_owned()).spawn(move || background.run());
        let thread = thread.map_err(error::io("starting a thread for", path))?;
        Ok(Database { shared, background: Some(thread) })
    }

    /// Opens a store for reading. It changes no file: rows that a batch writes stay in memory.
    pub fn open_to_read(path: &Path, options: Options) -> Result<Database> {
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        let manifest = Manifest::open_to_read(&disk, path, options.keyspaces.len())?;
        // Nothing would write full memory to a file.
        let options = Options { memtable_bytes: usize::MAX, ..options };
        Ok(Database {
            shared: Arc::new(Shared::new(disk, Clock::of_machine(), path.to_owned(), options, manifest)),
            background: None,
        })
    }

    /// The keyspace with a number.
    pub fn keyspace(&self, space: usize) -> Keyspace {
        assert!(space < self.shared.options.keyspaces.len(), "there is no such keyspace");
        Keyspace { shared: Arc::clone(&self.shared), space }
    }

    /// Holds this moment for reading.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::of(self.shared.hold())
    }

    /// Whether a reader, or a compaction, has met corruption in one of its files.
    pub fn is_corrupt(&self) -> bool {
        let state = self.shared.state();
        matches!(state.failure, Some(Error::Corrupt { .. }))
            || state.levels.tables.iter().any(|table| table.is_corrupt())
    }

    /// Takes rows that are to be written together.
    pub fn batch(&self) -> Batch {
        Batch::of(Arc::clone(&self.shared))
    }

    /// Fills the store, which is empty.
    pub fn start_ingestion(&self) -> Result<Ingestion> {
        Ingestion::into(&self.shared)
    }

    /// Writes everything to files, and waits for it.
    pub fn flush(&self) -> Result<()> {
        // A store that is only read has nothing to write.
        if self.background.is_none() { Ok(()) } else { self.shared.flush() }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.shared.change(|state| state.is_closing = true);
        let thread = self.background.take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that writes the files of rows panicked");
        }
    }
}

impl Keyspace {
    /// A row's value, as the last batch has it.
    pub fn get(&self, key: impl AsRef<[u8]>) -> Result<Option<Vec<u8>>> {
        self.shared.get(self.space, key.as_ref())
    }

    /// The rows of a range, as the last batch has them.
    pub fn range<K: AsRef<[u8]>>(&self, range: impl RangeBounds<K>) -> Iter {
        Snapshot::of(self.shared.hold()).range(self, range)
    }

    /// Writes one row.
    pub fn insert(&self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Result<()> {
        let mut batch = Batch::of(Arc::clone(&self.shared));
        batch.insert(self, key, value);
        batch.commit()
    }
}
