//! Histories of one appointment as lines, and what the naive model makes of them.
//!
//! Events stand in log order, 100 ms apart, or at a time of their own (`checkin@5000`). `?` is a body that could not
//! be read, `""` the empty event type.

use super::model::{Judged, Sent, State, Table, fold};

/// Five seconds, as the contract recommends.
pub const WINDOW_MS: i64 = 5_000;

pub const EVENTS: [&str; 13] = [
    "create",
    "reschedule",
    "demographics_update",
    "checkin",
    "ready",
    "callback",
    "discharge",
    "remove",
    "undo_checkin",
    "undo_ready",
    "undo_callback",
    "undo_discharge",
    "undo_remove",
];

pub fn deliveries(history: &str) -> Vec<Sent> {
    let mut sent = Vec::new();
    let mut now_ms = 0;
    for (position, word) in (1..).zip(history.split(',').map(str::trim).filter(|word| !word.is_empty())) {
        let (name, time) = word.split_once('@').unwrap_or((word, ""));
        now_ms = if time.is_empty() { now_ms + 100 } else { time.parse().expect("a time in milliseconds") };
        let event = match name {
            "?" => None,
            "\"\"" => Some(String::new()),
            name => Some(name.to_owned()),
        };
        sent.push(Sent { position, received_at_ms: now_ms, event });
    }
    sent
}

pub fn folded(table: &Table, window_ms: i64, history: &str) -> State {
    fold(table, window_ms, &deliveries(history))
}

/// What became of the last delivery.
pub fn last(state: &State) -> &Judged {
    state.judged.last().expect("the history is not empty")
}

pub fn steps(state: &State) -> Vec<&'static str> {
    state.standing.iter().map(|(step, _)| *step).collect()
}

/// `CHECKED_IN: create checkin`.
pub fn told(state: &State) -> String {
    format!("{}: {}", state.status.unwrap_or("NONE"), steps(state).join(" "))
}

pub fn outcomes(state: &State) -> String {
    state.judged.iter().map(|judged| judged.outcome).collect::<Vec<_>>().join(" ")
}

/// One line of a test: `history` ends as `expected` (`STATUS: steps`).
pub fn check(table: &Table, window_ms: i64, history: &str, expected: &str) {
    assert_eq!(told(&folded(table, window_ms, history)).trim_end(), expected, "{history}");
}

/// One line of a test: the last delivery of `history` has this outcome, in arrival order.
pub fn check_last(table: &Table, history: &str, expected: &str) {
    assert_eq!(last(&folded(table, 0, history)).outcome, expected, "{history}");
}

/// A table of the contract's form; what it does not name is never applied.
pub fn custom(rows: &[(&'static str, &[&'static str])]) -> Table {
    Table { rows: rows.iter().map(|(event, statuses)| (*event, statuses.to_vec())).collect() }
}

pub fn lifecycles() -> [(&'static str, Table); 3] {
    [("strict", Table::strict()), ("walk_in", Table::walk_in()), ("lenient", Table::lenient())]
}
