//! A store of ordered rows in keyspaces, with atomic batches and cheap snapshots, and without a journal: it is for rows
//! that follow from something durable elsewhere, and are made again from it where a crash took the last of them.
//!
//! ```text
//! batch ─> memory (memory/) ─── full, or 20 s old, or the end ─> a table's file (table/)
//!               ^                                                       │ compacted by size (store/compaction.rs)
//! snapshot ─────┴──────────────── looks at both, newest first ──────────┘
//! ```
//!
//! - Rows wait in memory and go to a file together: what is on disk is what the store was after one batch, whatever
//!   happened when. A crash takes whole batches from the end, of [`Options::memtable_bytes`] at most for
//!   each of three tables in memory.
//! - A snapshot sees one batch's end in every keyspace. Memory keeps an older version of a row only while a snapshot
//!   needs it, so a row that every batch writes does not pile up.
//! - Every block, index and list of tables has a checksum. What is corrupt is an error that names the file, and never a
//!   wrong row.
//! - A power cut leaves the store as it was after one batch, which is at least as new as what [`Database::flush`],
//!   [`Ingestion::finish`] or the end of a [`Database`] has returned for. A table's file is synced, and its name with the
//!   folder, before a list of tables names it; the list is synced before it takes the place of the one before, and the
//!   folder after that; what no list names any more goes after that again. Opening the store keeps to the same, so it may
//!   itself be cut short, as often as it likes. The promise is as good as the disk's own: what it has answered a sync for
//!   is there.
//!
//! A snapshot that is held for long keeps the memory and the files that it looks at: three such tables at most, and
//! what was compacted since.
//!
//! One thread writes; any number reads. Nothing here knows what a row means.

mod planted;
mod error;
mod options;
mod disk;
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

use crate::{
    disk::{Disk, RealDisk},
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

/// An open store. When it is dropped, everything that was written goes to files.
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

    /// Opens what is in a folder, for who only reads: no file is made, compacted or removed, and rows that are put in stay in memory.
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
        // Who only reads has nothing to write.
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
