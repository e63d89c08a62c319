//! The log's promises on real sled files: what is appended reads back, what is missing or changed is found.

use std::{
    fs::{self, File},
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Instant,
};

use chrono::{DateTime, TimeDelta, Utc};
use clockfold::log::{
    AppointmentId, Body, DataDir, Delivery, Digest, Head, HeadFile, Log, LogError, NewDelivery, Position, Reading,
    SledLog,
};
use clockfold::{
    lifecycle::Fault,
    projection::{Projection, ProjectionError, Rules},
    webhook,
};

use crate::support::{self, arrival, delivery, disk::store::open_store, unreadable};

/// A clock that a test sets.
fn clock_at(time: DateTime<Utc>) -> (Arc<Mutex<DateTime<Utc>>>, clockfold::log::Clock) {
    let now = Arc::new(Mutex::new(time));
    let told = Arc::clone(&now);
    (now, Arc::new(move || *told.lock().unwrap()))
}

fn open(data_dir: &DataDir) -> Result<SledLog, LogError> {
    SledLog::open(data_dir, clock_at(arrival()).1)
}

fn read_all(log: &SledLog) -> Vec<Delivery> {
    log.read(Position::ZERO).collect::<Result<_, _>>().unwrap()
}

fn chain(deliveries: &[Delivery]) -> Digest {
    deliveries.iter().fold(Digest::EMPTY, Digest::then)
}

#[test]
fn what_is_appended_reads_back_after_a_restart_with_the_same_digest() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = DataDir::at(folder.path());
    let mut sent = Vec::new();
    for round in 0..5_u64 {
        let log = open(&data_dir).unwrap();
        let group: Vec<NewDelivery> = (0..=round * 100).map(|n| delivery(1 + n % 7, "checkin")).collect();
        sent.extend(group.iter().cloned());
        let positions = log.append(group).unwrap();
        assert_eq!(positions.last().map(|p| p.get()), Some(sent.len() as u64));
        assert_eq!(log.head(), Head { position: Position::new(sent.len() as u64), digest: chain(&read_all(&log)) });
    }
    let log = open(&data_dir).unwrap();
    let read = read_all(&log);
    assert_eq!(read.len(), sent.len());
    for (number, (delivery, sent)) in (1..).zip(read.iter().zip(&sent)) {
        assert_eq!(delivery.position, Position::new(number));
        assert_eq!((&delivery.source, &delivery.reading), (&sent.source, &sent.reading));
        assert!(matches!(&delivery.body, Body::Kept { bytes, .. } if *bytes == sent.body));
    }
    assert_eq!(log.head().digest, chain(&read));
    let middle = Position::new(300);
    assert_eq!(log.digest_at(middle).unwrap(), chain(&read[..300]));
    assert_eq!(log.read(middle).next().unwrap().unwrap(), read[299]);
    assert_eq!(HeadFile::of(&data_dir).read().unwrap().map(|head| head.position), Some(log.head().position));
}

#[test]
fn whoever_reads_gets_the_digest_after_each_from_any_place_in_the_store_and_beyond_it() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = DataDir::at(folder.path());
    let append = |log: &SledLog, groups: &[u64]| {
        for count in groups {
            log.append((0..*count).map(|n| delivery(1 + n % 7, "checkin")).collect()).unwrap();
        }
    };
    append(&open(&data_dir).unwrap(), &[300, 1, 1, 5, 40]);
    let log = open(&data_dir).unwrap();
    append(&log, &[1, 20, 3]);
    let read = read_all(&log);
    let mut chain = vec![Digest::EMPTY];
    read.iter().for_each(|delivery| chain.push(chain[chain.len() - 1].then(delivery)));
    for from in 1..=read.len() {
        for before in [None, Some(chain[from - 1])] {
            let entries = log.entries(Position::new(from as u64), before).collect::<Result<Vec<_>, _>>().unwrap();
            let found = entries.iter().map(|entry| (&entry.delivery, entry.digest));
            assert!(found.eq(read[from - 1..].iter().zip(chain[from..].iter().copied())), "from {from}");
        }
    }
    assert_eq!(log.entries(Position::ZERO, None).count(), read.len());
    assert_eq!(log.entries(log.head().position.next(), None).count(), 0);
    // What does not follow what the reader has is no part of the same log.
    assert!(log.entries(Position::new(7), Some(chain[3])).next().unwrap().is_err());
}

#[test]
fn unreadable_unknown_and_huge_deliveries_are_kept_byte_for_byte_outside_of_blobs() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = DataDir::at(folder.path());
    let log = open(&data_dir).unwrap();
    let mut bytes = vec![0; 64 << 10];
    for round in 0..60 {
        let mut delivery = delivery(7, "transfer_in");
        getrandom_fill(&mut bytes, round);
        delivery.body = bytes.clone();
        let event_type = "ü".repeat(16 << 10).into();
        delivery.reading = Reading::Readable { appointment_id: AppointmentId::MAX, event_type };
        delivery.delivery_id = Some("id-1".to_owned());
        log.append(vec![delivery.clone(), delivery]).unwrap();
    }
    drop(log);
    assert_eq!(fs::read_dir(data_dir.log().join("blobs")).unwrap().count(), 0);
    let log = open(&data_dir).unwrap();
    let read = read_all(&log);
    assert_eq!(read.len(), 120);
    for (index, delivery) in read.iter().enumerate() {
        getrandom_fill(&mut bytes, index / 2);
        assert!(matches!(&delivery.body, Body::Kept { bytes: kept, .. } if *kept == bytes));
        assert_eq!(delivery.delivery_id.as_deref(), Some("id-1"));
    }
}

/// Bytes that do not compress, the same for the same seed.
fn getrandom_fill(bytes: &mut [u8], seed: usize) {
    let mut state = seed as u64 + 1;
    for byte in bytes {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        *byte = state.to_le_bytes()[6];
    }
}

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

#[test]
fn an_erased_body_leaves_its_commitment_and_the_chain_still_verifies() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = DataDir::at(folder.path());
    let log = open(&data_dir).unwrap();
    log.append((1..=10).map(|n| delivery(n, "create")).collect()).unwrap();
    let before = read_all(&log);
    assert_eq!(log.erase(&[Position::new(3), Position::new(10), Position::new(11)]).unwrap(), 2);
    assert_eq!(log.erase(&[Position::new(3)]).unwrap(), 0);
    let after = read_all(&log);
    for (before, after) in before.iter().zip(&after) {
        let erased = [3, 10].contains(&after.position.get());
        assert_eq!(matches!(after.body, Body::Erased { .. }), erased);
        assert_eq!(before.body.commitment(), after.body.commitment());
        assert_eq!(before.reading, after.reading);
    }
    assert_eq!(chain(&after), chain(&before));
    drop(log);
    assert_eq!(open(&data_dir).unwrap().head().digest, chain(&before));
}

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

/// `fixtures/log-v1.tar.gz` was written by the first version of the format. It is read for ever.
/// Written anew, for a new version beside the old, with `UPDATE_FROZEN=1`.
#[test]
fn a_log_of_version_1_is_read_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let sample = support::fixture("log-v1.tar.gz");
    if std::env::var_os("UPDATE_FROZEN").is_some() {
        let data_dir = DataDir::at(folder.path().join("log-v1"));
        let log = open(&data_dir).unwrap();
        for group in support::sample_deliveries() {
            log.append(group).unwrap();
        }
        log.erase(&[Position::new(2)]).unwrap();
        fs::write(support::fixture("log-v1.digest"), format!("{}\n", log.head().digest)).unwrap();
        drop(log);
        support::tar(&["-czf", sample.to_str().unwrap(), "-C", folder.path().to_str().unwrap(), "log-v1"]);
    }
    support::tar(&["-xzf", sample.to_str().unwrap(), "-C", folder.path().to_str().unwrap()]);
    let log = open(&DataDir::at(folder.path().join("log-v1"))).unwrap();
    let read = read_all(&log);
    let sent: Vec<NewDelivery> = support::sample_deliveries().into_iter().flatten().collect();
    assert_eq!(read.len(), sent.len());
    for (delivery, sent) in read.iter().zip(&sent) {
        assert_eq!((&delivery.source, &delivery.reading), (&sent.source, &sent.reading));
        assert_eq!(delivery.delivery_id, sent.delivery_id);
        assert_eq!(delivery.received_at, arrival());
        match &delivery.body {
            Body::Kept { bytes, .. } => assert_eq!(*bytes, sent.body),
            Body::Erased { .. } => assert_eq!(delivery.position, Position::new(2)),
        }
    }
    let frozen = fs::read_to_string(support::fixture("log-v1.digest")).unwrap();
    assert_eq!(chain(&read).to_string(), frozen.trim());
    assert_eq!(log.head().digest.to_string(), frozen.trim());
}

/// A log with what near misses added to records: two codes, and what was read again of a body that was erased then.
/// `fixtures/log-v1-near-misses.tar.gz` is read for ever; written anew, beside the old, with `UPDATE_FROZEN=1`.
#[test]
fn what_near_misses_added_to_records_is_read_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let sample = support::fixture("log-v1-near-misses.tar.gz");
    let name = "log-v1-near-misses";
    let body = "\u{feff}{\"appointment_id\": 7, \"event_type\": \"transfer_in\"}".as_bytes();
    if std::env::var_os("UPDATE_FROZEN").is_some() {
        let log = open(&DataDir::at(folder.path().join(name))).unwrap();
        let mut group = vec![delivery(7, "create")];
        group.extend([Fault::MediaType, Fault::ContentCoding].map(|fault| unreadable("downtown", fault, b"\xff")));
        // As a reader of before wrote them, that read no byte order mark.
        group.extend([body, body, b"{"].map(|body| unreadable("downtown", Fault::NotJson, body)));
        log.append(group).unwrap();
        let log = log.read_again_by(webhook::read_again);
        assert_eq!(log.erase(&[Position::new(4), Position::new(6)]).unwrap(), 2);
        drop(log);
        support::tar(&["-czf", sample.to_str().unwrap(), "-C", folder.path().to_str().unwrap(), name]);
    }
    support::tar(&["-xzf", sample.to_str().unwrap(), "-C", folder.path().to_str().unwrap()]);
    let told = |delivery: &Delivery| {
        let (kind, fault) = match &delivery.reading {
            Reading::Readable { .. } => ("read", None),
            Reading::Unreadable(fault) => ("not read", Some(*fault)),
            Reading::ReadSince { fault, .. } => ("read since", Some(*fault)),
        };
        let erased = if matches!(delivery.body, Body::Erased { .. }) { " erased" } else { "" };
        let event = delivery.reading.event_type().unwrap_or_default();
        format!("{kind} {}{event}{erased}", fault.map_or(String::new(), |fault| format!("{} ", fault.name())))
    };
    let log = open(&DataDir::at(folder.path().join(name))).unwrap();
    let read: Vec<String> = read_all(&log).iter().map(told).collect();
    let mut expected = [
        "read create",
        "not read MEDIA_TYPE ",
        "not read CONTENT_CODING ",
        "read since NOT_JSON transfer_in erased",
        "not read NOT_JSON ",
        "not read NOT_JSON  erased",
    ];
    assert_eq!(read, expected);
    let digest = chain(&read_all(&log));
    assert_eq!(log.head().digest, digest);
    // A better reader changes what is handed out, by one delivery after another and by blocks, and no digest.
    let log = log.read_again_by(webhook::read_again);
    expected[4] = "read since NOT_JSON transfer_in";
    let again = read_all(&log);
    assert_eq!(again.iter().map(told).collect::<Vec<_>>(), expected);
    let blocks: Vec<Delivery> = log.blocks().flat_map(|block| block.unwrap().open().unwrap().deliveries).collect();
    assert_eq!(blocks, again);
    assert_eq!((chain(&again), log.head().digest), (digest, digest));
}

/// Deliveries of the vendor's form, the more of them the less each: `DENSITY=1000000 cargo test --release --test pure
/// room -- --nocapture` measures a log that is worth it.
#[test]
#[allow(clippy::print_stdout, reason = "figures are for who asks")]
fn a_delivery_takes_little_room_however_small_its_group_was() {
    let count: u64 = std::env::var("DENSITY").map_or(20_000, |count| count.parse().unwrap());
    for (count, each, bytes_max) in [(count, 64, 120.0), (count / 4, 1, 200.0)] {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let (closed, killed) = (folder.path().join("closed"), folder.path().join("killed"));
        let log = open(&DataDir::at(&closed)).unwrap();
        let begun = Instant::now();
        for first in (0..count).step_by(each) {
            log.append((first..count.min(first + each as u64)).map(|n| delivery(10_000 + n / 4, "checkin")).collect())
                .unwrap();
        }
        let took = begun.elapsed() / u32::try_from(count).unwrap();
        support::run("cp", &["-r", closed.to_str().unwrap(), killed.to_str().unwrap()]);
        drop(log);
        let begun = Instant::now();
        drop(open(&DataDir::at(&killed)).unwrap());
        let opened = begun.elapsed();
        let bytes = [closed, killed].map(|data| blocks(&data.join("log")) as f64);
        let every = bytes.map(|bytes| bytes / count as f64);
        println!("{count} by {each}: {every:.1?} bytes each, {took:?} to append, {opened:?} to start after a kill");
        // A start after a kill takes the rest of a segment, whatever is in it.
        let bytes_max = bytes_max * count as f64;
        assert!(bytes[0] <= bytes_max && bytes[1] <= bytes_max + SEGMENT_BYTES, "{every:?} bytes");
    }
}

/// The store grows by so much at a time.
const SEGMENT_BYTES: f64 = 8_388_608.0;

/// What a folder takes from the disk.
fn blocks(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    entries.map(|entry| entry.metadata().unwrap().blocks() * 512).sum()
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
