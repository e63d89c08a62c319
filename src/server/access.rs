//! Who may read: a bearer token, or, where no reader is configured, the machine itself.

use std::net::IpAddr;

use warp::http::{HeaderMap, HeaderName, header, uri::Authority};

use crate::graphql::Viewer;

use super::{App, Peer, problem::Problem};

/// Parts of the names of headers that a proxy adds: with one of them, a loopback peer is not who it seems.
const FORWARDING: [&str; 4] = ["forwarded", "real-ip", "client-ip", "connecting-ip"];

/// Who asks; counts a failure.
pub(super) fn viewer(app: &App, peer: Peer, headers: &HeaderMap) -> Result<Viewer, Problem> {
    if app.readers.is_empty() {
        let local = is_local(peer, headers) && has_loopback_host(headers);
        return if local { Ok(Viewer::local_admin()) } else { Err(Problem::ReadersNotConfigured) };
    }
    let authenticated = bearer(headers).and_then(|token| app.readers.authenticate(token, (app.clock)()));
    authenticated.ok_or_else(|| app.failures.count(peer.0.ip(), Problem::Unauthenticated))
}

/// Whether the peer is this machine, with no proxy between.
pub(super) fn is_local(peer: Peer, headers: &HeaderMap) -> bool {
    let loopback = peer.0.ip().to_canonical().is_loopback();
    let forwards =
        |name: &HeaderName| *name == header::VIA || FORWARDING.iter().any(|part| name.as_str().contains(part));
    loopback && !headers.keys().any(forwards)
}

/// A page that a browser on this machine shows must not reach the server under a name of its own
/// (DNS rebinding), so the `Host` has to be a loopback one.
fn has_loopback_host(headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
    let Some(authority) = host.to_str().ok().and_then(|host| host.parse::<Authority>().ok()) else { return false };
    let name = authority.host();
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    name.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.to_canonical().is_loopback())
}

fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let (scheme, token) = value.as_bytes().split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then(|| token.trim_ascii())
}
