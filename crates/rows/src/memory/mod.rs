//! Rows in memory: those of a batch, and those that wait for a file.

pub(crate) mod batch_rows;
pub(crate) mod memtable;
