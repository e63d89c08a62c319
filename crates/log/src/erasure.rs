//! Takes bodies off the disk for good: writes the log anew without them, beside the old one, compares the two, and puts
//! the new one in its place by one exchange of two names.
//!
//! A store keeps dead copies of overwritten values, so nothing less takes a body off the disk. Positions, times,
//! readings and commitments stay, and with them the chain, every digest and every fold. Until the exchange the old log
//! is as it was; after it the new one is complete. The next open removes what a crash leaves of either.

mod error;

use std::{
    fs::{self, File},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use rustix::{
    fs::{Advice, CWD, RenameFlags, fadvise, renameat_with, statvfs},
    io::Errno,
};

pub use error::ErasureError;

use super::{
    Log as _, LogError,
    sled_log::{Clock, SledLog},
};
use crate::{
    files::data_dir::{DataDir, make_private_dir, remove_folder, sync_dir},
    record::{
        delivery::{Body, BodyReader, Delivery, Position},
        positions::PositionSet,
    },
    store::sled_store::wait_until_closed,
};

/// What is appended at once at most, whichever comes first.
const GROUP_DELIVERIES_MAX: usize = 2048;
const GROUP_BYTES_MAX: usize = 1 << 20;

/// Which bodies are to go, and from where.
pub struct Erasure<'a> {
    /// Where the log is.
    pub data_dir: &'a DataDir,
    /// The log's clock.
    pub clock: Clock,
    /// The deliveries whose bodies go.
    pub positions: &'a PositionSet,
    /// A file in the log's folder that stays, where it is there.
    pub keep: &'static str,
}

impl Erasure<'_> {
    /// Erases, and opens the log that is there afterwards. `step` is called for each delivery that is written and for
    /// each that is compared. An error leaves the log closed.
    pub fn run(&self, log: SledLog, step: &mut dyn FnMut()) -> Result<SledLog, ErasureError> {
        let (head, reader) = (log.head(), log.reader());
        self.check_place()?;
        let made = self.make(&log, step).and_then(|()| self.compare(&log, step));
        let lock = log.close();
        // Only a plain rename is left to do.
        if let Err(error) = made.and_then(|()| self.settle()).and_then(|()| self.exchange()) {
            let _ = remove_folder(&self.data_dir.erasing());
            return Err(error);
        }
        let left = |error| ErasureError::Left { path: self.data_dir.erasing(), error };
        // The exchange is durable before the old log goes.
        sync_dir(self.data_dir.root()).and_then(|()| sync_dir(&self.data_dir.erasing())).map_err(left)?;
        remove_folder(&self.data_dir.erasing()).map_err(left)?;
        let log = read_by(SledLog::open_locked(self.data_dir, lock, Clock::clone(&self.clock))?, reader);
        match log.head() == head {
            true => Ok(log),
            false => Err(ErasureError::Differs { position: head.position, message: "it has another digest" }),
        }
    }

    fn beside(&self) -> DataDir {
        DataDir::at(self.data_dir.erasing())
    }

    /// Whether an exchange of names would take everything of the old log away; and whether there is one at all, before
    /// the long work.
    fn check_place(&self) -> Result<(), ErasureError> {
        let (root, log) = (self.data_dir.root(), self.data_dir.log());
        let place = |path: &Path, message| Err(ErasureError::Folder { path: path.to_owned(), message });
        let found = fs::symlink_metadata(&log).map_err(file("looking at", &log))?;
        if found.is_symlink() {
            return place(&log, "is a symbolic link");
        }
        if found.dev() != fs::metadata(root).map_err(file("looking at", root))?.dev() {
            return place(&log, "is a file system of its own");
        }
        for entry in fs::read_dir(&log).map_err(file("looking at", &log))? {
            let path = entry.map_err(file("looking at", &log))?.path();
            let found = fs::symlink_metadata(&path).map_err(file("looking at", &path))?;
            if found.is_symlink() {
                return place(&path, "is a symbolic link");
            }
            if found.is_file() && found.nlink() > 1 {
                return place(&path, "has another name (a hard link)");
            }
        }
        let beside = self.data_dir.erasing();
        let try_out = || {
            let (one, other) = (beside.join("one"), beside.join("other"));
            make_private_dir(&one).and_then(|()| make_private_dir(&other)).map_err(file("making", &one))?;
            sync_dir(root).map_err(file("syncing", root))?;
            self.exchange_names(&one, &other)?;
            fs::remove_dir(&one).and_then(|()| fs::remove_dir(&other)).map_err(file("removing", &one))
        };
        try_out().inspect_err(|_| drop(remove_folder(&beside)))
    }

    /// Writes the log without the bodies.
    fn make(&self, old: &SledLog, step: &mut dyn FnMut()) -> Result<(), ErasureError> {
        let new = self.open_beside()?;
        let mut group = Vec::new();
        let mut bytes = 0;
        let append = |group: &mut Vec<Delivery>| {
            let appended = new.append_copies(group);
            group.clear();
            appended.map_err(|error| self.making(error))
        };
        for delivery in old.read(Position::new(1)) {
            let delivery = self.without_body(delivery?);
            bytes += match &delivery.body {
                Body::Kept { bytes, .. } => bytes.len(),
                Body::Erased { .. } => 0,
            };
            group.push(delivery);
            if group.len() == GROUP_DELIVERIES_MAX || bytes > GROUP_BYTES_MAX {
                append(&mut group)?;
                bytes = 0;
            }
            step();
        }
        append(&mut group)
    }

    /// Reads the new log back from the disk, and compares it with the old one.
    fn compare(&self, old: &SledLog, step: &mut dyn FnMut()) -> Result<(), ErasureError> {
        let folder = self.beside().log();
        for path in files(&folder)? {
            // A read from memory proves nothing; where the system refuses, we compare all the same.
            let _ = File::open(path).map(|file| fadvise(&file, 0, None, Advice::DontNeed));
        }
        // The readings of a better reader are compared too.
        let new = read_by(self.open_beside()?, old.reader());
        let differs = |position, message| Err(ErasureError::Differs { position, message });
        let mut written = new.read(Position::new(1));
        for delivery in old.read(Position::new(1)) {
            let delivery = self.without_body(delivery?);
            let position = delivery.position;
            match written.next().transpose().map_err(|error| self.making(error))? {
                Some(found) if found == delivery => {}
                Some(_) => return differs(position, "the delivery is another one"),
                None => return differs(position, "the delivery is missing"),
            }
            step();
        }
        if new.head() != old.head() {
            return differs(old.head().position, "it has another end");
        }
        Ok(())
    }

    fn without_body(&self, mut delivery: Delivery) -> Delivery {
        if self.positions.contains(delivery.position) {
            delivery.body = Body::Erased { commitment: delivery.body.commitment() };
        }
        delivery
    }

    /// Waits until both stores are closed, and has everything of the new one on stable storage.
    fn settle(&self) -> Result<(), ErasureError> {
        let (old, new) = (self.data_dir.log(), self.beside().log());
        for store in [&old, &new] {
            wait_until_closed(store).map_err(file("closing the store in", store))?;
        }
        let (from, to) = (old.join(self.keep), new.join(self.keep));
        if from.exists() {
            fs::copy(&from, &to).map_err(file("copying", &from))?;
        }
        for path in files(&new)? {
            File::open(&path).and_then(|file| file.sync_all()).map_err(file("syncing", &path))?;
        }
        let root = self.data_dir.root();
        for folder in [&*new.join("blobs"), &new, &self.data_dir.erasing(), root] {
            sync_dir(folder).map_err(file("syncing", folder))?;
        }
        Ok(())
    }

    /// The one step that counts.
    fn exchange(&self) -> Result<(), ErasureError> {
        self.exchange_names(&self.beside().log(), &self.data_dir.log())
    }

    fn exchange_names(&self, one: &Path, other: &Path) -> Result<(), ErasureError> {
        let path = self.data_dir.root().to_owned();
        match renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE) {
            Ok(()) => Ok(()),
            // XDEV: one of them is of a lower layer of an overlay.
            Err(errno @ (Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP | Errno::XDEV)) => {
                Err(ErasureError::NoExchange { path, error: errno.into() })
            }
            Err(errno) => Err(ErasureError::File { doing: "exchanging two folders in", path, error: errno.into() }),
        }
    }

    fn open_beside(&self) -> Result<SledLog, ErasureError> {
        SledLog::open(&self.beside(), Clock::clone(&self.clock)).map_err(|error| self.making(error))
    }

    /// The error of writing, with what the log takes and what is free.
    fn making(&self, error: LogError) -> ErasureError {
        let size = |path: PathBuf| fs::metadata(path).map_or(0, |found| found.blocks() * 512);
        let takes = files(&self.data_dir.log()).map_or(0, |paths| paths.into_iter().map(size).sum());
        let free = statvfs(self.data_dir.root()).map_or(0, |found| found.f_bavail * found.f_frsize);
        ErasureError::Making { error, takes, free }
    }
}

fn read_by(log: SledLog, reader: Option<BodyReader>) -> SledLog {
    match reader {
        Some(reader) => log.read_again_by(reader),
        None => log,
    }
}

/// The plain files of a folder.
fn files(folder: &Path) -> Result<Vec<PathBuf>, ErasureError> {
    let entries = fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let entries = entries.map_err(file("looking into", folder))?;
    Ok(entries.into_iter().map(|entry| entry.path()).filter(|path| path.is_file()).collect())
}

fn file(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ErasureError + use<> {
    let path = path.to_owned();
    move |error| ErasureError::File { doing, path, error }
}
