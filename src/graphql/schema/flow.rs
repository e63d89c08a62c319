//! Patient flow by stretches of local time.

use async_graphql::{Enum, SimpleObject};
use chrono::{DateTime as Time, Days, NaiveDate, NaiveTime, Offset as _, TimeDelta, TimeZone as _, Timelike as _, Utc};
use chrono_tz::{GapInfo, Tz};

use crate::{
    graphql::{problem::Problem, scalars::DateTime, schema::board::StatusCount, scope::Scope},
    lifecycle::STANDSTILL_MAX,
    log::SourceName,
    projection::{Flow, Tally, Waits},
};

/// The most stretches that one answer has.
const BUCKETS_MAX: usize = 1_000;

/// How long a stretch of time is.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
pub(in crate::graphql) enum Interval {
    /// 60 seconds.
    Minute,
    /// 5 minutes.
    FiveMinutes,
    /// 10 minutes.
    TenMinutes,
    /// 15 minutes.
    FifteenMinutes,
    /// 30 minutes.
    ThirtyMinutes,
    /// A clock hour.
    Hour,
    /// A day of the calendar: 23 or 25 hours where the clocks are changed. A date that the zone skipped has none.
    Day,
}

/**
What happened in a stretch of time. Times are arrival times of deliveries. What counts is what stands now: a step that was
undone counts in nothing, and the figures are the same after a rebuild.
*/
#[derive(SimpleObject)]
pub(in crate::graphql) struct PatientFlowBucket {
    /// Its beginning, which is in it.
    from: DateTime,
    /// Its end, which is not.
    to: DateTime,
    /// Patients that came: by CHECKIN, or where that does not stand, by the first of READY, CALLBACK and DISCHARGE.
    arrivals: i32,
    /// CHECKIN in it.
    check_ins: i32,
    /// READY in it.
    readies: i32,
    /// CALLBACK in it.
    call_backs: i32,
    /// DISCHARGE in it.
    discharges: i32,
    /// REMOVE in it, whatever the reason: no-shows, cancellations, and those who left.
    removals: i32,
    /**
    Left without being seen, as far as the events tell: REMOVE in it, of a patient who had come and was neither called back
    nor discharged (the Hospital OQR manual's OP-22 asks for the reason, which no event has).
    */
    left_without_being_seen: i32,
    /// Registration: from CHECKIN to READY in it.
    check_in_to_ready: DurationFigures,
    /// From READY to CALLBACK in it.
    ready_to_call_back: DurationFigures,
    /// Door to room, the vendor's "wait": from CHECKIN to CALLBACK in it. No event tells when a provider came.
    check_in_to_call_back: DurationFigures,
    /// Time in the exam room: from CALLBACK to DISCHARGE in it.
    call_back_to_discharge: DurationFigures,
    /**
    Length of stay: from CHECKIN to DISCHARGE in it. The median of discharged patients is what OP-18 (NQF 0496) asks for; who
    was removed is not in it.
    */
    check_in_to_discharge: DurationFigures,
    /// How many appointments there were by status at its end, or now where it has not ended, as they were told then. Null
    /// where it has not begun.
    census: Option<Vec<StatusCount>>,
    /// Deliveries in it, whatever became of them.
    deliveries: i32,
    /// The share of deliveries that were REJECTED: 0 to 1; null where there were none.
    rejected_rate: Option<f64>,
    /// The share of deliveries that were DUPLICATE: 0 to 1; null where there were none.
    duplicate_rate: Option<f64>,
    /// The share of deliveries that were undos and APPLIED: 0 to 1; null where there were none.
    undo_rate: Option<f64>,
}

/**
Times between two steps that stand, where the second one is in the stretch. One that comes out negative, because its
deliveries overtook each other or the clock was set back, counts as 0. Patients who still wait are not in it.
*/
#[derive(SimpleObject)]
pub(in crate::graphql) struct DurationFigures {
    /// How many there are.
    count: i32,
    /// Their mean in seconds; null where there are none.
    mean_seconds: Option<f64>,
    /// Their median in seconds: the middle one, or the mean of the two in the middle; null where there are none.
    median_seconds: Option<f64>,
    /// Nine in ten took at most so many seconds: the smallest such time among them (nearest rank); null where there are
    /// none.
    p90_seconds: Option<f64>,
}

/// What is asked for.
pub(in crate::graphql) struct FlowArguments {
    pub(in crate::graphql) sources: Vec<SourceName>,
    pub(in crate::graphql) from: Time<Utc>,
    pub(in crate::graphql) to: Time<Utc>,
    pub(in crate::graphql) interval: Interval,
    pub(in crate::graphql) time_zone: Option<String>,
}

impl PatientFlowBucket {
    pub(in crate::graphql) fn list(scope: &Scope, asked: FlowArguments) -> Result<Vec<PatientFlowBucket>, Problem> {
        let FlowArguments { sources, from, to, interval, time_zone } = asked;
        if to <= from {
            return Err(Problem::BadInput("`to` is after `from`."));
        }
        let zone = match time_zone {
            Some(name) => name.parse().map_err(|_| {
                Problem::BadInput("`timeZone` is the IANA name of a time zone, such as America/New_York.")
            })?,
            None => zone_of(scope, &sources),
        };
        let bounds = bounds(interval, zone, from, to).ok_or(Problem::BadInput(
            "A range has at most 1000 stretches of the interval. Ask for a shorter range or a longer interval.",
        ))?;
        // A step that was placed among earlier ones stands without a change of status of its own.
        let windows = sources.iter().map(|source| scope.rules(source).reorder_window);
        let margin = windows.max().unwrap_or_default() * 2 + STANDSTILL_MAX + TimeDelta::seconds(1);
        let now = scope.this_moment()?.time;
        let flows = scope.view().patient_flow(scope.log(), &sources, &bounds, margin, now)?;
        let stretches = bounds.windows(2).map(|bounds| (bounds[0], bounds[1]));
        Ok(stretches.zip(flows).map(|((from, to), flow)| PatientFlowBucket::new(from, to, flow, from <= now)).collect())
    }

    fn new(from: Time<Utc>, to: Time<Utc>, flow: Flow, has_begun: bool) -> PatientFlowBucket {
        let census = crate::lifecycle::Status::ALL.into_iter();
        let census = census.map(|status| (status, flow.census.get(&status).copied().unwrap_or_default()));
        let Tally { deliveries, rejected, duplicates, undos } = flow.tally;
        PatientFlowBucket {
            from: DateTime(from),
            to: DateTime(to),
            arrivals: to_int(flow.arrivals),
            check_ins: to_int(flow.check_ins),
            readies: to_int(flow.readies),
            call_backs: to_int(flow.call_backs),
            discharges: to_int(flow.discharges),
            removals: to_int(flow.removals),
            left_without_being_seen: to_int(flow.left_without_being_seen),
            check_in_to_ready: DurationFigures::of(&flow.check_in_to_ready),
            ready_to_call_back: DurationFigures::of(&flow.ready_to_call_back),
            check_in_to_call_back: DurationFigures::of(&flow.check_in_to_call_back),
            call_back_to_discharge: DurationFigures::of(&flow.call_back_to_discharge),
            check_in_to_discharge: DurationFigures::of(&flow.check_in_to_discharge),
            census: has_begun.then(|| census.map(StatusCount::from).collect()),
            deliveries: to_int(deliveries),
            rejected_rate: share(rejected, deliveries),
            duplicate_rate: share(duplicates, deliveries),
            undo_rate: share(undos, deliveries),
        }
    }
}

impl DurationFigures {
    fn of(waits: &Waits) -> DurationFigures {
        // Milliseconds far below 2^52.
        #[allow(clippy::cast_precision_loss)]
        let seconds = |wait: TimeDelta| wait.num_milliseconds() as f64 / 1_000.0;
        DurationFigures {
            count: i32::try_from(waits.count()).unwrap_or(i32::MAX),
            mean_seconds: waits.mean().map(seconds),
            median_seconds: waits.median().map(seconds),
            p90_seconds: waits.percentile(90).map(seconds),
        }
    }
}

/// The zone of these sources; UTC where they are in several.
fn zone_of(scope: &Scope, sources: &[SourceName]) -> Tz {
    let mut zones = sources.iter().map(|source| scope.time_zone(source));
    let first = zones.next().unwrap_or(Tz::UTC);
    if zones.all(|zone| zone == first) { first } else { Tz::UTC }
}

/// The ends of the stretches that cover a range, in order; `None` where there are too many.
fn bounds(interval: Interval, zone: Tz, from: Time<Utc>, to: Time<Utc>) -> Option<Vec<Time<Utc>>> {
    let mut bounds = vec![floor(interval, zone, from)];
    while bounds.last().is_some_and(|last| *last < to) {
        if bounds.len() > BUCKETS_MAX {
            return None;
        }
        bounds.push(next(interval, zone, bounds[bounds.len() - 1])?);
    }
    Some(bounds)
}

/// The beginning of the stretch that a time is in.
fn floor(interval: Interval, zone: Tz, time: Time<Utc>) -> Time<Utc> {
    let local = time.with_timezone(&zone);
    let Some(length) = interval.length() else {
        // Where the clocks go back over midnight, the evening comes again after the next day has begun.
        let mut begin = begin_of_day(zone, local.date_naive());
        while let Some(next) = next(interval, zone, begin).filter(|next| *next <= time) {
            begin = next;
        }
        return begin;
    };
    // Offsets of time zones were not always whole minutes; stretches are.
    let offset = TimeDelta::minutes((local.offset().fix().local_minus_utc() / 60).into());
    let ms = (time + offset).timestamp_millis();
    let floor = ms - ms.rem_euclid(length.num_milliseconds());
    Time::from_timestamp_millis(floor).map_or(time, |floor| floor - offset)
}

/// The beginning of the next stretch.
fn next(interval: Interval, zone: Tz, begin: Time<Utc>) -> Option<Time<Utc>> {
    let Some(length) = interval.length() else {
        // A date that the zone skipped has no beginning of its own.
        let mut date = begin.with_timezone(&zone).date_naive();
        loop {
            date = date.checked_add_days(Days::new(1))?;
            let next = begin_of_day(zone, date);
            if next > begin {
                return Some(next);
            }
        }
    };
    let end = begin.checked_add_signed(length)?;
    // Where the clocks are changed by less than the interval, one stretch is longer or shorter.
    let aligned = floor(interval, zone, end);
    Some(if aligned > begin { aligned } else { end })
}

/// When the calendar of a zone first shows a date, or a later one where it skipped that: a whole minute. Some days begin
/// at 1 o'clock, and 30 December 2011 in Apia was none at all.
fn begin_of_day(zone: Tz, date: NaiveDate) -> Time<Utc> {
    let midnight = date.and_time(NaiveTime::MIN);
    let begin = zone.from_local_datetime(&midnight).earliest();
    let begin = begin.or_else(|| GapInfo::new(&midnight, &zone)?.end);
    let begin = begin.map_or_else(|| midnight.and_utc(), |begin| begin.with_timezone(&Utc));
    begin.with_second(0).unwrap_or(begin)
}

impl Interval {
    /// `None` for a day, whose length is the calendar's.
    fn length(self) -> Option<TimeDelta> {
        let minutes = match self {
            Interval::Minute => 1,
            Interval::FiveMinutes => 5,
            Interval::TenMinutes => 10,
            Interval::FifteenMinutes => 15,
            Interval::ThirtyMinutes => 30,
            Interval::Hour => 60,
            Interval::Day => return None,
        };
        Some(TimeDelta::minutes(minutes))
    }
}

fn share(part: u64, of: u64) -> Option<f64> {
    // Far below 2^52.
    #[allow(clippy::cast_precision_loss)]
    (of > 0).then(|| part as f64 / of as f64)
}

fn to_int(count: u64) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(interval: Interval, zone: &str, from: &str, to: &str, expected: &[&str]) {
        let time = |text: &str| text.parse::<Time<Utc>>().unwrap();
        let bounds = bounds(interval, zone.parse().unwrap(), time(from), time(to)).unwrap();
        assert_eq!(bounds, expected.iter().map(|text| time(text)).collect::<Vec<_>>());
    }

    #[test]
    fn stretches_follow_the_local_clock() {
        use Interval::{Day, FifteenMinutes, Hour};

        check(
            Hour,
            "UTC",
            "2026-03-02T15:04:05Z",
            "2026-03-02T16:00:00Z",
            &["2026-03-02T15:00:00Z", "2026-03-02T16:00:00Z"],
        );
        check(
            Hour,
            "Asia/Kolkata",
            "2026-03-02T15:04:05Z",
            "2026-03-02T15:30:01Z",
            &["2026-03-02T14:30:00Z", "2026-03-02T15:30:00Z", "2026-03-02T16:30:00Z"],
        );
        check(
            FifteenMinutes,
            "Asia/Kathmandu",
            "2026-03-02T15:14:59Z",
            "2026-03-02T15:15:00Z",
            &["2026-03-02T15:00:00Z", "2026-03-02T15:15:00Z"],
        );
        // 23 hours in the spring, 25 in the autumn.
        check(
            Day,
            "America/New_York",
            "2026-03-08T12:00:00Z",
            "2026-03-09T12:00:00Z",
            &["2026-03-08T05:00:00Z", "2026-03-09T04:00:00Z", "2026-03-10T04:00:00Z"],
        );
        check(
            Day,
            "America/New_York",
            "2026-11-01T12:00:00Z",
            "2026-11-01T13:00:00Z",
            &["2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z"],
        );
        // The clocks go from midnight to one o'clock.
        check(
            Day,
            "Africa/Cairo",
            "2026-04-24T12:00:00Z",
            "2026-04-24T13:00:00Z",
            &["2026-04-23T22:00:00Z", "2026-04-24T21:00:00Z"],
        );
        // The zone went over the date line: there was no 30 December.
        check(
            Day,
            "Pacific/Apia",
            "2011-12-28T12:00:00Z",
            "2012-01-01T09:00:00Z",
            &[
                "2011-12-28T10:00:00Z",
                "2011-12-29T10:00:00Z",
                "2011-12-30T10:00:00Z",
                "2011-12-31T10:00:00Z",
                "2012-01-01T10:00:00Z",
            ],
        );
        // A minute of 30 October, the evening before once more, and then the rest of the day.
        check(
            Day,
            "America/St_Johns",
            "2005-10-30T02:45:00Z",
            "2005-10-30T03:00:00Z",
            &["2005-10-30T02:30:00Z", "2005-10-31T03:30:00Z"],
        );
        // They are put on by half an hour.
        check(
            Hour,
            "Australia/Lord_Howe",
            "2026-10-03T14:45:00Z",
            "2026-10-03T16:10:00Z",
            &["2026-10-03T14:30:00Z", "2026-10-03T15:00:00Z", "2026-10-03T16:00:00Z", "2026-10-03T17:00:00Z"],
        );
    }

    /// Each stretch ends where the next one begins, none is empty, and whatever time of a day is asked for, the day is
    /// the same.
    fn check_meets(interval: Interval, zone: Tz, from: Time<Utc>, to: Time<Utc>) {
        let bounds = bounds(interval, zone, from, to).expect("there are few");
        assert!(bounds[0] <= from && from < bounds[1], "{zone}: {from} is not in {bounds:?}");
        assert!(to <= bounds[bounds.len() - 1], "{zone}: {to} is beyond {bounds:?}");
        for stretch in bounds.windows(2) {
            let length = stretch[1] - stretch[0];
            assert!(length > TimeDelta::zero(), "{zone}: {stretch:?}");
            assert_eq!((stretch[0].second(), stretch[0].nanosecond()), (0, 0), "{zone}: {stretch:?}");
            if interval != Interval::Day {
                continue;
            }
            let (middle, last) = (stretch[0] + length / 2, stretch[1] - TimeDelta::nanoseconds(1));
            for time in [stretch[0], middle, last] {
                assert_eq!(floor(interval, zone, time), stretch[0], "{zone}: {time} is in {stretch:?}");
            }
            assert!((12..=36).contains(&length.num_hours()), "{zone}: {stretch:?}");
            // The calendar shows one date, except that the evening before may come again.
            let date = |time: Time<Utc>| time.with_timezone(&zone).date_naive();
            assert_eq!(date(stretch[0] + TimeDelta::seconds(59)), date(middle), "{zone}: {stretch:?}");
            assert!(date(last) <= date(middle), "{zone}: {stretch:?}");
        }
    }

    #[test]
    fn days_and_hours_meet_wherever_and_whenever_clocks_were_changed() {
        let year = |year: i32| Utc.with_ymd_and_hms(year, 1, 1, 0, 0, 0).unwrap();
        let step = TimeDelta::days(9);
        for zone in chrono_tz::TZ_VARIANTS {
            let offset = |time: Time<Utc>| time.with_timezone(&zone).offset().fix();
            let mut time = year(1970);
            while time < year(2041) {
                let later = time + step;
                if offset(time) != offset(later) {
                    check_meets(Interval::Day, zone, time + TimeDelta::minutes(7), later + TimeDelta::days(2));
                    let mut change = (time, later);
                    while change.1 - change.0 > TimeDelta::hours(1) {
                        let middle = change.0 + (change.1 - change.0) / 2;
                        if offset(middle) == offset(change.0) { change.0 = middle } else { change.1 = middle }
                    }
                    let (from, to) = (change.0 - TimeDelta::hours(2), change.1 + TimeDelta::hours(2));
                    check_meets(Interval::Hour, zone, from, to);
                }
                time = later;
            }
        }
    }

    #[test]
    fn there_are_at_most_a_thousand() {
        let begin: Time<Utc> = "2026-03-02T00:00:00Z".parse().unwrap();
        let minutes = |count| bounds(Interval::Minute, Tz::UTC, begin, begin + TimeDelta::minutes(count));
        assert_eq!(minutes(1_000).map(|bounds| bounds.len()), Some(1_001));
        assert_eq!(minutes(1_001), None);
    }
}
