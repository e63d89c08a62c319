//! When a webhook is answered 503, on the real program: a full queue, the end, a failing storage.

use std::{
    process::Command,
    time::{Duration, Instant},
};

use crate::support::{
    server::{Answer, CONFIG, Connection, ROUTE_KEY, Server},
    wait_for,
    webhook::{GOOD, JSON, deliveries, refusal, started, with_server},
};

#[test]
fn a_full_queue_is_503_and_nothing_else_is_lost() {
    let (_folder, server) = started(&with_server("queue_max = 1"));
    let path = format!("/webhook/{ROUTE_KEY}");
    let mut connections: Vec<Connection> = (0..64).map(|_| Connection::open(server.address)).collect();
    for connection in &mut connections {
        assert_eq!(connection.request("GET", "/livez", &[], b"").unwrap().status, 200);
    }
    // What is sent to a process that sleeps arrives all at once when it wakes up.
    server.signal("STOP");
    let head =
        format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 49\r\n\r\n");
    for connection in &mut connections {
        connection.send(&[head.as_bytes(), GOOD].concat()).unwrap();
    }
    server.signal("CONT");
    let answers: Vec<Answer> = connections.iter_mut().map(|connection| connection.answer().unwrap()).collect();
    let (kept, refused): (Vec<&Answer>, Vec<&Answer>) = answers.iter().partition(|answer| answer.status == 200);
    assert!(!kept.is_empty() && !refused.is_empty(), "{} kept, {} refused", kept.len(), refused.len());
    for answer in &refused {
        assert_eq!(refusal(answer), "503 QUEUE_FULL");
        assert!(answer.header("retry-after").unwrap().parse::<u64>().unwrap() > 0);
    }
    assert_eq!(deliveries(&server), kept.len() as u64);
    assert_eq!(server.post(GOOD).status, 200);
}

#[test]
fn what_is_still_being_sent_when_the_server_stops_is_503() {
    let (_folder, mut server) = started(&with_server("body_timeout_s = 5"));
    let mut connection = Connection::open(server.address);
    let head = format!(
        "POST /webhook/{ROUTE_KEY} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 49\r\n\r\n"
    );
    connection.send(head.as_bytes()).unwrap();
    connection.send(&GOOD[..10]).unwrap();
    // Its head has been read once a later request on another connection is answered.
    assert_eq!(server.get("/readyz").status, 200);
    std::thread::sleep(Duration::from_millis(100));
    server.signal("TERM");
    while !server.printed().contains("stopping") {
        std::thread::sleep(Duration::from_millis(5));
    }
    connection.send(&GOOD[10..]).unwrap();
    let answer = connection.answer().unwrap();
    assert_eq!(refusal(&answer), "503 DRAINING");
    assert!(answer.header("retry-after").unwrap().parse::<u64>().unwrap() > 0);
    assert!(server.wait(Duration::from_secs(10)).success());
}

#[test]
fn the_end_waits_for_nobody_who_says_nothing() {
    for (signal, beginning) in [
        ("TERM", String::new()),
        ("INT", "PRI * HT".to_owned()),
        ("TERM", "POST /webhook HTTP/1.1\r\nHost: a\r\nX-".to_owned()),
        (
            "INT",
            format!(
                "POST /webhook/{ROUTE_KEY} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 49\r\n\r\n{{"
            ),
        ),
    ] {
        let (_folder, mut server) = started(&with_server("shutdown_timeout_s = 1"));
        let mut idle = Connection::open(server.address);
        assert_eq!(idle.request("POST", &format!("/webhook/{ROUTE_KEY}"), &[JSON], GOOD).unwrap().status, 200);
        let mut stalled = Connection::open(server.address);
        stalled.send(beginning.as_bytes()).unwrap();
        assert_eq!(server.get("/livez").status, 200);
        let begun = Instant::now();
        server.signal(signal);
        assert!(server.wait(Duration::from_secs(10)).success(), "{signal} {beginning}: {}", server.printed());
        assert!(begun.elapsed() < Duration::from_secs(6), "{signal} {beginning}: {:?}", begun.elapsed());
        assert!(server.printed().contains("stopping"), "{}", server.printed());
    }
}

#[test]
fn a_failing_storage_is_503_and_is_told() {
    let folder = tempfile::tempdir().unwrap();
    // What it says goes through another program: the file that takes it would be too long for the limit below as well.
    let server = Server::start_with(folder.path(), CONFIG, |command| {
        let mut through = Command::new("bash");
        through.args(["-c", r#"exec "$0" "$@" 2> >(cat >&2)"#]).arg(command.get_program()).args(command.get_args());
        *command = through;
    });
    for position in 1..=3 {
        assert_eq!(server.post(GOOD).json()["position"], position.to_string());
    }
    // A write that the limit on files refuses has to fail, as on a full disk, and not to end the process.
    let limited = Command::new("prlimit").arg(format!("--pid={}", server.id())).arg("--fsize=1").status();
    assert!(limited.unwrap().success());
    for _ in 0..2 {
        let refused = server.post(GOOD);
        assert_eq!(refusal(&refused), "503 STORAGE_FAILED");
        assert!(refused.header("retry-after").is_some());
    }
    assert_eq!((server.get("/readyz").status, server.get("/livez").status), (503, 200));
    wait_for("it says why", || server.printed().contains("storage failed"));
    assert!(server.get("/metrics").text().contains("clockfold_storage_failed 1"));
    // What is kept can still be read.
    assert!(deliveries(&server) >= 3);
    // What the sender was told is kept is there after a restart.
    drop(server);
    let server = Server::start(folder.path(), CONFIG);
    assert!(deliveries(&server) >= 3);
    assert_eq!(server.post(GOOD).status, 200);
}
