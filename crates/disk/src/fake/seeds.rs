//! Runs of a simulation, each of which follows from a number: many of them, one again, and how soon one of them finds a
//! fault.

use std::{
    env,
    ops::Range,
    panic::{self, AssertUnwindSafe},
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

/// What a run says, or how it ended.
pub fn outcome(run: impl FnOnce() -> u64) -> Result<u64, String> {
    panic::catch_unwind(AssertUnwindSafe(run)).map_err(|panicked| {
        let text = panicked.downcast_ref::<String>().cloned();
        text.or_else(|| panicked.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
    })
}

/// Runs seeds on all cores and adds up what they say: as many as the test has time for, or as these variables ask for,
/// which begin with `word`: `…_TEST_SEEDS` from `…_TEST_FROM` on, or `…_TEST_SEED` alone.
///
/// # Panics
///
/// Where a seed finds something, with its number.
pub fn all(word: &str, count: u64, run: impl Fn(u64) -> u64 + Sync) -> u64 {
    let number = |name: &str| {
        let value = env::var(format!("{word}_TEST_{name}")).ok();
        value.map(|value| value.parse::<u64>().unwrap_or_else(|_| panic!("{word}_TEST_{name} is no number")))
    };
    let from = number("FROM").unwrap_or(0);
    let seeds = match number("SEED") {
        Some(seed) => seed..seed + 1,
        None => from..from + number("SEEDS").unwrap_or(count),
    };
    let (next, total) = (AtomicU64::new(seeds.start), AtomicU64::new(0));
    let work = || {
        while let Some(seed) = Some(next.fetch_add(1, Ordering::Relaxed)).filter(|seed| seeds.contains(seed)) {
            match outcome(|| run(seed)) {
                Ok(count) => total.fetch_add(count, Ordering::Relaxed),
                Err(why) => panic!("seed {seed}: {why}; {word}_TEST_SEED={seed} has it again"),
            };
        }
    };
    thread::scope(|scope| {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        for thread in threads {
            thread.join().unwrap_or_else(|panicked| panic::resume_unwind(panicked));
        }
    });
    total.into_inner()
}

/// How long it takes to find a fault: how many seeds, and what the last one says.
pub fn find(seeds: Range<u64>, run: impl Fn(u64) -> Result<u64, String>) -> Option<(u64, Duration, String)> {
    let begun = Instant::now();
    let from = seeds.start;
    seeds.into_iter().find_map(|seed| run(seed).err().map(|why| (seed + 1 - from, begun.elapsed(), why)))
}
