//! The log on disk: one writer gives positions and arrival times, and nobody reads a delivery before it is durable. The
//! journal makes a group durable; a thread moves its groups into the store, in values of a good size. The keeper
//! remembers the head, and opens the log anew after a storage error. A closed log is in the store alone.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicI64, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

use super::{
    Log, LogError,
    condition::Condition,
    keeper,
    opened::{Expected, Opened},
    read::{Read, blocks},
};
use crate::{
    files::{
        data_dir::{DataDir, storage},
        head::{Head, HeadFile},
        lock_file::DataDirLock,
    },
    record::{
        arrival::{ArrivalTime, may_follow},
        block::Block,
        delivery::{Body, BodyReader, Delivery, NewDelivery, Position},
        digest::Digest,
        envelope::encode,
    },
    store::{
        checkpointer::{Journal, Meanwhile},
        unflushed::{ChainedDelivery, Group},
    },
};

/// Returns the time of arrival. Made in `main`, so that tests can make their own.
pub type Clock = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// A clock that stands this far behind the last arrival is worth a warning.
const CLOCK_BEHIND_MAX: TimeDelta = TimeDelta::seconds(2);
const CLOCK_WARNING_INTERVAL: Duration = Duration::from_secs(60);

/// A log in a sled store of its own, behind a journal.
pub struct SledLog {
    shared: Arc<Shared>,
    clock: Clock,
    keeper: Mutex<Option<JoinHandle<()>>>,
    reader: Option<BodyReader>,
    /// No earlier time of the clock is believed.
    made_at: DateTime<Utc>,
}

/// What the log's threads have in common, however often it is opened.
pub(super) struct Shared {
    pub(super) data_dir: DataDir,
    pub(super) lock: Mutex<Arc<DataDirLock>>,
    pub(super) condition: Arc<Condition>,
    /// What is open; nothing after an opening that failed. A reader has it for one step at a time, so that a log that
    /// failed can be closed in the midst of a read.
    pub(super) opened: RwLock<Option<Arc<Opened>>>,
    writer: Mutex<Writer>,
    /// The last arrival time, for readers that must not wait for a sync: milliseconds since 1970-01-01 UTC.
    last_received_at_ms: AtomicI64,
    /// The end, as far as it was acknowledged.
    pub(super) head: Mutex<Head>,
    pub(super) head_file: HeadFile,
}

/// What only the one writer touches.
pub(super) struct Writer {
    /// There while the log is open.
    pub(super) journal: Option<Journal>,
    last_received_at: DateTime<Utc>,
    clock_warned_at: Option<Instant>,
}

impl SledLog {
    /// Opens the log of a data directory, making it where there is none, and compares it with the
    /// remembered head.
    pub fn open(data_dir: &DataDir, clock: Clock) -> Result<SledLog, LogError> {
        let lock = data_dir.lock()?;
        data_dir.remove_unfinished()?;
        SledLog::open_locked(data_dir, Arc::new(lock), clock)
    }

    /// Opens an existing log only for reading: it makes and remembers nothing, moves nothing out of the journal, and
    /// takes nothing. `sled_store.rs` says what sled itself writes.
    pub fn open_to_read(data_dir: &DataDir, clock: Clock) -> Result<SledLog, LogError> {
        let lock = Arc::new(data_dir.lock_to_read()?);
        let condition = Arc::default();
        let (opened, last_received_at) = Opened::open(data_dir, &condition, Expected::AtRest)?;
        let writer = Writer { journal: None, last_received_at, clock_warned_at: None };
        let shared = Shared::of(data_dir, lock, condition, writer);
        shared.publish(Arc::new(opened));
        Ok(SledLog {
            shared: Arc::new(shared),
            clock,
            keeper: Mutex::default(),
            reader: None,
            made_at: DateTime::<Utc>::MIN_UTC,
        })
    }

    /// Opens the log of a data directory that is locked already.
    pub(super) fn open_locked(data_dir: &DataDir, lock: Arc<DataDirLock>, clock: Clock) -> Result<SledLog, LogError> {
        let condition = Arc::default();
        let (opened, last_received_at) = Opened::open(data_dir, &condition, Expected::Remembered)?;
        let opened = Arc::new(opened);
        let journal = Some(Journal::start(Arc::clone(&opened), data_dir.log())?);
        let writer = Writer { journal, last_received_at, clock_warned_at: None };
        let shared = Arc::new(Shared::of(data_dir, lock, condition, writer));
        shared.publish(opened);
        let keeper = Mutex::new(Some(keeper::start(Arc::clone(&shared))?));
        Ok(SledLog { shared, clock, keeper, reader: None, made_at: DateTime::<Utc>::MIN_UTC })
    }

    /// The same, which believes no clock before `made_at`: see [`ArrivalTime::NotBelieved`]. Without it every time is
    /// believed, also those of a past that somebody invents.
    pub fn believing_from(mut self, made_at: DateTime<Utc>) -> SledLog {
        self.made_at = made_at;
        self
    }

    /// The same log, whose deliveries are read again by `reader` where they could not be read when they arrived. What it
    /// hands out has the digests of the log all the same.
    pub fn read_again_by(mut self, reader: BodyReader) -> SledLog {
        self.reader = Some(reader);
        self
    }

    /// What reads its deliveries again, if anything does.
    pub(super) fn reader(&self) -> Option<BodyReader> {
        self.reader
    }

    /// Appends deliveries as another log holds them, with their positions, times, salts and commitments, and makes them
    /// durable. The first follows the head, and no time goes back but where the clock was set back (see
    /// [`may_follow`]); otherwise nothing is appended.
    pub fn append_copies(&self, deliveries: &[Delivery]) -> Result<(), LogError> {
        let mut writer = self.shared.writer();
        self.shared.condition.check()?;
        let head = self.shared.head();
        let (mut position, mut received_at) = (head.position, writer.last_received_at);
        for delivery in deliveries {
            let misplaced = |message| LogError::Misplaced { position: delivery.position, message };
            if delivery.position != position.next() {
                return Err(misplaced(format!("position {} comes next", position.next())));
            }
            if !may_follow(received_at, delivery.received_at) {
                return Err(misplaced("it arrived less than a minute before the one that it follows".to_owned()));
            }
            if delivery.received_at.trunc_subsecs(3) != delivery.received_at {
                return Err(misplaced("its arrival time has parts of a millisecond".to_owned()));
            }
            (position, received_at) = (delivery.position, delivery.received_at);
        }
        self.shared.keep(&mut writer, deliveries.to_vec(), None)?;
        self.shared.arrived(&mut writer, received_at);
        Ok(())
    }

    /// Closes the log, but leaves the data directory locked.
    pub(super) fn close(self) -> Arc<DataDirLock> {
        self.shared.lock()
    }

    /// Moves everything into the store and closes it; nothing is read or written from then on. An error loses nothing
    /// acknowledged: the next start finds it.
    pub fn end(&self) -> Result<(), LogError> {
        self.shared.condition.stop();
        // It remembers the head before it ends; a panic of it was logged when it happened.
        let keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner).take();
        let _ = keeper.map(JoinHandle::join);
        let mut writer = self.shared.writer();
        let failure = self.shared.condition.failure();
        // After an error everything stays as it is for the next opening.
        let drained = writer.journal.take().map_or(Ok(()), Journal::close);
        let opened = self.shared.opened.write().unwrap_or_else(PoisonError::into_inner).take();
        let closed = opened.and_then(Arc::into_inner).map_or(Ok(()), |mut opened| opened.store.close());
        failure.map_or(Ok(()), Err).and(drained).and(closed)
    }

    /// The lock of its data directory as it is now: where the directory came back after a fault, it was taken anew.
    pub fn lock(&self) -> Arc<DataDirLock> {
        self.shared.lock()
    }

    /// The arrival time of the next group, and a message where that is not simply the clock's.
    fn arrival_time(&self, writer: &mut Writer) -> DateTime<Utc> {
        let now = (self.clock)().trunc_subsecs(3);
        let last_arrival = writer.last_received_at;
        let arrival = ArrivalTime::at(last_arrival, now, self.made_at);
        let quiet = writer.clock_warned_at.is_none_or(|at| at.elapsed() >= CLOCK_WARNING_INTERVAL);
        let warned = match arrival {
            ArrivalTime::StandsStill(_, behind) if behind > CLOCK_BEHIND_MAX && quiet => {
                tracing::warn!(
                    behind_ms = behind.num_milliseconds(),
                    %last_arrival,
                    "the clock went back: arrival times stand still until it has caught up; check the machine's time synchronisation"
                );
                true
            }
            ArrivalTime::GoesBack(_, behind) => {
                tracing::warn!(
                    behind_ms = behind.num_milliseconds(),
                    %last_arrival,
                    position = self.shared.head().position.next().get(),
                    "the clock was set back: arrival times go back with it from this position on; check the machine's time synchronisation"
                );
                true
            }
            ArrivalTime::NotBelieved(_) if quiet => {
                tracing::error!(
                    clock = %now,
                    made_at = %self.made_at,
                    %last_arrival,
                    "the clock shows a time before this program was made, and is not believed: arrival times stand still; set the clock"
                );
                true
            }
            ArrivalTime::Now(_) | ArrivalTime::StandsStill(..) | ArrivalTime::NotBelieved(_) => false,
        };
        if warned {
            writer.clock_warned_at = Some(Instant::now());
        }
        arrival.time()
    }

    fn place_and_keep(
        &self,
        group: Vec<NewDelivery>,
        meanwhile: Option<Meanwhile<'_>>,
    ) -> Result<Vec<Position>, LogError> {
        let mut writer = self.shared.writer();
        self.shared.condition.check()?;
        let received_at = self.arrival_time(&mut writer);
        let deliveries = place(group, self.shared.head().position, received_at)?;
        let positions: Vec<Position> = deliveries.iter().map(|delivery| delivery.position).collect();
        self.shared.keep(&mut writer, deliveries, meanwhile)?;
        self.shared.arrived(&mut writer, received_at);
        Ok(positions)
    }
}

/// Closes the log where its caller panics while it works on a group that is in the file: what the file holds is then
/// found when the log is opened anew, and no other group is written over it.
struct ClosedByPanic<'a>(&'a Condition);

impl Drop for ClosedByPanic<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.fail(&LogError::Closed("a defect stopped the writer while it kept deliveries".to_owned()));
        }
    }
}

impl Log for SledLog {
    fn append(&self, group: Vec<NewDelivery>) -> Result<Vec<Position>, LogError> {
        self.place_and_keep(group, None)
    }

    fn append_meanwhile(
        &self,
        group: Vec<NewDelivery>,
        meanwhile: &mut dyn FnMut(&[ChainedDelivery]),
    ) -> Result<Vec<Position>, LogError> {
        let Some(reader) = self.reader else { return self.place_and_keep(group, Some(meanwhile)) };
        // As they will be read. That a body is read better now than when it arrived is rare.
        let mut read_again = |entries: &[ChainedDelivery]| {
            if entries.iter().all(|entry| entry.delivery.reading.appointment_id().is_some()) {
                return meanwhile(entries);
            }
            let entry = |entry: &ChainedDelivery| ChainedDelivery {
                delivery: entry.delivery.clone().read_again(reader),
                digest: entry.digest,
            };
            meanwhile(&entries.iter().map(entry).collect::<Vec<_>>());
        };
        self.place_and_keep(group, Some(&mut read_again))
    }

    fn read(&self, from: Position) -> Box<dyn Iterator<Item = Result<Delivery, LogError>> + '_> {
        let deliveries = Read::new(&self.shared, from.max(Position::new(1)), self.shared.head().position);
        match self.reader {
            None => Box::new(deliveries),
            Some(reader) => Box::new(deliveries.map(move |delivery| Ok(delivery?.read_again(reader)))),
        }
    }

    fn entries(
        &self,
        from: Position,
        before: Option<Digest>,
    ) -> Box<dyn Iterator<Item = Result<ChainedDelivery, LogError>> + '_> {
        let deliveries = Read::new(&self.shared, from.max(Position::new(1)), self.shared.head().position);
        let entries = deliveries.entries(before);
        match self.reader {
            None => Box::new(entries),
            Some(reader) => Box::new(entries.map(move |entry| Ok(entry?.read_again(reader)))),
        }
    }

    fn blocks(&self) -> Box<dyn Iterator<Item = Result<Block, LogError>> + '_> {
        let blocks = blocks(&self.shared);
        match self.reader {
            None => Box::new(blocks),
            Some(reader) => Box::new(blocks.map(move |block| Ok(block?.read_again_by(reader)))),
        }
    }

    fn head(&self) -> Head {
        self.shared.head()
    }

    fn digest_at(&self, position: Position) -> Result<Digest, LogError> {
        self.shared.reading(|opened| opened.digest_at(position))
    }

    fn last_arrival(&self) -> Result<Option<DateTime<Utc>>, LogError> {
        let last = DateTime::from_timestamp_millis(self.shared.last_received_at_ms.load(Ordering::Relaxed));
        Ok(last.filter(|_| self.head().position > Position::ZERO))
    }

    fn erase(&self, positions: &[Position]) -> Result<usize, LogError> {
        let mut writer = self.shared.writer();
        self.shared.condition.check()?;
        let condition = &self.shared.condition;
        // No erased body may stay in the journal.
        writer.journal()?.drain().inspect_err(|error| condition.fail(error))?;
        let head = self.shared.head().position;
        self.shared.reading(|opened| {
            let mut erased = 0;
            for position in positions.iter().filter(|position| **position <= head) {
                let (first, mut group) = opened.store.group_with(*position)?;
                let found = group.deliveries.iter_mut().find(|delivery| delivery.position == *position);
                let Some(delivery @ Delivery { body: Body::Kept { .. }, .. }) = found else { continue };
                if let Some(reader) = self.reader {
                    *delivery = delivery.clone().read_again(reader);
                }
                delivery.body = Body::Erased { commitment: delivery.body.commitment() };
                let value = encode(&group.deliveries, group.digest);
                opened.store.commit(vec![(first, value)]).inspect_err(|error| condition.fail(error))?;
                erased += 1;
            }
            Ok(erased)
        })
    }

    fn failure(&self) -> Option<String> {
        self.shared.condition.failure().map(|error| error.to_string())
    }

    fn backend(&self) -> &'static str {
        "sled"
    }
}

impl Drop for SledLog {
    fn drop(&mut self) {
        // An error was logged when it happened; a caller that wants it calls `end` first.
        let _ = self.end();
    }
}

impl Writer {
    fn journal(&mut self) -> Result<&mut Journal, LogError> {
        self.journal.as_mut().ok_or_else(|| LogError::Closed("it is not open to be written to".to_owned()))
    }
}

impl Shared {
    /// Nothing is read before something is published.
    fn of(data_dir: &DataDir, lock: Arc<DataDirLock>, condition: Arc<Condition>, writer: Writer) -> Shared {
        Shared {
            data_dir: data_dir.clone(),
            lock: Mutex::new(lock),
            condition,
            last_received_at_ms: AtomicI64::new(writer.last_received_at.timestamp_millis()),
            writer: Mutex::new(writer),
            head: Mutex::new(Head::EMPTY),
            head_file: HeadFile::of(data_dir),
            opened: RwLock::default(),
        }
    }

    /// One step of reading.
    pub(super) fn reading<T>(&self, step: impl FnOnce(&Opened) -> Result<T, LogError>) -> Result<T, LogError> {
        let opened = self.opened.read().unwrap_or_else(PoisonError::into_inner);
        step(opened.as_ref().ok_or_else(|| self.condition.closed())?)
    }

    /// The last durable position, and the chain's digest there.
    pub(super) fn head(&self) -> Head {
        *self.head.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the data directory's path still leads to what is open.
    pub(super) fn check_files(&self) -> Result<(), LogError> {
        self.reading(Opened::check_files)
    }

    /// Lets readers read what was opened.
    fn publish(&self, opened: Arc<Opened>) {
        *self.head.lock().unwrap_or_else(PoisonError::into_inner) = opened.head();
        *self.opened.write().unwrap_or_else(PoisonError::into_inner) = Some(opened);
    }

    pub(super) fn lock(&self) -> Arc<DataDirLock> {
        Arc::clone(&self.lock.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Makes deliveries durable that have their places after the head, or closes the log.
    fn keep(
        &self,
        writer: &mut Writer,
        deliveries: Vec<Delivery>,
        meanwhile: Option<Meanwhile<'_>>,
    ) -> Result<(), LogError> {
        let Some(group) = Group::chained(deliveries, self.head().digest) else { return Ok(()) };
        let end = group.end();
        let _guard = ClosedByPanic(&self.condition);
        writer.journal()?.append(group, meanwhile).inspect_err(|error| self.condition.fail(error))?;
        *self.head.lock().unwrap_or_else(PoisonError::into_inner) = end;
        Ok(())
    }

    /// Remembers when the delivery at the head arrived.
    pub(super) fn arrived(&self, writer: &mut Writer, at: DateTime<Utc>) {
        writer.last_received_at = at;
        self.last_received_at_ms.store(at.timestamp_millis(), Ordering::Relaxed);
    }

    pub(super) fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Gives each delivery its position, arrival time and salt.
fn place(group: Vec<NewDelivery>, head: Position, received_at: DateTime<Utc>) -> Result<Vec<Delivery>, LogError> {
    let mut salts = vec![0; group.len() * 16];
    getrandom::fill(&mut salts).map_err(|error| storage("drawing random bytes".to_owned(), error))?;
    let (salts, _) = salts.as_chunks::<16>();
    let mut position = head;
    let place = |(new, salt): (NewDelivery, &[u8; 16])| {
        position = position.next();
        Delivery {
            position,
            received_at,
            source: new.source,
            reading: new.reading,
            delivery_id: new.delivery_id,
            body: Body::Kept { salt: *salt, bytes: new.body },
        }
    };
    Ok(group.into_iter().zip(salts).map(place).collect())
}
