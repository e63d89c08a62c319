//! Bodies that are too long, that nobody can read, and the answer to a good one.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::padded;
use crate::support::{
    net::http1::chunked,
    server::{CONFIG, Connection, ROUTE_KEY},
    webhook::{JSON, deliveries, refusal, started},
};

#[test]
fn a_body_over_64_kib_is_413_and_one_of_64_kib_is_kept() {
    let (_folder, server) = started(CONFIG);
    let path = format!("/webhook/{ROUTE_KEY}");
    let announced = |body: &[u8]| server.post(body);
    let in_chunks = |body: &[u8]| {
        let headers = [JSON, ("Transfer-Encoding", "chunked")];
        server.request("POST", &path, &headers, &chunked(body, 1000))
    };
    for body in [padded(65_536), vec![b'x'; 65_536]] {
        let expected = if body[0] == b'{' { 200 } else { 400 };
        assert_eq!((announced(&body).status, in_chunks(&body).status), (expected, expected));
    }
    assert_eq!(deliveries(&server), 4);
    for length in [65_537, 100_000, 900_000] {
        assert_eq!(refusal(&announced(&padded(length))), "413 BODY_TOO_LARGE", "{length}");
        assert_eq!(refusal(&in_chunks(&padded(length))), "413 BODY_TOO_LARGE", "{length}");
    }
    // What is announced as far too large is refused before it is sent.
    let mut connection = Connection::open(server.address);
    let head = format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n");
    connection.send(format!("{head}Content-Length: 99999999999\r\n\r\n").as_bytes()).unwrap();
    assert_eq!(connection.answer().unwrap().status, 413);
    // After the credential.
    let unknown = server.request("POST", "/webhook/no-such-key-at-all-anywhere", &[JSON], &padded(65_537));
    assert_eq!(unknown.status, 404);
    assert_eq!(deliveries(&server), 4);
}

#[test]
fn an_unreadable_body_is_told_with_its_position_and_kept_byte_for_byte() {
    let (_folder, server) = started(CONFIG);
    let every_byte: Vec<u8> = (0..=255).collect();
    let bodies: [(&[u8], u16, &str); 13] = [
        (b"", 400, "NOT_JSON"),
        (b"not JSON", 400, "NOT_JSON"),
        (&every_byte, 400, "NOT_JSON"),
        (b"{\"appointment_id\": 1, \"event_type\": \"\xff\"}", 400, "NOT_JSON"),
        (b"\xff\xfe{\x00}\x00", 400, "NOT_JSON"),
        (b"{'appointment_id': 1, 'event_type': 'create'}", 400, "NOT_JSON"),
        (b"\r\n[ ]\t", 422, "NOT_AN_OBJECT"),
        (b"{}", 422, "APPOINTMENT_ID_MISSING"),
        (br#"{"appointment_id": 1}"#, 422, "EVENT_TYPE_MISSING"),
        (br#"{"appointment_id": 1.5, "event_type": "create"}"#, 422, "APPOINTMENT_ID_INVALID"),
        (br#"{"appointment_id": 1, "event_type": 7}"#, 422, "EVENT_TYPE_INVALID"),
        (br#"{"appointment_id": 1, "event_type": "\ud800"}"#, 422, "EVENT_TYPE_INVALID"),
        (br#"{"appointment_id": 1, "appointment_id": 1, "event_type": "create"}"#, 422, "FIELD_REPEATED"),
    ];
    for (position, (body, status, code)) in (1..).zip(bodies) {
        let answer = server.post(body);
        assert_eq!(refusal(&answer), format!("{status} {code}"), "{}", String::from_utf8_lossy(body));
        let told = answer.json();
        assert_eq!((&told["position"], &told["status"]), (&position.to_string().into(), &status.into()));
        assert!(is_time(told["receivedAt"].as_str().unwrap()), "{told}");
        assert!(told["detail"].as_str().unwrap().starts_with("The body was kept but could not be read"), "{told}");
        let query = "{ deliveries(last: 1) { nodes { position receivedAt outcome code reason appointmentId eventType rawEventType body bodyBase64 bodyErased } } }";
        let kept = server.query(query)["deliveries"]["nodes"][0].clone();
        assert_eq!((&kept["position"], &kept["receivedAt"]), (&told["position"], &told["receivedAt"]));
        assert_eq!((&kept["code"], &kept["reason"]), (&told["code"], &told["detail"]));
        assert_eq!((&kept["outcome"], &kept["bodyErased"]), (&"UNREADABLE".into(), &false.into()));
        for field in ["appointmentId", "eventType", "rawEventType"] {
            assert!(kept[field].is_null(), "{field}");
        }
        assert_eq!(STANDARD.decode(kept["bodyBase64"].as_str().unwrap()).unwrap(), body);
        assert_eq!(kept["body"].as_str(), std::str::from_utf8(body).ok());
    }
}

/// `2026-03-02T15:04:05.678Z`, to the letter.
fn is_time(text: &str) -> bool {
    let form: String = text.chars().map(|character| if character.is_ascii_digit() { '0' } else { character }).collect();
    form == "0000-00-00T00:00:00.000Z" && chrono::DateTime::parse_from_rfc3339(text).is_ok()
}

#[test]
fn the_answer_to_a_delivery_is_written_to_the_letter() {
    let (_folder, server) = started(CONFIG);
    let check = |id: &str, event: &str, expected: &str| {
        let body = format!(r#"{{"appointment_id": {id}, "event_type": "{event}"}}"#);
        let before = chrono::Utc::now().timestamp_millis();
        let answer = server.post(body.as_bytes());
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
        let told = answer.json();
        let received_at = told["receivedAt"].as_str().unwrap();
        let millis = chrono::DateTime::parse_from_rfc3339(received_at).unwrap().timestamp_millis();
        assert!(is_time(received_at) && (before..=before + 30_000).contains(&millis), "{received_at}");
        assert_eq!(answer.text().replace(received_at, "TIME"), expected);
    };
    check(
        "12345",
        "create",
        r#"{"position":"1","receivedAt":"TIME","outcome":"APPLIED","late":false,"source":"downtown","appointmentId":"12345","status":"SCHEDULED"}"#,
    );
    check(
        "12345",
        "checkin",
        r#"{"position":"2","receivedAt":"TIME","outcome":"APPLIED","late":false,"source":"downtown","appointmentId":"12345","status":"CHECKED_IN"}"#,
    );
    check(
        "12345",
        "create",
        r#"{"position":"3","receivedAt":"TIME","outcome":"DUPLICATE","late":false,"source":"downtown","appointmentId":"12345","status":"CHECKED_IN","code":"STEP_STANDS","reason":"`create` was not applied: the appointment was CHECKED_IN, and `create` stands already; its first time is kept."}"#,
    );
    check(
        "9223372036854775807",
        "undo_ready",
        r#"{"position":"4","receivedAt":"TIME","outcome":"REJECTED","late":false,"source":"downtown","appointmentId":"9223372036854775807","status":null,"code":"NOT_CREATED","reason":"`undo_ready` was not applied: there was no appointment yet, and `undo_ready` is applied only where `ready` is the last step that stands."}"#,
    );
    check(
        "12345",
        "transfer_in",
        r#"{"position":"5","receivedAt":"TIME","outcome":"UNRECOGNIZED","late":false,"source":"downtown","appointmentId":"12345","status":"CHECKED_IN","code":"UNKNOWN_EVENT_TYPE","reason":"The event type is none of the 13 that are known, to the letter. The delivery was kept and changes nothing."}"#,
    );
}
