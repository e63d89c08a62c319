//! The connections of one listener: who comes in, who is sent away, and what they take together.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use metrics::{counter, gauge};
use tokio::{sync::Notify, time::MissedTickBehavior};

use super::{
    eviction::{self, Candidate},
    memory::{Memory, RELIEVED_AT_ONCE, STRANGERS_BYTES_MAX},
    room::Room,
    state::{ConnectionState, Open},
};

/// How many connections may be open beyond the most, while others are being closed.
const BEYOND_MAX: usize = 32;
/// Room is made at once for one in this many of the most connections, as each search looks at all.
const ROOM_PART: usize = 64;
const ROOM_MAX: usize = 64;
/// The number of no connection.
const NOBODY: u64 = 0;
/// How often connections are looked after, at most and at least.
const LOOK_INTERVAL: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// How often waiting connections are woken again when there is room: one that was woken may no longer read, and wakes
/// no other.
const RELIEVE_INTERVAL: Duration = Duration::from_millis(200);

/// Why we closed a connection, as `clockfold_connections_closed_total` counts it.
pub(super) const SILENT: &str = "silent";
pub(super) const SLOW_HEAD: &str = "slow_head";
pub(super) const IDLE: &str = "idle";
const ROOM: &str = "room";
pub(super) const MEMORY: &str = "memory";
pub(in crate::server) const STALLED: &str = "stalled";
/// All of them.
const CLOSED_FOR: [&str; 6] = [SILENT, SLOW_HEAD, IDLE, ROOM, MEMORY, STALLED];

/// How long connections may do nothing.
#[derive(Clone, Copy, Debug)]
pub(in crate::server) struct Times {
    /// A request's head that has begun, and the first request.
    pub(in crate::server) head: Duration,
    /// Without a request.
    pub(in crate::server) idle: Duration,
}

/// The connections of one listener.
pub(in crate::server) struct Connections {
    begun: Instant,
    max: usize,
    pub(super) times: Times,
    open: Mutex<AllOpen>,
    /// What strangers take: over HTTP/1, where nothing else is known yet, and over HTTP/2.
    pub(super) memory: [Memory; 2],
    /// Notified of each that has gone.
    gone: Notify,
    pub(super) room: Room,
    /// Whether this is the listener that is measured.
    measured: bool,
}

#[derive(Default)]
pub(super) struct AllOpen {
    /// By number: older ones first.
    states: BTreeMap<u64, Arc<ConnectionState>>,
    /// How many of them were asked to go.
    leaving: usize,
    next: u64,
}

impl Connections {
    pub(in crate::server) fn new(max: usize, times: Times, measured: bool) -> Arc<Connections> {
        if measured {
            gauge!("clockfold_connections_max").set(u32::try_from(max).unwrap_or(u32::MAX));
            gauge!("clockfold_connections").set(0);
            CLOSED_FOR
                .iter()
                .for_each(|why| counter!("clockfold_connections_closed_total", "reason" => *why).increment(0));
            counter!("clockfold_streams_reset_total").increment(0);
        }
        Arc::new(Connections {
            begun: Instant::now(),
            max,
            times,
            open: Mutex::default(),
            memory: STRANGERS_BYTES_MAX.map(Memory::of),
            gone: Notify::new(),
            room: Room::default(),
            measured,
        })
    }

    /// A connection has come: it is one of them until the returned value is dropped.
    pub(in crate::server) fn enter(self: &Arc<Connections>, address: SocketAddr) -> Open {
        let mut open = self.open();
        open.next += 1;
        let id = open.next;
        let state = Arc::new(ConnectionState::new(id, address.ip(), Arc::clone(self)));
        open.states.insert(id, Arc::clone(&state));
        self.tell_count(&open);
        drop(open);
        Open::of(state)
    }

    /// Makes room where there are too many, and waits until there is some. The newcomer, `but`, does not go.
    pub(in crate::server) async fn make_room(&self, but: &ConnectionState) {
        loop {
            {
                let mut open = self.open();
                let beyond = open.states.len().saturating_sub(open.leaving + self.max);
                if beyond > 0 {
                    let count = beyond.max((self.max / ROOM_PART).min(ROOM_MAX));
                    let gone = eviction::longest_idle(candidates(&open, but.id()), count);
                    self.send_away(&mut open, &gone, ROOM);
                }
                let staying = open.states.len() - open.leaving;
                if staying <= self.max && open.states.len() <= self.max + BEYOND_MAX {
                    return;
                }
            }
            self.gone.notified().await;
        }
    }

    /// Ends those that ask for nothing in their time, and whatever takes too much memory.
    pub(in crate::server) async fn look_after(&self) {
        let (least, most) = LOOK_INTERVAL;
        let interval = (self.times.head.min(self.times.idle) / 8).clamp(least, most);
        let mut look = tokio::time::interval(interval);
        let mut relieve = tokio::time::interval(RELIEVE_INTERVAL);
        relieve.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = look.tick() => self.look(),
                _ = relieve.tick() => self.memory.iter().for_each(|memory| memory.relieve(RELIEVED_AT_ONCE)),
            }
        }
    }

    fn look(&self) {
        let states: Vec<_> = self.open().states.values().cloned().collect();
        let now = self.now();
        states.iter().filter(|state| state.is_over(now, self.times)).for_each(|state| state.doubt());
        [false, true].into_iter().for_each(|http2| self.keep_within_memory(http2, NOBODY));
        if self.measured {
            let strangers = self.memory.iter().map(Memory::taken).sum();
            gauge!("clockfold_buffers_bytes").set(bytes_figure(self.room.taken()));
            gauge!("clockfold_unauthenticated_bytes").set(bytes_figure(strangers));
        }
    }

    /// Sends strangers away while those of one version of HTTP take too much memory: the largest first, and `but` never.
    pub(super) fn keep_within_memory(&self, http2: bool, but: u64) {
        let memory = &self.memory[usize::from(http2)];
        if memory.excess() == 0 {
            return;
        }
        let mut open = self.open();
        // Some more than that, so that the next request does not look again.
        let bytes = match memory.excess() {
            0 => return,
            bytes => bytes + memory.max / 16,
        };
        let mut candidates = candidates(&open, but);
        candidates.retain(|candidate| candidate.http2 == http2);
        let gone = eviction::largest(candidates, bytes);
        self.send_away(&mut open, &gone, MEMORY);
    }

    pub(super) fn send_away(&self, open: &mut AllOpen, numbers: &[u64], why: &'static str) {
        for number in numbers {
            let state = open.states.get(number).map(Arc::clone);
            if state.is_some_and(|state| state.leaves()) {
                open.leaving += 1;
                self.count_closed(why);
            }
        }
    }

    /// One that was asked to go has said who it is, and stays.
    pub(super) fn keep(&self, state: &ConnectionState) {
        let mut open = self.open();
        if open.states.contains_key(&state.id()) && state.stays() {
            open.leaving -= 1;
            drop(open);
            // The newcomer that waits for its place looks for another.
            self.gone.notify_one();
        }
    }

    /// The server ends: every connection is closed as soon as what was asked on it is answered.
    pub(in crate::server) fn close_all(&self) {
        self.open().states.values().for_each(|state| state.close());
    }

    /// Milliseconds since the first connection could come.
    pub(super) fn now(&self) -> u64 {
        let elapsed = self.begun.elapsed();
        elapsed.as_secs() * 1_000 + u64::from(elapsed.subsec_millis())
    }

    pub(super) fn remove(&self, state: &ConnectionState) {
        let mut open = self.open();
        open.states.remove(&state.id());
        if state.is_leaving() {
            open.leaving -= 1;
        }
        self.tell_count(&open);
        drop(open);
        self.gone.notify_one();
    }

    pub(super) fn count_closed(&self, why: &'static str) {
        if self.measured {
            counter!("clockfold_connections_closed_total", "reason" => why).increment(1);
        }
    }

    fn tell_count(&self, open: &AllOpen) {
        if self.measured {
            gauge!("clockfold_connections").set(u32::try_from(open.states.len()).unwrap_or(u32::MAX));
        }
    }

    pub(super) fn open(&self) -> MutexGuard<'_, AllOpen> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The strangers that may go.
fn candidates(open: &AllOpen, but: u64) -> Vec<Candidate> {
    open.states.values().filter(|state| state.id() != but).filter_map(|state| state.candidate()).collect()
}

/// Exact up to 2^53.
#[allow(clippy::cast_precision_loss)]
fn bytes_figure(bytes: usize) -> f64 {
    bytes as f64
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    pub(in crate::server::connection::connections) fn connections(max: usize) -> Arc<Connections> {
        Connections::new(max, Times { head: SECOND, idle: SECOND }, false)
    }

    pub(in crate::server::connection::connections) fn enter(connections: &Arc<Connections>) -> Open {
        connections.enter(([127, 0, 0, 1], 1).into())
    }

    #[test]
    fn whoever_asks_is_not_closed_for_the_memory_that_it_asks_with() {
        let connections = connections(9);
        let others = [enter(&connections), enter(&connections)];
        others.iter().for_each(|other| other.state().charge(STRANGERS_BYTES_MAX[0] / 2 - (64 << 10)));
        let sender = enter(&connections);
        // It takes the most of all.
        let asked = sender.state().asks();
        sender.state().charge(STRANGERS_BYTES_MAX[0] / 2);
        assert!(!sender.state().is_leaving());
        assert!(others.iter().all(|other| other.state().is_leaving()));
        drop(asked);
    }

    #[test]
    fn whoever_says_who_it_is_before_it_has_gone_stays() {
        let connections = connections(9);
        let [sender, other] = [enter(&connections), enter(&connections)];
        let send_away = |state: &ConnectionState| connections.send_away(&mut connections.open(), &[state.id()], ROOM);
        send_away(sender.state());
        send_away(other.state());
        assert_eq!((sender.state().is_leaving(), connections.open().leaving), (true, 2));
        sender.state().is_known();
        assert_eq!((sender.state().is_leaving(), connections.open().leaving), (false, 1));
        // It is asked to go no more.
        send_away(sender.state());
        assert_eq!((sender.state().is_leaving(), connections.open().leaving), (false, 1));
        drop((sender, other));
        let open = connections.open();
        assert_eq!((open.states.len(), open.leaving), (0, 0));
    }
}
