//! The clinics: who they are, when they are open, how many come, and how well their staff press the buttons.

use crate::log::SourceName;

use super::{
    body::Form,
    random::Random,
    shape::{APPOINTMENTS_A_DAY, SOURCES_MAX, Shape},
};

pub(super) const SECOND: i64 = 1_000;
pub(super) const MINUTE: i64 = 60 * SECOND;
pub(super) const HOUR: i64 = 60 * MINUTE;
pub(super) const DAY: i64 = 24 * HOUR;

/// Names of no clinic in particular. Where there are more clinics than names, they are numbered.
const NAMES: [&str; 25] = [
    "downtown",
    "lakeside",
    "riverside",
    "hilltop",
    "northgate",
    "southgate",
    "eastside",
    "westside",
    "oakwood",
    "maplewood",
    "cedar-grove",
    "pine-ridge",
    "old-mill",
    "harbor",
    "airport",
    "university",
    "market-square",
    "station",
    "meadows",
    "orchard",
    "springs",
    "sunset",
    "valley",
    "bayview",
    "crossroads",
];

/// When patients come, in thousandths of the opening hours, by quantiles: early, and again after work.
const ARRIVALS: [u64; 9] = [0, 60, 140, 245, 370, 520, 680, 830, 980];

/// The size of a clinic, in thousandths of the mean, by quantiles.
const SIZES: [u64; 5] = [280, 550, 850, 1_250, 2_600];

/// How busy a day is, in thousandths, from Monday to Sunday.
const WEEK: [u64; 7] = [1_240, 1_060, 1_000, 980, 1_020, 950, 750];

/// One source.
pub(super) struct Clinic {
    pub(super) name: SourceName,
    /// How its sender writes a body.
    pub(super) form: Form,
    /// Whether its sender gives each delivery an id.
    pub(super) has_delivery_ids: bool,
    /// How often its staff skip a button, in thousandths of the usual.
    pub(super) carelessness: u64,
    /// How many of its patients come without a booking, in a thousand.
    pub(super) walk_ins: u64,
    utc_offset_ms: i64,
    opens_ms: i64,
    open_ms: i64,
    appointments_a_day: u64,
}

/// All clinics. Their sizes differ, but the mean is the same whatever the seed.
pub(super) fn clinics(shape: &Shape, random: &mut Random) -> Vec<Clinic> {
    let count = shape.sources.clamp(1, SOURCES_MAX);
    let sizes: Vec<u64> = (0..count).map(|_| random.along(&SIZES)).collect();
    let all: u64 = sizes.iter().sum();
    let clinic = |(index, size): (usize, u64)| {
        let appointments_a_day = (APPOINTMENTS_A_DAY * u64::from(count) * size / all).max(1);
        Clinic::new(index, appointments_a_day, random)
    };
    sizes.into_iter().enumerate().map(clinic).collect()
}

impl Clinic {
    fn new(index: usize, appointments_a_day: u64, random: &mut Random) -> Clinic {
        // Most of an urgent care's hours; every 17th is never closed.
        let around_the_clock = index % 17 == 16;
        let (opens_ms, open_ms) = if around_the_clock {
            (0, DAY)
        } else {
            (random.pick(&[7 * HOUR, 8 * HOUR, 8 * HOUR, 9 * HOUR]), random.pick(&[10 * HOUR, 12 * HOUR, 12 * HOUR]))
        };
        Clinic {
            name: name(index),
            form: random.pick(&Form::USUAL),
            has_delivery_ids: index % 7 == 3,
            carelessness: random.along(&[300, 700, 1_000, 1_400, 2_500]),
            walk_ins: random.between(300, 650).unsigned_abs(),
            utc_offset_ms: -random.pick(&[5, 5, 6, 6, 7, 8]) * HOUR,
            opens_ms,
            open_ms,
            appointments_a_day,
        }
    }

    /// How far its clocks are ahead of UTC.
    pub(super) fn utc_offset_ms(&self) -> i64 {
        self.utc_offset_ms
    }

    /// The midnight at or before a time, as a time, and the day's number since 1970.
    pub(super) fn midnight(&self, at_ms: i64) -> (i64, i64) {
        let local = at_ms + self.utc_offset_ms;
        (at_ms - local.rem_euclid(DAY), local.div_euclid(DAY))
    }

    /// The midnight at which the day with this number begins.
    pub(super) fn midnight_of(&self, day_number: i64) -> i64 {
        day_number * DAY - self.utc_offset_ms
    }

    /// When it closes on the day that begins at `midnight`.
    pub(super) fn closes_at(&self, midnight: i64) -> i64 {
        midnight + self.opens_ms + self.open_ms
    }

    /// When somebody comes on the day that begins at `midnight`.
    pub(super) fn arrival(&self, midnight: i64, random: &mut Random) -> i64 {
        let thousandths = random.along(&ARRIVALS).cast_signed();
        midnight + self.opens_ms + self.open_ms * thousandths / 1_000 + random.between(0, self.open_ms / 100)
    }

    /// When somebody books on the day that begins at `midnight`: mostly online, so also before it opens.
    pub(super) fn booking(&self, midnight: i64, random: &mut Random) -> i64 {
        midnight + random.between(6 * HOUR, 22 * HOUR)
    }

    /// How many appointments are made on a day.
    pub(super) fn appointments(&self, day_number: i64, random: &mut Random) -> u64 {
        // 1970-01-01 was a Thursday.
        let weekday = usize::try_from((day_number + 3).rem_euclid(7)).unwrap_or(0);
        let chance = random.between(800, 1_200).unsigned_abs();
        // So that small clinics, whose days round to the same, still differ from day to day.
        (self.appointments_a_day * WEEK[weekday] * chance + random.below(1_000_000)) / 1_000_000
    }
}

fn name(index: usize) -> SourceName {
    let word = NAMES[index % NAMES.len()];
    let text = match index / NAMES.len() {
        0 => word.to_owned(),
        round => format!("{word}-{}", round + 1),
    };
    text.parse().expect("the names are of the characters that a source's name may have")
}
