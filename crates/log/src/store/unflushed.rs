//! Unflushed groups: durable in the journal and not in the store yet, kept as readers get them.
//!
//! Everything up to `stored` is in the store, everything beyond it up to the head is here. `stored` only grows, and
//! only after the store has made durable what it passes: so a reader finds a position in one or the other.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{
    files::head::Head,
    planted::planted,
    record::{
        delivery::{BodyReader, Delivery, Position},
        digest::Digest,
    },
};

/// What is not in the store yet.
pub(crate) struct Unflushed {
    state: Mutex<State>,
}

struct State {
    head: Head,
    stored: Position,
    groups: VecDeque<Arc<Group>>,
}

/// Deliveries that came together. Never empty.
pub(crate) struct Group {
    entries: Vec<ChainedDelivery>,
}

/// A delivery, and the log's digest after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainedDelivery {
    /// What stands there.
    pub delivery: Delivery,
    /// The digest of everything up to and with it.
    pub digest: Digest,
}

impl ChainedDelivery {
    /// The same, read again where it could not be read when it arrived.
    pub(crate) fn read_again(self, reader: BodyReader) -> ChainedDelivery {
        ChainedDelivery { delivery: self.delivery.read_again(reader), ..self }
    }
}

/// Where a position is.
pub(crate) enum Found {
    /// In the store.
    Stored,
    /// In this group.
    Unflushed(Arc<Group>),
    /// Beyond the head.
    BeyondHead,
}

impl Group {
    /// The group of these deliveries, where `digest` is the log's before them; `None` of none.
    pub(crate) fn chained(deliveries: impl IntoIterator<Item = Delivery>, mut digest: Digest) -> Option<Group> {
        let chain = |delivery| {
            digest = Digest::then(digest, &delivery);
            ChainedDelivery { delivery, digest }
        };
        let entries: Vec<ChainedDelivery> = deliveries.into_iter().map(chain).collect();
        (!entries.is_empty()).then_some(Group { entries })
    }

    /// Its deliveries with the log's digests, by position.
    pub(crate) fn entries(&self) -> &[ChainedDelivery] {
        &self.entries
    }

    /// Its first position.
    pub(crate) fn first(&self) -> Position {
        self.entries.first().expect("a group has a delivery").delivery.position
    }

    /// Where the log ends with it.
    pub(crate) fn end(&self) -> Head {
        let last = self.entries.last().expect("a group has a delivery");
        Head { position: last.delivery.position, digest: last.digest }
    }

    /// What stands at `position`.
    pub(crate) fn at(&self, position: Position) -> Option<&ChainedDelivery> {
        let index = position.get().checked_sub(self.first().get())?;
        self.entries.get(usize::try_from(index).ok()?)
    }
}

impl Unflushed {
    /// What is unflushed of a log whose store ends at `stored`.
    pub(crate) fn after(stored: Head, groups: Vec<Group>) -> Unflushed {
        let head = groups.last().map_or(stored, Group::end);
        let groups = groups.into_iter().map(Arc::new).collect();
        Unflushed { state: Mutex::new(State { head, stored: stored.position, groups }) }
    }

    /// The log's end.
    pub(crate) fn head(&self) -> Head {
        self.state().head
    }

    /// Takes a group that is durable; from now on it is read.
    pub(crate) fn push(&self, group: Group) {
        let mut state = self.state();
        let end = group.end();
        state.head = if planted!(DigestNotAdvanced) { Head { position: end.position, ..state.head } } else { end };
        state.groups.push_back(Arc::new(group));
    }

    /// The last position that the store has.
    pub(crate) fn stored(&self) -> Position {
        self.state().stored
    }

    /// Where `position` is now.
    pub(crate) fn find(&self, position: Position) -> Found {
        let state = self.state();
        if position <= state.stored {
            return Found::Stored;
        }
        let index = state.groups.partition_point(|group| group.end().position < position);
        state.groups.get(index).map_or(Found::BeyondHead, |group| Found::Unflushed(Arc::clone(group)))
    }

    /// The groups that hold what is not in the store, up to `last`, and the first position that is not.
    pub(crate) fn groups_up_to(&self, last: Position) -> (Position, Vec<Arc<Group>>) {
        let state = self.state();
        let groups = state.groups.iter().take_while(|group| group.first() <= last).map(Arc::clone);
        (state.stored.next(), groups.collect())
    }

    /// The store has everything up to `to` on stable storage.
    pub(crate) fn checkpointed(&self, to: Position) {
        let mut state = self.state();
        state.stored = to;
        let count = state.groups.partition_point(|group| group.end().position <= to);
        let gone: Vec<Arc<Group>> = state.groups.drain(..count).collect();
        drop(state);
        // This frees many small pieces of memory; nobody has to wait for that.
        drop(gone);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
