//! The rows on disk and their bytes.

use chrono::{DateTime, Utc};

use crate::{lifecycle::Appointment, log::Position};

use super::AppointmentKey;

/// What the projection knows of one appointment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppointmentRecord {
    /// Its identity.
    pub key: AppointmentKey,
    /// The fold of its deliveries.
    pub appointment: Appointment,
    /// When its first delivery arrived, whatever its outcome.
    pub first_received_at: DateTime<Utc>,
    /// Its last delivery, whatever its outcome.
    pub last_position: Position,
    /// When that arrived.
    pub last_received_at: DateTime<Utc>,
    /// How many deliveries name it, whatever their outcomes.
    pub delivery_count: u64,
}
