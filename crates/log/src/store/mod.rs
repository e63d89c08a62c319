//! Where deliveries are: the journal that makes them durable, memory until the store has them, and sled.

pub(crate) mod options;
pub(crate) mod read_ahead;
pub(crate) mod sled_store;
pub(crate) mod journal;
pub(crate) mod syncer;
pub(crate) mod unflushed;
pub(crate) mod recovery;
pub(crate) mod checkpointer;

use crate::{
    LogError,
    files::head::Head,
    record::{block::StoredGroup, delivery::Position, digest::Digest, envelope::DecodedGroup},
};

/// Groups by their first position. What [`Store::commit`] has put there is durable.
pub(crate) trait Store: Send + Sync {
    /// Makes values durable, all of them or none. The one method that writes.
    fn commit(&self, values: Vec<(Position, Vec<u8>)>) -> Result<(), LogError>;

    /// Where it ends.
    fn end(&self) -> Result<Head, LogError>;

    /// The group that holds `position`, and its key.
    fn group_with(&self, position: Position) -> Result<(Position, DecodedGroup), LogError>;

    /// The group that begins with `position`, where one does; otherwise the one that holds it. A reader that goes on finds
    /// the first at once.
    fn group_at(&self, position: Position) -> Result<DecodedGroup, LogError>;

    /// The groups behind the one that begins with `after`, up to those that begin with `to`: as many as a block has.
    fn groups(&self, after: Position, to: Position) -> Result<Vec<StoredGroup>, LogError>;

    /// Closes everything that it has open. Acknowledged groups were synced before, or are in the journal.
    fn close(&mut self) -> Result<(), LogError>;

    /// The log's digest at `position`.
    fn digest_at(&self, position: Position) -> Result<Digest, LogError> {
        if position == Position::ZERO {
            return Ok(Digest::EMPTY);
        }
        let (first, group) = self.group_with(position)?;
        let mut digest = match first.get() {
            1 => Digest::EMPTY,
            number => self.group_with(Position::new(number - 1))?.1.digest,
        };
        let mut at_position = digest;
        for delivery in &group.deliveries {
            digest = digest.then(delivery);
            if delivery.position == position {
                at_position = digest;
            }
        }
        if digest == group.digest { Ok(at_position) } else { Err(broken_chain(first)) }
    }

    /// The log's digest after the group that holds `position`; 0 is before the first.
    fn digest_of_group_with(&self, position: Position) -> Result<Digest, LogError> {
        match position {
            Position::ZERO => Ok(Digest::EMPTY),
            position => Ok(self.group_with(position)?.1.digest),
        }
    }
}

/// The error where a delivery is missing.
pub(crate) fn missing(position: Position) -> LogError {
    LogError::Corrupt { position, message: "the delivery is missing".to_owned() }
}

/// The error where deliveries are not those that the log's digest was made of.
pub(crate) fn broken_chain(position: Position) -> LogError {
    LogError::Corrupt { position, message: "the hash chain does not fit".to_owned() }
}
