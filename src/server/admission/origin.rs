//! Pages of other sites: a browser lets any page open a WebSocket to us, or send a cookie of ours, and only says which
//! site the page is of.

use warp::http::{HeaderMap, HeaderName, Uri, header};

use crate::server::admission::cors::Origins;

/// Where browsers find the pages, as `[server] public_url` says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    /// As a browser sends it: `https://clinic.example`.
    pub origin: String,
    /// `/clockfold`, or nothing where the pages are at the top.
    pub path: String,
}

/// Whether a request comes from no page at all, from a page of this server, or from an origin in the list.
pub(in crate::server) fn is_allowed(headers: &HeaderMap, allowed: &Origins) -> bool {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let Some(origin) = origins.next() else { return true };
    let (Ok(origin), None) = (origin.to_str(), origins.next()) else { return false };
    allowed.allowed(headers).is_some() || is_own(origin, headers, allowed)
}

/// How the page relates to us, as the browser judges. Browsers send it only over TLS or on this machine.
const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Whether a request comes from a page that is not this server's own: in the list or not.
pub(in crate::server) fn is_foreign_page(headers: &HeaderMap, origins: &Origins) -> bool {
    !judged(headers, origins).unwrap_or(true)
}

/// Whether a request comes from a page of this server, so that its cookie says who asks. Browsers say so of every
/// request but those that only read, whose answers no other page gets.
pub(in crate::server) fn is_own_page(headers: &HeaderMap, origins: &Origins, reads_only: bool) -> bool {
    judged(headers, origins).unwrap_or(reads_only)
}

/// The same for a request for a WebSocket, which no other page may open by a cookie. Every browser sends the origin
/// there; not every one judges the site, and some took `ws:` for another site than `http:`.
pub(in crate::server) fn is_own_socket(headers: &HeaderMap, origins: &Origins) -> bool {
    own_origin(headers, origins).unwrap_or(false)
}

/// Whether a page that sends this was found at the server's own address, not at `public_url`.
pub(in crate::server) fn is_beside_public(headers: &HeaderMap, public: &PublicUrl) -> bool {
    let origin = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
    origin.is_some_and(|origin| origin != public.origin && is_at_host(origin, headers))
}

/// Whether a page of ours that sends this came over TLS.
pub(in crate::server) fn is_https(headers: &HeaderMap) -> bool {
    headers.get(header::ORIGIN).is_some_and(|origin| origin.as_bytes().starts_with(b"https://"))
}

/// Whether it is a page of ours, where the browser says whose it is. Its own judgement goes first: no proxy that gives
/// us another `Host` misleads it.
fn judged(headers: &HeaderMap, origins: &Origins) -> Option<bool> {
    let mut sites = headers.get_all(SITE).iter();
    if let Some(site) = sites.next() {
        // `none`: a person typed the address or chose a bookmark.
        return Some(sites.next().is_none() && (site == "same-origin" || site == "none"));
    }
    own_origin(headers, origins)
}

/// Whether the one origin that a request names is ours.
fn own_origin(headers: &HeaderMap, ours: &Origins) -> Option<bool> {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let origin = origins.next()?;
    Some(origins.next().is_none() && origin.to_str().is_ok_and(|origin| is_own(origin, headers, ours)))
}

/// Whether a page is ours: at `public_url`, or at the host and port that the request was sent to.
fn is_own(origin: &str, headers: &HeaderMap, ours: &Origins) -> bool {
    ours.is_public(origin) || is_at_host(origin, headers)
}

/// Where Apache, Caddy, Traefik and others say which host the browser asked for, if they ask us for another one. A page
/// of another site can't send it with a cookie: its browser asks us first, and we allow cookies to no origin.
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// Whether a page's host and port are those that the request was sent to, here or to a proxy.
fn is_at_host(origin: &str, headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next().and_then(|host| host.to_str().ok()), hosts.next()) else { return false };
    let forwarded = headers.get_all(FORWARDED_HOST).iter().filter_map(|hosts| hosts.to_str().ok());
    // A proxy behind a proxy adds its own host after the first one.
    let forwarded = forwarded.flat_map(|hosts| hosts.split(',')).map(str::trim);
    std::iter::once(host).chain(forwarded).any(|host| is_at(origin, host))
}

/// Whether a page of this origin is at this host and port.
fn is_at(origin: &str, host: &str) -> bool {
    let Ok(uri) = origin.parse::<Uri>() else { return false };
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else { return false };
    let default = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => return false,
    };
    let host = host.strip_suffix(default).unwrap_or(host);
    authority.as_str().strip_suffix(default).unwrap_or(authority.as_str()).eq_ignore_ascii_case(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(origin: Option<&str>, host: &str, expected: bool) {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
        }
        let allowed =
            Origins::new(vec!["https://board.example.org".to_owned()], Some("https://wall.example.org".to_owned()));
        assert_eq!(is_allowed(&headers, &allowed), expected, "{origin:?} at {host}");
    }

    #[test]
    fn only_pages_of_ours_and_of_the_list_may_connect() {
        check(None, "clinic.example.org", true);
        check(Some("https://clinic.example.org"), "clinic.example.org", true);
        check(Some("https://clinic.example.org"), "Clinic.Example.org:443", true);
        check(Some("http://127.0.0.1:8080"), "127.0.0.1:8080", true);
        check(Some("https://board.example.org"), "clinic.example.org", true);
        check(Some("https://clinic.example.org.evil.example"), "clinic.example.org", false);
        // Behind a proxy that puts its own `Host` in place of the browser's.
        check(Some("https://wall.example.org"), "127.0.0.1:8080", true);
        check(Some("http://wall.example.org"), "127.0.0.1:8080", false);
        check(Some("https://wall.example.org:8443"), "127.0.0.1:8080", false);
        check(Some("http://127.0.0.1:3000"), "127.0.0.1:8080", false);
        check(Some("http://board.example.org"), "clinic.example.org", false);
        check(Some("null"), "clinic.example.org", false);
        check(Some("file://clinic.example.org"), "clinic.example.org", false);
    }

    #[test]
    fn a_cookie_counts_for_pages_of_ours_alone() {
        const HOST: (&str, &str) = ("host", "clinic.example.org");
        for (sent, own, own_where_it_reads) in [
            (&[][..], false, true),
            (&[("origin", "https://clinic.example.org")], true, true),
            (&[("origin", "https://board.example.org")], false, false),
            (&[("origin", "https://clinic.example.org:8443")], false, false),
            (&[("origin", "https://wall.example.org")], true, true),
            (&[("origin", "null")], false, false),
            (&[("origin", "")], false, false),
            (&[("origin", "https://clinic.example.org"), ("origin", "https://evil.example")], false, false),
            (&[("sec-fetch-site", "same-origin")], true, true),
            (&[("sec-fetch-site", "none")], true, true),
            (&[("sec-fetch-site", "same-site")], false, false),
            (&[("sec-fetch-site", "cross-site"), ("origin", "https://clinic.example.org")], false, false),
            (&[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")], false, false),
            (&[("sec-fetch-site", "same-origin"), ("origin", "https://as.the.proxy.is.called")], true, true),
            (&[("x-forwarded-host", "clinic.example"), ("origin", "https://clinic.example")], true, true),
            (&[("x-forwarded-host", "a.example, B.example:443"), ("origin", "https://b.example")], true, true),
            (&[("x-forwarded-host", "clinic.example"), ("origin", "https://evil.example")], false, false),
            (&[("x-forwarded-host", "clinic.example, "), ("origin", "null")], false, false),
            (&[("x-forwarded-host", "clinic.example")], false, true),
        ] {
            let origins = Origins::new(Vec::new(), Some("https://wall.example.org".to_owned()));
            let mut headers = HeaderMap::new();
            for (name, value) in [&[HOST], sent].concat() {
                headers.append(HeaderName::from_static(name), value.parse().unwrap());
            }
            let judged = (is_own_page(&headers, &origins, false), is_own_page(&headers, &origins, true));
            assert_eq!(judged, (own, own_where_it_reads), "{sent:?}");
            assert_eq!(is_foreign_page(&headers, &origins), !own_where_it_reads, "{sent:?}");
            let ours = ["https://clinic.example.org", "https://wall.example.org"];
            let own_origin = ours.iter().any(|origin| sent.contains(&("origin", origin)))
                && !sent.contains(&("origin", "https://evil.example"));
            let forwarded = sent.iter().any(|(name, _)| *name == "x-forwarded-host") && own;
            assert_eq!(is_own_socket(&headers, &origins), own_origin || forwarded, "{sent:?}");
        }
    }
}
