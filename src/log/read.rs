//! Reading the log: from the store as far as that has it, from the tail beyond it, without gap or repeat while
//! deliveries move from one to the other.

use std::sync::Arc;

use super::{
    LogError,
    delivery::{Delivery, Position},
    sled_store::{Read as StoreRead, SledStore, missing},
    tail::{Group, Place, Tail},
};

/// Deliveries in order; stops after the first error.
pub(super) struct Read<'a> {
    store: &'a SledStore,
    tail: &'a Tail,
    source: Source,
    next: Position,
    to: Position,
}

/// Where the next delivery may come from.
enum Source {
    /// To be found out.
    Unknown,
    Store(Box<StoreRead>),
    Tail(Arc<Group>),
}

impl<'a> Read<'a> {
    /// The deliveries of these positions.
    pub(super) fn new(store: &'a SledStore, tail: &'a Tail, from: Position, to: Position) -> Read<'a> {
        Read { store, tail, source: Source::Unknown, next: from, to }
    }

    fn step(&mut self) -> Result<Delivery, LogError> {
        loop {
            let found = match &mut self.source {
                Source::Unknown => None,
                Source::Store(read) => read.next().transpose()?,
                Source::Tail(group) => group.at(self.next).map(|entry| entry.delivery.clone()),
            };
            if let Some(delivery) = found {
                return Ok(delivery);
            }
            self.source = match self.tail.place_of(self.next) {
                Place::Store(moved) => Source::Store(Box::new(self.store.read(self.next, moved.min(self.to)))),
                Place::Tail(group) => Source::Tail(group),
                Place::Nowhere => return Err(missing(self.next)),
            };
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
