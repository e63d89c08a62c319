//! Which web pages of other origins may read answers of `/graphql` in a browser (the Fetch standard's CORS protocol).
//!
//! A page of a configured origin is told so, any other is told nothing, and its browser keeps the answer from it. That
//! protects readers' browsers; who may read what is decided by `access.rs`. Only `/graphql` takes part.

use warp::{
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    reply::Response,
};

const METHODS: HeaderValue = HeaderValue::from_static("GET, POST");
const HEADERS: HeaderValue = HeaderValue::from_static("authorization, content-type, accept, x-request-id");
/// Seconds for which a browser need not ask again.
const MAX_AGE: HeaderValue = HeaderValue::from_static("3600");
/// What a page may read beside the body.
const EXPOSED: HeaderValue = HeaderValue::from_static("x-request-id, retry-after");
const VARY: HeaderValue = HeaderValue::from_static("Origin");

/// The origins that are allowed, and the one that is ours whatever `Host` a proxy sends.
#[derive(Clone, Debug)]
pub(super) struct Origins {
    listed: Vec<String>,
    public: Option<String>,
}

impl Origins {
    /// These, and that of `public_url`, each in the form in which a browser sends it.
    pub(super) fn new(listed: Vec<String>, public: Option<String>) -> Origins {
        Origins { listed, public }
    }

    /// Whether this is the origin of `public_url`.
    pub(super) fn is_public(&self, origin: &str) -> bool {
        self.public.as_deref() == Some(origin)
    }

    /// The origin of a request, if it is allowed.
    pub(super) fn allowed<'a>(&self, headers: &'a HeaderMap) -> Option<&'a HeaderValue> {
        let mut values = headers.get_all(header::ORIGIN).iter();
        let (Some(origin), None) = (values.next(), values.next()) else { return None };
        self.listed.iter().any(|known| known.as_bytes() == origin.as_bytes()).then_some(origin)
    }

    /// The answer to a browser that asks before a request; `None` where this is no such question. It is asked without
    /// credentials, so the answer is the same whoever asks.
    pub(super) fn preflight(&self, method: &Method, headers: &HeaderMap) -> Option<Response> {
        let asks = headers.contains_key(header::ORIGIN) && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        if *method != Method::OPTIONS || !asks {
            return None;
        }
        let mut response = Response::default();
        *response.status_mut() = StatusCode::NO_CONTENT;
        if self.allowed(headers).is_some() {
            let told = response.headers_mut();
            told.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
            told.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS);
            told.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
        }
        self.mark(self.allowed(headers).cloned(), &mut response);
        Some(response)
    }

    /// Lets the page of an allowed origin read a response. It is marked as depending on the origin in any case, so that
    /// no cache gives one page's answer to another.
    pub(super) fn mark(&self, allowed: Option<HeaderValue>, response: &mut Response) {
        if self.listed.is_empty() {
            return;
        }
        let headers = response.headers_mut();
        headers.append(header::VARY, VARY);
        if let Some(origin) = allowed {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        }
    }
}
