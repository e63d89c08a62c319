//! Connections of whoever has no credential, on the real program: a sender with one always gets in, and memory is bounded.

use std::{
    io::Write as _,
    net::TcpStream,
    panic::{self, AssertUnwindSafe},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use crate::support::{
    net::http2,
    raise_open_files,
    server::{CONFIG, Connection, ROUTE_KEY, Server},
    wait_for,
    webhook::{GOOD, JSON, deliveries, started, with_server},
};

/// What a sender waits at most, on a machine that does much else.
const GETS_IN_MAX: Duration = Duration::from_secs(20);
const MIB: u64 = 1 << 20;

/// A sender that connects anew gets in.
fn gets_in(server: &Server) {
    let begun = Instant::now();
    assert_eq!(server.post(GOOD).status, 200);
    assert!(begun.elapsed() < GETS_IN_MAX, "{:?}", begun.elapsed());
}

#[test]
fn more_idle_sockets_than_there_are_files_do_not_end_intake() {
    raise_open_files();
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_with_open_files(folder.path(), CONFIG, 1024);
    let mut known = Connection::open(server.address);
    authenticate(&mut known);
    let mut idle = Vec::new();
    for count in 0..1_100 {
        idle.push(TcpStream::connect(server.address).unwrap());
        if count % 100 == 99 {
            gets_in(&server);
        }
    }
    // One that has said who it is was not closed for them.
    authenticate(&mut known);
    assert_eq!(server.metric("clockfold_connections_max"), 704.0);
    assert!(server.metric("clockfold_connections") <= 704.0);
    assert!(server.metric(r#"clockfold_connections_closed_total{reason="room"}"#) >= 390.0);
    assert_eq!(server.metric("clockfold_storage_failed"), 0.0);
    assert!(!server.printed().contains("Too many open files"), "{}", server.printed());
    drop(idle);
    gets_in(&server);
    assert_eq!(deliveries(&server), 14);
}

fn authenticate(connection: &mut Connection) {
    assert_eq!(connection.request("POST", &format!("/webhook/{ROUTE_KEY}"), &[JSON], GOOD).unwrap().status, 200);
}

#[test]
fn whoever_is_no_sender_makes_room_for_one_whatever_it_does() {
    let (_folder, server) = started(&with_server("connections_max = 6"));
    let mut known = Connection::open(server.address);
    authenticate(&mut known);
    let open = || TcpStream::connect(server.address).unwrap();
    let sends = |bytes: &[u8]| {
        let mut stream = open();
        stream.write_all(bytes).unwrap();
        stream
    };
    let pings = || {
        let mut connection = http2::Connection::open(server.address, None).unwrap();
        connection.ask("GET", "/livez", &[], Some(b"")).unwrap();
        connection.ping().unwrap();
        connection
    };
    let uploads = || {
        let mut connection = http2::Connection::open(server.address, None).unwrap();
        connection.ask("POST", "/session", &[JSON], None).unwrap();
        connection
    };
    let mut strangers: Vec<Box<dyn std::any::Any>> = Vec::new();
    for _ in 0..8 {
        strangers.push(Box::new(open()));
        strangers.push(Box::new(sends(b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n")));
        strangers.push(Box::new(sends(b"GET /livez HTTP/1.1\r\nHo")));
        strangers.push(Box::new(sends(
            b"POST /session HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 90\r\n\r\n{",
        )));
        strangers.push(Box::new(pings()));
        strangers.push(Box::new(uploads()));
        gets_in(&server);
    }
    // All of them are in the middle of a request.
    for _ in 0..8 {
        strangers.push(Box::new(uploads()));
    }
    gets_in(&server);
    authenticate(&mut known);
    drop(strangers);
}

#[test]
fn pings_do_not_keep_a_connection_that_asks_for_nothing() {
    let (_folder, server) = started(&with_server("header_timeout_s = 1\nidle_timeout_s = 2"));
    let mut silent = http2::Connection::open(server.address, None).unwrap();
    let mut idle = http2::Connection::open(server.address, None).unwrap();
    idle.ask("GET", "/livez", &[], Some(b"")).unwrap();
    let pinged_until_the_end = |connection: &mut http2::Connection| {
        let begun = Instant::now();
        let mut goodbye = false;
        while begun.elapsed() < Duration::from_secs(20) {
            // First what has come: a ping to who has closed would take it away.
            match connection.frames_so_far() {
                Ok(frames) => goodbye |= frames.iter().any(http2::Frame::is_goodbye),
                Err(_) => return goodbye,
            }
            if connection.ping().is_err() {
                return goodbye;
            }
            thread::sleep(Duration::from_millis(50));
        }
        panic!("it is still open after {:?}", begun.elapsed());
    };
    let begun = Instant::now();
    pinged_until_the_end(&mut silent);
    assert!(begun.elapsed() >= Duration::from_millis(800), "{:?}", begun.elapsed());
    // Whoever may be about to ask is told.
    assert!(pinged_until_the_end(&mut idle));
    assert!(begun.elapsed() >= Duration::from_secs(2), "{:?}", begun.elapsed());
    assert!(server.metric(r#"clockfold_connections_closed_total{reason="idle"}"#) >= 1.0);
    assert!(server.metric(r#"clockfold_connections_closed_total{reason="silent"}"#) >= 1.0);
}

#[test]
fn a_kept_connection_is_idle_for_longer_than_a_head_may_take() {
    let (_folder, server) = started(&with_server("header_timeout_s = 1\nidle_timeout_s = 4"));
    let (mut kept, mut slow) = (Connection::open(server.address), Connection::open(server.address));
    authenticate(&mut kept);
    authenticate(&mut slow);
    let begun = Instant::now();
    slow.send(b"POST /webhook HTTP/1.1\r\nHo").unwrap();
    slow.rest(Duration::from_secs(10)).expect("a head that has begun has its time");
    let ended = begun.elapsed();
    assert!(ended < Duration::from_secs(4), "{ended:?}");
    thread::sleep(Duration::from_millis(2_500).saturating_sub(begun.elapsed()));
    authenticate(&mut kept);
    let begun = Instant::now();
    assert_eq!(kept.rest(Duration::from_secs(20)).expect("an end, and no reset"), b"");
    assert!(begun.elapsed() >= Duration::from_millis(3_900), "{:?}", begun.elapsed());
    assert_eq!(server.metric(r#"clockfold_connections_closed_total{reason="slow_head"}"#), 1.0);
}

#[test]
fn answers_that_nobody_takes_cost_little_and_are_given_up() {
    let (_folder, server) = started(&with_server("header_timeout_s = 2"));
    // The files are compressed once.
    server.get("/explorer/explorer.js");
    let rest = server.resident_bytes();
    let mut stalled = Vec::new();
    for _ in 0..3 {
        for window in [0, 100] {
            let mut connection = http2::Connection::open(server.address, Some(window)).unwrap();
            for _ in 0..100 {
                connection.ask("GET", "/explorer/explorer.js", &[], Some(b"")).unwrap();
            }
            stalled.push(connection);
        }
    }
    let mut taken = http2::Connection::open(server.address, Some(1_000)).unwrap();
    let stream = taken.ask("GET", "/explorer/explorer.js", &[], Some(b"")).unwrap();
    thread::sleep(Duration::from_millis(500));
    let grown = server.resident_bytes().saturating_sub(rest);
    assert!(grown < 20 * MIB, "600 answers take {grown} bytes");
    // One that is taken slowly is not given up.
    let (begun, mut came) = (Instant::now(), 0);
    let mut reset = vec![0; stalled.len()];
    while begun.elapsed() < Duration::from_secs(8) {
        taken.take(stream, 500).unwrap();
        for frame in taken.frames_so_far().unwrap() {
            assert!(!frame.is_reset());
            came += frame.data();
        }
        // The server asks whether they are there.
        for (connection, reset) in stalled.iter_mut().zip(&mut reset) {
            *reset += connection.frames_so_far().unwrap().iter().filter(|frame| frame.is_reset()).count();
        }
        thread::sleep(Duration::from_millis(500));
    }
    assert!(came > 5_000, "{came}");
    assert_eq!(reset, vec![100; stalled.len()]);
    assert_eq!(server.metric("clockfold_streams_reset_total"), 600.0);
    // The connections are there for other requests.
    stalled[0].ask("GET", "/webhook", &[], Some(b"")).unwrap();
    let answered = wait_for_frame(&mut stalled[0]);
    assert!(!answered.is_reset());
}

fn wait_for_frame(connection: &mut http2::Connection) -> http2::Frame {
    loop {
        let frame = connection.frame().unwrap();
        if frame.stream == 201 {
            return frame;
        }
    }
}

#[test]
fn strangers_that_take_much_memory_go_before_it_is_gone() {
    raise_open_files();
    let (_folder, server) = started(CONFIG);
    server.get("/explorer/explorer.js");
    gets_in(&server);
    let rest = server.resident_bytes();
    let (mut connections, mut most) = (Vec::new(), 0);
    for count in 0..120 {
        let Ok(mut connection) = http2::Connection::open(server.address, Some(0)) else { continue };
        let asked = (0..100).all(|_| connection.ask("GET", "/explorer/explorer.js", &[], Some(b"")).is_ok());
        if asked {
            connections.push(connection);
        }
        if count % 20 == 0 {
            gets_in(&server);
            most = most.max(server.resident_bytes());
        }
    }
    wait_for("some go", || server.metric(r#"clockfold_connections_closed_total{reason="memory"}"#) > 10.0);
    gets_in(&server);
    let grown = most.max(server.resident_bytes()).saturating_sub(rest);
    assert!(grown < 100 * MIB, "12,000 answers that nobody takes take {grown} bytes");
    drop(connections);
}

#[test]
fn what_has_waited_while_the_server_stood_still_is_served_within_the_memory_that_strangers_may_take() {
    const CONNECTIONS: usize = 800;
    raise_open_files();
    let allowed = std::fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap();
    assert!(allowed.trim().parse::<usize>().unwrap() > CONNECTIONS, "net.core.somaxconn is {allowed}: raise it");
    let (_folder, server) = started(CONFIG);
    server.get("/explorer/explorer.js");
    gets_in(&server);
    let rest = server.resident_bytes();
    server.signal("STOP");
    // The system takes them all, and what they ask, before anybody can be told to go.
    let connections: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let begun = Instant::now();
            let mut connection = http2::Connection::open(server.address, Some(0)).unwrap();
            assert!(begun.elapsed() < Duration::from_millis(900), "it had to come again");
            for _ in 0..100 {
                connection.ask("GET", "/explorer/explorer.js", &[], Some(b"")).unwrap();
            }
            connection
        })
        .collect();
    server.signal("CONT");
    gets_in(&server);
    wait_for("most go", || server.metric(r#"clockfold_connections_closed_total{reason="memory"}"#) > 700.0);
    let grown = server.peak_bytes().saturating_sub(rest);
    assert!(grown < 100 * MIB, "80,000 answers that nobody takes took {grown} bytes");
    drop(connections);
}

#[test]
fn a_sender_is_not_closed_for_the_memory_of_its_own_first_request() {
    raise_open_files();
    let (_folder, server) = started(&with_server("header_timeout_s = 100"));
    let mut known = Connection::open(server.address);
    authenticate(&mut known);
    // A connection takes 4 KiB, what it writes heads into 8, and what it reads into 16: one more is too much.
    let strangers: Vec<TcpStream> = (0..1_462)
        .map(|count| {
            let mut stream = TcpStream::connect(server.address).unwrap();
            stream.write_all(b"GET /livez HTTP/1.1\r\nHo").unwrap();
            if count % 100 == 0 {
                // No more wait to be accepted than the system lets wait.
                assert_eq!(known.request("GET", "/livez", &[], b"").unwrap().status, 200);
            }
            stream
        })
        .collect();
    let taken = format!("clockfold_unauthenticated_bytes {}\n", 1_462 * (28 << 10));
    wait_for("all have sent", || known.request("GET", "/metrics", &[], b"").unwrap().text().contains(&taken));
    // It takes more than any of them.
    let headers = [JSON, ("X-Trace", &"x".repeat(20_000))];
    assert_eq!(server.request("POST", &format!("/webhook/{ROUTE_KEY}"), &headers, GOOD).status, 200);
    assert!(server.metric(r#"clockfold_connections_closed_total{reason="memory"}"#) > 90.0);
    drop(strangers);
}

#[test]
fn bodies_of_one_connection_do_not_take_more_than_they_may() {
    let (_folder, server) = started(CONFIG);
    gets_in(&server);
    let rest = server.resident_bytes();
    let mut connections = Vec::new();
    for _ in 0..10 {
        let mut connection = http2::Connection::open(server.address, None).unwrap();
        for _ in 0..100 {
            let path = format!("/webhook/{ROUTE_KEY}");
            connection.ask("POST", &path, &[JSON, ("content-length", "60000")], None).unwrap();
        }
        connections.push(connection);
    }
    gets_in(&server);
    let grown = server.resident_bytes().saturating_sub(rest);
    assert!(grown < 30 * MIB, "{grown} bytes");
    drop(connections);
}

#[test]
fn large_bodies_that_come_together_on_one_connection_are_all_read() {
    let (_folder, server) = started(CONFIG);
    let path = format!("/webhook/{ROUTE_KEY}");
    let mut connection = http2::Connection::open(server.address, None).unwrap();
    let streams: Vec<u32> =
        (0..20).map(|_| connection.ask("POST", &path, &[JSON, ("content-length", "65536")], None).unwrap()).collect();
    let begun = Instant::now();
    connection.upload(&streams, &[b' '; 65_536]).unwrap();
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    assert_eq!(deliveries(&server), 20);
}

#[test]
fn long_answers_that_are_taken_in_drops_leave_room_for_others() {
    let config = format!("{}[graphql]\nexecution_timeout_ms = 50000\n", with_server("header_timeout_s = 2"));
    let (_folder, server) = started(&config);
    // A byte of each is six of an answer's.
    for _ in 0..70 {
        assert_eq!(server.post(&[1; 65_000]).status, 400);
    }
    let query = br#"{"query": "{ deliveries(first: 500) { nodes { body } } }"}"#;
    let mut dripping: Vec<(http2::Connection, u32)> = (0..3)
        .map(|_| {
            let mut connection = http2::Connection::open(server.address, Some(100)).unwrap();
            let stream = connection.ask("POST", "/graphql", &[JSON], Some(query)).unwrap();
            (connection, stream)
        })
        .collect();
    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        // They are there: they answer pings, and take a little.
        scope.spawn(|| {
            while !ended.load(Ordering::Relaxed) {
                for (connection, stream) in &mut dripping {
                    let _ = connection.take(*stream, 20);
                    let _ = connection.frames_so_far();
                }
                thread::sleep(Duration::from_millis(150));
            }
        });
        let outcome = panic::catch_unwind(AssertUnwindSafe(|| {
            wait_for("one is made", || server.metric("clockfold_buffers_bytes") > 22e6);
            for _ in 0..20 {
                let begun = Instant::now();
                gets_in(&server);
                server.query("{ log { headPosition } }");
                assert!(server.metric("clockfold_buffers_bytes") < 34e6);
                assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
                thread::sleep(Duration::from_millis(100));
            }
            wait_for("it is given up", || server.metric("clockfold_streams_reset_total") >= 1.0);
        }));
        ended.store(true, Ordering::Relaxed);
        outcome.unwrap();
    });
}

#[test]
fn a_request_has_one_host() {
    let (_folder, server) = started(CONFIG);
    let asked = |request: &str| {
        let mut connection = Connection::open(server.address);
        connection.send(request.as_bytes()).unwrap();
        let answer = connection.answer().unwrap();
        let code =
            if answer.status == 400 { answer.json()["code"].as_str().unwrap().to_owned() } else { "-".to_owned() };
        format!("{} {code}", answer.status)
    };
    for (request, expected) in [
        ("GET /livez HTTP/1.1\r\nHost: a\r\n\r\n", "200 -"),
        ("GET /livez HTTP/1.1\r\n\r\n", "400 HOST_MISSING"),
        ("GET /livez HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", "400 HOST_MISSING"),
        ("GET /livez HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n", "400 HOST_MISSING"),
        ("GET http://a/livez HTTP/1.1\r\n\r\n", "400 HOST_MISSING"),
        ("GET /livez HTTP/1.1\r\nHost:\r\n\r\n", "200 -"),
        ("GET /livez HTTP/1.0\r\n\r\n", "200 -"),
        ("GET /livez HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", "400 HOST_MISSING"),
    ] {
        assert_eq!(asked(request), expected, "{request}");
    }
    assert_eq!(deliveries(&server), 0);
}

#[test]
fn what_does_not_fit_the_limit_of_open_files_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_with_open_files(folder.path(), &with_server("connections_max = 5000"), 1024);
    assert_eq!(server.metric("clockfold_connections_max"), 704.0);
    let printed = server.printed();
    assert!(printed.contains("`connections_max` does not fit") && printed.contains("connections_max=704"), "{printed}");
}
