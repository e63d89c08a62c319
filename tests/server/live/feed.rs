//! `GET /feed`: every delivery from a position on, resumed without a gap, to readers alone, and ended with a reason.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpStream},
    thread,
    time::{Duration, Instant},
};

use chrono::{SecondsFormat, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::support::{
    net::live::{Came, Events, Socket, number},
    server::{CONFIG, ROUTE_KEY, Server, clockfold, data_dir},
    session::{ORIGIN, sign_in, with_cookie},
};

const ADMIN: &str = "the-token-that-sees-everything";
const VIEWER: &str = "the-token-that-sees-lakeside";
const LAKESIDE: &str = "a-key-of-the-clinic-lakeside";

/// Two sources, an admin of both and a viewer of one.
fn readers() -> String {
    format!(
        "{CONFIG}[[source]]\nname = \"lakeside\"\nroute_keys = [\"{LAKESIDE}\"]\nreorder_window_s = 5\n\
         [[reader]]\nname = \"ops\"\ntoken = \"{ADMIN}\"\nrole = \"admin\"\n\
         [[reader]]\nname = \"desk\"\ntoken = \"{VIEWER}\"\nsources = [\"lakeside\"]\n"
    )
}

/// What an open feed has told.
struct Feed {
    stream: BufReader<TcpStream>,
    head: String,
    /// The id of the last delivery.
    last: String,
}

/// An event, by field.
type Event = BTreeMap<String, String>;

impl Feed {
    fn open(address: SocketAddr, query: &str, headers: &[(&str, &str)]) -> Feed {
        let mut head = format!("GET /feed{query} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n");
        headers.iter().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream.write_all(format!("{head}\r\n").as_bytes()).unwrap();
        let mut feed = Feed { stream: BufReader::new(stream), head: String::new(), last: String::new() };
        loop {
            let line = feed.line().unwrap();
            if line.is_empty() {
                break;
            }
            feed.head.push_str(&line);
            feed.head.push('\n');
        }
        assert!(feed.head.contains(" 200 "), "{}", feed.head);
        feed
    }

    fn as_reader(address: SocketAddr, query: &str, token: &str) -> Feed {
        Feed::open(address, query, &[("Authorization", &format!("Bearer {token}"))])
    }

    /// The next event, comments aside; `None` at the end.
    fn event(&mut self) -> Option<Event> {
        let mut event = Event::new();
        loop {
            let line = self.line()?;
            match line.split_once(':') {
                Some((name @ ("id" | "data" | "event" | "retry"), value)) => {
                    event.insert(name.to_owned(), value.trim_start().to_owned());
                }
                // Between events stand blank lines and the sizes of chunks.
                _ if line.is_empty() && !event.is_empty() => return Some(event),
                _ => {}
            }
        }
    }

    /// The next delivery, whose id is its cursor.
    fn delivery(&mut self) -> Value {
        let event = self.event().expect("an event");
        assert_eq!(event.get("event"), None, "{event:?}");
        let delivery: Value = serde_json::from_str(&event["data"]).unwrap();
        assert_eq!(number(&delivery["position"]), position_of(&event["id"]));
        self.last = event["id"].clone();
        delivery
    }

    fn position(&mut self) -> u64 {
        number(&self.delivery()["position"])
    }

    /// The last event, and that nothing follows.
    fn end(&mut self) -> String {
        let event = self.event().expect("an event");
        assert_eq!(event.get("event").map(String::as_str), Some("end"), "{event:?}");
        assert_eq!(event.get("id"), None);
        let why: Value = serde_json::from_str(&event["data"]).unwrap();
        assert!(why["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{why}");
        assert_eq!(self.event(), None);
        why["code"].as_str().unwrap().to_owned()
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self.stream.read_line(&mut line).unwrap_or_default();
        (read > 0).then(|| line.trim_end().to_owned())
    }
}

/// The position of a cursor with the first digits of a digest.
fn position_of(id: &str) -> u64 {
    let (position, start) = id.split_once('@').unwrap_or_else(|| panic!("{id} says no digest"));
    assert!(start.len() == 8 && start.bytes().all(|digit| b"0123456789abcdef".contains(&digit)), "{id}");
    position.parse().unwrap()
}

fn post(server: &Server, key: &str, id: u64, event: &str) {
    let body = format!(r#"{{"appointment_id": {id}, "event_type": "{event}"}}"#);
    assert_eq!(server.post_to(key, body.as_bytes()).status, 200);
}

#[test]
fn a_delivery_is_told_as_graphql_tells_it_replayed_and_live() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &readers());
    post(&server, ROUTE_KEY, 1, "create");
    post(&server, LAKESIDE, 1, "checkin");
    server.post_to(LAKESIDE, b"no JSON");
    let mut replayed = Feed::as_reader(server.address, "?after=0", ADMIN);
    let mut live = Feed::as_reader(server.address, "", ADMIN);
    assert!(replayed.head.to_ascii_lowercase().contains("content-type: text/event-stream"), "{}", replayed.head);
    // Before anything else, where it begins: who breaks off now misses nothing.
    assert_eq!(
        replayed.event().unwrap(),
        Event::from([("id".into(), "0@00000000".into()), ("retry".into(), "1000".into())])
    );
    assert_eq!(position_of(&live.event().unwrap()["id"]), 3);
    post(&server, LAKESIDE, 1, "create");
    post(&server, ROUTE_KEY, 1, "callback");

    let told: Vec<Value> = (1..=5).map(|_| replayed.delivery()).collect();
    let fields: Vec<&str> = told[0].as_object().unwrap().keys().map(String::as_str).collect();
    let query = format!("{{ deliveries(first: 10) {{ nodes {{ {} }} }} }}", fields.join(" "));
    let answered = server.query_as(Some(ADMIN), &query);
    let answered = answered["data"]["deliveries"]["nodes"].as_array().unwrap().clone();
    // The check-in was let in by a later delivery: a replay tells what is known by then, as the query does.
    assert_eq!(told[2..], answered[2..]);
    assert_eq!(told[0], answered[0]);
    assert_eq!(told[1]["outcomeAtArrival"], "REJECTED");
    assert!(told.iter().all(|delivery| delivery["body"].is_string() && delivery["bodyErased"] == false));
    assert_eq!([live.delivery(), live.delivery()], told[3..]);
}

#[test]
fn whoever_comes_back_misses_nothing_and_gets_nothing_twice() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(folder.path(), CONFIG);
    let mut last = "0".to_owned();
    for round in 0..6 {
        let position = |last: &str| last.split('@').next().unwrap().parse::<u64>().unwrap();
        // The address of an `EventSource` stays as it was; what it has been told goes into the header.
        let mut feed = Feed::open(server.address, "?after=0", &[("Last-Event-ID", &last)]);
        assert_eq!(position_of(&feed.event().unwrap()["id"]), position(&last));
        (0..7).for_each(|id| _ = server.deliver(100 * round + id + 1, "create"));
        for _ in 0..(7 - round) {
            let next = position(&last) + 1;
            assert_eq!(feed.position(), next);
            // A client may keep the id, or the position alone.
            last = if round < 3 { feed.last.clone() } else { next.to_string() };
        }
        if round % 2 == 1 {
            server.kill();
            server = Server::start(folder.path(), CONFIG);
        } else {
            server.query("mutation { rebuildProjection { state } }");
        }
    }
    let mut feed = Feed::open(server.address, "", &[("Last-Event-ID", &last)]);
    feed.event().unwrap();
    (last.parse::<u64>().unwrap() + 1..=42).for_each(|position| assert_eq!(feed.position(), position));
}

#[test]
fn a_rebuild_is_not_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), CONFIG);
    let mut feed = Feed::open(server.address, "?source=downtown", &[]);
    feed.event().unwrap();
    for id in 1..=3 {
        server.deliver(id, "create");
        assert_eq!(feed.position(), id);
        server.query("mutation { rebuildProjection { state } }");
        let begun = Instant::now();
        while server.query("{ rebuild { state } }")["rebuild"]["state"] != "DONE" {
            assert!(begun.elapsed() < Duration::from_secs(20));
            thread::sleep(Duration::from_millis(20));
        }
    }
}

#[test]
fn a_viewer_gets_no_body_and_no_other_source_and_a_stranger_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &readers());
    post(&server, ROUTE_KEY, 1, "create");
    post(&server, LAKESIDE, 2, "create");
    let mut feed = Feed::as_reader(server.address, "?after=0", VIEWER);
    feed.event().unwrap();
    let told = feed.delivery();
    assert_eq!((told["position"].as_str(), told["source"].as_str()), (Some("2"), Some("lakeside")));
    assert!(told.as_object().unwrap().keys().all(|field| !field.starts_with("body")), "{told}");
    post(&server, ROUTE_KEY, 3, "create");
    post(&server, LAKESIDE, 4, "create");
    assert_eq!(feed.position(), 4);

    let bearer = format!("Bearer {VIEWER}");
    let viewer = ("Authorization", bearer.as_str());
    for (method, query, headers, status, code) in [
        ("GET", "", vec![], 401, "UNAUTHENTICATED"),
        ("GET", "", vec![("Authorization", "Bearer wrong-wrong-wrong-wrong")], 401, "UNAUTHENTICATED"),
        ("GET", "?source=downtown", vec![viewer], 404, "SOURCE_NOT_FOUND"),
        ("GET", "?source=nowhere", vec![viewer], 404, "SOURCE_NOT_FOUND"),
        ("GET", "?after=5", vec![viewer], 400, "BAD_FEED"),
        ("GET", "?after=-1", vec![viewer], 400, "BAD_FEED"),
        ("GET", "?from=1", vec![viewer], 400, "BAD_FEED"),
        ("GET", "?after=1&after=2", vec![viewer], 400, "BAD_FEED"),
        ("GET", "", vec![viewer, ("Last-Event-ID", "x")], 400, "BAD_FEED"),
        ("POST", "", vec![viewer], 405, "METHOD_NOT_ALLOWED"),
    ] {
        let answer = server.request(method, &format!("/feed{query}"), &headers, b"");
        assert_eq!((answer.status, answer.json()["code"].as_str()), (status, Some(code)), "{method} {query}");
    }
    // Without readers it is for this machine alone.
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), CONFIG);
    for headers in [("Host", "clinic.example"), ("X-Forwarded-For", "192.0.2.7")] {
        assert_eq!(server.request("GET", "/feed", &[headers], b"").status, 403, "{headers:?}");
    }
}

#[test]
fn a_page_that_is_signed_in_follows_until_it_signs_out() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &readers());
    let cookie = sign_in(&server, VIEWER);
    let mut feed = Feed::open(server.address, "", &[ORIGIN, ("Cookie", &cookie)]);
    feed.event().unwrap();
    post(&server, LAKESIDE, 1, "create");
    assert_eq!(feed.position(), 1);
    assert_eq!(with_cookie(&server, "DELETE", &cookie).status, 204);
    assert_eq!(feed.end(), "SIGNED_OUT");
    let gone = server.request("GET", "/feed", &[ORIGIN, ("Cookie", &cookie)], b"");
    assert_eq!((gone.status, gone.json()["code"].as_str()), (401, Some("SIGNED_OUT")));
}

#[test]
fn it_ends_with_the_server_and_with_the_token() {
    let folder = tempfile::tempdir().unwrap();
    let expires = (Utc::now() + TimeDelta::seconds(8)).to_rfc3339_opts(SecondsFormat::Secs, true);
    let config = readers().replace(&format!("\"{VIEWER}\""), &format!("{{ key = \"{VIEWER}\", expires = {expires} }}"));
    let mut server = Server::start(folder.path(), &format!("{config}[server]\nheader_timeout_s = 1\n"));
    let mut expiring = Feed::as_reader(server.address, "", VIEWER);
    let mut lasting = Feed::as_reader(server.address, "", ADMIN);
    expiring.event().unwrap();
    lasting.event().unwrap();
    post(&server, LAKESIDE, 1, "create");
    assert_eq!((expiring.position(), lasting.position()), (1, 1));
    assert_eq!(expiring.end(), "CREDENTIAL_EXPIRED");
    post(&server, LAKESIDE, 2, "create");
    assert_eq!(lasting.position(), 2);
    let begun = Instant::now();
    server.signal("TERM");
    assert_eq!(lasting.end(), "SERVER_STOPS");
    assert!(server.wait(Duration::from_secs(15)).success());
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
}

#[test]
fn whoever_reads_nothing_is_ended_and_comes_back_and_a_quiet_feed_shows_that_it_is_alive() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &format!("{CONFIG}[server]\nheader_timeout_s = 1\n"));
    let mut slow = Feed::open(server.address, "", &[]);
    let mut quick = Feed::open(server.address, "", &[]);
    slow.event().unwrap();
    quick.event().unwrap();
    // Each delivery is large: what the sockets' own buffers hold is soon full.
    let note = "x".repeat(50_000);
    const COUNT: u64 = 300;
    for id in 1..=COUNT {
        let body = format!(r#"{{"appointment_id": {id}, "event_type": "create", "note": "{note}"}}"#);
        assert_eq!(server.post(body.as_bytes()).status, 200);
        assert_eq!(quick.position(), id);
    }
    thread::sleep(Duration::from_secs(8));
    let mut last = 0;
    let why = loop {
        let event = slow.event().expect("a last event");
        if event.contains_key("event") {
            break event["data"].clone();
        }
        assert_eq!(position_of(&event["id"]), last + 1);
        last += 1;
    };
    assert!(why.contains("SLOW_READER"), "{why}");
    assert_eq!(slow.event(), None);
    assert!(last < COUNT);
    let mut resumed = Feed::open(server.address, "", &[("Last-Event-ID", &last.to_string())]);
    resumed.event().unwrap();
    (last + 1..=COUNT).for_each(|position| assert_eq!(resumed.position(), position));
    // A comment comes while nothing else does.
    loop {
        let line = quick.line().expect("it is still open");
        if line.starts_with(':') {
            break;
        }
    }
}

/// Runs a command on the folder's data directory.
fn command(folder: &std::path::Path, arguments: &[&str]) {
    let config = folder.join("clockfold.toml");
    let data = data_dir(folder);
    let there = ["--config", config.to_str().unwrap(), "--data-dir", data.to_str().unwrap()];
    let told = clockfold(folder, &[], &[arguments, &there].concat());
    assert_eq!(told.status, 0, "{arguments:?}: {}", told.stderr);
}

#[test]
fn whoever_followed_another_history_is_told_over_every_transport() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut server = Server::start(folder, CONFIG);
    (1..=5).for_each(|id| _ = server.deliver(id, "create"));
    command(folder, &["backup", "copy"]);
    (1..=5).for_each(|id| _ = server.deliver(id, "checkin"));
    let mut followed = Feed::open(server.address, "?after=0", &[]);
    followed.event().unwrap();
    let ids: Vec<String> = (1..=10)
        .map(|position| {
            assert_eq!(followed.position(), position);
            followed.last.clone()
        })
        .collect();
    let [fifth, tenth] = [&ids[4], &ids[9]];
    server.terminate();
    std::fs::remove_dir_all(data_dir(folder)).unwrap();
    command(folder, &["restore", "copy"]);
    let mut server = Server::start(folder, CONFIG);

    let refused = |server: &Server, query: &str, last: &str| {
        let answer = server.request("GET", &format!("/feed{query}"), &[("Last-Event-ID", last)], b"");
        let told = answer.json();
        assert_eq!((answer.status, told["asked"].as_str()), (400, Some(last)), "{told}");
        let media_type = answer.header("Content-Type");
        assert_eq!(media_type, Some("application/problem+json"));
        assert_eq!(told["code"], "ANOTHER_HISTORY", "{told}");
        told
    };
    // While it is shorter, and once it has grown past it: a cursor tells, whichever it is.
    let shorter = refused(&server, "", tenth);
    assert_eq!((&shorter["here"], &shorter["inCommon"]), (&json!(fifth), &Value::Null), "{shorter}");
    assert_eq!(server.request("GET", "/feed", &[("Last-Event-ID", "10")], b"").json()["code"], "BAD_FEED");
    (101..=107).for_each(|id| _ = server.deliver(id, "create"));
    for round in 0..2 {
        let grown = refused(&server, "?after=0", tenth);
        assert_eq!((position_of(grown["here"].as_str().unwrap()), &grown["inCommon"]), (10, &Value::Null), "{grown}");
        assert_ne!(grown["here"], tenth.as_str());
        // Who shows another cursor learns what both have in common.
        for (query, in_common) in [
            (format!("?after={fifth}"), json!("5")),
            (format!("?after={}", fifth.replace('@', "%40")), json!("5")),
            (format!("?after={}", ids[5]), Value::Null),
            ("?after=5".to_owned(), Value::Null),
        ] {
            let told = refused(&server, &query, tenth);
            assert_eq!(told["inCommon"], in_common, "{query}: {told}");
            assert_eq!(told["detail"].as_str().unwrap().contains("position 5"), in_common.is_string(), "{told}");
        }
        for field in ["deliveries", "appointmentChanged"] {
            let query = |after: &str| format!("subscription {{ {field}(after: \"{after}\") {{ position cursor }} }}");
            let told = |response: &Value| {
                let error = &response["errors"][0];
                assert_eq!(error["extensions"]["code"], "ANOTHER_HISTORY", "{response}");
                assert_eq!(error["extensions"]["asked"], tenth.as_str());
                assert_eq!(error["extensions"]["here"], grown["here"]);
            };
            let mut socket = Socket::open(server.address);
            socket.subscribe("1", &query(tenth));
            told(&socket.message()["payload"]);
            assert_eq!(socket.message(), json!({ "id": "1", "type": "complete" }));
            let body = json!({ "query": query(tenth) }).to_string();
            let headers = [("Content-Type", "application/json"), ("Accept", "text/event-stream")];
            let events = server.request("POST", "/graphql", &headers, body.as_bytes());
            let events = String::from_utf8(events.body).unwrap();
            let data = events.lines().find_map(|line| line.strip_prefix("data:")).unwrap();
            told(&serde_json::from_str(data).unwrap());
            assert!(events.contains("event: complete") || events.contains("event:complete"), "{events}");

            // A cursor that both have goes on, and a position is taken as it always was.
            for after in [fifth.as_str(), "5"] {
                socket.subscribe("2", &query(after));
                let mut events = Events::open(server.address, &[], &query(after));
                for position in 6..=12 {
                    let item = socket.data()[field].clone();
                    assert_eq!(number(&item["position"]), position);
                    assert_eq!(position_of(item["cursor"].as_str().unwrap()), position);
                    assert_eq!(events.data().unwrap()[field], item);
                }
                socket.say(&json!({ "id": "2", "type": "complete" }));
            }
            socket.subscribe("3", &query("10"));
            assert_eq!(socket.data()[field]["position"], "11");
        }
        for last in [fifth.as_str(), "5"] {
            let mut feed = Feed::open(server.address, "", &[("Last-Event-ID", last)]);
            assert_eq!(feed.event().unwrap()["id"], *fifth);
            (6..=12).for_each(|position| assert_eq!(feed.position(), position));
        }
        if round == 0 {
            // The store holds by now what was beyond it.
            server.terminate();
            server = Server::start(folder, CONFIG);
        }
    }
    let mut socket = Socket::open(server.address);
    socket.subscribe("1", r#"subscription { deliveries(after: "5@1A2B3C4D") { position } }"#);
    match socket.next() {
        Came::Message(message) => assert_eq!(message["type"], "error", "{message}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_cursor_is_the_same_replayed_live_and_filtered_and_only_for_followers() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &readers());
    let mut live = Feed::as_reader(server.address, "?after=0", ADMIN);
    live.event().unwrap();
    for id in 1..=300 {
        post(&server, if id % 97 == 0 { LAKESIDE } else { ROUTE_KEY }, id, "create");
    }
    let mut ids = vec![String::new()];
    for position in 1..=300 {
        assert_eq!(live.position(), position);
        ids.push(live.last.clone());
    }
    let mut replayed = Feed::as_reader(server.address, "?after=0", ADMIN);
    replayed.event().unwrap();
    let mut few = Feed::as_reader(server.address, "?after=0", VIEWER);
    few.event().unwrap();
    for position in 1..=300 {
        assert_eq!(replayed.position(), position);
        assert_eq!(replayed.last, ids[usize::try_from(position).unwrap()]);
        if position % 97 == 0 {
            assert_eq!(few.position(), position);
            assert_eq!(few.last, replayed.last);
        }
    }
    let digest =
        server.query_as(Some(ADMIN), "{ log { digest } }")["data"]["log"]["digest"].as_str().unwrap().to_owned();
    assert_eq!(ids[300], format!("300@{}", &digest[..8]));
    // A document of before, whose variable is a position.
    let mut socket = Socket::open_as(server.address, Some(ADMIN));
    let query = "subscription ($after: Position!) { appointmentChanged(after: $after) { cursor delivery { cursor } } }";
    let payload = json!({ "query": query, "variables": { "after": "299" } });
    socket.say(&json!({ "id": "1", "type": "subscribe", "payload": payload }));
    assert_eq!(socket.data()["appointmentChanged"], json!({ "cursor": ids[300], "delivery": { "cursor": ids[300] } }));
    // A page of a list is no place in the log to follow from.
    let listed = server.query_as(Some(ADMIN), "{ deliveries(last: 1) { nodes { cursor position } } }");
    assert_eq!(listed["data"]["deliveries"]["nodes"], json!([{ "cursor": null, "position": "300" }]));
}
