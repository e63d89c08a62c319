//! Which bodies have had their time: those of appointments that are over, and of deliveries that belong to none.
//!
//! The log and the projection at its head come in, with a time; out go positions. A body is due where its delivery
//! arrived before the time and names an appointment that has ended, or that never came into being, and that nothing
//! has named since; or where it names none. So an open appointment keeps all its bodies, however old, and so does one
//! that was touched again. Nothing here is written.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    lifecycle::Status,
    log::{AppointmentId, Body, Log, Position, PositionSet, SourceName},
    projection::{AppointmentKey, ProjectionError, View},
};

/// Appointments that are remembered while the log is read. An appointment's deliveries stand near one another.
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
    /// What there is of each source that has any delivery before the time.
    pub by_source: BTreeMap<SourceName, Counts>,
}

/// What there is of one source before the time.
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
    /// The last position that had arrived before the time.
    pub fn end(&self, log: &dyn Log) -> Result<Position, ProjectionError> {
        // Arrival times are whole milliseconds.
        let last = self.before.checked_sub_signed(TimeDelta::nanoseconds(1)).unwrap_or(self.before);
        Ok(log.position_at(last)?)
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
            return Err(ProjectionError::Damaged("checkpoint"));
        }
        let (mut due, end) = (Due::default(), selection.end(log)?);
        let mut over = Over { view, before: selection.before, known: HashMap::new() };
        for delivery in log.read(Position::new(1)) {
            let delivery = delivery?;
            if delivery.position > end {
                break;
            }
            step();
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
    before: DateTime<Utc>,
    known: HashMap<AppointmentKey, bool>,
}

impl Over<'_> {
    fn is(&mut self, source: SourceName, appointment_id: AppointmentId) -> Result<bool, ProjectionError> {
        let key = AppointmentKey { source, appointment_id };
        if let Some(known) = self.known.get(&key) {
            return Ok(*known);
        }
        let record = self.view.appointment(&key)?.ok_or(ProjectionError::Damaged("appointment"))?;
        let ended = match record.appointment.status() {
            None | Some(Status::Discharged | Status::Removed) => true,
            Some(Status::Scheduled | Status::CheckedIn | Status::Ready | Status::CalledBack) => false,
        };
        let over = ended && record.last_received_at < self.before;
        if self.known.len() == APPOINTMENTS_MAX {
            self.known.clear();
        }
        self.known.insert(key, over);
        Ok(over)
    }
}
