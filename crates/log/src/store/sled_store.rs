//! Groups of deliveries in a sled store: opened with care, written durably, read in order.
//!
//! sled's `flush` alone is not durable on Linux: it neither calls `fdatasync` nor syncs the files and
//! folders that it makes. So every write is followed by an `fdatasync` of the store's data file.

use std::{
    fs::{self, File, TryLockError},
    io,
    ops::Bound,
    os::unix::fs::FileExt as _,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    thread,
    time::{Duration, Instant},
};

use crate::{
    LogError,
    files::{
        cause::Cause,
        data_dir::{storage, sync_dir},
        head::Head,
    },
    record::{
        block::StoredGroup,
        delivery::Position,
        envelope::{DecodedGroup, decode},
    },
    store::{Store, missing, read_ahead::read_ahead},
};

/// Values over a quarter of a segment would go to sled's `blobs/`, which it never syncs.
const SEGMENT_BYTES: usize = 8 << 20;
/// A block has at most this many groups, or groups of this many bytes, whichever comes first.
const BLOCK_GROUPS: usize = 64;
const BLOCK_BYTES: usize = 256 << 10;
const CACHE_BYTES: u64 = 8 << 20;
/// A group that was read is looked up again for each of this many of its bytes, at least once and at most
/// [`LOOK_UPS_MAX`] times, so that sled lets go of cached pages.
///
/// sled keeps every page that it reads, whatever the cache's size, and looks at what it keeps only after 64 accesses
/// to one of 256 parts of its cache. A page has eight groups: the pages of a long log would be 16,384 before the first
/// goes.
const LOOK_UP_BYTES: usize = 2 << 10;
const LOOK_UPS_MAX: usize = 8;
/// How long sled's own threads may have its file after a store was closed.
const CLOSING_MAX: Duration = Duration::from_secs(5);
/// A file in the log's folder while its store is made for the first time.
const BEING_MADE: &str = "being-made";

/// A sled store that holds groups by their first position.
pub(crate) struct SledStore {
    /// There until it is closed.
    handles: Option<Handles>,
    /// A second handle on sled's data file, for `fdatasync`.
    data_file: File,
}

/// What sled gives.
struct Handles {
    tree: sled::Tree,
    database: sled::Db,
}

impl SledStore {
    /// Opens the store in the folder `path`, making it durably where there is none. A half-made store is made again,
    /// unless it `has_deliveries`: then it was made once, whatever is there now.
    pub(crate) fn open_or_make(path: &Path, has_deliveries: bool) -> Result<SledStore, LogError> {
        let begun = begin_store(path, has_deliveries).and_then(|()| path.join("db").try_exists());
        match begun.map_err(|error| storage(format!("opening the log in {}", path.display()), error))? {
            true => SledStore::open(path),
            false => SledStore::open_files(path),
        }
    }

    /// Opens the store that is in the folder `path`; [`is_made`] says whether there is one.
    ///
    /// sled writes in any case: it fills what is left of the segment that it wrote last, overwrites segments that nothing
    /// lives in, and replaces its snapshot. A second opening renews the snapshot at most.
    pub(crate) fn open(path: &Path) -> Result<SledStore, LogError> {
        settle(path).map_err(|error| storage(format!("opening the log in {}", path.display()), error))?;
        SledStore::open_files(path)
    }

    fn open_files(path: &Path) -> Result<SledStore, LogError> {
        let failed = |error| storage(format!("opening the log in {}", path.display()), error);
        remove_unfinished_snapshots(path)?;
        let database = open_database(path)?;
        let tree = database.open_tree("deliveries").map_err(|error| store_error("opening the log", error))?;
        database.flush().map_err(|error| store_error("opening the log", error))?;
        let data_file = File::options().read(true).write(true).open(path.join("db")).map_err(failed)?;
        data_file.sync_all().map_err(failed)?;
        // sled syncs neither its `conf` nor the folders; without them a power cut makes the store unreadable.
        File::open(path.join("conf")).and_then(|conf| conf.sync_all()).map_err(failed)?;
        sync_dir(&path.join("blobs")).and_then(|()| sync_dir(path)).map_err(failed)?;
        finish_store(path).map_err(failed)?;
        if fs::read_dir(path.join("blobs")).is_ok_and(|mut entries| entries.next().is_some()) {
            tracing::error!(
                "the store has values in its blobs folder, which it never syncs; a power cut may lose them"
            );
        }
        Ok(SledStore { handles: Some(Handles { tree, database }), data_file })
    }

    /// Whether the data file of the store in `path` can be read and synced, tried on a handle of its own.
    pub(crate) fn try_out(path: &Path) -> io::Result<()> {
        let data_file = File::options().read(true).write(true).open(path.join("db"))?;
        data_file.sync_data()?;
        data_file.read_at(&mut [0; 512], 0).map(drop)
    }

    fn tree(&self) -> &sled::Tree {
        &self.handles().tree
    }

    fn handles(&self) -> &Handles {
        self.handles.as_ref().expect("nobody has a store that is closed")
    }
}

impl Store for SledStore {
    fn group_at(&self, position: Position) -> Result<DecodedGroup, LogError> {
        let key = position.get().to_be_bytes();
        let value = self.tree().get(key).map_err(|error| store_error("reading the log", error))?;
        match value {
            Some(value) => {
                let_go(self.tree(), &key, &value);
                decode_entry(&key, &value)
            }
            None => self.group_with(position).map(|(_, group)| group),
        }
    }

    fn commit(&self, mut values: Vec<(Position, Vec<u8>)>) -> Result<(), LogError> {
        let written = match values.len() {
            1 => {
                let (first, value) = values.remove(0);
                self.tree().insert(first.get().to_be_bytes(), value).map(drop)
            }
            _ => {
                let mut batch = sled::Batch::default();
                for (first, value) in values {
                    batch.insert(&first.get().to_be_bytes(), value);
                }
                self.tree().apply_batch(batch)
            }
        };
        written.map_err(|error| store_error("writing to the log", error))?;
        self.handles().database.flush().map_err(|error| store_error("flushing the log", error))?;
        self.data_file.sync_data().map_err(|error| storage("syncing the log".to_owned(), error))
    }

    fn end(&self) -> Result<Head, LogError> {
        let last = self.tree().last().map_err(|error| store_error("reading the end of the log", error))?;
        let Some((key, value)) = last else { return Ok(Head::EMPTY) };
        let DecodedGroup { deliveries, digest } = decode_entry(&key, &value)?;
        let last = deliveries.back().expect("a decoded group has a delivery");
        Ok(Head { position: last.position, digest })
    }

    fn group_with(&self, position: Position) -> Result<(Position, DecodedGroup), LogError> {
        let entry = self.tree().get_lt(position.next().get().to_be_bytes());
        let entry = entry.map_err(|error| store_error("reading the log", error))?;
        let (key, value) = entry.ok_or_else(|| missing(position))?;
        let_go(self.tree(), &key, &value);
        let group = decode_entry(&key, &value)?;
        match group.deliveries.back() {
            Some(last) if last.position >= position => Ok((key_position(&key)?, group)),
            _ => Err(missing(position)),
        }
    }

    fn groups(&self, after: Position, to: Position) -> Result<Vec<StoredGroup>, LogError> {
        let mut groups = Vec::with_capacity(BLOCK_GROUPS);
        let mut bytes = 0;
        let key = |position: Position| position.get().to_be_bytes();
        for entry in self.tree().range((Bound::Excluded(key(after)), Bound::Included(key(to)))) {
            let (key, value) = entry.map_err(|error| store_error("reading the log", error))?;
            let_go(self.tree(), &key, &value);
            bytes += value.len();
            groups.push((key_position(&key)?, value));
            if groups.len() == BLOCK_GROUPS || bytes >= BLOCK_BYTES {
                break;
            }
        }
        Ok(groups)
    }

    fn close(&mut self) -> Result<(), LogError> {
        let handles = self.handles.take();
        let stopped = || storage("closing the log's store".to_owned(), "its file could not be synced");
        catch_unwind(AssertUnwindSafe(|| drop(handles))).map_err(|_| stopped())
    }
}

impl Drop for SledStore {
    fn drop(&mut self) {
        if let Err(error) = self.close() {
            tracing::error!(%error, "the log's store was closed by force; nothing that was acknowledged is in it alone");
        }
    }
}

/// Has sled count a group's page as old; see [`LOOK_UP_BYTES`]. The look-ups' results don't matter.
fn let_go(tree: &sled::Tree, key: &[u8], value: &[u8]) {
    for _ in 0..(value.len() / LOOK_UP_BYTES).clamp(1, LOOK_UPS_MAX) {
        drop(tree.contains_key(key));
    }
}

/// Before sled makes its files. A store whose making a power cut interrupted may be a torn `conf` or data file, which no
/// later start could open: as long as [`BEING_MADE`] is there nothing was acknowledged, and it is made again. A file that
/// can't be looked at is not one that is missing.
fn begin_store(path: &Path, has_deliveries: bool) -> io::Result<()> {
    let marker = path.join(BEING_MADE);
    if marker.try_exists()? {
        if has_deliveries {
            return Ok(());
        }
        tracing::info!("the making of the log was interrupted; it is made again");
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            match entry.file_name().to_string_lossy().as_ref() {
                "blobs" => fs::remove_dir_all(entry.path())?,
                name if name == "conf" || name == "db" || name.starts_with("snap.") => fs::remove_file(entry.path())?,
                _ => {}
            }
        }
    } else if path.join("db").try_exists()? || path.join("conf").try_exists()? {
        return Ok(());
    } else {
        File::create(&marker)?;
    }
    sync_dir(path)
}

/// Before sled opens its data file. It is synced: what a killed process wrote last is read from memory, and sled may
/// write a snapshot that relies on it. And it is read: what sled can't read it takes for the end of its log, and
/// overwrites; see `read_ahead.rs`.
fn settle(path: &Path) -> io::Result<()> {
    let data_file = File::open(path.join("db"))?;
    wait_until_free(&data_file)?;
    clockfold_disk::File::forget_cached(&data_file)?;
    read_ahead(path, &data_file, SEGMENT_BYTES as u64).map(drop)
}

/// Waits until nothing of a store that was closed in this process writes into its folder any more: sled's own threads
/// know it by its path, which another store may take.
pub(crate) fn wait_until_closed(path: &Path) -> io::Result<()> {
    let data_file = File::open(path.join("db"))?;
    wait_until_free(&data_file)?;
    match data_file.try_lock() {
        Ok(()) => data_file.unlock(),
        Err(TryLockError::WouldBlock) => Err(io::Error::other("something in this process still writes to it")),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Where a store was closed in this process a moment ago, sled's own threads may still have its file, and it would
/// refuse to open. No other process has it: the data directory is locked.
fn wait_until_free(data_file: &File) -> io::Result<()> {
    let begun = Instant::now();
    loop {
        match data_file.try_lock() {
            Ok(()) => return data_file.unlock(),
            Err(TryLockError::WouldBlock) if begun.elapsed() < CLOSING_MAX => thread::sleep(Duration::from_millis(5)),
            // sled's own error says what it is.
            Err(TryLockError::WouldBlock) => return Ok(()),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}

/// Whether a store was made in this folder, and whole, as it was if it `has_deliveries`.
pub(crate) fn is_made(path: &Path, has_deliveries: bool) -> io::Result<bool> {
    let has_files = path.join("conf").try_exists()? && path.join("db").try_exists()?;
    Ok(has_files && (has_deliveries || !path.join(BEING_MADE).try_exists()?))
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

fn open_database(path: &Path) -> Result<sled::Db, LogError> {
    let config =
        sled::Config::new().path(path).segment_size(SEGMENT_BYTES).cache_capacity(CACHE_BYTES).flush_every_ms(None);
    let unopenable = |message| LogError::Unopenable { path: path.to_owned(), message };
    let opening = || format!("opening the store in {}", path.display());
    // Corruption that sled does not expect makes it panic, and so do some of the system's refusals.
    match catch_unwind(AssertUnwindSafe(|| config.open())) {
        Ok(Ok(database)) => Ok(database),
        // The system refuses, and the store itself may be well: no reason to reach for a backup.
        Ok(Err(sled::Error::Io(error))) if Cause::is_the_systems(&error) => Err(storage(opening(), error)),
        Ok(Err(error)) => Err(unopenable(error.to_string())),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str).unwrap_or_default();
            match Cause::in_text(text) {
                Some(cause) => Err(LogError::Storage { doing: opening(), message: text.to_owned(), cause }),
                None => Err(unopenable("it stopped at something that it did not expect".to_owned())),
            }
        }
    }
}

fn decode_entry(key: &[u8], value: &[u8]) -> Result<DecodedGroup, LogError> {
    let first = key_position(key)?;
    decode(first, value).map_err(|message| LogError::Corrupt { position: first, message })
}

fn key_position(key: &[u8]) -> Result<Position, LogError> {
    let bytes = key.try_into().map_err(|_| LogError::Corrupt {
        position: Position::ZERO,
        message: format!("a key of {} bytes is not a position", key.len()),
    })?;
    Ok(Position::new(u64::from_be_bytes(bytes)))
}

fn store_error(doing: &str, error: sled::Error) -> LogError {
    match error {
        // With what the system said, which the hint depends on.
        sled::Error::Io(error) => storage(doing.to_owned(), error),
        error => storage(doing.to_owned(), error),
    }
}
