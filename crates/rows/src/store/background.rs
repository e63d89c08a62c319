//! The thread in the background: it writes full memory to files, and merges files so that readers look at few.
//!
//! Files are of sizes: each size is four times the one below. Once there are [`TABLES_OF_SIZE`] of one size or below
//! behind each other, the newest first, they become one. So a row is written again once a size, and a reader looks at
//! three files of each at most. Small ones, which an idle server makes, are merged at once.
//!
//! A file is complete and on the disk before a manifest names it, and rows leave memory after that. A crash at any
//! moment leaves the old list or the new one; each is exactly what the store was after one batch.

use std::{ops::Bound, sync::Arc};

use crate::{
    error::Result,
    merge::{Merge, Source},
    store::{levels::Levels, shared::Shared},
    table::{
        key::{Bounds, Direction},
        reader::Table,
    },
};

const TABLES_OF_SIZE: usize = 4;

/// What writes files.
pub(crate) struct Background {
    shared: Arc<Shared>,
}

impl Background {
    pub(crate) fn new(shared: Arc<Shared>) -> Background {
        Background { shared }
    }

    /// Works until the store is closed; then everything is in files.
    pub(crate) fn run(self) {
        loop {
            // A merge that fails leaves the tables as they are. A disk that is full is met again by what is to be flushed.
            if self.flush_all()
                && let Err(error) = self.merge_while_due()
            {
                tracing::warn!(%error, "tables could not be merged");
            }
            if !self.shared.wait_for_work() {
                return;
            }
        }
    }

    /// Writes what waits in memory, the oldest first. `false`: it can't be written now; that is tried again with another
    /// file, and rows are taken as long as memory has room.
    fn flush_all(&self) -> bool {
        loop {
            let levels = Arc::clone(&self.shared.state().levels);
            if levels.memory.len() < 2 {
                return true;
            }
            let flushed = self.flush(&levels);
            let is_news = self.shared.flushed(flushed.as_ref().err());
            if let Err(error) = flushed {
                if is_news {
                    tracing::error!(%error, "rows can't be written to files; it is tried again");
                }
                return false;
            }
        }
    }

    fn flush(&self, levels: &Levels) -> Result<()> {
        let memtable = levels.memory.last().expect("there are two");
        let mut writer = self.shared.new_table()?;
        memtable.for_each(|space, key, value| writer.push(space, key, value))?;
        let table = Arc::new(writer.finish()?);
        let mut tables = levels.tables.clone();
        tables.insert(0, Arc::clone(&table));
        self.shared.switch(tables, &table, true)
    }

    fn merge_while_due(&self) -> Result<()> {
        loop {
            let tables = self.shared.state().levels.tables.clone();
            let count = newest_to_merge(
                &tables.iter().map(|table| table.length).collect::<Vec<_>>(),
                self.shared.options.small_file_bytes,
            );
            if count == 0 || self.shared.state().is_closing {
                return Ok(());
            }
            if !self.merge(&tables, count)? {
                return Ok(());
            }
        }
    }

    /// Makes one table of the newest `count`. `false`: it was given up, for the end or for memory that can't be written
    /// now; whoever waits before trying that again has to come to it.
    fn merge(&self, tables: &[Arc<Table>], count: usize) -> Result<bool> {
        let (merged, kept) = tables.split_at(count);
        let mut writer = self.shared.new_table()?;
        let mut rows_since = 0;
        for space in 0..self.shared.options.keyspaces.len() {
            let all: Bounds = (Bound::Unbounded, Bound::Unbounded);
            let sources = merged.iter().filter(|table| !table.sections[space].is_empty());
            let sources = sources.map(|table| Source::table(table, &self.shared.cache, space, &all));
            let mut rows = Merge::of(sources, Direction::Up);
            // Where no older table has rows, nothing needs to say that one was removed.
            let is_oldest = kept.iter().all(|table| table.sections[space].is_empty());
            while let Some((key, value)) = rows.next()? {
                if value.is_some() || !is_oldest {
                    writer.push(space, &key, value.as_deref())?;
                }
                rows_since += 1;
                if rows_since == self.shared.options.compaction_rows {
                    rows_since = 0;
                    if !self.flush_all() || self.shared.state().is_closing {
                        return Ok(false);
                    }
                }
            }
        }
        let table = Arc::new(writer.finish()?);
        // Tables that came in the meantime are newer.
        let mut now = self.shared.state().levels.tables.clone();
        let first = now.len() - tables.len();
        let gone: Vec<_> = now.splice(first..first + count, [Arc::clone(&table)]).collect();
        self.shared.switch(now, &table, false)?;
        gone.iter().for_each(|table| table.let_go());
        Ok(true)
    }
}

/// How many of the newest tables become one; the lengths are the newest first. Tables below `small` are of the smallest
/// size.
fn newest_to_merge(lengths: &[u64], small: u64) -> usize {
    let size_of_table = |length| size_of_table(length, small);
    let largest = lengths.iter().map(|length| size_of_table(*length)).max().unwrap_or(0);
    let mut merged = 0;
    for size in 0..=largest {
        let count = lengths.iter().take_while(|length| size_of_table(**length) <= size).count();
        // What is merged already is one table by now, of this size or above.
        let is_one = merged > 0 && size_of_table(lengths[..merged].iter().sum()) <= size;
        let tables = count.saturating_sub(merged) + usize::from(is_one);
        if tables >= if size == 0 { 2 } else { TABLES_OF_SIZE } {
            merged = count;
        }
    }
    merged
}

/// 0 below `small`, 1 below four times that, and so on.
fn size_of_table(length: u64, small: u64) -> u32 {
    (length / small).checked_ilog2().map_or(0, |power| power / 2 + 1)
}

#[cfg(test)]
mod tests {
    use std::{fs, sync::mpsc, thread, time::Duration};

    use super::*;
    use crate::{
        Keyspace, KeyspaceOptions, Options,
        disk::{Disk, RealDisk},
        store::manifest::Manifest,
    };

    const SMALL_BYTES: u64 = 2 << 20;

    /// Otherwise the thread would be busy with it as long as the disk fails.
    #[test]
    fn a_merge_that_meets_memory_which_can_not_be_written_is_not_begun_again_at_once() {
        const KEYSPACES: [KeyspaceOptions; 1] = [KeyspaceOptions { is_looked_up: true, is_once: false }];
        const OPTIONS: Options = Options { memtable_bytes: 64 << 10, ..Options::of(&KEYSPACES) };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows");
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        let manifest = Manifest::open(&disk, &path, KEYSPACES.len()).unwrap();
        let shared = Arc::new(Shared::new(disk, path.clone(), OPTIONS, manifest));
        let (rows, background) =
            (Keyspace { shared: Arc::clone(&shared), space: 0 }, Background::new(Arc::clone(&shared)));
        let mut number = 0_u64;
        let mut fill = || {
            while shared.state().levels.memory.len() < 2 {
                rows.insert(number.to_be_bytes(), b"").unwrap();
                number += 1;
            }
            number
        };
        while fill() < 3 * OPTIONS.compaction_rows as u64 {
            assert!(background.flush_all());
        }
        // No list of tables can be written, but tables can.
        fs::create_dir(path.join("manifest.new")).unwrap();
        let (done, told) = mpsc::channel();
        thread::spawn(move || done.send(background.merge_while_due()));
        told.recv_timeout(Duration::from_secs(20)).expect("it comes back").unwrap();
        assert!(shared.state().failure.is_some() && shared.state().levels.tables.len() > 1);
    }

    #[test]
    fn small_tables_become_one_at_once_and_others_by_four() {
        let check = |lengths: &[u64], expected: usize| {
            let lengths: Vec<u64> = lengths.iter().map(|length| length * SMALL_BYTES / 2).collect();
            assert_eq!(newest_to_merge(&lengths, SMALL_BYTES), expected, "{lengths:?}");
        };
        check(&[], 0);
        check(&[1], 0);
        check(&[1, 1], 2);
        check(&[2, 2, 3], 0);
        check(&[2, 2, 3, 2], 4);
        check(&[1, 2, 2, 3, 2], 5);
        check(&[1, 1, 32, 32, 32], 5);
        check(&[1, 1, 32, 32], 2);
        // A merge that makes the fourth of the next size takes the others of that size along.
        check(&[3, 3, 3, 3, 8, 8, 8], 7);
        check(&[3, 3, 3, 3, 8, 8, 8, 200], 7);
        check(&[200, 2, 2, 2, 2], 5);
    }

    #[test]
    fn however_much_is_written_there_are_few_tables() {
        let mut lengths: Vec<u64> = Vec::new();
        for written in 0..10_000_u64 {
            lengths.insert(0, SMALL_BYTES * (1 + written * 7 % 13));
            loop {
                let count = newest_to_merge(&lengths, SMALL_BYTES);
                if count == 0 {
                    break;
                }
                let sum = lengths[..count].iter().sum();
                lengths.splice(..count, [sum]);
            }
            assert!(lengths.len() <= 24, "{lengths:?}");
        }
    }
}
