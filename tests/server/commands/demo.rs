//! `clockfold demo`: a board that is full at once and moves, from the real program, and nothing left of it.

use std::{
    fs,
    net::TcpListener,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::support::{
    server::{Server, clockfold, command},
    wait_for,
};

/// The demo, with its throw-away store in `folder`.
fn demo(folder: &Path, arguments: &str) -> Server {
    Server::spawn(prepared(folder, arguments))
}

fn prepared(folder: &Path, arguments: &str) -> Command {
    let mut command = command(folder);
    command.arg("demo").args(arguments.split_whitespace()).env("TMPDIR", folder);
    command
}

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).unwrap().next().is_none()
}

/// How many posts the server has answered with 200.
fn posted(server: &Server) -> u64 {
    let metrics = server.get("/metrics").text();
    let line = "clockfold_answers_total{route=\"webhook\",status=\"200\"} ";
    metrics.lines().find_map(|found| found.strip_prefix(line)).map_or(0, |count| count.parse().unwrap())
}

#[test]
fn the_board_is_full_at_once_moves_and_nothing_is_left() {
    let folder = tempfile::tempdir().unwrap();
    for signal in ["TERM", "INT"] {
        let begun = Utc::now();
        let mut server = demo(folder.path(), "--listen 127.0.0.1:0 --speed 60");
        let query =
            "{ board { columns { status count appointments(first: 1) { statusSince } } } log { headPosition } }";
        let shown = server.query(query);
        let column = |status: &str| -> Value {
            let columns = shown["board"]["columns"].as_array().unwrap();
            columns.iter().find(|column| column["status"] == status).unwrap().clone()
        };
        for status in ["SCHEDULED", "READY", "CALLED_BACK", "DISCHARGED", "REMOVED"] {
            assert!(column(status)["count"].as_u64().unwrap() > 0, "{status}: {shown}");
        }
        // Who was there before the start has waited for some time.
        let since = column("CALLED_BACK")["appointments"][0]["statusSince"].as_str().unwrap().to_owned();
        let waited = begun - since.parse::<DateTime<Utc>>().unwrap();
        assert!((10..60 * 48).contains(&waited.num_minutes()), "{waited}");

        wait_for("the clinics post", || posted(&server) >= 20);
        let head = |shown: &Value| -> u64 { shown["log"]["headPosition"].as_str().unwrap().parse().unwrap() };
        assert!(head(&server.query(query)) >= head(&shown) + 15);
        let refused = server.get("/metrics").text();
        let refused: Vec<&str> = refused
            .lines()
            .filter(|line| line.starts_with("clockfold_answers_total{route=\"webhook\"") && !line.ends_with(" 0"))
            .filter(|line| !line.contains("\"200\""))
            .filter(|line| !line.contains("\"400\"") && !line.contains("\"422\""))
            .collect();
        assert!(refused.is_empty(), "{refused:?}");

        // The curl line that it prints makes an appointment.
        let printed = server.printed();
        let line = printed.lines().find(|line| line.trim_start().starts_with("curl ")).unwrap().to_owned();
        let answer = Command::new("sh").args(["-c", &line]).output().unwrap();
        let answer: Value = serde_json::from_slice(&answer.stdout).unwrap();
        assert_eq!((answer["outcome"].as_str(), answer["status"].as_str()), (Some("APPLIED"), Some("SCHEDULED")));

        server.signal(signal);
        let status = server.wait(Duration::from_secs(30));
        wait_for("its last words", || server.printed().contains("throw-away store is removed"));
        assert!(status.success() && is_empty(folder.path()), "{}", server.printed());
        assert!(!server.printed().contains("WARN"), "{}", server.printed());
    }
}

/// The bodies of a demo: those of before the start in the order of its log, then the first of one source, which posts
/// over one connection.
fn bodies(folder: &Path, arguments: &str) -> Vec<Value> {
    let server = demo(folder, &format!("--listen 127.0.0.1:0 --speed 600 --clinics 3 {arguments}"));
    wait_for("the lines after the first", || server.printed().contains("Ctrl-C ends it"));
    let printed = server.printed();
    let before: u64 = printed.split("Their log has ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    let mut lines: Vec<Value> = Vec::new();
    let is_live = |line: &&Value| line["position"].as_str().is_some_and(|at| at.parse::<u64>().unwrap() > before);
    let is_posted = |line: &&Value| is_live(line) && line["source"] == "downtown";
    wait_for("the clinic posts", || {
        let log = server.get("/log").text();
        lines = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        lines.iter().filter(is_posted).count() >= 10
    });
    let posted = lines.iter().filter(is_posted).take(10);
    let before = lines.iter().filter(|line| line["position"].is_string() && !is_live(line));
    let bodies: Vec<Value> = before.chain(posted).map(|line| line["body"].clone()).collect();
    assert!(bodies.len() > 1_000 && bodies.iter().all(Value::is_string));
    bodies
}

#[test]
fn the_same_seed_is_the_same_day() {
    let folder = tempfile::tempdir().unwrap();
    let first = bodies(folder.path(), "--seed 5");
    assert!(first == bodies(folder.path(), "--seed 5"));
    assert!(first != bodies(folder.path(), "--seed 6"));
}

#[test]
fn it_goes_elsewhere_where_the_port_is_taken_and_ends_in_its_time() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    // What a killed one left is nobody's business.
    let mut killed = demo(folder.path(), "--listen 127.0.0.1:0 --clinics 1");
    killed.kill();
    let left = fs::read_dir(folder.path()).unwrap().count();
    let begun = Instant::now();
    let mut server = demo(folder.path(), &format!("--listen {address} --clinics 1 --for 3"));
    assert_ne!(server.address, address);
    wait_for("the lines after the first", || server.printed().contains("Ctrl-C ends it"));
    assert!(server.printed().contains(&format!("(another program has {address})")), "{}", server.printed());
    assert!(server.wait(Duration::from_secs(30)).success(), "{}", server.printed());
    assert!(begun.elapsed() >= Duration::from_secs(3));
    assert_eq!((left, fs::read_dir(folder.path()).unwrap().count()), (1, 1));
}

#[test]
fn clinics_that_cannot_post_end_it_and_say_why() {
    let folder = tempfile::tempdir().unwrap();
    let program = prepared(folder.path(), "--listen 127.0.0.1:0 --clinics 1");
    // Nothing else in it connects to anything.
    let mut traced = Command::new("strace");
    traced.args(["-D", "-f", "-o", "/dev/null", "-e", "trace=connect", "-e", "inject=connect:error=ECONNREFUSED"]);
    traced.arg(program.get_program()).args(program.get_args()).current_dir(folder.path());
    traced.env("TMPDIR", folder.path());
    let mut server = Server::spawn(traced);
    let status = server.wait(Duration::from_secs(60));
    wait_for("its last words", || server.printed().contains("refused"));
    let printed = server.printed();
    assert!(status.code() == Some(1) && printed.contains("the clinics can't post"), "{printed}");
    assert!(!printed.contains("were posted") && !printed.contains("clockfold serve"), "{printed}");
    assert!(is_empty(folder.path()));
}

#[test]
fn it_is_for_this_machine_alone() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, status) in [(["demo", "--listen", "0.0.0.0:0"], 1), (["demo", "--clinics", "0"], 2)] {
        let told = clockfold(folder.path(), &[], &arguments);
        assert_eq!((told.status, told.stdout.as_str()), (status, ""), "{}", told.stderr);
        assert!(!told.stderr.is_empty());
    }
}
