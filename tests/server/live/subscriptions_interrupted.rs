//! Subscriptions whoever reads how slowly, and whatever breaks: nothing missing, nothing twice.

use std::{
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::support::{
    self,
    net::live::{Came, Events, Socket, number},
    server::{CONFIG, Server},
    webhook::{started, with_server},
};

#[test]
fn a_connection_that_breaks_again_and_again_and_a_server_that_is_killed_leave_no_gap() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(folder.path(), CONFIG);
    let (mut last, mut sent) = (0, 0);
    for round in 0..6 {
        let address = server.address;
        let sender = thread::spawn(move || {
            let mut connection = support::server::Connection::open(address);
            let path = format!("/webhook/{}", support::server::ROUTE_KEY);
            for id in sent + 1..=sent + 100 {
                let body = format!(r#"{{"appointment_id": {id}, "event_type": "create"}}"#);
                let headers = [("Content-Type", "application/json")];
                assert_eq!(connection.request("POST", &path, &headers, body.as_bytes()).unwrap().status, 200);
            }
        });
        // Three connections, each cut in the midst of it, over either transport.
        for part in 1..=3 {
            let query = format!(r#"subscription {{ deliveries(after: "{last}") {{ position }} }}"#);
            let until = sent + if part == 3 { 100 } else { part * 25 };
            if (round + part) % 2 == 0 {
                let mut socket = Socket::open(server.address);
                socket.subscribe("1", &query);
                while last < until {
                    let position = number(&socket.data()["deliveries"]["position"]);
                    assert_eq!(position, last + 1);
                    last = position;
                }
            } else {
                let mut events = Events::open(server.address, &[], &query);
                while last < until {
                    let position = number(&events.data().unwrap()["deliveries"]["position"]);
                    assert_eq!(position, last + 1);
                    last = position;
                }
            }
        }
        sender.join().unwrap();
        sent += 100;
        if round % 2 == 1 {
            server.kill();
            server = Server::start(folder.path(), CONFIG);
        }
    }
    assert_eq!(last, 600);
}

#[test]
fn whoever_stops_reading_holds_nobody_up_and_is_caught_up_from_the_log() {
    let (_folder, server) = started(CONFIG);
    let query =
        r#"subscription { deliveries(after: "0") { position source appointmentId rawEventType outcome body } }"#;
    let mut slow: Vec<Socket> = (0..5).map(|_| Socket::open(server.address)).collect();
    slow.iter_mut().for_each(|socket| socket.subscribe("1", query));
    let mut quick = Socket::open(server.address);
    quick.subscribe("1", query);
    // Each delivery is large: what the sockets' own buffers hold is soon full.
    let note = "x".repeat(20_000);
    let send = |id: u64| {
        let body = format!(r#"{{"appointment_id": {id}, "event_type": "create", "note": "{note}"}}"#);
        let begun = Instant::now();
        assert_eq!(server.post(body.as_bytes()).status, 200);
        begun.elapsed()
    };
    let mut count = 0;
    let mut round = |slowest: &mut Duration| {
        for _ in 0..200 {
            count += 1;
            *slowest = (*slowest).max(send(count));
            assert_eq!(number(&quick.data()["deliveries"]["position"]), count);
        }
    };
    let mut slowest = Duration::ZERO;
    round(&mut slowest);
    round(&mut slowest);
    let before = resident_kib(&server);
    round(&mut slowest);
    round(&mut slowest);
    let grown = resident_kib(&server).saturating_sub(before);
    // 8 MB were sent in between, and readers are owed 40 MB of them. The log's own caches grow too.
    assert!(grown < 32 << 10, "{grown} KiB more for readers who do not read");
    assert!(slowest < Duration::from_secs(5), "a webhook waited {slowest:?}");
    // More of them, in the midst of a replay, with several operations on each socket.
    let mut stuck: Vec<Socket> = (0..6).map(|_| Socket::open(server.address)).collect();
    for socket in &mut stuck {
        ["1", "2", "3"].iter().for_each(|id| socket.subscribe(id, query));
    }
    thread::sleep(Duration::from_secs(2));
    for query in [
        r#"subscription { board { position } }"#,
        r#"subscription { deliveries(after: "7") { position } }"#,
        r#"subscription { appointmentChanged(after: "0") { position } }"#,
        "{ log { headPosition } }",
    ] {
        let begun = Instant::now();
        let mut socket = Socket::open(server.address);
        socket.subscribe("1", query);
        assert!(socket.data().is_object());
        assert!(begun.elapsed() < Duration::from_secs(5), "{query} waited {:?}", begun.elapsed());
    }
    for socket in &mut slow {
        for position in 1..=count {
            assert_eq!(number(&socket.data()["deliveries"]["position"]), position);
        }
    }
}

#[test]
fn a_signal_closes_every_socket_so_that_clients_come_back() {
    let (_folder, mut server) = started(CONFIG);
    let mut busy = Socket::open(server.address);
    busy.subscribe("1", r#"subscription { deliveries(after: "0") { position } }"#);
    let mut idle = Socket::connect(server.address, &[]).unwrap();
    // One that reads nothing does not hold up the end.
    let mut stuck = Socket::open(server.address);
    stuck.subscribe("1", r#"subscription { deliveries(after: "0") { position } }"#);
    server.deliver(1, "create");
    assert_eq!(busy.data()["deliveries"]["position"], "1");
    let begun = Instant::now();
    server.signal("TERM");
    for socket in [&mut busy, &mut idle] {
        let Came::Closed(1012, reason) = socket.next() else { panic!("no close with 1012") };
        assert!(reason.contains("after"), "{reason}");
    }
    assert!(server.wait(Duration::from_secs(15)).success());
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
}

#[test]
fn a_rebuild_that_takes_the_projections_place_is_not_noticed() {
    let (_folder, server) = started(CONFIG);
    let mut socket = Socket::open(server.address);
    socket.subscribe("1", "subscription { appointmentChanged { position statusBefore statusAfter } }");
    assert!(socket.is_silent(Duration::from_millis(300)));
    for (round, (event, before, after)) in [
        ("create", Value::Null, "SCHEDULED"),
        ("checkin", json!("SCHEDULED"), "CHECKED_IN"),
        ("ready", json!("CHECKED_IN"), "READY"),
    ]
    .into_iter()
    .enumerate()
    {
        server.deliver(1, event);
        let position = (round + 1).to_string();
        let change = json!({ "position": position, "statusBefore": before, "statusAfter": after });
        assert_eq!(socket.data()["appointmentChanged"], change);
        server.query("mutation { rebuildProjection { state } }");
        let begun = Instant::now();
        while server.query("{ rebuild { state } }")["rebuild"]["state"] != "DONE" {
            assert!(begun.elapsed() < Duration::from_secs(20));
            thread::sleep(Duration::from_millis(20));
        }
    }
}

#[test]
fn a_page_may_follow_with_an_event_source_and_is_cut_off_without_complete() {
    let (folder, mut server) = started(CONFIG);
    server.deliver(1, "create");
    let query = "/graphql?query=subscription%7Bdeliveries(after%3A%220%22)%7Bposition%7D%7D";
    let mut connection = support::server::Connection::open(server.address);
    let get = format!("GET {query} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n");
    connection.send(get.as_bytes()).unwrap();
    thread::sleep(Duration::from_millis(500));
    server.signal("TERM");
    let told = String::from_utf8(connection.rest(Duration::from_secs(15)).unwrap()).unwrap();
    assert!(told.contains(r#"data:{"data":{"deliveries":{"position":"1"}}}"#), "{told}");
    // `complete` would say that there is no more to come.
    assert!(!told.contains("event:complete"), "{told}");
    assert!(server.wait(Duration::from_secs(15)).success());
    let query = "/graphql?query=mutation%7BcancelRebuild%7Bstate%7D%7D";
    let server = Server::start(folder.path(), CONFIG);
    assert_eq!(server.request("GET", query, &[("Accept", "text/event-stream")], b"").status, 400);
}

#[test]
fn subscriptions_and_operations_have_their_limits() {
    let (_folder, server) = started(&with_server("operations_max = 2\nsubscriptions_max = 3"));
    let query = "subscription { deliveries { position } }";
    let mut socket = Socket::open(server.address);
    ["1", "2", "3"].iter().for_each(|id| socket.subscribe(id, query));
    let refused = socket.message();
    assert_eq!((&refused["id"], &refused["type"]), (&json!("3"), &json!("error")), "{refused}");
    assert_eq!(refused["payload"][0]["extensions"]["code"], "TOO_MANY_OPERATIONS");
    let mut other = Socket::open(server.address);
    other.subscribe("1", query);
    assert!(other.is_silent(Duration::from_millis(300)));
    other.subscribe("2", query);
    let refused = other.message();
    assert_eq!(refused["payload"][0]["extensions"]["code"], "TOO_MANY_SUBSCRIPTIONS", "{refused}");
    // What ends makes room.
    socket.say(&json!({ "id": "1", "type": "complete" }));
    let begun = Instant::now();
    loop {
        other.subscribe("3", query);
        if other.is_silent(Duration::from_millis(200)) {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(10));
    }
    let metrics = server.get("/metrics").text();
    assert!(metrics.contains("clockfold_subscriptions 3") && metrics.contains("clockfold_websockets 2"), "{metrics}");
    // A third socket is one too many after these and one more.
    let _third = Socket::open(server.address);
    assert_eq!(Socket::connect(server.address, &[]).err(), Some(503));
}

fn resident_kib(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse().unwrap()
}
