//! The log of deliveries: the ground state that everything else is computed from.
//!
//! New deliveries come in by groups and are on stable storage before [`Log::append`] returns;
//! deliveries come out in order, each with its position and arrival time. Keeps promises 1 to 5:
//! durable before the answer, kept byte for byte, gapless positions, hash-chained records, and
//! no pretending after a storage error.

mod digest;
mod delivery;
mod chain;
mod cause;
mod data_dir;
mod lock_file;
mod owner;
mod head;
mod cursor;
mod record;
mod block;
mod read_ahead;
mod sled_store;
mod journal;
mod tail;
mod condition;
mod recovery;
mod opened;
mod mover;
mod read;
mod keeper;
mod arrival;
mod sled_log;
mod reopen;
mod positions;
mod erasure;

use std::path::PathBuf;

use chrono::{DateTime, Utc};

pub use arrival::{ArrivalTime, made_at, may_follow};
pub use block::{Block, OpenBlock};
pub use cause::Cause;
pub use cursor::{AnotherHistory, Cursor, CursorError, InvalidCursor};
pub use data_dir::{DataDir, Room, make_private_dir, sync_dir};
pub use delivery::{
    AppointmentId, Body, BodyReader, Delivery, InvalidSourceName, NewDelivery, Position, Reading, SourceName,
};
pub use digest::{Digest, InvalidDigest, commitment};
pub use erasure::{Erasure, ErasureError};
pub use head::{Head, HeadFile};
pub use lock_file::{DataDirLock, RunningServer, SessionKey, SignedOut};
pub use owner::{Acting, Owner};
pub use positions::PositionSet;
pub use record::{DecodedGroup, decode as decode_group, encode as encode_group};
pub use sled_log::{Clock, SledLog};
pub use tail::Entry;

/// About how many deliveries a block has.
const BLOCK_DELIVERIES: usize = 4096;

/// What a log promises. One writer appends; anybody reads at the same time.
pub trait Log: Send + Sync {
    /// Appends a group and makes it durable. Returns each delivery's position, in the order given.
    ///
    /// After a storage error the log takes nothing until it has been opened anew, which it does by itself: a failed sync is
    /// never tried again on the same file. Part of the group may be in the log all the same.
    fn append(&self, group: Vec<NewDelivery>) -> Result<Vec<Position>, LogError>;

    /// Reads durable deliveries from `from` on, in order, up to the head of this moment.
    fn read(&self, from: Position) -> Box<dyn Iterator<Item = Result<Delivery, LogError>> + '_>;

    /// The same with the log's digest after each. `before` is the digest before `from`, where the caller knows it: so
    /// whoever reads on looks nothing up.
    fn entries(
        &self,
        from: Position,
        before: Option<Digest>,
    ) -> Box<dyn Iterator<Item = Result<Entry, LogError>> + '_> {
        let mut before = before;
        let entry = move |delivery: Delivery| {
            let earlier = || self.digest_at(Position::new(delivery.position.get() - 1));
            let digest = before.map_or_else(earlier, Ok)?.then(&delivery);
            before = Some(digest);
            Ok(Entry { delivery, digest })
        };
        let mut entry = entry;
        Box::new(self.read(from).map(move |delivery| entry(delivery?)))
    }

    /// The whole log up to the head of this moment, in stretches that any thread can open.
    fn blocks(&self) -> Box<dyn Iterator<Item = Result<Block, LogError>> + '_> {
        let mut deliveries = self.read(Position::new(1));
        let mut digest = Digest::EMPTY;
        Box::new(std::iter::from_fn(move || {
            let block: Result<Vec<_>, _> = deliveries.by_ref().take(BLOCK_DELIVERIES).collect();
            match block {
                Err(error) => Some(Err(error)),
                Ok(deliveries) if deliveries.is_empty() => None,
                Ok(deliveries) => {
                    let before = digest;
                    digest = deliveries.iter().fold(before, Digest::then);
                    Some(Ok(Block::of(before, deliveries)))
                }
            }
        }))
    }

    /// The last durable position, and the chain's digest there.
    fn head(&self) -> Head;

    /// The digest at `position`, as far as it can be told without reading the whole log.
    fn digest_at(&self, position: Position) -> Result<Digest, LogError>;

    /// When the delivery at the head arrived; `None` where there is none.
    fn last_arrival(&self) -> Result<Option<DateTime<Utc>>, LogError> {
        match self.head().position {
            Position::ZERO => Ok(None),
            head => Ok(self.read(head).next().transpose()?.map(|delivery| delivery.received_at)),
        }
    }

    /// Puts commitments in the place of the bodies of these positions. Returns how many were erased now.
    ///
    /// From then on nobody is told these bodies. It does not take them off the disk: a store may keep dead copies of
    /// what it has overwritten. [`Erasure`] does.
    fn erase(&self, positions: &[Position]) -> Result<usize, LogError>;

    /// Why the log takes nothing at the moment, if so.
    fn failure(&self) -> Option<String>;

    /// The name of this kind of log, for `log.backend`.
    fn backend(&self) -> &'static str;
}

/// What can go wrong with a log.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LogError {
    /// The system refuses to let the log be opened, read or written, or the store has met something that it can't go on
    /// with. That says nothing of what is in it.
    #[error("{doing}: {message}")]
    Storage {
        /// What was being done.
        doing: String,
        /// What the store or the system said.
        message: String,
        /// What that means.
        cause: Cause,
    },
    /// The store itself refuses to open: it noticed damage, without saying where.
    #[error("the store in {path} can't be opened: {message}")]
    Unopenable {
        /// The log's folder.
        path: PathBuf,
        /// What the store said.
        message: String,
    },
    /// A record can't be what was written.
    #[error("the log is damaged at position {position}: {message}")]
    Damaged {
        /// The first position that can't be trusted.
        position: Position,
        /// What does not fit.
        message: String,
    },
    /// The log ends before the head that was remembered beside it.
    #[error(
        "the log in {path} ends at position {found}, but {remembered} were acknowledged: {} deliveries are missing",
        remembered.get().saturating_sub(found.get())
    )]
    Shorter {
        /// The log's folder.
        path: PathBuf,
        /// The last position that is there.
        found: Position,
        /// The last position that was there.
        remembered: Position,
    },
    /// The head file was read, and is not what was written.
    #[error("the head file {path} can't be read: {message}")]
    HeadUnreadable {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        message: String,
    },
    /// Another process has the data directory.
    #[error("the data directory {path} is in use by another clockfold process{}", .holder.as_deref().map(|pid| format!(" (process {pid})")).unwrap_or_default())]
    InUse {
        /// The directory.
        path: PathBuf,
        /// Its process id, where the lock file tells.
        holder: Option<String>,
    },
    /// A delivery of another log can't follow the last one here.
    #[error("the delivery {position} can't be appended: {message}")]
    Misplaced {
        /// Its position there.
        position: Position,
        /// Why not.
        message: String,
    },
    /// There is nothing to read yet.
    #[error("there is no log in {path} yet: its making was interrupted")]
    Unmade {
        /// The log's folder.
        path: PathBuf,
    },
    /// The path of the data directory leads elsewhere than when it was opened, or nowhere.
    #[error("{path} is no longer what this process has opened: it was removed, renamed or exchanged")]
    Exchanged {
        /// The directory.
        path: PathBuf,
    },
    /// An earlier storage error closed the log for writing, until it can be opened anew.
    #[error("the log takes no deliveries since a storage error: {0}")]
    Closed(String),
}

impl LogError {
    /// Whether the log itself was read and is not what was written: then it waits for a person.
    pub fn is_damage(&self) -> bool {
        matches!(self, LogError::Damaged { .. } | LogError::Shorter { .. })
    }

    /// Whether the hint is to give up what is there: the log was read, by us or by the store, and is damaged.
    pub fn gives_up(&self) -> bool {
        self.is_damage() || matches!(self, LogError::Unopenable { .. })
    }

    /// Whether there was no room for more.
    fn is_full(&self) -> bool {
        matches!(self, LogError::Storage { cause: Cause::NoSpace | Cause::Quota, .. })
    }

    /// What the person who reads the message can do.
    pub fn hint(&self) -> &'static str {
        match self {
            LogError::Storage { cause, .. } => cause.hint(),
            LogError::Closed(_) => {
                "check the disk (space, permissions, kernel messages): the log is opened anew by itself once that takes files, with everything that was acknowledged"
            }
            LogError::Unopenable { .. } | LogError::Damaged { .. } => {
                "keep this data directory as it is, have `clockfold verify` say what of it is good, and restore the log from a backup (`clockfold restore`)"
            }
            LogError::Shorter { .. } => {
                "restore the log from a backup. To go on without the missing deliveries, move the `head` file out of the data directory: what is missing is then lost for good"
            }
            LogError::HeadUnreadable { .. } => {
                "the disk may be failing. The head is only a tripwire: move the file out of the data directory to go on without the comparison"
            }
            LogError::Exchanged { .. } => {
                "put back what was there: deliveries are accepted again as soon as the path leads to a log that holds everything that was acknowledged"
            }
            LogError::Unmade { .. } => "the next start makes it; nothing was accepted before that",
            LogError::Misplaced { .. } => "take the deliveries from a copy of this same log, in their order",
            LogError::InUse { .. } => "stop that process first, or choose another directory with --data-dir",
        }
    }
}
