//! Which statuses a lifecycle can lead to, found by trying: every event in every state that the fold can be in.
//!
//! A lifecycle comes in; every change of status that it allows goes out, or the rows that keep a status from being
//! reached. A delivery that is put before others is applied there like any other, and so is everything after it: a
//! status that no order of arrival reaches, no reorder window reaches either.

use std::collections::{BTreeSet, VecDeque};

use chrono::{DateTime, TimeDelta};

use super::{
    appointment::Appointment,
    event::{EventKind, EventType, Step},
    fold::{Arrival, FoldRules},
    outcome::Verdict,
    status::{Met, MetSet, Status},
    table::Lifecycle,
};

/// An applied event, and the statuses around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Transition {
    pub(super) event: EventType,
    pub(super) from: Met,
    pub(super) to: Met,
}

/// A row that keeps statuses from being reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// The row's event, a step.
    pub event: EventType,
    /// The statuses that would be reached if the row were another, in the order of a visit.
    pub statuses: Vec<Status>,
    /// What is reached without it. If the row had one of these, `statuses` would be reached too.
    pub reached: MetSet,
}

/// The rows that have to change for every status to be reached, as few as will do. Empty: every status is reached.
///
/// SCHEDULED counts as reached also where an appointment that began without `create` has no standing step.
pub fn obstacles(lifecycle: &Lifecycle) -> Vec<Obstacle> {
    let mut lifecycle = lifecycle.clone();
    let mut reached = reach(&lifecycle);
    let mut found = Vec::new();
    loop {
        let missing = |reached: MetSet| Status::ALL.into_iter().filter(move |status| !reached.contains(Some(*status)));
        let steps = Step::ALL.into_iter().filter(|step| !reached.contains(Some(step.status())));
        // The row that opens the most is never one that waits for another; of equals, the first in a visit.
        let opened = steps.map(|step| (step.event(), opened(&lifecycle, step.event(), reached)));
        let best = opened.rev().max_by_key(|(_, opened)| reach(opened).iter().count());
        let Some((event, opened)) = best else { return found };
        let then = reach(&opened);
        let statuses = missing(reached).filter(|status| then.contains(Some(*status))).collect();
        found.push(Obstacle { event, statuses, reached });
        (lifecycle, reached) = (opened, then);
    }
}

/// Every change of status, and every event that keeps it, in the order of [`EventType::ALL`].
pub(super) fn transitions(lifecycle: &Lifecycle) -> BTreeSet<Transition> {
    let rules = FoldRules { lifecycle: lifecycle.clone(), reorder_window: TimeDelta::zero() };
    let mut seen = BTreeSet::from([state(&Appointment::default())]);
    let mut queue = VecDeque::from([Appointment::default()]);
    let mut found = BTreeSet::new();
    while let Some(appointment) = queue.pop_front() {
        for event in EventType::ALL {
            let mut next = appointment.clone();
            let arrival = Arrival { position: 0, received_at: DateTime::UNIX_EPOCH, reading: Ok(event.name()) };
            let judgement = next.fold(&rules, arrival).judgement;
            if judgement.verdict != Verdict::Applied {
                continue;
            }
            found.insert(Transition { event, from: judgement.before, to: judgement.after });
            if seen.insert(state(&next)) {
                queue.push_back(next);
            }
        }
    }
    found
}

/// What decides which events will be applied: whether it has begun, and which steps stand. Undone steps only separate a
/// repeat from a rejection, and times, positions and counts decide nothing.
fn state(appointment: &Appointment) -> (bool, Vec<Step>) {
    (appointment.status().is_some(), appointment.standing().map(|standing| standing.step).collect())
}

/// NONE, and the statuses that are reached from there.
fn reach(lifecycle: &Lifecycle) -> MetSet {
    let none = MetSet::default().and_none();
    transitions(lifecycle).into_iter().fold(none, |reached, transition| reached.with(transition.to))
}

/// The same lifecycle with `event` applied from `met` too.
fn opened(lifecycle: &Lifecycle, event: EventType, met: MetSet) -> Lifecycle {
    let row = |of: EventType| {
        let from = lifecycle.applied_from(of).unwrap_or_default();
        (of, if of == event { met.iter().fold(from, MetSet::with) } else { from })
    };
    let rows = EventType::ALL.into_iter().filter(|event| !matches!(event.kind(), EventKind::Undo(_))).map(row);
    Lifecycle::custom(lifecycle.name(), &rows.collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `checkin=NONE,SCHEDULED`, a word a row.
    fn custom(rows: &str) -> Lifecycle {
        let row = |word: &str| {
            let (event, from) = word.split_once('=').unwrap();
            let statuses = from.split(',').filter(|name| !name.is_empty());
            let met = |name: &str| (name != "NONE").then(|| Status::from_name(name).unwrap());
            let from = statuses.map(met).fold(MetSet::default(), MetSet::with);
            (EventType::from_name(event).unwrap(), from)
        };
        Lifecycle::custom("custom", &rows.split_whitespace().map(row).collect::<Vec<_>>())
    }

    /// For each obstacle the event, what it keeps away, and what is reached without it.
    fn check(rows: &str, expected: &[&str]) {
        let names = |met: Met| met.map_or("NONE", Status::name);
        let tell = |obstacle: &Obstacle| {
            let statuses: Vec<&str> = obstacle.statuses.iter().map(|status| status.name()).collect();
            let reached: Vec<&str> = obstacle.reached.iter().map(names).collect();
            format!("{}: {} / {}", obstacle.event.name(), statuses.join(" "), reached.join(" "))
        };
        let told: Vec<String> = obstacles(&custom(rows)).iter().map(tell).collect();
        assert_eq!(told, expected, "{rows}");
    }

    #[test]
    fn the_built_in_lifecycles_reach_every_status() {
        for lifecycle in [Lifecycle::strict(), Lifecycle::walk_in(), Lifecycle::lenient()] {
            assert_eq!(obstacles(&lifecycle), [], "{}", lifecycle.name());
        }
    }

    #[test]
    fn a_row_that_keeps_a_status_away_is_found_with_what_depends_on_it() {
        let begin = "create=NONE checkin=SCHEDULED";
        check(&format!("{begin} ready=CHECKED_IN callback=READY discharge=CALLED_BACK remove=SCHEDULED"), &[]);
        check(
            &format!("{begin} ready= callback=READY discharge=CALLED_BACK remove=SCHEDULED"),
            &["ready: READY CALLED_BACK DISCHARGED / NONE SCHEDULED CHECKED_IN REMOVED"],
        );
        check(
            &format!("{begin} ready=CHECKED_IN callback=DISCHARGED discharge=CALLED_BACK remove=REMOVED"),
            &[
                "callback: CALLED_BACK DISCHARGED / NONE SCHEDULED CHECKED_IN READY",
                "remove: REMOVED / NONE SCHEDULED CHECKED_IN READY CALLED_BACK DISCHARGED",
            ],
        );
        // What is reached in a row's own status only is never reached.
        check(
            &format!("{begin} ready=READY callback=CHECKED_IN discharge=CHECKED_IN remove=SCHEDULED"),
            &["ready: READY / NONE SCHEDULED CHECKED_IN CALLED_BACK DISCHARGED REMOVED"],
        );
    }

    #[test]
    fn where_nothing_begins_nothing_is_reached() {
        let all = "SCHEDULED CHECKED_IN READY CALLED_BACK DISCHARGED REMOVED / NONE";
        let rest = "checkin=SCHEDULED ready=CHECKED_IN callback=READY discharge=READY remove=READY";
        check(rest, &[&format!("create: {all}")]);
        // Here `create` alone would not do.
        check(&rest.replace("=SCHEDULED", "=READY"), &[&format!("checkin: {all}")]);
    }

    #[test]
    fn scheduled_is_reached_without_create() {
        let rest = "ready=CHECKED_IN callback=CHECKED_IN discharge=CHECKED_IN remove=SCHEDULED";
        // By an undo of the first step, or by a detail.
        check(&format!("checkin=NONE {rest}"), &[]);
        check(&format!("reschedule=NONE checkin=SCHEDULED {rest}"), &[]);
    }

    #[test]
    fn transitions_are_those_that_happen() {
        let lifecycle = custom("create=NONE,READY checkin=NONE ready=CHECKED_IN,REMOVED");
        let (scheduled, checked_in, ready) = (Some(Status::Scheduled), Some(Status::CheckedIn), Some(Status::Ready));
        let of = |event, from, to| Transition { event, from, to };
        let expected = [
            of(EventType::Create, None, scheduled),
            // It stands first, wherever it comes.
            of(EventType::Create, scheduled, scheduled),
            of(EventType::Create, checked_in, checked_in),
            of(EventType::Create, ready, ready),
            of(EventType::Checkin, None, checked_in),
            of(EventType::UndoCheckin, checked_in, scheduled),
            of(EventType::Ready, checked_in, ready),
            of(EventType::UndoReady, ready, checked_in),
        ];
        assert_eq!(transitions(&lifecycle).into_iter().collect::<Vec<_>>(), expected);
    }
}
