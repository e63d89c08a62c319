//! Logs that are killed: a copy of a data directory in use is what a kill leaves.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::Duration,
};

use clockfold::log::{DataDir, Delivery, Digest, HeadFile, Log, LogError, NewDelivery, Position, SledLog};

use crate::support::{arrival, delivery};

/// Where a file's first record stands.
pub const HEAD_BYTES: usize = 32;
/// More than it takes until the head is remembered.
pub const HEAD_INTERVAL_MAX: Duration = Duration::from_millis(900);

pub fn open(data: &Path) -> Result<SledLog, LogError> {
    SledLog::open(&DataDir::at(data), Arc::new(arrival))
}

pub fn read_all(log: &SledLog) -> Vec<Delivery> {
    log.read(Position::ZERO).collect::<Result<_, _>>().unwrap()
}

pub fn chain(deliveries: &[Delivery]) -> Digest {
    deliveries.iter().fold(Digest::EMPTY, Digest::then)
}

pub fn group(ids: std::ops::RangeInclusive<u64>) -> Vec<NewDelivery> {
    ids.map(|id| delivery(id, "checkin")).collect()
}

/// A group of deliveries of about 10 KB each that do not compress.
pub fn large_group(count: u64, seed: u64) -> Vec<NewDelivery> {
    let mut state = seed;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_le_bytes()[6]
    };
    (1..=count)
        .map(|id| NewDelivery { body: (0..10_000).map(|_| random()).collect(), ..delivery(id, "note") })
        .collect()
}

pub fn journal_files(data: &Path) -> Vec<PathBuf> {
    let names = fs::read_dir(data.join("log")).unwrap().map(|entry| entry.unwrap());
    let journals = names.filter(|entry| entry.file_name().to_str().unwrap().starts_with("journal-"));
    let mut files: Vec<PathBuf> = journals.map(|entry| entry.path()).collect();
    files.sort();
    files
}

/// A copy of a data directory in use, which is what a kill at this moment leaves; without the lock.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to.join("log/blobs")).unwrap();
    let _ = fs::copy(from.join("head"), to.join("head"));
    for entry in fs::read_dir(from.join("log")).unwrap().map(Result::unwrap) {
        // The new head is renamed at any time, and so is a new file of the journal. The checkpointer may delete a file: a test that has one full waits for it.
        if entry.file_name() != "head.new" && entry.file_name() != "journal-new" && entry.file_type().unwrap().is_file()
        {
            fs::copy(entry.path(), to.join("log").join(entry.file_name())).unwrap();
        }
    }
}

/// A log that was killed after three groups of 1, 3 and 1 deliveries; what was in it; and where in the journal its
/// records begin and the last one ends.
pub struct Killed {
    pub folder: tempfile::TempDir,
    pub deliveries: Vec<Delivery>,
    pub bounds: Vec<usize>,
}

impl Killed {
    /// With or without a head file that remembers all of it.
    pub fn new(remembered: bool) -> Killed {
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
    pub fn open_changed(&self, change: impl FnOnce(&mut Vec<u8>)) -> (Result<SledLog, LogError>, PathBuf) {
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
