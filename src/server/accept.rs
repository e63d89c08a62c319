//! The accept loop: one task a connection, with limits on how many, how slow, and how long at the end.

use std::{convert::Infallible, sync::Arc, time::Duration};

use hyper::{Request, StatusCode, body::Incoming, header, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto::Builder, graceful::GracefulShutdown},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_util::sync::CancellationToken;
use tower_service::Service;
use warp::{Filter, reply::Response};

use super::{
    Peer,
    impatient::{Impatient, Subscriber},
    request_id::{self, RequestIds},
};

/// Requests on one HTTP/2 connection at the same time.
const STREAMS_MAX: u32 = 128;
/// How long to wait after the system refused a connection (too many open files, say).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What a connection may use.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionLimits {
    /// Connections at the same time; more wait in the system's queue.
    pub connections_max: usize,
    /// How long a request's head may take to arrive.
    pub header_timeout: Duration,
    /// How long the other end may take none of an answer.
    pub write_timeout: Duration,
}

/// Accepts connections until `stop`, then lets the open ones finish what they were asked.
pub(super) async fn serve<F>(
    listener: TcpListener,
    routes: F,
    limits: ConnectionLimits,
    shutdown_timeout: Duration,
    stop: CancellationToken,
) where
    F: Filter<Extract = (Response,), Error = Infallible> + Clone + Send + Sync + 'static,
    F::Future: Send,
{
    let permits = Arc::new(Semaphore::new(limits.connections_max));
    let ids = Arc::new(RequestIds::default());
    let graceful = GracefulShutdown::new();
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(limits.header_timeout);
    builder.http2().timer(TokioTimer::new()).max_concurrent_streams(STREAMS_MAX);
    builder.http2().keep_alive_interval(Some(limits.header_timeout)).keep_alive_timeout(limits.header_timeout);
    loop {
        let accepted = async {
            let permit = Arc::clone(&permits).acquire_owned().await;
            (permit.expect("nobody closes the semaphore"), listener.accept().await)
        };
        let (permit, accepted) = tokio::select! {
            () = stop.cancelled() => break,
            accepted = accepted => accepted,
        };
        let (stream, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let _ = TcpStream::set_nodelay(&stream, true);
        let service = warp::service(routes.clone());
        let peer = Peer(address);
        let asked = CancellationToken::new();
        let first_request = asked.clone();
        let ids = Arc::clone(&ids);
        let subscriber = Subscriber::default();
        let stream = Impatient::new(stream, limits.write_timeout, subscriber.clone());
        let service = service_fn(move |mut request| {
            asked.cancel();
            Request::extensions_mut(&mut request).insert(subscriber.clone());
            answer(service.clone(), peer, Arc::clone(&ids), request)
        });
        let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service).into_owned();
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            tokio::select! {
                ended = connection => {
                    if let Err(error) = ended {
                        tracing::debug!(%error, "a connection ended with an error");
                    }
                }
                () = silence(first_request, limits.header_timeout) => {
                    tracing::debug!("a connection was closed because it asked for nothing in time");
                }
            }
            drop(permit);
        });
    }
    drop(listener);
    if tokio::time::timeout(shutdown_timeout, graceful.shutdown()).await.is_err() {
        tracing::warn!(
            seconds = shutdown_timeout.as_secs(),
            "connections were still open at the end of the shutdown time"
        );
    }
}

/// Ends where no request comes within `timeout`. Hyper's own timer starts only once a connection has
/// shown which version of HTTP it speaks: without this, one that says nothing would stay for ever.
async fn silence(first_request: CancellationToken, timeout: Duration) {
    if tokio::time::timeout(timeout, first_request.cancelled()).await.is_ok() {
        std::future::pending().await
    }
}

/// One request, and its id in the answer.
async fn answer<S>(
    service: S,
    peer: Peer,
    ids: Arc<RequestIds>,
    mut request: Request<Incoming>,
) -> Result<Response, Infallible>
where
    S: Service<Request<Incoming>, Response = Response, Error = Infallible>,
{
    let id = ids.of(request.headers());
    request.extensions_mut().insert(id.clone());
    let mut response = route(service, peer, request).await?;
    response.headers_mut().insert(request_id::HEADER, id.header());
    Ok(response)
}

/// A URI without a path (`CONNECT host:443`) makes warp 0.4 panic, so it ends here.
async fn route<S>(mut service: S, peer: Peer, mut request: Request<Incoming>) -> Result<Response, Infallible>
where
    S: Service<Request<Incoming>, Response = Response, Error = Infallible>,
{
    if !request.uri().path().starts_with('/') {
        let mut response = Response::default();
        *response.status_mut() = StatusCode::BAD_REQUEST;
        return Ok(response);
    }
    // HTTP/2 has the host in the URI: put it where HTTP/1 has it.
    if let Some(host) = request.uri().authority().and_then(|authority| authority.as_str().parse().ok()) {
        request.headers_mut().insert(header::HOST, host);
    }
    request.extensions_mut().insert(peer);
    service.call(request).await
}
