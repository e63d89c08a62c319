//! The rows of one batch, in order: readers look at them while they are being put into memory.

use std::{
    cmp::Ordering,
    collections::{BTreeSet, VecDeque},
    ops::{Bound, Range},
};

use crate::table::key::{Bounds, Direction, Key, Row};

/// Rows that are written together. Of two with the same key, the later one counts.
#[derive(Default)]
pub(crate) struct BatchRows {
    rows: Vec<BatchRow>,
    values: Vec<u8>,
    /// The numbers of the rows, in the order in which they go into memory.
    order: Vec<u32>,
}

pub(crate) struct BatchRow {
    pub(crate) key: Key,
    pub(crate) space: u32,
    /// Where its value begins, and how long it is: [`REMOVED`] for one that removes the row.
    at: u32,
    length: u32,
}

const REMOVED: u32 = u32::MAX;
/// How many rows go into memory while readers wait: some ten microseconds.
const PART_ROWS: usize = 96;
/// The bits of the row's own number, at the end of the number that is sorted in its place.
const NUMBER_BITS: u32 = 24;
const NUMBERS: u128 = (1 << NUMBER_BITS) - 1;

impl BatchRow {
    fn cmp(&self, space: u32, key: &Key) -> Ordering {
        self.space.cmp(&space).then_with(|| self.key.cmp(key))
    }
}

fn number(number: usize) -> u32 {
    u32::try_from(number).expect("a batch is far below 4 GiB")
}

impl BatchRows {
    pub(crate) fn push(&mut self, space: usize, key: &[u8], value: Option<&[u8]>) {
        let (at, length) = (number(self.values.len()), value.map_or(REMOVED, |value| number(value.len())));
        self.values.extend_from_slice(value.unwrap_or_default());
        self.rows.push(BatchRow { key: Key::from(key), space: number(space), at, length });
    }

    /// Decides in which order the rows go into memory. Rows of a small batch (`true`) go as they came. Those of another
    /// go in the order of their keys, so that readers find them until then; of those with one key, the one that counts
    /// stays the last.
    ///
    /// Numbers are sorted in place of rows, which is several times as fast: the keyspace, twelve bytes of the key, and
    /// the row's number. Rows that those bytes don't tell apart stay as they were, and are sorted by themselves.
    pub(crate) fn arrange(&mut self) -> bool {
        let rows = &self.rows;
        self.order.clear();
        if rows.len() <= PART_ROWS {
            self.order.extend(0..number(rows.len()));
            return true;
        }
        let by_key = |one: &u32, other: &u32| {
            let other = &rows[*other as usize];
            rows[*one as usize].cmp(other.space, &other.key)
        };
        if rows.len() > 1 << NUMBER_BITS {
            self.order.extend(0..number(rows.len()));
            self.order.sort_by(by_key);
            return false;
        }
        let sorted_by = |(number, row): (usize, &BatchRow)| {
            u128::from(row.space) << 120 | (row.key.beginning() >> 8 & !NUMBERS) | number as u128
        };
        let mut sorted: Vec<u128> = rows.iter().enumerate().map(sorted_by).collect();
        sorted.sort_unstable();
        self.order.reserve(rows.len());
        for same in sorted.chunk_by(|one, other| one & !NUMBERS == other & !NUMBERS) {
            let start = self.order.len();
            self.order.extend(same.iter().map(|number| u32::try_from(number & NUMBERS).expect("it has 24 bits")));
            if same.len() > 1 {
                self.order[start..].sort_by(by_key);
            }
        }
        false
    }

    /// The rows as they go into memory, some at a time.
    pub(crate) fn parts(&self) -> impl Iterator<Item = impl Iterator<Item = &BatchRow>> {
        self.order.chunks(PART_ROWS).map(|part| part.iter().map(|number| &self.rows[*number as usize]))
    }

    /// How many of the rows come before others in their order.
    fn partition(&self, is_before: impl Fn(&BatchRow) -> bool) -> usize {
        self.order.partition_point(|number| is_before(&self.rows[*number as usize]))
    }

    /// A row by its number in the order.
    fn row(&self, at: usize) -> &BatchRow {
        &self.rows[self.order[at] as usize]
    }

    pub(crate) fn value(&self, row: &BatchRow) -> Option<&[u8]> {
        (row.length != REMOVED).then(|| &self.values[row.at as usize..][..row.length as usize])
    }

    /// What the batch says of a row: `None` nothing, `Some(None)` that it is removed.
    #[allow(clippy::option_option, reason = "not there, removed, or there")]
    pub(crate) fn get(&self, space: usize, key: &Key) -> Option<Option<Vec<u8>>> {
        let space = number(space);
        let end = self.partition(|row| row.cmp(space, key).is_le());
        let row = Some(self.row(end.checked_sub(1)?)).filter(|row| row.cmp(space, key).is_eq())?;
        Some(self.value(row).map(<[u8]>::to_vec))
    }

    /// Where the rows of a range are.
    pub(crate) fn range(&self, space: usize, (from, to): &Bounds) -> Range<usize> {
        let space = number(space);
        let before = |key: &Key| self.partition(|row| row.cmp(space, key).is_lt());
        let behind = |key: &Key| self.partition(|row| row.cmp(space, key).is_le());
        let start = match from {
            Bound::Unbounded => self.partition(|row| row.space < space),
            Bound::Included(key) => before(key),
            Bound::Excluded(key) => behind(key),
        };
        let end = match to {
            Bound::Unbounded => self.partition(|row| row.space <= space),
            Bound::Included(key) => behind(key),
            Bound::Excluded(key) => before(key),
        };
        start..end
    }

    /// Copies some rows out, from the front or the back of a range, and takes them off it.
    pub(crate) fn copy(&self, range: &mut Range<usize>, direction: Direction, count: usize, found: &mut VecDeque<Row>) {
        let is_same = |one: &BatchRow, other: &BatchRow| one.cmp(other.space, &other.key).is_eq();
        while found.len() < count && range.start < range.end {
            let row = match direction {
                Direction::Up => {
                    let row = self.row(range.start);
                    range.start += 1;
                    if range.start < range.end && is_same(row, self.row(range.start)) {
                        continue;
                    }
                    row
                }
                Direction::Down => {
                    let row = self.row(range.end - 1);
                    range.end -= 1;
                    while range.start < range.end && is_same(row, self.row(range.end - 1)) {
                        range.end -= 1;
                    }
                    row
                }
            };
            found.push_back((row.key.clone(), self.value(row).map(<[u8]>::to_vec)));
        }
    }

    /// Panics if the batch inserts a row that is there already, in a keyspace whose writer promises not to.
    pub(crate) fn check_once(&self, is_once: impl Fn(usize) -> bool, is_there: impl Fn(usize, &Key) -> bool) {
        let mut removed = BTreeSet::new();
        for row in self.rows.iter().filter(|row| is_once(row.space as usize)) {
            if row.length == REMOVED {
                removed.insert((row.space, &row.key));
            } else if !removed.remove(&(row.space, &row.key)) {
                let is_there = is_there(row.space as usize, &row.key);
                assert!(!is_there, "the row {:?} of keyspace {} is put in a second time", row.key, row.space);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clockfold_disk::fake::random::Random;

    #[test]
    fn rows_are_in_order_and_the_last_of_a_key_counts() {
        for seed in 0..200 {
            let random = &mut Random::of(seed);
            let (mut batch, mut expected) = (BatchRows::default(), std::collections::BTreeMap::new());
            for number in 0..PART_ROWS + 1 + random.below(200) {
                let tail = [0, 0, 3, 25][random.below(4)];
                let key =
                    [&[0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0][..random.below(12)], &[random.byte() % 4], &vec![9; tail]]
                        .concat();
                let (space, value) = (random.below(3), number.to_le_bytes());
                let value = (!random.one_in(3)).then_some(&value[..]);
                batch.push(space, &key, value);
                expected.insert((space, key), value.map(<[u8]>::to_vec));
            }
            assert!(!batch.arrange());
            assert!(batch.parts().flatten().is_sorted_by(|one, other| one.cmp(other.space, &other.key).is_le()));
            for ((space, key), value) in &expected {
                assert_eq!(batch.get(*space, &Key::from(&**key)).as_ref(), Some(value));
                let longer = [key, &[77][..]].concat();
                assert_eq!(batch.get(*space, &Key::from(&*longer)), None);
            }
            for space in 0..3 {
                let keys: Vec<_> = expected.iter().filter(|((of, _), _)| *of == space).collect();
                let bounds = match keys.get(random.below(8)) {
                    Some(((_, key), _)) => (Bound::Included(Key::from(&**key)), Bound::Unbounded),
                    None => (Bound::Unbounded, Bound::Excluded(Key::from(&[0, 0, 1][..]))),
                };
                let is_in = |key: &[u8]| match &bounds.0 {
                    Bound::Included(from) => *key >= **from,
                    _ => *key < [0, 0, 1][..],
                };
                for direction in [Direction::Up, Direction::Down] {
                    let (mut range, mut found) = (batch.range(space, &bounds), VecDeque::new());
                    for count in 1.. {
                        batch.copy(&mut range, direction, count, &mut found);
                        if found.len() < count {
                            break;
                        }
                    }
                    let found = found.into_iter().map(|(key, value)| (key.to_vec(), value));
                    let expected = keys
                        .iter()
                        .filter(|((_, key), _)| is_in(key))
                        .map(|((_, key), value)| (key.clone(), (*value).clone()));
                    match direction {
                        Direction::Up => assert!(found.eq(expected)),
                        Direction::Down => assert!(found.eq(expected.rev())),
                    }
                }
            }
        }
    }
}
