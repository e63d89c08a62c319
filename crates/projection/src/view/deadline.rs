//! Until when a reader waits for an answer.
//!
//! A view looks here before it reads a row, so that a long query ends a row after its time is over or its client has gone.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use crate::error::ProjectionError;

/// Until when a reader waits. The default waits for ever.
#[derive(Clone, Debug, Default)]
pub struct Deadline {
    until: Option<Instant>,
    cancelled: Option<Arc<AtomicBool>>,
}

/// Cancels the reading when it is dropped: the client has gone.
#[derive(Debug)]
pub struct CancelGuard(Arc<AtomicBool>);

impl Deadline {
    /// A deadline at `until`, or as soon as the guard is dropped.
    pub fn until(until: Instant) -> (Deadline, CancelGuard) {
        let cancelled = Arc::new(AtomicBool::new(false));
        (Deadline { until: Some(until), cancelled: Some(Arc::clone(&cancelled)) }, CancelGuard(cancelled))
    }

    /// An error where nobody waits.
    pub(crate) fn check(&self) -> Result<(), ProjectionError> {
        let is_cancelled = self.cancelled.as_ref().is_some_and(|cancelled| cancelled.load(Ordering::Relaxed));
        let is_over = self.until.is_some_and(|until| until <= Instant::now());
        if is_cancelled || is_over { Err(ProjectionError::OutOfTime) } else { Ok(()) }
    }
}

impl Drop for CancelGuard {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_deadline_ends_with_its_time_and_with_its_guard() {
        assert!(Deadline::default().check().is_ok());
        let (deadline, _guard) = Deadline::until(Instant::now());
        assert!(matches!(deadline.check(), Err(ProjectionError::OutOfTime)));
        let (deadline, guard) = Deadline::until(Instant::now() + Duration::from_secs(3600));
        assert!(deadline.check().is_ok());
        drop(guard);
        assert!(matches!(deadline.clone().check(), Err(ProjectionError::OutOfTime)));
    }
}
