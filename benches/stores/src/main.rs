//! What the projection's row store costs beside four others, at the same work:
//!
//! ```text
//! cargo bench --manifest-path benches/stores/Cargo.toml --features rocks -- [--rows N] [--rounds N] [--kills N]
//!     [--only STORE,…] [--seed N]
//! ```
//!
//! RocksDB is there with `--features rocks`, which needs libclang and a RocksDB of the system. On Debian 12:
//! `apt-get install libclang-dev librocksdb-dev`, and `ROCKSDB_LIB_DIR=/usr/lib/x86_64-linux-gnu` and
//! `ROCKSDB_INCLUDE_DIR=/usr/include` before the command.
//!
//! - Each store runs in a process of its own, in turns; a figure is the median of the rounds. First comes the ingestion of
//!   `--rows` rows in order, then three deliveries for each four of them in batches of 64 (about 3.7 row operations each, as
//!   the projection writes them), then reading. All rows are compared with what was written before they are read for the clock.
//! - Processor time is the process's, user and system, until nothing is left in memory and the store's threads have come to
//!   rest, less what it takes to make the rows. Wall time is what a writer waits in its commits.
//! - Bytes written are the kernel's count of what the process gave to files (`write_bytes` in `/proc/self/io`).
//! - Every store has the same cache and the same memory for rows without a file, and compresses nothing. None syncs a journal.
//!   Each syncs its files as it does by itself; nobody asks for more, but redb has no other way to keep anything than a
//!   commit that syncs, and gets one whenever the others would flush.
//! - Then each store is written with little memory, read beside that, and killed. See `crash.rs`.
//!
//! A wrong row ends the bench. A view of a part of a batch, or anything but whole batches after a kill, is a NO in the table;
//! if it is ours, the bench fails.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a bench prints its table")]

mod store;
mod stores;
mod traffic;
mod rows;
mod meter;
mod measure;
mod crash;
mod table;

use std::{
    collections::BTreeMap,
    env, fs,
    path::Path,
    process::{Child, Command, ExitCode, Stdio},
    str::FromStr,
};

use crate::{
    measure::Size,
    store::Fallible,
    stores::{KINDS, Kind},
    table::{Measured, Table},
};

const ROWS: u64 = 1_000_000;
/// Fewer have no whole page in the midst of a source's appointments.
const ROWS_MIN: u64 = 60_000;
const ROUNDS: u64 = 3;
const KILLS: u64 = 8;
const SEED: u64 = 11;

struct Arguments(Vec<String>);

fn main() -> Fallible<ExitCode> {
    let arguments = Arguments(env::args().skip(1).collect());
    let seed = arguments.number("--seed")?.unwrap_or(SEED);
    // `cargo test --all-targets` runs benches too, without `--bench`: then it is enough that it works.
    let in_earnest = arguments.0.iter().any(|argument| argument == "--bench");
    let or = |wanted: Option<u64>, earnest: u64, quick: u64| wanted.unwrap_or(if in_earnest { earnest } else { quick });
    let size = Size { rows: or(arguments.number("--rows")?, ROWS, ROWS_MIN).max(ROWS_MIN), seed };
    if let Some(step) = arguments.value("--step") {
        let kind = stores::kind(arguments.value("--store").ok_or("--store is missing")?)?;
        let folder = Path::new(arguments.value("--folder").ok_or("--folder is missing")?);
        take(step, kind, folder, size)?;
        return Ok(ExitCode::SUCCESS);
    }
    let kinds = match arguments.value("--only") {
        Some(names) => names.split(',').map(stores::kind).collect::<Fallible<Vec<Kind>>>()?,
        None => KINDS.to_vec(),
    };
    let rounds = or(arguments.number("--rounds")?, ROUNDS, 1).max(1);
    let kills = or(arguments.number("--kills")?, KILLS, 1);
    // Not the system's folder for temporary files, which may be memory.
    let scratch = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let table = run(&kinds, size, rounds, kills, scratch.path())?;
    println!(
        "{} rows ingested, then {} deliveries in batches of {}, {:.2} row operations each; medians of {rounds} rounds\n",
        size.rows,
        size.deliveries(),
        traffic::BATCH,
        table.figure("operations"),
    );
    table.print();
    Ok(if table.is_ours_whole() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Measures all stores in turns, and kills each afterwards.
fn run(kinds: &[Kind], size: Size, rounds: u64, kills: u64, scratch: &Path) -> Fallible<Table> {
    let mut measured: Vec<Measured> = kinds.iter().map(|kind| Measured::of(kind.name)).collect();
    for round in 1..=rounds {
        for (kind, measured) in kinds.iter().zip(&mut measured) {
            eprintln!("round {round} of {rounds}: {}", kind.name);
            let folder = scratch.join(kind.name);
            measured.add(&figures_of(start("measure", *kind, &folder, size)?, kind.name)?);
            fs::remove_dir_all(&folder)?;
        }
    }
    for (kind, measured) in kinds.iter().zip(&mut measured) {
        eprintln!("{kills} kills: {}", kind.name);
        let folder = scratch.join(kind.name);
        measured.survival = crash::kill(kills, size.seed, |step| start(step, *kind, &folder, size))?;
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
    }
    Ok(Table(measured))
}

/// What a process for one store does.
fn take(step: &str, kind: Kind, folder: &Path, size: Size) -> Fallible<()> {
    match step {
        "measure" => {
            for (name, figure) in measure::measure(kind, folder, size)? {
                println!("{name} {figure}");
            }
            Ok(())
        }
        "write-on" => crash::write_on(kind, folder, size.seed),
        "compare" => crash::compare(kind, folder, size.seed),
        _ => Err(format!("no step is called {step}").into()),
    }
}

fn start(step: &str, kind: Kind, folder: &Path, size: Size) -> Fallible<Child> {
    let mut command = Command::new(env::current_exe()?);
    command.args(["--step", step, "--store", kind.name, "--folder"]).arg(folder);
    command.args(["--rows", &size.rows.to_string(), "--seed", &size.seed.to_string()]);
    Ok(command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?)
}

fn figures_of(child: Child, name: &str) -> Fallible<BTreeMap<String, f64>> {
    let output = child.wait_with_output()?;
    if !output.status.success() {
        return Err(format!("{name} ended with {}", output.status).into());
    }
    let mut figures = BTreeMap::new();
    for line in String::from_utf8(output.stdout)?.lines() {
        let (name, figure) = line.split_once(' ').ok_or("a figure has a name")?;
        figures.insert(name.to_owned(), figure.parse()?);
    }
    Ok(figures)
}

impl Arguments {
    fn value(&self, name: &str) -> Option<&str> {
        self.0.iter().skip_while(|argument| *argument != name).nth(1).map(String::as_str)
    }

    fn number(&self, name: &str) -> Fallible<Option<u64>> {
        let parsed = self.value(name).map(u64::from_str).transpose();
        parsed.map_err(|error| format!("{name}: {error}").into())
    }
}
