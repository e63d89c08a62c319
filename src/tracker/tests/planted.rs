//! Faults that are planted in the writer, each of which a check has to find.

#![allow(clippy::print_stdout, reason = "`--nocapture` shows how soon a fault was found")]

use std::{
    panic::{self, AssertUnwindSafe},
    path::Path,
    sync::atomic::AtomicBool,
    time::Instant,
};

use super::*;
use crate::{
    log::ChainedDelivery,
    tracker::planted::{Fault, plant},
};

/// More than the writer takes as one group.
const DELIVERIES: usize = 700;
const SEEDS_MAX: u64 = 5;

const FAULTS: [Fault; 10] = [
    Fault::RepeatOfLogAppended,
    Fault::RepeatInGroupAppended,
    Fault::BodyNotCompared,
    Fault::ReceiptOfNeighbour,
    Fault::ConflictNotTold,
    Fault::AnnouncedTooFar,
    Fault::FailureForgotten,
    Fault::AppendErrorForgotten,
    Fault::CountedAsBeforeFailure,
    Fault::NotFoldedAfterRepair,
];

/// Deliveries of which every other has an id of the sender's, with one of three bodies.
fn deliveries(mut seed: u64) -> Vec<NewDelivery> {
    let mut random = |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    let mut one = || NewDelivery {
        delivery_id: (random(2) == 0).then(|| format!("evt_{}", random(60))),
        body: format!("body {}", random(3)).into_bytes(),
        ..event(["create", "checkin", "ready", "undo_ready"][usize::try_from(random(4)).unwrap()])
    };
    (0..DELIVERIES).map(|_| one()).collect()
}

/// What a receipt says of a delivery's place.
type Place = (Position, bool, Option<Position>);

/// The places of deliveries that are handed in one after another, and those that the log gets.
fn expected(deliveries: &[NewDelivery]) -> (Vec<Place>, Vec<&NewDelivery>) {
    let (mut places, mut appended) = (Vec::new(), Vec::<&NewDelivery>::new());
    let position = |index: usize| Position::new(index as u64 + 1);
    for delivery in deliveries {
        let has_id = |other: &&NewDelivery| delivery.delivery_id.is_some() && other.delivery_id == delivery.delivery_id;
        let first = appended.iter().position(has_id);
        let known = appended.iter().position(|other| has_id(other) && other.body == delivery.body);
        if known.is_none() {
            appended.push(delivery);
        }
        let at = known.unwrap_or(appended.len() - 1);
        places.push((position(at), known.is_some(), first.filter(|first| *first < at).map(position)));
    }
    (places, appended)
}

/// Has a writer serve deliveries on this thread. Returns what each sender gets, and the position announced.
fn serve(
    deliveries: Vec<NewDelivery>,
    (log, projection, rebuild_slot): (Arc<dyn Log>, Projection, Arc<RebuildSlot>),
) -> (Vec<Result<Receipt, Unavailable>>, Position) {
    let (tracker, queue) = Tracker::new(deliveries.len());
    let mut answers = Vec::new();
    for delivery in deliveries {
        let (answer, answered) = oneshot::channel();
        tracker.queue.try_send(Task::Track(Submission { delivery, answer })).unwrap();
        answers.push(answered);
    }
    let state = Arc::clone(&tracker.state);
    drop(tracker);
    Writer::new(log, projection, rebuild_slot, queue.state).serve(queue.tasks);
    let told = answers.into_iter().map(|answered| answered.blocking_recv().unwrap()).collect();
    (told, *state.folded.borrow())
}

fn opened(folder: &Path, log: Arc<dyn Log>) -> (Arc<dyn Log>, Projection, Arc<RebuildSlot>) {
    let path = folder.join("projection");
    let projection = Projection::open_and_catch_up(&path, Arc::new(Rules::default()), &*log, &mut |_| {}).unwrap();
    (log, projection, Arc::new(RebuildSlot::new(path, RebuildResources::default())))
}

/// Each sender gets the receipt of its own delivery, or of what that repeats; and the log has each once.
fn check_receipts(folder: &Path, seed: u64) {
    let deliveries = deliveries(seed);
    let log: Arc<dyn Log> = Arc::new(SledLog::open(&DataDir::at(folder), Arc::new(chrono::Utc::now)).unwrap());
    let (told, announced) = serve(deliveries.clone(), opened(folder, Arc::clone(&log)));
    let (places, appended) = expected(&deliveries);
    let found: Vec<Place> = told
        .into_iter()
        .map(|receipt| receipt.unwrap())
        .map(|receipt| (receipt.position, receipt.repeated, receipt.conflicts_with))
        .collect();
    assert_eq!(found, places);
    assert_eq!(announced, Position::new(appended.len() as u64));
    assert_eq!(log.head().position, announced);
    for (delivery, appended) in log.read(Position::new(1)).map(Result::unwrap).zip(appended) {
        let crate::log::Body::Kept { bytes, .. } = &delivery.body else { panic!("nothing was erased") };
        assert_eq!((bytes, &delivery.delivery_id), (&appended.body, &appended.delivery_id));
    }
}

/// After a storage error nothing is accepted, and every sender learns it.
fn check_failure(folder: &Path, seed: u64) {
    let (tracker, queue) = Tracker::new(1);
    let (log, projection, rebuild_slot) = opened(folder, Arc::new(BrokenLog { panics: false }));
    let (answer, answered) = oneshot::channel();
    let delivery = deliveries(seed).remove(0);
    tracker.queue.try_send(Task::Track(Submission { delivery, answer })).unwrap();
    let state = Arc::clone(&tracker.state);
    drop(tracker);
    Writer::new(log, projection, rebuild_slot, queue.state).serve(queue.tasks);
    assert_eq!(answered.blocking_recv().unwrap().unwrap_err(), Unavailable::StorageFailed);
    assert!(state.failure.is_there());
}

/// What was folded while it was made durable is as if it had never been, where that failed: nobody sees it, and what
/// comes after it is folded without it.
fn check_failure_meanwhile(folder: &Path, seed: u64) {
    let log = SledLog::open(&DataDir::at(folder), Arc::new(chrono::Utc::now)).unwrap();
    let log: Arc<dyn Log> = Arc::new(FailingOnce { log, failed: AtomicBool::new(false) });
    let (log, projection, rebuild_slot) = opened(folder, log);
    let (reader, deliveries) = (projection.reader(), deliveries(seed));
    let (tracker, queue) = Tracker::new(deliveries.len());
    let state = Arc::clone(&tracker.state);
    let mut writer = Writer::new(Arc::clone(&log), projection, rebuild_slot, queue.state);
    let answered = |writer: &mut Writer, deliveries: &[NewDelivery]| {
        let (answers, answered): (Vec<_>, Vec<_>) = deliveries.iter().map(|_| oneshot::channel()).unzip();
        writer.answer(deliveries.to_vec(), answers);
        answered.into_iter().map(|answered| answered.blocking_recv().unwrap()).collect::<Vec<_>>()
    };
    let (lost, kept) = deliveries.split_at(100);
    for refused in answered(&mut writer, lost) {
        assert_eq!(refused.unwrap_err(), Unavailable::StorageFailed);
    }
    assert_eq!(reader.view().checkpoint().unwrap().position, Position::ZERO);
    writer.recover();
    assert!(!state.failure.is_there());
    let (places, _) = expected(kept);
    for (receipt, place) in answered(&mut writer, kept).into_iter().zip(places) {
        let receipt = receipt.unwrap();
        assert_eq!((receipt.position, receipt.repeated, receipt.conflicts_with), place);
    }
    let fresh = folder.join("fresh");
    let fresh = Projection::open_and_catch_up(&fresh, Arc::new(Rules::default()), &*log, &mut |_| {}).unwrap();
    assert_eq!(reader.view().state_digest().unwrap(), fresh.reader().view().state_digest().unwrap());
}

/// A log whose first group can't be made durable.
struct FailingOnce {
    log: SledLog,
    failed: AtomicBool,
}

impl Log for FailingOnce {
    fn append(&self, group: Vec<NewDelivery>) -> Result<Vec<Position>, LogError> {
        self.append_meanwhile(group, &mut |_| {})
    }

    fn append_meanwhile(
        &self,
        group: Vec<NewDelivery>,
        meanwhile: &mut dyn FnMut(&[ChainedDelivery]),
    ) -> Result<Vec<Position>, LogError> {
        if self.failed.swap(true, Ordering::SeqCst) {
            return self.log.append_meanwhile(group, meanwhile);
        }
        let mut head = self.log.head();
        let entry = |NewDelivery { source, reading, delivery_id, body }| {
            let body = crate::log::Body::Kept { salt: [0; 16], bytes: body };
            let position = head.position.next();
            let delivery = Delivery { position, received_at: DateTime::UNIX_EPOCH, source, reading, delivery_id, body };
            head = Head { position, digest: head.digest.then(&delivery) };
            ChainedDelivery { delivery, digest: head.digest }
        };
        meanwhile(&group.into_iter().map(entry).collect::<Vec<_>>());
        Err(LogError::Closed("the disk is full, on purpose".to_owned()))
    }

    fn read(&self, from: Position) -> Box<dyn Iterator<Item = Result<Delivery, LogError>> + '_> {
        self.log.read(from)
    }

    fn head(&self) -> Head {
        self.log.head()
    }

    fn digest_at(&self, position: Position) -> Result<Digest, LogError> {
        self.log.digest_at(position)
    }

    fn erase(&self, positions: &[Position]) -> Result<usize, LogError> {
        self.log.erase(positions)
    }

    fn failure(&self) -> Option<String> {
        self.log.failure()
    }

    fn backend(&self) -> &'static str {
        self.log.backend()
    }
}

/// A sender that waits for a rebuild learns what its own delivery did.
fn check_repair(folder: &Path, _: u64) {
    let (told, announced) = serve(vec![event("checkin"), event("discharge")], damaged(folder));
    let statuses: Vec<_> = told.into_iter().map(|receipt| receipt.unwrap().folded.status).collect();
    assert_eq!(statuses, [Some(Status::CheckedIn), Some(Status::Discharged)]);
    assert_eq!(announced, Position::new(3));
}

type Check = fn(&Path, u64);

const CHECKS: [(&str, Check); 4] = [
    ("receipts", check_receipts),
    ("a storage error", check_failure),
    ("a storage error while a group is folded", check_failure_meanwhile),
    ("a repair", check_repair),
];

/// Which checks find that something is wrong with what a seed makes.
fn found(seed: u64, fault: Option<Fault>) -> Vec<&'static str> {
    let finds = |check: Check| {
        let folder = tempfile::tempdir().unwrap();
        plant(fault);
        let found = panic::catch_unwind(AssertUnwindSafe(|| check(folder.path(), seed))).is_err();
        plant(None);
        found
    };
    CHECKS.iter().filter(|(_, check)| finds(*check)).map(|(name, _)| *name).collect()
}

#[test]
fn each_planted_fault_is_found() {
    for fault in FAULTS {
        let begun = Instant::now();
        let mut by_seed = (0..SEEDS_MAX).map(|seed| (seed + 1, found(seed, Some(fault))));
        let soonest = by_seed.find(|(_, found)| !found.is_empty());
        let (seeds, checks) = soonest.unwrap_or_else(|| panic!("{fault:?}: not found"));
        println!("{fault:?}: {seeds} seeds, {:?}: {}", begun.elapsed(), checks.join(", "));
    }
}

#[test]
fn nothing_is_found_where_nothing_is_planted() {
    for seed in 0..SEEDS_MAX {
        assert_eq!(found(seed, None), Vec::<&str>::new(), "seed {seed}");
    }
}
