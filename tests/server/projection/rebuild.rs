//! The projection of a running server is built anew while deliveries and queries go on, and kills leave the old one or
//! the new one.

use std::{
    fs,
    path::Path,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use chrono::TimeDelta;
use clockfold::{
    lifecycle::{EventType, Fault, FoldRules, Lifecycle},
    log::{DataDir, Log, NewDelivery, SledLog},
    projection::{Projection, Rules},
};
use serde_json::{Value, json};

use crate::support::{
    delivery_from,
    load::{Load, Plan},
    random::Random,
    server::{CONFIG, Connection, Server, data_dir},
    sources::{SOURCES, post_all},
    unreadable,
};

const REBUILD: &str = "state dryRun stage done of perSecond secondsLeft error report { position equal total { appointments changed statuses times outcomes } sources { source differences { changed statuses } } samples { source appointmentId before { status } after { status } } digestBefore digestAfter }";
const KILLS: u64 = 24;

fn deliveries(random: &mut Random, count: u64) -> Vec<NewDelivery> {
    let one = |_| {
        let source = ["downtown", "lakeside"][usize::try_from(random.below(2)).unwrap()];
        let id = 1 + random.below(4_000);
        match random.below(40) {
            0 => unreadable(source, Fault::NotJson, b"{"),
            1 => delivery_from(source, id, "transfer_in"),
            2..10 => delivery_from(source, id, EventType::ALL[usize::try_from(random.below(13)).unwrap()].name()),
            // What tells lenient from strict: steps of appointments that were never created.
            _ => {
                let step = ["create", "checkin", "ready", "callback"][usize::try_from(random.below(4)).unwrap()];
                delivery_from(source, id, step)
            }
        }
    };
    (0..count).map(one).collect()
}

/// A log that is worth a rebuild, in the data directory below `folder`.
fn fill(folder: &Path, count: u64) {
    let log = SledLog::open(&DataDir::at(data_dir(folder)), Arc::new(chrono::Utc::now)).unwrap();
    let mut random = Random::new(7);
    for _ in 0..count / 250 {
        log.append(deliveries(&mut random, 250)).unwrap();
    }
}

fn mutate(server: &Server, arguments: &str) -> Value {
    server.query(&format!("mutation {{ rebuildProjection{arguments} {{ {REBUILD} }} }}"))["rebuildProjection"].clone()
}

/// Waits for the end of the running one.
fn ended(server: &Server) -> Value {
    let begun = Instant::now();
    loop {
        let rebuild = server.query(&format!("{{ rebuild {{ {REBUILD} }} }}"))["rebuild"].clone();
        if rebuild["state"] != "RUNNING" {
            return rebuild;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{rebuild}");
        thread::sleep(Duration::from_millis(20));
    }
}

fn generation(folder: &Path) -> String {
    fs::read_to_string(data_dir(folder).join("projection/current")).unwrap()
}

#[test]
fn a_rebuild_takes_over_while_deliveries_and_queries_go_on() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path(), 60_000);
    let mut server = Server::start(folder.path(), CONFIG);
    let before = generation(folder.path());
    let plan = Plan { senders: 3, each: 100_000, first_appointment: 1_000_000, seed: 3, note_bytes: 1..40 };
    let load = Load::start(server.address, &plan);
    thread::sleep(Duration::from_millis(100));
    assert_eq!(mutate(&server, "")["state"], "RUNNING");
    let again = server.query_as(None, "mutation { rebuildProjection { state } }");
    assert_eq!(again["errors"][0]["extensions"]["code"], "BUSY", "{again}");
    // What is answered is seen at once, whichever projection counts.
    let mut asked = 0;
    while server.query("{ rebuild { state } }")["rebuild"]["state"] == "RUNNING" {
        asked += 1;
        let id = 5_000_000 + asked;
        let answer = server.deliver(id, "create");
        assert_eq!(answer.json()["outcome"], "APPLIED", "{}", answer.text());
        let query = format!(r#"{{ appointment(source: "downtown", appointmentId: {id}) {{ status }} }}"#);
        assert_eq!(server.query(&query)["appointment"]["status"], "SCHEDULED");
    }
    let done = ended(&server);
    thread::sleep(Duration::from_millis(100));
    let sent = load.finish();
    assert!(sent.refused.is_empty());
    assert_eq!((&done["state"], &done["report"]["equal"]), (&json!("DONE"), &json!(true)), "{done}");
    assert_eq!(done["report"]["digestBefore"], done["report"]["digestAfter"]);
    assert_eq!(done["report"]["total"]["changed"], 0);
    assert_ne!(generation(folder.path()), before);
    let status = server.query("{ log { headPosition projection { position lag } } }");
    assert_eq!(status["log"]["headPosition"], status["log"]["projection"]["position"]);
    let names = fs::read_dir(data_dir(folder.path()).join("projection")).unwrap();
    let mut names: Vec<String> = names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["current".to_owned(), generation(folder.path())], "the old one is gone");
    println!("{} deliveries and {asked} queries during the rebuild", sent.acknowledged.len());
    server.terminate();
    is_a_fresh_fold(folder.path(), Rules::default());
}

/// The projection that counts is what the log makes.
fn is_a_fresh_fold(folder: &Path, rules: Rules) {
    let data_dir = DataDir::at(data_dir(folder));
    let log = SledLog::open(&data_dir, Arc::new(chrono::Utc::now)).unwrap();
    let rules = Arc::new(rules);
    let digest = |path: &Path| {
        let projection = Projection::open_and_catch_up(path, Arc::clone(&rules), &log, &mut |_| {}).unwrap();
        projection.reader().view().state_digest().unwrap()
    };
    let fresh = tempfile::tempdir().unwrap();
    assert_eq!(digest(&data_dir.projection()), digest(fresh.path()));
}

#[test]
fn kills_during_a_rebuild_leave_the_old_or_the_new_one() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path(), 30_000);
    let mut random = Random::new(u64::from(std::process::id()));
    let (mut switched, mut took) = (0, Duration::from_millis(1));
    for round in 0..KILLS {
        let mut server = Server::start(folder.path(), CONFIG);
        assert!(!server.printed().contains("built anew"), "{}", server.printed());
        let before = generation(folder.path());
        if round == 0 {
            let begun = Instant::now();
            mutate(&server, "");
            assert_eq!(ended(&server)["state"], "DONE");
            took = begun.elapsed();
        }
        let id = 2_000_000 + round;
        mutate(&server, "");
        thread::sleep(took.mul_f64(f64::from(u32::try_from(random.below(130)).unwrap()) / 100.0));
        assert_eq!(server.deliver(id, "create").status, 200);
        server.kill();
        switched += u64::from(generation(folder.path()) != before);
        let server = Server::start(folder.path(), CONFIG);
        assert!(!server.printed().contains("built anew"), "{}", server.printed());
        let query = format!(r#"{{ appointment(source: "downtown", appointmentId: {id}) {{ status }} }}"#);
        assert_eq!(server.query(&query)["appointment"]["status"], "SCHEDULED");
    }
    println!("{KILLS} kills, {switched} of them after the switch; a rebuild took {} ms", took.as_millis());
    is_a_fresh_fold(folder.path(), Rules::default());
}

#[test]
fn other_rules_are_tried_out_and_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path(), 21_000);
    let server = Server::start(folder.path(), CONFIG);
    let before = generation(folder.path());
    mutate(&server, r#"(dryRun: true, source: "downtown", lifecycle: "lenient", reorderWindowSeconds: 5)"#);
    let tried = ended(&server);
    assert_eq!((&tried["state"], &tried["dryRun"]), (&json!("DONE"), &json!(true)), "{tried}");
    assert_eq!(generation(folder.path()), before);
    let report = &tried["report"];
    assert_eq!(report["equal"], false);
    assert_eq!(report["sources"].as_array().unwrap().len(), 1);
    assert_eq!(report["sources"][0]["source"], "downtown");
    assert_eq!(report["samples"].as_array().unwrap().len(), 10);
    // The same as a server that has these rules.
    let by_count = |report: &Value| report["total"]["statuses"].as_u64().unwrap();
    assert!(by_count(report) > 100, "{report}");
    let sample = &report["samples"][0];
    let id = sample["appointmentId"].as_str().unwrap();
    let now = server.query(&format!(r#"{{ appointment(source: "downtown", appointmentId: {id}) {{ status }} }}"#));
    assert_eq!(now["appointment"], sample["before"]);
    drop(server);
    let rules = FoldRules { lifecycle: Lifecycle::lenient(), reorder_window: TimeDelta::seconds(5) };
    let rules = Rules::default().with("downtown".parse().unwrap(), rules);
    let log = SledLog::open(&DataDir::at(data_dir(folder.path())), Arc::new(chrono::Utc::now)).unwrap();
    let fresh = tempfile::tempdir().unwrap();
    let fresh = Projection::open_and_catch_up(fresh.path(), Arc::new(rules), &log, &mut |_| {}).unwrap();
    assert_eq!(fresh.reader().view().state_digest().unwrap().to_string(), report["digestAfter"].as_str().unwrap());
}

#[test]
fn a_rebuild_is_cancelled_and_followed() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path(), 60_000);
    let mut server = Server::start(folder.path(), CONFIG);
    assert_eq!(server.query("{ rebuild { state } }"), json!({ "rebuild": null }));
    // On a machine that is quick enough to end first, another one is cancelled.
    let cancelled = (0..10).any(|_| {
        let before = generation(folder.path());
        mutate(&server, "");
        let asked = server.query("mutation { cancelRebuild { state } }");
        assert_ne!(asked["cancelRebuild"], Value::Null);
        let cancelled = ended(&server)["state"] == "CANCELLED";
        assert!(!cancelled || generation(folder.path()) == before);
        cancelled
    });
    assert!(cancelled);
    mutate(&server, "");
    let body = json!({ "query": format!("subscription {{ rebuildProgress {{ {REBUILD} }} }}") }).to_string();
    let headers = [("Content-Type", "application/json"), ("Accept", "text/event-stream")];
    let told = server.request("POST", "/graphql", &headers, body.as_bytes()).text();
    assert!(told.contains(r#""state":"DONE""#), "{told}");
    assert!(told.trim_end().ends_with("event:complete\ndata:") || told.contains("event:complete"), "{told}");
    // A stop does not wait for a rebuild, nor for who follows it.
    mutate(&server, "");
    let mut follower = Connection::open(server.address);
    let head = format!(
        "POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nAccept: text/event-stream\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    follower.send(&[head.as_bytes(), body.as_bytes()].concat()).unwrap();
    let begun = Instant::now();
    assert!(server.terminate().success());
    assert!(begun.elapsed() < Duration::from_secs(10));
    let server = Server::start(folder.path(), CONFIG);
    assert!(!server.printed().contains("built anew"));
}

#[test]
fn one_appointment_is_folded_anew() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), SOURCES);
    post_all(&server, "lakeside", 5, "checkin create ready");
    let refold = |source: &str, id: u64| {
        let query = format!(
            r#"mutation {{ refoldAppointment(source: "{source}", appointmentId: {id}) {{ changed before {{ status lastPosition }} after {{ status lastPosition }} }} }}"#
        );
        server.query_as(None, &query)
    };
    let told = json!({ "status": "READY", "lastPosition": "3" });
    let expected = json!({ "changed": false, "before": told, "after": told });
    assert_eq!(refold("lakeside", 5)["data"]["refoldAppointment"], expected);
    assert_eq!(refold("lakeside", 6)["errors"][0]["extensions"]["code"], "APPOINTMENT_NOT_FOUND");
    assert_eq!(refold("nowhere", 5)["errors"][0]["extensions"]["code"], "SOURCE_NOT_FOUND");
}

#[test]
fn rebuilds_are_for_admins_of_all_sources() {
    let folder = tempfile::tempdir().unwrap();
    let readers = r#"
[[reader]]
name = "front-desk"
token = "the-token-of-the-front-desk"
[[reader]]
name = "one-clinic"
token = "the-token-of-one-clinic-only"
role = "admin"
sources = ["downtown"]
[[reader]]
name = "operator"
token = "the-token-of-the-operator"
role = "admin"
"#;
    let server = Server::start(folder.path(), &format!("{CONFIG}{readers}"));
    for query in
        ["mutation { rebuildProjection { state } }", "{ rebuild { state } }", "mutation { cancelRebuild { state } }"]
    {
        for token in ["the-token-of-the-front-desk", "the-token-of-one-clinic-only"] {
            let answer = server.query_as(Some(token), query);
            assert_eq!(answer["errors"][0]["extensions"]["code"], "FORBIDDEN", "{query}: {answer}");
        }
        let answer = server.query_as(Some("the-token-of-the-operator"), query);
        assert!(answer.get("errors").is_none(), "{query}: {answer}");
    }
    let refold = r#"mutation { refoldAppointment(source: "downtown", appointmentId: 1) { changed } }"#;
    let code = |token| server.query_as(Some(token), refold)["errors"][0]["extensions"]["code"].clone();
    assert_eq!(code("the-token-of-the-front-desk"), "FORBIDDEN");
    assert_eq!(code("the-token-of-one-clinic-only"), "APPOINTMENT_NOT_FOUND");
}
