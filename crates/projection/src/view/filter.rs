//! Which appointments, and in which order.

use chrono::{DateTime, Utc};
use clockfold_lifecycle::Status;
use clockfold_log::{AppointmentId, Position, SourceName};

use crate::schema::{appointment::AppointmentRecord, identity::AppointmentKey, keys::time_order};

/// Which appointments. What is absent restricts nothing.
#[derive(Clone, Debug, Default)]
pub struct AppointmentFilter {
    /// Only of these sources.
    pub sources: Vec<SourceName>,
    /// Only in one of these statuses; empty: any.
    pub statuses: Vec<Status>,
    /// Only these.
    pub ids: Option<Vec<AppointmentId>>,
    /// Only those whose id begins with these digits.
    pub id_prefix: Option<IdPrefix>,
    /// Only those in their status since then.
    pub status_since: Times,
    /// Only those whose first delivery arrived then.
    pub first_received_at: Times,
    /// Only those whose last delivery has one of these positions.
    pub last_position: Stretches,
}

/// A stretch of time: from the first, which is in it, to the second, which is not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// At or after this.
    pub from: Option<DateTime<Utc>>,
    /// Before this.
    pub to: Option<DateTime<Utc>>,
}

/// A stretch of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Positions {
    /// After this.
    pub after: Option<Position>,
    /// Up to this, which is in it.
    pub to: Option<Position>,
}

/// Stretches of the log, apart from each other and in its order. The default is all of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stretches(Option<Vec<Positions>>);

/// What appointments are ordered by. Those that are equal in it are ordered by source name, then by id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OrderBy {
    /// The source's name, then the id.
    #[default]
    Id,
    /// Since when they are in their status.
    StatusSince,
    /// When their first delivery arrived.
    FirstReceived,
    /// The position of their last delivery.
    LastPosition,
}

/// The order of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Order {
    /// By what.
    pub by: OrderBy,
    /// The largest first; this turns equal ones round too.
    pub descending: bool,
}

/// A place in a list of appointments.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AppointmentOrderKey {
    /// What the list is ordered by, as a number that orders in the same way; 0 where that is the id.
    pub value: u64,
    /// Which appointment.
    pub key: AppointmentKey,
}

/// The first digits of an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdPrefix(u64);

impl OrderBy {
    /// Where a record is in this order; `None` for one that no delivery has brought into being.
    pub fn place(self, record: &AppointmentRecord) -> Option<AppointmentOrderKey> {
        let since = record.appointment.status_since()?;
        let value = match self {
            OrderBy::Id => 0,
            OrderBy::StatusSince => time_order(since),
            OrderBy::FirstReceived => time_order(record.first_received_at),
            OrderBy::LastPosition => record.last_position.get(),
        };
        Some(AppointmentOrderKey { value, key: record.key.clone() })
    }
}

impl AppointmentFilter {
    /// Whether an appointment that has come into being is one of them.
    pub(crate) fn includes(&self, record: &AppointmentRecord) -> bool {
        let (Some(status), Some(since)) = (record.appointment.status(), record.appointment.status_since()) else {
            return false;
        };
        let id = record.key.appointment_id;
        (self.statuses.is_empty() || self.statuses.contains(&status))
            && self.ids.as_ref().is_none_or(|ids| ids.contains(&id))
            && self.id_prefix.is_none_or(|prefix| prefix.includes(id))
            && self.status_since.includes(since)
            && self.first_received_at.includes(record.first_received_at)
            && self.last_position.includes(record.last_position)
    }

    /// Whether only sources and statuses choose, so that counters know how many there are.
    pub(crate) fn is_counted(&self) -> bool {
        let AppointmentFilter {
            sources: _,
            statuses: _,
            ids,
            id_prefix,
            status_since,
            first_received_at,
            last_position,
        } = self;
        ids.is_none()
            && id_prefix.is_none()
            && [status_since, first_received_at].into_iter().all(|times| *times == Times::default())
            && *last_position == Stretches::default()
    }
}

impl Times {
    fn includes(self, time: DateTime<Utc>) -> bool {
        self.from.is_none_or(|from| from <= time) && self.to.is_none_or(|to| time < to)
    }

    /// The numbers of its times, both ends included; `None` where none is in it.
    pub(crate) fn values(self) -> Option<(u64, u64)> {
        // Keys hold whole milliseconds: a stretch that begins within one begins with the next.
        let ceiling = |time: DateTime<Utc>| {
            let floor = time_order(time);
            if time.timestamp_subsec_nanos().is_multiple_of(1_000_000) { floor } else { floor.saturating_add(1) }
        };
        let from = self.from.map_or(0, ceiling);
        let to = match self.to {
            None => u64::MAX,
            Some(to) => ceiling(to).checked_sub(1)?,
        };
        (from <= to).then_some((from, to))
    }
}

impl Positions {
    fn includes(self, position: Position) -> bool {
        self.after.is_none_or(|after| after < position) && self.to.is_none_or(|to| position <= to)
    }

    /// Its positions, both ends included; `None` where none is in it.
    pub(crate) fn values(self) -> Option<(u64, u64)> {
        let from = self.after.map_or(0, |after| after.get().saturating_add(1));
        let to = self.to.map_or(u64::MAX, Position::get);
        (from <= to).then_some((from, to))
    }
}

impl Stretches {
    /// These, apart from each other and in the order of the log; nothing where there is none.
    pub(crate) fn of(stretches: Vec<Positions>) -> Stretches {
        Stretches(Some(stretches))
    }

    /// Each of them.
    pub(crate) fn each(&self) -> Vec<Positions> {
        self.0.clone().unwrap_or_else(|| vec![Positions::default()])
    }

    fn includes(&self, position: Position) -> bool {
        let Some(stretches) = &self.0 else { return true };
        let next = stretches.partition_point(|stretch| stretch.to.is_some_and(|to| to < position));
        stretches.get(next).is_some_and(|stretch| stretch.includes(position))
    }

    /// The positions from the first of the first to the last of the last; `None` where none is in them.
    pub(crate) fn values(&self) -> Option<(u64, u64)> {
        let Some(stretches) = &self.0 else { return Some((0, u64::MAX)) };
        let (first, last) = (stretches.first()?, stretches.last()?);
        Positions { after: first.after, to: last.to }.values()
    }
}

impl From<Positions> for Stretches {
    fn from(stretch: Positions) -> Stretches {
        if stretch == Positions::default() { Stretches::default() } else { Stretches::of(vec![stretch]) }
    }
}

impl IdPrefix {
    /// Reads 1 to 19 decimal digits without a leading zero.
    pub fn new(text: &str) -> Option<IdPrefix> {
        text.parse::<AppointmentId>().ok().map(|digits| IdPrefix(digits.get()))
    }

    fn includes(self, id: AppointmentId) -> bool {
        self.ranges().any(|(from, to)| (from..=to).contains(&id))
    }

    /// The ids that begin so, ascending: one stretch for each number of digits.
    pub(crate) fn ranges(self) -> impl DoubleEndedIterator<Item = (AppointmentId, AppointmentId)> {
        let stretch = move |digits: u32| {
            let size = 10_u64.checked_pow(digits)?;
            let from = AppointmentId::new(self.0.checked_mul(size)?)?;
            let to = AppointmentId::new(from.get().saturating_add(size - 1)).unwrap_or(AppointmentId::MAX);
            Some((from, to))
        };
        (0..19).filter_map(stretch).collect::<Vec<_>>().into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_one_stretch_for_each_number_of_digits() {
        let ranges = |text: &str| -> Vec<_> {
            IdPrefix::new(text).unwrap().ranges().map(|(from, to)| (from.get(), to.get())).collect()
        };
        assert_eq!(ranges("12")[..3], [(12, 12), (120, 129), (1200, 1299)]);
        let last = ranges("9");
        assert_eq!(last.last(), Some(&(9_000_000_000_000_000_000, 9_223_372_036_854_775_807)));
        assert_eq!(ranges("9223372036854775807"), [(9_223_372_036_854_775_807, 9_223_372_036_854_775_807)]);
        for (text, prefix) in [("123", "12"), ("12", "12"), ("9223372036854775807", "92")] {
            assert!(IdPrefix::new(prefix).unwrap().includes(text.parse().unwrap()), "{text}");
        }
        assert!(!IdPrefix::new("12").unwrap().includes("21".parse().unwrap()));
        for wrong in ["", "0", "01", "-1", "1 ", "x", "99999999999999999999"] {
            assert_eq!(IdPrefix::new(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_time_within_a_millisecond_begins_with_the_next_one() {
        let time = |text: &str| Some(text.parse::<DateTime<Utc>>().unwrap());
        let times = Times { from: time("1970-01-01T00:00:00.0015Z"), to: time("1970-01-01T00:00:00.003Z") };
        let zero = time_order(DateTime::UNIX_EPOCH);
        assert_eq!(times.values(), Some((zero + 2, zero + 2)));
        assert_eq!(Times { from: times.to, to: times.from }.values(), None);
        assert_eq!(Times::default().values(), Some((0, u64::MAX)));
    }
}
