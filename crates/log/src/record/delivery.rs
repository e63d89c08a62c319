//! What a delivery is, before and after the log has taken it.

use std::{fmt, str::FromStr, sync::Arc};

use chrono::{DateTime, Utc};

use clockfold_lifecycle::Fault;

use crate::record::digest::{Digest, commitment};

/// A place in the log. The first delivery has 1; 0 stands for "before the first".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(u64);

impl Position {
    /// Before the first delivery.
    pub const ZERO: Position = Position(0);

    /// The place with this number.
    pub const fn new(number: u64) -> Position {
        Position(number)
    }

    /// Its number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The place after this one.
    pub const fn next(self) -> Position {
        Position(self.0 + 1)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The vendor's number of an appointment: 1 to 2^63-1. With a source it identifies an appointment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AppointmentId(u64);

impl AppointmentId {
    /// The smallest one.
    pub const MIN: AppointmentId = AppointmentId(1);
    /// The largest one.
    pub const MAX: AppointmentId = AppointmentId(i64::MAX as u64);

    /// The id with this number; `None` outside 1 to 2^63-1.
    pub fn new(number: u64) -> Option<AppointmentId> {
        (AppointmentId::MIN.0..=AppointmentId::MAX.0).contains(&number).then_some(AppointmentId(number))
    }

    /// Its number.
    pub fn get(self) -> u64 {
        self.0
    }
}

impl FromStr for AppointmentId {
    type Err = ();

    /// Reads decimal digits without sign, fraction, exponent or leading zero.
    fn from_str(text: &str) -> Result<AppointmentId, ()> {
        let canonical = !text.starts_with('0') && !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = if canonical { text.parse().ok() } else { None };
        number.and_then(AppointmentId::new).ok_or(())
    }
}

impl fmt::Display for AppointmentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The name of a sender: `[a-z0-9-]{1,64}`. It never changes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceName(Arc<str>);

/// Not a source name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a source's name is 1 to 64 of the characters a-z, 0-9 and -")]
pub struct InvalidSourceName;

impl SourceName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SourceName {
    type Err = InvalidSourceName;

    fn from_str(text: &str) -> Result<SourceName, InvalidSourceName> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let valid = (1..=64).contains(&text.len()) && text.bytes().all(allowed);
        valid.then(|| SourceName(text.into())).ok_or(InvalidSourceName)
    }
}

impl fmt::Display for SourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What was read from a body when it arrived. It is fixed then; a better reader may read again what could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading {
    /// The vendor's two fields.
    Readable {
        /// The appointment.
        appointment_id: AppointmentId,
        /// The event type as it was sent, known or not.
        event_type: Box<str>,
    },
    /// Not the vendor's two fields, and why.
    Unreadable(Fault),
    /// Not the vendor's two fields by the reader of its time; a better one has read them since. The log holds the fault.
    ReadSince {
        /// Why it could not be read when it arrived.
        fault: Fault,
        /// The appointment.
        appointment_id: AppointmentId,
        /// The event type as it was sent, known or not.
        event_type: Box<str>,
    },
}

/// What a fold needs of a delivery: all but its body.
#[derive(Clone, Copy, Debug)]
pub struct Outline<'a> {
    /// Its place in the log.
    pub position: Position,
    /// When it arrived.
    pub received_at: DateTime<Utc>,
    /// Who sent it.
    pub source: &'a SourceName,
    /// The sender's id of it.
    pub delivery_id: Option<&'a str>,
    /// The appointment, and the event type as it was sent; or why neither could be read.
    pub said: Result<(AppointmentId, &'a str), Fault>,
}

impl<'a> From<&'a Delivery> for Outline<'a> {
    fn from(delivery: &'a Delivery) -> Outline<'a> {
        let Delivery { position, received_at, ref source, ref reading, ref delivery_id, .. } = *delivery;
        let said = match reading {
            Reading::Readable { appointment_id, event_type }
            | Reading::ReadSince { appointment_id, event_type, .. } => Ok((*appointment_id, &**event_type)),
            Reading::Unreadable(fault) => Err(*fault),
        };
        Outline { position, received_at, source, delivery_id: delivery_id.as_deref(), said }
    }
}

/// Reads a body again that could not be read when it arrived, for this reason.
pub type BodyReader = fn(Fault, &[u8]) -> Reading;

impl Reading {
    /// The appointment, where the body could be read.
    pub fn appointment_id(&self) -> Option<AppointmentId> {
        match self {
            Reading::Readable { appointment_id, .. } | Reading::ReadSince { appointment_id, .. } => {
                Some(*appointment_id)
            }
            Reading::Unreadable(_) => None,
        }
    }

    /// The event type as it was sent, or why it could not be read.
    pub fn event_type(&self) -> Result<&str, Fault> {
        match self {
            Reading::Readable { event_type, .. } | Reading::ReadSince { event_type, .. } => Ok(event_type),
            Reading::Unreadable(fault) => Err(*fault),
        }
    }

    /// Whether both name the same appointment and event, or can't be read for the same reason.
    pub fn says_the_same(&self, other: &Reading) -> bool {
        self.appointment_id() == other.appointment_id() && self.event_type() == other.event_type()
    }
}

/// An authenticated POST on its way into the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewDelivery {
    /// Who sent it.
    pub source: SourceName,
    /// What was read from it.
    pub reading: Reading,
    /// The sender's own id of the delivery, where the source names a header for it.
    pub delivery_id: Option<String>,
    /// The body, byte for byte.
    pub body: Vec<u8>,
}

/// A delivery as the log holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Its place.
    pub position: Position,
    /// Its arrival time, in milliseconds; before that of the delivery before it only where the clock was set back.
    pub received_at: DateTime<Utc>,
    /// Who sent it.
    pub source: SourceName,
    /// What was read from it when it arrived.
    pub reading: Reading,
    /// The sender's own id of the delivery.
    pub delivery_id: Option<String>,
    /// What was sent.
    pub body: Body,
}

impl Delivery {
    /// The same delivery, read again where it could not be read when it arrived and its body is there.
    pub fn read_again(mut self, reader: BodyReader) -> Delivery {
        if let (Reading::Unreadable(fault), Body::Kept { bytes, .. }) = (&self.reading, &self.body)
            && let Reading::Readable { appointment_id, event_type } = reader(*fault, bytes)
        {
            self.reading = Reading::ReadSince { fault: *fault, appointment_id, event_type };
        }
        self
    }
}

/// A delivery's body, or what is left of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// The bytes, and the salt that keeps an erased body from being guessed.
    Kept {
        /// 16 random bytes.
        salt: [u8; 16],
        /// The body, byte for byte.
        bytes: Vec<u8>,
    },
    /// Erased on purpose; the chain still verifies.
    Erased {
        /// `BLAKE3(salt ‖ body)`.
        commitment: Digest,
    },
}

impl Body {
    /// `BLAKE3(salt ‖ body)`.
    pub fn commitment(&self) -> Digest {
        match self {
            Body::Kept { salt, bytes } => commitment(salt, bytes),
            Body::Erased { commitment } => *commitment,
        }
    }
}
