//! `kill -9` under load, again and again on the same data directory: whatever was acknowledged is there
//! afterwards, as it was sent and where it was said to be.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use clockfold::{
    log::{DataDir, Delivery, Digest, Log, SledLog},
    projection::{Projection, Rules},
};

use crate::support::{
    self,
    load::{Acknowledged, Load, Plan, check_kept, read_back},
    random::Random,
    server::{CONFIG, Server, add_arguments, data_dir},
};

const KILLS_UNDER_LOAD: u64 = 50;
/// Every so many rounds, the start after a kill is killed too.
const KILL_START_EVERY: u64 = 4;
/// Every so many rounds, the projection is deleted, so that a start folds everything again.
const DELETE_PROJECTION_EVERY: u64 = 8;
/// Every so many rounds, bodies are so large that files of the journal fill up and are moved.
const LARGE_EVERY: u64 = 7;

/// `KILL_TEST_RUNS` has as many runs, each in a directory of its own: 16 are a thousand kills.
#[test]
fn what_was_acknowledged_survives_kills_under_load_and_while_starting() {
    for run in 0..support::number_from_environment("KILL_TEST_RUNS").unwrap_or(1) {
        kill_under_load_and_while_starting(u64::from(std::process::id()) + (run << 32));
    }
}

fn kill_under_load_and_while_starting(seed: u64) {
    let folder = tempfile::tempdir().unwrap();
    let mut random = Random::new(seed);
    let mut acknowledged: Vec<Acknowledged> = Vec::new();
    let (mut cursor, mut checked, mut kills, mut next_position) = (None, 0, 0, 1);
    let begun = Instant::now();
    for round in 0..KILLS_UNDER_LOAD {
        if round % DELETE_PROJECTION_EVERY == DELETE_PROJECTION_EVERY - 1 {
            fs::remove_dir_all(data_dir(folder.path()).join("projection")).unwrap();
        }
        if round % KILL_START_EVERY == KILL_START_EVERY - 1 {
            kill_a_start(folder.path(), Duration::from_millis(random.below(120)));
            kills += 1;
        }
        let mut server = Server::start(folder.path(), CONFIG);
        if round % KILL_START_EVERY != KILL_START_EVERY - 1 {
            assert!(!server.printed().contains("built anew"), "the projection did not survive: {}", server.printed());
        }
        let (found, end) = read_back(&server, cursor);
        check_kept(&acknowledged[checked..], &found, next_position);
        (cursor, checked) = (end, acknowledged.len());
        next_position += found.len() as u64;

        let first_appointment = 1_000 + round * 10_000_000;
        let note_bytes = if round % LARGE_EVERY == LARGE_EVERY - 1 { 30_000..60_000 } else { 1..400 };
        let plan = Plan { senders: 6, each: 100_000, first_appointment, seed: random.next(), note_bytes };
        let load = Load::start(server.address, &plan);
        thread::sleep(Duration::from_millis(20 + random.below(281)));
        server.kill();
        kills += 1;
        let sent = load.join();
        assert!(sent.refused.is_empty(), "refused before the kill: {:?}", sent.refused);
        acknowledged.extend(sent.acknowledged);
        check_kept(&acknowledged, &read_copy(folder.path()), 1);
    }

    let mut server = Server::start(folder.path(), CONFIG);
    let (found, _) = read_back(&server, None);
    check_kept(&acknowledged, &found, 1);
    let status = server.query("{ log { headPosition digest projection { position digest } } }");
    server.kill();
    kills += 1;

    let data_dir = DataDir::at(data_dir(folder.path()));
    let log = SledLog::open(&data_dir, Arc::new(chrono::Utc::now)).unwrap();
    let digest = read_all(&log).iter().fold(Digest::EMPTY, Digest::then);
    assert_eq!(log.head().digest, digest);
    assert_eq!(status["log"]["digest"], digest.to_string());
    assert_eq!(status["log"]["projection"]["digest"], digest.to_string());
    assert_eq!(status["log"]["headPosition"], found.len().to_string());

    let fold = |path: &Path| {
        let projection = Projection::open_and_catch_up(path, Arc::new(Rules::default()), &log, &mut |_| {}).unwrap();
        projection.reader().view().state_digest().unwrap()
    };
    let survivor = fold(&data_dir.projection());
    assert_eq!(survivor, fold(&folder.path().join("from-scratch")), "the projection that survived is another one");
    println!(
        "{kills} kills, {} deliveries acknowledged, {} in the log, {:.1} s",
        acknowledged.len(),
        found.len(),
        begun.elapsed().as_secs_f64()
    );
    assert!(acknowledged.len() > 1_000, "the load was too small to mean something: {}", acknowledged.len());
}

/// Starts the program and kills it `after` that, whatever it is doing.
fn kill_a_start(folder: &Path, after: Duration) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_clockfold"));
    add_arguments(&mut command, folder, CONFIG);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    thread::sleep(after);
    child.kill().unwrap();
    child.wait().unwrap();
}

/// What the next start will find in the log, read from a copy, so that the start itself still has to recover.
fn read_copy(folder: &Path) -> Vec<Acknowledged> {
    let copy = tempfile::tempdir().unwrap();
    let (from, to) = (data_dir(folder), copy.path().join("data"));
    fs::create_dir_all(to.join("log/blobs")).unwrap();
    fs::copy(from.join("head"), to.join("head")).ok();
    for entry in fs::read_dir(from.join("log")).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            fs::copy(entry.path(), to.join("log").join(entry.file_name())).unwrap();
        }
    }
    let log = SledLog::open(&DataDir::at(&to), Arc::new(chrono::Utc::now)).unwrap();
    let deliveries = read_all(&log);
    assert_eq!(log.head().digest, deliveries.iter().fold(Digest::EMPTY, Digest::then));
    deliveries.iter().map(support::load::as_acknowledged).collect()
}

fn read_all(log: &SledLog) -> Vec<Delivery> {
    log.read(clockfold::log::Position::ZERO).collect::<Result<_, _>>().unwrap()
}
