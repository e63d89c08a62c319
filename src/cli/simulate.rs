//! `clockfold simulate`: invented traffic, as lines on standard output, as the log of a data directory, or as requests
//! to a running server.

mod fill;
mod limit;
mod secrets;
mod target;
mod sender;
mod latency;
mod report;
mod post;

use std::{
    io::{IsTerminal as _, Write},
    path::PathBuf,
    time::Duration,
};

use anyhow::anyhow;
use chrono::{DateTime, SecondsFormat, Utc};
use clap::{Args, value_parser};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use crate::{
    cli::common::{call::Call, format::Format, stop::Stop},
    config::{Config, ConfigErrors},
    log::{AppointmentId, SourceName},
    simulate::{DELIVERIES_A_DAY, DenseDay, SOURCES_MAX, Shape, Simulated, Simulation},
};

pub(super) use post::{Job, Nights, Progress, Rate, post};
pub(super) use report::Report;
pub(super) use secrets::OfEnvironment;
pub(super) use target::Target;

use super::show::appointment_id;
use report::End;
use target::Credentials;

/// How many deliveries there are by default, where nothing else ends them.
const DELIVERIES: u64 = 1_000;
/// How many a second are posted by default: slow enough to look on.
const RATE: u32 = 10;

/// The most connections by default.
const CONNECTIONS_USUAL: usize = 64;

/// How much of what, and where it goes.
#[derive(Debug, Args)]
pub struct Arguments {
    /// How many deliveries [default: 1000, or with --for as many as there are]
    #[arg(long, value_name = "N")]
    deliveries: Option<u64>,
    /// How many sources [default: 50, or with --target one a credential]
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
    #[arg(long, value_name = "DIRECTORY", num_args = 0..=1, conflicts_with = "target")]
    into: Option<Option<PathBuf>>,
    /// With --into: how many deliveries share a write to the disk, and their arrival time.
    #[arg(long, value_name = "N", default_value_t = 64, requires = "into", value_parser = value_parser!(u16).range(1..))]
    group: u16,
    /// Send them to a server at http://HOST:PORT, or to exactly this URL where it has a path.
    #[arg(long, alias = "post", value_name = "URL")]
    target: Option<String>,
    /// With --target: the route key of a source that they come from; once for each source. Whoever lists processes on
    /// this machine sees it: --route-keys-file keeps it from them.
    #[arg(long = "route-key", value_name = "KEY", requires = "target")]
    route_keys: Vec<String>,
    /// With --target: a file with route keys, one a line; - is standard input. Without any of these four,
    /// CLOCKFOLD_SIMULATE_ROUTE_KEYS and CLOCKFOLD_SIMULATE_AUTHTOKENS count, with blanks between.
    #[arg(long, value_name = "FILE", requires = "target", conflicts_with = "route_keys")]
    route_keys_file: Option<PathBuf>,
    /// With --target: the token of a source, for the header `Authtoken`; once for each source.
    #[arg(long = "authtoken", value_name = "TOKEN", requires = "target")]
    authtokens: Vec<String>,
    /// With --target: a file with tokens, one a line.
    #[arg(long, value_name = "FILE", requires = "target", conflicts_with = "authtokens")]
    authtokens_file: Option<PathBuf>,
    /// With --target: the header for the ids of deliveries, of the sources that give them any.
    #[arg(long, value_name = "NAME", requires = "target", value_parser = header_name)]
    delivery_id_header: Option<String>,
    /// With --target: how many a second, evenly [default: 10]
    #[arg(long, value_name = "N", requires = "target", value_parser = value_parser!(u32).range(1..))]
    rate: Option<u32>,
    /// With --target: as they come, but so many times as fast as in the world; from the first one on.
    #[arg(long, value_name = "FACTOR", requires = "target", conflicts_with = "rate", value_parser = value_parser!(u32).range(1..))]
    speed: Option<u32>,
    /// With --target: end after so many seconds.
    #[arg(long = "for", value_name = "SECONDS", requires = "target")]
    seconds: Option<u32>,
    /// With --target: over so many connections, which are kept [default: one a source]. A source's deliveries share
    /// one, or, where there are more, those of an appointment do.
    #[arg(long, value_name = "N", requires = "target", value_parser = value_parser!(u16).range(1..=256))]
    connections: Option<u16>,
    /// With --target: how often a delivery is sent again that got no answer, or a 429, 502, 503 or 504.
    #[arg(long, value_name = "N", default_value_t = 2, requires = "target", value_parser = value_parser!(u32).range(..=100))]
    retries: u32,
    /// With --target: how to print what came of it.
    #[arg(long, value_enum, default_value_t = Format::Table, requires = "target")]
    format: Format,
    /// With --target: also to a server on another machine. What is sent there stays there.
    #[arg(long, requires = "target")]
    yes_to_another_machine: bool,
}

/// Invents traffic and sends it where the arguments say.
pub(super) fn run(
    arguments: &Arguments,
    config: impl FnOnce() -> Result<Config, ConfigErrors>,
    environment: &OfEnvironment,
    Call { invocation, clock, stdout, stderr }: Call<'_>,
) -> anyhow::Result<()> {
    let deliveries = if arguments.is_endless() { u64::MAX } else { arguments.deliveries.unwrap_or(DELIVERIES) };
    let targets = arguments.targets(environment)?;
    let traffic = Simulation::new(arguments.seed, arguments.start, arguments.shape(deliveries, targets.len()));
    if !targets.is_empty() {
        return arguments.post(traffic, deliveries, &targets, stdout);
    }
    let Some(directory) = &arguments.into else { return print(traffic, deliveries, stdout) };
    let directory = match directory {
        Some(directory) => directory.clone(),
        None => config()?.data_dir,
    };
    invocation.writes(&directory)?;
    fill::run(traffic, fill::Job { directory, deliveries, group: arguments.group.into() }, clock, stdout, stderr)
}

impl Arguments {
    /// Where the sources post to; nowhere where they don't.
    fn targets(&self, environment: &OfEnvironment) -> anyhow::Result<Vec<Target>> {
        let Some(url) = &self.target else { return Ok(Vec::new()) };
        let place = Target::at(url)?;
        let of = |flags: &[String], file: &Option<PathBuf>| match file {
            Some(file) => secrets::from_file(file),
            None => Ok(flags.to_vec()),
        };
        let mut route_keys = of(&self.route_keys, &self.route_keys_file)?;
        let mut authtokens = of(&self.authtokens, &self.authtokens_file)?;
        if route_keys.is_empty() && authtokens.is_empty() && !place.has_path() {
            (route_keys, authtokens) = (environment.route_keys.clone(), environment.authtokens.clone());
        }
        let credentials = Credentials { route_keys: &route_keys, authtokens: &authtokens };
        let targets = place.for_each(&credentials)?;
        place.refuse_others(self.yes_to_another_machine)?;
        let header = self.delivery_id_header.as_deref();
        Ok(targets.into_iter().map(|target| target.with_delivery_ids(header)).collect())
    }

    fn post(
        &self,
        mut traffic: Simulation,
        deliveries: u64,
        targets: &[Target],
        stdout: &mut dyn Write,
    ) -> anyhow::Result<()> {
        let sources: Vec<SourceName> = traffic.sources().map(|source| source.name).collect();
        let stop = Stop::on_signal()?;
        let rate = self.rate.unwrap_or(RATE);
        let speed = self.speed.map(|factor| Rate::Speed { factor, nights: None });
        let lasts = self.seconds.map(|seconds| Duration::from_secs(seconds.into()));
        let job = Job {
            sources: &sources,
            targets,
            deliveries,
            lasts,
            rate: speed.unwrap_or(Rate::PerSecond(rate)),
            connections: self.connections.map_or(sources.len().min(CONNECTIONS_USUAL), usize::from),
            retries: self.retries,
            hint: "start the server with `clockfold serve`, and post to the address that it prints",
            stop: &stop,
        };
        let bar = progress_bar((!self.is_endless()).then_some(deliveries), lasts);
        let tell = |progress: &Progress<'_>| {
            bar.set_position(match lasts {
                Some(_) => progress.took.as_secs(),
                None => progress.report.deliveries(),
            });
            bar.set_message(progress.report.in_short(progress.took));
        };
        let begun = std::time::Instant::now();
        let (report, fatal) = post(&mut traffic, &job, &tell)?;
        bar.finish_and_clear();
        let asked = self.speed.is_none().then_some(rate);
        let end = End { took: begun.elapsed(), asked, next_appointment: traffic.next_appointment().to_string() };
        match self.format {
            Format::Table => report.print(&end, stdout)?,
            Format::Json => report.print_json(&end, stdout)?,
        }
        match (fatal, report.not_taken(), report.in_flight()) {
            (Some(why), ..) => Err(why),
            (None, 0, 0) => Ok(()),
            (None, 0, count) => Err(anyhow!(
                "{count} deliveries had no answer yet when it ended: only the server knows whether they are in the log"
            )),
            (None, count, _) => Err(anyhow!("{count} deliveries were not taken")),
        }
    }

    /// Whether only the time ends it.
    fn is_endless(&self) -> bool {
        self.deliveries.is_none() && self.seconds.is_some()
    }

    fn shape(&self, deliveries: u64, targets: usize) -> Shape {
        let usual = match u16::try_from(targets).unwrap_or(SOURCES_MAX) {
            0 => Shape::default().sources,
            targets => targets,
        };
        let sources = self.sources.unwrap_or(usual);
        let dense_day = self.dense_day.map(|appointments| {
            // The dense day's own deliveries make the others fewer.
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

/// A line on standard error, where that is a terminal.
fn progress_bar(deliveries: Option<u64>, lasts: Option<Duration>) -> ProgressBar {
    let target = match std::io::stderr().is_terminal() {
        true => ProgressDrawTarget::stderr(),
        false => ProgressDrawTarget::hidden(),
    };
    let length = lasts.map(|lasts| lasts.as_secs()).or(deliveries);
    let bar = ProgressBar::with_draw_target(length, target);
    let template = "{wide_bar} {percent}% {msg}";
    // The template is a constant; a line without a bar would do as well.
    bar.with_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn header_name(text: &str) -> Result<String, String> {
    let fits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    fits.then(|| text.to_owned()).ok_or_else(|| "a header's name has letters, digits and hyphens".to_owned())
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
