//! `GET /log?after=POSITION&to=POSITION`: deliveries as the log holds them, in the export format, for admins of all
//! sources. Commands beside this server read it.
//!
//! The log is read on a thread of its own, a few chunks ahead of whoever takes the answer; a slow one holds up nobody.
//! An answer that breaks off lacks its last line, so that its reader does not take it for whole.

use std::{
    io::{self, Write},
    sync::Arc,
    time::Instant,
};

use futures_util::stream;
use tokio::sync::mpsc;
use warp::{
    Filter, Rejection, Reply,
    http::{HeaderMap, HeaderValue, Method, header},
    reply::Response,
};

use crate::{
    copies::{Stretch, StretchError, ndjson},
    graphql::Role,
    log::Position,
};

use super::{App, Peer, access::viewer, measure, problem::Problem, with};

/// How many read the log at the same time.
pub(super) const READERS_MAX: usize = 4;
const CHUNK_BYTES: usize = 64 << 10;
/// Chunks that wait for whoever takes the answer.
const CHUNKS_AHEAD: usize = 4;

pub(super) fn route(app: &Arc<App>) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + 'static {
    warp::path!("log")
        .and(warp::method())
        .and(warp::query::raw().or(warp::any().map(String::new)).unify())
        .and(warp::header::headers_cloned())
        .and(warp::ext::get::<Peer>())
        .and(with(app))
        .then(|method, query: String, headers, peer, app: Arc<App>| async move {
            let begun = Instant::now();
            let answered = answer(&app, &method, &query, headers, peer).await;
            let response = answered.unwrap_or_else(Problem::response);
            measure("log", begun, response.status());
            response
        })
}

async fn answer(
    app: &Arc<App>,
    method: &Method,
    query: &str,
    headers: HeaderMap,
    peer: Peer,
) -> Result<Response, Problem> {
    let viewer = viewer(app, peer, &headers)?;
    if viewer.role != Role::Admin || viewer.sources.is_some() {
        return Err(Problem::Forbidden);
    }
    if method != Method::GET {
        return Err(Problem::MethodNotAllowed { allow: "GET" });
    }
    let (after, to) = range(query).ok_or(Problem::BadRange)?;
    if app.draining() {
        return Err(Problem::Draining);
    }
    let permit = Arc::clone(&app.log_permits).try_acquire_owned().map_err(|_| Problem::TooManyReaders)?;
    let (chunks, taken) = mpsc::channel(CHUNKS_AHEAD);
    let (told, begun) = tokio::sync::oneshot::channel();
    let app = Arc::clone(app);
    tokio::task::spawn_blocking(move || {
        let stretch = Stretch::of(&*app.log, after, to);
        let found = stretch.as_ref().map(drop).map_err(|error| match error {
            StretchError::Beyond { .. } | StretchError::Backwards { .. } => Problem::BadRange,
            StretchError::Log(error) => {
                tracing::error!(%error, "the log could not be read for /log");
                Problem::Internal
            }
        });
        let Ok(()) = told.send(found) else { return };
        let Ok(stretch) = stretch else { return };
        let output = Chunks { app: &app, chunk: Vec::with_capacity(CHUNK_BYTES), chunks: &chunks };
        if let Err(error) = write(&app, stretch, output) {
            tracing::info!(%error, "an answer of /log ended early");
            let _ = chunks.blocking_send(Err(error));
        }
        drop(permit);
    });
    begun.await.map_err(|_| Problem::Internal)??;
    let body = stream::unfold(taken, |mut taken| async { taken.recv().await.map(|chunk| (chunk, taken)) });
    let mut response = warp::reply::stream(body).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    Ok(response)
}

fn write(app: &App, stretch: Stretch, output: Chunks<'_>) -> io::Result<()> {
    let mut writer = ndjson::Writer::new(output, ndjson::Header { stretch, sources: None })?;
    for delivery in stretch.read(&*app.log) {
        writer.write(&delivery.map_err(io::Error::other)?)?;
    }
    writer.finish().map(drop)
}

/// The two parameters; `None` where one is not a position, is there twice, or is none of the two.
fn range(query: &str) -> Option<(Position, Option<Position>)> {
    let (mut after, mut to) = (None, None);
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=')?;
        let place = match name {
            "after" => &mut after,
            "to" => &mut to,
            _ => return None,
        };
        let digits = value.bytes().all(|byte| byte.is_ascii_digit());
        let position = Position::new(value.parse().ok().filter(|_| digits)?);
        if place.replace(position).is_some() {
            return None;
        }
    }
    Some((after.unwrap_or(Position::ZERO), to))
}

/// Hands chunks over, and waits while enough of them wait.
struct Chunks<'a> {
    app: &'a App,
    chunk: Vec<u8>,
    chunks: &'a mpsc::Sender<io::Result<Vec<u8>>>,
}

impl Write for Chunks<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.chunk.extend_from_slice(bytes);
        if self.chunk.len() >= CHUNK_BYTES {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.app.draining() {
            return Err(io::Error::other("the server is about to stop"));
        }
        let chunk = std::mem::replace(&mut self.chunk, Vec::with_capacity(CHUNK_BYTES));
        let gone = |_| io::Error::other("whoever asked has gone, or takes nothing more");
        self.chunks.blocking_send(Ok(chunk)).map_err(gone)
    }
}
