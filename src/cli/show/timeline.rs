//! One appointment's deliveries, in the order of the log, and what became of each.

use chrono::{DateTime, Utc};

use crate::{
    lifecycle::{Appointment, Arrival, Change, EventType, FoldRules, Judgement, Lifecycle, Step},
    log::Delivery,
    projection::AppointmentKey,
};

/// The fold of an appointment's deliveries, with what it said of each.
pub(super) struct Timeline {
    pub(super) key: AppointmentKey,
    pub(super) appointment: Appointment,
    /// By position.
    pub(super) entries: Vec<TimelineRow>,
}

/// One delivery that names the appointment.
pub(super) struct TimelineRow {
    pub(super) position: u64,
    pub(super) received_at: DateTime<Utc>,
    /// As it was sent.
    pub(super) event_type: String,
    /// What became of it, as folded up to now.
    pub(super) judgement: Judgement,
    /// The steps that stood right after its arrival and everything that it set off.
    pub(super) standing: Vec<Step>,
    waits_until: Option<DateTime<Utc>>,
}

impl Timeline {
    /// Before the first delivery.
    pub(super) fn new(key: AppointmentKey) -> Timeline {
        Timeline { key, appointment: Appointment::default(), entries: Vec::new() }
    }

    /// Folds the appointment's next delivery. One whose body could not be read names no appointment, and is none.
    pub(super) fn take(&mut self, rules: &FoldRules, delivery: &Delivery) {
        let Ok(event_type) = delivery.reading.event_type() else { return };
        let (position, received_at) = (delivery.position.get(), delivery.received_at);
        let folded = self.appointment.fold(rules, Arrival { position, received_at, reading: Ok(event_type) });
        for change in folded.changes {
            self.revise(change);
        }
        self.entries.push(TimelineRow {
            position,
            received_at,
            event_type: event_type.to_owned(),
            judgement: folded.judgement,
            standing: self.appointment.standing().map(|standing| standing.step).collect(),
            waits_until: folded.reconsidered_until,
        });
    }

    /// Until which arrival time the rejection of `entry` may still change.
    pub(super) fn reconsidered_until(&self, entry: &TimelineRow) -> Option<DateTime<Utc>> {
        entry.waits_until.filter(|_| self.appointment.waiting().any(|position| position == entry.position))
    }

    /// Why `entry` was not applied.
    pub(super) fn reason(&self, entry: &TimelineRow, lifecycle: &Lifecycle) -> Option<String> {
        let Judgement { verdict, before, .. } = entry.judgement;
        verdict.reason_until(entry.event(), before, lifecycle, self.reconsidered_until(entry))
    }

    fn revise(&mut self, change: Change) {
        let (Change::Judged { position, .. } | Change::Moved { position, .. }) = change;
        let Ok(index) = self.entries.binary_search_by_key(&position, |entry| entry.position) else { return };
        let earlier = &mut self.entries[index].judgement;
        match change {
            Change::Judged { judgement, .. } => *earlier = judgement,
            Change::Moved { before, after, .. } => (earlier.before, earlier.after) = (before, after),
        }
    }
}

impl TimelineRow {
    /// The event, if it is one of the 13.
    pub(super) fn event(&self) -> Option<EventType> {
        EventType::from_name(&self.event_type)
    }
}
