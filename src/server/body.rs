//! Reading a request's body: bounded in size and time, whether or not its length was announced.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::{FutureExt as _, Stream, StreamExt, TryStream, TryStreamExt as _, pin_mut};
use tokio::{
    runtime::Handle,
    time::{Instant, timeout_at},
};
use warp::{
    Buf,
    http::{HeaderMap, header},
};

use super::problem::Problem;
use crate::server::connection::connections::{ConnectionState, Held};

/// How much of a body that is too large is read and dropped, so that its sender gets to read the answer.
const DROPPED_BYTES_MAX: usize = 1 << 20;

/// The whole body, if it has at most `bytes_max` and arrives within `timeout`, and the room that it takes: on its
/// connection, and of all bodies' room. Until there is room, the body waits unread.
pub(super) async fn read<B: Buf, E>(
    connection: &ConnectionState,
    headers: &HeaderMap,
    body: impl Stream<Item = Result<B, E>>,
    bytes_max: usize,
    timeout: Duration,
) -> Result<(Vec<u8>, Held), Problem> {
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    pin_mut!(body);
    let read = async {
        let mut bytes = Vec::with_capacity(announced.unwrap_or(0).min(bytes_max));
        let mut total: usize = 0;
        while let Some(chunk) = body.next().await {
            let mut chunk = chunk.map_err(|_| Problem::Incomplete)?;
            total = total.saturating_add(chunk.remaining());
            if total > DROPPED_BYTES_MAX {
                break;
            }
            while chunk.has_remaining() {
                if total <= bytes_max {
                    bytes.extend_from_slice(chunk.chunk());
                }
                chunk.advance(chunk.chunk().len());
            }
        }
        if total > bytes_max { Err(Problem::TooLarge { bytes_max }) } else { Ok(bytes) }
    };
    if announced.is_some_and(|length: usize| length > DROPPED_BYTES_MAX) {
        return Err(Problem::TooLarge { bytes_max });
    }
    let room = connection.hold_body(announced.unwrap_or(bytes_max).min(bytes_max));
    let Some(mut held) = within(timeout, room).await else { return Err(Problem::TooMuch) };
    let bytes = within(timeout, read).await.unwrap_or(Err(Problem::TooSlow))?;
    held.fit(bytes.len());
    Ok((bytes, held))
}

/// The future's value, if it is ready within `timeout`. Most bodies arrive with their heads, and need no timer.
async fn within<T>(timeout: Duration, future: impl Future<Output = T>) -> Option<T> {
    pin_mut!(future);
    match future.as_mut().now_or_never() {
        Some(done) => Some(done),
        None => tokio::time::timeout(timeout, future).await.ok(),
    }
}

/// A body whose rest is read and dropped, within its time, where its request is answered before its end. Otherwise the
/// connection is closed while bytes still come, and their sender meets that before it reads the answer: a proxy then
/// says 502 in place of our answer.
pub(super) struct Lingering<S: Chunks> {
    rest: Option<S>,
    /// `None`: not at all.
    until: Option<Instant>,
    connection: Arc<ConnectionState>,
}

/// A body as it comes.
pub(super) trait Chunks: TryStream<Ok: Buf + Send> + Unpin + Send + 'static {}

impl<S: TryStream<Ok: Buf + Send> + Unpin + Send + 'static> Chunks for S {}

/// The body of a request with these headers. A client that waits to be asked for it (`Expect`), and is not, sends none.
pub(super) fn lingering<S: Chunks>(
    connection: &Arc<ConnectionState>,
    headers: &HeaderMap,
    body: S,
    timeout: Duration,
) -> Lingering<S> {
    let until = (!headers.contains_key(header::EXPECT)).then(|| Instant::now() + timeout);
    Lingering { rest: Some(body), until, connection: Arc::clone(connection) }
}

impl<S: Chunks> Stream for Lingering<S> {
    type Item = Result<S::Ok, S::Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(rest) = &mut self.rest else { return Poll::Ready(None) };
        let next = rest.try_poll_next_unpin(context);
        if matches!(next, Poll::Ready(None | Some(Err(_)))) {
            self.rest = None;
        }
        next
    }
}

impl<S: Chunks> Drop for Lingering<S> {
    fn drop(&mut self) {
        let (Some(mut rest), Some(until)) = (self.rest.take(), self.until) else { return };
        if until <= Instant::now() {
            return;
        }
        let Ok(runtime) = Handle::try_current() else { return };
        // Most requests whose body nobody reads have none.
        let mut dropped = match rest.try_next().now_or_never() {
            None => 0,
            Some(Ok(Some(chunk))) => chunk.remaining(),
            Some(Ok(None) | Err(_)) => return,
        };
        let lingers = self.connection.lingers();
        let read = async move {
            let _lingers = lingers;
            while dropped <= DROPPED_BYTES_MAX
                && let Ok(Some(chunk)) = rest.try_next().await
            {
                dropped = dropped.saturating_add(chunk.remaining());
            }
        };
        runtime.spawn(timeout_at(until, read));
    }
}

/// Whether the media type is `application/json`, with any parameters.
pub(super) fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = value.split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/json")
}
