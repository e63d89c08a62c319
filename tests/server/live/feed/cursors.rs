//! Cursors: of this history and of another, over every transport.

use serde_json::{Value, json};

use super::{ADMIN, Feed, LAKESIDE, VIEWER, position_of, post, readers};
use crate::support::{
    net::live::{Came, Events, Socket, number},
    server::{CONFIG, ROUTE_KEY, Server, clockfold, data_dir},
};

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
