//! What is explained beforehand is what then happens: held against the naive model of the contract, which folds the
//! event for real, on random deliveries to one appointment.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use clockfold::lifecycle::{Appointment, Arrival, EventType, Explanation, FoldRules, Lifecycle, MetSet, Status};

use crate::support::{
    oracle::model::{self, Judged, Sent, Table},
    random::Random,
};

const HISTORIES: u64 = 3_000;
const DAY: [&str; 8] = ["create", "checkin", "ready", "undo_ready", "ready", "callback", "discharge", "remove"];

fn time(ms: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(ms).unwrap()
}

/// A built-in lifecycle, or `strict` with a `reschedule` that is only applied from READY and DISCHARGED.
fn one_of_them(random: &mut Random) -> (Lifecycle, Table) {
    match random.index(4) {
        0 => (Lifecycle::strict(), Table::strict()),
        1 => (Lifecycle::walk_in(), Table::walk_in()),
        2 => (Lifecycle::lenient(), Table::lenient()),
        _ => {
            let (from, names) = (MetSet::of(&[Status::Ready, Status::Discharged]), vec!["READY", "DISCHARGED"]);
            let strict = Lifecycle::strict();
            let row = |event| if event == EventType::Reschedule { Some(from) } else { strict.applied_from(event) };
            let rows: Vec<_> = EventType::ALL.into_iter().filter_map(|event| Some((event, row(event)?))).collect();
            let mut table = Table::strict();
            table.rows.retain(|(event, _)| *event != "reschedule");
            table.rows.push(("reschedule", names));
            (Lifecycle::custom("picky", &rows), table)
        }
    }
}

/// A part of a day in which some deliveries are swapped, and some are odd.
fn history(random: &mut Random) -> Vec<Sent> {
    let mut events: Vec<&str> = DAY[..random.index(DAY.len() + 1)].to_vec();
    for _ in 0..random.index(4) {
        let odd = EventType::ALL[random.index(EventType::ALL.len())].name();
        events.insert(random.index(events.len() + 1), odd);
    }
    for _ in 0..random.index(4) {
        let index = random.index(events.len().max(1));
        if index + 1 < events.len() {
            events.swap(index, index + 1);
        }
    }
    let mut received_at_ms = 1_772_463_845_678;
    let sent = events.into_iter().zip(1..).map(|(event, position)| {
        received_at_ms += [0, 1, 400, 2_000, 5_001][random.index(5)];
        Sent { position, received_at_ms, event: Some(event.to_owned()) }
    });
    sent.collect()
}

/// What was explained, for one event, against what the model says that then became of it.
fn compare(explained: &Explanation, sent: &[Sent], (table, window_ms): (&Table, i64)) {
    let state = model::fold(table, window_ms, sent);
    let became: &Judged = state.judged.last().unwrap();
    let let_in = |judged: &&Judged| judged.applied_at == Some(became.position);
    let mut lets_in = explained.lets_in.clone();
    lets_in.sort_unstable();
    assert_eq!(explained.verdict.outcome().name(), became.outcome);
    assert_eq!(explained.late, became.late);
    assert_eq!(explained.status_after.map(Status::name), state.status);
    assert_eq!(lets_in, state.judged.iter().filter(let_in).map(|judged| judged.position).collect::<Vec<_>>());
    assert_eq!(explained.reconsidered_until.map(|until| until.timestamp_millis()), became.reconsidered_until_ms);
    let waits = explained.reconsidered_until.map(|until| until.to_rfc3339_opts(SecondsFormat::Millis, true));
    assert_eq!(explained.reason.contains("would wait until"), waits.is_some());
    assert!(waits.is_none_or(|until| explained.reason.contains(&until)));
    assert_eq!(explained.reason.contains("would not be applied: "), became.outcome != "APPLIED");
    // With nothing let in around it, what it was put before is what the sentence says.
    if became.late && lets_in.is_empty() {
        let order = model::order(table, window_ms, sent);
        let place = order.iter().position(|position| *position == became.position).unwrap();
        let next = sent.iter().find(|sent| sent.position == order[place + 1]).unwrap();
        let before = format!("put before `{}`, which overtook it.", next.event.as_ref().unwrap());
        assert!(explained.reason.contains(&before), "{before} {}", explained.reason);
    }
}

#[test]
fn what_is_explained_is_what_then_happens() {
    let (mut late, mut let_in, mut undone) = (0, 0, 0);
    for seed in 0..HISTORIES {
        let mut random = Random::new(seed);
        let (lifecycle, table) = one_of_them(&mut random);
        let window_ms = [0, 1_000, 5_000][random.index(3)];
        let rules = FoldRules { lifecycle, reorder_window: TimeDelta::milliseconds(window_ms) };
        let sent = history(&mut random);
        let mut appointment = Appointment::default();
        for Sent { position, received_at_ms, event } in &sent {
            let reading = Ok(event.as_deref().unwrap());
            appointment.fold(&rules, Arrival { position: *position, received_at: time(*received_at_ms), reading });
        }
        let last = sent.last().map_or((0, 1_772_463_845_678), |last| (last.position, last.received_at_ms));
        let received_at_ms = last.1 + [0, 1, 1_000, 5_000][random.index(4)];
        for event in EventType::ALL {
            let explained = appointment.explain(&rules, event, time(received_at_ms));
            let next = Sent { position: last.0 + 1, received_at_ms, event: Some(event.name().to_owned()) };
            let sent = [sent.as_slice(), &[next]].concat();
            compare(&explained, &sent, (&table, window_ms));
            late += usize::from(explained.late);
            let_in += usize::from(!explained.lets_in.is_empty());
            undone += usize::from(explained.late && explained.reason.contains("put before `undo_"));
        }
    }
    assert!(late > 500 && let_in > 200 && undone > 0, "{late} late, {let_in} let others in, {undone} before an undo");
}
