//! Rebuilds while deliveries and queries go on: one at a time, on a thread of its own.
//!
//! A new projection is folded beside the one that counts, catches up, and is handed to the writer, which folds the last
//! few deliveries and goes on with it. Then the report says what differs.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use futures_util::{Stream, stream::unfold};
use tokio::sync::{
    mpsc::error::TrySendError,
    oneshot::{self, error::TryRecvError},
    watch,
};

use crate::{
    log::{Clock, Log},
    projection::{
        Cancelled, Candidate, Progress, ProjectionError, Reader, Readers, Report, Rules, View, compare_with_fresh_fold,
        rebuild_beside,
    },
};

use super::{RebuildSlot, Task, Tracker};

/// With fewer deliveries to go the writer takes over.
const ALMOST_THERE: u64 = 1_000;
/// Between two looks at what others do.
const A_MOMENT: Duration = Duration::from_millis(10);
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
    rebuild_slot: Arc<RebuildSlot>,
    clock: Clock,
    cancelled: AtomicBool,
    told: watch::Sender<Option<Arc<Rebuild>>>,
}

/// A rebuild: how far it is, or what came of it.
#[derive(Clone, Debug)]
pub struct Rebuild {
    /// Whether it only reports what it would change.
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
    /// It has come to its end: the new projection counts, or, of a dry run, nothing has changed. No report: the old one
    /// was corrupt, and can't be compared.
    Done(Option<Arc<Report>>),
    /// Somebody asked for its end; nothing has changed.
    Cancelled,
    /// It could not come to its end, and nothing has changed.
    Failed(String),
}

/// Another rebuild is running.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("another rebuild is running")]
pub struct Busy;

/// A candidate for the writer to go on with.
pub(super) struct Swap {
    pub(super) candidate: Candidate,
    pub(super) answer: oneshot::Sender<Result<Readers, ProjectionError>>,
}

impl Rebuilds {
    /// Rebuilds of the projection that `reader` reads, which lies where the rebuild slot is and is folded by `rules`.
    pub fn new(
        tracker: Tracker,
        log: Arc<dyn Log>,
        reader: Reader,
        rules: Arc<Rules>,
        rebuild_slot: Arc<RebuildSlot>,
        clock: Clock,
    ) -> Rebuilds {
        let (told, _) = watch::channel(None);
        let cancelled = AtomicBool::new(false);
        let inner = Inner { tracker, log, reader, rules, rebuild_slot, clock, cancelled, told };
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
            let (projections, resources) = (inner.rebuild_slot.projections(), inner.rebuild_slot.resources());
            compare_with_fresh_fold(&view, projections, rules, &*inner.log, resources, &mut tell).map(Some)
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
        work: impl FnOnce(&Inner) -> Result<Option<Report>, ProjectionError> + Send + 'static,
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
                *told = Some(Arc::clone(&begun));
            }
            free
        });
        if !started {
            return Err(Busy);
        }
        let inner = Arc::clone(&self.inner);
        let run = move || {
            let taken = inner.rebuild_slot.take();
            let done = inner.rebuild_slot.check_room().map_err(Into::into).and_then(|()| work(&inner));
            if done.is_err() {
                inner.rebuild_slot.tidy();
            }
            drop(taken);
            inner.end(match done {
                Ok(report) => RebuildState::Done(report.map(Arc::new)),
                Err(ProjectionError::Cancelled(Cancelled::OnRequest)) => RebuildState::Cancelled,
                Err(ProjectionError::Cancelled(why)) => RebuildState::Failed(inner.rebuild_slot.reason(why)),
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
    fn rebuild(&self) -> Result<Option<Report>, ProjectionError> {
        let view = self.reader.view();
        let mut tell = |progress| self.tell(progress);
        let (projections, resources) = (self.rebuild_slot.projections(), self.rebuild_slot.resources());
        let rules = Arc::clone(&self.rules);
        let beside = |old: Option<&View>, tell: &mut dyn FnMut(Progress) -> Result<(), Cancelled>| {
            rebuild_beside(old, projections, Arc::clone(&rules), &*self.log, resources, tell)
        };
        let mut candidate = match beside(Some(&view), &mut tell) {
            Err(error) if error.is_corruption() => {
                tracing::warn!(%error, "the projection is corrupt; it is built anew and not compared");
                beside(None, &mut tell)?
            }
            built => built?,
        };
        drop(view);
        let report = candidate.report.take();
        // Deliveries that have come meanwhile. The writer has to wait for the last few only.
        loop {
            let left = self.log.head().position.get() - candidate.projection.checkpoint().position.get();
            if left < ALMOST_THERE {
                break;
            }
            self.go_on()?;
            candidate.projection.catch_up(&*self.log, &mut |progress| _ = self.tell(progress))?;
        }
        let readers = self.hand_over(candidate)?;
        let begun = Instant::now();
        let waits = || begun.elapsed() < LAST_QUERIES && self.go_on().is_ok();
        while !readers.are_gone() && waits() {
            thread::sleep(A_MOMENT);
        }
        if readers.are_gone() {
            self.rebuild_slot.tidy();
        }
        Ok(report)
    }

    /// Has the writer go on with a candidate. It never waits where the writer waits for the rebuild slot.
    fn hand_over(&self, candidate: Candidate) -> Result<Readers, ProjectionError> {
        let stopped = || ProjectionError::Storage {
            doing: "switching",
            message: "the server stops, or its storage has failed".to_owned(),
        };
        let (answer, mut answered) = oneshot::channel();
        let mut task = Task::Swap(Box::new(Swap { candidate, answer }));
        loop {
            match self.tracker.queue.try_send(task) {
                Ok(()) => break,
                Err(TrySendError::Full(not_taken)) => task = not_taken,
                Err(TrySendError::Closed(_)) => return Err(stopped()),
            }
            self.go_on()?;
            thread::sleep(A_MOMENT);
        }
        loop {
            match answered.try_recv() {
                Ok(swapped) => return swapped,
                Err(TryRecvError::Closed) => return Err(stopped()),
                // The writer drops a candidate that nobody waits for, and swaps none in while it waits.
                Err(TryRecvError::Empty) if self.rebuild_slot.is_needed() => return Err(Cancelled::BuiltAtOnce.into()),
                Err(TryRecvError::Empty) => {}
            }
            thread::sleep(A_MOMENT);
        }
    }

    /// An error where somebody wants it to end.
    fn go_on(&self) -> Result<(), Cancelled> {
        if self.rebuild_slot.is_needed() {
            Err(Cancelled::BuiltAtOnce)
        } else if self.cancelled.load(Ordering::Relaxed) {
            Err(Cancelled::OnRequest)
        } else {
            Ok(())
        }
    }

    /// Announces how far the running one is; an error where it is to end.
    fn tell(&self, progress: Progress) -> Result<(), Cancelled> {
        self.told.send_modify(|told| {
            if let Some(rebuild) = told {
                *rebuild = Arc::new(Rebuild { progress: Some(progress), ..(**rebuild).clone() });
            }
        });
        self.rebuild_slot.check_room()?;
        self.go_on()
    }

    fn end(&self, state: RebuildState) {
        match &state {
            RebuildState::Running => {}
            RebuildState::Done(None) => tracing::info!("a rebuild has come to its end; the old projection was corrupt"),
            RebuildState::Done(Some(report)) => {
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
