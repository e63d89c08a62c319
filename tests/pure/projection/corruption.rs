//! What is not as it was written, or belongs to another log, is built anew.

use clockfold::{
    log::{DataDir, Log},
    projection::Projection,
};

use crate::support::bodies::copy_all;

use super::{deliveries, open, open_log, rules};

#[test]
fn a_projection_of_another_log_or_a_damaged_one_is_built_anew() {
    let folder = tempfile::tempdir().unwrap();
    let log = open_log(folder.path());
    log.append(deliveries(500, 1)).unwrap();
    drop(open(folder.path(), &log));
    let path = DataDir::at(folder.path()).projection();
    // Another log under the same path.
    let elsewhere = tempfile::tempdir().unwrap();
    let log = open_log(elsewhere.path());
    log.append(deliveries(600, 2)).unwrap();
    let moved = Projection::open_and_catch_up(&path, rules(), &log, &mut |_| {}).unwrap();
    assert_eq!(moved.checkpoint().digest, log.head().digest);
    drop(moved);
    // Corruption that the store itself notices.
    let current = path.join(std::fs::read_to_string(path.join("current")).unwrap());
    for entry in std::fs::read_dir(&current).unwrap() {
        let entry = entry.unwrap().path();
        if entry.is_file() {
            std::fs::write(entry, b"not what it was").unwrap();
        }
    }
    let healed = Projection::open_and_catch_up(&path, rules(), &log, &mut |_| {}).unwrap();
    assert_eq!(healed.checkpoint().digest, log.head().digest);
}

/// Corruption that opening does not meet is met where rows are read to fold what has come since.
#[test]
fn a_flipped_bit_is_healed_by_the_start_that_meets_it() {
    let folder = tempfile::tempdir().unwrap();
    let log = open_log(folder.path());
    log.append(deliveries(4_000, 1)).unwrap();
    drop(open(folder.path(), &log));
    let path = DataDir::at(folder.path()).projection();
    let kept = folder.path().join("kept");
    copy_all(&path, &kept);
    // The same appointments again, so that their rows are looked up.
    log.append(deliveries(4_000, 2)).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let expected = Projection::open_and_catch_up(&elsewhere.path().join("p"), rules(), &log, &mut |_| {}).unwrap();
    let expected = expected.reader().view().state_digest().unwrap();
    for part in 0..20 {
        copy_all(&kept, &path);
        let current = path.join(std::fs::read_to_string(path.join("current")).unwrap());
        let files = std::fs::read_dir(&current).unwrap().map(|entry| entry.unwrap().path());
        let rows = files.filter(|path| path.extension().is_some_and(|extension| extension == "rows"));
        let rows = rows.max_by_key(|path| path.metadata().unwrap().len()).unwrap();
        let mut damaged = std::fs::read(&rows).unwrap();
        let place = damaged.len() * part / 20;
        damaged[place] ^= 1;
        std::fs::write(&rows, damaged).unwrap();
        let healed = open(folder.path(), &log);
        // Where no start meets it, a query or `verify` does, and says so.
        if let Ok(digest) = healed.reader().view().state_digest() {
            assert_eq!(digest, expected, "{part}");
        }
    }
}
