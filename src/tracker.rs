//! The single writer: one thread takes what arrived, appends it as a group, folds what the log hands
//! back, and only then answers the senders. It keeps promises 1, 3 and 5.
//!
//! Why one: positions have no gaps, each appointment is folded in the order of the log, and a group
//! shares one sync. While it waits for the disk, the next group gathers in the queue. It folds what
//! the log hands back, never what it handed in: with another writer on the same log, the deliveries of
//! both come in their common order.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use chrono::{DateTime, Utc};
use tokio::sync::{
    mpsc::{self, error::TrySendError},
    oneshot,
};

use crate::{
    lifecycle::Folded,
    log::{Delivery, Log, NewDelivery, Position, Reading, SourceName},
    projection::{Projection, ProjectionError},
};

/// The most deliveries that share one sync.
const GROUP_DELIVERIES_MAX: usize = 512;
/// The most deliveries that are folded in one batch.
const FOLD_DELIVERIES_MAX: usize = 4096;

/// Where deliveries are handed in; cheap to clone. The writer ends when the last one is dropped.
#[derive(Clone)]
pub struct Tracker {
    queue: mpsc::Sender<Submission>,
    state: Arc<State>,
}

/// What is handed in and not yet taken by the writer.
pub struct Queue {
    submissions: mpsc::Receiver<Submission>,
    state: Arc<State>,
}

/// One delivery and the way back to who waits for it.
pub struct Submission {
    /// What arrived.
    pub delivery: NewDelivery,
    /// Answered once the delivery is durable and folded.
    pub answer: oneshot::Sender<Result<Receipt, Unavailable>>,
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
    /// What became of it when it arrived, and of the appointment.
    pub folded: Folded,
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
    folded: AtomicU64,
}

impl Tracker {
    /// A tracker whose queue holds at most `queue_max` deliveries; [`Queue::run`] serves it.
    pub fn new(queue_max: usize) -> (Tracker, Queue) {
        let (queue, submissions) = mpsc::channel(queue_max);
        let state = Arc::new(State::default());
        (Tracker { queue, state: Arc::clone(&state) }, Queue { submissions, state })
    }

    /// Hands a delivery in and waits until it is durable and folded.
    pub async fn submit(&self, delivery: NewDelivery) -> Result<Receipt, Unavailable> {
        if self.failure().is_some() {
            return Err(Unavailable::StorageFailed);
        }
        let (answer, answered) = oneshot::channel();
        self.queue.try_send(Submission { delivery, answer }).map_err(|error| match error {
            TrySendError::Full(_) => Unavailable::QueueFull,
            TrySendError::Closed(_) => Unavailable::StorageFailed,
        })?;
        answered.await.unwrap_or(Err(Unavailable::StorageFailed))
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
        Position::new(self.state.folded.load(Ordering::Relaxed))
    }
}

impl Queue {
    /// Serves the queue on a thread of its own, until every [`Tracker`] is gone and all are answered.
    pub fn run(self, log: Arc<dyn Log>, projection: Projection) -> std::io::Result<thread::JoinHandle<()>> {
        self.state.folded.store(projection.checkpoint().position.get(), Ordering::Relaxed);
        let writer = Writer { log, projection, state: self.state };
        let serve = move || writer.serve(self.submissions);
        thread::Builder::new().name("clockfold-writer".to_owned()).spawn(serve)
    }

    /// The next submission, for who answers without a log (a benchmark's baseline).
    pub async fn next(&mut self) -> Option<Submission> {
        self.submissions.recv().await
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
    fn serve(mut self, mut submissions: mpsc::Receiver<Submission>) {
        let mut group = Vec::with_capacity(GROUP_DELIVERIES_MAX);
        while submissions.blocking_recv_many(&mut group, GROUP_DELIVERIES_MAX) > 0 {
            metrics::histogram!("clockfold_group_deliveries").record(u32::try_from(group.len()).unwrap_or(u32::MAX));
            let (deliveries, answers): (Vec<_>, Vec<_>) =
                group.drain(..).map(|submission| (submission.delivery, submission.answer)).unzip();
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
    }

    /// Makes a group durable, folds it, and tells what became of each delivery, in the order given.
    fn track(&mut self, group: Vec<NewDelivery>) -> Result<Vec<Receipt>, String> {
        if let Some(message) = self.state.failure.get() {
            return Err(message.clone());
        }
        let positions = self.log.append(group).map_err(|error| error.to_string())?;
        let mut receipts = self.fold_up_to_head().map_err(|error| error.to_string())?;
        let receipt = |position: &Position| receipts.remove(position);
        let receipts: Option<Vec<Receipt>> = positions.iter().map(receipt).collect();
        receipts.ok_or_else(|| "the log did not hand back what was appended".to_owned())
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
            self.state.folded.store(last.position.get(), Ordering::Relaxed);
            for (delivery, folded) in group.into_iter().zip(folded) {
                count(&delivery, &folded);
                let Delivery { position, received_at, source, reading, .. } = delivery;
                receipts.insert(position, Receipt { position, received_at, source, reading, folded });
            }
        }
    }
}

fn count(delivery: &Delivery, folded: &Folded) {
    let source = delivery.source.as_str().to_owned();
    let outcome = folded.judgement.verdict.outcome().name();
    metrics::counter!("clockfold_deliveries_total", "source" => source, "outcome" => outcome).increment(1);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        log::{AppointmentId, Digest, Head, LogError},
        projection::Rules,
    };

    /// A log whose appends go wrong in one way or another.
    struct BrokenLog {
        panics: bool,
    }

    impl Log for BrokenLog {
        fn append(&self, _group: Vec<NewDelivery>) -> Result<Vec<Position>, LogError> {
            assert!(!self.panics, "a defect, on purpose");
            Err(LogError::Closed("the disk is gone, on purpose".to_owned()))
        }

        fn read(&self, _from: Position) -> Box<dyn Iterator<Item = Result<Delivery, LogError>> + '_> {
            Box::new(std::iter::empty())
        }

        fn head(&self) -> Head {
            Head::EMPTY
        }

        fn digest_at(&self, _position: Position) -> Result<Digest, LogError> {
            Ok(Digest::EMPTY)
        }

        fn erase(&self, _positions: &[Position]) -> Result<usize, LogError> {
            Ok(0)
        }

        fn failure(&self) -> Option<String> {
            None
        }

        fn backend(&self) -> &'static str {
            "broken"
        }
    }

    fn delivery() -> NewDelivery {
        let reading = Reading::Readable { appointment_id: AppointmentId::MIN, event_type: "create".into() };
        NewDelivery { source: "downtown".parse().unwrap(), reading, delivery_id: None, body: Vec::new() }
    }

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread().build().unwrap()
    }

    #[test]
    fn after_a_storage_error_or_a_defect_nothing_is_accepted() {
        for panics in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            let log: Arc<dyn Log> = Arc::new(BrokenLog { panics });
            let rules = Arc::new(Rules::default());
            let projection = Projection::open_and_catch_up(folder.path(), rules, &*log, &mut |_| {}).unwrap();
            let (tracker, queue) = Tracker::new(4);
            let writer = queue.run(log, projection).unwrap();
            assert_eq!(tracker.failure(), None);
            let refused = runtime().block_on(tracker.submit(delivery()));
            assert_eq!(refused.unwrap_err(), Unavailable::StorageFailed);
            if panics {
                assert!(writer.join().is_err());
            }
            assert!(tracker.failure().is_some());
            let refused = runtime().block_on(tracker.submit(delivery()));
            assert_eq!(refused.unwrap_err(), Unavailable::StorageFailed);
        }
    }

    #[test]
    fn a_full_queue_refuses_at_once() {
        let (tracker, _queue) = Tracker::new(1);
        let (answer, _answered) = oneshot::channel();
        tracker.queue.try_send(Submission { delivery: delivery(), answer }).unwrap();
        assert_eq!(tracker.queue_depth(), 1);
        let refused = runtime().block_on(tracker.submit(delivery()));
        assert_eq!(refused.unwrap_err(), Unavailable::QueueFull);
    }
}
