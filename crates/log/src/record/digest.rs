//! 32 bytes of BLAKE3.

use std::{fmt, str::FromStr};

/// 32 bytes of BLAKE3. As the digest of a log: of everything up to some position.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// `h(0)`: the digest of an empty log.
    pub const EMPTY: Digest = Digest([0; 32]);

    /// The digest with these bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Digest {
        Digest(bytes)
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// `BLAKE3(salt ‖ body)`.
pub fn commitment(salt: &[u8; 16], body: &[u8]) -> Digest {
    let mut preimage = Preimage::new();
    preimage.push(salt);
    preimage.push(body);
    preimage.digest()
}

/// The bytes to hash, put together without an allocation where they are as short as usual: every delivery that is
/// written or read back is hashed twice.
pub(crate) struct Preimage {
    short: [u8; Preimage::SHORT],
    length: usize,
    /// All of it, where it is longer.
    long: Vec<u8>,
}

impl Preimage {
    const SHORT: usize = 384;

    pub(crate) fn new() -> Preimage {
        Preimage { short: [0; Preimage::SHORT], length: 0, long: Vec::new() }
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        match self.short.get_mut(self.length..self.length + bytes.len()) {
            Some(place) if self.long.is_empty() => {
                place.copy_from_slice(bytes);
                self.length += bytes.len();
            }
            _ => {
                if self.long.is_empty() {
                    self.long.extend_from_slice(&self.short[..self.length]);
                }
                self.long.extend_from_slice(bytes);
            }
        }
    }

    pub(crate) fn digest(&self) -> Digest {
        let bytes = if self.long.is_empty() { &self.short[..self.length] } else { &self.long };
        Digest(*blake3::hash(bytes).as_bytes())
    }
}

/// Not a digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a digest is 64 hexadecimal digits in lower case")]
pub struct InvalidDigest;

impl FromStr for Digest {
    type Err = InvalidDigest;

    /// Reads what is displayed, and nothing else.
    fn from_str(text: &str) -> Result<Digest, InvalidDigest> {
        let digest = blake3::Hash::from_hex(text).map(|hash| Digest(*hash.as_bytes())).map_err(|_| InvalidDigest)?;
        if digest.to_string() == text { Ok(digest) } else { Err(InvalidDigest) }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_hashed_is_the_same_however_long_it_is() {
        let bytes: Vec<u8> = (0..2_000).map(|number| u8::try_from(number % 251).unwrap()).collect();
        for length in [0, 1, 16, 383, 384, 385, 400, 768, 2_000] {
            for step in [1, 7, 384, 2_000] {
                let mut preimage = Preimage::new();
                bytes[..length].chunks(step).for_each(|part| preimage.push(part));
                assert_eq!(preimage.digest().as_bytes(), blake3::hash(&bytes[..length]).as_bytes(), "{length} {step}");
            }
        }
    }
}
