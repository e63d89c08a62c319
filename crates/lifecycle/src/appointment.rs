//! One appointment: what the deliveries so far have made of it, and what would become of the next event.
//!
//! CREATE is kept apart from the other steps. It can't be undone, and where it comes after all (an appointment
//! that another event brought into being, under `lenient`) it stands first without moving anything else.

use chrono::{DateTime, Utc};

use super::{
    event::{EventKind, EventType, Step, StepSet},
    outcome::{Code, Verdict},
    status::{Met, Status},
    table::Lifecycle,
    window::Window,
};

/// What the deliveries so far have made of one appointment. The default is NONE: no appointment yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Appointment {
    pub(super) parts: Parts,
}

/// A step that was applied and not undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Which step.
    pub step: Step,
    /// The arrival time of the delivery that made it.
    pub received_at: DateTime<Utc>,
    /// The position of the delivery that made it.
    pub position: u64,
    /// What it met at its place.
    pub met: Met,
}

/// An appointment's state laid open, for those who store it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// The arrival time of the first applied delivery, in the order in which they count.
    pub began_at: Option<DateTime<Utc>>,
    /// CREATE, if it stands.
    pub created: Option<Standing>,
    /// The other standing steps, in order.
    pub steps: Vec<Standing>,
    /// Steps that were undone and not done again since.
    pub undone: StepSet,
    /// How many `reschedule` were applied.
    pub reschedule_count: u32,
    /// How many `demographics_update` were applied.
    pub demographics_update_count: u32,
    /// What the reorder window remembers; empty where there is none.
    pub window: Window,
}

impl Appointment {
    /// What would become of `event` at the end of what is applied. Changes nothing.
    pub fn judge(&self, lifecycle: &Lifecycle, event: EventType) -> Verdict {
        let met = self.status();
        let refused = |code| Verdict::NotApplied(if met.is_none() { Code::NotCreated } else { code });
        match event.kind() {
            EventKind::Step(step) if self.stands(step) => Verdict::NotApplied(Code::StepStands),
            EventKind::Undo(step) if self.parts.undone.contains(step) => Verdict::NotApplied(Code::StepUndone),
            EventKind::Undo(step) if self.parts.steps.last().map(|last| last.step) == Some(step) => Verdict::Applied,
            EventKind::Undo(step) if self.stands(step) => refused(Code::StepNotLast),
            EventKind::Undo(_) => refused(Code::StepNotDone),
            EventKind::Step(Step::Create) if lifecycle.applies_create(met) => Verdict::Applied,
            EventKind::Step(_) | EventKind::Detail if lifecycle.applies(event, met) => Verdict::Applied,
            EventKind::Step(_) | EventKind::Detail => refused(Code::StatusNotAllowed),
        }
    }

    /// The events that would be APPLIED at the end now, in the order of [`EventType::ALL`].
    pub fn allowed_events(&self, lifecycle: &Lifecycle) -> Vec<EventType> {
        let applied = |event: &EventType| self.judge(lifecycle, *event) == Verdict::Applied;
        EventType::ALL.into_iter().filter(applied).collect()
    }

    /// The status of the last standing step; SCHEDULED where none stands in an appointment that came into being
    /// without CREATE; `None` where there is no appointment yet.
    pub fn status(&self) -> Met {
        self.status_at(self.parts.steps.len())
    }

    /// The standing steps, in order.
    pub fn standing(&self) -> impl DoubleEndedIterator<Item = &Standing> {
        self.parts.created.iter().chain(&self.parts.steps)
    }

    /// When `step` was made, if it stands.
    pub fn time_of(&self, step: Step) -> Option<DateTime<Utc>> {
        self.standing().find(|standing| standing.step == step).map(|standing| standing.received_at)
    }

    /// The time of the last standing step; where none stands, of the delivery that brought it into being.
    pub fn status_since(&self) -> Option<DateTime<Utc>> {
        self.standing().next_back().map(|standing| standing.received_at).or(self.parts.began_at)
    }

    /// How many `reschedule` were applied.
    pub fn reschedule_count(&self) -> u32 {
        self.parts.reschedule_count
    }

    /// How many `demographics_update` were applied.
    pub fn demographics_update_count(&self) -> u32 {
        self.parts.demographics_update_count
    }

    /// The positions of the deliveries that wait, earliest first.
    pub fn waiting(&self) -> impl Iterator<Item = u64> {
        self.parts.window.waiting.iter().map(|waiting| waiting.position)
    }

    /// The state laid open.
    pub fn parts(&self) -> &Parts {
        &self.parts
    }

    /// The appointment with this state.
    pub fn from_parts(parts: Parts) -> Appointment {
        Appointment { parts }
    }

    /// The status where only the first `depth` steps stand.
    pub(super) fn status_at(&self, depth: usize) -> Met {
        let last = depth.checked_sub(1).map(|index| self.parts.steps[index].step.status());
        last.or(self.parts.began_at.map(|_| Status::Scheduled))
    }

    pub(super) fn stands(&self, step: Step) -> bool {
        self.standing().any(|standing| standing.step == step)
    }
}
