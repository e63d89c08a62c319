//! A change of an appointment: the delivery that made it, and how the appointment was right after it.

use async_graphql::SimpleObject;

use crate::{
    graphql::{
        problem::Problem,
        scalars::{Cursor, DateTime, Position},
        schema::{appointment::Appointment, delivery::Delivery},
        scope::Scope,
        words::AppointmentStatus,
    },
    lifecycle::{Outcome, Status},
    log,
    projection::{AppointmentKey, AppointmentRecord},
};

/// What one delivery has changed about an appointment.
#[derive(SimpleObject)]
pub(in crate::graphql) struct AppointmentChange {
    /// The delivery's place in the log.
    position: Position,
    /// The same with the log's digest there: `after` for who resumes.
    cursor: Option<Cursor>,
    /// When it arrived.
    received_at: DateTime,
    /// The delivery.
    delivery: Delivery,
    /// The appointment's status before the delivery arrived; null where there was no appointment.
    status_before: Option<AppointmentStatus>,
    /// Its status after everything that the delivery set off.
    status_after: AppointmentStatus,
    /// The appointment as it was then, also where it has changed since. Its `id` is the appointment's own, so that
    /// a client's cache follows it.
    appointment: Appointment,
}

impl AppointmentChange {
    /// What a delivery changed when it arrived, if anything, and if the appointment is then in one of `statuses`.
    pub(in crate::graphql) fn of(
        scope: &Scope,
        log::ChainedDelivery { delivery, digest }: &log::ChainedDelivery,
        statuses: Option<&[AppointmentStatus]>,
    ) -> Result<Option<AppointmentChange>, Problem> {
        let Some(appointment_id) = delivery.reading.appointment_id() else { return Ok(None) };
        let Some(told) = Delivery::of(scope, delivery)? else { return Ok(None) };
        if told.met() != Outcome::Applied {
            return Ok(None);
        }
        let key = AppointmentKey { source: delivery.source.clone(), appointment_id };
        let Some(after) = record_as_of(scope, &key, delivery.position)? else { return Ok(None) };
        let Some(status_after) = after.appointment.status() else { return Ok(None) };
        if statuses.is_some_and(|statuses| !statuses.iter().any(|wanted| Status::from(*wanted) == status_after)) {
            return Ok(None);
        }
        let before = record_as_of(scope, &key, log::Position::new(delivery.position.get() - 1))?;
        let Some(appointment) = Appointment::changed(after, delivery.received_at) else { return Ok(None) };
        Ok(Some(AppointmentChange {
            position: Position(delivery.position),
            cursor: Some(Cursor(log::Cursor::at(delivery.position, *digest))),
            received_at: DateTime(delivery.received_at),
            delivery: told.followed(*digest),
            status_before: before.and_then(|record| record.appointment.status()).map(AppointmentStatus::from),
            status_after: status_after.into(),
            appointment,
        }))
    }
}

fn record_as_of(
    scope: &Scope,
    key: &AppointmentKey,
    position: log::Position,
) -> Result<Option<AppointmentRecord>, Problem> {
    Ok(scope.view().appointment_as_of(key, position, scope.rules(&key.source))?)
}
