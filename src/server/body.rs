//! Reading a request's body: bounded in size and time, whether or not its length was announced.

use std::time::Duration;

use futures_util::{Stream, StreamExt, pin_mut};
use warp::{
    Buf,
    http::{HeaderMap, header},
};

use super::{
    connections::{ConnectionState, Held},
    problem::Problem,
};

/// How much of a body that is too large is read and dropped, so that its sender gets to read the answer.
const DROPPED_BYTES_MAX: usize = 1 << 20;

/// The whole body, if it has at most `bytes_max` and arrives within `timeout`, and the room that it takes: on its
/// connection, and of what all bodies may take. Where there is none, the body waits for it unread.
pub(super) async fn read<B: Buf>(
    connection: &ConnectionState,
    headers: &HeaderMap,
    body: impl Stream<Item = Result<B, warp::Error>>,
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
    let Ok(mut held) = tokio::time::timeout(timeout, room).await else { return Err(Problem::TooMuch) };
    let bytes = tokio::time::timeout(timeout, read).await.unwrap_or(Err(Problem::TooSlow))?;
    held.fit(bytes.len());
    Ok((bytes, held))
}

/// Whether the media type is `application/json`, with any parameters.
pub(super) fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = value.split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/json")
}
