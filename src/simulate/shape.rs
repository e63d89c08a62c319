//! What traffic is made of: its shape, its sources, and a delivery with its time.

use chrono::{DateTime, TimeDelta, Utc};

use crate::log::{AppointmentId, NewDelivery, SourceName};

/// The lowest id of an appointment. The vendor's own sequence was at 52 million in 2018.
pub const FIRST_APPOINTMENT: u64 = 900_000_001;

/// How many sources there may be.
pub const SOURCES_MAX: u16 = 1_000;

/// About how many deliveries a source has a day, over the whole week: to know how much time a log of some length spans.
pub const DELIVERIES_A_DAY: u64 = APPOINTMENTS_A_DAY * 77 / 10;

/// How many appointments a source has a day, on the average of all sources and of the week.
pub(super) const APPOINTMENTS_A_DAY: u64 = 71;

/// Whose traffic, and what is special about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// How many sources: 1 to [`SOURCES_MAX`]. A number beyond is taken as the nearest of these.
    pub sources: u16,
    /// The number of the first appointment that is made; the others count up from it, over all sources.
    pub first_appointment: AppointmentId,
    /// A day on which the first source has many more appointments than anybody ever had.
    pub dense_day: Option<DenseDay>,
}

impl Default for Shape {
    /// Fifty sources, with numbers that the vendor's sequence is far from, and no day that is special.
    fn default() -> Shape {
        let first_appointment = AppointmentId::new(FIRST_APPOINTMENT).unwrap_or(AppointmentId::MIN);
        Shape { sources: 50, first_appointment, dense_day: None }
    }
}

/// One day of the first source that is like no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DenseDay {
    /// Which day, in the source's own calendar; 0 is the day of the start.
    pub day: u32,
    /// How many appointments come on top of the usual ones. All are made and visited, or removed, on this day.
    pub appointments: u32,
}

/// Who sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its name.
    pub name: SourceName,
    /// How far its clocks are ahead of UTC.
    pub utc_offset: TimeDelta,
    /// Whether it gives each delivery an id.
    pub has_delivery_ids: bool,
}

/// A delivery that is about to arrive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Simulated {
    /// When it arrives, in whole milliseconds; not before the one before it.
    pub arrives_at: DateTime<Utc>,
    /// The delivery. Its reading is that of the reader of bodies.
    pub delivery: NewDelivery,
    /// Whether the sender has sent exactly this before, because it got no answer in time.
    pub repeated: bool,
}
