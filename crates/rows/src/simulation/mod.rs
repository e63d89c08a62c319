//! The store on a disk that loses power: runs of batches, flushes, compactions, an ingestion and snapshots that follow
//! from a seed, cut at each of their steps.
//!
//! A run has several lives. In each the store is opened, used, and ended by a close, a kill or a power cut. After each
//! call that changes the disk, the power is cut in a copy of it: the store that is opened then has to be as it was
//! after some batch, and no older than it said was on the disk. That opening is cut at each of its own calls as well.
//! Other runs have calls fail: the caller has to learn of it, and nothing wrong is read.
//!
//! ```text
//! ROWS_TEST_SEEDS=20000 cargo test --release -p clockfold-rows simulation     many seeds
//! ROWS_TEST_SEED=17     cargo test -p clockfold-rows simulation               one seed again
//! ```

mod life;
mod tests;

use std::{
    collections::BTreeMap,
    ops::RangeInclusive,
    path::Path,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use clockfold_disk::{
    Disk,
    fake::{FakeDisk, random::Random, world::World},
};

use crate::{
    Keyspace, KeyspaceOptions, Options, Snapshot,
    error::{Error, Result},
    store::{background::Background, clock::Clock, manifest::Manifest, shared::Shared},
};

const SPACES: [KeyspaceOptions; 3] = [
    KeyspaceOptions { is_looked_up: true, is_once: false },
    KeyspaceOptions { is_looked_up: false, is_once: true },
    KeyspaceOptions { is_looked_up: false, is_once: false },
];

/// So small that a few dozen batches fill several tables of several sections of several blocks.
const OPTIONS: Options = Options {
    cache_bytes: 64 << 10,
    memtable_bytes: 3 << 10,
    block_bytes: 100,
    section_blocks: 3,
    small_file_bytes: 800,
    compaction_rows: 7,
    retry_interval: Duration::from_secs(1),
    ..Options::of(&SPACES)
};

const FOLDER: &str = "/store";
/// Each batch writes its number here, so that a state says which one it is.
const NUMBER: (usize, &[u8]) = (0, b"number");

/// All rows, by keyspace and key.
type Model = BTreeMap<(usize, Vec<u8>), Vec<u8>>;

/// The store after each batch, from none on.
type States = Vec<Model>;

/// A store that takes its steps when it is asked to.
struct Stepped {
    shared: Arc<Shared>,
    background: Background,
}

impl Stepped {
    fn open(disk: &FakeDisk, time: &Arc<AtomicU64>) -> Result<Stepped> {
        let disk: Arc<dyn Disk> = Arc::new(disk.clone());
        let manifest = Manifest::open(&disk, Path::new(FOLDER), SPACES.len())?;
        let shared = Shared::new(disk, Clock::Test(Arc::clone(time)), FOLDER.into(), OPTIONS, manifest);
        let shared = Arc::new(shared);
        Ok(Stepped { background: Background::new(Arc::clone(&shared)), shared })
    }

    fn keyspace(&self, space: usize) -> Keyspace {
        Keyspace { shared: Arc::clone(&self.shared), space }
    }

    fn snapshot(&self) -> Snapshot {
        Snapshot::of(self.shared.hold())
    }

    /// Everything that is in it.
    fn rows(&self) -> Result<Model> {
        let (snapshot, mut rows) = (self.snapshot(), Model::new());
        for space in 0..SPACES.len() {
            for row in snapshot.iter(&self.keyspace(space)) {
                let (key, value) = row.into_inner()?;
                rows.insert((space, key.to_vec()), value);
            }
        }
        Ok(rows)
    }
}

/// The number of the last batch that a state has.
fn number_in(rows: &Model) -> usize {
    rows.get(&(NUMBER.0, NUMBER.1.to_vec())).map_or(0, |value| {
        usize::try_from(u64::from_le_bytes(value[..].try_into().expect("a batch's number has eight bytes"))).unwrap()
    })
}

/// Opens what is on a disk and holds it against the states that it may have. Returns the number of the one that it has.
fn check(disk: &FakeDisk, states: &States, may_be: &RangeInclusive<usize>, random: &mut Random) -> usize {
    let store = Stepped::open(disk, &Arc::default()).unwrap_or_else(|error| panic!("it is not opened: {error}"));
    let rows = store.rows().unwrap_or_else(|error| panic!("it can't be read: {error}"));
    let number = number_in(&rows);
    assert!(may_be.contains(&number), "it is as after batch {number}, not {may_be:?}");
    assert!(rows == states[number], "it is not what it was after batch {number}");
    for (&(space, ref key), value) in rows.iter().filter(|_| random.one_in(8)) {
        let found = store.keyspace(space).get(key).unwrap();
        assert!(found.as_ref() == Some(value), "a row of keyspace {space} is listed and not found by its key");
    }
    assert!(!store.shared.state().levels.tables.iter().any(|table| table.is_corrupt()));
    number
}

/// Cuts the power at an image of a disk, or kills the program there; and cuts it at each step of the opening after that.
/// Returns how many cuts that were.
fn cut(of: &FakeDisk, image: &World, states: &States, may_be: &RangeInclusive<usize>, random: &mut Random) -> u64 {
    let disk = of.restarted(if random.one_in(3) { image.clone() } else { image.after_power_cut(random) });
    disk.keep_images();
    let number = check(&disk, states, may_be, random);
    let images = disk.take_images();
    for image in &images {
        check(&of.restarted(image.after_power_cut(random)), states, may_be, random);
    }
    // Everything that a store shows after it was opened is on the disk.
    check(&of.restarted(disk.world().after_power_cut(random)), states, &(number..=number), random);
    if random.one_in(4) {
        corrupt(disk.world(), &states[number], random);
    }
    2 + images.len() as u64
}

/// Something of a disk at rest changes: that is found, or nothing is amiss.
fn corrupt(mut world: World, state: &Model, random: &mut Random) {
    let path = world.corrupt(random, |_| true).expect("a store has a manifest");
    let found = Stepped::open(&FakeDisk::of(world), &Arc::default()).and_then(|store| store.rows());
    match found {
        Err(Error::Corrupt { .. }) => {}
        Err(error) => panic!("{} is corrupt, and that is called {error}", path.display()),
        Ok(rows) => assert!(rows == *state, "{} is corrupt, and wrong rows come of it", path.display()),
    }
}
