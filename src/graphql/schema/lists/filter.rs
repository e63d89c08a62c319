//! Which appointments and deliveries a list has, and in which order.

use async_graphql::{Enum, ID, InputObject};

use crate::{
    graphql::{
        problem::Problem,
        scalars::{DateTime, parse_appointment_id},
        scope::Scope,
        words::{AppointmentStatus, EventType, Outcome},
    },
    lifecycle::{Code, EventType as CoreEvent, Outcome as CoreOutcome, Status},
    log::{AppointmentId, SourceName},
    projection::{self, IdPrefix, Order, OrderBy, Stretches, Times},
};

/// The most ids that a filter names.
const IDS_MAX: usize = 100;

/// A stretch of time. Where an end is absent, it is open there.
#[derive(InputObject, Clone, Copy, Default)]
pub(in crate::graphql) struct TimeRange {
    /// At or after this time.
    pub(in crate::graphql) from: Option<DateTime>,
    /// Before this time.
    pub(in crate::graphql) to: Option<DateTime>,
}

/// Which appointments: those that are all of what is given. An empty list finds nothing.
#[derive(InputObject, Default)]
pub(in crate::graphql) struct AppointmentFilter {
    /// Only of this source.
    source: Option<String>,
    /// Only in one of these statuses.
    status: Option<Vec<AppointmentStatus>>,
    /// Only with one of these numbers: at most 100.
    appointment_ids: Option<Vec<ID>>,
    /// Only those whose number begins with these digits.
    appointment_id_prefix: Option<String>,
    /// Only those whose `statusSince` is in this stretch.
    status_since: Option<TimeRange>,
    /// Only those whose `firstReceivedAt` is in this stretch.
    first_received_at: Option<TimeRange>,
    /// Only those whose `lastReceivedAt` is in this stretch.
    last_received_at: Option<TimeRange>,
}

/// Which deliveries: those that are all of what is given. An empty list finds nothing.
#[derive(InputObject, Default)]
pub(in crate::graphql) struct DeliveryFilter {
    /// Only of this source.
    source: Option<String>,
    /// Only those that name this appointment.
    appointment_id: Option<ID>,
    /// Only those that name one of these appointments: at most 100.
    appointment_ids: Option<Vec<ID>>,
    /// Only with one of these outcomes.
    outcome: Option<Vec<Outcome>>,
    /// Only with one of these codes, such as `STATUS_NOT_ALLOWED`: what was applied has none.
    code: Option<Vec<String>>,
    /// Only of one of these events.
    event_type: Option<Vec<EventType>>,
    /// Only those that arrived in this stretch.
    received_at: Option<TimeRange>,
}

/// The order of a list of appointments. Those that are equal in it are ordered by source and number, in the same direction.
#[derive(InputObject)]
pub(in crate::graphql) struct AppointmentOrder {
    /// By what.
    field: AppointmentOrderField,
    /// In which direction.
    #[graphql(default_with = "OrderDirection::Asc")]
    direction: OrderDirection,
}

/// What appointments are ordered by.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
enum AppointmentOrderField {
    /// The source's name, then the number.
    Id,
    /// `statusSince`.
    StatusSince,
    /// `firstReceivedAt`.
    Created,
    /// `lastPosition`, and so `lastReceivedAt`.
    LastChange,
}

/// A direction.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
pub(in crate::graphql) enum OrderDirection {
    /// The smallest first; of times, the oldest.
    Asc,
    /// The largest first; of times, the newest.
    Desc,
}

impl AppointmentFilter {
    pub(in crate::graphql) fn read(self, scope: &Scope) -> Result<projection::AppointmentFilter, Problem> {
        let nothing = is_empty(&self.status) || is_empty(&self.appointment_ids);
        let prefix = |digits: String| {
            IdPrefix::new(&digits).ok_or(Problem::BadInput(
                "`appointmentIdPrefix` is 1 to 19 digits that an appointment's number begins with.",
            ))
        };
        Ok(projection::AppointmentFilter {
            sources: sources(scope, self.source.as_deref(), nothing)?,
            statuses: self.status.unwrap_or_default().into_iter().map(Status::from).collect(),
            ids: self.appointment_ids.map(ids).transpose()?,
            id_prefix: self.appointment_id_prefix.map(prefix).transpose()?,
            status_since: times(self.status_since)?,
            first_received_at: times(self.first_received_at)?,
            last_position: positions(scope, self.last_received_at)?,
        })
    }
}

impl DeliveryFilter {
    pub(in crate::graphql) fn read(self, scope: &Scope) -> Result<projection::DeliveryFilter, Problem> {
        let nothing = is_empty(&self.outcome)
            || is_empty(&self.code)
            || is_empty(&self.appointment_ids)
            || is_empty(&self.event_type);
        let appointment_ids = match (self.appointment_id, self.appointment_ids) {
            (Some(_), Some(_)) => return Err(Problem::BadInput("Give `appointmentId` or `appointmentIds`, not both.")),
            (Some(id), None) => Some(vec![parse_appointment_id(&id)?]),
            (None, many) => many.map(ids).transpose()?,
        };
        Ok(projection::DeliveryFilter {
            sources: sources(scope, self.source.as_deref(), nothing)?,
            appointment_ids,
            outcomes: self.outcome.unwrap_or_default().into_iter().map(CoreOutcome::from).collect(),
            codes: self.code.unwrap_or_default().iter().map(|name| code(name)).collect::<Result<_, _>>()?,
            events: self.event_type.unwrap_or_default().into_iter().map(CoreEvent::from).collect(),
            positions: positions(scope, self.received_at)?,
        })
    }
}

impl From<AppointmentOrder> for Order {
    fn from(AppointmentOrder { field, direction }: AppointmentOrder) -> Order {
        let by = match field {
            AppointmentOrderField::Id => OrderBy::Id,
            AppointmentOrderField::StatusSince => OrderBy::StatusSince,
            AppointmentOrderField::Created => OrderBy::FirstReceived,
            AppointmentOrderField::LastChange => OrderBy::LastPosition,
        };
        Order { by, descending: direction == OrderDirection::Desc }
    }
}

/// An empty list finds nothing: only an absent one means all.
fn is_empty<T>(list: &Option<Vec<T>>) -> bool {
    list.as_ref().is_some_and(Vec::is_empty)
}

fn sources(scope: &Scope, name: Option<&str>, nothing: bool) -> Result<Vec<SourceName>, Problem> {
    let sources = scope.select(name)?;
    Ok(if nothing { Vec::new() } else { sources })
}

fn ids(ids: Vec<ID>) -> Result<Vec<AppointmentId>, Problem> {
    if ids.len() > IDS_MAX {
        return Err(Problem::BadInput("A filter names at most 100 appointments."));
    }
    ids.iter().map(parse_appointment_id).collect()
}

fn code(name: &str) -> Result<Code, Problem> {
    Code::from_name(name)
        .ok_or(Problem::BadInput("`code` has a name that is no delivery's code. docs/webhooks.md lists them."))
}

fn times(range: Option<TimeRange>) -> Result<Times, Problem> {
    let TimeRange { from, to } = range.unwrap_or_default();
    let (from, to) = (from.map(|DateTime(time)| time), to.map(|DateTime(time)| time));
    if from.zip(to).is_some_and(|(from, to)| to < from) {
        return Err(Problem::BadInput("A stretch of time ends at or after its beginning: `to` is before `from`."));
    }
    Ok(Times { from, to })
}

/// A stretch of time is one of the log, or several where the clock was set back.
pub(in crate::graphql) fn positions(scope: &Scope, range: Option<TimeRange>) -> Result<Stretches, Problem> {
    Ok(scope.view().arrived_in(scope.log(), times(range)?)?)
}
