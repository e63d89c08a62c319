//! `clockfold import`: makes a log from an export, or appends to one the deliveries that it lacks.
//!
//! The export is read twice, so that nothing is appended before all of it has proved to be whole; and the appended
//! deliveries are read back, so that "done" means that they are there. They are appended in the log's own order, so
//! after an interruption the log holds a beginning of it, and the same import goes on from there.

use std::{
    fs::{self, File},
    io::{self, BufReader, Seek},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, anyhow, bail};
use clap::Args;

use crate::{
    cli::common::{
        call::Call,
        hint::with_hint,
        progress::{Progress, ProgressArgument},
    },
    config::Config,
    copies::{Stretch, create_private, ndjson},
    log::{Body, Clock, DataDir, Delivery, Head, Log as _, SledLog, make_private_dir},
};

/// How many deliveries are appended at once.
const GROUP_DELIVERIES_MAX: usize = 4096;
const GROUP_BYTES_MAX: usize = 4 << 20;

/// What to import.
#[derive(Debug, Args)]
pub struct Arguments {
    /// A file that `clockfold export` wrote; `-` is standard input.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    progress: ProgressArgument,
}

/// Imports.
pub(in crate::cli) fn run(
    arguments: &Arguments,
    config: &Config,
    Call { invocation, clock, stdout, stderr }: Call<'_>,
) -> anyhow::Result<()> {
    invocation.writes(&config.data_dir)?;
    let mut progress = Progress::new(&arguments.progress, stderr);
    let name = if arguments.file == Path::new("-") { "standard input" } else { &*arguments.file.to_string_lossy() };
    let data_dir = DataDir::at(&config.data_dir);
    let file = open(&arguments.file, &data_dir).with_context(|| format!("opening {name}"))?;
    let lines = || -> anyhow::Result<_> {
        (&file).rewind().context("reading it again")?;
        Ok(ndjson::Reader::new(BufReader::with_capacity(64 << 10, &file))?)
    };
    let stretch = prove(lines().with_context(|| name.to_owned())?, &mut progress).with_context(|| name.to_owned())?;
    let log = SledLog::open(&data_dir, Clock::clone(clock)).map_err(with_hint)?;
    let before = log.head();
    append(lines()?, &log, before, &mut progress)?;
    let after = log.head();
    let appended = Stretch { after: before, to: after };
    read_back(&log, &appended, &stretch, &mut progress)?;
    match appended.deliveries() {
        0 => writeln!(stdout, "nothing was new: the log holds everything that is in {name}")?,
        count => writeln!(
            stdout,
            "{count} deliveries were appended, as positions {} to {}",
            before.position.next(),
            after.position
        )?,
    }
    writeln!(stdout, "the log ends at position {} with the digest {}", after.position, after.digest)?;
    Ok(())
}

/// The file, or a copy where it can be read only once; the copy has no name, so that nothing is left of it.
fn open(path: &Path, data_dir: &DataDir) -> io::Result<File> {
    let mut input: Box<dyn io::Read> = if path == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        if metadata.is_file() {
            return Ok(file);
        }
        Box::new(file)
    };
    make_private_dir(data_dir.root())?;
    let copy = data_dir.root().join("import.new");
    fs::remove_file(&copy)
        .or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })?;
    let mut file = create_private(&copy)?;
    fs::remove_file(&copy)?;
    io::copy(&mut input, &mut file)?;
    Ok(file)
}

/// Reads an export to its end. Returns which part of a log it is.
fn prove<R: io::BufRead>(lines: ndjson::Reader<R>, progress: &mut Progress<'_>) -> anyhow::Result<Stretch> {
    let ndjson::Header { stretch, sources } = lines.header().clone();
    if sources.is_some() {
        bail!(
            "this export holds only some sources, so its positions have gaps and it can't become a log\n  hint: export again without --source; the positions and times may be limited"
        );
    }
    progress.begin("checking", stretch.deliveries());
    for delivery in lines {
        delivery?;
        progress.step();
    }
    progress.end();
    Ok(stretch)
}

/// Compares the deliveries that the log has already, and appends the rest.
fn append<R: io::BufRead>(
    mut lines: ndjson::Reader<R>,
    log: &SledLog,
    head: Head,
    progress: &mut Progress<'_>,
) -> anyhow::Result<()> {
    let Stretch { after, to } = lines.header().stretch;
    if after.position > head.position {
        bail!(
            "the export begins after position {}, but the log ends at position {}: what stands between is missing\n  hint: import what comes before it first",
            after.position,
            head.position
        );
    }
    if log.digest_at(after.position).map_err(with_hint)? != after.digest {
        return Err(anyhow!(
            "the export is of another log: before its first delivery, at position {}, it has another digest than this log; nothing was changed",
            after.position
        ));
    }
    progress.begin("importing", to.position.get() - after.position.get());
    let mut digests = (after.digest, after.digest);
    for ours in log.read(after.position.next()) {
        let Some(theirs) = lines.next().transpose()? else { break };
        let ours = ours.map_err(with_hint)?;
        digests = (digests.0.then(&ours), digests.1.then(&theirs));
        if digests.0 != digests.1 {
            bail!(
                "the export is of another log: the delivery at position {} differs (line {}); nothing was changed\n  hint: import into an empty data directory, named with --data-dir",
                ours.position,
                lines.line()
            );
        }
        progress.step();
    }
    let mut group: Vec<Delivery> = Vec::new();
    let mut bytes = 0;
    for delivery in lines {
        let delivery = delivery?;
        bytes += match &delivery.body {
            Body::Kept { bytes, .. } => bytes.len(),
            Body::Erased { .. } => 0,
        };
        group.push(delivery);
        if group.len() == GROUP_DELIVERIES_MAX || bytes > GROUP_BYTES_MAX {
            log.append_copies(&group).map_err(with_hint)?;
            group.clear();
            bytes = 0;
        }
        progress.step();
    }
    log.append_copies(&group).map_err(with_hint)?;
    progress.end();
    Ok(())
}

/// Reads the appended deliveries back, and checks them against the export's end.
fn read_back(log: &SledLog, appended: &Stretch, export: &Stretch, progress: &mut Progress<'_>) -> anyhow::Result<()> {
    progress.begin("reading back", appended.deliveries());
    let mut digest = appended.after.digest;
    for delivery in appended.read(log) {
        digest = digest.then(&delivery.map_err(with_hint)?);
        progress.step();
    }
    progress.end();
    let grown = appended.deliveries() > 0;
    if digest != appended.to.digest || (grown && appended.to != export.to) {
        bail!(
            "what was appended does not come to the digest of the export at position {}\n  hint: check the disk, and import into an empty data directory",
            export.to.position
        );
    }
    Ok(())
}
