//! Faults that are planted in the projection, each of which the checks of the other files here have to find.

use std::{
    panic::{self, AssertUnwindSafe},
    path::Path,
    time::Instant,
};

use clockfold::{
    lifecycle::{Outcome, Status},
    log::{DataDir, Delivery, Log, NewDelivery, Position, SledLog},
    projection::{
        AppointmentKey, DeliveryFilter, Positions, Projection, RebuildResources, View, compare_with_fresh_fold,
        planted::{Fault, plant},
    },
};

use super::{against_the_model, boards, deliveries, names, open, open_log, pages, rules};

/// Enough for rows of history: about twenty deliveries an appointment.
const DELIVERIES: u64 = 2_400;
const GROUP_DELIVERIES: usize = 60;
/// So many groups after a start, the projection is opened again.
const GROUPS_BETWEEN_STARTS: usize = 12;
/// A fault that none of so many seeds finds is not found.
const SEEDS_MAX: u64 = 5;

const FAULTS: [Fault; 16] = [
    Fault::IndexRowForgotten,
    Fault::OldIndexRowKept,
    Fault::OldLastRowKept,
    Fault::OldSinceKept,
    Fault::CountNotMoved,
    Fault::StatusChangeForgotten,
    Fault::RejectedNotInDigest,
    Fault::CheckpointTooFar,
    Fault::CheckpointBehind,
    Fault::FoldedTwiceAfterStart,
    Fault::RejectionRecordedAsApplied,
    Fault::HistoryRowTooLong,
    Fault::RevisionNotListed,
    Fault::DeliveryIdForgotten,
    Fault::LookUpPastSnapshot,
    Fault::RebuildForgetsLast,
];

/// What is expected of a projection that has folded a log.
type Check = fn(&Path, &SledLog, &View);

const CHECKS: [(&str, Check); 4] = [
    ("the model", |_, log, view| {
        against_the_model::check(view, log);
    }),
    ("the lists", check_lists),
    ("the boards", |_, _, view| boards::check(view)),
    ("a fresh fold", check_fresh_fold),
];

fn check_lists(_: &Path, log: &SledLog, view: &View) {
    let all: Vec<Delivery> = log.read(Position::ZERO).collect::<Result<_, _>>().unwrap();
    for outcome in Outcome::ALL {
        let filter = DeliveryFilter { sources: names(), outcomes: vec![outcome], ..DeliveryFilter::default() };
        pages::check_deliveries(view, &all, &filter, Positions::default());
    }
    pages::check_appointments(view, &names());
}

fn check_fresh_fold(folder: &Path, log: &SledLog, view: &View) {
    let (scratch, resources) = (DataDir::at(folder).projection(), RebuildResources::default());
    let report = compare_with_fresh_fold(view, &scratch, &rules(), log, &resources, &mut |_| Ok(())).unwrap();
    assert!(report.is_equal(), "rows differ: {:?}", report.rows);
    assert_eq!(report.before, report.after);
}

/// Some of them with an id of the sender's, which comes again now and then.
fn with_ids(deliveries: Vec<NewDelivery>) -> Vec<NewDelivery> {
    let with_id = |(index, delivery): (usize, NewDelivery)| match index % 4 {
        0 => NewDelivery { delivery_id: Some(format!("evt_{}", index % 37)), ..delivery },
        _ => delivery,
    };
    deliveries.into_iter().enumerate().map(with_id).collect()
}

/// A log that has grown, and a projection that has followed it over some starts. Each of its views is of one moment.
fn grow(folder: &Path, seed: u64) -> (SledLog, Projection) {
    let log = open_log(folder);
    let mut projection = open(folder, &log);
    for (round, group) in with_ids(deliveries(DELIVERIES, seed)).chunks(GROUP_DELIVERIES).enumerate() {
        if round % GROUPS_BETWEEN_STARTS == GROUPS_BETWEEN_STARTS - 1 {
            log.append(group.to_vec()).unwrap();
            drop(projection);
            projection = open(folder, &log);
        } else {
            let before = projection.reader().view();
            let (checkpoint, known) = (before.checkpoint().unwrap(), by_status(&before));
            log.append(group.to_vec()).unwrap();
            projection.catch_up(&log, &mut |_| {}).unwrap();
            assert_eq!(before.checkpoint().unwrap(), checkpoint);
            assert_eq!(by_status(&before), known);
        }
        let checkpoint = projection.reader().view().checkpoint().unwrap();
        assert_eq!(checkpoint, projection.checkpoint());
        let head = log.head();
        assert_eq!((checkpoint.position, checkpoint.digest), (head.position, head.digest));
    }
    (log, projection)
}

fn by_status(view: &View) -> Vec<Vec<AppointmentKey>> {
    Status::ALL.map(|status| pages::appointments(view, &names(), &[status])).to_vec()
}

/// What a panic says, or what is made.
fn caught<T>(make: impl FnOnce() -> T) -> Result<T, String> {
    panic::catch_unwind(AssertUnwindSafe(make)).map_err(|panicked| {
        let text = panicked.downcast_ref::<String>().cloned();
        text.or_else(|| panicked.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
    })
}

/// Which checks find that something is wrong with what a seed makes.
fn found(seed: u64, fault: Option<Fault>) -> Vec<&'static str> {
    let folder = tempfile::tempdir().unwrap();
    plant(fault);
    let grown = caught(|| grow(folder.path(), seed));
    let found = grown.map_or(vec!["its growth"], |(log, projection)| {
        let view = projection.reader().view();
        let finds = |check: Check| caught(|| check(folder.path(), &log, &view)).is_err();
        CHECKS.iter().filter(|(_, check)| finds(*check)).map(|(name, _)| *name).collect()
    });
    plant(None);
    found
}

#[test]
fn each_planted_fault_is_found() {
    for fault in FAULTS.iter().copied().step_by(crate::support::times(3, 1)) {
        let begun = Instant::now();
        let mut by_seed = (0..SEEDS_MAX).map(|seed| (seed + 1, found(seed, Some(fault))));
        let soonest = by_seed.find(|(_, found)| !found.is_empty());
        let (seeds, checks) = soonest.unwrap_or_else(|| panic!("{fault:?}: not found"));
        println!("{fault:?}: {seeds} seeds, {:?}: {}", begun.elapsed(), checks.join(", "));
    }
}

#[test]
fn nothing_is_found_where_nothing_is_planted() {
    for seed in 0..2 {
        assert_eq!(found(seed, None), Vec::<&str>::new(), "seed {seed}");
    }
}
