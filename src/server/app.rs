//! What the routes have in common: the parts of the server that they answer from, and the count of their answers.

use std::{
    convert::Infallible,
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::Semaphore;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use warp::{Filter, reply::Response};

use crate::{
    access::{Gate, Readers},
    graphql::Graph,
    log::{Clock, Log},
    projection::Rules,
    server::{
        admission::{
            access::{Access, Operator},
            cors::Origins,
            failures::Failures,
            origin::PublicUrl,
            refusals::Refusals,
            sessions::{SessionSettings, Sessions},
        },
        measures::Metrics,
        queries::QueryThreads,
    },
    tracker::Tracker,
};

/// How many read the log at the same time.
const LOG_READERS_MAX: usize = 4;
/// How many boards are written as tables at the same time.
const CSV_WRITERS_MAX: usize = 4;

/// What the routes need.
pub struct App {
    pub(in crate::server) tracker: Tracker,
    pub(in crate::server) log: Arc<dyn Log>,
    pub(in crate::server) gate: Gate,
    pub(in crate::server) graph: Graph,
    pub(in crate::server) rules: Arc<Rules>,
    pub(in crate::server) access: Access,
    pub(in crate::server) metrics: Metrics,
    pub(in crate::server) clock: Clock,
    pub(in crate::server) body_timeout: Duration,
    pub(in crate::server) queries: QueryThreads,
    pub(in crate::server) log_permits: Arc<Semaphore>,
    pub(in crate::server) csv_permits: Arc<Semaphore>,
    pub(in crate::server) draining: AtomicBool,
    pub(in crate::server) following: Following,
}

/// What subscribers share.
pub(in crate::server) struct Following {
    pub(in crate::server) limits: SubscriptionLimits,
    /// Cancelled where subscriptions are to end.
    pub(in crate::server) ending: CancellationToken,
    pub(in crate::server) subscription_permits: Arc<Semaphore>,
    pub(in crate::server) socket_permits: Arc<Semaphore>,
    /// WebSockets that are open: the accept loop knows nothing of a connection that was upgraded.
    pub(in crate::server) sockets: TaskTracker,
}

/// The parts that an [`App`] is made of.
pub struct Parts {
    /// Takes deliveries.
    pub tracker: Tracker,
    /// Knows the head.
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
    /// How many failed authentications one address has at once before it has to wait.
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

/// What subscribers may use.
#[derive(Clone, Debug)]
pub struct SubscriptionLimits {
    /// Operations at the same time on one WebSocket.
    pub operations_max: usize,
    /// Subscriptions at the same time, over whatever transport, and as many WebSockets.
    pub subscriptions_max: usize,
    /// Bytes of one message from a client.
    pub message_bytes_max: usize,
    /// How long a client may take to say who it is.
    pub init_timeout: Duration,
}

impl SubscriptionLimits {
    /// How often we check that a subscriber is still there and still allowed. A silent one is gone after twice that.
    pub(in crate::server) fn look_interval(&self) -> Duration {
        self.init_timeout * 3
    }
}

impl App {
    /// An app that is ready to serve.
    pub fn new(parts: Parts) -> io::Result<Arc<App>> {
        Ok(Arc::new(App {
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
            queries: QueryThreads::start()?,
            log_permits: Arc::new(Semaphore::new(LOG_READERS_MAX)),
            csv_permits: Arc::new(Semaphore::new(CSV_WRITERS_MAX)),
            draining: AtomicBool::new(false),
            following: Following {
                ending: CancellationToken::new(),
                subscription_permits: Arc::new(Semaphore::new(parts.subscriptions.subscriptions_max)),
                socket_permits: Arc::new(Semaphore::new(parts.subscriptions.subscriptions_max)),
                limits: parts.subscriptions,
                sockets: TaskTracker::new(),
            },
        }))
    }

    /// Why no delivery is accepted at the moment, if so.
    pub(in crate::server) fn failure(&self) -> Option<String> {
        self.tracker.failure().or_else(|| self.log.failure())
    }

    pub(in crate::server) fn draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }
}

/// The app as a filter's value.
pub(in crate::server) fn with(
    app: &Arc<App>,
) -> impl Filter<Extract = (Arc<App>,), Error = Infallible> + Clone + 'static {
    let app = Arc::clone(app);
    warp::any().map(move || Arc::clone(&app))
}

/// The answer of a route, counted with how long it took. The path is never a label: a webhook's path is a secret.
/// Boxed, because each filter around a route moves it.
pub(in crate::server) fn measured(
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
