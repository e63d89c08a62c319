//! What would become of an event, as readers see it.

use async_graphql::SimpleObject;

use crate::{
    graphql::{
        scalars::{DateTime, Position},
        words::{AppointmentStatus, Outcome},
    },
    lifecycle::{self, Code, Status},
    log,
};

/// What would become of an event if it arrived now, with nothing else in between.
#[derive(SimpleObject)]
pub(in crate::graphql) struct Explanation {
    /// What would become of it.
    outcome: Outcome,
    /// Why it would not be applied, for programs; null where it would be.
    code: Option<&'static str>,
    /// What it would do, or why it would not be applied, for people.
    reason: String,
    /// Whether it would count as overtaken, and be put before deliveries that have been applied already.
    late: bool,
    /// The appointment's status after it and everything that it would let in.
    status_after: AppointmentStatus,
    /// The deliveries that wait now and would be applied because of it, in the order in which they would be.
    lets_in: Vec<Position>,
    /// Until which arrival time its rejection could still change; null where it is no rejection, or final.
    reconsidered_until: Option<DateTime>,
}

impl Explanation {
    /// `status` is the appointment's now.
    pub(in crate::graphql) fn new(explained: lifecycle::Explanation, status: Status) -> Explanation {
        let lifecycle::Explanation { verdict, reason, late, status_after, lets_in, reconsidered_until } = explained;
        Explanation {
            outcome: verdict.outcome().into(),
            code: verdict.code().map(Code::name),
            reason,
            late,
            // Nothing ends an appointment that has come into being: it has a status from then on.
            status_after: status_after.unwrap_or(status).into(),
            lets_in: lets_in.into_iter().map(|position| Position(log::Position::new(position))).collect(),
            reconsidered_until: reconsidered_until.map(DateTime),
        }
    }
}
