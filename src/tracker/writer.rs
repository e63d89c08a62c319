//! The writer's own thread: append a group, fold it while it is made durable, answer.
//!
//! Where the projection turns out to be corrupt, the writer rebuilds it first, and senders wait for that instead of
//! being refused. Where the log can't be written, nothing is accepted while that lasts.

use std::{
    collections::BTreeMap,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use tokio::sync::{mpsc, oneshot};

use crate::{
    lifecycle::Folded,
    log::{ChainedDelivery, Delivery, Head, Log, NewDelivery, Position, Reading, SourceName},
    projection::{Applied, Arrived, Cancelled, Checkpoint, DeliveryState, Projection, ProjectionError, Refolded},
};

use super::{RebuildSlot, Receipt, State, Submission, Task, Unavailable, planted::planted, rebuilds::Swap};

/// The most deliveries that share one sync.
const GROUP_DELIVERIES_MAX: usize = 512;
/// The most deliveries that are folded in one batch.
const FOLD_DELIVERIES_MAX: usize = 4096;
/// How often corruption that only readers meet causes a rebuild, at most.
const REPAIR_INTERVAL: Duration = Duration::from_secs(60);
/// How many rebuilds deliveries may cause within `REPAIRS_WITHIN`: a disk that goes on like that, or a defect that
/// looks like corruption, must not keep senders waiting all the time.
const REPAIRS_MAX: usize = 5;
const REPAIRS_WITHIN: Duration = Duration::from_secs(600);
/// Between two tries to go on after a failure.
const RECOVERY_INTERVAL: Duration = Duration::from_secs(1);

pub(super) struct Writer {
    log: Arc<dyn Log>,
    projection: Projection,
    rebuild_slot: Arc<RebuildSlot>,
    state: Arc<State>,
    /// When the projection was built anew because of corruption, lately.
    repaired_at: Vec<Instant>,
    /// When going on after a failure was last tried, if it has not worked yet.
    recovering_at: Option<Instant>,
}

impl Drop for Writer {
    /// A writer that a defect stopped must not look like an idle one.
    fn drop(&mut self) {
        if thread::panicking() && self.state.failure.set("the writer stopped at a defect") {
            tracing::error!("the writer stopped at a defect; no more deliveries are accepted until a restart");
        }
    }
}

impl Writer {
    pub(super) fn new(
        log: Arc<dyn Log>,
        projection: Projection,
        rebuild_slot: Arc<RebuildSlot>,
        state: Arc<State>,
    ) -> Writer {
        Writer { log, projection, rebuild_slot, state, repaired_at: Vec::new(), recovering_at: None }
    }

    pub(super) fn serve(mut self, mut tasks: mpsc::Receiver<Task>) {
        let mut handed_in = Vec::with_capacity(GROUP_DELIVERIES_MAX);
        while tasks.blocking_recv_many(&mut handed_in, GROUP_DELIVERIES_MAX) > 0 {
            let (mut deliveries, mut answers) = (Vec::with_capacity(handed_in.len()), Vec::new());
            for task in handed_in.drain(..) {
                match task {
                    Task::Track(Submission { delivery, answer }) => {
                        deliveries.push(delivery);
                        answers.push(answer);
                    }
                    Task::Swap(swap) => self.swap(*swap),
                    Task::Repair => self.repair_if_corrupt(),
                    Task::Recover => self.recover(),
                    Task::Refold(arrived, answer) => drop(answer.send(self.refold(*arrived))),
                }
            }
            if !deliveries.is_empty() {
                self.answer(deliveries, answers);
            }
        }
    }

    pub(super) fn answer(
        &mut self,
        deliveries: Vec<NewDelivery>,
        answers: Vec<oneshot::Sender<Result<Receipt, Unavailable>>>,
    ) {
        metrics::histogram!("clockfold_group_deliveries").record(u32::try_from(deliveries.len()).unwrap_or(u32::MAX));
        let receipts = self.track(deliveries);
        if let Err(message) = &receipts
            && !planted!(FailureForgotten)
            && self.state.failure.set(message)
        {
            tracing::error!(%message, "storage failed; no deliveries are accepted while it does");
        }
        let mut receipts = receipts.unwrap_or_default().into_iter();
        for answer in answers {
            // Who no longer waits does not need the answer.
            let _ = answer.send(receipts.next().ok_or(Unavailable::StorageFailed));
        }
    }

    /// Goes on after a failure: folds what the log has, which may be more than was acknowledged.
    pub(super) fn recover(&mut self) {
        let is_due = self.recovering_at.is_none_or(|at| at.elapsed() >= RECOVERY_INTERVAL);
        // The log opens itself anew.
        if !self.state.failure.is_there() || !is_due || self.log.failure().is_some() {
            return;
        }
        let read = if planted!(CountedAsBeforeFailure) { Ok(()) } else { self.projection.read_anew() };
        let read =
            read.or_else(|error| if error.is_corruption() { self.repair(&error.to_string()) } else { Err(error) });
        let recovered = read.and_then(|()| self.fold_up_to_head(None).map(drop));
        self.recovering_at = Some(Instant::now());
        match recovered {
            Ok(()) => {
                self.recovering_at = None;
                self.state.failure.clear();
                let position = self.projection.checkpoint().position.get();
                tracing::info!(position, "deliveries are accepted again");
            }
            Err(error) if self.state.failure.set(&error.to_string()) => {
                tracing::error!(%error, "no deliveries are accepted yet");
            }
            Err(_) => {}
        }
    }

    /// Goes on with a projection that was built beside this one. The one that it replaces goes when nobody reads it.
    fn swap(&mut self, Swap { mut candidate, answer }: Swap) {
        // It was to replace a projection that this writer has replaced meanwhile, and its folder is gone.
        if answer.is_closed() {
            return;
        }
        let swap = || {
            if self.state.failure.is_there() {
                return Err(Cancelled::StorageFailed.into());
            }
            candidate.projection.catch_up(&*self.log, &mut |_| {})?;
            let new = candidate.take_the_place_of(Some(&self.projection), self.rebuild_slot.projections())?;
            let old = std::mem::replace(&mut self.projection, new);
            self.state.folded.send_replace(self.projection.checkpoint().position);
            Ok(old.readers())
        };
        // Who no longer waits does not need the answer.
        let _ = answer.send(swap());
    }

    fn refold(&mut self, arrived: Arrived) -> Result<Refolded, ProjectionError> {
        if self.state.failure.is_there() {
            return Err(Cancelled::StorageFailed.into());
        }
        self.projection.refold(arrived, &*self.log)
    }

    /// Makes a group durable and folds it, and returns what became of each delivery, in the order given.
    fn track(&mut self, group: Vec<NewDelivery>) -> Result<Vec<Receipt>, String> {
        if let Some(message) = self.state.failure.message() {
            return Err(message);
        }
        let (fresh, fates) = self.without_repeats(group).map_err(|error| error.to_string())?;
        let receipts = match fresh.len() {
            0 => Vec::new(),
            _ => self.append_and_fold(fresh)?,
        };
        // A receipt goes to its sender, unless a repeat in the same group needs it too.
        let repeats = fates.iter().any(|fate| matches!(fate, Fate::Appended { repeated: true, .. }));
        let mut receipts: Vec<Option<Receipt>> = receipts.into_iter().map(Some).collect();
        let mut receipt = |receipt: &mut Option<Receipt>| if repeats { receipt.clone() } else { receipt.take() };
        let told = |fate| match fate {
            Fate::Known(delivery) => {
                self.whole(|projection, _| tell_again(projection, &delivery)).map_err(|error| error.to_string())
            }
            Fate::Appended { index, repeated } => {
                let index = if planted!(ReceiptOfNeighbour) && index == 1 { 0 } else { index };
                let receipt = receipts.get_mut(index).and_then(&mut receipt);
                let receipt = receipt.ok_or_else(|| "the log did not hand back what was appended".to_owned());
                receipt.map(|receipt| Receipt { repeated, ..receipt })
            }
        };
        fates.into_iter().map(told).collect()
    }

    /// Makes deliveries durable and folds them, both at the same time where that pays. Nobody sees anything of the fold
    /// before they are durable. Returns a receipt for each, in the order given.
    fn append_and_fold(&mut self, fresh: Vec<NewDelivery>) -> Result<Vec<Receipt>, String> {
        let Checkpoint { position, digest, .. } = self.projection.checkpoint();
        let is_at_head = self.log.head() == Head { position, digest };
        let (projection, mut folded) = (&mut self.projection, None);
        let mut fold = |entries: &[ChainedDelivery]| {
            let follows = entries.first().is_some_and(|first| first.delivery.position == position.next());
            if let Some(last) = entries.last().filter(|_| is_at_head && follows) {
                let deliveries = || entries.iter().map(|entry| &entry.delivery);
                let prepared = projection.prepare(deliveries(), last.digest);
                folded = Some(prepared.map(|prepared| (prepared, deliveries().map(Heading::of).collect())));
            }
        };
        let appended = self.log.append_meanwhile(fresh, &mut fold);
        let positions = appended
            .or_else(|error| if planted!(AppendErrorForgotten) { Ok(Vec::new()) } else { Err(error.to_string()) })?;
        let committed = match folded {
            Some(Ok((prepared, headings))) => match self.projection.commit(prepared) {
                Ok(applied) => Ok(self.announce(headings, applied)),
                Err(error) => self.fold_up_to_head(Some(error)),
            },
            Some(Err(error)) => self.fold_up_to_head(Some(error)),
            None => self.fold_up_to_head(None),
        };
        // The log may have had more that was not folded yet.
        let mut receipts = committed.map_err(|error| error.to_string())?;
        receipts.retain(|receipt| planted!(AppendErrorForgotten) || positions.binary_search(&receipt.position).is_ok());
        Ok(receipts)
    }

    /// The deliveries to append, and the fate of each delivery of the group. One whose id and body have been seen
    /// before, in the log or in this group, is not appended again: there is one writer, so of any number of repeats at
    /// the same time the first one counts.
    fn without_repeats(&mut self, group: Vec<NewDelivery>) -> Result<(Vec<NewDelivery>, Vec<Fate>), ProjectionError> {
        let mut fresh: Vec<NewDelivery> = Vec::with_capacity(group.len());
        let mut fates = Vec::with_capacity(group.len());
        for delivery in group {
            fates.push(match self.earlier(&delivery, &fresh)? {
                Some(fate) => {
                    metrics::counter!("clockfold_repeats_total", "source" => delivery.source.as_str().to_owned())
                        .increment(1);
                    fate
                }
                None => {
                    fresh.push(delivery);
                    Fate::Appended { index: fresh.len() - 1, repeated: false }
                }
            });
        }
        Ok((fresh, fates))
    }

    fn earlier(&mut self, delivery: &NewDelivery, fresh: &[NewDelivery]) -> Result<Option<Fate>, ProjectionError> {
        let Some(id) = &delivery.delivery_id else { return Ok(None) };
        let known = self.whole(|projection, log| projection.repeats(log, delivery))?;
        let same = |other: &NewDelivery| {
            other.source == delivery.source
                && other.delivery_id.as_ref() == Some(id)
                && (other.body == delivery.body || planted!(BodyNotCompared))
        };
        let earlier = || fresh.iter().position(same).filter(|_| !planted!(RepeatInGroupAppended));
        let in_group = || earlier().map(|index| Fate::Appended { index, repeated: true });
        let known = known.filter(|_| !planted!(RepeatOfLogAppended));
        Ok(known.map(|delivery| Fate::Known(Box::new(delivery))).or_else(in_group))
    }

    /// Folds everything that the log has beyond the projection. Where that is corrupt, as an error `met` before says or
    /// the fold meets, it is rebuilt first, as far as it was, so that the rest is announced and counted as ever.
    fn fold_up_to_head(&mut self, met: Option<ProjectionError>) -> Result<Vec<Receipt>, ProjectionError> {
        let (mut receipts, mut met) = (Vec::new(), met);
        loop {
            match met.take().map_or_else(|| self.fold(&mut receipts), Err) {
                Err(error) if error.is_corruption() => {
                    self.repair(&error.to_string())?;
                    if planted!(NotFoldedAfterRepair) {
                        return Ok(receipts);
                    }
                }
                done => return done.map(|()| receipts),
            }
        }
    }

    fn fold(&mut self, receipts: &mut Vec<Receipt>) -> Result<(), ProjectionError> {
        let log = Arc::clone(&self.log);
        let mut deliveries = log.read(self.projection.checkpoint().position.next());
        loop {
            let group: Vec<Delivery> = deliveries.by_ref().take(FOLD_DELIVERIES_MAX).collect::<Result<_, _>>()?;
            let applied = self.projection.apply(&group)?;
            if group.is_empty() {
                return Ok(());
            }
            receipts.extend(self.announce(group.iter().map(Heading::of).collect(), applied));
        }
    }

    /// Announces and counts what was folded. Returns a receipt for each delivery.
    fn announce(&self, headings: Vec<Heading>, applied: Vec<Applied>) -> Vec<Receipt> {
        let receipt = |(heading, applied): (Heading, Applied)| {
            let Heading { position, received_at, source, reading } = heading;
            let Applied { folded, conflicts_with } = applied;
            let conflicts_with = conflicts_with.filter(|_| !planted!(ConflictNotTold));
            Receipt { position, received_at, source, reading, folded, repeated: false, conflicts_with }
        };
        let receipts: Vec<Receipt> = headings.into_iter().zip(applied).map(receipt).collect();
        if let Some(last) = receipts.last() {
            let folded = if planted!(AnnouncedTooFar) { last.position.next() } else { last.position };
            self.state.folded.send_replace(folded);
        }
        count(&receipts);
        receipts
    }

    /// Reads from the projection. Where it is corrupt it is rebuilt first.
    fn whole<T>(
        &mut self,
        read: impl Fn(&mut Projection, &dyn Log) -> Result<T, ProjectionError>,
    ) -> Result<T, ProjectionError> {
        match read(&mut self.projection, &*self.log) {
            Err(error) if error.is_corruption() => {
                self.repair(&error.to_string())?;
                read(&mut self.projection, &*self.log)
            }
            done => done,
        }
    }

    /// Repairs corruption that a reader has met.
    fn repair_if_corrupt(&mut self) {
        // A running rebuild repairs as well; the next look comes soon.
        let is_due =
            !self.rebuild_slot.is_taken() && self.repaired_at.last().is_none_or(|at| at.elapsed() >= REPAIR_INTERVAL);
        // A log that fails, or whose directory was exchanged, has nothing to build it from; and only the next delivery
        // sets `failure`.
        let is_well = self.log.failure().is_none() && !self.state.failure.is_there();
        if self.projection.is_corrupt() && is_due && is_well {
            // Nothing depends on it yet: the next delivery that needs a corrupt row says why it can't be folded.
            let _ = self.repair("a reader, or a merge of its files, has found corruption");
        }
    }

    /// Rebuilds the projection in its place, as far as it was folded. Senders wait that long: nothing is wrong with the
    /// log. Where it does not help for long, it is given up.
    fn repair(&mut self, why: &str) -> Result<(), ProjectionError> {
        self.repaired_at.retain(|at| at.elapsed() < REPAIRS_WITHIN);
        if self.repaired_at.len() >= REPAIRS_MAX {
            let message = format!("it was corrupt {REPAIRS_MAX} times within minutes, and is again: {why}");
            return Err(ProjectionError::Storage { doing: "building the projection anew", message });
        }
        tracing::error!(why, "the projection is corrupt; it is built anew from the log, and deliveries wait for that");
        metrics::counter!("clockfold_projection_mended_total").increment(1);
        let begun = Instant::now();
        let repaired = self.rebuild_slot.replace(&self.projection, &*self.log);
        let new = repaired.inspect_err(|error| tracing::error!(%error, "the projection could not be built anew"))?;
        // A failed rebuild keeps nobody waiting: it is tried again once the disk is well.
        self.repaired_at.push(Instant::now());
        let old = std::mem::replace(&mut self.projection, new);
        let readers = old.readers();
        drop(old);
        // Otherwise the next rebuild or the next start removes it.
        if readers.are_gone() {
            self.rebuild_slot.tidy_if_free();
        }
        let position = self.projection.checkpoint().position.get();
        tracing::info!(position, seconds = begun.elapsed().as_secs_f64(), "the projection is whole again");
        Ok(())
    }
}

/// The receipt of a delivery that the log has had for some time.
fn tell_again(projection: &Projection, delivery: &Delivery) -> Result<Receipt, ProjectionError> {
    let told = projection.told(delivery)?.ok_or(ProjectionError::Corrupt("delivery id"))?;
    let DeliveryState { judgement, status, reconsidered_until, conflicts_with } = told;
    let folded = Folded { judgement, status, reconsidered_until, changes: Vec::new() };
    let Delivery { position, received_at, source, reading, .. } = delivery.clone();
    Ok(Receipt { position, received_at, source, reading, folded, repeated: true, conflicts_with })
}

/// What becomes of a delivery of a group.
enum Fate {
    /// It is among those that are appended, at this index; or an earlier one of the group is, which it repeats.
    Appended { index: usize, repeated: bool },
    /// It repeats a delivery of the log.
    Known(Box<Delivery>),
}

/// What a receipt tells of a delivery itself.
struct Heading {
    position: Position,
    received_at: DateTime<Utc>,
    source: SourceName,
    reading: Reading,
}

impl Heading {
    fn of(delivery: &Delivery) -> Heading {
        let Delivery { position, received_at, source, reading, .. } = delivery;
        Heading { position: *position, received_at: *received_at, source: source.clone(), reading: reading.clone() }
    }
}

/// Counts a group's outcomes, and logs which deliveries have the id of an earlier one: the operator may want to ask the
/// sender.
fn count(receipts: &[Receipt]) {
    let mut counts: BTreeMap<(&str, &'static str), u64> = BTreeMap::new();
    let mut last: BTreeMap<&str, DateTime<Utc>> = BTreeMap::new();
    for Receipt { position, received_at, source, folded, conflicts_with, .. } in receipts {
        let source = source.as_str();
        last.insert(source, *received_at);
        if let Some(first) = conflicts_with {
            metrics::counter!("clockfold_delivery_id_conflicts_total", "source" => source.to_owned()).increment(1);
            tracing::warn!(
                source,
                position = position.get(),
                first = first.get(),
                "a delivery has the id of an earlier one and another body; it is kept as a delivery of its own"
            );
        }
        *counts.entry((source, folded.judgement.verdict.outcome().name())).or_default() += 1;
    }
    for ((source, outcome), count) in counts {
        metrics::counter!("clockfold_deliveries_total", "source" => source.to_owned(), "outcome" => outcome)
            .increment(count);
    }
    for (source, at) in last {
        // Seconds since 1970 fit.
        #[allow(clippy::cast_precision_loss)]
        let seconds = at.timestamp_millis() as f64 / 1_000.0;
        metrics::gauge!("clockfold_last_delivery_timestamp_seconds", "source" => source.to_owned()).set(seconds);
    }
}
