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
mod routes;

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{net::TcpListener, sync::Semaphore};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use warp::{Filter, reply::Response};

use crate::{
    access::{Gate, Readers},
    graphql::Graph,
    log::{Clock, Log},
    projection::Rules,
    tracker::Tracker,
};

pub use admission::{access::Operator, origin::PublicUrl, sessions::SessionSettings};
pub use connection::accept::{ConnectionLimits, listen};
pub use measures::Metrics;
pub use routes::socket::SubscriptionLimits;

use admission::{access::Access, cors::Origins, failures::Failures, refusals::Refusals, sessions::Sessions};
use connection::{
    accept::{self, OPERATIONS_CONNECTIONS_MAX, Serving},
    connections::ConnectionState,
};
use problem::Problem;
use routes::{board_csv, feed, graphql, log, operations, pages, sign_in, webhook};

/// How soon corruption of the projection is acted on that no delivery has met, and how soon deliveries are accepted again
/// once what failed is well.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// How many GraphQL requests run at the same time, each on a thread of its own: eight a core, within bounds. With more of
/// them, threads wait for each other more than for the disk.
fn graphql_at_once() -> usize {
    std::thread::available_parallelism().map_or(16, |cores| (8 * cores.get()).clamp(16, 64))
}

/// What the routes need.
pub struct App {
    tracker: Tracker,
    log: Arc<dyn Log>,
    gate: Gate,
    graph: Graph,
    rules: Arc<Rules>,
    access: Access,
    metrics: Metrics,
    clock: Clock,
    body_timeout: Duration,
    graphql_permits: Arc<Semaphore>,
    log_permits: Arc<Semaphore>,
    csv_permits: Arc<Semaphore>,
    draining: AtomicBool,
    following: Following,
}

/// What subscribers share.
struct Following {
    limits: SubscriptionLimits,
    /// Cancelled where subscriptions are to end.
    ending: CancellationToken,
    subscription_permits: Arc<Semaphore>,
    socket_permits: Arc<Semaphore>,
    /// WebSockets that are open: the accept loop knows nothing of a connection that was upgraded.
    sockets: TaskTracker,
}

/// The parts that an [`App`] is made of.
pub struct Parts {
    /// Takes deliveries.
    pub tracker: Tracker,
    /// Tells the head.
    pub log: Arc<dyn Log>,
    /// Knows the sources' credentials.
    pub gate: Gate,
    /// Answers queries.
    pub graph: Graph,
    /// Names the rule that decided.
    pub rules: Arc<Rules>,
    /// Knows the readers' credentials.
    pub readers: Readers,
    /// How browsers are signed in.
    pub sessions: SessionSettings,
    /// Renders `/metrics`.
    pub metrics: Metrics,
    /// Decides whether a credential has expired.
    pub clock: Clock,
    /// Commands beside the server, if they may ask.
    pub operator: Option<Operator>,
    /// How many failed authentications one address has at once before it is told to wait.
    pub failed_authentications_burst: u32,
    /// How long a request's body may take to arrive.
    pub body_timeout: Duration,
    /// The origins of web pages that may read GraphQL answers in a browser, as a browser sends them.
    pub allowed_origins: Vec<String>,
    /// Where browsers find the pages, where a proxy is in front.
    pub public_url: Option<PublicUrl>,
    /// What subscribers may use.
    pub subscriptions: SubscriptionLimits,
}

/// Where the server listens.
pub struct Listeners {
    /// Everything.
    pub public: TcpListener,
    /// `/livez`, `/readyz` and `/metrics` for everybody who reaches it.
    pub operations: Option<TcpListener>,
}

/// The address of the other end of a connection, and what is known of the connection.
#[derive(Clone)]
struct Peer(SocketAddr, Arc<ConnectionState>);

impl App {
    /// An app that is ready to serve.
    pub fn new(parts: Parts) -> Arc<App> {
        Arc::new(App {
            tracker: parts.tracker,
            log: parts.log,
            gate: parts.gate,
            graph: parts.graph,
            rules: parts.rules,
            access: Access {
                readers: parts.readers,
                sessions: Sessions::new(parts.sessions, parts.public_url.clone()),
                origins: Origins::new(parts.allowed_origins, parts.public_url.map(|public| public.origin)),
                operator: parts.operator,
                failures: Failures::new(parts.failed_authentications_burst),
                refusals: Refusals::new(),
                clock: Clock::clone(&parts.clock),
            },
            metrics: parts.metrics,
            clock: parts.clock,
            body_timeout: parts.body_timeout,
            graphql_permits: Arc::new(Semaphore::new(graphql_at_once())),
            log_permits: Arc::new(Semaphore::new(log::READERS_MAX)),
            csv_permits: Arc::new(Semaphore::new(board_csv::WRITERS_MAX)),
            draining: AtomicBool::new(false),
            following: Following {
                ending: CancellationToken::new(),
                subscription_permits: Arc::new(Semaphore::new(parts.subscriptions.subscriptions_max)),
                socket_permits: Arc::new(Semaphore::new(parts.subscriptions.subscriptions_max)),
                limits: parts.subscriptions,
                sockets: TaskTracker::new(),
            },
        })
    }

    /// Why no delivery is accepted at the moment, if so.
    fn failure(&self) -> Option<String> {
        self.tracker.failure().or_else(|| self.log.failure())
    }

    fn draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }
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
    let routes = public_routes(&app);
    let public = Serving { listener: listeners.public, routes, limits, measured: true };
    let public = accept::serve(public, shutdown_timeout, stop.clone());
    let operations = async {
        match listeners.operations {
            Some(listener) => {
                let limits = ConnectionLimits { connections_max: OPERATIONS_CONNECTIONS_MAX, ..limits };
                let operations = Serving { listener, routes: operations_routes(&app), limits, measured: false };
                accept::serve(operations, shutdown_timeout, stop.clone()).await;
            }
            None => stop.cancelled().await,
        }
    };
    let upkeep = app.metrics.upkeep(stop.clone());
    let care = async {
        // Whoever reads, and whoever merges files, only meets corruption; here it is looked for.
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
    webhook::route(app)
        .or(graphql::routes(app))
        .unify()
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

fn operations_routes(app: &Arc<App>) -> impl Filter<Extract = (Response,), Error = Infallible> + Clone + 'static {
    operations::routes(app, operations::MetricsFor::Everybody)
        .or(warp::any().map(|| Problem::NotFound.response()))
        .unify()
}

/// The app as a filter's value.
fn with(app: &Arc<App>) -> impl Filter<Extract = (Arc<App>,), Error = Infallible> + Clone + 'static {
    let app = Arc::clone(app);
    warp::any().map(move || Arc::clone(&app))
}

/// The answer of a route, counted with how long it took. The path is never a label: a webhook's path is a secret. In a box,
/// because each filter around a route moves what it has.
fn measured(
    route: &'static str,
    answer: impl Future<Output = Response> + Send + 'static,
) -> impl Future<Output = Response> + Send + 'static {
    Box::pin(async move {
        let begun = Instant::now();
        let response = answer.await;
        let status = response.status().as_u16().to_string();
        metrics::histogram!("clockfold_answer_seconds", "route" => route).record(begun.elapsed());
        metrics::counter!("clockfold_answers_total", "route" => route, "status" => status).increment(1);
        response
    })
}
