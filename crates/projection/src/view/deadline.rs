//! How long whoever reads a view waits for what they asked.
//!
//! A view looks here before it reads a row, so that a long query ends a row after nobody waits for it any more:
//! its time is over, or its client has gone.

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
pub struct Patience {
    until: Option<Instant>,
    gone: Option<Arc<AtomicBool>>,
}

/// Ends a reader's patience when it is dropped.
#[derive(Debug)]
pub struct Waiting(Arc<AtomicBool>);

impl Patience {
    /// Waits until a moment, and no longer than what comes with it is there.
    pub fn until(until: Instant) -> (Patience, Waiting) {
        let gone = Arc::new(AtomicBool::new(false));
        (Patience { until: Some(until), gone: Some(Arc::clone(&gone)) }, Waiting(gone))
    }

    /// An error where nobody waits any more.
    pub(crate) fn check(&self) -> Result<(), ProjectionError> {
        let gone = self.gone.as_ref().is_some_and(|gone| gone.load(Ordering::Relaxed));
        let over = self.until.is_some_and(|until| until <= Instant::now());
        if gone || over { Err(ProjectionError::OutOfTime) } else { Ok(()) }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn patience_ends_with_its_time_and_with_whoever_waits() {
        assert!(Patience::default().check().is_ok());
        let (patience, _waiting) = Patience::until(Instant::now());
        assert!(matches!(patience.check(), Err(ProjectionError::OutOfTime)));
        let (patience, waiting) = Patience::until(Instant::now() + Duration::from_secs(3600));
        assert!(patience.check().is_ok());
        drop(waiting);
        assert!(matches!(patience.clone().check(), Err(ProjectionError::OutOfTime)));
    }
}
