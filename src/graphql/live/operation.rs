//! An operation that is executed once for every subscriber who asks the same.
//!
//! It lives as long as somebody subscribes to it. Subscribers with the same document, the same variables and the same
//! rights get the same items; only where they begin differs, so the comparison leaves out `after`.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak},
    time::Instant,
};

use async_graphql::futures_util::StreamExt as _;
use chrono::{DateTime, Utc};
use futures_executor::block_on;
use tokio::{sync::watch, task::AbortHandle};
use tokio_util::task::AbortOnDropHandle;

use crate::{
    access::{Role, Viewer},
    graphql::{
        request::prepare::Prepared,
        step::{Kind, Reached, Step, Wants},
    },
    log::{Position, SourceName},
};

use super::{
    super::{problem::Problem, scope::Scope},
    Live,
    feed::{Batch, read_after},
    recent::{After, Item, KEPT_FOR, RecentItems, some_of},
};

/// What makes two subscriptions the same operation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    document: String,
    operation_name: Option<String>,
    variables: String,
    role: Role,
    sources: Option<BTreeSet<SourceName>>,
}

impl Key {
    pub(super) fn of(prepared: &Prepared, viewer: &Viewer) -> Key {
        Key {
            document: prepared.text.clone(),
            operation_name: prepared.operation_name.clone(),
            variables: prepared.variables_but_after(),
            role: viewer.role,
            sources: viewer.sources.clone(),
        }
    }
}

/// An operation, and its latest items.
pub(super) struct Operation {
    live: Arc<Live>,
    key: Arc<Key>,
    prepared: Arc<Prepared>,
    viewer: Viewer,
    /// The id of the request that began it: our own log reports defects under it.
    request_id: Arc<str>,
    wants: Wants,
    told: Mutex<RecentItems>,
    progress: watch::Sender<Position>,
    driver: OnceLock<AbortHandle>,
}

impl Operation {
    /// An operation that makes items of what comes after a position, from now on.
    pub(super) fn start(
        live: Arc<Live>,
        key: Arc<Key>,
        prepared: Arc<Prepared>,
        viewer: Viewer,
        wants: Wants,
        position: Position,
        request_id: Arc<str>,
    ) -> Arc<Operation> {
        let (progress, _) = watch::channel(position);
        let (told, driver) = (Mutex::new(RecentItems::from(position, Arc::clone(&live.kept_bytes))), OnceLock::new());
        let more = live.feed.follow(&wants);
        let operation = Arc::new(Operation { live, key, prepared, viewer, request_id, wants, told, progress, driver });
        let driver = tokio::spawn(drive(Arc::downgrade(&operation), more));
        let _ = operation.driver.set(driver.abort_handle());
        operation
    }

    /// Signals whenever there is more.
    pub(super) fn follow(&self) -> watch::Receiver<Position> {
        self.progress.subscribe()
    }

    /// What is at hand after a position.
    pub(super) fn after(&self, position: Position) -> After {
        self.told().after(position)
    }

    /// What the clock shows.
    pub(super) fn now(&self) -> DateTime<Utc> {
        (self.live.stores.clock)()
    }

    /// What comes after a position, for one subscriber alone, and the position up to which that is all. An error is
    /// the response that says so.
    pub(super) async fn read_after(self: &Arc<Self>, after: Reached) -> Result<(Vec<Item>, Reached), Arc<str>> {
        let operation = Arc::clone(self);
        let read = move || {
            let (items, through) = operation.items_after(after)?;
            let all = items.len();
            let items = some_of(items.into_iter());
            let through = items.last().filter(|_| items.len() < all).map_or(through, |(last, _)| *last);
            Ok((items, through))
        };
        self.blocking(read).await
    }

    /// A step that is not about deliveries, for one subscriber alone.
    pub(super) async fn step(self: &Arc<Self>, kind: Kind) -> Result<Vec<Item>, Arc<str>> {
        let operation = Arc::clone(self);
        self.blocking(move || operation.execute(kind)).await
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Arc<str>> + Send + 'static,
    ) -> Result<T, Arc<str>> {
        // In a task of its own: a subscriber whose client reads nothing is not polled for long, and would keep its
        // permit from everybody else.
        let live = Arc::clone(&self.live);
        let task = AbortOnDropHandle::new(tokio::spawn(async move {
            let _permit = live.catching_up.acquire().await.ok()?;
            tokio::task::spawn_blocking(work).await.ok()
        }));
        let done = task.await.ok().flatten();
        done.unwrap_or_else(|| Err(Problem::Internal.response().into()))
    }

    /// Executes the operation for deliveries since the last time. Returns whether there is more.
    fn advance(&self) -> bool {
        let from = self.told().through();
        let items = self.items_after(from.into());
        let mut told = self.told();
        match items {
            Ok((items, through)) => told.push(items, through.position, Instant::now()),
            // Each subscriber meets the error by itself, and reports it to its reader.
            Err(_) => told.forget_up_to(self.live.feed.through().max(from.next())),
        }
        let through = told.through();
        drop(told);
        self.progress.send_replace(through);
        through > from && through < self.live.feed.through()
    }

    fn items_after(&self, after: Reached) -> Result<(Vec<Item>, Reached), Arc<str>> {
        let batch = match self.live.feed.after(after.position, &self.wants) {
            Some(batch) => batch,
            None => {
                let view = self.live.stores.reader.view();
                let read = read_after(after, &self.wants, &view, &*self.live.stores.log);
                read.map_err(|problem| Arc::from(problem.response()))?
            }
        };
        let through = batch.reached();
        let Batch { deliveries, .. } = batch;
        if deliveries.is_empty() {
            return Ok((Vec::new(), through));
        }
        Ok((self.execute(Kind::Deliveries(deliveries))?, through))
    }

    /// Executes the operation for a step, over a snapshot of its own.
    fn execute(&self, kind: Kind) -> Result<Vec<Item>, Arc<str>> {
        let step = Arc::new(Step::new(kind));
        let scope = Scope::new(Arc::clone(&self.live.stores), self.viewer.clone());
        let request = self.prepared.request().data(scope).data(Arc::clone(&step));
        let responses: Vec<Arc<str>> = {
            let tell = |response| self.live.tell(response, &self.prepared, &self.request_id);
            block_on(self.live.schema.execute_stream(request).map(tell).collect())
        };
        let told = step.told();
        if told.len() != responses.len() {
            // The field itself has failed: the only response says why.
            return Err(responses.into_iter().next_back().unwrap_or_else(|| Problem::Internal.response().into()));
        }
        Ok(told.into_iter().zip(responses).collect())
    }

    fn forget(&self) {
        let mut told = self.told();
        if !told.is_empty() {
            let through = told.through();
            told.forget_up_to(through);
        }
    }

    fn told(&self) -> MutexGuard<'_, RecentItems> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Operation {
    fn drop(&mut self) {
        self.driver.get().inspect(|driver| driver.abort());
        let mut operations = self.live.operations();
        // Another of the same key may have begun since.
        if operations.get(&self.key).is_some_and(|operation| operation.strong_count() == 0) {
            operations.remove(&self.key);
        }
    }
}

/// Executes an operation whenever there is more, as long as somebody subscribes to it.
async fn drive(operation: Weak<Operation>, mut more: watch::Receiver<Position>) {
    loop {
        more.borrow_and_update();
        let Some(live) = operation.upgrade().map(|operation| Arc::clone(&operation.live)) else { return };
        loop {
            let Ok(permit) = live.advancing.acquire().await else { return };
            let Some(operation) = operation.upgrade() else { return };
            let advanced = tokio::task::spawn_blocking(move || operation.advance()).await;
            drop(permit);
            match advanced {
                Ok(true) => {}
                Ok(false) => break,
                Err(_) => return,
            }
        }
        drop(live);
        let changed = match tokio::time::timeout(KEPT_FOR, more.changed()).await {
            Ok(changed) => changed,
            Err(_) => {
                if let Some(operation) = operation.upgrade() {
                    operation.forget();
                }
                more.changed().await
            }
        };
        if changed.is_err() {
            return;
        }
    }
}
