//! What would become of an event if it arrived: folds it, on a copy, and puts the result into a sentence.
//!
//! There is no second set of rules here: the fold itself gives the forecast. Nothing is changed.

use chrono::{DateTime, Utc};

use super::{
    appointment::Appointment,
    event::{EventKind, EventType},
    fold::{Arrival, Candidate, Change, FoldRules, Folded, Judgement},
    outcome::Verdict,
    status::{Met, Status},
};

/// Later than every position that a log gives out.
const NEXT_POSITION: u64 = u64::MAX;

/// What would become of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The outcome and its code.
    pub verdict: Verdict,
    /// What it would do, or why it would not be applied, with the rule that decided.
    pub reason: String,
    /// Whether it would be put before deliveries that have been applied already.
    pub late: bool,
    /// The appointment's status after it and everything that it would let in.
    pub status_after: Met,
    /// The positions of the waiting deliveries that would be applied because of it, in the order in which they are.
    pub lets_in: Vec<u64>,
    /// Until which arrival time its rejection could still change.
    pub reconsidered_until: Option<DateTime<Utc>>,
}

impl Appointment {
    /// What would become of `event` if it arrived at `received_at`.
    pub fn explain(&self, rules: &FoldRules, event: EventType, received_at: DateTime<Utc>) -> Explanation {
        let arrival = Arrival { position: NEXT_POSITION, received_at, reading: Ok(event.name()) };
        let Folded { judgement, status, reconsidered_until, changes } = self.clone().fold(rules, arrival);
        let let_in = |change: &Change| match change {
            Change::Judged { position, judgement } if judgement.verdict == Verdict::Applied => Some(*position),
            Change::Judged { .. } | Change::Moved { .. } => None,
        };
        let lets_in: Vec<u64> = changes.iter().filter_map(let_in).collect();
        let verdict = judgement.verdict;
        let reason = verdict.forecast(event, judgement.before, &rules.lifecycle, reconsidered_until);
        // What it meets now. Its judgement counts what it lets in right before itself.
        let met = || if judgement.late { self.met_at_its_place(rules, event, received_at) } else { self.status() };
        let tell = || self.tell_applied(event, Judgement { before: met(), ..judgement }, &lets_in, status);
        let reason = reason.unwrap_or_else(tell);
        Explanation { verdict, reason, late: judgement.late, status_after: status, lets_in, reconsidered_until }
    }

    fn met_at_its_place(&self, rules: &FoldRules, event: EventType, received_at: DateTime<Utc>) -> Met {
        let mut copy = self.clone();
        copy.parts.window.expire(received_at, rules.reorder_window);
        let place = copy.latest_place(rules, Candidate { position: NEXT_POSITION, event, received_at });
        place.and_then(|index| copy.parts.window.places[index].met)
    }

    fn tell_applied(&self, event: EventType, judgement: Judgement, lets_in: &[u64], end: Met) -> String {
        let Judgement { before, after, late, .. } = judgement;
        let does = match (late, before) {
            (true, _) => match self.what_follows(before) {
                Some(next) => format!("it would be put before `{}`, which overtook it", next.name()),
                None => "it would be put before what overtook it".to_owned(),
            },
            (false, Some(status)) => format!("the appointment is {} and {}", status.name(), turn(before, after)),
            (false, None) => format!("there is no appointment yet, and it {}", turn(before, after)),
        };
        let mut told = format!("`{}` would be applied: {does}.", event.name());
        if !lets_in.is_empty() {
            told += &format!(" It would let in what waits at {}.", places(lets_in));
        }
        if late || !lets_in.is_empty() {
            let own = if late { self.status() } else { after };
            told += &format!(" The appointment {}.", turn(own, end));
        }
        told
    }

    /// What was applied right after the last place with the status `met`, where that is still known.
    ///
    /// An earlier status was left by the step that still stands on its steps; where the step that made it no longer
    /// stands, by the undo of that.
    fn what_follows(&self, met: Met) -> Option<EventType> {
        let Some(status) = met else { return self.parts.window.first.map(|first| first.event) };
        let made_by = self.parts.steps.iter().position(|standing| standing.step.status() == status);
        let next = match (status, made_by) {
            (Status::Scheduled, _) => 0,
            (_, Some(index)) => index + 1,
            (_, None) => {
                let undoes =
                    |event: &EventType| matches!(event.kind(), EventKind::Undo(step) if step.status() == status);
                return EventType::ALL.into_iter().find(undoes);
            }
        };
        self.parts.steps.get(next).map(|next| next.step.event())
    }
}

fn places(positions: &[u64]) -> String {
    let numbers: Vec<String> = positions.iter().map(u64::to_string).collect();
    match numbers.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("the positions {} and {last}", rest.join(", ")),
        _ => format!("position {}", numbers.concat()),
    }
}

fn turn(before: Met, after: Met) -> String {
    let name = after.map_or("NONE", Status::name);
    if before == after { format!("stays {name}") } else { format!("becomes {name}") }
}

#[cfg(test)]
mod tests;
