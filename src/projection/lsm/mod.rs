//! A store of rows in keyspaces, made for the projection: ordered, with atomic batches and cheap snapshots, and without
//! a journal, because the log is one.
//!
//! ```text
//! batch ─> memory (memtable.rs) ─ full, or 20 s old, or the end ─> a table's file (writer.rs, table.rs)
//!               ^                                                       │ merged by size (background.rs)
//! snapshot ─────┴──────────────── looks at both, newest first ──────────┘
//! ```
//!
//! - Rows wait in memory and go to a file together: what is on disk is what the store was after one batch, whatever
//!   happened when. A crash takes whole batches from the end, of 24 MiB at most for each of three tables in memory, and
//!   the log has their deliveries.
//! - A snapshot sees one batch's end in every keyspace. Memory keeps an older version of a row only while a snapshot
//!   needs it, so a row that every batch writes does not pile up.
//! - Every block, index and list of tables has a checksum. What is damaged is an error that names the file, and never a
//!   wrong row.
//! - A table's file is synced before the list of tables names it. Names are not: after a power cut the list may be an older
//!   one, or not fit, and the store is then not opened.
//!
//! A snapshot that is held for long keeps the memory and the files that it looks at, 24 MiB of rows at most three times
//! and what was merged since.
//!
//! One thread writes; any number reads. Nothing here knows what a row means.

mod key;
mod block;
mod filter;
mod section;
mod cache;
mod error;
mod table;
mod writer;
mod manifest;
mod memtable;
mod source;
mod iter;
mod snapshot;
mod shared;
mod batch;
mod ingest;
mod background;
#[cfg(test)]
mod tests;

use std::{
    ops::RangeBounds,
    path::Path,
    sync::Arc,
    thread::{self, JoinHandle},
};

use background::Background;
use manifest::Manifest;
use shared::Shared;

pub(in crate::projection) use batch::Batch;
pub(in crate::projection) use error::Error;
pub(in crate::projection) use ingest::Ingestion;
pub(in crate::projection) use iter::{Guard, Iter};
pub(in crate::projection) use key::Key;
pub(in crate::projection) use snapshot::Snapshot;

use error::Result;

/// What a keyspace is used for. The number of one is its place in the list that the store is opened with.
pub(in crate::projection) struct Space {
    /// Rows are looked up by their keys: tables have filters for that.
    pub(in crate::projection) is_looked_up: bool,
    /// Nobody puts in a row that is there already, so what is removed before it came to a file leaves no trace.
    pub(in crate::projection) is_once: bool,
}

/// An open store. When it is dropped, everything that was written goes to files.
pub(in crate::projection) struct Database {
    shared: Arc<Shared>,
    /// `None` where it is only read.
    background: Option<JoinHandle<()>>,
}

/// A handle to one keyspace; cheap to clone.
#[derive(Clone)]
pub(in crate::projection) struct Keyspace {
    shared: Arc<Shared>,
    space: usize,
}

impl Database {
    /// Opens what is in a folder, or makes an empty store where there is none. `cache_bytes` bounds what is kept of
    /// files.
    pub(in crate::projection) fn open(path: &Path, spaces: &'static [Space], cache_bytes: usize) -> Result<Database> {
        let manifest = Manifest::open(path, spaces.len())?;
        let shared = Arc::new(Shared::new(path.to_owned(), spaces, cache_bytes, manifest));
        let background = Background::new(Arc::clone(&shared));
        let thread = thread::Builder::new().name("projection".to_owned()).spawn(move || background.run());
        let thread = thread.map_err(error::io("starting a thread for", path))?;
        Ok(Database { shared, background: Some(thread) })
    }

    /// Opens what is in a folder, for who only reads: no file is made, merged or removed, and rows that are put in stay in memory.
    pub(in crate::projection) fn open_to_read(
        path: &Path,
        spaces: &'static [Space],
        cache_bytes: usize,
    ) -> Result<Database> {
        let manifest = Manifest::open_to_read(path, spaces.len())?;
        Ok(Database { shared: Arc::new(Shared::new(path.to_owned(), spaces, cache_bytes, manifest)), background: None })
    }

    /// The keyspace with a number.
    pub(in crate::projection) fn keyspace(&self, space: usize) -> Keyspace {
        assert!(space < self.shared.spaces.len(), "there is no such keyspace");
        Keyspace { shared: Arc::clone(&self.shared), space }
    }

    /// Holds this moment for reading.
    pub(in crate::projection) fn snapshot(&self) -> Snapshot {
        Snapshot::of(self.shared.hold())
    }

    /// Whether a reader, or a merge, has met damage in one of its files.
    pub(in crate::projection) fn is_damaged(&self) -> bool {
        let state = self.shared.state();
        matches!(state.failure, Some(Error::Damaged { .. }))
            || state.levels.tables.iter().any(|table| table.is_damaged())
    }

    /// Takes rows that are to be written together.
    pub(in crate::projection) fn batch(&self) -> Batch {
        Batch::of(Arc::clone(&self.shared))
    }

    /// Fills the store, which is empty.
    pub(in crate::projection) fn start_ingestion(&self) -> Result<Ingestion> {
        Ingestion::into(&self.shared)
    }

    /// Writes everything to files, and waits for it.
    pub(in crate::projection) fn flush(&self) -> Result<()> {
        // Who only reads has nothing to write.
        if self.background.is_none() { Ok(()) } else { self.shared.flush() }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.shared.change(|state| state.is_closing = true);
        let thread = self.background.take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that writes the projection's files panicked");
        }
    }
}

impl Keyspace {
    /// A row's value, as the last batch has it.
    pub(in crate::projection) fn get(&self, key: impl AsRef<[u8]>) -> Result<Option<Vec<u8>>> {
        self.shared.get(self.space, key.as_ref())
    }

    /// The rows of a range, as the last batch has them.
    pub(in crate::projection) fn range<K: AsRef<[u8]>>(&self, range: impl RangeBounds<K>) -> Iter {
        Snapshot::of(self.shared.hold()).range(self, range)
    }

    /// Writes one row.
    pub(in crate::projection) fn insert(&self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Result<()> {
        let mut batch = Batch::of(Arc::clone(&self.shared));
        batch.insert(self, key, value);
        batch.commit()
    }

    /// Removes one row.
    #[cfg(test)]
    pub(in crate::projection) fn remove(&self, key: impl AsRef<[u8]>) -> Result<()> {
        let mut batch = Batch::of(Arc::clone(&self.shared));
        batch.remove(self, key);
        batch.commit()
    }
}
