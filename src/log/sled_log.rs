//! The log on disk: one writer gives positions and arrival times, and nobody reads a delivery before it
//! is durable. A group is made durable by the journal; a thread moves what that holds into the store, in values of a
//! good size, and another one remembers the head. A log that was closed is in the store alone.

use std::{
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicI64, Ordering},
        mpsc,
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

use super::{
    BLOCK_DELIVERIES, Log, LogError,
    arrival::{ArrivalTime, may_follow},
    block::Block,
    data_dir::{DataDir, storage},
    delivery::{Body, Delivery, NewDelivery, Position},
    digest::Digest,
    head::{Head, HeadFile},
    journal,
    lock_file::{DataDirLock, RunningServer, SessionKey},
    mover::{Journal, move_up_to},
    read::Read,
    record::encode,
    recovery::recover,
    sled_store::{SledStore, missing},
    tail::{Group, Place, Tail},
};

/// Tells the time of arrival. Made in `main`, so that tests can make their own.
pub type Clock = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

const HEAD_INTERVAL: Duration = Duration::from_millis(500);
/// A clock that stands this far behind the last arrival is worth a warning.
const CLOCK_BEHIND_MAX: TimeDelta = TimeDelta::seconds(2);
const CLOCK_WARNING_INTERVAL: Duration = Duration::from_secs(60);

/// A log in a sled store of its own, behind a journal.
pub struct SledLog {
    shared: Arc<Shared>,
    clock: Clock,
    /// No earlier time of the clock is believed.
    made_at: DateTime<Utc>,
    /// What the writer has of it, for whoever must not wait for a sync: milliseconds since 1970-01-01 UTC.
    last_received_at_ms: AtomicI64,
    writer: Mutex<Writer>,
    head_keeper: Option<(mpsc::Sender<()>, JoinHandle<()>)>,
    lock: Arc<DataDirLock>,
}

/// What the log's threads have in common.
pub(super) struct Shared {
    pub(super) store: SledStore,
    pub(super) tail: Tail,
    head_file: HeadFile,
    failure: OnceLock<String>,
}

/// What only the one writer touches.
struct Writer {
    journal: Journal,
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

    /// Opens the log of a data directory that is locked already.
    pub(super) fn open_locked(data_dir: &DataDir, lock: Arc<DataDirLock>, clock: Clock) -> Result<SledLog, LogError> {
        let folder = data_dir.log();
        let store = SledStore::open(&folder)?;
        let recovered = recover(&folder, &store)?;
        let tail = Tail::after(recovered.stored, recovered.groups);
        let shared = Arc::new(Shared { store, tail, head_file: HeadFile::of(data_dir), failure: OnceLock::new() });
        let last_received_at = shared.check_end(&folder)?;
        // Only now that nothing speaks against it is anything deleted.
        move_up_to(&shared.store, &shared.tail, shared.head().position)?;
        let removed = journal::remove(&folder, &recovered.files);
        removed.map_err(|error| storage(format!("removing the journal in {}", folder.display()), error))?;
        let head_keeper = Some(keep_head(Arc::clone(&shared))?);
        let journal = Journal::start(Arc::clone(&shared), folder)?;
        let writer = Mutex::new(Writer { journal, last_received_at, clock_warned_at: None });
        let last_received_at_ms = AtomicI64::new(last_received_at.timestamp_millis());
        let made_at = DateTime::<Utc>::MIN_UTC;
        Ok(SledLog { shared, clock, made_at, last_received_at_ms, writer, head_keeper, lock })
    }

    /// The same, which believes no clock before `made_at`: see [`ArrivalTime::NotBelieved`]. Without it every time is
    /// believed, also those of a past that somebody invents.
    pub fn believing_from(mut self, made_at: DateTime<Utc>) -> SledLog {
        self.made_at = made_at;
        self
    }

    /// Appends deliveries as another log holds them, with their positions, times, salts and commitments, and makes them
    /// durable. The first follows the head, and no time goes back but where the clock was set back (see
    /// [`may_follow`]); otherwise nothing is appended.
    pub fn append_copies(&self, deliveries: &[Delivery]) -> Result<(), LogError> {
        let mut writer = self.writer();
        self.shared.check_open()?;
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
        self.keep(&mut writer, deliveries.to_vec())?;
        self.arrived(&mut writer, received_at);
        Ok(())
    }

    /// Closes the log, but leaves the data directory locked.
    pub(super) fn close(self) -> Arc<DataDirLock> {
        Arc::clone(&self.lock)
    }

    /// Tells commands on this machine how to ask the process that holds the log: see [`DataDirLock::announce`].
    pub fn announce(&self, server: &RunningServer) {
        self.lock.announce(server);
    }

    /// What browsers' sessions are sealed with: see [`DataDirLock::session_key`].
    pub fn session_key(&self) -> Result<SessionKey, LogError> {
        self.lock.session_key()
    }

    /// Makes deliveries durable that have their places after the head, or closes the log.
    fn keep(&self, writer: &mut Writer, deliveries: Vec<Delivery>) -> Result<(), LogError> {
        let Some(group) = Group::chained(deliveries, self.shared.head().digest) else { return Ok(()) };
        writer.journal.append(&group).inspect_err(|error| self.shared.close(error))?;
        self.shared.tail.push(group);
        Ok(())
    }

    /// Remembers when the delivery at the head arrived.
    fn arrived(&self, writer: &mut Writer, at: DateTime<Utc>) {
        writer.last_received_at = at;
        self.last_received_at_ms.store(at.timestamp_millis(), Ordering::Relaxed);
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
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
}

impl Log for SledLog {
    fn append(&self, group: Vec<NewDelivery>) -> Result<Vec<Position>, LogError> {
        let mut writer = self.writer();
        self.shared.check_open()?;
        let received_at = self.arrival_time(&mut writer);
        let deliveries = place(group, self.shared.head().position, received_at)?;
        let positions: Vec<Position> = deliveries.iter().map(|delivery| delivery.position).collect();
        self.keep(&mut writer, deliveries)?;
        self.arrived(&mut writer, received_at);
        Ok(positions)
    }

    fn read(&self, from: Position) -> Box<dyn Iterator<Item = Result<Delivery, LogError>> + '_> {
        Box::new(self.shared.read(from, self.shared.head().position))
    }

    fn blocks(&self) -> Box<dyn Iterator<Item = Result<Block, LogError>> + '_> {
        Box::new(self.shared.blocks())
    }

    fn head(&self) -> Head {
        self.shared.head()
    }

    fn digest_at(&self, position: Position) -> Result<Digest, LogError> {
        self.shared.digest_at(position)
    }

    fn last_arrival(&self) -> Result<Option<DateTime<Utc>>, LogError> {
        let last = DateTime::from_timestamp_millis(self.last_received_at_ms.load(Ordering::Relaxed));
        Ok(last.filter(|_| self.head().position > Position::ZERO))
    }

    fn erase(&self, positions: &[Position]) -> Result<usize, LogError> {
        let mut writer = self.writer();
        self.shared.check_open()?;
        // A body that is erased must not be left in the journal.
        writer.journal.drain().inspect_err(|error| self.shared.close(error))?;
        let mut erased = 0;
        for position in positions.iter().filter(|position| **position <= self.shared.head().position) {
            let (first, mut group) = self.shared.store.group_with(*position)?;
            let found = group.deliveries.iter_mut().find(|delivery| delivery.position == *position);
            let Some(delivery @ Delivery { body: Body::Kept { .. }, .. }) = found else { continue };
            delivery.body = Body::Erased { commitment: delivery.body.commitment() };
            let value = encode(&group.deliveries, group.digest);
            self.shared.store.commit(vec![(first, value)]).inspect_err(|error| self.shared.close(error))?;
            erased += 1;
        }
        Ok(erased)
    }

    fn failure(&self) -> Option<String> {
        self.shared.failure.get().cloned()
    }

    fn backend(&self) -> &'static str {
        "sled"
    }
}

impl Drop for SledLog {
    fn drop(&mut self) {
        // After an error everything stays as it is, for the next start to look at.
        self.writer.get_mut().unwrap_or_else(PoisonError::into_inner).journal.close();
        if let Some((stop, thread)) = self.head_keeper.take() {
            drop(stop);
            // A panic of the keeper was logged when it happened.
            let _ = thread.join();
        }
    }
}

impl Shared {
    /// Holds the log's end against the remembered head, and returns the last arrival time.
    fn check_end(&self, path: &Path) -> Result<DateTime<Utc>, LogError> {
        let found = self.head();
        self.digest_at(found.position)?;
        match self.head_file.read()? {
            Some(remembered) if remembered.position > found.position => {
                let (found, remembered) = (found.position, remembered.position);
                return Err(LogError::Shorter { path: path.to_owned(), found, remembered });
            }
            Some(remembered) if self.digest_at(remembered.position)? != remembered.digest => {
                let message =
                    "its digest is not the remembered one: records were changed, or the head is another log's";
                return Err(LogError::Damaged { position: remembered.position, message: message.to_owned() });
            }
            None if found.position > Position::ZERO => {
                tracing::warn!(position = found.position.get(), "the log has no remembered head; it is made anew");
            }
            _ => {}
        }
        let last = self.read(found.position, found.position).next().transpose()?;
        Ok(last.map_or(DateTime::UNIX_EPOCH, |last| last.received_at))
    }

    fn read(&self, from: Position, to: Position) -> Read<'_> {
        Read::new(&self.store, &self.tail, from.max(Position::new(1)), to)
    }

    /// Blocks of the store, then of what is not in it yet.
    fn blocks(&self) -> impl Iterator<Item = Result<Block, LogError>> + '_ {
        let head = self.tail.head().position;
        let stored = match self.tail.place_of(head) {
            Place::Store(_) => head,
            Place::Tail(_) | Place::Nowhere => Position::new(self.tail.groups_up_to(head).0.get() - 1),
        };
        let mut rest = self.read(stored.next(), head);
        let mut digest = None;
        let beyond = std::iter::from_fn(move || {
            let mut block = || {
                let deliveries = rest.by_ref().take(BLOCK_DELIVERIES).collect::<Result<Vec<_>, _>>()?;
                if deliveries.is_empty() {
                    return Ok(None);
                }
                let before = digest.map_or_else(|| self.digest_at(stored), Ok)?;
                let block = Block::of(before, deliveries);
                digest = block.after();
                Ok(Some(block))
            };
            block().transpose()
        });
        self.store.blocks(stored).chain(beyond)
    }

    fn digest_at(&self, position: Position) -> Result<Digest, LogError> {
        match self.tail.place_of(position) {
            Place::Store(_) => self.store.digest_at(position),
            Place::Tail(group) => group.at(position).map(|entry| entry.digest).ok_or_else(|| missing(position)),
            Place::Nowhere => Err(missing(position)),
        }
    }

    /// Closes the log for writing: what the disk holds after a failed write is not known.
    pub(super) fn close(&self, error: &LogError) {
        if self.failure.set(error.to_string()).is_ok() {
            tracing::error!(%error, "the log is closed for writing");
        }
    }

    /// The error of whoever wants to write to a closed log.
    pub(super) fn check_open(&self) -> Result<(), LogError> {
        self.failure.get().map_or(Ok(()), |message| Err(LogError::Closed(message.clone())))
    }

    /// The last durable position, and the chain's digest there.
    pub(super) fn head(&self) -> Head {
        self.tail.head()
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

/// Writes the head whenever it has moved, off the answer's path, and once more at the end.
fn keep_head(shared: Arc<Shared>) -> Result<(mpsc::Sender<()>, JoinHandle<()>), LogError> {
    let (stop, stopped) = mpsc::channel::<()>();
    let keep = move || {
        let mut written = None;
        loop {
            let stopping = stopped.recv_timeout(HEAD_INTERVAL) == Err(mpsc::RecvTimeoutError::Disconnected);
            let head = shared.head();
            if written != Some(head) {
                match shared.head_file.write(head) {
                    Ok(()) => written = Some(head),
                    Err(error) => shared.close(&error),
                }
            }
            if stopping || shared.failure.get().is_some() {
                return;
            }
        }
    };
    let thread = thread::Builder::new().name("clockfold-head".to_owned()).spawn(keep);
    thread.map(|thread| (stop, thread)).map_err(|error| storage("starting a thread".to_owned(), error))
}
