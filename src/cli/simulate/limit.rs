//! When posting ends: somebody stops it, or its time has passed. What is under way then gets a short grace.

use std::time::{Duration, Instant};

use crate::cli::common::stop::Stop;

/// How long to wait for an answer once posting has ended.
pub(super) const GRACE: Duration = Duration::from_secs(1);

/// Whether there is still time. It never becomes more.
#[derive(Clone, Copy)]
pub(super) struct Limit<'a> {
    stop: &'a Stop,
    until: Option<Instant>,
}

impl<'a> Limit<'a> {
    /// Ends when somebody stops it, and after `lasts` at the latest.
    pub(super) fn new(stop: &'a Stop, begun: Instant, lasts: Option<Duration>) -> Limit<'a> {
        Limit { stop, until: lasts.and_then(|lasts| begun.checked_add(lasts)) }
    }

    pub(super) fn is_over(&self) -> bool {
        self.stop.is_stopped() || self.left().is_some_and(|left| left.is_zero())
    }

    /// Waits for `at_most`, or until it is over. Returns whether it is.
    pub(super) fn wait(&self, at_most: Duration) -> bool {
        self.stop.wait(self.left().map_or(at_most, |left| left.min(at_most))) || self.is_over()
    }

    /// Waits until its time has passed, where it has one, or somebody stops it.
    pub(super) fn wait_for_the_end(&self) {
        if let Some(left) = self.left() {
            self.stop.wait(left);
        }
    }

    fn left(&self) -> Option<Duration> {
        self.until.map(|until| until.saturating_duration_since(Instant::now()))
    }
}
