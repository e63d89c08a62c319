//! Which keys a part of a table may have: a Bloom filter, so that most look-ups in the other tables read nothing.

/// About 1 % of missing keys seem to be there.
const BITS_PER_KEY: usize = 10;
const PROBES: u64 = 6;

/// A Bloom filter; an empty one has every key.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Filter {
    bits: Vec<u8>,
}

impl Filter {
    /// The filter of all keys' hashes.
    pub(crate) fn of(hashes: &[u64]) -> Filter {
        let mut bits = vec![0; (hashes.len() * BITS_PER_KEY).div_ceil(8)];
        let count = bits.len() as u64 * 8;
        for hash in hashes {
            for bit in probes(*hash, count) {
                bits[bit >> 3] |= 1 << (bit & 7);
            }
        }
        Filter { bits }
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Filter {
        Filter { bits: bytes.to_vec() }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bits
    }

    /// Whether a key with this hash may be there.
    pub(crate) fn may_have(&self, hash: u64) -> bool {
        let count = self.bits.len() as u64 * 8;
        count == 0 || probes(hash, count).all(|bit| self.bits[bit >> 3] & 1 << (bit & 7) != 0)
    }
}

/// The bits that stand for a hash.
#[allow(clippy::cast_possible_truncation, reason = "a bit is less than the number of bits")]
fn probes(hash: u64, count: u64) -> impl Iterator<Item = usize> {
    let step = hash.rotate_left(32) | 1;
    // The high half of a product is as good as a remainder, and cheaper.
    (0..PROBES).map(move |probe| {
        let mixed = hash.wrapping_add(step.wrapping_mul(probe));
        ((u128::from(mixed) * u128::from(count)) >> 64) as usize
    })
}

/// A key's hash. It is part of the files' format.
pub(crate) fn hash_of(key: &[u8]) -> u64 {
    let mut hash = 0x9e37_79b9_7f4a_7c15_u64 ^ key.len() as u64;
    for part in key.chunks(8) {
        let mut word = [0; 8];
        word[..part.len()].copy_from_slice(part);
        hash = mix(hash ^ u64::from_le_bytes(word));
    }
    mix(hash)
}

/// Both halves of a product, so that each bit depends on each.
#[allow(clippy::cast_possible_truncation, reason = "the halves are what is wanted")]
fn mix(word: u64) -> u64 {
    let product = u128::from(word) * 0xd6e8_feb8_6659_fd93_u128;
    let folded = (product as u64) ^ ((product >> 64) as u64);
    (folded ^ (folded >> 32)).wrapping_mul(0x9fb2_1c65_1e98_df25)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_found_and_few_others_are() {
        let key = |number: u64| hash_of(&[&[0, 0, 0, 1][..], &number.to_be_bytes()].concat());
        let filter = Filter::of(&(0..4000).map(key).collect::<Vec<_>>());
        assert!((0..4000).all(|number| filter.may_have(key(number))));
        let wrong = (4000..104_000).filter(|number| filter.may_have(key(*number))).count();
        assert!(wrong < 2000, "{wrong} of 100,000");
        assert_eq!(Filter::from_bytes(filter.as_bytes()), filter);
        assert!(Filter::default().may_have(7));
    }
}
