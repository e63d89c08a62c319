//! A row's key: short ones, which nearly all are, stand in place and are compared word by word.

use std::{
    cmp::Ordering,
    fmt,
    ops::{Bound, Deref},
};

/// The longest key that needs no allocation. An index key of three numbers and a few bytes fits.
const SHORT_MAX: usize = 30;

/// Bytes that order like a slice.
#[derive(Clone)]
pub struct Key(Bytes);

#[derive(Clone)]
enum Bytes {
    /// The length, and the bytes with zeros behind them.
    Short(u8, [u8; SHORT_MAX]),
    Long(Box<[u8]>),
}

/// What a range begins or ends with.
pub(crate) type Bounds = (Bound<Key>, Bound<Key>);

/// A row; without a value where it was removed.
pub(crate) type Row = (Key, Option<Vec<u8>>);

/// Which way keys go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Up,
    Down,
}

impl Key {
    pub(crate) fn as_slice(&self) -> &[u8] {
        match &self.0 {
            Bytes::Short(length, bytes) => &bytes[..usize::from(*length)],
            Bytes::Long(bytes) => bytes,
        }
    }

    /// Its first sixteen bytes as a number that orders as they do; zeros stand for missing ones.
    pub(crate) fn beginning(&self) -> u128 {
        let bytes = match &self.0 {
            Bytes::Short(_, bytes) => bytes.first_chunk(),
            Bytes::Long(bytes) => bytes.first_chunk(),
        };
        u128::from_be_bytes(*bytes.expect("a short key has room for more, and a long one has more"))
    }

    /// The bytes of another key up to `shared`, and then others.
    pub(crate) fn then(&self, shared: usize, rest: &[u8]) -> Option<Key> {
        let start = self.as_slice().get(..shared)?;
        let length = shared + rest.len();
        if length > SHORT_MAX {
            return Some(Key(Bytes::Long([start, rest].concat().into())));
        }
        let mut bytes = [0; SHORT_MAX];
        bytes[..shared].copy_from_slice(start);
        bytes[shared..length].copy_from_slice(rest);
        Some(Key(Bytes::Short(u8::try_from(length).ok()?, bytes)))
    }

    /// The least key that is greater than every key with this prefix, as a bound.
    pub(crate) fn after_prefix(prefix: &[u8]) -> Bound<Key> {
        let kept = prefix.iter().rposition(|byte| *byte < u8::MAX);
        kept.map_or(Bound::Unbounded, |last| {
            let mut bytes = prefix[..=last].to_vec();
            bytes[last] += 1;
            Bound::Excluded(Key::from(&*bytes))
        })
    }
}

/// A range that holds nothing.
pub(crate) fn nothing() -> Bounds {
    let key = || Bound::Excluded(Key::from(&[][..]));
    (key(), key())
}

/// Whether a range can hold anything; `BTreeMap` panics where its ends are crossed.
pub(crate) fn is_range((from, to): &Bounds) -> bool {
    match (from, to) {
        (Bound::Unbounded, _) | (_, Bound::Unbounded) => true,
        (Bound::Included(from), Bound::Included(to)) => from <= to,
        (Bound::Included(from) | Bound::Excluded(from), Bound::Included(to) | Bound::Excluded(to)) => from < to,
    }
}

/// How many bytes two slices have in common at their beginning.
pub(crate) fn shared_length(one: &[u8], other: &[u8]) -> usize {
    one.iter().zip(other).take_while(|(one, other)| one == other).count()
}

impl From<&[u8]> for Key {
    fn from(slice: &[u8]) -> Key {
        match u8::try_from(slice.len()) {
            Ok(length) if slice.len() <= SHORT_MAX => {
                let mut bytes = [0; SHORT_MAX];
                bytes[..slice.len()].copy_from_slice(slice);
                Key(Bytes::Short(length, bytes))
            }
            _ => Key(Bytes::Long(slice.into())),
        }
    }
}

impl Deref for Key {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.as_slice()
    }
}

/// The word at a place; the last one has six bytes.
fn word<const BYTES: usize>(bytes: &[u8; SHORT_MAX], at: usize) -> u64 {
    let mut word = [0; 8];
    word[..BYTES].copy_from_slice(&bytes[at..at + BYTES]);
    u64::from_be_bytes(word)
}

impl Ord for Key {
    fn cmp(&self, other: &Key) -> Ordering {
        match (&self.0, &other.0) {
            // The zeros behind a shorter key are less than any byte; where they are equal, its length is less.
            (Bytes::Short(length, one), Bytes::Short(other_length, other)) => word::<8>(one, 0)
                .cmp(&word::<8>(other, 0))
                .then_with(|| word::<8>(one, 8).cmp(&word::<8>(other, 8)))
                .then_with(|| word::<8>(one, 16).cmp(&word::<8>(other, 16)))
                .then_with(|| word::<6>(one, 24).cmp(&word::<6>(other, 24)))
                .then_with(|| length.cmp(other_length)),
            _ => self.as_slice().cmp(other.as_slice()),
        }
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Key) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Key) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Key {}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_slice().fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_order_like_their_bytes() {
        let mut slices: Vec<Vec<u8>> = vec![vec![], vec![0; 30], vec![0; 31], vec![255; 30], vec![255; 31]];
        for length in [1, 2, 7, 8, 9, 16, 24, 25, 29, 30, 31, 40] {
            for last in [0, 1, 127, 128, 255] {
                let mut bytes = vec![7; length];
                bytes[length - 1] = last;
                slices.push(bytes);
            }
        }
        for one in &slices {
            for other in &slices {
                let (one_key, other_key) = (Key::from(&**one), Key::from(&**other));
                assert_eq!(one_key.cmp(&other_key), one.cmp(other), "{one:?} {other:?}");
                assert_eq!(one_key == other_key, one == other);
            }
            assert_eq!(&*Key::from(&**one), &**one);
        }
    }

    #[test]
    fn a_prefix_ends_before_the_next_greater_bytes() {
        assert_eq!(Key::after_prefix(&[1, 2]), Bound::Excluded(Key::from(&[1, 3][..])));
        assert_eq!(Key::after_prefix(&[1, 255]), Bound::Excluded(Key::from(&[2][..])));
        assert_eq!(Key::after_prefix(&[255, 255]), Bound::Unbounded);
        assert_eq!(Key::after_prefix(&[]), Bound::Unbounded);
    }
}
