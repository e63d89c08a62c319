//! Seeds, by the number that the environment asks for; and planted faults, each of which some seed has to find.

#![allow(clippy::print_stdout, reason = "`--nocapture` shows how many cuts there were, and how soon a fault was found")]

use std::{path::Path, time::Instant};

use clockfold_disk::fake::{Call, Failures, LeftOut, Why, seeds};

use crate::{
    planted::{Fault, plant},
    simulation::life::Run,
};

/// Seeds that are cut, and those whose calls fail, where the environment asks for no other number.
const SEEDS: u64 = 16;
const FAILING_SEEDS: u64 = 12;

/// What is wrong with the log, or with the disk under it.
#[derive(Clone, Copy, Default)]
struct Planted {
    in_log: Option<Fault>,
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
    plant(planted.in_log);
    let outcome = seeds::outcome(run);
    plant(None);
    outcome
}

#[test]
fn a_power_cut_at_any_step_leaves_all_that_was_acknowledged() {
    let begun = Instant::now();
    let cuts = seeds::all("LOG", SEEDS, |seed| cut(seed, Planted::default()));
    println!("{cuts} cuts in {:?}", begun.elapsed());
}

#[test]
fn a_call_that_fails_is_told_and_nothing_is_lost() {
    let begun = Instant::now();
    let runs = seeds::all("LOG", FAILING_SEEDS, |seed| fail(seed, Planted::default()));
    println!("{runs} runs in {:?}", begun.elapsed());
}

#[test]
fn a_seed_gives_the_same_run_each_time() {
    for seed in 0..3 {
        assert_eq!(cut(seed, Planted::default()), cut(seed, Planted::default()));
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
    let of_log =
        OF_THE_LOG.iter().map(|fault| (format!("{fault:?}"), Planted { in_log: Some(*fault), ..Planted::default() }));
    let of_disk = OF_THE_DISK.iter().map(|(name, is_swallowed, calls)| {
        let calls = Some(*calls);
        let (left_out, swallowed) = if *is_swallowed { (None, calls) } else { (calls, None) };
        ((*name).to_owned(), Planted { left_out, swallowed, ..Planted::default() })
    });
    for (name, planted) in of_disk.chain(of_log) {
        let found = seeds::find(0..200, |seed| {
            // Only who meets an error can swallow it.
            let cut = if planted.swallowed.is_some() { Ok(0) } else { with(planted, || cut(seed, planted)) };
            cut.and_then(|_| with(planted, || fail(seed, planted)))
        });
        let (seeds, time, why) = found.unwrap_or_else(|| panic!("{name}: not found"));
        println!("{name}: {seeds} seeds, {time:?}: {why}");
    }
}
