//! What is readable, a line a case; and the laws of the reader.

use std::{fs, path::Path};

use proptest::prelude::*;

use super::*;
use crate::lifecycle::EventType;

/// `<appointment id> <event type>`, or the code.
fn told(body: &[u8]) -> String {
    match read(body) {
        Reading::Readable { appointment_id, event_type } => format!("{appointment_id} {event_type}"),
        Reading::Unreadable(fault) => fault.name().to_owned(),
        Reading::ReadSince { .. } => unreachable!("it is read now"),
    }
}

/// Checks lines of `<body> -> <what is read>`.
fn check(table: &str) {
    for line in table.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (body, expected) = line.rsplit_once("->").unwrap();
        assert_eq!(told(body.trim().as_bytes()), expected.trim(), "{line}");
    }
}

#[test]
fn readable() {
    check(
        r#"
        {"appointment_id":12345,"event_type":"checkin"}                          -> 12345 checkin
        {"event_type":"checkin","appointment_id":12345}                          -> 12345 checkin
        {"appointment_id":"12345","event_type":"checkin"}                        -> 12345 checkin
        {"appointment_id":"\u0031","event_type":"\u0063heckin"}                  -> 1 checkin
        {"appointment_\u0069d":1,"event\u005ftype":"ready"}                      -> 1 ready
        {"appointment_id":9223372036854775807,"event_type":"x"}                  -> 9223372036854775807 x
        {"appointment_id":"9223372036854775807","event_type":"x"}                -> 9223372036854775807 x
        {"appointment_id":1,"event_type":"CHECKIN"}                              -> 1 CHECKIN
        {"appointment_id":1,"event_type":"a\ud83d\ude00"}                        -> 1 a😀
        {"appointment_id":1,"event_type":"x","event_type ":2}                    -> 1 x
        {"appointment_id":1,"event_type":"x","Event_type":2}                     -> 1 x
        {"appointment_id":1,"event_type":"x","n":1e999999,"m":-0.0,"l":null}     -> 1 x
        {"appointment_id":1,"event_type":"x","\ud800":"\udfff"}                  -> 1 x
        {"appointment_id":1,"event_type":"x","again":1,"again":2}                -> 1 x
        {"deeper":{"appointment_id":2,"event_type":"y"},"appointment_id":1,"event_type":"x"} -> 1 x
        "#,
    );
    assert_eq!(told(b" \t\r\n{\"appointment_id\":1,\"event_type\":\"\"}\n"), "1 ");
}

#[test]
fn a_comma_before_a_closing_brace_or_bracket_is_accepted() {
    check(
        r#"
        {"appointment_id":1,"event_type":"x",}                 -> 1 x
        {"appointment_id":1,"event_type":"x" , }               -> 1 x
        {"appointment_id":"1","event_type":"x\"",}             -> 1 x"
        {"event_type":"a,}","appointment_id":1,}               -> 1 a,}
        {"event_type":"\\","appointment_id":1,}                -> 1 \
        {"appointment_id":1,"event_type":"x","l":[1,[],{},],}  -> 1 x
        {"appointment_id":1,"event_type":"x","o":{"p":{},},}   -> 1 x
        {"appointment_id":1,}                                  -> EVENT_TYPE_MISSING
        {"appointment_id":1,"appointment_id":1,}               -> FIELD_REPEATED
        [1,]                                                   -> NOT_AN_OBJECT
        "#,
    );
    assert_eq!(told(b"{\"appointment_id\":1,\"event_type\":\"x\",\n\t\r }"), "1 x");
}

#[test]
fn a_byte_order_mark_before_it_all_is_read_over() {
    for (body, expected) in [
        (&b"\xef\xbb\xbf{\"appointment_id\":1,\"event_type\":\"x\"}"[..], "1 x"),
        (b"\xef\xbb\xbf \r\n{\"appointment_id\":1,\"event_type\":\"x\",}", "1 x"),
        (b"\xef\xbb\xbf{\"appointment_id\":1,\"event_type\":\"\xef\xbb\xbfx\"}", "1 \u{feff}x"),
        (b"\xef\xbb\xbf[]", "NOT_AN_OBJECT"),
        (b"\xef\xbb\xbf", "NOT_JSON"),
        (b"\xef\xbb\xbf\xef\xbb\xbf{}", "NOT_JSON"),
        (b" \xef\xbb\xbf{}", "NOT_JSON"),
        (b"{\xef\xbb\xbf}", "NOT_JSON"),
        (b"{}\xef\xbb\xbf", "NOT_JSON"),
        (b"\xef\xbb{}", "NOT_JSON"),
        // UTF-16 and UTF-32 are no JSON (RFC 8259, section 8.1), with or without their marks.
        (b"\xff\xfe{\x00}\x00", "NOT_JSON"),
        (b"\xfe\xff\x00{\x00}", "NOT_JSON"),
        (b"{\x00}\x00", "NOT_JSON"),
    ] {
        assert_eq!(told(body), expected, "{}", String::from_utf8_lossy(body));
    }
}

#[test]
fn what_could_not_be_read_is_read_again_but_not_under_a_coding() {
    let good = b"\xef\xbb\xbf{\"appointment_id\":1,\"event_type\":\"x\"}";
    for fault in Fault::ALL {
        let expected = match fault {
            Fault::ContentCoding => Reading::Unreadable(fault),
            _ => read(good),
        };
        assert_eq!(read_again(fault, good), expected, "{fault:?}");
    }
}

#[test]
fn nothing_else_beyond_json_is_accepted() {
    check(
        r#"
        {,}                                             -> NOT_JSON
        [,]                                             -> NOT_JSON
        [1,,]                                           -> NOT_JSON
        {"appointment_id":1,"event_type":"x",,}         -> NOT_JSON
        {,"appointment_id":1,"event_type":"x"}          -> NOT_JSON
        {"appointment_id":1,,"event_type":"x"}          -> NOT_JSON
        {"appointment_id":1,"event_type":"x"},          -> NOT_JSON
        {"appointment_id":1,"event_type":"x"}}          -> NOT_JSON
        {"appointment_id":1,"event_type":"x","n":,}     -> NOT_JSON
        {"appointment_id":1,"event_type":"x","n",}      -> NOT_JSON
        {"appointment_id":1,"event_type":"x",]          -> NOT_JSON
        {"appointment_id":1,"event_type":"x",           -> NOT_JSON
        {"appointment_id":1,"event_type":'x'}           -> NOT_JSON
        {appointment_id:1,"event_type":"x"}             -> NOT_JSON
        {1:1,"appointment_id":1,"event_type":"x"}       -> NOT_JSON
        {"appointment_id":1,"event_type":"x"/**/}       -> NOT_JSON
        {"appointment_id":1,"event_type":"x",/**/}      -> NOT_JSON
        {"appointment_id":1,"event_type":"x","n":NaN}   -> NOT_JSON
        {"appointment_id":NaN,"event_type":"x"}         -> NOT_JSON
        {"appointment_id":+1,"event_type":"x"}          -> NOT_JSON
        {"appointment_id":01,"event_type":"x"}          -> NOT_JSON
        {"appointment_id":1.,"event_type":"x"}          -> NOT_JSON
        {"appointment_id":0x1,"event_type":"x"}         -> NOT_JSON
        {"appointment_id":1,"event_type":"\x"}          -> NOT_JSON
        {"appointment_id":1,"event_type":"\ud8"}        -> NOT_JSON
        {"appointment_id":1 "event_type":"x"}           -> NOT_JSON
        {"appointment_id":1,"event_type":"x"} {}        -> NOT_JSON
        checkin                                         -> NOT_JSON
        "#,
    );
    assert_eq!(told(b""), "NOT_JSON");
    assert_eq!(told(b" \n"), "NOT_JSON");
    assert_eq!(told(b"{\"appointment_id\":1,\"event_type\":\"x\",\"n\":\"\xff\"}"), "NOT_JSON");
    assert_eq!(told(b"{\"appointment_id\":1,\"event_type\":\"a\nb\"}"), "NOT_JSON");
    assert_eq!(told("{\"appointment_id\":1,\u{a0}\"event_type\":\"x\"}".as_bytes()), "NOT_JSON");
    assert_eq!(told(b"{\"appointment_id\":1,\"event_type\":\"x\",\x0c}"), "NOT_JSON");
}

#[test]
fn json_without_the_two_fields() {
    check(
        r#"
        null                                                     -> NOT_AN_OBJECT
        12345                                                    -> NOT_AN_OBJECT
        "{}"                                                     -> NOT_AN_OBJECT
        [{"appointment_id":1,"event_type":"x"}]                  -> NOT_AN_OBJECT
        {}                                                       -> APPOINTMENT_ID_MISSING
        {"event_type":7}                                         -> APPOINTMENT_ID_MISSING
        {"Appointment_id":1,"event_type":"x"}                    -> APPOINTMENT_ID_MISSING
        {"appointment_id":0}                                     -> APPOINTMENT_ID_INVALID
        {"appointment_id":1}                                     -> EVENT_TYPE_MISSING
        {"appointment_id":1,"event_type":null}                   -> EVENT_TYPE_INVALID
        {"appointment_id":1,"event_type":["x"]}                  -> EVENT_TYPE_INVALID
        {"appointment_id":1,"event_type":"\ud800"}               -> EVENT_TYPE_INVALID
        {"appointment_id":1,"event_type":"\udc00\ud800"}         -> EVENT_TYPE_INVALID
        {"appointment_id":null,"event_type":null}                -> APPOINTMENT_ID_INVALID
        {"appointment_id":1,"appointment_id":1,"event_type":"x"} -> FIELD_REPEATED
        {"appointment_id":1,"appointment_\u0069d":1,"event_type":"x"} -> FIELD_REPEATED
        {"event_type":1,"event_type":"x"}                        -> FIELD_REPEATED
        {"appointment_id":1e999,"appointment_id":1}              -> FIELD_REPEATED
        {"event_type":"\ud800","event_type":"x"}                 -> FIELD_REPEATED
        "#,
    );
}

#[test]
fn appointment_ids_that_are_none() {
    let ids = r#"0 -0 -1 12345.0 1.5 1e3 1E3 1e999 9223372036854775808 18446744073709551616 true false null [] [1] {} "" "0" "01" "-1"
        "+1" "1.0" "1e3" "9223372036854775808" "99999999999999999999" "0x1" "one" "\u0661" "\ud800" {"appointment_id":1}"#;
    for id in ids.split_whitespace().chain([r#"" 1""#, r#""1 ""#, r#""1\n""#]) {
        let body = format!(r#"{{"appointment_id":{id},"event_type":"x"}}"#);
        assert_eq!(told(body.as_bytes()), "APPOINTMENT_ID_INVALID", "{body}");
    }
}

#[test]
fn depth_is_no_limit() {
    let (open, close) = ("[".repeat(60_000), "]".repeat(60_000));
    let mut objects = r#"{"a":"#.repeat(10_000);
    objects.push('1');
    objects.push_str(&"}".repeat(10_000));
    let field = |name: &str, value: &str| format!(r#"{{"appointment_id":1,"event_type":"x","{name}":{value}}}"#);
    assert_eq!(told(format!("{open}{close}").as_bytes()), "NOT_AN_OBJECT");
    assert_eq!(told(open.as_bytes()), "NOT_JSON");
    assert_eq!(told(objects.as_bytes()), "APPOINTMENT_ID_MISSING");
    assert_eq!(told(field("n", &format!("{open}{close}")).as_bytes()), "1 x");
    assert_eq!(told(field("n", &format!("{open}1,{close}")).as_bytes()), "1 x");
    assert_eq!(told(field("n", &objects).as_bytes()), "1 x");
    assert_eq!(told(field("event_type", &format!("{open}{close}")).as_bytes()), "FIELD_REPEATED");
    assert_eq!(told(format!(r#"{{"appointment_id":{open}{close}}}"#).as_bytes()), "APPOINTMENT_ID_INVALID");
    assert_eq!(told(format!(r#"{{"appointment_id":1,"event_type":{open}{close}}}"#).as_bytes()), "EVENT_TYPE_INVALID");
}

#[test]
fn every_fixture_is_readable() {
    let bodies = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/bodies");
    for event in EventType::ALL {
        let body = fs::read(bodies.join(event.name()).with_extension("json")).unwrap();
        assert_eq!(read(&body).event_type(), Ok(event.name()));
    }
    let example = fs::read(bodies.join("vendor-example.json")).unwrap();
    assert_eq!(told(&example), "12345 remove");
    assert_eq!(fs::read_dir(bodies).unwrap().count(), EventType::ALL.len() + 1);
}

/// Any JSON, its strings full of what the tolerant pass looks at.
fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        r#"[,:\]\[{}"\\ a]{0,6}"#.prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        let key = prop_oneof![Just("appointment_id".to_owned()), Just("event_type".to_owned()), r#"[,}"\\]{0,3}"#];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            prop::collection::btree_map(key, inner, 0..4)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn the_reader_never_panics(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&body);
    }

    #[test]
    fn a_byte_order_mark_changes_nothing(body in r#"[\[\]{},:"\\ue018a ]{0,60}"#) {
        prop_assert_eq!(read(format!("{BYTE_ORDER_MARK}{body}").as_bytes()), read(body.as_bytes()));
    }

    #[test]
    fn the_reader_never_panics_on_nearly_json(body in r#"[\[\]{},:"\\ue018a ]{0,60}"#) {
        let _ = read(body.as_bytes());
    }

    #[test]
    fn json_passes_the_tolerant_pass_unchanged(value in json()) {
        for text in [value.to_string(), serde_json::to_string_pretty(&value).unwrap()] {
            prop_assert_eq!(without_trailing_commas(&text), None);
        }
    }

    #[test]
    fn commas_put_before_closing_brackets_are_all_dropped(values in prop::collection::vec(json(), 1..4)) {
        let parts: Vec<String> = values.iter().map(|value| value.to_string()).collect();
        let text = format!("[[{0}],{{\"k\":[{0}]}}]", parts.join(","));
        let with_commas = format!("[[{0} , ],{{\"k\":[{0},\n]\t,}},]", parts.join(","));
        let healed = without_trailing_commas(&with_commas).unwrap();
        prop_assert_eq!(
            serde_json::from_str::<serde_json::Value>(&healed).unwrap(),
            serde_json::from_str::<serde_json::Value>(&text).unwrap()
        );
    }

    #[test]
    fn what_is_sent_is_what_is_read(id in 1..=AppointmentId::MAX.get(), event_type in ".{0,20}") {
        let as_number = serde_json::json!({"appointment_id": id, "event_type": event_type}).to_string();
        let as_string = serde_json::json!({"event_type": event_type, "appointment_id": id.to_string()}).to_string();
        for body in [as_number, as_string] {
            prop_assert_eq!(told(body.as_bytes()), format!("{id} {event_type}"));
        }
    }
}
