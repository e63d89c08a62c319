//! Each request has an id: it is in the answer's header `X-Request-Id`, and in the log where something went wrong.
//!
//! A proxy may have given it one. That is kept only where it can do no harm in a line of the log.

use std::{
    fmt,
    hash::{BuildHasher as _, RandomState},
    sync::atomic::{AtomicU64, Ordering},
};

use hyper::body::Bytes;
use warp::http::{HeaderMap, HeaderName, HeaderValue};

/// The header that has it.
pub(super) const HEADER: HeaderName = HeaderName::from_static("x-request-id");

const CHARACTERS_MAX: usize = 64;

/// A request's id: at most [`CHARACTERS_MAX`] letters, digits and hyphens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RequestId(HeaderValue);

/// Makes ids that don't give away the number of requests.
#[derive(Default)]
pub(super) struct RequestIds {
    keys: RandomState,
    count: AtomicU64,
}

impl RequestIds {
    /// The id that a request came with, or a new one.
    pub(super) fn of(&self, headers: &HeaderMap) -> RequestId {
        let mut sent = headers.get_all(HEADER).iter();
        let only = sent.next().filter(|_| sent.next().is_none());
        let usable = only.filter(|id| id.to_str().is_ok_and(is_harmless));
        RequestId(usable.map_or_else(|| self.fresh(), HeaderValue::clone))
    }

    fn fresh(&self) -> HeaderValue {
        let id = format!("{:016x}", self.keys.hash_one(self.count.fetch_add(1, Ordering::Relaxed)));
        HeaderValue::from_maybe_shared(Bytes::from(id)).expect("letters and digits")
    }
}

impl RequestId {
    /// As a header's value.
    pub(super) fn header(&self) -> HeaderValue {
        self.0.clone()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.to_str().unwrap_or_default())
    }
}

fn is_harmless(id: &str) -> bool {
    (1..=CHARACTERS_MAX).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_came_along_is_kept_where_it_is_harmless() {
        let ids = RequestIds::default();
        let of = |sent: &[&str]| {
            let mut headers = HeaderMap::new();
            for id in sent {
                headers.append(HEADER, HeaderValue::from_str(id).unwrap());
            }
            ids.of(&headers).to_string()
        };
        assert_eq!(of(&["0f8fad5b-d9cb-469f-a165-70867728950e"]), "0f8fad5b-d9cb-469f-a165-70867728950e");
        let long = "a".repeat(65);
        for other in [&["a b"][..], &["a\tb"], &["x=1"], &[""], &[&long], &["one", "two"], &[]] {
            let made = of(other);
            assert_eq!(made.len(), 16, "{other:?}: {made}");
            assert!(is_harmless(&made));
        }
        assert_ne!(of(&[]), of(&[]));
    }
}
