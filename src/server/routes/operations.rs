//! `/livez`, `/readyz` and `/metrics`: for those who keep the server running.

use std::sync::Arc;

use warp::{
    Filter, Rejection,
    http::{HeaderMap, StatusCode},
    reply::Response,
};

use crate::{
    access::Role,
    server::{
        app::{App, with},
        connection::peer::Peer,
        connection::{answer::keep, connections::ConnectionState},
        problem::{Problem, bytes, json},
    },
};

/// Who gets `/metrics`.
#[derive(Clone, Copy)]
pub(in crate::server) enum MetricsFor {
    /// Readers with the role `admin` who may see all sources: the figures name each. Where no reader is configured,
    /// this machine, as for everything else that is read.
    Admins,
    /// Everybody who reaches the listener.
    Everybody,
}

pub(in crate::server) fn routes(
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
        .then(move |headers: HeaderMap, peer: Peer, app: Arc<App>| async move {
            let connection = Arc::clone(&peer.1);
            match metrics_for {
                MetricsFor::Admins => match app.access.viewer(peer, &headers) {
                    Ok(viewer) if viewer.role == Role::Admin && viewer.sources.is_none() => {
                        render(&app, &connection).await
                    }
                    Ok(_) => Problem::Forbidden.response(),
                    Err(problem) => problem.response(),
                },
                MetricsFor::Everybody => render(&app, &connection).await,
            }
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

async fn render(app: &App, connection: &ConnectionState) -> Response {
    let held = tokio::time::timeout(app.graph.limits().execution_timeout, connection.hold_answer());
    let Ok(mut held) = held.await else { return Problem::TooManyQueries.response() };
    let text = app.metrics.render(app);
    held.fit(text.len());
    let mut response = bytes(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", text.into_bytes());
    keep(held, &mut response);
    response
}
