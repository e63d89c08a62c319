//! What a stranger is charged with, and whether it is one still.
//!
//! Each change also changes what all strangers take, and is made while the connection's account is locked: so each
//! charge is given back once, whatever becomes of the connection meanwhile.

use super::memory::Memory;

/// What a request takes while it is asked and answered.
const REQUEST_BYTES: usize = 16 << 10;

/// The account of one connection.
#[derive(Default)]
pub(super) struct Account {
    /// What the connection takes by itself.
    bytes: usize,
    /// Its requests that are charged and not answered yet: they may outlive the connection by a little.
    requests: usize,
    standing: Standing,
}

/// Whether a connection is a stranger's.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Standing {
    #[default]
    Stranger,
    /// It was asked to go, and keeps its memory until it has gone.
    Leaving,
    /// It has said who it is.
    Known,
}

impl Account {
    /// Charges it; whether it is a stranger.
    pub(super) fn charge(&mut self, bytes: usize, memory: &Memory) -> bool {
        self.bytes += bytes;
        self.take(bytes, memory)
    }

    /// Charges it with a request; whether it is a stranger.
    pub(super) fn charge_request(&mut self, memory: &Memory) -> bool {
        self.requests += 1;
        self.take(REQUEST_BYTES, memory)
    }

    /// A request that was charged is answered.
    pub(super) fn discharge_request(&mut self, memory: &Memory) {
        self.requests -= 1;
        self.give(REQUEST_BYTES, memory);
    }

    /// It has said who it is, and is charged with nothing any more.
    pub(super) fn is_known(&mut self, memory: &Memory) {
        self.give(self.takes(), memory);
        self.standing = Standing::Known;
    }

    /// Asks it to go; whether it is a stranger that was not asked before.
    pub(super) fn leaves(&mut self, memory: &Memory) -> bool {
        let new = self.standing == Standing::Stranger;
        if new {
            self.standing = Standing::Leaving;
            memory.goes(self.takes());
        }
        new
    }

    /// The connection has gone; what is left are requests whose tasks don't know it yet.
    pub(super) fn has_gone(&mut self, memory: &Memory) {
        let bytes = std::mem::take(&mut self.bytes);
        self.give(bytes, memory);
    }

    /// Moves its charge to the memory of the other version of HTTP.
    pub(super) fn moves(&self, from: &Memory, to: &Memory) {
        self.give(self.takes(), from);
        self.take(self.takes(), to);
    }

    /// The bytes that it takes, if it may be asked to go.
    pub(super) fn may_go(&self) -> Option<usize> {
        (self.standing == Standing::Stranger).then(|| self.takes())
    }

    fn takes(&self) -> usize {
        self.bytes + self.requests * REQUEST_BYTES
    }

    fn take(&self, bytes: usize, memory: &Memory) -> bool {
        let charged = self.standing != Standing::Known;
        if charged {
            memory.take(bytes, self.standing == Standing::Leaving);
        }
        charged
    }

    fn give(&self, bytes: usize, memory: &Memory) {
        if self.standing != Standing::Known {
            memory.give(bytes, self.standing == Standing::Leaving);
        }
    }
}
