//! What strangers take together, and which of them wait while that is too much.
//!
//! A stranger that was told to go takes its memory until its task has run, and where thousands have something to do that is
//! a while. So what leaves still counts, and nothing is read from other strangers meanwhile: what they send stays with the
//! system. They are told of room in the order in which they came. Those of HTTP/1 and those of HTTP/2, where a few bytes ask
//! a hundred things, do not wait for each other.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use super::waiter::Waiter;

/// What the buffers of strangers may take together, in bytes, as `state.rs` reckons them: over HTTP/1, and over HTTP/2.
pub(super) const STRANGERS_BYTES_MAX: [usize; 2] = [40 << 20, 16 << 20];
/// By how much it may be more with those that were told to go: beyond that, nothing is read from strangers.
pub(super) const LEAVING_BYTES_MAX: usize = 8 << 20;
/// How many of those that wait are told at once that there is room.
pub(super) const RELIEVED_AT_ONCE: usize = 16;

/// What strangers take over one version of HTTP.
#[derive(Default)]
pub(super) struct Memory {
    pub(super) max: usize,
    /// All of it.
    taken: AtomicUsize,
    /// What of it was told to go.
    leaving: AtomicUsize,
    /// Those from which nothing is read for now; the first has waited longest.
    waiting: Mutex<VecDeque<Arc<Waiter>>>,
}

impl Memory {
    pub(super) fn of(max: usize) -> Memory {
        Memory { max, ..Memory::default() }
    }

    // In these three the figures change, and are read, in such an order that the excess is rather too small for a moment.

    pub(super) fn take(&self, bytes: usize, leaving: bool) {
        if leaving {
            self.leaving.fetch_add(bytes, Ordering::AcqRel);
        }
        self.taken.fetch_add(bytes, Ordering::AcqRel);
    }

    pub(super) fn give(&self, bytes: usize, leaving: bool) {
        let before = self.taken.fetch_sub(bytes, Ordering::AcqRel);
        if leaving {
            self.leaving.fetch_sub(bytes, Ordering::AcqRel);
        }
        if before > self.max + LEAVING_BYTES_MAX {
            self.relieve(RELIEVED_AT_ONCE);
        }
    }

    /// What strangers take too much, without those that go.
    pub(super) fn excess(&self) -> usize {
        let leaving = self.leaving();
        self.taken().saturating_sub(leaving + self.max)
    }

    /// So many bytes of a stranger are told to go.
    pub(super) fn goes(&self, bytes: usize) {
        self.leaving.fetch_add(bytes, Ordering::AcqRel);
    }

    pub(super) fn taken(&self) -> usize {
        self.taken.load(Ordering::Acquire)
    }

    pub(super) fn leaving(&self) -> usize {
        self.leaving.load(Ordering::Acquire)
    }

    /// Strangers take no more than they may, with those that were told to go.
    pub(super) fn is_roomy(&self) -> bool {
        self.taken() <= self.max + LEAVING_BYTES_MAX
    }

    /// It waits for room, behind the others.
    pub(super) fn waits(&self, waiter: Arc<Waiter>) {
        self.waiting().push_back(waiter);
    }

    /// Tells so many of those that wait, if there is room.
    pub(super) fn relieve(&self, count: usize) {
        let mut told = Vec::new();
        if self.is_roomy() {
            let mut waiting = self.waiting();
            while told.len() < count
                && let Some(waiter) = waiting.pop_front()
            {
                if waiter.waits_no_more() {
                    told.push(waiter);
                }
            }
        }
        told.iter().for_each(|waiter| waiter.may_read());
    }

    pub(super) fn waiting(&self) -> MutexGuard<'_, VecDeque<Arc<Waiter>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
