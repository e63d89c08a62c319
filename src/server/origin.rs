//! Pages of other sites: a browser lets any page open a WebSocket to us, and only says whose page it is.

use warp::http::{HeaderMap, Uri, header};

use super::cors::Origins;

/// Whether a request comes from no page at all, from a page of this server's, or from an origin in the list.
pub(super) fn is_allowed(headers: &HeaderMap, allowed: &Origins) -> bool {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let Some(origin) = origins.next() else { return true };
    let (Ok(origin), None) = (origin.to_str(), origins.next()) else { return false };
    allowed.allowed(headers).is_some() || is_own(origin, headers)
}

/// Whether a page's host and port are those that the request was sent to.
fn is_own(origin: &str, headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next().and_then(|host| host.to_str().ok()), hosts.next()) else { return false };
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
        let allowed = Origins::new(vec!["https://board.example.org".to_owned()]);
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
        check(Some("http://127.0.0.1:3000"), "127.0.0.1:8080", false);
        check(Some("http://board.example.org"), "clinic.example.org", false);
        check(Some("null"), "clinic.example.org", false);
        check(Some("file://clinic.example.org"), "clinic.example.org", false);
    }
}
