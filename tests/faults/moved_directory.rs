//! A data directory that somebody moves away, puts back, or puts another one in the place of: the server takes nothing while it is
//! not its own, leaves what is not its own as it is, and goes on once its own is back.

use std::{os::unix::fs::PermissionsExt, thread, time::Duration};

use clockfold::log::Log;

use crate::{
    storage_faults::{FAULT, WELL_WITHIN, answered},
    support::{
        self,
        disk::killed,
        server::{CONFIG, Server, data_dir},
    },
};

#[test]
fn a_data_directory_that_is_gone_or_exchanged_takes_nothing_until_it_is_back() {
    let folder = tempfile::tempdir().unwrap();
    let (data, away) = (data_dir(folder.path()), folder.path().join("away"));
    let mut server = Server::start(folder.path(), CONFIG);
    let at_once = Duration::from_millis(1_500);
    let mut position = 0;
    for other in [None, Some("empty"), Some("a copy")] {
        for _ in 0..20 {
            let answer = server.deliver(7, "create");
            assert_eq!(answer.status, 200, "{}", server.printed());
            position = answer.json()["position"].as_str().unwrap().parse().unwrap();
        }
        std::fs::rename(&data, &away).unwrap();
        match other {
            None => {}
            Some("empty") => std::fs::create_dir(&data).unwrap(),
            Some(_) => support::run("cp", &["-a", away.to_str().unwrap(), data.to_str().unwrap()]),
        }
        answered(&server, 503, at_once);
        assert_eq!(server.get("/livez").status, 200);
        if data.exists() {
            std::fs::remove_dir_all(&data).unwrap();
        }
        std::fs::rename(&away, &data).unwrap();
        answered(&server, 200, WELL_WITHIN);
    }
    assert!(server.terminate().success(), "{}", server.printed());
    let log = killed::open(&data).unwrap();
    let found = killed::read_all(&log);
    assert!(found.len() as u64 > position && found.iter().zip(1..).all(|(one, at)| one.position.get() == at));
}

#[test]
fn an_older_copy_in_its_place_is_told_of_and_what_is_put_back_is_opened_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let (data, away, older) = (data_dir(folder.path()), folder.path().join("away"), folder.path().join("older"));
    let mut server = Server::start(folder.path(), CONFIG);
    answered(&server, 200, WELL_WITHIN);
    thread::sleep(killed::HEAD_INTERVAL_MAX);
    support::run("cp", &["-a", data.to_str().unwrap(), older.to_str().unwrap()]);
    for _ in 0..20 {
        answered(&server, 200, WELL_WITHIN);
    }
    std::fs::rename(&data, &away).unwrap();
    std::fs::rename(&older, &data).unwrap();
    let is_told = |line: &str| line.contains("ERROR") && line.contains("deliveries are missing");
    support::wait_for("the damage is told", || server.printed().lines().any(is_told));
    std::fs::rename(&data, &older).unwrap();
    std::fs::rename(&away, &data).unwrap();
    answered(&server, 200, WELL_WITHIN);
    assert!(server.terminate().success(), "{}", server.printed());
}

#[test]
fn somebody_elses_data_directory_in_its_place_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let (data, away) = (data_dir(folder.path()), folder.path().join("away"));
    let another = folder.path().join("another");
    let log = killed::open(&another).unwrap();
    log.append(killed::group(1..=300)).unwrap();
    clockfold::data_dir::session_key(&log.lock()).unwrap();
    drop(log);
    let lock = std::fs::File::options().append(true).open(another.join("lock")).unwrap();
    lock.set_permissions(std::fs::Permissions::from_mode(0o640)).unwrap();
    let mut server = Server::start(folder.path(), CONFIG);
    for with_head in [true, false] {
        if !with_head {
            // Then only who opens it finds out.
            std::fs::remove_file(another.join("head")).unwrap();
        }
        let before = contents(&another, with_head);
        answered(&server, 200, WELL_WITHIN);
        std::fs::rename(&data, &away).unwrap();
        std::fs::rename(&another, &data).unwrap();
        answered(&server, 503, Duration::from_millis(1_500));
        thread::sleep(FAULT);
        std::fs::rename(&data, &another).unwrap();
        std::fs::rename(&away, &data).unwrap();
        assert_eq!(contents(&another, with_head), before, "{}", server.printed());
        answered(&server, 200, WELL_WITHIN);
    }
    assert!(server.terminate().success(), "{}", server.printed());
}

/// The names, modes and contents of what a data directory has; only of the lock file unless all of it counts.
fn contents(data: &std::path::Path, all: bool) -> Vec<(std::path::PathBuf, u32, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![data.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if all || path.ends_with("lock") {
                let mode = path.metadata().unwrap().permissions().mode();
                found.push((path.strip_prefix(data).unwrap().to_owned(), mode, std::fs::read(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}
