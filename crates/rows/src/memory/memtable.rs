//! The rows that wait in memory for their file, with as many versions of each as snapshots still ask for.
//!
//! One writer puts batches in, some rows at a time; readers copy rows out, some at a time; so neither waits long for
//! the other. No reader sees half a batch: one that may see the batch looks at the batch first, and another sees older
//! versions. Values stand one after another in large pieces: overwritten ones stay there until the whole goes to disk,
//! so the memory that a table takes is bounded by what was written to it.

use std::{
    collections::{BTreeMap, VecDeque, btree_map::Entry},
    ops::Bound,
    sync::{
        PoisonError, RwLock, RwLockReadGuard,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crate::{
    memory::batch_rows::BatchRows,
    planted::planted,
    table::key::{Bounds, Direction, Key, Row, is_range, nothing},
};

/// The pieces that values stand in.
const PIECE_BYTES: usize = 1 << 20;
/// About what a row costs beside its value: its key, its place in the tree, and the tree's slack.
const ROW_BYTES: usize = 112;
/// A reader looks at no more rows than this before it lets the writer in.
const LOOKS_MAX: usize = 1024;
/// How long the writer steps aside for readers that wait: a thread that is woken up may take some of it to run.
const ASIDE_MAX: Duration = Duration::from_millis(1);

/// Rows in memory, by keyspace.
pub(crate) struct Memtable {
    rows: RwLock<Rows>,
    /// Readers that wait for the writer.
    waiting: AtomicUsize,
}

struct Rows {
    spaces: Vec<BTreeMap<Key, Versions>>,
    values: Vec<Vec<u8>>,
    bytes: usize,
}

/// The versions of a row that a reader may ask for.
struct Versions {
    newest: Version,
    /// Newest first, each for a snapshot that is held.
    older: Box<[Version]>,
    /// No older table has the row: when it is removed, nothing needs to say so.
    born_here: bool,
}

#[derive(Clone, Copy)]
struct Version {
    /// The batch that made it.
    sequence: u64,
    piece: u32,
    offset: u32,
    /// [`REMOVED`] for a row that is no longer there.
    length: u32,
}

const REMOVED: u32 = u32::MAX;

impl Memtable {
    pub(crate) fn new(spaces: usize) -> Memtable {
        let spaces = std::iter::repeat_with(BTreeMap::new).take(spaces).collect();
        let rows = RwLock::new(Rows { spaces, values: Vec::new(), bytes: 0 });
        Memtable { rows, waiting: AtomicUsize::new(0) }
    }

    /// Puts a batch in, where `held` are the sequence numbers of the snapshots that may not see it, ascending. Returns about
    /// how many bytes all rows take.
    pub(crate) fn put(&self, batch: &BatchRows, sequence: u64, held: &[u64], is_once: impl Fn(usize) -> bool) -> usize {
        let mut bytes = 0;
        for (number, part) in batch.parts().enumerate() {
            if number > 0 {
                self.let_readers_in();
            }
            // A panic in here leaves a batch half done; the store is not written after that (see `commit`).
            let mut rows = self.rows.write().unwrap_or_else(PoisonError::into_inner);
            for row in part {
                let space = row.space as usize;
                rows.put((space, row.key.clone()), batch.value(row), sequence, held, is_once(space));
            }
            bytes = rows.bytes;
        }
        bytes
    }

    /// A lock goes to the thread that asks for it next: again the writer, before a reader has woken up.
    fn let_readers_in(&self) {
        if self.waiting.load(Ordering::Relaxed) == 0 {
            return;
        }
        let begun = Instant::now();
        while self.waiting.load(Ordering::Relaxed) > 0 && begun.elapsed() < ASIDE_MAX {
            thread::yield_now();
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, Rows> {
        if let Ok(rows) = self.rows.try_read() {
            return rows;
        }
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let rows = self.rows.read().unwrap_or_else(PoisonError::into_inner);
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        rows
    }

    /// Keeps the writer out meanwhile.
    #[cfg(test)]
    pub(crate) fn while_read(&self, act: impl FnOnce()) {
        let _rows = self.read();
        act();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.read().spaces.iter().all(BTreeMap::is_empty)
    }

    /// The row as of a sequence number: `None` where this table does not know it, `Some(None)` where it was removed.
    pub(crate) fn get(&self, space: usize, key: &Key, sequence: u64) -> Option<Option<Vec<u8>>> {
        let rows = self.read();
        let version = rows.spaces[space].get(key)?.as_of(sequence)?;
        Some(rows.value(version).map(<[u8]>::to_vec))
    }

    /// Copies out some of the rows in `bounds`, in `direction`, and moves the bound behind them. `false` where there
    /// are no more.
    pub(crate) fn rows(
        &self,
        space: usize,
        bounds: &mut Bounds,
        direction: Direction,
        sequence: u64,
        count: usize,
        found: &mut VecDeque<Row>,
    ) -> bool {
        if !is_range(bounds) {
            return false;
        }
        let rows = self.read();
        let mut range = rows.spaces[space].range((bounds.0.as_ref(), bounds.1.as_ref()));
        let mut last = None;
        for _ in 0..LOOKS_MAX {
            let next = match direction {
                Direction::Up => range.next(),
                Direction::Down => range.next_back(),
            };
            let Some((key, versions)) = next else {
                *bounds = nothing();
                return true;
            };
            last = Some(key);
            if let Some(version) = versions.as_of(sequence) {
                found.push_back((key.clone(), rows.value(version).map(<[u8]>::to_vec)));
                if found.len() >= count {
                    break;
                }
            }
        }
        if let Some(last) = last {
            match direction {
                Direction::Up => bounds.0 = Bound::Excluded(last.clone()),
                Direction::Down => bounds.1 = Bound::Excluded(last.clone()),
            }
        }
        true
    }

    /// Passes every row of a table that is no longer written, in the order of spaces and keys.
    pub(crate) fn for_each<E>(
        &self,
        mut show: impl FnMut(usize, &Key, Option<&[u8]>) -> Result<(), E>,
    ) -> Result<(), E> {
        let rows = self.read();
        for (space, map) in rows.spaces.iter().enumerate() {
            for (key, versions) in map {
                let value = rows.value(versions.newest);
                if value.is_some() || !versions.born_here {
                    show(space, key, value)?;
                }
            }
        }
        Ok(())
    }
}

impl Rows {
    /// Puts in a row (`None` removes it), where `held` are the sequence numbers of snapshots, ascending. With
    /// `once`, the writer promises that it inserts no row that is there already.
    fn put(&mut self, (space, key): (usize, Key), value: Option<&[u8]>, sequence: u64, held: &[u64], once: bool) {
        let newest = self.keep(value, sequence);
        match self.spaces[space].entry(key) {
            Entry::Vacant(entry) => {
                self.bytes += ROW_BYTES;
                entry.insert(Versions { newest, older: Box::default(), born_here: once && value.is_some() });
            }
            Entry::Occupied(mut entry) => {
                let versions = entry.get_mut();
                versions.replace(newest, held);
                if value.is_none() && versions.born_here && versions.older.is_empty() {
                    self.bytes -= ROW_BYTES;
                    entry.remove();
                }
            }
        }
    }

    fn keep(&mut self, value: Option<&[u8]>, sequence: u64) -> Version {
        let Some(value) = value else { return Version { sequence, piece: 0, offset: 0, length: REMOVED } };
        if self.values.last().is_none_or(|piece| piece.len() + value.len() > piece.capacity()) {
            self.values.push(Vec::with_capacity(PIECE_BYTES.max(value.len())));
        }
        let number = |number: usize| u32::try_from(number).expect("a table is written long before it has 4 GiB");
        let (piece, length) = (number(self.values.len() - 1), number(value.len()));
        let values = self.values.last_mut().expect("one was made just now");
        let offset = number(values.len());
        values.extend_from_slice(value);
        self.bytes += value.len();
        Version { sequence, piece, offset, length }
    }

    fn value(&self, version: Version) -> Option<&[u8]> {
        let Version { piece, offset, length, .. } = version;
        (length != REMOVED).then(|| &self.values[piece as usize][offset as usize..][..length as usize])
    }
}

impl Versions {
    fn as_of(&self, sequence: u64) -> Option<Version> {
        if self.newest.sequence <= sequence {
            return Some(self.newest);
        }
        self.older.iter().find(|version| version.sequence <= sequence).copied()
    }

    /// The version that was the newest stays only for a snapshot that was taken while it was.
    fn replace(&mut self, newest: Version, held: &[u64]) {
        let replaced = std::mem::replace(&mut self.newest, newest);
        let newest_held = held.last().copied().unwrap_or(0);
        if self.older.is_empty() && newest_held < replaced.sequence || planted!(VersionForgotten) {
            return;
        }
        let mut until = newest.sequence;
        let mut kept = Vec::with_capacity(self.older.len() + 1);
        for version in std::iter::once(replaced).chain(self.older.iter().copied()) {
            let first = held.partition_point(|held| *held < version.sequence);
            if held.get(first).is_some_and(|held| *held < until) {
                kept.push(version);
            }
            until = version.sequence;
        }
        self.older = kept.into();
    }
}
