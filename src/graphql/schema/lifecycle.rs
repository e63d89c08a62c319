//! The rules that judge a source's deliveries as readers see them.

use async_graphql::SimpleObject;

use crate::{
    graphql::words::{AppointmentStatus, EventType},
    lifecycle::{self, EventKind, FoldRules},
};

/// A table of rules: for each event, what it is applied from. What no rule applies is REJECTED; with a
/// reorder window, perhaps only for now.
#[derive(SimpleObject)]
pub(in crate::graphql) struct Lifecycle {
    /// The name that a source chooses it by.
    name: String,
    /// Within how many seconds a delivery of the source may overtake others, or wait for them: 0 to 3600. 0: deliveries
    /// are judged as they arrive, and a rejection is final.
    reorder_window_seconds: i32,
    /// One rule an event.
    rules: Vec<LifecycleRule>,
}

/// What one event is applied from, and where it leads.
#[derive(SimpleObject)]
pub(in crate::graphql) struct LifecycleRule {
    /// The event.
    event_type: EventType,
    /// The statuses that it is applied from. For an undo, also the step that it undoes is the last one that stands.
    applied_from: Vec<AppointmentStatus>,
    /// Whether it is applied where there is no appointment yet.
    applied_from_none: bool,
    /// The step that it takes back; null for what is no undo.
    undoes: Option<EventType>,
    /// The status that it leads to; null for a change of detail, which keeps the status (where it begins an appointment: SCHEDULED), and for an undo, which leads back to the one before.
    status_after: Option<AppointmentStatus>,
}

impl From<&FoldRules> for Lifecycle {
    fn from(rules: &FoldRules) -> Lifecycle {
        let FoldRules { lifecycle, reorder_window } = rules;
        let reorder_window_seconds = i32::try_from(reorder_window.num_seconds()).unwrap_or(i32::MAX);
        let rules = lifecycle::EventType::ALL.into_iter().map(|event| rule(lifecycle, event)).collect();
        Lifecycle { name: lifecycle.name().to_owned(), reorder_window_seconds, rules }
    }
}

fn rule(lifecycle: &lifecycle::Lifecycle, event: lifecycle::EventType) -> LifecycleRule {
    let (undoes, status_after) = match event.kind() {
        EventKind::Step(step) => (None, Some(step.status())),
        EventKind::Undo(step) => (Some(step), None),
        EventKind::Detail => (None, None),
    };
    let applied_from: Vec<lifecycle::Met> = match undoes {
        Some(step) => vec![Some(step.status())],
        None => lifecycle.applied_from(event).unwrap_or_default().iter().collect(),
    };
    LifecycleRule {
        event_type: event.into(),
        applied_from_none: applied_from.contains(&None),
        applied_from: applied_from.into_iter().flatten().map(AppointmentStatus::from).collect(),
        undoes: undoes.map(|step| step.event().into()),
        status_after: status_after.map(AppointmentStatus::from),
    }
}
