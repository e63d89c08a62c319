//! `[retention]` as a server applies it, before it opens for traffic.
//!
//! It writes the whole log anew, so it runs once a day at most, and only where a body is due. It never keeps a server
//! from starting: a delivery that is not accepted may be lost, a body that is a day too old can go at the next start.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    config::Config,
    log::{Clock, DataDir, Log as _, SledLog},
    projection::Projection,
    retention::{Due, Selection},
    webhook,
};

use super::{days_ago, erase, explain, of_projection, print::also_in, with_hint};

/// In the log's folder: the time before which nothing was due after the last run. Where it is missing, the log is
/// searched once more.
const DONE_FILE: &str = "bodies-erased-before";
const ONCE_IN: TimeDelta = TimeDelta::days(1);
const TOLD_EVERY: Duration = Duration::from_secs(2);

/// Erases the bodies that are due, and opens the log that is there afterwards.
pub(in crate::cli) fn apply_retention(
    log: SledLog,
    projection: &Projection,
    config: &Config,
    days: u32,
    clock: &Clock,
) -> anyhow::Result<SledLog> {
    let data_dir = DataDir::at(&config.data_dir);
    let selection = Selection { before: days_ago(days, clock), sources: BTreeSet::new() };
    let done = data_dir.log().join(DONE_FILE);
    // Later than that: more days are kept than when it was written, or the clock was wrong.
    if read(&done).is_some_and(|done| (TimeDelta::zero()..ONCE_IN).contains(&(selection.before - done))) {
        return Ok(log);
    }
    let view = projection.reader().view();
    let due = match Due::find(&log, &view, &selection, &mut || {}) {
        Ok(due) => due,
        Err(error) => {
            let error = of_projection(error);
            tracing::error!("bodies that have had their time could not be looked for, and stay: {error:#}");
            return Ok(log);
        }
    };
    drop(view);
    if due.count() == 0 {
        remember(&done, selection.before);
        return Ok(log);
    }
    let before = selection.before.to_rfc3339();
    tracing::info!(
        bodies = due.count(),
        before,
        bodies_days = days,
        "bodies of ended appointments have had their time: the log is written anew without them"
    );
    let (of, begun) = (2 * log.head().position.get(), Instant::now());
    let (mut steps, mut told) = (0, Instant::now());
    let mut step = || {
        steps += 1;
        if told.elapsed() >= TOLD_EVERY {
            told = Instant::now();
            tracing::info!(done = steps, of, "writing the log anew and comparing it");
        }
    };
    match erase(log, &data_dir, &due, clock, &mut step) {
        Ok(log) => {
            remember(&done, selection.before);
            let seconds = begun.elapsed().as_secs();
            tracing::info!(bodies = due.count(), seconds, "bodies are erased. {}", also_in(config));
            Ok(log)
        }
        Err(error) => {
            tracing::error!("bodies that have had their time could not be erased, and stay: {:#}", explain(error));
            Ok(SledLog::open(&data_dir, Clock::clone(clock)).map_err(with_hint)?.read_again_by(webhook::read_again))
        }
    }
}

fn read(path: &Path) -> Option<DateTime<Utc>> {
    let text = fs::read_to_string(path).ok()?;
    DateTime::parse_from_rfc3339(text.trim()).ok().map(|time| time.to_utc())
}

/// It spares work, so nothing depends on it: it is not synced, and half of it is as good as none.
fn remember(path: &PathBuf, before: DateTime<Utc>) {
    if let Err(error) = fs::write(path, format!("{}\n", before.to_rfc3339())) {
        tracing::warn!(%error, "{} could not be written: the next start looks for bodies once more", path.display());
    }
}
