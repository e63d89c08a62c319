//! An answer of server-sent events, whatever stands between: a proxy that gathers an answer, compresses it or takes a
//! silent one for dead would keep live events from its reader.

use std::convert::Infallible;

use futures_util::Stream;
use warp::{
    Reply as _,
    http::{HeaderName, HeaderValue, header},
    reply::Response,
    sse::Event,
};

/// The answer's headers.
const HEADERS: [(HeaderName, &str); 2] = [
    // An answer about patients stays in no cache. A proxy that compresses keeps bytes back.
    (header::CACHE_CONTROL, "no-store, no-transform"),
    // Without this header, Nginx gathers what its plain `proxy_pass` brings.
    (HeaderName::from_static("x-accel-buffering"), "no"),
];

/// The answer. A comment comes every 15 s while no event does: proxies wait a minute for the next byte.
pub(in crate::server) fn answer(
    events: impl Stream<Item = Result<Event, Infallible>> + Send + Sync + 'static,
) -> Response {
    let mut response = warp::sse::reply(warp::sse::keep_alive().stream(events)).into_response();
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
