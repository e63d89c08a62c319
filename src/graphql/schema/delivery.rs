//! A delivery as readers see it: what was sent, and what became of it.

use std::sync::OnceLock;

use async_graphql::{Context, ID, Object};
use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{
    graphql::{
        problem::Problem,
        scalars::{Cursor, DateTime, Position},
        schema::lists::{connection::Listed, handle::Handle},
        scope::Scope,
        words::{AppointmentStatus, EventType, Outcome},
    },
    lifecycle::{self, Code},
    log::{self, AppointmentId, Body, Digest, SourceName},
    projection::{AppointmentKey, DeliveryFilter, DeliveryState, HistoryEntry, Page, PageOf},
};

/// A delivery that has been folded.
pub(in crate::graphql) struct Delivery {
    position: log::Position,
    received_at: chrono::DateTime<chrono::Utc>,
    source: SourceName,
    appointment_id: Option<AppointmentId>,
    /// `None` where the event type is unknown, or the body is unreadable.
    event: Option<lifecycle::EventType>,
    told: DeliveryState,
    /// The delivery as the log has it, once it was read: most fields do without.
    sent: OnceLock<log::Delivery>,
    /// The log's digest after it, in subscriptions.
    digest: Option<Digest>,
    /// Whether `told` also knows of a conflict with an earlier delivery.
    is_whole: bool,
}

impl Delivery {
    pub(in crate::graphql) fn new(delivery: log::Delivery, told: DeliveryState) -> Delivery {
        Delivery {
            position: delivery.position,
            received_at: delivery.received_at,
            source: delivery.source.clone(),
            appointment_id: delivery.reading.appointment_id(),
            event: delivery.reading.event_type().ok().and_then(lifecycle::EventType::from_name),
            told,
            sent: delivery.into(),
            digest: None,
            is_whole: true,
        }
    }

    /// The same for a subscriber, who resumes after it.
    pub(in crate::graphql) fn followed(self, digest: Digest) -> Delivery {
        Delivery { digest: Some(digest), ..self }
    }

    /// One that the snapshot has folded, and that the reader may see.
    pub(in crate::graphql) fn find(scope: &Scope, position: log::Position) -> Result<Option<Delivery>, Problem> {
        let Some(delivery) = scope.sent(position)? else { return Ok(None) };
        let told = scope.view().tell(&delivery, scope.rules(&delivery.source))?;
        Ok(told.map(|told| Delivery::new(delivery, told)))
    }

    /// One with its state at some moment.
    fn find_told(scope: &Scope, position: log::Position, told: DeliveryState) -> Result<Option<Delivery>, Problem> {
        let Some(delivery) = scope.sent(position)? else { return Ok(None) };
        let conflicts_with = scope.view().conflicts_with(&delivery)?;
        Ok(Some(Delivery::new(delivery, DeliveryState { conflicts_with, ..told })))
    }

    /// A delivery at hand with its folded state, if the reader may see it.
    pub(in crate::graphql) fn of(scope: &Scope, delivery: &log::Delivery) -> Result<Option<Delivery>, Problem> {
        if !scope.sees(&delivery.source) {
            return Ok(None);
        }
        scope.charge_for(delivery)?;
        let told = scope.view().tell(delivery, scope.rules(&delivery.source))?;
        Ok(told.map(|told| Delivery::new(delivery.clone(), told)))
    }

    /// A delivery in the history of its appointment, which is read from the log when a field asks for it.
    fn of_history(key: &AppointmentKey, entry: HistoryEntry) -> Delivery {
        let HistoryEntry { position, received_at, event, told } = entry;
        Delivery {
            position,
            received_at,
            source: key.source.clone(),
            appointment_id: Some(key.appointment_id),
            event,
            told,
            sent: OnceLock::new(),
            digest: None,
            is_whole: false,
        }
    }

    /// The delivery as the log has it.
    fn sent(&self, ctx: &Context<'_>) -> Result<&log::Delivery, Problem> {
        if self.sent.get().is_none() {
            let read = Scope::of(ctx).sent(self.position)?.ok_or_else(|| unreadable(self.position))?;
            // Another resolver that has read it meanwhile has read the same.
            let _ = self.sent.set(read);
        }
        self.sent.get().ok_or(Problem::Internal)
    }

    /// What became of it when it arrived.
    pub(in crate::graphql) fn met(&self) -> lifecycle::Outcome {
        self.told.judgement.outcome_at_arrival()
    }

    /// The body, for those who may read it and while it is there.
    fn bytes(&self, ctx: &Context<'_>) -> Result<Option<&[u8]>, Problem> {
        if !Scope::of(ctx).may_read_bodies() {
            return Ok(None);
        }
        Ok(match &self.sent(ctx)?.body {
            Body::Kept { bytes, .. } => Some(bytes),
            Body::Erased { .. } => None,
        })
    }
}

/// One authenticated POST, kept in the log, and what became of it.
#[Object]
impl Delivery {
    /// An opaque id for `node`.
    pub(in crate::graphql) async fn id(&self) -> ID {
        Handle::Delivery(self.position).into()
    }

    /// Its place in the log.
    async fn position(&self) -> Position {
        Position(self.position)
    }

    /// Its place with the log's digest there: `after` for who resumes. In subscriptions; null elsewhere.
    async fn cursor(&self) -> Option<Cursor> {
        self.digest.map(|digest| Cursor(log::Cursor::at(self.position, digest)))
    }

    /// When it arrived.
    async fn received_at(&self) -> DateTime {
        DateTime(self.received_at)
    }

    /// Who sent it.
    async fn source(&self) -> &str {
        self.source.as_str()
    }

    /// The appointment that it names; null where the body is unreadable.
    async fn appointment_id(&self) -> Option<ID> {
        self.appointment_id.map(ID::from)
    }

    /// What it says has happened; null where the type is none of the 13 or the body is unreadable.
    async fn event_type(&self) -> Option<EventType> {
        self.event.map(EventType::from)
    }

    /// The event type as it was sent; null where the body is unreadable.
    async fn raw_event_type<'a>(&'a self, ctx: &Context<'_>) -> Option<Result<&'a str, Problem>> {
        if let Some(event) = self.event {
            // A known event is known to the letter.
            return Some(Ok(event.name()));
        }
        let raw = |sent: &'a log::Delivery| {
            let raw = sent.reading.event_type().ok()?;
            Some(Scope::of(ctx).charge(raw.len()).map(|()| raw))
        };
        self.sent(ctx).map_or_else(|problem| Some(Err(problem)), raw)
    }

    /// The sender's own id of it; null where the source names no header for one, or none was sent.
    async fn delivery_id(&self, ctx: &Context<'_>) -> Option<Result<&str, Problem>> {
        self.sent(ctx).map(|sent| sent.delivery_id.as_deref()).transpose()
    }

    /// The first delivery of the source with the same delivery id, where that has another body; else null.
    async fn conflicts_with(&self, ctx: &Context<'_>) -> Option<Result<Position, Problem>> {
        let first = if self.is_whole {
            Ok(self.told.conflicts_with)
        } else {
            self.sent(ctx).and_then(|sent| Ok(Scope::of(ctx).view().conflicts_with(sent)?))
        };
        first.map(|first| first.map(Position)).transpose()
    }

    /// What became of it, as folded up to now.
    async fn outcome(&self) -> Outcome {
        self.told.judgement.verdict.outcome().into()
    }

    /// Why it was not applied, for programs; null where it was.
    async fn code(&self) -> Option<&str> {
        self.told.judgement.verdict.code().map(Code::name)
    }

    /// Why it was not applied, for people; null where it was.
    async fn reason(&self, ctx: &Context<'_>) -> Option<String> {
        let lifecycle = Scope::of(ctx).lifecycle(&self.source);
        let DeliveryState { judgement, reconsidered_until, .. } = self.told;
        judgement.verdict.reason_until(self.event, judgement.before, lifecycle, reconsidered_until)
    }

    /// What became of it when it arrived. Another one than `outcome` where it was REJECTED and a later delivery
    /// within the reorder window let it in or made it a repeat.
    async fn outcome_at_arrival(&self) -> Outcome {
        self.told.judgement.outcome_at_arrival().into()
    }

    /// Whether it had been overtaken, and was put before deliveries that had been applied already.
    async fn late(&self) -> bool {
        self.told.judgement.late
    }

    /// The delivery that let it in, where that was a later one.
    async fn applied_at(&self) -> Option<Position> {
        self.told.judgement.applied_at().map(|at| Position(log::Position::new(at)))
    }

    /// Until which arrival time a rejection may still change, as of the appointment's last delivery. Null where it is
    /// no rejection, or was final by then.
    async fn reconsidered_until(&self) -> Option<DateTime> {
        self.told.reconsidered_until.map(DateTime)
    }

    /// The appointment's status before it, at its place; null where there was no appointment. A delivery that was
    /// put before this one later on counts.
    async fn status_before(&self) -> Option<AppointmentStatus> {
        self.told.judgement.before.map(AppointmentStatus::from)
    }

    /// The appointment's status right after it, at its place; null where there is no appointment.
    async fn status_after(&self) -> Option<AppointmentStatus> {
        self.told.judgement.after.map(AppointmentStatus::from)
    }

    /// The body as text. For admins; null to others, where it is not UTF-8, and once it is erased.
    async fn body(&self, ctx: &Context<'_>) -> Option<Result<&str, Problem>> {
        let text = self.bytes(ctx).map(|bytes| bytes.and_then(|bytes| std::str::from_utf8(bytes).ok())).transpose()?;
        Some(text.and_then(|text| Scope::of(ctx).charge(text.len()).map(|()| text)))
    }

    /// The body, byte for byte but without its content coding, as base64. For admins; null to others, and once it is erased.
    async fn body_base64(&self, ctx: &Context<'_>) -> Option<Result<String, Problem>> {
        let bytes = self.bytes(ctx).transpose()?;
        Some(bytes.and_then(|bytes| Scope::of(ctx).charge(bytes.len()).map(|()| STANDARD.encode(bytes))))
    }

    /// Whether the body was erased on purpose.
    async fn body_erased(&self, ctx: &Context<'_>) -> Result<bool, Problem> {
        Ok(matches!(self.sent(ctx)?.body, Body::Erased { .. }))
    }
}

/// Which deliveries.
pub(in crate::graphql) enum DeliveryList {
    /// As folded up to now.
    Now(DeliveryFilter),
    /// Those of an appointment, as folded up to now.
    History(AppointmentKey),
    /// Those of an appointment as they were folded at a position.
    AsOf {
        /// The appointment.
        key: AppointmentKey,
        /// The last delivery that counts.
        position: log::Position,
    },
}

impl Listed for Delivery {
    type Key = log::Position;
    type Filter = DeliveryList;

    fn page(scope: &Scope, list: &DeliveryList, page: &Page<log::Position>) -> Result<PageOf<Self>, Problem> {
        match list {
            DeliveryList::Now(filter) => {
                let PageOf { items, has_more } = scope.view().deliveries(filter, page)?;
                let items = items.into_iter().map(|position| read_back(position, Delivery::find(scope, position)?));
                Ok(PageOf { items: items.collect::<Result<_, _>>()?, has_more })
            }
            DeliveryList::History(key) => {
                let PageOf { items, has_more } = scope.view().history(key, scope.rules(&key.source), page)?;
                let items = items.into_iter().map(|entry| Delivery::of_history(key, entry)).collect();
                Ok(PageOf { items, has_more })
            }
            DeliveryList::AsOf { key, position } => {
                let told = scope.view().told_as_of(key, *position, scope.rules(&key.source))?;
                let PageOf { items, has_more } = page.of(told.into_iter(), |(position, _)| *position);
                let items = items
                    .into_iter()
                    .map(|(position, told)| read_back(position, Delivery::find_told(scope, position, told)?));
                Ok(PageOf { items: items.collect::<Result<_, _>>()?, has_more })
            }
        }
    }

    fn count(scope: &Scope, list: &DeliveryList) -> Result<Option<u64>, Problem> {
        match list {
            DeliveryList::Now(filter) => Ok(scope.view().delivery_count(filter)?),
            DeliveryList::History(key) => {
                Ok(Some(scope.view().appointment(key)?.map_or(0, |record| record.delivery_count)))
            }
            DeliveryList::AsOf { key, position } => {
                let rules = scope.rules(&key.source);
                let record = scope.view().appointment_as_of(key, *position, rules)?;
                Ok(Some(record.map_or(0, |record| record.delivery_count)))
            }
        }
    }

    fn place(&self, _list: &DeliveryList) -> Handle {
        Handle::Delivery(self.position)
    }

    fn key(place: Handle, _list: &DeliveryList) -> Option<log::Position> {
        match place {
            Handle::Delivery(position) => Some(position),
            Handle::Appointment(_) | Handle::AppointmentAsOf(..) | Handle::Ordered(..) => None,
        }
    }
}

fn read_back(position: log::Position, delivery: Option<Delivery>) -> Result<Delivery, Problem> {
    delivery.ok_or_else(|| unreadable(position))
}

fn unreadable(position: log::Position) -> Problem {
    tracing::error!(%position, "the projection lists a delivery that can't be read back");
    Problem::Internal
}
