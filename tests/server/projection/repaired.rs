//! The projection's files go bad while the server runs: it builds them anew from the log, and nobody is refused.

use std::{
    fs,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use crate::support::server::{CONFIG, Connection, Server, clockfold, data_dir};

const APPOINTMENTS: u64 = 300;
const MENDED_MAX: Duration = Duration::from_secs(30);

/// A server whose projection is in files, all of them bad behind their first bytes. It has read little of them so far.
fn damaged(folder: &Path) -> Server {
    damaged_by(folder, |path| {
        let file = fs::File::options().write(true).open(path).unwrap();
        let length = usize::try_from(file.metadata().unwrap().len()).unwrap();
        file.write_all_at(&vec![0xa5; length - 100], 8).unwrap();
    })
}

fn damaged_by(folder: &Path, damage: impl FnOnce(&Path)) -> Server {
    let mut server = Server::start(folder, CONFIG);
    for id in 1..=APPOINTMENTS {
        assert_eq!(server.deliver(id, "create").status, 200);
        assert_eq!(server.deliver(id, "checkin").status, 200);
    }
    assert!(server.terminate().success());
    let server = Server::start(folder, CONFIG);
    let files = tables(folder);
    assert_eq!(files.len(), 1);
    damage(&files[0]);
    server
}

fn tables(folder: &Path) -> Vec<PathBuf> {
    let generations = fs::read_dir(data_dir(folder).join("projection")).unwrap();
    let folders = generations.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
    let files = folders.flat_map(|path| fs::read_dir(path).unwrap()).map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|extension| extension == "rows")).collect()
}

/// Everything is as if nothing had happened, now and after a restart.
fn is_whole(folder: &Path, mut server: Server, discharged: usize) {
    let counts = |server: &Server| {
        let told = server.query("{ statusCounts { status count } log { headPosition projection { position lag } } }");
        let counts = told["statusCounts"].as_array().unwrap().clone();
        let count = |status: &str| {
            let of = counts.iter().find(|count| count["status"] == status).unwrap();
            usize::try_from(of["count"].as_u64().unwrap()).unwrap()
        };
        assert_eq!(told["log"]["projection"]["lag"], 0);
        (count("CHECKED_IN"), count("DISCHARGED"))
    };
    let expected = (usize::try_from(APPOINTMENTS).unwrap() - discharged, discharged);
    assert_eq!(counts(&server), expected);
    assert_eq!(server.get("/readyz").status, 200);
    assert!(server.terminate().success());
    let verified = clockfold(folder, &[], &["verify", "--data-dir", data_dir(folder).to_str().unwrap()]);
    assert_eq!(verified.status, 0, "{}{}", verified.stdout, verified.stderr);
    assert_eq!(counts(&Server::start(folder, CONFIG)), expected);
}

/// How often the server has built its projection anew.
fn repaired(server: &Server) -> u64 {
    let metrics = server.get("/metrics").text();
    let counted = metrics.lines().find_map(|line| line.strip_prefix("clockfold_projection_mended_total "));
    counted.unwrap().parse().unwrap()
}

#[test]
fn deliveries_that_meet_damage_wait_for_a_new_projection_and_are_answered() {
    let folder = tempfile::tempdir().unwrap();
    let server = damaged(folder.path());
    for id in 1..=40 {
        let answer = server.deliver(id, "discharge");
        assert_eq!(answer.status, 200, "{}", answer.text());
        let told = answer.json();
        assert_eq!((&told["outcome"], &told["status"]), (&"APPLIED".into(), &"DISCHARGED".into()), "{told}");
        assert_eq!(told["position"], (2 * APPOINTMENTS + id).to_string());
    }
    assert!(server.printed().contains("built anew"), "{}", server.printed());
    let counted = "clockfold_deliveries_total{source=\"downtown\",outcome=\"APPLIED\"} 40\n";
    assert!(server.get("/metrics").text().contains(counted), "{}", server.get("/metrics").text());
    assert_eq!(repaired(&server), 1);
    is_whole(folder.path(), server, 40);
}

#[test]
fn a_query_that_meets_damage_has_it_mended() {
    let folder = tempfile::tempdir().unwrap();
    let server = damaged(folder.path());
    let query = "{ appointment(appointmentId: 7) { status } }";
    let ask = || server.ask(&[], query).json();
    let first = ask();
    assert_eq!(first["errors"][0]["extensions"]["code"], "INTERNAL_SERVER_ERROR", "{first}");
    let begun = Instant::now();
    loop {
        let told = ask();
        if told["data"]["appointment"]["status"] == "CHECKED_IN" {
            break;
        }
        assert!(begun.elapsed() < MENDED_MAX, "{told}");
        thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(repaired(&server), 1);
    is_whole(folder.path(), server, 0);
}

#[test]
fn files_that_somebody_cuts_or_removes_are_made_anew() {
    for removed in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let server = damaged_by(folder.path(), |path| match removed {
            false => fs::File::options().write(true).open(path).unwrap().set_len(20).unwrap(),
            true => fs::remove_dir_all(path.parent().unwrap().parent().unwrap()).unwrap(),
        });
        let begun = Instant::now();
        let mut discharged = 0;
        // A removed folder is missed when something is to be written there.
        while !server.printed().contains("whole again") {
            assert!(begun.elapsed() < Duration::from_secs(60), "{}", server.printed());
            if discharged < 40 {
                discharged += 1;
                let answer = server.deliver(discharged, "discharge");
                assert_eq!((answer.status, answer.json()["status"].as_str()), (200, Some("DISCHARGED")), "{removed}");
            }
            thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(repaired(&server), 1);
        is_whole(folder.path(), server, usize::try_from(discharged).unwrap());
    }
}

#[test]
fn what_only_a_board_as_a_file_meets_is_mended_too() {
    let folder = tempfile::tempdir().unwrap();
    let server = damaged(folder.path());
    // One that meets corruption breaks off.
    let csv = || {
        let answer = Connection::open(server.address).request("GET", "/board.csv", &[], b"");
        answer.map(|answer| answer.text()).unwrap_or_default()
    };
    assert!(!csv().contains("\r\ndowntown,1,"));
    let begun = Instant::now();
    while !csv().contains("\r\ndowntown,1,CHECKED_IN") {
        assert!(begun.elapsed() < MENDED_MAX, "{}", server.printed());
        thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(repaired(&server), 1);
    is_whole(folder.path(), server, 0);
}

#[test]
fn a_rebuild_that_meets_damage_goes_on_without_a_comparison() {
    let folder = tempfile::tempdir().unwrap();
    let server = damaged(folder.path());
    server.query("mutation { rebuildProjection { state } }");
    let begun = Instant::now();
    let state = "{ rebuild { state report { equal } error } }";
    while server.query(state)["rebuild"]["state"] == "RUNNING" {
        assert!(begun.elapsed() < MENDED_MAX, "{}", server.printed());
        thread::sleep(Duration::from_millis(10));
    }
    // It could not be compared.
    assert_eq!(server.query(state)["rebuild"], serde_json::json!({ "state": "DONE", "report": null, "error": null }));
    for id in 1..=3 {
        assert_eq!(server.deliver(id, "discharge").status, 200);
    }
    is_whole(folder.path(), server, 3);
}
