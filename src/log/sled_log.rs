//! The log on disk: one writer gives positions and arrival times, and nobody reads a delivery before it
//! is durable. A thread beside it remembers the head.

use std::{
    path::Path,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, mpsc},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

use super::{
    Log, LogError,
    block::Block,
    data_dir::{DataDir, DataDirLock, RunningServer, storage},
    delivery::{Body, Delivery, NewDelivery, Position},
    digest::Digest,
    head::{Head, HeadFile},
    record::encode,
    sled_store::SledStore,
};

/// Tells the time of arrival. Made in `main`, so that tests can make their own.
pub type Clock = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// A value holds at most about this many bytes of bodies and event types, unless one delivery alone has more.
const VALUE_BYTES_MAX: usize = 16 << 10;
/// And at most this many deliveries.
const VALUE_DELIVERIES_MAX: usize = 256;
const HEAD_INTERVAL: Duration = Duration::from_millis(500);
/// A clock that stands this far behind the last arrival is worth a warning.
const CLOCK_BEHIND_MAX: TimeDelta = TimeDelta::seconds(2);
const CLOCK_WARNING_INTERVAL: Duration = Duration::from_secs(60);

/// A log in a sled store of its own.
pub struct SledLog {
    shared: Arc<Shared>,
    clock: Clock,
    writer: Mutex<Writer>,
    head_keeper: Option<(mpsc::Sender<()>, JoinHandle<()>)>,
    lock: DataDirLock,
}

struct Shared {
    store: SledStore,
    durable: Mutex<Head>,
    head_file: HeadFile,
    failure: OnceLock<String>,
}

/// What only the one writer touches.
struct Writer {
    last_received_at: DateTime<Utc>,
    clock_warned_at: Option<Instant>,
}

impl SledLog {
    /// Opens the log of a data directory, making it where there is none, and compares it with the
    /// remembered head.
    pub fn open(data_dir: &DataDir, clock: Clock) -> Result<SledLog, LogError> {
        let lock = data_dir.lock()?;
        let store = SledStore::open(&data_dir.log())?;
        let (durable, failure) = (Mutex::new(Head::EMPTY), OnceLock::new());
        let shared = Arc::new(Shared { store, durable, head_file: HeadFile::of(data_dir), failure });
        let last_received_at = shared.recover(&data_dir.log())?;
        let head_keeper = Some(keep_head(Arc::clone(&shared))?);
        let writer = Mutex::new(Writer { last_received_at, clock_warned_at: None });
        Ok(SledLog { shared, clock, writer, head_keeper, lock })
    }

    /// Appends deliveries as another log holds them, with their positions, times, salts and commitments, and makes them
    /// durable. The first follows the head, and no time goes back; otherwise nothing is appended.
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
            if delivery.received_at < received_at {
                return Err(misplaced("it arrived before the one that it follows".to_owned()));
            }
            if delivery.received_at.trunc_subsecs(3) != delivery.received_at {
                return Err(misplaced("its arrival time has parts of a millisecond".to_owned()));
            }
            (position, received_at) = (delivery.position, delivery.received_at);
        }
        let (values, digest) = pack(deliveries, head.digest);
        if values.is_empty() {
            return Ok(());
        }
        self.shared.commit(values)?;
        *self.shared.lock_durable() = Head { position, digest };
        writer.last_received_at = received_at;
        Ok(())
    }

    /// Tells commands on this machine how to ask the process that holds the log: see [`DataDirLock::announce`].
    pub fn announce(&self, server: &RunningServer) {
        self.lock.announce(server);
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The arrival time of the next group: the clock's, but never before the last arrival.
    fn arrival_time(&self, writer: &mut Writer) -> DateTime<Utc> {
        let now = (self.clock)().trunc_subsecs(3);
        let behind = writer.last_received_at - now;
        let quiet = writer.clock_warned_at.is_none_or(|at| at.elapsed() >= CLOCK_WARNING_INTERVAL);
        if behind > CLOCK_BEHIND_MAX && quiet {
            writer.clock_warned_at = Some(Instant::now());
            tracing::warn!(
                behind_ms = behind.num_milliseconds(),
                last_arrival = %writer.last_received_at,
                "the clock went back: arrival times stand still until it has caught up; check the machine's time synchronisation"
            );
        }
        writer.last_received_at = writer.last_received_at.max(now);
        writer.last_received_at
    }
}

impl Log for SledLog {
    fn append(&self, group: Vec<NewDelivery>) -> Result<Vec<Position>, LogError> {
        let mut writer = self.writer();
        self.shared.check_open()?;
        let received_at = self.arrival_time(&mut writer);
        let head = self.shared.head();
        let deliveries = place(group, head.position, received_at)?;
        let (values, digest) = pack(&deliveries, head.digest);
        let positions: Vec<Position> = deliveries.iter().map(|delivery| delivery.position).collect();
        let Some(last) = positions.last() else { return Ok(positions) };
        self.shared.commit(values)?;
        *self.shared.lock_durable() = Head { position: *last, digest };
        Ok(positions)
    }

    fn read(&self, from: Position) -> Box<dyn Iterator<Item = Result<Delivery, LogError>> + '_> {
        let from = from.max(Position::new(1));
        let head = self.shared.head();
        if from > head.position {
            return Box::new(std::iter::empty());
        }
        Box::new(self.shared.store.read(from, head.position))
    }

    fn blocks(&self) -> Box<dyn Iterator<Item = Result<Block, LogError>> + '_> {
        Box::new(self.shared.store.blocks(self.shared.head().position))
    }

    fn head(&self) -> Head {
        self.shared.head()
    }

    fn digest_at(&self, position: Position) -> Result<Digest, LogError> {
        self.shared.store.digest_at(position)
    }

    fn erase(&self, positions: &[Position]) -> Result<usize, LogError> {
        let _writer = self.writer();
        self.shared.check_open()?;
        let mut erased = 0;
        for position in positions.iter().filter(|position| **position <= self.shared.head().position) {
            let (first, mut group) = self.shared.store.group_with(*position)?;
            let found = group.deliveries.iter_mut().find(|delivery| delivery.position == *position);
            let Some(delivery @ Delivery { body: Body::Kept { .. }, .. }) = found else { continue };
            delivery.body = Body::Erased { commitment: delivery.body.commitment() };
            self.shared.commit(vec![(first, encode(group.deliveries.make_contiguous(), group.digest))])?;
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
        if let Some((stop, thread)) = self.head_keeper.take() {
            drop(stop);
            // A panic of the keeper was logged when it happened.
            let _ = thread.join();
        }
    }
}

impl Shared {
    /// Finds the log's end, holds it against the remembered head, and returns the last arrival time.
    fn recover(&self, path: &Path) -> Result<DateTime<Utc>, LogError> {
        let mut last_received_at = DateTime::UNIX_EPOCH;
        if let Some(group) = self.store.last()? {
            let last = group.deliveries.back().expect("a decoded group has a delivery");
            last_received_at = last.received_at;
            *self.lock_durable() = Head { position: last.position, digest: group.digest };
        }
        let found = self.head();
        self.store.digest_at(found.position)?;
        match self.head_file.read()? {
            Some(remembered) if remembered.position > found.position => {
                let (found, remembered) = (found.position, remembered.position);
                return Err(LogError::Shorter { path: path.to_owned(), found, remembered });
            }
            Some(remembered) if self.store.digest_at(remembered.position)? != remembered.digest => {
                let message =
                    "its digest is not the remembered one: records were changed, or the head is another log's";
                return Err(LogError::Damaged { position: remembered.position, message: message.to_owned() });
            }
            None if found.position > Position::ZERO => {
                tracing::warn!(position = found.position.get(), "the log has no remembered head; it is made anew");
            }
            _ => {}
        }
        Ok(last_received_at)
    }

    /// Makes values durable, or closes the log.
    fn commit(&self, values: Vec<(Position, Vec<u8>)>) -> Result<(), LogError> {
        self.store.commit(values).inspect_err(|error| self.close(error))
    }

    /// Closes the log for writing: what the disk holds after a failed write is not known.
    fn close(&self, error: &LogError) {
        if self.failure.set(error.to_string()).is_ok() {
            tracing::error!(%error, "the log is closed for writing");
        }
    }

    fn check_open(&self) -> Result<(), LogError> {
        self.failure.get().map_or(Ok(()), |message| Err(LogError::Closed(message.clone())))
    }

    fn head(&self) -> Head {
        *self.lock_durable()
    }

    fn lock_durable(&self) -> MutexGuard<'_, Head> {
        self.durable.lock().unwrap_or_else(PoisonError::into_inner)
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

/// Cuts a group into values of a good size, and tells the digest after the last.
fn pack(deliveries: &[Delivery], mut digest: Digest) -> (Vec<(Position, Vec<u8>)>, Digest) {
    let mut values = Vec::new();
    let mut rest = deliveries;
    while let Some(first) = rest.first() {
        let mut bytes = 0;
        let fits = |delivery: &&Delivery| {
            bytes += weight(delivery);
            bytes <= VALUE_BYTES_MAX
        };
        let count = rest.iter().take(VALUE_DELIVERIES_MAX).take_while(fits).count().max(1);
        let (group, later) = rest.split_at(count);
        digest = group.iter().fold(digest, Digest::then);
        values.push((first.position, encode(group, digest)));
        rest = later;
    }
    (values, digest)
}

fn weight(delivery: &Delivery) -> usize {
    let body = match &delivery.body {
        Body::Kept { bytes, .. } => bytes.len(),
        Body::Erased { .. } => 0,
    };
    body + delivery.reading.event_type().map_or(0, str::len) + delivery.delivery_id.as_ref().map_or(0, String::len)
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
