//! The log in sled: one value a commit group, made durable by an `fdatasync` of our own.
//!
//! sled's `flush` alone is not durable on Linux: it neither calls `fdatasync` nor syncs the files and
//! folders that it makes. So every group is followed by an `fdatasync` of the store's data file, and
//! nobody can read a delivery before that has returned.

use std::{
    collections::VecDeque,
    fs::{self, File},
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, mpsc},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

use super::{
    Log, LogError,
    chain::Digest,
    data_dir::{DataDir, DataDirLock, storage, sync_dir},
    delivery::{Body, Delivery, NewDelivery, Position},
    head::{Head, HeadFile},
    record::{DecodedGroup, decode, encode},
};

/// Tells the time of arrival. Made in `main`, so that tests can make their own.
pub type Clock = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// A value holds at most about this many bytes of bodies and event types, unless one delivery alone has more.
const VALUE_BYTES_MAX: usize = 16 << 10;
/// And at most this many deliveries.
const VALUE_DELIVERIES_MAX: usize = 256;
/// Values over a quarter of a segment would go to sled's `blobs/`, which it never syncs.
const SEGMENT_BYTES: usize = 8 << 20;
const CACHE_BYTES: u64 = 64 << 20;
/// A file in the log's folder while its store is made for the first time.
const BEING_MADE: &str = "being-made";
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
    _lock: DataDirLock,
}

struct Shared {
    tree: sled::Tree,
    database: sled::Db,
    /// A second handle on sled's data file, for `fdatasync`.
    data_file: File,
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
        let path = data_dir.log();
        let failed = |error| storage(format!("opening the log in {}", path.display()), error);
        begin_store(&path).map_err(failed)?;
        remove_unfinished_snapshots(&path)?;
        let database = open_store(&path)?;
        let tree = database.open_tree("deliveries").map_err(|error| store_error("opening the log", error))?;
        database.flush().map_err(|error| store_error("opening the log", error))?;
        let data_file = File::options().read(true).write(true).open(path.join("db")).map_err(failed)?;
        data_file.sync_all().map_err(failed)?;
        // sled syncs neither its `conf` nor the folders; without them a power cut makes the store unreadable.
        File::open(path.join("conf")).and_then(|conf| conf.sync_all()).map_err(failed)?;
        sync_dir(&path.join("blobs")).and_then(|()| sync_dir(&path)).map_err(failed)?;
        finish_store(&path).map_err(failed)?;
        let head_file = HeadFile::of(data_dir);
        let (durable, failure) = (Mutex::new(Head::EMPTY), OnceLock::new());
        let shared = Arc::new(Shared { tree, database, data_file, durable, head_file, failure });
        let last_received_at = shared.recover(&path)?;
        let head_keeper = Some(keep_head(Arc::clone(&shared))?);
        let writer = Mutex::new(Writer { last_received_at, clock_warned_at: None });
        Ok(SledLog { shared, clock, writer, head_keeper, _lock: lock })
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
        Box::new(self.shared.read(from, head.position))
    }

    fn head(&self) -> Head {
        self.shared.head()
    }

    fn digest_at(&self, position: Position) -> Result<Digest, LogError> {
        self.shared.digest_at(position)
    }

    fn erase(&self, positions: &[Position]) -> Result<usize, LogError> {
        let _writer = self.writer();
        self.shared.check_open()?;
        let mut erased = 0;
        for position in positions.iter().filter(|position| **position <= self.shared.head().position) {
            let (first, mut group) = self.shared.group_with(*position)?;
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
        let last = self.tree.last().map_err(|error| store_error("reading the end of the log", error))?;
        let mut last_received_at = DateTime::UNIX_EPOCH;
        if let Some((key, value)) = last {
            let group = decode_entry(&key, &value)?;
            let last = group.deliveries.back().expect("a decoded group has a delivery");
            last_received_at = last.received_at;
            *self.lock_durable() = Head { position: last.position, digest: group.digest };
        }
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
        if fs::read_dir(path.join("blobs")).is_ok_and(|mut entries| entries.next().is_some()) {
            tracing::error!(
                "the store has put values into its blobs folder, which it never syncs; a power cut may lose them"
            );
        }
        Ok(last_received_at)
    }

    /// Makes values durable. The one place that writes.
    fn commit(&self, mut values: Vec<(Position, Vec<u8>)>) -> Result<(), LogError> {
        let written = match values.len() {
            1 => {
                let (first, value) = values.remove(0);
                self.tree.insert(first.get().to_be_bytes(), value).map(drop)
            }
            _ => {
                let mut batch = sled::Batch::default();
                for (first, value) in values {
                    batch.insert(&first.get().to_be_bytes(), value);
                }
                self.tree.apply_batch(batch)
            }
        };
        written.map_err(|error| self.close("writing to the log", error))?;
        let started = Instant::now();
        self.database.flush().map_err(|error| self.close("flushing the log", error))?;
        self.data_file.sync_data().map_err(|error| self.close("syncing the log", error))?;
        metrics::histogram!("clockfold_log_sync_seconds").record(started.elapsed());
        Ok(())
    }

    /// Closes the log for writing: what the disk holds after a failed write is not known.
    fn close(&self, doing: &str, error: impl std::fmt::Display) -> LogError {
        let message = format!("{doing}: {error}");
        tracing::error!(%message, "storage failed; no more deliveries are accepted until a restart");
        let _ = self.failure.set(message);
        storage(doing.to_owned(), error)
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

    /// The group that holds `position`, and its key.
    fn group_with(&self, position: Position) -> Result<(Position, DecodedGroup), LogError> {
        let entry = self.tree.get_lt(position.next().get().to_be_bytes());
        let entry = entry.map_err(|error| store_error("reading the log", error))?;
        let (key, value) = entry.ok_or_else(|| missing(position))?;
        let group = decode_entry(&key, &value)?;
        match group.deliveries.back() {
            Some(last) if last.position >= position => Ok((key_position(&key)?, group)),
            _ => Err(missing(position)),
        }
    }

    fn digest_at(&self, position: Position) -> Result<Digest, LogError> {
        if position == Position::ZERO {
            return Ok(Digest::EMPTY);
        }
        let (first, group) = self.group_with(position)?;
        let mut digest = match first.get() {
            1 => Digest::EMPTY,
            number => self.group_with(Position::new(number - 1))?.1.digest,
        };
        let mut at_position = digest;
        for delivery in &group.deliveries {
            digest = digest.then(delivery);
            if delivery.position == position {
                at_position = digest;
            }
        }
        if digest == group.digest { Ok(at_position) } else { Err(broken_chain(first)) }
    }

    fn read(&self, from: Position, to: Position) -> Read {
        // The group that holds `from` may begin before it.
        let start = match self.tree.get_lt(from.next().get().to_be_bytes()) {
            Ok(Some((key, _))) => key.to_vec(),
            Ok(None) | Err(_) => from.get().to_be_bytes().to_vec(),
        };
        Read { groups: self.tree.range(start..), buffer: VecDeque::new(), next: from, to, done: false }
    }
}

/// Deliveries in order; stops after the first error.
struct Read {
    groups: sled::Iter,
    buffer: VecDeque<Delivery>,
    next: Position,
    to: Position,
    done: bool,
}

impl Iterator for Read {
    type Item = Result<Delivery, LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done || self.next > self.to {
            return None;
        }
        let step = self.step();
        self.done = step.is_err();
        self.next = self.next.next();
        Some(step)
    }
}

impl Read {
    fn step(&mut self) -> Result<Delivery, LogError> {
        loop {
            match self.buffer.pop_front() {
                Some(delivery) if delivery.position < self.next => {}
                Some(delivery) if delivery.position == self.next => return Ok(delivery),
                Some(_) => return Err(missing(self.next)),
                None => {
                    let entry = self.groups.next().ok_or_else(|| missing(self.next))?;
                    let (key, value) = entry.map_err(|error| store_error("reading the log", error))?;
                    self.buffer = decode_entry(&key, &value)?.deliveries;
                }
            }
        }
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
                    Err(error) => drop(shared.close("remembering the head", error)),
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

/// Before sled touches its files. A store whose making a power cut interrupted may be a torn `conf` or data
/// file, which no later start could open: as long as [`BEING_MADE`] is there nothing was acknowledged, and it
/// is made again. Otherwise the data file is synced: what a killed process wrote last is read from memory, and
/// sled may write a snapshot that relies on it.
fn begin_store(path: &Path) -> io::Result<()> {
    let (marker, data_file) = (path.join(BEING_MADE), path.join("db"));
    if data_file.exists() && !marker.exists() {
        return File::open(data_file)?.sync_all();
    }
    if marker.exists() {
        tracing::info!("the making of the log was interrupted; it is made again");
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            match entry.file_name().to_string_lossy().as_ref() {
                "blobs" => fs::remove_dir_all(entry.path())?,
                name if name == "conf" || name == "db" || name.starts_with("snap.") => fs::remove_file(entry.path())?,
                _ => {}
            }
        }
    } else if !path.join("conf").exists() {
        File::create(&marker)?;
    }
    sync_dir(path)
}

/// The store's files and folders are on stable storage.
fn finish_store(path: &Path) -> io::Result<()> {
    match fs::remove_file(path.join(BEING_MADE)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed.and_then(|()| sync_dir(path)),
    }
}

/// A crash while sled wrote a snapshot leaves a file that makes the next open fail; it is of no use.
fn remove_unfinished_snapshots(path: &Path) -> Result<(), LogError> {
    let failed = |error| storage(format!("looking into {}", path.display()), error);
    for entry in fs::read_dir(path).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("snap.") && name.ends_with(".generating") {
            tracing::info!(file = %name, "removing an unfinished snapshot that a crash left");
            fs::remove_file(entry.path()).map_err(failed)?;
        }
    }
    Ok(())
}

fn open_store(path: &Path) -> Result<sled::Db, LogError> {
    let config =
        sled::Config::new().path(path).segment_size(SEGMENT_BYTES).cache_capacity(CACHE_BYTES).flush_every_ms(None);
    let unopenable = |message| LogError::Unopenable { path: path.to_owned(), message };
    // Damage that sled does not expect makes it panic.
    match catch_unwind(AssertUnwindSafe(|| config.open())) {
        Ok(Ok(database)) => Ok(database),
        Ok(Err(sled::Error::Io(error))) if is_the_systems(&error) => {
            Err(storage(format!("opening the store in {}", path.display()), error))
        }
        Ok(Err(error)) => Err(unopenable(error.to_string())),
        Err(_) => Err(unopenable("it stopped at something that it did not expect".to_owned())),
    }
}

/// Whether the system refuses and the store itself may be well: no reason to reach for a backup.
fn is_the_systems(error: &io::Error) -> bool {
    use io::ErrorKind::{PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | ReadOnlyFilesystem | PermissionDenied)
}

fn decode_entry(key: &[u8], value: &[u8]) -> Result<DecodedGroup, LogError> {
    let first = key_position(key)?;
    decode(first, value).map_err(|message| LogError::Damaged { position: first, message })
}

fn key_position(key: &[u8]) -> Result<Position, LogError> {
    let bytes = key.try_into().map_err(|_| LogError::Damaged {
        position: Position::ZERO,
        message: format!("a key of {} bytes is not a position", key.len()),
    })?;
    Ok(Position::new(u64::from_be_bytes(bytes)))
}

fn missing(position: Position) -> LogError {
    LogError::Damaged { position, message: "the delivery is missing".to_owned() }
}

fn broken_chain(position: Position) -> LogError {
    LogError::Damaged { position, message: "the hash chain does not fit".to_owned() }
}

fn store_error(doing: &str, error: sled::Error) -> LogError {
    storage(doing.to_owned(), error)
}
