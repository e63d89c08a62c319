//! `clockfold export`: deliveries as lines of JSON, from the store or from the server that holds it.

use std::{
    collections::BTreeSet,
    ffi::OsString,
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use chrono::{DateTime, SecondsFormat, Utc};
use clap::Args;

use crate::{
    cli::common::{
        call::Call,
        log_source::LogSource,
        progress::{Progress, ProgressArgument},
        time::time,
    },
    config::Config,
    copies::{create_private, ndjson},
    log::{Position, SourceName, sync_dir},
};

/// What to export, and where to.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Write to this file, which is put in its place once it is complete. Without it: to standard output.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Only deliveries of this source; may stand several times. The lines then have gaps and can't be imported.
    #[arg(long = "source", value_name = "SOURCE")]
    sources: Vec<SourceName>,
    /// Only what arrived at this time or later (RFC 3339, such as 2026-03-02T15:04:05Z). Where the clock was set back, what
    /// stands between two such deliveries comes with them.
    #[arg(long, value_name = "TIME", value_parser = time)]
    from: Option<DateTime<Utc>>,
    /// Only what arrived before this time.
    #[arg(long, value_name = "TIME", value_parser = time)]
    to: Option<DateTime<Utc>>,
    /// Only what stands after this position.
    #[arg(long, value_name = "POSITION")]
    after_position: Option<u64>,
    /// Only what stands at this position or before it.
    #[arg(long, value_name = "POSITION")]
    to_position: Option<u64>,
    #[command(flatten)]
    progress: ProgressArgument,
}

/// Exports.
pub(in crate::cli) fn run(
    arguments: &Arguments,
    config: &Config,
    Call { invocation, clock, stdout, stderr }: Call<'_>,
) -> anyhow::Result<()> {
    let acting = invocation.reads(&config.data_dir)?;
    let source = LogSource::open_to_read(config, clock)?;
    let (after, to) = range(arguments, &source)?;
    let mut progress = Progress::new(&arguments.progress, stderr);
    let Some(path) = &arguments.output else {
        export(arguments, &source, (after, to), &mut progress, BufWriter::new(stdout))?;
        return Ok(());
    };
    let partial = beside(path)?;
    // An interrupted export may have left it. The file belongs to the user who runs this, even if the log is another's.
    acting.pause(|| remove_if_there(&partial))?.with_context(|| format!("removing {}", partial.display()))?;
    let file = acting.pause(|| create_private(&partial))?.with_context(|| format!("making {}", partial.display()))?;
    let exported = export(arguments, &source, (after, to), &mut progress, BufWriter::new(&file))
        .and_then(|exported| Ok(acting.pause(|| put_in_place(&file, &partial, path))?.map(|()| exported)?))
        .with_context(|| format!("writing {}", path.display()));
    let (header, count) = exported.inspect_err(|_| drop(acting.pause(|| remove_if_there(&partial))))?;
    let stretch = header.stretch;
    writeln!(
        stdout,
        "{count} deliveries of the positions after {} and up to {} are in {}; the log's digest there is {}",
        stretch.after.position,
        stretch.to.position,
        path.display(),
        stretch.to.digest
    )?;
    Ok(())
}

fn export(
    arguments: &Arguments,
    source: &LogSource,
    (after, to): (Position, Option<Position>),
    progress: &mut Progress<'_>,
    output: impl Write,
) -> anyhow::Result<(ndjson::Header, u64)> {
    let deliveries = source.read(after, to)?;
    let sources: BTreeSet<SourceName> = arguments.sources.iter().cloned().collect();
    let sources = Some(sources).filter(|sources| !sources.is_empty());
    let header = ndjson::Header { stretch: deliveries.stretch(), sources };
    progress.begin("exporting", header.stretch.deliveries());
    let mut writer = ndjson::Writer::new(output, header.clone())?;
    for delivery in deliveries {
        writer.write(&delivery?)?;
        progress.step();
    }
    let (count, _) = writer.finish()?;
    progress.end();
    Ok((header, count))
}

/// The positions that the arguments mean. Lines have no gaps: from the first to the last that arrived in a span of time.
fn range(arguments: &Arguments, source: &LogSource) -> anyhow::Result<(Position, Option<Position>)> {
    let after = arguments.after_position.map_or(Position::ZERO, Position::new);
    let to = arguments.to_position.map(Position::new);
    if let (Some(from), Some(to)) = (arguments.from, arguments.to)
        && from > to
    {
        let print = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::AutoSi, true);
        bail!("--from {} is after --to {}", print(from), print(to));
    }
    if arguments.from.is_none() && arguments.to.is_none() {
        return Ok((after, to));
    }
    let whole = source.read(after, to)?.stretch();
    let Some((first, last)) = source.arrived_in((arguments.from, arguments.to), &whole)? else {
        return Ok((after, Some(after)));
    };
    Ok((Position::new(first.get() - 1), Some(last)))
}

/// The name under which a file is written until it is complete.
fn beside(path: &Path) -> anyhow::Result<PathBuf> {
    let Some(name) = path.file_name() else { bail!("{} does not name a file", path.display()) };
    let mut partial = OsString::from(".");
    partial.push(name);
    partial.push(".partial");
    Ok(path.with_file_name(partial))
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn put_in_place(file: &File, partial: &Path, path: &Path) -> io::Result<()> {
    file.sync_all()?;
    fs::rename(partial, path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    sync_dir(folder)
}
