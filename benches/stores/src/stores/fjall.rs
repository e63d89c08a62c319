//! fjall: lsm-tree with keyspaces, snapshots, threads and a journal. The journal can't be left out, only left unsynced. Each
//! keyspace gets the whole memtable, since fjall has no working bound for all of them together.

use std::path::Path;

use fjall::{
    Database, Keyspace, KeyspaceCreateOptions, PersistMode, Readable, Snapshot,
    config::{BloomConstructionPolicy, FilterPolicy, FilterPolicyEntry},
};

use crate::{
    rows::SortedRows,
    store::{Batch, Budget, Fallible, Scan, Space, Store, View},
};

/// Of a filter, as elsewhere.
const BITS_PER_KEY: f32 = 10.0;

struct Fjall {
    database: Database,
    keyspaces: Vec<Keyspace>,
}

struct FjallView<'a> {
    snapshot: Snapshot,
    store: &'a Fjall,
}

pub(super) fn open(path: &Path, budget: Budget) -> Fallible<Box<dyn Store>> {
    let builder = Database::builder(path).cache_size(budget.cache_bytes as u64).manual_journal_persist(true);
    let database = builder.open()?;
    let options = |space: Space| {
        let bloom = FilterPolicyEntry::Bloom(BloomConstructionPolicy::BitsPerKey(BITS_PER_KEY));
        let filter = if space.is_looked_up() { bloom } else { FilterPolicyEntry::None };
        KeyspaceCreateOptions::default()
            .manual_journal_persist(true)
            .max_memtable_size(budget.memtable_bytes as u64)
            .filter_policy(FilterPolicy::all(filter))
    };
    let keyspaces = Space::ALL.iter().map(|space| database.keyspace(space.name(), || options(*space)));
    let keyspaces = keyspaces.collect::<Result<_, _>>()?;
    Ok(Box::new(Fjall { database, keyspaces }))
}

impl Fjall {
    fn keyspace(&self, space: Space) -> &Keyspace {
        &self.keyspaces[space as usize]
    }
}

impl Store for Fjall {
    fn ingest(&self, rows: &SortedRows<'_>) -> Fallible<()> {
        for space in Space::ALL {
            let mut ingestion = self.keyspace(space).start_ingestion()?;
            rows.each(space, &mut |key, value| Ok(ingestion.write(key, value)?))?;
            ingestion.finish()?;
        }
        Ok(())
    }

    fn write(&self, batch: &Batch) -> Fallible<()> {
        let mut rows = self.database.batch();
        for (space, key, value) in batch.operations() {
            match value {
                Some(value) => rows.insert(self.keyspace(space), key, value),
                None if space.is_once() => rows.remove_weak(self.keyspace(space), key),
                None => rows.remove(self.keyspace(space), key),
            }
        }
        Ok(rows.commit()?)
    }

    fn flush(&self) -> Fallible<()> {
        self.keyspaces.iter().try_for_each(Keyspace::rotate_memtable_and_wait)?;
        Ok(())
    }

    fn view(&self) -> Fallible<Box<dyn View + '_>> {
        Ok(Box::new(FjallView { snapshot: self.database.snapshot(), store: self }))
    }

    fn close(self: Box<Self>) -> Fallible<()> {
        Ok(self.database.persist(PersistMode::Buffer)?)
    }
}

impl View for FjallView<'_> {
    fn get(&self, space: Space, key: &[u8], see: &mut dyn FnMut(&[u8])) -> Fallible<()> {
        if let Some(value) = self.snapshot.get(self.store.keyspace(space), key)? {
            see(&value);
        }
        Ok(())
    }

    fn scan(&self, scan: &Scan<'_>, see: &mut dyn FnMut(&[u8], &[u8])) -> Fallible<()> {
        let rows = self.snapshot.range(self.store.keyspace(scan.space), scan.from..=scan.to);
        scan.walk(rows, |row| {
            let (key, value) = row.into_inner()?;
            see(&key, &value);
            Ok(())
        })
    }
}
