//! What answers cost over a long log: `cargo bench --bench queries -- [--deliveries N] [--keep DIRECTORY] [--seconds N]
//! [--only PART_OF_A_NAME] [--connections N]`.
//!
//! A log of invented traffic (`clockfold simulate`, 50 sources) is made, or the one that was kept is used again; the program
//! serves it, and one more clinic posts a board full of appointments. At the end, webhooks and an appointment by its id are
//! measured beside 64 clients whose query takes long. Every kind of query runs in turns with
//! `{ __typename }`, the least that GraphQL can be asked, and with `/livez`, the least that the server can: machines differ
//! and drift, the ratios do so much less.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a bench prints its table")]

#[path = "webhooks/socket.rs"]
mod socket;

use std::{
    cell::Cell,
    error::Error,
    fs,
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use tokio::{runtime::Builder, task::LocalSet};

use socket::{Run, Socket};

type Fallible<T> = Result<T, Box<dyn Error>>;

const DELIVERIES: u64 = 1_000_000;
const ROUNDS: usize = 3;
const CONNECTIONS: [u64; 2] = [1, 64];
const SECONDS: f64 = 3.0;
/// Appointments on the board of the clinic that posts.
const BOARD: u64 = 10_000;
const FIRST_APPOINTMENT: u64 = 900_000_001;
const ROUTE_KEY: &str = "a-route-key-that-only-this-bench-has";
/// An appointment by its id to `/livez`, at 64 connections: at least this.
const BY_ID_MIN: f64 = 0.5;
/// A run that is not over so long after its time has hung.
const GRACE: Duration = Duration::from_secs(60);

/// What is asked for, and the query; `$id` is the number of one of the invented appointments.
const QUERIES: [(&str, &str); 8] = [
    (
        "an appointment by id",
        "query($id: ID!) { appointment(appointmentId: $id) { appointmentId status statusSince lastReceivedAt } }",
    ),
    (
        "50 of a source, with history",
        "{ appointments(filter: { source: \\\"downtown\\\" }, first: 50) { nodes { appointmentId status history { nodes { position receivedAt eventType outcome } } } } }",
    ),
    (
        "50 that changed last",
        "{ appointments(orderBy: { field: LAST_CHANGE, direction: DESC }, first: 50) { nodes { appointmentId status lastReceivedAt } } }",
    ),
    (
        "50 discharged, oldest first",
        "{ appointments(filter: { status: [DISCHARGED] }, orderBy: { field: STATUS_SINCE }, first: 50) { nodes { appointmentId statusSince } } }",
    ),
    (
        "50 rejected deliveries",
        "{ deliveries(filter: { outcome: [REJECTED], eventType: [CHECKIN] }, last: 50) { nodes { position code reason } } }",
    ),
    ("a board of 10,000: counts", "{ board(source: \\\"bench\\\") { columns { status count } stale { count } } }"),
    (
        "a board of 10,000: 500 cards",
        "{ board(source: \\\"bench\\\") { columns { count appointments(first: 250) { appointmentId statusSince } } } }",
    ),
    (
        "patient flow of a month",
        "{ patientFlow(source: \\\"downtown\\\", from: \\\"2025-02-01T00:00:00Z\\\", to: \\\"2025-03-01T00:00:00Z\\\", interval: HOUR) { arrivals checkIns callBacks discharges checkInToCallBack { medianSeconds p90Seconds } checkInToDischarge { medianSeconds p90Seconds } rejectedRate } }",
    ),
];
const TYPENAME: &str = "{ __typename }";

/// A query that takes long.
const HEAVY: &str = "{ appointments(filter: { source: \\\"downtown\\\" }, first: 100) { nodes { appointmentId status history { nodes { position receivedAt eventType outcome code reason } } } } }";
/// Connections that ask it, and those beside them.
const HEAVY_CONNECTIONS: u64 = 64;
const BESIDE_CONNECTIONS: u64 = 16;
/// The latency that all but a hundredth of the webhooks have beside heavy queries, to that without: at most this.
const WEBHOOKS_BESIDE_MAX: f64 = 2.0;

/// What a client asks again and again.
#[derive(Clone, Copy)]
enum Asked {
    Query(&'static str),
    Livez,
    Webhook,
}

fn main() -> Fallible<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str| arguments.iter().skip_while(|argument| *argument != name).nth(1);
    // `cargo test --all-targets` runs benches too, without `--bench`: then it is enough that it works.
    let in_earnest = arguments.iter().any(|argument| argument == "--bench");
    let deliveries = match value("--deliveries") {
        Some(number) => number.parse()?,
        None if in_earnest => DELIVERIES,
        None => 20_000,
    };
    let seconds =
        value("--seconds").map_or(Ok(if in_earnest { SECONDS } else { 0.3 }), |seconds| seconds.parse::<f64>())?;
    // Not the system's folder for temporary files, which may be memory.
    let scratch = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let directory = value("--keep").map_or_else(|| scratch.path().join("made"), PathBuf::from);
    if !directory.join("log").is_dir() {
        simulate(&directory, deliveries)?;
    }
    let server = Server::start(&directory, scratch.path())?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let (held, appointments) = runtime.block_on(prepare(server.address, if in_earnest { BOARD } else { 200 }))?;
    println!("{held} deliveries, {appointments} appointments; medians of {ROUNDS} turns\n");
    println!(
        "{:<32} {:>4} {:>11} {:>10} {:>10} {:>14} {:>9}",
        "query", "at", "answers/s", "p50 ms", "p99 ms", "of __typename", "of /livez"
    );
    let slice = Duration::from_secs_f64(seconds / ROUNDS as f64);
    let mut by_id = None;
    let only_connections = value("--connections").map(|number| number.parse::<u64>()).transpose()?;
    for connections in CONNECTIONS.into_iter().filter(|count| only_connections.is_none_or(|only| only == *count)) {
        let (mut typename, mut livez) = (Vec::new(), Vec::new());
        for (name, query) in
            QUERIES.into_iter().filter(|(name, _)| value("--only").is_none_or(|only| name.contains(only)))
        {
            let (mut runs, mut ratios) = (Vec::new(), [Vec::new(), Vec::new()]);
            for _ in 0..ROUNDS {
                let run = |asked| load(server.address, asked, appointments, connections, slice);
                let asked = run(Asked::Query(query))?;
                typename.push(run(Asked::Query(TYPENAME))?);
                livez.push(run(Asked::Livez)?);
                for (ratios, least) in ratios.iter_mut().zip([&typename, &livez]) {
                    ratios.extend(least.last().map(|least| asked.per_second / least.per_second));
                }
                runs.push(asked);
            }
            let ratios = ratios.map(median);
            row(name, connections, &runs, &ratios);
            if name == QUERIES[0].0 {
                by_id = Some(ratios[1]);
            }
        }
        let ratios = typename.iter().zip(&livez).map(|(typename, livez)| typename.per_second / livez.per_second);
        row("__typename", connections, &typename, &[1.0, median(ratios.collect())]);
        row("/livez", connections, &livez, &[]);
    }
    let beside = beside(server.address, appointments, slice)?;
    let met = if beside <= WEBHOOKS_BESIDE_MAX { "met" } else { "NOT MET" };
    println!("\np99 of webhooks beside heavy queries <= {WEBHOOKS_BESIDE_MAX} of without: {beside:.2}, {met}");
    let Some(by_id) = by_id else { return Ok(()) };
    let met = if by_id >= BY_ID_MIN { "met" } else { "NOT MET" };
    println!("an appointment by id >= {BY_ID_MIN} of /livez at 64 connections: {by_id:.2}, {met}");
    Ok(())
}

/// What heavy queries cost others: the ratio for webhooks.
fn beside(address: SocketAddr, appointments: u64, slice: Duration) -> Fallible<f64> {
    let by_id = QUERIES[0].1;
    let others = [("webhooks", Asked::Webhook), ("an appointment by id", Asked::Query(by_id))];
    let mut ratio_of_webhooks = f64::NAN;
    println!("\n{:<32} {:>11} {:>10} {:>10}", "beside heavy queries", "answers/s", "p99 ms", "of without");
    for (name, asked) in others {
        let (mut with, mut heavy, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let measure = || load(address, asked, appointments, BESIDE_CONNECTIONS, slice);
            let without = measure()?;
            let run = std::thread::scope(|scope| {
                let asking = scope.spawn(|| {
                    let asked = Asked::Query(HEAVY);
                    load(address, asked, appointments, HEAVY_CONNECTIONS, slice * 2).map_err(|error| error.to_string())
                });
                // By then, they have begun.
                std::thread::sleep(slice / 4);
                let run = measure()?;
                heavy.push(asking.join().map_err(|_| "a client panicked")??);
                Ok::<_, Box<dyn Error>>(run)
            })?;
            ratios.push(run.percentile(99).as_secs_f64() / without.percentile(99).as_secs_f64());
            with.push(run);
        }
        let ratio = median(ratios);
        let figures = |runs: &[Run]| {
            let p99 = median(runs.iter().map(|run| run.percentile(99).as_secs_f64() * 1e3).collect());
            format!("{:>11.0} {p99:>10.2}", median(runs.iter().map(|run| run.per_second).collect()))
        };
        println!("{name:<32} {} {ratio:>10.2}", figures(&with));
        println!("{:<32} {}", "    the heavy ones", figures(&heavy));
        if matches!(asked, Asked::Webhook) {
            ratio_of_webhooks = ratio;
        }
    }
    Ok(ratio_of_webhooks)
}

fn row(name: &str, connections: u64, runs: &[Run], ratios: &[f64]) {
    let figure = |of: fn(&Run) -> f64| median(runs.iter().map(of).collect());
    let ratio = |at: usize| ratios.get(at).map_or(String::new(), |ratio| format!("{ratio:.3}"));
    println!(
        "{name:<32} {connections:>4} {:>11.0} {:>10.2} {:>10.2} {:>14} {:>9}",
        figure(|run| run.per_second),
        figure(|run| run.percentile(50).as_secs_f64() * 1e3),
        figure(|run| run.percentile(99).as_secs_f64() * 1e3),
        ratio(0),
        ratio(1),
    );
}

/// Keeps `connections` busy with what they ask for `slice`.
fn load(address: SocketAddr, asked: Asked, appointments: u64, connections: u64, slice: Duration) -> Fallible<Run> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let until = Instant::now() + slice;
    let seed = Cell::new(1_u64);
    let one = |mut random: u64| async move {
        let mut socket = Socket::open(address).await?;
        let mut latencies = Vec::new();
        loop {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let id = (FIRST_APPOINTMENT + (random >> 33) % appointments).to_string();
            let body = match asked {
                Asked::Query(query) => format!(r#"{{"query":"{query}","variables":{{"id":"{id}"}}}}"#),
                Asked::Livez => String::new(),
                Asked::Webhook => format!(r#"{{"appointment_id": {id}, "event_type": "checkin"}}"#),
            };
            let sent = Instant::now();
            let answer = match asked {
                Asked::Query(_) => socket.post("/graphql", &body).await?,
                Asked::Livez => socket.get("/livez").await?,
                Asked::Webhook => socket.post(&format!("/webhook/{ROUTE_KEY}"), &body).await?,
            };
            let answered = Instant::now();
            if !answer.starts_with("HTTP/1.1 200 ") || answer.contains(r#""errors""#) {
                return Err(format!("the server answered {body} with {answer:.600}").into());
            }
            latencies.push(answered - sent);
            if answered >= until {
                return Ok::<_, Box<dyn Error>>(latencies);
            }
        }
    };
    let begun = Instant::now();
    let local = LocalSet::new();
    let all = local.run_until(async {
        let tasks = (0..connections).map(|_| {
            seed.set(seed.get() + 1);
            tokio::task::spawn_local(one(seed.get()))
        });
        let mut latencies = Vec::new();
        for task in tasks.collect::<Vec<_>>() {
            latencies.extend(task.await??);
        }
        Ok::<_, Box<dyn Error>>(latencies)
    });
    let latencies = runtime.block_on(async { tokio::time::timeout(slice + GRACE, all).await });
    Ok(Run::new(latencies.map_err(|_| "the server stopped answering")??, begun.elapsed()))
}

/// Fills a board, and returns how many deliveries and invented appointments there are.
async fn prepare(address: SocketAddr, board: u64) -> Fallible<(u64, u64)> {
    let mut socket = Socket::open(address).await?;
    let path = format!("/webhook/{ROUTE_KEY}");
    for id in 1..=board {
        for event in &["create", "checkin", "ready"][..usize::try_from(id % 3)? + 1] {
            let body = format!(r#"{{"appointment_id": {id}, "event_type": "{event}"}}"#);
            socket.post(&path, &body).await?;
        }
    }
    let query = r#"{"query":"{ log { headPosition } appointments(last: 1, filter: { appointmentIdPrefix: \"9\" }) { nodes { appointmentId } } statusCounts { count } }"}"#;
    let answer = socket.post("/graphql", query).await?;
    let number = |field: &str| -> Fallible<u64> {
        let (_, rest) = answer.split_once(&format!(r#""{field}":""#)).ok_or("no such field")?;
        Ok(rest.split('"').next().unwrap_or_default().parse()?)
    };
    let counts =
        answer.split(r#""count":"#).skip(1).map(|count| count.split('}').next().unwrap_or_default().parse::<u64>());
    let all: u64 = counts.sum::<Result<u64, _>>()?;
    Ok((number("headPosition")?, all.saturating_sub(board).max(1)))
}

fn simulate(directory: &Path, deliveries: u64) -> Fallible<()> {
    eprintln!("inventing {deliveries} deliveries");
    let made = Command::new(env!("CARGO_BIN_EXE_clockfold"))
        .args(["simulate", "--deliveries", &deliveries.to_string(), "--sources", "50", "--into"])
        .arg(directory)
        .output()?;
    if made.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&made.stderr).into()) }
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_unstable_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The program, serving; it ends with this value.
struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    fn start(directory: &Path, scratch: &Path) -> Fallible<Server> {
        let config = scratch.join("clockfold.toml");
        fs::write(&config, format!("[[source]]\nname = \"bench\"\nroute_keys = [\"{ROUTE_KEY}\"]\n"))?;
        let mut command = Command::new(env!("CARGO_BIN_EXE_clockfold"));
        command.arg("serve").arg("--config").arg(&config).arg("--data-dir").arg(directory);
        command.args(["--listen", "127.0.0.1:0"]).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let (sender, addresses) = std::sync::mpsc::channel();
        for output in [
            Box::new(child.stdout.take().ok_or("no standard output")?) as Box<dyn std::io::Read + Send>,
            Box::new(child.stderr.take().ok_or("no standard error")?),
        ] {
            let sender = sender.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    let address = line
                        .split("127.0.0.1:")
                        .nth(1)
                        .map(|rest| rest.chars().take_while(char::is_ascii_digit).collect::<String>());
                    if let Some(Ok(port)) = address.map(|port| port.parse::<u16>()) {
                        let _ = sender.send(SocketAddr::from(([127, 0, 0, 1], port)));
                    }
                }
            });
        }
        let address = addresses.recv_timeout(Duration::from_secs(300))?;
        Ok(Server { child, address })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
