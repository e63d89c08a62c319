//! A set of positions: small enough to hold for a whole log.

use crate::record::delivery::Position;

/// Some of the positions of a log. It takes a bit for each position of the log: 12 MB for a hundred million.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PositionSet {
    words: Vec<u64>,
    count: u64,
}

impl PositionSet {
    /// Takes a position in. Returns whether it is new.
    pub fn insert(&mut self, position: Position) -> bool {
        let (word, bit) = place(position);
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        let new = self.words[word] & bit == 0;
        self.words[word] |= bit;
        self.count += u64::from(new);
        new
    }

    /// Whether a position is in it.
    pub fn contains(&self, position: Position) -> bool {
        let (word, bit) = place(position);
        self.words.get(word).is_some_and(|bits| bits & bit != 0)
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.count
    }
}

fn place(position: Position) -> (usize, u64) {
    let word = usize::try_from(position.get() / 64).expect("what is in the log has been counted in memory");
    (word, 1 << (position.get() % 64))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn it_holds_what_was_put_in_and_nothing_else() {
        let mut set = PositionSet::default();
        let inside: BTreeSet<u64> = (1..2000).filter(|number| number % 7 == 0 || number % 64 < 2).collect();
        for number in inside.iter().rev() {
            assert!(set.insert(Position::new(*number)));
            assert!(!set.insert(Position::new(*number)));
        }
        assert!((0..3000).all(|number| set.contains(Position::new(number)) == inside.contains(&number)));
        assert_eq!(set.count(), inside.len() as u64);
    }
}
