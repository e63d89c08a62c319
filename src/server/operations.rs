//! `/livez`, `/readyz` and `/metrics`: for those who keep the server running.

use std::{sync::Arc, time::Duration};

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tokio_util::sync::CancellationToken;
use warp::{
    Filter, Rejection,
    http::{HeaderMap, StatusCode},
    reply::Response,
};

use crate::graphql::Role;

use super::{
    App, Peer,
    access::{is_local, viewer},
    problem::{Problem, bytes, json},
    with,
};

/// Seconds; from a fast disk's sync to a request that somebody waited for.
const SECONDS: [f64; 13] = [0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.0, 4.0];
const GROUP: [f64; 10] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0];
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

/// The recorder of this process.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

/// Who gets `/metrics`.
#[derive(Clone, Copy)]
pub(super) enum MetricsFor {
    /// Loopback peers without a proxy, and readers with the role `admin` who may see all sources: the figures name each.
    LoopbackAndAdmins,
    /// Whoever reaches the listener.
    Everybody,
}

impl Metrics {
    /// Installs the recorder for this process; fails where one is installed already.
    pub fn install() -> Result<Metrics, BuildError> {
        let handle = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)?
            .set_buckets_for_metric(Matcher::Full("clockfold_group_deliveries".to_owned()), &GROUP)?
            .install_recorder()?;
        describe();
        Ok(Metrics(handle))
    }

    /// A recorder that nothing is recorded in, for where many servers share a process.
    pub fn detached() -> Metrics {
        Metrics(PrometheusBuilder::new().build_recorder().handle())
    }

    /// Keeps the recorder's memory bounded while nobody scrapes.
    pub(super) async fn upkeep(&self, stop: CancellationToken) {
        let mut interval = tokio::time::interval(UPKEEP_INTERVAL);
        while stop.run_until_cancelled(interval.tick()).await.is_some() {
            self.0.run_upkeep();
        }
    }
}

pub(super) fn routes(
    app: &Arc<App>,
    metrics_for: MetricsFor,
) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + 'static {
    let reading = warp::get().or(warp::head()).unify();
    let livez =
        warp::path!("livez").and(reading).map(|| json(StatusCode::OK, "application/json", &state("alive", None)));
    let readyz = warp::path!("readyz").and(reading).and(with(app)).map(|app: Arc<App>| readiness(&app));
    let metrics = warp::path!("metrics")
        .and(reading)
        .and(warp::header::headers_cloned())
        .and(warp::ext::get::<Peer>())
        .and(with(app))
        .map(move |headers: HeaderMap, peer: Peer, app: Arc<App>| match metrics_for {
            MetricsFor::LoopbackAndAdmins if !is_local(peer, &headers) => match viewer(&app, peer, &headers) {
                Ok(viewer) if viewer.role == Role::Admin && viewer.sources.is_none() => render(&app),
                Ok(_) => Problem::Forbidden.response(),
                Err(problem) => problem.response(),
            },
            MetricsFor::LoopbackAndAdmins | MetricsFor::Everybody => render(&app),
        });
    livez.or(readyz).unify().or(metrics).unify()
}

fn readiness(app: &App) -> Response {
    // The full message is in the log: it may name files of this machine.
    let reason = match app.failure() {
        Some(_) => Some("the storage has failed; see the log"),
        None if app.draining() => Some("the server is about to stop"),
        None => None,
    };
    match reason {
        None => json(StatusCode::OK, "application/json", &state("ready", None)),
        Some(_) => json(StatusCode::SERVICE_UNAVAILABLE, "application/json", &state("not ready", reason)),
    }
}

fn state(status: &str, reason: Option<&str>) -> serde_json::Value {
    match reason {
        None => serde_json::json!({ "status": status }),
        Some(reason) => serde_json::json!({ "status": status, "reason": reason }),
    }
}

/// Positions and counts as gauges: exact up to 2^53.
#[allow(clippy::cast_precision_loss)]
fn render(app: &App) -> Response {
    let (head, folded) = (app.log.head().position.get(), app.tracker.folded().get());
    metrics::gauge!("clockfold_queue_depth").set(app.tracker.queue_depth() as f64);
    let max = app.subscriptions.subscriptions_max;
    let (subscriptions, sockets) = (&app.subscription_permits, &app.socket_permits);
    metrics::gauge!("clockfold_subscriptions").set((max - subscriptions.available_permits()) as f64);
    metrics::gauge!("clockfold_websockets").set((max - sockets.available_permits()) as f64);
    metrics::gauge!("clockfold_log_head_position").set(head as f64);
    metrics::gauge!("clockfold_projection_lag_deliveries").set(head.saturating_sub(folded) as f64);
    metrics::gauge!("clockfold_storage_failed").set(if app.failure().is_some() { 1.0 } else { 0.0 });
    bytes(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", app.metrics.0.render().into_bytes())
}

fn describe() {
    use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
    describe_counter!(
        "clockfold_deliveries_total",
        "Deliveries that were made durable and folded, by source and outcome."
    );
    describe_counter!("clockfold_answers_total", "HTTP answers, by route and status.");
    describe_histogram!("clockfold_answer_seconds", Unit::Seconds, "From a request's head to its answer, by route.");
    describe_histogram!("clockfold_log_sync_seconds", Unit::Seconds, "Making a group durable: flush and fdatasync.");
    describe_histogram!("clockfold_group_deliveries", "Deliveries that shared one sync.");
    describe_gauge!("clockfold_queue_depth", "Deliveries that wait for the writer.");
    describe_gauge!("clockfold_subscriptions", "Subscriptions that go on.");
    describe_gauge!("clockfold_websockets", "WebSockets that are open.");
    describe_gauge!("clockfold_log_head_position", "The last durable position.");
    describe_gauge!("clockfold_projection_lag_deliveries", "Durable deliveries that are not folded yet.");
    describe_gauge!("clockfold_archive_lag_deliveries", "Durable deliveries that the archive does not have yet.");
    describe_gauge!("clockfold_archive_failed", "1 while the archive can't be written, else 0.");
    describe_gauge!("clockfold_storage_failed", "1 after a storage error closed the log, else 0.");
}
