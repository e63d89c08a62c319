//! `GET /feed`: every delivery from a position on, resumed without a gap, to readers alone, and ended with a reason.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is what it is for")]

mod support;

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpStream},
    thread,
    time::{Duration, Instant},
};

use chrono::{SecondsFormat, TimeDelta, Utc};
use serde_json::Value;
use support::{
    server::{CONFIG, ROUTE_KEY, Server},
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
        let mut feed = Feed { stream: BufReader::new(stream), head: String::new() };
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

    /// The next delivery, whose id is its position.
    fn delivery(&mut self) -> Value {
        let event = self.event().expect("an event");
        assert_eq!(event.get("event"), None, "{event:?}");
        let delivery: Value = serde_json::from_str(&event["data"]).unwrap();
        assert_eq!(delivery["position"], event["id"].as_str());
        delivery
    }

    fn position(&mut self) -> u64 {
        self.delivery()["position"].as_str().unwrap().parse().unwrap()
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
    assert_eq!(replayed.event().unwrap(), Event::from([("id".into(), "0".into()), ("retry".into(), "1000".into())]));
    assert_eq!(live.event().unwrap()["id"], "3");
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
        // The address of an `EventSource` stays as it was; what it has been told goes into the header.
        let mut feed = Feed::open(server.address, "?after=0", &[("Last-Event-ID", &last)]);
        assert_eq!(feed.event().unwrap()["id"], last);
        (0..7).for_each(|id| _ = server.deliver(100 * round + id + 1, "create"));
        for _ in 0..(7 - round) {
            let next: u64 = last.parse::<u64>().unwrap() + 1;
            assert_eq!(feed.position(), next);
            last = next.to_string();
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
        assert_eq!(event["id"], (last + 1).to_string());
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
