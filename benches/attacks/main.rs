//! What strangers cost: `cargo bench --bench attacks -- [--attack NAME] [--connections N] [--seconds N] [--quick]`.
//!
//! The real server in a process of its own, and so many connections of whoever has no credential: idle ones, slow ones (a
//! byte of a head now and then), slow bodies, HTTP/2 of which the answers are not taken, and HTTP/2 that only pings. What is
//! closed is opened again. Meanwhile a genuine sender connects anew for each delivery. Each attack is made twice: with
//! as many open files as this machine allows, and with 1,024.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints its table, and ends where something is wrong"
)]
#![allow(clippy::cast_precision_loss, reason = "figures for a person's eyes")]

mod attackers;
#[path = "../../tests/support/mod.rs"]
mod support;

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use attackers::{ATTACKS, Attackers};
use support::{
    raise_open_files,
    server::{CONFIG, Server},
};

const LIMITED_FILES: u32 = 1_024;
const DELIVERY_INTERVAL: Duration = Duration::from_millis(20);
/// The most that the server may have in memory beyond what it has at rest.
const GROWN_MIB_MAX: f64 = 100.0;
/// A sender gets in within a second.
const SENDER_MS_MAX: f64 = 1_000.0;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    let number = |name: &str, otherwise: usize| {
        let given = arguments.iter().skip_while(|argument| *argument != name).nth(1);
        given.map_or(otherwise, |given| given.parse().unwrap_or_else(|error| panic!("{name} {given}: {error}")))
    };
    // `cargo test --all-targets` runs benches too, without `--bench`: then it is enough that it works.
    let quick = has("--quick") || !has("--bench");
    let only = arguments.iter().skip_while(|argument| *argument != "--attack").nth(1);
    let connections = number("--connections", if quick { 50 } else { 5_000 });
    let duration = Duration::from_secs(number("--seconds", if quick { 1 } else { 20 }) as u64);
    raise_open_files();

    println!(
        "{connections} connections for {} s, and a sender that connects anew for each delivery\n",
        duration.as_secs()
    );
    println!("attack           files    open  closed  rest MiB  grown MiB  sent  refused   p50 ms   p99 ms   max ms");
    let mut met = true;
    for files in [None, Some(LIMITED_FILES)] {
        for attack in ATTACKS.iter().filter(|attack| only.is_none_or(|only| attack.name == only)) {
            let row = measure(attack, connections, duration, files);
            let told = files.map_or("most".to_owned(), |files| files.to_string());
            println!(
                "{:<16} {told:>5} {:>7} {:>7} {:>9.1} {:>10.1} {:>5} {:>8} {:>8.1} {:>8.1} {:>8.1}",
                attack.name,
                row.open,
                row.closed,
                row.rest_mib,
                row.grown_mib,
                row.sent.len(),
                row.refused,
                row.percentile(50),
                row.percentile(99),
                row.percentile(100)
            );
            met &= row.grown_mib <= GROWN_MIB_MAX && row.refused == 0 && row.percentile(100) <= SENDER_MS_MAX;
        }
    }
    if !quick {
        let met = if met { "met" } else { "NOT MET" };
        println!("\nat most {GROWN_MIB_MAX} MiB beyond rest, every delivery answered within {SENDER_MS_MAX} ms: {met}");
    }
}

/// Says that it is over when it is dropped.
struct OnEnd<'a>(&'a AtomicBool);

impl Drop for OnEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

struct Row {
    open: f64,
    closed: f64,
    rest_mib: f64,
    grown_mib: f64,
    /// In milliseconds, ascending.
    sent: Vec<f64>,
    refused: usize,
}

impl Row {
    fn percentile(&self, percent: usize) -> f64 {
        let index = (self.sent.len() * percent / 100).min(self.sent.len().saturating_sub(1));
        self.sent.get(index).copied().unwrap_or(f64::NAN)
    }
}

fn measure(attack: &attackers::Attack, connections: usize, duration: Duration, files: Option<u32>) -> Row {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let server = match files {
        None => Server::start(folder.path(), CONFIG),
        Some(files) => Server::start_with_open_files(folder.path(), CONFIG, files),
    };
    // The files are compressed once, and every thread has worked.
    for _ in 0..50 {
        server.get("/explorer/explorer.js");
        server.deliver(1, "create");
    }
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    let rest_mib = mib(server.resident_bytes());
    let over = AtomicBool::new(false);
    let mut row = Row { open: 0.0, closed: 0.0, rest_mib, grown_mib: 0.0, sent: Vec::new(), refused: 0 };
    thread::scope(|scope| {
        let attackers = scope.spawn(|| {
            let mut attackers = Attackers::new(attack, server.address, connections);
            while !over.load(Ordering::Relaxed) {
                attackers.turn();
            }
        });
        // However this ends, the attack does too.
        let _over = OnEnd(&over);
        let begun = Instant::now();
        while begun.elapsed() < duration {
            let sent = Instant::now();
            let answer = support::server::Connection::try_open(server.address).and_then(|mut connection| {
                let path = format!("/webhook/{}", support::server::ROUTE_KEY);
                let body = br#"{"appointment_id": 1, "event_type": "checkin"}"#;
                connection.request("POST", &path, &[("Content-Type", "application/json")], body)
            });
            match answer {
                Ok(answer) if answer.status == 200 => row.sent.push(sent.elapsed().as_secs_f64() * 1e3),
                _ => row.refused += 1,
            }
            row.grown_mib = row.grown_mib.max(mib(server.resident_bytes()) - rest_mib);
            thread::sleep(DELIVERY_INTERVAL);
        }
        row.open = server.metric("clockfold_connections");
        over.store(true, Ordering::Relaxed);
        attackers.join().unwrap();
    });
    let metrics = server.get("/metrics").text();
    let closed = metrics.lines().filter(|line| line.starts_with("clockfold_connections_closed_total{"));
    row.closed = closed.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum();
    row.sent.sort_by(f64::total_cmp);
    row
}
