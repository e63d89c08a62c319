//! Who may read: a bearer token, a browser that is signed in, or, where no reader is configured, the machine itself.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use subtle::ConstantTimeEq as _;
use warp::http::{HeaderMap, HeaderName, header, uri::Authority};

use crate::{
    access::{CredentialDigest, Readers, Viewer, digest_of},
    log::Clock,
    server::{
        admission::{
            cors::Origins,
            failures::Failures,
            origin,
            pass::Pass,
            refusals::Refusals,
            sessions::{Cookie, Ended, Sessions},
        },
        connection::peer::Peer,
        problem::Problem,
    },
};

/// Parts of the names of headers that a proxy adds: with one of them, a loopback peer is not who it seems.
const FORWARDING: [&str; 4] = ["forwarded", "real-ip", "client-ip", "connecting-ip"];

/// Commands on this machine that could read the data directory's lock file. They may read everything, as they could
/// from the data directory itself.
#[derive(Clone, Copy, Debug)]
pub struct Operator {
    /// The digest of the secret in the lock file.
    pub secret: CredentialDigest,
    /// Where the server listens: a request from the same address comes from this machine.
    pub listens_on: SocketAddr,
}

impl Operator {
    fn is(&self, peer: &Peer, headers: &HeaderMap) -> bool {
        let of_this_machine = peer.0.ip() == self.listens_on.ip() || peer.0.ip().to_canonical().is_loopback();
        let known = |token| bool::from(digest_of(token).ct_eq(&self.secret));
        of_this_machine && !is_forwarded(headers) && bearer(headers).is_some_and(known)
    }
}

/// Decides who may read and who may sign in.
pub(in crate::server) struct Access {
    /// The readers' credentials.
    pub(in crate::server) readers: Readers,
    /// Browsers that are signed in.
    pub(in crate::server) sessions: Sessions,
    /// The origins of pages.
    pub(in crate::server) origins: Origins,
    /// Commands beside the server, if they may ask.
    pub(in crate::server) operator: Option<Operator>,
    /// Failed authentications by address.
    pub(in crate::server) failures: Failures,
    /// Foreign pages that were refused.
    pub(in crate::server) refusals: Refusals,
    /// Decides whether a credential has expired.
    pub(in crate::server) clock: Clock,
}

impl Access {
    /// Who asks; counts a failure. For requests that only read, whose answer no page of another site gets.
    pub(in crate::server) fn viewer(&self, peer: Peer, headers: &HeaderMap) -> Result<Viewer, Problem> {
        self.asker(peer, headers, true).map(|(viewer, _)| viewer)
    }

    /// Who asks, and the pass that proves it, if that can end; counts a failure. A cookie counts only without an
    /// `Authorization`, and only from pages of this server. `reads_only`: the request can't change anything.
    pub(in crate::server) fn asker(
        &self,
        peer: Peer,
        headers: &HeaderMap,
        reads_only: bool,
    ) -> Result<(Viewer, Option<Pass>), Problem> {
        let connection = Arc::clone(&peer.1);
        let found = self.who_asks(peer, headers, reads_only);
        if found.is_ok() {
            connection.is_known();
        }
        found
    }

    fn who_asks(&self, peer: Peer, headers: &HeaderMap, reads_only: bool) -> Result<(Viewer, Option<Pass>), Problem> {
        if self.operator.is_some_and(|operator| operator.is(&peer, headers)) {
            return Ok((Viewer::local_admin(), None));
        }
        if self.readers.is_empty() {
            let local = is_local(&peer, headers) && has_loopback_host(headers);
            return if local { Ok((Viewer::local_admin(), None)) } else { Err(Problem::ReadersNotConfigured) };
        }
        if !headers.contains_key(header::AUTHORIZATION) {
            match self.sessions.of(
                &self.readers,
                headers,
                origin::is_own_page(headers, &self.origins, reads_only),
                (self.clock)(),
            ) {
                Cookie::Counts(session, viewer) => return Ok((viewer, Some(Pass::Session(session)))),
                Cookie::Ended(ended) => return Err(self.signed_out(peer, ended)),
                Cookie::Absent => {}
            }
        }
        let token = bearer(headers);
        let viewer = self.authenticate(peer, token)?;
        Ok((viewer, token.map(Pass::token)))
    }

    /// The reader whose cookie comes with a request for a WebSocket, where readers are configured; counts a failure.
    pub(in crate::server) fn signed_in(&self, peer: Peer, headers: &HeaderMap) -> Result<(Viewer, Pass), Stranger> {
        match self.sessions.of(&self.readers, headers, origin::is_own_socket(headers, &self.origins), (self.clock)()) {
            Cookie::Counts(session, viewer) => {
                peer.1.is_known();
                Ok((viewer, Pass::Session(session)))
            }
            Cookie::Ended(ended) => {
                self.signed_out(peer, ended);
                Err(Stranger::SignedOut)
            }
            Cookie::Absent => Err(Stranger::Unknown),
        }
    }

    /// The reader with this token, where readers are configured; counts a failure.
    pub(in crate::server) fn authenticate(&self, peer: Peer, token: Option<&[u8]>) -> Result<Viewer, Problem> {
        let authenticated = token.and_then(|token| self.readers.authenticate(token, (self.clock)()));
        match authenticated {
            Some(viewer) => {
                peer.1.is_known();
                Ok(viewer)
            }
            None => Err(self.failures.count(peer.0.ip(), Problem::Unauthenticated)),
        }
    }

    /// The answer to a cookie that no longer counts. One that we never gave out is a failed authentication.
    pub(in crate::server) fn signed_out(&self, peer: Peer, ended: Ended) -> Problem {
        match ended {
            Ended::Unknown => self.failures.count(peer.0.ip(), Problem::SignedOut),
            Ended::SignedOut | Ended::Idle(_) | Ended::Forgotten | Ended::CredentialGone => Problem::SignedOut,
        }
    }
}

/// A client that has not said who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server) enum Stranger {
    /// Not yet.
    Unknown,
    /// Its cookie no longer counts.
    SignedOut,
}

impl Stranger {
    /// Why it is refused, if it says nothing more.
    pub(in crate::server) fn words(self) -> &'static str {
        match self {
            Stranger::Unknown => {
                "sign in, or send `connection_init` with `Authorization`: `Bearer …` in its `payload`."
            }
            Stranger::SignedOut => "signed out: sign in again.",
        }
    }
}

/// Whether the peer is this machine, with no proxy between.
fn is_local(peer: &Peer, headers: &HeaderMap) -> bool {
    peer.0.ip().to_canonical().is_loopback() && !is_forwarded(headers)
}

fn is_forwarded(headers: &HeaderMap) -> bool {
    let forwards =
        |name: &HeaderName| *name == header::VIA || FORWARDING.iter().any(|part| name.as_str().contains(part));
    headers.keys().any(forwards)
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
    bearer_in(value.as_bytes())
}

/// The token in a value of `Authorization`.
pub(in crate::server) fn bearer_in(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then(|| token.trim_ascii())
}
