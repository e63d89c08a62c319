//! The one way to write the projection: deliveries in the order of the log become rows and a checkpoint, in one
//! atomic batch.

use std::{
    collections::{
        BTreeMap, BTreeSet, HashMap, btree_map,
        hash_map::Entry::{Occupied, Vacant},
    },
    sync::Arc,
};

use chrono::{DateTime, Utc};
use clockfold_lifecycle::{Change, Code, EventType, Folded, Outcome, Verdict};
use clockfold_log::{AppointmentId, Delivery, Digest, Position, Reading, SourceName};
use clockfold_rows::{Batch, Guard};

use crate::{
    error::ProjectionError,
    planted::planted,
    schema::{
        appointment::{
            AppointmentRecord, ENTRIES_IN_ROW, JudgedEvent, Sighting, decode_appointment, decode_history,
            encode_appointment, encode_history,
        },
        changes::{ChangeRow, StatusChange, encode_changes, encode_open},
        identity::{AppointmentKey, Checkpoint},
        keys::{
            CHECKPOINT_KEY, Kind, LAST_ARRIVAL_KEY, POSITIONS_OF_ID_MAX, SourceNumber, appointment_key, decode_places,
            decode_positions, delivery_id_key, encode_checkpoint, encode_last_arrival, encode_places, encode_positions,
            encode_set_back, encode_source, history_key, hour_key, id_key, outcome_key, position_key, row_of,
            set_back_key,
        },
        keyspaces::{Keyspaces, Space},
        orders::{Places, only_in},
        set_back::SetBack,
        tally::{Hour, Tally, decode_hour, encode_hour, hour_of, minute_of},
    },
    write::store::Projection,
};

/// The most look-ups that are kept for the next fold: as many as a group has.
const FORESEEN_IDS_MAX: usize = 4096;

/// The rows that a group changes, so that each is read once and written once.
#[derive(Default)]
struct Changed {
    appointments: HashMap<(SourceNumber, AppointmentId), Touched>,
    /// Rows of `history`, by key.
    history: BTreeMap<Vec<u8>, Vec<JudgedEvent>>,
    /// Rows of `changes` that are full.
    changes: BTreeMap<(SourceNumber, Position), ChangeRow>,
    /// The sources whose last row of `changes` has grown.
    status_logs: BTreeSet<SourceNumber>,
    /// Where sets of open appointments are due.
    open_sets: Vec<(SourceNumber, Position)>,
    /// Rows of `by_outcome`.
    by_outcome: BTreeMap<(SourceNumber, Kind, u64), Vec<u16>>,
    /// Rows of `tallies`, by source and hour.
    tallies: BTreeMap<(SourceNumber, u64), Hour>,
    /// Rows of `delivery_ids`, by key.
    delivery_ids: BTreeMap<Vec<u8>, Vec<u64>>,
    sources: BTreeSet<SourceNumber>,
}

/// An appointment, and its places before the group.
struct Touched {
    /// Whether no delivery before the group names it.
    is_new: bool,
    before: Option<Places>,
    record: Box<AppointmentRecord>,
}

/// What became of a delivery when it arrived.
#[derive(Clone, Debug)]
pub struct Applied {
    /// What the fold made of it.
    pub folded: Folded,
    /// The first delivery with the same id, which has another body.
    pub conflicts_with: Option<Position>,
}

/// Deliveries that were folded and are not written yet.
pub struct Prepared {
    batch: Batch,
    records: Vec<((SourceNumber, AppointmentId), Box<AppointmentRecord>)>,
    has_new_sources: bool,
    checkpoint: Checkpoint,
    last_arrival: Option<DateTime<Utc>>,
    applied: Vec<Applied>,
}

impl Applied {
    fn is_rejected(&self) -> bool {
        self.folded.judgement.verdict.outcome() == Outcome::Rejected
    }
}

impl Projection {
    /// Folds deliveries that follow the checkpoint and writes rows and checkpoint in one atomic batch. The chain is
    /// computed from them. Returns what became of each when it arrived.
    ///
    /// After an error its counts may be ahead of its rows, and nothing may be folded before
    /// [`Projection::read_anew`]. What is on disk is whole.
    pub fn apply(&mut self, deliveries: &[Delivery]) -> Result<Vec<Applied>, ProjectionError> {
        let digest = deliveries.iter().fold(self.checkpoint.digest, Digest::then);
        let prepared = self.prepare(deliveries.iter(), digest)?;
        self.commit(prepared)
    }

    /// Folds deliveries that follow the checkpoint, where `digest` is the log's after the last, without writing: nobody
    /// sees anything of it before [`Projection::commit`]. That comes next, or [`Projection::read_anew`].
    pub fn prepare<'a>(
        &mut self,
        deliveries: impl Iterator<Item = &'a Delivery>,
        digest: Digest,
    ) -> Result<Prepared, ProjectionError> {
        let store = Arc::clone(&self.store);
        let mut changed = Changed::default();
        let sources_written = self.sources.len();
        let mut checkpoint = self.checkpoint;
        let (mut last_arrival, mut set_backs) = (self.last_arrival, Vec::new());
        let mut applied = Vec::with_capacity(deliveries.size_hint().0);
        let mut deliveries = deliveries.peekable();
        while let Some(delivery) = deliveries.next() {
            let expected = checkpoint.position.next();
            if delivery.position != expected {
                return Err(ProjectionError::OutOfOrder { expected, found: delivery.position });
            }
            if !(planted!(CheckpointTooFar) && deliveries.peek().is_none()) {
                applied.push(self.fold(delivery, &mut changed)?);
            }
            if planted!(FoldedTwiceAfterStart) && self.record_cache.is_empty() {
                self.fold(delivery, &mut changed)?;
            }
            set_backs.extend(SetBack::between(last_arrival, delivery));
            last_arrival = Some(delivery.received_at);
            checkpoint.position = expected;
        }
        if !(planted!(RejectedNotInDigest) && applied.last().is_some_and(Applied::is_rejected)) {
            checkpoint.digest = digest;
        }
        let mut batch = store.database.batch();
        if let Some(last_arrival) = last_arrival.filter(|_| checkpoint.position > self.checkpoint.position) {
            self.write_rows(&mut batch, &changed, sources_written)?;
            let written = if planted!(CheckpointBehind) { self.checkpoint } else { checkpoint };
            batch.insert(&store[Space::Meta], CHECKPOINT_KEY, encode_checkpoint(written));
            batch.insert(&store[Space::Meta], LAST_ARRIVAL_KEY, encode_last_arrival(last_arrival));
            for set_back in &set_backs {
                batch.insert(&store[Space::Meta], set_back_key(set_back.position), encode_set_back(set_back));
            }
        }
        let has_new_sources = self.sources.len() > sources_written;
        let records = changed.appointments.into_iter().map(|(key, touched)| (key, touched.record)).collect();
        Ok(Prepared { batch, records, has_new_sources, checkpoint, last_arrival, applied })
    }

    /// Writes what was prepared, in one atomic batch. Returns what became of each delivery when it arrived.
    pub fn commit(&mut self, prepared: Prepared) -> Result<Vec<Applied>, ProjectionError> {
        let Prepared { batch, records, has_new_sources, checkpoint, last_arrival, applied } = prepared;
        if checkpoint.position == self.checkpoint.position {
            return Ok(applied);
        }
        if has_new_sources {
            self.store.name(self.numbers.clone());
        }
        batch.commit()?;
        for (key, record) in records {
            self.record_cache.put(key, record);
        }
        self.positions_of_ids.clear();
        (self.checkpoint, self.last_arrival) = (checkpoint, last_arrival);
        Ok(applied)
    }

    fn write_rows(
        &mut self,
        batch: &mut Batch,
        changed: &Changed,
        sources_written: usize,
    ) -> Result<(), ProjectionError> {
        let store = Arc::clone(&self.store);
        self.write_appointments(batch, changed);
        for (key, entries) in &changed.history {
            batch.insert(&store[Space::History], key.as_slice(), encode_history(entries));
        }
        self.write_changes(batch, changed)?;
        for ((number, kind, row), places) in &changed.by_outcome {
            let key = outcome_key(*number, *kind, *row);
            if places.is_empty() {
                batch.remove(&store[Space::ByOutcome], key);
            } else {
                batch.insert(&store[Space::ByOutcome], key, encode_places(places));
            }
        }
        for ((number, hour), minutes) in &changed.tallies {
            batch.insert(&store[Space::Tallies], hour_key(*number, *hour), encode_hour(minutes));
        }
        for (key, positions) in &changed.delivery_ids {
            batch.insert(&store[Space::DeliveryIds], key.as_slice(), encode_positions(positions));
        }
        self.write_sources(batch, &changed.sources, sources_written);
        Ok(())
    }

    /// The appointments of the group, their places in the orders, and the counts.
    fn write_appointments(&mut self, batch: &mut Batch, changed: &Changed) {
        let store = Arc::clone(&self.store);
        for ((number, id), Touched { is_new, before, record }) in &changed.appointments {
            let after = Places::of(record);
            batch.insert(&store[Space::Appointments], appointment_key(*number, *id), encode_appointment(record));
            if *is_new {
                batch.insert(&store[Space::ById], id_key(*id, *number), []);
            }
            let status = |places: Option<Places>| places.map(|places| places.status);
            only_in(*before, after, *number, *id, |space, key, _| {
                let is_kept = match space {
                    Space::ByStatus => planted!(OldIndexRowKept),
                    Space::ByLast => planted!(OldLastRowKept) && status(*before) != status(after),
                    _ => false,
                };
                if !is_kept {
                    batch.remove(&store[space], key);
                }
            });
            only_in(after, *before, *number, *id, |space, key, value| {
                let old = before.zip(after).filter(|_| planted!(OldSinceKept) && space == Space::ByLast);
                let old = old.map(|(before, after)| Places { since: before.since, ..after }.last_seen());
                if !(planted!(IndexRowForgotten) && space == Space::ByStatus && before.is_some()) {
                    batch.insert(&store[space], key, old.as_deref().unwrap_or(value));
                }
            });
            if !(planted!(CountNotMoved) && before.is_some()) {
                self.counts(*number).move_appointment(status(*before), status(after));
            }
        }
    }

    /// The status changes of the group, and the sets of open appointments that are due.
    fn write_changes(&self, batch: &mut Batch, changed: &Changed) -> Result<(), ProjectionError> {
        let mut written = BTreeMap::new();
        for (number, position) in &changed.open_sets {
            let open = self.open_set(*number, *position, &changed.changes, &written)?;
            batch.insert(&self.store[Space::Open], position_key(*number, *position), encode_open(&open));
            written.insert((*number, *position), open);
        }
        for ((number, first), row) in &changed.changes {
            batch.insert(&self.store[Space::Changes], position_key(*number, *first), encode_changes(row));
        }
        for number in &changed.status_logs {
            let row = &self.status_logs[number.0 as usize].row;
            if let Some(first) = row.changes.first() {
                batch.insert(&self.store[Space::Changes], position_key(*number, first.position), encode_changes(row));
            }
        }
        Ok(())
    }

    fn write_sources(&self, batch: &mut Batch, changed: &BTreeSet<SourceNumber>, written: usize) {
        let store = &self.store;
        for number in changed {
            let row = &self.sources[number.0 as usize];
            if number.0 as usize >= written {
                batch.insert(&store[Space::SourceIds], row.name.as_str(), number.0.to_be_bytes());
            }
            batch.insert(&store[Space::Sources], number.0.to_be_bytes(), encode_source(row));
        }
    }

    fn fold(&mut self, delivery: &Delivery, changed: &mut Changed) -> Result<Applied, ProjectionError> {
        let Delivery { position, received_at, .. } = *delivery;
        let number = self.number_of(&delivery.source);
        changed.sources.insert(number);
        let conflicts_with = match &delivery.delivery_id {
            Some(delivery_id) => self.enter_id(changed, number, delivery_id, position)?,
            None => None,
        };
        let (id, event_type) = match &delivery.reading {
            Reading::Readable { appointment_id, event_type }
            | Reading::ReadSince { appointment_id, event_type, .. } => (*appointment_id, event_type),
            Reading::Unreadable(fault) => {
                let kind = Kind { verdict: Verdict::NotApplied(Code::Unreadable(*fault)), event: None };
                self.list(changed, number, kind, position)?;
                self.tally(changed, number, received_at)?.count(kind);
                self.counts(number).count_delivery(Outcome::Unreadable);
                return Ok(Applied { folded: Folded::unreadable(*fault), conflicts_with });
            }
        };
        let key = (number, id);
        let sighting = Sighting { position, received_at, event: EventType::from_name(event_type) };
        let record = match changed.appointments.entry(key) {
            Occupied(entry) => &mut *entry.into_mut().record,
            Vacant(entry) => {
                let record = match self.record_cache.take(key) {
                    Some(record) => record,
                    None => Box::new(self.load(number, id, delivery, sighting)?),
                };
                let before = Places::of(&record);
                let is_new = record.delivery_count == 0;
                &mut *entry.insert(Touched { is_new, before, record }).record
            }
        };
        let before = record.appointment.status();
        let folded = record.enter(self.rules.of(&delivery.source), sighting);
        if record.recent.len() == ENTRIES_IN_ROW + usize::from(planted!(HistoryRowTooLong)) {
            changed.history.insert(history_key(number, id, position), std::mem::take(&mut record.recent));
        }
        let kind = Kind { verdict: folded.judgement.verdict, event: sighting.event };
        self.counts(number).count_delivery(kind.outcome());
        self.list(changed, number, kind, position)?;
        self.tally(changed, number, received_at)?.count(kind);
        if before != folded.status && !(planted!(StatusChangeForgotten) && before.is_some()) {
            let change = StatusChange { position, received_at, appointment_id: id, before, after: folded.status };
            self.change(changed, number, change);
        }
        for change in &folded.changes {
            self.revise(changed, key, change)?;
        }
        Ok(Applied { folded, conflicts_with })
    }

    /// Enters a change of status in the status log of its source.
    fn change(&mut self, changed: &mut Changed, number: SourceNumber, change: StatusChange) {
        changed.status_logs.insert(number);
        let completed = self.status_logs[number.0 as usize].push(change);
        if let Some(row) = completed.row {
            let first = row.changes.first().expect("a full row has changes").position;
            changed.changes.insert((number, first), row);
        }
        if completed.open_set {
            changed.open_sets.push((number, change.position));
        }
    }

    /// Remembers where the sender used an id. Returns where it was used first, if that is earlier.
    fn enter_id(
        &mut self,
        changed: &mut Changed,
        number: SourceNumber,
        delivery_id: &str,
        position: Position,
    ) -> Result<Option<Position>, ProjectionError> {
        let positions = match changed.delivery_ids.entry(delivery_id_key(number, delivery_id)) {
            btree_map::Entry::Occupied(entry) => entry.into_mut(),
            btree_map::Entry::Vacant(entry) => {
                let known = self.positions_of_ids.remove(entry.key());
                let stored = known.map_or_else(|| stored_positions(&self.store, entry.key()), Ok)?;
                entry.insert(stored)
            }
        };
        let first = positions.first().copied().map(Position::new);
        if positions.len() < POSITIONS_OF_ID_MAX && !(planted!(DeliveryIdForgotten) && first.is_some()) {
            positions.push(position.get());
        }
        Ok(first)
    }

    /// Where the sender used an id, up to the checkpoint. Asking before a delivery is folded spares the fold the
    /// look-up: between the two nobody else writes.
    pub(crate) fn positions_of_id(
        &mut self,
        source: &SourceName,
        delivery_id: &str,
    ) -> Result<Vec<Position>, ProjectionError> {
        let Some(number) = self.numbers.get(source).copied() else { return Ok(Vec::new()) };
        let key = delivery_id_key(number, delivery_id);
        let positions = stored_positions(&self.store, &key)?;
        let found = positions.iter().copied().map(Position::new).collect();
        if self.positions_of_ids.len() < FORESEEN_IDS_MAX {
            self.positions_of_ids.insert(key, positions);
        }
        Ok(found)
    }

    /// Enters what a delivery changed about an earlier one of the same appointment.
    fn revise(
        &mut self,
        changed: &mut Changed,
        key: (SourceNumber, AppointmentId),
        change: &Change,
    ) -> Result<(), ProjectionError> {
        let position = Position::new(change.position());
        let mut kinds = None;
        self.with_entry(changed, key, position, |entry| {
            let before = entry.kind();
            entry.revise(change);
            kinds = Some((before, entry.kind(), entry.received_at));
        })?;
        let moved = kinds.filter(|(before, after, _)| before != after && !planted!(RevisionNotListed));
        if let Some((before, after, received_at)) = moved {
            self.tally(changed, key.0, received_at)?.move_delivery(before, after);
            let (row, place) = row_of(position);
            self.row(changed, key.0, before, row)?.retain(|listed| *listed != place);
            self.list(changed, key.0, after, position)?;
            self.counts(key.0).move_delivery(before.outcome(), after.outcome());
        }
        Ok(())
    }

    /// Changes the entry of an earlier delivery, wherever it is.
    fn with_entry(
        &self,
        changed: &mut Changed,
        (number, id): (SourceNumber, AppointmentId),
        position: Position,
        change: impl FnOnce(&mut JudgedEvent),
    ) -> Result<(), ProjectionError> {
        let touched = changed.appointments.get_mut(&(number, id)).expect("it is being folded");
        if let Some(entry) = touched.record.recent.iter_mut().find(|entry| entry.position == position) {
            change(entry);
            return Ok(());
        }
        // The first row that ends at or after the position: of this group, or on disk.
        let (from, to) = (history_key(number, id, position), history_key(number, id, Position::new(u64::MAX)));
        let pending = changed.history.range(from.clone()..=to.clone()).next().map(|(key, _)| key.clone());
        let stored = self.store[Space::History].range(from..=to).next().map(Guard::into_inner).transpose();
        let stored = stored?;
        let row = match (pending, stored) {
            (Some(pending), Some((stored, value))) if stored[..] < pending[..] => {
                changed.history.entry(stored.to_vec()).or_insert(decode_history(&value)?)
            }
            (None, Some((stored, value))) => changed.history.entry(stored.to_vec()).or_insert(decode_history(&value)?),
            (Some(pending), _) => changed.history.entry(pending).or_default(),
            (None, None) => return Err(ProjectionError::Corrupt("history")),
        };
        let entry = row.iter_mut().find(|entry| entry.position == position);
        change(entry.ok_or(ProjectionError::Corrupt("history"))?);
        Ok(())
    }

    /// Lists a delivery by its kind.
    fn list(
        &self,
        changed: &mut Changed,
        number: SourceNumber,
        kind: Kind,
        position: Position,
    ) -> Result<(), ProjectionError> {
        let (row, place) = row_of(position);
        let places = self.row(changed, number, kind, row)?;
        places.insert(places.partition_point(|listed| *listed < place), place);
        Ok(())
    }

    /// The tally of the minute that a delivery arrived in.
    fn tally<'a>(
        &self,
        changed: &'a mut Changed,
        number: SourceNumber,
        received_at: DateTime<Utc>,
    ) -> Result<&'a mut Tally, ProjectionError> {
        let (hour, minute) = hour_of(minute_of(received_at));
        let row = match changed.tallies.entry((number, hour)) {
            btree_map::Entry::Occupied(entry) => entry.into_mut(),
            btree_map::Entry::Vacant(entry) => entry.insert(self.hour(number, hour)?),
        };
        Ok(row.entry(minute).or_default())
    }

    /// A row of `tallies` as it is on disk; empty where there is none.
    pub(crate) fn hour(&self, number: SourceNumber, hour: u64) -> Result<Hour, ProjectionError> {
        let stored = self.store[Space::Tallies].get(hour_key(number, hour))?;
        stored.map_or(Ok(Hour::new()), |bytes| decode_hour(&bytes))
    }

    fn row<'a>(
        &self,
        changed: &'a mut Changed,
        number: SourceNumber,
        kind: Kind,
        row: u64,
    ) -> Result<&'a mut Vec<u16>, ProjectionError> {
        match changed.by_outcome.entry((number, kind, row)) {
            btree_map::Entry::Occupied(entry) => Ok(entry.into_mut()),
            btree_map::Entry::Vacant(entry) => Ok(entry.insert(self.listed(number, kind, row)?)),
        }
    }

    /// A row of `by_outcome` as it is on disk; empty where there is none.
    pub(crate) fn listed(&self, number: SourceNumber, kind: Kind, row: u64) -> Result<Vec<u16>, ProjectionError> {
        let stored = self.store[Space::ByOutcome].get(outcome_key(number, kind, row));
        stored?.map_or(Ok(Vec::new()), |places| decode_places(&places))
    }

    /// The appointment's row, or a new one that begins with `first`.
    fn load(
        &self,
        number: SourceNumber,
        id: AppointmentId,
        delivery: &Delivery,
        first: Sighting,
    ) -> Result<AppointmentRecord, ProjectionError> {
        let key = AppointmentKey { source: delivery.source.clone(), appointment_id: id };
        match self.store[Space::Appointments].get(appointment_key(number, id))? {
            Some(bytes) => decode_appointment(key, &bytes),
            None => Ok(AppointmentRecord::new(key, first)),
        }
    }
}

/// The row of `delivery_ids` with this key; nothing where there is none.
fn stored_positions(store: &Keyspaces, key: &[u8]) -> Result<Vec<u64>, ProjectionError> {
    let stored = store[Space::DeliveryIds].get(key)?;
    Ok(stored.map(|bytes| decode_positions(&bytes)).transpose()?.unwrap_or_default())
}
