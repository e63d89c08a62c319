//! Seeds, by the number that the environment asks for; and planted faults, each of which some seed has to find.

#![allow(clippy::print_stdout, reason = "`--nocapture` shows how many cuts there were, and how soon a fault was found")]

use std::{path::Path, time::Instant};

use clockfold_disk::fake::{Call, Failures, LeftOut, Why, seeds};

use crate::{
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

/// What a seed says with a fault, or how it ended.
fn with(planted: Planted, run: impl FnOnce() -> u64) -> Result<u64, String> {
    plant(planted.in_store);
    let outcome = seeds::outcome(run);
    plant(None);
    outcome
}

#[test]
fn a_power_cut_at_any_step_leaves_what_some_batch_left() {
    let begun = Instant::now();
    let cuts = seeds::all("ROWS", SEEDS, |seed| cut(seed, Planted::default()));
    println!("{cuts} cuts in {:?}", begun.elapsed());
}

#[test]
fn a_call_that_fails_is_told_and_nothing_wrong_is_read() {
    let begun = Instant::now();
    let runs = seeds::all("ROWS", FAILING_SEEDS, |seed| fail(seed, Planted::default()));
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
        let found = seeds::find(0..200, |seed| {
            // Only who meets an error can swallow it.
            let cut = if planted.swallowed.is_some() { Ok(0) } else { with(planted, || cut(seed, planted)) };
            let fails = planted.swallowed.is_some() || seed % 10 == 0;
            cut.and_then(|_| if fails { with(planted, || fail(seed, planted)) } else { Ok(0) })
        });
        let (seeds, time, why) = found.unwrap_or_else(|| panic!("{name}: not found"));
        println!("{name}: {seeds} seeds, {time:?}: {why}");
    }
}
