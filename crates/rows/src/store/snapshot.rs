//! What a reader sees: every keyspace as of one batch, whatever is written, flushed or compacted in the meantime.

use std::{
    ops::{Bound, RangeBounds},
    sync::Arc,
};

use crate::{
    Keyspace,
    error::Result,
    memory::batch_rows::BatchRows,
    merge::{Input, Merge},
    store::{iter::Iter, levels::Levels, shared::Shared},
    table::key::{Bounds, Direction, Key},
};

/// A moment that is held. What it sees goes when it is dropped.
pub(crate) struct Held {
    shared: Arc<Shared>,
    levels: Arc<Levels>,
    /// The batch that was being put into memory then.
    batch: Option<Arc<BatchRows>>,
    sequence: u64,
}

/// All rows as of one batch; cheap to take and to clone.
#[derive(Clone)]
pub struct Snapshot(Arc<Held>);

impl Held {
    pub(crate) fn of(shared: Arc<Shared>, levels: Arc<Levels>, batch: Option<Arc<BatchRows>>, sequence: u64) -> Held {
        Held { shared, levels, batch, sequence }
    }

    fn get(&self, space: usize, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.levels.get(&self.shared.cache, self.batch.as_deref(), space, key, self.sequence)
    }

    pub(crate) fn merge(&self, space: usize, bounds: &Bounds, direction: Direction) -> Merge {
        let memory = self.levels.memory.iter().map(|memtable| Input::memory(memtable, space, bounds, self.sequence));
        let tables = self.levels.tables.iter().filter(|table| !table.sections[space].is_empty());
        let tables = tables.map(|table| Input::table(table, &self.shared.cache, space, bounds));
        let batch = self.batch.iter().map(|batch| Input::batch(batch, space, bounds));
        Merge::of(batch.chain(memory).chain(tables), direction)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.shared.let_go(self.sequence);
    }
}

impl Snapshot {
    pub(crate) fn of(held: Held) -> Snapshot {
        Snapshot(Arc::new(held))
    }

    /// A row's value.
    pub fn get(&self, keyspace: &Keyspace, key: impl AsRef<[u8]>) -> Result<Option<Vec<u8>>> {
        self.0.get(keyspace.space, key.as_ref())
    }

    /// The rows whose keys are in a range.
    pub fn range<K: AsRef<[u8]>>(&self, keyspace: &Keyspace, range: impl RangeBounds<K>) -> Iter {
        let key = |bound: Bound<&K>| bound.map(|key| Key::from(key.as_ref()));
        self.rows(keyspace, (key(range.start_bound()), key(range.end_bound())))
    }

    /// The rows whose keys begin with `prefix`.
    pub fn prefix(&self, keyspace: &Keyspace, prefix: impl AsRef<[u8]>) -> Iter {
        let prefix = prefix.as_ref();
        self.rows(keyspace, (Bound::Included(Key::from(prefix)), Key::after_prefix(prefix)))
    }

    /// All rows.
    pub fn iter(&self, keyspace: &Keyspace) -> Iter {
        self.rows(keyspace, (Bound::Unbounded, Bound::Unbounded))
    }

    fn rows(&self, keyspace: &Keyspace, bounds: Bounds) -> Iter {
        Iter::of(Arc::clone(&self.0), keyspace.space, bounds)
    }
}
