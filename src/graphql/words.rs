//! The lifecycle's words as GraphQL enums. The names are those of the contract.

use async_graphql::Enum;

use crate::lifecycle;

/// Where an appointment is: the status of its last standing step.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "lifecycle::Status")]
pub(super) enum AppointmentStatus {
    /// Booked, not here.
    Scheduled,
    /// Here.
    CheckedIn,
    /// Registered, waiting to be called.
    Ready,
    /// In a room.
    CalledBack,
    /// Gone home.
    Discharged,
    /// Taken off the queue.
    Removed,
}

/// What the sender says has happened: six steps, five undos, two changes of detail.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "lifecycle::EventType")]
pub(super) enum EventType {
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
    /// Takes READY back.
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

/// What became of a delivery.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "lifecycle::Outcome")]
pub(super) enum Outcome {
    /// It changed the appointment.
    Applied,
    /// It said again what already stands.
    Duplicate,
    /// The lifecycle does not apply it from where the appointment was.
    Rejected,
    /// Its event type is none of the 13.
    Unrecognized,
    /// Its body is not the vendor's JSON.
    Unreadable,
}
