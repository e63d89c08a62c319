//! What a store asks of a file system, and no more: files that are created, appended to, synced, read, renamed and
//! removed, and folders whose entries are synced.
//!
//! What a file system promises is little. Before [`File::sync`] has returned, a power cut may leave any of a file's bytes
//! on the disk, or none; before [`Disk::sync_folder`] has, any of the entries that were made, renamed or removed in it, or
//! none. The one does not imply the other. After a sync that failed, any of it may be on the disk, and another sync of the
//! same file does not help.
//!
//! With the feature `fake` there is a disk in memory that keeps no more than that, for tests.

mod real;
#[cfg(any(test, feature = "fake"))]
pub mod fake;

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

pub use real::RealDisk;

/// Which file or folder it is, whatever its name: its device and its number there.
pub type FileId = (u64, u64);

/// A file system.
pub trait Disk: fmt::Debug + Send + Sync {
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

    /// Gives a file a name that nothing has; an error where something has it.
    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file's name. Who has the file open still reads it.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// What is in a folder, in any order.
    fn list(&self, folder: &Path) -> io::Result<Vec<PathBuf>>;

    /// Returns once a folder's entries are on the disk as they are now.
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;

    /// Which file or folder has that name now.
    fn id_at(&self, path: &Path) -> io::Result<FileId>;

    /// Whether that file or folder has this name. An error of the look-up is no sign that it is gone.
    fn is_at(&self, id: FileId, path: &Path) -> io::Result<bool> {
        match self.id_at(path) {
            Ok(found) => Ok(found == id),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// A whole file as the disk has it: see [`File::forget_cached`].
    fn read_from_disk(&self, path: &Path) -> io::Result<Vec<u8>> {
        let file = self.open(path)?;
        file.forget_cached()?;
        let mut bytes = vec![0; usize::try_from(file.length()?).map_err(io::Error::other)?];
        file.read_at(&mut bytes, 0)?;
        Ok(bytes)
    }
}

/// An open file.
pub trait File: Send + Sync {
    /// Writes bytes behind all others, on a handle that is only appended to. After an error some of them may be there.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Writes bytes from `at` on, over what stands there. After an error some of them may be there.
    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()>;

    /// Returns once the file's bytes and its length are on the disk. Its name may not be.
    fn sync(&self) -> io::Result<()>;

    /// How many bytes it has.
    fn length(&self) -> io::Result<u64>;

    /// Fills `bytes` with those that begin at `at`.
    fn read_at(&self, bytes: &mut [u8], at: u64) -> io::Result<()>;

    /// Syncs the file, and has it read from the disk from now on: after a sync that failed, the system's memory may
    /// hold bytes that no disk has, and call them written. It is no error where the system keeps it in memory all the
    /// same, as some do.
    fn forget_cached(&self) -> io::Result<()>;

    /// Which file it is.
    fn id(&self) -> io::Result<FileId>;
}
