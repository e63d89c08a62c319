//! The fold and the naive model of the contract agree, on random deliveries to one appointment.
//!
//! `FOLD_TEST_DELIVERIES` sets how many deliveries are compared; `tests/run` asks for a million.

use chrono::TimeDelta;
use clockfold::lifecycle::{EventType, FoldRules, Lifecycle, Met, MetSet, Status};

use crate::support::{
    oracle::{
        folded::fold,
        model::{self, Sent, Table},
    },
    random::Random,
};

const DELIVERIES: usize = 60_000;
const LENGTH_MAX: u64 = 50;
const WINDOWS_MS: [i64; 4] = [0, 1_000, 5_000, 90_000];

/// A history that mostly makes sense, out of which some deliveries are swapped, repeated, lost or odd.
fn history(random: &mut Random, window_ms: i64) -> Vec<Sent> {
    const DAY: [&str; 7] = ["create", "checkin", "ready", "undo_ready", "ready", "callback", "discharge"];
    let length = 1 + random.below(LENGTH_MAX);
    let sensible = random.below(3) > 0;
    let mut events: Vec<Option<String>> = Vec::new();
    for step in 0..length {
        let event = if sensible && random.below(4) > 0 {
            DAY[usize::try_from(step).unwrap() % DAY.len()]
        } else {
            random.one_of(&EventType::ALL).name()
        };
        match random.below(40) {
            0 => events.push(None),
            1 => events.push(Some("transfer_in".to_owned())),
            2 => events.extend([Some(event.to_owned()), Some(event.to_owned())]),
            _ => events.push(Some(event.to_owned())),
        }
    }
    events.truncate(usize::try_from(LENGTH_MAX).unwrap());
    for _ in 0..random.below(8) {
        let index = usize::try_from(random.below(events.len() as u64)).unwrap();
        let other = (index + 1 + usize::try_from(random.below(3)).unwrap()).min(events.len() - 1);
        events.swap(index, other);
    }
    let pace = random.one_of(&[0, 50, 400, 1_200, window_ms.max(1)]);
    let mut now_ms = 1_772_463_845_678;
    let mut sent = Vec::new();
    for (position, event) in (1..).zip(events) {
        now_ms += match random.below(12) {
            0 => window_ms,
            1 => window_ms + 1,
            2 => 0,
            // Other appointments' deliveries tell of the clock too: this one's may go back by less than the log's.
            3 if random.below(6) == 0 => -random.one_of(&[1, 5_000, 59_999, 60_000, 60_001, 65_000, 3_600_000]),
            _ => i64::try_from(random.below(pace.unsigned_abs() + 1)).unwrap(),
        };
        sent.push(Sent { position: position * 3, received_at_ms: now_ms, event });
    }
    sent
}

/// One of the built-in lifecycles, or a table that nobody would write.
fn lifecycle(random: &mut Random) -> (Lifecycle, Table) {
    match random.below(5) {
        0 => (Lifecycle::strict(), Table::strict()),
        1 => (Lifecycle::walk_in(), Table::walk_in()),
        2 => (Lifecycle::lenient(), Table::lenient()),
        kind => custom(random, kind == 3),
    }
}

/// A table with random rows; a `mild` one is `lenient` with some statuses more or less.
fn custom(random: &mut Random, mild: bool) -> (Lifecycle, Table) {
    let lenient = Lifecycle::lenient();
    let mets: Vec<Met> = std::iter::once(None).chain(Status::ALL.map(Some)).collect();
    let (mut rows, mut names) = (Vec::new(), Vec::new());
    for event in EventType::ALL.into_iter().filter(|event| lenient.applied_from(*event).is_some()) {
        let chance = |random: &mut Random, met| {
            let usual = lenient.applies(event, met);
            if mild { usual != (random.below(8) == 0) } else { random.below(2) == 0 }
        };
        let from: Vec<Met> = mets.iter().copied().filter(|met| chance(random, *met)).collect();
        rows.push((event, from.iter().fold(MetSet::default(), |set, met| set.with(*met))));
        names.push((event.name(), from.iter().map(|met| met.map_or("NONE", Status::name)).collect()));
    }
    (Lifecycle::custom("custom", &rows), Table { rows: names })
}

/// How often the histories reached what is hard.
#[derive(Debug, Default)]
struct Reached {
    late: usize,
    let_in: usize,
    turned_duplicate: usize,
}

fn agree(seed: u64, reached: &mut Reached) -> usize {
    let mut random = Random::new(seed);
    let (lifecycle, table) = lifecycle(&mut random);
    let window_ms = random.one_of(&WINDOWS_MS);
    let sent = history(&mut random, window_ms);
    let rules = FoldRules { lifecycle, reorder_window: TimeDelta::milliseconds(window_ms) };
    // The whole first; where the two differ, the shortest beginning that they differ on.
    let state = fold(&rules, &sent);
    for judged in &state.judged {
        reached.late += usize::from(judged.late);
        reached.let_in += usize::from(judged.applied_at.is_some());
        reached.turned_duplicate +=
            usize::from(judged.outcome != judged.outcome_at_arrival && judged.applied_at.is_none());
    }
    if state != model::fold(&table, window_ms, &sent) {
        for length in 1..=sent.len() {
            let (real, naive) = (fold(&rules, &sent[..length]), model::fold(&table, window_ms, &sent[..length]));
            assert_eq!(real, naive, "seed {seed}, {:?}, window {window_ms} ms, {:#?}", table, &sent[..length]);
        }
    }
    sent.len()
}

#[test]
fn the_fold_agrees_with_the_naive_model() {
    let wanted = std::env::var("FOLD_TEST_DELIVERIES").ok().and_then(|count| count.parse().ok());
    let wanted = wanted.unwrap_or(DELIVERIES);
    let (mut compared, mut seed, mut reached) = (0, 0, Reached::default());
    while compared < wanted {
        compared += agree(seed, &mut reached);
        seed += 1;
    }
    println!("{compared} deliveries in {seed} histories agree; {reached:?}");
    let Reached { late, let_in, turned_duplicate } = reached;
    assert!(late > compared / 200 && let_in > compared / 200 && turned_duplicate > compared / 10_000, "{reached:?}");
}
