//! `GET /feed`: every delivery from a position on, resumed without a gap, to readers alone, and ended with a reason.

mod following;
mod readers;
mod ends;
mod cursors;

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use serde_json::Value;

use crate::support::{
    net::live::number,
    server::{CONFIG, Server},
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
