//! lsm-tree without a journal.
//!
//! It is a tree of versioned rows and leaves to its user what a store is beside that: which version a reader may see, how
//! long old ones are kept, and the threads that flush and compact. They are here. All keyspaces share one tree, with the
//! keyspace's number before each key, so that one flush ends with one batch everywhere.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{Receiver, Sender, channel},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use lsm_tree::{AbstractTree, AnyTree, Cache, Config, Guard, SeqNo, SequenceNumberCounter, compaction::Leveled};

use crate::{
    rows::SortedRows,
    store::{Batch, Budget, Fallible, Scan, Space, Store, View},
};

/// A writer waits while more full memtables than these have no file; ours does so too.
const SEALED_MAX: usize = 2;
const POLL: Duration = Duration::from_millis(1);

struct Lsm {
    tree: Arc<Versioned>,
    memtable_bytes: u64,
    /// Wakes the thread that flushes; it ends when this is dropped.
    full: Sender<()>,
    threads: Vec<JoinHandle<lsm_tree::Result<()>>>,
}

/// The tree, and who may see what of it.
struct Versioned {
    tree: AnyTree,
    /// The tree takes numbers from it too, for its lists of files.
    next: SequenceNumberCounter,
    /// Held while a batch is put in.
    writer: Mutex<()>,
    readers: Mutex<Readers>,
}

#[derive(Default)]
struct Readers {
    /// Everything below this number is whole batches.
    visible: SeqNo,
    /// How many views hold which number.
    held: BTreeMap<SeqNo, usize>,
}

struct LsmView<'a> {
    tree: &'a Versioned,
    sees: SeqNo,
}

pub(super) fn open(path: &Path, budget: Budget) -> Fallible<Box<dyn Store>> {
    let next = SequenceNumberCounter::default();
    // What the tree itself thinks visible moves with each flush, in the midst of a batch too; nobody looks at it.
    let config = Config::new(path, next.clone(), SequenceNumberCounter::default());
    let tree = config.use_cache(Arc::new(Cache::with_capacity_bytes(budget.cache_bytes as u64))).open()?;
    next.set(tree.get_highest_seqno().map_or(1, |highest| highest + 1));
    let readers = Readers { visible: next.get(), ..Readers::default() };
    let tree = Arc::new(Versioned { tree, next, writer: Mutex::new(()), readers: Mutex::new(readers) });
    let (full, is_full) = channel();
    let (flushed, is_flushed) = channel();
    let (flusher, compactor) = (Arc::clone(&tree), Arc::clone(&tree));
    let threads = vec![
        thread::spawn(move || flusher.flush_whenever(&is_full, &flushed)),
        thread::spawn(move || compactor.compact_whenever(&is_flushed)),
    ];
    Ok(Box::new(Lsm { tree, memtable_bytes: budget.memtable_bytes as u64, full, threads }))
}

impl Versioned {
    fn readers(&self) -> MutexGuard<'_, Readers> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn writer(&self) -> MutexGuard<'_, ()> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Versions below this are needed by nobody.
    fn watermark(&self) -> SeqNo {
        let readers = self.readers();
        readers.held.keys().next().copied().unwrap_or(readers.visible)
    }

    /// Shows the newest list of files, so that the tree can let go of the older ones.
    fn show_files(&self) {
        let _no_batch_is_half_in = self.writer();
        self.readers().visible = self.next.get();
    }

    fn flush_whenever(&self, is_full: &Receiver<()>, flushed: &Sender<()>) -> lsm_tree::Result<()> {
        while is_full.recv().is_ok() {
            let lock = self.tree.get_flush_lock();
            self.tree.flush(&lock, self.watermark())?;
            drop(lock);
            self.show_files();
            if flushed.send(()).is_err() {
                break;
            }
        }
        Ok(())
    }

    fn compact_whenever(&self, is_flushed: &Receiver<()>) -> lsm_tree::Result<()> {
        let shape = || {
            let levels = (0..7).map(|level| self.tree.level_table_count(level).unwrap_or(0));
            (levels.collect::<Vec<_>>(), self.tree.disk_space())
        };
        while is_flushed.recv().is_ok() {
            // A compaction that finds nothing to do changes nothing.
            let mut before = None;
            while before != Some(shape()) {
                before = Some(shape());
                self.tree.compact(Arc::new(Leveled::default()), self.watermark())?;
                self.show_files();
            }
        }
        Ok(())
    }
}

impl Lsm {
    /// Gives the threads some time.
    fn wait(&self) -> Fallible<()> {
        if self.threads.iter().any(JoinHandle::is_finished) {
            return Err("a thread that flushes or compacts has ended".into());
        }
        thread::sleep(POLL);
        Ok(())
    }
}

impl Store for Lsm {
    fn ingest(&self, rows: &SortedRows<'_>) -> Fallible<()> {
        let mut ingestion = self.tree.tree.ingestion()?;
        for space in Space::ALL {
            rows.each(space, &mut |key, value| Ok(ingestion.write(in_tree(space, key), value)?))?;
        }
        ingestion.finish()?;
        self.tree.show_files();
        Ok(())
    }

    fn write(&self, batch: &Batch) -> Fallible<()> {
        let tree = &self.tree.tree;
        while tree.sealed_memtable_count() > SEALED_MAX {
            self.wait()?;
        }
        let guard = self.tree.writer();
        let number = self.tree.next.next();
        let mut memtable_bytes = 0;
        for (space, key, value) in batch.operations() {
            let key = in_tree(space, key);
            (_, memtable_bytes) = match value {
                Some(value) => tree.insert(key, value, number),
                // Meets its row and vanishes with it.
                None if space.is_once() => tree.remove_weak(key, number),
                None => tree.remove(key, number),
            };
        }
        self.tree.readers().visible = number + 1;
        if memtable_bytes > self.memtable_bytes {
            tree.rotate_memtable();
            self.full.send(())?;
        }
        drop(guard);
        Ok(())
    }

    fn flush(&self) -> Fallible<()> {
        let guard = self.tree.writer();
        self.tree.tree.rotate_memtable();
        drop(guard);
        self.full.send(())?;
        while self.tree.tree.sealed_memtable_count() > 0 {
            self.wait()?;
        }
        Ok(())
    }

    fn view(&self) -> Fallible<Box<dyn View + '_>> {
        let mut readers = self.tree.readers();
        let sees = readers.visible;
        *readers.held.entry(sees).or_default() += 1;
        Ok(Box::new(LsmView { tree: &self.tree, sees }))
    }

    fn close(self: Box<Self>) -> Fallible<()> {
        drop(self.full);
        for thread in self.threads {
            thread.join().map_err(|_| "a thread that flushes or compacts panicked")??;
        }
        Ok(())
    }
}

impl View for LsmView<'_> {
    fn get(&self, space: Space, key: &[u8], see: &mut dyn FnMut(&[u8])) -> Fallible<()> {
        if let Some(value) = self.tree.tree.get(in_tree(space, key), self.sees)? {
            see(&value);
        }
        Ok(())
    }

    fn scan(&self, scan: &Scan<'_>, see: &mut dyn FnMut(&[u8], &[u8])) -> Fallible<()> {
        let range = in_tree(scan.space, scan.from)..=in_tree(scan.space, scan.to);
        scan.walk(self.tree.tree.range(range, self.sees, None), |row| {
            let (key, value) = row.into_inner()?;
            see(&key[1..], &value);
            Ok(())
        })
    }
}

impl Drop for LsmView<'_> {
    fn drop(&mut self) {
        let mut readers = self.tree.readers();
        let count = readers.held.get_mut(&self.sees).expect("this view holds it");
        *count -= 1;
        if *count == 0 {
            readers.held.remove(&self.sees);
        }
    }
}

fn in_tree(space: Space, key: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(1 + key.len());
    bytes.push(space as u8);
    bytes.extend_from_slice(key);
    bytes
}
