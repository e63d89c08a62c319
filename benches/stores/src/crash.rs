//! What a store shows while it is written, and what is left of it after `kill -9`.
//!
//! A process writes batches; beside it, a reader looks whether the first and the last row of a batch are of the same one in
//! every view. The process is killed at a moment that the seed says. Another one opens what is left and compares each row
//! with what the traffic says there is after so many batches; so a part of a batch, a lost row and a row too many are found.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::Child,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use crate::{
    store::{Batch, Budget, Fallible, Space, Store, View},
    stores::Kind,
    traffic::{CHECKPOINT_KEY, Random, SOURCE_KEY, Traffic, batch_of},
};

/// So little memory that a kill finds a flush or a compaction at work.
const BUDGET: Budget = Budget { cache_bytes: 64 << 20, memtable_bytes: 1 << 20 };

/// A process writes for so long, in milliseconds, before it is killed.
const WRITE_MILLIS_MIN: u64 = 150;
const WRITE_MILLIS_MAX: u64 = 650;
const REPORT_INTERVAL: Duration = Duration::from_millis(10);

/// What was seen of a store.
#[derive(Default)]
pub(crate) struct Survival {
    pub(crate) views: u64,
    /// Views that saw a part of a batch.
    pub(crate) torn_views: u64,
    pub(crate) kills: u64,
    /// Batches that the store held after the last kill.
    pub(crate) batches: u64,
    /// Why the store could not be opened, or what was wrong with it.
    pub(crate) failure: Option<String>,
}

/// Kills a writer so many times. `start` starts a process for a step.
pub(crate) fn kill(kills: u64, seed: u64, start: impl Fn(&str) -> Fallible<Child>) -> Fallible<Survival> {
    let mut random = Random::of(seed);
    let mut survival = Survival::default();
    for _ in 0..kills {
        let mut child = start("write-on")?;
        let mut lines = BufReader::new(child.stdout.take().ok_or("the writer has no output")?).lines();
        if lines.next().transpose()?.as_deref() != Some("ready") {
            child.wait()?;
            survival.failure = Some("it can't be opened".to_owned());
            break;
        }
        let millis = WRITE_MILLIS_MIN + random.below(WRITE_MILLIS_MAX - WRITE_MILLIS_MIN);
        thread::sleep(Duration::from_millis(millis));
        let has_ended = child.try_wait()?.is_some();
        child.kill()?;
        child.wait()?;
        // Each line has the sums so far.
        let mut seen = (0, 0);
        for line in lines {
            seen = views_of(&line?).unwrap_or(seen);
        }
        survival.views += seen.0;
        survival.torn_views += seen.1;
        if has_ended {
            survival.failure = Some("the writer ended by itself".to_owned());
            break;
        }
        survival.kills += 1;
        let child = start("compare")?.wait_with_output()?;
        let text = String::from_utf8_lossy(&child.stdout);
        match text.trim().strip_prefix("whole ").map(str::parse) {
            Some(batches) if child.status.success() => survival.batches = batches?,
            _ => {
                survival.failure = Some(format!("{}; {}", text.trim(), child.status));
                break;
            }
        }
    }
    Ok(survival)
}

/// Writes until it is killed, from the batch on that the store has.
pub(crate) fn write_on(kind: Kind, folder: &Path, seed: u64) -> Fallible<()> {
    let store = (kind.open)(folder, BUDGET)?;
    let (batches, _) = first_and_last(&*store.view()?)?;
    let mut traffic = Traffic::of(seed).after(batches);
    println!("ready");
    let has_failed = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            if let Err(error) = watch(&*store, &has_failed) {
                eprintln!("reading {}: {error}", kind.name);
                has_failed.store(true, Ordering::Relaxed);
            }
        });
        let mut batch = Batch::default();
        while !has_failed.load(Ordering::Relaxed) {
            traffic.fill(&mut batch);
            if let Err(error) = store.write(&batch) {
                has_failed.store(true, Ordering::Relaxed);
                return Err(error);
            }
        }
        Ok(())
    })
}

/// Compares a store with the traffic's rows after as many batches as its checkpoint says.
pub(crate) fn compare(kind: Kind, folder: &Path, seed: u64) -> Fallible<()> {
    let store = (kind.open)(folder, BUDGET)?;
    let view = store.view()?;
    let (_, batches) = first_and_last(&*view)?;
    let result = Traffic::of(seed).after(batches).rows().compare(&*view);
    drop(view);
    match result {
        Ok(()) => println!("whole {batches}"),
        Err(error) => println!("torn after batch {batches}: {error}"),
    }
    store.close()
}

/// Looks at one view after another, and says now and then how many there were and how many saw a part of a batch.
fn watch(store: &dyn Store, has_failed: &AtomicBool) -> Fallible<()> {
    let (mut views, mut torn, mut reported) = (0_u64, 0_u64, Instant::now());
    while !has_failed.load(Ordering::Relaxed) {
        let (first, last) = first_and_last(&*store.view()?)?;
        views += 1;
        torn += u64::from(first != last);
        if reported.elapsed() >= REPORT_INTERVAL {
            println!("views {views} torn {torn}");
            reported = Instant::now();
        }
    }
    Ok(())
}

fn views_of(line: &str) -> Option<(u64, u64)> {
    let (views, torn) = line.strip_prefix("views ")?.split_once(" torn ")?;
    Some((views.parse().ok()?, torn.parse().ok()?))
}

/// Which batches the first row of a batch and the last one are of.
fn first_and_last(view: &dyn View) -> Fallible<(u64, u64)> {
    let number = |space: Space, key: &[u8]| -> Fallible<u64> {
        let mut number = 0;
        view.get(space, key, &mut |value| number = batch_of(value))?;
        Ok(number)
    };
    Ok((number(Space::Sources, SOURCE_KEY)?, number(Space::Meta, CHECKPOINT_KEY)?))
}
