//! `[retention]`: a server erases at its start what has had its time; and archives and backups go on after that.

use std::{fs, path::Path};

use chrono::Utc;
use clockfold::{copies::Survey, log::Head};

use crate::support::{
    self,
    bodies::{Marked, all_bytes, names},
    copies::contents,
    server::{CONFIG, Server, clockfold, data_dir},
    wait_for,
};

const APPOINTMENTS: u64 = 60;

/// The configuration, with so many days.
fn config(days: i64) -> String {
    format!("{CONFIG}[retention]\nbodies_days = {days}\n")
}

/// So many days that the marked log's time lies just before.
fn days_of(marked: &Marked) -> i64 {
    (Utc::now() - marked.before).num_days()
}

/// A server that has answered listens to signals.
fn stop(server: &mut Server) {
    assert_eq!(server.get("/livez").status, 200);
    assert!(server.terminate().success());
}

fn says(server: &Server, what: &str) -> bool {
    server.printed().contains(what)
}

#[test]
fn a_server_erases_at_its_start_what_has_had_its_time_and_not_every_time() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let data = data_dir(folder);
    let marked = Marked::make(&data, APPOINTMENTS, 21);
    let (before, head) = contents(&data);
    let days = days_of(&marked);
    assert!(days > 2, "the marked log lies in the past");
    // Nothing is old enough yet: nothing is done, and nothing said.
    let mut server = Server::start(folder, &config(days + 3));
    assert!(!says(&server, "have had their time"), "{}", server.printed());
    stop(&mut server);
    assert_eq!(contents(&data).0, before);

    // All of the log is older than that, so what comes after the mark's time is due as well.
    let mut server = Server::start(folder, &config(days - 1));
    let due =
        before.len() - marked.deliveries.iter().filter(|delivery| is_open(delivery.reading.appointment_id())).count();
    assert!(says(&server, &format!("bodies={due}")), "{due}: {}", server.printed());
    assert!(
        says(&server, "bodies are erased. Bodies that are erased here are still in every backup"),
        "{}",
        server.printed()
    );
    let status = server.query("{ log { headPosition digest projection { lag } } }");
    assert_eq!(status["log"]["digest"], head.digest.to_string());
    assert_eq!(server.deliver(1_000, "create").json()["position"], head.position.next().to_string());
    assert_eq!(server.deliver(1_000, "remove").json()["status"], "REMOVED");
    stop(&mut server);
    let found = marked.found(&data);
    assert_eq!(found.len(), before.len() - due);
    assert!(found.iter().all(|index| is_open(marked.deliveries[*index].reading.appointment_id())));
    assert_eq!(names(&data), ["head", "lock", "log", "projection"]);
    let store = fs::metadata(data.join("log")).unwrap();

    // The same day again: not even looked for.
    let mut server = Server::start(folder, &config(days - 1));
    assert!(!says(&server, "have had their time"), "{}", server.printed());
    stop(&mut server);
    use std::os::unix::fs::MetadataExt;

    assert_eq!(fs::metadata(data.join("log")).unwrap().ino(), store.ino());
}

/// The only course of a marked log that is open at its end.
fn is_open(id: Option<clockfold::log::AppointmentId>) -> bool {
    id.is_some_and(|id| id.get() % 6 == 2)
}

#[test]
fn a_server_that_can_not_erase_says_so_and_serves() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let data = data_dir(folder);
    let marked = Marked::make(&data, APPOINTMENTS, 22);
    let kept = contents(&data);
    fs::hard_link(data.join("log/db"), folder.join("snapshot")).unwrap();
    let mut server = Server::start(folder, &config(1));
    assert!(says(&server, "bodies that have had their time could not be erased, and stay"), "{}", server.printed());
    assert!(says(&server, "hard link") && says(&server, "hint: "), "{}", server.printed());
    assert_eq!(server.deliver(1_000, "create").status, 200);
    stop(&mut server);
    assert_eq!(contents(&data).0[..kept.0.len()], kept.0);
    // Once it can, it does.
    fs::remove_file(folder.join("snapshot")).unwrap();
    let mut server = Server::start(folder, &config(1));
    assert!(says(&server, "bodies are erased"), "{}", server.printed());
    stop(&mut server);
    assert!(marked.found(&data).len() < kept.0.len() / 2);
}

#[test]
fn an_archive_goes_on_after_an_erasing_and_copies_made_afterwards_have_no_erased_body() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let data = data_dir(folder);
    let marked = Marked::make(&data, APPOINTMENTS, 23);
    let archive = |name: &str| format!("{CONFIG}[archive]\ndirectory = \"{}\"\n", folder.join(name).display());
    let archived = |name: &str| Survey::of(&folder.join(name), &mut || {}).map_or(Head::EMPTY, |survey| survey.whole);
    let mut server = Server::start(folder, &archive("archive"));
    wait_for("the archive has all", || archived("archive").position.get() == marked.deliveries.len() as u64);
    stop(&mut server);
    let erase = ["erase-bodies", "--data-dir", "data", "--before", &marked.before()];
    let told = clockfold(folder, &[], &erase);
    assert_eq!(told.status, 0, "{}", told.stderr);
    assert!(
        told.stdout.contains(&format!("in the archive in {}", folder.join("archive").display())),
        "{}",
        told.stdout
    );
    marked.check_gone(&data);
    // The old archive goes on, and still has what it had.
    let mut server = Server::start(folder, &archive("archive"));
    assert_eq!(server.deliver(2_000, "create").status, 200);
    let whole = server.query("{ log { digest } }")["log"]["digest"].clone();
    wait_for("the archive goes on", || archived("archive").digest.to_string() == whole);
    assert!(server.get("/metrics").text().contains("clockfold_archive_failed 0"));
    stop(&mut server);
    assert_eq!(marked.found(&folder.join("archive")).len(), marked.deliveries.len());
    // A new one has what the log has, and so has a backup; both become the log.
    let mut server = Server::start(folder, &archive("new-archive"));
    wait_for("the new archive has all", || archived("new-archive").digest.to_string() == whole);
    stop(&mut server);
    assert_eq!(clockfold(folder, &[], &["backup", "backup", "--data-dir", "data"]).status, 0);
    let ours = contents(&data);
    for copy in ["new-archive", "backup"] {
        marked.check_gone(&folder.join(copy));
        let restored = format!("of-{copy}");
        let told = clockfold(folder, &[], &["restore", copy, "--data-dir", &restored]);
        assert_eq!(told.status, 0, "{}", told.stderr);
        assert_eq!(contents(&folder.join(&restored)), ours);
        marked.check_gone(&folder.join(&restored));
        serves(folder, &restored, &ours.1.position.next().to_string());
    }
    assert!(!all_bytes(&data).is_empty());
}

/// A server goes on from there.
fn serves(folder: &Path, data: &str, position: &str) {
    let mut serve = support::server::command(folder);
    serve.args(["serve", "--listen", "127.0.0.1:0", "--config", "clockfold.toml", "--data-dir", data]);
    serve.env("CLOCKFOLD_ARCHIVE_DIRECTORY", folder.join(format!("archive-{data}")));
    assert_eq!(Server::spawn(serve).deliver(3_000, "create").json()["position"], position);
}
