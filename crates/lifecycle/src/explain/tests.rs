//! What would become of an event, as a person reads it.

use chrono::TimeDelta;

use super::super::table::Lifecycle;
use super::*;

fn at(ms: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(1_772_463_845_678 + ms).unwrap()
}

fn rules(lifecycle: &str, seconds: i64) -> FoldRules {
    FoldRules { lifecycle: Lifecycle::built_in(lifecycle).unwrap(), reorder_window: TimeDelta::seconds(seconds) }
}

/// The appointment that `events` make, delivered at once, from position 1 on.
fn folded(rules: &FoldRules, events: &str) -> Appointment {
    let mut appointment = Appointment::default();
    for (position, name) in (1..).zip(events.split_whitespace()) {
        appointment.fold(rules, Arrival { position, received_at: at(0), reading: Ok(name) });
    }
    appointment
}

/// `lifecycle seconds: events + event -> the sentence`.
fn check(story: &str) {
    let (told, expected) = story.split_once(" -> ").expect("a story has an arrow");
    let (chosen, events) = told.split_once(':').expect("a story begins with its rules");
    let (events, event) = events.split_once('+').expect("a story has an event to explain");
    let (lifecycle, seconds) = chosen.split_once(' ').expect("rules are a lifecycle and a window");
    let rules = rules(lifecycle, seconds.parse().unwrap());
    let event = EventType::from_name(event.trim()).expect("one of the 13");
    let explanation = folded(&rules, events).explain(&rules, event, at(1_000));
    assert_eq!(explanation.reason, expected, "{story}");
}

#[test]
fn what_would_be_applied_says_what_it_does() {
    for story in [
        "strict 0: + create -> `create` would be applied: there is no appointment yet, and it becomes SCHEDULED.",
        "strict 0: create checkin + ready -> `ready` would be applied: the appointment is CHECKED_IN and becomes READY.",
        "strict 0: create checkin ready + undo_ready -> `undo_ready` would be applied: the appointment is READY and becomes CHECKED_IN.",
        "strict 0: create + reschedule -> `reschedule` would be applied: the appointment is SCHEDULED and stays SCHEDULED.",
        "lenient 0: callback + create -> `create` would be applied: the appointment is CALLED_BACK and stays CALLED_BACK.",
        "strict 5: create checkin discharge + ready -> `ready` would be applied: it would be put before `discharge`, which overtook it. The appointment stays DISCHARGED.",
        "strict 5: create remove + reschedule -> `reschedule` would be applied: it would be put before `remove`, which overtook it. The appointment stays REMOVED.",
        "strict 5: create checkin ready callback + undo_ready -> `undo_ready` would be applied: it would be put before `callback`, which overtook it. The appointment stays CALLED_BACK.",
        "lenient 5: discharge + checkin -> `checkin` would be applied: it would be put before `discharge`, which overtook it. The appointment stays DISCHARGED.",
        "strict 5: create ready + checkin -> `checkin` would be applied: the appointment is SCHEDULED and becomes CHECKED_IN. It would let in what waits at position 2. The appointment becomes READY.",
        "strict 5: ready checkin reschedule + create -> `create` would be applied: there is no appointment yet, and it becomes SCHEDULED. It would let in what waits at the positions 2, 1 and 3. The appointment becomes READY.",
    ] {
        check(story);
    }
}

#[test]
fn what_would_not_be_applied_names_the_rule() {
    for story in [
        "strict 0: create + ready -> `ready` would not be applied: the appointment is SCHEDULED, and under `strict` `ready` is applied from CHECKED_IN.",
        "strict 0: + ready -> `ready` would not be applied: there is no appointment yet, and under `strict` `ready` is applied from CHECKED_IN.",
        "strict 0: create create + create -> `create` would not be applied: the appointment is SCHEDULED, and `create` stands already; its first time is kept.",
        "strict 0: create checkin undo_checkin + undo_checkin -> `undo_checkin` would not be applied: the appointment is SCHEDULED, and `checkin` was undone already and not done again since.",
        "strict 5: create + ready -> `ready` would not be applied: the appointment is SCHEDULED, and under `strict` `ready` is applied from CHECKED_IN. It would wait until 2026-03-02T15:04:11.678Z for what it may have overtaken.",
    ] {
        check(story);
    }
}

#[test]
fn the_window_ends_when_it_has_passed() {
    let rules = rules("strict", 5);
    let explanation = folded(&rules, "create").explain(&rules, EventType::Ready, at(1_000));
    assert_eq!(explanation.reconsidered_until, Some(at(6_000)));
    // Later than the window nothing is late, and nothing is let in.
    let discharged = folded(&rules, "create checkin discharge");
    assert!(discharged.explain(&rules, EventType::Ready, at(5_000)).late);
    assert!(!discharged.explain(&rules, EventType::Ready, at(5_001)).late);
    let waiting = folded(&rules, "create ready");
    assert_eq!(waiting.explain(&rules, EventType::Checkin, at(5_000)).lets_in, [2]);
    assert_eq!(waiting.explain(&rules, EventType::Checkin, at(5_001)).lets_in, [0; 0]);
}

#[test]
fn explaining_changes_nothing() {
    let rules = rules("strict", 5);
    let appointment = folded(&rules, "create ready");
    let before = appointment.clone();
    for event in EventType::ALL {
        appointment.explain(&rules, event, at(9_000));
    }
    assert_eq!(appointment, before);
}

/// What it lets in is put before it, and is no part of where it is put itself.
#[test]
fn what_is_let_in_does_not_change_where_it_would_be_put() {
    let rules = FoldRules { lifecycle: Lifecycle::for_tests(), reorder_window: TimeDelta::seconds(600) };
    let explanation = folded(&rules, "create callback checkin").explain(&rules, EventType::Ready, at(1_000));
    let told = "`ready` would be applied: it would be put before `callback`, which overtook it. It would let in what waits at position 3. The appointment stays CALLED_BACK.";
    assert_eq!(explanation.reason, told);
    assert_eq!(explanation.lets_in, [3]);
}
