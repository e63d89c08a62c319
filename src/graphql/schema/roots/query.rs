//! The entry points.

use async_graphql::{Context, ID, Interface, Object};

use crate::{
    graphql::{
        problem::Problem,
        scalars::{DateTime, Position, parse_appointment_id},
        schema::{
            appointment::{Appointment, AppointmentList},
            board::{Board, StatusCount},
            cost::{board_cost, flow_cost, list_cost, nodes_cost, past_cost, rejections_cost, sources_cost},
            delivery::{Delivery, DeliveryList},
            flow::{FlowArguments, Interval, PatientFlowBucket},
            lifecycle::Lifecycle,
            lists::{
                connection::{Connection, PageArguments},
                filter::{AppointmentFilter, AppointmentOrder, DeliveryFilter},
                handle::Handle,
            },
            log_status::LogStatus,
            reader::Reader,
            rejections::RejectionSummary,
            roots::mutation::Rebuild,
            source::Source,
        },
        scope::Scope,
    },
    lifecycle::FoldRules,
    projection::{AppointmentKey, AsOf, Order},
};

/// Everything that can be read.
pub(in crate::graphql) struct Query;

/// Anything with an id of its own.
#[derive(Interface)]
#[graphql(field(name = "id", ty = "ID", desc = "An opaque id for `node`."))]
pub(in crate::graphql) enum Node {
    Appointment(Appointment),
    Delivery(Delivery),
}

/// Everything that can be read. One request sees one moment.
#[Object]
impl Query {
    /// One appointment; null where no delivery has brought it into being.
    async fn appointment(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The source's number for it: 1 to 9223372036854775807.")] appointment_id: ID,
        #[graphql(desc = "Whose number it is. May be left out where only one source has it.")] source: Option<String>,
        #[graphql(desc = "How it was after the last delivery that arrived at or before this time.")] as_of: Option<
            DateTime,
        >,
        #[graphql(desc = "How it was after the delivery with this position. Not together with `asOf`.")]
        as_of_position: Option<Position>,
    ) -> Option<Result<Appointment, Problem>> {
        let found = moment_asked_for(as_of, as_of_position)
            .and_then(|as_of| find_appointment(Scope::of(ctx), &appointment_id, source.as_deref(), as_of));
        found.transpose()
    }

    /// The appointments that have come into being, by source and number or in another order.
    #[allow(clippy::too_many_arguments, reason = "a list's arguments are Relay's, and its moment")]
    #[graphql(
        complexity = "past_cost(as_of.is_some() || as_of_position.is_some(), list_cost(first, last, child_complexity))"
    )]
    async fn appointments(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which ones; absent: all.")] filter: Option<AppointmentFilter>,
        #[graphql(desc = "In which order; absent: by source and number.")] order_by: Option<AppointmentOrder>,
        #[graphql(desc = "The page has the first so many: 0 to 500; 50 where neither `first` nor `last` is given.")]
        first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "The page has the last so many: 0 to 500. Not together with `first`.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
        #[graphql(desc = "How they were after the last delivery that arrived at or before this time.")] as_of: Option<
            DateTime,
        >,
        #[graphql(desc = "How they were after the delivery with this position. Not together with `asOf`.")]
        as_of_position: Option<Position>,
    ) -> Result<Connection<Appointment>, Problem> {
        let scope = Scope::of(ctx);
        let as_of = moment_asked_for(as_of, as_of_position)?.map(|as_of| scope.moment(as_of)).transpose()?;
        let filter = filter.unwrap_or_default().read(scope)?;
        let order = order_by.map(Order::from).unwrap_or_default();
        PageArguments { first, after, last, before }.list(scope, AppointmentList { filter, order, as_of })
    }

    /// The deliveries, whatever became of them, by position.
    #[graphql(complexity = "list_cost(first, last, child_complexity)")]
    async fn deliveries(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which ones; absent: all.")] filter: Option<DeliveryFilter>,
        #[graphql(desc = "The page has the first so many: 0 to 500; 50 where neither `first` nor `last` is given.")]
        first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "The page has the last so many: 0 to 500. Not together with `first`.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
    ) -> Result<Connection<Delivery>, Problem> {
        let scope = Scope::of(ctx);
        let filter = filter.unwrap_or_default().read(scope)?;
        PageArguments { first, after, last, before }.list(scope, DeliveryList::Now(filter))
    }

    /// How many appointments there are, by status.
    async fn status_counts(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only of this source; absent: of all.")] source: Option<String>,
        #[graphql(desc = "How many there were after the last delivery that arrived at or before this time.")]
        as_of: Option<DateTime>,
        #[graphql(desc = "How many there were after the delivery with this position. Not together with `asOf`.")]
        as_of_position: Option<Position>,
    ) -> Result<Vec<StatusCount>, Problem> {
        let scope = Scope::of(ctx);
        let as_of = moment_asked_for(as_of, as_of_position)?;
        let position = match as_of {
            Some(as_of) => scope.moment(as_of)?.position,
            None => scope.view().checkpoint()?.position,
        };
        let counts = scope.view().status_counts_as_of(&scope.select(source.as_deref())?, position)?;
        Ok(counts.into_iter().map(StatusCount::from).collect())
    }

    /// The appointments that people work on: a column a status, and what staff seem to have forgotten.
    #[graphql(complexity = "board_cost(ended_within_hours).saturating_add(child_complexity)")]
    async fn board(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only of this source; absent: of all.")] source: Option<String>,
        #[graphql(desc = "How it was after the last delivery that arrived at or before this time.")] as_of: Option<
            DateTime,
        >,
        #[graphql(desc = "How it was after the delivery with this position. Not together with `asOf`.")]
        as_of_position: Option<Position>,
        #[graphql(default = 24, desc = "DISCHARGED and REMOVED appointments stay on it for so many hours: 0 to 744.")]
        ended_within_hours: i32,
    ) -> Result<Board, Problem> {
        let scope = Scope::of(ctx);
        let moment = match moment_asked_for(as_of, as_of_position)? {
            Some(as_of) => scope.moment(as_of)?,
            None => scope.this_moment()?,
        };
        let past = as_of.is_some() || as_of_position.is_some();
        Board::new(scope, scope.select(source.as_deref())?, moment, past, ended_within_hours)
    }

    /// What happened in each stretch of a range of time, and how long patients waited. The first stretch is the one that
    /// `from` is in, the last one that before `to`.
    #[graphql(complexity = "flow_cost(child_complexity)")]
    async fn patient_flow(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only of this source; absent: of all.")] source: Option<String>,
        #[graphql(desc = "The beginning of the range.")] from: DateTime,
        #[graphql(desc = "The end of the range; it is not in it.")] to: DateTime,
        #[graphql(desc = "How long a stretch is. A range has at most 1000.")] interval: Interval,
        #[graphql(
            desc = "The IANA name of the time zone whose hours and days count; absent: the source's, or UTC where several sources are in different ones."
        )]
        time_zone: Option<String>,
    ) -> Result<Vec<PatientFlowBucket>, Problem> {
        let scope = Scope::of(ctx);
        let (DateTime(from), DateTime(to)) = (from, to);
        let sources = scope.select(source.as_deref())?;
        PatientFlowBucket::list(scope, FlowArguments { sources, from, to, interval, time_zone })
    }

    /// What was REJECTED, UNRECOGNIZED or UNREADABLE among what arrived in a stretch of time, in groups, with what it means;
    /// and settings to try, where many rejections of a source have the same cause.
    #[graphql(complexity = "rejections_cost(child_complexity)")]
    async fn rejections(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only of this source; absent: of all.")] source: Option<String>,
        #[graphql(desc = "The beginning of the stretch.")] from: DateTime,
        #[graphql(desc = "The end of the stretch; it is not in it.")] to: DateTime,
    ) -> Result<RejectionSummary, Problem> {
        let scope = Scope::of(ctx);
        let (DateTime(from), DateTime(to)) = (from, to);
        RejectionSummary::new(scope, &scope.select(source.as_deref())?, (from, to))
    }

    /// Who asks, and what it may see.
    async fn reader(&self, ctx: &Context<'_>) -> Reader {
        Scope::of(ctx).viewer().into()
    }

    /// The configured sources that the reader may see, by name.
    #[graphql(complexity = "sources_cost(child_complexity)")]
    async fn sources(&self, ctx: &Context<'_>) -> Vec<Source> {
        Source::all(Scope::of(ctx))
    }

    /// The rules that judge a source's deliveries.
    async fn lifecycle(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whose rules; absent: the rules of a source that chooses none.")] source: Option<String>,
    ) -> Result<Lifecycle, Problem> {
        let scope = Scope::of(ctx);
        let Some(name) = source else { return Ok((&FoldRules::default()).into()) };
        let sources = scope.select(Some(&name))?;
        sources.first().map(|source| scope.rules(source).into()).ok_or(Problem::SourceNotFound)
    }

    /// How far the log is, and how far it is folded.
    async fn log(&self, ctx: &Context<'_>) -> Result<LogStatus, Problem> {
        LogStatus::new(Scope::of(ctx))
    }

    /// The rebuild that is running, or the last one; null where there was none. For admins of all sources.
    async fn rebuild(&self, ctx: &Context<'_>) -> Option<Result<Rebuild, Problem>> {
        let scope = Scope::of(ctx);
        let last = || {
            scope.require_admin_of_everything()?;
            Ok(scope.rebuilds()?.last().map(|rebuild| Rebuild::from(&*rebuild)))
        };
        last().transpose()
    }

    /// What has this id; null where there is no such thing that the reader may see.
    async fn node(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The `id` of an appointment or a delivery.")] id: ID,
    ) -> Option<Result<Node, Problem>> {
        find_node(Scope::of(ctx), &id).transpose()
    }

    /// What has these ids, in their order; null in the place of each that is no such thing.
    #[graphql(complexity = "nodes_cost(ids.len(), child_complexity)")]
    async fn nodes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Ids of appointments and deliveries: at most 500.")] ids: Vec<ID>,
    ) -> Result<Vec<Option<Node>>, Problem> {
        let (scope, asked) = (Scope::of(ctx), ids.len());
        let max = scope.limits().page_max as usize;
        if asked > max {
            return Err(Problem::PageTooLarge { asked, max });
        }
        ids.iter().map(|id| find_node(scope, id)).collect()
    }
}

fn find_node(scope: &Scope, id: &ID) -> Result<Option<Node>, Problem> {
    Ok(match Handle::decode(id) {
        Some(Handle::Appointment(key)) => Appointment::find(scope, &key)?.map(Node::from),
        Some(Handle::AppointmentAsOf(key, position)) => {
            Appointment::find_as_of(scope, &key, AsOf::Position(position))?.map(Node::from)
        }
        Some(Handle::Delivery(position)) => Delivery::find(scope, position)?.map(Node::from),
        // A cursor is no id.
        Some(Handle::Ordered(..)) | None => None,
    })
}

fn find_appointment(
    scope: &Scope,
    id: &ID,
    source: Option<&str>,
    as_of: Option<AsOf>,
) -> Result<Option<Appointment>, Problem> {
    let appointment_id = parse_appointment_id(id)?;
    let sources = match source {
        Some(_) => scope.select(source)?,
        None => scope.view().sources_of(appointment_id)?,
    };
    let mut found = Vec::new();
    for source in sources {
        let key = AppointmentKey { source, appointment_id };
        found.extend(match as_of {
            None => Appointment::find(scope, &key)?,
            Some(as_of) => Appointment::find_as_of(scope, &key, as_of)?,
        });
    }
    if found.len() > 1 {
        found.sort_by(|one, other| one.source_name().cmp(other.source_name()));
        return Err(Problem::Ambiguous(found.iter().map(Appointment::source_name).cloned().collect()));
    }
    Ok(found.pop())
}

/// The moment that a query asks for, if any.
fn moment_asked_for(as_of: Option<DateTime>, position: Option<Position>) -> Result<Option<AsOf>, Problem> {
    match (as_of, position) {
        (None, None) => Ok(None),
        (Some(DateTime(time)), None) => Ok(Some(AsOf::Time(time))),
        (None, Some(Position(position))) => Ok(Some(AsOf::Position(position))),
        (Some(_), Some(_)) => Err(Problem::BadInput("Give `asOf` or `asOfPosition`, not both.")),
    }
}
