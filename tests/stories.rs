//! Stories of appointments, told to the real program: what each delivery is answered, what GraphQL makes of it,
//! and that a restart changes nothing.
//!
//! A story is a file in `fixtures/stories`. A line is a delivery: `<source> <event> <id>` or `<source> <body>`, then
//! `->` and what is expected: the HTTP status, the outcome, the code where it is not APPLIED, and the appointment's
//! status after it where the body can be read. A line that begins with `=` tells how an appointment ends: its status
//! and the steps that stand. Each story has sources of its own, so all are told to one server.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is what it is for")]

mod support;

use std::{collections::BTreeMap, fmt::Write as _, fs, path::PathBuf};

use serde_json::{Value, json};
use support::{
    fixture,
    server::{Connection, Server},
};

/// The table of `strict`, as the contract has it: an event, and the statuses that it is applied from.
const STRICT: [(&str, &str); 8] = [
    ("CREATE", "NONE"),
    ("RESCHEDULE", "SCHEDULED CHECKED_IN READY"),
    ("DEMOGRAPHICS_UPDATE", "SCHEDULED CHECKED_IN READY CALLED_BACK DISCHARGED REMOVED"),
    ("CHECKIN", "SCHEDULED"),
    ("READY", "CHECKED_IN"),
    ("CALLBACK", "CHECKED_IN READY"),
    ("DISCHARGE", "CHECKED_IN READY CALLED_BACK"),
    ("REMOVE", "SCHEDULED CHECKED_IN READY CALLED_BACK DISCHARGED"),
];

/// A step, and the field with its time.
const STEPS: [(&str, &str); 6] = [
    ("CREATE", "createdAt"),
    ("CHECKIN", "checkedInAt"),
    ("READY", "readyAt"),
    ("CALLBACK", "calledBackAt"),
    ("DISCHARGE", "dischargedAt"),
    ("REMOVE", "removedAt"),
];

const DELIVERY: &str = "position receivedAt source appointmentId eventType rawEventType outcome outcomeAtArrival code reason late statusBefore statusAfter body";

/// One story, and what was seen while it was told.
struct Story {
    title: String,
    number: usize,
    deliveries: Vec<Told>,
    endings: Vec<Ending>,
}

/// One delivery: what is sent, what is expected, and what was answered.
struct Told {
    source: String,
    body: String,
    event: Option<(String, String)>,
    expected: Vec<String>,
    answer: Value,
}

/// How an appointment ends.
struct Ending {
    source: String,
    appointment_id: String,
    status: String,
    standing: Vec<String>,
}

impl Story {
    fn read(path: &PathBuf, number: usize) -> Story {
        let title = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let mut story = Story { title, number, deliveries: Vec::new(), endings: Vec::new() };
        for line in fs::read_to_string(path).unwrap().lines().map(str::trim) {
            if let Some(ending) = line.strip_prefix('=') {
                let words: Vec<String> = ending.split_whitespace().map(str::to_owned).collect();
                let [source, appointment_id, status, standing @ ..] = &words[..] else { panic!("{line}") };
                let (source, standing) = (story.source(source), standing.to_vec());
                let (appointment_id, status) = (appointment_id.clone(), status.clone());
                story.endings.push(Ending { source, appointment_id, status, standing });
            } else if !line.is_empty() && !line.starts_with('#') {
                let told = story.delivery(line);
                story.deliveries.push(told);
            }
        }
        assert!(!story.endings.is_empty(), "{}: no ending", story.title);
        story
    }

    fn delivery(&self, line: &str) -> Told {
        let (told, expected) = line.rsplit_once("->").unwrap_or_else(|| panic!("{line}: no arrow"));
        let (source, what) = told.trim().split_once(' ').unwrap_or((told.trim(), ""));
        let what = what.trim();
        let words: Vec<&str> = what.split_whitespace().collect();
        let (event, body) = match words[..] {
            [event, id] if id.parse::<u64>().is_ok() => (
                Some((event.to_owned(), id.to_owned())),
                format!(r#"{{"appointment_id": {id}, "event_type": "{event}"}}"#),
            ),
            _ => (named_in(what), what.to_owned()),
        };
        let expected = expected.split_whitespace().map(str::to_owned).collect();
        Told { source: self.source(source), body, event, expected, answer: Value::Null }
    }

    fn source(&self, name: &str) -> String {
        format!("{name}-{}", self.number)
    }

    fn tell(&mut self, connection: &mut Connection) {
        for told in &mut self.deliveries {
            let path = format!("/webhook/{}", route_key(&told.source));
            let headers = [("Content-Type", "application/json")];
            let answer = connection.request("POST", &path, &headers, told.body.as_bytes()).unwrap();
            let body = answer.json();
            let mut got = vec![answer.status.to_string()];
            if answer.status == 200 {
                got.push(text(&body["outcome"]));
                got.extend(body.get("code").map(text));
                got.push(body["status"].as_str().unwrap_or("NONE").to_owned());
                assert_eq!(text(&body["source"]), told.source);
                assert_eq!(body["appointmentId"].as_str(), told.event.as_ref().map(|(_, id)| id.as_str()), "{body}");
                assert_eq!(body.get("code").is_some(), body.get("reason").is_some(), "{body}");
            } else {
                got.extend([text(&body["title"]), text(&body["code"])]);
            }
            assert_eq!(got, told.expected, "{}: {} {}", self.title, told.source, told.body);
            told.answer = body;
        }
    }

    /// Compares everything that GraphQL tells with what the deliveries were answered.
    fn check(&self, server: &Server) {
        for ending in &self.endings {
            let (data, expected) = (appointment(server, ending), self.appointment_expected(ending));
            assert_eq!(data["appointment"], expected, "{}: {}", self.title, ending.appointment_id);
            let deliveries = self.deliveries_expected(&ending.source, Some(&ending.appointment_id));
            assert_eq!(data["deliveries"]["nodes"], Value::Array(deliveries), "{}", self.title);
        }
        for source in ["downtown", "lakeside"].map(|name| self.source(name)) {
            let query = format!(
                r#"{{ deliveries(filter: {{ source: "{source}" }}, first: 500) {{ nodes {{ {DELIVERY} }} }} }}"#
            );
            let got = server.query(&query);
            let expected = self.deliveries_expected(&source, None);
            assert_eq!(got["deliveries"]["nodes"], Value::Array(expected), "{}", self.title);
        }
    }

    fn deliveries_expected(&self, source: &str, appointment_id: Option<&str>) -> Vec<Value> {
        let mut met: BTreeMap<&str, Value> = BTreeMap::new();
        let mut expected = Vec::new();
        for told in self.deliveries.iter().filter(|told| told.source == source) {
            let id = told.event.as_ref().map(|(_, id)| id.as_str());
            let before = id.and_then(|id| met.get(id).cloned()).unwrap_or_default();
            let readable = told.answer.get("outcome").is_some();
            let outcome = if readable { &told.answer["outcome"] } else { &told.answer["title"] };
            let after = if readable { told.answer["status"].clone() } else { Value::Null };
            let raw = told.event.as_ref().map(|(event, _)| event.as_str());
            if appointment_id.is_none_or(|wanted| id == Some(wanted)) {
                expected.push(json!({
                    "position": told.answer["position"], "receivedAt": told.answer["receivedAt"], "source": source,
                    "appointmentId": id, "eventType": raw.and_then(known), "rawEventType": raw,
                    "outcome": outcome, "outcomeAtArrival": outcome, "code": told.answer["code"],
                    "reason": if readable { &told.answer["reason"] } else { &told.answer["detail"] },
                    "late": false, "statusBefore": before, "statusAfter": after, "body": told.body,
                }));
            }
            if let Some(id) = id {
                met.insert(id, after);
            }
        }
        expected
    }

    fn appointment_expected(&self, ending: &Ending) -> Value {
        if ending.status == "NONE" {
            return Value::Null;
        }
        let its: Vec<&Told> = self
            .deliveries
            .iter()
            .filter(|told| told.source == ending.source)
            .filter(|told| told.event.as_ref().is_some_and(|(_, id)| *id == ending.appointment_id))
            .collect();
        let applied = |event: &str| -> Vec<&Value> {
            let is_it =
                |told: &&&Told| told.event.as_ref().is_some_and(|(raw, _)| known(raw).as_deref() == Some(event));
            let answers = its.iter().filter(is_it).map(|told| &told.answer);
            answers.filter(|answer| answer["outcome"] == "APPLIED").collect()
        };
        let mut expected = json!({
            "source": ending.source, "appointmentId": ending.appointment_id,
            "status": ending.status, "standing": ending.standing,
            "allowedEvents": allowed(&ending.status, &ending.standing),
            "firstReceivedAt": its[0].answer["receivedAt"],
            "lastReceivedAt": its.last().unwrap().answer["receivedAt"],
            "lastPosition": its.last().unwrap().answer["position"],
            "rescheduleCount": applied("RESCHEDULE").len(),
            "demographicsUpdateCount": applied("DEMOGRAPHICS_UPDATE").len(),
            "history": { "nodes": self.deliveries_expected(&ending.source, Some(&ending.appointment_id)) },
        });
        for (step, field) in STEPS {
            let time = applied(step).last().map(|answer| answer["receivedAt"].clone());
            let stands = ending.standing.iter().any(|standing| standing == step);
            expected[field] = if stands { time.unwrap() } else { Value::Null };
        }
        let last = STEPS.iter().find(|(step, _)| *step == ending.standing.last().unwrap()).unwrap();
        expected["statusSince"] = expected[last.1].clone();
        expected
    }
}

/// What GraphQL tells of an appointment.
fn appointment(server: &Server, ending: &Ending) -> Value {
    let Ending { source, appointment_id, .. } = ending;
    let times = STEPS.map(|(_, field)| field).join(" ");
    server.query(&format!(
        r#"{{
            appointment(appointmentId: {appointment_id}, source: "{source}") {{
                source appointmentId status statusSince standing allowedEvents {times}
                firstReceivedAt lastReceivedAt lastPosition rescheduleCount demographicsUpdateCount
                history(first: 500) {{ nodes {{ {DELIVERY} }} }}
            }}
            deliveries(filter: {{ source: "{source}", appointmentId: "{appointment_id}" }}, first: 500) {{
                nodes {{ {DELIVERY} }}
            }}
        }}"#
    ))
}

/// The contract's table, and its rule for undos, in the order of the vendor's page.
fn allowed(status: &str, standing: &[String]) -> Vec<String> {
    let applies = |event: &str| match event.strip_prefix("UNDO_") {
        Some(step) => standing.last().is_some_and(|last| last == step),
        None => {
            let from = STRICT.iter().find(|(name, _)| *name == event).unwrap().1;
            from.split(' ').any(|from| from == status) && !standing.iter().any(|step| step == event)
        }
    };
    events().into_iter().filter(|event| applies(event)).collect()
}

/// The 13 events as GraphQL names them.
fn events() -> Vec<String> {
    clockfold::lifecycle::EventType::ALL.map(|event| event.name().to_uppercase()).to_vec()
}

/// GraphQL's name of a vendor's event type, if it is one, to the letter.
fn known(raw: &str) -> Option<String> {
    events().into_iter().find(|event| event.to_lowercase() == raw)
}

/// The event type and the id that a readable body names.
fn named_in(body: &str) -> Option<(String, String)> {
    use clockfold::{log::Reading, webhook::read};
    match read(body.as_bytes()) {
        Reading::Readable { appointment_id, event_type } => Some((event_type.to_string(), appointment_id.to_string())),
        Reading::Unreadable(_) => None,
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

fn route_key(source: &str) -> String {
    format!("the-route-key-of-the-source/{source}")
}

fn files(folder: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(fixture(folder)).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn every_story_ends_as_it_says_and_still_does_after_a_restart() {
    let mut stories: Vec<Story> =
        files("stories").iter().zip(1..).map(|(path, number)| Story::read(path, number)).collect();
    assert!(stories.len() >= 24, "only {} stories", stories.len());
    let mut config = String::new();
    for source in stories.iter().flat_map(|story| ["downtown", "lakeside"].map(|name| story.source(name))) {
        writeln!(config, "[[source]]\nname = \"{source}\"\nroute_keys = [\"{}\"]", route_key(&source)).unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(folder.path(), &config);
    let mut connection = Connection::open(server.address);
    for story in &mut stories {
        story.tell(&mut connection);
    }
    stories.iter().for_each(|story| story.check(&server));
    drop(connection);
    assert!(server.terminate().success());
    let server = Server::start(folder.path(), &config);
    stories.iter().for_each(|story| story.check(&server));
}

#[test]
fn graphql_tells_the_contracts_table() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), support::server::CONFIG);
    let lifecycle = server.query("{ lifecycle { name rules { eventType appliedFrom appliedFromNone undoes } } }");
    assert_eq!(lifecycle["lifecycle"]["name"], "strict");
    let rules = lifecycle["lifecycle"]["rules"].as_array().unwrap();
    assert_eq!(rules.iter().map(|rule| text(&rule["eventType"])).collect::<Vec<_>>(), events());
    for (event, from) in STRICT {
        let rule = rules.iter().find(|rule| rule["eventType"] == event).unwrap();
        let mut told: Vec<String> = rule["appliedFrom"].as_array().unwrap().iter().map(text).collect();
        if rule["appliedFromNone"] == true {
            told.insert(0, "NONE".to_owned());
        }
        assert_eq!(told.join(" "), from, "{event}");
        assert_eq!(rule["undoes"], Value::Null);
    }
}

#[test]
fn every_body_of_the_fixtures_is_received() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), support::server::CONFIG);
    let bodies = files("bodies");
    assert_eq!(bodies.len(), 14);
    for path in bodies {
        let body = fs::read(&path).unwrap();
        let answer = server.post(&body);
        assert_eq!(answer.status, 200, "{}: {}", path.display(), answer.text());
        let told = answer.json();
        let creates = path.ends_with("create.json");
        assert_eq!(told["outcome"], if creates { "APPLIED" } else { "REJECTED" }, "{}", path.display());
        assert_eq!(told["status"], if creates { json!("SCHEDULED") } else { Value::Null }, "{}", path.display());
        let position = text(&told["position"]);
        let query = "{ deliveries(last: 1) { nodes { position body rawEventType } } }";
        let kept = server.query(query)["deliveries"]["nodes"][0].clone();
        assert_eq!((text(&kept["position"]), text(&kept["body"]).into_bytes()), (position, body));
        if !path.ends_with("vendor-example.json") {
            assert_eq!(text(&kept["rawEventType"]), path.file_stem().unwrap().to_str().unwrap());
        }
    }
}
