//! One ordered list out of several ordered lists.

use std::{cmp::Reverse, ops::Bound};

use itertools::Itertools as _;

use crate::error::ProjectionError;

/// A range of keys.
pub(crate) type Bounds = (Bound<Vec<u8>>, Bound<Vec<u8>>);

/// Numbers in ascending order, read as they are asked for, from either end.
pub(crate) type Numbers<'a> = Box<dyn DoubleEndedIterator<Item = Result<u64, ProjectionError>> + 'a>;

/// Items in order, read as they are asked for.
pub(crate) type Results<'a, T> = Box<dyn Iterator<Item = Result<T, ProjectionError>> + 'a>;

/// The span strictly between two cursors.
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
pub(crate) fn merge(lists: Vec<Numbers<'_>>, from_end: bool, limit: usize) -> Result<Vec<u64>, ProjectionError> {
    if from_end {
        let reversed = lists.into_iter().map(|list| list.rev().map(|number| number.map(Reverse)));
        reversed.kmerge_by(is_before).take(limit).map_ok(|Reverse(number)| number).collect()
    } else {
        lists.into_iter().kmerge_by(is_before).take(limit).collect()
    }
}

/// The items of all lists: ascending as they are, or descending where they are read backwards.
pub(crate) fn merged<'a, T: Ord + 'a>(
    lists: impl Iterator<Item: Iterator<Item = Result<T, ProjectionError>> + 'a>,
    backwards: bool,
) -> Results<'a, T> {
    if backwards {
        let reversed = lists.map(|list| list.map_ok(Reverse));
        Box::new(reversed.kmerge_by(is_before).map_ok(|Reverse(item)| item))
    } else {
        Box::new(lists.kmerge_by(is_before))
    }
}

/// The order in which results are merged: by the items' order, with errors first.
pub(crate) fn is_before<T: Ord, E>(one: &Result<T, E>, other: &Result<T, E>) -> bool {
    match (one, other) {
        (Ok(one), Ok(other)) => one < other,
        (Err(_), _) => true,
        (Ok(_), Err(_)) => false,
    }
}
