//! `clockfold rebuild`: folds a new projection from the log, beside the one that counts, which it then replaces, or is
//! only compared with.

use std::{collections::BTreeSet, io::Write, num::NonZero, sync::Arc, thread};

use anyhow::{Context as _, bail};
use chrono::TimeDelta;
use clap::Args;
use serde_json::json;

use crate::{
    cli::common::{
        call::Call,
        fold_again::{explained, on_server, tell},
        fold_report::{FoldReport, Refold},
        format::Format,
        log_source::{LogSource, ServerLog},
        owner::Scratch,
        progress::{Progress, ProgressArgument},
    },
    config::Config,
    lifecycle::{FoldRules, Lifecycle},
    log::{Acting, AppointmentId, DataDir, Log, SledLog, SourceName},
    projection::{
        AppointmentKey, Projection, ProjectionError, RebuildResources, Rules, View, compare_with_fresh_fold,
        open_as_it_is, open_to_read, rebuild_beside, remove_old_projections,
    },
};

/// What to fold, and how.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Only tell what would change.
    #[arg(long)]
    dry_run: bool,
    /// The source that other rules are tried out on, or whose appointment is folded anew.
    #[arg(long, value_name = "NAME")]
    source: Option<SourceName>,
    /// With --dry-run and --source: what this lifecycle would have made of the log. The one in force where it is left out.
    #[arg(long, value_name = "NAME", requires = "dry_run", requires = "source")]
    lifecycle: Option<String>,
    /// With --dry-run and --source: what this reorder window would have made of the log, in seconds (0 to 3600).
    #[arg(long, value_name = "SECONDS", requires = "dry_run", requires = "source", value_parser = clap::value_parser!(u32).range(0..=3600))]
    reorder_window: Option<u32>,
    /// Fold only this appointment of --source anew, and tell it before and after.
    #[arg(long, value_name = "NUMBER", value_parser = super::show::appointment_id, requires = "source", conflicts_with_all = ["dry_run", "lifecycle", "reorder_window"])]
    appointment: Option<AppointmentId>,
    /// Memory for sorting, in MiB: 16 to 65536. What does not fit waits in files beside the projection. A running server
    /// has its own.
    #[arg(long, value_name = "MIB", default_value_t = 128, value_parser = clap::value_parser!(u32).range(16..=65536))]
    memory_mb: u32,
    /// Threads, 1 to 256; every core where it is left out. A running server has its own.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=256))]
    threads: Option<u32>,
    /// How to print it.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    progress: ProgressArgument,
}

impl Arguments {
    fn resources(&self) -> RebuildResources {
        let every_core = || thread::available_parallelism().map_or(1, NonZero::get);
        let threads = self.threads.map_or_else(every_core, |threads| threads as usize);
        RebuildResources { memory_bytes: (self.memory_mb as usize) << 20, threads }
    }
}

/// Rebuilds.
pub(super) fn run(
    arguments: &Arguments,
    config: &Config,
    Call { invocation, clock, stdout, stderr }: Call<'_>,
) -> anyhow::Result<()> {
    if arguments.source.is_some() && arguments.appointment.is_none() && !arguments.dry_run {
        bail!(
            "--source goes with --appointment, or with --dry-run to try out other rules\n  hint: a rebuild folds the whole log; to fold one source by other rules, change the configuration and start the server"
        );
    }
    let mut progress = Progress::new(&arguments.progress, stderr);
    let (_acting, source) = if arguments.dry_run {
        (invocation.reads(&config.data_dir)?, LogSource::open_to_read(config, clock)?)
    } else {
        invocation.writes(&config.data_dir)?;
        (Acting::as_before(), LogSource::open(config, clock)?)
    };
    match (source, arguments.appointment) {
        (LogSource::Store(log), None) => rebuild(arguments, config, &log, &mut progress, stdout),
        (LogSource::Store(log), Some(id)) => refold(arguments, config, &log, id, stdout),
        (LogSource::Server(server), None) => {
            let wanted = json!({
                "dryRun": arguments.dry_run,
                "source": arguments.source.as_ref().map(SourceName::as_str),
                "lifecycle": arguments.lifecycle,
                "window": arguments.reorder_window,
            });
            let report = on_server(&server, &wanted, &mut progress)?;
            progress.end();
            print(arguments, report.as_ref(), stdout)
        }
        (LogSource::Server(server), Some(id)) => refold_on_server(arguments, &server, id, stdout),
    }
}

fn rebuild(
    arguments: &Arguments,
    config: &Config,
    log: &SledLog,
    progress: &mut Progress<'_>,
    stdout: &mut dyn Write,
) -> anyhow::Result<()> {
    let path = DataDir::at(&config.data_dir).projection();
    let open = if arguments.dry_run { open_to_read } else { open_as_it_is };
    let old = usable(open(&path, Arc::new(config.rules())), log)?;
    let view = old.as_ref().map(|old| old.reader().view());
    let known: Vec<SourceName> = view.iter().flat_map(View::sources).cloned().collect();
    let rules = Arc::new(wanted_rules(arguments, config, known)?);
    let mut tell = |told| {
        tell(progress, told);
        Ok(())
    };
    if arguments.dry_run {
        let Some(view) = &view else {
            bail!(
                "there is no projection of this log to compare with\n  hint: `clockfold rebuild` without --dry-run builds it"
            );
        };
        let scratch = Scratch::make()?;
        let report = compare_with_fresh_fold(view, scratch.path(), &rules, log, &arguments.resources(), &mut tell);
        let report = FoldReport::from(&report.map_err(explained)?);
        progress.end();
        return print(arguments, Some(&report), stdout);
    }
    let built = rebuild_beside(view.as_ref(), &path, rules, log, &arguments.resources(), &mut tell);
    let mut new = match built {
        // That the old one can't be read is no reason to keep it.
        Err(
            error @ (ProjectionError::Corrupt(_) | ProjectionError::CorruptFile(_) | ProjectionError::Storage { .. }),
        ) if view.is_some() => {
            tracing::warn!(%error, "the projection can't be compared with");
            rebuild_beside(None, &path, Arc::new(config.rules()), log, &arguments.resources(), &mut tell)
                .map_err(explained)?
        }
        built => built.map_err(explained)?,
    };
    let report = new.report.take().as_ref().map(FoldReport::from);
    new.projection.catch_up(log, &mut |_| {}).map_err(explained)?;
    drop(view);
    new.take_the_place_of(old.as_ref(), &path).map_err(explained)?;
    drop(old);
    remove_old_projections(&path).map_err(explained)?;
    progress.end();
    print(arguments, report.as_ref(), stdout)
}

/// The projection that counts, where it is of this log.
fn usable(opened: Result<Option<Projection>, ProjectionError>, log: &SledLog) -> anyhow::Result<Option<Projection>> {
    match opened {
        Ok(None) => Ok(None),
        Ok(Some(projection)) => match projection.unusable(log).map_err(explained)? {
            None => Ok(Some(projection)),
            Some(why) if projection.checkpoint().position > log.head().position => bail!(
                "the projection is of position {}, and the log ends at {} ({why}): deliveries that were folded once are gone\n  hint: restore the log from a backup or the archive. To go on without them, move the `projection` folder out of the data directory",
                projection.checkpoint().position,
                log.head().position
            ),
            Some(_) => Ok(None),
        },
        // It is built anew then.
        Err(_) => Ok(None),
    }
}

/// The rules of the configuration, or those that are tried out on a source. `known` are those that the log knows.
fn wanted_rules(arguments: &Arguments, config: &Config, mut known: Vec<SourceName>) -> anyhow::Result<Rules> {
    let rules = config.rules();
    let Some(source) = &arguments.source else { return Ok(rules) };
    known.extend(config.sources.iter().map(|source| source.access.name.clone()));
    if !known.contains(source) {
        let known: BTreeSet<&str> = known.iter().map(SourceName::as_str).collect();
        let known: Vec<&str> = known.into_iter().collect();
        bail!("there is no source `{source}` in the log or the configuration; there is: {}", known.join(", "));
    }
    let FoldRules { mut lifecycle, mut reorder_window } = rules.of(source).clone();
    if let Some(name) = &arguments.lifecycle {
        lifecycle = match Lifecycle::built_in(name) {
            Ok(lifecycle) => lifecycle,
            Err(_) => super::lifecycle::custom(name, config.lifecycles.clone())?,
        };
    }
    if let Some(seconds) = arguments.reorder_window {
        reorder_window = TimeDelta::seconds(seconds.into());
    }
    Ok(rules.with(source.clone(), FoldRules { lifecycle, reorder_window }))
}

fn print(arguments: &Arguments, report: Option<&FoldReport>, stdout: &mut dyn Write) -> anyhow::Result<()> {
    if arguments.format == Format::Json {
        let printed = json!({ "dryRun": arguments.dry_run, "report": report });
        return Ok(writeln!(stdout, "{printed:#}")?);
    }
    if let Some(report) = report {
        stdout.write_all(report.print().as_bytes())?;
    }
    let end = match (arguments.dry_run, report) {
        (true, _) => "nothing was changed",
        (false, None) => "the projection was built; there was none of this log before that could be read",
        (false, Some(_)) => "the new projection has taken the place of the old one",
    };
    Ok(writeln!(stdout, "{end}")?)
}

fn refold(
    arguments: &Arguments,
    config: &Config,
    log: &SledLog,
    appointment_id: AppointmentId,
    stdout: &mut dyn Write,
) -> anyhow::Result<()> {
    let Some(source) = arguments.source.clone() else { bail!("--appointment goes with --source") };
    let path = DataDir::at(&config.data_dir).projection();
    let rules = Arc::new(config.rules());
    let Some(mut projection) = usable(open_as_it_is(&path, Arc::clone(&rules)), log)? else {
        bail!("there is no projection of this log\n  hint: `clockfold rebuild` builds it");
    };
    if let Some(other) = projection.folded_otherwise_by(&rules).first() {
        bail!(
            "other rules apply to `{other}` than those that the projection was folded by\n  hint: `clockfold rebuild`, or a start, folds the whole log by them"
        );
    }
    projection.catch_up(log as &dyn Log, &mut |_| {}).map_err(explained)?;
    let key = AppointmentKey { source, appointment_id };
    let arrived = projection.reader().view().read_again(&key, log).map_err(explained)?;
    let refolded = projection.refold(arrived, log).map_err(explained)?;
    print_refolded(arguments, &Refold::from(&refolded), stdout)
}

fn refold_on_server(
    arguments: &Arguments,
    server: &ServerLog,
    appointment_id: AppointmentId,
    stdout: &mut dyn Write,
) -> anyhow::Result<()> {
    let query = "mutation($source: String!, $id: ID!) { refoldAppointment(source: $source, appointmentId: $id) { changed before { status statusSince lastPosition } after { status statusSince lastPosition } } }";
    let variables =
        json!({ "source": arguments.source.as_ref().map(SourceName::as_str), "id": appointment_id.to_string() });
    let refolded = server.graphql(query, &variables)?["refoldAppointment"].take();
    let refolded = serde_json::from_value(refolded).context("reading the server's answer")?;
    print_refolded(arguments, &refolded, stdout)
}

fn print_refolded(arguments: &Arguments, refold: &Refold, stdout: &mut dyn Write) -> anyhow::Result<()> {
    match arguments.format {
        Format::Json => writeln!(stdout, "{:#}", json!(refold))?,
        Format::Table => stdout.write_all(refold.print().as_bytes())?,
    }
    Ok(())
}
