//! How a WebSocket begins and how it ends: who is refused, and every close code of `graphql-transport-ws`.

use std::{
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::support::{
    net::live::{Came, Events, Socket},
    server::{CONFIG, Connection, Server},
    wait_for,
    webhook::{started, with_server},
};

const READER: &str = r#"
[[reader]]
name = "front-desk"
token = "the-token-of-the-front-desk"
"#;
const TOKEN: &str = "the-token-of-the-front-desk";

/// The code that a connection is closed with next; its reason fits a close frame.
fn code(socket: &mut Socket) -> u16 {
    match socket.next() {
        Came::Closed(code, reason) => {
            assert!(!reason.is_empty() && reason.len() <= 123, "{reason}");
            code
        }
        other => panic!("{other:?} in place of a close"),
    }
}

#[test]
fn each_mistake_has_its_close_code() {
    let (_folder, server) = started(CONFIG);
    let subscribe = |id: &str, query: &str| json!({ "id": id, "type": "subscribe", "payload": { "query": query } });
    let live = "subscription { deliveries { position } }";
    let init = json!({ "type": "connection_init" });
    let cases: [(&str, Vec<Message>, u16); 9] = [
        ("no JSON", vec![text("nonsense")], 4400),
        ("no type that there is", vec![text(r#"{"type":"start"}"#)], 4400),
        ("binary", vec![Message::binary(b"{}".to_vec())], 4400),
        ("no query", vec![said(&init), text(r#"{"id":"1","type":"subscribe","payload":{}}"#)], 4400),
        ("no init", vec![said(&subscribe("1", live))], 4401),
        ("an id twice", vec![said(&init), said(&subscribe("1", live)), said(&subscribe("1", live))], 4409),
        (
            "a long id twice",
            {
                let id = "ü".repeat(64);
                vec![said(&init), said(&subscribe(&id, live)), said(&subscribe(&id, live))]
            },
            4409,
        ),
        ("two inits", vec![said(&init), said(&init)], 4429),
        ("a large message", vec![said(&init), text(&"x".repeat(70_000))], 1009),
    ];
    for (what, messages, expected) in cases {
        let mut socket = Socket::connect(server.address, &[]).unwrap();
        let acknowledged = messages[0] == said(&init);
        messages.into_iter().for_each(|message| socket.send(message));
        if acknowledged {
            assert_eq!(socket.message(), json!({ "type": "connection_ack" }), "{what}");
        }
        assert_eq!(code(&mut socket), expected, "{what}");
        assert_eq!(socket.next(), Came::Gone, "{what}");
    }
    // No subprotocol. Who offers only others has an error of its own before it could read the close.
    let mut socket = Socket::connect(server.address, &[("Sec-WebSocket-Protocol", "")]).unwrap();
    assert_eq!(code(&mut socket), 4406);
    assert_eq!(Socket::connect(server.address, &[("Sec-WebSocket-Protocol", "graphql-ws")]).err(), Some(101));
    let offered = [("Sec-WebSocket-Protocol", "graphql-ws, graphql-transport-ws")];
    assert!(Socket::connect(server.address, &offered).is_ok());
}

#[test]
fn a_client_that_does_not_introduce_itself_or_does_not_answer_is_closed() {
    let (_folder, server) = started(&with_server("header_timeout_s = 1"));
    let begun = Instant::now();
    assert_eq!(code(&mut Socket::connect(server.address, &[]).unwrap()), 4408);
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    // One that answers pings stays; one that is silent goes.
    let mut alive = Socket::open(server.address);
    alive.subscribe("1", "subscription { deliveries { position } }");
    let mut silent = Socket::open(server.address);
    silent.subscribe("1", "subscription { deliveries { position } }");
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(10) {
        assert!(alive.is_silent(Duration::from_millis(500)));
        alive.send(Message::Pong(Vec::new().into()));
    }
    while silent.is_there() {}
    server.deliver(1, "create");
    assert_eq!(alive.data()["deliveries"]["position"], "1");
}

#[test]
fn who_it_is_is_said_in_the_upgrade_or_in_the_first_message() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &format!("{CONFIG}{READER}"));
    let works = |socket: &mut Socket| {
        assert_eq!(socket.message(), json!({ "type": "connection_ack" }));
        socket.subscribe("1", "{ log { headPosition } }");
        assert_eq!(socket.data()["log"]["headPosition"], "0");
    };
    let mut socket = Socket::connect(server.address, &[]).unwrap();
    socket.init(Some(TOKEN));
    works(&mut socket);
    let bearer = format!("Bearer {TOKEN}");
    let mut socket = Socket::connect(server.address, &[("Authorization", &bearer)]).unwrap();
    socket.init(None);
    works(&mut socket);
    // A wrong token, none, and a wrong one after a right one.
    for (header, token) in [("", Some("a-token-that-nobody-has")), ("", None), (&*bearer, Some("another-wrong-token"))]
    {
        let mut socket = Socket::connect(server.address, &[("Authorization", header)]).unwrap();
        socket.init(token);
        assert_eq!(code(&mut socket), 4403, "{token:?}");
    }
    assert_eq!(Socket::connect(server.address, &[("Authorization", "Bearer nonsense")]).err(), Some(401));
    let mut socket = Socket::connect(server.address, &[]).unwrap();
    socket.subscribe("1", "{ __typename }");
    assert_eq!(code(&mut socket), 4401);
}

#[test]
fn a_subscription_ends_with_its_token() {
    let folder = tempfile::tempdir().unwrap();
    let expires = (chrono::Utc::now() + chrono::TimeDelta::seconds(4)).to_rfc3339();
    let reader = format!(
        "[[reader]]\nname = \"visitor\"\ntokens = [{{ key = \"{TOKEN}\", expires = \"{expires}\" }}]\n{READER}",
        READER = "[[reader]]\nname = \"other\"\ntoken = \"a-token-that-does-not-expire\"\n"
    );
    let server = Server::start(folder.path(), &format!("{}{reader}", with_server("header_timeout_s = 2")));
    let query = "subscription { deliveries { position } }";
    let mut socket = Socket::open_as(server.address, Some(TOKEN));
    socket.subscribe("1", query);
    let bearer = format!("Bearer {TOKEN}");
    let mut events = Events::open(server.address, &[("Authorization", &bearer)], query);
    let mut staying = Socket::open_as(server.address, Some("a-token-that-does-not-expire"));
    staying.subscribe("1", query);
    server.deliver(1, "create");
    assert_eq!(socket.data()["deliveries"]["position"], "1");
    assert_eq!(events.data().unwrap()["deliveries"]["position"], "1");
    assert_eq!(code(&mut socket), 4403);
    assert_eq!(events.data(), None);
    server.deliver(1, "checkin");
    assert_eq!(staying.data()["deliveries"]["position"], "1");
    assert_eq!(staying.data()["deliveries"]["position"], "2");
}

#[test]
fn pages_of_other_sites_proxies_and_odd_requests_are_refused_before_the_upgrade() {
    let (_folder, server) = started(&with_server(r#"allowed_origins = ["https://board.example.org"]"#));
    let connect = |headers: &[(&str, &str)]| Socket::connect(server.address, headers).err();
    let own = format!("http://{}", server.address);
    assert_eq!(connect(&[("Origin", &own)]), None);
    assert_eq!(connect(&[("Origin", "https://board.example.org")]), None);
    assert_eq!(connect(&[("Origin", "https://evil.example")]), Some(403));
    assert_eq!(connect(&[("Origin", "null")]), Some(403));
    // Without a reader, only this machine itself may read.
    assert_eq!(connect(&[("X-Forwarded-For", "192.0.2.1")]), Some(403));
    let odd = |headers: &[(&str, &str)]| {
        let all = [&[("Connection", "Upgrade"), ("Upgrade", "websocket")], headers].concat();
        Connection::open(server.address).request("GET", "/graphql", &all, b"").unwrap()
    };
    let key = ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
    let answer = odd(&[key, ("Sec-WebSocket-Version", "8")]);
    assert_eq!((answer.status, answer.header("sec-websocket-version")), (426, Some("13")));
    assert_eq!(odd(&[("Sec-WebSocket-Version", "13")]).status, 400);
}

#[test]
fn queries_and_mutations_run_over_a_socket_within_the_same_limits() {
    let (_folder, server) = started(CONFIG);
    let mut socket = Socket::open(server.address);
    let mut ask = |query: &str| {
        socket.subscribe("1", query);
        let message = socket.message();
        if message["type"] == "next" {
            assert_eq!(socket.message(), json!({ "id": "1", "type": "complete" }));
        }
        message
    };
    let code = |message: &Value| message["payload"][0]["extensions"]["code"].as_str().unwrap_or("-").to_owned();
    assert_eq!(ask("{ __typename }")["payload"]["data"]["__typename"], "Query");
    assert!(ask("mutation { cancelRebuild { state } }")["payload"]["data"]["cancelRebuild"].is_null());
    assert_eq!(code(&ask("{ nope }")), "GRAPHQL_VALIDATION_FAILED");
    assert_eq!(code(&ask("{")), "GRAPHQL_PARSE_FAILED");
    assert_eq!(code(&ask("subscription { nope }")), "GRAPHQL_VALIDATION_FAILED");
    let two = "subscription { a: deliveries { position } b: deliveries { position } }";
    assert_eq!(code(&ask(two)), "GRAPHQL_VALIDATION_FAILED");
    let aliases: String = (0..60).map(|n| format!("a{n}: position ")).collect();
    assert_eq!(code(&ask(&format!("subscription {{ deliveries {{ {aliases} }} }}"))), "ALIAS_LIMIT_EXCEEDED");
    for arguments in [r#"appointmentIds: ["0"]"#, r#"after: "1""#] {
        let wrong = ask(&format!("subscription {{ appointmentChanged({arguments}) {{ position }} }}"));
        assert_eq!(wrong["payload"]["errors"][0]["extensions"]["code"], "BAD_USER_INPUT", "{wrong}");
    }
    // A client that sends a document's hash is told to send the document, and goes on.
    let hash = json!({ "version": 1, "sha256Hash": "0".repeat(64) });
    for payload in [json!({}), json!({ "query": null })] {
        let mut payload = payload;
        payload["extensions"] = json!({ "persistedQuery": hash });
        socket.say(&json!({ "id": "1", "type": "subscribe", "payload": payload }));
        let told = socket.message();
        assert_eq!((&told["type"], code(&told).as_str()), (&json!("error"), "PERSISTED_QUERY_NOT_SUPPORTED"));
        assert_eq!(told["payload"][0]["message"], "PersistedQueryNotSupported");
    }
    socket.subscribe("1", "{ __typename }");
    assert_eq!(socket.data()["__typename"], "Query");
}

/// A socket that has not said whose it is, and reads nothing.
fn deaf(server: &Server) -> Socket {
    let mut socket = Socket::connect(server.address, &[]).unwrap();
    socket.pings_and_reads_nothing();
    socket
}

/// A figure that an admin is told.
fn metric(server: &Server, name: &str) -> f64 {
    let bearer = format!("Bearer {TOKEN}");
    let metrics = server.request("GET", "/metrics", &[("Authorization", &bearer)], b"").text();
    let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("{name}: {metrics}")).parse().unwrap()
}

#[test]
fn a_socket_that_reads_nothing_and_says_not_whose_it_is_makes_room_and_ends_in_its_time() {
    let config = |settings: &str| format!("{}{READER}role = \"admin\"\n", with_server(settings));
    // Others need its place.
    let (_folder, server) = started(&config("connections_max = 3\nheader_timeout_s = 100"));
    let _deaf: Vec<Socket> = (0..3).map(|_| deaf(&server)).collect();
    let known: Vec<Socket> = (0..2).map(|_| Socket::open_as(server.address, Some(TOKEN))).collect();
    wait_for("they go", || metric(&server, "clockfold_connections") <= 3.0);
    drop(known);
    drop(server);
    // Its time is over.
    let (_folder, server) = started(&config("header_timeout_s = 1"));
    let socket = deaf(&server);
    let begun = Instant::now();
    wait_for("it goes", || metric(&server, "clockfold_websockets") == 0.0);
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    drop((socket, server));
    // The server ends.
    let (_folder, mut server) = started(&config("header_timeout_s = 100\nshutdown_timeout_s = 25"));
    let _deaf = deaf(&server);
    thread::sleep(Duration::from_millis(200));
    let begun = Instant::now();
    assert!(server.terminate().success());
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
}

#[test]
fn what_a_ping_says_comes_back_only_to_whoever_has_said_who_it_is() {
    let (_folder, server) = started(&format!("{CONFIG}{READER}"));
    let mut socket = Socket::connect(server.address, &[]).unwrap();
    let ping = json!({ "type": "ping", "payload": { "a": "long".repeat(10_000) } });
    socket.say(&ping);
    assert_eq!(socket.message(), json!({ "type": "pong" }));
    socket.init(Some(TOKEN));
    assert_eq!(socket.message(), json!({ "type": "connection_ack" }));
    socket.say(&ping);
    assert_eq!(socket.message(), json!({ "type": "pong", "payload": ping["payload"] }));
}

#[test]
fn a_long_answer_comes_in_short_frames() {
    let (_folder, server) = started(CONFIG);
    let body = "aü😀".repeat(8_000);
    assert_eq!(server.post(body.as_bytes()).status, 400);
    let mut socket = Socket::open(server.address);
    let query = "{ deliveries { nodes { body } } }";
    socket.subscribe("1", query);
    assert_eq!(socket.data()["deliveries"]["nodes"][0]["body"], body);
    assert_eq!(socket.message(), json!({ "id": "1", "type": "complete" }));
    socket.subscribe("2", query);
    let lengths = socket.frame_lengths();
    assert!(lengths.iter().all(|length| *length <= 16 << 10), "{lengths:?}");
    assert!(lengths.iter().sum::<usize>() > body.len());
}

#[test]
fn pings_are_answered_both_ways() {
    let (_folder, server) = started(CONFIG);
    let mut socket = Socket::open(server.address);
    socket.say(&json!({ "type": "ping" }));
    assert_eq!(socket.message(), json!({ "type": "pong" }));
    socket.say(&json!({ "type": "ping", "payload": { "n": 1 } }));
    assert_eq!(socket.message(), json!({ "type": "pong", "payload": { "n": 1 } }));
    socket.say(&json!({ "type": "pong" }));
    socket.say(&json!({ "type": "complete", "id": "unknown" }));
    socket.subscribe("1", "{ __typename }");
    assert_eq!(socket.data()["__typename"], "Query");
}

fn said(message: &Value) -> Message {
    text(&message.to_string())
}

fn text(text: &str) -> Message {
    Message::text(text.to_owned())
}
