//! Whoever waits until a connection may be read.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    task::Waker,
};

use futures_util::task::AtomicWaker;

/// Whoever reads a connection and may have to wait, as others see it.
#[derive(Default)]
pub(super) struct Waiter {
    /// Whether it stands among those that wait.
    waits: AtomicBool,
    gone: AtomicBool,
    task: AtomicWaker,
}

impl Waiter {
    /// It is told through `task`; whether it did not stand among those that wait before.
    pub(super) fn begins_to_wait(&self, task: &Waker) -> bool {
        self.task.register(task);
        !self.waits.swap(true, Ordering::AcqRel)
    }

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
