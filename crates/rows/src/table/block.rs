//! A block: some kilobytes of rows in order, with a checksum. A table's file is read block by block.
//!
//! ```text
//! row*   shared varint · rest varint · value length + 1 varint (0: the row was removed) · rest of the key · value
//! u32*   where each interval of rows begins; its first row shares nothing with the one before
//! u32    how many intervals
//! u32    CRC-32 of all before
//! ```
//!
//! `shared` is how many bytes the key has in common with the one before. Numbers of fixed length are little-endian.

use std::collections::VecDeque;

use crate::{
    planted::planted,
    table::key::{Key, Row, shared_length},
};

/// One row in this many is written whole: a look-up goes through this many at most.
const INTERVAL_ROWS: usize = 12;

/// Takes rows in order.
#[derive(Default)]
pub(crate) struct BlockBuilder {
    bytes: Vec<u8>,
    intervals: Vec<u32>,
    rows: usize,
    last: Vec<u8>,
}

/// A block that was read and has its checksum.
pub(crate) struct Block {
    bytes: Vec<u8>,
    rows_end: usize,
}

impl BlockBuilder {
    pub(crate) fn push(&mut self, key: &[u8], value: Option<&[u8]>) {
        debug_assert!(self.rows == 0 || *key > *self.last, "rows come in the order of their keys");
        let mut shared = 0;
        if self.rows.is_multiple_of(INTERVAL_ROWS) {
            self.intervals.push(number(self.bytes.len()));
        } else {
            shared = shared_length(&self.last, key);
        }
        put_varint(&mut self.bytes, number(shared));
        put_varint(&mut self.bytes, number(key.len() - shared));
        put_varint(&mut self.bytes, value.map_or(0, |value| number(value.len() + 1)));
        self.bytes.extend_from_slice(&key[shared..]);
        self.bytes.extend_from_slice(value.unwrap_or_default());
        self.last.truncate(shared);
        self.last.extend_from_slice(&key[shared..]);
        self.rows += 1;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// About how many bytes it will take.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len() + 4 * self.intervals.len() + 8
    }

    /// The key of the last row.
    pub(crate) fn last(&self) -> &[u8] {
        &self.last
    }

    /// Writes the block to the end of `out`, and begins the next one. Returns how many bytes it takes.
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) -> u32 {
        for interval in &self.intervals {
            self.bytes.extend_from_slice(&interval.to_le_bytes());
        }
        self.bytes.extend_from_slice(&number(self.intervals.len()).to_le_bytes());
        seal(&mut self.bytes);
        let length = number(self.bytes.len());
        out.extend_from_slice(&self.bytes);
        self.bytes.clear();
        self.intervals.clear();
        self.last.clear();
        self.rows = 0;
        length
    }
}

impl Block {
    /// A block as it was read; `None` where it is not what was written.
    pub(crate) fn checked(bytes: Vec<u8>) -> Option<Block> {
        let length = unsealed(&bytes)?.len();
        let intervals_end = length.checked_sub(4)?;
        let intervals = u32::from_le_bytes(*bytes[..length].last_chunk()?) as usize;
        let rows_end = intervals_end.checked_sub(intervals.checked_mul(4)?)?;
        // A block is written for its first row.
        (intervals > 0).then_some(Block { bytes, rows_end })
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn intervals(&self) -> usize {
        (self.bytes.len() - 8 - self.rows_end) / 4
    }

    /// The block's entry for a row. The outer `None`: the block makes no sense.
    #[allow(clippy::option_option, reason = "not there, removed, or there")]
    pub(crate) fn get(&self, key: &Key) -> Option<Option<Option<&[u8]>>> {
        let mut rows = self.interval(self.interval_of(key)?)?;
        while let Some(row) = rows.next()? {
            if row.key >= *key {
                return Some((row.key == *key).then_some(row.value));
            }
        }
        Some(None)
    }

    /// The last interval that begins at or before a key; the first where none does.
    pub(crate) fn interval_of(&self, key: &[u8]) -> Option<usize> {
        let (mut from, mut to) = (0, self.intervals());
        while from < to {
            let middle = usize::midpoint(from, to);
            let first = self.first_key(middle)?;
            if first <= key { from = middle + 1 } else { to = middle }
        }
        Some(from.saturating_sub(1))
    }

    fn start_of(&self, interval: usize) -> Option<usize> {
        if interval == self.intervals() {
            return Some(self.rows_end);
        }
        let at = self.rows_end + 4 * interval;
        Some(u32::from_le_bytes(*self.bytes.get(at..)?.first_chunk()?) as usize)
    }

    fn first_key(&self, interval: usize) -> Option<&[u8]> {
        let mut rest = self.bytes.get(self.start_of(interval)?..self.rows_end)?;
        let (_shared, length, _value) = (take_varint(&mut rest)?, take_varint(&mut rest)?, take_varint(&mut rest)?);
        rest.get(..length as usize)
    }

    fn interval(&self, interval: usize) -> Option<Rows<'_>> {
        let rest = self.bytes.get(self.start_of(interval)?..self.start_of(interval + 1)?)?;
        Some(Rows { rest, last: Key::from(&[][..]), count: 0 })
    }

    /// Copies the rows of an interval out, in order. `None`: they make no sense.
    pub(crate) fn copy_interval(&self, interval: usize, found: &mut VecDeque<Row>) -> Option<()> {
        let mut rows = self.interval(interval)?;
        while let Some(row) = rows.next()? {
            found.push_back((row.key, row.value.map(<[u8]>::to_vec)));
        }
        Some(())
    }
}

struct Rows<'a> {
    rest: &'a [u8],
    last: Key,
    count: usize,
}

struct BlockRow<'a> {
    key: Key,
    value: Option<&'a [u8]>,
}

impl<'a> Rows<'a> {
    /// The next row; the outer `None`: it makes no sense.
    fn next(&mut self) -> Option<Option<BlockRow<'a>>> {
        if self.rest.is_empty() {
            return Some(None);
        }
        let shared = take_varint(&mut self.rest)? as usize;
        let length = take_varint(&mut self.rest)? as usize;
        let value = take_varint(&mut self.rest)? as usize;
        let (key, rest) = self.rest.split_at_checked(length)?;
        let (bytes, rest) = rest.split_at_checked(value.saturating_sub(1))?;
        self.rest = rest;
        // A key shares all that it can with the one before, so one byte decides their order.
        let is_next = if self.count == 0 { shared == 0 } else { key.first() > self.last.get(shared) };
        self.count += 1;
        if !is_next || self.count > INTERVAL_ROWS {
            return None;
        }
        self.last = self.last.then(shared, key)?;
        Some(Some(BlockRow { key: self.last.clone(), value: (value > 0).then_some(bytes) }))
    }
}

/// Puts the checksum behind its bytes.
pub(crate) fn seal(bytes: &mut Vec<u8>) {
    let sum = crc32fast::hash(bytes);
    bytes.extend_from_slice(&sum.to_le_bytes());
}

/// The checksum behind its bytes.
pub(crate) fn sum_of(sealed: &[u8]) -> &[u8] {
    &sealed[sealed.len().saturating_sub(4)..]
}

/// The bytes before their checksum; `None` where it does not fit.
pub(crate) fn unsealed(bytes: &[u8]) -> Option<&[u8]> {
    let (bytes, sum) = bytes.split_last_chunk()?;
    (crc32fast::hash(bytes) == u32::from_le_bytes(*sum) || planted!(ChecksumNotChecked)).then_some(bytes)
}

fn number(number: usize) -> u32 {
    u32::try_from(number).expect("a row and a block are far below 4 GiB")
}

pub(crate) fn put_varint(out: &mut Vec<u8>, mut number: u32) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push((number & 0x7f) as u8);
}

pub(crate) fn take_varint(bytes: &mut &[u8]) -> Option<u32> {
    let mut number = 0;
    for shift in (0..32).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u32::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_by_key_and_in_order_and_a_flipped_bit_is_found() {
        let mut builder = BlockBuilder::default();
        let rows: Vec<(Vec<u8>, Option<Vec<u8>>)> = (0_u32..100)
            .map(|row| {
                let value = (row % 7 != 0).then(|| vec![1; row as usize * 3]);
                ([&[0, 0, 9][..], &(row * 2).to_be_bytes(), &[5; 40][..row as usize % 40]].concat(), value)
            })
            .collect();
        rows.iter().for_each(|(key, value)| builder.push(key, value.as_deref()));
        let mut bytes = Vec::new();
        assert_eq!(builder.finish(&mut bytes) as usize, bytes.len());
        assert!(builder.is_empty());
        let block = Block::checked(bytes.clone()).unwrap();
        for (key, value) in &rows {
            assert_eq!(block.get(&Key::from(&**key)), Some(Some(value.as_deref())));
            let between = [&**key, &[0]].concat();
            assert_eq!(block.get(&Key::from(&*between)), Some(None));
        }
        assert_eq!(block.get(&Key::from(&[][..])), Some(None));
        assert_eq!(block.get(&Key::from(&[255][..])), Some(None));
        let mut found = VecDeque::new();
        (0..block.intervals()).for_each(|interval| block.copy_interval(interval, &mut found).unwrap());
        let found: Vec<_> = found.into_iter().map(|(key, value)| (key.to_vec(), value)).collect();
        assert_eq!(found, rows);
        for at in 0..bytes.len() * 8 {
            let mut bytes = bytes.clone();
            bytes[at / 8] ^= 1 << (at % 8);
            assert!(Block::checked(bytes).is_none(), "bit {at}");
        }
        for length in 0..bytes.len() {
            assert!(Block::checked(bytes[..length].to_vec()).is_none(), "{length} bytes");
        }
    }
}
