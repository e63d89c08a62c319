//! Queries over one snapshot of the projection: everything that one view answers belongs together.

pub(crate) mod deadline;
pub(crate) mod filter;
pub(crate) mod merge;
pub(crate) mod runs;
pub(crate) mod appointments;
pub(crate) mod deliveries;
pub(crate) mod repeats;
pub(crate) mod flow;
pub(crate) mod not_applied;
pub(crate) mod patterns;
pub(crate) mod status_log;
pub(crate) mod as_of;
pub(crate) mod board;

use std::{collections::BTreeMap, sync::Arc};

use chrono::{DateTime, Utc};
use clockfold_lifecycle::{FoldRules, Judgement, Met};
use clockfold_log::{AppointmentId, Delivery, Digest, Position, Reading, SourceName};
use clockfold_rows::{Keyspace, Snapshot};

use crate::{
    error::ProjectionError,
    planted::planted,
    schema::{
        appointment::{AppointmentRecord, decode_appointment, decode_history},
        identity::{AppointmentKey, Checkpoint},
        keys::{
            CHECKPOINT_KEY, SourceNumber, SourceRow, appointment_key, decode_checkpoint, decode_source, history_key,
            id_key,
        },
        keyspaces::{Keyspaces, Names, Space},
        sink::StateHasher,
    },
    view::deadline::Deadline,
};

/// A part of an ordered list: at most `limit` items strictly between two cursors.
#[derive(Clone, Debug)]
pub struct Page<K> {
    /// Only what comes after this.
    pub after: Option<K>,
    /// Only what comes before this.
    pub before: Option<K>,
    /// The most items to return.
    pub limit: usize,
    /// Take the last ones instead of the first ones; the order of the items stays ascending.
    pub from_end: bool,
}

/// A page's items, ascending.
#[derive(Clone, Debug)]
pub struct PageOf<T> {
    /// The items.
    pub items: Vec<T>,
    /// Whether there are more beyond the limit, in the direction that was asked for.
    pub has_more: bool,
}

/// What the projection knows of one delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeliveryState {
    /// What became of it, as folded up to now.
    pub judgement: Judgement,
    /// The appointment's status now.
    pub status: Met,
    /// Until when its rejection may still change, while it waits for what it may have overtaken.
    pub reconsidered_until: Option<DateTime<Utc>>,
    /// The first delivery with the same id, where that has another body.
    pub conflicts_with: Option<Position>,
}

/// One snapshot of the projection.
pub struct View {
    pub(crate) snapshot: Snapshot,
    pub(crate) store: Arc<Keyspaces>,
    /// Looked at before a row is read.
    pub(crate) deadline: Deadline,
    names: Arc<Names>,
}

impl View {
    pub(crate) fn new(store: Arc<Keyspaces>) -> View {
        let snapshot = store.database.snapshot();
        let names = store.names();
        View { snapshot, store, names, deadline: Deadline::default() }
    }

    /// The same view with a deadline: after it every question fails with
    /// [`ProjectionError::OutOfTime`].
    pub fn within(self, deadline: Deadline) -> View {
        View { deadline, ..self }
    }

    /// How far this snapshot is folded.
    pub fn checkpoint(&self) -> Result<Checkpoint, ProjectionError> {
        let bytes = self.get(&self.store[Space::Meta], CHECKPOINT_KEY)?;
        decode_checkpoint(&bytes.ok_or(ProjectionError::Corrupt("checkpoint"))?)
    }

    /// The sources that the log knows, by name.
    pub fn sources(&self) -> impl Iterator<Item = &SourceName> {
        self.names.keys()
    }

    /// The sources that have an appointment with this id, by number in the log; also where no delivery has brought it into
    /// being.
    pub fn sources_of(&self, id: AppointmentId) -> Result<Vec<SourceName>, ProjectionError> {
        let keys = id_key(id, SourceNumber(0))..=id_key(id, SourceNumber(u32::MAX));
        let mut sources = Vec::new();
        for row in self.snapshot.range(&self.store[Space::ById], keys) {
            self.deadline.check()?;
            let key = row.key()?;
            let number = key.last_chunk::<4>().map(|bytes| SourceNumber(u32::from_be_bytes(*bytes)));
            let found = self.names.iter().find(|(_, of)| Some(**of) == number);
            sources.push(found.ok_or(ProjectionError::Corrupt("appointment"))?.0.clone());
        }
        Ok(sources)
    }

    /// One appointment; also one that no delivery has brought into being (its status is `None`).
    pub fn appointment(&self, key: &AppointmentKey) -> Result<Option<AppointmentRecord>, ProjectionError> {
        let Some(number) = self.number_of(&key.source) else { return Ok(None) };
        let bytes = self.get(&self.store[Space::Appointments], &appointment_key(number, key.appointment_id))?;
        bytes.map(|bytes| decode_appointment(key.clone(), &bytes)).transpose()
    }

    /// What became of a delivery that the log handed back; `None` where it is not folded yet.
    pub fn tell(&self, delivery: &Delivery, rules: &FoldRules) -> Result<Option<DeliveryState>, ProjectionError> {
        if delivery.position > self.checkpoint()?.position {
            return Ok(None);
        }
        let conflicts_with = self.conflicts_with(delivery)?;
        let appointment_id = match &delivery.reading {
            Reading::Readable { appointment_id, .. } | Reading::ReadSince { appointment_id, .. } => *appointment_id,
            Reading::Unreadable(fault) => {
                let judgement = Judgement::unreadable(*fault);
                return Ok(Some(DeliveryState { judgement, status: None, reconsidered_until: None, conflicts_with }));
            }
        };
        let corrupt = || ProjectionError::Corrupt("history");
        let key = AppointmentKey { source: delivery.source.clone(), appointment_id };
        let record = self.appointment(&key)?.ok_or_else(corrupt)?;
        let mut entries = record.recent;
        if entries.first().is_none_or(|first| delivery.position < first.position) {
            let number = self.number_of(&delivery.source).ok_or_else(corrupt)?;
            let row = |position| history_key(number, appointment_id, position);
            let rows = row(delivery.position)..=row(Position::new(u64::MAX));
            let row = self.snapshot.range(&self.store[Space::History], rows).next().ok_or_else(corrupt)?;
            entries = decode_history(&row.value()?)?;
        }
        let entry = entries.into_iter().find(|entry| entry.position == delivery.position).ok_or_else(corrupt)?;
        let waits = record.appointment.waiting().any(|position| position == delivery.position.get());
        let reconsidered_until = waits.then(|| rules.reconsidered_until(delivery.received_at));
        let status = record.appointment.status();
        Ok(Some(DeliveryState { judgement: entry.judgement, status, reconsidered_until, conflicts_with }))
    }

    /// A digest of every row. Two folds of the same log by the same rules share it. Reads everything.
    pub fn state_digest(&self) -> Result<Digest, ProjectionError> {
        let mut hasher = StateHasher::new();
        for space in Space::ALL {
            for entry in self.snapshot.iter(&self.store[*space]) {
                let (key, value) = entry.into_inner()?;
                hasher.row(*space, &key, &value);
            }
        }
        Ok(hasher.finish())
    }

    pub(crate) fn number_of(&self, source: &SourceName) -> Option<SourceNumber> {
        self.names.get(source).copied()
    }

    /// The sources among these that the log knows, by name.
    pub(crate) fn numbers_of<'a>(&self, sources: &'a [SourceName]) -> BTreeMap<&'a SourceName, SourceNumber> {
        sources.iter().filter_map(|source| Some((source, self.number_of(source)?))).collect()
    }

    pub(crate) fn rows_of(&self, sources: &[SourceName]) -> Result<Vec<SourceRow>, ProjectionError> {
        let mut rows = Vec::new();
        for number in self.numbers_of(sources).into_values() {
            let bytes = self.get(&self.store[Space::Sources], &number.0.to_be_bytes())?;
            // A new source may not be in the snapshot yet.
            rows.extend(bytes.map(|bytes| decode_source(&bytes)).transpose()?);
        }
        Ok(rows)
    }

    pub(crate) fn get(&self, keyspace: &Keyspace, key: &[u8]) -> Result<Option<Vec<u8>>, ProjectionError> {
        self.deadline.check()?;
        if planted!(LookUpPastSnapshot) {
            return keyspace.get(key).map_err(ProjectionError::from);
        }
        self.snapshot.get(keyspace, key).map_err(ProjectionError::from)
    }
}

impl<K: Clone + Ord> Page<K> {
    /// The page of a list that is at hand, ascending.
    pub fn of<T>(&self, items: impl DoubleEndedIterator<Item = T>, key: impl Fn(&T) -> K) -> PageOf<T> {
        let inside = |item: &T| {
            self.after.as_ref().is_none_or(|after| *after < key(item))
                && self.before.as_ref().is_none_or(|before| key(item) < *before)
        };
        let items = items.filter(inside);
        let items = if self.from_end {
            items.rev().take(self.limit + 1).collect()
        } else {
            items.take(self.limit + 1).collect()
        };
        PageOf::cut(items, self)
    }
}

impl<T> PageOf<T> {
    /// Items in the direction of the page, one more than its limit if there are more.
    pub(crate) fn cut<K>(mut items: Vec<T>, page: &Page<K>) -> PageOf<T> {
        let has_more = items.len() > page.limit;
        items.truncate(page.limit);
        if page.from_end {
            items.reverse();
        }
        PageOf { items, has_more }
    }
}

/// The values asked for, each once; all where none is named.
pub(crate) fn or_all<T: Copy + Ord>(asked: &[T], all: &[T]) -> Vec<T> {
    let mut values = if asked.is_empty() { all.to_vec() } else { asked.to_vec() };
    values.sort();
    values.dedup();
    values
}
