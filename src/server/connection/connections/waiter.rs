//! Whoever waits until a connection may be read.

use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::task::AtomicWaker;

/// Whoever reads a connection and may have to wait, as others see it.
#[derive(Default)]
pub(super) struct Waiter {
    /// Whether it stands among those that wait.
    pub(super) waits: AtomicBool,
    gone: AtomicBool,
    pub(super) task: AtomicWaker,
}

impl Waiter {
    pub(super) fn waits(&self) -> bool {
        self.waits.load(Ordering::Acquire)
    }

    /// It stands no more among those that wait; whether it is there at all.
    pub(super) fn waits_no_more(&self) -> bool {
        self.waits.store(false, Ordering::Release);
        !self.gone.load(Ordering::Acquire)
    }

    /// It is told to look again.
    pub(super) fn may_read(&self) {
        self.task.wake();
    }

    pub(super) fn has_gone(&self) {
        self.gone.store(true, Ordering::Release);
    }
}
