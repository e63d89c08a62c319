//! Stretches of the log that any thread can open: decoding and checking a long log is work for all cores.

use crate::{
    LogError,
    record::{
        delivery::{BodyReader, Delivery, Outline, Position},
        digest::Digest,
        envelope::{decode, digest, outline},
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

    /// The same block, held against the chain as [`Block::open`] does.
    pub fn chained(self) -> Result<Block, LogError> {
        Ok(Block { content: Content::Decoded(self.open()?), reader: None })
    }

    /// Hands each delivery to `take`, by position, and returns the log's digests before the first and after the last. Each
    /// group's checksum is held against it, and that nothing is missing; the digests are those that the groups say. To
    /// hold the deliveries against the chain takes [`Block::chained`], and several times as long.
    pub fn outline(&self, mut take: impl FnMut(Outline<'_>)) -> Result<(Digest, Digest), LogError> {
        let (before, groups) = match &self.content {
            Content::Decoded(block) => {
                for delivery in &block.deliveries {
                    match self.reader.filter(|_| delivery.reading.appointment_id().is_none()) {
                        Some(reader) => take(Outline::from(&delivery.clone().read_again(reader))),
                        None => take(Outline::from(delivery)),
                    }
                }
                return Ok((block.before, block.after));
            }
            Content::Stored { before, groups } => (before, groups),
        };
        let before = digest_after(before.as_ref())?;
        let (mut after, mut last) = (before, None);
        for (first, value) in groups {
            if let Some(last) = last.filter(|last: &Position| last.next() != *first) {
                return Err(corrupt(last.next(), MISSING));
            }
            let each = |delivery: Outline<'_>| {
                last = Some(delivery.position);
                take(delivery);
            };
            after = outline(*first, value, self.reader, each).map_err(|message| corrupt(*first, message))?;
        }
        Ok((before, after))
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

const MISSING: &str = "the delivery is missing";

fn corrupt(position: Position, message: impl Into<String>) -> LogError {
    LogError::Corrupt { position, message: message.into() }
}

/// The log's digest after a group, as the group says; after none, that of an empty log.
fn digest_after(group: Option<&StoredGroup>) -> Result<Digest, LogError> {
    group.map_or(Ok(Digest::EMPTY), |(first, value)| digest(value).map_err(|message| corrupt(*first, message)))
}

fn open(before: Option<StoredGroup>, groups: Vec<StoredGroup>) -> Result<OpenBlock, LogError> {
    let decoded = |(first, value): &StoredGroup| decode(*first, value).map_err(|message| corrupt(*first, message));
    let before = digest_after(before.as_ref())?;
    let mut block = OpenBlock { before, deliveries: Vec::new(), after: before };
    for stored in &groups {
        let group = decoded(stored)?;
        if block.deliveries.last().is_some_and(|last| last.position.next() != stored.0) {
            return Err(corrupt(block.deliveries.last().map_or(stored.0, |last| last.position.next()), MISSING));
        }
        block.after = group.deliveries.iter().fold(block.after, Digest::then);
        if block.after != group.digest {
            return Err(corrupt(stored.0, "the hash chain does not fit"));
        }
        block.deliveries.extend(group.deliveries);
    }
    Ok(block)
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use clockfold_lifecycle::Fault;

    use super::*;
    use crate::record::{
        delivery::{AppointmentId, Body, Reading},
        envelope::encode,
    };

    /// A delivery of each kind that a group can hold, from `first` on.
    fn deliveries(first: u64) -> Vec<Delivery> {
        let id = |number: u64| number.to_string().parse::<AppointmentId>().unwrap();
        let readable =
            |number, event_type: &str| Reading::Readable { appointment_id: id(number), event_type: event_type.into() };
        let kept = |text: &str| Body::Kept { salt: [7; 16], bytes: text.as_bytes().to_vec() };
        let erased = || Body::Erased { commitment: Digest::EMPTY };
        let since = Reading::ReadSince { fault: Fault::NotJson, appointment_id: id(5), event_type: "ready".into() };
        let kinds = [
            (readable(1, "create"), kept("{}"), Some("an-id")),
            (readable(2, "something else"), erased(), None),
            (Reading::Unreadable(Fault::NotJson), kept("not JSON"), Some("other")),
            (Reading::Unreadable(Fault::NotAnObject), erased(), None),
            (since, erased(), None),
        ];
        let delivery = |(number, (reading, body, delivery_id)): (u64, (Reading, Body, Option<&str>))| Delivery {
            position: Position::new(first + number),
            // The second one arrives an hour before the first.
            received_at: DateTime::from_timestamp_millis(7_200_000 - i64::from(number == 1) * 3_600_000).unwrap(),
            source: ["downtown", "uptown"][usize::from(number % 2 == 0)].parse().unwrap(),
            reading,
            delivery_id: delivery_id.map(str::to_owned),
            body,
        };
        (0..).zip(kinds).map(delivery).collect()
    }

    /// A block of two groups, and the value of the group before them.
    fn stored() -> Block {
        let (mut digest, mut groups) = (Digest::EMPTY, Vec::new());
        for first in [1, 6, 11] {
            let deliveries = deliveries(first);
            digest = deliveries.iter().fold(digest, Digest::then);
            groups.push((Position::new(first), sled::IVec::from(encode(&deliveries, digest))));
        }
        Block::stored(Some(groups.remove(0)), groups)
    }

    fn read_as_a_discharge(_: Fault, _: &[u8]) -> Reading {
        Reading::Readable { appointment_id: AppointmentId::MIN, event_type: "discharge".into() }
    }

    #[test]
    fn an_outline_tells_of_a_delivery_what_it_tells_as_a_whole() {
        let open = || stored().open().unwrap();
        let OpenBlock { before, deliveries, after } = open();
        let blocks = [
            (stored(), open().deliveries),
            (Block::of(before, deliveries), open().deliveries),
            (
                stored().read_again_by(read_as_a_discharge),
                stored().read_again_by(read_as_a_discharge).open().unwrap().deliveries,
            ),
            (
                Block::of(before, open().deliveries).read_again_by(read_as_a_discharge),
                stored().read_again_by(read_as_a_discharge).open().unwrap().deliveries,
            ),
        ];
        for (block, expected) in blocks {
            let mut expected = expected.iter();
            let told = block.outline(|outline| {
                let whole = Outline::from(expected.next().unwrap());
                assert_eq!(format!("{outline:?}"), format!("{whole:?}"));
            });
            assert_eq!((told.unwrap(), expected.len()), ((before, after), 0));
        }
    }

    #[test]
    fn an_outline_is_refused_where_a_group_is_missing_or_not_what_was_written() {
        let refused = |groups: Vec<StoredGroup>| match Block::stored(None, groups).outline(|_| {}) {
            Err(LogError::Corrupt { position, message }) => (position.get(), message),
            other => panic!("{other:?}"),
        };
        let Content::Stored { before, groups } = stored().content else { unreachable!() };
        let (first, value) = before.unwrap();
        let gap = vec![(first, value.clone()), groups[1].clone()];
        assert_eq!(refused(gap), (6, MISSING.to_owned()));
        for at in 0..value.len() {
            let mut damaged = value.to_vec();
            damaged[at] ^= 1;
            assert_eq!(refused(vec![(first, damaged.into())]).0, 1, "byte {at}");
        }
    }
}
