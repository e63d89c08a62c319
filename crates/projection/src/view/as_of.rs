//! What was true at an earlier moment: the fold of all deliveries that had arrived by then, by today's rules.
//!
//! One appointment is folded again from its own entries. The status changes say which appointments there were, and how
//! many (`status_log.rs`).

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use clockfold_lifecycle::{FoldRules, Judgement, Status};
use clockfold_log::{AppointmentId, Position, SourceName};
use clockfold_rows::Guard;

use crate::{
    error::ProjectionError,
    schema::{
        appointment::{AppointmentRecord, ENTRIES_IN_ROW, JudgedEvent, Sighting, decode_history},
        changes::{StatusCounts, is_open},
        identity::AppointmentKey,
        keys::{SourceNumber, appointment_key, history_key, last_number},
        keyspaces::Space,
        rules::Rules,
    },
    view::{
        DeliveryState, Page, PageOf, View,
        appointments::page_of_records,
        filter::{AppointmentFilter, AppointmentOrderKey, Order, OrderBy},
        merge::Span,
        or_all,
    },
};

/// The most appointments that are put in another order than that of their ids, at an earlier moment.
const ORDERED_MAX: usize = 50_000;

/// A moment in the first quarter of the log is early: a query then looks at the changes before it, not at the
/// appointments of today.
const EARLY: u64 = 4;

/// A moment: after a delivery, or after everything that had arrived at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AsOf {
    /// After the delivery with this position.
    Position(Position),
    /// After the last delivery whose arrival time is at or before this one.
    Time(DateTime<Utc>),
}

/// A moment for everything at once: its position, and its time for limits in hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The last delivery that counts.
    pub position: Position,
    /// What the clock showed.
    pub time: DateTime<Utc>,
}

impl View {
    /// One appointment as it was after a position; `None` where none of its deliveries had arrived. Also one that no
    /// delivery had brought into being (its status is `None`).
    pub fn appointment_as_of(
        &self,
        key: &AppointmentKey,
        position: Position,
        rules: &FoldRules,
    ) -> Result<Option<AppointmentRecord>, ProjectionError> {
        let Some(record) = self.appointment(key)? else { return Ok(None) };
        if record.last_position <= position {
            return Ok(Some(record));
        }
        let entries = self.entries_as_of(&record, position)?;
        Ok(refold(record.key, &entries, rules).map(|(record, _)| record))
    }

    /// What became of each of an appointment's deliveries up to a position, as it was folded then, by position.
    pub fn told_as_of(
        &self,
        key: &AppointmentKey,
        position: Position,
        rules: &FoldRules,
    ) -> Result<BTreeMap<Position, DeliveryState>, ProjectionError> {
        let Some(record) = self.appointment(key)? else { return Ok(BTreeMap::new()) };
        let entries = self.entries_as_of(&record, position)?;
        let Some((record, entries)) = refold(key.clone(), &entries, rules) else { return Ok(BTreeMap::new()) };
        let status = record.appointment.status();
        let waiting: Vec<u64> = record.appointment.waiting().collect();
        let told = |entry: JudgedEvent| {
            let waits = waiting.contains(&entry.position.get());
            let reconsidered_until = waits.then(|| rules.reconsidered_until(entry.received_at));
            (
                entry.position,
                DeliveryState { judgement: entry.judgement, status, reconsidered_until, conflicts_with: None },
            )
        };
        Ok(entries.into_iter().map(told).collect())
    }

    /// The appointments that had come into being.
    pub fn appointments_as_of(
        &self,
        filter: &AppointmentFilter,
        order: Order,
        position: Position,
        rules: &Rules,
        page: &Page<AppointmentOrderKey>,
    ) -> Result<PageOf<AppointmentRecord>, ProjectionError> {
        let by_id = order.by == OrderBy::Id;
        let backwards = order.descending != page.from_end;
        let (after, before) = if order.descending { (&page.before, &page.after) } else { (&page.after, &page.before) };
        let mut sources: Vec<_> = self.numbers_of(&filter.sources).into_iter().collect();
        if backwards {
            sources.reverse();
        }
        let (mut items, mut looked_at) = (Vec::new(), 0);
        for (source, number) in sources {
            let everything = Span { after: None, before: None };
            let span = if by_id { span_in_source(after.as_ref(), before.as_ref(), source) } else { Some(everything) };
            let Some(span) = span else { continue };
            for id in self.candidates(number, position, filter, span, backwards)? {
                let key = AppointmentKey { source: source.clone(), appointment_id: id? };
                let record = self.appointment_as_of(&key, position, rules.of(source))?;
                items.extend(record.filter(|record| filter.includes(record)));
                looked_at += 1;
                if by_id && items.len() > page.limit {
                    return Ok(PageOf::cut(items, page));
                }
                if !by_id && looked_at > ORDERED_MAX {
                    return Err(ProjectionError::TooManyToOrder(ORDERED_MAX));
                }
            }
        }
        // No index knows an earlier moment's order.
        Ok(if by_id { PageOf::cut(items, page) } else { page_of_records(items, order, page) })
    }

    /// The ids of a source that may have been in one of these statuses, in the page's direction. Where only open ones
    /// are asked for, the status changes name them: most appointments have ended.
    #[allow(clippy::type_complexity, reason = "ids as they are asked for, and each may fail")]
    fn candidates(
        &self,
        number: SourceNumber,
        position: Position,
        filter: &AppointmentFilter,
        span: Span<AppointmentId>,
        from_end: bool,
    ) -> Result<Box<dyn Iterator<Item = Result<AppointmentId, ProjectionError>> + '_>, ProjectionError> {
        let statuses = &or_all(&filter.statuses, &Status::ALL);
        if let Some(ids) = &filter.ids {
            let mut ids: Vec<_> = ids.iter().copied().filter(|id| span.contains(*id)).collect();
            ids.sort_unstable();
            ids.dedup();
            let ids = ids.into_iter().map(Ok);
            return Ok(if from_end { Box::new(ids.rev()) } else { Box::new(ids) });
        }
        let then = if statuses.iter().all(|status| is_open(*status)) {
            Some(self.open_at(number, position)?)
        } else if position.get() < self.checkpoint()?.position.get() / EARLY {
            // Few of the appointments that there are now were there then.
            Some(self.statuses_at(number, position)?)
        } else {
            None
        };
        if let Some(then) = then {
            let wanted = then.into_iter().filter(|(id, status)| span.contains(*id) && statuses.contains(status));
            let ids: Vec<AppointmentId> = wanted.map(|(id, _)| id).collect();
            let ids = ids.into_iter().map(Ok);
            return Ok(if from_end { Box::new(ids.rev()) } else { Box::new(ids) });
        }
        let key = |id| appointment_key(number, id).to_vec();
        let Some(bounds) = span.bounds(key, AppointmentId::MIN, AppointmentId::MAX) else {
            return Ok(Box::new(std::iter::empty()));
        };
        let rows = self.snapshot.range(&self.store[Space::Appointments], bounds);
        let id = |row: Guard| {
            self.deadline.check()?;
            let id = last_number(&row.key()?)?;
            AppointmentId::new(id).ok_or(ProjectionError::Corrupt("appointment"))
        };
        Ok(if from_end { Box::new(rows.rev().map(id)) } else { Box::new(rows.map(id)) })
    }

    /// How many appointments of these sources there were, by status.
    pub fn status_counts_as_of(
        &self,
        sources: &[SourceName],
        position: Position,
    ) -> Result<BTreeMap<Status, u64>, ProjectionError> {
        let mut sum = StatusCounts::default();
        for number in self.numbers_of(sources).into_values() {
            // The last row that begins at or before the position.
            let Some(row) = self.change_rows(number, position, position).next() else { continue };
            let row = row?;
            let mut counts = row.counts_before;
            row.changes
                .iter()
                .filter(|change| change.position <= position)
                .for_each(|change| change.count(&mut counts));
            // Before a source's first change, the row that is found begins after the position.
            sum.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        }
        Ok(Status::ALL.into_iter().map(|status| (status, sum[status as usize])).collect())
    }

    /// How many appointments a filter found, where counters know; `None` where only a scan could.
    pub fn appointment_count_as_of(
        &self,
        filter: &AppointmentFilter,
        position: Position,
    ) -> Result<Option<u64>, ProjectionError> {
        if !filter.is_counted() {
            return Ok(None);
        }
        let counts = self.status_counts_as_of(&filter.sources, position)?;
        Ok(Some(or_all(&filter.statuses, &Status::ALL).iter().filter_map(|status| counts.get(status)).sum()))
    }

    /// An appointment's entries up to a position. Their outcomes are as of now.
    pub(crate) fn entries_as_of(
        &self,
        record: &AppointmentRecord,
        position: Position,
    ) -> Result<Vec<JudgedEvent>, ProjectionError> {
        let mut entries = Vec::new();
        if record.delivery_count > record.recent.len() as u64 {
            let number = self.number_of(&record.key.source).ok_or(ProjectionError::Corrupt("source number"))?;
            let key = |position| history_key(number, record.key.appointment_id, position);
            for row in
                self.snapshot.range(&self.store[Space::History], key(Position::ZERO)..=key(Position::new(u64::MAX)))
            {
                self.deadline.check()?;
                entries.extend(decode_history(&row.value()?)?);
                if entries.last().is_some_and(|last| last.position > position) {
                    break;
                }
            }
        }
        entries.extend(record.recent.iter().copied());
        entries.truncate(entries.partition_point(|entry| entry.position <= position));
        Ok(entries)
    }
}

/// An appointment and its entries, folded from its deliveries; `None` where there are none.
pub(crate) fn refold(
    key: AppointmentKey,
    entries: &[JudgedEvent],
    rules: &FoldRules,
) -> Option<(AppointmentRecord, Vec<JudgedEvent>)> {
    let sighting =
        |entry: &JudgedEvent| Sighting { position: entry.position, received_at: entry.received_at, event: entry.event };
    let mut record = AppointmentRecord::new(key, sighting(entries.first()?));
    let mut history: Vec<JudgedEvent> = Vec::with_capacity(entries.len());
    for entry in entries {
        let folded = record.enter(rules, sighting(entry));
        history.append(&mut record.recent);
        for change in &folded.changes {
            revise(&mut history, change);
        }
    }
    let recent = history.len() - history.len() % ENTRIES_IN_ROW;
    record.recent = history[recent..].to_vec();
    Some((record, history))
}

/// Takes over what a delivery changed about an earlier one.
pub(crate) fn revise(
    history: &mut [JudgedEvent],
    change: &clockfold_lifecycle::Change,
) -> Option<(Judgement, Judgement)> {
    let index = history.binary_search_by_key(&change.position(), |entry| entry.position.get()).ok()?;
    let before = history[index].judgement;
    history[index].revise(change);
    Some((before, history[index].judgement))
}

/// The part of a span between two places that is in `source`; `None` where none is.
fn span_in_source(
    after: Option<&AppointmentOrderKey>,
    before: Option<&AppointmentOrderKey>,
    source: &SourceName,
) -> Option<Span<AppointmentId>> {
    let inside = |place: Option<&AppointmentOrderKey>| {
        place.filter(|place| place.key.source == *source).map(|place| place.key.appointment_id)
    };
    let past = after.is_some_and(|place| place.key.source > *source);
    let beyond = before.is_some_and(|place| place.key.source < *source);
    (!past && !beyond).then(|| Span { after: inside(after), before: inside(before) })
}
