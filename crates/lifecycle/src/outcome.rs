//! Outcomes, their stable codes, and the sentence that explains each.

use chrono::{DateTime, SecondsFormat, Utc};

use super::{
    event::{EventKind, EventType},
    status::{Met, MetSet},
    table::Lifecycle,
};

/// What became of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// It changed the appointment.
    Applied,
    /// It said again what already stands.
    Duplicate,
    /// The lifecycle does not apply it from where the appointment was.
    Rejected,
    /// Its event type is none of the 13.
    Unrecognized,
    /// Its body is not the vendor's JSON.
    Unreadable,
}

impl Outcome {
    /// All outcomes, in the order of the contract.
    pub const ALL: [Outcome; 5] =
        [Outcome::Applied, Outcome::Duplicate, Outcome::Rejected, Outcome::Unrecognized, Outcome::Unreadable];

    /// The name that the webhook's answer and GraphQL use.
    pub fn name(self) -> &'static str {
        match self {
            Outcome::Applied => "APPLIED",
            Outcome::Duplicate => "DUPLICATE",
            Outcome::Rejected => "REJECTED",
            Outcome::Unrecognized => "UNRECOGNIZED",
            Outcome::Unreadable => "UNREADABLE",
        }
    }
}

/// Why a body can't be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// Not JSON, even with trailing commas allowed. Also: not UTF-8, or empty.
    NotJson,
    /// JSON, but not an object.
    NotAnObject,
    /// `appointment_id` or `event_type` stands twice.
    FieldRepeated,
    /// No `appointment_id`.
    AppointmentIdMissing,
    /// `appointment_id` is not an integer from 1 to 2^63-1, nor the same as a decimal string.
    AppointmentIdInvalid,
    /// No `event_type`.
    EventTypeMissing,
    /// `event_type` is not a string.
    EventTypeInvalid,
    /// Not JSON by its media type, nor a JSON object by itself.
    MediaType,
    /// Its content coding is not known, or the stream does not decode: the body is kept as it came.
    ContentCoding,
}

/// A stable code a program can read; everything but APPLIED has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Code {
    /// DUPLICATE: the step stands already; its first time is kept.
    StepStands,
    /// DUPLICATE: the step was undone and not done again since.
    StepUndone,
    /// REJECTED: there is no appointment, and the lifecycle does not let this event bring it into being.
    NotCreated,
    /// REJECTED: the lifecycle does not apply the event from the status it met.
    StatusNotAllowed,
    /// REJECTED: an undo of a step that never stood.
    StepNotDone,
    /// REJECTED: an undo of a step that stands, but is not the last one.
    StepNotLast,
    /// UNRECOGNIZED: none of the 13 event types, to the letter.
    UnknownEventType,
    /// UNREADABLE, and why.
    Unreadable(Fault),
}

impl Code {
    /// All codes. The index of one is how the projection stores it.
    pub const ALL: [Code; 16] = [
        Code::StepStands,
        Code::StepUndone,
        Code::NotCreated,
        Code::StatusNotAllowed,
        Code::StepNotDone,
        Code::StepNotLast,
        Code::UnknownEventType,
        Code::Unreadable(Fault::NotJson),
        Code::Unreadable(Fault::NotAnObject),
        Code::Unreadable(Fault::FieldRepeated),
        Code::Unreadable(Fault::AppointmentIdMissing),
        Code::Unreadable(Fault::AppointmentIdInvalid),
        Code::Unreadable(Fault::EventTypeMissing),
        Code::Unreadable(Fault::EventTypeInvalid),
        Code::Unreadable(Fault::MediaType),
        Code::Unreadable(Fault::ContentCoding),
    ];

    /// The code with this name.
    pub fn from_name(name: &str) -> Option<Code> {
        Code::ALL.into_iter().find(|code| code.name() == name)
    }

    /// The code as programs see it.
    pub fn name(self) -> &'static str {
        match self {
            Code::StepStands => "STEP_STANDS",
            Code::StepUndone => "STEP_UNDONE",
            Code::NotCreated => "NOT_CREATED",
            Code::StatusNotAllowed => "STATUS_NOT_ALLOWED",
            Code::StepNotDone => "STEP_NOT_DONE",
            Code::StepNotLast => "STEP_NOT_LAST",
            Code::UnknownEventType => "UNKNOWN_EVENT_TYPE",
            Code::Unreadable(fault) => fault.name(),
        }
    }

    /// The outcome that it comes with.
    pub fn outcome(self) -> Outcome {
        Verdict::NotApplied(self).outcome()
    }

    /// The sentence where there is no event to name.
    fn without_event(self) -> &'static str {
        match self {
            Code::Unreadable(fault) => fault.reason(),
            // The others only ever go to one of the 13.
            Code::UnknownEventType
            | Code::StepStands
            | Code::StepUndone
            | Code::NotCreated
            | Code::StatusNotAllowed
            | Code::StepNotDone
            | Code::StepNotLast => {
                "The event type is none of the 13 that are known, to the letter. The delivery was kept and changes nothing."
            }
        }
    }
}

impl Fault {
    /// All faults.
    pub const ALL: [Fault; 9] = [
        Fault::NotJson,
        Fault::NotAnObject,
        Fault::FieldRepeated,
        Fault::AppointmentIdMissing,
        Fault::AppointmentIdInvalid,
        Fault::EventTypeMissing,
        Fault::EventTypeInvalid,
        Fault::MediaType,
        Fault::ContentCoding,
    ];

    /// The fault with this code.
    pub fn from_name(name: &str) -> Option<Fault> {
        Fault::ALL.into_iter().find(|fault| fault.name() == name)
    }

    /// The code as programs see it.
    pub fn name(self) -> &'static str {
        match self {
            Fault::NotJson => "NOT_JSON",
            Fault::NotAnObject => "NOT_AN_OBJECT",
            Fault::FieldRepeated => "FIELD_REPEATED",
            Fault::AppointmentIdMissing => "APPOINTMENT_ID_MISSING",
            Fault::AppointmentIdInvalid => "APPOINTMENT_ID_INVALID",
            Fault::EventTypeMissing => "EVENT_TYPE_MISSING",
            Fault::EventTypeInvalid => "EVENT_TYPE_INVALID",
            Fault::MediaType => "MEDIA_TYPE",
            Fault::ContentCoding => "CONTENT_CODING",
        }
    }

    /// The sentence for the person who wonders.
    pub fn reason(self) -> &'static str {
        match self {
            Fault::NotJson => {
                "The body was kept but could not be read: it is not JSON. A webhook's body is an object such as {\"appointment_id\": 12345, \"event_type\": \"checkin\"}."
            }
            Fault::NotAnObject => {
                "The body was kept but could not be read: it is JSON, but not an object with `appointment_id` and `event_type`."
            }
            Fault::FieldRepeated => {
                "The body was kept but could not be read: `appointment_id` or `event_type` stands in it twice."
            }
            Fault::AppointmentIdMissing => "The body was kept but could not be read: it has no `appointment_id`.",
            Fault::AppointmentIdInvalid => {
                "The body was kept but could not be read: `appointment_id` is neither an integer from 1 to 9223372036854775807 nor the same as a decimal string."
            }
            Fault::EventTypeMissing => "The body was kept but could not be read: it has no `event_type`.",
            Fault::EventTypeInvalid => "The body was kept but could not be read: `event_type` is not a string.",
            Fault::MediaType => {
                "The body was kept but could not be read: its Content-Type is not that of JSON, and it is not a JSON object by itself. Send JSON as application/json."
            }
            Fault::ContentCoding => {
                "The body was kept but could not be read: its Content-Encoding is none of gzip, deflate and identity, or the stream does not decode. It was kept as it came; send it without a content coding."
            }
        }
    }
}

/// An outcome together with its code, in the only combinations there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// APPLIED: there is nothing to explain.
    Applied,
    /// Any other outcome; the code implies which.
    NotApplied(Code),
}

impl Verdict {
    /// The outcome.
    pub fn outcome(self) -> Outcome {
        match self {
            Verdict::Applied => Outcome::Applied,
            Verdict::NotApplied(Code::StepStands | Code::StepUndone) => Outcome::Duplicate,
            Verdict::NotApplied(Code::NotCreated | Code::StatusNotAllowed | Code::StepNotDone | Code::StepNotLast) => {
                Outcome::Rejected
            }
            Verdict::NotApplied(Code::UnknownEventType) => Outcome::Unrecognized,
            Verdict::NotApplied(Code::Unreadable(_)) => Outcome::Unreadable,
        }
    }

    /// Whether it is ever given to a delivery of this event; `None` is a type that is none of the 13, or a body that
    /// can't be read.
    pub fn is_of(self, event: Option<EventType>) -> bool {
        let kind = event.map(EventType::kind);
        match self {
            Verdict::Applied | Verdict::NotApplied(Code::NotCreated) => kind.is_some(),
            Verdict::NotApplied(Code::StepStands) => matches!(kind, Some(EventKind::Step(_))),
            Verdict::NotApplied(Code::StatusNotAllowed) => {
                matches!(kind, Some(EventKind::Step(_) | EventKind::Detail))
            }
            Verdict::NotApplied(Code::StepUndone | Code::StepNotDone | Code::StepNotLast) => {
                matches!(kind, Some(EventKind::Undo(_)))
            }
            Verdict::NotApplied(Code::UnknownEventType | Code::Unreadable(_)) => kind.is_none(),
        }
    }

    /// The code; `None` for APPLIED.
    pub fn code(self) -> Option<Code> {
        match self {
            Verdict::Applied => None,
            Verdict::NotApplied(code) => Some(code),
        }
    }

    /// Why the delivery was not applied, with the rule that decided; `None` for APPLIED.
    ///
    /// `event` is `None` where the event type is none of the 13. An unrecognized type is not
    /// repeated in the sentence: it is the sender's text, and `rawEventType` has it.
    pub fn reason(self, event: Option<EventType>, met: Met, lifecycle: &Lifecycle) -> Option<String> {
        self.sentence(Tense::Past, event, met, lifecycle)
    }

    /// [`reason`](Verdict::reason), and for a rejection that still waits, until which arrival time it does.
    pub fn reason_until(
        self,
        event: Option<EventType>,
        met: Met,
        lifecycle: &Lifecycle,
        reconsidered_until: Option<DateTime<Utc>>,
    ) -> Option<String> {
        let reason = self.reason(event, met, lifecycle)?;
        Some(reason + &waits(Tense::Past, reconsidered_until))
    }

    /// What [`reason_until`](Verdict::reason_until) would say, before it has happened.
    pub(super) fn forecast(
        self,
        event: EventType,
        met: Met,
        lifecycle: &Lifecycle,
        reconsidered_until: Option<DateTime<Utc>>,
    ) -> Option<String> {
        let reason = self.sentence(Tense::Foretold, Some(event), met, lifecycle)?;
        Some(reason + &waits(Tense::Foretold, reconsidered_until))
    }

    fn sentence(self, tense: Tense, event: Option<EventType>, met: Met, lifecycle: &Lifecycle) -> Option<String> {
        let code = self.code()?;
        let Some(event) = event else { return Some(code.without_event().to_owned()) };
        let name = event.name();
        let undone = match event.kind() {
            EventKind::Undo(step) => step.event().name(),
            EventKind::Step(_) | EventKind::Detail => name,
        };
        let rule = match lifecycle.applied_from(event) {
            Some(from) => format!("under `{}` `{name}` is applied from {}", lifecycle.name(), list(from)),
            None => format!("`{name}` is applied only where `{undone}` is the last step that stands"),
        };
        let decided = match code {
            Code::StepStands => format!("`{name}` stands already; its first time is kept"),
            Code::StepUndone => format!("`{undone}` was undone already and not done again since"),
            Code::NotCreated | Code::StatusNotAllowed | Code::StepNotLast => rule,
            Code::StepNotDone => format!("{rule}; `{undone}` was never done"),
            Code::UnknownEventType | Code::Unreadable(_) => return Some(code.without_event().to_owned()),
        };
        let (not_applied, was) = match tense {
            Tense::Past => ("was not applied", "was"),
            Tense::Foretold => ("would not be applied", "is"),
        };
        Some(match met {
            Some(status) => format!("`{name}` {not_applied}: the appointment {was} {}, and {decided}.", status.name()),
            None => format!("`{name}` {not_applied}: there {was} no appointment yet, and {decided}."),
        })
    }
}

/// Whether a sentence says what became of a delivery, or what would.
#[derive(Clone, Copy)]
enum Tense {
    Past,
    Foretold,
}

/// Until when a rejection is not final, as a second sentence; nothing where it is.
fn waits(tense: Tense, until: Option<DateTime<Utc>>) -> String {
    let Some(until) = until else { return String::new() };
    let waits = match tense {
        Tense::Past => "waits",
        Tense::Foretold => "would wait",
    };
    let until = until.to_rfc3339_opts(SecondsFormat::Millis, true);
    format!(" It {waits} until {until} for what it may have overtaken.")
}

pub(super) fn list(from: MetSet) -> String {
    let names: Vec<&str> = from.iter().map(|met| met.map_or("NONE", |status| status.name())).collect();
    match names.split_last() {
        None => "no status".to_owned(),
        Some((last, [])) => (*last).to_owned(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
    }
}

#[cfg(test)]
mod tests;
