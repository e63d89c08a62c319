//! The lock file: one process at a time has the data directory, and says in it what others on this machine may know.
//!
//! Its lines, which only its owner can read:
//!
//! ```text
//! 4711                         the process that has the lock
//! http://127.0.0.1:8080        what the holder says of itself: lines without a blank, wiped out at its end or,
//! 3q2-7w...                    after a kill, by the next process that takes the lock to write
//! session-key 9f86d081...      what stays from one holder to the next: a word, a blank, and its value
//! ```
//!
//! Only their writers know what the lines mean. A line without its line feed is torn, and counts for nothing.

use std::{
    fmt,
    fs::{self, File, Permissions, TryLockError},
    io::{self, Read as _},
    os::unix::fs::{FileExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use clockfold_disk::{Disk as _, File as _, RealDisk};

use crate::{LogError, files::data_dir::storage};

/// The most bytes that are read: more than a lock file has.
const FILE_BYTES_MAX: u64 = 512 << 10;

/// While this lives, no other process opens the data directory.
#[derive(Debug)]
pub struct DataDirLock {
    file: File,
    text: Mutex<Text>,
    /// What becomes of the file at the end, where the holder only reads.
    after: Option<After>,
}

/// What a lock file is to be again.
struct After {
    path: PathBuf,
    /// `None`: it was not there.
    content: Option<Vec<u8>>,
}

/// What the file says beside this process's id: lines without their line feeds.
#[derive(Clone, Default)]
struct Text {
    holder: Vec<String>,
    lasting: Vec<String>,
}

impl fmt::Debug for After {
    /// Nothing that a message should not hold.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "After({})", self.path.display())
    }
}

impl fmt::Debug for Text {
    /// Nothing that a message should not hold.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Text({} lines of the holder, {} that last)", self.holder.len(), self.lasting.len())
    }
}

impl Drop for DataDirLock {
    /// Unlocks explicitly, and does not leave that to the closing of the file: a child that is about to become another
    /// program still has a copy of it open, and would keep the lock for as long.
    fn drop(&mut self) {
        if let Some(After { path, content }) = &self.after {
            let put_back = match content {
                Some(content) => {
                    self.file.write_all_at(content, 0).and_then(|()| self.file.set_len(content.len() as u64))
                }
                // A process that opened it a moment ago finds out that it is gone.
                None => fs::remove_file(path),
            };
            if let Err(error) = put_back {
                tracing::warn!(%error, "the lock file could not be made what it was");
            }
        } else {
            // Nobody can be asked any more.
            let text = self.text.get_mut().unwrap_or_else(PoisonError::into_inner);
            if !std::mem::take(&mut text.holder).is_empty()
                && let Err(error) = text.write_to(&self.file)
            {
                tracing::warn!(%error, "the lock file could not be written: it still says how to ask this process, which ends");
            }
        }
        if let Err(error) = self.file.unlock() {
            tracing::warn!(%error, "the lock on the data directory could not be given back before its file is closed");
        }
    }
}

impl DataDirLock {
    /// Takes the lock of the data directory `root`, whose lock file is at `path`.
    pub(crate) fn take(root: &Path, path: &Path) -> Result<DataDirLock, LogError> {
        let (lock, _) = DataDirLock::taken(root, path)?;
        lock.make_private();
        lock.say();
        Ok(lock)
    }

    /// Takes it for a reader: the file is afterwards what it was before, or gone where there was none.
    pub(crate) fn take_to_read(root: &Path, path: &Path) -> Result<DataDirLock, LogError> {
        let (mut lock, was_there) = DataDirLock::taken(root, path)?;
        let content = was_there.then(|| fs::read(path)).transpose();
        let content = content.map_err(|error| storage(format!("reading {}", path.display()), error))?;
        lock.after = Some(After { path: path.to_owned(), content });
        lock.say();
        Ok(lock)
    }

    /// Takes the lock, and leaves the file as it is. Returns whether it was there; otherwise this call has made it.
    pub(crate) fn taken(root: &Path, path: &Path) -> Result<(DataDirLock, bool), LogError> {
        let failed = |error| storage(format!("locking {}", path.display()), error);
        loop {
            let (file, was_there) = match open_or_make(path) {
                Ok(opened) => opened,
                // Somebody else has made it in between.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(error) => return Err(failed(error)),
            };
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    let holder = read(&file).ok().and_then(|text| text.lines().next().map(str::to_owned));
                    return Err(LogError::InUse { path: root.to_owned(), holder });
                }
                Err(TryLockError::Error(error)) => return Err(failed(error)),
            }
            let text = Text { holder: Vec::new(), lasting: lasting_in(&read(&file).unwrap_or_default()) };
            let lock = DataDirLock { file, text: Mutex::new(text), after: None };
            // A reader that made it has removed it since.
            if lock.is_at(path).map_err(failed)? {
                return Ok((lock, was_there));
            }
        }
    }

    /// An earlier version made it readable to all.
    fn make_private(&self) {
        if let Err(error) = self.file.set_permissions(Permissions::from_mode(0o600)) {
            tracing::warn!(%error, "the lock file could not be made its owner's alone");
        }
    }

    /// Says in the file who has the lock. That only serves a message: a full disk must not keep a log from being read.
    fn say(&self) {
        let text = self.text();
        if let Err(error) = text.write_to(&self.file) {
            tracing::warn!(%error, "the lock file could not be written");
        }
    }

    /// Says in the file, which only its owner can read, how to ask this process: lines without a blank. They are wiped out
    /// when the lock is given back, or by the next process that takes it to write.
    pub fn announce(&self, lines: &[&str]) -> io::Result<()> {
        debug_assert!(lines.iter().all(|line| !line.contains([' ', '\n'])), "a line of the holder has no blank");
        let mut text = self.text();
        text.holder = lines.iter().map(|&line| line.to_owned()).collect();
        text.write_to(&self.file)
    }

    /// The lines that stay in the file from one holder to the next.
    pub fn lasting(&self) -> Vec<String> {
        self.text().lasting.clone()
    }

    /// Changes those lines, durably; each is a word, a blank, and more. Where the file could not be written they hold until
    /// the lock is given back, and the next change writes them. Call it where blocking is fine.
    pub fn change_lasting(&self, change: impl FnOnce(&mut Vec<String>)) -> io::Result<()> {
        let mut text = self.text();
        change(&mut text.lasting);
        debug_assert!(
            text.lasting.iter().all(|line| line.contains(' ') && !line.contains('\n')),
            "a word, a blank, and more"
        );
        text.write_to(&self.file).and_then(|()| self.file.sync_data())
    }

    /// Whether the file stands at `path`.
    pub(crate) fn is_at(&self, path: &Path) -> io::Result<bool> {
        RealDisk.is_at(self.file.id()?, path)
    }

    /// Writes into this file the lines of another one that is no longer there.
    pub(crate) fn take_over(&self, other: &DataDirLock) {
        self.make_private();
        let said = other.text().clone();
        let mut text = self.text();
        *text = said;
        if let Err(error) = text.write_to(&self.file) {
            tracing::warn!(%error, "the lock file could not be written: commands beside this process won't find it");
        }
    }

    fn text(&self) -> MutexGuard<'_, Text> {
        self.text.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the holder of the lock file at `path` says of itself.
pub(crate) fn announced(path: &Path) -> Option<Vec<String>> {
    let text = read(&File::open(path).ok()?).ok()?;
    Some(whole_lines(&text).skip(1).take_while(|line| !line.contains(' ')).map(str::to_owned).collect())
}

/// The lines that stay.
fn lasting_in(text: &str) -> Vec<String> {
    whole_lines(text).skip(1).filter(|line| line.contains(' ')).map(str::to_owned).collect()
}

/// Without its line feed a line is being written right now, or was when a crash came.
fn whole_lines(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'))
}

impl Text {
    /// Over what stands there, and only then cut to its length: there is no moment without the lines that stay, and no
    /// need for room on a full disk.
    fn write_to(&self, file: &File) -> io::Result<()> {
        let mut text = format!("{}\n", std::process::id());
        for line in self.holder.iter().chain(&self.lasting) {
            text.push_str(line);
            text.push('\n');
        }
        file.write_all_at(text.as_bytes(), 0)?;
        file.set_len(text.len() as u64)
    }
}

/// The lock file, and whether it was there. `AlreadyExists` where somebody else makes it at this moment.
fn open_or_make(path: &Path) -> io::Result<(File, bool)> {
    let mut options = File::options();
    options.read(true).write(true);
    match options.open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            options.create_new(true).mode(0o600).open(path).map(|file| (file, false))
        }
        opened => opened.map(|file| (file, true)),
    }
}

fn read(file: &File) -> io::Result<String> {
    let mut text = String::new();
    // From its start, wherever somebody has read it to.
    io::Seek::rewind(&mut &*file)?;
    (&mut &*file).take(FILE_BYTES_MAX).read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests;
