//! The fold: one delivery after another changes an appointment, in the order: judge, place, wait, reconsider.
//!
//! It is total: it never fails and never panics, whatever the deliveries are. Time is an argument. With a
//! window of 0 a delivery is judged once, when it arrives, against what stands then.

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    appointment::{Appointment, Standing},
    event::{EventKind, EventType, Step},
    outcome::{Code, Fault, Outcome, Verdict},
    status::Met,
    table::Lifecycle,
    window::{Applied, Waiting},
};

/// By which rules the deliveries of a source are folded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoldRules {
    /// What each event is applied from.
    pub lifecycle: Lifecycle,
    /// Within how long a delivery may overtake others, or wait for them. 0: judged in arrival order.
    pub reorder_window: TimeDelta,
}

/// One delivery of an appointment.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    /// Its position in the log; higher than that of the one before.
    pub position: u64,
    /// When it arrived. Before the one before only where the clock was set back in between.
    pub received_at: DateTime<Utc>,
    /// The event type as it was sent, or why the body could not be read.
    pub reading: Result<&'a str, Fault>,
}

/// What became of one delivery, as folded up to now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// The outcome and its code.
    pub verdict: Verdict,
    /// The status at its place: what it met.
    pub before: Met,
    /// The status right after it, at its place.
    pub after: Met,
    /// Whether it was put before deliveries that had been applied already.
    pub late: bool,
    /// Set where it was REJECTED when it arrived and no longer is.
    pub reconsidered: Option<Reconsidered>,
}

/// How a rejection came to be another outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reconsidered {
    /// The position of the delivery whose arrival made it so.
    pub at: u64,
}

/// What one delivery has done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folded {
    /// What became of the delivery itself.
    pub judgement: Judgement,
    /// The appointment's status after everything that it set off.
    pub status: Met,
    /// Until when its rejection may still change.
    pub reconsidered_until: Option<DateTime<Utc>>,
    /// What it changed about earlier deliveries, in the order in which it did.
    pub changes: Vec<Change>,
}

/// What a delivery changed about an earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It has another outcome now.
    Judged {
        /// The earlier delivery.
        position: u64,
        /// What became of it.
        judgement: Judgement,
    },
    /// Something was put right before it: it meets another status.
    Moved {
        /// The earlier delivery.
        position: u64,
        /// The status before it now.
        before: Met,
        /// The status after it now.
        after: Met,
    },
}

impl Change {
    /// The earlier delivery.
    pub fn position(&self) -> u64 {
        match self {
            Change::Judged { position, .. } | Change::Moved { position, .. } => *position,
        }
    }
}

impl Judgement {
    /// The outcome when it arrived.
    pub fn outcome_at_arrival(&self) -> Outcome {
        if self.reconsidered.is_some() { Outcome::Rejected } else { self.verdict.outcome() }
    }

    /// The delivery that let it in, where that was a later one.
    pub fn applied_at(&self) -> Option<u64> {
        self.reconsidered.filter(|_| self.verdict == Verdict::Applied).map(|reconsidered| reconsidered.at)
    }

    /// What becomes of a body that can't be read: it names no appointment.
    pub fn unreadable(fault: Fault) -> Judgement {
        Judgement::of(Verdict::NotApplied(Code::Unreadable(fault)), None)
    }

    fn of(verdict: Verdict, met: Met) -> Judgement {
        Judgement { verdict, before: met, after: met, late: false, reconsidered: None }
    }
}

impl Folded {
    /// What becomes of a body that can't be read: it names no appointment.
    pub fn unreadable(fault: Fault) -> Folded {
        let judgement = Judgement::unreadable(fault);
        Folded { judgement, status: None, reconsidered_until: None, changes: Vec::new() }
    }
}

impl Default for FoldRules {
    /// `strict`, with a window of 0.
    fn default() -> FoldRules {
        FoldRules { lifecycle: Lifecycle::strict(), reorder_window: TimeDelta::zero() }
    }
}

impl FoldRules {
    /// Until when a delivery that arrived then may wait.
    pub fn reconsidered_until(&self, received_at: DateTime<Utc>) -> DateTime<Utc> {
        received_at.checked_add_signed(self.reorder_window).unwrap_or(DateTime::<Utc>::MAX_UTC)
    }

    fn has_window(&self) -> bool {
        self.reorder_window > TimeDelta::zero()
    }
}

/// An event on its way into the appointment.
#[derive(Clone, Copy)]
pub(super) struct Candidate {
    pub(super) position: u64,
    pub(super) event: EventType,
    pub(super) received_at: DateTime<Utc>,
}

impl Appointment {
    /// Judges one delivery and changes the appointment accordingly.
    pub fn fold(&mut self, rules: &FoldRules, arrival: Arrival<'_>) -> Folded {
        let Arrival { position, received_at, reading } = arrival;
        if rules.has_window() {
            self.parts.window.expire(received_at, rules.reorder_window);
        }
        let mut changes = Vec::new();
        let mut reconsidered_until = None;
        let judgement = match reading.map(EventType::from_name) {
            Err(fault) => Judgement::of(Verdict::NotApplied(Code::Unreadable(fault)), self.status()),
            Ok(None) => Judgement::of(Verdict::NotApplied(Code::UnknownEventType), self.status()),
            Ok(Some(event)) => {
                let judgement = self.take(rules, Candidate { position, event, received_at }, &mut changes);
                if rules.has_window() {
                    match judgement.verdict.outcome() {
                        Outcome::Applied => self.reconsider(rules, position, &mut changes),
                        Outcome::Rejected => {
                            self.parts.window.wait(Waiting { position, event, received_at });
                            reconsidered_until = Some(rules.reconsidered_until(received_at));
                        }
                        Outcome::Duplicate | Outcome::Unrecognized | Outcome::Unreadable => {}
                    }
                }
                judgement
            }
        };
        let judgement = as_moved(judgement, position, &mut changes);
        Folded { judgement, status: self.status(), reconsidered_until, changes }
    }

    /// Judges at the end, then by placing.
    fn take(&mut self, rules: &FoldRules, candidate: Candidate, changes: &mut Vec<Change>) -> Judgement {
        let verdict = self.judge(&rules.lifecycle, candidate.event);
        match verdict.outcome() {
            Outcome::Applied => self.append(rules, candidate),
            Outcome::Rejected if rules.has_window() => match self.latest_place(rules, candidate) {
                Some(place) => self.put(rules, candidate, place, changes),
                None => Judgement::of(verdict, self.status()),
            },
            _ => Judgement::of(verdict, self.status()),
        }
    }

    /// Judges waiting deliveries again, the earliest first, until nothing more is applied.
    fn reconsider(&mut self, rules: &FoldRules, at: u64, changes: &mut Vec<Change>) {
        let mut index = 0;
        while let Some(Waiting { position, event, received_at }) = self.parts.window.waiting.get(index).copied() {
            let judgement = self.take(rules, Candidate { position, event, received_at }, changes);
            match judgement.verdict.outcome() {
                Outcome::Rejected => {
                    index += 1;
                    continue;
                }
                Outcome::Applied => {
                    self.parts.window.waiting.remove(index);
                    index = 0;
                }
                _ => drop(self.parts.window.waiting.remove(index)),
            }
            let judgement = Judgement { reconsidered: Some(Reconsidered { at }), ..judgement };
            changes.push(Change::Judged { position, judgement });
        }
    }

    /// Applies at the end.
    fn append(&mut self, rules: &FoldRules, candidate: Candidate) -> Judgement {
        let Candidate { position, event, received_at } = candidate;
        let (met, from_bottom) = (self.status(), self.parts.steps.is_empty());
        self.change(candidate, self.parts.steps.len(), met);
        let after = self.status();
        let at_bottom = from_bottom || self.parts.steps.is_empty();
        if rules.has_window() {
            self.parts.window.appended(met, after, received_at, moved_step(event));
            let applied = Applied { position, event };
            if met.is_none() {
                self.parts.window.first = Some(applied);
            }
            if at_bottom && self.parts.window.reaches_the_first() && rules.lifecycle.begins_only() {
                self.parts.window.bottom.push(applied);
            }
        }
        Judgement { verdict: Verdict::Applied, before: met, after, late: false, reconsidered: None }
    }

    /// Changes what stands, at a depth among the steps.
    pub(super) fn change(&mut self, candidate: Candidate, depth: usize, met: Met) {
        let Candidate { position, event, received_at } = candidate;
        self.parts.began_at = self.parts.began_at.or(Some(received_at));
        match event.kind() {
            EventKind::Step(step) => {
                self.parts.undone.remove(step);
                let standing = Standing { step, received_at, position, met };
                if step == Step::Create {
                    self.parts.created = Some(standing);
                } else {
                    self.parts.steps.insert(depth, standing);
                }
            }
            EventKind::Undo(step) => {
                self.parts.steps.remove(depth - 1);
                self.parts.undone.insert(step);
            }
            EventKind::Detail if event == EventType::Reschedule => {
                self.parts.reschedule_count = self.parts.reschedule_count.saturating_add(1);
            }
            EventKind::Detail => {
                self.parts.demographics_update_count = self.parts.demographics_update_count.saturating_add(1);
            }
        }
    }
}

/// A delivery's own judgement after what it let in was put right before it; that is no change of an earlier one.
fn as_moved(mut judgement: Judgement, own: u64, changes: &mut Vec<Change>) -> Judgement {
    changes.retain(|change| match change {
        Change::Moved { position, before, after } if *position == own => {
            (judgement.before, judgement.after) = (*before, *after);
            false
        }
        Change::Judged { .. } | Change::Moved { .. } => true,
    });
    judgement
}

/// The step that an event does or undoes; CREATE moves nothing and is never undone.
pub(super) fn moved_step(event: EventType) -> Option<Step> {
    match event.kind() {
        EventKind::Step(Step::Create) | EventKind::Detail => None,
        EventKind::Step(step) | EventKind::Undo(step) => Some(step),
    }
}

#[cfg(test)]
mod tests;
