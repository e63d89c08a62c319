//! Erased bodies and their salts are in no file any more, and all else is as it was.

use std::{collections::BTreeSet, fs, os::unix::fs::PermissionsExt, path::Path, sync::Arc};

use clockfold::{
    log::{Digest, Log, SledLog},
    projection::{Projection, Rules},
};
use serde_json::Value;

use crate::support::{
    bodies::{Marked, mark, names, search},
    copies::{contents, open},
    random::Random,
    server::{CONFIG, CommandOutput, Server, clockfold, data_dir},
};

const APPOINTMENTS: u64 = 120;

fn config() -> String {
    format!("{CONFIG}[[source]]\nname = \"lakeside\"\nroute_keys = [\"lakeside-has-a-key-of-its-own\"]\n")
}

/// A configuration and a log with marks.
fn marked(folder: &Path, seed: u64) -> Marked {
    fs::write(folder.join("clockfold.toml"), config()).unwrap();
    Marked::make(&data_dir(folder), APPOINTMENTS, seed)
}

fn erase(folder: &Path, arguments: &[&str]) -> CommandOutput {
    clockfold(folder, &[], &[&["erase-bodies", "--data-dir", "data"], arguments].concat())
}

fn done(told: CommandOutput) -> String {
    assert_eq!((told.status, told.stderr.as_str()), (0, ""), "{}", told.stdout);
    told.stdout
}

fn state_digest(folder: &Path, log: &SledLog) -> Digest {
    let path = data_dir(folder).join("projection");
    let projection = Projection::open_and_catch_up(&path, Arc::new(Rules::default()), log, &mut |_| {}).unwrap();
    projection.reader().view().state_digest().unwrap()
}

/// What a server tells of all appointments and of all deliveries, but for the bodies.
fn told_by(server: &Server) -> Vec<Value> {
    let mut told = vec![server.query("{ log { headPosition digest } }")];
    for (list, fields) in [
        ("appointments", "source appointmentId status statusSince standing allowedEvents lastPosition"),
        ("deliveries", "position receivedAt source rawEventType outcome code reason statusBefore statusAfter late"),
    ] {
        let mut after = Value::Null;
        loop {
            let page = server.query(&format!(
                "{{ {list}(first: 100, after: {after}) {{ nodes {{ {fields} }} pageInfo {{ hasNextPage endCursor }} }} }}"
            ));
            told.push(page[list]["nodes"].clone());
            after = page[list]["pageInfo"]["endCursor"].clone();
            if page[list]["pageInfo"]["hasNextPage"] == false {
                break;
            }
        }
    }
    told
}

/// Each delivery's body, and whether it is erased, as a server tells them.
fn bodies_told_by(server: &Server) -> Vec<(Value, bool)> {
    let mut told = Vec::new();
    let mut after = Value::Null;
    loop {
        let page = server.query(&format!(
            "{{ deliveries(first: 100, after: {after}) {{ nodes {{ body bodyBase64 bodyErased }} pageInfo {{ hasNextPage endCursor }} }} }}"
        ));
        for node in page["deliveries"]["nodes"].as_array().unwrap() {
            assert_eq!(node["body"].is_null(), node["bodyBase64"].is_null());
            told.push((node["body"].clone(), node["bodyErased"] == true));
        }
        after = page["deliveries"]["pageInfo"]["endCursor"].clone();
        if page["deliveries"]["pageInfo"]["hasNextPage"] == false {
            return told;
        }
    }
}

#[test]
fn what_is_erased_is_in_no_file_and_all_else_is_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let marked = marked(folder, 1);
    let data = data_dir(folder);
    let mut server = Server::start(folder, &config());
    let told = told_by(&server);
    assert!(server.terminate().success());
    let shown = |arguments: &[&str]| clockfold(folder, &[], &[&["show", "--data-dir", "data"], arguments].concat());
    let showed =
        [shown(&["downtown", "1"]), shown(&["lakeside", "3"]), shown(&["downtown", "4"])].map(|told| told.stdout);
    let (state, head) = {
        let log = open(&data);
        (state_digest(folder, &log), log.head())
    };
    // The search sees every body and every salt.
    assert_eq!(marked.found(&data).len(), marked.deliveries.len());

    let told_dry = done(erase(folder, &["--before", &marked.before(), "--dry-run"]));
    assert!(told_dry.contains(&format!("{} bodies that arrived before", marked.count())), "{told_dry}");
    assert!(told_dry.contains("would be erased; nothing was changed"), "{told_dry}");
    assert_eq!(contents(&data), (marked.deliveries.clone(), head));

    let erased = done(erase(folder, &["--before", &marked.before()]));
    assert!(erased.contains(&head.digest.to_string()), "{erased}");
    assert!(erased.contains("every backup, export and archive"), "{erased}");
    marked.check_gone(&data);
    assert_eq!(contents(&data), (marked.without_bodies(), head));
    assert_eq!(names(&data), ["head", "lock", "log", "projection"]);
    assert_eq!(fs::metadata(data.join("log")).unwrap().permissions().mode() & 0o777, 0o700);
    {
        let log = open(&data);
        assert_eq!(state_digest(folder, &log), state);
        fs::remove_dir_all(data.join("projection")).unwrap();
        assert_eq!(state_digest(folder, &log), state);
    }
    assert_eq!(
        [shown(&["downtown", "1"]), shown(&["lakeside", "3"]), shown(&["downtown", "4"])].map(|told| told.stdout),
        showed
    );

    // A second time there is nothing to do, and the store stays where it is.
    let store = fs::metadata(data.join("log")).unwrap();
    let again = done(erase(folder, &["--before", &marked.before()]));
    assert!(again.contains("nothing was changed"), "{again}");
    assert_eq!(
        std::os::unix::fs::MetadataExt::ino(&store),
        std::os::unix::fs::MetadataExt::ino(&fs::metadata(data.join("log")).unwrap())
    );

    let mut server = Server::start(folder, &config());
    assert_eq!(told_by(&server), told);
    let bodies = bodies_told_by(&server);
    for ((body, is_erased), (due, delivery)) in bodies.iter().zip(marked.due.iter().zip(&marked.deliveries)) {
        assert_eq!((is_erased, body.is_null()), (due, *due), "{}", delivery.position);
    }
    // It goes on: the appointment that was erased takes an event, and whose body stays.
    let answer = server.deliver(6, "create").json();
    assert_eq!(answer["outcome"], "APPLIED");
    let undone = server.deliver(1, "undo_remove").json();
    assert_eq!((&undone["outcome"], &undone["status"]), (&"APPLIED".into(), &"SCHEDULED".into()), "{undone}");
    assert!(server.terminate().success());
    done(clockfold(folder, &[], &["export", "--data-dir", "data", "--output", "all.ndjson"]));
    let exported = fs::read_to_string(folder.join("all.ndjson")).unwrap();
    let commitments = exported.lines().filter(|line| line.contains("\"commitment\":")).count();
    assert_eq!(commitments, marked.count());
}

#[test]
fn a_source_alone_can_be_erased_and_the_counts_are_told_as_json() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let marked = marked(folder, 2);
    let told = erase(folder, &["--before", &marked.before(), "--source", "elsewhere"]);
    assert_eq!((told.status, told.stdout.as_str()), (1, ""));
    assert!(
        told.stderr.contains("no delivery from a source `elsewhere`; it knows: downtown, lakeside"),
        "{}",
        told.stderr
    );
    let of = |source: &str| {
        let of_it =
            marked.deliveries.iter().zip(&marked.due).filter(|(delivery, _)| delivery.source.as_str() == source);
        of_it.filter(|(_, due)| **due).count()
    };
    let told = done(erase(folder, &["--before", &marked.before(), "--source", "lakeside", "--format", "json"]));
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((&told["erased"], &told["dryRun"]), (&of("lakeside").into(), &false.into()));
    assert_eq!(told["sources"][0]["source"], "lakeside");
    assert_eq!(told["sources"].as_array().unwrap().len(), 1);
    let found = marked.found(&data_dir(folder));
    assert_eq!(found.len(), marked.deliveries.len() - of("lakeside"));
    let told = done(erase(folder, &["--before", &marked.before(), "--dry-run", "--format", "json"]));
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((&told["erased"], &told["dryRun"]), (&of("downtown").into(), &true.into()));
    assert_eq!(told["sources"][1]["erasedEarlier"], of("lakeside"));
    // Without a time nothing is guessed; the time of the configuration serves too.
    let told = erase(folder, &[]);
    assert_eq!((told.status, told.stdout.as_str()), (2, ""));
    assert!(told.stderr.contains("--before") && told.stderr.contains("bodies_days"), "{}", told.stderr);
    let told = clockfold(folder, &[("CLOCKFOLD_RETENTION_BODIES_DAYS", "1")], &["erase-bodies", "--data-dir", "data"]);
    assert_eq!(told.status, 0, "{}", told.stderr);
    assert!(told.stdout.contains("are erased"), "{}", told.stdout);
    // Before the first delivery there is nothing.
    let told = done(erase(folder, &["--before", "1970-01-01T00:00:00Z"]));
    assert!(told.contains("nothing was changed"), "{told}");
}

#[test]
fn what_a_kill_left_in_the_journal_is_erased_too() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut server = Server::start(folder, &config());
    let mut random = Random::new(3);
    let marks: Vec<Vec<u8>> = (0..90).map(|_| mark(&mut random)).collect();
    for (index, mark) in marks.iter().enumerate() {
        let (id, mark) = (1 + index / 3, std::str::from_utf8(mark).unwrap().replace('\\', "!"));
        let event = ["create", "checkin", if id % 2 == 0 { "discharge" } else { "ready" }][index % 3];
        let body = format!(r#"{{"appointment_id": {id}, "event_type": "{event}", "note": "{mark}"}}"#);
        assert_eq!(server.post(body.as_bytes()).status, 200);
    }
    server.kill();
    assert!(names(&data_dir(folder).join("log")).iter().any(|name| name.starts_with("journal-")));
    let told = done(erase(folder, &["--before", "2100-01-01T00:00:00Z"]));
    assert!(told.contains("45 bodies"), "{told}");
    let needles: Vec<(usize, &[u8])> = marks.iter().map(Vec::as_slice).enumerate().collect();
    let open: BTreeSet<usize> = (0..90).filter(|index| (1 + index / 3) % 2 == 1).collect();
    assert_eq!(search(&data_dir(folder), &needles), open);
    assert_eq!(contents(&data_dir(folder)).1.position.get(), 90);
}

#[test]
fn the_key_of_a_first_start_stays() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut server = Server::start(folder, "");
    while !server.printed().contains("/graphql -H") {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let printed = server.printed();
    let key = printed.split("/webhook/").nth(1).unwrap().split_whitespace().next().unwrap();
    for event in ["create", "remove"] {
        let body = format!(r#"{{"appointment_id": 7, "event_type": "{event}"}}"#);
        assert_eq!(server.post_to(key, body.as_bytes()).status, 200);
    }
    assert!(server.terminate().success());
    let told = done(erase(folder, &["--before", "2100-01-01T00:00:00Z"]));
    assert!(told.contains("2 bodies") && !told.contains("Not configured"), "{told}");
    let server = Server::start(folder, "");
    let body = br#"{"appointment_id": 7, "event_type": "undo_remove"}"#;
    assert_eq!(server.post_to(key, body).json()["status"], "SCHEDULED");
}
