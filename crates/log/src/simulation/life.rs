//! A run of the log: several lives, each with groups, checkpoints and remembered heads.

use std::sync::Arc;

use clockfold_disk::fake::{Failures, FakeDisk, LeftOut, random::Random, runs};

use crate::{
    LogError,
    files::head::HeadFile,
    opened::Opened,
    planted::{Fault, plant},
    record::delivery::Position,
    simulation::{Written, check, cut, data_dir, holds, open, read, some_delivery, with_data_dir},
    store::{checkpointer::Journal, journal, unflushed::Group},
};

const LIVES_MAX: usize = 3;
const OPERATIONS_MAX: usize = 16;
const GROUP_MAX: usize = 5;

/// What a run did, and what it is about to do.
pub(super) struct Run {
    random: Random,
    disk: FakeDisk,
    written: Written,
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
        let disk = with_data_dir();
        disk.plant(left_out, swallowed);
        Run {
            random: Random::of(seed),
            disk: disk.restarted(disk.world()),
            written: Written { deliveries: Vec::new(), acknowledged: 0, before_groups: Vec::new() },
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
        let calls = self.calls;
        // The disk is well again.
        self.fails = false;
        self.live();
        calls
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
        let Some(opened) = self.open() else { return self.end() };
        self.cut_images();
        self.remember(&opened);
        let mut journal = Journal::stepped(Arc::clone(&opened), data_dir(&self.disk).log());
        for _ in 0..self.random.below(OPERATIONS_MAX) {
            self.operate(&opened, &mut journal);
            self.cut_images();
            if opened.condition.failure().is_some() {
                break;
            }
        }
        // What was acknowledged is read also after a failure.
        holds(&opened, &self.written.deliveries[..self.written.acknowledged]);
        match self.random.below(3) {
            0 => self.close(&opened, journal),
            // What failed is closed before it is opened anew.
            1 if opened.condition.failure().is_some() => drop(journal.close()),
            _ => drop(journal),
        }
        self.cut_images();
        self.end();
    }

    /// A log, after as many tries as there are calls that fail.
    fn open(&mut self) -> Option<Arc<Opened>> {
        for _ in 0..20 {
            match open(&self.disk) {
                Ok(opened) => {
                    self.must_have_failed(false);
                    return Some(opened);
                }
                Err(error) => {
                    assert!(self.fails, "it is not opened: {error}");
                    let is_wrong = error.is_corruption() || matches!(error, LogError::HeadUnreadable { .. });
                    assert!(!is_wrong, "a call has failed, and that is called {error}");
                    self.must_have_failed(true);
                }
            }
        }
        None
    }

    /// A kill or a power cut, after which everything acknowledged is there.
    fn end(&mut self) {
        self.calls = self.disk.calls();
        let mut world = self.disk.world();
        if !self.random.one_in(3) {
            world = world.after_power_cut(&mut self.random);
        }
        self.disk = self.disk.restarted(world);
        let copy = self.disk.restarted(self.disk.world());
        let survived = check(&copy, &self.written);
        self.written.deliveries.truncate(survived);
        self.written.acknowledged = survived;
    }

    fn cut_images(&mut self) {
        for image in self.disk.take_images() {
            self.cuts += cut(&self.disk, &image, &self.written, &mut self.random);
        }
    }

    /// Holds what came of something against the calls that failed during it: an error has to be told.
    fn must_have_failed(&self, is_error: bool) {
        let failed = self.disk.take_failed();
        assert!(is_error || failed.is_empty(), "{failed:?} failed, and nobody was told");
        assert!(self.fails || !is_error, "there was an error, and no call had failed");
    }

    fn operate(&mut self, opened: &Opened, journal: &mut Journal) {
        match self.random.below(20) {
            0..11 => self.append(opened, journal),
            11..15 => drop(journal.step()),
            15..17 => return self.remember(opened),
            17 => {
                if let Err(error) = journal.drain() {
                    opened.condition.fail(&error);
                }
            }
            _ => self.read(opened),
        }
        self.must_have_failed(opened.condition.failure().is_some());
    }

    fn append(&mut self, opened: &Opened, journal: &mut Journal) {
        let mut position = opened.head().position;
        self.written.before_groups.push(self.written.acknowledged);
        for _ in 0..1 + self.random.below(GROUP_MAX) {
            position = position.next();
            self.written.deliveries.push(some_delivery(position, &mut self.random));
        }
        let group = self.written.deliveries[self.written.acknowledged..].to_vec();
        let group = Group::chained(group, opened.head().digest).expect("it has a delivery");
        let appended = journal.append(group, None);
        // Until then the group may be there or not.
        self.cut_images();
        match appended {
            Ok(()) => {
                self.written.acknowledged = self.written.deliveries.len();
                self.cut_now();
            }
            Err(error) => opened.condition.fail(&error),
        }
    }

    fn cut_now(&mut self) {
        if self.cuts_each {
            self.cuts += cut(&self.disk, &self.disk.world(), &self.written, &mut self.random);
        }
    }

    /// The head is written beside all that; where that fails, it is tried again later.
    fn remember(&mut self, opened: &Opened) {
        let remembered = HeadFile::of(&data_dir(&self.disk)).write(opened.head());
        self.must_have_failed(remembered.is_err());
    }

    /// Leaves no file of the journal, and everything in the store.
    fn close(&mut self, opened: &Opened, mut journal: Journal) {
        let drained = opened.condition.check().and_then(|()| journal.drain());
        if let Err(error) = &drained {
            opened.condition.fail(error);
        }
        self.must_have_failed(drained.is_err());
        // What is left is a file that holds nothing; that it could not be removed is only logged.
        let closed = journal.close();
        drop(self.disk.take_failed());
        if closed.is_ok() && !self.fails {
            assert!(opened.unflushed.stored() == opened.head().position, "a close has left something out");
            let left = journal::files(&self.disk, &data_dir(&self.disk).log()).unwrap();
            assert!(left.is_empty(), "a close has left {} files of the journal", left.len());
        }
    }

    fn read(&mut self, opened: &Opened) {
        if self.random.one_in(4) {
            return holds(opened, &self.written.deliveries[..self.written.acknowledged]);
        }
        let index = self.random.below(self.written.acknowledged + 3);
        let position = Position::new(index as u64 + 1);
        let expected = self.written.deliveries[..self.written.acknowledged].get(index);
        assert!(
            read(opened, position).ok().as_ref().and_then(|found| found.first()) == expected,
            "at {position} is not what was written"
        );
    }
}
