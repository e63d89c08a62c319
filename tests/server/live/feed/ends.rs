//! What ends a feed, and how it says so.

use std::{
    thread,
    time::{Duration, Instant},
};

use chrono::{SecondsFormat, TimeDelta, Utc};

use super::{ADMIN, Feed, LAKESIDE, VIEWER, position_of, post, readers};
use crate::support::server::{CONFIG, Server};

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
