//! What a durable answer costs: `cargo bench --bench webhooks -- [--seconds N] [--quick] [--connections N]`.
//!
//! One run measures everything that it compares, in turns: the bare disk, the server as it is, the same server
//! without its writer, the shortest way to a durable answer (`baselines.rs`), and hyper alone. Machines differ and drift;
//! the ratios within a run do so much less.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a bench prints its table")]

mod server;
mod baselines;
mod socket;
mod client;

use std::{
    error::Error,
    fmt,
    fs::File,
    io::Write,
    path::{Path, PathBuf},
    rc::Rc,
    time::{Duration, Instant},
};

use client::{Story, Work};
use server::{Counters, Server};
use socket::Run;

type Fallible<T> = Result<T, Box<dyn Error>>;

const ROUNDS: usize = 3;
const CONNECTIONS: [u64; 4] = [1, 16, 64, 256];
const GRAPHQL_CONNECTIONS: [u64; 2] = [1, 64];
/// About what one short delivery takes on disk.
const BASELINE_BYTES: usize = 150;
const SECONDS: f64 = 4.0;
const QUICK_SECONDS: f64 = 0.6;
const SECONDS_MAX: f64 = 60.0;

/// Durable answers to those of the shortest way, at so many connections: at least this.
const OF_SPIKE_MIN: [(u64, f64); 3] = [(16, 1.0), (64, 1.0), (256, 0.95)];
/// Durable answers to those of hyper alone, at so many connections: at least this.
const OF_HYPER_MIN: [(u64, f64); 1] = [(256, 0.65)];
/// A durable answer to one append and `fdatasync`, at one connection, medians: at most this.
const LATENCY_RATIO_MAX: f64 = 2.5;

fn main() -> Fallible<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str| arguments.iter().skip_while(|argument| *argument != name).nth(1);
    if let (Some(kind), Some(dir)) = (value("--server"), value("--dir")) {
        return match kind.as_str() {
            "spike" => baselines::spike(Path::new(dir)),
            "hyper" => baselines::hyper(),
            _ => server::serve(kind, Path::new(dir)),
        };
    }
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    // `cargo test --all-targets` runs benches too, without `--bench`: then it is enough that it works.
    let quick = has("--quick") || !has("--bench");
    let seconds = match value("--seconds") {
        Some(seconds) => seconds.parse::<f64>()?.clamp(QUICK_SECONDS, SECONDS_MAX),
        None if quick => QUICK_SECONDS,
        None => SECONDS,
    };
    // Not the system's folder for temporary files, which may be memory.
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let bench = Bench::start(dir.path(), Duration::from_secs_f64(seconds / ROUNDS as f64))?;
    match value("--connections") {
        Some(connections) => bench.webhooks(connections.parse()?).map(|verdicts| tell(&verdicts)),
        None => bench.run(),
    }
}

struct Bench {
    storage: Server,
    stub: Server,
    spike: Server,
    hyper: Server,
    story: Rc<Story>,
    /// Of the servers that answer whatever comes.
    other_story: Rc<Story>,
    baseline_file: PathBuf,
    /// How long one measurement lasts; a row is made of [`ROUNDS`] of each kind.
    slice: Duration,
}

/// A target, whether it was met, and what was measured.
type Verdict = (String, bool, Ratio);

/// A measurement and what the server says of the same time.
struct Measured {
    run: Run,
    group: f64,
    sync: Duration,
    cpu: Duration,
}

impl Bench {
    fn start(dir: &Path, slice: Duration) -> Fallible<Bench> {
        Ok(Bench {
            storage: Server::start("storage", &dir.join("storage"))?,
            stub: Server::start("stub", &dir.join("stub"))?,
            spike: Server::start("spike", &dir.join("spike"))?,
            hyper: Server::start("hyper", &dir.join("hyper"))?,
            story: Rc::default(),
            other_story: Rc::default(),
            baseline_file: dir.join("baseline"),
            slice,
        })
    }

    fn run(&self) -> Fallible<()> {
        let mut verdicts = Vec::new();
        for connections in CONNECTIONS {
            verdicts.extend(self.webhooks(connections)?);
        }
        println!("\nGraphQL              answers/s       p50 ms       p99 ms   CPU µs");
        for connections in GRAPHQL_CONNECTIONS {
            let (mut appointment, mut typename) = (Vec::new(), Vec::new());
            for _ in 0..ROUNDS {
                appointment.push(self.measure(&self.storage, &self.story, Work::Appointment, connections)?);
                typename.push(self.measure(&self.storage, &self.story, Work::Typename, connections)?);
            }
            row(&format!("{connections:>3} appointment"), &appointment);
            row(&format!("{connections:>3} __typename"), &typename);
            let rate = ratio(&appointment, &typename, |measured| measured.run.per_second);
            println!("    appointment / __typename: {rate}");
        }
        println!();
        tell(&verdicts);
        Ok(())
    }

    /// Webhooks at so many connections, in turns with what they are compared to.
    fn webhooks(&self, connections: u64) -> Fallible<Vec<Verdict>> {
        if connections == CONNECTIONS[0] {
            let cores = std::thread::available_parallelism()?;
            println!("{cores} cores; medians of {ROUNDS} turns of {:.1} s each\n", self.slice.as_secs_f64());
            println!("Webhooks             answers/s       p50 ms       p99 ms   CPU µs   group  sync ms");
        }
        let (mut bare, mut durable, mut stub) = (Vec::new(), Vec::new(), Vec::new());
        let (mut spike, mut hyper) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            if connections == 1 {
                bare.push(without_server(append_and_sync(&self.baseline_file, self.slice)?));
            }
            durable.push(self.measure(&self.storage, &self.story, Work::Deliveries, connections)?);
            for (turns, server) in [(&mut stub, &self.stub), (&mut spike, &self.spike), (&mut hyper, &self.hyper)] {
                turns.push(self.measure(server, &self.other_story, Work::Deliveries, connections)?);
            }
        }
        if connections == 1 {
            row("append + fdatasync", &bare);
        }
        row(&format!("{connections:>3} durable"), &durable);
        row(&format!("{connections:>3} no storage"), &stub);
        row(&format!("{connections:>3} spike"), &spike);
        row(&format!("{connections:>3} hyper alone"), &hyper);
        let mut verdicts = Vec::new();
        for (name, others, least) in [
            ("no storage", &stub, &[][..]),
            ("the spike", &spike, &OF_SPIKE_MIN),
            ("hyper alone", &hyper, &OF_HYPER_MIN),
        ] {
            let rate = ratio(&durable, others, |measured| measured.run.per_second);
            println!("    durable / {name}: {rate}");
            if let Some((_, least)) = least.iter().find(|(at, _)| *at == connections) {
                let target = format!("{connections} connections: durable >= {least} x {name}");
                verdicts.push((target, rate.median >= *least, rate));
            }
        }
        if connections == 1 {
            let latency = ratio(&durable, &bare, |measured| measured.run.percentile(50).as_secs_f64());
            println!("    durable p50 / bare p50: {latency}");
            let target = format!("1 connection: durable p50 <= {LATENCY_RATIO_MAX} x append + fdatasync");
            verdicts.push((target, latency.median <= LATENCY_RATIO_MAX, latency));
        }
        Ok(verdicts)
    }

    fn measure(&self, server: &Server, story: &Rc<Story>, work: Work, connections: u64) -> Fallible<Measured> {
        let before = server.counters()?;
        let run = client::run(server.address, story, work, connections, self.slice)?;
        let after = server.counters()?;
        Ok(with_server(run, before, after))
    }
}

fn with_server(run: Run, before: Counters, after: Counters) -> Measured {
    let groups = (after.groups - before.groups).max(1.0);
    // The counters cover the warm-up as well.
    let answered = run.count() as f64 * (1.0 + 1.0 / f64::from(client::WARM_UP_PART));
    Measured {
        group: (after.deliveries - before.deliveries) / groups,
        sync: Duration::from_secs_f64((after.sync_seconds - before.sync_seconds) / groups),
        cpu: (after.cpu - before.cpu).div_f64(answered.max(1.0)),
        run,
    }
}

fn without_server(run: Run) -> Measured {
    Measured { run, group: 0.0, sync: Duration::ZERO, cpu: Duration::ZERO }
}

/// What the disk can do: the same bytes to a plain file, each made durable by itself.
fn append_and_sync(path: &Path, duration: Duration) -> Fallible<Run> {
    let mut file = File::options().create(true).append(true).open(path)?;
    let begun = Instant::now();
    let mut latencies = Vec::new();
    while begun.elapsed() < duration {
        let started = Instant::now();
        file.write_all(&[b'x'; BASELINE_BYTES])?;
        file.sync_data()?;
        latencies.push(started.elapsed());
    }
    Ok(Run::new(latencies, begun.elapsed()))
}

fn tell(verdicts: &[Verdict]) {
    for (target, met, ratio) in verdicts {
        println!("{target}: {ratio}, {}", if *met { "met" } else { "NOT MET" });
    }
}

fn row(name: &str, turns: &[Measured]) {
    let figure = |of: fn(&Measured) -> f64| median(turns.iter().map(of).collect());
    let millis = |duration: Duration| duration.as_secs_f64() * 1e3;
    let (per_second, p50) = (figure(|turn| turn.run.per_second), figure(|turn| turn.run.percentile(50).as_secs_f64()));
    let (p99, cpu) = (figure(|turn| turn.run.percentile(99).as_secs_f64()), figure(|turn| turn.cpu.as_secs_f64()));
    let (group, sync) = (figure(|turn| turn.group), figure(|turn| turn.sync.as_secs_f64()));
    print!("{name:<18} {per_second:>11.0} {:>12.3} {:>12.3}", p50 * 1e3, p99 * 1e3);
    if cpu > 0.0 {
        print!(" {:>8.1}", cpu * 1e6);
    }
    if group > 0.0 {
        print!(" {group:>7.1} {:>8.3}", millis(Duration::from_secs_f64(sync)));
    }
    println!();
}

/// How two things compare in turns that ran one after the other. A wide range says that the machine had
/// other work: measure again.
struct Ratio {
    median: f64,
    least: f64,
    most: f64,
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2} ({:.2} to {:.2})", self.median, self.least, self.most)
    }
}

fn ratio(of: &[Measured], to: &[Measured], figure: impl Fn(&Measured) -> f64) -> Ratio {
    let ratios: Vec<f64> = of.iter().zip(to).map(|(of, to)| figure(of) / figure(to)).collect();
    let (least, most) = (ratios.iter().copied().fold(f64::MAX, f64::min), ratios.iter().copied().fold(0.0, f64::max));
    Ratio { median: median(ratios), least, most }
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_unstable_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}
