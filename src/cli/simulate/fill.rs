//! Fills the log of an empty data directory, through the log itself: positions, salts and the chain are its own.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use chrono::{DateTime, SecondsFormat, Utc};

use crate::{
    cli::common::hint::with_hint,
    log::{Clock, DataDir, Log, NewDelivery, Position, SledLog},
    simulate::{Simulated, Simulation},
};

const PROGRESS_INTERVAL: Duration = Duration::from_secs(2);

/// What to write, and where.
pub(super) struct Job {
    pub(super) directory: PathBuf,
    pub(super) deliveries: u64,
    /// How many deliveries the log takes at once.
    pub(super) group: usize,
}

/// Writes the log and prints how it went.
pub(super) fn run(
    traffic: Simulation,
    job: Job,
    wall_clock: &Clock,
    stdout: &mut dyn Write,
    stderr: &mut dyn Write,
) -> anyhow::Result<()> {
    refuse_foreign(&job.directory)?;
    let simulated_ms = Arc::new(AtomicI64::new(0));
    let told = Arc::clone(&simulated_ms);
    let clock: Clock = Arc::new(move || time(told.load(Ordering::Relaxed)));
    let log = SledLog::open(&DataDir::at(&job.directory), clock).map_err(with_hint)?;
    let head = log.head().position;
    if head > Position::ZERO {
        bail!(
            "the log in {} holds {head} deliveries already, and invented ones are never mixed with others\n  hint: name a directory that does not exist yet",
            job.directory.display()
        );
    }
    if let Some((source, begins, ends)) = traffic.dense_day() {
        writeln!(stderr, "the dense day is that of `{source}` from {} to {}", text(begins), text(ends))?;
    }
    // A delivery with an id that is sent again is kept once, as the server does it.
    let mut traffic = traffic.filter(|simulated| !(simulated.repeated && simulated.delivery.delivery_id.is_some()));
    let mut progress = Progress { begun: Instant::now(), told: Instant::now(), all: job.deliveries };
    let mut left = job.deliveries;
    while left > 0 {
        let count = usize::try_from(left).unwrap_or(job.group).min(job.group);
        let group: Vec<Simulated> = traffic.by_ref().take(count).collect();
        let Some(last) = group.last() else { break };
        // The log takes a group in one moment: when its last delivery is there.
        simulated_ms.store(last.arrives_at.timestamp_millis(), Ordering::Relaxed);
        left -= group.len() as u64;
        let group: Vec<NewDelivery> = group.into_iter().map(|simulated| simulated.delivery).collect();
        log.append(group).map_err(with_hint)?;
        progress.tell(job.deliveries - left, stderr)?;
    }
    let (took, last) = (progress.begun.elapsed(), time(simulated_ms.load(Ordering::Relaxed)));
    let rate = per_second(job.deliveries, took);
    writeln!(
        stdout,
        "{} holds {} deliveries up to {}; written in {:.1} s, {rate} a second",
        job.directory.display(),
        log.head().position,
        text(last),
        took.as_secs_f64(),
    )?;
    if last > wall_clock() {
        writeln!(
            stderr,
            "note: that is in the future: what a server on this log receives before then is given that time"
        )?;
    }
    Ok(())
}

/// A directory with other files in it belongs to somebody, and is no data directory.
fn refuse_foreign(directory: &Path) -> anyhow::Result<()> {
    let is_data_dir = directory.join("log").is_dir();
    if !directory.exists() || is_data_dir {
        return Ok(());
    }
    let mut entries = fs::read_dir(directory).with_context(|| format!("reading {}", directory.display()))?;
    if entries.next().is_some() {
        bail!(
            "{} is no data directory, and not empty\n  hint: name a directory that does not exist yet",
            directory.display()
        );
    }
    Ok(())
}

fn time(ms: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(ms).unwrap_or(DateTime::UNIX_EPOCH)
}

fn text(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

struct Progress {
    begun: Instant,
    told: Instant,
    all: u64,
}

impl Progress {
    /// A line now and then: how far, how fast, how long it will still take.
    fn tell(&mut self, done: u64, stderr: &mut dyn Write) -> std::io::Result<()> {
        if self.told.elapsed() < PROGRESS_INTERVAL {
            return Ok(());
        }
        self.told = Instant::now();
        let rate = per_second(done, self.begun.elapsed());
        let (percent, left_s) = (done * 100 / self.all.max(1), (self.all - done) / rate.max(1));
        writeln!(stderr, "{done} of {} deliveries ({percent} %), {rate} a second, {left_s} s left", self.all)
    }
}

fn per_second(count: u64, took: Duration) -> u64 {
    let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX).max(1);
    count.saturating_mul(1_000) / ms
}
