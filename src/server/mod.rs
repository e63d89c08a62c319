//! The shell around everything: connections come in, answers go out.
//!
//! The caller binds the listeners and says when to stop; [`run`] returns when every request that was
//! accepted is answered. Nothing here decides what a delivery means.

mod measures;
mod clock;
mod problem;
mod request_id;
mod body;
mod connection;
mod admission;
mod queries;
mod app;
mod routes;

use std::{
    convert::Infallible,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use futures_util::future::{BoxFuture, Either};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower_service::Service as _;
use warp::{Filter, reply::Response};

use crate::{access::RouteKey, log::Clock};

pub use admission::{access::Operator, origin::PublicUrl, sessions::SessionSettings};
pub use app::{App, Parts, SubscriptionLimits};
pub use connection::accept::{ConnectionLimits, listen};
pub use measures::Metrics;

use app::with;
use connection::accept::{self, Arrived, OPERATIONS_CONNECTIONS_MAX, Serving};
use problem::Problem;
use routes::{board_csv, feed, graphql, log, operations, pages, sign_in, webhook};

/// How soon we act on corruption of the projection that no delivery has met, and accept deliveries again once the fault
/// is over.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// Where the server listens.
pub struct Listeners {
    /// Everything.
    pub public: TcpListener,
    /// `/livez`, `/readyz` and `/metrics`, for everybody who reaches it.
    pub operations: Option<TcpListener>,
}

/// Serves until `stop` is cancelled, then answers what was accepted, for at most `shutdown_timeout`.
pub async fn run(
    listeners: Listeners,
    app: Arc<App>,
    limits: ConnectionLimits,
    shutdown_timeout: Duration,
    stop: CancellationToken,
) {
    let draining = {
        let (app, stop) = (Arc::clone(&app), stop.clone());
        async move {
            stop.cancelled().await;
            app.draining.store(true, Ordering::Relaxed);
            app.following.ending.cancel();
        }
    };
    let filters = answering(public_routes(&app));
    let webhooks = Arc::clone(&app);
    let routes = move |arrived: Arrived| match RouteKey::in_path(arrived.request.uri().path()) {
        Some(route_key) => {
            let Arrived { request, peer, .. } = arrived;
            Either::Left(webhook::answered(Arc::clone(&webhooks), route_key, peer, request))
        }
        None => Either::Right(filters(arrived)),
    };
    let public = Serving { listener: listeners.public, routes, limits, measured: true };
    let public = accept::serve(public, shutdown_timeout, stop.clone());
    let operations = async {
        match listeners.operations {
            Some(listener) => {
                let limits = ConnectionLimits { connections_max: OPERATIONS_CONNECTIONS_MAX, ..limits };
                let routes = answering(operations_routes(&app));
                let operations = Serving { listener, routes, limits, measured: false };
                accept::serve(operations, shutdown_timeout, stop.clone()).await;
            }
            None => stop.cancelled().await,
        }
    };
    let upkeep = app.metrics.upkeep(stop.clone());
    let care = async {
        // Readers and compaction only meet corruption; here we look for it.
        let mut look = tokio::time::interval(LOOK_INTERVAL);
        while stop.run_until_cancelled(look.tick()).await.is_some() {
            app.graph.look_after_projection();
            app.tracker.recover();
        }
    };
    let clock = clock::watch(Clock::clone(&app.clock), stop.clone());
    tokio::join!(draining, public, operations, upkeep, care, clock);
    app.following.sockets.close();
    if tokio::time::timeout(shutdown_timeout, app.following.sockets.wait()).await.is_err() {
        tracing::warn!("WebSockets were still open at the end of the shutdown time");
    }
}

fn public_routes(app: &Arc<App>) -> impl Filter<Extract = (Response,), Error = Infallible> + Clone + 'static {
    graphql::routes(app)
        .or(sign_in::route(app))
        .unify()
        .or(pages::routes())
        .unify()
        .or(log::route(app))
        .unify()
        .or(feed::route(app))
        .unify()
        .or(board_csv::route(app))
        .unify()
        .or(operations::routes(app, operations::MetricsFor::Admins))
        .unify()
        .or(warp::any().map(|| Problem::NotFound.response()))
        .unify()
        .and(with(app))
        .map(|response, app: Arc<App>| app.access.sessions.take_both(response))
}

/// Warp's filters as what answers a request.
fn answering<F>(filters: F) -> impl Fn(Arrived) -> BoxFuture<'static, Response> + Send + Sync + 'static
where
    F: Filter<Extract = (Response,), Error = Infallible> + Clone + Send + Sync + 'static,
    F::Future: Send,
{
    move |arrived| {
        let mut service = warp::service(filters.clone());
        Box::pin(async move {
            let Ok(response) = service.call(arrived.for_filters()).await;
            response
        })
    }
}

fn operations_routes(app: &Arc<App>) -> impl Filter<Extract = (Response,), Error = Infallible> + Clone + 'static {
    operations::routes(app, operations::MetricsFor::Everybody)
        .or(warp::any().map(|| Problem::NotFound.response()))
        .unify()
}
