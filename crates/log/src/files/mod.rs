//! The data directory and its small files: the lock and the head; their owner, and what a system's error means.

pub(crate) mod cause;
pub(crate) mod data_dir;
pub(crate) mod lock_file;
pub(crate) mod owner;
pub(crate) mod head;
