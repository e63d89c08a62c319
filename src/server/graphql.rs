//! `/graphql` and `/schema.graphql`: who asks, how much, and onto a thread that may block.

use std::{convert::Infallible, pin::pin, sync::Arc, time::Instant};

use futures_util::{Stream, StreamExt as _, stream};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use warp::{
    Buf, Filter, Rejection, Reply as _,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    reply::Response,
    sse::Event,
};

use crate::{
    graphql::{self, Call, HttpAnswer, HttpRequest, Introspection, Role, sdl},
    projection::Patience,
};

use super::{
    App, Peer,
    access::viewer,
    body::read,
    measure,
    problem::{Problem, bytes},
    request_id::RequestId,
    with,
};

pub(super) fn routes(app: &Arc<App>) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + 'static {
    let graphql = warp::path("graphql")
        .and(warp::path::end())
        .and(warp::method())
        .and(warp::query::raw().or(warp::any().map(String::new)).unify())
        .and(warp::header::headers_cloned())
        .and(warp::ext::get::<Peer>())
        .and(warp::ext::get::<RequestId>())
        .and(warp::body::stream())
        .and(with(app))
        .then(|method, query, headers: HeaderMap, peer, id, body, app: Arc<App>| async move {
            let begun = Instant::now();
            if let Some(response) = app.origins.preflight(&method, &headers) {
                return response;
            }
            let origin = app.origins.allowed(&headers).cloned();
            let answered = execute(&app, method, query, headers, peer, id, body).await;
            let mut response = answered.unwrap_or_else(Problem::graphql_response);
            app.origins.mark(origin, &mut response);
            measure("graphql", begun, response.status());
            response
        });
    let schema = warp::path!("schema.graphql")
        .and(warp::get())
        .and(warp::header::headers_cloned())
        .and(warp::ext::get::<Peer>())
        .and(with(app))
        .map(|headers, peer, app: Arc<App>| schema_for(&app, peer, &headers).unwrap_or_else(Problem::response));
    graphql.or(schema).unify()
}

/// The schema, for whom introspection would tell it.
fn schema_for(app: &App, peer: Peer, headers: &HeaderMap) -> Result<Response, Problem> {
    match app.graph.limits().introspection {
        Introspection::Everyone => {}
        Introspection::Admins if viewer(app, peer, headers)?.role == Role::Admin => {}
        Introspection::Admins => return Err(Problem::Forbidden),
        Introspection::Nobody => return Err(Problem::NotFound),
    }
    Ok(bytes(StatusCode::OK, "text/plain; charset=utf-8", sdl().into_bytes()))
}

async fn execute<B: Buf>(
    app: &Arc<App>,
    method: Method,
    query: String,
    headers: HeaderMap,
    peer: Peer,
    id: RequestId,
    body: impl Stream<Item = Result<B, warp::Error>>,
) -> Result<Response, Problem> {
    let viewer = viewer(app, peer, &headers)?;
    let method = match method {
        Method::GET => graphql::Method::Get,
        Method::POST => graphql::Method::Post,
        _ => return Err(Problem::MethodNotAllowed { allow: "GET, POST" }),
    };
    let limits = app.graph.limits();
    let body = read(&headers, body, limits.body_bytes_max as usize, app.body_timeout).await?;
    let request = Asked { method, headers, query, body };
    if app.graph.wants_events(&request.http()) {
        return Ok(match app.graph.subscribe(&request.http(), viewer, &id.to_string()) {
            Ok(told) => events(told, app.ending.clone()),
            Err(answer) => response(answer),
        });
    }
    let until = Instant::now() + limits.execution_timeout;
    let permit = Arc::clone(&app.graphql_permits).acquire_owned();
    let permit = tokio::time::timeout_at(until.into(), permit).await.map_err(|_| Problem::TooManyQueries)?;
    let permit = permit.map_err(|_| Problem::Internal)?;
    // Dropped with this future, when the answer is there or its client has gone: then the query ends too.
    let (patience, _waiting) = Patience::until(until);
    let call = Call { request_id: id.to_string(), patience };
    let app = Arc::clone(app);
    let answer = tokio::task::spawn_blocking(move || {
        let answer = app.graph.answer(request.http(), viewer, call);
        drop(permit);
        answer
    });
    answer.await.map(response).map_err(|_| Problem::Internal)
}

/// A request that is all here.
struct Asked {
    method: graphql::Method,
    headers: HeaderMap,
    query: String,
    body: Vec<u8>,
}

impl Asked {
    fn http(&self) -> HttpRequest<'_> {
        let text = |name| self.headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        HttpRequest {
            method: self.method,
            content_type: text(header::CONTENT_TYPE),
            accept: text(header::ACCEPT),
            query_string: Some(self.query.as_str()).filter(|query| !query.is_empty()),
            body: &self.body,
        }
    }
}

/// A subscription as the graphql-sse protocol has it: `next` for each response, then `complete`. It ends when the
/// server does.
fn events(told: impl Stream<Item = String> + Send + 'static, ending: CancellationToken) -> Response {
    let (tell, told_here) = mpsc::channel(EVENTS_WAITING);
    tokio::spawn(async move {
        let next = told.map(|json| Event::default().event("next").data(json));
        let complete = stream::once(async { Event::default().event("complete").data("") });
        let mut events = pin!(next.chain(complete).take_until(ending.cancelled_owned()));
        while let Some(event) = events.next().await {
            if tell.send(Ok::<_, Infallible>(event)).await.is_err() {
                return;
            }
        }
    });
    let events = stream::unfold(told_here, |mut told| async move { told.recv().await.map(|event| (event, told)) });
    warp::sse::reply(warp::sse::keep_alive().stream(events)).into_response()
}

/// Events of a subscription that wait for who reads them.
const EVENTS_WAITING: usize = 16;

fn response(answer: HttpAnswer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = bytes(status, answer.content_type, answer.body);
    if let Some(allow) = answer.allow {
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allow));
    }
    response
}
