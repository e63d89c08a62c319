//! The single writer: one thread takes what arrived, appends it as a group, folds what the log hands
//! back, and only then answers the senders. It keeps promises 1, 3 and 5.
//!
//! Why one: positions have no gaps, each appointment is folded in the order of the log, and a group
//! shares one sync. While it waits for the disk, the next group gathers in the queue. It folds what
//! the log hands back, never what it handed in: with another writer on the same log, the deliveries of
//! both come in their common order.

mod rebuilds;

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
    thread,
};

use chrono::{DateTime, Utc};
use tokio::sync::{
    mpsc::{self, error::TrySendError},
    oneshot, watch,
};

use crate::{
    lifecycle::Folded,
    log::{Delivery, Log, NewDelivery, Position, Reading, SourceName},
    projection::{Arrived, Projection, ProjectionError, Refolded, Told},
};

pub use rebuilds::{Busy, Rebuild, RebuildState, Rebuilds};

use rebuilds::Adoption;

/// The most deliveries that share one sync.
const GROUP_DELIVERIES_MAX: usize = 512;
/// The most deliveries that are folded in one batch.
const FOLD_DELIVERIES_MAX: usize = 4096;

/// Where deliveries are handed in; cheap to clone. The writer ends when the last one is dropped.
#[derive(Clone)]
pub struct Tracker {
    queue: mpsc::Sender<Task>,
    state: Arc<State>,
}

/// What is handed in and not yet taken by the writer.
pub struct Queue {
    tasks: mpsc::Receiver<Task>,
    state: Arc<State>,
}

/// One delivery and the way back to who waits for it.
pub struct Submission {
    /// What arrived.
    pub delivery: NewDelivery,
    /// Answered once the delivery is durable and folded.
    pub answer: oneshot::Sender<Result<Receipt, Unavailable>>,
}

/// What the writer does, in the order in which it is handed in.
enum Task {
    Track(Submission),
    /// Go on with another projection.
    Adopt(Box<Adoption>),
    /// Fold one appointment anew.
    Refold(Box<Arrived>, oneshot::Sender<Result<Refolded, ProjectionError>>),
}

/// What a sender is told of a durable delivery.
#[derive(Clone, Debug)]
pub struct Receipt {
    /// Its place in the log.
    pub position: Position,
    /// Its arrival time.
    pub received_at: DateTime<Utc>,
    /// Who sent it.
    pub source: SourceName,
    /// What was read from it.
    pub reading: Reading,
    /// What became of it when it arrived, and of the appointment. In the receipt of a repeat: of what it repeats, as
    /// folded up to now.
    pub folded: Folded,
    /// Whether this is the receipt of an earlier delivery, with the same id and body: it was not appended again.
    pub repeated: bool,
    /// The first delivery with the same id, where that has another body.
    pub conflicts_with: Option<Position>,
}

/// Why a delivery was not taken. It may be in the log all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// More is waiting than the queue holds.
    #[error("too many deliveries are waiting for the disk")]
    QueueFull,
    /// A storage error stopped acceptance.
    #[error("the storage has failed; no deliveries are accepted")]
    StorageFailed,
}

#[derive(Default)]
struct State {
    failure: OnceLock<String>,
    /// All that the writer tells of its progress: who follows it reads the rest from the log, at its own pace.
    folded: watch::Sender<Position>,
}

impl Tracker {
    /// A tracker whose queue holds at most `queue_max` deliveries; [`Queue::run`] serves it.
    pub fn new(queue_max: usize) -> (Tracker, Queue) {
        let (queue, tasks) = mpsc::channel(queue_max);
        let state = Arc::new(State::default());
        (Tracker { queue, state: Arc::clone(&state) }, Queue { tasks, state })
    }

    /// Hands a delivery in and waits until it is durable and folded.
    pub async fn submit(&self, delivery: NewDelivery) -> Result<Receipt, Unavailable> {
        if self.failure().is_some() {
            return Err(Unavailable::StorageFailed);
        }
        let (answer, answered) = oneshot::channel();
        self.queue.try_send(Task::Track(Submission { delivery, answer })).map_err(|error| match error {
            TrySendError::Full(_) => Unavailable::QueueFull,
            TrySendError::Closed(_) => Unavailable::StorageFailed,
        })?;
        answered.await.unwrap_or(Err(Unavailable::StorageFailed))
    }

    /// Folds one appointment anew from what was read of it, and writes what differs. Call it where blocking is fine.
    pub fn refold(&self, arrived: Arrived) -> Result<Refolded, ProjectionError> {
        let stopped = || ProjectionError::Storage {
            doing: "folding anew",
            message: "the server stops, or its storage has failed".to_owned(),
        };
        let (answer, answered) = oneshot::channel();
        self.queue.blocking_send(Task::Refold(Box::new(arrived), answer)).map_err(|_| stopped())?;
        answered.blocking_recv().map_err(|_| stopped())?
    }

    /// Why nothing more is accepted, if so.
    pub fn failure(&self) -> Option<&str> {
        self.state.failure.get().map(String::as_str)
    }

    /// How many deliveries wait for the writer.
    pub fn queue_depth(&self) -> usize {
        self.queue.max_capacity() - self.queue.capacity()
    }

    /// The last position that is folded.
    pub fn folded(&self) -> Position {
        *self.state.folded.borrow()
    }

    /// Tells whenever more is folded. The writer never waits for who follows it.
    pub fn follow(&self) -> watch::Receiver<Position> {
        self.state.folded.subscribe()
    }
}

impl Queue {
    /// Serves the queue on a thread of its own, until every [`Tracker`] is gone and all are answered.
    pub fn run(self, log: Arc<dyn Log>, projection: Projection) -> std::io::Result<thread::JoinHandle<()>> {
        self.state.folded.send_replace(projection.checkpoint().position);
        let writer = Writer { log, projection, state: self.state };
        let serve = move || writer.serve(self.tasks);
        thread::Builder::new().name("clockfold-writer".to_owned()).spawn(serve)
    }

    /// The next submission, for who answers without a log (a benchmark's baseline).
    pub async fn next(&mut self) -> Option<Submission> {
        loop {
            if let Task::Track(submission) = self.tasks.recv().await? {
                return Some(submission);
            }
        }
    }
}

struct Writer {
    log: Arc<dyn Log>,
    projection: Projection,
    state: Arc<State>,
}

impl Drop for Writer {
    /// A writer that a defect stopped must not look like one that only has nothing to do.
    fn drop(&mut self) {
        if thread::panicking() && self.state.failure.set("the writer stopped at a defect".to_owned()).is_ok() {
            tracing::error!("the writer stopped at a defect; no more deliveries are accepted until a restart");
        }
    }
}

impl Writer {
    fn serve(mut self, mut tasks: mpsc::Receiver<Task>) {
        let mut handed_in = Vec::with_capacity(GROUP_DELIVERIES_MAX);
        while tasks.blocking_recv_many(&mut handed_in, GROUP_DELIVERIES_MAX) > 0 {
            let (mut deliveries, mut answers) = (Vec::with_capacity(handed_in.len()), Vec::new());
            for task in handed_in.drain(..) {
                match task {
                    Task::Track(Submission { delivery, answer }) => {
                        deliveries.push(delivery);
                        answers.push(answer);
                    }
                    Task::Adopt(adoption) => self.adopt(*adoption),
                    Task::Refold(arrived, answer) => drop(answer.send(self.refold(*arrived))),
                }
            }
            if !deliveries.is_empty() {
                self.answer(deliveries, answers);
            }
        }
    }

    fn answer(&mut self, deliveries: Vec<NewDelivery>, answers: Vec<oneshot::Sender<Result<Receipt, Unavailable>>>) {
        metrics::histogram!("clockfold_group_deliveries").record(u32::try_from(deliveries.len()).unwrap_or(u32::MAX));
        let receipts = self.track(deliveries);
        if let Err(message) = &receipts
            && self.state.failure.set(message.clone()).is_ok()
        {
            tracing::error!(%message, "storage failed; no more deliveries are accepted until a restart");
        }
        let mut receipts = receipts.unwrap_or_default().into_iter();
        for answer in answers {
            // Who no longer waits does not need the answer.
            let _ = answer.send(receipts.next().ok_or(Unavailable::StorageFailed));
        }
    }

    /// Goes on with a projection that was built beside this one. The one that it replaces goes when nobody reads it.
    fn adopt(&mut self, Adoption { mut candidate, projections, answer }: Adoption) {
        let adopt = || {
            if self.state.failure.get().is_some() {
                return Err(ProjectionError::Cancelled);
            }
            candidate.projection.catch_up(&*self.log, &mut |_| {})?;
            let new = candidate.take_the_place_of(Some(&self.projection), &projections)?;
            let old = std::mem::replace(&mut self.projection, new);
            self.state.folded.send_replace(self.projection.checkpoint().position);
            Ok(old.readers())
        };
        // Who no longer waits does not need the answer.
        let _ = answer.send(adopt());
    }

    fn refold(&mut self, arrived: Arrived) -> Result<Refolded, ProjectionError> {
        if self.state.failure.get().is_some() {
            return Err(ProjectionError::Cancelled);
        }
        self.projection.refold(arrived, &*self.log)
    }

    /// Makes a group durable, folds it, and tells what became of each delivery, in the order given.
    fn track(&mut self, group: Vec<NewDelivery>) -> Result<Vec<Receipt>, String> {
        if let Some(message) = self.state.failure.get() {
            return Err(message.clone());
        }
        let (fresh, fates) = self.without_repeats(group).map_err(|error| error.to_string())?;
        let positions = match fresh.len() {
            0 => Vec::new(),
            _ => self.log.append(fresh).map_err(|error| error.to_string())?,
        };
        let mut receipts = self.fold_up_to_head().map_err(|error| error.to_string())?;
        // A receipt goes to its sender, unless a repeat in the same group needs it too.
        let repeats = fates.iter().any(|fate| matches!(fate, Fate::Appended { repeated: true, .. }));
        let mut receipt = |position: &Position| match repeats {
            true => receipts.get(position).cloned(),
            false => receipts.remove(position),
        };
        let told = |fate| match fate {
            Fate::Known(delivery) => self.tell_again(*delivery).map_err(|error| error.to_string()),
            Fate::Appended { index, repeated } => {
                let receipt = positions.get(index).and_then(&mut receipt);
                let receipt = receipt.ok_or_else(|| "the log did not hand back what was appended".to_owned());
                receipt.map(|receipt| Receipt { repeated, ..receipt })
            }
        };
        fates.into_iter().map(told).collect()
    }

    /// What is to be appended, and for each delivery of the group what becomes of it. One whose id and body have
    /// been seen before, in the log or in this group, is not appended again: there is one writer, so of any number
    /// of repeats at the same time the first one counts.
    fn without_repeats(&self, group: Vec<NewDelivery>) -> Result<(Vec<NewDelivery>, Vec<Fate>), ProjectionError> {
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

    fn earlier(&self, delivery: &NewDelivery, fresh: &[NewDelivery]) -> Result<Option<Fate>, ProjectionError> {
        let Some(id) = &delivery.delivery_id else { return Ok(None) };
        let known = self.projection.repeats(&*self.log, delivery)?;
        let same = |other: &NewDelivery| {
            other.source == delivery.source && other.delivery_id.as_ref() == Some(id) && other.body == delivery.body
        };
        let in_group = || fresh.iter().position(same).map(|index| Fate::Appended { index, repeated: true });
        Ok(known.map(|delivery| Fate::Known(Box::new(delivery))).or_else(in_group))
    }

    /// The receipt of a delivery that the log has had for some time.
    fn tell_again(&self, delivery: Delivery) -> Result<Receipt, ProjectionError> {
        let told = self.projection.told(&delivery)?.ok_or(ProjectionError::Damaged("delivery id"))?;
        let Told { judgement, status, reconsidered_until, conflicts_with } = told;
        let folded = Folded { judgement, status, reconsidered_until, changes: Vec::new() };
        let Delivery { position, received_at, source, reading, .. } = delivery;
        Ok(Receipt { position, received_at, source, reading, folded, repeated: true, conflicts_with })
    }

    /// Folds everything that the log has beyond the projection.
    fn fold_up_to_head(&mut self) -> Result<BTreeMap<Position, Receipt>, ProjectionError> {
        let log = Arc::clone(&self.log);
        let mut deliveries = log.read(self.projection.checkpoint().position.next());
        let mut receipts = BTreeMap::new();
        loop {
            let group: Vec<Delivery> = deliveries.by_ref().take(FOLD_DELIVERIES_MAX).collect::<Result<_, _>>()?;
            let folded = self.projection.apply(&group)?;
            let Some(last) = group.last() else { return Ok(receipts) };
            self.state.folded.send_replace(last.position);
            count(&group, &folded);
            for (delivery, folded) in group.into_iter().zip(folded) {
                let conflicts_with = self.conflicts_with(&delivery)?;
                let Delivery { position, received_at, source, reading, .. } = delivery;
                let receipt =
                    Receipt { position, received_at, source, reading, folded, repeated: false, conflicts_with };
                receipts.insert(position, receipt);
            }
        }
    }

    /// The first delivery with the same id, which has another body; worth a word to whoever looks after the sender.
    fn conflicts_with(&self, delivery: &Delivery) -> Result<Option<Position>, ProjectionError> {
        if delivery.delivery_id.is_none() {
            return Ok(None);
        }
        let first = self.projection.reader().view().conflicts_with(delivery)?;
        if let Some(first) = first {
            let source = delivery.source.as_str();
            metrics::counter!("clockfold_delivery_id_conflicts_total", "source" => source.to_owned()).increment(1);
            tracing::warn!(
                source,
                position = delivery.position.get(),
                first = first.get(),
                "a delivery has the id of an earlier one and another body; it is kept as a delivery of its own"
            );
        }
        Ok(first)
    }
}

/// What becomes of a delivery of a group.
enum Fate {
    /// It is among those that are appended, at this index; or an earlier one of the group is, which it repeats.
    Appended { index: usize, repeated: bool },
    /// It repeats a delivery of the log.
    Known(Box<Delivery>),
}

fn count(group: &[Delivery], folded: &[Folded]) {
    let mut counts: BTreeMap<(&str, &'static str), u64> = BTreeMap::new();
    let mut last: BTreeMap<&str, DateTime<Utc>> = BTreeMap::new();
    for (delivery, folded) in group.iter().zip(folded) {
        last.insert(delivery.source.as_str(), delivery.received_at);
        *counts.entry((delivery.source.as_str(), folded.judgement.verdict.outcome().name())).or_default() += 1;
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

#[cfg(test)]
mod tests;
