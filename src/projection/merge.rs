//! One ordered list out of several ordered ranges of keys.

use std::ops::Bound;

use fjall::Iter;

use super::{ProjectionError, row::last_number, store::failed};

/// A range of keys.
pub(super) type Bounds = (Bound<Vec<u8>>, Bound<Vec<u8>>);

/// What lies strictly between two cursors.
pub(super) struct Span<K> {
    pub(super) after: Option<K>,
    pub(super) before: Option<K>,
}

impl<K: Copy + Ord> Span<K> {
    /// The bounds of the keys of this span; `None` where it is empty.
    pub(super) fn bounds(&self, key: impl Fn(K) -> Vec<u8>, first: K, last: K) -> Option<Bounds> {
        if self.after.zip(self.before).is_some_and(|(after, before)| after >= before) {
            return None;
        }
        let lower = self.after.map_or_else(|| Bound::Included(key(first)), |after| Bound::Excluded(key(after)));
        let upper = self.before.map_or_else(|| Bound::Included(key(last)), |before| Bound::Excluded(key(before)));
        Some((lower, upper))
    }
}

/// The numbers at the ends of the ranges' keys: ascending, or descending `from_end`; at most `limit`.
pub(super) fn merge(ranges: Vec<Iter>, from_end: bool, limit: usize) -> Result<Vec<u64>, ProjectionError> {
    merge_where(ranges, from_end, limit, |_| Ok(true))
}

/// Like [`merge`], of the rows that `wanted` lets through.
pub(super) fn merge_where(
    mut ranges: Vec<Iter>,
    from_end: bool,
    limit: usize,
    wanted: impl Fn(&[u8]) -> Result<bool, ProjectionError>,
) -> Result<Vec<u64>, ProjectionError> {
    let advance = |range: &mut Iter| -> Result<Option<u64>, ProjectionError> {
        loop {
            let Some(entry) = (if from_end { range.next_back() } else { range.next() }) else { return Ok(None) };
            let (key, value) = entry.into_inner().map_err(|error| failed("reading", error))?;
            if wanted(&value)? {
                return last_number(&key).map(Some);
            }
        }
    };
    let mut heads = ranges.iter_mut().map(&advance).collect::<Result<Vec<_>, _>>()?;
    let mut merged = Vec::new();
    while merged.len() < limit {
        let heads_left = heads.iter().enumerate().filter_map(|(index, head)| head.map(|number| (number, index)));
        let next = if from_end { heads_left.max() } else { heads_left.min() };
        let Some((number, index)) = next else { break };
        merged.push(number);
        heads[index] = advance(&mut ranges[index])?;
    }
    Ok(merged)
}
