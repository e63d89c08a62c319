//! The reader of bodies is total, and keeps four promises, whatever the bytes are.
//!
//! How to run is told in `fold.rs`. It gets further, sooner, from bodies that are known:
//!
//! ```text
//! mkdir -p tests/fuzz/corpus/body && cp fixtures/bodies/* tests/fuzz/corpus/body/
//! ```
#![no_main]

use clockfold::{
    lifecycle::Fault,
    log::Reading,
    webhook::{read, take},
};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

const ID_MAX: u64 = i64::MAX.unsigned_abs();

fuzz_target!(|body: &[u8]| {
    let reading = read(body);
    padding_changes_nothing(body, &reading);
    a_byte_order_mark_changes_nothing(body, &reading);
    any_coding_is_answered_within_the_limit(body);
    // To serde_json this is a name for something else than itself, if it is a key.
    if body.windows(10).any(|part| part == b"serde_json") {
        return;
    }
    // Other JSON than a `Value` can hold is readable too: deeper, with huge numbers, with lone surrogates.
    let Ok(value) = serde_json::from_slice::<Value>(body) else { return };
    agrees_with_the_value(&value, &reading);
    if matches!(reading, Reading::Readable { .. }) {
        written_again_reads_the_same(&value, &reading);
        a_trailing_comma_changes_nothing(body, &reading);
    }
});

const BYTES_MAX: usize = 4096;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What is no coded body is kept as it came.
fn any_coding_is_answered_within_the_limit(body: &[u8]) {
    for coding in ["gzip", "deflate", "gzip, deflate", "identity", "br"] {
        if let Ok(taken) = take([], [coding.as_bytes()], body.to_vec(), BYTES_MAX) {
            let as_it_came = taken.reading == Reading::Unreadable(Fault::ContentCoding) || coding == "identity";
            assert!(if as_it_came { taken.body == body } else { taken.body.len() <= BYTES_MAX });
        }
    }
}

/// One, before everything else.
fn a_byte_order_mark_changes_nothing(body: &[u8], reading: &Reading) {
    if !body.starts_with(BYTE_ORDER_MARK) {
        assert_eq!(read(&[BYTE_ORDER_MARK, body].concat()), *reading);
    }
}

/// White space around JSON is no part of it; a byte order mark stands before all of it.
fn padding_changes_nothing(body: &[u8], reading: &Reading) {
    let (mark, text) = body.split_at(if body.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 });
    let padded = [mark, b" \t\r\n", text, b"\n"].concat();
    assert_eq!(read(&padded), *reading);
}

/// What is readable is told by the two fields alone, but for a field that stands twice, of which a `Value` keeps one.
fn agrees_with_the_value(value: &Value, reading: &Reading) {
    let fault = match value.as_object() {
        None => Some(Fault::NotAnObject),
        Some(fields) => match (fields.get("appointment_id"), fields.get("event_type")) {
            (None, _) => Some(Fault::AppointmentIdMissing),
            (Some(id), _) if id_in(id).is_none() => Some(Fault::AppointmentIdInvalid),
            (Some(_), None) => Some(Fault::EventTypeMissing),
            (Some(_), Some(Value::String(_))) => None,
            (Some(_), Some(_)) => Some(Fault::EventTypeInvalid),
        },
    };
    match reading {
        Reading::Unreadable(Fault::FieldRepeated) => assert!(value.is_object()),
        Reading::Unreadable(told) => assert_eq!(Some(*told), fault),
        Reading::Readable { appointment_id, event_type } => {
            assert_eq!(fault, None);
            assert_eq!(id_in(&value["appointment_id"]), Some(appointment_id.get()));
            assert_eq!(value["event_type"].as_str(), Some(&**event_type));
        }
        Reading::ReadSince { .. } => unreachable!("it is read now"),
    }
}

/// The appointment's id, by the letter of the contract.
fn id_in(value: &Value) -> Option<u64> {
    let id = match value {
        Value::Number(number) => number.as_u64()?,
        Value::String(text) if text.starts_with(|first: char| first.is_ascii_digit() && first != '0') => {
            text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())??
        }
        _ => return None,
    };
    (1..=ID_MAX).contains(&id).then_some(id)
}

fn written_again_reads_the_same(value: &Value, reading: &Reading) {
    for written in [serde_json::to_vec(value), serde_json::to_vec_pretty(value)] {
        assert_eq!(read(&written.expect("a value can be written")), *reading);
    }
}

/// As in the vendor's own example.
fn a_trailing_comma_changes_nothing(body: &[u8], reading: &Reading) {
    let end = body.iter().rposition(|byte| *byte == b'}').expect("a readable body is an object");
    let with_comma = [&body[..end], b",", &body[end..]].concat();
    assert_eq!(read(&with_comma), *reading);
}
