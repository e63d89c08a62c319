//! Stories of appointments, told to the real program: what each delivery is answered, what GraphQL makes of it,
//! and that a restart changes nothing.
//!
//! `support/oracle/story.rs` says how a story in `fixtures/stories` is written. What a story does not say itself is held
//! against the naive model of the contract.

use std::{fs, path::PathBuf, thread};

use chrono::{DateTime, SecondsFormat};
use serde_json::{Value, json};

use crate::support::{
    self, fixture,
    oracle::{
        model::{self, Judged, Sent, State, Table},
        story::{Ending, Story, StoryDelivery, text},
    },
    server::{Connection, Server},
};

/// A step, and the field with its time.
const STEPS: [(&str, &str); 6] = [
    ("CREATE", "createdAt"),
    ("CHECKIN", "checkedInAt"),
    ("READY", "readyAt"),
    ("CALLBACK", "calledBackAt"),
    ("DISCHARGE", "dischargedAt"),
    ("REMOVE", "removedAt"),
];

const DELIVERY: &str = "position receivedAt source appointmentId eventType rawEventType outcome outcomeAtArrival code reason late appliedAt reconsideredUntil statusBefore statusAfter body";

/// What is expected of GraphQL.
impl Story {
    /// Compares everything that GraphQL tells with the story, the answers and the model.
    fn check(&self, server: &Server) {
        for ending in &self.endings {
            let (data, expected) = (appointment(server, ending), self.appointment_expected(ending));
            assert_eq!(data["appointment"], expected, "{}: {}", self.title, ending.appointment_id);
            let deliveries = self.deliveries_expected(&ending.source, Some(&ending.appointment_id));
            assert_eq!(data["deliveries"]["nodes"], Value::Array(deliveries), "{}", self.title);
        }
        for source in self.sources() {
            let query = format!(
                r#"{{ deliveries(filter: {{ source: "{source}" }}, first: 500) {{ nodes {{ {DELIVERY} }} }} }}"#
            );
            let got = server.query(&query);
            let nodes = got["deliveries"]["nodes"].as_array().unwrap();
            assert_eq!(nodes, &self.deliveries_expected(&source, None), "{}", self.title);
            self.check_outcomes(nodes);
        }
    }

    /// Compares what the story says of single deliveries.
    fn check_outcomes(&self, nodes: &[Value]) {
        for later in &self.outcomes {
            let told = &self.deliveries[later.number - 1];
            let Some(node) = nodes.iter().find(|node| node["position"] == told.answer["position"]) else { continue };
            let status = |field: &str| node[field].as_str().unwrap_or("NONE").to_owned();
            let number = |at: &Value| 1 + self.deliveries.iter().position(|by| by.answer["position"] == *at).unwrap();
            let mut got = vec![text(&node["outcome"])];
            if !node["appliedAt"].is_null() {
                got.extend(["by".to_owned(), number(&node["appliedAt"]).to_string()]);
            }
            got.extend(node["late"].as_bool().unwrap().then(|| "late".to_owned()));
            got.extend([status("statusBefore"), status("statusAfter")]);
            assert_eq!(got, later.expected, "{}: delivery {}", self.title, later.number);
        }
    }

    /// What the model makes of an appointment.
    fn state(&self, source: &str, appointment_id: &str) -> State {
        let sent: Vec<Sent> = self.of(source, appointment_id).map(sent).collect();
        model::fold(&self.rules.table, self.rules.window_s * 1000, &sent)
    }

    fn of<'a>(&'a self, source: &'a str, appointment_id: &'a str) -> impl Iterator<Item = &'a StoryDelivery> {
        let names_it = move |told: &&StoryDelivery| told.event.as_ref().is_some_and(|(_, id)| id == appointment_id);
        self.deliveries.iter().filter(move |told| told.source == source).filter(names_it)
    }

    fn deliveries_expected(&self, source: &str, appointment_id: Option<&str>) -> Vec<Value> {
        let its = self.deliveries.iter().filter(|told| told.source == source);
        let expected = |told: &StoryDelivery| match &told.event {
            Some((_, id)) => {
                let position = sent(told).position;
                let judged = self.state(source, id).judged;
                self.readable_expected(told, judged.iter().find(|judged| judged.position == position).unwrap())
            }
            None => unreadable_expected(told),
        };
        let named = |told: &&StoryDelivery| {
            let id = told.event.as_ref().map(|(_, id)| id.as_str());
            appointment_id.is_none_or(|wanted| id == Some(wanted))
        };
        its.filter(named).map(expected).collect()
    }

    fn readable_expected(&self, told: &StoryDelivery, judged: &Judged) -> Value {
        let (event, id) = told.event.as_ref().unwrap();
        let answer = &told.answer;
        assert_eq!(answer["outcome"], judged.outcome_at_arrival, "{}: the model differs", self.title);
        let until = judged.reconsidered_until_ms.map(rfc_3339);
        if let Some(promised) = answer.get("reconsideredUntil") {
            assert_eq!(*promised, rfc_3339(sent(told).received_at_ms + self.rules.window_s * 1000), "{}", self.title);
        }
        let (code, reason) = match judged.outcome {
            "APPLIED" => (Value::Null, Value::Null),
            outcome if outcome == judged.outcome_at_arrival => {
                // What no longer waits does not say that it does.
                let waits = judged.reconsidered_until_ms.is_some();
                let said = answer["reason"].as_str();
                let reason = said.map(|said| if waits { said } else { said.split(" It waits until").next().unwrap() });
                (answer["code"].clone(), json!(reason))
            }
            _ => repeated(event, judged.before),
        };
        json!({
            "position": answer["position"], "receivedAt": answer["receivedAt"], "source": told.source,
            "appointmentId": id, "eventType": known(event), "rawEventType": event,
            "outcome": judged.outcome, "outcomeAtArrival": judged.outcome_at_arrival, "code": code, "reason": reason,
            "late": judged.late, "appliedAt": judged.applied_at.map(|at| at.to_string()), "reconsideredUntil": until,
            "statusBefore": judged.before, "statusAfter": judged.after, "body": told.body,
        })
    }

    fn appointment_expected(&self, ending: &Ending) -> Value {
        let state = self.state(&ending.source, &ending.appointment_id);
        assert_eq!(state.status.unwrap_or("NONE"), ending.status, "{}: the model differs", self.title);
        if ending.status == "NONE" {
            return Value::Null;
        }
        let its: Vec<&StoryDelivery> = self.of(&ending.source, &ending.appointment_id).collect();
        let mut expected = json!({
            "source": ending.source, "appointmentId": ending.appointment_id,
            "status": ending.status, "standing": ending.standing,
            "statusSince": state.status_since_ms.map(rfc_3339),
            "allowedEvents": allowed(&self.rules.table, &ending.status, &ending.standing),
            "firstReceivedAt": its[0].answer["receivedAt"],
            "lastReceivedAt": its.last().unwrap().answer["receivedAt"],
            "lastPosition": its.last().unwrap().answer["position"],
            "rescheduleCount": state.reschedule_count,
            "demographicsUpdateCount": state.demographics_update_count,
            "history": { "nodes": self.deliveries_expected(&ending.source, Some(&ending.appointment_id)) },
        });
        for (step, field) in STEPS {
            let standing = state.standing.iter().find(|(name, _)| name.to_uppercase() == step);
            expected[field] = json!(standing.map(|(_, received_at_ms)| rfc_3339(*received_at_ms)));
        }
        expected
    }
}

fn unreadable_expected(told: &StoryDelivery) -> Value {
    json!({
        "position": told.answer["position"], "receivedAt": told.answer["receivedAt"], "source": told.source,
        "appointmentId": null, "eventType": null, "rawEventType": null,
        "outcome": told.answer["title"], "outcomeAtArrival": told.answer["title"],
        "code": told.answer["code"], "reason": told.answer["detail"], "late": false, "appliedAt": null,
        "reconsideredUntil": null, "statusBefore": null, "statusAfter": null, "body": told.body,
    })
}

/// The code and the reason of what waited and has become a repeat.
fn repeated(event: &str, met: Option<&str>) -> (Value, Value) {
    let (code, why) = match event.strip_prefix("undo_") {
        Some(step) => ("STEP_UNDONE", format!("`{step}` was undone already and not done again since.")),
        None => ("STEP_STANDS", format!("`{event}` stands already; its first time is kept.")),
    };
    let was = met.unwrap_or("NONE");
    (json!(code), json!(format!("`{event}` was not applied: the appointment was {was}, and {why}")))
}

/// A delivery as the model takes it.
fn sent(told: &StoryDelivery) -> Sent {
    let received_at = DateTime::parse_from_rfc3339(&text(&told.answer["receivedAt"])).unwrap();
    Sent {
        position: text(&told.answer["position"]).parse().unwrap(),
        received_at_ms: received_at.timestamp_millis(),
        event: told.event.as_ref().map(|(event, _)| event.clone()),
    }
}

fn rfc_3339(ms: i64) -> String {
    DateTime::from_timestamp_millis(ms).unwrap().to_rfc3339_opts(SecondsFormat::Millis, true)
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

/// What the table applies next, the contract's rules for undos and for a late `create`, in the vendor's order.
fn allowed(table: &Table, status: &str, standing: &[String]) -> Vec<String> {
    let row = |event: &str| table.rows.iter().find(|(name, _)| name.to_uppercase() == event);
    let from = |event: &str, status: &str| row(event).is_some_and(|(_, from)| from.contains(&status));
    let applies = |event: &str| match event.strip_prefix("UNDO_") {
        Some(step) => standing.last().is_some_and(|last| last == step),
        None => {
            let after_all = event == "CREATE" && from(event, "NONE");
            (from(event, status) || after_all) && !standing.iter().any(|step| step == event)
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

fn files(folder: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(fixture(folder)).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn stories() -> Vec<Story> {
    files("stories").iter().zip(1..).map(|(path, number)| Story::read(path, number)).collect()
}

#[test]
fn every_story_ends_as_it_says_and_still_does_after_a_restart() {
    let mut stories = stories();
    assert!(stories.len() >= 50, "only {} stories", stories.len());
    let config: String = stories.iter().map(Story::config).collect();
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(folder.path(), &config);
    // All at once: some of them wait.
    thread::scope(|scope| {
        for story in &mut stories {
            let address = server.address;
            scope.spawn(move || story.tell(&mut Connection::open(address)));
        }
    });
    stories.iter().for_each(|story| story.check(&server));
    assert!(server.terminate().success());
    let server = Server::start(folder.path(), &config);
    stories.iter().for_each(|story| story.check(&server));
}

#[test]
fn graphql_tells_the_contracts_table_and_the_window() {
    let folder = tempfile::tempdir().unwrap();
    let stories = stories();
    let config: String = stories.iter().map(Story::config).collect();
    let server = Server::start(folder.path(), &config);
    let fields = "name reorderWindowSeconds rules { eventType appliedFrom appliedFromNone undoes }";
    let lifecycle = server.query(&format!("{{ lifecycle {{ {fields} }} }}"))["lifecycle"].clone();
    check_lifecycle(&lifecycle, "strict", 0, &Table::strict());
    for story in &stories {
        let query = format!("{{ lifecycle(source: \"{}\") {{ {fields} }} }}", story.sources()[1]);
        let lifecycle = server.query(&query)["lifecycle"].clone();
        check_lifecycle(&lifecycle, &story.lifecycle(), story.rules.window_s, &story.rules.table);
    }
    for lifecycle in ["strict", "walk_in", "lenient"] {
        assert!(stories.iter().any(|story| story.lifecycle() == lifecycle && story.rules.window_s > 0), "{lifecycle}");
    }
}

fn check_lifecycle(told: &Value, name: &str, window_s: i64, table: &Table) {
    assert_eq!((&told["name"], &told["reorderWindowSeconds"]), (&json!(name), &json!(window_s)));
    let rules = told["rules"].as_array().unwrap();
    assert_eq!(rules.iter().map(|rule| text(&rule["eventType"])).collect::<Vec<_>>(), events());
    for rule in rules.iter().filter(|rule| rule["undoes"].is_null()) {
        let mut told: Vec<String> = rule["appliedFrom"].as_array().unwrap().iter().map(text).collect();
        told.extend((rule["appliedFromNone"] == true).then(|| "NONE".to_owned()));
        let event = text(&rule["eventType"]);
        let row = table.rows.iter().find(|(row, _)| row.to_uppercase() == event);
        let mut expected: Vec<&str> = row.map(|(_, from)| from.clone()).unwrap_or_default();
        told.sort();
        expected.sort_unstable();
        assert_eq!(told, expected, "{name}: {event}");
    }
    assert_eq!(rules.iter().filter(|rule| rule["undoes"].is_null()).count(), 8);
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
