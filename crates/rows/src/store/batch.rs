//! Rows that are written together or not at all.

use std::sync::Arc;

use crate::{Keyspace, error::Result, memory::batch_rows::BatchRows, store::shared::Shared};

/// Takes rows; nobody sees them before the commit. Of two with the same key, the later one counts.
pub struct Batch {
    shared: Arc<Shared>,
    rows: BatchRows,
}

impl Batch {
    pub(crate) fn of(shared: Arc<Shared>) -> Batch {
        Batch { shared, rows: BatchRows::default() }
    }

    /// Puts a row in, in the place of the one that has the key.
    pub fn insert(&mut self, keyspace: &Keyspace, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        self.rows.push(keyspace.space, key.as_ref(), Some(value.as_ref()));
    }

    /// Removes a row.
    pub fn remove(&mut self, keyspace: &Keyspace, key: impl AsRef<[u8]>) {
        self.rows.push(keyspace.space, key.as_ref(), None);
    }

    /// Makes everybody see the rows from now on. Nobody who reads waits for that, however many there are.
    pub fn commit(self) -> Result<()> {
        self.shared.commit(self.rows)
    }
}
