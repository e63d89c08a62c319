//! The accept loop: one task a connection, with limits on how many, how slow, how much, and how long at the end.

use std::{convert::Infallible, io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use hyper::{
    Request, StatusCode, Version,
    body::{Body, Bytes, Incoming},
    header,
    service::service_fn,
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::{conn::auto::Builder, graceful::GracefulConnection},
};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use warp::reply::Response;

use crate::server::{
    connection::{
        answer::{Answer, Stream, Streams},
        connections::{Asked, ConnectionState, Connections, Times, Verdict},
        impatient::{Impatient, READ_BYTES_MAX, Subscriber},
        peer::Peer,
    },
    problem::Problem,
    request_id::{self, RequestId, RequestIds},
};

/// Requests on one HTTP/2 connection at the same time.
const STREAMS_MAX: u32 = 128;
/// How many bytes hyper reads ahead of us of all bodies on one HTTP/2 connection, and of one of them.
const HTTP2_CONNECTION_WINDOW: u32 = 256 << 10;
const HTTP2_STREAM_WINDOW: u32 = 64 << 10;
/// How many bytes of one answer over HTTP/2 hyper takes before the other end does.
const HTTP2_SEND_BYTES_MAX: usize = 64 << 10;
/// The most bytes of a request's head over HTTP/2.
const HTTP2_HEAD_BYTES_MAX: u32 = 16 << 10;
/// How long to wait after the system refused a connection (too many open files, say).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Connections at the same time to the listener for operations.
pub(in crate::server) const OPERATIONS_CONNECTIONS_MAX: usize = 64;

/// Connections that wait to be accepted; the system may allow fewer (`net.core.somaxconn`). A client that comes when
/// this many wait tries again after a second, so there is room for more than come at once.
const BACKLOG: u32 = 16 << 10;

/// Listens at an address. Call it on the runtime.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// What a connection may use.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionLimits {
    /// Connections at the same time. For one more, we close one that has not said who it is; where all have, the
    /// newcomer waits.
    pub connections_max: usize,
    /// How long a request's head may take to arrive. The other end may take none of an answer for twice as long.
    pub header_timeout: Duration,
    /// How long a connection is kept without a request.
    pub idle_timeout: Duration,
}

/// What a listener serves, and to how many.
pub(in crate::server) struct Serving<R> {
    pub(in crate::server) listener: TcpListener,
    /// What answers a request.
    pub(in crate::server) routes: R,
    pub(in crate::server) limits: ConnectionLimits,
    /// Whether its connections are the ones that are measured.
    pub(in crate::server) measured: bool,
}

/// Accepts connections until `stop`, then lets the open ones finish what they were asked.
pub(in crate::server) async fn serve<R, F>(serving: Serving<R>, shutdown_timeout: Duration, stop: CancellationToken)
where
    R: Fn(Arrived) -> F + Send + Sync + 'static,
    F: Future<Output = Response> + Send + 'static,
{
    let Serving { listener, routes, limits, measured } = serving;
    let routes = Arc::new(routes);
    let times = Times { head: limits.header_timeout, idle: limits.idle_timeout };
    let connections = Connections::new(limits.connections_max, times, measured);
    let tasks = TaskTracker::new();
    let accepting = async {
        let (ids, stalled_max) = (Arc::new(RequestIds::default()), limits.header_timeout * 2);
        let builder = builder(limits, stalled_max);
        loop {
            let (stream, address) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let _ = TcpStream::set_nodelay(&stream, true);
            let open = connections.enter(address);
            let state = Arc::clone(open.state());
            connections.make_room(&state).await;
            let stream = TokioIo::new(Impatient::new(stream, open, stalled_max));
            let (routes, ids) = (Arc::clone(&routes), Arc::clone(&ids));
            let peer = Peer(address, Arc::clone(&state));
            let service = service_fn(move |request| {
                let asked = peer.1.asks();
                answer(Arc::clone(&routes), peer.clone(), Arc::clone(&ids), asked, request)
            });
            let connection = builder.serve_connection_with_upgrades(stream, service).into_owned();
            tasks.spawn(until_it_ends(connection, state));
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = accepting => {}
        () = connections.look_after() => {}
    }
    drop(listener);
    connections.close_all();
    tasks.close();
    let last = async {
        tokio::select! {
            () = tasks.wait() => {}
            () = connections.look_after() => {}
        }
    };
    if tokio::time::timeout(shutdown_timeout, last).await.is_err() {
        tracing::warn!(
            seconds = shutdown_timeout.as_secs(),
            "connections were still open at the end of the shutdown time"
        );
    }
}

/// Serves a connection until it ends.
async fn until_it_ends<C: GracefulConnection>(connection: C, state: Arc<ConnectionState>)
where
    C::Error: std::fmt::Display,
{
    let mut connection = pin!(connection);
    let mut closing = false;
    state.is_served();
    loop {
        tokio::select! {
            // First: a request that comes just when the connection's time is over is answered.
            biased;
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "a connection ended with an error");
                }
                return;
            }
            verdict = state.judged(closing) => match verdict {
                Verdict::Doubt => match state.is_due() {
                    Some(Verdict::End) => return,
                    Some(_) if !closing => {}
                    _ => continue,
                },
                Verdict::Close => {}
                Verdict::End => return,
            },
        }
        closing = true;
        connection.as_mut().graceful_shutdown();
    }
}

/// How connections are served.
fn builder(limits: ConnectionLimits, stalled_max: Duration) -> Builder<Streams> {
    let mut builder = Builder::new(Streams { timeout: stalled_max });
    // Hyper's time for a head begins when the request before it ends: `connections/listener.rs` watches how long either
    // takes.
    builder.http1().timer(TokioTimer::new()).header_read_timeout(None).max_buf_size(READ_BYTES_MAX);
    builder.http2().timer(TokioTimer::new()).max_concurrent_streams(STREAMS_MAX);
    builder.http2().initial_connection_window_size(HTTP2_CONNECTION_WINDOW);
    builder.http2().initial_stream_window_size(HTTP2_STREAM_WINDOW).max_send_buf_size(HTTP2_SEND_BYTES_MAX);
    builder.http2().max_header_list_size(HTTP2_HEAD_BYTES_MAX);
    builder.http2().keep_alive_interval(Some(limits.header_timeout)).keep_alive_timeout(limits.header_timeout);
    builder
}

/// One request, and its id in the answer.
async fn answer<R, F>(
    routes: Arc<R>,
    peer: Peer,
    ids: Arc<RequestIds>,
    asked: Asked,
    request: Request<Incoming>,
) -> Result<hyper::Response<Answer<impl Body<Data = Bytes, Error = warp::Error> + Unpin + 'static>>, Infallible>
where
    R: Fn(Arrived) -> F,
    F: Future<Output = Response>,
{
    let id = ids.of(request.headers());
    // Known only here: over HTTP/2, each request has a task of its own.
    let stream = if request.version() == Version::HTTP_2 {
        peer.1.speaks_http2();
        Stream::current()
    } else {
        None
    };
    let mut arrived = Arrived { request, id: id.clone(), peer, stream: stream.clone() };
    let mut response = match arrived.refused() {
        Some(refused) => refused,
        None => routes(arrived).await,
    };
    response.headers_mut().insert(request_id::HEADER, id.header());
    Ok(Answer::of(response, stream, asked))
}

/// A request as it came in.
pub(in crate::server) struct Arrived {
    pub(in crate::server) request: Request<Incoming>,
    pub(in crate::server) id: RequestId,
    pub(in crate::server) peer: Peer,
    /// Its stream, over HTTP/2.
    stream: Option<Arc<Stream>>,
}

impl Arrived {
    /// Why it gets no further. A URI without a path (`CONNECT host:443`) makes warp 0.4 panic, so it ends
    /// here; and so does a request whose host is missing or ambiguous (RFC 9112, 3.2): a proxy may have read another host
    /// than we would.
    fn refused(&mut self) -> Option<Response> {
        let request = &mut self.request;
        if !request.uri().path().starts_with('/') {
            let mut response = Response::default();
            *response.status_mut() = StatusCode::BAD_REQUEST;
            return Some(response);
        }
        let hosts = request.headers().get_all(header::HOST).iter().count();
        if hosts > 1 || (hosts == 0 && request.version() == Version::HTTP_11) {
            return Some(Problem::NoHost.response());
        }
        // HTTP/2 has the host in the URI: put it where HTTP/1 has it.
        if let Some(host) = request.uri().authority().and_then(|authority| authority.as_str().parse().ok()) {
            request.headers_mut().insert(header::HOST, host);
        }
        None
    }

    /// The request for warp's filters, with what they ask for.
    pub(in crate::server) fn for_filters(self) -> Request<Incoming> {
        let Arrived { mut request, id, peer, stream } = self;
        let extensions = request.extensions_mut();
        extensions.insert(id);
        extensions.insert(Subscriber::new(Arc::clone(&peer.1), stream));
        extensions.insert(peer);
        request
    }
}
