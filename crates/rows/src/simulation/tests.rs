//! Seeds, by the number that the environment asks for; and planted faults, each of which some seed has to find.

#![allow(clippy::print_stdout, reason = "`--nocapture` shows how many cuts there were, and how soon a fault was found")]

use std::{
    env,
    panic::{self, AssertUnwindSafe},
    path::Path,
    time::{Duration, Instant},
};

use crate::{
    disk::fake::{Call, Failures, LeftOut, Why},
    planted::{Fault, plant},
    simulation::life::Run,
};

/// Seeds that are cut, and those whose calls fail, where the environment asks for no other number.
const SEEDS: u64 = 12;
const FAILING_SEEDS: u64 = 8;

/// What is wrong with the store, or with the disk under it.
#[derive(Clone, Copy, Default)]
struct Planted {
    in_store: Option<Fault>,
    left_out: Option<LeftOut>,
    swallowed: Option<LeftOut>,
}

/// Cuts a run at each of its steps. Returns how many cuts that were.
fn cut(seed: u64, planted: Planted) -> u64 {
    let mut run = Run::of(seed, planted.left_out, planted.swallowed);
    run.cut_at_each_step();
    run.cuts
}

/// Has each call of a run fail, alone and with those after it. Returns how many runs that were.
fn fail(seed: u64, planted: Planted) -> u64 {
    let run = || Run::of(seed, planted.left_out, planted.swallowed);
    let calls = run().meet(None);
    for call in 0..calls {
        let why = if call % 3 == 0 { Why::Full } else { Why::Broken };
        let count = [1, 1, 4, 40][usize::try_from(call % 4).unwrap()];
        run().meet(Some(Failures { calls: call..call + count, why }));
    }
    calls
}

/// What a seed says, or how it ended.
fn outcome(seed: u64, planted: Planted, of: fn(u64, Planted) -> u64) -> Result<u64, String> {
    plant(planted.in_store);
    let outcome = panic::catch_unwind(AssertUnwindSafe(|| of(seed, planted)));
    plant(None);
    outcome.map_err(|panicked| {
        let text = panicked.downcast_ref::<String>().cloned();
        text.or_else(|| panicked.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
    })
}

fn number(name: &str) -> Option<u64> {
    env::var(name).ok().map(|number| number.parse().unwrap_or_else(|_| panic!("{name} is no number")))
}

/// Runs the seeds that the environment asks for, or as many as a test has time for.
fn all_seeds(count: u64, of: fn(u64, Planted) -> u64) -> u64 {
    let seeds = match number("ROWS_TEST_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("ROWS_TEST_SEEDS").unwrap_or(count),
    };
    let run = |seed| match outcome(seed, Planted::default(), of) {
        Ok(count) => count,
        Err(why) => panic!("seed {seed}: {why}; ROWS_TEST_SEED={seed} has it again"),
    };
    seeds.map(run).sum()
}

#[test]
fn a_power_cut_at_any_step_leaves_what_some_batch_left() {
    let begun = Instant::now();
    let cuts = all_seeds(SEEDS, cut);
    println!("{cuts} cuts in {:?}", begun.elapsed());
}

#[test]
fn a_call_that_fails_is_told_and_nothing_wrong_is_read() {
    let begun = Instant::now();
    let runs = all_seeds(FAILING_SEEDS, fail);
    println!("{runs} runs in {:?}", begun.elapsed());
}

#[test]
fn a_seed_gives_the_same_run_each_time() {
    for seed in 0..3 {
        assert_eq!(cut(seed, Planted::default()), cut(seed, Planted::default()));
    }
}

fn is_table(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "rows")
}

fn is_manifest(path: &Path) -> bool {
    path.ends_with("manifest")
}

/// Syncs that a program might leave out, and errors that it might not look at.
const OF_THE_DISK: &[(&str, bool, LeftOut)] = &[
    ("a table is not synced", false, |call, path, _| call == Call::Sync && is_table(path)),
    ("the manifest is not synced", false, |call, path, _| call == Call::Sync && !is_table(path)),
    ("no folder is synced", false, |call, _, _| call == Call::SyncFolder),
    ("the folder above is not synced", false, |call, path, _| call == Call::SyncFolder && path == Path::new("/")),
    ("the folder is not synced before the manifest names a table", false, |call, _, world| {
        call == Call::SyncFolder && world.is_unsynced(is_table) && !world.is_unsynced(is_manifest)
    }),
    ("the folder is not synced after the manifest is renamed", false, |call, _, world| {
        call == Call::SyncFolder && world.is_unsynced(is_manifest)
    }),
    ("an error of a write is swallowed", true, |call, _, _| call == Call::Append),
    ("an error of a file's sync is swallowed", true, |call, _, _| call == Call::Sync),
    ("an error of a folder's sync is swallowed", true, |call, _, _| call == Call::SyncFolder),
    ("an error of a rename is swallowed", true, |call, _, _| call == Call::Rename),
];

const OF_THE_STORE: &[Fault] = &[
    Fault::ChecksumNotChecked,
    Fault::TornManifestAccepted,
    Fault::ManifestRenamedBeforeSync,
    Fault::FlushOrderWrong,
    Fault::ManifestErrorSwallowed,
    Fault::TablesRemovedBeforeManifest,
    Fault::DoubtfulTableRemoved,
    Fault::RemovedBeforeFolderSynced,
    Fault::RemovalForgotten,
    Fault::CompactedTableFirst,
    Fault::RowForgotten,
    Fault::FilterKeyForgotten,
    Fault::VersionForgotten,
];

/// How long it takes to find a fault: how many seeds, and what the last one says.
fn find(planted: Planted) -> Option<(u64, Duration, String)> {
    let begun = Instant::now();
    (0..200).find_map(|seed| {
        let found = outcome(seed, planted, cut).err();
        let found = found.or_else(|| (seed % 10 == 0).then(|| outcome(seed, planted, fail).err()).flatten());
        found.map(|why| (seed + 1, begun.elapsed(), why))
    })
}

#[test]
fn each_planted_fault_is_found() {
    let of_store = OF_THE_STORE
        .iter()
        .map(|fault| (format!("{fault:?}"), Planted { in_store: Some(*fault), ..Planted::default() }));
    let of_disk = OF_THE_DISK.iter().map(|(name, is_swallowed, calls)| {
        let calls = Some(*calls);
        let (left_out, swallowed) = if *is_swallowed { (None, calls) } else { (calls, None) };
        ((*name).to_owned(), Planted { left_out, swallowed, ..Planted::default() })
    });
    for (name, planted) in of_disk.chain(of_store) {
        let found = find(planted);
        let (seeds, time, why) = found.unwrap_or_else(|| panic!("{name}: not found"));
        println!("{name}: {seeds} seeds, {time:?}: {why}");
    }
}
