//! The scalars of our own. All are strings: an Int has 32 bits.

use async_graphql::{ID, InputValueError, InputValueResult, Scalar, ScalarType, Value};
use chrono::{SecondsFormat, Utc};

use crate::{
    graphql::problem::Problem,
    log::{self, AppointmentId},
};

/// A moment.
#[derive(Clone, Copy)]
pub(super) struct DateTime(pub(super) chrono::DateTime<Utc>);

/// A moment as RFC 3339, in UTC, with three fractional digits and `Z`: `2026-03-02T15:04:05.678Z`.
#[Scalar(name = "DateTime", specified_by_url = "https://www.rfc-editor.org/rfc/rfc3339")]
impl ScalarType for DateTime {
    fn parse(value: Value) -> InputValueResult<DateTime> {
        parse_date_time(&value).ok_or_else(|| InputValueError::expected_type(value))
    }

    fn is_valid(value: &Value) -> bool {
        parse_date_time(value).is_some()
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

fn parse_date_time(value: &Value) -> Option<DateTime> {
    let Value::String(text) = value else { return None };
    chrono::DateTime::parse_from_rfc3339(text).ok().map(|moment| DateTime(moment.to_utc()))
}

/// A place in the log.
#[derive(Clone, Copy)]
pub(super) struct Position(pub(super) log::Position);

/// A place in the log as a decimal string without leading zeros: `"17"`. The first delivery has `"1"`; `"0"` is before it.
#[Scalar(name = "Position")]
impl ScalarType for Position {
    fn parse(value: Value) -> InputValueResult<Position> {
        parse_position(&value).ok_or_else(|| InputValueError::expected_type(value))
    }

    fn is_valid(value: &Value) -> bool {
        parse_position(value).is_some()
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_string())
    }
}

fn parse_position(value: &Value) -> Option<Position> {
    let Value::String(text) = value else { return None };
    canonical_position(text).map(Position)
}

/// Where a subscriber is.
#[derive(Clone, Copy)]
pub(super) struct Cursor(pub(super) log::Cursor);

/// Where a subscriber is: a `Position`, or a position, `@` and the first eight hexadecimal digits of the log's digest
/// there: `"17@1a2b3c4d"`. Whoever resumes after the long form in a log of another history, such as one that was restored
/// from an older copy and has grown since, is refused with `ANOTHER_HISTORY`. Items have the long form.
#[Scalar(name = "Cursor")]
impl ScalarType for Cursor {
    fn parse(value: Value) -> InputValueResult<Cursor> {
        parse_cursor(&value).ok_or_else(|| InputValueError::expected_type(value))
    }

    fn is_valid(value: &Value) -> bool {
        parse_cursor(value).is_some()
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_string())
    }
}

fn parse_cursor(value: &Value) -> Option<Cursor> {
    let Value::String(text) = value else { return None };
    text.parse().ok().map(Cursor)
}

/// Decimal digits without sign or leading zero.
pub(super) fn canonical_position(text: &str) -> Option<log::Position> {
    let position = log::Position::new(text.parse().ok()?);
    (position.to_string() == text).then_some(position)
}

pub(in crate::graphql) fn parse_appointment_id(id: &ID) -> Result<AppointmentId, Problem> {
    id.parse().map_err(|()| Problem::BadInput("An appointment's id is an integer from 1 to 9223372036854775807."))
}
