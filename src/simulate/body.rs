//! Bodies as senders write them: the vendor's form in its spacings, and a few that nobody can read.

use std::io::Write as _;

use crate::{
    lifecycle::{EventType, Fault},
    log::{AppointmentId, Reading},
};

/// How a sender writes a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// On one line, with a space after each colon and comma.
    Spaced,
    /// Without any white space.
    Compact,
    /// On four lines, as on the vendor's page, with its trailing comma.
    VendorsExample,
    /// On four lines, as on the vendor's page, without the comma that is too many.
    Lines,
}

/// What a sender says about an appointment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Said {
    /// One of the 13.
    Event(EventType),
    /// An event type that is none of the 13: the index in [`OTHER`].
    Other(u8),
    /// A body that can't be read: the index in [`BROKEN`].
    Broken(u8),
}

/// Event types that are none of the 13. The vendor has transfers, and has never said how they are written.
const OTHER: [&str; 5] = ["transfer_in", "transfer_out", "provider_in", "CHECKIN", ""];

/// What can be wrong with a body, each once, and such a body: `ID` stands for the appointment's number.
const BROKEN: [(Fault, &str); 7] = [
    // Cut off on the way.
    (Fault::NotJson, r#"{"appointment_id": ID, "event_ty"#),
    (Fault::NotAnObject, "[]"),
    (Fault::FieldRepeated, r#"{"appointment_id": ID, "appointment_id": ID, "event_type": "checkin"}"#),
    (Fault::AppointmentIdMissing, r#"{"event_type": "checkin"}"#),
    (Fault::AppointmentIdInvalid, r#"{"appointment_id": null, "event_type": "create"}"#),
    // The wrong name that the field had in the wild.
    (Fault::EventTypeMissing, r#"{"appointment_id": ID, "action": "checkin"}"#),
    (Fault::EventTypeInvalid, r#"{"appointment_id": ID, "event_type": null}"#),
];

impl Form {
    /// To draw from: as often as it is listed.
    pub(super) const USUAL: [Form; 8] = [
        Form::Spaced,
        Form::Spaced,
        Form::Spaced,
        Form::Compact,
        Form::Compact,
        Form::Lines,
        Form::Lines,
        Form::VendorsExample,
    ];

    fn write(self, id: AppointmentId, event_type: &str) -> Vec<u8> {
        let (before_id, before_event, end) = match self {
            Form::Spaced => (r#"{"appointment_id": "#, r#", "event_type": ""#, "\"}"),
            Form::Compact => (r#"{"appointment_id":"#, r#","event_type":""#, "\"}"),
            Form::VendorsExample => ("{\n  \"appointment_id\": ", ",\n  \"event_type\":     \"", "\",\n}"),
            Form::Lines => ("{\n  \"appointment_id\": ", ",\n  \"event_type\":     \"", "\"\n}"),
        };
        let mut body = Vec::with_capacity(96);
        body.extend_from_slice(before_id.as_bytes());
        // Writing to memory can't fail.
        let _ = write!(body, "{id}");
        for part in [before_event, event_type, end] {
            body.extend_from_slice(part.as_bytes());
        }
        body
    }
}

impl Said {
    /// The other event type for this number.
    pub(super) fn other(number: u64) -> Said {
        Said::Other(u8::try_from(number % OTHER.len() as u64).unwrap_or(0))
    }

    /// The broken body for this number.
    pub(super) fn broken(number: u64) -> Said {
        Said::Broken(u8::try_from(number % BROKEN.len() as u64).unwrap_or(0))
    }

    /// The body, and what the reader of bodies comes to.
    pub(super) fn about(self, id: AppointmentId, form: Form) -> (Vec<u8>, Reading) {
        let event_type = match self {
            Said::Event(event) => event.name(),
            Said::Other(index) => OTHER[usize::from(index)],
            Said::Broken(index) => {
                let (fault, body) = BROKEN[usize::from(index)];
                return (body.replace("ID", &id.to_string()).into_bytes(), Reading::Unreadable(fault));
            }
        };
        (form.write(id, event_type), Reading::Readable { appointment_id: id, event_type: event_type.into() })
    }
}
