//! `/graphql` and `/schema.graphql`: who asks, how much, and onto a thread that may block.

use std::{
    convert::Infallible,
    pin::pin,
    sync::{Arc, LazyLock},
    time::Instant,
};

use futures_util::{
    Stream, StreamExt,
    future::{Either, ready},
    stream,
};
use hyper::upgrade::OnUpgrade;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use warp::{
    Buf, Filter, Rejection, Reply as _,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    reply::Response,
    sse::Event,
};

use crate::{
    access::Role,
    graphql::{self, Call, Effort, Events, HttpAnswer, HttpRequest, Introspection, Question, sdl},
    projection::Deadline,
    server::{
        admission::pass::{Pass, Vigil},
        app::{App, measured, with},
        body::{lingering, read},
        connection::peer::Peer,
        connection::{answer::keep, impatient::Subscriber},
        problem::{Problem, bytes, shared},
        request_id::RequestId,
        routes::{events, socket},
    },
};

pub(in crate::server) fn routes(
    app: &Arc<App>,
) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + 'static {
    let graphql = warp::path("graphql")
        .and(warp::path::end())
        .and(warp::method())
        .and(warp::query::raw().or(warp::any().map(String::new)).unify())
        .and(warp::header::headers_cloned())
        .and(warp::ext::get::<Peer>())
        .and(warp::ext::get::<RequestId>())
        .and(warp::ext::get::<Subscriber>())
        .and(warp::ext::optional::<OnUpgrade>())
        .and(warp::body::stream())
        .and(with(app))
        .then(
            |method: Method,
             query,
             headers: HeaderMap,
             peer: Peer,
             id,
             subscriber: Subscriber,
             upgrade,
             body,
             app: Arc<App>| {
                if let Some(response) = app.access.origins.preflight(&method, &headers) {
                    return Either::Left(ready(response));
                }
                Either::Right(measured("graphql", async move {
                    let body = lingering(&peer.1, &headers, StreamExt::boxed(body), app.body_timeout);
                    let origin = app.access.origins.allowed(&headers).cloned();
                    let answered = if method == Method::GET && socket::is_asked_for(&headers) {
                        socket::upgrade(&app, peer, &headers, upgrade, &id)
                    } else {
                        execute(&app, method, query, headers, Asking { peer, id, subscriber }, body).await
                    };
                    let mut response = answered.unwrap_or_else(Problem::graphql_response);
                    // No cache keeps an answer about patients, however its reader proved who asks.
                    let told = response.headers_mut().entry(header::CACHE_CONTROL);
                    told.or_insert(HeaderValue::from_static("no-store"));
                    app.access.origins.mark(origin, &mut response);
                    response
                }))
            },
        );
    let schema = warp::path!("schema.graphql")
        .and(warp::get())
        .and(warp::header::headers_cloned())
        .and(warp::ext::get::<Peer>())
        .and(with(app))
        .map(|headers, peer, app: Arc<App>| schema_for(&app, peer, &headers).unwrap_or_else(Problem::response));
    let question = warp::path!("graphql" / "socket")
        .and(warp::method())
        .and(warp::header::headers_cloned())
        .and(warp::ext::get::<Peer>())
        .and(with(app))
        .map(|method, headers, peer, app: Arc<App>| could_have_socket(&app, peer, &method, &headers));
    graphql.or(schema).unify().or(question).unify()
}

/// The schema, for readers who may ask for it by introspection.
fn schema_for(app: &App, peer: Peer, headers: &HeaderMap) -> Result<Response, Problem> {
    match app.graph.limits().introspection {
        Introspection::Everyone => {}
        Introspection::Admins if app.access.viewer(peer, headers)?.role == Role::Admin => {}
        Introspection::Admins => return Err(Problem::Forbidden),
        Introspection::Nobody => return Err(Problem::NotFound),
    }
    static SDL: LazyLock<Vec<u8>> = LazyLock::new(|| sdl().into_bytes());
    Ok(shared(StatusCode::OK, "text/plain; charset=utf-8", &SDL))
}

/// Answers a page whether its WebSocket would be accepted, or why not: of a refused one its browser says nothing. It is
/// a POST, because with a GET a browser does not say whose page asks.
fn could_have_socket(app: &App, peer: Peer, method: &Method, headers: &HeaderMap) -> Response {
    let answered = match *method {
        Method::POST => socket::could_begin(app, peer, headers),
        _ => Err(Problem::MethodNotAllowed { allow: "POST" }),
    };
    let no_content = |()| StatusCode::NO_CONTENT.into_response();
    let mut response = answered.map_or_else(Problem::response, no_content);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

async fn execute<B: Buf>(
    app: &Arc<App>,
    method: Method,
    query: String,
    headers: HeaderMap,
    Asking { peer, id, subscriber }: Asking,
    body: impl Stream<Item = Result<B, warp::Error>>,
) -> Result<Response, Problem> {
    let connection = Arc::clone(&peer.1);
    let (viewer, pass) = app.access.asker(peer, &headers, method == Method::GET)?;
    let method = match method {
        Method::GET => graphql::Method::Get,
        Method::POST => graphql::Method::Post,
        _ => return Err(Problem::MethodNotAllowed { allow: "GET, POST" }),
    };
    let limits = app.graph.limits();
    let (body, _held) = read(&connection, &headers, body, limits.body_bytes_max as usize, app.body_timeout).await?;
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let question = Question::read(&HttpRequest {
        method,
        content_type: text(header::CONTENT_TYPE),
        accept: text(header::ACCEPT),
        query_string: Some(query.as_str()).filter(|query| !query.is_empty()),
        body: &body,
    });
    let wants_events = app.graph.wants_events(&question);
    let subscription = match wants_events {
        true => {
            let permit = Arc::clone(&app.following.subscription_permits).try_acquire_owned();
            Some(permit.map_err(|_| Problem::TooManySubscriptions)?)
        }
        false => None,
    };
    let until = Instant::now() + limits.execution_timeout;
    let effort = if wants_events { Effort::Waits } else { app.graph.effort(&question) };
    let place = async { (connection.hold_answer().await, app.queries.place(effort).await) };
    let waited = tokio::time::timeout_at(until.into(), place).await;
    let (mut held, place) = waited.map_err(|_| Problem::TooManyQueries)?;
    // Dropped with this future, when the answer is there or its client has gone: then the query ends too.
    let (deadline, _waiting) = Deadline::until(until);
    let call = Call { request_id: id.to_string(), deadline };
    let (server, app) = (app, Arc::clone(app));
    let answer = place.run(move || match wants_events {
        true => app.graph.subscribe(question, viewer, &call.request_id),
        false => Err(app.graph.answer(question, viewer, call)),
    });
    let (answer, _permit) = answer.await.ok_or(Problem::Internal)?;
    Ok(match answer {
        Ok(told) => {
            subscriber.begins();
            tell(told, Arc::clone(server), pass, subscription)
        }
        Err(answer) => {
            let fits = connection.fit_answer(&mut held, answer.body.len());
            tokio::time::timeout_at(until.into(), fits).await.map_err(|_| Problem::TooManyQueries)?;
            let mut response = response(answer);
            keep(held, &mut response);
            response
        }
    })
}

/// Who asks, over what, and under which id.
struct Asking {
    peer: Peer,
    id: RequestId,
    subscriber: Subscriber,
}

/// A subscription as the graphql-sse protocol has it: `next` for each response, then `complete`. It ends when the
/// server does.
///
/// It also ends when the reader's token has expired, or its session has ended. The next event is made when the one
/// before it is on its way: a slow reader holds two.
fn tell(told: Events, app: Arc<App>, pass: Option<Pass>, permit: Option<OwnedSemaphorePermit>) -> Response {
    let (tell, told_here) = mpsc::channel(EVENTS_WAITING);
    tokio::spawn(async move {
        let _held = permit;
        let next = told.map(|json| Event::default().event("next").data(&*json));
        let complete = stream::once(async { Event::default().event("complete").data("") });
        let mut events = pin!(next.chain(complete).take_until(app.following.ending.clone().cancelled_owned()));
        let mut look = tokio::time::interval(app.following.limits.look_interval());
        let mut vigil = Vigil::over(pass.as_ref(), &app.access);
        loop {
            // Notices a client that has gone also while there is nothing to send.
            let event = tokio::select! {
                () = tell.closed() => return,
                event = events.next() => event,
                _ = async { tokio::select! { _ = look.tick() => {}, () = vigil.passes() => {} } } => {
                    // First: what happens after the look is then seen.
                    vigil = Vigil::over(pass.as_ref(), &app.access);
                    if pass.as_ref().is_some_and(|pass| pass.ended(&app.access).is_some()) {
                        return;
                    }
                    continue;
                }
            };
            let Some(event) = event else { return };
            if tell.send(Ok::<_, Infallible>(event)).await.is_err() {
                return;
            }
        }
    });
    events::answer(stream::unfold(told_here, |mut told| async move { told.recv().await.map(|event| (event, told)) }))
}

/// Events of a subscription that wait for their reader.
const EVENTS_WAITING: usize = 1;

fn response(answer: HttpAnswer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = bytes(status, answer.content_type, answer.body);
    if let Some(allow) = answer.allow {
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allow));
    }
    response
}
