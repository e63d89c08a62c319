//! What a crash left in the journal: read in order and checked against the store, before anything is moved or deleted.
//!
//! A power cut can break the last group that was being written; then nobody was told that it is kept, and it is given up.
//! Bytes that have changed at the journal's very end look the same; where the head was remembered after that, it tells.
//! Anything else that does not fit is corruption: a broken group with a whole one after it, a gap, a chain that does not
//! fit. What the store has too is normal: a crash can come between the move and the deletion.

use std::path::{Path, PathBuf};

use clockfold_disk::Disk;

use crate::{
    LogError,
    files::{data_dir::storage, head::Head},
    planted::planted,
    record::{delivery::Position, digest::Digest, envelope::decode},
    store::{
        Store, broken_chain,
        journal::{Contents, FoundRecord, HEAD_BYTES, files},
        unflushed::Group,
    },
};

/// What was found.
pub(crate) struct Recovered {
    /// Where the store ends.
    pub(crate) stored: Head,
    /// The groups that the store does not have, or not all of.
    pub(crate) groups: Vec<Group>,
    /// The journal's files.
    pub(crate) files: Vec<PathBuf>,
}

/// Reads what the journal in `folder` has beyond the store.
pub(crate) fn recover(
    disk: &dyn Disk,
    folder: &Path,
    store: &dyn Store,
    file_bytes: usize,
) -> Result<Recovered, LogError> {
    let stored = store.end()?;
    let files = files(disk, folder).map_err(|error| storage(format!("looking into {}", folder.display()), error))?;
    let mut recovery = Recovery { file_bytes, store, stored, end: None, broken: false, groups: Vec::new() };
    for path in &files {
        let contents = Contents::read(disk, path);
        recovery.take_file(path, &contents.map_err(|error| storage(format!("reading {}", path.display()), error))?)?;
    }
    let after = recovery.after();
    if recovery.broken {
        tracing::warn!(
            %after,
            "the last group in the journal is not whole, and is given up: a power cut while it was written leaves it so, and then nobody was told that it is kept; if there was none, its bytes have changed since, and `clockfold verify` against an export or a backup tells"
        );
    }
    if !files.is_empty() {
        tracing::info!(stored = %stored.position, head = %after, "the journal of a log that was not closed is moved into the store");
    }
    Ok(Recovered { stored, groups: recovery.groups, files })
}

struct Recovery<'a> {
    /// What each file of the journal has at least.
    file_bytes: usize,
    store: &'a dyn Store,
    stored: Head,
    /// Where the journal ends, as far as it was read.
    end: Option<Head>,
    /// Something after that is neither a whole record nor blank.
    broken: bool,
    groups: Vec<Group>,
}

impl Recovery<'_> {
    fn take_file(&mut self, path: &Path, contents: &Contents) -> Result<(), LogError> {
        if !contents.has_head() {
            // Before files were made under another name, a kill could leave such a one.
            let hint = if contents.is_blank_from(HEAD_BYTES) {
                ": it has nothing but zeros, as an earlier version leaves a file when it is killed while it makes it; \
                 such a file may be moved away"
            } else {
                ""
            };
            return Err(self.corrupt(format!("the head of {} can't be read{hint}", path.display())));
        }
        // A file takes its first group after the last one of the file before was synced.
        if self.broken && !contents.is_blank_from(HEAD_BYTES) {
            return Err(self.broken_before_whole());
        }
        let mut end = HEAD_BYTES;
        for record in contents.records() {
            if self.broken {
                return Err(self.broken_before_whole());
            }
            self.take(&record)?;
            end = record.end;
        }
        if !contents.is_blank_from(end) {
            if contents.has_record_from(end) {
                return Err(self.broken_before_whole());
            }
            self.broken = true;
        }
        if contents.length() < self.file_bytes {
            return Err(self.corrupt(format!("{} has lost its end", path.display())));
        }
        Ok(())
    }

    fn take(&mut self, record: &FoundRecord<'_>) -> Result<(), LogError> {
        let first = record.first;
        let before = self.digest_before(first)?;
        let decoded = decode(first, record.value).map_err(|message| LogError::Corrupt { position: first, message })?;
        let Some(group) = Group::chained(decoded.deliveries, before) else { return Ok(()) };
        if group.end().digest != decoded.digest {
            return Err(broken_chain(first));
        }
        if group.at(self.stored.position).is_some_and(|entry| entry.digest != self.stored.digest) {
            let message = "the journal and the store do not have the same deliveries".to_owned();
            return Err(LogError::Corrupt { position: self.stored.position, message });
        }
        self.end = Some(group.end());
        if group.end().position > self.stored.position {
            if planted!(EarlierGroupForgotten) {
                self.groups.clear();
            }
            self.groups.push(group);
        }
        Ok(())
    }

    /// The log's digest before the group that begins with `first`, if that may come next.
    fn digest_before(&self, first: Position) -> Result<Digest, LogError> {
        let before = first.get().checked_sub(1).map(Position::new);
        match (self.end, before) {
            (Some(end), Some(before)) if before == end.position => Ok(end.digest),
            (None, Some(before)) if before <= self.stored.position => self.store.digest_at(before),
            _ => Err(self.corrupt(format!("the journal goes on with position {first}; what comes before is missing"))),
        }
    }

    /// The last position that is there.
    fn after(&self) -> Position {
        self.end.map_or(self.stored.position, |end| end.position.max(self.stored.position))
    }

    fn broken_before_whole(&self) -> LogError {
        self.corrupt("a group in the journal is broken, and groups after it are whole".to_owned())
    }

    fn corrupt(&self, message: String) -> LogError {
        LogError::Corrupt { position: self.end.unwrap_or(self.stored).position.next(), message }
    }
}
