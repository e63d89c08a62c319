//! The board, and counts by status.

use async_graphql::{ComplexObject, Context, SimpleObject};
use chrono::TimeDelta;

use crate::{
    graphql::{
        problem::Problem,
        scalars::{DateTime, Position},
        schema::{
            appointment::Appointment,
            cost::{COLUMN_DEFAULT, COLUMN_MAX, column_cost},
        },
        scope::Scope,
        words::AppointmentStatus,
    },
    lifecycle::Status,
    log::SourceName,
    projection::{self, BoardOf, Card, Column, Moment},
};

const ENDED_WITHIN_HOURS_MAX: i32 = 31 * 24;

/// How many appointments are in a status.
#[derive(SimpleObject)]
pub(in crate::graphql) struct StatusCount {
    /// The status.
    status: AppointmentStatus,
    /// How many.
    count: i32,
}

/// The appointments that people work on.
#[derive(SimpleObject)]
pub(in crate::graphql) struct Board {
    /// The moment that it shows: what was asked for, or now.
    as_of: DateTime,
    /// The last delivery that counts; `"0"` where there is none.
    position: Position,
    /// One a status, in the order of a visit.
    #[graphql(complexity = "Status::ALL.len() * child_complexity + 1")]
    columns: Vec<BoardColumn>,
    /**
    What staff seem to have forgotten, and is in no column: CHECKED_IN, READY or CALLED_BACK without a delivery for the
    source's `stale_after_hours`, or SCHEDULED without one for its `booking_horizon_days`. Nothing is guessed about it.
    */
    stale: StaleAppointments,
}

/// The appointments in one status, the one that has been in it longest first.
#[derive(SimpleObject)]
#[graphql(complex)]
pub(in crate::graphql) struct BoardColumn {
    /// The status.
    status: AppointmentStatus,
    /// How many there are.
    count: i32,
    #[graphql(skip)]
    appointments: Listing,
}

/// Appointments that staff seem to have forgotten, the one that has been in its status longest first.
#[derive(SimpleObject)]
#[graphql(complex)]
pub(in crate::graphql) struct StaleAppointments {
    /// How many there are.
    count: i32,
    #[graphql(skip)]
    appointments: Listing,
}

/// Appointments on the board, read when they are asked for, and the time that it shows; `None`: now.
struct Listing {
    cards: Vec<Card>,
    past: Option<chrono::DateTime<chrono::Utc>>,
}

#[ComplexObject]
impl BoardColumn {
    /// The first so many of them.
    #[graphql(complexity = "column_cost(first, child_complexity)")]
    async fn appointments(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "0 to 5000; 500 where it is left out.")] first: Option<i32>,
    ) -> Result<Vec<Appointment>, Problem> {
        self.appointments.first(Scope::of(ctx), first)
    }
}

#[ComplexObject]
impl StaleAppointments {
    /// The first so many of them.
    #[graphql(complexity = "column_cost(first, child_complexity)")]
    async fn appointments(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "0 to 5000; 500 where it is left out.")] first: Option<i32>,
    ) -> Result<Vec<Appointment>, Problem> {
        self.appointments.first(Scope::of(ctx), first)
    }
}

impl Board {
    /// The board of these sources at a moment; `past` where the moment was asked for.
    pub(in crate::graphql) fn new(
        scope: &Scope,
        sources: Vec<SourceName>,
        moment: Moment,
        past: bool,
        ended_within_hours: i32,
    ) -> Result<Board, Problem> {
        check_hours(ended_within_hours)?;
        let ended_within = TimeDelta::hours(ended_within_hours.into());
        let sources: Vec<BoardOf<'_>> = sources.iter().map(|source| scope.board_of(source)).collect();
        let projection::Board { mut columns, stale } =
            scope.view().board(&sources, moment, ended_within, COLUMN_MAX)?;
        let past = past.then_some(moment.time);
        let listing = |column: Column| Listing { cards: column.first, past };
        let mut column = |status: Status| {
            let column = columns.remove(&status).unwrap_or_default();
            BoardColumn { status: status.into(), count: to_int(column.count), appointments: listing(column) }
        };
        Ok(Board {
            as_of: DateTime(moment.time),
            position: Position(moment.position),
            columns: Status::ALL.into_iter().map(&mut column).collect(),
            stale: StaleAppointments { count: to_int(stale.count), appointments: listing(stale) },
        })
    }
}

/// Refuses more hours than a board goes back.
pub(in crate::graphql) fn check_hours(ended_within_hours: i32) -> Result<(), Problem> {
    if (0..=ENDED_WITHIN_HOURS_MAX).contains(&ended_within_hours) {
        return Ok(());
    }
    Err(Problem::BadInput("`endedWithinHours` is 0 to 744."))
}

impl Listing {
    fn first(&self, scope: &Scope, first: Option<i32>) -> Result<Vec<Appointment>, Problem> {
        let first = match first {
            None => COLUMN_DEFAULT,
            Some(items) => usize::try_from(items)
                .ok()
                .filter(|items| *items <= COLUMN_MAX)
                .ok_or(Problem::BadInput("A column tells 0 to 5000 appointments."))?,
        };
        let mut appointments = Vec::with_capacity(first.min(self.cards.len()));
        for card in self.cards.iter().take(first) {
            let record = scope.view().record_of(card)?;
            appointments.extend(match self.past {
                Some(time) => Appointment::as_of(record, time),
                None => Appointment::new(record),
            });
        }
        Ok(appointments)
    }
}

impl From<(Status, u64)> for StatusCount {
    fn from((status, count): (Status, u64)) -> StatusCount {
        StatusCount { status: status.into(), count: to_int(count) }
    }
}

fn to_int(count: u64) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}
