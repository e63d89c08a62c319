//! Faults of one place each: room that is there after all, a log and a store that can not be read, a signal to end.

use std::{
    sync::{Arc, atomic::Ordering},
    thread,
    time::{Duration, Instant},
};

use clockfold::log::{Cause, DataDir, Log, LogError, SledLog};

use super::{EVERY_OPERATION, FAULT, FLUSHED_WITHIN, Steady, Tried, WELL_WITHIN, answered};
use crate::{
    support,
    support::{
        disk::{
            faults::{Effect, Error, Fault, FaultyDisk, Operation, Target, ToldRoom},
            killed,
        },
        load::{Acknowledged, as_acknowledged, check_kept},
        server::{CONFIG, Server, data_dir},
    },
};

/// What a disk says of its room is not what a user may have of it.
#[test]
fn a_disk_that_says_it_has_no_room_and_has_it_is_written_to_again() {
    let reserved = ToldRoom { all: 1 << 20, free: 1 << 14, available: 0 };
    let unknown = ToldRoom { all: 0, free: 0, available: 0 };
    for (told, error) in
        [(reserved, Error::Io), (reserved, Error::NoSpace), (unknown, Error::Io), (unknown, Error::NoSpace)]
    {
        let disk = FaultyDisk::mount();
        let mut server = Server::start(&disk.path, CONFIG);
        answered(&server, 200, WELL_WITHIN);
        disk.tell(told);
        disk.raise(Fault { operations: &[Operation::Write], target: Target::Journal, effect: Effect::Fails(error) });
        answered(&server, 503, WELL_WITHIN);
        disk.clear();
        answered(&server, 200, WELL_WITHIN);
        assert!(server.terminate().success(), "{told:?} {error:?}: {}", server.printed());
    }
}

/// sled takes what it can't read for the end of its log, and overwrites the rest.
#[test]
fn a_log_that_can_not_be_read_when_it_is_opened_anew_is_left_as_it_is() {
    let mut tried = Tried::start(8_000);
    let load = Steady::start(tried.server.address, 8_000);
    // Until the store has deliveries that no snapshot of it knows.
    let store = data_dir(&tried.disk.path).join("log/db");
    let (begun, length) = (Instant::now(), store.metadata().unwrap().len());
    while store.metadata().unwrap().len() < length + (64 << 10) {
        assert!(begun.elapsed() < FLUSHED_WITHIN, "nothing is moved into the store");
        thread::sleep(Duration::from_millis(20));
    }
    let refused = load.refused.load(Ordering::Relaxed);
    tried.disk.raise(Fault {
        operations: &[Operation::Sync],
        target: Target::Journal,
        effect: Effect::Fails(Error::Io),
    });
    while load.refused.load(Ordering::Relaxed) == refused {
        assert!(begun.elapsed() < FLUSHED_WITHIN, "the fault was never met");
        thread::sleep(Duration::from_millis(1));
    }
    // Trying the disk out reads only the head of the store's file.
    tried.disk.raise(Fault {
        operations: &[Operation::LargeRead],
        target: Target::Store,
        effect: Effect::Fails(Error::Io),
    });
    thread::sleep(FAULT);
    assert!(tried.disk.clear() > 0, "nothing was read: {}", tried.server.printed());
    tried.is_well_again(&load).unwrap_or_else(|why| panic!("{why}: {}", tried.server.printed()));
    tried.kept.extend(load.finish().unwrap());
    tried.check().unwrap();
}

#[test]
fn a_store_that_can_not_be_looked_at_is_not_taken_for_one_that_is_missing() {
    let disk = FaultyDisk::mount();
    let data = data_dir(&disk.path);
    let log = killed::open(&data).unwrap();
    log.append((1..=40).map(|number| support::delivery(number, "create")).collect()).unwrap();
    drop(log);
    disk.raise(Fault { operations: &[Operation::Look], target: Target::MadeStore, effect: Effect::Fails(Error::Io) });
    let to_read = SledLog::open_to_read(&DataDir::at(&data), Arc::new(chrono::Utc::now)).map(drop);
    for refused in [killed::open(&data).map(drop), to_read] {
        assert!(matches!(refused, Err(LogError::Storage { cause: Cause::Device, .. })), "{refused:?}");
    }
    assert!(disk.clear() > 0);
    assert!(!data.join("log/being-made").exists());
    assert_eq!(killed::read_all(&killed::open(&data).unwrap()).len(), 40);
}

#[test]
fn a_signal_to_end_while_the_disk_fails_is_told_by_the_exit_status_and_loses_nothing() {
    for operations in [&[Operation::Write][..], &[Operation::Sync], EVERY_OPERATION] {
        let mut tried = Tried::start(9_000);
        let load = Steady::start(tried.server.address, 9_000);
        thread::sleep(Duration::from_millis(700));
        tried.disk.raise(Fault { operations, target: Target::Store, effect: Effect::Fails(Error::Io) });
        let begun = Instant::now();
        while tried.disk.struck() == 0 && begun.elapsed() < WELL_WITHIN {
            thread::sleep(Duration::from_millis(20));
        }
        let kept = load.finish().unwrap();
        let status = tried.server.terminate();
        let printed = tried.server.printed();
        assert_eq!(status.code(), Some(1), "{operations:?}: {status}: {printed}");
        let last = printed.trim_end().lines().rev().take(2).collect::<String>();
        assert!(last.contains("hint:"), "{operations:?}: it does not say what to do: {printed}");
        tried.disk.clear();
        let mut server = Server::start(&tried.disk.path, CONFIG);
        assert_eq!(server.deliver(7, "create").status, 200);
        assert!(server.terminate().success());
        let log = killed::open(&data_dir(&tried.disk.path)).unwrap();
        let found: Vec<Acknowledged> = killed::read_all(&log).iter().map(as_acknowledged).collect();
        let mut kept = kept;
        kept.sort_by_key(|delivery| delivery.position);
        check_kept(&kept, &found, 1);
    }
}
