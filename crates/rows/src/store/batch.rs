//! Rows that are written together or not at all.

use std::sync::Arc;

use crate::{Keyspace, error::Result, memory::batch_rows::BatchRows, store::shared::Shared};

/// Takes rows. Readers see them from the commit on. Of two rows with the same key, the later one counts.
pub struct Batch {
    shared: Arc<Shared>,
    rows: BatchRows,
}

impl Batch {
    pub(crate) fn of(shared: Arc<Shared>) -> Batch {
        Batch { shared, rows: BatchRows::default() }
    }

    /// Puts a row in, in place of one with the same key.
    pub fn insert(&mut self, keyspace: &Keyspace, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        self.rows.push(keyspace.space, key.as_ref(), Some(value.as_ref()));
    }

    /// Removes a row.
    pub fn remove(&mut self, keyspace: &Keyspace, key: impl AsRef<[u8]>) {
        self.rows.push(keyspace.space, key.as_ref(), None);
    }

    /// Shows the rows to all readers from now on; no reader waits for that, however many rows there are. An error leaves
    /// the store as it was.
    pub fn commit(self) -> Result<()> {
        self.shared.commit(self.rows)
    }
}
