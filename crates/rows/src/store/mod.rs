//! The tables and the rows in memory that make up a store: which count, and what reads and writes them.

pub(crate) mod levels;
pub(crate) mod manifest;
pub(crate) mod clock;
pub(crate) mod moments;
pub(crate) mod shared;
pub(crate) mod snapshot;
pub(crate) mod iter;
pub(crate) mod batch;
pub(crate) mod ingest;
pub(crate) mod compaction;
pub(crate) mod background;
