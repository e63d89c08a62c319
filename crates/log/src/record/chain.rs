//! The hash chain: every reader of the log can compute it, so any log with the same deliveries has the same digest.
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
//!
//! A later reading by a better reader is no field: it follows from the body, which the commitment stands for.

use crate::record::{
    delivery::{Delivery, Reading},
    digest::{Digest, Preimage},
};

impl Digest {
    /// The digest of the log up to and with `delivery`, where `self` is the digest before it.
    pub fn then(self, delivery: &Delivery) -> Digest {
        let mut bytes = Preimage::new();
        bytes.push(self.as_bytes());
        field(&mut bytes, 1, b"DELIVERY");
        field(&mut bytes, 2, &delivery.position.get().to_le_bytes());
        field(&mut bytes, 3, &delivery.received_at.timestamp_millis().to_le_bytes());
        field(&mut bytes, 4, delivery.source.as_str().as_bytes());
        match &delivery.reading {
            Reading::Readable { appointment_id, event_type } => {
                field(&mut bytes, 5, &appointment_id.get().to_le_bytes());
                field(&mut bytes, 6, event_type.as_bytes());
            }
            Reading::Unreadable(fault) | Reading::ReadSince { fault, .. } => {
                field(&mut bytes, 7, fault.name().as_bytes())
            }
        }
        if let Some(delivery_id) = &delivery.delivery_id {
            field(&mut bytes, 8, delivery_id.as_bytes());
        }
        bytes.push(delivery.body.commitment().as_bytes());
        bytes.digest()
    }
}

fn field(bytes: &mut Preimage, tag: u8, content: &[u8]) {
    let length = u32::try_from(content.len()).expect("a field is bounded by the body limit");
    bytes.push(&[tag]);
    bytes.push(&length.to_le_bytes());
    bytes.push(content);
}
