//! Reading the log: from the store as far as that has it, from the unflushed groups beyond it, without gap or repeat
//! while deliveries move from one to the other, and while the log is opened anew.

use std::{collections::VecDeque, sync::Arc};

use super::{BLOCK_DELIVERIES, LogError, opened::Opened, sled_log::Shared};
use crate::{
    files::head::Head,
    record::{
        block::{Block, StoredGroup},
        delivery::{Delivery, Position},
        digest::Digest,
        envelope::DecodedGroup,
    },
    store::{
        broken_chain, missing,
        unflushed::{ChainedDelivery, Found, Group},
    },
};

/// Deliveries in order; stops after the first error. Every group that is read from the store after the first one, and
/// the first where it is the log's, is checked against the chain: a group that does not fit was changed, moved or
/// exchanged.
pub(super) struct Read<'a> {
    log: &'a Shared,
    source: Origin,
    next: Position,
    to: Position,
    /// The log's digest before `next`, as far as it was met.
    before: Option<Digest>,
    /// Whether it is looked up where it was not.
    with_digests: bool,
}

/// The same with the log's digest after each.
pub(super) struct Entries<'a>(Read<'a>);

/// Where the next delivery may come from.
enum Origin {
    /// To be found out.
    Unknown,
    /// The rest of a group of the store, each with the log's digest after it where the chain is known, and the digest after
    /// the group.
    Store(VecDeque<(Delivery, Option<Digest>)>, Digest),
    Unflushed(Arc<Group>),
}

impl<'a> Read<'a> {
    /// The deliveries of these positions.
    pub(super) fn new(log: &'a Shared, from: Position, to: Position) -> Read<'a> {
        let before = (from == Position::new(1)).then_some(Digest::EMPTY);
        Read { log, source: Origin::Unknown, next: from, to, before, with_digests: false }
    }

    /// With digests; `before` is the one before the first, where the caller knows it.
    pub(super) fn entries(self, before: Option<Digest>) -> Entries<'a> {
        Entries(Read { before: before.or(self.before), with_digests: true, ..self })
    }

    fn step(&mut self) -> Result<(Delivery, Option<Digest>), LogError> {
        loop {
            match &mut self.source {
                Origin::Unknown => {}
                Origin::Store(group, after) => match group.pop_front() {
                    Some(found) if found.0.position == self.next => return Ok(found),
                    Some(_) => return Err(missing(self.next)),
                    None => self.before = Some(*after),
                },
                Origin::Unflushed(group) => {
                    if let Some(entry) = group.at(self.next) {
                        return Ok((entry.delivery.clone(), Some(entry.digest)));
                    }
                }
            }
            let (next, before, with_digests) = (self.next, self.before, self.with_digests);
            self.source = self.log.reading(|opened| Origin::of(opened, next, before, with_digests))?;
        }
    }

    fn next_with_digest(&mut self) -> Option<Result<(Delivery, Option<Digest>), LogError>> {
        if self.next > self.to {
            return None;
        }
        let step = self.step();
        match &step {
            Ok((_, digest)) => (self.next, self.before) = (self.next.next(), *digest),
            Err(_) => self.to = Position::ZERO,
        }
        Some(step)
    }
}

impl Origin {
    /// What holds `next`, where `before` is the log's digest before it, if that is known.
    fn of(opened: &Opened, next: Position, before: Option<Digest>, with_digests: bool) -> Result<Origin, LogError> {
        match opened.unflushed.find(next) {
            Found::Stored => {
                let DecodedGroup { deliveries, digest: after } = opened.store.group_at(next)?;
                let first = deliveries.front().map_or(next, |delivery| delivery.position);
                let earlier = |position: Position| Position::new(position.get() - 1);
                let known = match before {
                    Some(digest) => Some(Head { position: earlier(next), digest }),
                    None if with_digests => {
                        let position = earlier(first);
                        Some(Head { position, digest: opened.store.digest_of_group_with(position)? })
                    }
                    // What comes before the group is not known.
                    None => None,
                };
                let mut digest = known.map(|known| known.digest);
                let chained = |delivery: Delivery| {
                    if known.is_some_and(|known| known.position < delivery.position) {
                        digest = digest.map(|digest| digest.then(&delivery));
                    }
                    (delivery, digest)
                };
                let mut deliveries: VecDeque<_> = deliveries.into_iter().map(chained).collect();
                if digest.is_some_and(|digest| digest != after) {
                    return Err(broken_chain(first));
                }
                while deliveries.front().is_some_and(|(delivery, _)| delivery.position < next) {
                    deliveries.pop_front();
                }
                Ok(Origin::Store(deliveries, after))
            }
            Found::Unflushed(group) => Ok(Origin::Unflushed(group)),
            Found::BeyondHead => Err(missing(next)),
        }
    }
}

impl Iterator for Read<'_> {
    type Item = Result<Delivery, LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        let step = self.next_with_digest()?;
        Some(step.map(|(delivery, _)| delivery))
    }
}

impl Iterator for Entries<'_> {
    type Item = Result<ChainedDelivery, LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        let entry = |(delivery, digest): (Delivery, Option<Digest>)| {
            let digest = digest.expect("the chain is known before the first");
            ChainedDelivery { delivery, digest }
        };
        Some(self.0.next_with_digest()?.map(entry))
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
                None => self.log.reading(|opened| Ok(opened.unflushed.stored()))?.min(self.head),
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
