//! What all handles share: where the rows are, which moments snapshots hold, and what the background has to do.

use std::{
    path::PathBuf,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use clockfold_disk::Disk;

use crate::{
    Options,
    error::{Error, Result},
    memory::{batch_rows::BatchRows, memtable::Memtable},
    planted::planted,
    store::{
        clock::Clock,
        levels::Levels,
        manifest::{Manifest, NotWritten, table_path},
        moments::Moments,
        snapshot::Held,
    },
    table::{cache::Cache, key::Key, reader::Table, writer::TableWriter},
};

pub(crate) struct Shared {
    disk: Arc<dyn Disk>,
    pub(crate) folder: PathBuf,
    pub(crate) options: Options,
    pub(crate) cache: Arc<Cache>,
    clock: Clock,
    /// The number of the next table.
    next_id: AtomicU64,
    /// Held by the one thread that changes which tables count. It holds the tables that may count after a power cut,
    /// because writing the manifest that names them failed: their files stay until a later manifest surely is on the
    /// disk.
    doubtful: Mutex<Vec<Arc<Table>>>,
    /// Held by the one thread that puts a batch into memory.
    writer: Mutex<()>,
    state: Mutex<State>,
    /// Wakes threads that wait for a change of the state.
    changed: Condvar,
}

pub(crate) struct State {
    pub(crate) levels: Arc<Levels>,
    /// A batch that counts and is being put into memory: the newest rows of all. Memory is not frozen meanwhile.
    pub(crate) batch: Option<Arc<BatchRows>>,
    /// A thread waits for the end of that.
    awaits_batch: bool,
    /// The number of the last batch.
    sequence: u64,
    held: Moments,
    /// When the first row came that is in no file.
    dirty_since: Option<Duration>,
    pub(crate) is_closing: bool,
    /// Why memory could not be written to a file when that was last tried. Rows are taken while memory has room.
    pub(crate) failure: Option<Error>,
    /// When it is tried again.
    retry_at: Duration,
}

/// What the background has to do.
enum Due {
    Work,
    /// Nothing, for this long.
    In(Duration),
    /// Nothing any more.
    Never,
}

impl Shared {
    pub(crate) fn new(
        disk: Arc<dyn Disk>,
        clock: Clock,
        folder: PathBuf,
        options: Options,
        manifest: Manifest,
    ) -> Shared {
        assert!(options.keyspaces.len() <= 256, "there are at most 256 keyspaces");
        let levels = Levels { memory: vec![Arc::new(Memtable::new(options.keyspaces.len()))], tables: manifest.tables };
        let state = State {
            levels: Arc::new(levels),
            batch: None,
            awaits_batch: false,
            sequence: 0,
            held: Moments::default(),
            dirty_since: None,
            is_closing: false,
            failure: None,
            retry_at: Duration::ZERO,
        };
        let (cache, next_id) = (Arc::new(Cache::of_bytes(options.cache_bytes)), AtomicU64::new(manifest.next_id));
        let (doubtful, writer) = (Mutex::default(), Mutex::default());
        let (state, changed) = (Mutex::new(state), Condvar::new());
        Shared { disk, folder, options, cache, clock, next_id, doubtful, writer, state, changed }
    }

    /// The state. A panic in the midst of a batch poisons the writer's lock as well, and nothing is written after that.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state and wakes threads that wait for it.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let changed = change(&mut self.state());
        self.changed.notify_all();
        changed
    }

    pub(crate) fn get(&self, space: usize, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let (levels, batch) = {
            let state = self.state();
            (Arc::clone(&state.levels), state.batch.clone())
        };
        levels.get(&self.cache, batch.as_deref(), space, key, u64::MAX)
    }

    /// Holds this moment.
    pub(crate) fn hold(self: &Arc<Self>) -> Held {
        let mut state = self.state();
        let (sequence, levels, batch) = (state.sequence, Arc::clone(&state.levels), state.batch.clone());
        state.held.hold(sequence);
        drop(state);
        Held::of(Arc::clone(self), levels, batch, sequence)
    }

    pub(crate) fn let_go(&self, sequence: u64) {
        self.state().held.let_go(sequence);
    }

    /// Makes a batch count, and puts it into memory. Waits while memory is full.
    ///
    /// A large batch counts at once: readers look at its rows before those in memory. So no reader waits until the rows are
    /// in memory, and an older snapshot never sees them. A small one is in memory sooner than it would be put in order.
    pub(crate) fn commit(&self, mut rows: BatchRows) -> Result<()> {
        let is_small = rows.arrange();
        // A panic poisons the writer's lock; after that, threads that wait for the end of the batch have to look again.
        let _wakes = WakesOnPanic(&self.changed);
        let _writer = self.writer.lock().map_err(|_| stopped())?;
        let mut state = self.room()?;
        let is_once = |space: usize| self.options.keyspaces[space].is_once;
        if cfg!(debug_assertions) {
            let levels = Arc::clone(&state.levels);
            drop(state);
            let there = |space, key: &Key| levels.get(&self.cache, None, space, key, u64::MAX);
            rows.check_once(is_once, |space, key| matches!(there(space, key), Ok(Some(_))));
            state = self.state();
        }
        state.sequence += 1;
        if state.dirty_since.is_none() {
            state.dirty_since = Some(self.clock.now());
        }
        let bytes;
        if is_small {
            bytes = state.levels.memory[0].put(&rows, state.sequence, state.held.sequences(), is_once);
        } else {
            let rows = Arc::new(rows);
            state.batch = Some(Arc::clone(&rows));
            let (memtable, sequence, held) =
                (Arc::clone(&state.levels.memory[0]), state.sequence, state.held.sequences().to_vec());
            drop(state);
            bytes = memtable.put(&rows, sequence, &held, is_once);
            state = self.state();
            state.batch = None;
        }
        let is_full = bytes >= self.options.memtable_bytes;
        if is_full {
            state.freeze(self.options.keyspaces.len());
        }
        let is_awaited = std::mem::take(&mut state.awaits_batch);
        drop(state);
        if is_full || is_awaited {
            self.changed.notify_all();
        }
        Ok(())
    }

    /// The state, once memory has room.
    fn room(&self) -> Result<MutexGuard<'_, State>> {
        let mut state = self.state();
        while state.failure.is_none() && state.levels.memory.len() > self.options.frozen_max {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.refusal(self.options.frozen_max).map_or(Ok(state), Err)
    }

    /// A file for a new table.
    pub(crate) fn new_table(&self) -> Result<TableWriter> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        TableWriter::create(&self.disk, id, table_path(&self.folder, id), &self.options)
    }

    /// Makes other tables count from now on, among them the one just `written`; `flushed` if they have the rows of the
    /// oldest memory. After an error the earlier ones still count.
    pub(crate) fn switch(&self, tables: Vec<Arc<Table>>, written: &Arc<Table>, flushed: bool) -> Result<()> {
        let mut doubtful = self.doubtful.lock().unwrap_or_else(PoisonError::into_inner);
        let manifest = Manifest { next_id: self.next_id.load(Ordering::Relaxed), tables };
        if let Err(NotWritten { error, may_count }) = manifest.write(&*self.disk, &self.folder)
            && !planted!(ManifestErrorSwallowed)
        {
            if may_count && !planted!(DoubtfulTableRemoved) {
                doubtful.push(Arc::clone(written));
            } else {
                written.let_go();
            }
            return Err(error);
        }
        doubtful.drain(..).for_each(|table| table.let_go());
        self.change(|state| {
            let mut levels = Levels::clone(&state.levels);
            if flushed {
                let at = if planted!(FlushOrderWrong) { 1 } else { levels.memory.len() - 1 };
                levels.memory.remove(at);
            }
            levels.tables = manifest.tables;
            state.levels = Arc::new(levels);
        });
        Ok(())
    }

    /// Writes the oldest full memory to a table's file.
    pub(crate) fn write_oldest_memory(&self) -> Result<()> {
        let levels = Arc::clone(&self.state().levels);
        let full = &levels.memory[1..];
        let Some(memtable) = (if planted!(FlushOrderWrong) { full.first() } else { full.last() }) else {
            return Ok(());
        };
        let mut writer = self.new_table()?;
        memtable.for_each(|space, key, value| writer.push(space, key, value))?;
        let table = Arc::new(writer.finish()?);
        let mut tables = levels.tables.clone();
        tables.insert(0, Arc::clone(&table));
        self.switch(tables, &table, true)
    }

    /// Sends all rows in memory to a file.
    pub(crate) fn freeze(&self) -> Result<()> {
        let mut state = self.state();
        while state.batch.is_some() && !self.writer.is_poisoned() {
            state.awaits_batch = true;
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        // Half a batch goes to no file.
        if self.writer.is_poisoned() {
            return Err(stopped());
        }
        state.freeze(self.options.keyspaces.len());
        drop(state);
        self.changed.notify_all();
        Ok(())
    }

    /// Writes everything to files, and waits for it.
    pub(crate) fn flush(&self) -> Result<()> {
        self.freeze()?;
        let mut state = self.state();
        while state.failure.is_none() && state.levels.memory.len() > 1 {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.failure.clone().map_or(Ok(()), Err)
    }

    /// Notes the result of writing memory to a file. Returns whether an error is another one than before.
    pub(crate) fn flushed(&self, error: Option<&Error>) -> bool {
        let words = |error: Option<&Error>| error.map(Error::to_string);
        self.change(|state| {
            let is_news = words(error) != words(state.failure.as_ref());
            state.failure = error.cloned();
            state.retry_at = self.clock.now() + self.options.retry_interval;
            is_news
        })
    }

    /// Whether memory is to be written to a file now.
    pub(crate) fn is_flush_due(&self) -> bool {
        matches!(self.due(&mut self.state()), Due::Work)
    }

    /// Waits until there is something to write to a file, or the end. `false` at the end. After a failure it waits a
    /// moment, and at the end it gives up.
    pub(crate) fn wait_for_work(&self) -> bool {
        let mut state = self.state();
        loop {
            match self.due(&mut state) {
                Due::Work => return true,
                Due::Never => return false,
                Due::In(rest) => {
                    state = self.changed.wait_timeout(state, rest).unwrap_or_else(PoisonError::into_inner).0;
                }
            }
        }
    }

    fn due(&self, state: &mut State) -> Due {
        let (now, flush_after) = (self.clock.now(), self.options.flush_after);
        if state.failure.is_some() && now < state.retry_at {
            return if state.is_closing { Due::Never } else { Due::In(state.retry_at - now) };
        }
        let waited = state.dirty_since.map(|since| now.saturating_sub(since));
        if waited.is_some_and(|waited| waited >= flush_after || state.is_closing) {
            match state.batch {
                _ if self.writer.is_poisoned() => {}
                None => state.freeze(self.options.keyspaces.len()),
                Some(_) => {
                    state.awaits_batch = true;
                    return Due::In(flush_after);
                }
            }
        }
        match waited {
            _ if state.levels.memory.len() > 1 => Due::Work,
            _ if state.is_closing => Due::Never,
            Some(waited) if state.dirty_since.is_some() => Due::In(flush_after.saturating_sub(waited)),
            _ => Due::In(flush_after),
        }
    }
}

fn stopped() -> Error {
    Error::Stopped("a thread panicked".to_owned())
}

/// Wakes everybody who waits, after a panic.
struct WakesOnPanic<'a>(&'a Condvar);

impl Drop for WakesOnPanic<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.notify_all();
        }
    }
}

impl State {
    /// Why no rows are taken, if so: something is corrupt, or memory is full and can't be written.
    fn refusal(&self, frozen_max: usize) -> Option<Error> {
        let is_full = self.levels.memory.len() > frozen_max;
        self.failure.clone().filter(|why| is_full || matches!(why, Error::Corrupt { .. }))
    }

    /// New rows go to a fresh table from now on; the full one waits for its file.
    fn freeze(&mut self, spaces: usize) {
        self.dirty_since = None;
        if self.levels.memory[0].is_empty() {
            return;
        }
        let mut levels = Levels::clone(&self.levels);
        levels.memory.insert(0, Arc::new(Memtable::new(spaces)));
        self.levels = Arc::new(levels);
    }
}
