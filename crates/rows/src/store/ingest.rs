//! Fills an empty store with rows that come in the order of their keys, past memory and compactions.

use std::sync::Arc;

use crate::{
    Keyspace,
    error::{Error, Result},
    store::shared::Shared,
    table::writer::TableWriter,
};

/// Takes rows. In a keyspace their keys ascend; keyspaces may take turns. Readers see them from the end on.
pub struct Ingestion {
    shared: Arc<Shared>,
    writer: TableWriter,
}

impl Ingestion {
    pub(crate) fn into(shared: &Arc<Shared>) -> Result<Ingestion> {
        Ok(Ingestion { shared: Arc::clone(shared), writer: shared.new_table()? })
    }

    /// Takes a row.
    pub fn write(&mut self, keyspace: &Keyspace, key: &[u8], value: &[u8]) -> Result<()> {
        self.writer.push(keyspace.space, key, Some(value))
    }

    /// Shows the rows to all readers. They are in files then, and survive a power cut.
    pub fn finish(self) -> Result<()> {
        let is_empty = self.shared.state().levels.is_empty();
        if !is_empty {
            return Err(Error::Foreign { path: self.shared.folder.display().to_string() });
        }
        let table = Arc::new(self.writer.finish()?);
        self.shared.switch(vec![Arc::clone(&table)], &table, false)
    }
}
