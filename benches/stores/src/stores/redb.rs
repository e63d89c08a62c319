//! redb: a tree of pages that are copied when they change.
//!
//! A commit that is not durable leaves nothing for who opens the file after a crash, and it writes pages only when its
//! cache is full. So a commit is durable when as many bytes have come as the others keep in memory; that one syncs.

use std::{
    cell::OnceCell,
    fs,
    path::Path,
    sync::{Mutex, PoisonError},
};

use redb::{Database, Durability, ReadOnlyTable, ReadTransaction, ReadableDatabase, TableDefinition, WriteTransaction};

use crate::{
    rows::SortedRows,
    store::{Batch, Budget, Fallible, SPACES, Scan, Space, Store, View},
};

type Bytes = &'static [u8];

struct Redb {
    database: Database,
    memtable_bytes: usize,
    /// What came since the last durable commit.
    unsynced_bytes: Mutex<usize>,
}

struct RedbView {
    transaction: ReadTransaction,
    /// Opened when it is first asked for.
    tables: [OnceCell<ReadOnlyTable<Bytes, Bytes>>; SPACES],
}

fn definition(space: Space) -> TableDefinition<'static, Bytes, Bytes> {
    TableDefinition::new(space.name())
}

pub(super) fn open(path: &Path, budget: Budget) -> Fallible<Box<dyn Store>> {
    fs::create_dir_all(path)?;
    let database = Database::builder().set_cache_size(budget.cache_bytes).create(path.join("rows.redb"))?;
    let transaction = database.begin_write()?;
    for space in Space::ALL {
        transaction.open_table(definition(space))?;
    }
    transaction.commit()?;
    Ok(Box::new(Redb { database, memtable_bytes: budget.memtable_bytes, unsynced_bytes: Mutex::new(0) }))
}

fn put_in(transaction: &WriteTransaction, batch: &Batch) -> Fallible<()> {
    let mut tables = Vec::with_capacity(SPACES);
    for space in Space::ALL {
        tables.push(transaction.open_table(definition(space))?);
    }
    for (space, key, value) in batch.operations() {
        let table = &mut tables[space as usize];
        match value {
            Some(value) => drop(table.insert(key, value)?),
            None => drop(table.remove(key)?),
        }
    }
    Ok(())
}

impl Store for Redb {
    fn ingest(&self, rows: &SortedRows<'_>) -> Fallible<()> {
        let transaction = self.database.begin_write()?;
        for space in Space::ALL {
            let mut table = transaction.open_table(definition(space))?;
            rows.each(space, &mut |key, value| {
                table.insert(key, value)?;
                Ok(())
            })?;
        }
        Ok(transaction.commit()?)
    }

    fn write(&self, batch: &Batch) -> Fallible<()> {
        let mut unsynced_bytes = self.unsynced_bytes.lock().unwrap_or_else(PoisonError::into_inner);
        *unsynced_bytes += batch.byte_count();
        let mut transaction = self.database.begin_write()?;
        if *unsynced_bytes > self.memtable_bytes {
            *unsynced_bytes = 0;
        } else {
            transaction.set_durability(Durability::None)?;
        }
        put_in(&transaction, batch)?;
        Ok(transaction.commit()?)
    }

    fn flush(&self) -> Fallible<()> {
        Ok(self.database.begin_write()?.commit()?)
    }

    fn view(&self) -> Fallible<Box<dyn View + '_>> {
        Ok(Box::new(RedbView { transaction: self.database.begin_read()?, tables: Default::default() }))
    }

    fn close(self: Box<Self>) -> Fallible<()> {
        drop(self);
        Ok(())
    }
}

impl RedbView {
    fn table(&self, space: Space) -> Fallible<&ReadOnlyTable<Bytes, Bytes>> {
        let table = &self.tables[space as usize];
        match table.get() {
            Some(table) => Ok(table),
            None => {
                let opened = self.transaction.open_table(definition(space))?;
                Ok(table.get_or_init(|| opened))
            }
        }
    }
}

impl View for RedbView {
    fn get(&self, space: Space, key: &[u8], see: &mut dyn FnMut(&[u8])) -> Fallible<()> {
        if let Some(value) = self.table(space)?.get(key)? {
            see(value.value());
        }
        Ok(())
    }

    fn scan(&self, scan: &Scan<'_>, see: &mut dyn FnMut(&[u8], &[u8])) -> Fallible<()> {
        let rows = self.table(scan.space)?.range::<&[u8]>(scan.from..=scan.to)?;
        scan.walk(rows, |row| {
            let (key, value) = row?;
            see(key.value(), value.value());
            Ok(())
        })
    }
}
