//! How a store is opened: its keyspaces, sizes and times.

use std::time::Duration;

/// How a store is opened. The sizes in files may differ from one opening to the next.
#[derive(Clone, Debug)]
pub struct Options {
    /// The keyspaces. The number of one is its place here, and stays.
    pub keyspaces: &'static [KeyspaceOptions],
    /// The most bytes of files that are kept in memory.
    pub cache_bytes: usize,
    /// At how many bytes the rows in memory go to a file. A crash takes them, and [`Options::frozen_max`] times as many
    /// more where files can't be written as fast as rows come.
    pub memtable_bytes: usize,
    /// A writer waits while this many full tables in memory have no file yet.
    pub frozen_max: usize,
    /// Rows go to a file when the first of them has waited this long in memory, however few they are.
    pub flush_after: Duration,
    /// A block is closed once it has this many bytes: a look-up reads one.
    pub block_bytes: usize,
    /// A section is closed once it has this many blocks: its index is read and cached as a whole.
    pub section_blocks: usize,
    /// Files below this are of the smallest size; each size is four times the one below.
    pub small_file_bytes: u64,
    /// After how many rows a compaction looks for full memory.
    pub compaction_rows: usize,
    /// After how long a failed write is tried again.
    pub retry_interval: Duration,
}

/// What a keyspace is used for.
#[derive(Clone, Copy, Debug)]
pub struct KeyspaceOptions {
    /// Rows are looked up by their keys: tables have filters for that.
    pub is_looked_up: bool,
    /// No batch inserts a row that is there already. So a row that is removed before a flush leaves no trace.
    pub is_once: bool,
}

impl Options {
    /// A store of these keyspaces, for some millions of rows.
    pub const fn of(keyspaces: &'static [KeyspaceOptions]) -> Options {
        Options {
            keyspaces,
            cache_bytes: 64 << 20,
            memtable_bytes: 24 << 20,
            frozen_max: 2,
            flush_after: Duration::from_secs(20),
            block_bytes: 4096,
            section_blocks: 64,
            small_file_bytes: 2 << 20,
            compaction_rows: 4096,
            retry_interval: Duration::from_secs(1),
        }
    }
}
