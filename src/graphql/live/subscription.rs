//! One subscriber: a position, and a few responses that are on their way.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use async_graphql::futures_util::{Stream, stream::unfold};
use chrono::{DateTime, Utc};
use tokio::{sync::watch, time::Instant};

use crate::{
    graphql::step::{Begun, Kind, Reached},
    log::Position,
};

use super::{
    operation::Operation,
    recent::{After, Item},
};

/// How often we look what passing time has done to a state.
const PASSING: Duration = Duration::from_secs(30);

/// Where a subscriber is.
pub(super) struct Subscriber {
    operation: Arc<Operation>,
    more: watch::Receiver<Position>,
    /// Everything up to here was taken, or is in `ready`.
    reached: Reached,
    ready: VecDeque<Next>,
    state: Option<State>,
    ended: bool,
}

/// A response, and the place that a client has reached with it; `None` in the last one, which says why it ends.
pub(super) type Next = (Option<Reached>, Arc<str>);

/// What a subscriber to a state needs beside the position.
struct State {
    /// Until when the subscriber knows what time has done; `None`: it first needs the state itself.
    told: Option<DateTime<Utc>>,
    /// When that is looked at again.
    due: Instant,
}

impl Subscriber {
    pub(super) fn new(operation: Arc<Operation>, begun: Begun) -> Subscriber {
        let more = operation.follow();
        let reached = begun.after.unwrap_or(begun.now);
        let state = begun.shows_a_state.then(|| State { told: None, due: Instant::now() });
        Subscriber { operation, more, reached, ready: VecDeque::new(), state, ended: false }
    }

    /// Its responses. They are made as they are taken: a subscriber that takes none costs nothing.
    pub(super) fn events(self) -> impl Stream<Item = Next> + Send {
        unfold(self, |mut subscriber| async move {
            let next = subscriber.next().await?;
            Some((next, subscriber))
        })
    }

    async fn next(&mut self) -> Option<Next> {
        loop {
            if let Some(next) = self.ready.pop_front() {
                return Some(next);
            }
            if self.ended {
                return None;
            }
            if self.state.as_ref().is_some_and(|state| state.due <= Instant::now()) {
                self.look().await;
                continue;
            }
            self.more.borrow_and_update();
            match self.operation.after(self.reached.position) {
                After::Items(items) => self.take(Ok((items, self.reached))),
                After::Nothing(through) => {
                    self.reached = self.reached.max(through.into());
                    self.wait().await;
                }
                After::Forgotten => {
                    let read = self.operation.read_after(self.reached).await;
                    self.take(read);
                }
            }
        }
    }

    /// Takes responses, and the place up to which they are all; after an error it ends.
    fn take(&mut self, told: Result<(Vec<Item>, Reached), Arc<str>>) {
        match told {
            Ok((items, through)) => {
                self.reached = items.last().map_or(through, |(last, _)| through.max(*last));
                self.ready.extend(items.into_iter().map(|(reached, response)| (Some(reached), response)));
            }
            Err(response) => {
                self.ready.push_back((None, response));
                self.ended = true;
            }
        }
    }

    /// Takes responses about the state, or about what passing time has done to it.
    async fn look(&mut self) {
        let Some(state) = &mut self.state else { return };
        let (reached, to) = (self.reached, self.operation.now());
        let position = reached.position;
        let kind = state.told.map_or(Kind::First, |from| Kind::Passed { position, from, to });
        *state = State { told: Some(to), due: Instant::now() + PASSING };
        let told = self.operation.step(kind).await;
        self.take(told.map(|items| (items, reached)));
    }

    /// Waits until there is more, or a look is due.
    async fn wait(&mut self) {
        let changed = match &self.state {
            None => self.more.changed().await,
            Some(state) => match tokio::time::timeout_at(state.due, self.more.changed()).await {
                Ok(changed) => changed,
                Err(_) => return,
            },
        };
        self.ended = changed.is_err();
    }
}
