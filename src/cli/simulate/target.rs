//! Where deliveries are posted to: a server on this machine, unless an argument says otherwise.

use std::{
    fmt,
    net::{SocketAddr, ToSocketAddrs as _},
};

use anyhow::{Context as _, anyhow, bail};
use clap::error::ErrorKind;

/// A URL, and what lets its holder in. It may hold a secret: only `HOST:PORT` is ever printed.
#[derive(Clone)]
pub(in crate::cli) struct Target {
    /// With a port.
    authority: String,
    /// Empty, or it begins with a slash.
    path: String,
    url: String,
    authtoken: Option<String>,
    delivery_id_header: Option<String>,
    /// Which of several, counted from 1; 0 where it is the only one.
    number: usize,
}

/// What lets sources in: the same number of each kind, or one kind alone.
pub(super) struct Credentials<'a> {
    pub(super) route_keys: &'a [String],
    pub(super) authtokens: &'a [String],
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.authority)
    }
}

impl Target {
    /// The place at a URL. A refusal does not repeat it, as clap's own would.
    pub(super) fn at(url: &str) -> Result<Target, clap::Error> {
        Target::parse(url).map_err(|why| wrong_usage(&format!("this is no URL for --target: {why}\n")))
    }

    /// Where a source of the server at this address posts to.
    pub(in crate::cli) fn of_source(address: SocketAddr, route_key: Option<&str>, authtoken: Option<&str>) -> Target {
        let place = Target::new(address.to_string(), String::new());
        place.to(&route_key.map_or("/webhook".to_owned(), |key| format!("/webhook/{key}")), authtoken)
    }

    fn new(authority: String, path: String) -> Target {
        Target { authority, path, url: String::new(), authtoken: None, delivery_id_header: None, number: 0 }
    }

    fn parse(text: &str) -> Result<Target, &'static str> {
        let rest = text.strip_prefix("http://").ok_or("it has to begin with http://; there is no TLS here")?;
        let (authority, path) = rest.find('/').map_or((rest, ""), |slash| rest.split_at(slash));
        if authority.is_empty() || authority.contains(['@', '?', '#']) {
            return Err("it has to be http://HOST:PORT, with a path or without");
        }
        if path.contains(|character: char| !character.is_ascii_graphic() || character == '#') {
            return Err("its path has a character that a path can't have");
        }
        // A colon in brackets is one of an IPv6 address.
        let has_port = authority.rsplit(']').next().is_some_and(|last| last.contains(':'));
        let authority = if has_port { authority.to_owned() } else { format!("{authority}:80") };
        Ok(Target::new(authority, path.trim_end_matches('/').to_owned()))
    }

    /// Whether it is of one source: then its key is in the path.
    pub(super) fn has_path(&self) -> bool {
        !self.path.is_empty()
    }

    /// The same place once for each source with credentials.
    pub(super) fn for_each(&self, credentials: &Credentials<'_>) -> Result<Vec<Target>, clap::Error> {
        let Credentials { route_keys, authtokens } = credentials;
        if !self.path.is_empty() {
            return match (route_keys.len(), authtokens) {
                (0, []) => Ok(vec![self.to(&self.path, None)]),
                (0, [authtoken]) => Ok(vec![self.to(&self.path, Some(authtoken))]),
                (0, _) => Err(wrong_usage("the URL has a path: that is of one source, and takes one --authtoken\n")),
                _ => Err(wrong_usage("the URL has a path already: leave --route-key out\n")),
            };
        }
        let targets: Vec<Target> = match (route_keys.len(), authtokens.len()) {
            (0, 0) => {
                let why =
                    "--target needs --route-key, --authtoken, a file with these, or a URL with the key in its path\n";
                return Err(wrong_usage(why));
            }
            (0, _) => authtokens.iter().map(|token| self.to("/webhook", Some(token))).collect(),
            (keys, tokens) if tokens == 0 || tokens == keys => {
                let tokens = authtokens.iter().map(Some).chain(std::iter::repeat(None));
                let pairs = route_keys.iter().zip(tokens);
                pairs.map(|(key, token)| self.to(&format!("/webhook/{key}"), token.map(String::as_str))).collect()
            }
            _ => {
                let why = "with both, a source has one --route-key and one --authtoken, in the same order\n";
                return Err(wrong_usage(why));
            }
        };
        let several = targets.len() > 1;
        Ok(targets
            .into_iter()
            .zip(1..)
            .map(|(target, n)| Target { number: if several { n } else { 0 }, ..target })
            .collect())
    }

    fn to(&self, path: &str, authtoken: Option<&str>) -> Target {
        let url = format!("http://{}{path}", self.authority);
        Target { url, authtoken: authtoken.map(str::to_owned), ..self.clone() }
    }

    /// The same, with the ids of deliveries in this header, where the source gives them any.
    pub(in crate::cli) fn with_delivery_ids(self, header: Option<&str>) -> Target {
        Target { delivery_id_header: header.map(str::to_owned), ..self }
    }

    /// Invented patients in somebody's real log do harm, so nothing leaves this machine by a slip.
    pub(super) fn refuse_others(&self, allowed: bool) -> anyhow::Result<()> {
        let addresses = self.authority.to_socket_addrs();
        let addresses: Vec<SocketAddr> = addresses.with_context(|| format!("looking {self} up"))?.collect();
        if addresses.is_empty() {
            bail!("there is no address for {self}");
        }
        if allowed || addresses.iter().all(|address| address.ip().is_loopback()) {
            return Ok(());
        }
        Err(anyhow!(
            "{self} is not on this machine, and invented deliveries would stay in its log\n  hint: use http://127.0.0.1:PORT, or add --yes-to-another-machine where that is meant"
        ))
    }

    /// Where the requests go. Never printed.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// The value of the header `Authtoken`.
    pub(super) fn authtoken(&self) -> Option<&str> {
        self.authtoken.as_deref()
    }

    /// The header for the ids of deliveries.
    pub(super) fn delivery_id_header(&self) -> Option<&str> {
        self.delivery_id_header.as_deref()
    }

    /// The source, without its secret.
    pub(super) fn called(&self) -> String {
        match self.number {
            0 => "this source".to_owned(),
            number => format!("the source of credential {number}"),
        }
    }
}

fn wrong_usage(why: &str) -> clap::Error {
    clap::Error::raw(ErrorKind::MissingRequiredArgument, why)
}
