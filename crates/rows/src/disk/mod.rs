//! What a store asks of a file system, and no more: files that are created, appended to, synced, read, renamed and
//! removed, and folders whose entries are synced.
//!
//! What a file system promises is little. Before [`File::sync`] has returned, a power cut may leave any of a file's bytes
//! on the disk, or none; before [`Disk::sync_folder`] has, any of the entries that were made, renamed or removed in it, or
//! none. The one does not imply the other. After a sync that failed, any of it may be on the disk, and another sync of the
//! same file does not help.
//!
//! This module knows nothing of rows.

mod real;
#[cfg(test)]
pub(crate) mod fake;

use std::{
    io,
    path::{Path, PathBuf},
};

pub(crate) use real::RealDisk;

/// A file system.
pub(crate) trait Disk: Send + Sync {
    /// Makes a folder for its owner alone; the one above it has to be there.
    fn create_folder(&self, path: &Path) -> io::Result<()>;

    /// Makes a file for its owner alone. There must not be one of that name.
    fn create(&self, path: &Path) -> io::Result<Box<dyn File>>;

    /// Opens a file to read it.
    fn open(&self, path: &Path) -> io::Result<Box<dyn File>>;

    /// A whole file, which is small.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// Gives a file another name, in the place of the file that has it.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file's name. Who has the file open still reads it.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// What is in a folder, in any order.
    fn list(&self, folder: &Path) -> io::Result<Vec<PathBuf>>;

    /// Returns once a folder's entries are on the disk as they are now.
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;
}

/// An open file.
pub(crate) trait File: Send + Sync {
    /// Writes bytes behind all others. After an error some of them may be there.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Returns once the file's bytes and its length are on the disk. Its name may not be.
    fn sync(&self) -> io::Result<()>;

    /// How many bytes it has.
    fn length(&self) -> io::Result<u64>;

    /// Fills `bytes` with those that begin at `at`.
    fn read_at(&self, bytes: &mut [u8], at: u64) -> io::Result<()>;
}
