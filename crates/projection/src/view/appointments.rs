//! Pages of appointments, out of the index of their order.
//!
//! A page is read from where its cursor is, so its cost does not grow with what lies before. Where a filter finds
//! little of what the index holds, and another index knows those few, we take them from there and put them in order.
//! Otherwise we follow the index of the order, and step over what the filter excludes.

mod walk;

use clockfold_lifecycle::Status;
use clockfold_log::{AppointmentId, SourceName};
use clockfold_rows::Guard;
use itertools::Itertools as _;

use crate::{
    error::ProjectionError,
    schema::{
        appointment::{AppointmentRecord, decode_appointment},
        identity::AppointmentKey,
        keys::{SourceNumber, SourceRow, appointment_key, last_number, last_numbers, order_key, status_key},
        keyspaces::Space,
    },
    view::{
        Page, PageOf, View,
        filter::{AppointmentFilter, AppointmentOrderKey, Order, OrderBy},
        merge::{Results, merged},
        or_all,
    },
};
use walk::{Spot, Stretch, Walk};

/// The most that are put in order to save following an index.
const FEW: usize = 4_096;

/// Places of a source in one direction.
type Spots<'a> = Results<'a, Spot>;

impl View {
    /// Appointments that have come into being.
    pub fn appointments(
        &self,
        filter: &AppointmentFilter,
        order: Order,
        page: &Page<AppointmentOrderKey>,
    ) -> Result<PageOf<AppointmentRecord>, ProjectionError> {
        self.appointments_or_few(filter, order, page, FEW)
    }

    /// The same, where at most `few_max` are put in order.
    fn appointments_or_few(
        &self,
        filter: &AppointmentFilter,
        order: Order,
        page: &Page<AppointmentOrderKey>,
        few_max: usize,
    ) -> Result<PageOf<AppointmentRecord>, ProjectionError> {
        let walk = Walk::of(order, page);
        if let Some(few) = self.few(filter, order, few_max)? {
            let mut records = Vec::with_capacity(few.len());
            for key in few {
                records.extend(self.appointment(&key)?.filter(|record| filter.includes(record)));
            }
            return Ok(page_of_records(records, order, page));
        }
        let mut items = Vec::new();
        if order.by == OrderBy::Id {
            for (source, number) in self.in_order(&filter.sources, walk.backwards)? {
                for record in self.by_id(source, number, filter, &walk)? {
                    let record = record?;
                    items.extend(filter.includes(&record).then_some(record));
                    if items.len() > page.limit {
                        return Ok(PageOf::cut(items, page));
                    }
                }
            }
            return Ok(PageOf::cut(items, page));
        }
        let sources = self.in_order(&filter.sources, false)?;
        let streams = self.streams(filter, order.by, &sources, &walk)?.into_iter();
        let streams = streams.map(|(index, spots)| spots.map_ok(move |(value, id)| (value, index, id)));
        for place in merged(streams, walk.backwards) {
            let (_, index, id) = place?;
            let (source, number) = sources[index];
            let record = self.listed_record(source, number, id)?;
            items.extend(filter.includes(&record).then_some(record));
            if items.len() > page.limit {
                break;
            }
        }
        Ok(PageOf::cut(items, page))
    }

    /// How many appointments a filter finds, where counters know; `None` where only a scan could.
    pub fn appointment_count(&self, filter: &AppointmentFilter) -> Result<Option<u64>, ProjectionError> {
        if !filter.is_counted() {
            return Ok(None);
        }
        let statuses = or_all(&filter.statuses, &Status::ALL);
        let count = |row: &SourceRow| statuses.iter().map(|status| row.counts.appointments(*status)).sum::<u64>();
        Ok(Some(self.rows_of(&filter.sources)?.iter().map(count).sum()))
    }

    /// The sources that the log knows, by name.
    fn in_order<'a>(
        &self,
        sources: &'a [SourceName],
        backwards: bool,
    ) -> Result<Vec<(&'a SourceName, SourceNumber)>, ProjectionError> {
        let mut sources: Vec<_> = self.numbers_of(sources).into_iter().collect();
        if backwards {
            sources.reverse();
        }
        Ok(sources)
    }

    /// The few that a filter may find, where another index than the order's knows that they are few.
    fn few(
        &self,
        filter: &AppointmentFilter,
        order: Order,
        few_max: usize,
    ) -> Result<Option<Vec<AppointmentKey>>, ProjectionError> {
        if let Some(ids) = &filter.ids {
            let of_source = |source: &SourceName| {
                let source = source.clone();
                ids.iter().map(move |id| AppointmentKey { source: source.clone(), appointment_id: *id })
            };
            return Ok(Some(filter.sources.iter().flat_map(of_source).collect()));
        }
        let by_index = |by: OrderBy, restricted: bool| -> Result<Option<Vec<AppointmentKey>>, ProjectionError> {
            if order.by == by || !restricted { Ok(None) } else { self.collect(filter, by, few_max) }
        };
        let counted = AppointmentFilter {
            statuses: filter.statuses.clone(),
            sources: filter.sources.clone(),
            ..AppointmentFilter::default()
        };
        let in_status = !filter.statuses.is_empty()
            && self.appointment_count(&counted)?.is_some_and(|count| count <= few_max as u64);
        let restricted = |values: Option<(u64, u64)>| values != Some((0, u64::MAX));
        for (by, restricted) in [
            (OrderBy::StatusSince, in_status || restricted(filter.status_since.values())),
            (OrderBy::Id, filter.id_prefix.is_some()),
            (OrderBy::LastPosition, restricted(filter.last_position.values())),
            (OrderBy::FirstReceived, restricted(filter.first_received_at.values())),
        ] {
            if let Some(few) = by_index(by, restricted)? {
                return Ok(Some(few));
            }
        }
        Ok(None)
    }

    /// The places that an index knows for a filter; `None` where they are not few.
    fn collect(
        &self,
        filter: &AppointmentFilter,
        by: OrderBy,
        few_max: usize,
    ) -> Result<Option<Vec<AppointmentKey>>, ProjectionError> {
        let sources = self.in_order(&filter.sources, false)?;
        let mut few = Vec::new();
        for (index, spots) in self.streams(filter, by, &sources, &Walk::EVERYTHING)? {
            for spot in spots {
                let (_, id) = spot?;
                few.push(AppointmentKey { source: sources[index].0.clone(), appointment_id: appointment_id(id)? });
                if few.len() > few_max {
                    return Ok(None);
                }
            }
        }
        Ok(Some(few))
    }

    /// The places of each source in the direction of a walk, with the source's place in `sources`. Each stretch that is
    /// ordered by itself is one.
    fn streams<'a>(
        &'a self,
        filter: &AppointmentFilter,
        by: OrderBy,
        sources: &[(&SourceName, SourceNumber)],
        walk: &Walk<'_>,
    ) -> Result<Vec<(usize, Spots<'a>)>, ProjectionError> {
        let mut streams = Vec::new();
        let values = match by {
            OrderBy::Id => Some((0, u64::MAX)),
            OrderBy::StatusSince => filter.status_since.values(),
            OrderBy::FirstReceived => filter.first_received_at.values(),
            OrderBy::LastPosition => filter.last_position.values(),
        };
        let Some((from, to)) = values else { return Ok(streams) };
        let values = Stretch { from: (from, 0), to: (to, u64::MAX) };
        for (index, (source, number)) in sources.iter().enumerate() {
            let Some(stretch) = walk.stretch(source).and_then(|stretch| stretch.and(values)) else { continue };
            let number = *number;
            match by {
                OrderBy::Id => {
                    for (from, to) in prefixes(filter, false) {
                        streams.push((index, self.ids(number, from, to)));
                    }
                }
                OrderBy::StatusSince | OrderBy::LastPosition => {
                    let space = if by == OrderBy::StatusSince { Space::ByStatus } else { Space::ByLast };
                    for status in or_all(&filter.statuses, &Status::ALL) {
                        let key = |(value, id)| status_key(number, status, value, id).to_vec();
                        streams.push((index, self.spots(space, key, stretch, walk.backwards)));
                    }
                }
                OrderBy::FirstReceived => {
                    let key = |(value, id)| order_key(number, value, id).to_vec();
                    streams.push((index, self.spots(Space::ByFirst, key, stretch, walk.backwards)));
                }
            }
        }
        Ok(streams)
    }

    fn spots(&self, space: Space, key: impl Fn(Spot) -> Vec<u8>, stretch: Stretch, backwards: bool) -> Spots<'_> {
        let rows = self.snapshot.range(&self.store[space], key(stretch.from)..=key(stretch.to));
        let spot = |row: Guard| {
            self.deadline.check()?;
            last_numbers(&row.key()?)
        };
        if backwards { Box::new(rows.rev().map(spot)) } else { Box::new(rows.map(spot)) }
    }

    /// The ids of a stretch; also of appointments that no delivery has brought into being.
    fn ids(&self, number: SourceNumber, from: AppointmentId, to: AppointmentId) -> Spots<'_> {
        let keys = appointment_key(number, from)..=appointment_key(number, to);
        let rows = self.snapshot.range(&self.store[Space::Appointments], keys);
        Box::new(rows.map(|row| {
            self.deadline.check()?;
            Ok((0, last_number(&row.key()?)?))
        }))
    }

    /// The appointments of a source in the order of their ids, or against it.
    fn by_id<'a>(
        &'a self,
        source: &'a SourceName,
        number: SourceNumber,
        filter: &AppointmentFilter,
        walk: &Walk<'_>,
    ) -> Result<Box<dyn Iterator<Item = Result<AppointmentRecord, ProjectionError>> + 'a>, ProjectionError> {
        let ids = Stretch { from: (0, 0), to: (0, u64::MAX) };
        let Some(stretch) = walk.stretch(source).and_then(|stretch| stretch.and(ids)) else {
            return Ok(Box::new(std::iter::empty()));
        };
        let mut parts: Vec<Box<dyn Iterator<Item = Guard> + 'a>> = Vec::new();
        for (from, to) in prefixes(filter, walk.backwards) {
            let (from, to) = (from.get().max(stretch.from.1), to.get().min(stretch.to.1));
            let (Some(from), Some(to)) = (AppointmentId::new(from), AppointmentId::new(to)) else { continue };
            if from > to {
                continue;
            }
            let rows = self
                .snapshot
                .range(&self.store[Space::Appointments], appointment_key(number, from)..=appointment_key(number, to));
            parts.push(if walk.backwards { Box::new(rows.rev()) } else { Box::new(rows) });
        }
        Ok(Box::new(parts.into_iter().flatten().map(move |row| {
            self.deadline.check()?;
            let (key, value) = row.into_inner()?;
            let key = AppointmentKey { source: source.clone(), appointment_id: appointment_id(last_number(&key)?)? };
            decode_appointment(key, &value)
        })))
    }

    /// The record that an index names.
    fn listed_record(
        &self,
        source: &SourceName,
        number: SourceNumber,
        id: u64,
    ) -> Result<AppointmentRecord, ProjectionError> {
        let key = AppointmentKey { source: source.clone(), appointment_id: appointment_id(id)? };
        let bytes = self.get(&self.store[Space::Appointments], &appointment_key(number, key.appointment_id))?;
        decode_appointment(key, &bytes.ok_or(ProjectionError::Corrupt("order of appointments"))?)
    }
}

/// A page of records that are all at hand.
pub(crate) fn page_of_records(
    records: Vec<AppointmentRecord>,
    order: Order,
    page: &Page<AppointmentOrderKey>,
) -> PageOf<AppointmentRecord> {
    let place = |record: AppointmentRecord| Some((order.by.place(&record)?, record));
    let mut placed: Vec<_> = records.into_iter().filter_map(place).collect();
    placed.sort_by(|(one, _), (other, _)| one.cmp(other));
    placed.dedup_by(|(one, _), (other, _)| one == other);
    let walk = Walk::of(order, page);
    let inside = |place: &AppointmentOrderKey| {
        walk.after.is_none_or(|after| after < place) && walk.before.is_none_or(|before| place < before)
    };
    let placed = placed.into_iter().filter(|(place, _)| inside(place)).map(|(_, record)| record);
    let items = if walk.backwards {
        placed.rev().take(page.limit + 1).collect()
    } else {
        placed.take(page.limit + 1).collect()
    };
    PageOf::cut(items, page)
}

/// The stretches of ids that a filter includes, in a direction.
fn prefixes(filter: &AppointmentFilter, backwards: bool) -> Vec<(AppointmentId, AppointmentId)> {
    let mut stretches = match filter.id_prefix {
        None => vec![(AppointmentId::MIN, AppointmentId::MAX)],
        Some(prefix) => prefix.ranges().collect(),
    };
    if backwards {
        stretches.reverse();
    }
    stretches
}

fn appointment_id(id: u64) -> Result<AppointmentId, ProjectionError> {
    AppointmentId::new(id).ok_or(ProjectionError::Corrupt("order of appointments"))
}

#[cfg(test)]
mod tests;
