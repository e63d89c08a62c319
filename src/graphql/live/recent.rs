//! The latest items of an operation, for subscribers who are almost up to date.
//!
//! Bounded for each operation, and for all together: what does not fit is forgotten, and a subscriber that needs it
//! reads the log instead.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use crate::{graphql::step::Reached, log::Position};

/// How long an item is kept: a subscriber that is not much behind has it by then.
pub(super) const KEPT_FOR: Duration = Duration::from_secs(2);
/// Bytes that one operation keeps.
const OPERATION_BYTES_MAX: usize = 1 << 20;
/// Items that one operation keeps.
const OPERATION_ITEMS_MAX: usize = 1024;
/// Bytes that all operations keep together.
const BYTES_MAX: usize = 32 << 20;
/// Items that a subscriber takes at a time, and their bytes; one alone may have more.
const TAKEN_MAX: usize = 64;
const TAKEN_BYTES_MAX: usize = 16 << 10;

/// Bytes that all operations of a server keep now.
pub(super) type KeptBytes = Arc<AtomicUsize>;

/// A response, and the place in the log that it is as of.
pub(super) type Item = (Reached, Arc<str>);

/// Every item after `base`, up to `through`.
pub(super) struct RecentItems {
    base: Position,
    through: Position,
    items: VecDeque<(Item, Instant)>,
    bytes: usize,
    all_bytes: KeptBytes,
}

/// What is at hand after a position.
pub(super) enum After {
    /// These come next.
    Items(Vec<Item>),
    /// Nothing up to this position.
    Nothing(Position),
    /// It is forgotten.
    Forgotten,
}

impl RecentItems {
    /// There are no items up to here.
    pub(super) fn from(position: Position, all_bytes: KeptBytes) -> RecentItems {
        RecentItems { base: position, through: position, items: VecDeque::new(), bytes: 0, all_bytes }
    }

    pub(super) fn through(&self) -> Position {
        self.through
    }

    pub(super) fn after(&self, position: Position) -> After {
        if position < self.base {
            return After::Forgotten;
        }
        let next = self.items.partition_point(|((told, _), _)| told.position <= position);
        let items = some_of(self.items.range(next..).map(|(item, _)| item.clone()));
        if items.is_empty() { After::Nothing(self.through) } else { After::Items(items) }
    }

    /// Takes in new items, up to a position.
    pub(super) fn push(&mut self, items: Vec<Item>, through: Position, now: Instant) {
        while self.items.front().is_some_and(|(_, told)| now.duration_since(*told) >= KEPT_FOR) {
            self.forget_oldest();
        }
        let more: usize = items.iter().map(|(_, json)| json.len()).sum();
        while !self.items.is_empty()
            && (self.bytes + more > OPERATION_BYTES_MAX || self.items.len() + items.len() > OPERATION_ITEMS_MAX)
        {
            self.forget_oldest();
        }
        if self.all_bytes.load(Ordering::Relaxed) + more > BYTES_MAX {
            self.forget_up_to(through);
            return;
        }
        self.all_bytes.fetch_add(more, Ordering::Relaxed);
        self.bytes += more;
        self.items.extend(items.into_iter().map(|item| (item, now)));
        self.through = through;
    }

    /// Forgets everything; there are no other items up to a position.
    pub(super) fn forget_up_to(&mut self, through: Position) {
        *self = RecentItems::from(through, Arc::clone(&self.all_bytes));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    fn forget_oldest(&mut self) {
        let Some(((told, json), _)) = self.items.pop_front() else { return };
        self.base = told.position;
        self.bytes -= json.len();
        self.all_bytes.fetch_sub(json.len(), Ordering::Relaxed);
    }
}

impl Drop for RecentItems {
    fn drop(&mut self) {
        self.all_bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// The first items: no more than a subscriber holds while it sends them.
pub(super) fn some_of(items: impl Iterator<Item = Item>) -> Vec<Item> {
    let mut bytes = 0;
    let fits = |(index, (_, json)): &(usize, Item)| {
        bytes += json.len();
        *index == 0 || (*index < TAKEN_MAX && bytes <= TAKEN_BYTES_MAX)
    };
    items.enumerate().take_while(fits).map(|(_, item)| item).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(position: u64, bytes: usize) -> Item {
        (Position::new(position).into(), "x".repeat(bytes).into())
    }

    /// The positions after `position`, `-` where there are none, `?` where they are forgotten.
    fn check(told: &RecentItems, position: u64, expected: &str) {
        let found = match told.after(Position::new(position)) {
            After::Items(items) => {
                items.iter().map(|(told, _)| told.position.to_string()).collect::<Vec<_>>().join(" ")
            }
            After::Nothing(through) => format!("- {through}"),
            After::Forgotten => "?".to_owned(),
        };
        assert_eq!(found, expected, "after {position}");
    }

    #[test]
    fn a_subscriber_gets_what_comes_after_its_position_or_learns_that_it_is_forgotten() {
        let (mut told, now) = (RecentItems::from(Position::new(10), KeptBytes::default()), Instant::now());
        check(&told, 9, "?");
        check(&told, 10, "- 10");
        told.push(vec![item(12, 5), item(15, 5)], Position::new(20), now);
        check(&told, 10, "12 15");
        check(&told, 12, "15");
        check(&told, 15, "- 20");
        check(&told, 99, "- 20");
        told.push(vec![item(21, OPERATION_BYTES_MAX - 5)], Position::new(21), now);
        check(&told, 11, "?");
        check(&told, 12, "15");
        check(&told, 15, "21");
        told.push(vec![item(25, 1)], Position::new(25), now + KEPT_FOR);
        check(&told, 15, "?");
        check(&told, 21, "25");
        told.forget_up_to(Position::new(30));
        check(&told, 25, "?");
        check(&told, 30, "- 30");
    }

    #[test]
    fn a_subscriber_takes_a_bounded_piece() {
        let sizes = |bytes: usize| some_of((1..200).map(|position| item(position, bytes))).len();
        assert_eq!((sizes(10), sizes(4 << 10), sizes(1 << 20)), (TAKEN_MAX, 4, 1));
    }
}
