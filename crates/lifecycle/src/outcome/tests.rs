//! The sentences that explain an outcome.

use super::super::status::Status;
use super::*;

#[test]
fn every_code_has_a_sentence_with_the_rule_that_decided() {
    let strict = Lifecycle::strict();
    let told = |code, event: Option<&str>, met| {
        let event = event.map(|name| EventType::from_name(name).unwrap());
        Verdict::NotApplied(code).reason(event, met, &strict).unwrap()
    };
    let ready = Some(Status::Ready);
    for (code, event, met, sentence) in [
        (
            Code::StepStands,
            Some("checkin"),
            ready,
            "`checkin` was not applied: the appointment was READY, and `checkin` stands already; its first time is kept.",
        ),
        (
            Code::StepUndone,
            Some("undo_ready"),
            Some(Status::CheckedIn),
            "`undo_ready` was not applied: the appointment was CHECKED_IN, and `ready` was undone already and not done again since.",
        ),
        (
            Code::NotCreated,
            Some("checkin"),
            None,
            "`checkin` was not applied: there was no appointment yet, and under `strict` `checkin` is applied from SCHEDULED.",
        ),
        (
            Code::NotCreated,
            Some("undo_ready"),
            None,
            "`undo_ready` was not applied: there was no appointment yet, and `undo_ready` is applied only where `ready` is the last step that stands.",
        ),
        (
            Code::StatusNotAllowed,
            Some("checkin"),
            ready,
            "`checkin` was not applied: the appointment was READY, and under `strict` `checkin` is applied from SCHEDULED.",
        ),
        (
            Code::StepNotDone,
            Some("undo_callback"),
            ready,
            "`undo_callback` was not applied: the appointment was READY, and `undo_callback` is applied only where `callback` is the last step that stands; `callback` was never done.",
        ),
        (
            Code::StepNotLast,
            Some("undo_checkin"),
            ready,
            "`undo_checkin` was not applied: the appointment was READY, and `undo_checkin` is applied only where `checkin` is the last step that stands.",
        ),
        (
            Code::UnknownEventType,
            None,
            ready,
            "The event type is none of the 13 that are known, to the letter. The delivery was kept and changes nothing.",
        ),
    ] {
        assert_eq!(told(code, event, met), sentence);
    }
    let unreadable = Code::ALL.into_iter().filter(|code| matches!(code, Code::Unreadable(_)));
    for code in unreadable {
        assert!(told(code, None, None).starts_with("The body was kept but could not be read: "), "{code:?}");
    }
}

#[test]
fn a_rejection_that_waits_says_until_when() {
    let until = DateTime::from_timestamp_millis(1_772_463_851_678);
    let reason = |until| {
        let verdict = Verdict::NotApplied(Code::StatusNotAllowed);
        verdict.reason_until(Some(EventType::Ready), Some(Status::Scheduled), &Lifecycle::strict(), until).unwrap()
    };
    assert!(reason(until).ends_with(
        "is applied from CHECKED_IN. It waits until 2026-03-02T15:04:11.678Z for what it may have overtaken."
    ));
    assert!(reason(None).ends_with("is applied from CHECKED_IN."));
    assert_eq!(Verdict::Applied.reason_until(Some(EventType::Ready), None, &Lifecycle::strict(), until), None);
}
