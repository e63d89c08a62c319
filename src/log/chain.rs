//! The hash chain: whoever reads the log computes it, so any log with the same deliveries has the same digest.
//!
//! `h(0)` is 32 zero bytes; `h(n) = BLAKE3(h(n-1) ‖ fields of delivery n ‖ commitment)`. A field is its tag
//! (one byte), its length in bytes (u32, little-endian) and its bytes; an absent optional field is left out.
//!
//! | tag | field | bytes |
//! |---|---|---|
//! | 1 | kind | `DELIVERY` |
//! | 2 | position | u64, little-endian |
//! | 3 | arrival time | i64, little-endian: milliseconds since 1970-01-01 UTC |
//! | 4 | source | UTF-8 |
//! | 5 | appointment id | u64, little-endian; absent where the body is unreadable |
//! | 6 | event type as sent | UTF-8; absent where the body is unreadable |
//! | 7 | why it is unreadable | the code's name; absent where it is readable |
//! | 8 | the sender's delivery id | UTF-8; optional |

use std::fmt;

use super::delivery::{Delivery, Reading};

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

    /// The digest of the log up to and with `delivery`, where `self` is the digest before it.
    pub fn then(self, delivery: &Delivery) -> Digest {
        let mut bytes = Vec::with_capacity(192);
        bytes.extend_from_slice(&self.0);
        field(&mut bytes, 1, b"DELIVERY");
        field(&mut bytes, 2, &delivery.position.get().to_le_bytes());
        field(&mut bytes, 3, &delivery.received_at.timestamp_millis().to_le_bytes());
        field(&mut bytes, 4, delivery.source.as_str().as_bytes());
        match &delivery.reading {
            Reading::Readable { appointment_id, event_type } => {
                field(&mut bytes, 5, &appointment_id.get().to_le_bytes());
                field(&mut bytes, 6, event_type.as_bytes());
            }
            Reading::Unreadable(fault) => field(&mut bytes, 7, fault.name().as_bytes()),
        }
        if let Some(delivery_id) = &delivery.delivery_id {
            field(&mut bytes, 8, delivery_id.as_bytes());
        }
        bytes.extend_from_slice(delivery.body.commitment().as_bytes());
        Digest(*blake3::hash(&bytes).as_bytes())
    }
}

/// `BLAKE3(salt ‖ body)`.
pub fn commitment(salt: &[u8; 16], body: &[u8]) -> Digest {
    let mut hasher = blake3::Hasher::new();
    hasher.update(salt).update(body);
    Digest(*hasher.finalize().as_bytes())
}

fn field(bytes: &mut Vec<u8>, tag: u8, content: &[u8]) {
    let length = u32::try_from(content.len()).expect("a field is bounded by the body limit");
    bytes.push(tag);
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(content);
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
