//! The store: the keyspaces on disk, and what their one writer holds in memory.

use std::{
    path::Path,
    sync::{Arc, PoisonError, RwLock, Weak},
};

use chrono::{DateTime, Utc};

use crate::{
    error::ProjectionError,
    schema::{
        changes::{Course, decode_changes},
        identity::Checkpoint,
        keys::{
            CHECKPOINT_KEY, Counts, LAST_ARRIVAL_KEY, SourceNumber, SourceRow, decode_checkpoint, decode_last_arrival,
            decode_source, encode_checkpoint,
        },
        keyspaces::{Keyspaces, Names, Space, source_number},
        rules::Rules,
    },
    view::View,
    write::record_cache::Hot,
};
use clockfold_log::{Digest, Position, SourceName};

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
    pub(crate) courses: Vec<Course>,
    pub(crate) hot: Hot,
    pub(crate) numbers: Names,
}

/// Answers queries from the projection that counts; cheap to clone.
#[derive(Clone)]
pub struct Reader(Arc<RwLock<Arc<Keyspaces>>>);

/// Tells whether somebody still reads from a projection that counts no more.
pub struct Readers(Weak<Keyspaces>);

impl Projection {
    /// Opens the store in `path` as it is, making an empty one where there is none.
    pub(crate) fn open(path: &Path, rules: Arc<Rules>) -> Result<Projection, ProjectionError> {
        Projection::of(Keyspaces::open(path)?, rules)
    }

    /// Opens the store in `path` for who only reads it: what is written stays in memory.
    pub(crate) fn open_to_read(path: &Path, rules: Arc<Rules>) -> Result<Projection, ProjectionError> {
        Projection::of(Keyspaces::open_to_read(path)?, rules)
    }

    /// The projection in a store that is open.
    pub(crate) fn of(keyspaces: Keyspaces, rules: Arc<Rules>) -> Result<Projection, ProjectionError> {
        let Counted { checkpoint, last_arrival, sources, courses, numbers } = count(&keyspaces, &rules)?;
        let store = Arc::new(keyspaces);
        let (reader, hot) = (Reader(Arc::new(RwLock::new(Arc::clone(&store)))), Hot::default());
        Ok(Projection { store, reader, rules, checkpoint, last_arrival, sources, courses, hot, numbers })
    }

    /// Forgets what it holds in memory, which may be ahead of its rows after an error, and reads it from them.
    pub fn read_anew(&mut self) -> Result<(), ProjectionError> {
        let Counted { checkpoint, last_arrival, sources, courses, numbers } = count(&self.store, &self.rules)?;
        (self.checkpoint, self.last_arrival, self.sources) = (checkpoint, last_arrival, sources);
        (self.courses, self.numbers) = (courses, numbers);
        self.hot = Hot::default();
        Ok(())
    }

    /// How far the log is folded.
    pub fn checkpoint(&self) -> Checkpoint {
        self.checkpoint
    }

    /// Whether the writer, a query or a merge has met damage in its files.
    pub fn is_damaged(&self) -> bool {
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

    /// Queries that went to `old` come here from now on. Those that run are answered from there.
    pub(crate) fn take_over_readers(&mut self, old: &Projection) {
        self.reader = old.reader.clone();
        *self.reader.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&self.store);
    }

    /// Who reads from this projection, once it is dropped.
    pub fn readers(&self) -> Readers {
        Readers(Arc::downgrade(&self.store))
    }

    /// Takes note of rules by which every row would be as it is.
    pub(crate) fn adopt(&mut self, rules_digest: Digest) -> Result<(), ProjectionError> {
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

    /// Gives an appointment the row of another, for tests of what finds and mends a projection that is wrong.
    #[doc(hidden)]
    pub fn confuse_two_appointments(&self) -> Result<(), ProjectionError> {
        let rows = self.view().snapshot.iter(&self.store[Space::Appointments]).take(2);
        let rows = rows.map(clockfold_rows::Guard::into_inner).collect::<Result<Vec<_>, _>>();
        let rows = rows?;
        let [(key, _), (_, other)] = &rows[..] else { return Err(ProjectionError::NoSuchAppointment) };
        self.store[Space::Appointments].insert(&**key, other).map_err(ProjectionError::from)
    }

    /// Makes the row of the first appointment one that can't be read. For tests of what finds that.
    #[doc(hidden)]
    pub fn damage_an_appointment(&self) -> Result<(), ProjectionError> {
        let first =
            self.view().snapshot.iter(&self.store[Space::Appointments]).next().map(clockfold_rows::Guard::into_inner);
        let Some(Ok((key, _))) = first else { return Err(ProjectionError::NoSuchAppointment) };
        self.store[Space::Appointments].insert(&*key, b"no row").map_err(ProjectionError::from)
    }

    pub(crate) fn number_of(&mut self, name: &SourceName) -> SourceNumber {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number = source_number(self.sources.len());
        let rules_digest = self.rules.digest_for(name);
        self.sources.push(SourceRow { name: name.clone(), rules_digest, counts: Counts::default() });
        self.courses.push(Course::default());
        self.numbers.insert(name.clone(), number);
        number
    }

    pub(crate) fn counts(&mut self, number: SourceNumber) -> &mut Counts {
        &mut self.sources[number.0 as usize].counts
    }
}

impl Drop for Projection {
    /// What is written is in files then, whoever still reads: the next start has nothing to fold again.
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

    /// Whether somebody has met damage in the files of the projection that counts.
    pub fn is_damaged(&self) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).database.is_corrupt()
    }
}

impl Readers {
    /// Whether nobody reads any more.
    pub fn are_gone(&self) -> bool {
        self.0.strong_count() == 0
    }
}

/// What the writer knows of the rows without looking each time.
struct Counted {
    checkpoint: Checkpoint,
    last_arrival: Option<DateTime<Utc>>,
    sources: Vec<SourceRow>,
    courses: Vec<Course>,
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
    let mut courses = Vec::with_capacity(sources.len());
    for index in 0..sources.len() {
        let last = snapshot.prefix(&store[Space::Changes], source_number(index).0.to_be_bytes()).next_back();
        let last = last.map(clockfold_rows::Guard::value).transpose()?;
        courses.push(last.map(|bytes| decode_changes(&bytes)).transpose()?.map_or_else(Course::default, Course::after));
    }
    let number = |(index, row): (usize, &SourceRow)| (row.name.clone(), source_number(index));
    let numbers: Names = sources.iter().enumerate().map(number).collect();
    store.name(numbers.clone());
    Ok(Counted { checkpoint, last_arrival, sources, courses, numbers })
}
