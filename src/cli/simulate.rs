//! `clockfold simulate`: invented traffic, as lines on standard output, as the log of a data directory, or as requests
//! to a running server.

mod fill;
mod post;
mod target;

use std::{io::Write, path::PathBuf, time::Duration};

use chrono::{DateTime, SecondsFormat, Utc};
use clap::{Args, value_parser};
use serde::Serialize;

use crate::{
    config::{Config, ConfigErrors},
    log::{AppointmentId, Clock, SourceName},
    simulate::{DELIVERIES_A_DAY, DenseDay, SOURCES_MAX, Shape, Simulated, Simulation},
};

use super::show::appointment_id;
use target::Target;

/// How many deliveries there are where nothing ends them.
const DELIVERIES: u64 = 1_000;
/// How many a second are posted where nothing is said: slow enough to look on.
const RATE: u32 = 10;

/// How much of what, and where it goes.
#[derive(Debug, Args)]
pub struct Arguments {
    /// How many deliveries [default: 1000, or with --for as many as there are]
    #[arg(long, value_name = "N")]
    deliveries: Option<u64>,
    /// How many sources [default: 50, or 1 with --post]
    #[arg(long, value_name = "N", value_parser = value_parser!(u16).range(1..=i64::from(SOURCES_MAX)))]
    sources: Option<u16>,
    /// The same seed gives the same deliveries.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// When it begins: a Monday morning, unless you say otherwise. There are no appointments from before.
    #[arg(long, value_name = "TIME", default_value = "2025-01-06T13:00:00Z")]
    start: DateTime<Utc>,
    /// The number of the first appointment; the others count up from it.
    #[arg(long, value_name = "APPOINTMENT", value_parser = appointment_id, default_value_t = first_appointment())]
    first_appointment: AppointmentId,
    /// Give the first source so many more appointments on a day in the middle.
    #[arg(long, value_name = "APPOINTMENTS")]
    dense_day: Option<u32>,
    /// Write the log of an empty data directory: this one, or where nothing stands here the configured one.
    #[arg(long, value_name = "DIRECTORY", num_args = 0..=1, conflicts_with = "post")]
    into: Option<Option<PathBuf>>,
    /// With --into: how many deliveries share a write to the disk, and their arrival time.
    #[arg(long, value_name = "N", default_value_t = 64, requires = "into", value_parser = value_parser!(u16).range(1..))]
    group: u16,
    /// Send them to a server at http://HOST:PORT, or to exactly this URL where it has a path.
    #[arg(long, value_name = "URL")]
    post: Option<String>,
    /// With --post: the route key of the source that they come from.
    #[arg(long, value_name = "KEY", requires = "post")]
    route_key: Option<String>,
    /// With --post: the token of the source, for the header `Authtoken`.
    #[arg(long, value_name = "TOKEN", requires = "post")]
    authtoken: Option<String>,
    /// With --post: how many a second, evenly [default: 10]
    #[arg(long, value_name = "N", requires = "post", value_parser = value_parser!(u32).range(1..))]
    rate: Option<u32>,
    /// With --post: as they come, but so many times as fast as in the world; from the first one on.
    #[arg(long, value_name = "FACTOR", requires = "post", conflicts_with = "rate", value_parser = value_parser!(u32).range(1..))]
    speed: Option<u32>,
    /// With --post: end after so many seconds.
    #[arg(long = "for", value_name = "SECONDS", requires = "post")]
    seconds: Option<u32>,
    /// With --post: over so many connections, which are kept. The deliveries of an appointment share one.
    #[arg(long, value_name = "N", default_value_t = 4, requires = "post", value_parser = value_parser!(u16).range(1..=256))]
    connections: u16,
    /// With --post: also to a server on another machine. What is sent there stays there.
    #[arg(long, requires = "post")]
    yes_to_another_machine: bool,
}

/// Invents traffic and sends it where the arguments say.
pub(super) fn run(
    arguments: &Arguments,
    config: impl FnOnce() -> Result<Config, ConfigErrors>,
    clock: &Clock,
    stdout: &mut dyn Write,
    stderr: &mut dyn Write,
) -> anyhow::Result<()> {
    let endless = arguments.deliveries.is_none() && arguments.seconds.is_some();
    let deliveries = if endless { u64::MAX } else { arguments.deliveries.unwrap_or(DELIVERIES) };
    let traffic = Simulation::new(arguments.seed, arguments.start, arguments.shape(deliveries));
    if let Some(url) = &arguments.post {
        let target = Target::at(url)?.with(arguments.route_key.as_deref(), arguments.authtoken.clone())?;
        target.refuse_others(arguments.yes_to_another_machine)?;
        let pace = arguments.speed.map_or(post::Pace::Rate(arguments.rate.unwrap_or(RATE)), post::Pace::Speed);
        let lasts = arguments.seconds.map(|seconds| Duration::from_secs(seconds.into()));
        let job = post::Job { target, deliveries, lasts, pace, connections: arguments.connections.into() };
        return post::run(traffic, job, stdout);
    }
    let Some(directory) = &arguments.into else { return print(traffic, deliveries, stdout) };
    let directory = match directory {
        Some(directory) => directory.clone(),
        None => config()?.data_dir,
    };
    fill::run(traffic, fill::Job { directory, deliveries, group: arguments.group.into() }, clock, stdout, stderr)
}

impl Arguments {
    fn shape(&self, deliveries: u64) -> Shape {
        let usual = if self.post.is_some() { 1 } else { Shape::default().sources };
        let sources = self.sources.unwrap_or(usual);
        let dense_day = self.dense_day.map(|appointments| {
            // Its own deliveries make the log shorter.
            let others = deliveries.saturating_sub(u64::from(appointments) * 8);
            let days = others / (DELIVERIES_A_DAY * u64::from(sources));
            DenseDay { day: u32::try_from(days / 2).unwrap_or(u32::MAX).max(1), appointments }
        });
        Shape { sources, first_appointment: self.first_appointment, dense_day }
    }
}

fn first_appointment() -> AppointmentId {
    Shape::default().first_appointment
}

/// A delivery as a line.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    arrives_at: String,
    source: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    delivery_id: Option<&'a str>,
    body: &'a str,
}

fn print(traffic: Simulation, deliveries: u64, stdout: &mut dyn Write) -> anyhow::Result<()> {
    let mut stdout = std::io::BufWriter::new(stdout);
    for Simulated { arrives_at, delivery, .. } in traffic.take(usize::try_from(deliveries)?) {
        let line = Line {
            arrives_at: arrives_at.to_rfc3339_opts(SecondsFormat::Millis, true),
            source: SourceName::as_str(&delivery.source),
            delivery_id: delivery.delivery_id.as_deref(),
            body: std::str::from_utf8(&delivery.body)?,
        };
        serde_json::to_writer(&mut stdout, &line)?;
        stdout.write_all(b"\n")?;
    }
    Ok(stdout.flush()?)
}
