//! The fold is total, forgets nothing over a restart, and agrees with the naive model, whatever is delivered when.
//!
//! From the repository's root, with `cargo install cargo-fuzz` and a C++ compiler:
//!
//! ```text
//! cargo fuzz run --fuzz-dir tests/fuzz --sanitizer none fold -- -max_total_time=300
//! cargo fuzz run --fuzz-dir tests/fuzz --sanitizer none body -- -max_total_time=300
//! cargo fuzz run --fuzz-dir tests/fuzz --sanitizer none rows -- -max_total_time=300
//! ```
//!
//! Without a sanitizer a stable compiler will do; with one it takes nightly, and finds nothing more where nothing is
//! unsafe.
#![no_main]

#[path = "../../support/folded.rs"]
mod folded;
#[path = "../../support/model.rs"]
mod model;

use chrono::{DateTime, TimeDelta, Utc};
use clockfold::lifecycle::{Appointment, Arrival, EventType, Fault, FoldRules, Lifecycle, Met, MetSet, Status};
use libfuzzer_sys::fuzz_target;
use model::{Sent, Table};

/// The model judges everything again from the first delivery on: it takes the cube of this.
const COMPARED_MAX: usize = 40;
const DAY_MS: i64 = 1_772_463_845_678;

fuzz_target!(|bytes: &[u8]| {
    let mut bytes = Bytes(bytes);
    let (lifecycle, table) = bytes.lifecycle();
    let window = bytes.window();
    let start = match bytes.next() % 8 {
        0 => DateTime::<Utc>::MIN_UTC,
        1 => DateTime::<Utc>::MAX_UTC - TimeDelta::seconds(6),
        _ => DateTime::from_timestamp_millis(DAY_MS).expect("it is a time"),
    };
    let rules = FoldRules { lifecycle, reorder_window: window };
    let deliveries = bytes.deliveries(start);
    total_and_the_same_over_restarts(&rules, &deliveries);
    let is_far = deliveries.iter().any(|(received_at, _)| received_at.timestamp_millis().abs() > DAY_MS * 2);
    if deliveries.len() <= COMPARED_MAX && !is_far && window <= TimeDelta::seconds(5) {
        agrees_with_the_model(&rules, &table, &deliveries);
    }
});

/// When it arrived, and its event type; `None` where the body could not be read.
type Delivered = (DateTime<Utc>, Option<String>);

fn total_and_the_same_over_restarts(rules: &FoldRules, deliveries: &[Delivered]) {
    let (mut live, mut restarted) = (Appointment::default(), Appointment::default());
    for (position, (received_at, event)) in (1..).zip(deliveries) {
        let reading = event.as_deref().ok_or(Fault::NotJson);
        let arrival = Arrival { position, received_at: *received_at, reading };
        restarted = Appointment::from_parts(restarted.parts().clone());
        assert_eq!(live.fold(rules, arrival), restarted.fold(rules, arrival));
        assert_eq!(live, restarted);
    }
}

fn agrees_with_the_model(rules: &FoldRules, table: &Table, deliveries: &[Delivered]) {
    let tell = |(position, (received_at, event)): (u64, &Delivered)| Sent {
        position,
        received_at_ms: received_at.timestamp_millis(),
        event: event.clone(),
    };
    let sent: Vec<Sent> = (1..).zip(deliveries).map(tell).collect();
    // There is no window before the arrival: it counts as none.
    let window_ms = rules.reorder_window.num_milliseconds().max(0);
    assert_eq!(folded::fold(rules, &sent), model::fold(table, window_ms, &sent));
}

/// What the fuzzer gives, taken from the front; zeros where it is at its end.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn next(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// One of the built-in lifecycles, or a table of any eight rows.
    fn lifecycle(&mut self) -> (Lifecycle, Table) {
        match self.next() % 4 {
            0 => (Lifecycle::strict(), Table::strict()),
            1 => (Lifecycle::walk_in(), Table::walk_in()),
            2 => (Lifecycle::lenient(), Table::lenient()),
            _ => self.custom(),
        }
    }

    fn custom(&mut self) -> (Lifecycle, Table) {
        let mets: Vec<Met> = std::iter::once(None).chain(Status::ALL.map(Some)).collect();
        let (mut rows, mut names) = (Vec::new(), Vec::new());
        for event in EventType::ALL.into_iter().filter(|event| !event.name().starts_with("undo_")) {
            let bits = self.next();
            let from = mets.iter().enumerate().filter(|(index, _)| bits & (1 << index) != 0).map(|(_, met)| *met);
            let from: Vec<Met> = from.collect();
            rows.push((event, from.iter().fold(MetSet::default(), |set, met| set.with(*met))));
            names.push((event.name(), from.iter().map(|met| met.map_or("NONE", Status::name)).collect()));
        }
        (Lifecycle::custom("custom", &rows), Table { rows: names })
    }

    fn window(&mut self) -> TimeDelta {
        match self.next() % 8 {
            0 => TimeDelta::zero(),
            1 => TimeDelta::milliseconds(1),
            2 => TimeDelta::MAX,
            3 => TimeDelta::milliseconds(-1),
            4 | 5 => TimeDelta::seconds(1),
            _ => TimeDelta::seconds(5),
        }
    }

    fn deliveries(&mut self, start: DateTime<Utc>) -> Vec<Delivered> {
        let mut now = start;
        let mut deliveries = Vec::new();
        while !self.0.is_empty() {
            let event = self.event();
            // The later times are as the window's ends are: just within, just beyond, and far beyond; and the clock may
            // have been set back.
            let later = match self.next() {
                byte @ ..=199 => TimeDelta::milliseconds(i64::from(byte)),
                byte @ 200..=249 => TimeDelta::milliseconds(i64::from(byte - 200) * 250 + i64::from(byte % 3) - 1),
                250 => TimeDelta::days(250),
                251 => TimeDelta::seconds(-60),
                252 => TimeDelta::milliseconds(-60_001),
                _ => TimeDelta::days(90_000_000),
            };
            now = now.checked_add_signed(later).unwrap_or(now);
            deliveries.push((now, event));
        }
        deliveries
    }

    fn event(&mut self) -> Option<String> {
        let byte = self.next();
        match EventType::ALL.get(usize::from(byte % 16)) {
            Some(event) => Some(event.name().to_owned()),
            None if byte % 16 == 13 => None,
            None => {
                let length = usize::from(byte / 16).min(self.0.len());
                let (text, rest) = self.0.split_at(length);
                self.0 = rest;
                Some(String::from_utf8_lossy(text).into_owned())
            }
        }
    }
}
