//! What happens in the background, one step after another: memory that is full goes to a file, and tables become fewer.
//!
//! A step does one such thing, or a piece of one, and returns whether there is more. A thread takes steps as they fall
//! due; a test takes them one by one. A failed write is tried again with another file, after a while.

use std::sync::Arc;

use crate::{
    error::Result,
    store::{
        compaction::{Compaction, newest_to_compact},
        shared::Shared,
    },
};

/// What writes files.
pub(crate) struct Background {
    shared: Arc<Shared>,
    /// The one that is under way.
    compaction: Option<Compaction>,
    /// Whether tables have come since a compaction was last not due, or failed.
    may_compact: bool,
}

impl Background {
    pub(crate) fn new(shared: Arc<Shared>) -> Background {
        Background { shared, compaction: None, may_compact: true }
    }

    /// Takes steps until the store is closed; then everything is in files.
    pub(crate) fn run(mut self) {
        loop {
            let has_more = self.step().unwrap_or(false);
            if !has_more && !self.shared.wait_for_work() {
                return;
            }
        }
    }

    /// Does what is due, or a piece of it. `false`: nothing is.
    pub(crate) fn step(&mut self) -> Result<bool> {
        if self.shared.is_flush_due() {
            self.flush()?;
            return Ok(true);
        }
        if self.shared.state().is_closing {
            self.compaction = None;
            return Ok(false);
        }
        let compacted = self.compact();
        if let Err(error) = &compacted {
            // The tables are as they were. The next flush meets a full disk again, and after that it is tried again.
            self.may_compact = false;
            tracing::warn!(%error, "tables could not be compacted");
        }
        compacted
    }

    /// Writes the oldest memory to a file. While that fails, rows are taken as long as memory has room.
    fn flush(&mut self) -> Result<()> {
        let flushed = self.shared.write_oldest_memory();
        let is_news = self.shared.flushed(flushed.as_ref().err());
        self.may_compact = true;
        if let Err(error) = &flushed {
            // Its unfinished files may take the room that the flush needs.
            self.compaction = None;
            if is_news {
                tracing::error!(%error, "rows can't be written to files; it is tried again");
            }
        }
        flushed
    }

    /// Goes on with a compaction, or begins the one that is due.
    fn compact(&mut self) -> Result<bool> {
        let Some(mut compaction) = self.compaction.take() else { return self.begin_compaction() };
        if compaction.step()? {
            self.compaction = Some(compaction);
        } else {
            compaction.finish()?;
        }
        Ok(true)
    }

    fn begin_compaction(&mut self) -> Result<bool> {
        if !self.may_compact {
            return Ok(false);
        }
        let tables = self.shared.state().levels.tables.clone();
        let lengths: Vec<u64> = tables.iter().map(|table| table.length).collect();
        let count = newest_to_compact(&lengths, self.shared.options.small_file_bytes);
        self.may_compact = count > 0;
        if count > 0 {
            self.compaction = Some(Compaction::begin(&self.shared, tables, count)?);
        }
        Ok(count > 0)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        path::Path,
        sync::atomic::{AtomicU64, Ordering},
    };

    use super::*;
    use clockfold_disk::{Disk, RealDisk};

    use crate::{
        Keyspace, KeyspaceOptions, Options,
        store::{clock::Clock, manifest::Manifest},
    };

    const KEYSPACES: [KeyspaceOptions; 1] = [KeyspaceOptions { is_looked_up: true, is_once: false }];
    const OPTIONS: Options = Options { memtable_bytes: 64 << 10, compaction_rows: 100, ..Options::of(&KEYSPACES) };

    /// A store whose steps and clock a test controls.
    fn stepped(path: &Path) -> (Arc<AtomicU64>, Arc<Shared>, Keyspace, Background) {
        let (disk, time): (Arc<dyn Disk>, _) = (Arc::new(RealDisk), Arc::new(AtomicU64::new(0)));
        let manifest = Manifest::open(&disk, path, KEYSPACES.len()).unwrap();
        let shared = Shared::new(disk, Clock::Test(Arc::clone(&time)), path.to_owned(), OPTIONS, manifest);
        let shared = Arc::new(shared);
        let keyspace = Keyspace { shared: Arc::clone(&shared), space: 0 };
        (time, Arc::clone(&shared), keyspace, Background::new(shared))
    }

    /// Otherwise the thread would be busy with it as long as the disk fails.
    #[test]
    fn a_compaction_that_meets_memory_which_can_not_be_written_is_not_begun_again_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows");
        let (time, shared, rows, mut background) = stepped(&path);
        let mut number = 0_u64;
        let mut fill = || {
            while shared.state().levels.memory.len() < 2 {
                rows.insert(number.to_be_bytes(), b"").unwrap();
                number += 1;
            }
        };
        for _ in 0..2 {
            fill();
            background.flush().unwrap();
        }
        assert!(background.step().unwrap() && background.step().unwrap() && background.compaction.is_some());
        fill();
        // No list of tables can be written, but tables can.
        fs::create_dir(path.join("manifest.new")).unwrap();
        assert!(background.step().is_err() && background.compaction.is_none());
        assert!(shared.state().failure.is_some() && shared.state().levels.tables.len() == 2);
        let files = || fs::read_dir(&path).unwrap().count();
        assert_eq!(files(), 4, "two tables, the manifest and the folder; nothing that counts no more");
        fs::remove_dir(path.join("manifest.new")).unwrap();
        assert!(!shared.is_flush_due());
        time.store(1000, Ordering::Relaxed);
        while background.step().unwrap() {}
        assert_eq!(files(), 2);
    }

    #[test]
    fn rows_go_to_a_file_once_the_first_of_them_has_waited() {
        let folder = tempfile::tempdir().unwrap();
        let (time, shared, rows, mut background) = stepped(&folder.path().join("rows"));
        let tables = || shared.state().levels.tables.len();
        time.store(30_000, Ordering::Relaxed);
        assert!(!background.step().unwrap());
        rows.insert([1], []).unwrap();
        time.store(49_999, Ordering::Relaxed);
        rows.insert([2], []).unwrap();
        assert!(!background.step().unwrap() && tables() == 0);
        time.store(50_000, Ordering::Relaxed);
        assert!(background.step().unwrap() && tables() == 1);
    }
}
