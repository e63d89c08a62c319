//! When a connection is read: a stranger only while strangers do not take too much.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use super::state::ConnectionState;

/// A connection's turn to be read.
#[derive(Default)]
pub(in crate::server::connection) struct Turn {
    waited: bool,
}

impl Turn {
    /// Ready while the connection may be read: it is no stranger's, or strangers do not take too much.
    pub(in crate::server::connection) fn poll(
        &mut self,
        context: &mut Context<'_>,
        state: &Arc<ConnectionState>,
    ) -> Poll<()> {
        if self.is_there(state) {
            return Poll::Ready(());
        }
        self.waited = true;
        if state.waiter().begins_to_wait(context.waker()) {
            state.memory().waits(Arc::clone(state.waiter()));
        }
        // A change since may have woken nobody.
        if self.is_there(state) { Poll::Ready(()) } else { Poll::Pending }
    }

    fn is_there(&mut self, state: &ConnectionState) -> bool {
        let known = state.is_authenticated();
        if !known && !state.memory().is_roomy() {
            return false;
        }
        if std::mem::take(&mut self.waited) {
            state.was_waiting();
            if !known {
                // Each that gets in wakes the next.
                state.memory().relieve(1);
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        task::{Wake, Waker},
        time::Duration,
    };

    use super::*;
    use crate::server::connection::connections::{
        listener::{
            Connections, MEMORY, Times,
            tests::{connections, enter},
        },
        memory::{LEAVING_BYTES_MAX, STRANGERS_BYTES_MAX},
        state::Open,
    };

    fn is_read(turn: &mut Turn, open: &Open) -> bool {
        turn.poll(&mut Context::from_waker(Waker::noop()), open.state()).is_ready()
    }

    #[test]
    fn strangers_wait_for_those_that_leave_and_nobody_else_does() {
        let connections = connections(9);
        let enter = || enter(&connections);
        let [first, second, newcomer, over_http1, sender] = [enter(), enter(), enter(), enter(), enter()];
        [&first, &second, &newcomer].iter().for_each(|open| open.state().speaks_http2());
        sender.state().speaks_http2();
        sender.state().is_known();
        let mut turns: [Turn; 4] = Default::default();
        assert!(is_read(&mut turns[0], &newcomer));
        // Together they take too much, and the larger one is asked to go; it keeps its memory until then.
        first.state().charge(STRANGERS_BYTES_MAX[1] - (128 << 10));
        second.state().charge(LEAVING_BYTES_MAX + (128 << 10));
        assert!(first.state().is_leaving());
        assert_eq!([&second, &newcomer].map(|open| open.state().is_leaving()), [false, false]);
        assert!(!is_read(&mut turns[0], &newcomer));
        assert!(!is_read(&mut turns[1], &second));
        assert!(is_read(&mut turns[2], &over_http1));
        assert!(is_read(&mut turns[3], &sender));
        // Once it has gone, they are read, each woken by the one before.
        drop(first);
        assert!(is_read(&mut turns[0], &newcomer));
        assert!(is_read(&mut turns[1], &second));
    }

    /// Counts how often it is woken.
    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Count>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn whoever_waits_is_told_of_room_and_of_being_known() {
        let times = Times { head: Duration::ZERO, idle: Duration::ZERO };
        let connections = Connections::new(9, times, false);
        let enter = || enter(&connections);
        let [first, gone, sender, last] = [enter(), enter(), enter(), enter()];
        let crowded = STRANGERS_BYTES_MAX[0] + LEAVING_BYTES_MAX;
        connections.memory[0].take(crowded, false);
        let counts: [Arc<Count>; 4] = Default::default();
        let mut turns: [Turn; 4] = Default::default();
        let woken = || counts.each_ref().map(|count| count.0.load(Ordering::Relaxed));
        for (index, open) in [&first, &gone, &sender, &last].into_iter().enumerate() {
            let waker = Waker::from(Arc::clone(&counts[index]));
            let mut context = Context::from_waker(&waker);
            // Twice: it waits once.
            assert!(turns[index].poll(&mut context, open.state()).is_pending());
            assert!(turns[index].poll(&mut context, open.state()).is_pending());
            assert!(open.state().is_due().is_none(), "it waits");
        }
        assert_eq!(connections.memory[0].waiting().len(), 4);
        assert_eq!(woken(), [0; 4]);
        sender.state().is_known();
        assert_eq!(woken(), [0, 0, 1, 0]);
        assert!(is_read(&mut turns[2], &sender));
        drop(gone);
        connections.memory[0].give(crowded, false);
        // All that are there, for the first may no longer read; one that was woken before is not woken again.
        assert_eq!(woken(), [1, 0, 1, 1]);
        assert!(is_read(&mut turns[3], &last));
        assert!(connections.memory[0].waiting().is_empty());
    }

    #[test]
    fn what_is_taken_is_given_back_whatever_becomes_of_a_connection() {
        let connections = connections(9);
        let enter = || enter(&connections);
        let taken = || connections.memory.each_ref().map(|memory| (memory.taken(), memory.leaving()));
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
            // A request's task may learn of it later.
            drop(other);
            assert_eq!(taken(), [(0, 0); 2], "{http2} {leaves} {is_known}");
        }
    }
}
