//! Placing: where a delivery that was overtaken goes among what is applied, and what that changes.
//!
//! The latest place counts at which it, and everything after it, is applied. `window.rs` says why a place a
//! status is enough to look at.

use chrono::{DateTime, Utc};

use super::{
    appointment::{Appointment, Standing},
    event::{EventKind, EventType, Step},
    fold::{Candidate, Change, FoldRules, Judgement, moved_step},
    outcome::Verdict,
    status::{Met, Status},
    table::Lifecycle,
    window::{Applied, Place},
};

impl Appointment {
    /// The index of the latest place at which the candidate, and everything after it, is applied.
    pub(super) fn latest_place(&self, rules: &FoldRules, candidate: Candidate) -> Option<usize> {
        // The last place is the end, where it was refused.
        let earlier = self.parts.window.places.len().saturating_sub(1);
        let in_reach =
            |place: &Place| place.oldest.is_none_or(|oldest| candidate.received_at - oldest <= rules.reorder_window);
        let places = self.parts.window.places[..earlier].iter().enumerate().rev();
        let mut places = places.take_while(|(_, place)| in_reach(place));
        places.find(|(_, place)| self.fits(&rules.lifecycle, candidate.event, place)).map(|(index, _)| index)
    }

    /// Whether `event`, and everything after it, is applied at `place`, which is not the end.
    fn fits(&self, lifecycle: &Lifecycle, event: EventType, place: &Place) -> bool {
        match event.kind() {
            EventKind::Detail | EventKind::Step(Step::Create) => {
                let begins = || self.parts.window.first.is_some_and(|first| lifecycle.continues(first.event));
                lifecycle.applies(event, place.met) && (place.met.is_some() || begins())
            }
            EventKind::Step(step) => {
                let repeats = |depth: usize| self.parts.steps[..depth].iter().any(|standing| standing.step == step);
                let follows = |depth: usize| {
                    let next = self.parts.steps.get(depth).filter(|next| next.met == place.met);
                    match next {
                        Some(next) => lifecycle.applies(next.step.event(), Some(step.status())),
                        None => self.bottom_follows(lifecycle, step),
                    }
                };
                let fits = |depth| !repeats(depth) && follows(depth);
                lifecycle.applies(event, place.met)
                    && !place.steps.contains(step)
                    && self.depth_of(place.met).is_some_and(fits)
            }
            EventKind::Undo(step) => {
                let next_applies = |depth: usize| {
                    let below = self.status_at(depth - 1);
                    self.parts.steps.get(depth).is_some_and(|next| lifecycle.applies(next.step.event(), below))
                };
                place.met == Some(step.status()) && self.depth_of(place.met).is_some_and(next_applies)
            }
        }
    }

    /// Whether everything that was ever applied with no step standing would be, from the status of `step`.
    /// Only asked of the place before all of it.
    fn bottom_follows(&self, lifecycle: &Lifecycle, step: Step) -> bool {
        let met = Some(step.status());
        let follows = |applied: &Applied| match applied.event.kind() {
            EventKind::Undo(_) => true,
            EventKind::Step(Step::Create) => lifecycle.applies_create(met),
            EventKind::Step(_) | EventKind::Detail => lifecycle.applies(applied.event, met),
        };
        !self.parts.window.bottom.is_empty() && self.parts.window.bottom.iter().all(follows)
    }

    /// How many of today's standing steps stand at the last place with status `met`; `None` where the steps
    /// there are not the first of today's.
    fn depth_of(&self, met: Met) -> Option<usize> {
        match met {
            None | Some(Status::Scheduled) => Some(0),
            Some(status) => {
                self.parts.steps.iter().position(|standing| standing.step.status() == status).map(|at| at + 1)
            }
        }
    }

    /// Puts the candidate at a place that it fits.
    pub(super) fn put(
        &mut self,
        rules: &FoldRules,
        candidate: Candidate,
        index: usize,
        changes: &mut Vec<Change>,
    ) -> Judgement {
        let Candidate { position, event, received_at } = candidate;
        let place = self.parts.window.places[index];
        let met = place.met;
        let depth = self.depth_of(met).unwrap_or(0);
        let applied = Applied { position, event };
        let after = match event.kind() {
            EventKind::Step(Step::Create) | EventKind::Detail => met.or(Some(Status::Scheduled)),
            EventKind::Step(step) => Some(step.status()),
            EventKind::Undo(_) => self.status_at(depth - 1),
        };
        self.change(candidate, depth, met);
        match event.kind() {
            EventKind::Step(Step::Create) | EventKind::Detail => {
                self.parts
                    .window
                    .bottom
                    .extend((met == Some(Status::Scheduled) && self.tracks_bottom()).then_some(applied));
                self.begin_with(candidate, met, after, changes);
            }
            EventKind::Step(step) => {
                // The step itself stands at `depth` now.
                match self.parts.steps.get_mut(depth + 1).filter(|next| next.met == met) {
                    Some(next) => next.meet(after, changes),
                    None => self.lift_bottom(step, changes),
                }
                if met.is_none() {
                    self.parts.window.bottom.clear();
                    (self.parts.window.first, self.parts.began_at) = (Some(applied), Some(received_at));
                } else if depth == 0 {
                    let next = self.parts.steps.get(1).map(|next| next.position);
                    self.parts.window.bottom.retain(|applied| Some(applied.position) != next);
                }
                self.parts.window.bottom.extend((depth == 0 && rules.lifecycle.begins_only()).then_some(applied));
            }
            EventKind::Undo(_) => {
                let tracks_bottom = self.tracks_bottom();
                if let Some(next) = self.parts.steps.get_mut(depth - 1) {
                    next.meet(after, changes);
                    let next = Applied { position: next.position, event: next.step.event() };
                    let sinks = depth == 1 && tracks_bottom;
                    self.parts.window.bottom.extend([applied, next].into_iter().filter(|_| sinks));
                }
            }
        }
        self.insert_place(index, place, after, received_at, moved_step(event));
        Judgement { verdict: Verdict::Applied, before: met, after, late: true, reconsidered: None }
    }

    /// A detail was put before everything: what was first meets SCHEDULED now.
    fn begin_with(&mut self, candidate: Candidate, met: Met, after: Met, changes: &mut Vec<Change>) {
        if met.is_some() {
            return;
        }
        let Candidate { position, event, received_at } = candidate;
        let applied = Applied { position, event };
        if let Some(first) = self.parts.window.first.replace(applied) {
            let own = match first.event.kind() {
                EventKind::Step(step) => Some(step.status()),
                EventKind::Detail | EventKind::Undo(_) => after,
            };
            let standing = self.parts.created.iter_mut().chain(&mut self.parts.steps);
            if let Some(standing) = standing.into_iter().find(|standing| standing.position == first.position) {
                standing.met = after;
            }
            changes.push(Change::Moved { position: first.position, before: after, after: own });
        }
        self.parts.began_at = Some(received_at);
        if !self.parts.window.bottom.is_empty() {
            self.parts.window.bottom.push(applied);
        }
    }

    /// A step was put before everything, and no step that stands today was the first: whatever met SCHEDULED
    /// meets the step's status now.
    fn lift_bottom(&mut self, step: Step, changes: &mut Vec<Change>) {
        let met = Some(step.status());
        for Applied { position, event } in std::mem::take(&mut self.parts.window.bottom) {
            let (before, after) = match event.kind() {
                EventKind::Undo(step) => (Some(step.status()), met),
                EventKind::Step(step) if step != Step::Create => (met, Some(step.status())),
                EventKind::Step(_) | EventKind::Detail => (met, met),
            };
            changes.push(Change::Moved { position, before, after });
            if let Some(standing) =
                self.parts.created.iter_mut().chain(&mut self.parts.steps).find(|step| step.position == position)
            {
                standing.met = met;
            }
        }
        for place in &mut self.parts.window.places {
            if place.met == Some(Status::Scheduled) {
                place.met = met;
            }
        }
    }

    fn tracks_bottom(&self) -> bool {
        !self.parts.window.bottom.is_empty()
    }

    /// Remembers the place between a delivery that was put at place `index` and what follows it.
    fn insert_place(&mut self, index: usize, place: Place, after: Met, received_at: DateTime<Utc>, step: Option<Step>) {
        let places = &mut self.parts.window.places;
        // Where it leaves the status as it was, the last place with that status is the one behind it.
        let before = if place.met == after { index } else { index + 1 };
        places[..before].iter_mut().for_each(|place| place.passed_by(received_at, step));
        if place.met == after || places[before..].iter().any(|later| later.met == after) {
            return;
        }
        places.insert(before, Place { met: after, ..place });
        if let Some(earlier) = places[..before].iter().position(|earlier| earlier.met == after) {
            places.remove(earlier);
        }
    }
}

impl Standing {
    /// Something was put right before it.
    fn meet(&mut self, met: Met, changes: &mut Vec<Change>) {
        self.met = met;
        changes.push(Change::Moved { position: self.position, before: met, after: Some(self.step.status()) });
    }
}
