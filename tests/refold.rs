//! Other rules in the configuration: the source's deliveries are folded again at the start, on the real program.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is what it is for")]

mod support;

use std::{fs, path::Path};

use support::server::{CONFIG, ROUTE_KEY, Server, data_dir};

const LAKESIDE_KEY: &str = "lakeside-has-a-key-of-its-own";

fn config(rules: &str) -> String {
    format!("{CONFIG}{rules}\n[[source]]\nname = \"lakeside\"\nroute_keys = [\"{LAKESIDE_KEY}\"]\n")
}

fn status(server: &Server, source: &str, id: u64) -> String {
    let query = format!(r#"{{ appointment(source: "{source}", appointmentId: {id}) {{ status }} }}"#);
    server.query(&query)["appointment"]["status"].as_str().unwrap_or("NONE").to_owned()
}

fn tell(server: &Server) {
    for key in [ROUTE_KEY, LAKESIDE_KEY] {
        for (id, event) in [(1, "create"), (1, "checkin"), (2, "checkin"), (3, "create"), (3, "ready")] {
            let body = format!(r#"{{"appointment_id": {id}, "event_type": "{event}"}}"#);
            assert_eq!(server.post_to(key, body.as_bytes()).status, 200);
        }
    }
}

/// The line that tells what other rules have changed.
fn told(server: &Server) -> Vec<String> {
    let printed = server.printed();
    printed.lines().filter(|line| line.contains("changed their status")).map(str::to_owned).collect()
}

fn projections(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(data_dir(folder).join("projection")).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_changed_lifecycle_folds_its_source_again_and_says_how_many_changed() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(folder.path(), &config(""));
    tell(&server);
    assert!(told(&server).is_empty());
    server.terminate();

    // A crash while an earlier one was built has left something.
    fs::create_dir(data_dir(folder.path()).join("projection/g2")).unwrap();
    let mut server = Server::start(folder.path(), &config("lifecycle = \"lenient\""));
    let lines = told(&server);
    assert!(matches!(&lines[..], [line] if line.contains("source=downtown appointments=3 changed=2")), "{lines:?}");
    assert_eq!([1, 2, 3].map(|id| status(&server, "downtown", id)), ["CHECKED_IN", "CHECKED_IN", "READY"]);
    assert_eq!([1, 2, 3].map(|id| status(&server, "lakeside", id)), ["CHECKED_IN", "NONE", "SCHEDULED"]);
    let counted = server.query("{ deliveries(filter: {source: \"downtown\", outcome: [APPLIED]}) { totalCount } }");
    assert_eq!(counted["deliveries"]["totalCount"], 5);
    assert_eq!(projections(folder.path()), ["current", "g2"]);
    server.terminate();

    // The same rules again: nothing to do. Then a window: arrival order was right, nothing changes.
    let mut server = Server::start(folder.path(), &config("lifecycle = \"lenient\""));
    assert!(told(&server).is_empty());
    server.terminate();
    fs::create_dir(data_dir(folder.path()).join("projection/g3")).unwrap();
    Server::start(folder.path(), &config("lifecycle = \"lenient\"")).terminate();
    assert_eq!(projections(folder.path()), ["current", "g2"]);
    let server = Server::start(folder.path(), &config("lifecycle = \"lenient\"\nreorder_window_s = 5"));
    let lines = told(&server);
    assert!(matches!(&lines[..], [line] if line.contains("source=downtown appointments=3 changed=0")), "{lines:?}");
}

#[test]
fn rules_of_a_source_that_the_log_does_not_know_fold_nothing_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(folder.path(), &config(""));
    tell(&server);
    let rules = |server: &Server| server.query("{ log { projection { rulesDigest } } }").to_string();
    let before = rules(&server);
    server.terminate();
    let more =
        "[[source]]\nname = \"hilltop\"\nroute_keys = [\"hilltop-has-a-key-of-its-own\"]\nlifecycle = \"lenient\"\n";
    let server = Server::start(folder.path(), &format!("{}{more}", config("")));
    assert_eq!(projections(folder.path()), ["current", "g1"]);
    assert_ne!(rules(&server), before);
    assert_eq!(status(&server, "downtown", 2), "NONE");
}

/// What a crash took from the old projection must not be counted as a change.
#[test]
fn after_kill_9_only_what_the_rules_changed_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(folder.path(), &config("lifecycle = \"lenient\""));
    for id in (2..=600).chain([1]) {
        assert_eq!(server.deliver(id, "create").status, 200);
    }
    server.kill();
    let server = Server::start(folder.path(), &config("lifecycle = \"walk_in\""));
    assert!(told(&server).iter().all(|line| line.contains("changed=0")), "{:?}", told(&server));
    let counted = server.query("{ appointments(filter: {source: \"downtown\"}) { totalCount } }");
    assert_eq!(counted["appointments"]["totalCount"], 600);
}

#[test]
fn a_source_that_the_configuration_no_longer_has_is_folded_as_strict() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(folder.path(), &config("lifecycle = \"lenient\""));
    tell(&server);
    assert_eq!(status(&server, "downtown", 2), "CHECKED_IN");
    server.terminate();
    let server = Server::start(folder.path(), &config("").replace("downtown", "uptown"));
    assert_eq!(status(&server, "downtown", 2), "NONE");
    assert!(told(&server)[0].contains("source=downtown appointments=3 changed=2"));
}
