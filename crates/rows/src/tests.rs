//! The store against a plain map, over random batches, snapshots, ranges, restarts, crashes and corruption.

use std::{
    collections::BTreeMap,
    fs,
    ops::Bound,
    path::Path,
    sync::Barrier,
    time::{Duration, Instant},
};

use super::*;
use clockfold_disk::fake::random::Random;

const SPACES: [KeyspaceOptions; 3] = [
    KeyspaceOptions { is_looked_up: true, is_once: false },
    KeyspaceOptions { is_looked_up: false, is_once: true },
    KeyspaceOptions { is_looked_up: false, is_once: false },
];

/// Small, so that a few hundred rows are in several files.
const OPTIONS: Options = Options {
    keyspaces: &SPACES,
    cache_bytes: 256 << 10,
    memtable_bytes: 64 << 10,
    small_file_bytes: 16 << 10,
    retry_interval: Duration::from_millis(20),
    ..Options::of(&SPACES)
};

/// All rows, by keyspace and key.
type Model = BTreeMap<(usize, Vec<u8>), Vec<u8>>;

fn some_key(random: &mut Random, keys: usize) -> Vec<u8> {
    let number = random.below(keys);
    // Some are long, and some begin like others.
    let tail = [0, 0, 3, 25][number % 4];
    [&[0, 0, 1][..], &u16::try_from(number / 2).unwrap().to_be_bytes(), &vec![9; tail]].concat()
}

fn some_bounds(random: &mut Random, keys: usize) -> (Bound<Vec<u8>>, Bound<Vec<u8>>) {
    let mut bound = || match random.below(3) {
        0 => Bound::Unbounded,
        1 => Bound::Included(some_key(random, keys)),
        _ => Bound::Excluded(some_key(random, keys)),
    };
    (bound(), bound())
}

fn open(path: &Path) -> Database {
    Database::open(path, OPTIONS).unwrap()
}

/// Everything that a store has, up to the first row that can't be read.
fn rows(database: &Database) -> (Model, Option<Error>) {
    let (snapshot, mut model) = (database.snapshot(), Model::new());
    for space in 0..SPACES.len() {
        for row in snapshot.iter(&database.keyspace(space)) {
            match row.into_inner() {
                Ok((key, value)) => model.insert((space, key.to_vec()), value),
                Err(error) => return (model, Some(error)),
            };
        }
    }
    (model, None)
}

fn write(random: &mut Random, database: &Database, keys: usize, model: &mut Model) {
    let mut batch = database.batch();
    for _ in 0..1 + random.below(30) {
        let (space, key) = (random.below(SPACES.len()), some_key(random, keys));
        let keyspace = database.keyspace(space);
        if random.below(3) == 0 {
            batch.remove(&keyspace, &key);
            model.remove(&(space, key));
        } else if !SPACES[space].is_once || !model.contains_key(&(space, key.clone())) {
            let length = if random.below(200) == 0 { 9000 } else { random.below(300) };
            let value = vec![u8::try_from(random.below(256)).unwrap(); length];
            batch.insert(&keyspace, &key, &value);
            model.insert((space, key), value);
        }
    }
    batch.commit().unwrap();
}

/// A range of a snapshot, read from both ends in turns, and a look-up.
fn check_read(random: &mut Random, database: &Database, snapshot: &Snapshot, model: &Model, keys: usize) {
    let (space, bounds) = (random.below(SPACES.len()), some_bounds(random, keys));
    let keyspace = database.keyspace(space);
    let inside = |key: &Vec<u8>| {
        let from = match &bounds.0 {
            Bound::Unbounded => true,
            Bound::Included(from) => key >= from,
            Bound::Excluded(from) => key > from,
        };
        from && match &bounds.1 {
            Bound::Unbounded => true,
            Bound::Included(to) => key <= to,
            Bound::Excluded(to) => key < to,
        }
    };
    let of_space = model.iter().filter(|((of, key), _)| *of == space && inside(key));
    let mut expected = of_space.map(|((_, key), value)| (key.clone(), value.clone()));
    let expected: &mut dyn DoubleEndedIterator<Item = _> = &mut expected;
    let mut found = snapshot.range(&keyspace, bounds.clone());
    let (turns, most) = (random.below(3), 1 + random.below(500));
    for _ in 0..most {
        let is_front = turns == 0 || (turns == 1 && random.below(2) == 0);
        let (found, expected) =
            if is_front { (found.next(), expected.next()) } else { (found.next_back(), expected.next_back()) };
        let found = found.map(|row| row.into_inner().unwrap()).map(|(key, value)| (key.to_vec(), value));
        assert_eq!(found, expected, "{bounds:?}");
        if found.is_none() {
            break;
        }
    }
    let key = some_key(random, keys);
    let expected = model.get(&(space, key.clone()));
    assert_eq!(snapshot.get(&keyspace, &key).unwrap().as_ref(), expected);
    let prefix = &key[..random.below(5)];
    let expected = model.keys().filter(|(of, key)| *of == space && key.starts_with(prefix)).count();
    assert_eq!(snapshot.prefix(&keyspace, prefix).count(), expected);
}

/// The folder as a crash would leave it at this moment.
fn copy_as_if_killed(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    loop {
        fs::create_dir(to).unwrap();
        let manifest = fs::read(from.join("manifest")).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let path = entry.unwrap().path();
            // A file that goes in the meantime is not named by the list that counts then.
            let _ = fs::copy(&path, to.join(path.file_name().unwrap()));
        }
        fs::write(to.join("manifest"), &manifest).unwrap();
        if fs::read(from.join("manifest")).unwrap() == manifest {
            return;
        }
        fs::remove_dir_all(to).unwrap();
    }
}

/// A bit or the end of one file goes: that is found, or nothing is amiss.
fn check_corruption(random: &mut Random, folder: &Path, is_right: impl Fn(&Model, bool) -> bool) {
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let path = &files[random.below(files.len())];
    let mut bytes = fs::read(path).unwrap();
    if bytes.is_empty() || random.below(4) == 0 {
        bytes.truncate(random.below(bytes.len() + 1));
    } else {
        let at = random.below(bytes.len());
        bytes[at] ^= 1 << random.below(8);
    }
    fs::write(path, bytes).unwrap();
    match Database::open(folder, OPTIONS) {
        Err(error) => assert!(matches!(error, Error::Corrupt { .. }), "{error}"),
        Ok(database) => {
            let (found, error) = rows(&database);
            assert!(error.as_ref().is_none_or(|error| error.to_string().contains(".rows")), "{error:?}");
            assert!(is_right(&found, error.is_some()), "wrong rows after corruption of {}", path.display());
        }
    }
}

#[test]
fn it_is_a_map_whatever_happens() {
    let mut seed = 0x5eed;
    let begun = Instant::now();
    while seed < 0x5eed + 4 || begun.elapsed() < Duration::from_secs(3) {
        seed += 1;
        follow(seed);
    }
}

fn follow(seed: u64) {
    let random = &mut Random::of(seed);
    let folder = tempfile::tempdir().unwrap();
    let (path, copy) = (folder.path().join("store"), folder.path().join("copy"));
    let keys = [30, 300, 3000][random.below(3)];
    let (mut database, mut model) = (open(&path), Model::new());
    let mut states = vec![model.clone()];
    let mut held: Vec<(Snapshot, Model)> = Vec::new();
    for _ in 0..400 {
        match random.below(40) {
            0..24 => {
                write(random, &database, keys, &mut model);
                states.push(model.clone());
            }
            24..27 => held.push((database.snapshot(), model.clone())),
            27..29 if !held.is_empty() => drop(held.swap_remove(random.below(held.len()))),
            29 => database.flush().unwrap(),
            30 => {
                held.clear();
                drop(database);
                database = open(&path);
                assert!(database.snapshot().iter(&database.keyspace(0)).all(|row| row.key().is_ok()));
                assert_eq!(rows(&database).0, model);
            }
            31 => {
                copy_as_if_killed(&path, &copy);
                let survivor = open(&copy);
                let (found, error) = rows(&survivor);
                assert!(error.is_none(), "{error:?}");
                let place = states.iter().rposition(|state| *state == found);
                let place = place.expect("a crash leaves what the store was after some batch");
                drop(survivor);
                let state = &states[place];
                check_corruption(random, &copy, |rows, is_part| {
                    let is_in = |(key, value): (_, &Vec<u8>)| state.get(key).is_some_and(|known| known == value);
                    rows.iter().all(is_in) && (is_part || rows.len() == state.len())
                });
            }
            _ => {
                let (space, key) = (random.below(SPACES.len()), some_key(random, keys));
                let found = database.keyspace(space).get(&key).unwrap();
                assert_eq!(found.as_ref(), model.get(&(space, key)));
                let now = (database.snapshot(), model.clone());
                let (snapshot, model) = match random.below(held.len() + 1) {
                    0 => &now,
                    place => &held[place - 1],
                };
                check_read(random, &database, snapshot, model, keys);
            }
        }
        held.truncate(6);
    }
}

#[test]
fn an_ingestion_fills_an_empty_store_and_only_that() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(folder.path());
    let mut ingestion = database.start_ingestion().unwrap();
    let mut model = Model::new();
    for number in 0..40_000_u32 {
        // Keyspaces take turns.
        let space = number as usize % 2 * 2;
        let value = vec![u8::try_from(number % 251).unwrap(); number as usize % 60];
        ingestion.write(&database.keyspace(space), &number.to_be_bytes(), &value).unwrap();
        model.insert((space, number.to_be_bytes().to_vec()), value);
    }
    assert!(rows(&database).0.is_empty());
    ingestion.finish().unwrap();
    assert_eq!(rows(&database).0, model);
    drop(database);
    let database = open(folder.path());
    assert_eq!(rows(&database).0, model);
    assert!(database.start_ingestion().unwrap().finish().is_err());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "the list, and one table");
}

#[test]
fn files_that_nobody_reads_go_and_those_that_somebody_reads_stay() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(folder.path());
    let keyspace = database.keyspace(0);
    let tables = || fs::read_dir(folder.path()).unwrap().count() - 1;
    keyspace.insert([1], [1]).unwrap();
    database.flush().unwrap();
    let snapshot = database.snapshot();
    let mut rows = snapshot.iter(&keyspace);
    for number in 2..200_u8 {
        keyspace.insert([number], [number]).unwrap();
        database.flush().unwrap();
    }
    let begun = Instant::now();
    while tables() > 3 {
        assert!(begun.elapsed() < Duration::from_secs(20), "{} tables", tables());
        thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(rows.next().map(|row| row.value().unwrap()), Some(vec![1]));
    assert!(rows.next().is_none());
    drop((rows, snapshot));
    drop(database);
    assert!(tables() <= 2, "{} tables", tables());
}

#[test]
fn a_row_that_each_batch_writes_does_not_pile_up_for_a_snapshot_that_is_held() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(folder.path());
    let keyspace = database.keyspace(1);
    for number in 0..100_000_u32 {
        let snapshot = number.is_multiple_of(1000).then(|| database.snapshot());
        keyspace.insert([1], []).unwrap();
        assert_eq!(snapshot.map(|snapshot| snapshot.iter(&keyspace).count()), snapshot_count(number));
        let mut batch = database.batch();
        batch.remove(&keyspace, [1]);
        batch.commit().unwrap();
    }
    assert!(rows(&database).0.is_empty());
    drop(database);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing of it came to a file");
}

fn snapshot_count(number: u32) -> Option<usize> {
    number.is_multiple_of(1000).then_some(0)
}

#[test]
fn a_folder_with_something_else_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("version"), "3").unwrap();
    let error = Database::open(folder.path(), OPTIONS).err().unwrap();
    assert!(matches!(error, Error::Foreign { .. }), "{error}");
}

#[test]
fn a_folder_that_somebody_removes_stops_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let database = open(&path);
    let keyspace = database.keyspace(0);
    keyspace.insert([1], [1]).unwrap();
    fs::remove_dir_all(&path).unwrap();
    // Its folder is gone: that is corruption, and the disk may be well.
    assert!(!database.is_corrupt());
    assert!(matches!(database.flush(), Err(Error::Corrupt { .. })));
    assert!(matches!(keyspace.insert([2], [2]), Err(Error::Corrupt { .. })) && database.is_corrupt());
    assert_eq!(keyspace.get([1]).unwrap(), Some(vec![1]), "what was written is still served");
}

#[test]
fn sizes_are_those_of_the_options() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { block_bytes: 100, section_blocks: 3, memtable_bytes: 1 << 20, ..OPTIONS };
    let database = Database::open(folder.path(), options.clone()).unwrap();
    let keyspace = database.keyspace(0);
    for number in 0..1000_u32 {
        keyspace.insert(number.to_be_bytes(), [7; 40]).unwrap();
    }
    database.flush().unwrap();
    let levels = Arc::clone(&database.shared.state().levels);
    let sections = &levels.tables[0].sections[0];
    for section in sections {
        let index = levels.tables[0].index(&database.shared.cache, section, false).unwrap();
        assert!((1..=3).contains(&index.blocks.len()));
        assert!(index.blocks.iter().all(|block| (8..250).contains(&block.length)));
    }
    assert!(sections.len() > 100, "{} sections", sections.len());
    drop(database);
    // A store written with other sizes is read as well.
    let database = open(folder.path());
    assert_eq!(rows(&database).0.len(), 1000);
}

#[test]
fn a_first_start_that_was_cut_short_is_begun_again() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("manifest.new"), "half").unwrap();
    drop(open(folder.path()));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

/// A reader of memory stops the writer in the midst of a batch, which stands for a batch that takes long.
#[test]
fn a_batch_counts_before_all_of_it_is_in_memory_and_nobody_waits_for_that() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(folder.path());
    let keyspace = database.keyspace(0);
    let before = database.snapshot();
    let memtable = Arc::clone(&database.shared.state().levels.memory[0]);
    let (batch_rows, begun) = (300_u32, Instant::now());
    let (reads, has_read) = (Barrier::new(2), Barrier::new(2));
    thread::scope(|scope| {
        scope.spawn(|| {
            memtable.while_read(|| {
                reads.wait();
                has_read.wait();
            });
        });
        reads.wait();
        let writer = scope.spawn(|| {
            let mut batch = database.batch();
            (0..batch_rows).for_each(|number| batch.insert(&keyspace, number.to_be_bytes(), [1]));
            batch.commit().unwrap();
        });
        // It counts as soon as it is there, and as a whole.
        while database.shared.state().batch.is_none() {
            assert!(begun.elapsed() < Duration::from_secs(20), "the batch does not count");
        }
        assert!(!writer.is_finished());
        let now = database.snapshot();
        assert!((0..batch_rows).all(|number| now.get(&keyspace, number.to_be_bytes()).unwrap().is_some()));
        // Its memory goes to no file before it is whole.
        assert!(database.shared.state().levels.memory.len() == 1);
        let flush = scope.spawn(|| database.flush());
        has_read.wait();
        flush.join().unwrap().unwrap();
        writer.join().unwrap();
        assert_eq!(now.iter(&keyspace).count(), batch_rows as usize);
    });
    assert_eq!(before.iter(&keyspace).count(), 0);
    assert_eq!(rows(&database).0.len(), batch_rows as usize);
}

/// Tables of one length, with the same keys: only their values tell them apart.
#[test]
fn a_table_is_not_taken_for_another_one() {
    let folder = tempfile::tempdir().unwrap();
    for (name, value) in [("one", 1_u8), ("other", 2)] {
        let database = open(&folder.path().join(name));
        database.keyspace(0).insert([1], [value]).unwrap();
        database.flush().unwrap();
    }
    let table = |name: &str| folder.path().join(name).join("1.rows");
    assert_eq!(fs::metadata(table("one")).unwrap().len(), fs::metadata(table("other")).unwrap().len());
    fs::copy(table("other"), table("one")).unwrap();
    let error = Database::open(&folder.path().join("one"), OPTIONS).err().unwrap();
    assert!(matches!(error, Error::Corrupt { .. }), "{error}");
}
