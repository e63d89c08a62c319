//! A run of the store: several lives, each with batches, flushes, pieces of compactions and readers.

use std::{
    ops::Bound,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use clockfold_disk::fake::{Call, Failures, FakeDisk, LeftOut, random::Random, runs};

use crate::{
    Batch, Guard, Snapshot,
    error::Result,
    planted::{Fault, plant},
    simulation::{Model, NUMBER, OPTIONS, SPACES, States, Stepped, check, cut},
    store::{ingest::Ingestion, levels::Levels},
    table::key::Key,
};

const KEYS: usize = 40;
const LIVES_MAX: usize = 4;
const OPERATIONS_MAX: usize = 60;

/// What a run did, and what it is about to do.
pub(super) struct Run {
    random: Random,
    disk: FakeDisk,
    time: Arc<AtomicU64>,
    states: States,
    /// The batch up to which everything is on the disk.
    promised: usize,
    held: Vec<(Snapshot, usize)>,
    /// Whether each step is cut.
    cuts_each: bool,
    /// Calls of this life fail.
    fails: bool,
    cuts: u64,
    /// How many calls the last life took.
    calls: u64,
}

impl runs::Run for Run {
    type Fault = Fault;

    fn of(seed: u64, left_out: Option<LeftOut>, swallowed: Option<LeftOut>) -> Run {
        let disk = FakeDisk::empty();
        disk.plant(left_out, swallowed);
        Run {
            random: Random::of(seed),
            disk,
            time: Arc::default(),
            states: vec![Model::new()],
            promised: 0,
            held: Vec::new(),
            cuts_each: false,
            fails: false,
            cuts: 0,
            calls: 0,
        }
    }

    /// Lives several lives, each cut at each step.
    fn cut_at_each_step(mut self) -> u64 {
        self.cuts_each = true;
        for _ in 0..1 + self.random.below(LIVES_MAX) {
            self.live();
        }
        self.cuts
    }

    /// Lives one life, the first or the second, in which some calls fail, and looks at what is left. Returns how many calls
    /// it took.
    fn meet(mut self, failures: Option<Failures>) -> u64 {
        if self.random.one_in(2) {
            self.live();
        }
        self.fails = failures.is_some();
        if let Some(failures) = failures {
            self.disk.fail(failures);
        }
        self.live();
        self.calls
    }

    fn plant(fault: Option<Fault>) {
        plant(fault);
    }
}

impl Run {
    fn live(&mut self) {
        if self.cuts_each {
            self.disk.keep_images();
        }
        let Some(mut store) = self.open() else { return self.end() };
        self.cut_images();
        if self.states.len() == 1 && self.random.one_in(3) && !self.ingest(&store) {
            drop(store);
            return self.end();
        }
        for _ in 0..self.random.below(OPERATIONS_MAX) {
            self.operate(&mut store);
            self.cut_images();
        }
        if self.random.one_in(3) {
            self.close(&mut store);
        }
        self.held.clear();
        drop(store);
        self.cut_images();
        self.end();
    }

    /// A store, after as many tries as there are calls that fail.
    fn open(&mut self) -> Option<Stepped> {
        for _ in 0..20 {
            match Stepped::open(&self.disk, &self.time) {
                Ok(store) => {
                    self.must_have_failed(false, &[]);
                    return Some(store);
                }
                Err(error) => {
                    assert!(self.fails, "it is not opened: {error}");
                    self.must_have_failed(true, &[]);
                }
            }
        }
        None
    }

    /// A kill or a power cut, after which the store is what some batch left.
    fn end(&mut self) {
        self.calls = self.disk.calls();
        let may_be = self.promised..=self.states.len() - 1;
        let mut world = self.disk.world();
        if !self.random.one_in(3) {
            world = world.after_power_cut(&mut self.random);
        }
        // Another copy is looked at, because that removes files and syncs names.
        self.disk = self.disk.restarted(world);
        let copy = self.disk.restarted(self.disk.world());
        let survived = check(&copy, &self.states, &may_be, &mut self.random);
        self.states.truncate(survived + 1);
    }

    fn cut_images(&mut self) {
        let may_be = self.promised..=self.states.len() - 1;
        for image in self.disk.take_images() {
            self.cuts += cut(&self.disk, &image, &self.states, &may_be, &mut self.random);
        }
    }

    fn cut_now(&mut self) {
        if self.cuts_each {
            let may_be = self.promised..=self.states.len() - 1;
            self.cuts += cut(&self.disk, &self.disk.world(), &self.states, &may_be, &mut self.random);
        }
    }

    /// Checks a result against the calls that failed during it: it has to be an error, unless nothing depends on those
    /// calls.
    fn must_have_failed(&self, is_error: bool, harmless: &[Call]) {
        let failed = self.disk.take_failed();
        let must = failed.iter().any(|call| !harmless.contains(call));
        assert!(is_error || !must, "{failed:?} failed, and nobody was told");
        assert!(self.fails || !is_error, "there was an error, and no call had failed");
    }

    /// `false`: it failed. Whether its rows are there is not known then.
    fn ingest(&mut self, store: &Stepped) -> bool {
        let mut rows = self.some_rows(120);
        rows.insert((NUMBER.0, NUMBER.1.to_vec()), 1_u64.to_le_bytes().to_vec());
        self.states.push(rows.clone());
        let fill = || {
            let mut ingestion = Ingestion::into(&store.shared)?;
            for ((space, key), value) in &rows {
                ingestion.write(&store.keyspace(*space), key, value)?;
            }
            ingestion.finish()
        };
        let is_error = fill().is_err();
        self.must_have_failed(is_error, &[Call::Remove]);
        self.cut_images();
        if !is_error {
            self.promised = 1;
            self.cut_now();
        }
        !is_error
    }

    fn some_rows(&mut self, count: usize) -> Model {
        (0..count).map(|_| ((self.random.below(SPACES.len()), self.key()), self.value())).collect()
    }

    fn key(&mut self) -> Vec<u8> {
        let number = self.random.below(KEYS);
        // Some are long, and some begin like others.
        let tail = [0, 0, 3, 25][number % 4];
        [&[0, 0, 1][..], &u16::try_from(number / 2).unwrap().to_be_bytes(), &vec![9; tail]].concat()
    }

    fn value(&mut self) -> Vec<u8> {
        let length = if self.random.one_in(30) { 300 } else { self.random.below(40) };
        vec![u8::try_from(self.random.below(256)).unwrap(); length]
    }

    fn operate(&mut self, store: &mut Stepped) {
        match self.random.below(40) {
            0..18 => self.write(store),
            18..27 => drop(self.step(store)),
            27..29 => self.flush(store),
            29 => drop(self.time.fetch_add(self.random.below(25_000) as u64, Ordering::Relaxed)),
            30..33 => self.held.push((store.snapshot(), self.states.len() - 1)),
            33..35 if !self.held.is_empty() => drop(self.held.swap_remove(self.random.below(self.held.len()))),
            _ => self.read(store),
        }
        self.held.truncate(4);
        self.must_have_failed(false, &[Call::Remove]);
    }

    fn write(&mut self, store: &mut Stepped) {
        // A writer would wait for the background.
        while store.shared.state().levels.memory.len() > OPTIONS.frozen_max && self.step(store).unwrap_or(false) {}
        let (mut batch, mut rows) = (Batch::of(Arc::clone(&store.shared)), self.states.last().unwrap().clone());
        // Some are so large that readers look at them before they are in memory.
        let count = if self.random.one_in(12) { 150 } else { 1 + self.random.below(12) };
        for _ in 0..count {
            let (space, key) = (self.random.below(SPACES.len()), self.key());
            if self.random.one_in(3) {
                batch.remove(&store.keyspace(space), &key);
                rows.remove(&(space, key));
            } else if !SPACES[space].is_once || !rows.contains_key(&(space, key.clone())) {
                let value = self.value();
                batch.insert(&store.keyspace(space), &key, &value);
                rows.insert((space, key), value);
            }
        }
        let number = (self.states.len() as u64).to_le_bytes();
        batch.insert(&store.keyspace(NUMBER.0), NUMBER.1, number);
        rows.insert((NUMBER.0, NUMBER.1.to_vec()), number.to_vec());
        match batch.commit() {
            Ok(()) => self.states.push(rows),
            Err(error) => assert!(store.shared.state().failure.is_some(), "{error}"),
        }
        // A build for tests checks that the batch keeps its promise; nothing depends on that check.
        self.must_have_failed(false, &[Call::ReadAt, Call::Remove]);
    }

    /// A step in the background; from then on it promises what it put on the disk.
    fn step(&mut self, store: &mut Stepped) -> Result<bool> {
        let stepped = store.background.step();
        self.must_have_failed(stepped.is_err(), &[Call::Remove]);
        // Nothing more was promised while it went on.
        self.cut_images();
        let tables = Levels { memory: Vec::new(), ..(*store.shared.state().levels).clone() };
        let number = tables.get(&store.shared.cache, None, NUMBER.0, NUMBER.1, u64::MAX);
        self.must_have_failed(number.is_err(), &[]);
        if let Ok(Some(number)) = number {
            let number = usize::try_from(u64::from_le_bytes(number.try_into().unwrap())).unwrap();
            assert!(number >= self.promised, "a table with batch {} is gone", self.promised);
            if number > self.promised {
                self.promised = number;
                self.cut_now();
            }
        }
        stepped
    }

    fn flush(&mut self, store: &mut Stepped) {
        store.shared.freeze().unwrap();
        while store.shared.state().levels.memory.len() > 1 {
            self.time.fetch_add(1000, Ordering::Relaxed);
            if self.step(store).is_err() {
                return;
            }
        }
        assert!(self.fails || self.promised == self.states.len() - 1, "a flush has left something out");
    }

    /// The end of a store, as its thread has it.
    fn close(&mut self, store: &mut Stepped) {
        store.shared.change(|state| state.is_closing = true);
        while self.step(store).unwrap_or(false) {}
        assert!(self.fails || self.promised == self.states.len() - 1, "a close has left something out");
    }

    /// A range of a snapshot from both ends, and a row by its key.
    fn read(&mut self, store: &Stepped) {
        let now = (store.snapshot(), self.states.len() - 1);
        let (snapshot, number) = match self.random.below(self.held.len() + 1) {
            0 => &now,
            place => &self.held[place - 1],
        };
        let (snapshot, model) = (snapshot.clone(), self.states[*number].clone());
        let space = self.random.below(SPACES.len());
        let (from, to, key) = (self.key(), self.key(), self.key());
        let (from, to) = if from < to { (from, to) } else { (to, from) };
        let is_inside = |key: &Vec<u8>| from <= *key && *key < to;
        let mut expected = model.iter().filter(|((of, key), _)| *of == space && is_inside(key));
        let mut found =
            snapshot.range::<&Vec<u8>>(&store.keyspace(space), (Bound::Included(&from), Bound::Excluded(&to)));
        loop {
            let (found, expected) = if self.random.one_in(2) {
                (found.next(), expected.next())
            } else {
                (found.next_back(), expected.next_back())
            };
            let found = found.map(Guard::into_inner).transpose();
            self.must_have_failed(found.is_err(), &[]);
            let Ok(found) = found else { break };
            let expected = expected.map(|((_, key), value)| (Key::from(&**key), value.clone()));
            assert!(found == expected, "a range has {found:?} where {expected:?} comes next");
            if found.is_none() {
                break;
            }
        }
        let found = snapshot.get(&store.keyspace(space), &key);
        self.must_have_failed(found.is_err(), &[]);
        if let Ok(found) = found {
            assert!(found.as_ref() == model.get(&(space, key)), "a look-up has {found:?}");
        }
    }
}
