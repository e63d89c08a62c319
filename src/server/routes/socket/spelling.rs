//! Header names of a 101, in the letters that RFC 6455 writes them in.
//!
//! Letter case does not matter in a header's name, and hyper writes all of them in lower case. Yet Python's `gql` (as
//! of version 4.4) looks for exactly `Sec-WebSocket-Protocol`, and takes a server whose answer has none for one of an
//! older protocol.

use std::{cell::RefCell, convert::Infallible, future::ready, io::Cursor, sync::LazyLock};

use futures_util::FutureExt as _;
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn, upgrade::OnUpgrade};
use hyper_util::rt::TokioIo;
use warp::http::Extensions;

/// A request with every header name of the answer to an upgrade.
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: -\r\n\
    Sec-WebSocket-Protocol: -\r\nSec-WebSocket-Version: -\r\n\r\n";

/// What makes hyper write these names as they are spelled there: a response carries it.
///
/// Hyper's type is private, and only holds the names of a request that hyper has read. This reads one, once, in memory:
/// every connection would otherwise remember the spelling of every request.
pub(super) fn spelled() -> Extensions {
    static SPELLED: LazyLock<Extensions> = LazyLock::new(read);
    SPELLED.clone()
}

fn read() -> Extensions {
    let kept = RefCell::new(Extensions::new());
    let service = service_fn(|mut request: Request<Incoming>| {
        kept.replace(std::mem::take(request.extensions_mut()));
        ready(Ok::<_, Infallible>(Response::new(String::new())))
    });
    // All of it is there at once, so nothing has to be waited for.
    let stream = TokioIo::new(Cursor::new(REQUEST.to_vec()));
    let _ = http1::Builder::new().preserve_header_case(true).serve_connection(stream, service).now_or_never();
    let mut kept = kept.into_inner();
    kept.remove::<OnUpgrade>();
    kept
}
