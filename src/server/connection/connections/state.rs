//! What is known of one connection.
//!
//! A request touches only atomics of its own connection; only strangers touch what all share. What a stranger takes is
//! estimated, not measured: an amount for a connection, for each request, and for what it has sent of them.

use std::{
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::sync::Notify;

use crate::server::{
    admission::failures::network,
    connection::connections::{
        account::Account,
        eviction::Candidate,
        listener::{Connections, IDLE, SILENT, SLOW_HEAD, Times},
        memory::Memory,
        room::{OwnRoom, Room},
        waiter::Waiter,
    },
};

/// The bytes that a connection takes which has sent nothing yet.
const OPEN_BYTES: usize = 4 << 10;
/// What it takes beyond that where it speaks HTTP/2.
const HTTP2_BYTES: usize = 20 << 10;

/// What is to become of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server) enum Verdict {
    /// Its time seems to be over: what has come meanwhile is read, and then [`ConnectionState::is_due`] says.
    Doubt,
    /// It is closed as soon as what was asked is answered.
    Close,
    /// It ends at once.
    End,
}

/// One connection.
pub(in crate::server) struct ConnectionState {
    id: u64,
    network: IpAddr,
    connections: Arc<Connections>,
    /// Requests that are not answered yet, and bodies whose rest is being read.
    asked: AtomicU32,
    /// How many there ever were.
    requests: AtomicUsize,
    /// When the last one began or was answered; before the first, when the connection came.
    since: AtomicU64,
    /// When a head began that is not complete yet; 0: none has.
    head_since: AtomicU64,
    http2: AtomicBool,
    upgraded: AtomicBool,
    subscribes: AtomicBool,
    authenticated: AtomicBool,
    doubted: AtomicBool,
    idled: AtomicBool,
    closing: AtomicBool,
    leaving: AtomicBool,
    account: Mutex<Account>,
    told: Notify,
    waiter: Arc<Waiter>,
    own_room: OnceLock<OwnRoom>,
}

impl ConnectionState {
    pub(super) fn new(id: u64, ip: IpAddr, connections: Arc<Connections>) -> ConnectionState {
        let since = connections.now();
        ConnectionState {
            id,
            network: network(ip),
            connections,
            asked: AtomicU32::new(0),
            requests: AtomicUsize::new(0),
            since: AtomicU64::new(since),
            head_since: AtomicU64::new(0),
            http2: AtomicBool::new(false),
            upgraded: AtomicBool::new(false),
            subscribes: AtomicBool::new(false),
            authenticated: AtomicBool::new(false),
            doubted: AtomicBool::new(false),
            idled: AtomicBool::new(false),
            closing: AtomicBool::new(false),
            leaving: AtomicBool::new(false),
            account: Mutex::default(),
            told: Notify::new(),
            waiter: Arc::default(),
            own_room: OnceLock::new(),
        }
    }

    pub(super) fn id(&self) -> u64 {
        self.id
    }

    /// It is served from now on: its time begins.
    pub(in crate::server) fn is_served(&self) {
        self.since.store(self.connections.now(), Ordering::Relaxed);
    }

    /// A request begins; it is answered when the returned value is dropped.
    pub(in crate::server) fn asks(self: &Arc<ConnectionState>) -> Asked {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.requests.fetch_add(1, Ordering::Relaxed);
        // A request has begun when its head has.
        let since = match self.head_since.swap(0, Ordering::Relaxed) {
            0 => self.connections.now(),
            head_since => head_since,
        };
        self.since.store(since, Ordering::Relaxed);
        Asked { charged: self.charge_request(), state: Arc::clone(self) }
    }

    /// The rest of a body is read for nobody: it begins no head, and the connection is not idle, until the returned
    /// value is dropped.
    pub(in crate::server) fn lingers(self: &Arc<ConnectionState>) -> Asked {
        self.asked.fetch_add(1, Ordering::Relaxed);
        Asked { charged: self.charge_request(), state: Arc::clone(self) }
    }

    /// How many requests there ever were.
    pub(in crate::server) fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }

    /// Something was read.
    pub(in crate::server) fn reads(&self) {
        let waits = self.asked.load(Ordering::Relaxed) == 0 && !self.http2.load(Ordering::Relaxed);
        if waits && self.head_since.load(Ordering::Relaxed) == 0 {
            self.head_since.store(self.connections.now().max(1), Ordering::Relaxed);
        }
    }

    /// It speaks HTTP/2.
    pub(in crate::server) fn speaks_http2(&self) {
        {
            let account = self.account();
            let before = self.memory();
            if self.http2.swap(true, Ordering::Relaxed) {
                return;
            }
            account.moves(before, self.memory());
        }
        self.charge(HTTP2_BYTES);
    }

    /// It is a WebSocket from now on.
    pub(in crate::server) fn upgrades(&self) {
        self.upgraded.store(true, Ordering::Relaxed);
    }

    /// It has a subscription from now on.
    pub(in crate::server) fn subscribes(&self) {
        self.subscribes.store(true, Ordering::Relaxed);
    }

    pub(in crate::server) fn is_subscriber(&self) -> bool {
        self.subscribes.load(Ordering::Relaxed)
    }

    /// Something on it had a good credential. It is no stranger from now on, and stays if it was asked to go and has
    /// not gone: the request that it was in the middle of is a known client's.
    pub(in crate::server) fn is_known(&self) {
        if !self.authenticated.load(Ordering::Relaxed) {
            self.authenticated.store(true, Ordering::Relaxed);
            self.account().is_known(self.memory());
            self.waiter.may_read();
            if self.is_leaving() {
                self.connections.keep(self);
            }
        }
    }

    pub(in crate::server) fn is_authenticated(&self) -> bool {
        self.authenticated.load(Ordering::Relaxed)
    }

    /// Whether it was closed for being idle.
    pub(in crate::server) fn was_idle(&self) -> bool {
        self.idled.load(Ordering::Relaxed)
    }

    /// What is to become of it, where its time is over; counts that.
    pub(in crate::server) fn is_due(&self) -> Option<Verdict> {
        let (verdict, why) = self.due(self.connections.now(), self.connections.times)?;
        let closes_anew = verdict == Verdict::Close && !self.idled.swap(true, Ordering::Relaxed);
        if closes_anew || (verdict == Verdict::End && !self.was_idle()) {
            self.gives_up(why);
        }
        Some(verdict)
    }

    /// It ends, for this reason.
    pub(in crate::server) fn gives_up(&self, why: &'static str) {
        self.connections.count_closed(why);
    }

    /// Charges a stranger.
    pub(in crate::server) fn charge(&self, bytes: usize) {
        self.charge_what(|account, memory| account.charge(bytes, memory));
    }

    /// Charges a stranger with a request; whether it was one.
    fn charge_request(&self) -> bool {
        self.charge_what(Account::charge_request)
    }

    fn charge_what(&self, charge: impl FnOnce(&mut Account, &Memory) -> bool) -> bool {
        if self.is_authenticated() || !charge(&mut self.account(), self.memory()) {
            return false;
        }
        // The client that asks may be about to say who it is: others go first.
        self.connections.keep_within_memory(self.http2.load(Ordering::Relaxed), self.id);
        true
    }

    /// This connection as a candidate, if it may be closed to make room.
    pub(super) fn candidate(&self) -> Option<Candidate> {
        let bytes = self.account().may_go()?;
        let idle = self.asked.load(Ordering::Acquire) == 0;
        let since = self.since.load(Ordering::Relaxed);
        let http2 = self.http2.load(Ordering::Relaxed);
        Some(Candidate { id: self.id, network: self.network, idle, since, bytes, http2 })
    }

    /// What is to become of it, and why, where it has asked for nothing in its time.
    fn due(&self, now: u64, times: Times) -> Option<(Verdict, &'static str)> {
        // What it has sent may wait to be read.
        let waits = self.waiter.waits();
        if waits || self.asked.load(Ordering::Acquire) > 0 || self.upgraded.load(Ordering::Relaxed) {
            return None;
        }
        let head_since = self.head_since.load(Ordering::Relaxed);
        let passed = |since: u64, time: Duration| u128::from(now.saturating_sub(since)) >= time.as_millis();
        let since = self.since.load(Ordering::Relaxed);
        if self.requests() == 0 {
            passed(since, times.head).then_some((Verdict::End, if head_since == 0 { SILENT } else { SLOW_HEAD }))
        } else if head_since > 0 && passed(head_since, times.head) {
            Some((Verdict::End, SLOW_HEAD))
        } else if head_since == 0 && passed(since, times.idle + times.head) {
            Some((Verdict::End, IDLE))
        } else {
            (head_since == 0 && passed(since, times.idle)).then_some((Verdict::Close, IDLE))
        }
    }

    /// Whether its time seems to be over.
    pub(super) fn is_over(&self, now: u64, times: Times) -> bool {
        self.due(now, times).is_some()
    }

    /// Its time seems to be over. Its task looks again: where the server is busy, something may have come that nobody
    /// has read.
    pub(super) fn doubt(&self) {
        if !self.doubted.swap(true, Ordering::AcqRel) {
            self.told.notify_one();
        }
    }

    /// It is closed once what was asked is answered.
    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::Release);
        self.told.notify_one();
    }

    /// It makes room for another, if it is still a stranger; whether that is new.
    pub(super) fn leaves(&self) -> bool {
        let mut account = self.account();
        // Otherwise it has said who it is meanwhile, or is going already.
        let new = account.leaves(self.memory());
        if new {
            self.leaving.store(true, Ordering::Release);
            self.told.notify_one();
        }
        new
    }

    /// It no longer goes; whether it was going.
    pub(super) fn stays(&self) -> bool {
        self.leaving.swap(false, Ordering::AcqRel)
    }

    pub(super) fn is_leaving(&self) -> bool {
        self.leaving.load(Ordering::Acquire)
    }

    /// Returns when its end is decided; `closing`: it is being closed already. Only one task waits for it.
    pub(in crate::server) async fn judged(&self, closing: bool) -> Verdict {
        loop {
            if self.is_leaving() && !self.is_authenticated() {
                return Verdict::End;
            }
            if !closing && self.closing.load(Ordering::Acquire) {
                return Verdict::Close;
            }
            if self.doubted.swap(false, Ordering::AcqRel) {
                return Verdict::Doubt;
            }
            self.told.notified().await;
        }
    }

    /// Returns when it ends at once. The same task waits for this as for [`judged`](Self::judged).
    pub(in crate::server) async fn ends(&self) {
        while self.judged(true).await != Verdict::End {}
    }

    /// What bodies and answers take on it, where several requests run on it at the same time.
    pub(super) fn own_room(&self) -> Option<&OwnRoom> {
        let carries_several = self.http2.load(Ordering::Relaxed) || self.upgraded.load(Ordering::Relaxed);
        carries_several.then(|| self.own_room.get_or_init(OwnRoom::default))
    }

    /// It is read again: its time begins anew.
    pub(super) fn was_waiting(&self) {
        let now = self.connections.now().max(1);
        self.since.store(now, Ordering::Relaxed);
        if self.head_since.load(Ordering::Relaxed) > 0 {
            self.head_since.store(now, Ordering::Relaxed);
        }
    }

    pub(super) fn waiter(&self) -> &Arc<Waiter> {
        &self.waiter
    }

    /// What strangers take of its kind.
    pub(super) fn memory(&self) -> &Memory {
        &self.connections.memory[usize::from(self.http2.load(Ordering::Relaxed))]
    }

    pub(super) fn room(&self) -> &Room {
        &self.connections.room
    }

    fn account(&self) -> MutexGuard<'_, Account> {
        self.account.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection is open for as long as this is there.
pub(in crate::server) struct Open(Arc<ConnectionState>);

impl Open {
    pub(super) fn of(state: Arc<ConnectionState>) -> Open {
        state.charge(OPEN_BYTES);
        Open(state)
    }

    pub(in crate::server) fn state(&self) -> &Arc<ConnectionState> {
        &self.0
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.waiter.has_gone();
        self.0.account().has_gone(self.0.memory());
        self.0.connections.remove(&self.0);
    }
}

/// A request that is not answered yet, or not read to its end.
pub(in crate::server) struct Asked {
    state: Arc<ConnectionState>,
    charged: bool,
}

impl Drop for Asked {
    fn drop(&mut self) {
        if self.charged {
            self.state.account().discharge_request(self.state.memory());
        }
        self.state.since.store(self.state.connections.now(), Ordering::Relaxed);
        self.state.asked.fetch_sub(1, Ordering::Release);
    }
}
