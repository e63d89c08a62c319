//! Reading the log: from the store as far as that has it, from the tail beyond it, without gap or repeat while
//! deliveries move from one to the other, and while the log is opened anew.

use std::{collections::VecDeque, sync::Arc};

use super::{
    BLOCK_DELIVERIES, LogError,
    block::{Block, StoredGroup},
    delivery::{Delivery, Position},
    digest::Digest,
    opened::Opened,
    record::DecodedGroup,
    sled_log::Shared,
    sled_store::{broken_chain, missing},
    tail::{Group, Place},
};

/// Deliveries in order; stops after the first error. Every group that is read from the store after the first one, and
/// the first where it is the log's, is held against the chain: one was changed, moved or exchanged where it does not fit.
pub(super) struct Read<'a> {
    log: &'a Shared,
    source: Source,
    next: Position,
    to: Position,
}

/// Where the next delivery may come from.
enum Source {
    /// To be found out. The log's digest before it may be known.
    Unknown(Option<Digest>),
    /// The rest of a group of the store, and the log's digest after it.
    Store(VecDeque<Delivery>, Digest),
    Tail(Arc<Group>),
}

impl<'a> Read<'a> {
    /// The deliveries of these positions.
    pub(super) fn new(log: &'a Shared, from: Position, to: Position) -> Read<'a> {
        let digest = (from == Position::new(1)).then_some(Digest::EMPTY);
        Read { log, source: Source::Unknown(digest), next: from, to }
    }

    fn step(&mut self) -> Result<Delivery, LogError> {
        loop {
            let digest = match &mut self.source {
                Source::Unknown(digest) => *digest,
                Source::Store(group, digest) => match group.pop_front() {
                    Some(delivery) if delivery.position == self.next => return Ok(delivery),
                    Some(_) => return Err(missing(self.next)),
                    None => Some(*digest),
                },
                Source::Tail(group) => match group.at(self.next) {
                    Some(entry) => return Ok(entry.delivery.clone()),
                    None => None,
                },
            };
            self.source = self.log.reading(|opened| Source::of(opened, self.next, digest))?;
        }
    }
}

impl Source {
    /// What holds `next`, where `digest` is the log's before it, if that is known.
    fn of(opened: &Opened, next: Position, digest: Option<Digest>) -> Result<Source, LogError> {
        match opened.tail.place_of(next) {
            Place::Store => {
                let DecodedGroup { mut deliveries, digest: after } = opened.store.group_at(next)?;
                let first = deliveries.front().map_or(next, |delivery| delivery.position);
                // Where the group begins before it, what comes before the group is not known.
                let chained = |before| deliveries.iter().fold(before, Digest::then) == after;
                if first == next && !digest.is_none_or(chained) {
                    return Err(broken_chain(first));
                }
                while deliveries.front().is_some_and(|delivery| delivery.position < next) {
                    deliveries.pop_front();
                }
                Ok(Source::Store(deliveries, after))
            }
            Place::Tail(group) => Ok(Source::Tail(group)),
            Place::Nowhere => Err(missing(next)),
        }
    }
}

impl Iterator for Read<'_> {
    type Item = Result<Delivery, LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next > self.to {
            return None;
        }
        let step = self.step();
        match step {
            Ok(_) => self.next = self.next.next(),
            Err(_) => self.to = Position::ZERO,
        }
        Some(step)
    }
}

/// Blocks of the store, then of what is not in it yet.
pub(super) fn blocks(log: &Shared) -> impl Iterator<Item = Result<Block, LogError>> + '_ {
    let head = log.head().position;
    let mut blocks = Blocks { log, head, end: None, before: None, rest: None };
    let mut is_over = false;
    std::iter::from_fn(move || {
        if is_over {
            return None;
        }
        let block = blocks.step().transpose();
        is_over = !matches!(block, Some(Ok(_)));
        block
    })
}

struct Blocks<'a> {
    log: &'a Shared,
    head: Position,
    /// Where the store ended when it was begun with, once that is known.
    end: Option<Position>,
    /// The last group of the store that was handed out.
    before: Option<StoredGroup>,
    /// What is read beyond the store, and the digest before it.
    rest: Option<(Read<'a>, Digest)>,
}

impl Blocks<'_> {
    fn step(&mut self) -> Result<Option<Block>, LogError> {
        if self.rest.is_none() {
            let end = match self.end {
                Some(end) => end,
                None => self.log.reading(|opened| Ok(opened.tail.stored()))?.min(self.head),
            };
            self.end = Some(end);
            let after = self.before.as_ref().map_or(Position::ZERO, |(first, _)| *first);
            let groups = self.log.reading(|opened| opened.store.groups(after, end))?;
            if let Some(last) = groups.last() {
                let before = self.before.replace(last.clone());
                return Ok(Some(Block::stored(before, groups)));
            }
            let digest = self.log.reading(|opened| opened.digest_at(end))?;
            self.rest = Some((Read::new(self.log, end.next(), self.head), digest));
        }
        let Some((read, digest)) = &mut self.rest else { return Ok(None) };
        let deliveries = read.take(BLOCK_DELIVERIES).collect::<Result<Vec<_>, _>>()?;
        if deliveries.is_empty() {
            return Ok(None);
        }
        let block = Block::of(*digest, deliveries);
        *digest = block.after().unwrap_or(*digest);
        Ok(Some(block))
    }
}
