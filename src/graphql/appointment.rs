//! An appointment as readers see it.

use async_graphql::{Context, ID, Object};

use crate::{
    lifecycle::{Status, Step},
    log::SourceName,
    projection::{self, AppointmentKey, AppointmentRecord, Page, PageOf},
};

use super::{
    connection::{Connection, Listed, PageArguments},
    delivery::Delivery,
    explanation::Explanation,
    limits::page_cost,
    place::Place,
    problem::Problem,
    scalars::{DateTime, Position},
    scope::Scope,
    words::{AppointmentStatus, EventType},
};

/// An appointment that has come into being.
pub(super) struct Appointment {
    record: AppointmentRecord,
    status: Status,
    status_since: chrono::DateTime<chrono::Utc>,
}

impl Appointment {
    /// `None` where no delivery has brought it into being.
    pub(super) fn new(record: AppointmentRecord) -> Option<Appointment> {
        let status = record.appointment.status()?;
        let status_since = record.appointment.status_since()?;
        Some(Appointment { record, status, status_since })
    }

    pub(super) fn source_name(&self) -> &SourceName {
        &self.record.key.source
    }

    fn time_of(&self, step: Step) -> Option<DateTime> {
        self.record.appointment.time_of(step).map(DateTime)
    }
}

/// An appointment: what the deliveries that name it have made of it.
#[Object]
impl Appointment {
    /// An opaque id for `node`.
    pub(super) async fn id(&self) -> ID {
        self.place().into()
    }

    /// Who sends its deliveries.
    async fn source(&self) -> &str {
        self.source_name().as_str()
    }

    /// The source's number for it: 1 to 9223372036854775807.
    async fn appointment_id(&self) -> ID {
        self.record.key.appointment_id.into()
    }

    /// Where it is.
    async fn status(&self) -> AppointmentStatus {
        self.status.into()
    }

    /// When the step that made the status arrived; where no step stands, when its first applied delivery did.
    async fn status_since(&self) -> DateTime {
        DateTime(self.status_since)
    }

    /// The steps that stand, in order. The last one makes the status; where none stands it is SCHEDULED.
    async fn standing(&self) -> Vec<EventType> {
        self.record.appointment.standing().map(|standing| standing.step.event().into()).collect()
    }

    /// When its first delivery arrived, whatever became of it.
    async fn first_received_at(&self) -> DateTime {
        DateTime(self.record.first_received_at)
    }

    /// When CREATE arrived, if it stands.
    async fn created_at(&self) -> Option<DateTime> {
        self.time_of(Step::Create)
    }

    /// When CHECKIN arrived, if it stands.
    async fn checked_in_at(&self) -> Option<DateTime> {
        self.time_of(Step::Checkin)
    }

    /// When READY arrived, if it stands.
    async fn ready_at(&self) -> Option<DateTime> {
        self.time_of(Step::Ready)
    }

    /// When CALLBACK arrived, if it stands.
    async fn called_back_at(&self) -> Option<DateTime> {
        self.time_of(Step::Callback)
    }

    /// When DISCHARGE arrived, if it stands.
    async fn discharged_at(&self) -> Option<DateTime> {
        self.time_of(Step::Discharge)
    }

    /// When REMOVE arrived, if it stands.
    async fn removed_at(&self) -> Option<DateTime> {
        self.time_of(Step::Remove)
    }

    /// How many RESCHEDULE were applied.
    async fn reschedule_count(&self) -> u32 {
        self.record.appointment.reschedule_count()
    }

    /// How many DEMOGRAPHICS_UPDATE were applied.
    async fn demographics_update_count(&self) -> u32 {
        self.record.appointment.demographics_update_count()
    }

    /// The position of its last delivery, whatever became of it.
    async fn last_position(&self) -> Position {
        Position(self.record.last_position)
    }

    /// When its last delivery arrived, whatever became of it.
    async fn last_received_at(&self) -> DateTime {
        DateTime(self.record.last_received_at)
    }

    /// The events that the lifecycle would apply next.
    async fn allowed_events(&self, ctx: &Context<'_>) -> Vec<EventType> {
        let lifecycle = Scope::of(ctx).lifecycle(self.source_name());
        self.record.appointment.allowed_events(lifecycle).into_iter().map(EventType::from).collect()
    }

    /// What would become of an event if it arrived now: at the clock's time, but not before the last arrival.
    async fn explain(&self, ctx: &Context<'_>, #[graphql(desc = "The event.")] event_type: EventType) -> Explanation {
        let scope = Scope::of(ctx);
        let received_at = scope.now().max(self.record.last_received_at);
        let explained =
            self.record.appointment.explain(scope.rules(self.source_name()), event_type.into(), received_at);
        Explanation::new(explained, self.status)
    }

    /// Every delivery that names it, whatever became of it, by position.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    async fn history(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The page has the first so many: 0 to 500; 50 where neither `first` nor `last` is given.")]
        first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "The page has the last so many: 0 to 500. Not together with `first`.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
    ) -> Result<Connection<Delivery>, Problem> {
        let AppointmentKey { source, appointment_id } = self.record.key.clone();
        let filter = projection::DeliveryFilter {
            sources: vec![source],
            appointment_id: Some(appointment_id),
            outcomes: Vec::new(),
        };
        PageArguments { first, after, last, before }.list(Scope::of(ctx), filter)
    }
}

impl Listed for Appointment {
    type Key = AppointmentKey;
    type Filter = projection::AppointmentFilter;

    fn page(scope: &Scope, filter: &Self::Filter, page: &Page<AppointmentKey>) -> Result<PageOf<Self>, Problem> {
        let PageOf { items, has_more } = scope.view().appointments(filter, page)?;
        Ok(PageOf { items: items.into_iter().filter_map(Appointment::new).collect(), has_more })
    }

    fn count(scope: &Scope, filter: &Self::Filter) -> Result<Option<u64>, Problem> {
        Ok(Some(scope.view().appointment_count(filter)?))
    }

    fn place(&self) -> Place {
        Place::Appointment(self.record.key.clone())
    }

    fn key(place: Place) -> Option<AppointmentKey> {
        match place {
            Place::Appointment(key) => Some(key),
            Place::Delivery(_) => None,
        }
    }
}
