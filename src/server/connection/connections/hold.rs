//! The room that bodies take while they are gathered, and answers until they are sent: on one connection, and on all.
//!
//! We set some aside for an answer before it is made, so that no request without room asks the stores. A long answer
//! takes more, but leaves some for others, however slowly its client reads.

use std::{sync::Arc, time::Duration};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{
    room::{ANSWERS_KIB_LEFT, ANSWERS_KIB_MAX, OWN_ANSWERS_KIB_MAX, OWN_BODIES_KIB_MAX},
    state::ConnectionState,
};

/// How long a body waits for the others of its connection.
const TURN_MAX: Duration = Duration::from_secs(1);
/// How many bytes are set aside for an answer before it is made.
const ANSWER_BYTES: usize = 128 << 10;
/// An answer of more bytes waits until there is room for it.
const LARGE_ANSWER_BYTES: usize = 1 << 20;
/// A body of at most this many bytes is part of what a request takes.
const SMALL_BODY_BYTES: usize = 4 << 10;

impl ConnectionState {
    /// Room for a body that is going to be gathered; waits for it. On its connection only for [`TURN_MAX`]: the unread
    /// bytes of the bodies that wait may hold up those that have room.
    pub(in crate::server) async fn hold_body(&self, bytes: usize) -> Held {
        if bytes <= SMALL_BODY_BYTES {
            return Held::default();
        }
        let own = self.own_room().map(|room| &room.bodies);
        let held = Held::of(own, OWN_BODIES_KIB_MAX, &self.room().bodies, bytes);
        match tokio::time::timeout(TURN_MAX, held).await {
            Ok(held) => held,
            Err(_) => Held::of(None, OWN_BODIES_KIB_MAX, &self.room().bodies, bytes).await,
        }
    }

    /// Room for an answer that is going to be made; waits for it.
    pub(in crate::server) async fn hold_answer(&self) -> Held {
        let own = self.own_room().map(|room| &room.answers);
        Held::of(own, OWN_ANSWERS_KIB_MAX, &self.room().answers, ANSWER_BYTES).await
    }

    /// The answer is made, and has `bytes`. Waits for room for a large one, which only large ones take: the caller is
    /// to make no other meanwhile.
    pub(in crate::server) async fn fit_answer(&self, held: &mut Held, bytes: usize) {
        if bytes > LARGE_ANSWER_BYTES {
            let kib = bytes.div_ceil(1 << 10).min(ANSWERS_KIB_MAX - ANSWERS_KIB_LEFT);
            let kib = u32::try_from(kib).expect("some ten thousand");
            held.large = Arc::clone(&self.room().large_answers).acquire_many_owned(kib).await.ok();
        }
        held.fit(bytes);
    }
}

/// Room that a body or an answer takes, on its connection and on all.
#[derive(Debug, Default)]
pub(in crate::server) struct Held {
    own: Option<OwnedSemaphorePermit>,
    all: Option<OwnedSemaphorePermit>,
    large: Option<OwnedSemaphorePermit>,
}

impl Held {
    async fn of(own: Option<&Arc<Semaphore>>, own_kib_max: usize, all: &Arc<Semaphore>, bytes: usize) -> Held {
        let kib = u32::try_from(bytes.div_ceil(1 << 10).min(own_kib_max)).expect("a few hundred");
        let own = match own {
            Some(own) => Arc::clone(own).acquire_many_owned(kib).await.ok(),
            None => None,
        };
        let all = Arc::clone(all).acquire_many_owned(kib).await.ok();
        Held { own, all, large: None }
    }

    /// The body or answer is there, and has `bytes`: gives back what it does not need, or takes more, as far as there
    /// is more that is not left for others.
    pub(in crate::server) fn fit(&mut self, bytes: usize) {
        for (permit, left) in [(&mut self.own, 0), (&mut self.all, ANSWERS_KIB_LEFT)] {
            let Some(permit) = permit else { continue };
            let (has, needs) = (permit.num_permits(), bytes.div_ceil(1 << 10));
            if needs < has {
                drop(permit.split(has - needs));
                continue;
            }
            let semaphore = Arc::clone(permit.semaphore());
            let more = (needs - has).min(semaphore.available_permits().saturating_sub(left));
            if let Ok(more) = semaphore.try_acquire_many_owned(u32::try_from(more).unwrap_or(u32::MAX)) {
                permit.merge(more);
            }
        }
    }
}
