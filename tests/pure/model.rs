//! Checks the oracle itself: the naive second implementation of the contract says what the contract's own examples
//! say. An oracle that is wrong would make the differential tests agree on nothing, or on an error.

use crate::support::oracle::{
    histories::{EVENTS, WINDOW_MS, check, check_last, custom, folded, last, lifecycles, outcomes, steps, told},
    model::{Judged, Table},
};

/// For each status a history that leads to it in every lifecycle.
const WAYS: [(&str, &str); 7] = [
    ("NONE", ""),
    ("SCHEDULED", "create"),
    ("CHECKED_IN", "create, checkin"),
    ("READY", "create, checkin, ready"),
    ("CALLED_BACK", "create, checkin, callback"),
    ("DISCHARGED", "create, checkin, discharge"),
    ("REMOVED", "create, remove"),
];

// The tables.

/// Every event but the undos from every status: `!` where it is applied, `2` where it repeats, `-` where it is neither.
fn check_table(table: &Table, expected: &[(&str, &str)]) {
    for (event, marks) in expected {
        let found: Vec<&str> = WAYS.iter().map(|(_, way)| mark(table, way, event)).collect();
        assert_eq!(found.join(" "), *marks, "{event}");
    }
}

fn mark(table: &Table, way: &str, event: &str) -> &'static str {
    match last(&folded(table, 0, &format!("{way}, {event}"))).outcome {
        "APPLIED" => "!",
        "DUPLICATE" => "2",
        "REJECTED" => "-",
        other => panic!("{event}: {other}"),
    }
}

#[test]
fn every_way_leads_to_its_status() {
    for (_, table) in lifecycles() {
        for (status, way) in WAYS {
            assert_eq!(folded(&table, 0, way).status.unwrap_or("NONE"), status);
        }
    }
}

#[test]
fn the_table_of_strict() {
    check_table(
        &Table::strict(),
        &[
            // NONE, SCHEDULED, CHECKED_IN, READY, CALLED_BACK, DISCHARGED, REMOVED
            ("create", "! 2 2 2 2 2 2"),
            ("reschedule", "- ! ! ! - - -"),
            ("demographics_update", "- ! ! ! ! ! !"),
            ("checkin", "- ! 2 2 2 2 -"),
            ("ready", "- - ! 2 - - -"),
            ("callback", "- - ! ! 2 - -"),
            ("discharge", "- - ! ! ! 2 -"),
            ("remove", "- ! ! ! ! ! 2"),
        ],
    );
}

#[test]
fn the_table_of_walk_in() {
    check_table(
        &Table::walk_in(),
        &[
            ("create", "! 2 2 2 2 2 2"),
            ("reschedule", "- ! ! ! - - -"),
            ("demographics_update", "- ! ! ! ! ! !"),
            ("checkin", "- ! 2 2 2 2 -"),
            ("ready", "- ! ! 2 - - -"),
            ("callback", "- ! ! ! 2 - -"),
            ("discharge", "- ! ! ! ! 2 -"),
            ("remove", "- ! ! ! ! ! 2"),
        ],
    );
}

#[test]
fn the_table_of_lenient() {
    check_table(
        &Table::lenient(),
        &[
            ("create", "! 2 2 2 2 2 2"),
            ("reschedule", "! ! ! ! - - -"),
            ("demographics_update", "! ! ! ! ! ! !"),
            ("checkin", "! ! 2 2 2 2 -"),
            ("ready", "! ! ! 2 - - -"),
            ("callback", "! ! ! ! 2 - -"),
            ("discharge", "! ! ! ! ! 2 -"),
            ("remove", "! ! ! ! ! ! 2"),
        ],
    );
}

#[test]
fn an_undo_is_applied_where_its_step_is_the_last_that_stands() {
    for (_, table) in lifecycles() {
        for (status, way) in WAYS {
            for undo in EVENTS.iter().filter(|event| event.starts_with("undo_")) {
                let before = folded(&table, 0, way);
                let after = folded(&table, 0, &format!("{way}, {undo}"));
                let is_last = steps(&before).last().is_some_and(|step| undo.ends_with(&format!("_{step}")));
                assert_eq!(last(&after).outcome, if is_last { "APPLIED" } else { "REJECTED" }, "{undo} when {status}");
            }
        }
    }
}

#[test]
fn an_undo_leads_back_to_the_status_before_its_step() {
    let strict = Table::strict();
    check(&strict, 0, "create, checkin, undo_checkin", "SCHEDULED: create");
    check(&strict, 0, "create, checkin, ready, undo_ready", "CHECKED_IN: create checkin");
    check(&strict, 0, "create, checkin, callback, undo_callback", "CHECKED_IN: create checkin");
    check(&strict, 0, "create, checkin, ready, callback, undo_callback", "READY: create checkin ready");
    check(&strict, 0, "create, checkin, ready, discharge, undo_discharge", "READY: create checkin ready");
    check(&strict, 0, "create, remove, undo_remove", "SCHEDULED: create");
    check(&strict, 0, "create, checkin, discharge, remove, undo_remove", "DISCHARGED: create checkin discharge");
    // One after another, the last first.
    check(&strict, 0, "create, checkin, ready, undo_ready, undo_checkin", "SCHEDULED: create");
}

#[test]
fn what_is_impossible_is_rejected() {
    let strict = Table::strict();
    check_last(&strict, "create, ready", "REJECTED");
    check_last(&strict, "create, remove, reschedule", "REJECTED");
    check_last(&strict, "create, checkin, discharge, ready", "REJECTED");
    check_last(&strict, "create, checkin, ready, discharge, ready", "DUPLICATE");
    check_last(&strict, "create, checkin, ready, undo_checkin", "REJECTED");
    for event in EVENTS.iter().filter(|event| **event != "create") {
        check_last(&strict, event, "REJECTED");
        check(&strict, 0, event, "NONE:");
    }
}

#[test]
fn what_the_rows_are_for() {
    let strict = Table::strict();
    check(&strict, 0, "create, checkin, discharge", "DISCHARGED: create checkin discharge");
    check(&strict, 0, "create, checkin, callback", "CALLED_BACK: create checkin callback");
    let toggled = folded(&strict, 0, "create, checkin, ready, undo_ready, ready, undo_ready, ready");
    assert_eq!(told(&toggled), "READY: create checkin ready");
    assert!(toggled.judged.iter().all(|judged| judged.outcome == "APPLIED"));
}

#[test]
fn a_walk_in_stands_in_the_queue_without_a_checkin() {
    check(&Table::walk_in(), 0, "create, ready, callback, discharge", "DISCHARGED: create ready callback discharge");
    check(&Table::strict(), 0, "create, ready, callback, discharge", "SCHEDULED: create");
}

// Appointments that came into being by something else than `create`.

#[test]
fn lenient_counts_as_scheduled_before_the_first_step() {
    let state = folded(&Table::lenient(), 0, "reschedule@700, demographics_update");
    assert_eq!(told(&state), "SCHEDULED: ");
    assert_eq!((state.status_since_ms, state.reschedule_count, state.demographics_update_count), (Some(700), 1, 1));
    assert_eq!((state.judged[0].before, state.judged[0].after), (None, Some("SCHEDULED")));
    check(&Table::lenient(), 0, "reschedule, checkin", "CHECKED_IN: checkin");
}

#[test]
fn lenient_counts_as_scheduled_after_its_only_step_was_undone() {
    let state = folded(&Table::lenient(), 0, "checkin@700, undo_checkin");
    assert_eq!(told(&state), "SCHEDULED: ");
    assert_eq!(state.status_since_ms, Some(700));
}

#[test]
fn a_create_after_all_stands_first_and_changes_nothing_else() {
    for (status, way) in WAYS.iter().skip(2) {
        let way = way.strip_prefix("create, ").expect("the way begins with it");
        let before = folded(&Table::lenient(), 0, way);
        let after = folded(&Table::lenient(), 0, &format!("{way}, create"));
        assert_eq!((last(&after).outcome, last(&after).late), ("APPLIED", false), "{status}");
        assert_eq!((last(&after).before, last(&after).after), (Some(*status), Some(*status)));
        assert_eq!((after.status, after.status_since_ms), (before.status, before.status_since_ms));
        assert_eq!(after.standing[0].0, "create");
        assert_eq!(after.standing[1..], before.standing);
    }
}

#[test]
fn a_create_after_all_is_the_last_step_where_it_is_the_only_one() {
    let state = folded(&Table::lenient(), 0, "reschedule@700, create@900");
    assert_eq!((told(&state).as_str(), state.status_since_ms), ("SCHEDULED: create", Some(900)));
    check_last(&Table::lenient(), "checkin, create, create", "DUPLICATE");
}

#[test]
fn a_create_after_all_needs_a_table_that_creates_from_none() {
    let table = custom(&[("create", &["CHECKED_IN"]), ("checkin", &["NONE"]), ("remove", &["CHECKED_IN"])]);
    check(&table, 0, "create", "NONE:");
    check(&table, 0, "checkin, create", "CHECKED_IN: create checkin");
    check(&table, 0, "checkin, remove, create", "REMOVED: checkin remove");
    // It is placed like anything else: between the two in the list, first among what stands.
    let state = folded(&table, WINDOW_MS, "checkin, remove, create");
    assert_eq!((told(&state).as_str(), last(&state).late), ("REMOVED: create checkin remove", true));
    assert_eq!((last(&state).before, last(&state).after), (Some("CHECKED_IN"), Some("CHECKED_IN")));
}

// How one delivery is judged.

#[test]
fn what_could_not_be_read_does_nothing_at_all() {
    let state = folded(&Table::strict(), 0, "?, create, ?");
    assert_eq!(outcomes(&state), "UNREADABLE APPLIED UNREADABLE");
    assert_eq!((last(&state).before, last(&state).after), (None, None));
    // Not even time passes for what waits.
    assert_eq!(folded(&Table::strict(), WINDOW_MS, "checkin@0, ?@9000").waiting, [1]);
}

#[test]
fn an_event_is_known_to_the_letter() {
    for event in ["\"\"", "CHECKIN", "undo_create", "no_show"] {
        let state = folded(&Table::lenient(), WINDOW_MS, &format!("create, {event}"));
        assert_eq!(last(&state).outcome, "UNRECOGNIZED", "{event}");
        assert_eq!((last(&state).before, last(&state).after), (Some("SCHEDULED"), Some("SCHEDULED")));
        assert!(state.waiting.is_empty(), "{:?}", state.waiting);
    }
    // It does not wait for the `create` that would make anything possible, nor bring an appointment into being.
    let state = folded(&Table::lenient(), WINDOW_MS, "CHECKIN");
    assert_eq!((told(&state).as_str(), state.status_since_ms), ("NONE: ", None));
}

#[test]
fn a_step_that_stands_already_is_a_duplicate_and_the_first_time_is_kept() {
    let state = folded(&Table::strict(), 0, "create@1, checkin@2, checkin@3");
    assert_eq!((outcomes(&state).as_str(), state.status_since_ms), ("APPLIED APPLIED DUPLICATE", Some(2)));
    check_last(&Table::strict(), "create, checkin, ready, callback, checkin", "DUPLICATE");
}

#[test]
fn an_undo_again_is_a_duplicate_until_the_step_is_done_again() {
    let strict = Table::strict();
    check_last(&strict, "create, checkin, undo_checkin, undo_checkin", "DUPLICATE");
    check_last(&strict, "create, checkin, undo_checkin, remove, undo_checkin", "DUPLICATE");
    check_last(&strict, "create, checkin, undo_checkin, checkin, undo_checkin", "APPLIED");
    check_last(&strict, "create, checkin, undo_checkin, checkin, ready, undo_checkin", "REJECTED");
}

#[test]
fn a_repeat_is_a_duplicate_where_a_custom_table_would_apply_it() {
    let table = custom(&[("create", &["NONE", "SCHEDULED"]), ("checkin", &["SCHEDULED", "CHECKED_IN"])]);
    check_last(&table, "create, create", "DUPLICATE");
    check_last(&table, "create, checkin, checkin", "DUPLICATE");
    check_last(&table, "create, reschedule", "REJECTED");
}

// Deliveries that overtake each other.

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
