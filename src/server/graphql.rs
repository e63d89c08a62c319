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

use crate::graphql::{self, HttpAnswer, HttpRequest, sdl};

use super::{
    App, Peer,
    access::viewer,
    body::read,
    measure,
    problem::{Problem, bytes},
    with,
};

pub(super) fn routes(app: &Arc<App>) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + 'static {
    let graphql = warp::path("graphql")
        .and(warp::path::end())
        .and(warp::method())
        .and(warp::query::raw().or(warp::any().map(String::new)).unify())
        .and(warp::header::headers_cloned())
        .and(warp::ext::get::<Peer>())
        .and(warp::body::stream())
        .and(with(app))
        .then(|method, query, headers, peer, body, app: Arc<App>| async move {
            let begun = Instant::now();
            let answered = execute(&app, method, query, headers, peer, body).await;
            let response = answered.unwrap_or_else(Problem::graphql_response);
            measure("graphql", begun, response.status());
            response
        });
    let schema = warp::path!("schema.graphql")
        .and(warp::get())
        .map(|| bytes(StatusCode::OK, "text/plain; charset=utf-8", sdl().into_bytes()));
    graphql.or(schema).unify()
}

async fn execute<B: Buf>(
    app: &Arc<App>,
    method: Method,
    query: String,
    headers: HeaderMap,
    peer: Peer,
    body: impl Stream<Item = Result<B, warp::Error>>,
) -> Result<Response, Problem> {
    let viewer = viewer(app, peer, &headers)?;
    let method = match method {
        Method::GET => graphql::Method::Get,
        Method::POST => graphql::Method::Post,
        _ => return Err(Problem::MethodNotAllowed { allow: "GET, POST" }),
    };
    let body = read(&headers, body, app.body_timeout).await?;
    let request = Asked { method, headers, query, body };
    if app.graph.wants_events(&request.http()) {
        return Ok(match app.graph.subscribe(&request.http(), viewer) {
            Ok(told) => events(told, app.ending.clone()),
            Err(answer) => response(answer),
        });
    }
    let permit = Arc::clone(&app.graphql_permits).acquire_owned().await.map_err(|_| Problem::Internal)?;
    let app = Arc::clone(app);
    let answer = tokio::task::spawn_blocking(move || {
        let answer = app.graph.answer(request.http(), viewer);
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
