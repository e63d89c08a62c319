//! Pages of deliveries, by position.
//!
//! A source's deliveries are listed by what became of them and by what they said: a filter by outcome, code and event is
//! a merge of such lists, each read from where the page's cursor is.

use std::{collections::BTreeSet, ops::Bound};

use chrono::{DateTime, Utc};
use clockfold_lifecycle::{Code, EventType, FoldRules, Outcome};
use clockfold_log::{AppointmentId, Position, SourceName};
use clockfold_rows::Guard;

use crate::{
    error::ProjectionError,
    schema::{
        appointment::{AppointmentRecord, JudgedEvent, decode_history},
        identity::AppointmentKey,
        keys::{
            Kind, POSITIONS_IN_ROW, SourceNumber, SourceRow, decode_places, history_key, last_number, outcome_key,
            row_of,
        },
        keyspaces::Space,
    },
    view::{
        DeliveryState, Page, PageOf, View,
        filter::Stretches,
        merge::{Numbers, Span, merge},
        or_all,
    },
};

/// Which deliveries; ordered by position. What is empty or absent restricts nothing.
#[derive(Clone, Debug, Default)]
pub struct DeliveryFilter {
    /// Only of these sources.
    pub sources: Vec<SourceName>,
    /// Only of the appointments with one of these ids.
    pub appointment_ids: Option<Vec<AppointmentId>>,
    /// Only with one of these outcomes; empty: any.
    pub outcomes: Vec<Outcome>,
    /// Only with one of these codes; empty: any, and those that were applied.
    pub codes: Vec<Code>,
    /// Only of one of these events; empty: any, and those of no known event.
    pub events: Vec<EventType>,
    /// Only of these stretches of the log.
    pub positions: Stretches,
}

/// A delivery in the history of its appointment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryEntry {
    /// Its place in the log.
    pub position: Position,
    /// When it arrived.
    pub received_at: DateTime<Utc>,
    /// What it said; `None` where that is no known event.
    pub event: Option<EventType>,
    /// What became of it. A conflict with an earlier one is not looked up.
    pub told: DeliveryState,
}

impl DeliveryFilter {
    /// The kinds of delivery that it includes, each once.
    fn kinds(&self) -> Vec<Kind> {
        let wanted = |kind: &Kind| {
            (self.outcomes.is_empty() || self.outcomes.contains(&kind.outcome()))
                && (self.codes.is_empty() || kind.verdict.code().is_some_and(|code| self.codes.contains(&code)))
                && (self.events.is_empty() || kind.event.is_some_and(|event| self.events.contains(&event)))
        };
        Kind::all().filter(wanted).collect()
    }

    fn is_for_all_kinds(&self) -> bool {
        self.outcomes.is_empty() && self.codes.is_empty() && self.events.is_empty()
    }
}

impl View {
    /// The positions of deliveries.
    pub fn deliveries(
        &self,
        filter: &DeliveryFilter,
        page: &Page<Position>,
    ) -> Result<PageOf<Position>, ProjectionError> {
        let mut stretches = filter.positions.each();
        if page.from_end {
            stretches.reverse();
        }
        let mut positions = Vec::new();
        for stretch in stretches {
            // The bounds of the page, and those of the filter.
            let span = stretch.span();
            let before = [page.before, span.before].into_iter().flatten().min();
            let span = Span { after: page.after.max(span.after), before };
            let left = page.limit + 1 - positions.len();
            if left > 0 && !span.is_empty() {
                positions.extend(merge(self.lists(filter, span)?, page.from_end, left)?);
            }
        }
        Ok(PageOf::cut(positions.into_iter().map(Position::new).collect(), page))
    }

    /// The lists that a filter is a merge of.
    fn lists(&self, filter: &DeliveryFilter, span: Span<Position>) -> Result<Vec<Numbers<'_>>, ProjectionError> {
        let sources = self.numbers_of(&filter.sources);
        if let Some(ids) = &filter.appointment_ids {
            let mut ids = ids.clone();
            ids.sort_unstable();
            ids.dedup();
            let mut lists = Vec::new();
            for (source, number) in sources {
                for id in &ids {
                    lists.push(self.positions_of(source, number, *id, filter.kinds(), span)?);
                }
            }
            return Ok(lists);
        }
        if filter.is_for_all_kinds() && sources.len() == self.sources().count() {
            // The whole log: its positions have no gaps.
            let folded = self.checkpoint()?.position.get();
            let first = span.after.map_or(1, |after| after.get().saturating_add(1));
            let last = span.before.map_or(folded, |before| folded.min(before.get().saturating_sub(1)));
            return Ok(vec![Box::new((first..=last).map(Ok))]);
        }
        let kinds = filter.kinds();
        let of_source = |number| kinds.iter().map(move |kind| self.positions_with(number, *kind, span));
        Ok(sources.into_values().flat_map(of_source).collect())
    }

    /// The deliveries of a source that are of a kind.
    pub(crate) fn positions_with(&self, number: SourceNumber, kind: Kind, span: Span<Position>) -> Numbers<'_> {
        let first = span.after.map_or(0, |after| row_of(after).0);
        let last = span.before.map_or(u64::MAX, |before| row_of(before).0);
        let keys = outcome_key(number, kind, first)..=outcome_key(number, kind, last);
        let positions = move |entry: Guard| -> Vec<Result<u64, ProjectionError>> {
            let entry = entry.into_inner().map_err(ProjectionError::from);
            let entry = self.deadline.check().and(entry);
            let row =
                entry.and_then(|(key, bytes)| Ok((last_number(&key)? * POSITIONS_IN_ROW, decode_places(&bytes)?)));
            match row {
                Err(error) => vec![Err(error)],
                Ok((first, places)) => {
                    let numbers = places.iter().map(|place| first + u64::from(*place));
                    numbers.filter(|number| span.contains(Position::new(*number))).map(Ok).collect()
                }
            }
        };
        Box::new(self.snapshot.range(&self.store[Space::ByOutcome], keys).flat_map(positions))
    }

    /// The deliveries of an appointment that are of one of these kinds.
    fn positions_of(
        &self,
        source: &SourceName,
        number: SourceNumber,
        id: AppointmentId,
        kinds: Vec<Kind>,
        span: Span<Position>,
    ) -> Result<Numbers<'_>, ProjectionError> {
        let key = AppointmentKey { source: source.clone(), appointment_id: id };
        let recent = self.appointment(&key)?.map_or_else(Vec::new, |record| record.recent);
        let positions = self.entries(number, id, recent, span)?.filter_map(move |entry| match entry {
            Ok(entry) => kinds.contains(&entry.kind()).then_some(Ok(entry.position.get())),
            Err(error) => Some(Err(error)),
        });
        Ok(Box::new(positions))
    }

    /// An appointment's deliveries, as folded up to now; reads nothing from the log.
    pub fn history(
        &self,
        key: &AppointmentKey,
        rules: &FoldRules,
        page: &Page<Position>,
    ) -> Result<PageOf<HistoryEntry>, ProjectionError> {
        let span = Span { after: page.after, before: page.before };
        let (Some(record), Some(number), false) =
            (self.appointment(key)?, self.number_of(&key.source), span.is_empty())
        else {
            return Ok(PageOf::cut(Vec::new(), page));
        };
        let status = record.appointment.status();
        let waiting: Vec<u64> = record.appointment.waiting().collect();
        let told = |entry: Result<JudgedEvent, ProjectionError>| {
            let JudgedEvent { position, received_at, event, judgement } = entry?;
            let waits = waiting.contains(&position.get());
            let reconsidered_until = waits.then(|| rules.reconsidered_until(received_at));
            let told = DeliveryState { judgement, status, reconsidered_until, conflicts_with: None };
            Ok(HistoryEntry { position, received_at, event, told })
        };
        let entries = self.entries(number, key.appointment_id, record.recent, span)?.map(told);
        let items: Result<Vec<_>, ProjectionError> = if page.from_end {
            entries.rev().take(page.limit + 1).collect()
        } else {
            entries.take(page.limit + 1).collect()
        };
        Ok(PageOf::cut(items?, page))
    }

    /// The event of the last delivery, by position, that was applied up to where the record is; also where it is one of
    /// an earlier moment. Its own row almost always has it.
    pub fn last_event(&self, record: &AppointmentRecord) -> Result<Option<EventType>, ProjectionError> {
        // One that was let in later was still rejected then.
        let counts = |entry: &JudgedEvent| {
            let let_in_by = |by: u64| by <= record.last_position.get();
            entry.judgement.verdict.outcome() == Outcome::Applied
                && entry.judgement.reconsidered.is_none_or(|reconsidered| let_in_by(reconsidered.at))
        };
        if let Some(entry) = record.recent.iter().rfind(|entry| counts(entry)) {
            return Ok(entry.event);
        }
        let number = self.number_of(&record.key.source).ok_or(ProjectionError::Corrupt("source number"))?;
        let span = Span { after: None, before: Some(record.last_position.next()) };
        for entry in self.entries(number, record.key.appointment_id, Vec::new(), span)?.rev() {
            let entry = entry?;
            if counts(&entry) {
                return Ok(entry.event);
            }
        }
        Ok(None)
    }

    /// The entries of an appointment within a span; `recent` are those of its own row.
    fn entries(
        &self,
        number: SourceNumber,
        id: AppointmentId,
        recent: Vec<JudgedEvent>,
        span: Span<Position>,
    ) -> Result<impl DoubleEndedIterator<Item = Result<JudgedEvent, ProjectionError>> + '_, ProjectionError> {
        let key = |position| history_key(number, id, position);
        let lower =
            span.after.map_or_else(|| Bound::Included(key(Position::ZERO)), |after| Bound::Excluded(key(after)));
        let last = key(Position::new(u64::MAX));
        // A row's key is its last position: the row that reaches beyond the span may begin within.
        let upper = match span
            .before
            .map(|before| self.snapshot.range(&self.store[Space::History], key(before)..=last.clone()).next())
        {
            Some(Some(row)) => row.key()?.to_vec(),
            Some(None) | None => last,
        };
        let rows = self.snapshot.range(&self.store[Space::History], (lower, Bound::Included(upper)));
        let entries = move |row: Guard| {
            let bytes = row.value().map_err(ProjectionError::from);
            let entries = self.deadline.check().and(bytes).and_then(|bytes| decode_history(&bytes));
            entries.map_or_else(|error| vec![Err(error)], |entries| entries.into_iter().map(Ok).collect())
        };
        let entries = rows.flat_map(entries).chain(recent.into_iter().map(Ok));
        Ok(entries.filter(move |entry| entry.as_ref().map_or(true, |entry| span.contains(entry.position))))
    }

    /// How many deliveries a filter finds, where a counter knows; `None` where only a scan could.
    pub fn delivery_count(&self, filter: &DeliveryFilter) -> Result<Option<u64>, ProjectionError> {
        if !filter.events.is_empty() || !filter.codes.is_empty() || filter.positions != Stretches::default() {
            return Ok(None);
        }
        match &filter.appointment_ids {
            None => {
                let outcomes = or_all(&filter.outcomes, &Outcome::ALL);
                let count =
                    |row: &SourceRow| outcomes.iter().map(|outcome| row.counts.deliveries(*outcome)).sum::<u64>();
                Ok(Some(self.rows_of(&filter.sources)?.iter().map(count).sum()))
            }
            Some(ids) if filter.outcomes.is_empty() => {
                let mut count = 0;
                for source in &filter.sources {
                    for appointment_id in ids.iter().copied().collect::<BTreeSet<_>>() {
                        let key = AppointmentKey { source: source.clone(), appointment_id };
                        count += self.appointment(&key)?.map_or(0, |record| record.delivery_count);
                    }
                }
                Ok(Some(count))
            }
            Some(_) => Ok(None),
        }
    }
}
