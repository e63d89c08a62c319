//! What the board costs a browser: `cargo bench --bench board -- [--cards N] [--changes N] [--rate N] [--true-seconds N]
//! [--quick]`.
//!
//! The real server in a process of its own, real webhooks over real sockets, and a headless Chromium. Measured are the
//! bytes of the first load, the time from a navigation to a live board with all its cards, and, over an hour's worth of
//! changes at 20 a second (72,000), the page's memory and its frames. The changes are sent faster, `--rate` a second,
//! and before that for `--true-seconds` at 20 a second, in place of an hour.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints its table, and ends where something is wrong"
)]
#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "figures for a person's eyes"
)]

#[path = "../../tests/support/mod.rs"]
mod support;
mod page;
mod sender;

use std::time::{Duration, Instant};

use page::{Frames, Page};
use sender::Sender;
use support::{
    browser::board::{Past, happened},
    server::{CONFIG, Server},
};

const TRUE_RATE: f64 = 20.0;
const FIRST_LOAD_BYTES_MAX: u64 = 60_000;
const LIVE_MS_MAX: f64 = 1_000.0;
/// Loads with an empty cache, and with a full one.
const LOADS: usize = 7;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    let number = |name: &str, otherwise: f64| {
        let given = arguments.iter().skip_while(|argument| *argument != name).nth(1);
        given.map_or(otherwise, |given| given.parse().unwrap_or_else(|error| panic!("{name} {given}: {error}")))
    };
    // `cargo test --all-targets` runs benches too, without `--bench`: then it is enough that it works.
    let quick = has("--quick") || !has("--bench");
    let of = |full: f64, quickly: f64| if quick { quickly } else { full };
    let cards = number("--cards", of(5_000.0, 300.0)) as u64;
    let changes = number("--changes", of(72_000.0, 600.0)) as u64;
    let rate = number("--rate", 400.0);
    let true_seconds = number("--true-seconds", of(120.0, 2.0));

    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    happened(folder.path(), &waiting(cards));
    let server = Server::start(folder.path(), CONFIG);
    let page = Page::open(&server);

    let bytes = page.first_load();
    println!(
        "first load: {bytes} bytes over the wire for the page's files, headers included (at most {FIRST_LOAD_BYTES_MAX})"
    );
    let cold = page.times_to_live(cards, LOADS, false);
    let warm = page.times_to_live(cards, LOADS, true);
    for (what, times) in [("an empty cache", &cold), ("a full cache", &warm)] {
        println!(
            "live board with {cards} cards, {what}: median {:.0} ms, longest {:.0} ms of {LOADS}",
            times[times.len() / 2],
            times[times.len() - 1]
        );
    }
    println!();
    println!(
        "{:>22} {:>9} {:>7} {:>8} {:>8} {:>8} {:>8} {:>10} {:>9} {:>9} {:>8}",
        "", "changes", "s", "frames", "p50 ms", "p99 ms", "max ms", "long tasks", "heap MB", "nodes", "behind ms"
    );
    let mut sender = Sender::new(server.address, cards);
    run("before", 0.0, &page, || 0);
    run("20 a second", TRUE_RATE, &page, || sender.send_for(TRUE_RATE, Duration::from_secs_f64(true_seconds)));
    run("as an hour's, faster", rate, &page, || sender.send(rate, changes));
    run("after", 0.0, &page, || 0);

    let median = cold[cold.len() / 2];
    let met = bytes <= FIRST_LOAD_BYTES_MAX && median < LIVE_MS_MAX;
    match quick {
        true => println!("too few and too short to be held against the targets"),
        false => println!(
            "targets (first load at most {FIRST_LOAD_BYTES_MAX} bytes, live within {LIVE_MS_MAX} ms): {}",
            if met { "met" } else { "MISSED" }
        ),
    }
}

/// Measures the page while changes are sent, until it shows the last one.
fn run(what: &str, rate: f64, page: &Page, send: impl FnOnce() -> u64) {
    page.begin_frames();
    let begun = Instant::now();
    let sent = send();
    let seconds = begun.elapsed().as_secs_f64();
    let behind = page.catch_up();
    if rate == 0.0 {
        std::thread::sleep(Duration::from_secs(2));
    }
    let Frames { count, p50, p99, longest, long_tasks, longest_task } = page.end_frames();
    let (heap, nodes) = page.memory();
    println!(
        "{what:>22} {sent:>9} {seconds:>7.1} {count:>8} {p50:>8.1} {p99:>8.1} {longest:>8.1} {:>10} {heap:>9.1} {nodes:>9} {:>8}",
        format!("{long_tasks} ({longest_task:.0})"),
        behind.as_millis()
    );
}

/// Appointments that wait, in three columns, since within the last hours.
fn waiting(cards: u64) -> Vec<Past<'static>> {
    let mut events = Vec::new();
    for id in 1..=cards {
        let since = 200 - (id * 180 / cards) as i64;
        events.push((since + 60, "downtown", id, "create"));
        if id % 3 > 0 {
            events.push((since + 10, "downtown", id, "checkin"));
        }
        if id % 3 > 1 {
            events.push((since, "downtown", id, "ready"));
        }
    }
    events
}
