//! Whether the log takes deliveries, and why not: the state that the writer, the journal's thread and the keeper share.

use std::{
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::LogError;

/// What the log's threads know of its state.
#[derive(Default)]
pub(super) struct Condition {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    failure: Option<LogError>,
    is_stopping: bool,
}

impl Condition {
    /// From now on nothing is written: what the disk holds after a failed write is not known. The first error counts.
    pub(super) fn fail(&self, error: &LogError) {
        let mut state = self.state();
        if state.failure.is_none() {
            tracing::error!(%error, hint = error.hint(), "the log is closed for writing, until it can be opened anew");
            state.failure = Some(error.clone());
            self.changed.notify_all();
        }
    }

    /// What keeps it closed now: corruption that was found replaces the error that came before, and the other way round
    /// once other files stand there.
    pub(super) fn is_kept_closed_by(&self, error: &LogError) {
        let mut state = self.state();
        if state.failure.as_ref().is_some_and(|known| known.is_corruption() || error.is_corruption()) {
            state.failure = Some(error.clone());
        }
    }

    /// It is open again.
    pub(super) fn is_well_again(&self) {
        self.state().failure = None;
    }

    /// Why it takes nothing, if so.
    pub(super) fn failure(&self) -> Option<LogError> {
        self.state().failure.clone()
    }

    /// The error of a write while it takes nothing.
    pub(super) fn check(&self) -> Result<(), LogError> {
        self.state().failure.as_ref().map_or(Ok(()), |why| Err(LogError::Closed(why.to_string())))
    }

    /// The error of a read while it is not open.
    pub(super) fn closed(&self) -> LogError {
        self.check().err().unwrap_or_else(|| LogError::Closed("it was closed on purpose".to_owned()))
    }

    /// The keeper ends.
    pub(super) fn stop(&self) {
        self.state().is_stopping = true;
        self.changed.notify_all();
    }

    /// Waits for `timeout`, or until something has changed. `false` where the keeper ends.
    pub(super) fn wait(&self, timeout: Duration) -> bool {
        let state = self.state();
        if state.is_stopping {
            return false;
        }
        let (state, _) = self.changed.wait_timeout(state, timeout).unwrap_or_else(PoisonError::into_inner);
        !state.is_stopping
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
