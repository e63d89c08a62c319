//! One appointment and its fold, in the order: state, decision, change.
//!
//! A window of 0: a delivery is judged once, when it arrives, against what stands then.

use chrono::{DateTime, Utc};

use super::{
    event::{EventKind, EventType, Step, StepSet},
    outcome::{Code, Fault, Verdict},
    status::Met,
    table::Lifecycle,
};

/// What the deliveries so far have made of one appointment. The default is NONE: no appointment yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Appointment {
    standing: Vec<Standing>,
    undone: StepSet,
    reschedule_count: u32,
    demographics_update_count: u32,
}

/// A step that was applied and not undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Which step.
    pub step: Step,
    /// The arrival time of the delivery that made it.
    pub received_at: DateTime<Utc>,
}

/// What became of one delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// The outcome and its code.
    pub verdict: Verdict,
    /// What the delivery met.
    pub before: Met,
    /// The appointment's status after it.
    pub after: Met,
}

/// An appointment's state laid open, for those who store it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parts {
    /// The standing steps, in order.
    pub standing: Vec<Standing>,
    /// Steps that were undone and not done again since.
    pub undone: StepSet,
    /// How many `reschedule` were applied.
    pub reschedule_count: u32,
    /// How many `demographics_update` were applied.
    pub demographics_update_count: u32,
}

impl Appointment {
    /// Judges one delivery and changes the appointment accordingly.
    ///
    /// `reading` is the event type as it was sent, or why the body could not be read.
    pub fn fold(
        &mut self,
        lifecycle: &Lifecycle,
        reading: Result<&str, Fault>,
        received_at: DateTime<Utc>,
    ) -> Judgement {
        let before = self.status();
        let verdict = match reading.map(EventType::from_name) {
            Err(fault) => Verdict::NotApplied(Code::Unreadable(fault)),
            Ok(None) => Verdict::NotApplied(Code::UnknownEventType),
            Ok(Some(event)) => {
                let verdict = self.judge(lifecycle, event);
                if verdict == Verdict::Applied {
                    self.apply(event, received_at);
                }
                verdict
            }
        };
        Judgement { verdict, before, after: self.status() }
    }

    /// What would become of `event` now. Changes nothing.
    pub fn judge(&self, lifecycle: &Lifecycle, event: EventType) -> Verdict {
        let met = self.status();
        let refused = |code| Verdict::NotApplied(if met.is_none() { Code::NotCreated } else { code });
        match event.kind() {
            EventKind::Step(step) if self.stands(step) => Verdict::NotApplied(Code::StepStands),
            EventKind::Undo(step) if self.undone.contains(step) => Verdict::NotApplied(Code::StepUndone),
            EventKind::Undo(step) if self.last() == Some(step) => Verdict::Applied,
            EventKind::Undo(step) if self.stands(step) => refused(Code::StepNotLast),
            EventKind::Undo(_) => refused(Code::StepNotDone),
            EventKind::Step(_) | EventKind::Detail if lifecycle.applies(event, met) => Verdict::Applied,
            EventKind::Step(_) | EventKind::Detail => refused(Code::StatusNotAllowed),
        }
    }

    /// The events that would be APPLIED now, in the order of [`EventType::ALL`].
    pub fn allowed_events(&self, lifecycle: &Lifecycle) -> Vec<EventType> {
        let applied = |event: &EventType| self.judge(lifecycle, *event) == Verdict::Applied;
        EventType::ALL.into_iter().filter(applied).collect()
    }

    /// The status of the last standing step; `None` where there is no appointment yet.
    pub fn status(&self) -> Met {
        self.last().map(Step::status)
    }

    /// The standing steps, in order.
    pub fn standing(&self) -> &[Standing] {
        &self.standing
    }

    /// When `step` was made, if it stands.
    pub fn time_of(&self, step: Step) -> Option<DateTime<Utc>> {
        self.standing.iter().find(|standing| standing.step == step).map(|standing| standing.received_at)
    }

    /// The time of the last standing step.
    pub fn status_since(&self) -> Option<DateTime<Utc>> {
        self.standing.last().map(|standing| standing.received_at)
    }

    /// How many `reschedule` were applied.
    pub fn reschedule_count(&self) -> u32 {
        self.reschedule_count
    }

    /// How many `demographics_update` were applied.
    pub fn demographics_update_count(&self) -> u32 {
        self.demographics_update_count
    }

    /// The state laid open.
    pub fn to_parts(&self) -> Parts {
        Parts {
            standing: self.standing.clone(),
            undone: self.undone,
            reschedule_count: self.reschedule_count,
            demographics_update_count: self.demographics_update_count,
        }
    }

    /// The appointment with this state.
    pub fn from_parts(parts: Parts) -> Appointment {
        Appointment {
            standing: parts.standing,
            undone: parts.undone,
            reschedule_count: parts.reschedule_count,
            demographics_update_count: parts.demographics_update_count,
        }
    }

    fn apply(&mut self, event: EventType, received_at: DateTime<Utc>) {
        match event.kind() {
            EventKind::Step(step) => {
                self.undone.remove(step);
                self.standing.push(Standing { step, received_at });
            }
            EventKind::Undo(step) => {
                self.standing.pop();
                self.undone.insert(step);
            }
            EventKind::Detail if event == EventType::Reschedule => {
                self.reschedule_count = self.reschedule_count.saturating_add(1);
            }
            EventKind::Detail => {
                self.demographics_update_count = self.demographics_update_count.saturating_add(1);
            }
        }
    }

    fn last(&self) -> Option<Step> {
        self.standing.last().map(|standing| standing.step)
    }

    fn stands(&self, step: Step) -> bool {
        self.standing.iter().any(|standing| standing.step == step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Events in, `OUTCOME` or `CODE` for each out, then the status.
    fn check(story: &str) {
        let (events, expected) = story.split_once("->").expect("a story has an arrow");
        let mut appointment = Appointment::default();
        let mut told: Vec<&str> = Vec::new();
        for name in events.split_whitespace() {
            let judged = appointment.fold(&Lifecycle::strict(), Ok(name), DateTime::UNIX_EPOCH);
            told.push(judged.verdict.code().map_or("ok", Code::name));
        }
        told.push(appointment.status().map_or("NONE", |status| status.name()));
        assert_eq!(told, expected.split_whitespace().collect::<Vec<_>>(), "{story}");
    }

    #[test]
    fn strict_as_the_contract_says() {
        for story in [
            "create checkin ready callback discharge -> ok ok ok ok ok DISCHARGED",
            "create create -> ok STEP_STANDS SCHEDULED",
            "ready create -> NOT_CREATED ok SCHEDULED",
            "undo_ready -> NOT_CREATED NONE",
            "create ready -> ok STATUS_NOT_ALLOWED SCHEDULED",
            "create remove reschedule -> ok ok STATUS_NOT_ALLOWED REMOVED",
            "create checkin discharge ready -> ok ok ok STATUS_NOT_ALLOWED DISCHARGED",
            "create checkin ready discharge ready -> ok ok ok ok STEP_STANDS DISCHARGED",
            "create checkin ready undo_checkin -> ok ok ok STEP_NOT_LAST READY",
            "create checkin undo_checkin undo_checkin checkin -> ok ok ok STEP_UNDONE ok CHECKED_IN",
            "create undo_checkin -> ok STEP_NOT_DONE SCHEDULED",
            "create remove undo_remove checkin -> ok ok ok ok CHECKED_IN",
            "create checkin ready undo_ready ready callback -> ok ok ok ok ok ok CALLED_BACK",
            "create reschedule reschedule demographics_update -> ok ok ok ok SCHEDULED",
            "create CHECKIN transfer_in -> ok UNKNOWN_EVENT_TYPE UNKNOWN_EVENT_TYPE SCHEDULED",
            "create checkin discharge remove undo_remove undo_discharge -> ok ok ok ok ok ok CHECKED_IN",
        ] {
            check(story);
        }
    }

    #[test]
    fn a_refusal_names_the_rule_that_decided() {
        let mut appointment = Appointment::default();
        let strict = Lifecycle::strict();
        appointment.fold(&strict, Ok("create"), DateTime::UNIX_EPOCH);
        let verdict = appointment.judge(&strict, EventType::Callback);
        assert_eq!(
            verdict.reason(Some(EventType::Callback), appointment.status(), &strict).as_deref(),
            Some(
                "`callback` was not applied: the appointment was SCHEDULED, and under `strict` `callback` is applied from CHECKED_IN or READY."
            )
        );
    }
}
