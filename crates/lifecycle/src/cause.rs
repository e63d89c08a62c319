//! What a code means and what usually causes it, for somebody who looks at many deliveries with it.
//!
//! A code, an event and the source's table come in, a few sentences go out. [`Verdict::reason`](super::Verdict::reason)
//! says why one delivery was not applied.

use super::{
    event::{EventKind, EventType, Step},
    outcome::{Code, Fault, list},
    table::Lifecycle,
};

impl Code {
    /// What it means that deliveries of `event` have this code, and what usually causes it. `event` is `None` where the
    /// type is none of the 13 or the body can't be read.
    pub fn explanation(self, event: Option<EventType>, lifecycle: &Lifecycle) -> String {
        match (self, event) {
            (Code::Unreadable(fault), _) => unreadable(fault).to_owned(),
            (Code::UnknownEventType, _) | (_, None) => "The event type is none of the 13 that are known, to the letter: `rawEventType` has it as it was sent. Usually the vendor has added a type, or something between the vendor and this server spells it in another way.".to_owned(),
            (code, Some(event)) => known(code, event, lifecycle),
        }
    }
}

fn known(code: Code, event: EventType, lifecycle: &Lifecycle) -> String {
    let name = event.name();
    let undone = match event.kind() {
        EventKind::Undo(step) => step.event().name(),
        EventKind::Step(_) | EventKind::Detail => name,
    };
    let rule = || match lifecycle.applied_from(event) {
        Some(from) => format!("under `{}` `{name}` is applied from {}", lifecycle.name(), list(from)),
        None => format!("`{name}` is applied only where `{undone}` is the last step that stands"),
    };
    match code {
        Code::NotCreated => format!(
            "`{name}` came for an appointment that nothing had brought into being: {}. Usually it was booked before this source was switched on, or its `create` was lost or arrived after it. Where its `create` went to another source, the sender uses the wrong key.",
            rule()
        ),
        Code::StatusNotAllowed => {
            format!("`{name}` met a status that it is not applied from: {}. {}", rule(), skipped(event))
        }
        Code::StepNotDone => format!(
            "`{name}` takes back a step that never stood. Usually the `{undone}` before it was lost, or not applied itself."
        ),
        Code::StepNotLast => format!(
            "`{name}` takes back a step that is not the last one: a later step stands. Usually the undo of that later step is missing, or arrives right after."
        ),
        Code::StepStands => {
            format!(
                "`{name}` says again what stands already; its first time is kept. Usually it was sent twice, or a button was pressed twice."
            )
        }
        Code::StepUndone => {
            format!(
                "`{undone}` was undone already, and not done again since. Usually `{name}` was sent twice, or a button was pressed twice."
            )
        }
        // No known event has these codes.
        Code::UnknownEventType | Code::Unreadable(_) => rule(),
    }
}

/// What usually came before a step or a detail that met the wrong status.
fn skipped(event: EventType) -> &'static str {
    match event.kind() {
        EventKind::Step(Step::Ready | Step::Callback | Step::Discharge) => {
            "Usually a step before it is missing: the patient is a walk-in whom nobody checks in, or staff skipped a button. Or the appointment has ended, and the button was pressed late."
        }
        EventKind::Step(Step::Checkin) => {
            "Usually the appointment had ended, or a later step stands already and the check-in was pressed after it."
        }
        EventKind::Detail => {
            "Usually the change was made after the visit had ended, or while the patient was in a room."
        }
        EventKind::Step(Step::Create | Step::Remove) | EventKind::Undo(_) => {
            "Usually the lifecycle's table is narrower than what staff do."
        }
    }
}

fn unreadable(fault: Fault) -> &'static str {
    match fault {
        Fault::NotJson => {
            "The body is not JSON. Usually it is empty, cut short or sent as a form, or somebody tries the address by hand. The raw body shows which."
        }
        Fault::NotAnObject => {
            "The body is JSON, but not an object: a list or a bare value. Usually the sender wraps several webhooks into one, or it is not the vendor."
        }
        Fault::FieldRepeated => {
            "`appointment_id` or `event_type` stands twice in the body, and nothing tells which one counts. Usually something between the vendor and this server adds fields."
        }
        Fault::AppointmentIdMissing => {
            "The body has no `appointment_id`. Usually it is another kind of webhook, or the field has another name."
        }
        Fault::AppointmentIdInvalid => {
            "`appointment_id` is no positive integer, nor one as a decimal string. Usually the field holds another system's id, or a number with a fraction or an exponent."
        }
        Fault::EventTypeMissing => {
            "The body has no `event_type`. Usually it is another kind of webhook, or the field has another name."
        }
        Fault::EventTypeInvalid => {
            "`event_type` is not a string. Usually the field holds a number or an object of another system's form."
        }
        Fault::MediaType => {
            "The body's media type is not that of JSON, and the body is not a JSON object by itself. Usually it is sent as a form, as XML or as a file, or somebody tries the address by hand. The raw body shows which."
        }
        Fault::ContentCoding => {
            "The body came with a content coding that is not taken off here (only gzip and deflate are), or does not decode by it. Usually the sender, or a proxy before this server, compresses with brotli or zstd, or names a coding that it does not use. Turn that off: the body is kept as it came."
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EventType, Verdict};

    #[test]
    fn every_code_is_explained_for_every_event_that_can_have_it() {
        let events = || EventType::ALL.into_iter().map(Some).chain([None]);
        for code in Code::ALL {
            for event in events().filter(|event| Verdict::NotApplied(code).is_of(*event)) {
                let text = code.explanation(event, &Lifecycle::strict());
                assert!(text.ends_with('.') && text.contains("Usually"), "{text}");
                assert!(event.is_none_or(|event| text.contains(event.name())), "{text}");
            }
        }
        let text = Code::StatusNotAllowed.explanation(Some(EventType::Ready), &Lifecycle::walk_in());
        assert!(text.contains("under `walk_in` `ready` is applied from SCHEDULED or CHECKED_IN"), "{text}");
    }
}
