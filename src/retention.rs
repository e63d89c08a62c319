//! Which bodies have had their time: those of appointments that are over, and of deliveries that belong to none.
//!
//! The log and the projection at its head come in, with a time; out go positions. A body is due where its delivery
//! arrived before the time and names an appointment that has ended, or that never came into being, and that nothing has
//! named since; or where it names none. An arrival time later than the log's last one is of a clock that was set back
//! since: such a delivery had arrived by the time of the next one that counts. So an open appointment keeps all its
//! bodies, however old, and so does one that was touched again. This module writes nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    lifecycle::Status,
    log::{AppointmentId, Body, Log, Position, PositionSet, SourceName},
    projection::{AppointmentKey, ProjectionError, View},
};

/// How many appointments are remembered while the log is read. An appointment's deliveries stand near one another.
const APPOINTMENTS_MAX: usize = 1 << 16;

/// Whose bodies, and how old.
#[derive(Clone, Debug)]
pub struct Selection {
    /// Bodies that arrived before this.
    pub before: DateTime<Utc>,
    /// Only from these sources; empty: from all.
    pub sources: BTreeSet<SourceName>,
}

/// The bodies that are due.
#[derive(Clone, Debug, Default)]
pub struct Due {
    /// Where they are.
    pub positions: PositionSet,
    /// The counts of each source that has any delivery before the time.
    pub by_source: BTreeMap<SourceName, Counts>,
}

/// The counts of one source before the time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Bodies that are due.
    pub due: u64,
    /// Their bytes.
    pub due_bytes: u64,
    /// Bodies that stay: their appointment is open, or something named it since.
    pub kept: u64,
    /// Bodies that were erased earlier.
    pub erased: u64,
}

impl Selection {
    /// The last position that arrived before the time.
    pub fn end(&self, log: &dyn Log, view: &View) -> Result<Position, ProjectionError> {
        // Arrival times are whole milliseconds.
        let last = self.before.checked_sub_signed(TimeDelta::nanoseconds(1)).unwrap_or(self.before);
        view.position_at(log, last)
    }
}

impl Due {
    /// Reads the log up to the time. `view` has to be at the log's head. `step` is called for each delivery.
    pub fn find(
        log: &dyn Log,
        view: &View,
        selection: &Selection,
        step: &mut dyn FnMut(),
    ) -> Result<Due, ProjectionError> {
        if view.checkpoint()?.digest != log.head().digest {
            return Err(ProjectionError::Corrupt("checkpoint"));
        }
        let (mut due, end) = (Due::default(), selection.end(log, view)?);
        let last = log.last_arrival()?.unwrap_or(DateTime::UNIX_EPOCH);
        // Up to the last delivery that arrived before the time.
        let arrived = |at: DateTime<Utc>| at < selection.before || at > last;
        let mut over = Over { view, end, arrived: &arrived, known: HashMap::new() };
        for delivery in log.read(Position::new(1)) {
            let delivery = delivery?;
            if delivery.position > end {
                break;
            }
            step();
            if !arrived(delivery.received_at) {
                continue;
            }
            if !selection.sources.is_empty() && !selection.sources.contains(&delivery.source) {
                continue;
            }
            if !due.by_source.contains_key(&delivery.source) {
                due.by_source.insert(delivery.source.clone(), Counts::default());
            }
            let counts = due.by_source.get_mut(&delivery.source).expect("it was put there");
            let Body::Kept { bytes, .. } = &delivery.body else {
                counts.erased += 1;
                continue;
            };
            let is_over = match delivery.reading.appointment_id() {
                None => true,
                Some(appointment_id) => over.is(delivery.source, appointment_id)?,
            };
            if is_over {
                counts.due += 1;
                counts.due_bytes += bytes.len() as u64;
                due.positions.insert(delivery.position);
            } else {
                counts.kept += 1;
            }
        }
        Ok(due)
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.positions.count()
    }
}

/// Which appointments are over.
struct Over<'a> {
    view: &'a View,
    end: Position,
    arrived: &'a dyn Fn(DateTime<Utc>) -> bool,
    known: HashMap<AppointmentKey, bool>,
}

impl Over<'_> {
    fn is(&mut self, source: SourceName, appointment_id: AppointmentId) -> Result<bool, ProjectionError> {
        let key = AppointmentKey { source, appointment_id };
        if let Some(known) = self.known.get(&key) {
            return Ok(*known);
        }
        let record = self.view.appointment(&key)?.ok_or(ProjectionError::Corrupt("appointment"))?;
        let ended = match record.appointment.status() {
            None | Some(Status::Discharged | Status::Removed) => true,
            Some(Status::Scheduled | Status::CheckedIn | Status::Ready | Status::CalledBack) => false,
        };
        let over = ended && record.last_position <= self.end && (self.arrived)(record.last_received_at);
        if self.known.len() == APPOINTMENTS_MAX {
            self.known.clear();
        }
        self.known.insert(key, over);
        Ok(over)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    };

    use super::*;
    use crate::{
        log::{DataDir, NewDelivery, Reading, SledLog},
        projection::{Projection, Rules},
    };

    /// Each day has an appointment of its own that is made and removed. What is due before day 50?
    fn due(days: &[i64]) -> Vec<u64> {
        let folder = tempfile::tempdir().unwrap();
        let today = Arc::new(AtomicI64::new(0));
        let at = |days: i64| DateTime::from_timestamp(1_800_000_000 + days * 86_400, 0).unwrap();
        let clock = Arc::clone(&today);
        let clock = Arc::new(move || at(clock.load(Ordering::Relaxed)));
        let log = SledLog::open(&DataDir::at(folder.path()), clock).unwrap();
        for (id, day) in (1..).zip(days) {
            today.store(*day, Ordering::Relaxed);
            let said = |event: &str| NewDelivery {
                source: "downtown".parse().unwrap(),
                reading: Reading::Readable {
                    appointment_id: AppointmentId::new(id).unwrap(),
                    event_type: event.into(),
                },
                delivery_id: None,
                body: b"{}".to_vec(),
            };
            log.append(vec![said("create"), said("remove")]).unwrap();
        }
        let mut projection = |_| {};
        let rules = Arc::new(Rules::default());
        let projection = Projection::open_and_catch_up(&folder.path().join("p"), rules, &log, &mut projection).unwrap();
        let selection = Selection { before: at(50), sources: BTreeSet::new() };
        let due = Due::find(&log, &projection.reader().view(), &selection, &mut || {}).unwrap();
        (1..).zip(days).filter(|(id, _)| due.positions.contains(Position::new(id * 2))).map(|(id, _)| id).collect()
    }

    #[test]
    fn what_a_wrong_clock_said_is_due_by_what_a_right_one_says_later_and_never_too_early() {
        assert_eq!(due(&[0, 1, 49, 50, 100]), [1, 2, 3]);
        // Ten years ahead for a day.
        assert_eq!(due(&[0, 3_650, 2, 100]), [1, 2, 3]);
        assert_eq!(due(&[0, 3_650, 60, 100]), [1]);
        // Some months behind for a day: deliveries before that are as young as they say.
        assert_eq!(due(&[0, 60, 10, 100]), [1, 3]);
        assert_eq!(due(&[60, 10, 100]), [2]);
    }
}
