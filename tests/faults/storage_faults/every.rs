//! A server gets one fault after another, of one operation on one kind of file. `STORAGE_FAULTS=all` runs every
//! combination; without it each operation on each kind of file meets two of the five effects.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use super::{EVERY_OPERATION, Met, Tried};
use crate::support::disk::faults::{Effect, Error, Fault, Operation, Target};

const SLEEP: Duration = Duration::from_secs(5);
/// Servers at a time.
const AT_ONCE: usize = 4;

const EFFECTS: [Effect; 5] = [
    Effect::Fails(Error::Io),
    Effect::Fails(Error::NoSpace),
    Effect::Fails(Error::ReadOnly),
    Effect::Fails(Error::TooManyFiles),
    Effect::Sleeps(SLEEP),
];

/// Operations, the files, and when the ones are done on the others.
#[rustfmt::skip]
const TABLE: &[(&[Operation], Target, Met)] = &[
    (&[Operation::Write],  Target::Store,      Met::Always),
    (&[Operation::Write],  Target::Journal,    Met::Always),
    (&[Operation::Write],  Target::Head,       Met::Always),
    (&[Operation::Write],  Target::Projection, Met::InTime),
    (&[Operation::Sync],   Target::Store,      Met::Always),
    (&[Operation::Sync],   Target::Journal,    Met::Always),
    (&[Operation::Sync],   Target::Head,       Met::Always),
    (&[Operation::Sync],   Target::Projection, Met::InTime),
    (&[Operation::Read],   Target::Store,      Met::Perhaps),
    (&[Operation::Read],   Target::Journal,    Met::Perhaps),
    (&[Operation::Read],   Target::Head,       Met::Perhaps),
    (&[Operation::Read],   Target::Projection, Met::InTime),
    (&[Operation::Rename], Target::Store,      Met::Perhaps),
    (&[Operation::Rename], Target::Journal,    Met::Perhaps),
    (&[Operation::Rename], Target::Head,       Met::Always),
    (&[Operation::Rename], Target::Projection, Met::InTime),
    (&[Operation::Look],   Target::Store,      Met::Always),
    (&[Operation::Look],   Target::Journal,    Met::Always),
    (&[Operation::Open],   Target::Store,      Met::Perhaps),
    (&[Operation::Open],   Target::Journal,    Met::Always),
    (&[Operation::Open],   Target::Head,       Met::Always),
    (&[Operation::Open],   Target::Projection, Met::InTime),
    (EVERY_OPERATION,      Target::Everything, Met::Always),
];

/// One server's faults, one after another. After one that it does not survive, the next server goes on.
fn try_all(operations: &'static [Operation], target: Target, met: Met, effects: &[Effect], seed: u64) -> Vec<String> {
    let mut failures = Vec::new();
    let mut tried: Option<Tried> = None;
    let mut before = Vec::new();
    let name = match operations {
        [one] => format!("{one:?} {target:?}"),
        _ => format!("all {target:?}"),
    };
    for (number, effect) in effects.iter().enumerate() {
        let fault = Fault { operations, target, effect: *effect };
        let fresh = || Tried::start((seed * 10 + number as u64) * 100);
        let mut server = tried.take().unwrap_or_else(fresh);
        match server.meet(fault, met) {
            Ok(told) => {
                println!("{name} {effect:?}: {told}");
                before.push(format!("{effect:?}"));
                tried = Some(server);
            }
            Err(why) => {
                println!("{name} {effect:?}: {why}");
                failures.push(format!("{name} {effect:?}: {why}\n{}", last_lines(&server.server.printed())));
                // Another is tried on a disk of its own.
                server.disk.clear();
                server.server.kill();
                before.clear();
            }
        }
    }
    let printed = tried.as_ref().map(|tried| tried.server.printed()).unwrap_or_default();
    if let Some(Err(why)) = tried.map(Tried::check) {
        println!("{name}, after {before:?}: {why}");
        failures.push(format!("{name}, after {before:?}: {why}\n{}", last_lines(&printed)));
    }
    failures
}

/// The last that a server has said, without its paths.
fn last_lines(printed: &str) -> String {
    let lines: Vec<&str> = printed.lines().collect();
    lines[lines.len().saturating_sub(8)..].join("\n")
}

#[test]
fn every_fault_passes_by_itself_and_nothing_acknowledged_is_lost() {
    let all = std::env::var("STORAGE_FAULTS").is_ok_and(|which| which == "all");
    let only = std::env::var("STORAGE_FAULTS_ONLY").ok();
    let next = AtomicU64::new(0);
    let failures = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some((operations, target, met)) = TABLE.get(usize::try_from(number).unwrap()) else {
                        break;
                    };
                    let name = format!("{operations:?} {target:?}");
                    if only.as_ref().is_some_and(|only| !name.contains(only.as_str())) {
                        continue;
                    }
                    // Two that stand side by side, in turn.
                    let turn = usize::try_from(number).unwrap() % EFFECTS.len();
                    let two = [EFFECTS[turn], EFFECTS[(turn + 1) % EFFECTS.len()]];
                    let effects: &[Effect] = if all { &EFFECTS } else { &two };
                    let failed = try_all(operations, *target, *met, effects, number);
                    failures.lock().unwrap().extend(failed);
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{} failed:\n{}", failures.len(), failures.join("\n\n"));
}
