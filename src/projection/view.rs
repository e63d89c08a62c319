//! Queries over one snapshot of the projection: everything that one view answers belongs together.

use crate::{
    lifecycle::{Judgement, Outcome, Status},
    log::{AppointmentId, Delivery, Position, SourceName},
};

use super::{AppointmentKey, AppointmentRecord, Checkpoint, ProjectionError};

/// A part of an ordered list: at most `limit` items strictly between two cursors.
#[derive(Clone, Debug)]
pub struct Page<K> {
    /// Only what comes after this.
    pub after: Option<K>,
    /// Only what comes before this.
    pub before: Option<K>,
    /// The most items to return.
    pub limit: usize,
    /// Take the last ones instead of the first ones; the order of the items stays ascending.
    pub from_end: bool,
}

/// A page's items, ascending.
#[derive(Clone, Debug)]
pub struct PageOf<T> {
    /// The items.
    pub items: Vec<T>,
    /// Whether there are more beyond the limit, in the direction that was asked for.
    pub has_more: bool,
}

/// Which appointments; ordered by source name, then by id.
#[derive(Clone, Debug)]
pub struct AppointmentFilter {
    /// Only of these sources.
    pub sources: Vec<SourceName>,
    /// Only in one of these statuses; empty: any.
    pub statuses: Vec<Status>,
}

/// Which deliveries; ordered by position.
#[derive(Clone, Debug)]
pub struct DeliveryFilter {
    /// Only of these sources.
    pub sources: Vec<SourceName>,
    /// Only of the appointments with this id.
    pub appointment_id: Option<AppointmentId>,
    /// Only with one of these outcomes; empty: any.
    pub outcomes: Vec<Outcome>,
}

/// One snapshot of the projection.
pub struct View {}

impl View {
    /// How far this snapshot is folded.
    pub fn checkpoint(&self) -> Checkpoint {
        unimplemented!()
    }

    /// The sources that the log knows, by name.
    pub fn sources(&self) -> Vec<SourceName> {
        unimplemented!()
    }

    /// One appointment; also one that no delivery has brought into being (its status is `None`).
    pub fn appointment(&self, key: &AppointmentKey) -> Result<Option<AppointmentRecord>, ProjectionError> {
        let _ = key;
        unimplemented!()
    }

    /// Appointments that have come into being.
    pub fn appointments(
        &self,
        filter: &AppointmentFilter,
        page: &Page<AppointmentKey>,
    ) -> Result<PageOf<AppointmentRecord>, ProjectionError> {
        let _ = (filter, page);
        unimplemented!()
    }

    /// How many appointments a filter finds. Costs a look-up a source.
    pub fn appointment_count(&self, filter: &AppointmentFilter) -> Result<u64, ProjectionError> {
        let _ = filter;
        unimplemented!()
    }

    /// The positions of deliveries.
    pub fn deliveries(
        &self,
        filter: &DeliveryFilter,
        page: &Page<Position>,
    ) -> Result<PageOf<Position>, ProjectionError> {
        let _ = (filter, page);
        unimplemented!()
    }

    /// How many deliveries a filter finds, where a counter tells; `None` where only a scan could.
    pub fn delivery_count(&self, filter: &DeliveryFilter) -> Result<Option<u64>, ProjectionError> {
        let _ = filter;
        unimplemented!()
    }

    /// What became of a delivery that the log handed back; `None` where it is not folded yet.
    pub fn judgement(&self, delivery: &Delivery) -> Result<Option<Judgement>, ProjectionError> {
        let _ = delivery;
        unimplemented!()
    }
}
