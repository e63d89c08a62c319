//! Closes a log that failed, and opens what is on the disk, as at a start: if the path still leads to what this process
//! has, and the disk takes files. The opened log has to hold everything that was acknowledged.

use std::sync::{Arc, PoisonError};

use super::{
    LogError,
    opened::{Expected, Opened},
    sled_log::Shared,
};
use crate::{
    files::{data_dir::storage, head::Head, lock_file::DataDirLock},
    store::{
        checkpointer::{Journal, try_out},
        sled_store::is_made,
    },
};

impl Shared {
    /// Closes what failed and opens what is on the disk, as at a start, if the disk takes files: until then what is there
    /// can be read.
    pub(super) fn open_anew(&self) -> Result<Head, LogError> {
        let mut writer = self.writer();
        // A failure leaves the journal's files as they are.
        drop(writer.journal.take().map(Journal::close));
        let folder = self.data_dir.log();
        // Lock and try out nothing in somebody else's directory.
        self.check_is_ours()?;
        let new_lock = self.lock_again()?;
        try_out(&**self.data_dir.disk(), &folder, self.condition.failure().is_some_and(|why| why.is_full()))?;
        let mut opened = self.opened.write().unwrap_or_else(PoisonError::into_inner);
        drop(opened.take());
        let expected = Expected::Acknowledged(self.head());
        let (new, last_received_at) = Opened::open(&self.data_dir, &self.condition, expected)?;
        if let Some(new_lock) = new_lock {
            self.exchange_lock(new_lock);
        }
        let new = Arc::new(new);
        let mut journal = Journal::start(Arc::clone(&new), folder)?;
        *opened = Some(Arc::clone(&new));
        drop(opened);
        // Otherwise the first delivery would find out that no journal can be made.
        if let Err(error) = journal.make_ready() {
            drop(journal.close());
            return Err(error);
        }
        writer.journal = Some(journal);
        self.arrived(&mut writer, last_received_at);
        let head = new.head();
        *self.head.lock().unwrap_or_else(PoisonError::into_inner) = head;
        self.condition.is_well_again();
        Ok(head)
    }

    /// Whether what the path leads to may be what this process has opened: a log that is made, and whose remembered head
    /// is one of its own. Whatever else is wrong is found when it is opened.
    fn check_is_ours(&self) -> Result<(), LogError> {
        let folder = self.data_dir.log();
        let is_made = is_made(&folder, false);
        let is_made = is_made.map_err(|error| storage(format!("looking into {}", folder.display()), error))?;
        // A head that is missing or can't be read says nothing against it.
        let remembered = self.head_file.read().ok().flatten();
        match is_made && remembered.is_none_or(|head| self.may_have_remembered(head)) {
            true => Ok(()),
            false => Err(LogError::Exchanged { path: self.data_dir.root().to_owned() }),
        }
    }

    /// Whether this process may have written that head: none is ahead of what it has acknowledged. An earlier one is held
    /// against what is still open, as far as that can be read.
    fn may_have_remembered(&self, remembered: Head) -> bool {
        let head = self.head();
        match remembered.position < head.position {
            true => {
                self.reading(|old| old.digest_at(remembered.position)).map_or(true, |known| known == remembered.digest)
            }
            false => remembered == head,
        }
    }

    /// Locks the directory that is there now, where somebody has exchanged it. Its lock file stays as it is.
    fn lock_again(&self) -> Result<Option<DataDirLock>, LogError> {
        match self.data_dir.is_locked_by(&self.lock())? {
            true => Ok(None),
            false => self.data_dir.lock_quietly().map(Some),
        }
    }

    /// The locked directory is ours: its lock file takes over the lines of the one that is no longer there.
    fn exchange_lock(&self, new: DataDirLock) {
        let mut lock = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        new.take_over(&lock);
        *lock = Arc::new(new);
    }
}
