//! Stretches of the log that any thread can open: decoding and checking a long log is work for all cores.

use crate::{
    LogError,
    record::{
        delivery::{BodyReader, Delivery, Position},
        digest::Digest,
        envelope::decode,
    },
};

/// A stretch of the log that is not decoded yet.
#[derive(Debug)]
pub struct Block {
    content: Content,
    reader: Option<BodyReader>,
}

#[derive(Debug)]
enum Content {
    /// Groups as they are stored, and the one before them, which has the digest that they continue.
    Stored { before: Option<StoredGroup>, groups: Vec<StoredGroup> },
    /// What a log without stored groups hands out.
    Decoded(OpenBlock),
}

/// A group's first position, and its value.
pub(crate) type StoredGroup = (Position, sled::IVec);

/// A stretch of the log, held against the chain.
#[derive(Clone, Debug)]
pub struct OpenBlock {
    /// The log's digest before the first delivery.
    pub before: Digest,
    /// The deliveries, by position.
    pub deliveries: Vec<Delivery>,
    /// The log's digest after the last one.
    pub after: Digest,
}

impl Block {
    pub(crate) fn stored(before: Option<StoredGroup>, groups: Vec<StoredGroup>) -> Block {
        Block { content: Content::Stored { before, groups }, reader: None }
    }

    /// A block of deliveries at hand; computes their digests.
    pub fn of(before: Digest, deliveries: Vec<Delivery>) -> Block {
        let after = deliveries.iter().fold(before, Digest::then);
        Block { content: Content::Decoded(OpenBlock { before, deliveries, after }), reader: None }
    }

    /// The same block, whose deliveries are read again when it is opened.
    pub(crate) fn read_again_by(self, reader: BodyReader) -> Block {
        Block { reader: Some(reader), ..self }
    }

    /// The log's digest after it, where that is known without opening it.
    pub(crate) fn after(&self) -> Option<Digest> {
        match &self.content {
            Content::Decoded(block) => Some(block.after),
            Content::Stored { .. } => None,
        }
    }

    /// Decodes it, and holds every group against the chain: each has to continue the one before it, without a gap.
    /// That the block itself continues the one before it is for the caller to compare.
    pub fn open(self) -> Result<OpenBlock, LogError> {
        let mut block = match self.content {
            Content::Decoded(block) => block,
            Content::Stored { before, groups } => open(before, groups)?,
        };
        if let Some(reader) = self.reader {
            block.deliveries = block.deliveries.into_iter().map(|delivery| delivery.read_again(reader)).collect();
        }
        Ok(block)
    }
}

fn open(before: Option<StoredGroup>, groups: Vec<StoredGroup>) -> Result<OpenBlock, LogError> {
    let corrupt = |position: Position, message: &str| LogError::Corrupt { position, message: message.to_owned() };
    let decoded = |(first, value): &StoredGroup| decode(*first, value).map_err(|message| corrupt(*first, &message));
    let before = before.as_ref().map(decoded).transpose()?.map_or(Digest::EMPTY, |group| group.digest);
    let mut block = OpenBlock { before, deliveries: Vec::new(), after: before };
    for stored in &groups {
        let group = decoded(stored)?;
        if block.deliveries.last().is_some_and(|last| last.position.next() != stored.0) {
            return Err(corrupt(
                block.deliveries.last().map_or(stored.0, |last| last.position.next()),
                "the delivery is missing",
            ));
        }
        block.after = group.deliveries.iter().fold(block.after, Digest::then);
        if block.after != group.digest {
            return Err(corrupt(stored.0, "the hash chain does not fit"));
        }
        block.deliveries.extend(group.deliveries);
    }
    Ok(block)
}
