//! Arrival times, whatever the clock does.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta};
use clockfold::log::{DataDir, Delivery, Log, LogError, Position, SledLog};

use super::{chain, clock_at, read_all};
use crate::support::{arrival, delivery};

#[test]
fn arrival_times_stand_still_while_the_clock_is_behind() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = DataDir::at(folder.path());
    let (now, clock) = clock_at(arrival());
    let log = SledLog::open(&data_dir, Arc::clone(&clock)).unwrap();
    let append_at = |log: &SledLog, seconds| {
        *now.lock().unwrap() = arrival() + TimeDelta::seconds(seconds);
        let position = log.append(vec![delivery(1, "create")]).unwrap()[0];
        (log.read(position).next().unwrap().unwrap().received_at - arrival()).num_seconds()
    };
    assert_eq!([10, -50, 5, 11].map(|seconds| append_at(&log, seconds)), [10, 10, 10, 11]);
    drop(log);
    let log = SledLog::open(&data_dir, clock).unwrap();
    assert_eq!(append_at(&log, -49), 11, "also after a restart");
    assert_eq!(log.last_arrival().unwrap(), Some(arrival() + TimeDelta::seconds(11)));
}

#[test]
fn arrival_times_go_back_with_a_clock_that_was_set_back() {
    const YEARS: i64 = 315_360_000;
    let folder = tempfile::tempdir().unwrap();
    let data_dir = DataDir::at(folder.path().join("data"));
    let (now, clock) = clock_at(arrival());
    let open = || SledLog::open(&data_dir, Arc::clone(&clock)).unwrap();
    let log = open();
    let append_at = |log: &SledLog, seconds: i64| {
        *now.lock().unwrap() = arrival() + TimeDelta::seconds(seconds);
        log.append(vec![delivery(1, "create"), delivery(2, "create")]).unwrap();
        (log.last_arrival().unwrap().unwrap() - arrival()).num_seconds()
    };
    assert_eq!([10, YEARS, 5, 6].map(|seconds| append_at(&log, seconds)), [10, YEARS, 5, 6]);
    drop(log);
    // What the journal held is in values of the store now, several groups in one.
    let log = open();
    assert_eq!([YEARS, -YEARS, -YEARS, 0].map(|seconds| append_at(&log, seconds)), [YEARS, -YEARS, -YEARS, 0]);
    log.erase(&[Position::new(5), Position::new(11)]).unwrap();
    drop(log);
    let log = open();
    let deliveries = read_all(&log);
    let times: Vec<i64> = deliveries.iter().map(|one| (one.received_at - arrival()).num_seconds()).collect();
    let groups = [10, YEARS, 5, 6, YEARS, -YEARS, -YEARS, 0];
    assert_eq!(times, groups.into_iter().flat_map(|seconds| [seconds, seconds]).collect::<Vec<i64>>());
    assert_eq!(chain(&deliveries), log.head().digest);

    // A copy has the same times; one that no clock makes is no copy of a log.
    let copy = SledLog::open(&DataDir::at(folder.path().join("copy")), clock_at(arrival()).1).unwrap();
    copy.append_copies(&deliveries).unwrap();
    assert_eq!((read_all(&copy), copy.head()), (deliveries.clone(), log.head()));
    let next = |seconds| {
        let received_at = arrival() + TimeDelta::seconds(seconds);
        Delivery { position: copy.head().position.next(), received_at, ..deliveries[0].clone() }
    };
    for seconds in [-1, -60] {
        let refused = copy.append_copies(&[next(seconds)]);
        assert!(matches!(refused, Err(LogError::Misplaced { .. })), "{seconds}: {refused:?}");
    }
    copy.append_copies(&[next(-61)]).unwrap();
}

#[test]
fn a_clock_before_the_programs_day_is_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let (now, clock) = clock_at(DateTime::UNIX_EPOCH);
    let log = SledLog::open(&DataDir::at(folder.path()), clock).unwrap().believing_from(arrival());
    let append_at = |time| {
        *now.lock().unwrap() = time;
        log.append(vec![delivery(1, "create")]).unwrap();
        log.last_arrival().unwrap().unwrap() - arrival()
    };
    let seconds = TimeDelta::seconds;
    assert_eq!(append_at(DateTime::UNIX_EPOCH), seconds(0));
    assert_eq!(append_at(arrival() + seconds(500)), seconds(500));
    assert_eq!(append_at(DateTime::UNIX_EPOCH + seconds(9)), seconds(500));
    assert_eq!(append_at(arrival() + seconds(2)), seconds(2));
}
