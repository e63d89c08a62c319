//! Pages for people and their files, for everybody: `/explorer`, and `/` with the pages beside it, which are one
//! document. They hold no data; what they ask for needs to be signed in like any query.

use warp::{
    Filter, Rejection,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    path::FullPath,
    reply::Response,
};

use crate::{
    dashboard::{DEEPER, File, explorer, pages},
    server::problem::{Problem, shared},
};

/// Finds a file.
type Find = fn(&str) -> Option<&'static File>;

pub(in crate::server) fn routes() -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + 'static {
    let explorer_page = warp::path!("explorer").map(|| (explorer as Find, String::new()));
    let explorer_file = warp::path!("explorer" / String).map(|path| (explorer as Find, path));
    let file = warp::path!("assets" / String).map(|path| (pages as Find, path));
    explorer_page
        .or(explorer_file)
        .unify()
        .or(page())
        .unify()
        .or(file)
        .unify()
        .and(warp::method())
        .and(warp::header::headers_cloned())
        .and(warp::path::full())
        .then(|(find, path): (Find, String), method: Method, headers: HeaderMap, full: FullPath| async move {
            // A page and a file have one address each.
            if full.as_str().len() > 1 && full.as_str().ends_with('/') {
                return Problem::NotFound.response();
            }
            if ![Method::GET, Method::HEAD].contains(&method) {
                return Problem::MethodNotAllowed { allow: "GET, HEAD" }.response();
            }
            // The first one compresses the files.
            let found = tokio::task::spawn_blocking(move || find(&path)).await;
            match found {
                Ok(Some(file)) => response(file, &headers),
                Ok(None) => Problem::NotFound.response(),
                Err(_) => Problem::Internal.response(),
            }
        })
}

/// The addresses at which the pages' one document is. Which page it shows is up to the document.
fn page() -> impl Filter<Extract = ((Find, String),), Error = Rejection> + Clone + 'static {
    let board = warp::path::end();
    let others = warp::path!("rejections").or(warp::path!("charts")).unify().or(warp::path!("sign-in")).unify();
    let appointment = warp::path!("appointment" / String / String).map(|_, _| (pages as Find, DEEPER.to_owned()));
    board.or(others).unify().map(|| (pages as Find, String::new())).or(appointment).unify()
}

fn response(file: &'static File, headers: &HeaderMap) -> Response {
    let gzip = takes_gzip(headers);
    // Each encoding is a representation of its own, so it has a tag of its own.
    let tag = format!("\"{}{}\"", file.digest, if gzip { "-gzip" } else { "" });
    let known = headers.get_all(header::IF_NONE_MATCH).iter().any(|value| {
        let tags = value.to_str().unwrap_or_default().split(',');
        tags.map(|tag| tag.trim().trim_start_matches("W/")).any(|known| known == tag || known == "*")
    });
    let mut response = match (known, gzip) {
        (true, _) => shared(StatusCode::NOT_MODIFIED, file.content_type, &[]),
        (false, true) => shared(StatusCode::OK, file.content_type, &file.gzip),
        (false, false) => shared(StatusCode::OK, file.content_type, file.plain),
    };
    let tag = HeaderValue::try_from(tag).expect("a digest is ASCII");
    let told = response.headers_mut();
    told.insert(header::ETAG, tag);
    told.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(file.policy));
    if gzip && !known {
        told.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    for (name, value) in FIXED {
        told.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// The headers of every file. A browser may keep it and asks each time whether it is still the same.
const FIXED: [(HeaderName, &str); 5] = [
    (header::CACHE_CONTROL, "no-cache"),
    (header::VARY, "Accept-Encoding"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
];

/// Whether the client takes gzip: named, or by `*`, and not with the quality 0.
fn takes_gzip(headers: &HeaderMap) -> bool {
    let quality = |wanted: &str| {
        let values = headers.get_all(header::ACCEPT_ENCODING).iter();
        values.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).find_map(|coding| {
            let mut parts = coding.split(';').map(str::trim);
            let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(wanted));
            let quality = parts.find_map(quality_of).map_or(1.0, |quality| quality.parse().unwrap_or(0.0));
            named.then_some(quality)
        })
    };
    quality("gzip").or_else(|| quality("*")).is_some_and(|quality: f32| quality > 0.0)
}

/// The value of `q=`, whatever its case and spaces.
fn quality_of(parameter: &str) -> Option<&str> {
    let (name, value) = parameter.split_once('=')?;
    name.trim().eq_ignore_ascii_case("q").then(|| value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_chooses_the_encoding() {
        for (accepted, gzip) in [
            ("gzip, deflate, br, zstd", true),
            ("br;q=1.0, GZIP;q=0.2", true),
            ("*", true),
            ("*;q=0.1, gzip;q=0", false),
            ("gzip;q=0.0", false),
            ("gzip;Q=0", false),
            ("gzip ; q = 0", false),
            ("gzip ; Q = 0.5", true),
            ("br", false),
            ("identity", false),
        ] {
            let headers = HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static(accepted))]);
            assert_eq!(takes_gzip(&headers), gzip, "{accepted}");
        }
        assert!(!takes_gzip(&HeaderMap::new()));
    }
}
