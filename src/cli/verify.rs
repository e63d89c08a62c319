//! `clockfold verify`: whether the log is as it was written, and the projection what the log makes.
//!
//! It changes no delivery and no row. It reads the whole log and checks its chain, gaps, and arrival times that no
//! clock makes; its end against the remembered head; and the projection, row by row, against a fresh fold. It reports
//! where the clock was set back, which is no fault of the log.

use std::{io::Write, path::PathBuf, sync::Arc};

use anyhow::{Context as _, anyhow, bail};
use clap::Args;
use serde_json::{Value, json};

use crate::{
    cli::{
        common::{
            call::Call,
            fold_again::{explained, on_server, tell},
            fold_report::{FoldReport, SetBack, SetBacks},
            format::Format,
            hint::Hinted,
            log_source::{LogSource, ServerLog},
            owner::Scratch,
            progress::{Progress, ProgressArgument},
        },
        copies::backup,
    },
    config::Config,
    copies::{CopyKind, Survey},
    log::{DataDir, Digest, Head, Log, LogError, Position, SledLog},
    projection::{
        self, Projection, ProjectionError, RebuildResources, Rules, compare_with_fresh_fold, open_to_read,
        state_digest_of,
    },
};

/// What to verify.
#[derive(Debug, Args)]
pub struct Arguments {
    /// A backup or an archive, instead of the log of the data directory.
    #[arg(value_name = "DIRECTORY")]
    copy: Option<PathBuf>,
    /// How to print it.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    progress: ProgressArgument,
}

/// What was found.
struct Found {
    /// The end of what is good.
    good: Head,
    /// What is wrong with the log, and the stretches that can still be read behind that.
    damage: Option<(LogError, Vec<(Position, Position)>)>,
    /// The projection beside a fresh fold.
    report: Option<FoldReport>,
    /// Why there is nothing to compare, if so.
    no_report: Option<String>,
    /// Whether that is harmless: there is no projection yet, or other rules apply now.
    harmless: bool,
    /// The state digest of a fresh fold, where there is no report.
    state_digest: Option<Digest>,
    /// How often the clock was set back.
    set_backs: SetBacks,
}

/// Verifies. Fails where anything is not as it should be.
pub(super) fn run(
    arguments: &Arguments,
    config: &Config,
    Call { invocation, clock, stdout, stderr }: Call<'_>,
) -> anyhow::Result<()> {
    let mut progress = Progress::new(&arguments.progress, stderr);
    if let Some(directory) = &arguments.copy {
        return verify_copy(arguments, directory, &mut progress, stdout);
    }
    let data_dir = DataDir::at(&config.data_dir);
    if data_dir.log().is_dir() && !data_dir.head().exists() {
        bail!(
            "the data directory {} has a log and no remembered head: whether the log has lost its end can't be told\n  hint: compare its end with a backup or the archive. A start remembers its end anew",
            config.data_dir.display()
        );
    }
    let _acting = invocation.reads(&config.data_dir)?;
    let found = match LogSource::open_to_read(config, clock).map_err(|error| restore_hint(config, &error))? {
        LogSource::Store(log) => verify_store(config, &log, &mut progress)?,
        LogSource::Server(server) => {
            let hint = |error| anyhow!("{error:#}\n  hint: where the log is corrupt, {}", restore_from(config));
            verify_server(&server, &mut progress).map_err(hint)?
        }
    };
    progress.end();
    match arguments.format {
        Format::Table => print(config, &found, stdout)?,
        Format::Json => writeln!(stdout, "{:#}", found.value())?,
    }
    stdout.flush()?;
    if found.is_well() { Ok(()) } else { bail!("verification failed") }
}

fn verify_store(config: &Config, log: &SledLog, progress: &mut Progress<'_>) -> anyhow::Result<Found> {
    let head = log.head();
    let (rules, scratch) = (Arc::new(config.rules()), Scratch::make()?);
    let mut found = Found {
        good: head,
        damage: None,
        report: None,
        no_report: None,
        harmless: true,
        state_digest: None,
        set_backs: SetBacks::default(),
    };
    let projection = found.comparable(config, &rules, log);
    let mut tell = |told| {
        tell(progress, told);
        Ok(())
    };
    let resources = RebuildResources::default();
    let folded = match &projection {
        None => state_digest_of(log, head.position, scratch.path(), &rules, &resources, &mut tell)
            .map(|(digest, set_backs)| found.fresh(digest, &set_backs)),
        Some(projection) => {
            let view = projection.reader().view();
            let others = projection.folded_otherwise_by(&rules);
            if !others.is_empty() {
                let names: Vec<&str> = others.iter().map(|source| source.as_str()).collect();
                found.no_report =
                    Some(format!("other rules apply to {} now; the next start folds it anew", names.join(", ")));
            }
            compare_with_fresh_fold(&view, scratch.path(), &rules, log, &resources, &mut tell).and_then(|mut report| {
                report.set_backs.extend(rest_is_whole(log, report.position, head)?);
                found.report = Some(FoldReport::from(&report));
                found.tell_set_backs(&report.set_backs);
                Ok(())
            })
        }
    };
    let folded = match folded {
        // A projection that can't be read says nothing about the log.
        Err(
            error @ (ProjectionError::Storage { .. } | ProjectionError::Corrupt(_) | ProjectionError::CorruptFile(_)),
        ) if projection.is_some() => {
            found.harmless = false;
            found.no_report = Some(format!("it can't be read ({error}); `clockfold rebuild` builds it anew"));
            state_digest_of(log, head.position, scratch.path(), &rules, &resources, &mut tell)
                .map(|(digest, set_backs)| found.fresh(digest, &set_backs))
        }
        folded => folded,
    };
    match folded {
        Ok(()) => Ok(found),
        Err(ProjectionError::Log(error @ LogError::Corrupt { position, .. })) => {
            found.good = end_of_good(log, position);
            found.damage = Some((error, readable(log, position, head.position)));
            Ok(found)
        }
        Err(error) => Err(explained(error)),
    }
}

/// Checks that the deliveries not folded yet continue the folded ones. Returns where the clock was set back in them.
fn rest_is_whole(log: &dyn Log, folded: Position, head: Head) -> Result<Vec<projection::SetBack>, ProjectionError> {
    let mut digest = log.digest_at(folded)?;
    let mut set_backs = Vec::new();
    let mut last = match folded {
        Position::ZERO => None,
        folded => log.read(folded).next().transpose()?.map(|delivery| delivery.received_at),
    };
    for delivery in log.read(folded.next()) {
        let delivery = delivery?;
        if delivery.position > head.position {
            break;
        }
        set_backs.extend(projection::SetBack::checked(last, delivery.position, delivery.received_at)?);
        digest = digest.then(&delivery);
        last = Some(delivery.received_at);
    }
    if digest == head.digest {
        return Ok(set_backs);
    }
    let message = "the deliveries do not come to the digest of the log's end".to_owned();
    Err(LogError::Corrupt { position: folded.next(), message }.into())
}

/// Where the log ends before a position that is corrupt.
fn end_of_good(log: &dyn Log, damaged: Position) -> Head {
    let position = Position::new(damaged.get().saturating_sub(1));
    log.digest_at(position).map_or(Head { position, digest: Digest::EMPTY }, |digest| Head { position, digest })
}

/// What can still be read from a corrupt position on, each stretch by itself. At most a hundred stretches.
fn readable(log: &dyn Log, from: Position, to: Position) -> Vec<(Position, Position)> {
    const STRETCHES_MAX: usize = 100;
    let mut stretches: Vec<(Position, Position)> = Vec::new();
    let mut next = from;
    while next <= to && stretches.len() < STRETCHES_MAX {
        let mut last = None;
        for delivery in log.read(next) {
            let Ok(delivery) = delivery else { break };
            last = Some(delivery.position);
        }
        stretches.extend(last.map(|last| (next, last)));
        next = last.unwrap_or(next).next();
    }
    stretches
}

fn verify_server(server: &ServerLog, progress: &mut Progress<'_>) -> anyhow::Result<Found> {
    let report = on_server(server, &json!({ "dryRun": true }), progress)?;
    let report = report.context("the running server has compared nothing")?;
    let position = report.position.parse().unwrap_or_default();
    let status = server.graphql("{ log { projection { position digest } } }", &json!({}))?;
    let digest = status["log"]["projection"]["digest"].as_str().and_then(|text| text.parse().ok());
    // The digest is known where nothing has come since.
    let same = status["log"]["projection"]["position"] == report.position.as_str();
    let good = Head { position: Position::new(position), digest: digest.filter(|_| same).unwrap_or(Digest::EMPTY) };
    let set_backs = report.set_backs.clone();
    let report = Some(report);
    Ok(Found { good, damage: None, report, no_report: None, harmless: true, state_digest: None, set_backs })
}

impl Found {
    /// The projection, where it can be compared; otherwise why not.
    fn comparable(&mut self, config: &Config, rules: &Arc<Rules>, log: &SledLog) -> Option<Projection> {
        let path = DataDir::at(&config.data_dir).projection();
        let (why, is_harmless) = match open_to_read(&path, Arc::clone(rules)) {
            Ok(None) => ("there is none yet; the next start builds it".to_owned(), true),
            Err(error) => (format!("it can't be opened ({error}); the next start builds it anew"), false),
            Ok(Some(projection)) => match projection.unusable(log) {
                Ok(None) => return Some(projection),
                Ok(Some(why)) => {
                    let (position, head) = (projection.checkpoint().position, log.head().position);
                    let is_lost = position > head;
                    let lost = if is_lost { "; deliveries that were folded once are gone from the log" } else { "" };
                    (format!("{why}: it is of position {position}, and the log ends at {head}{lost}"), false)
                }
                // The log can't be read there: the fold reports where.
                Err(_) => ("the log could not be compared with it".to_owned(), true),
            },
        };
        self.no_report = Some(why);
        self.harmless &= is_harmless;
        None
    }

    fn fresh(&mut self, digest: Digest, set_backs: &[projection::SetBack]) {
        self.state_digest = Some(digest);
        self.tell_set_backs(set_backs);
    }

    fn tell_set_backs(&mut self, set_backs: &[projection::SetBack]) {
        self.set_backs = set_backs.into();
    }

    fn is_well(&self) -> bool {
        // Where other rules apply, a difference says nothing.
        let equal = self.report.as_ref().is_none_or(|report| report.equal) || self.no_report.is_some();
        self.damage.is_none() && equal && self.harmless
    }

    fn value(&self) -> Value {
        let stretch = |(first, last): &(Position, Position)| json!([first.to_string(), last.to_string()]);
        json!({
            "ok": self.is_well(),
            "log": {
                "goodUpTo": self.good.position.to_string(),
                "digest": digest_text(self.good),
                "setBackCount": self.set_backs.count,
                "setBacks": self.set_backs.last,
                "damage": self.damage.as_ref().map(|(error, readable)| json!({
                    "message": error.to_string(),
                    "readable": readable.iter().map(stretch).collect::<Vec<_>>(),
                })),
            },
            "projection": { "report": self.report, "note": self.no_report },
            "stateDigest": self.state_digest.map(|digest| digest.to_string()),
        })
    }
}

fn digest_text(head: Head) -> Option<String> {
    (head.digest != Digest::EMPTY || head.position == Position::ZERO).then(|| head.digest.to_string())
}

fn print(config: &Config, found: &Found, stdout: &mut dyn Write) -> anyhow::Result<()> {
    let digest = digest_text(found.good).map_or(String::new(), |digest| format!(", digest {digest}"));
    match &found.damage {
        None => writeln!(
            stdout,
            "log: whole up to position {}{digest}\n  every record, the chain, the order of arrival and the head are as they were written",
            found.good.position
        )?,
        Some((error, readable)) => {
            writeln!(stdout, "log: {error}")?;
            match found.good.position {
                Position::ZERO => writeln!(stdout, "  nothing before it is good")?,
                good => writeln!(stdout, "  positions 1 to {good} are good{digest}")?,
            }
            for (first, last) in readable {
                writeln!(stdout, "  positions {first} to {last} can still be read")?;
            }
            writeln!(stdout, "  hint: {}", restore_from(config))?;
        }
    }
    let SetBacks { count, last } = &found.set_backs;
    if *count > 0 {
        let times = if *count == 1 { "once".to_owned() } else { format!("{count} times") };
        let those = if *count > last.len() as u64 { format!("; the last {}:", last.len()) } else { ":".to_owned() };
        writeln!(stdout, "  the clock was set back {times}, and arrival times with it{those}")?;
        for SetBack { position, from, to } in last {
            writeln!(stdout, "    at position {position} from {from} to {to}")?;
        }
    }
    match (&found.report, &found.no_report) {
        (Some(report), _) => {
            let equal = if report.equal { "equals a fresh fold" } else { "differs from a fresh fold" };
            writeln!(stdout, "projection: it {equal}")?;
            for line in report.print().lines() {
                writeln!(stdout, "  {line}")?;
            }
            if let Some(note) = &found.no_report {
                writeln!(stdout, "  {note}")?;
            } else if !report.equal {
                writeln!(stdout, "  hint: `clockfold rebuild` builds it anew from the log")?;
            }
        }
        (None, Some(note)) if found.damage.is_none() => {
            writeln!(stdout, "projection: {note}")?;
        }
        (None, _) => {}
    }
    if let Some(digest) = found.state_digest {
        writeln!(stdout, "  state digest of a fresh fold {digest}")?;
    }
    Ok(())
}

fn verify_copy(
    arguments: &Arguments,
    directory: &std::path::Path,
    progress: &mut Progress<'_>,
    stdout: &mut dyn Write,
) -> anyhow::Result<()> {
    progress.begin("checking", 0);
    let survey = Survey::of(directory, &mut || progress.step()).map_err(backup::with_hint)?;
    progress.end();
    let kind = match survey.kind {
        CopyKind::Backup => "backup",
        CopyKind::IncompleteBackup => "incomplete backup",
        CopyKind::Archive => "archive",
    };
    let Head { position, digest } = survey.whole;
    // A torn last frame of an archive is no fault: the log has its delivery, if it was ever kept.
    let well = survey.damage.is_none() && survey.kind != CopyKind::IncompleteBackup;
    match arguments.format {
        Format::Json => {
            let printed = json!({
                "ok": well,
                "kind": kind,
                "log": {
                    "goodUpTo": position.to_string(),
                    "digest": digest.to_string(),
                    "damage": survey.damage.as_ref().map(|damage| json!({ "message": damage.to_string() })),
                },
                "tornBytes": survey.torn.as_ref().map_or(0, |torn| torn.bytes),
            });
            writeln!(stdout, "{printed:#}")?;
        }
        Format::Table => {
            writeln!(stdout, "{kind}: whole up to position {position}, digest {digest}")?;
            if let Some(torn) = &survey.torn {
                writeln!(stdout, "  the last {} bytes are not whole: {}", torn.bytes, torn.message)?;
            }
            if let Some(damage) = &survey.damage {
                writeln!(stdout, "  {damage}")?;
            }
        }
    }
    stdout.flush()?;
    if well { Ok(()) } else { bail!("verification failed") }
}

/// What to restore from.
fn restore_from(config: &Config) -> String {
    match &config.archive {
        Some(archive) => format!(
            "keep this data directory as it is, and restore into another one: clockfold restore {} --data-dir ANOTHER",
            archive.display()
        ),
        None => "keep this data directory as it is, and restore a backup into another one: clockfold restore BACKUP --data-dir ANOTHER".to_owned(),
    }
}

fn restore_hint(config: &Config, error: &anyhow::Error) -> anyhow::Error {
    // An error of the system says nothing against the log.
    let is_corruption = error.downcast_ref::<Hinted>().is_some_and(|hinted| hinted.error.gives_up());
    match &config.archive {
        Some(_) if is_corruption => anyhow!("{error:#}\n  hint: {}", restore_from(config)),
        _ => anyhow!("{error:#}"),
    }
}
