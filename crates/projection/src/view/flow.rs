//! Patient flow: what happened in each stretch of time, and how long patients waited.
//!
//! It is computed from the steps that stand now, so an undone step counts nowhere, and a rebuild gives the same. The
//! status changes around the range name the appointments with a step in it; their own rows say when each step was made.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use chrono::{DateTime, TimeDelta, Utc};
use clockfold_lifecycle::{Appointment, Status, Step};
use clockfold_log::{AppointmentId, Log, Position, SourceName};

use crate::{
    error::ProjectionError,
    schema::{
        changes::StatusCounts,
        identity::AppointmentKey,
        keys::SourceNumber,
        tally::{Tally, minute_of},
    },
    view::View,
};

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
    /// The deliveries.
    pub tally: Tally,
    /// The appointments by status at its end, as they were folded then.
    pub census: BTreeMap<Status, u64>,
}

/// Times that passed between two standing steps, in the stretch that the second one is in. One that comes out negative,
/// because a delivery was overtaken or the clock was set back, counts as 0.
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

    /// The smallest that is at least as long as `percent` of them (nearest rank); `None` where there are none.
    pub fn percentile(&self, percent: usize) -> Option<TimeDelta> {
        let rank = (self.0.len() * percent).div_ceil(100).max(1);
        self.0.get(rank - 1).copied()
    }
}

impl View {
    /// The flow of these sources between each two bounds, which ascend and are whole minutes. Changes of status matter that
    /// arrived at most `margin` before or behind the range: each source's reorder window, or more. Behind `now` there is no
    /// census.
    pub fn patient_flow(
        &self,
        log: &dyn Log,
        sources: &[SourceName],
        bounds: &[DateTime<Utc>],
        margin: TimeDelta,
        now: DateTime<Utc>,
    ) -> Result<Vec<Flow>, ProjectionError> {
        let mut flows = vec![Flow::default(); bounds.len().saturating_sub(1)];
        let parts = self.parts(log, bounds, margin)?;
        for (source, number) in self.numbers_of(sources) {
            let mut ids = BTreeSet::new();
            for part in &parts {
                self.census(number, bounds, part, now, &mut flows, &mut ids)?;
            }
            for appointment_id in ids {
                let key = AppointmentKey { source: source.clone(), appointment_id };
                let record = self.appointment(&key)?.ok_or(ProjectionError::Corrupt("status changes"))?;
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

    /// The parts of the log that matter to a range, in its order: one a run.
    fn parts(&self, log: &dyn Log, bounds: &[DateTime<Utc>], margin: TimeDelta) -> Result<Vec<Part>, ProjectionError> {
        let (Some(first), Some(last)) = (bounds.first(), bounds.last()) else { return Ok(Vec::new()) };
        let after = first.checked_sub_signed(margin).unwrap_or(DateTime::<Utc>::MIN_UTC);
        let to = last.checked_add_signed(margin).unwrap_or(DateTime::<Utc>::MAX_UTC);
        let (runs, mut parts) = (self.runs()?, Vec::new());
        // The census before a time is that after the last position before it: of the last run that had begun.
        let mut ended = 0;
        let mut begun_later: Vec<Option<DateTime<Utc>>> = vec![None; runs.len()];
        for index in (1..runs.len()).rev() {
            let later = begun_later[index];
            begun_later[index - 1] =
                later.map_or(runs[index].begins, |later| runs[index].begins.map(|at| at.min(later)));
        }
        for (run, later) in runs.iter().zip(begun_later) {
            self.deadline.check()?;
            let (after, to) = run.between(log, after, to)?;
            let is_last_before = |end: &DateTime<Utc>| later.is_none_or(|later| later >= *end);
            let ends = bounds[1 + ended..].iter().take_while(|end| is_last_before(end)).count();
            parts.push(Part { after, to, ends: ended..ended + ends });
            ended += ends;
        }
        parts.retain(|part| part.after < part.to || !part.ends.is_empty());
        Ok(parts)
    }

    /// Adds a source's appointments by status at the end of each stretch whose end is in a part, and takes note of those
    /// whose status changed there.
    fn census(
        &self,
        number: SourceNumber,
        bounds: &[DateTime<Utc>],
        part: &Part,
        now: DateTime<Utc>,
        flows: &mut [Flow],
        ids: &mut BTreeSet<AppointmentId>,
    ) -> Result<(), ProjectionError> {
        let Part { after, to, ends } = part.clone();
        let (mut counts, mut ended) = (None::<StatusCounts>, ends.start);
        let mut end_before = |time: Option<DateTime<Utc>>, counts: StatusCounts| {
            while ended < ends.end {
                let (begin, end) = (bounds[ended], bounds[ended + 1]);
                if time.is_some_and(|time| time < end) {
                    break;
                }
                if begin <= now {
                    for status in Status::ALL {
                        *flows[ended].census.entry(status).or_default() += counts[status as usize];
                    }
                }
                ended += 1;
            }
        };
        for row in self.change_rows(number, after, to) {
            let row = row?;
            let counts = counts.get_or_insert(row.counts_before);
            for change in row.changes.iter().filter(|change| change.position <= to) {
                // The first row may begin in an earlier run.
                if change.position > after {
                    end_before(Some(change.received_at), *counts);
                    ids.insert(change.appointment_id);
                }
                change.count(counts);
            }
        }
        end_before(None, counts.unwrap_or_default());
        Ok(())
    }
}

/// A part of the log that matters to a range of time.
#[derive(Clone, Debug)]
struct Part {
    after: Position,
    to: Position,
    /// The stretches before whose ends nothing of a later part had arrived.
    ends: Range<usize>,
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
