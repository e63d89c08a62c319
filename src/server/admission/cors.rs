//! Which web pages of other origins may read answers of `/graphql` in a browser (the Fetch standard's CORS protocol).
//!
//! The answer names the origin of a page that is configured; from any other page, the browser keeps the answer. That
//! protects readers' browsers; who may read what is decided by `access.rs`. Only `/graphql` takes part.

use warp::{
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    reply::Response,
};

const METHODS: HeaderValue = HeaderValue::from_static("GET, POST");
/// The headers that a page may send which asks for none, or for names that are none.
const HEADERS: HeaderValue = HeaderValue::from_static("authorization, content-type, accept, x-request-id");
/// The most headers that a page may ask for, and their bytes together.
const ASKED_MAX: usize = 64;
const ASKED_BYTES_MAX: usize = 4 << 10;
/// For how many seconds a browser need not ask again.
const MAX_AGE: HeaderValue = HeaderValue::from_static("3600");
/// The headers that a page may read.
const EXPOSED: HeaderValue = HeaderValue::from_static("x-request-id, retry-after");
const VARY: HeaderValue = HeaderValue::from_static("Origin");
/// What the answer to a preflight depends on, beside the origin.
const VARY_PREFLIGHT: HeaderValue =
    HeaderValue::from_static("Access-Control-Request-Headers, Access-Control-Request-Private-Network");
/// A page of the internet asks whether it may come to an address of a private network
/// (<https://wicg.github.io/private-network-access/>).
const ASKS_PRIVATE: HeaderName = HeaderName::from_static("access-control-request-private-network");
const PRIVATE: HeaderName = HeaderName::from_static("access-control-allow-private-network");

/// The allowed origins, and our own, whatever `Host` a proxy sends.
#[derive(Clone, Debug)]
pub(in crate::server) struct Origins {
    listed: Vec<String>,
    public: Option<String>,
}

impl Origins {
    /// These, and that of `public_url`, each in the form in which a browser sends it.
    pub(in crate::server) fn new(listed: Vec<String>, public: Option<String>) -> Origins {
        Origins { listed, public }
    }

    /// Whether this is the origin of `public_url`.
    pub(in crate::server) fn is_public(&self, origin: &str) -> bool {
        self.public.as_deref() == Some(origin)
    }

    /// The origin of a request, if it is allowed.
    pub(in crate::server) fn allowed<'a>(&self, headers: &'a HeaderMap) -> Option<&'a HeaderValue> {
        let mut values = headers.get_all(header::ORIGIN).iter();
        let (Some(origin), None) = (values.next(), values.next()) else { return None };
        self.listed.iter().any(|known| known.as_bytes() == origin.as_bytes()).then_some(origin)
    }

    /// The answer to a preflight; `None` where the request is none. A preflight has no credentials, so the answer is
    /// the same for everybody.
    pub(in crate::server) fn preflight(&self, method: &Method, headers: &HeaderMap) -> Option<Response> {
        let asks = headers.contains_key(header::ORIGIN) && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        if *method != Method::OPTIONS || !asks {
            return None;
        }
        let mut response = Response::default();
        *response.status_mut() = StatusCode::NO_CONTENT;
        if self.allowed(headers).is_some() {
            let told = response.headers_mut();
            told.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
            told.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, asked(headers).unwrap_or(HEADERS));
            told.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
            if headers.get(ASKS_PRIVATE).is_some_and(|asks| asks == "true") {
                told.insert(PRIVATE, HeaderValue::from_static("true"));
            }
        }
        self.mark(self.allowed(headers).cloned(), &mut response);
        if !self.listed.is_empty() {
            response.headers_mut().append(header::VARY, VARY_PREFLIGHT);
        }
        Some(response)
    }

    /// Lets the page of an allowed origin read a response. It is marked as depending on the origin in any case, so that
    /// no cache gives one page's answer to another.
    pub(in crate::server) fn mark(&self, allowed: Option<HeaderValue>, response: &mut Response) {
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

/// The headers that a page asks to send. All valid names are allowed: a client's library, a browser's extension or a
/// tracing tool adds its own, and we do not read a header that we do not know.
fn asked(headers: &HeaderMap) -> Option<HeaderValue> {
    let mut names = Vec::new();
    for value in headers.get_all(header::ACCESS_CONTROL_REQUEST_HEADERS) {
        let value = value.to_str().ok()?;
        for name in value.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            names.push(HeaderName::from_bytes(name.as_bytes()).ok()?);
        }
    }
    let list = names.iter().map(HeaderName::as_str).collect::<Vec<_>>().join(", ");
    let fits = (1..=ASKED_MAX).contains(&names.len()) && list.len() <= ASKED_BYTES_MAX;
    HeaderValue::try_from(list).ok().filter(|_| fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(asked_for: &[&str], expected: Option<&str>) {
        let mut headers = HeaderMap::new();
        for value in asked_for {
            headers.append(header::ACCESS_CONTROL_REQUEST_HEADERS, value.parse().unwrap());
        }
        assert_eq!(asked(&headers).as_ref().map(|value| value.to_str().unwrap()), expected, "{asked_for:?}");
    }

    #[test]
    fn every_header_that_is_one_may_be_sent() {
        check(&["authorization,content-type"], Some("authorization, content-type"));
        check(&["Traceparent", "apollographql-client-name , x-a"], Some("traceparent, apollographql-client-name, x-a"));
        check(&["a,,b,"], Some("a, b"));
        check(&[], None);
        check(&[""], None);
        check(&["a b"], None);
        check(&["a, b: c"], None);
        check(&["a\tb"], None);
        check(&["\"a\""], None);
        check(&[&"a,".repeat(ASKED_MAX)], Some(vec!["a"; ASKED_MAX].join(", ").as_str()));
        check(&[&"a,".repeat(ASKED_MAX + 1)], None);
        check(&[&"a".repeat(ASKED_BYTES_MAX + 1)], None);
    }
}
