//! The room for bodies and for answers: on one connection, and on all. `hold.rs` says who takes it.

use std::sync::Arc;

use tokio::sync::Semaphore;

/// What bodies that are gathered may take together, in KiB: the first of two parts of 64 MiB.
const BODIES_KIB_MAX: usize = 16 << 10;
/// What answers that are not sent yet may take together, in KiB: the other part.
pub(super) const ANSWERS_KIB_MAX: usize = 48 << 10;
/// The part of that which no answer takes beyond what was set aside for it.
pub(super) const ANSWERS_KIB_LEFT: usize = 16 << 10;
/// What all bodies that are gathered from one HTTP/2 connection or WebSocket may take, in KiB, but for those that have
/// waited `TURN_MAX` (`hold.rs`) for it: each of those takes only of all connections' room.
pub(super) const OWN_BODIES_KIB_MAX: usize = 256;
/// What all answers that wait on one HTTP/2 connection or WebSocket may take, in KiB. A longer answer waits alone.
pub(super) const OWN_ANSWERS_KIB_MAX: usize = 768;

/// The room of all connections.
pub(super) struct Room {
    pub(super) bodies: Arc<Semaphore>,
    pub(super) answers: Arc<Semaphore>,
    pub(super) large_answers: Arc<Semaphore>,
}

impl Default for Room {
    fn default() -> Room {
        let [bodies, answers, large_answers] =
            [BODIES_KIB_MAX, ANSWERS_KIB_MAX, ANSWERS_KIB_MAX - ANSWERS_KIB_LEFT].map(semaphore);
        Room { bodies, answers, large_answers }
    }
}

impl Room {
    /// How many bytes are taken.
    pub(super) fn taken(&self) -> usize {
        let left = self.bodies.available_permits() + self.answers.available_permits();
        (BODIES_KIB_MAX + ANSWERS_KIB_MAX).saturating_sub(left) << 10
    }
}

/// The room of one connection.
pub(super) struct OwnRoom {
    pub(super) bodies: Arc<Semaphore>,
    pub(super) answers: Arc<Semaphore>,
}

impl Default for OwnRoom {
    fn default() -> OwnRoom {
        let [bodies, answers] = [OWN_BODIES_KIB_MAX, OWN_ANSWERS_KIB_MAX].map(semaphore);
        OwnRoom { bodies, answers }
    }
}

fn semaphore(kib: usize) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(kib))
}
