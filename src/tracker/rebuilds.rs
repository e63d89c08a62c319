//! Rebuilds while deliveries and queries go on: one at a time, on a thread of its own.
//!
//! A new projection is folded beside the one that counts, catches up, and is handed to the writer, who folds the last
//! few deliveries and goes on with it. What it differs in is told when it is done.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use futures_util::{Stream, stream::unfold};
use tokio::sync::{oneshot, watch};

use crate::{
    log::{Clock, Log, Room},
    projection::{
        Candidate, Progress, ProjectionError, Reader, Readers, Report, Rules, Workshop, compare_with_fresh_fold,
        rebuild_beside, remove_old_projections,
    },
};

use super::{Task, Tracker};

/// A rebuild that would leave the disk with less ends: deliveries need the room. Of a small disk, a tenth.
const ROOM_BYTES: u64 = 256 << 20;
/// With fewer deliveries to go the writer takes over.
const ALMOST_THERE: u64 = 1_000;
/// How long a query that began before may go on with the projection that no longer counts.
const LAST_QUERIES: Duration = Duration::from_secs(60);

/// Where rebuilds are asked for; cheap to clone.
#[derive(Clone)]
pub struct Rebuilds {
    inner: Arc<Inner>,
}

struct Inner {
    tracker: Tracker,
    log: Arc<dyn Log>,
    reader: Reader,
    rules: Arc<Rules>,
    projections: PathBuf,
    workshop: Workshop,
    clock: Clock,
    cancelled: AtomicBool,
    no_room: AtomicBool,
    told: watch::Sender<Option<Arc<Rebuild>>>,
}

/// A rebuild: how far it is, or what came of it.
#[derive(Clone, Debug)]
pub struct Rebuild {
    /// Whether it only tells what it would change.
    pub dry_run: bool,
    /// When it was begun.
    pub started_at: DateTime<Utc>,
    /// Where it is.
    pub state: RebuildState,
    /// How far it is; `None` before the first stretch of the log is read.
    pub progress: Option<Progress>,
}

/// Where a rebuild is.
#[derive(Clone, Debug)]
pub enum RebuildState {
    /// It goes on.
    Running,
    /// It has come to its end: the new projection counts, or, of a dry run, nothing has changed.
    Done(Arc<Report>),
    /// Somebody asked for its end; nothing has changed.
    Cancelled,
    /// It could not come to its end, and nothing has changed.
    Failed(String),
}

/// Another rebuild is running.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("another rebuild is running")]
pub struct Busy;

/// What the writer is asked to go on with.
pub(super) struct Adoption {
    pub(super) candidate: Candidate,
    pub(super) projections: PathBuf,
    pub(super) answer: oneshot::Sender<Result<Readers, ProjectionError>>,
}

impl Rebuilds {
    /// Rebuilds of the projection that `reader` reads, which lies below `projections` and is folded by `rules`.
    pub fn new(
        tracker: Tracker,
        log: Arc<dyn Log>,
        reader: Reader,
        rules: Arc<Rules>,
        projections: PathBuf,
        workshop: Workshop,
        clock: Clock,
    ) -> Rebuilds {
        let (told, _) = watch::channel(None);
        let (cancelled, no_room) = (AtomicBool::new(false), AtomicBool::new(false));
        let inner = Inner { tracker, log, reader, rules, projections, workshop, clock, cancelled, no_room, told };
        Rebuilds { inner: Arc::new(inner) }
    }

    /// Begins to build the projection anew.
    pub fn start(&self) -> Result<Arc<Rebuild>, Busy> {
        self.run(false, |inner| inner.rebuild())
    }

    /// Begins to find out what a fresh fold by `rules` would change; `None`: by the rules that are in force.
    pub fn try_out(&self, rules: Option<Rules>) -> Result<Arc<Rebuild>, Busy> {
        self.run(true, move |inner| {
            let rules = rules.as_ref().unwrap_or(&inner.rules);
            let view = inner.reader.view();
            let mut tell = |progress| inner.tell(progress);
            compare_with_fresh_fold(&view, &inner.projections, rules, &*inner.log, &inner.workshop, &mut tell)
        })
    }

    /// Asks the one that is running to end. Returns it, or the last one.
    pub fn cancel(&self) -> Option<Arc<Rebuild>> {
        self.inner.cancelled.store(true, Ordering::Relaxed);
        self.last()
    }

    /// The one that is running, or the last one.
    pub fn last(&self) -> Option<Arc<Rebuild>> {
        self.inner.told.borrow().clone()
    }

    /// The one that is running, whenever it has come further, up to its end; or the last one, once. Ends at once where
    /// there was none.
    pub fn follow(&self) -> impl Stream<Item = Arc<Rebuild>> + use<> {
        let told = self.inner.told.subscribe();
        unfold((told, false), |(mut told, ended)| async move {
            if ended {
                return None;
            }
            let rebuild = told.borrow_and_update().clone()?;
            let ended = !matches!(rebuild.state, RebuildState::Running);
            if !ended {
                // At its end there is nothing more to wait for; where the sender is gone, neither.
                let _ = told.changed().await;
            }
            Some((rebuild, (told, ended)))
        })
    }

    fn run(
        &self,
        dry_run: bool,
        work: impl FnOnce(&Inner) -> Result<Report, ProjectionError> + Send + 'static,
    ) -> Result<Arc<Rebuild>, Busy> {
        let begun = Arc::new(Rebuild {
            dry_run,
            started_at: (self.inner.clock)(),
            state: RebuildState::Running,
            progress: None,
        });
        let started = self.inner.told.send_if_modified(|told| {
            let free = told.as_ref().is_none_or(|last| !matches!(last.state, RebuildState::Running));
            if free {
                self.inner.cancelled.store(false, Ordering::Relaxed);
                self.inner.no_room.store(false, Ordering::Relaxed);
                *told = Some(Arc::clone(&begun));
            }
            free
        });
        if !started {
            return Err(Busy);
        }
        let inner = Arc::clone(&self.inner);
        let run = move || {
            let done = if inner.has_room() { work(&inner) } else { Err(ProjectionError::Cancelled) };
            if done.is_err() {
                inner.tidy();
            }
            inner.end(match done {
                Ok(report) => RebuildState::Done(Arc::new(report)),
                Err(ProjectionError::Cancelled) if inner.no_room.load(Ordering::Relaxed) => {
                    RebuildState::Failed(format!("the disk of {} is almost full", inner.projections.display()))
                }
                Err(ProjectionError::Cancelled) => RebuildState::Cancelled,
                Err(error) => RebuildState::Failed(error.to_string()),
            });
        };
        if let Err(error) = thread::Builder::new().name("clockfold-rebuild".to_owned()).spawn(run) {
            self.inner.end(RebuildState::Failed(format!("starting a thread: {error}")));
        }
        Ok(begun)
    }
}

impl Inner {
    fn rebuild(&self) -> Result<Report, ProjectionError> {
        let view = self.reader.view();
        let mut tell = |progress| self.tell(progress);
        let rules = Arc::clone(&self.rules);
        let mut candidate =
            rebuild_beside(Some(&view), &self.projections, rules, &*self.log, &self.workshop, &mut tell)?;
        drop(view);
        let report = candidate.report.take().ok_or(ProjectionError::Damaged("checkpoint"))?;
        // Deliveries that have come meanwhile. The writer has to wait for the last few only.
        loop {
            let left = self.log.head().position.get() - candidate.projection.checkpoint().position.get();
            if left < ALMOST_THERE {
                break;
            }
            if self.cancelled.load(Ordering::Relaxed) {
                return Err(ProjectionError::Cancelled);
            }
            candidate.projection.catch_up(&*self.log, &mut |progress| _ = self.tell(progress))?;
        }
        let (answer, answered) = oneshot::channel();
        let adoption = Adoption { candidate, projections: self.projections.clone(), answer };
        let handed_in = self.tracker.queue.blocking_send(Task::Adopt(Box::new(adoption)));
        let stopped = || ProjectionError::Storage {
            doing: "switching",
            message: "the server stops, or its storage has failed".to_owned(),
        };
        handed_in.map_err(|_| stopped())?;
        let readers = answered.blocking_recv().map_err(|_| stopped())??;
        let begun = Instant::now();
        let waits = || begun.elapsed() < LAST_QUERIES && !self.cancelled.load(Ordering::Relaxed);
        while !readers.are_gone() && waits() {
            thread::sleep(Duration::from_millis(20));
        }
        if readers.are_gone() {
            self.tidy();
        }
        Ok(report)
    }

    /// Removes every projection but the one that counts. What is left is removed at the next start.
    fn tidy(&self) {
        if let Err(error) = remove_old_projections(&self.projections) {
            tracing::warn!(%error, "a projection that does not count could not be removed");
        }
    }

    /// Whether the disk has room for more than deliveries.
    fn has_room(&self) -> bool {
        let room = self.projections.parent().and_then(Room::at);
        let enough = room.is_none_or(|room| room.free >= ROOM_BYTES.min(room.total / 10));
        if !enough {
            self.no_room.store(true, Ordering::Relaxed);
        }
        enough
    }

    /// Tells how far the running one is; `false` where it is to end.
    fn tell(&self, progress: Progress) -> bool {
        self.told.send_modify(|told| {
            if let Some(rebuild) = told {
                *rebuild = Arc::new(Rebuild { progress: Some(progress), ..(**rebuild).clone() });
            }
        });
        self.has_room() && !self.cancelled.load(Ordering::Relaxed)
    }

    fn end(&self, state: RebuildState) {
        match &state {
            RebuildState::Running => {}
            RebuildState::Done(report) => {
                let total = report.total();
                tracing::info!(
                    position = report.position.get(),
                    appointments = total.appointments,
                    changed = total.changed,
                    "a rebuild has come to its end"
                );
            }
            RebuildState::Cancelled => tracing::info!("a rebuild was cancelled; nothing has changed"),
            RebuildState::Failed(error) => tracing::error!(%error, "a rebuild failed; nothing has changed"),
        }
        self.told.send_modify(|told| {
            if let Some(rebuild) = told {
                let done = matches!(state, RebuildState::Done(_));
                let all = |progress: Progress| if done { Progress { done: progress.of, ..progress } } else { progress };
                let progress = rebuild.progress.map(all);
                *rebuild = Arc::new(Rebuild { state, progress, ..(**rebuild).clone() });
            }
        });
    }
}
