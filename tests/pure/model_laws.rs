//! The oracle keeps the laws of the contract, over random histories.

use crate::support::{
    self,
    oracle::{
        histories::{EVENTS, WINDOW_MS, check, folded, last, lifecycles, told},
        model::{Sent, State, Table, fold},
    },
    random::Random,
};

/// Histories of each law, lifecycle and window.
/// How many histories each law is tried on.
fn histories() -> usize {
    support::times(400, 1_500)
}

/// Appends a delivery to a history.
fn send(sent: &mut Vec<Sent>, event: Option<&str>, pause_ms: i64) {
    let (position, now_ms) = sent.last().map_or((0, 0), |last| (last.position, last.received_at_ms));
    sent.push(Sent { position: position + 1, received_at_ms: now_ms + pause_ms, event: event.map(str::to_owned) });
}

/// Anything a log may hold. Every other event is one that is possible, or histories would rarely leave NONE.
fn random_history(random: &mut Random, table: &Table, window_ms: i64) -> Vec<Sent> {
    let mut sent = Vec::new();
    for _ in 0..random.below(16) {
        let event = match random.below(20) {
            0 => None,
            1 => Some("no_show"),
            2..11 => Some(random.one_of(&EVENTS)),
            _ => Some(random_possible(random, table, window_ms, &sent)),
        };
        let pause_ms = random.one_of(&[0, 1, 400, 2_000, 4_999, 5_000, 5_001, 0, 1, 400, 2_000, -30_000, -60_001]);
        send(&mut sent, event, pause_ms);
    }
    sent
}

/// All of it applied, each at the end, within a few seconds.
fn random_applied_history(random: &mut Random, table: &Table) -> Vec<Sent> {
    let mut sent = Vec::new();
    for _ in 0..1 + random.below(10) {
        let event = random_possible(random, table, 0, &sent);
        send(&mut sent, Some(event), random.one_of(&[0, 1, 100, 300]).into());
    }
    sent
}

/// An event that is applied at the end when it comes next.
fn random_possible(random: &mut Random, table: &Table, window_ms: i64, sent: &[Sent]) -> &'static str {
    let mut possible = EVENTS.to_vec();
    possible.retain(|event| {
        let mut with = sent.to_vec();
        send(&mut with, Some(event), 0);
        let state = fold(table, window_ms, &with);
        last(&state).outcome == "APPLIED" && !last(&state).late
    });
    random.one_of(&possible)
}

fn shown(sent: &[Sent]) -> String {
    let shown = |delivery: &Sent| format!("{}@{}", delivery.event.as_deref().unwrap_or("?"), delivery.received_at_ms);
    sent.iter().map(shown).collect::<Vec<_>>().join(", ")
}

#[test]
fn law_3_in_arrival_order_what_is_not_applied_changes_nothing() {
    for (name, table) in lifecycles() {
        let mut random = Random::new(3);
        for _ in 0..histories() {
            let sent = random_history(&mut random, &table, 0);
            for end in 1..=sent.len() {
                let before = fold(&table, 0, &sent[..end - 1]);
                let mut after = fold(&table, 0, &sent[..end]);
                let newest = after.judged.pop().expect("the history is not empty");
                if newest.outcome != "APPLIED" {
                    assert_eq!(after, before, "{name}: {}", shown(&sent[..end]));
                }
            }
        }
    }
}

/// "At once" is read as: at the end, when it arrives. And there must be an appointment before: one that `x` brings into
/// being (in `lenient`) is still there after its undo.
#[test]
fn law_4_an_undo_restores_status_and_standing_steps() {
    for (name, table) in lifecycles() {
        for window_ms in [0, WINDOW_MS] {
            let mut random = Random::new(4);
            for _ in 0..histories() {
                let sent = random_history(&mut random, &table, window_ms);
                let before = fold(&table, window_ms, &sent);
                if before.status.is_some() && before.waiting.is_empty() {
                    check_law_4(name, &table, window_ms, &sent, &before);
                }
            }
        }
    }
}

fn check_law_4(name: &str, table: &Table, window_ms: i64, sent: &[Sent], before: &State) {
    for step in ["checkin", "ready", "callback", "discharge", "remove"] {
        let mut done = sent.to_vec();
        send(&mut done, Some(step), 300);
        let state = fold(table, window_ms, &done);
        if last(&state).outcome != "APPLIED" || last(&state).late {
            continue;
        }
        send(&mut done, Some(&format!("undo_{step}")), 300);
        let after = fold(table, window_ms, &done);
        assert_eq!(
            (after.status, after.status_since_ms, &after.standing),
            (before.status, before.status_since_ms, &before.standing),
            "{name}, window {window_ms}: {}",
            shown(&done)
        );
    }
}

#[test]
fn law_5_a_history_delivered_twice_leaves_the_status() {
    for (name, table) in lifecycles() {
        let mut random = Random::new(5);
        for _ in 0..histories() {
            let sent = random_applied_history(&mut random, &table);
            let mut twice = sent.clone();
            for delivery in &sent {
                send(&mut twice, delivery.event.as_deref(), 100);
            }
            let (once, again) = (fold(&table, 0, &sent), fold(&table, 0, &twice));
            assert_eq!(again.status, once.status, "{name}: {}", shown(&twice));
        }
    }
}

/// With a window the rules and law 5 part: the second `undo_checkin` is impossible when it comes, waits, and is
/// applied once the second `undo_ready` has made room. The oracle follows the rules.
#[test]
fn law_5_does_not_hold_where_an_undo_of_the_second_time_waits() {
    let once = "create, checkin, undo_checkin, checkin, ready, undo_ready, ready";
    let twice = format!("{once}, {once}");
    check(&Table::strict(), 0, &twice, "READY: create checkin ready");
    check(&Table::strict(), WINDOW_MS, &twice, "SCHEDULED: create");
    let state = folded(&Table::strict(), WINDOW_MS, &twice);
    assert_eq!((state.judged[9].outcome_at_arrival, state.judged[9].applied_at), ("REJECTED", Some(13)));
}

#[test]
fn law_6_every_arrival_order_within_the_window_ends_the_same() {
    let (strict, walk_in, lenient) = (Table::strict(), Table::walk_in(), Table::lenient());
    for (table, history) in [
        (&strict, "create, checkin, ready, callback, discharge, remove"),
        (&strict, "create, checkin, ready, undo_ready, undo_checkin, remove"),
        (&strict, "create, reschedule, remove, undo_remove, checkin, discharge"),
        (&strict, "create, checkin, callback, undo_callback, discharge, undo_discharge"),
        (&strict, "create, remove, demographics_update, undo_remove"),
        (&walk_in, "create, ready, callback, undo_callback, discharge, remove"),
        (&walk_in, "create, checkin, undo_checkin, ready, discharge"),
        (&lenient, "checkin, create, undo_checkin, ready, discharge"),
        (&lenient, "reschedule, ready, undo_ready, checkin, callback"),
        (&lenient, "remove, undo_remove, create, checkin, ready"),
    ] {
        check_law_6(table, &history.split(", ").collect::<Vec<_>>());
    }
}

fn check_law_6(table: &Table, history: &[&str]) {
    let in_order = folded(table, WINDOW_MS, &history.join(", "));
    assert!(in_order.judged.iter().all(|judged| judged.outcome == "APPLIED" && !judged.late), "{history:?}");
    for order in permutations(history) {
        let state = folded(table, WINDOW_MS, &order.join(", "));
        assert_eq!(told(&state), told(&in_order), "{order:?} for {history:?}");
    }
}

fn permutations<'a>(events: &[&'a str]) -> Vec<Vec<&'a str>> {
    if events.is_empty() {
        return vec![Vec::new()];
    }
    let mut orders = Vec::new();
    for first in 0..events.len() {
        let mut rest = events.to_vec();
        let event = rest.remove(first);
        for mut order in permutations(&rest) {
            order.insert(0, event);
            orders.push(order);
        }
    }
    orders
}
