//! The moments that snapshots hold, as numbers of batches.

/// Which moments are held, and by how many snapshots each.
#[derive(Default)]
pub(crate) struct Moments {
    /// Ascending.
    sequences: Vec<u64>,
    holders: Vec<usize>,
}

impl Moments {
    /// Holds the moment after a batch, which is the last one.
    pub(crate) fn hold(&mut self, sequence: u64) {
        match (self.sequences.last(), self.holders.last_mut()) {
            (Some(last), Some(holders)) if *last == sequence => *holders += 1,
            _ => {
                self.sequences.push(sequence);
                self.holders.push(1);
            }
        }
    }

    /// Lets go of a moment that was held.
    pub(crate) fn let_go(&mut self, sequence: u64) {
        let Ok(at) = self.sequences.binary_search(&sequence) else { return };
        self.holders[at] -= 1;
        if self.holders[at] == 0 {
            self.sequences.remove(at);
            self.holders.remove(at);
        }
    }

    /// The numbers of the batches, ascending.
    pub(crate) fn sequences(&self) -> &[u64] {
        &self.sequences
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_held_until_the_last_snapshot_lets_go() {
        let mut moments = Moments::default();
        [3, 3, 5].into_iter().for_each(|sequence| moments.hold(sequence));
        moments.let_go(3);
        assert_eq!(moments.sequences(), [3, 5]);
        moments.let_go(3);
        assert_eq!(moments.sequences(), [5]);
    }
}
