//! GraphQL over WebSockets, from the upgrade on: the subprotocol `graphql-transport-ws`.
//!
//! A request to upgrade comes in; a client that may not, or that speaks another protocol, gets the refusal where it can
//! read it. warp's own WebSockets take a buffer of 128 KiB each, so this upgrades by itself.

mod message;
mod frames;
mod operation;
mod connection;
mod spelling;

use std::sync::Arc;

use hyper::upgrade::OnUpgrade;
use hyper_util::{rt::TokioIo, server::conn::auto::upgrade::downcast};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        handshake::derive_accept_key,
        protocol::{Role, WebSocketConfig},
    },
};
use warp::{
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    reply::Response,
};

use crate::server::{
    admission::{origin, refusals::Refused},
    app::App,
    connection::{impatient::Impatient, peer::Peer},
    problem::Problem,
    request_id::RequestId,
};

use connection::{Connection, Who};

/// The only subprotocol that there is.
const SUBPROTOCOL: &str = "graphql-transport-ws";
const VERSION: &str = "13";
/// A client's message is mostly shorter; a longer one makes the buffer grow.
const READ_BUFFER_BYTES: usize = 4 << 10;
/// How much is written at once where several messages are ready.
const WRITE_BUFFER_BYTES: usize = 16 << 10;

/// Whether a request asks for a WebSocket.
pub(in crate::server) fn is_asked_for(headers: &HeaderMap) -> bool {
    has_token(headers, &header::UPGRADE, "websocket") && has_token(headers, &header::CONNECTION, "upgrade")
}

/// Whether the WebSocket that these headers ask for could begin now. The client says who it is over the WebSocket itself.
pub(in crate::server) fn could_begin(app: &App, peer: Peer, headers: &HeaderMap) -> Result<(), Problem> {
    // A browser sends the page's origin, and no other header by which we could refuse it.
    if !origin::is_allowed(headers, &app.access.origins) {
        return Err(Problem::ForeignOrigin);
    }
    if app.access.readers.is_empty() {
        app.access.asker(peer, headers, false)?;
    }
    if app.draining() {
        return Err(Problem::Draining);
    }
    match app.following.socket_permits.available_permits() {
        0 => Err(Problem::TooManySubscriptions),
        _ => Ok(()),
    }
}

/// Begins a WebSocket.
pub(in crate::server) fn upgrade(
    app: &Arc<App>,
    peer: Peer,
    headers: &HeaderMap,
    on_upgrade: Option<OnUpgrade>,
    id: &RequestId,
) -> Result<Response, Problem> {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    if text(header::SEC_WEBSOCKET_VERSION) != Some(VERSION) {
        return Err(Problem::SocketVersion);
    }
    let (Some(key), Some(on_upgrade)) = (text(header::SEC_WEBSOCKET_KEY), on_upgrade) else {
        return Err(Problem::NoSocket);
    };
    // The browser shows it to nobody.
    could_begin(app, peer.clone(), headers).inspect_err(|problem| match problem {
        Problem::ForeignOrigin => app.access.refusals.tell(Refused::Socket, headers),
        Problem::ReadersNotConfigured => app.access.refusals.tell(Refused::SocketFromElsewhere, headers),
        _ => {}
    })?;
    // A browser can't send a token here: it sends its cookie, or says who it is in its first message. There it also
    // learns that the cookie no longer counts, for its page learns nothing of a refused upgrade.
    let who = if app.access.readers.is_empty() || headers.contains_key(header::AUTHORIZATION) {
        let (viewer, pass) = app.access.asker(peer.clone(), headers, false)?;
        Ok(Who { viewer, pass })
    } else {
        app.access.signed_in(peer.clone(), headers).map(|(viewer, pass)| Who { viewer, pass: Some(pass) })
    };
    let permit =
        Arc::clone(&app.following.socket_permits).try_acquire_owned().map_err(|_| Problem::TooManySubscriptions)?;
    let spoken = has_token(headers, &header::SEC_WEBSOCKET_PROTOCOL, SUBPROTOCOL);
    let mut response = Response::default();
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    *response.extensions_mut() = spelling::spelled();
    let answer = response.headers_mut();
    answer.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    answer.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    let accept = derive_accept_key(key.as_bytes()).parse().map_err(|_| Problem::Internal)?;
    answer.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    if spoken {
        answer.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
    }
    peer.1.upgrades();
    let (app, id) = (Arc::clone(app), id.to_string());
    app.following.sockets.clone().spawn(async move {
        if let Some(socket) = open(on_upgrade, app.following.limits.message_bytes_max).await {
            Connection::new(app, peer, socket, who, id).serve(spoken).await;
        }
        drop(permit);
    });
    Ok(response)
}

/// The connection under a request that was upgraded.
async fn open(on_upgrade: OnUpgrade, message_bytes_max: usize) -> Option<WebSocketStream<Impatient>> {
    let upgraded = on_upgrade.await.ok()?;
    let parts = downcast::<TokioIo<Impatient>>(upgraded).ok()?;
    let stream = parts.io.into_inner();
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(WRITE_BUFFER_BYTES)
        .max_message_size(Some(message_bytes_max))
        .max_frame_size(Some(message_bytes_max));
    let read = parts.read_buf.to_vec();
    Some(WebSocketStream::from_partially_read(stream, read, Role::Server, Some(config)).await)
}

/// Whether one of a header's lists has this word.
fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|word| word.trim().eq_ignore_ascii_case(token))
}
