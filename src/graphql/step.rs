//! One step of a subscription: what its field makes items of now, and what it says about itself.
//!
//! The library resolves a subscription's field into a stream and then its selection for each item. Here a step's stream
//! is finite: the deliveries of the step. So an operation is executed whenever there are deliveries, and its only state
//! is a position.

use std::{
    cmp::Ordering,
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_graphql::Context;
use chrono::{DateTime, Utc};

use crate::log::{AppointmentId, ChainedDelivery, Delivery, Digest, Position, SourceName};

use super::{problem::Problem, scope::Scope};

/// The request to a subscription's field, and its answer beside its items.
pub(in crate::graphql) struct Step {
    kind: Kind,
    noted: Mutex<Noted>,
}

/// What is asked.
pub(in crate::graphql) enum Kind {
    /// Only what the arguments mean.
    Begin,
    /// The whole state, before any change.
    First,
    /// These deliveries, by position.
    Deliveries(Vec<Arc<ChainedDelivery>>),
    /// What the passing of time has done, with nothing else happening.
    Passed {
        /// The last delivery that was sent.
        position: Position,
        /// The time of the last look.
        from: DateTime<Utc>,
        /// The time of this one.
        to: DateTime<Utc>,
    },
}

#[derive(Default)]
struct Noted {
    begun: Option<Begun>,
    told: Vec<Reached>,
}

/// How far a subscription has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::graphql) struct Reached {
    /// The last delivery that counts.
    pub(in crate::graphql) position: Position,
    /// The log's digest there, where it was met: then reading on from there need not look it up.
    pub(in crate::graphql) digest: Option<Digest>,
}

/// What a subscription's arguments mean.
#[derive(Clone, Debug)]
pub(in crate::graphql) struct Begun {
    /// The deliveries that it may make items of.
    pub(in crate::graphql) wants: Wants,
    /// What the client has already; `None`: it does not get what has happened up to now.
    pub(in crate::graphql) after: Option<Reached>,
    /// How far everything is folded now.
    pub(in crate::graphql) now: Reached,
    /// Whether it first gives the whole state, and then also what passing time does to it.
    pub(in crate::graphql) shows_a_state: bool,
}

/// Which deliveries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::graphql) struct Wants {
    /// Only of these sources; `None`: of all.
    pub(in crate::graphql) sources: Option<BTreeSet<SourceName>>,
    /// Only those that name one of these appointments; `None`: any.
    pub(in crate::graphql) appointments: Option<BTreeSet<AppointmentId>>,
}

impl Reached {
    /// The later of two; of the same place, the one with a digest.
    pub(in crate::graphql) fn max(self, other: Reached) -> Reached {
        match self.position.cmp(&other.position) {
            Ordering::Greater => self,
            Ordering::Equal => Reached { digest: self.digest.or(other.digest), ..self },
            Ordering::Less => other,
        }
    }
}

impl From<Position> for Reached {
    fn from(position: Position) -> Reached {
        Reached { position, digest: None }
    }
}

impl From<&ChainedDelivery> for Reached {
    fn from(entry: &ChainedDelivery) -> Reached {
        Reached { position: entry.delivery.position, digest: Some(entry.digest) }
    }
}

impl Wants {
    /// The deliveries that a subscription wants.
    pub(in crate::graphql) fn new(
        scope: &Scope,
        source: Option<&str>,
        appointments: Option<BTreeSet<AppointmentId>>,
    ) -> Result<Wants, Problem> {
        let sources = match source {
            Some(_) => Some(scope.select(source)?.into_iter().collect()),
            None => scope.viewer().sources.clone(),
        };
        Ok(Wants { sources, appointments })
    }

    pub(in crate::graphql) fn includes(&self, delivery: &Delivery) -> bool {
        let named = |ids: &BTreeSet<AppointmentId>| {
            delivery.reading.appointment_id().is_some_and(|appointment_id| ids.contains(&appointment_id))
        };
        self.sources.as_ref().is_none_or(|sources| sources.contains(&delivery.source))
            && self.appointments.as_ref().is_none_or(named)
    }
}

impl Step {
    pub(in crate::graphql) fn new(kind: Kind) -> Step {
        Step { kind, noted: Mutex::default() }
    }

    /// The step that is being executed.
    pub(in crate::graphql) fn of<'a>(ctx: &Context<'a>) -> &'a Step {
        ctx.data_unchecked::<Arc<Step>>()
    }

    pub(in crate::graphql) fn kind(&self) -> &Kind {
        &self.kind
    }

    /// Takes note of what the arguments mean.
    pub(in crate::graphql) fn begin(&self, begun: Begun) {
        self.noted().begun = Some(begun);
    }

    /// Makes the items of the step's deliveries that give one.
    pub(in crate::graphql) fn tell<T>(
        &self,
        mut item: impl FnMut(&ChainedDelivery) -> Result<Option<T>, Problem>,
    ) -> Result<Vec<T>, Problem> {
        let Kind::Deliveries(deliveries) = &self.kind else { return Ok(Vec::new()) };
        let mut items = Vec::with_capacity(deliveries.len());
        for entry in deliveries {
            if let Some(item) = item(entry)? {
                self.note(Reached::from(&**entry));
                items.push(item);
            }
        }
        Ok(items)
    }

    /// Takes note that the next item is as of this position.
    pub(in crate::graphql) fn note(&self, reached: Reached) {
        self.noted().told.push(reached);
    }

    pub(in crate::graphql) fn begun(&self) -> Option<Begun> {
        self.noted().begun.clone()
    }

    /// The places of the items, in their order.
    pub(in crate::graphql) fn told(&self) -> Vec<Reached> {
        std::mem::take(&mut self.noted().told)
    }

    fn noted(&self) -> MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
