//! The single writer: one thread takes the deliveries that arrived, appends them as a group, folds what the log hands
//! back, and only then answers the senders. It keeps promises 1, 3 and 5.
//!
//! Why one: positions have no gaps, each appointment is folded in the order of the log, and a group
//! shares one sync. While it waits for the disk, the next group gathers in the queue. It folds what
//! the log hands back, never what it handed in: with another writer on the same log, the deliveries of
//! both come in their common order.

mod planted;
mod rebuild_slot;
mod writer;
mod rebuilds;

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use chrono::{DateTime, Utc};
use tokio::sync::{
    mpsc::{self, error::TrySendError},
    oneshot, watch,
};

use crate::{
    lifecycle::Folded,
    log::{Log, NewDelivery, Position, Reading, SourceName},
    projection::{Arrived, Projection, ProjectionError, Refolded},
};

pub use rebuild_slot::RebuildSlot;
pub use rebuilds::{Busy, Rebuild, RebuildState, Rebuilds};

use rebuilds::Swap;
use writer::Writer;

/// Where deliveries are handed in; cheap to clone. The writer ends when the last one is dropped.
#[derive(Clone)]
pub struct Tracker {
    queue: mpsc::Sender<Task>,
    state: Arc<State>,
}

/// The deliveries that the writer has not taken yet.
pub struct Queue {
    tasks: mpsc::Receiver<Task>,
    state: Arc<State>,
}

/// One delivery and the way back to the handler that waits for it.
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
    Swap(Box<Swap>),
    /// Build the projection anew, if somebody has met corruption in it.
    Repair,
    /// Go on after a failure, if what failed works again.
    Recover,
    /// Fold one appointment anew.
    Refold(Box<Arrived>, oneshot::Sender<Result<Refolded, ProjectionError>>),
}

/// What a sender learns of a durable delivery.
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
    /// What became of it when it arrived, and of the appointment. In the receipt of a repeat: of the delivery that it
    /// repeats, as folded up to now.
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
    /// A storage error stops acceptance while it lasts.
    #[error("the storage fails; no deliveries are accepted while it does")]
    StorageFailed,
}

#[derive(Default)]
struct State {
    /// Why nothing is accepted at the moment, if so.
    failure: Failure,
    /// The writer announces only this of its progress: a follower reads the rest from the log, at its own pace.
    folded: watch::Sender<Position>,
}

/// Why nothing is accepted at the moment, if so.
#[derive(Default)]
struct Failure {
    is_there: AtomicBool,
    message: Mutex<Option<String>>,
}

impl Failure {
    /// Each delivery asks.
    fn is_there(&self) -> bool {
        self.is_there.load(Ordering::Acquire)
    }

    fn message(&self) -> Option<String> {
        if !self.is_there() {
            return None;
        }
        self.lock().clone()
    }

    /// Returns whether it is news.
    fn set(&self, message: &str) -> bool {
        let mut known = self.lock();
        let is_news = known.as_deref() != Some(message);
        *known = Some(message.to_owned());
        self.is_there.store(true, Ordering::Release);
        is_news
    }

    fn clear(&self) {
        let mut known = self.lock();
        *known = None;
        self.is_there.store(false, Ordering::Release);
    }

    fn lock(&self) -> MutexGuard<'_, Option<String>> {
        self.message.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
        if self.state.failure.is_there() {
            return Err(Unavailable::StorageFailed);
        }
        let (answer, answered) = oneshot::channel();
        self.queue.try_send(Task::Track(Submission { delivery, answer })).map_err(|error| match error {
            TrySendError::Full(_) => Unavailable::QueueFull,
            TrySendError::Closed(_) => Unavailable::StorageFailed,
        })?;
        answered.await.unwrap_or(Err(Unavailable::StorageFailed))
    }

    /// Folds one appointment anew from its deliveries in the log, and writes what differs. Call it where blocking is fine.
    pub fn refold(&self, arrived: Arrived) -> Result<Refolded, ProjectionError> {
        let stopped = || ProjectionError::Storage {
            doing: "folding anew",
            message: "the server stops, or its storage has failed".to_owned(),
        };
        let (answer, answered) = oneshot::channel();
        self.queue.blocking_send(Task::Refold(Box::new(arrived), answer)).map_err(|_| stopped())?;
        answered.blocking_recv().map_err(|_| stopped())?
    }

    /// Has the writer rebuild the projection, soon, if somebody has met corruption in it. Not where the queue is full:
    /// ask again.
    pub fn repair(&self) {
        let _ = self.queue.try_send(Task::Repair);
    }

    /// Has the writer go on after a failure, soon, if what failed works again. Ask as long as there is a failure: nobody
    /// else wakes a writer to which nothing is handed in.
    pub fn recover(&self) {
        if self.state.failure.is_there() {
            let _ = self.queue.try_send(Task::Recover);
        }
    }

    /// Why nothing is accepted at the moment, if so.
    pub fn failure(&self) -> Option<String> {
        self.state.failure.message()
    }

    /// How many deliveries wait for the writer.
    pub fn queue_depth(&self) -> usize {
        self.queue.max_capacity() - self.queue.capacity()
    }

    /// The last position that is folded.
    pub fn folded(&self) -> Position {
        *self.state.folded.borrow()
    }

    /// Signals whenever more is folded. The writer never waits for a follower.
    pub fn follow(&self) -> watch::Receiver<Position> {
        self.state.folded.subscribe()
    }
}

impl Queue {
    /// Serves the queue on a thread of its own, until every [`Tracker`] is gone and all are answered. Where the projection
    /// turns out to be corrupt, it is built anew at the rebuild slot.
    pub fn run(
        self,
        log: Arc<dyn Log>,
        projection: Projection,
        rebuild_slot: Arc<RebuildSlot>,
    ) -> std::io::Result<thread::JoinHandle<()>> {
        self.state.folded.send_replace(projection.checkpoint().position);
        let writer = Writer::new(log, projection, rebuild_slot, self.state);
        let serve = move || writer.serve(self.tasks);
        thread::Builder::new().name("clockfold-writer".to_owned()).spawn(serve)
    }

    /// The next submission, for answers without a log (a benchmark's baseline).
    pub async fn next(&mut self) -> Option<Submission> {
        loop {
            if let Task::Track(submission) = self.tasks.recv().await? {
                return Some(submission);
            }
        }
    }
}

#[cfg(test)]
mod tests;
