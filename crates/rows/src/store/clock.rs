//! The time that passes while a store is open.

use std::time::{Duration, Instant};

#[cfg(test)]
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// The time since something began; it does not go back.
pub(crate) enum Clock {
    /// Of this machine, since then.
    Machine(Instant),
    /// As many milliseconds as a test says.
    #[cfg(test)]
    Test(Arc<AtomicU64>),
}

impl Clock {
    pub(crate) fn of_machine() -> Clock {
        Clock::Machine(Instant::now())
    }

    pub(crate) fn now(&self) -> Duration {
        match self {
            Clock::Machine(start) => start.elapsed(),
            #[cfg(test)]
            Clock::Test(milliseconds) => Duration::from_millis(milliseconds.load(Ordering::Relaxed)),
        }
    }
}
