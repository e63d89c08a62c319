//! Checks the oracle itself: the naive second implementation of the contract says what the contract's own examples
//! say. An oracle that is wrong would make the differential tests agree on nothing, or on an error.

use crate::support::oracle::{
    histories::{EVENTS, WINDOW_MS, check, check_last, custom, folded, last, lifecycles, outcomes, steps, told},
    model::Table,
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
