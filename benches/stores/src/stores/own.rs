//! Our own: `crates/rows`, opened as the projection opens it.

use std::{ops::Bound, path::Path};

use clockfold_rows::{Database, Keyspace, KeyspaceOptions, Options, Snapshot};

use crate::{
    rows::SortedRows,
    store::{Batch, Budget, Fallible, SPACES, Scan, Space, Store, View},
};

const KEYSPACES: [KeyspaceOptions; SPACES] = {
    let mut options = [KeyspaceOptions { is_looked_up: false, is_once: false }; SPACES];
    let mut at = 0;
    while at < SPACES {
        let space = Space::ALL[at];
        options[at] = KeyspaceOptions { is_looked_up: space.is_looked_up(), is_once: space.is_once() };
        at += 1;
    }
    options
};

struct Own {
    database: Database,
    keyspaces: [Keyspace; SPACES],
}

struct OwnView<'a> {
    snapshot: Snapshot,
    store: &'a Own,
}

pub(super) fn open(path: &Path, budget: Budget) -> Fallible<Box<dyn Store>> {
    let Budget { cache_bytes, memtable_bytes } = budget;
    let database = Database::open(path, Options { cache_bytes, memtable_bytes, ..Options::of(&KEYSPACES) })?;
    let keyspaces = std::array::from_fn(|space| database.keyspace(space));
    Ok(Box::new(Own { database, keyspaces }))
}

impl Own {
    fn keyspace(&self, space: Space) -> &Keyspace {
        &self.keyspaces[space as usize]
    }
}

impl Store for Own {
    fn ingest(&self, rows: &SortedRows<'_>) -> Fallible<()> {
        let mut ingestion = self.database.start_ingestion()?;
        for space in Space::ALL {
            rows.each(space, &mut |key, value| Ok(ingestion.write(self.keyspace(space), key, value)?))?;
        }
        Ok(ingestion.finish()?)
    }

    fn write(&self, batch: &Batch) -> Fallible<()> {
        let mut rows = self.database.batch();
        for (space, key, value) in batch.operations() {
            match value {
                Some(value) => rows.insert(self.keyspace(space), key, value),
                None => rows.remove(self.keyspace(space), key),
            }
        }
        Ok(rows.commit()?)
    }

    fn flush(&self) -> Fallible<()> {
        Ok(self.database.flush()?)
    }

    fn view(&self) -> Fallible<Box<dyn View + '_>> {
        Ok(Box::new(OwnView { snapshot: self.database.snapshot(), store: self }))
    }

    fn close(self: Box<Self>) -> Fallible<()> {
        drop(self);
        Ok(())
    }
}

impl View for OwnView<'_> {
    fn get(&self, space: Space, key: &[u8], see: &mut dyn FnMut(&[u8])) -> Fallible<()> {
        if let Some(value) = self.snapshot.get(self.store.keyspace(space), key)? {
            see(&value);
        }
        Ok(())
    }

    fn scan(&self, scan: &Scan<'_>, see: &mut dyn FnMut(&[u8], &[u8])) -> Fallible<()> {
        let range = (Bound::Included(scan.from), Bound::Included(scan.to));
        let rows = self.snapshot.range::<&[u8]>(self.store.keyspace(scan.space), range);
        scan.walk(rows, |row| {
            let (key, value) = row.into_inner()?;
            see(&key, &value);
            Ok(())
        })
    }
}
