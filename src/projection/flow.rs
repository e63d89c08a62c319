//! Patient flow: what happened in each stretch of time, and how long patients waited.
//!
//! It is computed from the steps that stand now, so what was undone counts in nothing, and a rebuild tells the same.
//! Which appointments have a step in the range is told by the status changes around it; when each step was made, by the
//! appointments' own rows.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    lifecycle::{Appointment, Status, Step},
    log::{AppointmentId, Position, SourceName},
};

use super::{AppointmentKey, ProjectionError, Tally, View, changes::StatusCounts, row::SourceNumber, tally::minute_of};

/// What happened in a stretch of time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flow {
    /// Patients that came: CHECKIN, or where that does not stand, the first of READY, CALLBACK and DISCHARGE.
    pub arrivals: u64,
    /// CHECKIN that stand.
    pub check_ins: u64,
    /// READY that stand.
    pub readies: u64,
    /// CALLBACK that stand.
    pub call_backs: u64,
    /// DISCHARGE that stand.
    pub discharges: u64,
    /// REMOVE that stand.
    pub removals: u64,
    /// REMOVE that stand where the patient had come, and CALLBACK does not stand.
    pub left_without_being_seen: u64,
    /// From CHECKIN to READY.
    pub check_in_to_ready: Waits,
    /// From READY to CALLBACK.
    pub ready_to_call_back: Waits,
    /// From CHECKIN to CALLBACK.
    pub check_in_to_call_back: Waits,
    /// From CALLBACK to DISCHARGE.
    pub call_back_to_discharge: Waits,
    /// From CHECKIN to DISCHARGE.
    pub check_in_to_discharge: Waits,
    /// What was delivered.
    pub tally: Tally,
    /// The appointments by status at its end, as they were told then.
    pub census: BTreeMap<Status, u64>,
}

/// Times that passed between two standing steps, in the stretch that the second one is in. One that comes out negative,
/// because a delivery was overtaken, counts as 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waits(Vec<TimeDelta>);

impl Waits {
    fn add(&mut self, from: DateTime<Utc>, to: DateTime<Utc>) {
        self.0.push((to - from).max(TimeDelta::zero()));
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Their sum divided by their number; `None` where there are none.
    pub fn mean(&self) -> Option<TimeDelta> {
        let count = i32::try_from(self.0.len()).ok().filter(|count| *count > 0)?;
        Some(self.0.iter().sum::<TimeDelta>() / count)
    }

    /// The one in the middle, or half-way between the two; `None` where there are none.
    pub fn median(&self) -> Option<TimeDelta> {
        let middle = self.0.len() / 2;
        let upper = *self.0.get(middle)?;
        Some(if self.0.len().is_multiple_of(2) { (self.0[middle - 1] + upper) / 2 } else { upper })
    }

    /// The smallest that is at least as long as so many percent of them (nearest rank); `None` where there are none.
    pub fn percentile(&self, percent: usize) -> Option<TimeDelta> {
        let rank = (self.0.len() * percent).div_ceil(100).max(1);
        self.0.get(rank - 1).copied()
    }
}

impl View {
    /// The flow of these sources between each two bounds, which ascend and are whole minutes. The changes of status that
    /// matter are after `after` and up to `to`: each source's reorder window before and behind the range, or more. Behind
    /// `now` there is no census.
    pub fn patient_flow(
        &self,
        sources: &[SourceName],
        bounds: &[DateTime<Utc>],
        (after, to): (Position, Position),
        now: DateTime<Utc>,
    ) -> Result<Vec<Flow>, ProjectionError> {
        let mut flows = vec![Flow::default(); bounds.len().saturating_sub(1)];
        for (source, number) in self.numbers_of(sources) {
            let ids = self.census(number, bounds, (after, to), now, &mut flows)?;
            for appointment_id in ids {
                let key = AppointmentKey { source: source.clone(), appointment_id };
                let record = self.appointment(&key)?.ok_or(ProjectionError::Damaged("status changes"))?;
                enter(&record.appointment, bounds, &mut flows);
            }
            let (Some(first), Some(last)) = (bounds.first(), bounds.last()) else { continue };
            for minute in self.tallies(number, minute_of(*first), minute_of(*last)) {
                let (minute, tally) = minute?;
                let bound = bounds.partition_point(|bound| minute_of(*bound) <= minute);
                flows[bound - 1].tally.add(&tally);
            }
        }
        for flow in &mut flows {
            for waits in [
                &mut flow.check_in_to_ready,
                &mut flow.ready_to_call_back,
                &mut flow.check_in_to_call_back,
                &mut flow.call_back_to_discharge,
                &mut flow.check_in_to_discharge,
            ] {
                waits.0.sort_unstable();
            }
        }
        Ok(flows)
    }

    /// Adds a source's appointments by status at the end of each stretch. Returns those whose status changed.
    fn census(
        &self,
        number: SourceNumber,
        bounds: &[DateTime<Utc>],
        (after, to): (Position, Position),
        now: DateTime<Utc>,
        flows: &mut [Flow],
    ) -> Result<BTreeSet<AppointmentId>, ProjectionError> {
        let (mut ids, mut counts, mut ended) = (BTreeSet::new(), None::<StatusCounts>, 0);
        let mut end_before = |time: Option<DateTime<Utc>>, counts: StatusCounts| {
            while let Some(flow) = flows.get_mut(ended) {
                let (begin, end) = (bounds[ended], bounds[ended + 1]);
                if time.is_some_and(|time| time < end) {
                    break;
                }
                if begin <= now {
                    for status in Status::ALL {
                        *flow.census.entry(status).or_default() += counts[status as usize];
                    }
                }
                ended += 1;
            }
        };
        for row in self.change_rows(number, after, to) {
            let row = row?;
            let counts = counts.get_or_insert(row.counts_before);
            for change in row.changes.iter().filter(|change| change.position <= to) {
                end_before(Some(change.received_at), *counts);
                change.count(counts);
                if change.position > after {
                    ids.insert(change.appointment_id);
                }
            }
        }
        end_before(None, counts.unwrap_or_default());
        Ok(ids)
    }
}

/// Enters the steps of an appointment that stand.
fn enter(appointment: &Appointment, bounds: &[DateTime<Utc>], flows: &mut [Flow]) {
    let at = |step| appointment.time_of(step);
    let (checked_in, ready, called_back) = (at(Step::Checkin), at(Step::Ready), at(Step::Callback));
    let (discharged, removed) = (at(Step::Discharge), at(Step::Remove));
    let arrived = checked_in.or_else(|| [ready, called_back, discharged].into_iter().flatten().min());
    let mut count = |time: Option<DateTime<Utc>>, enter: &dyn Fn(&mut Flow)| {
        let stretch = time.and_then(|time| bounds.partition_point(|bound| *bound <= time).checked_sub(1));
        if let Some(flow) = stretch.and_then(|stretch| flows.get_mut(stretch)) {
            enter(flow);
        }
    };
    count(arrived, &|flow| flow.arrivals += 1);
    count(checked_in, &|flow| flow.check_ins += 1);
    count(ready, &|flow| flow.readies += 1);
    count(called_back, &|flow| flow.call_backs += 1);
    count(discharged, &|flow| flow.discharges += 1);
    count(removed, &|flow| flow.removals += 1);
    if arrived.is_some() && called_back.is_none() && discharged.is_none() {
        count(removed, &|flow| flow.left_without_being_seen += 1);
    }
    let mut wait = |from: Option<DateTime<Utc>>, to: Option<DateTime<Utc>>, waits: fn(&mut Flow) -> &mut Waits| {
        if let Some((from, to)) = from.zip(to) {
            count(Some(to), &|flow| waits(flow).add(from, to));
        }
    };
    wait(checked_in, ready, |flow| &mut flow.check_in_to_ready);
    wait(ready, called_back, |flow| &mut flow.ready_to_call_back);
    wait(checked_in, called_back, |flow| &mut flow.check_in_to_call_back);
    wait(called_back, discharged, |flow| &mut flow.call_back_to_discharge);
    wait(checked_in, discharged, |flow| &mut flow.check_in_to_discharge);
}
