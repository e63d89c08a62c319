//! A story of appointments: how its file is read, and how it is told to the program. Every patient is invented.
//!
//! A line is a delivery: `<source> <event> <id>` or `<source> <body>`, then `->` and what is answered: the HTTP
//! status, the outcome, the code where it is not APPLIED, the appointment's status after it where the body can be
//! read, `late` where it was put before others, and `waits` where its rejection may still change. Other lines begin
//! with a sign of their own:
//!
//! - `% walk_in 5`, the first one, names the lifecycle of the story's sources and their reorder window in seconds;
//!   without it: `strict` and 0. More of these are the rows of a lifecycle of the story's own.
//! - `~ 1200` lets so many milliseconds pass.
//! - `= <source> <id> <status> <steps>` tells how an appointment ends: its status and the steps that stand.
//! - `@ <number> <outcome> by <number> late <before> <after>` tells what has become of a delivery in the end: `by` has
//!   the delivery that let it in, and the statuses are those at its place. Deliveries count from 1.

use std::{fmt::Write as _, fs, path::Path, thread, time::Duration};

use clockfold::{
    lifecycle::{EventType, Status},
    log::Reading,
    webhook::read,
};
use serde_json::Value;

use crate::support::server::Connection;

use super::model::Table;

/// One story, and what was seen while it was told.
pub struct Story {
    pub title: String,
    pub number: usize,
    pub rules: Rules,
    pub deliveries: Vec<StoryDelivery>,
    pub endings: Vec<Ending>,
    pub outcomes: Vec<Later>,
}

/// By which rules its sources are folded.
pub struct Rules {
    lifecycle: String,
    pub window_s: i64,
    /// The lines of the lifecycle's own table; empty for a built-in one.
    rows: String,
    pub table: Table,
}

/// One delivery: what is sent, what is expected, and what was answered.
pub struct StoryDelivery {
    pub source: String,
    pub body: String,
    /// The event type and the id, where the body can be read.
    pub event: Option<(String, String)>,
    /// How long nothing is sent before it.
    pause: Duration,
    expected: Vec<String>,
    pub answer: Value,
}

/// How an appointment ends.
pub struct Ending {
    pub source: String,
    pub appointment_id: String,
    pub status: String,
    pub standing: Vec<String>,
}

/// What has become of the delivery with this number.
pub struct Later {
    pub number: usize,
    pub expected: Vec<String>,
}

impl Story {
    pub fn read(path: &Path, number: usize) -> Story {
        let title = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let text = fs::read_to_string(path).unwrap();
        let rules = Rules::read(text.lines().filter_map(|line| line.trim().strip_prefix('%')));
        let (deliveries, endings, outcomes) = (Vec::new(), Vec::new(), Vec::new());
        let mut story = Story { title, number, rules, deliveries, endings, outcomes };
        let mut pause = Duration::ZERO;
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (sign, rest) = line.split_at(1);
            match sign {
                "#" | "%" => {}
                "~" => pause = Duration::from_millis(rest.trim().parse().unwrap()),
                "=" => story.endings.push(story.ending(rest)),
                "@" => {
                    let (number, expected) = rest.trim().split_once(' ').unwrap();
                    story.outcomes.push(Later { number: number.parse().unwrap(), expected: words(expected) });
                }
                _ => story.deliveries.push(story.delivery(line, std::mem::take(&mut pause))),
            }
        }
        assert!(!story.endings.is_empty(), "{}: no ending", story.title);
        story
    }

    fn ending(&self, line: &str) -> Ending {
        let words = words(line);
        let [source, appointment_id, status, standing @ ..] = &words[..] else { panic!("{line}") };
        let (source, standing) = (self.source(source), standing.to_vec());
        Ending { source, appointment_id: appointment_id.clone(), status: status.clone(), standing }
    }

    fn delivery(&self, line: &str, pause: Duration) -> StoryDelivery {
        let (told, expected) = line.rsplit_once("->").unwrap_or_else(|| panic!("{line}: no arrow"));
        let (source, what) = told.trim().split_once(' ').unwrap_or((told.trim(), ""));
        let what = what.trim();
        let (event, body) = match what.split_whitespace().collect::<Vec<_>>()[..] {
            [event, id] if id.parse::<u64>().is_ok() => (
                Some((event.to_owned(), id.to_owned())),
                format!(r#"{{"appointment_id": {id}, "event_type": "{event}"}}"#),
            ),
            _ => (named_in(what), what.to_owned()),
        };
        let (source, expected) = (self.source(source), words(expected));
        StoryDelivery { source, body, event, pause, expected, answer: Value::Null }
    }

    fn source(&self, name: &str) -> String {
        format!("{name}-{}", self.number)
    }

    /// The sources that a story may have. They are its own, so all stories can be told to one server.
    pub fn sources(&self) -> [String; 2] {
        ["downtown", "lakeside"].map(|name| self.source(name))
    }

    /// The name of its sources' lifecycle in the configuration. A table of the story's own has a name of its own.
    pub fn lifecycle(&self) -> String {
        let Rules { lifecycle, rows, .. } = &self.rules;
        if rows.is_empty() { lifecycle.clone() } else { format!("{lifecycle}-{}", self.number) }
    }

    /// The lines of the server's configuration.
    pub fn config(&self) -> String {
        let (Rules { window_s, rows, .. }, lifecycle) = (&self.rules, self.lifecycle());
        let mut config = String::new();
        if !rows.is_empty() {
            writeln!(config, "[lifecycle.{lifecycle}]\n{rows}").unwrap();
        }
        for source in self.sources() {
            let key = route_key(&source);
            writeln!(config, "[[source]]\nname = \"{source}\"\nroute_keys = [\"{key}\"]").unwrap();
            writeln!(config, "lifecycle = \"{lifecycle}\"\nreorder_window_s = {window_s}").unwrap();
        }
        config
    }

    /// Sends every delivery and checks its answer.
    pub fn tell(&mut self, connection: &mut Connection) {
        for told in &mut self.deliveries {
            thread::sleep(told.pause);
            let path = format!("/webhook/{}", route_key(&told.source));
            let headers = [("Content-Type", "application/json")];
            let answer = connection.request("POST", &path, &headers, told.body.as_bytes()).unwrap();
            let body = answer.json();
            let mut got = vec![answer.status.to_string()];
            if answer.status == 200 {
                got.push(text(&body["outcome"]));
                got.extend(body.get("code").map(text));
                got.push(body["status"].as_str().unwrap_or("NONE").to_owned());
                got.extend(body["late"].as_bool().unwrap().then(|| "late".to_owned()));
                got.extend(body.get("reconsideredUntil").map(|_| "waits".to_owned()));
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
}

impl Rules {
    fn read<'a>(mut lines: impl Iterator<Item = &'a str>) -> Rules {
        let first = words(lines.next().unwrap_or("strict 0"));
        let [lifecycle, window_s] = &first[..] else { panic!("{first:?}: a lifecycle and a window") };
        let rows: String = lines.map(|line| format!("{}\n", line.trim())).collect();
        let table = if rows.is_empty() { built_in(lifecycle) } else { custom(&rows) };
        Rules { lifecycle: lifecycle.clone(), window_s: window_s.parse().unwrap(), rows, table }
    }
}

fn built_in(name: &str) -> Table {
    match name {
        "strict" => Table::strict(),
        "walk_in" => Table::walk_in(),
        "lenient" => Table::lenient(),
        other => panic!("`{other}` has no rows"),
    }
}

fn custom(rows: &str) -> Table {
    let mut given: toml::Table = rows.parse().unwrap();
    let base = given.remove("extends").map(|base| built_in(base.as_str().unwrap()).rows);
    let mut rows = base.unwrap_or_default();
    for (event, from) in given {
        let event = EventType::from_name(&event).unwrap().name();
        let status = |name: &toml::Value| Status::from_name(name.as_str().unwrap()).map_or("NONE", Status::name);
        let from = from.as_array().unwrap().iter().map(status).collect();
        rows.retain(|(known, _)| *known != event);
        rows.push((event, from));
    }
    Table { rows }
}

/// The event type and the id that a readable body names.
fn named_in(body: &str) -> Option<(String, String)> {
    match read(body.as_bytes()) {
        Reading::Readable { appointment_id, event_type } => Some((event_type.to_string(), appointment_id.to_string())),
        Reading::Unreadable(_) | Reading::ReadSince { .. } => None,
    }
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

fn route_key(source: &str) -> String {
    format!("the-route-key-of-the-source/{source}")
}

/// The text in a value that has to be one.
pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}
