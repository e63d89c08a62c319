//! `clockfold erase-bodies`: the bodies of appointments that are over leave the disk for good.
//!
//! Which ones is decided by the projection, which is brought up to the log's head first, by the configured rules. The
//! same is done by a server at its start, where `[retention]` says so (`at_start.rs`).

mod at_start;
mod print;

use std::{collections::BTreeSet, sync::Arc};

use anyhow::{anyhow, bail};
use chrono::{DateTime, TimeDelta, Utc};
use clap::{Args, error::ErrorKind};

use crate::{
    cli::common::{
        call::Call,
        format::Format,
        hint::with_hint,
        progress::{Progress, ProgressArgument},
        time::time,
    },
    config::{Config, FIRST_SOURCE_FILE},
    log::{Clock, DataDir, Erasure, ErasureError, Log as _, LogError, SledLog, SourceName},
    projection::{Projection, ProjectionError},
    retention::{Due, Selection},
    webhook,
};

pub(super) use at_start::apply_retention;

/// Which bodies to erase.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Only bodies that arrived before this time (RFC 3339, such as 2026-01-01T00:00:00Z); goes over `[retention]`.
    #[arg(long, value_name = "TIME", value_parser = time)]
    before: Option<DateTime<Utc>>,
    /// Only bodies from this source; may stand several times.
    #[arg(long = "source", value_name = "SOURCE")]
    sources: Vec<SourceName>,
    /// Tell how many bodies would be erased, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// How to print what was done.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    progress: ProgressArgument,
}

/// Erases.
pub(super) fn run(
    arguments: &Arguments,
    mut config: Config,
    Call { invocation, clock, stdout, stderr }: Call<'_>,
) -> anyhow::Result<()> {
    let before = match (arguments.before, config.bodies_days) {
        (Some(before), _) => before,
        (None, Some(days)) => days_ago(days, clock),
        (None, None) => return Err(no_time()),
    };
    invocation.writes(&config.data_dir)?;
    let selection = Selection { before, sources: arguments.sources.iter().cloned().collect() };
    let data_dir = DataDir::at(&config.data_dir);
    let interrupted = data_dir.erasing().exists() || data_dir.restoring().exists();
    let mut progress = Progress::new(&arguments.progress, stderr);
    let log = open(&data_dir, clock)?;
    let projection = catch_up(&log, &data_dir, &mut config, &mut progress)?;
    let due = find(&log, &projection, &selection, &mut progress)?;
    let head = log.head();
    drop(projection);
    if due.count() > 0 && !arguments.dry_run {
        progress.begin("writing the log anew and comparing it", 2 * head.position.get());
        erase(log, &data_dir, &due, clock, &mut || progress.step()).map_err(explain)?;
        progress.end();
    }
    let told = print::Report {
        selection: &selection,
        due: &due,
        dry_run: arguments.dry_run,
        interrupted,
        head,
        config: &config,
    };
    match arguments.format {
        Format::Table => stdout.write_all(print::table(&told).as_bytes())?,
        Format::Json => stdout.write_all(print::json(&told)?.as_bytes())?,
    }
    Ok(())
}

/// The time before which bodies may go that are kept for `days`.
fn days_ago(days: u32, clock: &Clock) -> DateTime<Utc> {
    clock() - TimeDelta::days(days.into())
}

fn no_time() -> anyhow::Error {
    let command = clap::Command::new("erase-bodies").bin_name("clockfold erase-bodies");
    let why = "it is not said which bodies have had their time: name it with --before, or set [retention] bodies_days";
    Arguments::augment_args(command).error(ErrorKind::MissingRequiredArgument, why).into()
}

/// Opens the log, but makes none.
fn open(data_dir: &DataDir, clock: &Clock) -> anyhow::Result<SledLog> {
    if !data_dir.log().is_dir() {
        bail!(
            "there is no log in the data directory {}\n  hint: name the directory that the server uses with --data-dir, or its configuration with --config",
            data_dir.root().display()
        );
    }
    SledLog::open(data_dir, Clock::clone(clock)).map(|log| log.read_again_by(webhook::read_again)).map_err(|error| {
        let in_use = matches!(error, LogError::InUse { .. });
        let refusal = with_hint(error);
        if !in_use {
            return refusal;
        }
        anyhow!(
            "{refusal}\n  hint: with [retention] bodies_days, a server erases at its own start what has had its time"
        )
    })
}

/// The projection at the log's head, by the rules of a server with this configuration.
fn catch_up(
    log: &SledLog,
    data_dir: &DataDir,
    config: &mut Config,
    progress: &mut Progress<'_>,
) -> anyhow::Result<Projection> {
    config.take_first_source(&data_dir.log())?;
    let mut begun = false;
    let mut tell = |reached: crate::projection::Progress| {
        if !std::mem::replace(&mut begun, true) {
            progress.begin("folding", reached.of);
        }
        progress.reach(reached.done);
    };
    let path = data_dir.projection();
    let projection = Projection::open_and_catch_up(&path, Arc::new(config.rules()), log, &mut tell);
    if begun {
        progress.end();
    }
    projection.map_err(of_projection)
}

/// Finds what is due. A source that the log does not know is a mistake.
fn find(
    log: &SledLog,
    projection: &Projection,
    selection: &Selection,
    progress: &mut Progress<'_>,
) -> anyhow::Result<Due> {
    let view = projection.reader().view();
    let known: BTreeSet<SourceName> = view.sources().cloned().collect();
    if let Some(unknown) = selection.sources.iter().find(|source| !known.contains(source)) {
        let names = known.iter().map(SourceName::as_str).collect::<Vec<_>>().join(", ");
        let names = if names.is_empty() { "none".to_owned() } else { names };
        bail!("the log holds no delivery from a source `{unknown}`; it knows: {names}");
    }
    progress.begin("looking for bodies", selection.end(log, &view).map_err(of_projection)?.get());
    let due = Due::find(log, &view, selection, &mut || progress.step()).map_err(of_projection)?;
    progress.end();
    Ok(due)
}

/// Erases what is due, and opens the log that is there afterwards.
fn erase(
    log: SledLog,
    data_dir: &DataDir,
    due: &Due,
    clock: &Clock,
    step: &mut dyn FnMut(),
) -> Result<SledLog, ErasureError> {
    let erasure = Erasure { data_dir, clock: Clock::clone(clock), positions: &due.positions, keep: FIRST_SOURCE_FILE };
    erasure.run(log, step)
}

fn explain(error: ErasureError) -> anyhow::Error {
    anyhow!("{error}\n  hint: {}", error.hint())
}

fn of_projection(error: ProjectionError) -> anyhow::Error {
    match error {
        ProjectionError::Log(error) => with_hint(error),
        error => error.into(),
    }
}
