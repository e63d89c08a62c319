//! The table of a lifecycle: for each event but the undos, what it is applied from.
//!
//! Why the rows of `strict` are as they are: the vendor allows removal from every state; staff skip
//! `ready` and, at the end of a day, `callback`; `ready` is a toggle and is done many times.

use super::{
    event::{EventKind, EventType, Step},
    status::{Met, MetSet, Status},
};

/// A named table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lifecycle {
    name: String,
    /// What each event is applied from, in the order of [`EventType::ALL`]; empty for an undo.
    from: [MetSet; EventType::ALL.len()],
}

/// The configuration names a lifecycle that does not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownLifecycle(pub String);

impl std::fmt::Display for UnknownLifecycle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "there is no lifecycle `{}`; built in are: {}", self.0, Lifecycle::BUILT_IN.join(", "))
    }
}

impl std::error::Error for UnknownLifecycle {}

impl Lifecycle {
    /// The default: it rejects the impossible and guesses nothing.
    pub fn strict() -> Lifecycle {
        use Status::{CalledBack, CheckedIn, Discharged, Ready, Scheduled};

        let row = |event| match event {
            EventType::Create => MetSet::of(&[]).and_none(),
            EventType::Reschedule => MetSet::of(&[Scheduled, CheckedIn, Ready]),
            EventType::DemographicsUpdate => MetSet::of(&Status::ALL),
            EventType::Checkin => MetSet::of(&[Scheduled]),
            EventType::Ready => MetSet::of(&[CheckedIn]),
            EventType::Callback => MetSet::of(&[CheckedIn, Ready]),
            EventType::Discharge => MetSet::of(&[CheckedIn, Ready, CalledBack]),
            EventType::Remove => MetSet::of(&[Scheduled, CheckedIn, Ready, CalledBack, Discharged]),
            EventType::UndoCheckin
            | EventType::UndoRemove
            | EventType::UndoReady
            | EventType::UndoCallback
            | EventType::UndoDischarge => MetSet::default(),
        };
        Lifecycle { name: "strict".to_owned(), from: EventType::ALL.map(row) }
    }

    /// `strict`, for clinics whose walk-ins stand in the queue without a `checkin`.
    pub fn walk_in() -> Lifecycle {
        let from_scheduled = |event, from: MetSet| match event {
            EventType::Ready | EventType::Callback | EventType::Discharge => from.with(Some(Status::Scheduled)),
            _ => from,
        };
        Lifecycle::strict().renamed("walk_in", from_scheduled)
    }

    /// `walk_in`, for a source that is switched on in mid-stream: any step or detail begins an appointment.
    pub fn lenient() -> Lifecycle {
        let from_none = |event: EventType, from: MetSet| match event.kind() {
            EventKind::Step(_) | EventKind::Detail => from.with(None),
            EventKind::Undo(_) => from,
        };
        Lifecycle::walk_in().renamed("lenient", from_none)
    }

    /// A table of one's own. Each row gives the statuses that an event is applied from; an event without a row
    /// is never applied. Rows of undos are ignored: the standing steps decide about them.
    pub fn custom(name: &str, rows: &[(EventType, MetSet)]) -> Lifecycle {
        let given = |event: EventType| match event.kind() {
            EventKind::Undo(_) => MetSet::default(),
            _ => rows.iter().find(|(named, _)| *named == event).map(|(_, from)| *from).unwrap_or_default(),
        };
        Lifecycle { name: name.to_owned(), from: EventType::ALL.map(given) }
    }

    /// `walk_in`, but `callback` does not follow CHECKED_IN.
    #[cfg(test)]
    pub(super) fn for_tests() -> Lifecycle {
        let callback = MetSet::of(&[Status::Scheduled, Status::Ready]);
        Lifecycle::walk_in().renamed("busy", |event, from| if event == EventType::Callback { callback } else { from })
    }

    /// The built-in lifecycle with this name.
    pub fn built_in(name: &str) -> Result<Lifecycle, UnknownLifecycle> {
        match name {
            "strict" => Ok(Lifecycle::strict()),
            "walk_in" => Ok(Lifecycle::walk_in()),
            "lenient" => Ok(Lifecycle::lenient()),
            other => Err(UnknownLifecycle(other.to_owned())),
        }
    }

    /// The names that [`Lifecycle::built_in`] knows.
    pub const BUILT_IN: [&'static str; 3] = ["strict", "walk_in", "lenient"];

    /// The name a source chooses it by.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What `event` is applied from; `None` for an undo, which the standing steps decide.
    pub fn applied_from(&self, event: EventType) -> Option<MetSet> {
        match event.kind() {
            EventKind::Undo(_) => None,
            EventKind::Step(_) | EventKind::Detail => Some(self.from[event as usize]),
        }
    }

    /// Whether the table applies `event` to an appointment in `met`; always false for an undo.
    pub fn applies(&self, event: EventType, met: Met) -> bool {
        self.from[event as usize].contains(met)
    }

    /// Whether `create` is applied to an appointment in `met` in which it does not stand: also where another
    /// event brought the appointment into being, if the table lets `create` begin one.
    pub(super) fn applies_create(&self, met: Met) -> bool {
        let from = self.from[EventType::Create as usize];
        from.contains(met) || from.contains(None)
    }

    /// Whether `event` would still be applied where a detail comes before it, which makes the status SCHEDULED.
    pub(super) fn continues(&self, event: EventType) -> bool {
        let scheduled = Some(Status::Scheduled);
        if event == EventType::Create { self.applies_create(scheduled) } else { self.applies(event, scheduled) }
    }

    /// Whether a step other than `create` begins an appointment and is not applied from SCHEDULED.
    pub(super) fn begins_only(&self) -> bool {
        let scheduled = Some(Status::Scheduled);
        let steps = Step::ALL.into_iter().filter(|step| *step != Step::Create).map(Step::event);
        steps.into_iter().any(|event| self.applies(event, None) && !self.applies(event, scheduled))
    }

    /// Every rule as a byte, in the order of [`EventType::ALL`]: part of the rules digest.
    pub fn rule_bytes(&self) -> [u8; EventType::ALL.len()] {
        self.from.map(MetSet::bits)
    }

    fn renamed(&self, name: &str, change: impl Fn(EventType, MetSet) -> MetSet) -> Lifecycle {
        let from = EventType::ALL.map(|event| change(event, self.from[event as usize]));
        Lifecycle { name: name.to_owned(), from }
    }
}
