//! `clockfold simulate`: invented traffic, as lines on standard output or as the log of a data directory.

mod fill;

use std::{io::Write, path::PathBuf};

use chrono::{DateTime, SecondsFormat, Utc};
use clap::Args;
use serde::Serialize;

use crate::{
    config::{Config, ConfigErrors},
    log::{Clock, SourceName},
    simulate::{DELIVERIES_A_DAY, DenseDay, SOURCES_MAX, Shape, Simulated, Simulation},
};

/// How many deliveries there are where nothing is said.
const DELIVERIES: u64 = 1_000;
/// And how many sources: few enough to look at, many enough to differ.
const SOURCES: u16 = 50;

/// How much of what, and where it goes.
#[derive(Debug, Args)]
pub struct Arguments {
    /// How many deliveries [default: 1000]
    #[arg(long, value_name = "N")]
    deliveries: Option<u64>,
    /// How many sources [default: 50]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=i64::from(SOURCES_MAX)))]
    sources: Option<u16>,
    /// The same seed gives the same deliveries.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// When the first clinic's first day begins to count.
    #[arg(long, value_name = "TIME", default_value = "2025-01-06T00:00:00Z")]
    start: DateTime<Utc>,
    /// Give the first source so many more appointments on a day in the middle.
    #[arg(long, value_name = "APPOINTMENTS")]
    dense_day: Option<u32>,
    /// Write the log of an empty data directory: this one, or where nothing stands here the configured one.
    #[arg(long, value_name = "DIRECTORY", num_args = 0..=1)]
    into: Option<Option<PathBuf>>,
    /// How many deliveries share a write to the disk, and their arrival time.
    #[arg(long, value_name = "N", default_value_t = 64, requires = "into", value_parser = clap::value_parser!(u16).range(1..))]
    group: u16,
}

/// Invents traffic and sends it where the arguments say.
pub(super) fn run(
    arguments: &Arguments,
    config: impl FnOnce() -> Result<Config, ConfigErrors>,
    clock: &Clock,
    stdout: &mut dyn Write,
    stderr: &mut dyn Write,
) -> anyhow::Result<()> {
    let deliveries = arguments.deliveries.unwrap_or(DELIVERIES);
    let shape = arguments.shape(deliveries);
    let traffic = Simulation::new(arguments.seed, arguments.start, shape);
    match &arguments.into {
        None => print(traffic, deliveries, stdout),
        Some(directory) => {
            let directory = match directory {
                Some(directory) => directory.clone(),
                None => config()?.data_dir,
            };
            fill::run(
                traffic,
                fill::Job { directory, deliveries, group: arguments.group.into() },
                clock,
                stdout,
                stderr,
            )
        }
    }
}

impl Arguments {
    fn shape(&self, deliveries: u64) -> Shape {
        let sources = self.sources.unwrap_or(SOURCES);
        let dense_day = self.dense_day.map(|appointments| {
            // Its own deliveries make the log shorter.
            let others = deliveries.saturating_sub(u64::from(appointments) * 8);
            let days = others / (DELIVERIES_A_DAY * u64::from(sources));
            DenseDay { day: u32::try_from(days / 2).unwrap_or(u32::MAX).max(1), appointments }
        });
        Shape { sources, dense_day }
    }
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
