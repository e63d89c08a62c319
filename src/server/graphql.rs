//! `/graphql` and `/schema.graphql`: who asks, how much, and onto a thread that may block.

use std::{sync::Arc, time::Instant};

use futures_util::Stream;
use warp::{
    Buf, Filter, Rejection,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    reply::Response,
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
    let permit = Arc::clone(&app.graphql_permits).acquire_owned().await.map_err(|_| Problem::Internal)?;
    let app = Arc::clone(app);
    let answer = tokio::task::spawn_blocking(move || {
        let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        let request = HttpRequest {
            method,
            content_type: text(header::CONTENT_TYPE),
            accept: text(header::ACCEPT),
            query_string: Some(query.as_str()).filter(|query| !query.is_empty()),
            body: &body,
        };
        let answer = app.graph.answer(request, viewer);
        drop(permit);
        answer
    });
    answer.await.map(response).map_err(|_| Problem::Internal)
}

fn response(answer: HttpAnswer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = bytes(status, answer.content_type, answer.body);
    if let Some(allow) = answer.allow {
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allow));
    }
    response
}
