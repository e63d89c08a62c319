//! The contract of the fold, a story a line.

use super::*;
use crate::Status;

/// Folds `event[@milliseconds]` words. Returns the appointment and the final judgement of each word.
fn fold(rules: &FoldRules, events: &str) -> (Appointment, Vec<Judgement>) {
    let mut appointment = Appointment::default();
    let mut judgements: Vec<Judgement> = Vec::new();
    for (index, word) in events.split_whitespace().enumerate() {
        let (name, ms) = word.split_once('@').unwrap_or((word, "0"));
        let received_at = DateTime::from_timestamp_millis(ms.parse().unwrap()).unwrap();
        let folded = appointment.fold(rules, Arrival { position: index as u64, received_at, reading: Ok(name) });
        judgements.push(folded.judgement);
        for change in folded.changes {
            match change {
                Change::Judged { position, judgement } => judgements[usize::try_from(position).unwrap()] = judgement,
                Change::Moved { position, before, after } => {
                    let moved = &mut judgements[usize::try_from(position).unwrap()];
                    (moved.before, moved.after) = (before, after);
                }
            }
        }
    }
    (appointment, judgements)
}

/// Events in, for each `ok`, `late` or its code out, then the status. Before the events: the lifecycle's name and
/// the window in seconds.
fn check(story: &str) {
    let (events, expected) = story.split_once("->").expect("a story has an arrow");
    let (rules, events) = events.split_once(':').expect("a story begins with its rules");
    let (lifecycle, seconds) = rules.split_once(' ').unwrap_or((rules, "0"));
    let lifecycle = Lifecycle::built_in(lifecycle).unwrap();
    let reorder_window = TimeDelta::seconds(seconds.parse().unwrap());
    let (appointment, judgements) = fold(&FoldRules { lifecycle, reorder_window }, events);
    let tell = |judgement: &Judgement| match judgement.verdict.code() {
        None => {
            if judgement.late {
                "late"
            } else {
                "ok"
            }
        }
        Some(code) => code.name(),
    };
    let mut told: Vec<&str> = judgements.iter().map(tell).collect();
    told.push(appointment.status().map_or("NONE", Status::name));
    assert_eq!(told, expected.split_whitespace().collect::<Vec<_>>(), "{story}");
}

#[test]
fn strict_as_the_contract_says() {
    for story in [
        "strict: create checkin ready callback discharge -> ok ok ok ok ok DISCHARGED",
        "strict: create create -> ok STEP_STANDS SCHEDULED",
        "strict: ready create -> NOT_CREATED ok SCHEDULED",
        "strict: undo_ready -> NOT_CREATED NONE",
        "strict: create ready -> ok STATUS_NOT_ALLOWED SCHEDULED",
        "strict: create remove reschedule -> ok ok STATUS_NOT_ALLOWED REMOVED",
        "strict: create checkin discharge ready -> ok ok ok STATUS_NOT_ALLOWED DISCHARGED",
        "strict: create checkin ready discharge ready -> ok ok ok ok STEP_STANDS DISCHARGED",
        "strict: create checkin ready undo_checkin -> ok ok ok STEP_NOT_LAST READY",
        "strict: create checkin undo_checkin undo_checkin checkin -> ok ok ok STEP_UNDONE ok CHECKED_IN",
        "strict: create undo_checkin -> ok STEP_NOT_DONE SCHEDULED",
        "strict: create remove undo_remove checkin -> ok ok ok ok CHECKED_IN",
        "strict: create checkin ready undo_ready ready callback -> ok ok ok ok ok ok CALLED_BACK",
        "strict: create reschedule reschedule demographics_update -> ok ok ok ok SCHEDULED",
        "strict: create CHECKIN transfer_in -> ok UNKNOWN_EVENT_TYPE UNKNOWN_EVENT_TYPE SCHEDULED",
        "strict: create checkin discharge remove undo_remove undo_discharge -> ok ok ok ok ok ok CHECKED_IN",
    ] {
        check(story);
    }
}

#[test]
fn walk_in_and_lenient_as_the_contract_says() {
    for story in [
        "walk_in: create ready callback discharge -> ok ok ok ok DISCHARGED",
        "walk_in: create discharge -> ok ok DISCHARGED",
        "walk_in: ready -> NOT_CREATED NONE",
        "lenient: callback create undo_callback -> ok ok ok SCHEDULED",
        "lenient: checkin undo_checkin checkin -> ok ok ok CHECKED_IN",
        "lenient: demographics_update discharge create create -> ok ok ok STEP_STANDS DISCHARGED",
        "lenient: undo_ready -> NOT_CREATED NONE",
        "lenient: remove create reschedule -> ok ok STATUS_NOT_ALLOWED REMOVED",
    ] {
        check(story);
    }
}

#[test]
fn what_overtakes_within_the_window_is_placed_or_waits() {
    for story in [
        "strict 5: checkin create -> ok ok CHECKED_IN",
        "strict 5: create checkin discharge ready -> ok ok ok late DISCHARGED",
        "strict 5: create remove checkin undo_remove -> ok ok late ok CHECKED_IN",
        "strict 5: discharge callback ready checkin create -> ok late late ok ok DISCHARGED",
        "strict 5: create remove reschedule -> ok ok late REMOVED",
        "strict 5: create checkin ready callback undo_ready -> ok ok ok ok late CALLED_BACK",
        "strict 5: create@0 checkin@0 discharge@1000 ready@6000 -> ok ok ok late DISCHARGED",
        "strict 5: create@0 checkin@0 discharge@1000 ready@6001 -> ok ok ok STATUS_NOT_ALLOWED DISCHARGED",
        "strict 5: checkin@0 create@5000 -> ok ok CHECKED_IN",
        "strict 5: checkin@0 create@5001 -> NOT_CREATED ok SCHEDULED",
        "lenient 5: discharge checkin -> ok late DISCHARGED",
        "lenient 5: discharge reschedule -> ok late DISCHARGED",
    ] {
        check(story);
    }
}

#[test]
fn a_late_delivery_moves_what_follows_it() {
    let rules = FoldRules { reorder_window: TimeDelta::seconds(5), ..FoldRules::default() };
    let (appointment, judgements) = fold(&rules, "create@0 checkin@10 discharge@20 ready@30");
    assert_eq!(judgements[2].before, Some(Status::Ready));
    assert_eq!((judgements[3].before, judgements[3].after), (Some(Status::CheckedIn), Some(Status::Ready)));
    assert_eq!(appointment.status_since(), DateTime::from_timestamp_millis(20));
    assert_eq!(appointment.time_of(Step::Ready), DateTime::from_timestamp_millis(30));
}

#[test]
fn a_delivery_that_waited_says_what_let_it_in() {
    let rules = FoldRules { reorder_window: TimeDelta::seconds(5), ..FoldRules::default() };
    let (_, judgements) = fold(&rules, "checkin create");
    assert_eq!(judgements[0].applied_at(), Some(1));
    assert_eq!(judgements[0].outcome_at_arrival(), Outcome::Rejected);
    assert!(!judgements[0].late);
}

#[test]
fn at_most_sixteen_wait_and_the_earliest_gives_way() {
    let rules = FoldRules { reorder_window: TimeDelta::seconds(5), ..FoldRules::default() };
    let many = "demographics_update ".repeat(17);
    let (appointment, judgements) = fold(&rules, &format!("{many} create"));
    assert_eq!(judgements[0].verdict, Verdict::NotApplied(Code::NotCreated));
    assert!(judgements[1..].iter().all(|judgement| judgement.verdict == Verdict::Applied));
    assert_eq!(appointment.demographics_update_count(), 16);
}

#[test]
fn a_refusal_names_the_rule_that_decided() {
    let rules = FoldRules::default();
    let (appointment, _) = fold(&rules, "create");
    let verdict = appointment.judge(&rules.lifecycle, EventType::Callback);
    assert_eq!(
        verdict.reason(Some(EventType::Callback), appointment.status(), &rules.lifecycle).as_deref(),
        Some(
            "`callback` was not applied: the appointment was SCHEDULED, and under `strict` `callback` is applied from CHECKED_IN or READY."
        )
    );
}

/// The `checkin` waits, as `callback` does not follow it here; the `ready` that is put between lets it in.
#[test]
fn what_a_delivery_lets_in_right_before_itself_is_in_its_own_judgement() {
    let rules = FoldRules { lifecycle: Lifecycle::for_tests(), reorder_window: TimeDelta::seconds(600) };
    let mut appointment = Appointment::default();
    let mut folded = Vec::new();
    for (position, name) in (1..).zip(["create", "callback", "checkin", "ready"]) {
        folded
            .push(appointment.fold(&rules, Arrival { position, received_at: DateTime::UNIX_EPOCH, reading: Ok(name) }));
    }
    let Folded { judgement, changes, .. } = folded.pop().unwrap();
    assert_eq!((judgement.before, judgement.after), (Some(Status::CheckedIn), Some(Status::Ready)));
    assert!(!changes.iter().any(|change| matches!(change, Change::Moved { position: 4, .. })));
}
