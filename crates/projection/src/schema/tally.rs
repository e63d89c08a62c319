//! How many deliveries of a source arrived in each minute, and what became of them.
//!
//! A row holds an hour. Where a later delivery changes an earlier one's outcome, the tally of the earlier one's minute
//! changes, so the tallies of a log are the same however it was folded.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use clockfold_lifecycle::{EventKind, Outcome};
use clockfold_rows::Guard;

use crate::{
    error::ProjectionError,
    schema::{
        keys::{Kind, SourceNumber, from_bytes, hour_key, last_number, to_bytes},
        keyspaces::Space,
    },
    view::View,
};

const MINUTE_MS: i64 = 60_000;
const MINUTES_IN_HOUR: u64 = 60;
/// Minutes are counted from long before any clock, so that their numbers order as they do.
const MINUTES_BEFORE_1970: i64 = 1 << 40;

/// Deliveries of a stretch of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// All of them.
    pub deliveries: u64,
    /// Those that were REJECTED.
    pub rejected: u64,
    /// Those that were DUPLICATE.
    pub duplicates: u64,
    /// Undos that were APPLIED.
    pub undos: u64,
}

/// A row: tallies by minute of the hour.
pub(crate) type Hour = BTreeMap<u8, Tally>;

impl Tally {
    pub(crate) fn add(&mut self, more: &Tally) {
        self.deliveries += more.deliveries;
        self.rejected += more.rejected;
        self.duplicates += more.duplicates;
        self.undos += more.undos;
    }

    pub(crate) fn count(&mut self, kind: Kind) {
        self.deliveries += 1;
        if let Some(count) = self.of(kind) {
            *count += 1;
        }
    }

    /// A delivery that was of one kind is of another.
    pub(crate) fn move_delivery(&mut self, before: Kind, after: Kind) {
        if let Some(count) = self.of(before) {
            *count = count.saturating_sub(1);
        }
        if let Some(count) = self.of(after) {
            *count += 1;
        }
    }

    fn of(&mut self, kind: Kind) -> Option<&mut u64> {
        match kind.outcome() {
            Outcome::Rejected => Some(&mut self.rejected),
            Outcome::Duplicate => Some(&mut self.duplicates),
            Outcome::Applied if kind.event.is_some_and(|event| matches!(event.kind(), EventKind::Undo(_))) => {
                Some(&mut self.undos)
            }
            Outcome::Applied | Outcome::Unrecognized | Outcome::Unreadable => None,
        }
    }
}

/// The number of the minute that a time is in.
pub(crate) fn minute_of(time: DateTime<Utc>) -> u64 {
    (time.timestamp_millis().div_euclid(MINUTE_MS) + MINUTES_BEFORE_1970).cast_unsigned()
}

/// The hour of a minute, and the minute in it.
pub(crate) fn hour_of(minute: u64) -> (u64, u8) {
    (minute / MINUTES_IN_HOUR, u8::try_from(minute % MINUTES_IN_HOUR).expect("there are 60"))
}

pub(crate) fn encode_hour(hour: &Hour) -> Vec<u8> {
    let minute = |(minute, tally): (&u8, &Tally)| {
        let Tally { deliveries, rejected, duplicates, undos } = *tally;
        (*minute, deliveries, rejected, duplicates, undos)
    };
    to_bytes(&hour.iter().map(minute).collect::<Vec<_>>())
}

pub(crate) fn decode_hour(bytes: &[u8]) -> Result<Hour, ProjectionError> {
    let stored: Vec<(u8, u64, u64, u64, u64)> = from_bytes(bytes, "tallies")?;
    let minute =
        |(minute, deliveries, rejected, duplicates, undos)| (minute, Tally { deliveries, rejected, duplicates, undos });
    Ok(stored.into_iter().map(minute).collect())
}

impl View {
    /// The minutes of a source from one minute on and before another, in order; those without a delivery are left out.
    pub(crate) fn tallies(
        &self,
        number: SourceNumber,
        from: u64,
        to: u64,
    ) -> impl Iterator<Item = Result<(u64, Tally), ProjectionError>> + use<> {
        let rows = hour_key(number, hour_of(from).0)..=hour_key(number, hour_of(to).0);
        let rows = self.snapshot.range(&self.store[Space::Tallies], rows);
        let deadline = self.deadline.clone();
        let minutes = move |row: Guard| {
            deadline.check()?;
            let (key, bytes) = row.into_inner()?;
            let (first, hour) = (last_number(&key)? * MINUTES_IN_HOUR, decode_hour(&bytes)?);
            let minutes = hour.into_iter().map(move |(minute, tally)| (first + u64::from(minute), tally));
            Ok(minutes.filter(move |(minute, _)| (from..to).contains(minute)).collect::<Vec<_>>())
        };
        rows.map(minutes).flat_map(|minutes| match minutes {
            Ok(minutes) => minutes.into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error)],
        })
    }
}
