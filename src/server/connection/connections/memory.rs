//! What strangers take together, and who of them waits while that is too much.
//!
//! A stranger that was told to go takes its memory until its task has run, and where thousands have something to do that is
//! a while. So what leaves still counts, and nothing is read from other strangers meanwhile: what they send stays with the
//! system. Those of HTTP/1 and those of HTTP/2, where a few bytes ask a hundred things, do not wait for each other.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use tokio::sync::{Notify, futures::OwnedNotified};

use crate::server::connection::connections::ConnectionState;

/// What the buffers of strangers may take together, in bytes, as [`crate::server::connection::connections::state`] reckons them: over HTTP/1, and over HTTP/2.
pub(super) const STRANGERS_BYTES_MAX: [usize; 2] = [40 << 20, 16 << 20];
/// By how much it may be more with those that were told to go: beyond that, nothing is read from strangers.
const LEAVING_BYTES_MAX: usize = 8 << 20;

/// What strangers take over one version of HTTP.
#[derive(Default)]
pub(super) struct Memory {
    pub(super) max: usize,
    /// All of it.
    taken: AtomicUsize,
    /// What of it was told to go.
    leaving: AtomicUsize,
    /// Told when there is room again; each that gets in tells the next.
    relieved: Arc<Notify>,
}

impl Memory {
    pub(super) fn of(max: usize) -> Memory {
        Memory { max, ..Memory::default() }
    }

    pub(super) fn take(&self, bytes: usize, leaving: bool) {
        self.taken.fetch_add(bytes, Ordering::Relaxed);
        if leaving {
            self.leaving.fetch_add(bytes, Ordering::Relaxed);
        }
    }

    pub(super) fn give(&self, bytes: usize, leaving: bool) {
        if leaving {
            self.leaving.fetch_sub(bytes, Ordering::Relaxed);
        }
        let before = self.taken.fetch_sub(bytes, Ordering::AcqRel);
        let crowded = self.max + LEAVING_BYTES_MAX;
        if before > crowded && before - bytes <= crowded {
            self.relieved.notify_one();
        }
    }

    /// So many bytes of a stranger are told to go.
    pub(super) fn goes(&self, bytes: usize) {
        self.leaving.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }

    /// What strangers take too much, without those that go.
    pub(super) fn excess(&self) -> usize {
        self.taken().saturating_sub(self.leaving.load(Ordering::Relaxed) + self.max)
    }

    fn is_crowded(&self) -> bool {
        self.taken.load(Ordering::Acquire) > self.max + LEAVING_BYTES_MAX
    }
}

/// A connection's turn to be read.
#[derive(Default)]
pub(in crate::server) struct Turn(Option<Pin<Box<OwnedNotified>>>);

impl Turn {
    /// Ready while the connection may be read: it is nobody's that is unknown, or those do not take too much.
    pub(in crate::server) fn poll(&mut self, context: &mut Context<'_>, state: &ConnectionState) -> Poll<()> {
        if state.is_authenticated() {
            self.0 = None;
            return Poll::Ready(());
        }
        let memory = state.memory();
        loop {
            if !memory.is_crowded() {
                if self.0.take().is_some() {
                    memory.relieved.notify_one();
                }
                return Poll::Ready(());
            }
            let waits = self.0.get_or_insert_with(|| Box::pin(Arc::clone(&memory.relieved).notified_owned()));
            if waits.as_mut().poll(context).is_ready() {
                self.0 = None;
            } else if memory.is_crowded() {
                return Poll::Pending;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{task::Waker, time::Duration};

    use super::*;
    use crate::server::connection::connections::{Connections, MEMORY, Open, Times};

    fn is_read(turn: &mut Turn, open: &Open) -> bool {
        turn.poll(&mut Context::from_waker(Waker::noop()), open.state()).is_ready()
    }

    #[test]
    fn strangers_wait_for_those_that_leave_and_nobody_else_does() {
        let times = Times { head: Duration::from_secs(1), idle: Duration::from_secs(1) };
        let connections = Connections::new(9, times, false);
        let enter = || connections.enter(([127, 0, 0, 1], 1).into());
        let [first, second, newcomer, over_http1, sender] = [enter(), enter(), enter(), enter(), enter()];
        [&first, &second, &newcomer].iter().for_each(|open| open.state().speaks_http2());
        sender.state().speaks_http2();
        sender.state().is_known();
        let mut turns: [Turn; 4] = Default::default();
        assert!(is_read(&mut turns[0], &newcomer));
        // Together they take too much, and the one that takes more is told to go; it takes that still.
        first.state().charge(STRANGERS_BYTES_MAX[1] - (128 << 10));
        second.state().charge(LEAVING_BYTES_MAX + (128 << 10));
        assert!(first.state().is_leaving());
        assert_eq!([&second, &newcomer].map(|open| open.state().is_leaving()), [false, false]);
        assert!(!is_read(&mut turns[0], &newcomer));
        assert!(!is_read(&mut turns[1], &second));
        assert!(is_read(&mut turns[2], &over_http1));
        assert!(is_read(&mut turns[3], &sender));
        // Once it has gone, they are read, each told by the one before.
        drop(first);
        assert!(is_read(&mut turns[0], &newcomer));
        assert!(is_read(&mut turns[1], &second));
    }

    #[test]
    fn what_is_taken_is_given_back_whatever_becomes_of_a_connection() {
        let times = Times { head: Duration::from_secs(1), idle: Duration::from_secs(1) };
        let connections = Connections::new(9, times, false);
        let enter = || connections.enter(([127, 0, 0, 1], 1).into());
        let taken =
            || connections.memory.each_ref().map(|memory| (memory.taken(), memory.leaving.load(Ordering::Relaxed)));
        for (http2, leaves, is_known) in [
            (false, false, false),
            (true, false, false),
            (false, true, false),
            (true, true, false),
            (true, true, true),
            (true, false, true),
        ] {
            let open = enter();
            let asked = [open.state().asks(), open.state().asks()];
            if http2 {
                open.state().speaks_http2();
            }
            if leaves {
                connections.send_away(&mut connections.open(), &[open.state().id()], MEMORY);
                assert!(open.state().is_leaving());
            }
            if is_known {
                open.state().is_known();
            }
            let [one, other] = asked;
            drop(one);
            drop(open);
            // A request may hear of it later.
            drop(other);
            assert_eq!(taken(), [(0, 0); 2], "{http2} {leaves} {is_known}");
        }
    }
}
