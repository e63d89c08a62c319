//! How much work a document is, by what it was.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use rustix::time::{ClockId, clock_gettime};

/// How a request is best executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// A query whose document took little time whenever it was executed lately.
    Little,
    /// Any other query, and what can't be executed at all.
    Unknown,
    /// A mutation, which may wait for the writer, or the beginning of a subscription.
    Waits,
}

/// A document took little if it took no more than this.
const LITTLE: Duration = Duration::from_millis(3);

/// The time that a document took of a processor, lately: the longest, of which each execution forgets an eighth.
#[derive(Debug, Default)]
pub(in crate::graphql) struct Longest(AtomicU64);

impl Longest {
    /// Whether it took little. One that was never executed did not.
    pub(in crate::graphql) fn is_little(&self) -> bool {
        (1..=nanoseconds(LITTLE)).contains(&self.0.load(Ordering::Relaxed))
    }

    /// Executes, and takes in how long that took.
    pub(in crate::graphql) fn of<T>(&self, execute: impl FnOnce() -> T) -> T {
        let begun = on_processor();
        let executed = execute();
        self.took(on_processor().saturating_sub(begun));
        executed
    }

    fn took(&self, time: Duration) {
        let before = self.0.load(Ordering::Relaxed);
        // Of two at the same time, one may be lost: the next one tells as much.
        self.0.store(nanoseconds(time).max(before - before / 8).max(1), Ordering::Relaxed);
    }
}

/// How long this thread has had a processor. What it waited for others' sake says nothing of the document.
fn on_processor() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap_or_default()
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_that_was_slow_is_little_again_after_a_while() {
        let longest = Longest::default();
        assert!(!longest.is_little());
        longest.took(Duration::ZERO);
        assert!(longest.is_little());
        longest.took(LITTLE * 2);
        let mut executed = 0;
        while !longest.is_little() {
            longest.took(Duration::from_micros(20));
            executed += 1;
        }
        assert!((5..=7).contains(&executed), "{executed}");
        longest.took(Duration::from_secs(10));
        assert!(!longest.is_little());
    }

    #[test]
    fn only_time_on_a_processor_counts() {
        let longest = Longest::default();
        longest.of(|| std::thread::sleep(LITTLE * 10));
        assert!(longest.is_little());
        let begun = std::time::Instant::now();
        longest.of(|| while on_processor().is_zero() || begun.elapsed() < LITTLE * 40 {});
        assert!(!longest.is_little());
    }
}
