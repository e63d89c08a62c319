//! What a stranger is charged with, and whether it is one still.
//!
//! Each change is one of what all strangers take, too, and is made while the connection's account is locked: so what is
//! charged is given back once, whatever becomes of the connection meanwhile.

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
    /// It was told to go, and takes what it takes until it has gone.
    Leaving,
    /// It has said who it is.
    Known,
}

impl Account {
    /// Charges it; whether it is one.
    pub(super) fn charge(&mut self, bytes: usize, memory: &Memory) -> bool {
        self.bytes += bytes;
        self.take(bytes, memory)
    }

    /// Charges it with a request; whether it is one.
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

    /// It is told to go, if it is a stranger and was not told before; whether that is so.
    pub(super) fn leaves(&mut self, memory: &Memory) -> bool {
        let new = self.standing == Standing::Stranger;
        if new {
            self.standing = Standing::Leaving;
            memory.goes(self.takes());
        }
        new
    }

    /// The connection has gone; what is left are requests whose tasks have not heard of it.
    pub(super) fn has_gone(&mut self, memory: &Memory) {
        let bytes = std::mem::take(&mut self.bytes);
        self.give(bytes, memory);
    }

    /// What it takes is taken of something else from now on.
    pub(super) fn moves(&self, from: &Memory, to: &Memory) {
        self.give(self.takes(), from);
        self.take(self.takes(), to);
    }

    /// What it takes, if it may be told to go.
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
