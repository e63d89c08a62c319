//! A log that is open: its store, what is in the journal only, and which files these are. One that failed is given up
//! as a whole, and another one is opened from what is on the disk.

use std::{io, path::Path, sync::Arc};

use chrono::{DateTime, Utc};
use clockfold_disk::{Disk, FileId};

use super::{LogError, condition::Condition};
use crate::{
    files::{
        data_dir::{DataDir, storage},
        head::{Head, HeadFile},
    },
    planted::planted,
    record::{delivery::Position, digest::Digest},
    store::{
        Store,
        checkpointer::checkpoint,
        journal, missing,
        options::Options,
        recovery::recover,
        sled_store::{SledStore, is_made},
        unflushed::{Found, Unflushed},
    },
};

/// The log as one opening has it.
pub(super) struct Opened {
    pub(super) store: Box<dyn Store>,
    pub(super) unflushed: Unflushed,
    pub(super) condition: Arc<Condition>,
    pub(super) options: Options,
    data_dir: DataDir,
    files: Files,
}

/// What the opened log has to hold.
#[derive(Clone, Copy)]
pub(super) enum Expected {
    /// The head that was remembered beside it; a missing log is made.
    Remembered,
    /// What this process has acknowledged. Nothing is made.
    Acknowledged(Head),
    /// The remembered head. The log is only read: the journal stays as it is.
    AtRest,
}

/// Which folders and files a path led to: the device and the number of each.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Files([FileId; 3]);

impl Files {
    pub(super) fn of(data_dir: &DataDir) -> io::Result<Files> {
        let log = data_dir.log();
        let disk = data_dir.disk();
        Ok(Files([disk.id_at(data_dir.root())?, disk.id_at(&log)?, disk.id_at(&log.join("db"))?]))
    }
}

fn has_deliveries(remembered: Option<Head>) -> bool {
    remembered.is_some_and(|head| head.position > Position::ZERO)
}

fn open_at_rest(folder: &Path, remembered: Option<Head>) -> Result<SledStore, LogError> {
    let is_made = is_made(folder, has_deliveries(remembered));
    let is_made = is_made.map_err(|error| storage(format!("looking into {}", folder.display()), error))?;
    let path = folder.to_owned();
    match remembered.map(|head| head.position) {
        _ if is_made => SledStore::open(folder),
        Some(remembered) if remembered > Position::ZERO => {
            Err(LogError::Shorter { path, found: Position::ZERO, remembered })
        }
        _ => Err(LogError::Unmade { path }),
    }
}

impl Opened {
    /// Opens what is there, moves what the journal holds into the store, and returns the last arrival time too.
    pub(super) fn open(
        data_dir: &DataDir,
        condition: &Arc<Condition>,
        expected: Expected,
    ) -> Result<(Opened, DateTime<Utc>), LogError> {
        let folder = data_dir.log();
        let store = match expected {
            Expected::Remembered => SledStore::open_or_make(&folder, has_deliveries(HeadFile::of(data_dir).read()?))?,
            Expected::Acknowledged(_) => SledStore::open(&folder)?,
            Expected::AtRest => open_at_rest(&folder, HeadFile::of(data_dir).read()?)?,
        };
        Opened::of(Box::new(store), data_dir, condition, expected, Options::USUAL)
    }

    /// The same, of a store that is open.
    pub(super) fn of(
        store: Box<dyn Store>,
        data_dir: &DataDir,
        condition: &Arc<Condition>,
        expected: Expected,
        options: Options,
    ) -> Result<(Opened, DateTime<Utc>), LogError> {
        let folder = data_dir.log();
        let files = Files::of(data_dir).map_err(|error| storage(format!("looking at {}", folder.display()), error))?;
        let recovered = recover(&**data_dir.disk(), &folder, &*store, options.journal_bytes)?;
        let unflushed = Unflushed::after(recovered.stored, recovered.groups);
        let condition = Arc::clone(condition);
        let opened = Opened { store, unflushed, condition, options, data_dir: data_dir.clone(), files };
        let last_received_at = opened.check_end(expected)?;
        if matches!(expected, Expected::AtRest) {
            return Ok((opened, last_received_at));
        }
        if planted!(RecoveredFilesRemovedFirst) {
            let _ = journal::remove(opened.disk(), &folder, &recovered.files);
        }
        // Nothing is deleted before everything is checked.
        opened.checkpoint(opened.head().position)?;
        if planted!(RecoveredFilesRemovedFirst) {
            return Ok((opened, last_received_at));
        }
        let done_with = journal::leftovers(opened.disk(), &folder).map(|left| [recovered.files, left].concat());
        let removed = done_with.and_then(|files| journal::remove(opened.disk(), &folder, &files));
        removed.map_err(|error| storage(format!("removing the journal in {}", folder.display()), error))?;
        Ok((opened, last_received_at))
    }

    /// What the journal and the head are on.
    pub(super) fn disk(&self) -> &dyn Disk {
        &**self.data_dir.disk()
    }

    /// Writes what is unflushed, up to `last`, into the store.
    pub(super) fn checkpoint(&self, last: Position) -> Result<(), LogError> {
        checkpoint(&*self.store, &self.unflushed, last, &self.options)
    }

    /// Whether the data directory's path still leads to these files.
    pub(super) fn check_files(&self) -> Result<(), LogError> {
        match Files::of(&self.data_dir) {
            Ok(files) if files == self.files => Ok(()),
            Ok(_) => Err(self.exchanged()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(self.exchanged()),
            Err(error) => Err(storage(format!("looking at {}", self.data_dir.root().display()), error)),
        }
    }

    /// The error where the path leads elsewhere.
    pub(super) fn exchanged(&self) -> LogError {
        LogError::Exchanged { path: self.data_dir.root().to_owned() }
    }

    /// Checks the log's end against what is expected, and returns the last arrival time.
    fn check_end(&self, expected: Expected) -> Result<DateTime<Utc>, LogError> {
        let found = self.head();
        self.digest_at(found.position)?;
        let at_rest = matches!(expected, Expected::AtRest);
        let expected = match expected {
            Expected::Remembered | Expected::AtRest => HeadFile::of(&self.data_dir).read()?,
            Expected::Acknowledged(head) => Some(head),
        };
        match expected {
            Some(remembered) if remembered.position > found.position && !planted!(ShorterAccepted) => {
                let (path, found, remembered) = (self.data_dir.log(), found.position, remembered.position);
                return Err(LogError::Shorter { path, found, remembered });
            }
            Some(remembered) if planted!(ShorterAccepted) && remembered.position > found.position => {}
            Some(remembered) if self.digest_at(remembered.position)? != remembered.digest => {
                let message =
                    "its digest is not the remembered one: records were changed, or the head is another log's";
                return Err(LogError::Corrupt { position: remembered.position, message: message.to_owned() });
            }
            None if at_rest => {}
            None if found.position > Position::ZERO => {
                tracing::warn!(position = found.position.get(), "the log has no remembered head; it is made anew");
            }
            _ => {}
        }
        let last = match found.position {
            Position::ZERO => None,
            position => match self.unflushed.find(position) {
                Found::Unflushed(group) => group.at(position).map(|entry| entry.delivery.received_at),
                _ => self.store.group_at(position)?.deliveries.back().map(|delivery| delivery.received_at),
            },
        };
        Ok(last.unwrap_or(DateTime::UNIX_EPOCH))
    }

    /// The log's digest at a position.
    pub(super) fn digest_at(&self, position: Position) -> Result<Digest, LogError> {
        match self.unflushed.find(position) {
            Found::Stored => self.store.digest_at(position),
            Found::Unflushed(group) => group.at(position).map(|entry| entry.digest).ok_or_else(|| missing(position)),
            Found::BeyondHead => Err(missing(position)),
        }
    }

    /// The last durable position, and the chain's digest there.
    pub(super) fn head(&self) -> Head {
        self.unflushed.head()
    }
}
