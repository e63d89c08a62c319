//! Where a command reads the log: from the store, or, while a server holds that, from the server.
//!
//! One process at a time has a data directory. A server that has it writes its address and a secret into its lock file,
//! which only its owner can read; it then hands out the same deliveries, over loopback, in the export format. Either
//! way they come in order and are checked against the chain, so a command treats both the same.

use std::{io::BufReader, time::Duration};

use anyhow::{Context as _, anyhow, bail};
use chrono::{DateTime, SecondsFormat, Utc};
use ureq::{Agent, BodyReader};

use crate::{
    cli::common::hint::with_hint,
    config::Config,
    copies::{Stretch, ndjson},
    data_dir::RunningServer,
    log::{Clock, DataDir, Delivery, Digest, LogError, Position, SledLog},
    webhook,
};

/// How long a running server may take to begin an answer. It may be folding its log at that moment.
const ANSWER_MAX: Duration = Duration::from_secs(60);
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// A refusal is a short text.
const REFUSAL_BYTES_MAX: u64 = 64 << 10;
const ANSWER_BYTES_MAX: u64 = 1 << 20;

/// Asks a server for the first and the last delivery of a stretch of time.
const ARRIVED_IN: &str = "query($from: DateTime, $to: DateTime) { first: deliveries(filter: { receivedAt: { from: $from, to: $to } }, first: 1) { nodes { position } } last: deliveries(filter: { receivedAt: { from: $from, to: $to } }, last: 1) { nodes { position } } }";

/// A log that is there.
pub(in crate::cli) enum LogSource {
    /// No server has it: it was opened here.
    Store(Box<SledLog>),
    /// A server has it.
    Server(ServerLog),
}

/// The log of a running server.
pub(in crate::cli) struct ServerLog {
    server: RunningServer,
    agent: Agent,
}

/// A stretch of the log on its way. After the last delivery comes `None` only where the digests fit.
pub(in crate::cli) struct Deliveries<'a> {
    stretch: Stretch,
    digest: Digest,
    deliveries: Box<dyn Iterator<Item = anyhow::Result<Delivery>> + 'a>,
    ended: bool,
}

impl LogSource {
    /// Opens the log of the configured data directory, but makes none.
    pub(in crate::cli) fn open(config: &Config, clock: &Clock) -> anyhow::Result<LogSource> {
        LogSource::open_by(config, clock, SledLog::open)
    }

    /// Opens it only for reading, and changes nothing. This thread has to act as the owner of the directory as long as
    /// the log is open.
    pub(in crate::cli) fn open_to_read(config: &Config, clock: &Clock) -> anyhow::Result<LogSource> {
        LogSource::open_by(config, clock, SledLog::open_to_read)
    }

    fn open_by(
        config: &Config,
        clock: &Clock,
        open: fn(&DataDir, Clock) -> Result<SledLog, LogError>,
    ) -> anyhow::Result<LogSource> {
        let data_dir = DataDir::at(&config.data_dir);
        if !data_dir.log().is_dir() {
            bail!(
                "there is no log in the data directory {}\n  hint: name the directory that the server uses with --data-dir, or its configuration with --config",
                config.data_dir.display()
            );
        }
        match open(&data_dir, Clock::clone(clock)) {
            Ok(log) => Ok(LogSource::Store(Box::new(log.read_again_by(webhook::read_again)))),
            Err(error @ LogError::InUse { .. }) => match RunningServer::of(&data_dir) {
                Some(server) => Ok(LogSource::Server(ServerLog::new(server))),
                None => Err(anyhow!(
                    "{error}\n  hint: if it is a server that is still starting, try again once it listens; otherwise wait for that process to end"
                )),
            },
            Err(error) => Err(with_hint(error)),
        }
    }

    /// The deliveries after `after`, up to `to` or to the head of this moment.
    pub(in crate::cli) fn read(&self, after: Position, to: Option<Position>) -> anyhow::Result<Deliveries<'_>> {
        match self {
            LogSource::Store(log) => {
                let stretch = Stretch::of(&**log, after, to)?;
                let deliveries = stretch.read(&**log).map(|delivery| delivery.map_err(with_hint));
                Ok(Deliveries::new(stretch, deliveries))
            }
            LogSource::Server(server) => {
                let lines = server.ask(after, to)?;
                let stretch = lines.header().stretch;
                let interrupted = "reading the log from the running server; if it was stopped meanwhile, try again";
                Ok(Deliveries::new(stretch, lines.map(move |delivery| delivery.context(interrupted))))
            }
        }
    }

    /// The first and the last position in `within` whose delivery arrived at or after one time and before another;
    /// `None` where there is none. Where the clock was set back, the deliveries between the two may have arrived at any
    /// time: so a log that is here is read to find them. A server knows.
    pub(in crate::cli) fn arrived_in(
        &self,
        (from, to): (Option<DateTime<Utc>>, Option<DateTime<Utc>>),
        within: &Stretch,
    ) -> anyhow::Result<Option<(Position, Position)>> {
        let (after, end) = (within.after.position, within.to.position);
        let mut found: Option<(Position, Position)> = None;
        match self {
            LogSource::Store(_) => {
                for delivery in self.read(after, Some(end))? {
                    let Delivery { position, received_at, .. } = delivery?;
                    if from.is_none_or(|from| from <= received_at) && to.is_none_or(|to| received_at < to) {
                        found = Some((found.map_or(position, |(first, _)| first), position));
                    }
                }
            }
            LogSource::Server(server) => {
                let text =
                    |time: Option<DateTime<Utc>>| time.map(|time| time.to_rfc3339_opts(SecondsFormat::AutoSi, true));
                let variables = serde_json::json!({ "from": text(from), "to": text(to) });
                let found_there = server.graphql(ARRIVED_IN, &variables)?;
                let position = |field: &str| -> Option<Position> {
                    found_there[field]["nodes"][0]["position"].as_str()?.parse().ok().map(Position::new)
                };
                if let (Some(first), Some(last)) = (position("first"), position("last")) {
                    found = Some((after.next().max(first), end.min(last))).filter(|(first, last)| first <= last);
                }
            }
        }
        Ok(found)
    }
}

impl<'a> Deliveries<'a> {
    fn new(stretch: Stretch, deliveries: impl Iterator<Item = anyhow::Result<Delivery>> + 'a) -> Deliveries<'a> {
        Deliveries { stretch, digest: stretch.after.digest, deliveries: Box::new(deliveries), ended: false }
    }

    /// Which part of the log it is.
    pub(in crate::cli) fn stretch(&self) -> Stretch {
        self.stretch
    }
}

impl Iterator for Deliveries<'_> {
    type Item = anyhow::Result<Delivery>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = self.deliveries.next();
        match &next {
            Some(Ok(delivery)) => self.digest = self.digest.then(delivery),
            Some(Err(_)) => self.ended = true,
            None => {
                self.ended = true;
                if self.digest != self.stretch.to.digest {
                    let Stretch { after, to } = self.stretch;
                    let message = format!(
                        "its deliveries after position {} do not come to the digest at position {}",
                        after.position, to.position
                    );
                    return Some(Err(with_hint(LogError::Corrupt { position: after.position.next(), message })));
                }
            }
        }
        next
    }
}

impl ServerLog {
    fn new(server: RunningServer) -> ServerLog {
        let config = Agent::config_builder()
            // The server is on this machine, whatever proxy the environment names.
            .proxy(None)
            .max_redirects(0)
            .http_status_as_error(false)
            .timeout_connect(Some(CONNECT_MAX))
            .timeout_recv_response(Some(ANSWER_MAX));
        ServerLog { server, agent: config.build().into() }
    }

    /// Asks the server a GraphQL query as the admin that its lock file makes of its owner. Returns `data`.
    pub(in crate::cli) fn graphql(
        &self,
        query: &str,
        variables: &serde_json::Value,
    ) -> anyhow::Result<serde_json::Value> {
        let RunningServer { url, secret } = &self.server;
        let body = serde_json::json!({ "query": query, "variables": variables }).to_string();
        let request = self.agent.post(format!("{url}/graphql")).header("Content-Type", "application/json");
        let answer = request.header("Authorization", format!("Bearer {secret}")).send(body);
        let asking =
            || format!("asking the running server at {url}; if it has just been stopped or started, try again");
        let mut answer = answer.with_context(asking)?;
        let text = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_string().with_context(asking)?;
        let mut answer: serde_json::Value = serde_json::from_str(&text).with_context(asking)?;
        if let Some(message) = answer["errors"][0]["message"].as_str() {
            bail!("the running server at {url} refused: {message}");
        }
        Ok(answer["data"].take())
    }

    fn ask(
        &self,
        after: Position,
        to: Option<Position>,
    ) -> anyhow::Result<ndjson::Reader<BufReader<BodyReader<'static>>>> {
        let RunningServer { url, secret } = &self.server;
        let to = to.map(|to| format!("&to={to}")).unwrap_or_default();
        let request = self.agent.get(format!("{url}/log?after={after}{to}"));
        let answer = request.header("Authorization", format!("Bearer {secret}")).call();
        let mut answer = answer.with_context(|| {
            format!("asking the running server at {url} for its log; if it has just been stopped or started, try again")
        })?;
        if answer.status() != 200 {
            let refusal = answer.body_mut().with_config().limit(REFUSAL_BYTES_MAX).read_to_string().unwrap_or_default();
            let refusal: serde_json::Value = serde_json::from_str(&refusal).unwrap_or_default();
            let detail = refusal["detail"].as_str().unwrap_or("it does not say why");
            bail!("the running server at {url} answered {}: {detail}", answer.status());
        }
        let body = BufReader::with_capacity(64 << 10, answer.into_body().into_reader());
        ndjson::Reader::new(body).with_context(|| format!("reading the log from the running server at {url}"))
    }
}
