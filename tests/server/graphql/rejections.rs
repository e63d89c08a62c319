//! The summary of what was not applied, against what deliveries tell one by one, and its advice against a server that
//! has followed it: on the real program, with invented traffic of clinics that each do something wrong.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicI64, Ordering},
    },
};

use chrono::{DateTime, TimeDelta, Utc};
use clockfold::{
    lifecycle::Fault,
    log::{DataDir, Log, NewDelivery, SledLog},
};
use serde_json::{Value, json};

use crate::support::{
    arrival,
    bodies::copy_all,
    delivery_from,
    server::{Server, data_dir},
    unreadable,
};

const ADMIN: &str = "an-admin-of-everything-here";
const VIEWER: &str = "a-viewer-of-walk-ins-only";
const SOURCES: [(&str, &str); 9] = [
    ("walk-ins", ""),
    ("mid-stream", ""),
    ("swapped", ""),
    ("careless", ""),
    ("quiet", ""),
    ("one-patient", ""),
    ("wild", ""),
    ("own-table", "lifecycle = \"two-doors\"\n"),
    ("windowed", "reorder_window_s = 5\n"),
];

/// The configuration, with another setting for one source.
fn config(changed: Option<(&str, &str)>) -> String {
    let source = |(name, setting): (&str, &str)| {
        let setting = changed.filter(|(source, _)| *source == name).map_or(setting, |(_, setting)| setting);
        format!("[[source]]\nname = \"{name}\"\nroute_keys = [\"the-route-key-of-the-clinic-{name}\"]\n{setting}\n")
    };
    let readers = format!(
        "[[reader]]\nname = \"admin\"\ntoken = \"{ADMIN}\"\nrole = \"admin\"\n\
         [[reader]]\nname = \"viewer\"\ntoken = \"{VIEWER}\"\nrole = \"viewer\"\nsources = [\"walk-ins\"]\n\
         [lifecycle.two-doors]\nextends = \"strict\"\n"
    );
    SOURCES.into_iter().map(source).collect::<String>() + &readers
}

/// What each clinic sends, in the order of its times.
struct Traffic {
    sent: Vec<(i64, NewDelivery)>,
    seed: u64,
}

impl Traffic {
    fn random(&mut self, below: u64) -> u64 {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.seed >> 33) % below
    }

    fn send(&mut self, at_ms: i64, source: &str, id: u64, event: &str) {
        self.sent.push((at_ms, delivery_from(source, id, event)));
    }

    /// Events some minutes apart, the appointments some seconds.
    fn visits(&mut self, source: &str, ids: std::ops::Range<u64>, events: &str) {
        for id in ids {
            let mut at_ms = i64::try_from(id).unwrap() * 7_000;
            for event in events.split_whitespace() {
                self.send(at_ms, source, id, event);
                at_ms += 60_000 + i64::try_from(self.random(600_000)).unwrap();
            }
        }
    }

    /// Visits of which two neighbours arrive the wrong way round, some hundred milliseconds apart.
    fn swapped_visits(&mut self, source: &str, ids: std::ops::Range<u64>) {
        for id in ids {
            let begin = i64::try_from(id).unwrap() * 7_000;
            let events = ["create", "checkin", "ready", "discharge"];
            let first = usize::try_from(self.random(2)).unwrap();
            for (place, event) in events.into_iter().enumerate() {
                let at_ms = match place {
                    place if place == first => begin + 1_000_000 + 400,
                    place if place == first + 1 => begin + 1_000_000,
                    place => begin + i64::try_from(place).unwrap() * 900_000,
                };
                self.send(at_ms, source, id, event);
            }
        }
    }

    fn all() -> Traffic {
        let mut traffic = Traffic { sent: Vec::new(), seed: 20_260_302 };
        let whole = "create checkin ready callback discharge";
        traffic.visits("walk-ins", 1..60, whole);
        traffic.visits("walk-ins", 60..80, "create ready callback discharge");
        traffic.visits("walk-ins", 80..90, "create checkin undo_ready");
        traffic.visits("mid-stream", 1..30, whole);
        traffic.visits("mid-stream", 30..55, "checkin ready reschedule discharge");
        traffic.swapped_visits("swapped", 1..40);
        traffic.visits("swapped", 40..60, "create discharge undo_remove");
        traffic.visits("careless", 1..300, "create checkin discharge");
        traffic.visits("careless", 300..306, "create ready callback discharge");
        traffic.visits("quiet", 1..4, "create ready callback discharge");
        traffic.visits("one-patient", 1..2, &format!("create {}", "ready callback discharge ".repeat(20)));
        traffic.visits("own-table", 1..20, whole);
        traffic.visits("own-table", 20..40, "create ready callback discharge");
        traffic.swapped_visits("windowed", 1..40);
        traffic.wild();
        traffic.sent.sort_by_key(|(at_ms, _)| *at_ms);
        traffic
    }

    /// Everything at random, also what can't be read.
    fn wild(&mut self) {
        let events: Vec<&str> = clockfold::lifecycle::EventType::ALL.into_iter().map(|event| event.name()).collect();
        for _ in 0..500 {
            let at_ms = i64::try_from(self.random(8_000_000)).unwrap();
            let (id, event) = (1 + self.random(60), events[usize::try_from(self.random(13)).unwrap()]);
            let fault = Fault::ALL[usize::try_from(self.random(9)).unwrap()];
            match self.random(12) {
                0 => self.sent.push((at_ms, unreadable("wild", fault, b"?"))),
                1 => self.send(at_ms, "wild", id, "transfer_in"),
                _ => self.send(at_ms, "wild", id, event),
            }
        }
    }

    /// Writes it into the log of a data directory.
    fn write(self, folder: &Path) {
        let since_ms = Arc::new(AtomicI64::new(0));
        let told = Arc::clone(&since_ms);
        let clock = Arc::new(move || arrival() + TimeDelta::milliseconds(told.load(Ordering::Relaxed)));
        let log = SledLog::open(&DataDir::at(data_dir(folder)), clock).unwrap();
        for (at_ms, delivery) in self.sent {
            since_ms.store(at_ms, Ordering::Relaxed);
            log.append(vec![delivery]).unwrap();
        }
    }
}

/// Fills a data directory with all of it. It is written once: each delivery is made durable by itself.
fn fill(folder: &Path) {
    static WRITTEN: OnceLock<tempfile::TempDir> = OnceLock::new();
    let written = WRITTEN.get_or_init(|| {
        let written = tempfile::tempdir().unwrap();
        Traffic::all().write(written.path());
        written
    });
    copy_all(&data_dir(written.path()), &data_dir(folder));
}

fn ask(server: &Server, token: &str, query: &str) -> Value {
    let answer = server.query_as(Some(token), query);
    assert!(answer.get("errors").is_none(), "{query}: {answer}");
    answer["data"].clone()
}

fn summary(server: &Server, token: &str, arguments: &str) -> Value {
    let query = format!(
        "{{ rejections({arguments}) {{
            groups {{ source outcome code eventType count firstReceivedAt lastReceivedAt lastPosition explanation }}
            advice {{ source pattern count explanation setting }}
        }} }}"
    );
    ask(server, token, &query)["rejections"].clone()
}

/// Every delivery, by position.
fn deliveries(server: &Server) -> Vec<Value> {
    let (mut all, mut after) = (Vec::new(), String::new());
    loop {
        let query = format!(
            "{{ deliveries(first: 500{after}) {{ nodes {{ position source receivedAt appointmentId eventType outcome code statusBefore }} pageInfo {{ hasNextPage endCursor }} }} }}"
        );
        let page = ask(server, ADMIN, &query)["deliveries"].clone();
        all.extend(page["nodes"].as_array().unwrap().iter().cloned());
        if page["pageInfo"]["hasNextPage"] == json!(false) {
            return all;
        }
        after = format!(", after: {}", page["pageInfo"]["endCursor"]);
    }
}

fn text(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

/// The groups of a stretch, by looking at every delivery: source, outcome, code, event -> count, first, last, position.
type Groups = BTreeMap<[String; 4], (u64, String, String, String)>;

fn expected_groups(deliveries: &[Value], source: Option<&str>, from: &str, to: &str) -> Groups {
    let mut groups = Groups::new();
    for one in deliveries {
        let received_at = one["receivedAt"].as_str().unwrap();
        let not_applied = ["REJECTED", "UNRECOGNIZED", "UNREADABLE"].contains(&one["outcome"].as_str().unwrap());
        if !not_applied || received_at < from || received_at >= to || source.is_some_and(|name| one["source"] != *name)
        {
            continue;
        }
        let key = ["source", "outcome", "code", "eventType"].map(|field| one[field].to_string());
        let position = one["position"].to_string();
        let group = groups.entry(key).or_insert((0, received_at.to_owned(), String::new(), String::new()));
        (group.0, group.2, group.3) = (group.0 + 1, received_at.to_owned(), position);
    }
    groups
}

fn told_groups(summary: &Value) -> Groups {
    let told = summary["groups"].as_array().unwrap();
    let counts: Vec<i64> = told.iter().map(|group| group["count"].as_i64().unwrap()).collect();
    assert!(counts.is_sorted_by(|one, next| one >= next), "{counts:?}");
    let group = |group: &Value| {
        assert!(group["explanation"].as_str().unwrap().contains("Usually"), "{group}");
        let key = ["source", "outcome", "code", "eventType"].map(|field| group[field].to_string());
        let time = |field: &str| group[field].as_str().unwrap().to_owned();
        let figures = (
            group["count"].as_u64().unwrap(),
            time("firstReceivedAt"),
            time("lastReceivedAt"),
            group["lastPosition"].to_string(),
        );
        (key, figures)
    };
    let groups: Groups = told.iter().map(group).collect();
    assert_eq!(groups.len(), told.len());
    groups
}

#[test]
fn groups_are_what_looking_at_every_delivery_tells_also_after_a_rebuild() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path());
    let mut seen = BTreeSet::new();
    let mut first_answers = Vec::new();
    for round in 0..2 {
        let server = Server::start(folder.path(), &config(None));
        let all = deliveries(&server);
        for (begin, end) in [(0, 100_000_000), (1_000_000, 2_500_000), (3_999_999, 4_000_000), (0, 1)] {
            let (from, to) =
                (text(arrival() + TimeDelta::milliseconds(begin)), text(arrival() + TimeDelta::milliseconds(end)));
            for source in [None, Some("wild"), Some("walk-ins")] {
                let name = source.map_or_else(String::new, |name| format!("source: \"{name}\", "));
                let told = summary(&server, ADMIN, &format!(r#"{name}from: "{from}", to: "{to}""#));
                let expected = expected_groups(&all, source, &from, &to);
                assert_eq!(told_groups(&told), expected, "{name} {from} {to}");
                seen.extend(expected.into_keys().map(|[_, _, code, _]| code));
                if round == 0 { first_answers.push(told) } else { assert_eq!(first_answers.remove(0), told) }
            }
        }
        drop(server);
        std::fs::remove_dir_all(data_dir(folder.path()).join("projection")).unwrap();
    }
    // All codes but those of repeats.
    assert_eq!(seen.len(), 14, "{seen:?}");
}

/// How many rejections of a source show a pattern, and are applied by a server that has the setting.
fn followed(folder: &Path, before: &[Value], source: &str, pattern: &str, setting: &str) -> i64 {
    let server = Server::start(folder, &config(Some((source, &format!("{setting}\n")))));
    let after: BTreeMap<String, Value> =
        deliveries(&server).into_iter().map(|one| (one["position"].to_string(), one["outcome"].clone())).collect();
    let of_source: Vec<&Value> = before.iter().filter(|one| one["source"] == *source).collect();
    let has = |one: &Value, event: &str| {
        of_source.iter().any(|other| other["appointmentId"] == one["appointmentId"] && other["eventType"] == *event)
    };
    let shows = |one: &&&Value| match pattern {
        "WALK_INS" => {
            ["READY", "CALLBACK", "DISCHARGE"].contains(&one["eventType"].as_str().unwrap())
                && one["statusBefore"] == "SCHEDULED"
                && !has(one, "CHECKIN")
        }
        "MID_STREAM" => one["code"] == "NOT_CREATED" && !has(one, "CREATE"),
        "OVERTAKING" => true,
        other => panic!("{other}"),
    };
    let rejected = of_source.iter().filter(|one| one["outcome"] == "REJECTED").filter(shows);
    let applied = rejected.filter(|one| after[&one["position"].to_string()] == "APPLIED");
    i64::try_from(applied.count()).unwrap()
}

#[test]
fn advice_is_given_where_a_pattern_is_clear_and_following_it_does_what_it_says() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path());
    let server = Server::start(folder.path(), &config(None));
    let whole = format!(r#"from: "{}", to: "{}""#, text(arrival()), text(arrival() + TimeDelta::days(1)));
    let told = summary(&server, ADMIN, &whole);
    let advice = told["advice"].as_array().unwrap().clone();
    let given: Vec<_> = advice
        .iter()
        .map(|one| {
            (one["source"].as_str().unwrap(), one["pattern"].as_str().unwrap(), one["setting"].as_str().unwrap())
        })
        .filter(|(source, ..)| *source != "wild")
        .collect();
    let expected = [
        ("mid-stream", "MID_STREAM", r#"lifecycle = "lenient""#),
        ("own-table", "WALK_INS", r#"lifecycle = "walk_in""#),
        ("swapped", "OVERTAKING", "reorder_window_s = 5"),
        ("walk-ins", "WALK_INS", r#"lifecycle = "walk_in""#),
    ];
    assert_eq!(given, expected, "{told}");
    let all = deliveries(&server);
    // What the dry run says of it is what the text points to.
    let dry_run = ask(
        &server,
        ADMIN,
        r#"mutation { rebuildProjection(dryRun: true, source: "walk-ins", lifecycle: "walk_in") { dryRun } }"#,
    );
    assert_eq!(dry_run["rebuildProjection"]["dryRun"], json!(true));
    drop(server);
    for one in &advice {
        let field = |name: &str| one[name].as_str().unwrap();
        let (source, pattern, explanation) = (field("source"), field("pattern"), field("explanation"));
        let count = followed(folder.path(), &all, source, pattern, field("setting"));
        assert_eq!(one["count"], json!(count), "{one}");
        let rejections = all.iter().filter(|one| one["source"] == *source && one["outcome"] == "REJECTED").count();
        assert!(explanation.starts_with(&format!("{count} of {rejections} rejections of `{source}`")), "{explanation}");
        assert_eq!(explanation.contains("`two-doors`"), source == "own-table", "{explanation}");
    }
}

#[test]
fn a_reader_is_told_of_its_own_sources_only() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path());
    let server = Server::start(folder.path(), &config(None));
    let whole = format!(r#"from: "{}", to: "{}""#, text(arrival()), text(arrival() + TimeDelta::days(1)));
    let all = summary(&server, VIEWER, &whole);
    let own = summary(&server, ADMIN, &format!(r#"source: "walk-ins", {whole}"#));
    assert_eq!(all, own);
    for list in ["groups", "advice"] {
        let told = all[list].as_array().unwrap();
        assert!(!told.is_empty() && told.iter().all(|one| one["source"] == "walk-ins"), "{all}");
    }
    for (arguments, code) in [
        (format!(r#"source: "wild", {whole}"#), "SOURCE_NOT_FOUND"),
        (format!(r#"from: "{0}", to: "{0}""#, text(arrival())), "BAD_USER_INPUT"),
    ] {
        let query = format!("{{ rejections({arguments}) {{ groups {{ count }} }} }}");
        let answer = server.query_as(Some(VIEWER), &query);
        assert_eq!(answer["errors"][0]["extensions"]["code"], json!(code), "{answer}");
    }
    let unknown = server.query_as(Some(ADMIN), r#"{ deliveries(filter: { code: ["STEP_STOOD"] }) { totalCount } }"#);
    assert_eq!(unknown["errors"][0]["extensions"]["code"], json!("BAD_USER_INPUT"), "{unknown}");
}

/// Of many rejections the newest count: what was long ago says nothing of how a clinic works now.
#[test]
fn advice_looks_at_the_newest_rejections_and_at_no_endless_appointment() {
    let folder = tempfile::tempdir().unwrap();
    let log = SledLog::open(&DataDir::at(data_dir(folder.path())), Arc::new(arrival)).unwrap();
    let walk_in =
        |id: u64| ["create", "ready", "callback", "discharge"].map(|event| delivery_from("walk-ins", id, event));
    let misstep = |id: u64| ["create", "undo_checkin"].map(|event| delivery_from("walk-ins", id, event));
    log.append((1..=400).flat_map(walk_in).collect()).unwrap();
    log.append((1_001..=2_500).flat_map(misstep).collect()).unwrap();
    // 501 of 2,000 are a quarter and one; the 699 before them are not looked at.
    log.append((3_001..=3_167).flat_map(walk_in).collect()).unwrap();
    // One that somebody keeps sending to: what it has of the pattern is left out.
    let endless = ["create"].into_iter().chain(std::iter::repeat_n("ready", 1_050));
    log.append(endless.map(|event| delivery_from("quiet", 1, event)).collect()).unwrap();
    for id in 2..6 {
        log.append(walk_in(id).map(|one| NewDelivery { source: "quiet".parse().unwrap(), ..one }).to_vec()).unwrap();
    }
    drop(log);
    let server = Server::start(folder.path(), &config(None));
    let whole = format!(r#"from: "{}", to: "{}""#, text(arrival()), text(arrival() + TimeDelta::days(1)));
    let told = summary(&server, ADMIN, &whole);
    let advice = told["advice"].as_array().unwrap();
    assert_eq!(advice.len(), 1, "{told}");
    assert_eq!((&advice[0]["source"], &advice[0]["count"]), (&json!("walk-ins"), &json!(501)), "{told}");
    let explanation = advice[0]["explanation"].as_str().unwrap();
    assert!(explanation.starts_with("501 of the newest 2000 rejections of `walk-ins`"), "{explanation}");
    let groups: u64 = told["groups"].as_array().unwrap().iter().map(|group| group["count"].as_u64().unwrap()).sum();
    assert_eq!(groups, 3 * 400 + 1_500 + 501 + 1_050 + 12);
}

#[test]
fn a_summary_that_takes_too_long_ends() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path());
    let server = Server::start(folder.path(), &format!("{}[graphql]\nexecution_timeout_ms = 1\n", config(None)));
    let whole = format!(r#"from: "{}", to: "{}""#, text(arrival()), text(arrival() + TimeDelta::days(1)));
    let query = format!("{{ rejections({whole}) {{ groups {{ count }} advice {{ count }} }} }}");
    let answer = server.query_as(Some(ADMIN), &query);
    assert_eq!(answer["errors"][0]["extensions"]["code"], json!("EXECUTION_TIMEOUT"), "{answer}");
}
