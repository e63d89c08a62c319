//! An appointment as readers see it.

use async_graphql::{Context, ID, Object};

use crate::{
    graphql::{
        problem::Problem,
        scalars::{DateTime, Position},
        schema::{
            cost::page_cost,
            delivery::{Delivery, DeliveryList},
            explanation::Explanation,
            lists::{
                connection::{Connection, Listed, PageArguments},
                handle::Handle,
            },
        },
        scope::Scope,
        words::{AppointmentStatus, EventType},
    },
    lifecycle::{Status, Step},
    log::SourceName,
    projection::{
        self, AppointmentKey, AppointmentOrderKey, AppointmentRecord, AsOf, Moment, Order, OrderBy, Page, PageOf,
    },
};

/// An appointment that has come into being.
pub(in crate::graphql) struct Appointment {
    record: AppointmentRecord,
    status: Status,
    status_since: chrono::DateTime<chrono::Utc>,
    /// Set where this is how it was: events that might have arrived are judged at this time.
    past: Option<chrono::DateTime<chrono::Utc>>,
    /// Whether it stands for the appointment itself, not for a past state of it: as in a change that is being sent.
    is_itself: bool,
}

impl Appointment {
    /// One that has come into being, and that the reader may see.
    pub(in crate::graphql) fn find(scope: &Scope, key: &AppointmentKey) -> Result<Option<Appointment>, Problem> {
        if !scope.sees(&key.source) {
            return Ok(None);
        }
        Ok(scope.view().appointment(key)?.and_then(Appointment::new))
    }

    /// The same at a moment.
    pub(in crate::graphql) fn find_as_of(
        scope: &Scope,
        key: &AppointmentKey,
        as_of: AsOf,
    ) -> Result<Option<Appointment>, Problem> {
        if !scope.sees(&key.source) {
            return Ok(None);
        }
        let position = scope.view().position_of(scope.log(), as_of)?;
        let record = scope.view().appointment_as_of(key, position, scope.rules(&key.source))?;
        let Some(record) = record else { return Ok(None) };
        let time = match as_of {
            AsOf::Time(time) => time,
            AsOf::Position(_) => record.last_received_at,
        };
        Ok(Appointment::as_of(record, time))
    }

    /// `None` where no delivery has brought it into being.
    pub(in crate::graphql) fn new(record: AppointmentRecord) -> Option<Appointment> {
        let status = record.appointment.status()?;
        let status_since = record.appointment.status_since()?;
        Some(Appointment { record, status, status_since, past: None, is_itself: true })
    }

    /// How it was at a time; `None` where no delivery had brought it into being.
    pub(in crate::graphql) fn as_of(
        record: AppointmentRecord,
        time: chrono::DateTime<chrono::Utc>,
    ) -> Option<Appointment> {
        Appointment::new(record).map(|appointment| Appointment { past: Some(time), is_itself: false, ..appointment })
    }

    /// How it was right after a change at a time; the subscriber takes it for the appointment itself.
    pub(in crate::graphql) fn changed(
        record: AppointmentRecord,
        time: chrono::DateTime<chrono::Utc>,
    ) -> Option<Appointment> {
        Appointment::new(record).map(|appointment| Appointment { past: Some(time), ..appointment })
    }

    pub(in crate::graphql) fn source_name(&self) -> &SourceName {
        &self.record.key.source
    }

    fn node_id(&self) -> Handle {
        let key = self.record.key.clone();
        if self.is_itself { Handle::Appointment(key) } else { Handle::AppointmentAsOf(key, self.record.last_position) }
    }

    fn time_of(&self, step: Step) -> Option<DateTime> {
        self.record.appointment.time_of(step).map(DateTime)
    }
}

/// An appointment: what the deliveries that name it have made of it.
#[Object]
impl Appointment {
    /// An opaque id for `node`.
    pub(in crate::graphql) async fn id(&self) -> ID {
        self.node_id().into()
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

    /// The last event, by position, that was APPLIED.
    async fn last_event(&self, ctx: &Context<'_>) -> Result<Option<EventType>, Problem> {
        Ok(Scope::of(ctx).view().last_event(&self.record)?.map(EventType::from))
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

    /// What would become of an event if it arrived now: at the clock's time, or where that is up to a minute behind, at that
    /// of the last arrival. As of an earlier moment: then.
    async fn explain(&self, ctx: &Context<'_>, #[graphql(desc = "The event.")] event_type: EventType) -> Explanation {
        let scope = Scope::of(ctx);
        let received_at = self.past.unwrap_or_else(|| scope.now_after(self.record.last_received_at));
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
        let arguments = PageArguments { first, after, last, before };
        let key = self.record.key.clone();
        let list = match self.past {
            Some(_) => DeliveryList::AsOf { key, position: self.record.last_position },
            None => DeliveryList::History(key),
        };
        arguments.list(Scope::of(ctx), list)
    }
}

/// Which appointments, in which order, and as of when; `None`: now.
pub(in crate::graphql) struct AppointmentList {
    pub(in crate::graphql) filter: projection::AppointmentFilter,
    pub(in crate::graphql) order: Order,
    pub(in crate::graphql) as_of: Option<Moment>,
}

impl Listed for Appointment {
    type Key = AppointmentOrderKey;
    type Filter = AppointmentList;

    fn page(scope: &Scope, list: &AppointmentList, page: &Page<AppointmentOrderKey>) -> Result<PageOf<Self>, Problem> {
        let (view, AppointmentList { filter, order, as_of }) = (scope.view(), list);
        let PageOf { items, has_more } = match as_of {
            None => view.appointments(filter, *order, page)?,
            Some(moment) => view.appointments_as_of(filter, *order, moment.position, scope.all_rules(), page)?,
        };
        let appointment = |record| match as_of {
            None => Appointment::new(record),
            Some(moment) => Appointment::as_of(record, moment.time),
        };
        Ok(PageOf { items: items.into_iter().filter_map(appointment).collect(), has_more })
    }

    fn count(scope: &Scope, list: &AppointmentList) -> Result<Option<u64>, Problem> {
        let view = scope.view();
        match list.as_of {
            None => Ok(view.appointment_count(&list.filter)?),
            Some(moment) => Ok(view.appointment_count_as_of(&list.filter, moment.position)?),
        }
    }

    fn place(&self, list: &AppointmentList) -> Handle {
        match list.order.by {
            OrderBy::Id => self.node_id(),
            by => Handle::Ordered(by, by.place(&self.record).expect("it has come into being")),
        }
    }

    fn key(place: Handle, list: &AppointmentList) -> Option<AppointmentOrderKey> {
        match (place, list.order.by) {
            (Handle::Appointment(key) | Handle::AppointmentAsOf(key, _), OrderBy::Id) => {
                Some(AppointmentOrderKey { value: 0, key })
            }
            (Handle::Ordered(by, place), asked) => (by == asked).then_some(place),
            (Handle::Appointment(_) | Handle::AppointmentAsOf(..) | Handle::Delivery(_), _) => None,
        }
    }
}
