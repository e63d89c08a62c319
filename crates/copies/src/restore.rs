//! Makes a log from a copy: beside its place, and puts it there once it has proved to be the same.
//!
//! The remembered head is written first. Until the log is in its place, a server that is started there finds a head
//! without its log, and refuses; it never takes a part for the whole.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use clockfold_log::{
    Clock, DataDir, DataDirLock, Digest, Head, HeadFile, Log as _, LogError, Position, SledLog, sync_dir,
};

use super::{CopyError, Survey};

/// Deliveries that are appended at once.
const GROUP_DELIVERIES_MAX: usize = 4096;

/// A data directory that is to get a log, and that nobody else opens meanwhile.
pub struct Restoration {
    data_dir: DataDir,
    head_before: Option<Head>,
    clock: Clock,
    keep: &'static str,
    _lock: DataDirLock,
}

impl Restoration {
    /// Refuses a data directory whose log holds anything, or that is in use. `keep` is a file in the log's folder that
    /// stays, where it is there.
    pub fn begin(data_dir: DataDir, clock: Clock, keep: &'static str) -> Result<Restoration, CopyError> {
        let holds = |head| CopyError::LogThere { path: data_dir.root().to_owned(), head };
        if data_dir.log().exists() {
            match SledLog::open(&data_dir, Clock::clone(&clock)).map(|log| log.head().position) {
                Ok(Position::ZERO) | Err(LogError::Shorter { found: Position::ZERO, .. }) => {}
                Ok(head) => return Err(holds(head)),
                Err(LogError::Shorter { found, .. }) => return Err(holds(found)),
                Err(error) => return Err(error.into()),
            }
        }
        let lock = data_dir.lock()?;
        let head_before = HeadFile::of(&data_dir).read()?;
        let restoration = Restoration { data_dir, head_before, clock, keep, _lock: lock };
        remove_if_there(&restoration.beside())?;
        Ok(restoration)
    }

    /// Makes the log that `survey` found good, proves it, and puts it in its place. `step` is called for each delivery
    /// that is written and for each that is read back.
    pub fn run(self, survey: &Survey, step: &mut dyn FnMut()) -> Result<Head, CopyError> {
        let head_file = HeadFile::of(&self.data_dir);
        head_file.write(survey.whole)?;
        let made = self.make(survey, step).and_then(|()| self.put_in_place());
        if let Err(error) = made {
            // The data directory is as it was. A further error would only hide the first.
            let _ = fs::remove_dir_all(self.beside());
            let _ = match self.head_before {
                Some(head) => head_file.write(head).is_ok(),
                None => fs::remove_file(self.data_dir.head()).is_ok(),
            };
            return Err(error);
        }
        let Restoration { data_dir, clock, _lock: lock, .. } = self;
        drop(lock);
        let head = SledLog::open(&data_dir, clock)?.head();
        if head == survey.whole {
            Ok(head)
        } else {
            Err(CopyError::NotRestored { found: head, expected: survey.whole })
        }
    }

    fn beside(&self) -> PathBuf {
        // In the data directory: that may be the root of a file system.
        self.data_dir.restoring()
    }

    /// Writes the log beside its place and reads it back.
    fn make(&self, survey: &Survey, step: &mut dyn FnMut()) -> Result<(), CopyError> {
        let log = SledLog::open(&DataDir::at(self.beside()), Clock::clone(&self.clock))?;
        let mut group = Vec::new();
        for deliveries in survey.deliveries() {
            group.extend(deliveries?);
            if group.len() >= GROUP_DELIVERIES_MAX {
                log.append_copies(&group)?;
                group.iter().for_each(|_| step());
                group.clear();
            }
        }
        log.append_copies(&group)?;
        group.iter().for_each(|_| step());
        let mut read = Head::EMPTY;
        for delivery in log.read(Position::new(1)) {
            let delivery = delivery?;
            read = Head { position: delivery.position, digest: Digest::then(read.digest, &delivery) };
            step();
        }
        if read != survey.whole || log.head() != survey.whole {
            return Err(CopyError::NotRestored { found: read, expected: survey.whole });
        }
        Ok(())
    }

    /// Puts the log in its place. The empty one that is there goes.
    fn put_in_place(&self) -> Result<(), CopyError> {
        let (beside, log) = (DataDir::at(self.beside()), self.data_dir.log());
        let failed = |doing| CopyError::file(doing, self.data_dir.root());
        let (from, to) = (log.join(self.keep), beside.log().join(self.keep));
        if from.exists() {
            let kept = fs::copy(from, &to).and_then(|_| fs::File::open(&to)?.sync_all());
            kept.map_err(failed("keeping the first source's key in"))?;
        }
        remove_if_there(&log)?;
        let renamed = sync_dir(&beside.log()).and_then(|()| fs::rename(beside.log(), &log));
        renamed.and_then(|()| sync_dir(self.data_dir.root())).map_err(failed("putting the log in its place in"))?;
        remove_if_there(&self.beside())
    }
}

fn remove_if_there(directory: &Path) -> Result<(), CopyError> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(CopyError::file("removing", directory)(error)),
        _ => Ok(()),
    }
}
