//! What strangers take together, and which of them wait while that is too much.
//!
//! A stranger that was asked to go keeps its memory until its task has run, which takes a while where thousands are
//! busy. So what leaves still counts, and nothing is read from other strangers meanwhile: the system keeps what they
//! send. They are woken in the order in which they came. Those of HTTP/1 and those of HTTP/2, where a few bytes make a
//! hundred requests, do not wait for each other.

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
/// By how much more it may be with those that were asked to go: beyond that, nothing is read from strangers.
pub(super) const LEAVING_BYTES_MAX: usize = 8 << 20;
/// How many of those that wait are woken at once when there is room.
pub(super) const RELIEVED_AT_ONCE: usize = 16;

/// What strangers take over one version of HTTP.
#[derive(Default)]
pub(super) struct Memory {
    pub(super) max: usize,
    /// All of it.
    taken: AtomicUsize,
    /// The part of it that was asked to go.
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

    /// By how much strangers take too much, without those that go.
    pub(super) fn excess(&self) -> usize {
        let leaving = self.leaving();
        self.taken().saturating_sub(leaving + self.max)
    }

    /// A stranger of this many bytes was asked to go.
    pub(super) fn goes(&self, bytes: usize) {
        self.leaving.fetch_add(bytes, Ordering::AcqRel);
    }

    pub(super) fn taken(&self) -> usize {
        self.taken.load(Ordering::Acquire)
    }

    pub(super) fn leaving(&self) -> usize {
        self.leaving.load(Ordering::Acquire)
    }

    /// Whether strangers take no more than they may, with those that were asked to go.
    pub(super) fn is_roomy(&self) -> bool {
        self.taken() <= self.max + LEAVING_BYTES_MAX
    }

    /// It waits for room, behind the others.
    pub(super) fn waits(&self, waiter: Arc<Waiter>) {
        self.waiting().push_back(waiter);
    }

    /// Wakes `count` of those that wait, if there is room.
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
