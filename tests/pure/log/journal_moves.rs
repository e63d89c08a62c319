//! From the journal into the store: nothing is lost, repeated or read twice, whenever a kill comes between.

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use clockfold::log::{Body, Log, LogError, Position};

use crate::support::disk::{
    killed::{chain, copy, group, journal_files, large_group, open, read_all},
    store::open_store,
};

#[test]
fn what_the_store_has_already_is_not_taken_twice() {
    let folder = tempfile::tempdir().unwrap();
    let (live, early, late) = (folder.path().join("live"), folder.path().join("early"), folder.path().join("late"));
    let log = open(&live).unwrap();
    log.append(group(1..=7)).unwrap();
    copy(&live, &early);
    log.append(group(8..=400)).unwrap();
    log.append(group(401..=402)).unwrap();
    copy(&live, &late);
    let deliveries = read_all(&log);
    let put_journal_back = |data: &Path| {
        let journal = journal_files(&late).remove(0);
        fs::copy(&journal, data.join("log").join(journal.file_name().unwrap())).unwrap();
    };
    // A crash after the move and before the deletion.
    drop(log);
    put_journal_back(&live);
    assert_eq!(read_all(&open(&live).unwrap()), deliveries);
    assert_eq!(journal_files(&live), [] as [PathBuf; 0]);
    // The deletion was forgotten, and the log went on.
    open(&live).unwrap().append(group(403..=403)).unwrap();
    put_journal_back(&live);
    assert_eq!(read_all(&open(&live).unwrap())[..402], deliveries);
    // A crash during the move: the store has the first groups, or ends within one.
    drop(open(&early).unwrap());
    put_journal_back(&early);
    assert_eq!(read_all(&open(&early).unwrap()), deliveries);
    let database = open_store(&early.join("log"));
    let tree = database.open_tree("deliveries").unwrap();
    while tree.last().unwrap().unwrap().0 != 8_u64.to_be_bytes() {
        tree.pop_max().unwrap();
    }
    database.flush().unwrap();
    drop((tree, database));
    fs::remove_file(early.join("head")).unwrap();
    put_journal_back(&early);
    let log = open(&early).unwrap();
    assert_eq!(read_all(&log), deliveries);
    assert_eq!(log.head().digest, chain(&deliveries));
}

#[test]
fn another_log_that_stands_in_a_logs_place_keeps_its_journal() {
    let folder = tempfile::tempdir().unwrap();
    let [ours, away, live, another] = ["ours", "away", "live", "another"].map(|name| folder.path().join(name));
    let other = open(&live).unwrap();
    other.append(group(1..=7)).unwrap();
    copy(&live, &another);
    drop(other);
    let contents = |data: &Path| {
        let files = journal_files(data).into_iter();
        files.map(|path| (path.file_name().unwrap().to_owned(), fs::read(path).unwrap())).collect::<Vec<_>>()
    };
    let before = contents(&another);
    assert_eq!(before.len(), 1);
    let log = open(&ours).unwrap();
    // The next one needs another file, which has the first one moved and deleted.
    log.append(large_group(150, 1)).unwrap();
    // It takes a while to make, and the log itself looks each second whether its files are in place.
    let next = large_group(150, 2);
    fs::rename(&ours, &away).unwrap();
    fs::rename(&another, &ours).unwrap();
    assert!(log.append(next).is_err());
    drop(log);
    assert!(contents(&ours) == before, "{:?}", journal_files(&ours));
    assert_eq!(read_all(&open(&ours).unwrap()).len(), 7);
    assert_eq!(read_all(&open(&away).unwrap()).len(), 150);
}

#[test]
fn files_follow_one_another_and_a_group_may_be_larger_than_one() {
    let folder = tempfile::tempdir().unwrap();
    let (live, killed) = (folder.path().join("live"), folder.path().join("killed"));
    let log = open(&live).unwrap();
    for (count, seed) in [(150, 1), (100, 2), (700, 3), (1, 4)] {
        log.append(large_group(count, seed)).unwrap();
    }
    let deliveries = read_all(&log);
    assert_eq!(deliveries.len(), 951);
    // Until what is full has been moved.
    while journal_files(&live).len() > 1 {
        thread::sleep(Duration::from_millis(10));
    }
    copy(&live, &killed);
    assert_eq!(read_all(&log), deliveries);
    drop(log);
    for data in [live, killed] {
        let log = open(&data).unwrap();
        assert_eq!(read_all(&log), deliveries);
        assert_eq!(log.head().digest, chain(&deliveries));
    }
}

/// The checkpointer is not waited for: a start finds two files, whatever it has done of the first.
#[test]
fn damage_in_a_file_before_another_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (folder.path().join("first"), folder.path().join("second"));
    let log = open(&first).unwrap();
    log.append(large_group(100, 1)).unwrap();
    log.append(group(101..=102)).unwrap();
    copy(&first, &second);
    let full = journal_files(&first).remove(0);
    let (bytes, name) = (fs::read(&full).unwrap(), full.file_name().unwrap().to_owned());
    log.append(large_group(150, 2)).unwrap();
    log.append(group(253..=253)).unwrap();
    let deliveries = read_all(&log);
    // The second file, beside the first as it was before the move.
    let active = journal_files(&first).pop().unwrap();
    fs::copy(&active, second.join("log").join(active.file_name().unwrap())).unwrap();
    let open_with = |bytes: &[u8]| {
        let third = folder.path().join("third");
        let _ = fs::remove_dir_all(&third);
        copy(&second, &third);
        fs::write(third.join("log").join(&name), bytes).unwrap();
        open(&third)
    };
    assert_ne!(active.file_name().unwrap(), name);
    assert_eq!(read_all(&open_with(&bytes).unwrap()), deliveries);
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    for (at, position) in [(end, 101), (5000, 1), (3, 1)] {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        let refused = open_with(&changed);
        assert!(matches!(refused, Err(LogError::Corrupt { position: at, .. }) if at == Position::new(position)));
    }
}

#[test]
fn reads_have_no_gap_and_no_repeat_while_deliveries_move_into_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path()).unwrap();
    log.append(large_group(3, 0)).unwrap();
    let mut begun_before = log.read(Position::ZERO);
    let mut first = vec![begun_before.next().unwrap().unwrap()];
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for seed in 1..=60 {
                log.append(large_group(20, seed)).unwrap();
            }
        });
        while !writer.is_finished() {
            let head = log.head();
            let from = Position::new(1 + head.position.get() / 2);
            let mut digest = log.digest_at(Position::new(from.get() - 1)).unwrap();
            let mut next = from;
            for delivery in log.read(from) {
                let delivery = delivery.unwrap();
                assert_eq!(delivery.position, next);
                digest = digest.then(&delivery);
                if next == head.position {
                    assert_eq!(digest, head.digest);
                }
                next = next.next();
            }
            assert!(next > head.position);
        }
    });
    first.extend(begun_before.map(Result::unwrap));
    let deliveries = read_all(&log);
    assert_eq!(deliveries.len(), 1203);
    assert_eq!(first, deliveries[..3], "a reading ends at the head of its beginning");
    assert_eq!(chain(&deliveries), log.head().digest);
}

#[test]
fn an_erased_body_is_in_no_file_of_the_journal() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path()).unwrap();
    let secret = b"a secret that is to be erased";
    let mut deliveries = group(1..=3);
    deliveries[1].body = secret.to_vec();
    log.append(deliveries).unwrap();
    let in_journal = || {
        let holds = |path: &PathBuf| fs::read(path).unwrap().windows(secret.len()).any(|window| window == secret);
        journal_files(folder.path()).iter().any(holds)
    };
    assert!(in_journal());
    assert_eq!(log.erase(&[Position::new(2)]).unwrap(), 1);
    assert!(!in_journal());
    log.append(group(4..=4)).unwrap();
    let read = read_all(&log);
    assert_eq!(read.len(), 4);
    assert!(matches!(read[1].body, Body::Erased { .. }));
    assert_eq!(chain(&read), log.head().digest);
}
