//! Rows that are written together or not at all.

use std::sync::Arc;

use super::{Keyspace, error::Result, key::Key, shared::Shared};

/// Takes rows; nobody sees them before the commit. Of two with the same key, the later one counts.
pub(in crate::projection) struct Batch {
    shared: Arc<Shared>,
    pub(super) rows: Vec<BatchRow>,
    pub(super) values: Vec<u8>,
}

pub(super) struct BatchRow {
    pub(super) space: usize,
    pub(super) key: Key,
    /// Where its value begins, and how long it is; `None` removes the row.
    pub(super) value: Option<(usize, usize)>,
}

impl Batch {
    pub(super) fn of(shared: Arc<Shared>) -> Batch {
        Batch { shared, rows: Vec::new(), values: Vec::new() }
    }

    /// Puts a row in, in the place of the one that has the key.
    pub(in crate::projection) fn insert(
        &mut self,
        keyspace: &Keyspace,
        key: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
    ) {
        let value = value.as_ref();
        let place = Some((self.values.len(), value.len()));
        self.values.extend_from_slice(value);
        self.rows.push(BatchRow { space: keyspace.space, key: Key::from(key.as_ref()), value: place });
    }

    /// Removes a row.
    pub(in crate::projection) fn remove(&mut self, keyspace: &Keyspace, key: impl AsRef<[u8]>) {
        self.rows.push(BatchRow { space: keyspace.space, key: Key::from(key.as_ref()), value: None });
    }

    /// Makes everybody see the rows from now on.
    pub(in crate::projection) fn commit(self) -> Result<()> {
        let shared = Arc::clone(&self.shared);
        shared.commit(&self)
    }
}
