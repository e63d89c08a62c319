//! When a delivery arrived: the last arrival time and the clock come in, the next arrival time goes out, and what to
//! say about the clock.
//!
//! The clock is believed, with two exceptions. Up to [`STANDSTILL_MAX`] behind the last arrival it is most likely being
//! corrected, and times stand still. Before the day on which the program was made it is certainly wrong: a machine that
//! lost its clock's battery starts in 1970. A clock that was set back by more is right now and was wrong before: times
//! go back with it, or one delivery in a wrong year would stop time for ever. Positions give the order, always.

use chrono::{DateTime, TimeDelta, Utc};

use clockfold_lifecycle::STANDSTILL_MAX;

/// A version and the day on which it was made, at the beginning of which its clock is first believed: the packager's
/// `SOURCE_DATE_EPOCH` where that is set, so that equal sources make equal programs.
const MADE: (&str, i64) = ("0.1.0", 1_795_392_000);

/// When this program was made, in whole seconds. No clock that it runs by can be right and show an earlier time.
pub fn made_at() -> DateTime<Utc> {
    let packaged = option_env!("SOURCE_DATE_EPOCH").and_then(|seconds| seconds.parse().ok());
    packaged
        .and_then(|seconds| DateTime::from_timestamp(seconds, 0))
        .unwrap_or_else(|| DateTime::from_timestamp(MADE.1, 0).expect("it is a time of our century"))
}

/// What the next arrival time is, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArrivalTime {
    /// The clock's time.
    Now(DateTime<Utc>),
    /// The last one again: the clock is behind it by this much, at most [`STANDSTILL_MAX`].
    StandsStill(DateTime<Utc>, TimeDelta),
    /// The clock's time, which is before the last one by this much: it was set back.
    GoesBack(DateTime<Utc>, TimeDelta),
    /// The last one again: the clock is before the program was made, and is not believed.
    NotBelieved(DateTime<Utc>),
}

impl ArrivalTime {
    /// What the arrival time is at `now`, after `last`, for a program that believes no clock before `made_at`.
    pub fn at(last: DateTime<Utc>, now: DateTime<Utc>, made_at: DateTime<Utc>) -> ArrivalTime {
        if now < made_at {
            // The first delivery of a log has nothing to stand still at.
            return ArrivalTime::NotBelieved(if last == DateTime::UNIX_EPOCH { made_at } else { last });
        }
        match last - now {
            behind if behind <= TimeDelta::zero() => ArrivalTime::Now(now),
            behind if behind <= STANDSTILL_MAX => ArrivalTime::StandsStill(last, behind),
            behind => ArrivalTime::GoesBack(now, behind),
        }
    }

    /// The arrival time.
    pub fn time(self) -> DateTime<Utc> {
        match self {
            ArrivalTime::Now(time)
            | ArrivalTime::StandsStill(time, _)
            | ArrivalTime::GoesBack(time, _)
            | ArrivalTime::NotBelieved(time) => time,
        }
    }
}

/// Whether a delivery that arrived at `next` may follow one that arrived at `last`: not before it, or so far before it
/// that the clock must have been set back.
pub fn may_follow(last: DateTime<Utc>, next: DateTime<Utc>) -> bool {
    next >= last || last - next > STANDSTILL_MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    fn check(last: i64, now: i64, expected: ArrivalTime) {
        let arrival = ArrivalTime::at(at(last), at(now), at(-1_000));
        assert_eq!(arrival, expected, "at {now} after {last}");
        assert!(may_follow(at(last), arrival.time()), "at {now} after {last}");
    }

    #[test]
    fn an_arrival_time_is_the_clocks_unless_that_is_a_little_behind_or_before_the_program_was_made() {
        let seconds = TimeDelta::seconds;
        check(0, 0, ArrivalTime::Now(at(0)));
        check(0, 1, ArrivalTime::Now(at(1)));
        check(0, 400_000_000, ArrivalTime::Now(at(400_000_000)));
        check(0, -1, ArrivalTime::StandsStill(at(0), seconds(1)));
        check(0, -60, ArrivalTime::StandsStill(at(0), seconds(60)));
        check(0, -61, ArrivalTime::GoesBack(at(-61), seconds(61)));
        check(400_000_000, 0, ArrivalTime::GoesBack(at(0), seconds(400_000_000)));
        check(0, -1_000, ArrivalTime::GoesBack(at(-1_000), seconds(1_000)));
        check(0, -1_001, ArrivalTime::NotBelieved(at(0)));
        check(-1_020, -1_010, ArrivalTime::NotBelieved(at(-1_020)));
        // The first one of all.
        let first = |now| ArrivalTime::at(DateTime::UNIX_EPOCH, now, at(0));
        assert_eq!(first(at(7)), ArrivalTime::Now(at(7)));
        assert_eq!(first(DateTime::UNIX_EPOCH), ArrivalTime::NotBelieved(at(0)));
    }

    #[test]
    fn nothing_follows_what_arrived_less_than_a_minute_later() {
        let follows = |ms| may_follow(at(0), at(0) + TimeDelta::milliseconds(ms));
        assert_eq!([0, 1, -1, -60_000, -60_001].map(follows), [true, true, false, false, true]);
    }

    #[test]
    fn a_version_has_its_day() {
        assert_eq!(MADE.0, env!("CARGO_PKG_VERSION"), "a new version is made on a day of its own: change both");
        let made = DateTime::from_timestamp(MADE.1, 0).unwrap();
        assert_eq!(made.to_rfc3339(), "2026-11-23T00:00:00+00:00");
        assert!(made < Utc::now(), "no clock is right on a day that has not come");
    }
}
