//! Rows that are written together or not at all.

use std::sync::Arc;

use crate::{Keyspace, error::Result, store::shared::Shared, table::key::Key};

/// Takes rows; nobody sees them before the commit. Of two with the same key, the later one counts.
pub struct Batch {
    shared: Arc<Shared>,
    pub(crate) rows: Vec<BatchRow>,
    pub(crate) values: Vec<u8>,
}

pub(crate) struct BatchRow {
    pub(crate) space: usize,
    pub(crate) key: Key,
    /// Where its value begins, and how long it is; `None` removes the row.
    pub(crate) value: Option<(usize, usize)>,
}

impl Batch {
    pub(crate) fn of(shared: Arc<Shared>) -> Batch {
        Batch { shared, rows: Vec::new(), values: Vec::new() }
    }

    /// Puts a row in, in the place of the one that has the key.
    pub fn insert(&mut self, keyspace: &Keyspace, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        let value = value.as_ref();
        let place = Some((self.values.len(), value.len()));
        self.values.extend_from_slice(value);
        self.rows.push(BatchRow { space: keyspace.space, key: Key::from(key.as_ref()), value: place });
    }

    /// Removes a row.
    pub fn remove(&mut self, keyspace: &Keyspace, key: impl AsRef<[u8]>) {
        self.rows.push(BatchRow { space: keyspace.space, key: Key::from(key.as_ref()), value: None });
    }

    /// Makes everybody see the rows from now on.
    pub fn commit(self) -> Result<()> {
        let shared = Arc::clone(&self.shared);
        shared.commit(&self)
    }
}
