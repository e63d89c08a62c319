//! The journal and the head on a disk that loses power: runs of groups, checkpoints, remembered heads and closes that follow
//! from a seed, cut at each of their steps. Real code writes and recovers; a model stands in the store's place.
//!
//! A run has several lives. In each the log is opened, written, and ended by a close, a kill or a power cut. After each
//! call that changes the disk, the power is cut in a copy of it: what is opened then has every delivery that was
//! acknowledged, byte for byte, and of the group that was being written all or nothing. That opening is cut at each of
//! its own calls as well. Other runs have calls fail: the caller has to learn of it, and nothing acknowledged is lost.
//!
//! ```text
//! LOG_TEST_SEEDS=20000 cargo test --release -p clockfold-log simulation     many seeds
//! LOG_TEST_SEED=17     cargo test -p clockfold-log simulation               one seed again
//! ```

mod life;
mod store;
mod tests;

use std::{path::Path, sync::Arc};

use chrono::DateTime;
use clockfold_disk::{
    Disk,
    fake::{FakeDisk, random::Random, world::World},
};
use clockfold_lifecycle::Fault;

use crate::{
    LogError,
    files::{
        data_dir::DataDir,
        head::{Head, HeadFile},
    },
    opened::{Expected, Opened},
    record::delivery::{Body, Delivery, Position, Reading},
    simulation::store::SimulatedStore,
    store::{
        checkpointer::Journal,
        journal, missing,
        options::Options,
        unflushed::{Found, Group},
    },
};

/// So small that a few groups fill a file, and a few files several commits.
const OPTIONS: Options =
    Options { journal_bytes: 500, value_bytes: 90, value_deliveries: 5, values_a_sync: 2, mark: || Ok(*b"any mark") };

const ROOT: &str = "/data";

fn data_dir(disk: &FakeDisk) -> DataDir {
    DataDir::on(Arc::new(disk.clone()), ROOT)
}

/// A disk with an empty data directory, as locking leaves it.
fn with_data_dir() -> FakeDisk {
    let (disk, root) = (FakeDisk::empty(), Path::new(ROOT));
    for folder in [root, &data_dir(&disk).log()] {
        disk.create_folder(folder).unwrap();
        disk.sync_folder(folder.parent().unwrap()).unwrap();
    }
    disk
}

/// Opens what is there, as a start does.
fn open(disk: &FakeDisk) -> Result<Arc<Opened>, LogError> {
    let data_dir = data_dir(disk);
    let store = SimulatedStore::open_or_make(Arc::clone(data_dir.disk()), data_dir.log());
    let store = store.map_err(|error| crate::files::data_dir::storage("opening the store".to_owned(), error))?;
    let opened = Opened::of(Box::new(store), &data_dir, &Arc::default(), Expected::Remembered, OPTIONS)?;
    Ok(Arc::new(opened.0))
}

/// A delivery that follows from its position and a seed.
fn some_delivery(position: Position, random: &mut Random) -> Delivery {
    let length = if random.one_in(12) { 300 + random.below(900) } else { random.below(60) };
    let byte = random.byte();
    Delivery {
        position,
        received_at: DateTime::from_timestamp_millis(1_700_000_000_000 + position.get().cast_signed()).unwrap(),
        source: "clinic".parse().unwrap(),
        reading: Reading::Unreadable(Fault::NotJson),
        delivery_id: None,
        body: Body::Kept { salt: [byte; 16], bytes: vec![byte; length] },
    }
}

/// What stands at a position and after it, as far as its group goes.
fn read(opened: &Opened, position: Position) -> Result<Vec<Delivery>, LogError> {
    let mut deliveries: Vec<Delivery> = match opened.unflushed.find(position) {
        Found::Unflushed(group) => group.entries().iter().map(|entry| entry.delivery.clone()).collect(),
        Found::Stored => opened.store.group_with(position)?.1.deliveries.into(),
        Found::BeyondHead => return Err(missing(position)),
    };
    let index =
        deliveries.iter().position(|delivery| delivery.position == position).ok_or_else(|| missing(position))?;
    deliveries.drain(..index);
    Ok(deliveries)
}

/// What a log may have: everything that was acknowledged, and all or nothing of the group after that.
struct Written {
    deliveries: Vec<Delivery>,
    acknowledged: usize,
    /// How many deliveries there were before each group.
    before_groups: Vec<usize>,
}

impl Written {
    fn head_at(&self, count: usize) -> Position {
        self.deliveries[..count].last().map_or(Position::ZERO, |last| last.position)
    }
}

/// Opens what is on a disk and holds it against what was written. Returns how many deliveries it has.
fn check(disk: &FakeDisk, written: &Written) -> usize {
    let opened = open(disk).unwrap_or_else(|error| panic!("it is not opened: {error}"));
    let head = opened.head();
    let may_be = [written.acknowledged, written.deliveries.len()];
    let count = may_be.into_iter().find(|count| written.head_at(*count) == head.position);
    let count = count.unwrap_or_else(|| panic!("it ends at {}, not after {may_be:?} deliveries", head.position));
    holds(&opened, &written.deliveries[..count]);
    let left = journal::files(disk, &data_dir(disk).log()).unwrap();
    assert!(left.is_empty(), "an opened log has {} files of the journal", left.len());
    let left = journal::leftovers(disk, &data_dir(disk).log()).unwrap();
    assert!(left.is_empty(), "an opened log has {left:?}");
    count
}

/// Reads everything and compares it, digests too.
fn holds(opened: &Opened, expected: &[Delivery]) {
    let mut digest = Head::EMPTY.digest;
    let mut rest = expected;
    while let Some(next) = rest.first() {
        let found = read(opened, next.position).unwrap_or_else(|error| panic!("it can't be read: {error}"));
        for found in found {
            let Some((next, later)) = rest.split_first() else { panic!("there is more than was written") };
            assert!(found == *next, "at {} is not what was written", next.position);
            digest = digest.then(next);
            rest = later;
        }
    }
    let head = opened.head();
    assert!(head.digest == digest, "the digest at {} is not that of what was written", head.position);
    assert!(opened.digest_at(head.position).is_ok_and(|found| found == digest), "the digest is not found again");
}

/// Cuts the power at an image of a disk, or kills the program there; and cuts it at each step of the opening after that.
/// Returns how many cuts that were.
fn cut(of: &FakeDisk, image: &World, written: &Written, random: &mut Random) -> u64 {
    let disk = of.restarted(if random.one_in(3) { image.clone() } else { image.after_power_cut(random) });
    disk.keep_images();
    let count = check(&disk, written);
    // Everything that a log shows after it was opened is on the disk.
    let shown =
        Written { deliveries: written.deliveries[..count].to_vec(), acknowledged: count, before_groups: Vec::new() };
    let images = disk.take_images();
    for image in &images {
        check(&of.restarted(image.after_power_cut(random)), written);
    }
    check(&of.restarted(disk.world().after_power_cut(random)), &shown);
    if random.one_in(3) {
        goes_on(&disk, shown, random);
    }
    if random.one_in(4) {
        corrupt(of, image.clone(), written, random);
    }
    2 + images.len() as u64
}

/// A log that was opened after a cut takes deliveries as ever.
fn goes_on(disk: &FakeDisk, mut shown: Written, random: &mut Random) {
    let opened = open(disk).unwrap_or_else(|error| panic!("it is not opened once more: {error}"));
    let mut journal = Journal::stepped(Arc::clone(&opened), data_dir(disk).log());
    shown.deliveries.push(some_delivery(opened.head().position.next(), random));
    shown.acknowledged += 1;
    let group = Group::chained(shown.deliveries.last().cloned(), opened.head().digest).expect("it has a delivery");
    journal.append(group, None).unwrap_or_else(|error| panic!("it takes nothing after a cut: {error}"));
    drop(journal);
    check(&disk.restarted(disk.world().after_power_cut(random)), &shown);
}

/// A file of the journal changes at rest, or the head's: that is found, or nothing is amiss. The one exception is the last
/// group of all, as long as no head remembers it: what a power cut leaves of it looks the same. So do the last two, where what
/// has changed stands across their boundary.
fn corrupt(of: &FakeDisk, mut world: World, written: &Written, random: &mut Random) {
    let is_one = |path: &Path| path.ends_with("head") || path.to_string_lossy().contains("journal-0");
    let remembered = HeadFile::of(&data_dir(&of.restarted(world.clone()))).read().unwrap();
    let had = open(&of.restarted(world.clone())).unwrap().head().position.get();
    let Some(path) = world.corrupt(random, is_one) else { return };
    let opened = match open(&of.restarted(world)) {
        Err(LogError::Corrupt { .. } | LogError::HeadUnreadable { .. } | LogError::Shorter { .. }) => return,
        Err(error) => panic!("{} is corrupt, and that is called {error}", path.display()),
        Ok(opened) => opened,
    };
    let before_last = written.before_groups.iter().rev().filter(|before| (**before as u64) < had).nth(1);
    let least = remembered.map_or(0, |head| head.position.get()).max(before_last.map_or(0, |before| *before as u64));
    let end = opened.head().position.get();
    assert!(end >= least, "{} is corrupt, and a log is opened that ends at {end}; it had {had}", path.display());
    holds(&opened, &written.deliveries[..usize::try_from(end).unwrap()]);
}
