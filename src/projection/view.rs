//! Queries over one snapshot of the projection: everything that one view answers belongs together.

use std::{collections::BTreeMap, ops::Bound, sync::Arc};

use chrono::{DateTime, Utc};

use crate::{
    lifecycle::{FoldRules, Judgement, Met, Outcome, Status},
    log::{AppointmentId, Delivery, Digest, Position, Reading, SourceName},
};

use super::{
    AppointmentKey, AppointmentRecord, Checkpoint, ProjectionError,
    lsm::{Guard, Keyspace, Snapshot},
    merge::{Numbers, Span, merge},
    record::{Entry, decode_appointment, decode_history},
    row::{
        CHECKPOINT_KEY, POSITIONS_IN_ROW, SourceNumber, SourceRow, appointment_key, decode_checkpoint, decode_source,
        history_key, last_number, outcome_key, row_of, status_key,
    },
    rows::StateHasher,
    store::{Keyspaces, failed},
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

/// Which appointments; ordered by source name, then by id.
#[derive(Clone, Debug)]
pub struct AppointmentFilter {
    /// Only of these sources.
    pub sources: Vec<SourceName>,
    /// Only in one of these statuses; empty: any.
    pub statuses: Vec<Status>,
}

/// Which deliveries; ordered by position.
#[derive(Clone, Debug)]
pub struct DeliveryFilter {
    /// Only of these sources.
    pub sources: Vec<SourceName>,
    /// Only of the appointments with this id.
    pub appointment_id: Option<AppointmentId>,
    /// Only with one of these outcomes; empty: any.
    pub outcomes: Vec<Outcome>,
}

/// What the projection tells of one delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
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
    pub(super) snapshot: Snapshot,
    pub(super) store: Arc<Keyspaces>,
}

impl View {
    pub(super) fn new(store: Arc<Keyspaces>) -> View {
        View { snapshot: store.database.snapshot(), store }
    }

    /// How far this snapshot is folded.
    pub fn checkpoint(&self) -> Result<Checkpoint, ProjectionError> {
        let bytes = self.get(&self.store.meta, CHECKPOINT_KEY)?;
        decode_checkpoint(&bytes.ok_or(ProjectionError::Damaged("checkpoint"))?)
    }

    /// The sources that the log knows, by name.
    ///
    /// Read from `source_ids`, whose rows are written once: an iterator steps over every version of a row
    /// that the store still holds in memory, and each group writes its `sources` row anew.
    pub fn sources(&self) -> Result<Vec<SourceName>, ProjectionError> {
        let mut names = Vec::new();
        for entry in self.snapshot.iter(&self.store.source_ids) {
            let key = entry.key().map_err(|error| failed("reading", error))?;
            let name = std::str::from_utf8(&key).ok().and_then(|name| name.parse().ok());
            names.push(name.ok_or(ProjectionError::Damaged("source number"))?);
        }
        Ok(names)
    }

    /// One appointment; also one that no delivery has brought into being (its status is `None`).
    pub fn appointment(&self, key: &AppointmentKey) -> Result<Option<AppointmentRecord>, ProjectionError> {
        let Some(number) = self.number_of(&key.source)? else { return Ok(None) };
        let bytes = self.get(&self.store.appointments, &appointment_key(number, key.appointment_id))?;
        bytes.map(|bytes| decode_appointment(key.clone(), &bytes)).transpose()
    }

    /// Appointments that have come into being.
    pub fn appointments(
        &self,
        filter: &AppointmentFilter,
        page: &Page<AppointmentKey>,
    ) -> Result<PageOf<AppointmentRecord>, ProjectionError> {
        let statuses = or_all(&filter.statuses, &Status::ALL);
        let mut items = Vec::new();
        for (source, number, span) in self.sources_of_page(filter, page)? {
            let range = |status: &Status| {
                let bounds =
                    span.bounds(|id| status_key(number, *status, id).to_vec(), AppointmentId::MIN, AppointmentId::MAX)?;
                let ids = self.snapshot.range(&self.store.by_status, bounds);
                let id = |entry: Guard| last_number(&entry.key().map_err(|error| failed("reading", error))?);
                Some(Box::new(ids.map(id)) as Numbers<'_>)
            };
            let ids = statuses.iter().filter_map(range).collect();
            for id in merge(ids, page.from_end, page.limit + 1 - items.len())? {
                items.push(self.record(source, number, id)?);
            }
            if items.len() > page.limit {
                break;
            }
        }
        Ok(PageOf::cut(items, page))
    }

    /// The sources that a page may have appointments of, in its direction, with what of each source lies in it.
    #[allow(clippy::type_complexity, reason = "a source, its number, and its part of the page")]
    pub(super) fn sources_of_page<'a>(
        &self,
        filter: &'a AppointmentFilter,
        page: &Page<AppointmentKey>,
    ) -> Result<Vec<(&'a SourceName, SourceNumber, Span<AppointmentId>)>, ProjectionError> {
        let sources = self.numbers_of(&filter.sources)?.into_iter();
        let mut parts: Vec<_> =
            sources.filter_map(|(source, number)| Some((source, number, span_in_source(page, source)?))).collect();
        if page.from_end {
            parts.reverse();
        }
        Ok(parts)
    }

    /// How many appointments a filter finds. Costs a look-up a source.
    pub fn appointment_count(&self, filter: &AppointmentFilter) -> Result<u64, ProjectionError> {
        let statuses = or_all(&filter.statuses, &Status::ALL);
        let count = |row: &SourceRow| statuses.iter().map(|status| row.counts.appointments(*status)).sum::<u64>();
        Ok(self.rows_of(&filter.sources)?.iter().map(count).sum())
    }

    /// The positions of deliveries.
    pub fn deliveries(
        &self,
        filter: &DeliveryFilter,
        page: &Page<Position>,
    ) -> Result<PageOf<Position>, ProjectionError> {
        let span = Span { after: page.after, before: page.before };
        if span.is_empty() {
            return Ok(PageOf::cut(Vec::new(), page));
        }
        let outcomes = or_all(&filter.outcomes, &Outcome::ALL);
        let mut lists = Vec::new();
        for (source, number) in self.numbers_of(&filter.sources)? {
            match filter.appointment_id {
                Some(id) => lists.push(self.positions_of(source, number, id, outcomes.clone(), span)?),
                None => lists.extend(outcomes.iter().map(|outcome| self.positions_with(number, *outcome, span))),
            }
        }
        let positions = merge(lists, page.from_end, page.limit + 1)?;
        Ok(PageOf::cut(positions.into_iter().map(Position::new).collect(), page))
    }

    /// The deliveries of a source with an outcome.
    fn positions_with(&self, number: SourceNumber, outcome: Outcome, span: Span<Position>) -> Numbers<'_> {
        let first = span.after.map_or(0, |after| row_of(after).0);
        let last = span.before.map_or(u64::MAX, |before| row_of(before).0);
        let keys = outcome_key(number, outcome, first)..=outcome_key(number, outcome, last);
        let positions = move |entry: Guard| -> Vec<Result<u64, ProjectionError>> {
            let entry = entry.into_inner().map_err(|error| failed("reading", error));
            let row = entry.and_then(|(key, bytes)| Ok((last_number(&key)? * POSITIONS_IN_ROW, bytes)));
            match row {
                Err(error) => vec![Err(error)],
                Ok((first, bytes)) => {
                    let numbers = bytes.iter().map(|byte| first + u64::from(*byte));
                    numbers.filter(|number| span.contains(Position::new(*number))).map(Ok).collect()
                }
            }
        };
        Box::new(self.snapshot.range(&self.store.by_outcome, keys).flat_map(positions))
    }

    /// The deliveries of an appointment with one of these outcomes.
    fn positions_of(
        &self,
        source: &SourceName,
        number: SourceNumber,
        id: AppointmentId,
        outcomes: Vec<Outcome>,
        span: Span<Position>,
    ) -> Result<Numbers<'_>, ProjectionError> {
        let key = AppointmentKey { source: source.clone(), appointment_id: id };
        let recent = self.appointment(&key)?.map_or_else(Vec::new, |record| record.recent);
        let wanted =
            move |entry: &Entry| span.contains(entry.position) && outcomes.contains(&entry.judgement.verdict.outcome());
        let key = |position| history_key(number, id, position);
        let lower =
            span.after.map_or_else(|| Bound::Included(key(Position::ZERO)), |after| Bound::Excluded(key(after)));
        let last = key(Position::new(u64::MAX));
        // A row's key is its last position: the row that reaches beyond the span may begin within.
        let upper =
            match span.before.map(|before| self.snapshot.range(&self.store.history, key(before)..=last.clone()).next())
            {
                Some(Some(row)) => row.key().map_err(|error| failed("reading", error))?.to_vec(),
                Some(None) | None => last,
            };
        let rows = self.snapshot.range(&self.store.history, (lower, Bound::Included(upper)));
        let entries = |row: Guard| {
            let entries =
                row.value().map_err(|error| failed("reading", error)).and_then(|bytes| decode_history(&bytes));
            entries.map_or_else(|error| vec![Err(error)], |entries| entries.into_iter().map(Ok).collect())
        };
        let entries = rows.flat_map(entries).chain(recent.into_iter().map(Ok));
        let positions = entries.filter_map(move |entry| match entry {
            Ok(entry) => wanted(&entry).then_some(Ok(entry.position.get())),
            Err(error) => Some(Err(error)),
        });
        Ok(Box::new(positions))
    }

    /// How many deliveries a filter finds, where a counter tells; `None` where only a scan could.
    pub fn delivery_count(&self, filter: &DeliveryFilter) -> Result<Option<u64>, ProjectionError> {
        match filter.appointment_id {
            None => {
                let outcomes = or_all(&filter.outcomes, &Outcome::ALL);
                let count =
                    |row: &SourceRow| outcomes.iter().map(|outcome| row.counts.deliveries(*outcome)).sum::<u64>();
                Ok(Some(self.rows_of(&filter.sources)?.iter().map(count).sum()))
            }
            Some(appointment_id) if filter.outcomes.is_empty() => {
                let mut count = 0;
                for source in &filter.sources {
                    let key = AppointmentKey { source: source.clone(), appointment_id };
                    count += self.appointment(&key)?.map_or(0, |record| record.delivery_count);
                }
                Ok(Some(count))
            }
            Some(_) => Ok(None),
        }
    }

    /// What became of a delivery that the log handed back; `None` where it is not folded yet.
    pub fn tell(&self, delivery: &Delivery, rules: &FoldRules) -> Result<Option<Told>, ProjectionError> {
        if delivery.position > self.checkpoint()?.position {
            return Ok(None);
        }
        let conflicts_with = self.conflicts_with(delivery)?;
        let appointment_id = match &delivery.reading {
            Reading::Readable { appointment_id, .. } => *appointment_id,
            Reading::Unreadable(fault) => {
                let judgement = Judgement::unreadable(*fault);
                return Ok(Some(Told { judgement, status: None, reconsidered_until: None, conflicts_with }));
            }
        };
        let damaged = || ProjectionError::Damaged("history");
        let key = AppointmentKey { source: delivery.source.clone(), appointment_id };
        let record = self.appointment(&key)?.ok_or_else(damaged)?;
        let mut entries = record.recent;
        if entries.first().is_none_or(|first| delivery.position < first.position) {
            let number = self.number_of(&delivery.source)?.ok_or_else(damaged)?;
            let row = |position| history_key(number, appointment_id, position);
            let rows = row(delivery.position)..=row(Position::new(u64::MAX));
            let row = self.snapshot.range(&self.store.history, rows).next().ok_or_else(damaged)?;
            entries = decode_history(&row.value().map_err(|error| failed("reading", error))?)?;
        }
        let entry = entries.into_iter().find(|entry| entry.position == delivery.position).ok_or_else(damaged)?;
        let waits = record.appointment.waiting().any(|position| position == delivery.position.get());
        let reconsidered_until = waits.then(|| rules.reconsidered_until(delivery.received_at));
        let status = record.appointment.status();
        Ok(Some(Told { judgement: entry.judgement, status, reconsidered_until, conflicts_with }))
    }

    /// A digest of every row. Two folds of the same log by the same rules share it. Reads everything.
    pub fn state_digest(&self) -> Result<Digest, ProjectionError> {
        let mut hasher = StateHasher::new();
        for (space, keyspace) in self.store.derived().into_iter().enumerate() {
            for entry in self.snapshot.iter(keyspace) {
                let (key, value) = entry.into_inner().map_err(|error| failed("reading", error))?;
                hasher.row(space, &key, &value);
            }
        }
        Ok(hasher.finish())
    }

    fn record(&self, source: &SourceName, number: SourceNumber, id: u64) -> Result<AppointmentRecord, ProjectionError> {
        let appointment_id = AppointmentId::new(id).ok_or(ProjectionError::Damaged("status index"))?;
        let key = AppointmentKey { source: source.clone(), appointment_id };
        let bytes = self.get(&self.store.appointments, &appointment_key(number, appointment_id))?;
        decode_appointment(key, &bytes.ok_or(ProjectionError::Damaged("status index"))?)
    }

    pub(super) fn number_of(&self, source: &SourceName) -> Result<Option<SourceNumber>, ProjectionError> {
        let Some(bytes) = self.get(&self.store.source_ids, source.as_str().as_bytes())? else { return Ok(None) };
        let bytes = <[u8; 4]>::try_from(&bytes[..]).map_err(|_| ProjectionError::Damaged("source number"))?;
        Ok(Some(SourceNumber(u32::from_be_bytes(bytes))))
    }

    pub(super) fn numbers_of<'a>(
        &self,
        sources: &'a [SourceName],
    ) -> Result<BTreeMap<&'a SourceName, SourceNumber>, ProjectionError> {
        let mut numbers = BTreeMap::new();
        for source in sources {
            numbers.extend(self.number_of(source)?.map(|number| (source, number)));
        }
        Ok(numbers)
    }

    fn rows_of(&self, sources: &[SourceName]) -> Result<Vec<SourceRow>, ProjectionError> {
        let mut rows = Vec::new();
        for number in self.numbers_of(sources)?.into_values() {
            let bytes = self.get(&self.store.sources, &number.0.to_be_bytes())?;
            rows.push(decode_source(&bytes.ok_or(ProjectionError::Damaged("source"))?)?);
        }
        Ok(rows)
    }

    pub(super) fn get(&self, keyspace: &Keyspace, key: &[u8]) -> Result<Option<Vec<u8>>, ProjectionError> {
        self.snapshot.get(keyspace, key).map_err(|error| failed("reading", error))
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
    pub(super) fn cut<K>(mut items: Vec<T>, page: &Page<K>) -> PageOf<T> {
        let has_more = items.len() > page.limit;
        items.truncate(page.limit);
        if page.from_end {
            items.reverse();
        }
        PageOf { items, has_more }
    }
}

/// The part of a page that lies in `source`; `None` where nothing of it does.
fn span_in_source(page: &Page<AppointmentKey>, source: &SourceName) -> Option<Span<AppointmentId>> {
    let inside = |cursor: &Option<AppointmentKey>| {
        cursor.as_ref().filter(|key| key.source == *source).map(|key| key.appointment_id)
    };
    let past = page.after.as_ref().is_some_and(|key| key.source > *source);
    let beyond = page.before.as_ref().is_some_and(|key| key.source < *source);
    (!past && !beyond).then(|| Span { after: inside(&page.after), before: inside(&page.before) })
}

/// The values asked for, each once; all where none is named.
pub(super) fn or_all<T: Copy + Ord>(asked: &[T], all: &[T]) -> Vec<T> {
    let mut values = if asked.is_empty() { all.to_vec() } else { asked.to_vec() };
    values.sort();
    values.dedup();
    values
}
