//! What one delivery costs the fold alone, on one core: `cargo bench --bench fold -- [--quick]`.
//!
//! Days as clinics have them, and the worst that one appointment can meet within a window. Each figure is the least of
//! several rounds: whatever else the machine does can only add to it. A machine's speed is its own; the ratios are ours.
#![allow(clippy::print_stdout, reason = "a bench prints its table")]

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use chrono::{DateTime, TimeDelta, Utc};
use clockfold::lifecycle::{Appointment, Arrival, EventType, FoldRules, Folded, Lifecycle};

/// In the order in which they happen; minutes lie between them.
const DAY: [&str; 9] =
    ["create", "demographics_update", "checkin", "ready", "undo_ready", "ready", "callback", "discharge", "reschedule"];
const MINUTES: [i64; 9] = [0, 60, 600, 3, 2, 4, 9, 15, 30];
/// How many deliveries come before the ones that are measured.
const BEFORE: [usize; 3] = [100, 1_000, 10_000];
/// How many are measured after them.
const MEASURED: usize = 200;

const PER_SECOND_MIN: f64 = 10e6;
const PER_SECOND_WITH_WINDOW_MIN: f64 = 3e6;
/// What one more may cost after the most, in what it costs after the least. The clock and the caches are not exact.
const GROWTH_MAX: f64 = 1.5;

/// Deliveries to one appointment, all within one window.
struct Worst {
    name: &'static str,
    /// What leads there.
    first: &'static str,
    /// In turns, as often as there are to be deliveries before.
    many: &'static str,
    /// What leads from there to what is measured.
    then: &'static str,
    /// In turns: what one more costs.
    more: &'static str,
    /// What each of those comes to, without its code.
    outcome: &'static str,
}

const WORST: [Worst; 6] = [
    Worst {
        name: "rejected",
        first: "create checkin ready callback discharge",
        many: "undo_remove",
        then: "",
        more: "undo_remove",
        outcome: "REJECTED",
    },
    Worst {
        name: "toggled",
        first: "create checkin",
        many: "ready undo_ready",
        then: "",
        more: "ready undo_ready",
        outcome: "APPLIED",
    },
    Worst {
        name: "rejected after toggles",
        first: "create checkin",
        many: "ready undo_ready",
        then: "callback undo_callback undo_checkin",
        more: "ready",
        outcome: "REJECTED",
    },
    Worst {
        name: "placed after toggles",
        first: "create checkin",
        many: "ready undo_ready",
        then: "callback discharge remove",
        more: "reschedule",
        outcome: "APPLIED",
    },
    Worst {
        name: "placed after placed",
        first: "create checkin ready callback discharge remove",
        many: "reschedule",
        then: "",
        more: "reschedule",
        outcome: "APPLIED",
    },
    Worst {
        name: "16 judged again",
        first: "create checkin ready undo_ready undo_checkin ready ready ready ready ready ready ready ready ready \
                ready ready ready ready ready ready ready",
        many: "remove undo_remove",
        then: "",
        more: "remove undo_remove",
        outcome: "APPLIED",
    },
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    // `cargo test --all-targets` runs benches too, without `--bench`: then it is enough that it works.
    let (rounds, histories) = match (has("--bench"), has("--quick")) {
        (false, _) => (2, 200),
        (true, true) => (10, 5_000),
        (true, false) => (60, 20_000),
    };
    let window = |seconds| FoldRules { lifecycle: Lifecycle::strict(), reorder_window: TimeDelta::seconds(seconds) };
    println!("the least of {rounds} rounds of {histories} histories\n");
    println!("                            deliveries/s   ns each");
    let days = |name: &str, rules: &FoldRules, spread| {
        let each = least(rounds, || day(rules, spread, histories));
        println!("{name:<26} {:>11.1} mio {each:>9.1}", 1e3 / each);
        each
    };
    let plain = days("days, no window", &window(0), true);
    let windowed = days("days, a window of 5 s", &window(5), true);
    let at_once = days("days, all within a window", &window(5), false);

    println!("\nOne more within the window, ns   after 100     1,000    10,000   to a day's");
    let mut grows = Vec::new();
    for worst in &WORST {
        let after = BEFORE.map(|before| worst.one_more(&window(5), before, rounds));
        let [least, middle, most] = after;
        println!("{:<30} {least:>11.1} {middle:>9.1} {most:>9.1} {:>10.1} x", worst.name, most / windowed);
        if most > least * GROWTH_MAX {
            grows.push(worst.name);
        }
    }

    println!();
    let told = |met| if met { "met" } else { "NOT MET" };
    for (name, each, least) in [
        ("no window", plain, PER_SECOND_MIN),
        ("a window", windowed, PER_SECOND_WITH_WINDOW_MIN),
        ("all within a window", at_once, PER_SECOND_WITH_WINDOW_MIN),
    ] {
        println!("{name}: {:.0} mio/s or more: {}", least / 1e6, told(1e9 / each >= least));
    }
    println!("one more costs the same however many came before: {} {}", told(grows.is_empty()), grows.join(", "));
}

/// The least of what each round says, in nanoseconds a delivery.
fn least(rounds: usize, mut round: impl FnMut() -> (Duration, usize)) -> f64 {
    let each = |(took, deliveries): (Duration, usize)| took.as_secs_f64() * 1e9 / deliveries as f64;
    (0..rounds).map(|_| each(round())).fold(f64::INFINITY, f64::min)
}

/// Folds the same day for many appointments, one after another.
fn day(rules: &FoldRules, spread: bool, histories: usize) -> (Duration, usize) {
    let mut received_at = start();
    let times = MINUTES.map(|minutes| {
        received_at += if spread { TimeDelta::minutes(minutes) } else { TimeDelta::milliseconds(minutes.min(100)) };
        received_at
    });
    let began = Instant::now();
    for _ in 0..histories {
        let mut appointment = Appointment::default();
        for ((position, event), received_at) in (1..).zip(black_box(DAY)).zip(times) {
            let arrival = Arrival { position, received_at, reading: Ok(event) };
            black_box(appointment.fold(rules, arrival));
        }
        black_box(appointment);
    }
    (began.elapsed(), histories * DAY.len())
}

impl Worst {
    /// What one more delivery costs, in nanoseconds, after many that all arrived in the same moment.
    fn one_more(&self, rules: &FoldRules, before: usize, rounds: usize) -> f64 {
        let mut appointment = Appointment::default();
        let [first, many, then, more] = [self.first, self.many, self.then, self.more].map(names);
        let many: Vec<&str> = many.into_iter().cycle().take(before).collect();
        let earlier = [first, many, then].concat();
        for (position, event) in (0..).zip(&earlier) {
            deliver(&mut appointment, rules, position, event);
        }
        let positions = earlier.len() as u64..;
        let more: Vec<(u64, &str)> = positions.zip(more.into_iter().cycle()).take(MEASURED).collect();
        self.check(appointment.clone(), rules, &more);
        // A round is short here, so that there can be more of them.
        least(rounds * 20, || {
            let mut appointment = appointment.clone();
            let began = Instant::now();
            for (position, event) in black_box(&more) {
                black_box(deliver(&mut appointment, rules, *position, event));
            }
            (began.elapsed(), more.len())
        })
    }

    /// That it measures what it says.
    fn check(&self, mut appointment: Appointment, rules: &FoldRules, more: &[(u64, &str)]) {
        for (position, event) in more {
            let outcome = deliver(&mut appointment, rules, *position, event).judgement.verdict.outcome();
            assert_eq!(outcome.name(), self.outcome, "{}: {event}", self.name);
        }
    }
}

fn deliver(appointment: &mut Appointment, rules: &FoldRules, position: u64, event: &str) -> Folded {
    appointment.fold(rules, Arrival { position, received_at: start(), reading: Ok(event) })
}

fn names(events: &'static str) -> Vec<&'static str> {
    events.split_whitespace().inspect(|event| assert!(EventType::from_name(event).is_some(), "{event}")).collect()
}

fn start() -> DateTime<Utc> {
    DateTime::from_timestamp_millis(1_772_463_845_678).expect("it is a time")
}
