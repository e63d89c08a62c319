//! What a log is opened with, what is refused, and who holds it.

use std::{
    fs::{self, File},
    os::unix::fs::PermissionsExt,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use clockfold::{
    log::{DataDir, Head, HeadFile, Log, LogError, Position, SledLog},
    projection::{Projection, ProjectionError, Rules},
};

use super::{clock_at, open, read_all};
use crate::support::{arrival, delivery, disk::store::open_store};

#[test]
fn a_store_that_lost_its_tail_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = DataDir::at(folder.path());
    let log = open(&data_dir).unwrap();
    for number in 1..=2000 {
        log.append(vec![delivery(number, "create")]).unwrap();
    }
    drop(log);
    let path = data_dir.log().join("db");
    let whole = fs::read(&path).unwrap();
    let used = whole.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    let mut shorter = 0;
    for cut in [800, 5_000, 40_000, 200_000, 600_000] {
        for snapshot in fs::read_dir(data_dir.log()).unwrap().map(|entry| entry.unwrap().path()) {
            if snapshot.file_name().unwrap().to_string_lossy().starts_with("snap.") {
                fs::remove_file(snapshot).unwrap();
            }
        }
        fs::write(&path, &whole).unwrap();
        File::options().write(true).open(&path).unwrap().set_len(used.saturating_sub(cut) as u64).unwrap();
        match open(&data_dir) {
            Err(LogError::Shorter { found, remembered, .. }) => {
                assert!(found < remembered && remembered == Position::new(2000));
                shorter += 1;
            }
            Err(LogError::Unopenable { .. } | LogError::Corrupt { .. } | LogError::Storage { .. }) => {}
            Err(error) => panic!("cut by {cut}: {error}"),
            Ok(log) => assert_eq!(read_all(&log).len(), 2000, "cut by {cut}: opened with fewer rows"),
        }
    }
    assert!(shorter > 0, "no cut was found by the head");
}

#[test]
fn groups_that_changed_places_are_found_by_whoever_reads_past_them() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = DataDir::at(folder.path());
    for number in 1..=10 {
        // What came together before the log was closed is one value.
        open(&data_dir).unwrap().append(vec![delivery(number, "create")]).unwrap();
    }
    let database = open_store(&data_dir.log());
    let tree = database.open_tree("deliveries").unwrap();
    let (third, fourth) = (3_u64.to_be_bytes(), 4_u64.to_be_bytes());
    let (one, other) = (tree.get(third).unwrap().unwrap(), tree.get(fourth).unwrap().unwrap());
    tree.insert(third, other).unwrap();
    tree.insert(fourth, one).unwrap();
    database.flush().unwrap();
    drop((tree, database));
    let log = open(&data_dir).unwrap();
    let (read, broken): (Vec<_>, Vec<_>) = log.read(Position::ZERO).partition(Result::is_ok);
    assert_eq!(read.len(), 2);
    assert!(matches!(broken[..], [Err(LogError::Corrupt { position, .. })] if position == Position::new(3)));
    for _ in 0..2 {
        let rules = Arc::new(Rules::default());
        let folded = Projection::open_and_catch_up(&data_dir.projection(), rules, &log, &mut |_| {});
        assert!(matches!(folded, Err(ProjectionError::Log(LogError::Corrupt { .. }))));
    }
}

#[test]
fn a_data_directory_is_made_for_its_owner_only() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("data");
    drop(open(&DataDir::at(&root)).unwrap());
    assert_eq!(fs::metadata(root).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn an_unfinished_snapshot_does_not_keep_the_log_from_opening() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = DataDir::at(folder.path());
    open(&data_dir).unwrap().append(vec![delivery(1, "create")]).unwrap();
    let stray = data_dir.log().join("snap.0000000000000A00.generating");
    fs::write(&stray, b"half a snapshot").unwrap();
    assert_eq!(read_all(&open(&data_dir).unwrap()).len(), 1);
    assert!(!stray.exists());
}

/// A power cut during the very first start: nothing was acknowledged, so the store may be made again.
#[test]
fn a_store_whose_making_was_interrupted_is_made_again_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = DataDir::at(folder.path());
    let torn = || {
        fs::create_dir_all(data_dir.log()).unwrap();
        fs::write(data_dir.log().join("conf"), b"half a line").unwrap();
        fs::write(data_dir.log().join("db"), [7; 100]).unwrap();
    };
    torn();
    assert!(matches!(open(&data_dir), Err(LogError::Unopenable { .. })));
    assert_eq!(fs::read(data_dir.log().join("db")).unwrap(), [7; 100], "a damaged store is left as it is");
    fs::write(data_dir.log().join("being-made"), b"").unwrap();
    let log = open(&data_dir).unwrap();
    assert!(!data_dir.log().join("being-made").exists());
    log.append(vec![delivery(1, "create")]).unwrap();
    drop(log);
    assert_eq!(read_all(&open(&data_dir).unwrap()).len(), 1);
}

#[test]
fn a_store_that_had_deliveries_is_not_made_again_whatever_says_that_its_making_was_interrupted() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = DataDir::at(folder.path());
    open(&data_dir).unwrap().append(vec![delivery(1, "create")]).unwrap();
    let marker = data_dir.log().join("being-made");
    let to_read = || SledLog::open_to_read(&data_dir, clock_at(arrival()).1);
    fs::write(&marker, b"").unwrap();
    assert_eq!(read_all(&to_read().unwrap()).len(), 1);
    fs::write(&marker, b"").unwrap();
    assert_eq!(read_all(&open(&data_dir).unwrap()).len(), 1);
    assert!(!marker.exists());
    // Whoever looks for what is missing makes nothing.
    fs::remove_file(data_dir.log().join("db")).unwrap();
    assert!(matches!(to_read(), Err(LogError::Shorter { found: Position::ZERO, .. })));
    assert!(!data_dir.log().join("db").exists());
    // Without a remembered head nothing speaks against it.
    fs::remove_file(data_dir.head()).unwrap();
    fs::write(&marker, b"").unwrap();
    assert!(matches!(to_read(), Err(LogError::Unmade { .. })));
    assert_eq!(read_all(&open(&data_dir).unwrap()).len(), 0);
}

#[test]
fn a_head_of_another_log_or_a_damaged_one_is_refused_and_a_missing_one_is_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = DataDir::at(folder.path());
    let log = open(&data_dir).unwrap();
    log.append(vec![delivery(1, "create"), delivery(1, "checkin")]).unwrap();
    let head = log.head();
    drop(log);
    let file = HeadFile::of(&data_dir);
    file.write(Head { position: Position::new(1), digest: head.digest }).unwrap();
    assert!(matches!(open(&data_dir), Err(LogError::Corrupt { position, .. }) if position == Position::new(1)));
    fs::write(data_dir.head(), b"clockfold-head 1 2 00 00\n").unwrap();
    assert!(matches!(open(&data_dir), Err(LogError::HeadUnreadable { .. })));
    fs::remove_file(data_dir.head()).unwrap();
    let log = open(&data_dir).unwrap();
    assert_eq!(file.read().unwrap(), Some(head), "from the start, so that a kill the next moment leaves one");
    drop(log);
    assert_eq!(file.read().unwrap(), Some(head));
    fs::remove_dir_all(data_dir.log()).unwrap();
    assert!(matches!(open(&data_dir), Err(LogError::Shorter { found: Position::ZERO, .. })));
}

#[test]
fn a_second_opening_is_refused_and_names_the_holder() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = DataDir::at(folder.path());
    let log = open(&data_dir).unwrap();
    let Err(LogError::InUse { holder, .. }) = open(&data_dir) else { panic!("opened twice") };
    assert_eq!(holder, Some(std::process::id().to_string()));
    drop(log);
    drop(open(&data_dir).unwrap());
    let mut names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["head", "lock", "log"]);
}

/// Between its fork and its exec, a child has every open file of this process.
#[test]
fn a_child_that_starts_while_a_log_is_open_does_not_keep_its_lock() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = DataDir::at(folder.path().join("data"));
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    assert!(Command::new("true").status().unwrap().success());
                }
            });
        }
        let opened = (0..400).try_for_each(|_| data_dir.lock().map(drop));
        done.store(true, Ordering::Relaxed);
        opened.unwrap();
    });
}
