//! Deliveries are told as GraphQL tells them, each once, whoever comes back and whatever is rebuilt.

use std::{
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{ADMIN, Event, Feed, LAKESIDE, position_of, post, readers};
use crate::support::server::{CONFIG, ROUTE_KEY, Server};

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
