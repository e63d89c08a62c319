//! What the journal keeps when the log is not closed: whole groups read back, a torn last one is given up, and
//! everything else that does not fit is refused, with every file left as it is.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clockfold::log::{Body, Log, LogError, NewDelivery, Position};

use crate::support::{
    self,
    disk::killed::{HEAD_BYTES, Killed, chain, copy, group, journal_files, open, read_all},
};

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
    for at in (begin..end).step_by(support::times(5, 1)) {
        let fill = [0, 0xa7][at % 2];
        let (log, data) = killed.open_changed(|bytes| match at % 3 {
            0 => bytes[at] ^= 0x10,
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
        let Err(LogError::Corrupt { position, .. }) = log else { panic!("changed at {at}: it opened") };
        assert_eq!(position, Position::new(2));
    }
    let (log, _) = killed.open_changed(|bytes| bytes[begin..end].fill(0));
    assert!(matches!(log, Err(LogError::Corrupt { position, .. }) if position == Position::new(2)));
    let (log, _) = killed.open_changed(|bytes| drop(bytes.drain(begin..end)));
    assert!(matches!(log, Err(LogError::Corrupt { position, .. }) if position == Position::new(2)));
}

#[test]
fn a_log_that_has_no_file_yet_leaves_those_of_another_one_alone() {
    // Its head says that it is another one.
    let killed = Killed::new(true);
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let log = open(&data).unwrap();
    // Another log takes its place, before the first delivery.
    fs::rename(&data, folder.path().join("away")).unwrap();
    copy(&killed.folder.path().join("killed"), &data);
    let journal = journal_files(&data).remove(0);
    let theirs = fs::read(&journal).unwrap();
    assert!(log.append(group(1..=1)).is_err());
    drop(log);
    assert!(fs::read(&journal).unwrap() == theirs, "a file of another log was changed");
    assert_eq!(read_all(&open(&data).unwrap()), killed.deliveries);
}

#[test]
fn a_file_that_has_lost_its_end_is_refused_however_much_of_it_is_there() {
    let killed = Killed::new(false);
    let [_, begin, .., end] = killed.bounds[..] else { unreachable!() };
    for length in [HEAD_BYTES, begin, begin + 9, end - 1, end, 100_000, (2 << 20) - 1] {
        let (log, _) = killed.open_changed(|bytes| bytes.truncate(length));
        let Err(error @ LogError::Corrupt { .. }) = log else { panic!("{length} bytes are taken for all of it") };
        assert!(error.to_string().contains("has lost its end"), "{error}");
    }
}

#[test]
fn any_flipped_bit_is_refused_or_changes_nothing() {
    let killed = Killed::new(true);
    let used = *killed.bounds.last().unwrap();
    let mut refused = 0;
    let step = support::times(5, 1);
    for at in (0..used + 40).step_by(step).chain([100_000, (2 << 20) - 1]) {
        let (log, _) = killed.open_changed(|bytes| bytes[at] ^= 1 << (at % 8));
        match log {
            Ok(log) => assert_eq!(read_all(&log), killed.deliveries, "a bit of byte {at}"),
            Err(_) => refused += 1,
        }
    }
    assert_eq!(refused, used.div_ceil(step), "every byte that is used matters");
}

#[test]
fn a_file_has_its_number_once_it_is_whole_and_one_that_is_not_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    open(&data).unwrap().append(group(1..=3)).unwrap();
    let log = open(&data).unwrap();
    log.append(group(4..=4)).unwrap();
    let whole = fs::read(&journal_files(&data)[0]).unwrap();
    drop(log);
    let torn_head = [&whole[..23], &vec![0; whole.len() - 23]].concat();
    for content in [&b""[..], &[0; 5000], &whole[..7], &whole[..HEAD_BYTES], &torn_head] {
        // What a power cut leaves of one that is being made.
        fs::write(data.join("log/journal-new"), content).unwrap();
        assert_eq!(read_all(&open(&data).unwrap()).len(), 4);
        let named = data.join("log/journal-000000000001");
        fs::write(&named, content).unwrap();
        let Err(error) = open(&data) else { panic!("{} bytes are taken for a file of the journal", content.len()) };
        assert!(error.is_corruption() && error.to_string().contains("journal-000000000001"), "{error}");
        assert_eq!(fs::read(&named).unwrap(), content, "what is refused stays as it is");
        fs::remove_file(&named).unwrap();
    }
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
        let Err(LogError::Corrupt { position, .. }) = open(data) else { panic!("{}: it opened", data.display()) };
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
