//! A full disk: acceptance stops, the process says why and stays answerable, and nothing acknowledged is lost.

use std::{
    ops::Range,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use crate::support::{
    disk::Disk,
    load::{Acknowledged, Load, Plan, acknowledged, body, check_kept, post, read_back, try_read_back},
    server::{Answer, CONFIG, Connection, Server, data_dir},
};

/// A refusal that waits for nothing.
const REFUSED_WITHIN: Duration = Duration::from_secs(1);
/// What a load that meets a full disk may take until all its senders are answered.
const LOAD_MAX: Duration = Duration::from_secs(60);

/// Panics unless a delivery is refused at once, in the documented way.
fn check_refusal(answer: &Answer, took: Duration) {
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert!(answer.header("retry-after").is_some_and(|seconds| seconds.parse::<u32>().is_ok()), "{}", answer.head);
    assert_eq!(answer.json()["code"], "STORAGE_FAILED");
    assert!(took < REFUSED_WITHIN, "a refusal took {took:?}");
}

/// Panics unless the server has stopped to accept, and says so in every way it has.
fn check_stopped(server: &Server, acknowledged: &[Acknowledged]) {
    for _ in 0..20 {
        let begun = Instant::now();
        let answer = server.deliver(7, "create");
        check_refusal(&answer, begun.elapsed());
    }
    assert_eq!(server.get("/readyz").status, 503);
    assert_eq!(server.get("/livez").status, 200);
    let metrics = server.get("/metrics").text();
    assert!(metrics.contains("clockfold_storage_failed 1"), "{metrics}");
    assert!(server.printed().contains("storage failed"), "it does not say why: {}", server.printed());
    // What was served is still served, or an error says that it can't be; nothing is made up.
    match try_read_back(server, None) {
        Ok((found, _)) => check_kept(acknowledged, &found, 1),
        Err((found, errors)) => {
            assert_eq!(errors[0]["extensions"]["code"], "STORAGE_FAILED", "{errors}: {}", server.printed());
            let as_far = acknowledged.iter().filter(|delivery| delivery.position <= found.len() as u64);
            check_kept(&as_far.cloned().collect::<Vec<_>>(), &found, 1);
        }
    }
    // Some deliveries name appointments that were never created; one that was is there whatever came after.
    let created = acknowledged.iter().rfind(|delivery| delivery.event_type == "create");
    let id = created.map_or("1", |delivery| &delivery.appointment_id);
    let answer = server.query(&format!("{{ appointment(appointmentId: {id}) {{ id }} log {{ headPosition }} }}"));
    assert_eq!(answer["appointment"].is_object(), created.is_some(), "{answer}");
}

fn check_recovery(folder: &Path, acknowledged: &[Acknowledged]) {
    let mut server = Server::start(folder, CONFIG);
    assert_eq!(server.get("/readyz").status, 200);
    let (found, _) = read_back(&server, None);
    check_kept(acknowledged, &found, 1);
    let status = server.query("{ log { headPosition projection { lag } } }");
    assert_eq!(status["log"]["headPosition"], found.len().to_string());
    assert_eq!(status["log"]["projection"]["lag"], 0);
    let answer = server.deliver(8, "create");
    assert_eq!(answer.json()["position"], (found.len() + 1).to_string());
    assert!(server.terminate().success());
}

/// Posts from several senders until the disk is full. Long notes fill the log first, short ones the projection.
fn load_until_refused(server: &Server, seed: u64, note_bytes: Range<u64>) -> (Vec<Acknowledged>, usize) {
    let plan = Plan { senders: 6, each: 20_000, first_appointment: 1_000, seed, note_bytes };
    let begun = Instant::now();
    let sent = Load::start(server.address, &plan).join();
    assert!(begun.elapsed() < LOAD_MAX, "the load hung: {}", server.printed());
    assert!(sent.unanswered.is_empty(), "{} requests had no answer: {}", sent.unanswered.len(), server.printed());
    assert_eq!(sent.refused.len(), plan.senders, "the disk never filled up");
    for (answer, _) in &sent.refused {
        check_refusal(answer, Duration::ZERO);
    }
    (sent.acknowledged, sent.refused.len())
}

#[test]
fn a_disk_that_fills_up_under_load_stops_acceptance_and_loses_nothing() {
    // With everything that is kept below, a start has room to move what a journal holds.
    let disk = Disk::of_mebibytes(96);
    let mut server = Server::start(&disk.path, CONFIG);
    // At several distances from the end, so that different writes are the one that does not fit.
    let mut kept = Vec::new();
    let (long, short) = (3_000..6_000, 1..10);
    let rounds = [
        (5 << 20, &long),
        (5 << 19, &long),
        (2 << 20, &long),
        (700_000, &short),
        (100_000, &long),
        (8192, &short),
        (4096, &long),
        (0, &long),
    ];
    for (round, (left, note_bytes)) in rounds.into_iter().enumerate() {
        let note_bytes = note_bytes.clone();
        if round % 4 != 3 {
            // Has the log make its first journal file, so that it is not this which fails.
            assert_eq!(server.deliver(9, "create").status, 200);
        }
        disk.fill(left);
        let (acknowledged, refused) = load_until_refused(&server, round as u64, note_bytes);
        let printed = server.printed();
        let why = printed.lines().find(|line| line.contains("storage failed")).unwrap_or_default();
        println!("{left} bytes left: {} acknowledged, {refused} refused\n  {why}", acknowledged.len());
        kept.extend(acknowledged);
        check_stopped(&server, &kept);
        // Neither a signal nor a kill has to wait for the disk.
        if round % 2 == 0 {
            server.terminate();
        } else {
            server.kill();
        }
        disk.free();
        check_recovery(&disk.path, &kept);
        server = Server::start(&disk.path, CONFIG);
    }
    assert!(kept.len() > 100, "too few were acknowledged to mean something: {}", kept.len());
}

#[test]
fn a_start_on_a_full_disk_says_why_and_damages_nothing() {
    let disk = Disk::of_mebibytes(24);
    let mut kept = Vec::new();
    let mut server = Server::start(&disk.path, CONFIG);
    let mut connection = Connection::open(server.address);
    for appointment in 1..=200 {
        let body = body(appointment, "create", "kept");
        kept.push(acknowledged(&post(&mut connection, &body).unwrap(), "create", body));
    }
    drop(connection);
    server.kill();
    let config = disk.path.join("clockfold.toml");
    disk.fill(0);
    for _ in 0..3 {
        let mut command = Command::new(env!("CARGO_BIN_EXE_clockfold"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--config"]).arg(&config);
        command.arg("--data-dir").arg(data_dir(&disk.path));
        let mut server = match Server::try_spawn(command) {
            Ok(server) => server,
            Err(printed) => {
                println!("{printed}");
                assert!(printed.contains("No space left on device"), "it does not say why: {printed}");
                assert!(printed.contains("make room on the disk"), "its hint does not help: {printed}");
                continue;
            }
        };
        // It may serve what it has. What it can't keep it must not accept.
        let begun = Instant::now();
        let answer = server.post(body(300, "create", "refused").as_bytes());
        println!("{} within {:?} on a full disk", answer.status, begun.elapsed());
        if answer.status != 200 {
            check_refusal(&answer, Duration::ZERO);
            check_stopped(&server, &kept);
        }
        server.kill();
    }
    disk.free();
    check_recovery(&disk.path, &kept);
}
