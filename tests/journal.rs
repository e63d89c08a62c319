//! What the journal keeps when the log is not closed: whole groups read back, a torn last one is given up, and
//! everything else that does not fit is refused, with every file left as it is.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is what it is for")]

mod support;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::Duration,
};

use clockfold::log::{Body, DataDir, Delivery, Digest, HeadFile, Log, LogError, NewDelivery, Position, SledLog};
use support::{arrival, delivery};

/// Where a file's first record stands.
const HEAD_BYTES: usize = 32;
/// More than it takes until the head is remembered.
const HEAD_INTERVAL_MAX: Duration = Duration::from_millis(900);

fn open(data: &Path) -> Result<SledLog, LogError> {
    SledLog::open(&DataDir::at(data), Arc::new(arrival))
}

fn read_all(log: &SledLog) -> Vec<Delivery> {
    log.read(Position::ZERO).collect::<Result<_, _>>().unwrap()
}

fn group(ids: std::ops::RangeInclusive<u64>) -> Vec<NewDelivery> {
    ids.map(|id| delivery(id, "checkin")).collect()
}

/// A group of deliveries of about 10 KB each that do not compress.
fn large_group(count: u64, seed: u64) -> Vec<NewDelivery> {
    let mut state = seed;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_le_bytes()[6]
    };
    (1..=count)
        .map(|id| NewDelivery { body: (0..10_000).map(|_| random()).collect(), ..delivery(id, "note") })
        .collect()
}

fn journal_files(data: &Path) -> Vec<PathBuf> {
    let names = fs::read_dir(data.join("log")).unwrap().map(|entry| entry.unwrap());
    let journals = names.filter(|entry| entry.file_name().to_str().unwrap().starts_with("journal-"));
    let mut files: Vec<PathBuf> = journals.map(|entry| entry.path()).collect();
    files.sort();
    files
}

/// A copy of a data directory in use, which is what a kill at this moment leaves; without the lock.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to.join("log/blobs")).unwrap();
    let _ = fs::copy(from.join("head"), to.join("head"));
    for entry in fs::read_dir(from.join("log")).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_file() {
            // The mover may delete a file meanwhile; a test that has one active waits for it.
            fs::copy(entry.path(), to.join("log").join(entry.file_name())).unwrap();
        }
    }
}

/// A log that was killed after three groups of 1, 3 and 1 deliveries; what was in it; and where in the journal its
/// records begin and the last one ends.
struct Killed {
    folder: tempfile::TempDir,
    deliveries: Vec<Delivery>,
    bounds: Vec<usize>,
}

impl Killed {
    /// With or without a head file that remembers all of it.
    fn new(remembered: bool) -> Killed {
        // It is opened hundreds of times: in memory where there is such a place, because nothing is cut off here.
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
        let (live, killed) = (folder.path().join("live"), folder.path().join("killed"));
        let log = open(&live).unwrap();
        let mut bounds = vec![HEAD_BYTES];
        for ids in [1..=1, 2..=4, 5..=5] {
            log.append(group(ids)).unwrap();
            let bytes = fs::read(&journal_files(&live)[0]).unwrap();
            bounds.push(bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1);
        }
        if remembered {
            thread::sleep(HEAD_INTERVAL_MAX);
            assert_eq!(HeadFile::of(&DataDir::at(&live)).read().unwrap(), Some(log.head()));
        }
        copy(&live, &killed);
        if !remembered {
            let _ = fs::remove_file(killed.join("head"));
        }
        let deliveries = read_all(&log);
        Killed { folder, deliveries, bounds }
    }

    /// Opens a fresh copy whose journal was changed.
    fn open_changed(&self, change: impl FnOnce(&mut Vec<u8>)) -> (Result<SledLog, LogError>, PathBuf) {
        let changed = self.folder.path().join("changed");
        let _ = fs::remove_dir_all(&changed);
        copy(&self.folder.path().join("killed"), &changed);
        let path = journal_files(&changed).remove(0);
        let mut bytes = fs::read(&path).unwrap();
        change(&mut bytes);
        fs::write(&path, &bytes).unwrap();
        let opened = open(&changed);
        if opened.is_err() {
            assert_eq!(fs::read(&path).unwrap(), bytes, "a log that is refused is left as it is");
        }
        (opened, changed)
    }
}

fn chain(deliveries: &[Delivery]) -> Digest {
    deliveries.iter().fold(Digest::EMPTY, Digest::then)
}

#[test]
fn what_a_kill_leaves_is_moved_into_the_store_by_the_next_start() {
    let killed = Killed::new(true);
    let (log, data) = killed.open_changed(|_| {});
    let log = log.unwrap();
    assert_eq!(read_all(&log), killed.deliveries);
    assert_eq!(log.head().digest, chain(&killed.deliveries));
    assert_eq!(journal_files(&data), [] as [PathBuf; 0], "a log that is only read has no journal");
    log.append(group(6..=6)).unwrap();
    assert_eq!(journal_files(&data).len(), 1);
    assert_eq!(log.digest_at(Position::new(3)).unwrap(), chain(&killed.deliveries[..3]));
    assert_eq!(log.digest_at(Position::new(6)).unwrap(), log.head().digest);
    assert!(log.digest_at(Position::new(7)).is_err());
    drop(log);
    assert_eq!(journal_files(&data), [] as [PathBuf; 0], "a log that was closed has none");
    let log = open(&data).unwrap();
    assert_eq!(read_all(&log)[..5], killed.deliveries);
    assert_eq!(log.head().position, Position::new(6));
}

#[test]
fn a_last_group_that_is_torn_at_any_byte_is_given_up() {
    let killed = Killed::new(false);
    let [.., begin, end] = killed.bounds[..] else { unreachable!() };
    for at in begin..end {
        let fill = [0, 0xa7][at % 2];
        let (log, data) = killed.open_changed(|bytes| match at % 3 {
            0 => bytes.truncate(at),
            1 => bytes[at..end].fill(fill),
            // The end of it reached the disk, and its beginning did not.
            _ => bytes[begin..=at].fill(fill),
        });
        let log = log.unwrap_or_else(|error| panic!("torn at {at}: {error}"));
        assert_eq!(read_all(&log), killed.deliveries[..4], "torn at {at}");
        assert_eq!(journal_files(&data), [] as [PathBuf; 0]);
        assert_eq!(log.append(group(5..=5)).unwrap(), [Position::new(5)]);
    }
}

#[test]
fn a_last_group_that_was_remembered_is_missed() {
    let killed = Killed::new(true);
    let [.., begin, end] = killed.bounds[..] else { unreachable!() };
    for at in [begin, begin + 9, end - 1] {
        let (log, _) = killed.open_changed(|bytes| bytes[at..end].fill(0));
        assert!(matches!(log, Err(LogError::Shorter { found, .. }) if found == Position::new(4)));
    }
}

#[test]
fn a_broken_group_with_a_whole_one_after_it_is_refused() {
    let killed = Killed::new(false);
    let [_, begin, end, _] = killed.bounds[..] else { unreachable!() };
    for at in begin..end {
        let (log, _) = killed.open_changed(|bytes| bytes[at] ^= 0x10);
        let Err(LogError::Damaged { position, .. }) = log else { panic!("changed at {at}: it opened") };
        assert_eq!(position, Position::new(2));
    }
    let (log, _) = killed.open_changed(|bytes| bytes[begin..end].fill(0));
    assert!(matches!(log, Err(LogError::Damaged { position, .. }) if position == Position::new(2)));
    let (log, _) = killed.open_changed(|bytes| drop(bytes.drain(begin..end)));
    assert!(matches!(log, Err(LogError::Damaged { position, .. }) if position == Position::new(2)));
}

#[test]
fn any_flipped_bit_is_refused_or_changes_nothing() {
    let killed = Killed::new(true);
    let used = *killed.bounds.last().unwrap();
    let mut refused = 0;
    for at in (0..used + 40).chain([100_000, (2 << 20) - 1]) {
        let (log, _) = killed.open_changed(|bytes| bytes[at] ^= 1 << (at % 8));
        match log {
            Ok(log) => assert_eq!(read_all(&log), killed.deliveries, "a bit of byte {at}"),
            Err(_) => refused += 1,
        }
    }
    assert_eq!(refused, used, "every byte that is used matters");
}

#[test]
fn a_journal_whose_making_was_interrupted_counts_as_none() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    open(&data).unwrap().append(group(1..=3)).unwrap();
    let whole_head = {
        let log = open(&data).unwrap();
        log.append(group(4..=4)).unwrap();
        fs::read(&journal_files(&data)[0]).unwrap()[..HEAD_BYTES].to_vec()
    };
    let torn_head = [&whole_head[..23], &[0; 5000]].concat();
    let only_head = [&whole_head[..], &[0; 5000]].concat();
    for content in [&b""[..], &[0; 5000], &whole_head[..7], &whole_head, &torn_head, &only_head] {
        fs::write(data.join("log/journal-000000000001"), content).unwrap();
        fs::write(data.join("log/journal-000000000002"), &torn_head).unwrap();
        assert_eq!(read_all(&open(&data).unwrap()).len(), 4);
        assert_eq!(journal_files(&data), [] as [PathBuf; 0]);
    }
}

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
    let database = sled::Config::new().path(early.join("log")).segment_size(8 << 20).open().unwrap();
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
fn a_journal_that_does_not_follow_the_store_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let data = |name: &str| folder.path().join(name);
    let log = open(&data("live")).unwrap();
    log.append(group(1..=5)).unwrap();
    drop(log);
    let log = open(&data("live")).unwrap();
    log.append(group(6..=9)).unwrap();
    copy(&data("live"), &data("killed"));
    let journal = journal_files(&data("killed")).remove(0);
    let refused_at = |data: &Path| {
        let target = data.join("log").join(journal.file_name().unwrap());
        fs::copy(&journal, &target).unwrap();
        let Err(LogError::Damaged { position, .. }) = open(data) else { panic!("{}: it opened", data.display()) };
        assert!(target.exists());
        position.get()
    };
    open(&data("shorter")).unwrap().append(group(1..=3)).unwrap();
    assert_eq!(refused_at(&data("shorter")), 4, "4 and 5 are missing");
    open(&data("another")).unwrap().append(group(1..=5)).unwrap();
    assert_eq!(refused_at(&data("another")), 6, "the chain of another log");
    open(&data("longer")).unwrap().append(group(1..=12)).unwrap();
    assert_eq!(refused_at(&data("longer")), 6);
    drop(open(&data("empty")).unwrap());
    assert_eq!(refused_at(&data("empty")), 1);
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

/// The mover is not waited for: a start finds two files, whatever it has done of the first.
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
        assert!(matches!(refused, Err(LogError::Damaged { position: at, .. }) if at == Position::new(position)));
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

/// `fixtures/journal-v1.tar.gz` is what a kill left of the first version of the journal. It is read for ever.
/// Written anew, for a new version beside the old, with `UPDATE_FROZEN=1`.
#[test]
fn a_journal_of_version_1_is_read_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let (sample, digest) = (support::fixture("journal-v1.tar.gz"), support::fixture("journal-v1.digest"));
    let killed = folder.path().join("journal-v1");
    if std::env::var_os("UPDATE_FROZEN").is_some() {
        let live = folder.path().join("live");
        open(&live).unwrap().append(group(1..=3)).unwrap();
        let log = open(&live).unwrap();
        for group in support::sample_deliveries() {
            log.append(group).unwrap();
        }
        copy(&live, &killed);
        fs::write(&digest, format!("{}\n", log.head().digest)).unwrap();
        support::tar(&["-czf", sample.to_str().unwrap(), "-C", folder.path().to_str().unwrap(), "journal-v1"]);
        fs::remove_dir_all(&killed).unwrap();
    }
    support::tar(&["-xzf", sample.to_str().unwrap(), "-C", folder.path().to_str().unwrap()]);
    assert_eq!(journal_files(&killed).len(), 1);
    let log = open(&killed).unwrap();
    let read = read_all(&log);
    let sent: Vec<NewDelivery> = [group(1..=3)].into_iter().chain(support::sample_deliveries()).flatten().collect();
    assert_eq!(read.len(), sent.len());
    for (delivery, sent) in read.iter().zip(&sent) {
        assert_eq!((&delivery.source, &delivery.reading), (&sent.source, &sent.reading));
        assert_eq!(delivery.delivery_id, sent.delivery_id);
        assert!(matches!(&delivery.body, Body::Kept { bytes, .. } if *bytes == sent.body));
    }
    let frozen = fs::read_to_string(digest).unwrap();
    assert_eq!([chain(&read), log.head().digest].map(|digest| digest.to_string()), [frozen.trim(), frozen.trim()]);
}
