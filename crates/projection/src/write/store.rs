//! The store: the keyspaces on disk, and what their one writer holds in memory.

use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, PoisonError, RwLock, Weak},
};

use chrono::{DateTime, Utc};
use clockfold_log::{Digest, Position, SourceName};

use crate::{
    error::ProjectionError,
    schema::{
        changes::{StatusLog, decode_changes},
        identity::Checkpoint,
        keys::{
            CHECKPOINT_KEY, Counts, LAST_ARRIVAL_KEY, SourceNumber, SourceRow, decode_checkpoint, decode_last_arrival,
            decode_source, encode_checkpoint,
        },
        keyspaces::{Keyspaces, Names, Space, source_number},
        rules::Rules,
    },
    view::View,
    write::record_cache::RecordCache,
};

#[cfg(test)]
use crate::schema::keys::encode_source;

/// The projection as its one writer sees it.
pub struct Projection {
    pub(crate) store: Arc<Keyspaces>,
    reader: Reader,
    pub(crate) rules: Arc<Rules>,
    pub(crate) checkpoint: Checkpoint,
    /// When the delivery at the checkpoint arrived; `None` where there is none.
    pub(crate) last_arrival: Option<DateTime<Utc>>,
    pub(crate) sources: Vec<SourceRow>,
    /// Where the status changes of each source end.
    pub(crate) status_logs: Vec<StatusLog>,
    pub(crate) record_cache: RecordCache,
    /// Rows of `delivery_ids` as they are at the checkpoint, by key, that the next fold may need.
    pub(crate) positions_of_ids: HashMap<Vec<u8>, Vec<u64>>,
    pub(crate) numbers: Names,
}

/// Answers queries from the projection that counts; cheap to clone.
#[derive(Clone)]
pub struct Reader(Arc<RwLock<Arc<Keyspaces>>>);

/// Knows whether somebody still reads from a projection that no longer counts.
pub struct Readers(Weak<Keyspaces>);

impl Projection {
    /// Opens the store in `path` as it is, making an empty one where there is none.
    pub(crate) fn open(path: &Path, rules: Arc<Rules>) -> Result<Projection, ProjectionError> {
        Projection::of(Keyspaces::open(path)?, rules)
    }

    /// Opens the store in `path` only to read: rows that are written stay in memory.
    pub(crate) fn open_to_read(path: &Path, rules: Arc<Rules>) -> Result<Projection, ProjectionError> {
        Projection::of(Keyspaces::open_to_read(path)?, rules)
    }

    /// The projection in a store that is open.
    pub(crate) fn of(keyspaces: Keyspaces, rules: Arc<Rules>) -> Result<Projection, ProjectionError> {
        let Counted { checkpoint, last_arrival, sources, status_logs, numbers } = count(&keyspaces, &rules)?;
        let store = Arc::new(keyspaces);
        let (reader, record_cache) = (Reader(Arc::new(RwLock::new(Arc::clone(&store)))), RecordCache::default());
        let positions_of_ids = HashMap::new();
        Ok(Projection {
            store,
            reader,
            rules,
            checkpoint,
            last_arrival,
            sources,
            status_logs,
            record_cache,
            positions_of_ids,
            numbers,
        })
    }

    /// Forgets what it holds in memory, which may be ahead of its rows after an error, and reads it from them.
    pub fn read_anew(&mut self) -> Result<(), ProjectionError> {
        let Counted { checkpoint, last_arrival, sources, status_logs, numbers } = count(&self.store, &self.rules)?;
        (self.checkpoint, self.last_arrival, self.sources) = (checkpoint, last_arrival, sources);
        (self.status_logs, self.numbers) = (status_logs, numbers);
        self.positions_of_ids.clear();
        self.record_cache = RecordCache::default();
        Ok(())
    }

    /// How far the log is folded.
    pub fn checkpoint(&self) -> Checkpoint {
        self.checkpoint
    }

    /// Whether the writer, a query or a compaction has met corruption in its files.
    pub fn is_corrupt(&self) -> bool {
        self.store.database.is_corrupt()
    }

    /// A handle for queries.
    pub fn reader(&self) -> Reader {
        self.reader.clone()
    }

    /// A snapshot of this moment.
    pub(crate) fn view(&self) -> View {
        View::new(Arc::clone(&self.store))
    }

    /// Queries that went to `old` come here from now on. Running ones go on with `old`.
    pub(crate) fn take_over_readers(&mut self, old: &Projection) {
        self.reader = old.reader.clone();
        *self.reader.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&self.store);
    }

    /// The readers of this projection, to ask once it is dropped.
    pub fn readers(&self) -> Readers {
        Readers(Arc::downgrade(&self.store))
    }

    /// Takes note of rules by which every row would be as it is.
    pub(crate) fn take_rules(&mut self, rules_digest: Digest) -> Result<(), ProjectionError> {
        self.checkpoint.rules_digest = rules_digest;
        let written = self.store[Space::Meta].insert(CHECKPOINT_KEY, encode_checkpoint(self.checkpoint));
        written.map_err(ProjectionError::from)
    }

    /// Writes the sources' rows as other rules would have.
    #[cfg(test)]
    pub(crate) fn pretend_rules(&self, rules_digest: Digest) {
        for (index, row) in self.sources.iter().enumerate() {
            let row = encode_source(&SourceRow { rules_digest, ..row.clone() });
            self.store[Space::Sources].insert(source_number(index).0.to_be_bytes(), row).unwrap();
        }
    }

    pub(crate) fn number_of(&mut self, name: &SourceName) -> SourceNumber {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number = source_number(self.sources.len());
        let rules_digest = self.rules.digest_for(name);
        self.sources.push(SourceRow { name: name.clone(), rules_digest, counts: Counts::default() });
        self.status_logs.push(StatusLog::default());
        self.numbers.insert(name.clone(), number);
        number
    }

    pub(crate) fn counts(&mut self, number: SourceNumber) -> &mut Counts {
        &mut self.sources[number.0 as usize].counts
    }
}

impl Drop for Projection {
    /// Flushes rows to files, even while somebody reads: the next start has nothing to fold again.
    fn drop(&mut self) {
        if let Err(error) = self.store.database.flush() {
            tracing::warn!(%error, "what the projection has in memory could not be written; the next start folds it again");
        }
    }
}

impl Reader {
    /// A snapshot of this moment.
    pub fn view(&self) -> View {
        let store = Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner));
        View::new(store)
    }

    /// Whether somebody has met corruption in the files of the projection that counts.
    pub fn is_corrupt(&self) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).database.is_corrupt()
    }
}

impl Readers {
    /// Whether nobody reads from it.
    pub fn are_gone(&self) -> bool {
        self.0.strong_count() == 0
    }
}

/// What the writer knows of the rows without looking each time.
struct Counted {
    checkpoint: Checkpoint,
    last_arrival: Option<DateTime<Utc>>,
    sources: Vec<SourceRow>,
    status_logs: Vec<StatusLog>,
    numbers: Names,
}

/// Reads what the writer holds in memory. Writes the checkpoint of a store that has none.
fn count(store: &Keyspaces, rules: &Rules) -> Result<Counted, ProjectionError> {
    let snapshot = store.database.snapshot();
    let stored = snapshot.get(&store[Space::Meta], CHECKPOINT_KEY)?;
    let checkpoint = match stored {
        Some(bytes) => decode_checkpoint(&bytes)?,
        None => {
            let nothing = Checkpoint { position: Position::ZERO, digest: Digest::EMPTY, rules_digest: rules.digest() };
            let written = store[Space::Meta].insert(CHECKPOINT_KEY, encode_checkpoint(nothing));
            written?;
            nothing
        }
    };
    let last_arrival = snapshot.get(&store[Space::Meta], LAST_ARRIVAL_KEY)?;
    let last_arrival = last_arrival.map(|bytes| decode_last_arrival(&bytes)).transpose()?;
    let mut sources = Vec::new();
    for entry in snapshot.iter(&store[Space::Sources]) {
        sources.push(decode_source(&entry.value()?)?);
    }
    let mut status_logs = Vec::with_capacity(sources.len());
    for index in 0..sources.len() {
        let last = snapshot.prefix(&store[Space::Changes], source_number(index).0.to_be_bytes()).next_back();
        let last = last.map(clockfold_rows::Guard::value).transpose()?;
        status_logs.push(
            last.map(|bytes| decode_changes(&bytes)).transpose()?.map_or_else(StatusLog::default, StatusLog::after),
        );
    }
    let number = |(index, row): (usize, &SourceRow)| (row.name.clone(), source_number(index));
    let numbers: Names = sources.iter().enumerate().map(number).collect();
    store.name(numbers.clone());
    Ok(Counted { checkpoint, last_arrival, sources, status_logs, numbers })
}
