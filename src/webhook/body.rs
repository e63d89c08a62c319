//! Reads a webhook's body.
//!
//! Bytes come in, a [`Reading`] goes out, whatever the bytes are: the reader is total and keeps no more stack for a
//! body that is nested deeply. Strict JSON is tried first. Where that fails, commas before a closing brace or bracket
//! are dropped, because the vendor's own example has one, and strict JSON is tried again. A byte order mark before it
//! all is skipped. Nothing else beyond JSON is accepted.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::{
    lifecycle::Fault,
    log::{AppointmentId, Reading},
};

/// What some senders put before UTF-8.
pub(super) const BYTE_ORDER_MARK: &str = "\u{feff}";

/// Reads the vendor's two fields from a body.
pub fn read(body: &[u8]) -> Reading {
    let text = std::str::from_utf8(body).map(|text| text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text));
    let reading = match text {
        Err(_) => Err(Fault::NotJson),
        Ok(text) => match read_strictly(text) {
            Err(Fault::NotJson) => match without_trailing_commas(text) {
                Some(text) => read_strictly(&text),
                None => Err(Fault::NotJson),
            },
            reading => reading,
        },
    };
    reading.unwrap_or_else(Reading::Unreadable)
}

/// Reads a body again that could not be read when it arrived. One that was kept with its content coding is not the
/// sender's text, whatever it looks like.
pub fn read_again(fault: Fault, body: &[u8]) -> Reading {
    match fault {
        Fault::ContentCoding => Reading::Unreadable(fault),
        Fault::NotJson
        | Fault::NotAnObject
        | Fault::FieldRepeated
        | Fault::AppointmentIdMissing
        | Fault::AppointmentIdInvalid
        | Fault::EventTypeMissing
        | Fault::EventTypeInvalid
        | Fault::MediaType => read(body),
    }
}

/// Reads a body that is JSON to the letter (RFC 8259).
fn read_strictly(text: &str) -> Result<Reading, Fault> {
    // Walks the text without recursion, so depth is no limit and no danger.
    serde_json::from_str::<IgnoredAny>(text).map_err(|_| Fault::NotJson)?;
    if !text.trim_start().starts_with('{') {
        return Err(Fault::NotAnObject);
    }
    let fields: Fields<'_> = serde_json::from_str(text).map_err(|_| Fault::NotJson)?;
    fields.reading()
}

/// The two fields as they were written, and whether one is repeated.
#[derive(Default)]
struct Fields<'a> {
    appointment_id: Option<&'a RawValue>,
    event_type: Option<&'a RawValue>,
    repeated: bool,
}

impl Fields<'_> {
    fn reading(&self) -> Result<Reading, Fault> {
        if self.repeated {
            return Err(Fault::FieldRepeated);
        }
        let appointment_id = self.appointment_id.ok_or(Fault::AppointmentIdMissing)?;
        let appointment_id = appointment_id_in(appointment_id).ok_or(Fault::AppointmentIdInvalid)?;
        let event_type = self.event_type.ok_or(Fault::EventTypeMissing)?;
        let event_type = string_in(event_type).ok_or(Fault::EventTypeInvalid)?;
        Ok(Reading::Readable { appointment_id, event_type: event_type.into_boxed_str() })
    }
}

/// An integer token, or a string of one. `12345.0` and `1e3` are no integer tokens.
fn appointment_id_in(value: &RawValue) -> Option<AppointmentId> {
    match string_in(value) {
        Some(text) => text.parse().ok(),
        None => value.get().parse().ok(),
    }
}

/// The string; `None` for another type, and for a lone surrogate, which is no text.
fn string_in(value: &RawValue) -> Option<String> {
    serde_json::from_str(value.get()).ok()
}

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Fields<'de>, D::Error> {
        deserializer.deserialize_map(FieldsVisitor)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
        let mut fields = Fields::default();
        while let Some(key) = map.next_key()? {
            let field = match key {
                Key::AppointmentId => &mut fields.appointment_id,
                Key::EventType => &mut fields.event_type,
                Key::Other => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            let earlier = field.replace(map.next_value()?);
            fields.repeated |= earlier.is_some();
        }
        Ok(fields)
    }
}

/// A key of the object, its escapes resolved.
enum Key {
    AppointmentId,
    EventType,
    Other,
}

impl<'de> Deserialize<'de> for Key {
    /// As bytes: a further field may have a lone surrogate in its name, and is ignored all the same.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Key, D::Error> {
        deserializer.deserialize_bytes(KeyVisitor)
    }
}

struct KeyVisitor;

impl Visitor<'_> for KeyVisitor {
    type Value = Key;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_bytes<E>(self, key: &[u8]) -> Result<Key, E> {
        Ok(match key {
            b"appointment_id" => Key::AppointmentId,
            b"event_type" => Key::EventType,
            _ => Key::Other,
        })
    }
}

/// The text without the commas that follow a value and stand before a closing brace or bracket, white
/// space between allowed. `None` where there is no such comma.
fn without_trailing_commas(text: &str) -> Option<String> {
    let mut kept = String::new();
    let mut kept_to = 0;
    let mut comma = None;
    let mut after_value = false;
    let mut in_string = false;
    let mut escaped = false;
    for (index, byte) in text.bytes().enumerate() {
        if in_string {
            in_string = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
            continue;
        }
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' => continue,
            b',' => comma = after_value.then_some(index),
            b'}' | b']' => {
                if let Some(comma) = comma.take() {
                    kept.push_str(&text[kept_to..comma]);
                    kept_to = comma + 1;
                }
            }
            _ => {
                in_string = byte == b'"';
                comma = None;
            }
        }
        after_value = !matches!(byte, b',' | b':' | b'{' | b'[');
    }
    (kept_to > 0).then(|| kept + &text[kept_to..])
}

#[cfg(test)]
mod tests;
