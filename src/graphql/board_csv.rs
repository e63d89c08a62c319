//! The board as a table: comma-separated values by RFC 4180, a row an appointment.
//!
//! All rows are there, however many a column has. They are made source by source, so that only one source's are held. A
//! value that a spreadsheet would take for a formula becomes text.

use std::{
    borrow::Cow,
    io::{self, Write},
    sync::Arc,
};

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use csv::{Terminator, WriterBuilder};

use crate::{
    access::Viewer,
    graphql::schema::board::check_hours,
    lifecycle::Status,
    log::SourceName,
    projection::{Card, Deadline, Moment, Page},
};

use super::{FeedError, Graph, problem::Problem, scope::Scope};

const HOURS_USUAL: i32 = 24;

/// The columns. More may be added at the end.
const HEADER: [&str; 10] = [
    "source",
    "appointmentId",
    "status",
    "statusSince",
    "stale",
    "lastEventType",
    "lastOutcome",
    "lastReceivedAt",
    "lastPosition",
    "deliveries",
];

/// A board that is about to be written.
pub struct BoardCsv {
    scope: Scope,
    sources: Vec<SourceName>,
    moment: Moment,
    ended_within: TimeDelta,
}

impl Graph {
    /// The board that `viewer` may see, as it is now, written within `deadline`. Reads from disk: call it where
    /// blocking is fine.
    pub fn board_csv(
        &self,
        source: Option<&str>,
        ended_within_hours: Option<i32>,
        viewer: Viewer,
        deadline: Deadline,
    ) -> Result<BoardCsv, FeedError> {
        let scope = Scope::new(Arc::clone(&self.stores), viewer).within(deadline);
        let hours = ended_within_hours.unwrap_or(HOURS_USUAL);
        let begin = || {
            check_hours(hours)?;
            Ok((scope.select(source)?, scope.this_moment()?))
        };
        let begun: Result<_, Problem> = begin();
        let (sources, moment) = begun.map_err(|problem| match problem {
            Problem::BadInput(_) => FeedError::BadInput,
            Problem::SourceNotFound => FeedError::SourceNotFound,
            Problem::StorageFailed => FeedError::StorageFailed,
            _ => FeedError::Internal,
        })?;
        Ok(BoardCsv { scope, sources, moment, ended_within: TimeDelta::hours(hours.into()) })
    }
}

impl BoardCsv {
    /// The moment that it shows.
    pub fn as_of(&self) -> DateTime<Utc> {
        self.moment.time
    }

    /// Writes the header and every row: by source, then in the order of a visit, the longest wait first, and at last
    /// the stale ones. An error of the storage ends it in the middle, so that no reader takes it for whole.
    pub fn write(&self, output: &mut dyn Write) -> io::Result<()> {
        row(output, HEADER.map(Cow::Borrowed))?;
        for source in &self.sources {
            let of = [self.scope.board_of(source)];
            let board = self.scope.view().board(&of, self.moment, self.ended_within, usize::MAX);
            let board = board.map_err(|error| failed(error.into()))?;
            let columns = board.columns.values().map(|column| (column, false));
            for (column, stale) in columns.chain([(&board.stale, true)]) {
                column.first.iter().try_for_each(|card| self.write_card(card, stale, output))?;
            }
        }
        Ok(())
    }

    fn write_card(&self, card: &Card, stale: bool, output: &mut dyn Write) -> io::Result<()> {
        let record = self.scope.view().record_of(card).map_err(|error| failed(error.into()))?;
        let key = &record.key;
        let page = Page { after: None, before: None, limit: 1, from_end: true };
        let last = self.scope.view().history(key, self.scope.rules(&key.source), &page);
        let last = last.map_err(|error| failed(error.into()))?.items.pop();
        // As GraphQL names them.
        let event = last.and_then(|entry| entry.event).map_or(String::new(), |event| event.name().to_ascii_uppercase());
        let outcome = last.map_or("", |entry| entry.told.judgement.verdict.outcome().name());
        let time = |time: Option<DateTime<Utc>>| {
            time.map_or(String::new(), |time| time.to_rfc3339_opts(SecondsFormat::Millis, true))
        };
        row(
            output,
            [
                key.source.as_str().into(),
                key.appointment_id.to_string().into(),
                record.appointment.status().map_or("", Status::name).into(),
                time(record.appointment.status_since()).into(),
                if stale { "yes" } else { "no" }.into(),
                event.into(),
                outcome.into(),
                time(Some(record.last_received_at)).into(),
                record.last_position.to_string().into(),
                record.delivery_count.to_string().into(),
            ],
        )
    }
}

/// The cause is in our own log already.
fn failed(problem: Problem) -> io::Error {
    io::Error::other(problem.to_string())
}

fn row<const N: usize>(output: &mut dyn Write, fields: [Cow<'_, str>; N]) -> io::Result<()> {
    let mut row = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(output);
    row.write_record(fields.iter().map(|field| as_text(field).into_owned()))?;
    row.flush()
}

/// A field that no spreadsheet takes for a formula: a source's name may begin with a hyphen.
fn as_text(field: &str) -> Cow<'_, str> {
    match field.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) {
        true => format!("'{field}").into(),
        false => field.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_what_it_says_and_no_formula() {
        for (field, written) in [
            ("downtown", "downtown"),
            ("", ""),
            ("-1+cmd|' /C calc'!A0", "'-1+cmd|' /C calc'!A0"),
            ("=A1", "'=A1"),
            ("@SUM(A1,B1)", "\"'@SUM(A1,B1)\""),
            ("\tx", "'\tx"),
            ("a\"b\r\nc", "\"a\"\"b\r\nc\""),
        ] {
            let mut output = Vec::new();
            row(&mut output, [field.into(), "end".into()]).unwrap();
            assert_eq!(String::from_utf8(output).unwrap(), format!("{written},end\r\n"));
        }
    }
}
