//! A time as a command takes it.

use chrono::{DateTime, Utc};

/// A time with its offset; the error says how to write one.
pub(in crate::cli) fn time(text: &str) -> Result<DateTime<Utc>, &'static str> {
    let time = DateTime::parse_from_rfc3339(text).map(|time| time.to_utc());
    time.map_err(|_| "a time is written such as 2026-03-02T15:04:05Z or 2026-03-02T10:04:05-05:00")
}
