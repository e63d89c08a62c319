//! Every history of one appointment, up to a length, folded and held against the plain model of the contract, after each
//! of its events.
//!
//! A second lies between two events, so a window of five seconds holds the last six. `FOLD_TEST_EVENTS=7` takes histories of
//! up to seven events, by each built-in lifecycle, without a window and with one: `tests/run nightly` asks for that.

// What only random histories need of them is not used here.
#![allow(dead_code, unreachable_pub, missing_docs, clippy::unwrap_used, clippy::print_stdout)]

use std::thread;

use chrono::TimeDelta;
use clockfold_lifecycle::{EventType, FoldRules, Lifecycle};

#[path = "../../../tests/support/oracle/folded.rs"]
mod folded;
#[path = "../../../tests/support/oracle/model.rs"]
mod model;

use model::{Sent, Table};

const EVENTS: u32 = 6;
/// Nobody looks at the absolute time of anything.
const BEGIN_MS: i64 = 1_772_463_845_678;

/// Both folds after the same events.
#[derive(Clone)]
struct Both<'a> {
    real: folded::Folding<'a>,
    naive: model::Folding<'a>,
    events: Vec<EventType>,
}

impl Both<'_> {
    fn take(&mut self, event: EventType) {
        self.events.push(event);
        let position = self.events.len() as u64;
        let received_at_ms = BEGIN_MS + i64::try_from(position).unwrap() * 1_000;
        let sent = Sent { position, received_at_ms, event: Some(event.name().to_owned()) };
        self.real.take(&sent);
        self.naive.take(&sent);
        assert_eq!(self.real.state(), self.naive.clone().state(), "after {:?}", self.events);
    }

    /// Goes on with every event, up to so many more. Returns how many histories that are.
    fn go_on(&self, left: u32) -> u64 {
        if left == 0 {
            return 0;
        }
        EventType::ALL.into_iter().map(|event| self.with(event, left)).sum()
    }

    fn with(&self, event: EventType, left: u32) -> u64 {
        let mut longer = self.clone();
        longer.take(event);
        1 + longer.go_on(left - 1)
    }
}

/// Returns how many histories agree.
fn agree(lifecycle: &Lifecycle, table: &Table, window_s: i64, events: u32) -> u64 {
    let rules = FoldRules { lifecycle: lifecycle.clone(), reorder_window: TimeDelta::seconds(window_s) };
    let none = Both {
        real: folded::Folding::new(&rules),
        naive: model::Folding::new(table, window_s * 1_000),
        events: Vec::new(),
    };
    let first = |event| {
        let none = &none;
        move || none.with(event, events)
    };
    thread::scope(|scope| {
        let threads: Vec<_> = EventType::ALL.into_iter().map(|event| scope.spawn(first(event))).collect();
        threads.into_iter().map(|thread| thread.join().expect("no history differs")).sum()
    })
}

/// How many histories there are of one event to so many.
fn histories(events: u32) -> u64 {
    (1..=events).map(|length| (EventType::ALL.len() as u64).pow(length)).sum()
}

#[test]
fn every_history_agrees_with_the_model() {
    let wanted = std::env::var("FOLD_TEST_EVENTS").ok().and_then(|events| events.parse().ok());
    let Some(events) = wanted else {
        assert_eq!(agree(&Lifecycle::strict(), &Table::strict(), 0, EVENTS), histories(EVENTS));
        return;
    };
    for (name, lifecycle, table) in [
        ("strict", Lifecycle::strict(), Table::strict()),
        ("walk_in", Lifecycle::walk_in(), Table::walk_in()),
        ("lenient", Lifecycle::lenient(), Table::lenient()),
    ] {
        for window_s in [0, 5] {
            let agreed = agree(&lifecycle, &table, window_s, events);
            assert_eq!(agreed, histories(events));
            println!("{agreed} histories by {name} with a window of {window_s} s agree");
        }
    }
}
