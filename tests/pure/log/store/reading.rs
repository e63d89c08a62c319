//! What is appended reads back, byte for byte, and takes little room.

use std::{fs, os::unix::fs::MetadataExt, path::Path, time::Instant};

use clockfold::log::{
    AppointmentId, Body, DataDir, Digest, Head, HeadFile, Log, NewDelivery, Position, Reading, SledLog,
};

use super::{chain, open, read_all};
use crate::support::{self, delivery};

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
