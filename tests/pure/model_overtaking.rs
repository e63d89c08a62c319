//! Checks the oracle itself where deliveries overtake each other, wait, and arrive by a clock that was set back.

use crate::support::oracle::{
    histories::{WINDOW_MS, check, folded, last, outcomes, told},
    model::{Judged, Table},
};

#[test]
fn a_checkin_that_overtook_its_create() {
    let state = folded(&Table::strict(), WINDOW_MS, "checkin@100, create@200");
    assert_eq!(told(&state), "CHECKED_IN: create checkin");
    let checkin = Judged {
        position: 1,
        outcome: "APPLIED",
        outcome_at_arrival: "REJECTED",
        late: false,
        applied_at: Some(2),
        reconsidered_until_ms: None,
        before: Some("SCHEDULED"),
        after: Some("CHECKED_IN"),
    };
    let create = Judged {
        position: 2,
        outcome: "APPLIED",
        outcome_at_arrival: "APPLIED",
        late: false,
        applied_at: None,
        reconsidered_until_ms: None,
        before: None,
        after: Some("SCHEDULED"),
    };
    assert_eq!(state.judged, [checkin, create]);
    // A step's time is its own delivery's, though it is before that of the step it comes after.
    assert_eq!((state.standing, state.status_since_ms), (vec![("create", 200), ("checkin", 100)], Some(100)));
}

#[test]
fn a_ready_that_was_overtaken_by_discharge() {
    let state = folded(&Table::strict(), WINDOW_MS, "create@0, checkin@1, discharge@2, ready@3");
    assert_eq!(told(&state), "DISCHARGED: create checkin ready discharge");
    assert_eq!(state.status_since_ms, Some(2));
    let ready = last(&state);
    assert_eq!((ready.outcome, ready.outcome_at_arrival, ready.late), ("APPLIED", "APPLIED", true));
    assert_eq!((ready.applied_at, ready.before, ready.after), (None, Some("CHECKED_IN"), Some("READY")));
    // What it was placed before comes from another status now.
    assert_eq!((state.judged[2].before, state.judged[2].after), (Some("READY"), Some("DISCHARGED")));
}

#[test]
fn a_checkin_that_was_overtaken_by_remove() {
    let strict = Table::strict();
    check(&strict, WINDOW_MS, "create, remove, checkin", "REMOVED: create checkin remove");
    check(&strict, WINDOW_MS, "create, remove, checkin, undo_remove", "CHECKED_IN: create checkin");
    check(&strict, WINDOW_MS, "create, remove, checkin, undo_remove@60000", "CHECKED_IN: create checkin");
}

#[test]
fn a_swapped_pair_of_the_same_toggle_cannot_be_told() {
    let sent = "create, checkin, ready, undo_ready, ready";
    let arrived = "create, checkin, ready, ready, undo_ready";
    check(&Table::strict(), WINDOW_MS, sent, "READY: create checkin ready");
    check(&Table::strict(), WINDOW_MS, arrived, "CHECKED_IN: create checkin");
}

#[test]
fn with_a_window_of_zero_a_rejection_is_final() {
    let state = folded(&Table::strict(), 0, "checkin@5, create@5, remove@5, checkin@5");
    assert_eq!(outcomes(&state), "REJECTED APPLIED APPLIED REJECTED");
    assert!(state.waiting.is_empty(), "{:?}", state.waiting);
    assert!(state.judged.iter().all(|judged| judged.reconsidered_until_ms.is_none() && !judged.late));
}

#[test]
fn the_place_is_the_latest_of_several() {
    // From SCHEDULED and from CHECKED_IN it would be applied too.
    let state = folded(&Table::strict(), WINDOW_MS, "create, checkin, ready, remove, reschedule");
    assert_eq!((last(&state).late, last(&state).before), (true, Some("READY")));
    assert_eq!(state.reschedule_count, 1);
}

#[test]
fn a_place_must_leave_everything_after_it_applied() {
    // A callback between checkin and ready would make the ready impossible; after the ready it would not.
    check(
        &Table::strict(),
        WINDOW_MS,
        "create, checkin, ready, discharge, callback",
        "DISCHARGED: create checkin ready callback discharge",
    );
    // Before the `undo_checkin` it would have to be undone first, and before the `checkin` it is impossible.
    let state = folded(&Table::strict(), WINDOW_MS, "create, checkin, undo_checkin, ready");
    assert_eq!((told(&state).as_str(), last(&state).outcome), ("SCHEDULED: create", "REJECTED"));
}

#[test]
fn only_what_arrived_within_the_window_is_overtaken() {
    check(&Table::strict(), WINDOW_MS, "create@0, remove@1000, checkin@6000", "REMOVED: create checkin remove");
    check(&Table::strict(), WINDOW_MS, "create@0, remove@1000, checkin@6001", "REMOVED: create remove");
}

#[test]
fn a_delivery_waits_for_the_window_and_no_longer() {
    let strict = Table::strict();
    let state = folded(&strict, WINDOW_MS, "checkin@1000");
    assert_eq!((state.waiting.as_slice(), last(&state).reconsidered_until_ms), ([1].as_slice(), Some(6000)));
    assert_eq!((last(&state).before, last(&state).after), (None, None));
    check(&strict, WINDOW_MS, "checkin@1000, create@6000", "CHECKED_IN: create checkin");
    check(&strict, WINDOW_MS, "checkin@1000, create@6001", "SCHEDULED: create");
    // Any delivery that names the appointment shows that the time has passed.
    let state = folded(&strict, WINDOW_MS, "checkin@1000, no_show@6001");
    assert_eq!((state.waiting.as_slice(), state.judged[0].reconsidered_until_ms), ([].as_slice(), None));
    assert_eq!(outcomes(&state), "REJECTED UNRECOGNIZED");
}

#[test]
fn after_each_that_succeeds_the_earliest_is_judged_again() {
    // The `create` lets the third in, that the second, and that the first.
    let state = folded(&Table::strict(), WINDOW_MS, "undo_ready, ready, checkin, create");
    assert_eq!(told(&state), "CHECKED_IN: create checkin");
    assert!(state.judged.iter().take(3).all(|judged| judged.applied_at == Some(4) && !judged.late));
}

#[test]
fn what_waits_is_placed_where_it_is_not_applied_at_the_end() {
    // The `remove` is the earliest and is applied first; the `checkin` goes before it.
    let state = folded(&Table::strict(), WINDOW_MS, "remove, checkin, create");
    assert_eq!(told(&state), "REMOVED: create checkin remove");
    assert_eq!((state.judged[1].late, state.judged[1].applied_at), (true, Some(3)));
}

#[test]
fn what_waits_and_has_become_a_repeat_is_a_duplicate() {
    let state = folded(&Table::strict(), WINDOW_MS, "checkin, checkin, create");
    assert_eq!(outcomes(&state), "APPLIED DUPLICATE APPLIED");
    let repeat = &state.judged[1];
    assert_eq!((repeat.outcome_at_arrival, repeat.applied_at, repeat.late), ("REJECTED", None, false));
    assert_eq!((repeat.before, repeat.after), (Some("CHECKED_IN"), Some("CHECKED_IN")));
    assert!(state.waiting.is_empty(), "{:?}", state.waiting);
}

#[test]
fn what_is_judged_again_and_stays_rejected_keeps_the_statuses_of_its_arrival() {
    let state = folded(&Table::strict(), WINDOW_MS, "ready, create");
    assert_eq!((state.judged[0].outcome, state.judged[0].before, state.judged[0].after), ("REJECTED", None, None));
    assert_eq!(state.waiting, [1]);
}

#[test]
fn at_most_16_wait() {
    let sixteen = ["ready"; 16].join(", ");
    assert_eq!(folded(&Table::strict(), WINDOW_MS, &sixteen).waiting, (1..=16).collect::<Vec<u64>>());
    let state = folded(&Table::strict(), WINDOW_MS, &format!("checkin, {sixteen}"));
    assert_eq!(state.waiting, (2..=17).collect::<Vec<u64>>());
    assert_eq!(state.judged[0].reconsidered_until_ms, None);
    check(&Table::strict(), WINDOW_MS, &format!("checkin, {sixteen}, create"), "SCHEDULED: create");
}

// Where the clock was set back.

#[test]
fn what_arrived_more_than_a_minute_before_an_earlier_one_is_outside_every_window() {
    let strict = Table::strict();
    // Up to a minute back is as if no time had passed.
    check(&strict, WINDOW_MS, "checkin@100000, create@40000", "CHECKED_IN: create checkin");
    check(&strict, WINDOW_MS, "checkin@100000, create@39999", "SCHEDULED: create");
    check(&strict, WINDOW_MS, "create@99000, remove@100000, checkin@40000", "REMOVED: create checkin remove");
    check(&strict, WINDOW_MS, "create@99000, remove@100000, checkin@39999", "REMOVED: create remove");
    // The newest counts, not the last: the clock may be set back twice.
    check(&strict, WINDOW_MS, "create@99000, remove@100000, no_show@45000, checkin@-10000", "REMOVED: create remove");
    // What waited is over for good, also where the clock goes forward again.
    let state = folded(&strict, WINDOW_MS, "checkin@100000, no_show@39999, create@100001");
    assert_eq!((told(&state).as_str(), state.waiting.as_slice()), ("SCHEDULED: create", [].as_slice()));
    // From then on windows are as they always are.
    check(&strict, WINDOW_MS, "create@315000000, remove@1000, checkin@2000", "REMOVED: create checkin remove");
    check(
        &strict,
        WINDOW_MS,
        "create@315000000, checkin@1000, remove@2000, ready@3000",
        "REMOVED: create checkin ready remove",
    );
}
