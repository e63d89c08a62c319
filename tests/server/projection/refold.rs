//! Other rules in the configuration: the source's deliveries are folded again at the start, on the real program.

use std::{fs, path::Path};

use clockfold::log::{DataDir, HeadFile};

use crate::support::{
    self,
    server::{CONFIG, ROUTE_KEY, Server, clockfold, data_dir},
};

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

/// The folder of the projection that counts. There is no other one.
fn the_projection(folder: &Path) -> String {
    let folder = data_dir(folder).join("projection");
    let mut names: Vec<String> =
        fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    let name = fs::read_to_string(folder.join("current")).unwrap();
    assert_eq!(names, ["current", &name]);
    name
}

#[test]
fn a_changed_lifecycle_folds_its_source_again_and_says_how_many_changed() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(folder.path(), &config(""));
    tell(&server);
    assert!(told(&server).is_empty());
    server.terminate();
    let first = the_projection(folder.path());

    // A crash while an earlier one was built has left something.
    fs::create_dir(data_dir(folder.path()).join("projection/g2")).unwrap();
    let mut server = Server::start(folder.path(), &config("lifecycle = \"lenient\""));
    let lines = told(&server);
    assert!(matches!(&lines[..], [line] if line.contains("source=downtown appointments=3 changed=2")), "{lines:?}");
    assert_eq!([1, 2, 3].map(|id| status(&server, "downtown", id)), ["CHECKED_IN", "CHECKED_IN", "READY"]);
    assert_eq!([1, 2, 3].map(|id| status(&server, "lakeside", id)), ["CHECKED_IN", "NONE", "SCHEDULED"]);
    let counted = server.query("{ deliveries(filter: {source: \"downtown\", outcome: [APPLIED]}) { totalCount } }");
    assert_eq!(counted["deliveries"]["totalCount"], 5);
    let second = the_projection(folder.path());
    assert!(second != first && second != "g2");
    server.terminate();

    // The same rules again: nothing to do. Then a window: arrival order was right, nothing changes.
    let mut server = Server::start(folder.path(), &config("lifecycle = \"lenient\""));
    assert!(told(&server).is_empty());
    server.terminate();
    fs::create_dir(data_dir(folder.path()).join("projection/g3")).unwrap();
    Server::start(folder.path(), &config("lifecycle = \"lenient\"")).terminate();
    assert_eq!(the_projection(folder.path()), second);
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
    let first = the_projection(folder.path());
    server.terminate();
    let more =
        "[[source]]\nname = \"hilltop\"\nroute_keys = [\"hilltop-has-a-key-of-its-own\"]\nlifecycle = \"lenient\"\n";
    let server = Server::start(folder.path(), &format!("{}{more}", config("")));
    assert_eq!(the_projection(folder.path()), first);
    assert_ne!(rules(&server), before);
    assert_eq!(status(&server, "downtown", 2), "NONE");
}

/// What became of each delivery: its code, or its outcome where it has none, and the event type where it was read.
fn outcomes(server: &Server) -> Vec<String> {
    let told = server.query("{ deliveries(first: 20) { nodes { outcome code rawEventType } } }");
    let word = |node: &serde_json::Value| {
        let code = node["code"].as_str().or(node["outcome"].as_str()).unwrap();
        [Some(code), node["rawEventType"].as_str()].into_iter().flatten().collect::<Vec<_>>().join(" ")
    };
    told["deliveries"]["nodes"].as_array().unwrap().iter().map(word).collect()
}

/// `fixtures/reader-v1.tar.gz` is what a program left that read no byte order mark: the first version of the reader.
/// Of its seven deliveries, three could not be read for that alone, and one is packed by gzip.
#[test]
fn a_better_reader_reads_old_bodies_again_and_what_it_read_outlives_them() {
    let folder = tempfile::tempdir().unwrap();
    let (folder, data) = (folder.path(), data_dir(folder.path()));
    let within = folder.to_str().unwrap();
    support::tar(&["-xzf", support::fixture("reader-v1.tar.gz").to_str().unwrap(), "-C", within]);
    fs::rename(folder.join("reader-v1"), &data).unwrap();
    let config = format!("{CONFIG}delivery_id_header = \"x-delivery-id\"\n");
    let old = HeadFile::of(&DataDir::at(&data)).read().unwrap().unwrap();
    let head = |server: &Server| server.query("{ log { headPosition digest } }")["log"].clone();

    let mut server = Server::start(folder, &config);
    // Its projection is of an older format too, so there is nothing to compare with.
    assert_eq!(told(&server), [""; 0]);
    assert_eq!(head(&server)["digest"], old.digest.to_string(), "the log is as it was");
    assert_eq!([1, 2].map(|id| status(&server, "downtown", id)), ["READY", "SCHEDULED"]);
    let read = [
        "APPLIED create",
        "APPLIED checkin",
        "APPLIED create",
        "NOT_JSON",
        "NOT_JSON",
        "APPLIED ready",
        "UNKNOWN_EVENT_TYPE transfer_in",
    ];
    assert_eq!(outcomes(&server), read);
    // A repeat is one still, and is answered as what it is now.
    let repeat = |server: &Server| {
        let headers = [("Content-Type", "application/json"), ("X-Delivery-Id", "a-1")];
        let body = "\u{feff}{\"appointment_id\": 1, \"event_type\": \"checkin\"}";
        let answer = server.request("POST", &format!("/webhook/{ROUTE_KEY}"), &headers, body.as_bytes());
        let told = answer.json();
        format!("{} {} {} {}", answer.status, told["outcome"], told["position"], told["repeated"])
    };
    assert_eq!(repeat(&server), "200 \"APPLIED\" \"2\" true");
    for (id, event) in [(1, "discharge"), (2, "remove")] {
        assert_eq!(server.deliver(id, event).json()["outcome"], "APPLIED");
    }
    let (told_head, ended) = (head(&server), outcomes(&server));
    assert!(server.terminate().success());

    let done = |arguments: &[&str]| {
        let told = clockfold(folder, &[], arguments);
        assert_eq!((told.status, told.stderr.as_str()), (0, ""), "{arguments:?}");
        told.stdout
    };
    let config_file = ["--config", "clockfold.toml", "--data-dir"];
    let with = |command: &[&str], data: &str| done(&[command, &config_file[..], &[data]].concat());
    let shown = with(&["show", "downtown", "1"], "data");
    assert!(shown.contains("DISCHARGED") && shown.contains("checkin"), "{shown}");
    // An export of bodies that are there says what the log says, and nothing more.
    let export = with(&["export"], "data");
    assert_eq!(export.matches("\"unreadable\":\"NOT_JSON\",\"deliveryId\"").count(), 1, "{export}");
    // Without its body, what could be read of a delivery is all there is.
    with(&["erase-bodies", "--before", "2999-01-01T00:00:00Z"], "data");
    let erased = with(&["export"], "data");
    let checkin = erased.lines().nth(2).unwrap();
    assert!(checkin.contains(r#""appointmentId":"1","eventType":"checkin","unreadable":"NOT_JSON""#), "{checkin}");
    assert!(checkin.contains("commitment") && !erased.contains("\"body\""), "{erased}");
    fs::write(folder.join("erased.ndjson"), &erased).unwrap();
    with(&["import", "erased.ndjson"], "imported");
    with(&["backup", "copy"], "data");
    with(&["restore", "copy"], "restored");
    for place in ["data", "imported", "restored"] {
        if place != "data" {
            assert_eq!(with(&["export"], place), erased, "{place}");
            fs::remove_dir_all(&data).unwrap();
            fs::rename(folder.join(place), &data).unwrap();
        } else {
            fs::remove_dir_all(data.join("projection")).unwrap();
        }
        let mut server = Server::start(folder, &config);
        assert_eq!((head(&server), outcomes(&server)), (told_head.clone(), ended.clone()), "{place}");
        assert_eq!([1, 2].map(|id| status(&server, "downtown", id)), ["DISCHARGED", "REMOVED"], "{place}");
        assert_eq!(repeat(&server), "200 \"APPLIED\" \"2\" true", "{place}");
        assert!(server.terminate().success());
    }
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
