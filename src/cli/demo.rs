//! `clockfold demo`: the real server over a throw-away store, with invented clinics that post to it.
//!
//! Two days and a morning are filled in through the log, with their own times, and end now: so there are long waits,
//! something for charts, and a day that is under way. From then on everything is a real HTTP POST to this server, at
//! a speed. The same seed gives the same days: only their times are moved to where you are.

mod clinics;
mod folder;
mod past;

use std::{
    io::{self, IsTerminal as _, Write},
    net::SocketAddr,
    sync::{Arc, OnceLock},
    thread,
    time::Duration,
};

use anyhow::{Context as _, anyhow, bail};
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use clap::{Args, error::ErrorKind, value_parser};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{
    cli::common::stop::Stop,
    log::{Clock, DataDir, SourceName},
    server::{Listeners, listen},
    simulate::{Shape, Simulated, Simulation},
};

use super::{
    serve::{Serving, runtime, serve, start_messages, stop_on_signal},
    simulate::{Job, Nights, Progress, Rate, Report, Target, post},
};
use clinics::Clinic;
use folder::ThrowAway;

/// A Monday that is about to begin where the easternmost clinic is.
const BEGINS: &str = "2025-01-06T05:00:00Z";
/// From then to now, in the world: to the Wednesday, when all clinics have opened.
const PAST: TimeDelta = TimeDelta::minutes(59 * 60 + 30);
/// With as many clinics, about one delivery a second: cards move while you look. Faster, and a visit would be over
/// before you have read its card: the waits of patients who come now are a tenth of those in the world. Those who were
/// there before go on from a wait as long as in the world.
const SPEED: u32 = 10;
const CLINICS: u16 = 8;
/// As many as have a name of their own.
const CLINICS_MAX: u16 = 25;
/// Where one clinic sends nothing for longer, it is night; of several together, a part of it. By day the longest gap of
/// a clinic is mostly shorter.
const QUIET: TimeDelta = TimeDelta::minutes(8);
/// After how long the next delivery of a night comes at the latest: it is over in a few minutes.
const NIGHT_GAP_MAX: Duration = Duration::from_secs(1);
/// Only messages that need a person; CLOCKFOLD_LOG asks for more.
const MESSAGES: &str = "warn";

/// What is shown.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Where to listen, on this machine. Where another program has the port, a free one is taken.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// How many clinics there are.
    #[arg(long, value_name = "N", default_value_t = CLINICS, value_parser = value_parser!(u16).range(1..=i64::from(CLINICS_MAX)))]
    clinics: u16,
    /// How many times as fast as in the world.
    #[arg(long, value_name = "FACTOR", default_value_t = SPEED, value_parser = value_parser!(u32).range(1..=10_000))]
    speed: u32,
    /// The same seed gives the same days.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// End after so many seconds [default: when Ctrl-C is pressed]
    #[arg(long = "for", value_name = "SECONDS")]
    seconds: Option<u32>,
}

/// Runs the demo, until a signal or the time ends it.
pub(super) fn run(
    arguments: &Arguments,
    log_filter: Option<&str>,
    clock: &Clock,
    stdout: &mut dyn Write,
) -> anyhow::Result<()> {
    if !arguments.listen.ip().to_canonical().is_loopback() {
        bail!(
            "{} is not an address of this machine alone, and the demo has no passwords\n  hint: use 127.0.0.1:PORT; `clockfold serve` with a [[reader]] is for everybody",
            arguments.listen
        );
    }
    let runtime = runtime()?;
    // From here on a signal no longer ends the process before the store is removed.
    let stop = runtime.block_on(async { stop_on_signal() })?;
    let (listener, moved) = runtime.block_on(async { listen_near(arguments.listen) })?;
    let address = listener.local_addr()?;
    let folder = ThrowAway::make()?;

    let begins = BEGINS.parse::<DateTime<Utc>>().context("the demo's first day")?;
    let moment = begins + PAST;
    let traffic = Simulation::new(arguments.seed, begins, Shape { sources: arguments.clinics, ..Shape::default() });
    let clinics = Clinic::all(traffic.sources(), moment, clock())?;
    let sources: Vec<SourceName> = traffic.sources().map(|source| source.name).collect();
    let config = Clinic::configure(&clinics, folder.path(), address)?;
    start_messages(config.server.log_format, log_filter.unwrap_or(MESSAGES))?;
    let mut traffic = traffic.peekable();
    let past = past::fill(&mut traffic, moment, &DataDir::at(&config.data_dir), clock)?;
    let targets: Vec<Target> = clinics.iter().map(|clinic| clinic.target(address)).collect();

    let halt = Arc::new(Stop::default());
    runtime.spawn({
        let (stop, halt, seconds) = (stop.clone(), Arc::clone(&halt), arguments.seconds);
        async move {
            match seconds {
                Some(seconds) => {
                    let _ = tokio::time::timeout(Duration::from_secs(seconds.into()), stop.cancelled()).await;
                }
                None => stop.cancelled().await,
            }
            halt.stop();
            stop.cancel();
        }
    });
    let nights = Nights { quiet: QUIET / i32::from(arguments.clinics), gap_max: NIGHT_GAP_MAX };
    let rate = Rate::Speed { factor: arguments.speed, nights: Some(nights) };
    let shown = clinics.first().zip(sources.first()).map(|(clinic, name)| (name.clone(), clinic.time_zone));
    let until = stop.clone();
    let posting: OnceLock<thread::JoinHandle<anyhow::Result<Report>>> = OnceLock::new();
    let started = |address, _: Option<&_>| {
        let told = Greeting { arguments, address, moved, past, clinics: &clinics, folder: &folder };
        // The reader of the output may have closed it after the first line: the clinics post all the same.
        let printed = told.print(stdout);
        let later = clock() - moment;
        let bar = progress_line();
        let asked = stop.clone();
        let posters = Posters { sources, targets, rate, later, shown, stop: asked, halt };
        let live = move || posters.post(&mut traffic, &bar);
        let thread = thread::Builder::new().name("clinics".to_owned()).spawn(live)?;
        // There was none before.
        let _ = posting.set(thread);
        printed
    };
    let listeners = Listeners { public: listener, operations: None };
    let serving = Serving { config, runtime, listeners, clock: Clock::clone(clock) };
    serve(serving, started, || Ok(until))?;
    let Some(thread) = posting.into_inner() else { return Ok(()) };
    let report = thread.join().map_err(|_| anyhow!("the clinics stopped at a defect"))?;
    drop(folder);
    let report = report?;
    let (posted, lost) = (report.deliveries(), report.not_taken());
    let lost = if lost > 0 { format!(" {lost} were not taken.") } else { String::new() };
    writeln!(stdout, "\n{posted} deliveries were posted.{lost} The throw-away store is removed.")?;
    Ok(())
}

/// The clinics of the demo, which post what happens from now on.
struct Posters {
    sources: Vec<SourceName>,
    targets: Vec<Target>,
    rate: Rate,
    /// How far the demo's time is behind the clock.
    later: TimeDelta,
    /// The clinic whose time is shown, and where it is.
    shown: Option<(SourceName, Tz)>,
    /// Cancelled where the demo ends.
    stop: CancellationToken,
    /// Ends the posting.
    halt: Arc<Stop>,
}

impl Posters {
    /// Posts until the demo ends.
    fn post(self, traffic: &mut dyn Iterator<Item = Simulated>, bar: &ProgressBar) -> anyhow::Result<Report> {
        // However this ends, even by a defect, it does not leave a board on which nothing happens.
        let _end = self.stop.clone().drop_guard();
        let job = Job {
            sources: &self.sources,
            targets: &self.targets,
            deliveries: u64::MAX,
            lasts: None,
            rate: self.rate,
            connections: self.targets.len(),
            retries: 2,
            hint: "look what on this machine forbids connections to that address, or name another one with --listen",
            stop: &self.halt,
        };
        let tell = |progress: &Progress<'_>| {
            let Some((name, zone)) = &self.shown else { return };
            let clock = (progress.simulated + self.later).with_timezone(zone).format("%H:%M");
            let (posted, lost) = (progress.report.deliveries(), progress.report.not_taken());
            let lost = if lost > 0 { format!(", {lost} not taken") } else { String::new() };
            bar.set_message(format!("{clock} in {name}: {posted} deliveries posted{lost}"));
        };
        let posted = post(traffic, &job, &tell);
        bar.finish_and_clear();
        let why = match posted {
            Ok((report, None)) => return Ok(report),
            Ok((report, Some(_))) if self.stop.is_cancelled() => return Ok(report),
            // A request that was under way when somebody ended the demo is no failure.
            Err(_) if self.stop.is_cancelled() => return Ok(Report::default()),
            Ok((_, Some(why))) | Err(why) => why,
        };
        Err(why.context("the clinics can't post to the demo's own server"))
    }
}

/// The refusal of settings: a store of somebody's own is no place for invented patients.
pub(super) fn no_settings() -> clap::Error {
    let why = "the demo has its own configuration and its own store, which is removed at the end: leave --config and --data-dir out\n  hint: `clockfold serve` takes them; TMPDIR names where the demo's store is\n";
    clap::Error::raw(ErrorKind::ArgumentConflict, why)
}

/// A listener at this address, or on a free port where that one is taken; and whether it was. Call it on the runtime.
fn listen_near(address: SocketAddr) -> anyhow::Result<(TcpListener, bool)> {
    match listen(address) {
        Ok(listener) => Ok((listener, false)),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            let free = SocketAddr::new(address.ip(), 0);
            let listener = listen(free).with_context(|| format!("listening on {free}"))?;
            Ok((listener, true))
        }
        Err(error) => Err(error).with_context(|| format!("listening on {address}")),
    }
}

/// The text for a newcomer.
struct Greeting<'a> {
    arguments: &'a Arguments,
    address: SocketAddr,
    moved: bool,
    past: u64,
    clinics: &'a [Clinic],
    folder: &'a ThrowAway,
}

impl Greeting<'_> {
    fn print(&self, stdout: &mut dyn Write) -> io::Result<()> {
        let Greeting { arguments: Arguments { clinics, speed, listen, .. }, address, past, .. } = self;
        writeln!(stdout, "Clockfold listens on http://{address}")?;
        if self.moved {
            writeln!(stdout, "(another program has {listen})")?;
        }
        writeln!(stdout, "\n  the board  http://{address}/")?;
        writeln!(stdout, "  GraphiQL   http://{address}/explorer")?;
        let clinics = if *clinics == 1 { "One clinic".to_owned() } else { format!("{clinics} clinics") };
        writeln!(
            stdout,
            "\n{clinics} with invented patients. Their log has {past} deliveries of the last days; what comes now is\nposted to this server, {speed} times as fast as in the world. Make an appointment of your own:"
        )?;
        if let Some(path) = self.clinics.iter().find_map(Clinic::path) {
            writeln!(
                stdout,
                "  curl -sS http://{address}{path} -H 'Content-Type: application/json' -d '{{\"appointment_id\": 12345, \"event_type\": \"create\"}}'"
            )?;
        }
        writeln!(stdout, "\nCtrl-C ends it, and removes {}.", self.folder.path().display())?;
        stdout.flush()
    }
}

/// A line that says how far it is, where standard output is a terminal.
fn progress_line() -> ProgressBar {
    let target = match io::stdout().is_terminal() {
        true => ProgressDrawTarget::stdout(),
        false => ProgressDrawTarget::hidden(),
    };
    let line = ProgressBar::with_draw_target(None, target);
    line.with_style(ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_spinner()))
}
