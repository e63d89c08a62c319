//! The table of a lifecycle: for each event but the undos, what it is applied from.
//!
//! Why the rows of `strict` are as they are: the vendor allows removal from every state; staff skip
//! `ready` and, at the end of a day, `callback`; `ready` is a toggle and is done many times.

use super::{
    event::{EventKind, EventType},
    status::{Met, MetSet, Status},
};

/// A named table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lifecycle {
    name: String,
    create: MetSet,
    reschedule: MetSet,
    demographics_update: MetSet,
    checkin: MetSet,
    ready: MetSet,
    callback: MetSet,
    discharge: MetSet,
    remove: MetSet,
}

/// The configuration names a lifecycle that does not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownLifecycle(pub String);

impl std::fmt::Display for UnknownLifecycle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "there is no lifecycle `{}`; there is: {}", self.0, Lifecycle::BUILT_IN.join(", "))
    }
}

impl std::error::Error for UnknownLifecycle {}

impl Lifecycle {
    /// The default: what is impossible is rejected and nothing is guessed.
    pub fn strict() -> Lifecycle {
        use Status::{CalledBack, CheckedIn, Discharged, Ready, Scheduled};
        Lifecycle {
            name: "strict".to_owned(),
            create: MetSet::of(&[]).and_none(),
            reschedule: MetSet::of(&[Scheduled, CheckedIn, Ready]),
            demographics_update: MetSet::of(&Status::ALL),
            checkin: MetSet::of(&[Scheduled]),
            ready: MetSet::of(&[CheckedIn]),
            callback: MetSet::of(&[CheckedIn, Ready]),
            discharge: MetSet::of(&[CheckedIn, Ready, CalledBack]),
            remove: MetSet::of(&[Scheduled, CheckedIn, Ready, CalledBack, Discharged]),
        }
    }

    /// The built-in lifecycle with this name.
    pub fn built_in(name: &str) -> Result<Lifecycle, UnknownLifecycle> {
        match name {
            "strict" => Ok(Lifecycle::strict()),
            other => Err(UnknownLifecycle(other.to_owned())),
        }
    }

    /// The names that [`Lifecycle::built_in`] knows.
    pub const BUILT_IN: [&'static str; 1] = ["strict"];

    /// The name a source chooses it by.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What `event` is applied from; `None` for an undo, which the standing steps decide.
    pub fn applied_from(&self, event: EventType) -> Option<MetSet> {
        match event {
            EventType::Create => Some(self.create),
            EventType::Reschedule => Some(self.reschedule),
            EventType::DemographicsUpdate => Some(self.demographics_update),
            EventType::Checkin => Some(self.checkin),
            EventType::Ready => Some(self.ready),
            EventType::Callback => Some(self.callback),
            EventType::Discharge => Some(self.discharge),
            EventType::Remove => Some(self.remove),
            EventType::UndoCheckin
            | EventType::UndoRemove
            | EventType::UndoReady
            | EventType::UndoCallback
            | EventType::UndoDischarge => None,
        }
    }

    /// Whether the table applies `event` to an appointment in `met`; always false for an undo.
    pub fn applies(&self, event: EventType, met: Met) -> bool {
        self.applied_from(event).is_some_and(|from| from.contains(met))
    }

    /// Every rule as a byte, in the order of [`EventType::ALL`]: part of the rules digest.
    pub fn rule_bytes(&self) -> Vec<u8> {
        EventType::ALL
            .into_iter()
            .filter(|event| !matches!(event.kind(), EventKind::Undo(_)))
            .filter_map(|event| self.applied_from(event))
            .map(MetSet::bits)
            .collect()
    }
}
