//! A clinic's weeks in a row: senders, readers and followers for as long as `SOAK_TEST_SECONDS` says. Nothing that was
//! acknowledged goes, everything is followed once and in order, and the process takes no more of the machine at the end
//! than it did early on.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use crate::support::{
    self,
    load::{Load, Plan, check_kept, read_back},
    net::live::{Socket, number},
    server::{CONFIG, Server, clockfold, data_dir},
};

/// How long, where the environment says nothing: enough to see that it works.
const SECONDS: u64 = 8;
/// A round is so long, and its deliveries are a fraction of what the server can take.
const ROUND: Duration = Duration::from_secs(1);
const EACH: usize = 60;
const SENDERS: usize = 4;
/// So many ranges of appointment ids.
const APPOINTMENT_RANGES: u64 = 16;
/// What caches and the allocator may take beyond what they had early on.
const GROWTH_BYTES_MAX: u64 = 48 << 20;

/// What a process has of the machine.
#[derive(Clone, Copy, Debug)]
struct Taken {
    resident_bytes: u64,
    open_files: usize,
    threads: usize,
}

fn taken_by(server: &Server) -> Taken {
    let entries = |name: &str| fs::read_dir(format!("/proc/{}/{name}", server.id())).unwrap().count();
    Taken { resident_bytes: server.resident_bytes(), open_files: entries("fd"), threads: entries("task") }
}

#[test]
fn a_long_run_keeps_everything_and_takes_no_more_of_the_machine() {
    let seconds = support::number_from_environment("SOAK_TEST_SECONDS").unwrap_or(SECONDS);
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(folder.path(), CONFIG);
    let mut follower = Socket::open(server.address);
    follower.subscribe("all", "subscription { deliveries { position } }");
    let (mut cursor, mut followed, mut positions, mut early) = (None, 0, 1, None);
    let begun = Instant::now();
    let mut round = 0;
    while begun.elapsed() < Duration::from_secs(seconds) {
        let round_begun = Instant::now();
        // Ids come again: what is never closed is not to grow for ever, as it does not in a clinic.
        let first_appointment = 1_000 + round % APPOINTMENT_RANGES * 10_000_000;
        let plan = Plan { senders: SENDERS, each: EACH, first_appointment, seed: round, note_bytes: 1..400 };
        let sent = Load::start(server.address, &plan).join();
        assert!(sent.refused.is_empty() && sent.unanswered.is_empty(), "{:?} {:?}", sent.refused, sent.unanswered);
        let (found, end) = read_back(&server, cursor);
        check_kept(&sent.acknowledged, &found, positions);
        (cursor, positions) = (end, positions + found.len() as u64);
        for _ in &found {
            followed += 1;
            assert_eq!(number(&follower.data()["deliveries"]["position"]), followed, "followed once and in order");
        }
        let board =
            server.query("{ board(source: \"downtown\") { columns { count appointments(first: 50) { status } } } }");
        assert!(board["board"]["columns"].is_array(), "{board}");
        // A reader who comes and goes each round.
        drop(Socket::open(server.address));
        if early.is_none() && begun.elapsed() > Duration::from_secs(seconds) / 4 {
            early = Some(taken_by(&server));
        }
        round += 1;
        thread::sleep(ROUND.saturating_sub(round_begun.elapsed()));
    }
    let (early, late) = (early.unwrap(), taken_by(&server));
    println!("{round} rounds, {followed} deliveries; after a quarter {early:?}, at the end {late:?}");
    assert!(late.resident_bytes <= early.resident_bytes + GROWTH_BYTES_MAX, "{early:?}, then {late:?}");
    assert!(late.open_files <= early.open_files + 8 && late.threads <= early.threads + 4, "{early:?}, then {late:?}");
    assert!(server.terminate().success(), "{}", server.printed());
    let data = data_dir(folder.path());
    let verified = clockfold(folder.path(), &[], &["verify", "--data-dir", data.to_str().unwrap()]);
    assert_eq!(verified.status, 0, "{verified:?}");
}
