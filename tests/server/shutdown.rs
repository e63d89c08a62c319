//! SIGTERM under load: what was accepted is answered, nothing acknowledged is lost, and the end comes in time,
//! whoever keeps a connection open.

use std::{
    collections::BTreeSet,
    thread,
    time::{Duration, Instant},
};

use crate::support::{
    load::{Load, Plan, check_kept, read_back},
    random::Random,
    server::{CONFIG, Connection, ROUTE_KEY, Server},
};

const ROUNDS: u64 = 8;
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(4);
/// What a start and a last look at the disk may add.
const SLACK: Duration = Duration::from_secs(4);

#[test]
fn a_signal_under_load_leaves_no_accepted_delivery_unanswered() {
    let folder = tempfile::tempdir().unwrap();
    let config = format!("[server]\nshutdown_timeout_s = {}\n{CONFIG}", SHUTDOWN_TIMEOUT.as_secs());
    let mut random = Random::new(u64::from(std::process::id()));
    let (mut acknowledged, mut refused, mut unanswered) = (Vec::new(), 0, 0);
    for round in 0..ROUNDS {
        let mut server = Server::start(folder.path(), &config);
        let plan = Plan {
            senders: 12,
            each: 100_000,
            first_appointment: 1_000 + round * 100_000_000,
            seed: random.next(),
            note_bytes: 1..200,
        };
        let load = Load::start(server.address, &plan);
        thread::sleep(Duration::from_millis(20 + random.below(200)));
        let begun = Instant::now();
        assert!(server.terminate().success(), "{}", server.printed());
        let took = begun.elapsed();
        let sent = load.join();
        // Nobody was stuck, so nobody was waited for.
        assert!(took < SHUTDOWN_TIMEOUT, "the end took {took:?}: {}", server.printed());
        for (answer, _) in &sent.refused {
            assert_eq!(answer.status, 503, "{}", answer.text());
            assert!(answer.header("retry-after").is_some(), "{}", answer.head);
        }
        acknowledged.extend(sent.acknowledged);
        refused += sent.refused.len();
        unanswered += sent.unanswered.len();
    }
    let server = Server::start(folder.path(), &config);
    let (found, _) = read_back(&server, None);
    check_kept(&acknowledged, &found, 1);
    // A sender whose connection closed without an answer may send again: its delivery was not taken.
    let answered: BTreeSet<u64> = acknowledged.iter().map(|delivery| delivery.position).collect();
    let taken = found.iter().filter(|delivery| !answered.contains(&delivery.position));
    let taken: Vec<_> = taken.collect();
    assert!(taken.is_empty(), "taken and never answered: {taken:?}");
    println!("{} acknowledged, {refused} refused, {unanswered} not taken", acknowledged.len());
}

#[test]
fn idle_and_half_sent_requests_do_not_hold_up_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let config = format!("[server]\nshutdown_timeout_s = {}\n{CONFIG}", SHUTDOWN_TIMEOUT.as_secs());
    let mut server = Server::start(folder.path(), &config);
    let mut idle = Connection::open(server.address);
    assert_eq!(idle.request("GET", "/livez", &[], b"").unwrap().status, 200);
    let silent = Connection::open(server.address);
    let mut half_a_head = Connection::open(server.address);
    half_a_head.send(b"POST /webhook/").unwrap();
    let mut half_a_body = Connection::open(server.address);
    let head = format!(
        "POST /webhook/{ROUTE_KEY} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 49\r\n\r\n{{\"appointment_id\""
    );
    half_a_body.send(head.as_bytes()).unwrap();
    let mut finished_late = Connection::open(server.address);
    finished_late.send(head.as_bytes()).unwrap();
    thread::sleep(Duration::from_millis(100));

    let begun = Instant::now();
    server.signal("TERM");
    thread::sleep(Duration::from_millis(300));
    finished_late.send(b": 12345, \"event_type\": \"create\"}").unwrap();
    let answer = finished_late.answer().unwrap();
    assert_eq!((answer.status, answer.json()["code"].as_str()), (503, Some("DRAINING")), "{}", answer.text());
    assert!(server.wait(SHUTDOWN_TIMEOUT + SLACK).success());
    println!("ended after {:?}", begun.elapsed());
    // Kept open until here.
    drop((idle, silent, half_a_head, half_a_body));
    let server = Server::start(folder.path(), &config);
    assert_eq!(server.query("{ log { headPosition } }")["log"]["headPosition"], "0");
}
