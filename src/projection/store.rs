//! The store: the keyspaces on disk, and the one way to write them.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, hash_map::Entry},
    path::Path,
    sync::Arc,
};

use fjall::{Database, Keyspace, KeyspaceCreateOptions, Readable, config::FilterPolicy};

use crate::{
    lifecycle::{Appointment, Judgement, Met},
    log::{AppointmentId, Delivery, Digest, Position, SourceName},
};

use super::{
    AppointmentKey, AppointmentRecord, Checkpoint, ProjectionError, Rules, View,
    row::{
        CHECKPOINT_KEY, Counts, SourceNumber, SourceRow, appointment_key, decode_appointment, decode_checkpoint,
        decode_source, encode_appointment, encode_checkpoint, encode_judgement, encode_source, history_key,
        outcome_key, status_key,
    },
};

const CACHE_BYTES: u64 = 32 << 20;
/// Rows that wait in memory for their file, a keyspace. Larger means fewer files to write and more memory: the
/// benchmark's server takes 215 MB with this and 96 MB with 8 MiB.
const MEMTABLE_BYTES: u64 = 32 << 20;
/// About what a start after a crash replays at most.
const JOURNAL_BYTES: u64 = 256 << 20;

/// The projection as its one writer sees it.
pub struct Projection {
    reader: Reader,
    rules: Arc<Rules>,
    checkpoint: Checkpoint,
    sources: Vec<SourceRow>,
    numbers: BTreeMap<SourceName, SourceNumber>,
}

/// Answers queries; cheap to clone.
#[derive(Clone)]
pub struct Reader(Arc<Keyspaces>);

pub(super) struct Keyspaces {
    pub(super) database: Database,
    pub(super) meta: Keyspace,
    pub(super) sources: Keyspace,
    pub(super) source_ids: Keyspace,
    pub(super) appointments: Keyspace,
    pub(super) by_status: Keyspace,
    pub(super) history: Keyspace,
    pub(super) by_outcome: Keyspace,
}

/// The appointments that a group touches, so that each row is read once and written once.
type Touched = HashMap<(SourceNumber, AppointmentId), (Met, AppointmentRecord)>;

impl Projection {
    /// Opens the store in `path` as it is, making an empty one where there is none.
    pub(super) fn open(path: &Path, rules: Arc<Rules>) -> Result<Projection, ProjectionError> {
        let keyspaces = Keyspaces::open(path).map_err(|error| failed("opening", error))?;
        let snapshot = keyspaces.database.snapshot();
        let stored = snapshot.get(&keyspaces.meta, CHECKPOINT_KEY).map_err(|error| failed("opening", error))?;
        let checkpoint = match stored {
            Some(bytes) => decode_checkpoint(&bytes)?,
            None => {
                let nothing =
                    Checkpoint { position: Position::ZERO, digest: Digest::EMPTY, rules_digest: rules.digest() };
                let written = keyspaces.meta.insert(CHECKPOINT_KEY, encode_checkpoint(nothing));
                written.map_err(|error| failed("opening", error))?;
                nothing
            }
        };
        let mut sources = Vec::new();
        for entry in snapshot.iter(&keyspaces.sources) {
            sources.push(decode_source(&entry.value().map_err(|error| failed("opening", error))?)?);
        }
        let number = |(index, row): (usize, &SourceRow)| (row.name.clone(), source_number(index));
        let numbers = sources.iter().enumerate().map(number).collect();
        Ok(Projection { reader: Reader(Arc::new(keyspaces)), rules, checkpoint, sources, numbers })
    }

    /// Folds deliveries that follow the checkpoint and writes rows and checkpoint in one atomic batch.
    /// Returns what became of each.
    ///
    /// After an error this value is of no more use: its counts may be ahead of its rows. What is on
    /// disk is whole.
    pub fn apply(&mut self, deliveries: &[Delivery]) -> Result<Vec<Judgement>, ProjectionError> {
        if deliveries.is_empty() {
            return Ok(Vec::new());
        }
        let mut batch = Arc::clone(&self.reader.0).database.batch();
        let mut touched = Touched::new();
        let mut senders = BTreeSet::new();
        let sources_written = self.sources.len();
        let mut judgements = Vec::with_capacity(deliveries.len());
        let mut checkpoint = self.checkpoint;
        for delivery in deliveries {
            if delivery.position != checkpoint.position.next() {
                return Err(ProjectionError::OutOfOrder {
                    expected: checkpoint.position.next(),
                    found: delivery.position,
                });
            }
            let number = self.number_of(&delivery.source);
            senders.insert(number);
            let judgement = self.fold(number, delivery, &mut touched)?;
            let outcome = judgement.verdict.outcome();
            let row = encode_judgement(judgement);
            let store = &*self.reader.0;
            batch.insert(&store.by_outcome, outcome_key(number, outcome, delivery.position), row);
            if let Some(id) = delivery.reading.appointment_id() {
                batch.insert(&store.history, history_key(number, id, delivery.position), row);
            }
            self.counts(number).count_delivery(outcome);
            checkpoint.position = delivery.position;
            checkpoint.digest = checkpoint.digest.then(delivery);
            judgements.push(judgement);
        }
        let store = Arc::clone(&self.reader.0);
        for ((number, id), (before, record)) in &touched {
            let after = record.appointment.status();
            batch.insert(&store.appointments, appointment_key(*number, *id), encode_appointment(record));
            if *before != after {
                before.iter().for_each(|status| batch.remove(&store.by_status, status_key(*number, *status, *id)));
                after.iter().for_each(|status| batch.insert(&store.by_status, status_key(*number, *status, *id), []));
                self.counts(*number).move_appointment(*before, after);
            }
        }
        for number in senders {
            let row = &self.sources[number.0 as usize];
            if number.0 as usize >= sources_written {
                batch.insert(&store.source_ids, row.name.as_str(), number.0.to_be_bytes());
            }
            batch.insert(&store.sources, number.0.to_be_bytes(), encode_source(row));
        }
        batch.insert(&store.meta, CHECKPOINT_KEY, encode_checkpoint(checkpoint));
        batch.commit().map_err(|error| failed("writing", error))?;
        self.checkpoint = checkpoint;
        Ok(judgements)
    }

    /// How far the log is folded.
    pub fn checkpoint(&self) -> Checkpoint {
        self.checkpoint
    }

    /// A handle for queries.
    pub fn reader(&self) -> Reader {
        self.reader.clone()
    }

    /// Writes a checkpoint as other rules would have.
    #[cfg(test)]
    pub(super) fn pretend_rules(&self, rules_digest: Digest) {
        let checkpoint = Checkpoint { rules_digest, ..self.checkpoint };
        self.reader.0.meta.insert(CHECKPOINT_KEY, encode_checkpoint(checkpoint)).unwrap();
    }

    fn fold(
        &self,
        number: SourceNumber,
        delivery: &Delivery,
        touched: &mut Touched,
    ) -> Result<Judgement, ProjectionError> {
        let lifecycle = &self.rules.of(&delivery.source).lifecycle;
        let event = delivery.reading.event_type();
        let Some(id) = delivery.reading.appointment_id() else {
            return Ok(Appointment::default().fold(lifecycle, event, delivery.received_at));
        };
        let (_, record) = match touched.entry((number, id)) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let record = self.load(number, id, delivery)?;
                entry.insert((record.appointment.status(), record))
            }
        };
        record.last_position = delivery.position;
        record.last_received_at = delivery.received_at;
        record.delivery_count += 1;
        Ok(record.appointment.fold(lifecycle, event, delivery.received_at))
    }

    /// The appointment's row, or a new one that begins with `first`.
    fn load(
        &self,
        number: SourceNumber,
        id: AppointmentId,
        first: &Delivery,
    ) -> Result<AppointmentRecord, ProjectionError> {
        let key = AppointmentKey { source: first.source.clone(), appointment_id: id };
        match self.reader.0.appointments.get(appointment_key(number, id)).map_err(|error| failed("reading", error))? {
            Some(bytes) => decode_appointment(key, &bytes),
            None => Ok(AppointmentRecord {
                key,
                appointment: Appointment::default(),
                first_received_at: first.received_at,
                last_position: first.position,
                last_received_at: first.received_at,
                delivery_count: 0,
            }),
        }
    }

    fn number_of(&mut self, name: &SourceName) -> SourceNumber {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number = source_number(self.sources.len());
        self.sources.push(SourceRow { name: name.clone(), counts: Counts::default() });
        self.numbers.insert(name.clone(), number);
        number
    }

    fn counts(&mut self, number: SourceNumber) -> &mut Counts {
        &mut self.sources[number.0 as usize].counts
    }
}

impl Reader {
    /// A snapshot of this moment.
    pub fn view(&self) -> View {
        View::new(Arc::clone(&self.0))
    }
}

impl Keyspaces {
    fn open(path: &Path) -> fjall::Result<Keyspaces> {
        let database = Database::builder(path)
            .cache_size(CACHE_BYTES)
            .max_journaling_size(JOURNAL_BYTES)
            // What a crash takes from the journal's buffer is folded again from the log.
            .manual_journal_persist(true)
            .worker_threads(1)
            .open()?;
        let options = || KeyspaceCreateOptions::default().max_memtable_size(MEMTABLE_BYTES);
        let keyspace = |name| database.keyspace(name, options);
        // Only ever read by ranges, where a filter does not help.
        let index = |name| database.keyspace(name, || options().filter_policy(FilterPolicy::disabled()));
        Ok(Keyspaces {
            meta: keyspace("meta")?,
            sources: keyspace("sources")?,
            source_ids: keyspace("source_ids")?,
            appointments: keyspace("appointments")?,
            by_status: index("by_status")?,
            history: keyspace("history")?,
            by_outcome: index("by_outcome")?,
            database,
        })
    }

    /// Every keyspace whose rows follow from the log alone.
    pub(super) fn derived(&self) -> [&Keyspace; 7] {
        [
            &self.meta,
            &self.sources,
            &self.source_ids,
            &self.appointments,
            &self.by_status,
            &self.history,
            &self.by_outcome,
        ]
    }
}

pub(super) fn failed(doing: &'static str, error: impl std::fmt::Display) -> ProjectionError {
    ProjectionError::Storage { doing, message: error.to_string() }
}

fn source_number(index: usize) -> SourceNumber {
    SourceNumber(u32::try_from(index).expect("there are fewer than 2^32 sources"))
}
