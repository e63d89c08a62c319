//! The commands.
//!
//! Arguments and variables come in; what a command prints goes to the given writers, and an exit status comes out: 0
//! done, 1 failed, 2 wrong usage. Each command is a file.

mod common;
mod lifecycle;
mod schema;
mod key;
mod check_config;
mod serve;
mod erase_bodies;
mod show;
mod simulate;
mod demo;
mod rebuild;
mod verify;
mod copies;

use std::{
    collections::BTreeMap,
    ffi::OsString,
    io::{self, Write},
    net::SocketAddr,
    path::PathBuf,
};

use clap::{CommandFactory as _, Parser, Subcommand};

use crate::{
    config::{Config, Inputs},
    log::Clock,
};

use common::{call::Call, owner::Invocation, stop};
use copies::{backup, export, import, restore};

/// Which messages are logged, in the filter language of `tracing`: `info`, or `clockfold=debug`.
const LOG_FILTER: &str = "CLOCKFOLD_LOG";

const DONE: u8 = 0;
const FAILED: u8 = 1;
const WRONG_USAGE: u8 = 2;

/// Keeps every Clockwise.MD webhook and answers what each appointment's status is.
#[derive(Debug, Parser)]
#[command(
    name = "clockfold",
    version,
    after_help = "Example:\n  clockfold serve\n\nEvery setting of clockfold.toml is also a variable: data_dir is CLOCKFOLD_DATA_DIR, server.listen is\nCLOCKFOLD_SERVER_LISTEN, and so on. Flags go over variables, variables over the file, the file over defaults."
)]
pub struct Cli {
    /// The configuration file. Without it: CLOCKFOLD_CONFIG, or ./clockfold.toml where that exists.
    #[arg(long, global = true, value_name = "PATH")]
    pub config: Option<PathBuf>,
    /// Where everything is kept; goes over `data_dir`.
    #[arg(long, global = true, value_name = "DIRECTORY")]
    pub data_dir: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Receive webhooks and answer queries until a signal ends it.
    #[command(after_help = "Example:\n  clockfold serve --config clockfold.toml --listen 0.0.0.0:8080")]
    Serve {
        /// Where to listen; goes over `server.listen`.
        #[arg(long, value_name = "ADDRESS")]
        listen: Option<SocketAddr>,
    },
    /// Show everything with invented patients, in a throw-away store.
    ///
    /// Starts the server on this machine with several invented clinics. Two days and a morning are in its log already;
    /// what comes now is posted to it over HTTP, as senders would, so many times as fast as in the world. Nights are
    /// left out. Nothing needs to be configured, so --config and --data-dir are refused, and everything is removed at the
    /// end.
    #[command(
        after_help = "Examples:\n  clockfold demo\n  clockfold demo --clinics 12 --speed 30 --seed 7\n\nThe waits on the board are of real time: those from before the start are as long as in the world, and a visit that\nbegins now is over so many times as soon. With --speed 1 everything takes its time."
    )]
    Demo(demo::Arguments),
    /// Print the GraphQL schema.
    #[command(after_help = "Example:\n  clockfold schema > schema/schema.graphql")]
    Schema,
    /// Print what each event does to an appointment.
    #[command(
        after_help = "Examples:\n  clockfold lifecycle --name strict\n  clockfold lifecycle --config clockfold.toml --name busy\n  clockfold lifecycle --format markdown > schema/lifecycle.md"
    )]
    Lifecycle(lifecycle::Arguments),
    /// Print what became of each delivery that names an appointment, and why.
    ///
    /// Each delivery is told with its position, time, event, outcome, the reason where it was not applied, and the
    /// appointment's status before and after it, at its place, as folded up to the end of the log. Below it are the
    /// steps that stood right after it arrived. A running server holds the log: stop it, or ask it over GraphQL.
    #[command(
        after_help = "Examples:\n  clockfold show downtown 12345\n  clockfold show downtown 12345 --format json\n  clockfold show downtown 12345 --explain ready\n\nThe exit status is 1 where no delivery names the appointment, and where deliveries do but none was applied."
    )]
    Show(show::Arguments),
    /// Invent traffic: print it, write it into an empty data directory, or send it to a running server.
    ///
    /// Clinics of different sizes and hours send what they would send in the vendor's form, in the order of the
    /// times at which it would arrive: visits that are booked, moved, waited for and ended, patients who do not come,
    /// buttons that are skipped and taken back, and now and then a delivery that is lost, repeated, overtaken by its
    /// neighbour, of an unknown event type, or unreadable. Nobody in it exists.
    #[command(
        after_help = "Examples:\n  clockfold simulate --deliveries 20\n  clockfold simulate --deliveries 1000000 --seed 7 --into /tmp/a-million\n  clockfold simulate --target http://127.0.0.1:8080 --route-key KEY --rate 200 --for 60\n  clockfold simulate --target http://127.0.0.1:8080 --route-key KEY --route-key ANOTHER --speed 120 --for 60\n\nA source sends about 550 deliveries a day: a million of 50 sources are 37 days. With --into, no server may run on the\ndirectory, and its log has to be empty. Of --target, Ctrl-C ends it with its report."
    )]
    Simulate(simulate::Arguments),
    /// Print deliveries as lines of JSON, with everything that the log holds of them.
    ///
    /// The first line says which part of the log follows, the last line that it is complete; both hold the log's digest.
    /// docs/formats/copies.md documents every field. Bodies and salts are in it: keep it as the log itself. A running server is
    /// asked for its deliveries; nothing has to be stopped.
    #[command(
        after_help = "Examples:\n  clockfold export --output all.ndjson\n  clockfold export --source downtown --from 2026-03-02T00:00:00Z --to 2026-03-03T00:00:00Z\n  clockfold export --after-position 120000 | zstd > since.ndjson.zst"
    )]
    Export(export::Arguments),
    /// Make a log from an export, or append to a log what it has grown by.
    ///
    /// Positions, times, salts and the digest become the exported ones, and the digest is proved before it says done. What
    /// the log holds already is compared; where anything differs, nothing is changed. Stop the server first.
    #[command(
        after_help = "Examples:\n  clockfold import all.ndjson --data-dir another\n  zstd -dc since.ndjson.zst | clockfold import -\n\nAn import that was interrupted is simply run again."
    )]
    Import(import::Arguments),
    /// Copy the whole log into a new directory, and read the copy back.
    ///
    /// A running server is asked for its deliveries, so nothing has to be stopped; the backup ends at the position where
    /// the log ended when it began. It is complete once it says so, and then holds manifest.json.
    #[command(after_help = "Example:\n  clockfold backup /mnt/backup/clockfold-$(date +%F)")]
    Backup(backup::Arguments),
    /// Make a log from a backup, or from the archive of a server.
    ///
    /// The data directory must hold no log yet; stop the server first. The log is made beside its place, read back, and
    /// put there once its digest is the copy's. From an archive that a crash tore, everything whole is restored.
    #[command(
        after_help = "Examples:\n  clockfold restore /mnt/backup/clockfold-2026-03-02 --data-dir clockfold-data\n  clockfold restore /mnt/archive --data-dir clockfold-data"
    )]
    Restore(restore::Arguments),
    /// Fold the projection anew from the log, and tell what changes.
    ///
    /// A new projection is built beside the one that counts, compared with it row by row, and takes its place. While a
    /// server runs, the server does it, and deliveries and queries go on. With --dry-run nothing is changed; with --source,
    /// --lifecycle and --reorder-window it tells what other rules would have made of the log. With --appointment only one
    /// appointment is folded anew.
    #[command(
        after_help = "Examples:\n  clockfold rebuild\n  clockfold rebuild --dry-run --source downtown --lifecycle walk_in --reorder-window 5\n  clockfold rebuild --source downtown --appointment 12345"
    )]
    Rebuild(rebuild::Arguments),
    /// Check that the log is as it was written, and that the projection is what the log makes.
    ///
    /// Every record, the hash chain, gaps, the order of arrival and the remembered head; then the projection, row by row,
    /// against a fresh fold. A running server is asked to do it. With a directory: a backup or an archive. No delivery
    /// and no row is changed. The exit status is 1 where anything is not as it should be.
    #[command(
        after_help = "Examples:\n  clockfold verify\n  clockfold verify --format json\n  clockfold verify /mnt/backup/clockfold-2026-03-02"
    )]
    Verify(verify::Arguments),
    /// Erase the bodies of appointments that have ended, for good.
    ///
    /// What goes arrived before a time, and belongs to an appointment that is DISCHARGED or REMOVED and that nothing has
    /// named since, or to none at all. Positions, times, readings, statuses, histories and digests stay. The log is
    /// written anew without these bodies, compared with the old one, and exchanged for it in one step; that takes room
    /// for a second log. Stop the server first.
    #[command(
        after_help = "Examples:\n  clockfold erase-bodies --before 2026-01-01T00:00:00Z --dry-run\n  clockfold erase-bodies --before 2026-01-01T00:00:00Z\n  clockfold erase-bodies --config clockfold.toml\n\nWithout --before, [retention] bodies_days says how old bodies may get. Archives, backups and exports keep theirs."
    )]
    EraseBodies(erase_bodies::Arguments),
    /// Make credentials.
    #[command(after_help = "Example:\n  clockfold key new")]
    Key {
        /// What to make.
        #[command(subcommand)]
        command: KeyCommand,
    },
    /// Read the configuration and tell what it says, or everything that is wrong with it.
    #[command(after_help = "Example:\n  clockfold check-config --config clockfold.toml")]
    CheckConfig,
}

/// What to make.
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Make a secret and print it, once, with the lines for the configuration.
    #[command(after_help = "Example:\n  clockfold key new")]
    New,
}

/// Runs one command. `arguments` begin with the program's name. Returns the exit status.
pub fn run<A>(
    arguments: A,
    variables: BTreeMap<String, String>,
    clock: Clock,
    stdout: &mut dyn Write,
    stderr: &mut dyn Write,
) -> u8
where
    A: IntoIterator,
    A::Item: Into<OsString> + Clone,
{
    let words: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
    let cli = match Cli::try_parse_from(&words) {
        Ok(cli) => cli,
        Err(refusal) => return explain(&refusal, stdout, stderr),
    };
    let invocation = &Invocation::of(words);
    let call = Call { invocation, clock: &clock, stdout, stderr };
    match dispatch(cli, variables, call).and_then(|()| Ok(stdout.flush()?)) {
        Ok(()) => DONE,
        // The reader of the output has seen enough: `clockfold lifecycle | head -3`.
        Err(error) if is_broken_pipe(&error) => DONE,
        Err(error) => match error.downcast::<clap::Error>() {
            // A command does not know how the whole is used.
            Ok(refusal) => explain(&refusal.format(&mut Cli::command()), stdout, stderr),
            Err(error) => {
                // Where standard error is closed as well, only the exit status is left.
                let _ = writeln!(stderr, "{error:#}");
                FAILED
            }
        },
    }
}

fn dispatch(cli: Cli, variables: BTreeMap<String, String>, call: Call<'_>) -> anyhow::Result<()> {
    stop::outlive_file_limit()?;
    let log_filter = variables.get(LOG_FILTER).cloned();
    let keys = simulate::OfEnvironment::read(&variables);
    let inputs = |listen| Inputs { path: cli.config.clone(), data_dir: cli.data_dir.clone(), listen, variables };
    match cli.command {
        Command::Serve { listen } => {
            let config = Config::load(inputs(listen))?;
            call.invocation.writes(&config.data_dir)?;
            serve::run(config, log_filter.as_deref(), Clock::clone(call.clock), call.stdout)
        }
        Command::Demo(_) if cli.config.is_some() || cli.data_dir.is_some() => Err(demo::no_settings().into()),
        Command::Demo(arguments) => demo::run(&arguments, log_filter.as_deref(), call.clock, call.stdout),
        Command::Schema => schema::run(&crate::graphql::sdl(), call.stdout),
        Command::Lifecycle(arguments) => lifecycle::run(&arguments, || Config::load(inputs(None)), call.stdout),
        Command::Show(arguments) => show::run(&arguments, Config::load(inputs(None))?, call),
        Command::Simulate(arguments) => simulate::run(&arguments, || Config::load(inputs(None)), &keys, call),
        Command::Export(arguments) => export::run(&arguments, &Config::load(inputs(None))?, call),
        Command::Import(arguments) => import::run(&arguments, &Config::load(inputs(None))?, call),
        Command::Backup(arguments) => backup::run(&arguments, &Config::load(inputs(None))?, call),
        Command::Restore(arguments) => restore::run(&arguments, &Config::load(inputs(None))?, call),
        Command::Rebuild(arguments) => rebuild::run(&arguments, &Config::load(inputs(None))?, call),
        Command::Verify(arguments) => verify::run(&arguments, &Config::load(inputs(None))?, call),
        Command::EraseBodies(arguments) => erase_bodies::run(&arguments, Config::load(inputs(None))?, call),
        Command::Key { command: KeyCommand::New } => key::new(call.stdout),
        Command::CheckConfig => check_config::run(&Config::load(inputs(None))?, (call.clock)(), call.stdout),
    }
}

/// Help and version are an answer and not a mistake.
fn explain(refusal: &clap::Error, stdout: &mut dyn Write, stderr: &mut dyn Write) -> u8 {
    let text = refusal.render();
    // Where this can't be written, nobody could read an error either.
    if refusal.use_stderr() {
        let _ = write!(stderr, "{text}");
        WRONG_USAGE
    } else {
        let _ = write!(stdout, "{text}");
        DONE
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests;
