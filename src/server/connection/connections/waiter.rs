//! A task that waits until its connection may be read.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    task::Waker,
};

use futures_util::task::AtomicWaker;

/// The task that reads a connection and may have to wait, as others see it.
#[derive(Default)]
pub(super) struct Waiter {
    /// Whether it stands among those that wait.
    waits: AtomicBool,
    gone: AtomicBool,
    task: AtomicWaker,
}

impl Waiter {
    /// Has `task` woken when it may read; whether it did not wait before.
    pub(super) fn begins_to_wait(&self, task: &Waker) -> bool {
        self.task.register(task);
        !self.waits.swap(true, Ordering::AcqRel)
    }

    pub(super) fn waits(&self) -> bool {
        self.waits.load(Ordering::Acquire)
    }

    /// It no longer waits; whether it is there at all.
    pub(super) fn waits_no_more(&self) -> bool {
        self.waits.store(false, Ordering::Release);
        !self.gone.load(Ordering::Acquire)
    }

    /// Wakes it to look again.
    pub(super) fn may_read(&self) {
        self.task.wake();
    }

    pub(super) fn has_gone(&self) {
        self.gone.store(true, Ordering::Release);
    }
}
