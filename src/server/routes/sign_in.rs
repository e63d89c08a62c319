//! `/session`: a browser gives a token once and gets a cookie, renews it while somebody is at the page, and gives it up.
//!
//! Only pages of this server may: a page of another site can neither sign a browser in or out nor keep it signed in. A
//! wrong token counts as a failed authentication of its address.

use std::sync::Arc;

use futures_util::{Stream, StreamExt};
use serde::Deserialize;
use warp::{
    Buf, Filter, Rejection,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    reply::Response,
};

use crate::server::{
    admission::{
        origin,
        refusals::Refused,
        sessions::{Cookie, no_cookie},
    },
    app::{App, measured, with},
    body::{is_json, lingering, read},
    connection::peer::Peer,
    problem::Problem,
};

/// A token, and the JSON around it.
const BODY_BYTES_MAX: usize = 4 << 10;

#[derive(Deserialize)]
struct SignIn {
    token: String,
}

pub(in crate::server) fn route(
    app: &Arc<App>,
) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + 'static {
    warp::path!("session")
        .and(warp::method())
        .and(warp::header::headers_cloned())
        .and(warp::ext::get::<Peer>())
        .and(warp::body::stream())
        .and(with(app))
        .then(|method, headers: HeaderMap, peer: Peer, body, app: Arc<App>| {
            measured("session", async move {
                let body = lingering(&peer.1, &headers, StreamExt::boxed(body), app.body_timeout);
                let answered = answer(&app, &method, &headers, peer, body).await;
                let mut response = match answered {
                    Ok(cookie) => no_content(cookie),
                    Err(problem) => problem.response(),
                };
                response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
                response
            })
        })
}

/// The cookie that the browser has from now on.
async fn answer<B: Buf>(
    app: &App,
    method: &Method,
    headers: &HeaderMap,
    peer: Peer,
    body: impl Stream<Item = Result<B, warp::Error>>,
) -> Result<HeaderValue, Problem> {
    if ![Method::POST, Method::PUT, Method::DELETE].contains(method) {
        return Err(Problem::MethodNotAllowed { allow: "POST, PUT, DELETE" });
    }
    if origin::is_foreign_page(headers, &app.access.origins) {
        app.access.refusals.tell(Refused::SignIn, headers);
        return Err(Problem::ForeignPage);
    }
    match *method {
        Method::POST => sign_in(app, headers, peer, body).await,
        Method::PUT => renew(app, headers, peer),
        _ => Ok(sign_out(app, headers).await),
    }
}

async fn sign_in<B: Buf>(
    app: &App,
    headers: &HeaderMap,
    peer: Peer,
    body: impl Stream<Item = Result<B, warp::Error>>,
) -> Result<HeaderValue, Problem> {
    if !is_json(headers) {
        return Err(Problem::MediaType);
    }
    let (body, _held) = read(&peer.1, headers, body, BODY_BYTES_MAX, app.body_timeout).await?;
    let SignIn { token } = serde_json::from_slice(&body).map_err(|_| Problem::NoSignIn)?;
    if app.access.readers.is_empty() {
        return Err(Problem::ReadersNotConfigured);
    }
    let now = (app.clock)();
    let begun = app.access.sessions.begin(&app.access.readers, token.trim().as_bytes(), now);
    let (session, viewer) = begun.ok_or_else(|| app.access.failures.count(peer.0.ip(), Problem::WrongToken))?;
    peer.1.is_known();
    // Another reader's pages in this browser end here.
    if let Cookie::Counts(earlier, viewer) = app.access.sessions.of(
        &app.access.readers,
        headers,
        origin::is_own_page(headers, &app.access.origins, false),
        now,
    ) {
        app.access.sessions.end(&earlier, &viewer, now).await;
    }
    Ok(app.access.sessions.cookie(&session, &viewer, headers))
}

fn renew(app: &App, headers: &HeaderMap, peer: Peer) -> Result<HeaderValue, Problem> {
    let now = (app.clock)();
    match app.access.sessions.of(
        &app.access.readers,
        headers,
        origin::is_own_page(headers, &app.access.origins, false),
        now,
    ) {
        Cookie::Counts(session, viewer) => {
            peer.1.is_known();
            let session = app.access.sessions.renew(session, &viewer, now);
            Ok(app.access.sessions.cookie(&session, &viewer, headers))
        }
        Cookie::Ended(ended) => Err(app.access.signed_out(peer, ended)),
        Cookie::Absent => Err(Problem::NotSignedIn),
    }
}

async fn sign_out(app: &App, headers: &HeaderMap) -> HeaderValue {
    let now = (app.clock)();
    if let Cookie::Counts(session, viewer) = app.access.sessions.of(
        &app.access.readers,
        headers,
        origin::is_own_page(headers, &app.access.origins, false),
        now,
    ) {
        app.access.sessions.end(&session, &viewer, now).await;
    }
    no_cookie()
}

fn no_content(cookie: HeaderValue) -> Response {
    let mut response = Response::default();
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    response
}
