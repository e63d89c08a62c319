//! Where deliveries are posted to: a server on this machine, unless somebody says otherwise.

use std::{
    fmt,
    net::{SocketAddr, ToSocketAddrs as _},
};

use anyhow::{Context as _, anyhow, bail};
use clap::{CommandFactory as _, error::ErrorKind};

use crate::cli::Cli;

/// A URL, and what lets its holder in. It may hold a secret: only `HOST:PORT` is ever printed.
pub(super) struct Target {
    /// With a port.
    authority: String,
    /// Empty, or it begins with a slash.
    path: String,
    authtoken: Option<String>,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.authority)
    }
}

impl Target {
    /// The place at a URL. A refusal does not repeat it, as one of a typed argument would.
    pub(super) fn at(url: &str) -> Result<Target, clap::Error> {
        Target::parse(url).map_err(|why| wrong_usage(&format!("this is no URL for --post: {why}\n")))
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
        Ok(Target { authority, path: path.trim_end_matches('/').to_owned(), authtoken: None })
    }

    /// The same place with a source's credentials.
    pub(super) fn with(&self, route_key: Option<&str>, authtoken: Option<String>) -> anyhow::Result<Target> {
        let path = match (self.path.as_str(), route_key) {
            ("", None) if authtoken.is_none() => {
                let why = "--post needs --route-key, --authtoken, or a URL with the key in its path\n";
                return Err(wrong_usage(why).into());
            }
            ("", None) => "/webhook".to_owned(),
            ("", Some(key)) => format!("/webhook/{key}"),
            (_, Some(_)) => return Err(wrong_usage("the URL has a path already: leave --route-key out\n").into()),
            (path, None) => path.to_owned(),
        };
        Ok(Target { authority: self.authority.clone(), path, authtoken })
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
    pub(super) fn url(&self) -> String {
        format!("http://{}{}", self.authority, self.path)
    }

    /// What stands in the header `Authtoken`.
    pub(super) fn authtoken(&self) -> Option<&str> {
        self.authtoken.as_deref()
    }
}

fn wrong_usage(why: &str) -> clap::Error {
    Cli::command().error(ErrorKind::MissingRequiredArgument, why)
}
