//! A long answer, written on a thread of its own a few chunks ahead of its reader; a slow reader holds up nobody.
//!
//! An answer that breaks off lacks the body's proper end, so that nobody takes it for whole.

use std::{
    io::{self, Write},
    sync::Arc,
};

use futures_util::stream;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use warp::{
    Reply as _,
    http::{HeaderValue, header},
    reply::Response,
};

use crate::server::app::App;

const CHUNK_BYTES: usize = 32 << 10;
/// Chunks that wait for the answer's reader.
const CHUNKS_AHEAD: usize = 2;

/// The answer that `write` writes, while the permit is held.
pub(in crate::server) fn written(
    app: Arc<App>,
    route: &'static str,
    content_type: &'static str,
    permit: OwnedSemaphorePermit,
    write: impl FnOnce(&App, Chunks<'_>) -> io::Result<()> + Send + 'static,
) -> Response {
    let (chunks, taken) = mpsc::channel(CHUNKS_AHEAD);
    tokio::task::spawn_blocking(move || {
        let output = Chunks { app: &app, chunk: Vec::with_capacity(CHUNK_BYTES), chunks: &chunks };
        if let Err(error) = write(&app, output) {
            tracing::info!(route, %error, "a long answer ended early");
            let _ = chunks.blocking_send(Err(error));
        }
        drop(permit);
    });
    let body = stream::unfold(taken, |mut taken| async { taken.recv().await.map(|chunk| (chunk, taken)) });
    let mut response = warp::reply::stream(body).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// Hands chunks over, and blocks while enough of them wait. What is not flushed is not sent.
pub(in crate::server) struct Chunks<'a> {
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
