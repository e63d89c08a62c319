//! Where the rows are: in memory, and in tables.

use std::sync::Arc;

use crate::{
    error::Result,
    memory::{batch_rows::BatchRows, memtable::Memtable},
    table::{cache::Cache, filter::hash_of, key::Key, reader::Table},
};

/// Where the rows are, the newest first: those in memory, then those in files.
#[derive(Clone)]
pub(crate) struct Levels {
    /// The first one takes new rows; the others wait for their files.
    pub(crate) memory: Vec<Arc<Memtable>>,
    pub(crate) tables: Vec<Arc<Table>>,
}

impl Levels {
    pub(crate) fn is_empty(&self) -> bool {
        self.tables.is_empty() && self.memory.iter().all(|memtable| memtable.is_empty())
    }

    /// A row's value as of a sequence number; `batch` has the newest rows, where one is being put into memory.
    pub(crate) fn get(
        &self,
        cache: &Cache,
        batch: Option<&BatchRows>,
        space: usize,
        key: &[u8],
        sequence: u64,
    ) -> Result<Option<Vec<u8>>> {
        let whole = Key::from(key);
        if let Some(found) = batch.and_then(|batch| batch.get(space, &whole)) {
            return Ok(found);
        }
        for memtable in &self.memory {
            if let Some(found) = memtable.get(space, &whole, sequence) {
                return Ok(found);
            }
        }
        let hash = hash_of(key);
        for table in &self.tables {
            if let Some(found) = table.get(cache, space, &whole, hash)? {
                return Ok(found);
            }
        }
        Ok(None)
    }
}
