//! Logs the pages that were refused for where they come from: a browser shows nobody why a WebSocket was not opened,
//! and the setting that would let it in is the operator's.

use std::{
    num::NonZeroU32,
    sync::atomic::{AtomicU64, Ordering},
};

use governor::{DefaultDirectRateLimiter, Quota};
use warp::http::{HeaderMap, HeaderName, header};

/// How many messages may come at once; then one a minute. A refused client is a stranger, and may come often.
const BURST: NonZeroU32 = NonZeroU32::new(10).expect("it is not 0");
/// How much of a stranger's header is shown, in bytes.
const SHOWN_BYTES_MAX: usize = 120;

/// What was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server) enum Refused {
    /// A WebSocket for a page that is neither this server's nor of a listed origin.
    Socket,
    /// Signing in or out from a page that is not this server's.
    SignIn,
    /// A WebSocket that may only come from this machine, because no reader is configured.
    SocketFromElsewhere,
}

/// Logs them, seldom enough that nobody floods the log.
pub(in crate::server) struct Refusals {
    limiter: DefaultDirectRateLimiter,
    untold: AtomicU64,
}

impl Refusals {
    pub(in crate::server) fn new() -> Refusals {
        let quota = Quota::per_minute(NonZeroU32::MIN).allow_burst(BURST);
        Refusals { limiter: DefaultDirectRateLimiter::direct(quota), untold: AtomicU64::new(0) }
    }

    /// Logs one, with the headers that decided.
    pub(in crate::server) fn tell(&self, refused: Refused, headers: &HeaderMap) {
        if self.limiter.check().is_err() {
            self.untold.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let untold = self.untold.swap(0, Ordering::Relaxed);
        let origin = shown(headers, &header::ORIGIN);
        let host = shown(headers, &header::HOST);
        match refused {
            Refused::Socket => tracing::warn!(
                origin,
                host,
                untold,
                "a page's WebSocket was refused: its origin is not the host that it was sent to. If this is a page of this \
                 server's, a proxy changes the `Host`: let it pass on the browser's (nginx: `proxy_set_header Host \
                 $http_host;`), or set `[server] public_url`. If it is another site's that may read, list its origin in \
                 `[server] allowed_origins`"
            ),
            Refused::SignIn => tracing::warn!(
                origin,
                host,
                untold,
                "signing in was refused: the page's origin is not the host that it was sent to. If this is a page of this \
                 server's, a proxy changes the `Host`: let it pass on the browser's (nginx: `proxy_set_header Host \
                 $http_host;`), or set `[server] public_url`"
            ),
            Refused::SocketFromElsewhere => tracing::warn!(
                origin,
                host,
                untold,
                "a WebSocket was refused: no reader is configured, so only programs on this machine may read, with a \
                 loopback `Host` and without a proxy between. Add a [[reader]] to the configuration"
            ),
        }
    }
}

/// The values of a header, escaped and cut.
fn shown(headers: &HeaderMap, name: &HeaderName) -> String {
    let values: Vec<_> = headers.get_all(name).iter().map(|value| value.as_bytes()).collect();
    if values.is_empty() {
        return "(none)".to_owned();
    }
    let bytes = values.join(&b", "[..]);
    let kept = &bytes[..bytes.len().min(SHOWN_BYTES_MAX)];
    let cut = if kept.len() < bytes.len() { "…" } else { "" };
    format!("{}{cut}", kept.escape_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_stranger_sends_is_shown_short_and_on_one_line() {
        let mut headers = HeaderMap::new();
        assert_eq!(shown(&headers, &header::ORIGIN), "(none)");
        for value in [&b"https://a.example"[..], b"b\t\xff\""] {
            headers.append(header::ORIGIN, value.try_into().unwrap());
        }
        assert_eq!(shown(&headers, &header::ORIGIN), r#"https://a.example, b\t\xff\""#);
        headers.insert(header::ORIGIN, "a".repeat(10_000).try_into().unwrap());
        assert_eq!(shown(&headers, &header::ORIGIN), format!("{}…", "a".repeat(SHOWN_BYTES_MAX)));
    }

    #[test]
    fn a_flood_is_counted_and_not_told() {
        let refusals = Refusals::new();
        for _ in 0..1000 {
            refusals.tell(Refused::Socket, &HeaderMap::new());
        }
        assert!(refusals.untold.load(Ordering::Relaxed) >= 980);
    }
}
