//! Slow, broken, many and strange requests to the webhook's route, on the real program.

use std::{
    thread,
    time::{Duration, Instant},
};

use crate::support::{
    server::{CONFIG, Connection, ROUTE_KEY},
    webhook::{GOOD, JSON, deliveries, refusal, started, with_server},
};

#[test]
fn a_body_that_stalls_is_408_and_a_head_that_stalls_is_closed() {
    let (_folder, server) = started(&with_server("body_timeout_s = 1\nheader_timeout_s = 1\nidle_timeout_s = 1"));
    let begun = Instant::now();
    let mut stalled = Vec::new();
    let beginnings: [&[u8]; 5] = [
        b"",
        b"P",
        b"PRI * HTTP/2.0\r\n",
        b"POST /webhook HTTP/1.1\r\nHost: a\r\nX-",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ];
    for beginning in beginnings {
        let mut connection = Connection::open(server.address);
        connection.send(beginning).unwrap();
        stalled.push((beginning, connection));
    }
    // One that has been served, and then says nothing more.
    let mut idle = Connection::open(server.address);
    assert_eq!(idle.request("GET", "/livez", &[], b"").unwrap().status, 200);
    stalled.push((b"idle", idle));
    let head = format!("POST /webhook/{ROUTE_KEY} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n");
    for framing in ["Content-Length: 49\r\n\r\n{", "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"] {
        let mut connection = Connection::open(server.address);
        connection.send(format!("{head}{framing}").as_bytes()).unwrap();
        let answer = connection.answer().unwrap();
        assert_eq!(refusal(&answer), "408 BODY_TOO_SLOW");
        connection.rest(Duration::from_secs(5)).expect("the connection is closed");
    }
    for (beginning, mut connection) in stalled {
        let rest = connection.rest(Duration::from_secs(5));
        assert!(rest.is_ok(), "still open after {:?}: {}", begun.elapsed(), String::from_utf8_lossy(beginning));
    }
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert_eq!(deliveries(&server), 0);
}

#[test]
fn who_asks_and_does_not_read_the_answers_is_given_up() {
    let (_folder, server) = started(&with_server("header_timeout_s = 1\nconnections_max = 1"));
    let mut connection = Connection::open(server.address);
    authenticate(&mut connection);
    // Until neither end's buffers take more.
    let many = b"GET /schema.graphql HTTP/1.1\r\nHost: a\r\n\r\n".repeat(100);
    connection.write_timeout(Duration::from_millis(300));
    let begun = Instant::now();
    while connection.send(&many).is_ok() {
        assert!(begun.elapsed() < Duration::from_secs(20), "it takes everything");
    }
    // It had the only place.
    assert_eq!(server.get("/livez").status, 200);
    drop(connection);
}

#[test]
fn an_answer_that_is_taken_slowly_is_sent_to_its_end() {
    let (_folder, server) = started(&with_server("header_timeout_s = 2\nidle_timeout_s = 1"));
    // A byte of each is six of the answer's.
    for _ in 0..70 {
        assert_eq!(server.post(&[1; 65_000]).status, 400);
    }
    let mut connection = Connection::open(server.address);
    let body = br#"{"query": "{ deliveries(first: 500) { nodes { body } } }"}"#;
    let head = format!(
        "POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    connection.send(&[head.as_bytes(), body].concat()).unwrap();
    let begun = Instant::now();
    let answer = connection.answer_slowly(200_000, Duration::from_millis(100)).expect("all of it");
    // What the system has not taken waits for longer than a connection may be without a request.
    assert!(begun.elapsed() > Duration::from_secs(10), "{:?} for {} bytes", begun.elapsed(), answer.body.len());
    assert_eq!(answer.json()["data"]["deliveries"]["nodes"].as_array().unwrap().len(), 70);
}

#[test]
fn a_body_that_comes_after_its_answer_begins_no_head() {
    let (_folder, server) = started(&with_server("header_timeout_s = 1\nidle_timeout_s = 20"));
    let mut connection = Connection::open(server.address);
    connection.send(b"POST /webhook/wrong HTTP/1.1\r\nHost: a\r\nContent-Length: 49\r\n\r\n").unwrap();
    assert_eq!(refusal(&connection.answer().unwrap()), "404 NOT_FOUND");
    thread::sleep(Duration::from_millis(100));
    connection.send(&GOOD[..20]).unwrap();
    thread::sleep(Duration::from_millis(100));
    connection.send(&GOOD[20..]).unwrap();
    // For longer than a head may take.
    thread::sleep(Duration::from_secs(3));
    authenticate(&mut connection);
}

#[test]
fn a_body_that_breaks_off_is_not_kept() {
    let (_folder, server) = started(CONFIG);
    let mut connection = Connection::open(server.address);
    let head = format!("POST /webhook/{ROUTE_KEY} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n");
    connection.send(format!("{head}Content-Length: 49\r\n\r\n{{}}").as_bytes()).unwrap();
    drop(connection);
    let mut connection = Connection::open(server.address);
    connection.send(format!("{head}Transfer-Encoding: chunked\r\n\r\nnonsense\r\n").as_bytes()).unwrap();
    assert_eq!(connection.answer().unwrap().status, 400);
    assert_eq!(server.post(GOOD).json()["position"], "1");
}

#[test]
fn more_connections_than_allowed_wait_for_their_turn() {
    let (_folder, server) = started(&with_server("connections_max = 2"));
    let mut open: Vec<Connection> = (0..2).map(|_| Connection::open(server.address)).collect();
    open.iter_mut().for_each(authenticate);
    let mut third = Connection::open(server.address);
    third.send(b"GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    assert!(third.rest(Duration::from_millis(300)).is_err(), "the third is not served while two are open");
    drop(open);
    let served = third.rest(Duration::from_secs(5)).unwrap();
    assert!(served.starts_with(b"HTTP/1.1 200 OK\r\n"));
}

/// Has a connection say who it is.
fn authenticate(connection: &mut Connection) {
    assert_eq!(connection.request("POST", &format!("/webhook/{ROUTE_KEY}"), &[JSON], GOOD).unwrap().status, 200);
}

#[test]
fn one_connection_carries_many_requests_also_sent_ahead() {
    let (_folder, server) = started(CONFIG);
    let mut connection = Connection::open(server.address);
    let path = format!("/webhook/{ROUTE_KEY}");
    for position in 1..=3 {
        let answer = connection.request("POST", &path, &[JSON], GOOD).unwrap();
        assert_eq!(answer.json()["position"], position.to_string());
    }
    let head =
        format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 49\r\n\r\n");
    let one = [head.as_bytes(), GOOD].concat();
    connection.send(&one.repeat(5)).unwrap();
    for position in 4..=8 {
        assert_eq!(connection.answer().unwrap().json()["position"], position.to_string());
    }
    // A refusal, too, leaves the connection open.
    assert_eq!(connection.request("POST", "/webhook", &[JSON], GOOD).unwrap().status, 401);
    assert_eq!(connection.request("POST", &path, &[JSON], GOOD).unwrap().status, 200);
    let mut old = Connection::open(server.address);
    old.send(&String::from_utf8(one).unwrap().replace("HTTP/1.1\r\nHost: a\r\n", "HTTP/1.0\r\n").into_bytes()).unwrap();
    assert_eq!(old.answer().unwrap().status, 200);
    old.rest(Duration::from_secs(5)).expect("closed after the answer, as HTTP/1.0 is");
}

#[test]
fn a_strange_request_line_does_no_harm() {
    let (_folder, server) = started(CONFIG);
    for (line, expected) in [
        ("CONNECT host:443 HTTP/1.1", "400"),
        ("CONNECT / HTTP/1.1", "40"),
        ("OPTIONS * HTTP/1.1", "400"),
        ("POST * HTTP/1.1", "400"),
        ("GET http://127.0.0.1/livez HTTP/1.1", "200"),
        ("GET http://127.0.0.1 HTTP/1.1", "200"),
        ("POST http://elsewhere/webhook/CF3uQP8cSFIQB8gB/9285030fceca HTTP/1.1", "400"),
        ("GET //livez HTTP/1.1", "404"),
        ("GET /livez/../livez HTTP/1.1", "404"),
        ("GET /%ff%00 HTTP/1.1", "404"),
        ("GET /webhook?x HTTP/1.1", "405"),
        ("GET livez HTTP/1.1", "400"),
        ("\u{1}\u{2} nonsense", "400"),
    ] {
        let mut connection = Connection::open(server.address);
        connection.send(format!("{line}\r\nHost: a\r\nConnection: close\r\n\r\n").as_bytes()).unwrap();
        let answer = String::from_utf8(connection.rest(Duration::from_secs(5)).unwrap()).unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {expected}")), "{line}: {answer}");
    }
    let mut connection = Connection::open(server.address);
    let _ = connection.send(format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(1 << 20)).as_bytes());
    let _ = connection.rest(Duration::from_secs(5));
    assert_eq!(server.get("/livez").status, 200);
    assert!(!server.printed().contains("panicked"), "{}", server.printed());
}

#[test]
fn weird_json_does_no_harm() {
    let (_folder, server) = started(CONFIG);
    let deep = |open: &str, close: &str| [open.repeat(30_000), close.repeat(30_000)].concat().into_bytes();
    let in_a_field =
        |value: &str| format!(r#"{{"x": {value}, "appointment_id": 1, "event_type": "create"}}"#).into_bytes();
    let nested = format!("{}{}", "[".repeat(30_000), "]".repeat(30_000));
    for (body, expected) in [
        (deep("[", "]"), "422 NOT_AN_OBJECT"),
        (vec![b'['; 65_536], "400 NOT_JSON"),
        (br#"{"x":"#.repeat(10_000), "400 NOT_JSON"),
        (in_a_field(&nested), "200 -"),
        (in_a_field(&"9".repeat(60_000)), "200 -"),
        (in_a_field(&format!("1e{}", "9".repeat(60_000))), "200 -"),
        (in_a_field(&format!("\"{}\"", "\\u0000".repeat(10_000))), "200 -"),
        (in_a_field(&format!("[1{}]", ",".repeat(60_000))), "400 NOT_JSON"),
        (
            format!(r#"{{"appointment_id": {nested}, "event_type": "create"}}"#).into_bytes(),
            "422 APPOINTMENT_ID_INVALID",
        ),
        (
            format!(r#"{{"appointment_id": {}, "event_type": "create"}}"#, "9".repeat(60_000)).into_bytes(),
            "422 APPOINTMENT_ID_INVALID",
        ),
        (
            format!(r#"{{"appointment_id": 2, "event_type": "{}"}}"#, "x".repeat(60_000)).into_bytes(),
            "200 UNKNOWN_EVENT_TYPE",
        ),
        (format!("{{{}", r#""appointment_id": 1, "#.repeat(2_000)).into_bytes(), "400 NOT_JSON"),
    ] {
        let answer = server.post(&body);
        let told = answer.json();
        let code = told["code"].as_str().filter(|code| *code != "STEP_STANDS").unwrap_or("-");
        assert_eq!(format!("{} {code}", answer.status), expected, "{}", String::from_utf8_lossy(&body[..40]));
    }
    assert_eq!(deliveries(&server), 12);
    assert!(!server.printed().contains("panicked"), "{}", server.printed());
}
