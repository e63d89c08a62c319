//! The 13 events of the vendor's page: six steps, five undos, two changes of detail.

use super::status::Status;

/// What the sender says has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventType {
    /// A reservation was made.
    Create,
    /// The visit's time was moved. Never changes the status.
    Reschedule,
    /// Patient or custom fields changed. Never changes the status.
    DemographicsUpdate,
    /// The patient is here.
    Checkin,
    /// Takes a check-in back.
    UndoCheckin,
    /// The appointment was taken off the queue.
    Remove,
    /// Takes a removal back.
    UndoRemove,
    /// Registration is done.
    Ready,
    /// Takes `ready` back: the vendor's button is a toggle.
    UndoReady,
    /// The patient was called to a room.
    Callback,
    /// Takes a call-back back.
    UndoCallback,
    /// The visit is over.
    Discharge,
    /// Takes a discharge back.
    UndoDischarge,
}

/// An event that moves an appointment to a status of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// See [`EventType::Create`].
    Create,
    /// See [`EventType::Checkin`].
    Checkin,
    /// See [`EventType::Ready`].
    Ready,
    /// See [`EventType::Callback`].
    Callback,
    /// See [`EventType::Discharge`].
    Discharge,
    /// See [`EventType::Remove`].
    Remove,
}

/// The three kinds of event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// Stands until it is undone; the last one that stands is the status.
    Step(Step),
    /// Takes the last standing step away.
    Undo(Step),
    /// Changes no status.
    Detail,
}

impl EventType {
    /// All events, in the order of the vendor's page.
    pub const ALL: [EventType; 13] = [
        EventType::Create,
        EventType::Reschedule,
        EventType::DemographicsUpdate,
        EventType::Checkin,
        EventType::UndoCheckin,
        EventType::Remove,
        EventType::UndoRemove,
        EventType::Ready,
        EventType::UndoReady,
        EventType::Callback,
        EventType::UndoCallback,
        EventType::Discharge,
        EventType::UndoDischarge,
    ];

    /// The vendor's name, to the letter.
    pub fn name(self) -> &'static str {
        match self {
            EventType::Create => "create",
            EventType::Reschedule => "reschedule",
            EventType::DemographicsUpdate => "demographics_update",
            EventType::Checkin => "checkin",
            EventType::UndoCheckin => "undo_checkin",
            EventType::Remove => "remove",
            EventType::UndoRemove => "undo_remove",
            EventType::Ready => "ready",
            EventType::UndoReady => "undo_ready",
            EventType::Callback => "callback",
            EventType::UndoCallback => "undo_callback",
            EventType::Discharge => "discharge",
            EventType::UndoDischarge => "undo_discharge",
        }
    }

    /// The event with exactly this name; `CHECKIN` and the empty string are none.
    pub fn from_name(name: &str) -> Option<EventType> {
        EventType::ALL.into_iter().find(|event| event.name() == name)
    }

    /// Step, undo or detail.
    pub fn kind(self) -> EventKind {
        match self {
            EventType::Create => EventKind::Step(Step::Create),
            EventType::Checkin => EventKind::Step(Step::Checkin),
            EventType::Ready => EventKind::Step(Step::Ready),
            EventType::Callback => EventKind::Step(Step::Callback),
            EventType::Discharge => EventKind::Step(Step::Discharge),
            EventType::Remove => EventKind::Step(Step::Remove),
            EventType::UndoCheckin => EventKind::Undo(Step::Checkin),
            EventType::UndoReady => EventKind::Undo(Step::Ready),
            EventType::UndoCallback => EventKind::Undo(Step::Callback),
            EventType::UndoDischarge => EventKind::Undo(Step::Discharge),
            EventType::UndoRemove => EventKind::Undo(Step::Remove),
            EventType::Reschedule | EventType::DemographicsUpdate => EventKind::Detail,
        }
    }
}

impl Step {
    /// All steps, in the order of a visit.
    pub const ALL: [Step; 6] =
        [Step::Create, Step::Checkin, Step::Ready, Step::Callback, Step::Discharge, Step::Remove];

    /// The event that makes this step.
    pub fn event(self) -> EventType {
        match self {
            Step::Create => EventType::Create,
            Step::Checkin => EventType::Checkin,
            Step::Ready => EventType::Ready,
            Step::Callback => EventType::Callback,
            Step::Discharge => EventType::Discharge,
            Step::Remove => EventType::Remove,
        }
    }

    /// The status of an appointment whose last standing step this is.
    pub fn status(self) -> Status {
        match self {
            Step::Create => Status::Scheduled,
            Step::Checkin => Status::CheckedIn,
            Step::Ready => Status::Ready,
            Step::Callback => Status::CalledBack,
            Step::Discharge => Status::Discharged,
            Step::Remove => Status::Removed,
        }
    }
}

/// A set of steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StepSet(u8);

impl StepSet {
    /// Whether `step` is in the set.
    pub fn contains(self, step: Step) -> bool {
        self.0 & (1 << step as u8) != 0
    }

    /// Puts `step` into the set.
    pub fn insert(&mut self, step: Step) {
        self.0 |= 1 << step as u8;
    }

    /// Takes `step` out of the set.
    pub fn remove(&mut self, step: Step) {
        self.0 &= !(1 << step as u8);
    }

    /// One bit a step, in the order of [`Step::ALL`].
    pub fn bits(self) -> u8 {
        self.0
    }

    /// The set with these bits; bits that stand for no step are dropped.
    pub fn from_bits(bits: u8) -> StepSet {
        StepSet(bits & 0b11_1111)
    }
}
