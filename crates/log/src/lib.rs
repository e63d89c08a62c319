//! The log of deliveries: the ground state that everything else is computed from.
//!
//! New deliveries come in by groups and are on stable storage before [`Log::append`] returns;
//! deliveries come out in order, each with its position and arrival time. Keeps promises 1 to 5:
//! durable before the answer, kept byte for byte, gapless positions, hash-chained records, and
//! no pretending after a storage error.

mod error;
mod planted;
mod record;
mod files;
mod store;
mod condition;
mod opened;
mod read;
mod keeper;
mod sled_log;
mod reopen;
mod erasure;
#[cfg(test)]
mod simulation;

use chrono::{DateTime, Utc};

pub use erasure::{Erasure, ErasureError};
pub use error::LogError;
pub use files::{
    cause::Cause,
    data_dir::{DataDir, Room, make_private_dir, sync_dir},
    head::{Head, HeadFile},
    lock_file::DataDirLock,
    owner::{Acting, Owner},
};
pub use record::{
    arrival::{ArrivalTime, made_at, may_follow},
    block::{Block, OpenBlock},
    cursor::{AnotherHistory, Cursor, CursorError, InvalidCursor},
    delivery::{
        AppointmentId, Body, BodyReader, Delivery, InvalidSourceName, NewDelivery, Outline, Position, Reading,
        SourceName,
    },
    digest::{Digest, InvalidDigest, commitment},
    envelope::{DecodedGroup, decode as decode_group, encode as encode_group},
    positions::PositionSet,
};
pub use sled_log::{Clock, SledLog};
pub use store::unflushed::ChainedDelivery;

/// About how many deliveries a block has.
const BLOCK_DELIVERIES: usize = 4096;

/// What a log promises. One writer appends; anybody reads at the same time.
pub trait Log: Send + Sync {
    /// Appends a group and makes it durable. Returns each delivery's position, in the order given.
    ///
    /// After a storage error the log takes nothing until it has been opened anew, which it does by itself: a failed sync is
    /// never tried again on the same file. Part of the group may be in the log all the same.
    fn append(&self, group: Vec<NewDelivery>) -> Result<Vec<Position>, LogError>;

    /// The same. Where it pays, `meanwhile` gets the group as it will be read before this returns, mostly while it is made
    /// durable: all of it, at most once, and perhaps before an error. A caller lets nobody see what it makes of it before
    /// this returns well, and asks the log for nothing but reading.
    fn append_meanwhile(
        &self,
        group: Vec<NewDelivery>,
        meanwhile: &mut dyn FnMut(&[ChainedDelivery]),
    ) -> Result<Vec<Position>, LogError> {
        let _ = meanwhile;
        self.append(group)
    }

    /// Reads durable deliveries from `from` on, in order, up to the head of this moment.
    fn read(&self, from: Position) -> Box<dyn Iterator<Item = Result<Delivery, LogError>> + '_>;

    /// The same with the log's digest after each. `before` is the digest before `from`, where the caller knows it: so
    /// reading on looks nothing up.
    fn entries(
        &self,
        from: Position,
        before: Option<Digest>,
    ) -> Box<dyn Iterator<Item = Result<ChainedDelivery, LogError>> + '_> {
        let mut before = before;
        let entry = move |delivery: Delivery| {
            let earlier = || self.digest_at(Position::new(delivery.position.get() - 1));
            let digest = before.map_or_else(earlier, Ok)?.then(&delivery);
            before = Some(digest);
            Ok(ChainedDelivery { delivery, digest })
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

    /// The digest at `position`, found without reading the whole log.
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
    /// From then on nobody gets these bodies. It does not take them off the disk: a store may keep dead copies of
    /// overwritten values. [`Erasure`] does.
    fn erase(&self, positions: &[Position]) -> Result<usize, LogError>;

    /// Why the log takes nothing at the moment, if so.
    fn failure(&self) -> Option<String>;

    /// The name of this kind of log, for `log.backend`.
    fn backend(&self) -> &'static str;
}
