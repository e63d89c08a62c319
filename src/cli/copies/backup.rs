//! `clockfold backup`: the log up to this moment, in a directory of its own, read back before it counts.

use std::path::PathBuf;

use anyhow::anyhow;
use clap::Args;

use crate::{
    cli::common::{
        call::Call,
        log_source::LogSource,
        progress::{Progress, ProgressArgument},
    },
    config::Config,
    copies::{BackupWriter, CopyError},
    log::Position,
};

/// Where to back up to.
#[derive(Debug, Args)]
pub struct Arguments {
    /// A directory that is empty, or is made.
    #[arg(value_name = "DIRECTORY")]
    directory: PathBuf,
    #[command(flatten)]
    progress: ProgressArgument,
}

/// Backs up.
pub(in crate::cli) fn run(
    arguments: &Arguments,
    config: &Config,
    Call { invocation, clock, stdout, stderr }: Call<'_>,
) -> anyhow::Result<()> {
    let acting = invocation.reads(&config.data_dir)?;
    let source = LogSource::open_to_read(config, clock)?;
    let mut progress = Progress::new(&arguments.progress, stderr);
    let deliveries = source.read(Position::ZERO, None)?;
    let stretch = deliveries.stretch();
    // The backup belongs to the user who makes it, even if the log is another's.
    let mut writer = acting.pause(|| BackupWriter::begin(&arguments.directory, stretch))?.map_err(with_hint)?;
    progress.begin("backing up", stretch.deliveries());
    for delivery in deliveries {
        let delivery = delivery?;
        acting.pause(|| writer.append(delivery))?.map_err(with_hint)?;
        progress.step();
    }
    let manifest = acting.pause(|| writer.finish(clock()))?.map_err(with_hint)?;
    progress.end();
    writeln!(
        stdout,
        "the backup in {} is complete and was read back: it ends at position {} with the digest {}",
        arguments.directory.display(),
        manifest.head.position,
        manifest.head.digest
    )?;
    Ok(())
}

/// What went wrong with a copy, and what to do.
pub(in crate::cli) fn with_hint(error: CopyError) -> anyhow::Error {
    anyhow!("{error}\n  hint: {}", error.hint())
}
