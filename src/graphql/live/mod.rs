//! Subscriptions that follow the log: each subscriber holds a position and reads what came after it.
//!
//! ```text
//! writer ─ a position ─► feed ─ the last deliveries, decoded once ─► operation ─ the last answers, executed once ─► subscribers
//!                         ▲                                                                                         │
//!                        log ◄──────────────────── whoever is further behind reads for itself ──────────────────────┘
//! ```
//!
//! The writer announces how far it has folded and never hears of a subscriber. Subscribers that ask the same share one
//! execution. Nobody waits for a slow one or keeps anything for it: what is no longer at hand is in the log, so
//! resuming needs only a position.

mod feed;
mod recent;
mod operation;
mod subscription;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak},
};

use async_graphql::futures_util::{FutureExt as _, Stream, StreamExt as _, stream};
use tokio::sync::Semaphore;

use crate::{
    access::Viewer,
    graphql::{
        request::{
            http::{Endpoint, executed, text},
            prepare::Prepared,
            refusal::Refusal,
        },
        schema::Schema,
        step::{Begun, Kind, Reached, Step},
    },
    log::Cursor,
};

use super::{
    problem::Problem,
    scope::{Scope, Stores},
};
use feed::Feed;
use operation::{Key, Operation};
use recent::KeptBytes;
use subscription::{Next, Subscriber};

/// Operations that are executed at the same time, each on a thread of its own.
const OPERATIONS_AT_ONCE: usize = 8;
/// Subscribers that read the log by themselves at the same time.
const CATCHING_UP_AT_ONCE: usize = 4;

/// Everything that subscriptions share.
pub(super) struct Live {
    schema: Schema,
    stores: Arc<Stores>,
    feed: Arc<Feed>,
    feeding: OnceLock<()>,
    operations: Mutex<HashMap<Arc<Key>, Weak<Operation>>>,
    advancing: Semaphore,
    catching_up: Semaphore,
    /// What all operations keep for subscribers who are almost up to date.
    kept_bytes: KeptBytes,
}

/// A subscription's answer when asked what its arguments mean.
struct Asked {
    /// Its first response: `None` where it is not there yet, `Some(None)` where there is none.
    first: Option<Option<async_graphql::Response>>,
    rest: std::pin::Pin<Box<dyn Stream<Item = async_graphql::Response> + Send>>,
    begun: Option<Begun>,
}

/// The same, each with the cursor that a client has reached with it; `None` in the last one, which says why it ends.
pub(super) type CursorEvents = std::pin::Pin<Box<dyn Stream<Item = (Option<Cursor>, Arc<str>)> + Send>>;

/// JSON of responses, one an event.
pub type Events = std::pin::Pin<Box<dyn Stream<Item = Arc<str>> + Send>>;

impl Live {
    pub(super) fn new(schema: Schema, stores: Arc<Stores>) -> Arc<Live> {
        Arc::new(Live {
            schema,
            stores,
            feed: Arc::new(Feed::new()),
            feeding: OnceLock::new(),
            operations: Mutex::default(),
            advancing: Semaphore::new(OPERATIONS_AT_ONCE),
            catching_up: Semaphore::new(CATCHING_UP_AT_ONCE),
            kept_bytes: KeptBytes::default(),
        })
    }

    /// Begins a subscription. Reads from disk: call it where blocking is fine, on a thread of the runtime.
    pub(super) fn begin(
        self: &Arc<Live>,
        mut prepared: Prepared,
        endpoint: &Endpoint,
        viewer: Viewer,
        request_id: &str,
    ) -> Result<Events, Refusal> {
        let request_id: Arc<str> = request_id.into();
        let scope = || Scope::new(Arc::clone(&self.stores), viewer.clone());
        endpoint.validate(&mut prepared, |request| request.data(scope()))?;
        let prepared = Arc::new(prepared);
        let Asked { first, rest, begun } = self.ask(&prepared, &viewer);
        Ok(match (first, begun) {
            (Some(None), Some(begun)) => {
                let operation = self.operation(prepared, viewer, &begun, request_id);
                Subscriber::new(operation, begun).events().map(|(_, response)| response).boxed()
            }
            (Some(None), None) => stream::empty().boxed(),
            (Some(Some(first)), _) => {
                let first = text(executed(self.complete(first, &prepared, &request_id))?);
                let live = Arc::clone(self);
                let rest = rest.map(move |response| live.tell(response, &prepared, &request_id));
                stream::once(async move { first }).chain(rest).boxed()
            }
            (None, _) => {
                let live = Arc::clone(self);
                rest.map(move |response| live.tell(response, &prepared, &request_id)).boxed()
            }
        })
    }

    /// Begins a subscription that follows the log: up to where everything was delivered or not asked for, and what
    /// comes. Where it does not begin, the JSON of the response that says why.
    pub(super) fn follow(
        self: &Arc<Live>,
        prepared: Prepared,
        viewer: Viewer,
        request_id: &str,
    ) -> Result<(Cursor, CursorEvents), String> {
        let prepared = Arc::new(prepared);
        let Asked { first, begun, .. } = self.ask(&prepared, &viewer);
        match (first, begun) {
            (Some(None), Some(begun)) => {
                let after = begun.after.unwrap_or(begun.now);
                let digest = after.digest.map_or_else(|| self.stores.log.digest_at(after.position), Ok);
                let digest = digest.map_err(|error| Problem::from(error).response())?;
                // A subscriber that shares the operation begins where it asks to.
                let begun = Begun { after: Some(Reached { digest: Some(digest), ..after }), ..begun };
                let operation = self.operation(prepared, viewer, &begun, request_id.into());
                let cursor = |reached: Reached| Some(Cursor::at(reached.position, reached.digest?));
                let events = Subscriber::new(operation, begun)
                    .events()
                    .map(move |(reached, response): Next| (reached.and_then(cursor), response));
                Ok((Cursor::at(after.position, digest), events.boxed()))
            }
            (Some(Some(first)), _) => Err(self.tell(first, &prepared, request_id).to_string()),
            (Some(None) | None, _) => Err(Problem::Internal.response()),
        }
    }

    /// Asks a subscription's field what its arguments mean.
    fn ask(self: &Arc<Live>, prepared: &Prepared, viewer: &Viewer) -> Asked {
        self.start_feeding();
        let step = Arc::new(Step::new(Kind::Begin));
        let scope = Scope::new(Arc::clone(&self.stores), viewer.clone());
        let responses = self.schema.execute_stream(prepared.request().data(scope).data(Arc::clone(&step)));
        let mut rest = responses.boxed();
        // Resolvers do not wait: the field's answer about its arguments is ready at once.
        let first = rest.next().now_or_never();
        Asked { first, rest, begun: step.begun() }
    }

    /// The operation that subscribers share who ask the same.
    fn operation(
        self: &Arc<Live>,
        prepared: Arc<Prepared>,
        viewer: Viewer,
        begun: &Begun,
        request_id: Arc<str>,
    ) -> Arc<Operation> {
        let key = Arc::new(Key::of(&prepared, &viewer));
        let mut operations = self.operations();
        if let Some(operation) = operations.get(&key).and_then(Weak::upgrade) {
            return operation;
        }
        let operation = Operation::start(
            Arc::clone(self),
            Arc::clone(&key),
            prepared,
            viewer,
            begun.wants.clone(),
            begun.now.position,
            request_id,
        );
        operations.insert(key, Arc::downgrade(&operation));
        operation
    }

    fn operations(&self) -> MutexGuard<'_, HashMap<Arc<Key>, Weak<Operation>>> {
        self.operations.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn complete(
        &self,
        response: async_graphql::Response,
        prepared: &Prepared,
        request_id: &str,
    ) -> async_graphql::Response {
        prepared.complete(response, request_id, &self.stores.limits)
    }

    /// A response of a subscription that has begun, errors and all.
    fn tell(&self, response: async_graphql::Response, prepared: &Prepared, request_id: &str) -> Arc<str> {
        match executed(self.complete(response, prepared, request_id)) {
            Ok(response) => text(response),
            Err(refusal) => text(serde_json::json!({ "errors": refusal.into_errors() })),
        }
    }

    /// From the first subscription on, the last deliveries are kept at hand.
    fn start_feeding(self: &Arc<Live>) {
        self.feeding.get_or_init(|| {
            if let Some((tracker, _)) = &self.stores.writer {
                let (log, folded) = (Arc::clone(&self.stores.log), tracker.follow());
                self.feed.begin_at(*folded.borrow());
                tokio::spawn(Arc::clone(&self.feed).run(log, folded));
            }
        });
    }
}
