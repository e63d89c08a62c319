//! Seeds, by the number that the environment asks for; and planted faults, each of which some seed has to find.

#![allow(clippy::print_stdout, reason = "`--nocapture` shows how many cuts there were, and how soon a fault was found")]

use std::{path::Path, time::Instant};

use clockfold_disk::fake::{
    Call, LeftOut,
    runs::{Planted, cut, fail, find},
    seeds,
};

use crate::{planted::Fault, simulation::life::Run};

/// Seeds that are cut, and those whose calls fail, where the environment asks for no other number.
const SEEDS: u64 = 12;
const FAILING_SEEDS: u64 = 8;

#[test]
fn a_power_cut_at_any_step_leaves_what_some_batch_left() {
    let begun = Instant::now();
    let cuts = seeds::all("ROWS", SEEDS, |seed| cut::<Run>(seed, Planted::NOTHING));
    println!("{cuts} cuts in {:?}", begun.elapsed());
}

#[test]
fn a_call_that_fails_is_told_and_nothing_wrong_is_read() {
    let begun = Instant::now();
    let runs = seeds::all("ROWS", FAILING_SEEDS, |seed| fail::<Run>(seed, Planted::NOTHING));
    println!("{runs} runs in {:?}", begun.elapsed());
}

#[test]
fn a_seed_gives_the_same_run_each_time() {
    for seed in 0..3 {
        assert_eq!(cut::<Run>(seed, Planted::NOTHING), cut::<Run>(seed, Planted::NOTHING));
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
    let of_store = OF_THE_STORE.iter().map(|fault| (format!("{fault:?}"), Planted::in_store(*fault)));
    let of_disk = OF_THE_DISK
        .iter()
        .map(|(name, is_swallowed, calls)| ((*name).to_owned(), Planted::on_disk(*calls, *is_swallowed)));
    for (name, planted) in of_disk.chain(of_store) {
        let found = find::<Run>(200, planted, 10);
        let (seeds, time, why) = found.unwrap_or_else(|| panic!("{name}: not found"));
        println!("{name}: {seeds} seeds, {time:?}: {why}");
    }
}
