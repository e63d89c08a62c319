//! What a range of a snapshot gives: rows from both ends.

use std::sync::Arc;

use crate::{
    error::Result,
    merge::Merge,
    store::snapshot::Held,
    table::key::{Bounds, Direction, Key},
};

/// The rows of a range, from both ends, as the snapshot saw them, however long reading takes.
pub struct Iter {
    held: Arc<Held>,
    space: usize,
    bounds: Bounds,
    /// Each end reads for itself, and stops where the other one was.
    front: Option<Merge>,
    back: Option<Merge>,
    last: (Option<Key>, Option<Key>),
    is_done: bool,
}

/// A row that was read, or why it could not be.
pub struct Guard(Result<(Key, Vec<u8>)>);

impl Guard {
    /// Its key.
    pub fn key(self) -> Result<Key> {
        self.0.map(|(key, _)| key)
    }

    /// Its value.
    pub fn value(self) -> Result<Vec<u8>> {
        self.0.map(|(_, value)| value)
    }

    /// Both.
    pub fn into_inner(self) -> Result<(Key, Vec<u8>)> {
        self.0
    }
}

impl Iter {
    pub(crate) fn of(held: Arc<Held>, space: usize, bounds: Bounds) -> Iter {
        Iter { held, space, bounds, front: None, back: None, last: (None, None), is_done: false }
    }

    fn step(&mut self, direction: Direction) -> Option<Guard> {
        if self.is_done {
            return None;
        }
        let found = self.found(direction);
        self.is_done = !matches!(found, Ok(Some(_)));
        found.map_or_else(|error| Some(Guard(Err(error))), |row| row.map(|row| Guard(Ok(row))))
    }

    fn found(&mut self, direction: Direction) -> Result<Option<(Key, Vec<u8>)>> {
        let end = match direction {
            Direction::Up => &mut self.front,
            Direction::Down => &mut self.back,
        };
        let merge = end.get_or_insert_with(|| self.held.merge(self.space, &self.bounds, direction));
        while let Some((key, value)) = merge.next()? {
            let Some(value) = value else { continue };
            let (first, last) = &mut self.last;
            let is_past = match direction {
                Direction::Up => last.as_ref().is_some_and(|last| key >= *last),
                Direction::Down => first.as_ref().is_some_and(|first| key <= *first),
            };
            if is_past {
                return Ok(None);
            }
            *(if direction == Direction::Up { first } else { last }) = Some(key.clone());
            return Ok(Some((key, value)));
        }
        Ok(None)
    }
}

impl Iterator for Iter {
    type Item = Guard;

    fn next(&mut self) -> Option<Guard> {
        self.step(Direction::Up)
    }
}

impl DoubleEndedIterator for Iter {
    fn next_back(&mut self) -> Option<Guard> {
        self.step(Direction::Down)
    }
}
