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
const SEEDS: u64 = 16;
const FAILING_SEEDS: u64 = 12;

#[test]
fn a_power_cut_at_any_step_leaves_all_that_was_acknowledged() {
    let begun = Instant::now();
    let cuts = seeds::all("LOG", SEEDS, |seed| cut::<Run>(seed, Planted::NOTHING));
    println!("{cuts} cuts in {:?}", begun.elapsed());
}

#[test]
fn a_call_that_fails_is_told_and_nothing_is_lost() {
    let begun = Instant::now();
    let runs = seeds::all("LOG", FAILING_SEEDS, |seed| fail::<Run>(seed, Planted::NOTHING));
    println!("{runs} runs in {:?}", begun.elapsed());
}

#[test]
fn a_seed_gives_the_same_run_each_time() {
    for seed in 0..3 {
        assert_eq!(cut::<Run>(seed, Planted::NOTHING), cut::<Run>(seed, Planted::NOTHING));
    }
}

fn is_journal(path: &Path) -> bool {
    path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with("journal-"))
}

fn is_head(path: &Path) -> bool {
    path.ends_with("head.new")
}

/// Syncs that a program might leave out, and errors that it might not look at.
const OF_THE_DISK: &[(&str, bool, LeftOut)] = &[
    ("the journal is not synced", false, |call, path, _| call == Call::Sync && is_journal(path)),
    ("the head is not synced", false, |call, path, _| call == Call::Sync && is_head(path)),
    ("the log's folder is not synced where the journal has a new file", false, |call, path, world| {
        call == Call::SyncFolder && path.ends_with("log") && world.is_unsynced(is_journal)
    }),
    ("what a sync has lost is read from memory", false, |call, path, _| call == Call::ForgetCached && is_journal(path)),
    ("an error of a write is swallowed", true, |call, path, _| call == Call::WriteAt && is_journal(path)),
    ("an error of a sync is swallowed", true, |call, path, _| call == Call::Sync && is_journal(path)),
    ("an error of a folder's sync is swallowed", true, |call, path, _| {
        call == Call::SyncFolder && path.ends_with("log")
    }),
    ("an error of a rename is swallowed", true, |call, path, _| call == Call::Rename && is_journal(path)),
];

const OF_THE_LOG: &[Fault] = &[
    Fault::TornRecordTaken,
    Fault::ChecksumWithoutValue,
    Fault::BrokenBeforeWholeGivenUp,
    Fault::RecordWrittenOverTheLast,
    Fault::FileNamedBeforeSync,
    Fault::LeftoverKept,
    Fault::FileRemovedBeforeCheckpoint,
    Fault::CheckpointedBeforeCommit,
    Fault::DigestNotAdvanced,
    Fault::EarlierGroupForgotten,
    Fault::RecoveredFilesRemovedFirst,
    Fault::ShorterAccepted,
];

#[test]
fn each_planted_fault_is_found() {
    let of_store = OF_THE_LOG.iter().map(|fault| (format!("{fault:?}"), Planted::in_store(*fault)));
    let of_disk = OF_THE_DISK
        .iter()
        .map(|(name, is_swallowed, calls)| ((*name).to_owned(), Planted::on_disk(*calls, *is_swallowed)));
    for (name, planted) in of_disk.chain(of_store) {
        let found = find::<Run>(200, planted, 1);
        let (seeds, time, why) = found.unwrap_or_else(|| panic!("{name}: not found"));
        println!("{name}: {seeds} seeds, {time:?}: {why}");
    }
}
