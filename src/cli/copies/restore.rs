//! `clockfold restore`: makes a log from a backup or an archive, and proves it before it counts.

use std::path::PathBuf;

use clap::Args;

use crate::{
    cli::{
        common::{
            call::Call,
            progress::{Progress, ProgressArgument},
        },
        copies::backup::with_hint,
    },
    config::{Config, FIRST_SOURCE_FILE},
    copies::{CopyError, CopyKind, Restoration, Survey},
    log::{Clock, DataDir},
};

/// What to restore.
#[derive(Debug, Args)]
pub struct Arguments {
    /// A directory that `clockfold backup` or the archive of a server wrote.
    #[arg(value_name = "DIRECTORY")]
    directory: PathBuf,
    /// Where the copy is corrupt or incomplete, take what is good before that, instead of nothing.
    #[arg(long)]
    up_to_damage: bool,
    #[command(flatten)]
    progress: ProgressArgument,
}

/// Restores.
pub(in crate::cli) fn run(
    arguments: &Arguments,
    config: &Config,
    Call { invocation, clock, stdout, stderr }: Call<'_>,
) -> anyhow::Result<()> {
    invocation.writes(&config.data_dir)?;
    let mut progress = Progress::new(&arguments.progress, stderr);
    let directory = &arguments.directory;
    let data_dir = DataDir::at(&config.data_dir);
    // An existing log is an error at once, and nothing is made for a copy that is not good.
    let begin = || Restoration::begin(data_dir.clone(), Clock::clone(clock), FIRST_SOURCE_FILE).map_err(with_hint);
    let there = data_dir.log().exists().then(begin).transpose()?;
    progress.begin("checking", 0);
    let survey = Survey::of(directory, &mut || progress.step()).map_err(with_hint)?;
    progress.end();
    if !arguments.up_to_damage {
        if let Some(damage) = &survey.damage {
            return Err(with_hint(CopyError::Corrupt(Box::new(damage.clone()))));
        }
        if survey.kind == CopyKind::IncompleteBackup {
            return Err(with_hint(CopyError::Incomplete { path: directory.clone() }));
        }
    }
    let restoration = match there {
        Some(restoration) => restoration,
        None => begin()?,
    };
    progress.begin("restoring and reading back", 2 * survey.whole.position.get());
    let head = restoration.run(&survey, &mut || progress.step()).map_err(with_hint)?;
    progress.end();
    if let Some(damage) = &survey.damage {
        writeln!(stdout, "{damage}")?;
    }
    if let Some(torn) = &survey.torn {
        writeln!(
            stdout,
            "the copy ends after position {} with something that is not whole: the last {} bytes of {}, from byte {} on, were dropped ({})",
            head.position,
            torn.bytes,
            torn.segment.display(),
            torn.offset,
            torn.message
        )?;
    }
    writeln!(
        stdout,
        "the log in {} is restored and was read back: it ends at position {} with the digest {}",
        config.data_dir.display(),
        head.position,
        head.digest
    )?;
    Ok(())
}
