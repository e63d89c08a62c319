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
    let mut hasher = blake3::Hasher::new();
    hasher.update(salt).update(body);
    Digest(*hasher.finalize().as_bytes())
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
