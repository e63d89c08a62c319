//! One ordered list out of several ordered lists of numbers.

use std::ops::Bound;

use crate::error::ProjectionError;

/// A range of keys.
pub(crate) type Bounds = (Bound<Vec<u8>>, Bound<Vec<u8>>);

/// Numbers in ascending order, read as they are asked for, from either end.
pub(crate) type Numbers<'a> = Box<dyn DoubleEndedIterator<Item = Result<u64, ProjectionError>> + 'a>;

/// What lies strictly between two cursors.
#[derive(Clone, Copy)]
pub(crate) struct Span<K> {
    pub(crate) after: Option<K>,
    pub(crate) before: Option<K>,
}

impl<K: Copy + Ord> Span<K> {
    pub(crate) fn is_empty(&self) -> bool {
        self.after.zip(self.before).is_some_and(|(after, before)| after >= before)
    }

    pub(crate) fn contains(&self, item: K) -> bool {
        self.after.is_none_or(|after| after < item) && self.before.is_none_or(|before| item < before)
    }

    /// The bounds of the keys of this span; `None` where it is empty.
    pub(crate) fn bounds(&self, key: impl Fn(K) -> Vec<u8>, first: K, last: K) -> Option<Bounds> {
        if self.is_empty() {
            return None;
        }
        let lower = self.after.map_or_else(|| Bound::Included(key(first)), |after| Bound::Excluded(key(after)));
        let upper = self.before.map_or_else(|| Bound::Included(key(last)), |before| Bound::Excluded(key(before)));
        Some((lower, upper))
    }
}

/// The numbers of all lists: ascending, or descending `from_end`; at most `limit`.
pub(crate) fn merge(mut lists: Vec<Numbers<'_>>, from_end: bool, limit: usize) -> Result<Vec<u64>, ProjectionError> {
    let advance = |list: &mut Numbers<'_>| (if from_end { list.next_back() } else { list.next() }).transpose();
    let mut heads = lists.iter_mut().map(&advance).collect::<Result<Vec<_>, _>>()?;
    let mut merged = Vec::new();
    while merged.len() < limit {
        let heads_left = heads.iter().enumerate().filter_map(|(index, head)| head.map(|number| (number, index)));
        let next = if from_end { heads_left.max() } else { heads_left.min() };
        let Some((number, index)) = next else { break };
        merged.push(number);
        heads[index] = advance(&mut lists[index])?;
    }
    Ok(merged)
}
