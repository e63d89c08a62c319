//! A log that fails, a queue that is full, and a projection that is corrupt.

mod planted;

use super::*;
use crate::{
    lifecycle::Status,
    log::{AppointmentId, DataDir, Delivery, Digest, Head, LogError, SledLog},
    projection::{RebuildResources, Rules, rebuild_beside},
};

/// A log whose appends go wrong in one way or another.
struct BrokenLog {
    panics: bool,
}

impl Log for BrokenLog {
    fn append(&self, _group: Vec<NewDelivery>) -> Result<Vec<Position>, LogError> {
        assert!(!self.panics, "a defect, on purpose");
        Err(LogError::Closed("the disk is gone, on purpose".to_owned()))
    }

    fn read(&self, _from: Position) -> Box<dyn Iterator<Item = Result<Delivery, LogError>> + '_> {
        Box::new(std::iter::empty())
    }

    fn head(&self) -> Head {
        Head::EMPTY
    }

    fn digest_at(&self, _position: Position) -> Result<Digest, LogError> {
        Ok(Digest::EMPTY)
    }

    fn erase(&self, _positions: &[Position]) -> Result<usize, LogError> {
        Ok(0)
    }

    fn failure(&self) -> Option<String> {
        None
    }

    fn backend(&self) -> &'static str {
        "broken"
    }
}

fn delivery() -> NewDelivery {
    let reading = Reading::Readable { appointment_id: AppointmentId::MIN, event_type: "create".into() };
    NewDelivery { source: "downtown".parse().unwrap(), reading, delivery_id: None, body: Vec::new() }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().build().unwrap()
}

#[test]
fn after_a_storage_error_or_a_defect_nothing_is_accepted() {
    for panics in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let log: Arc<dyn Log> = Arc::new(BrokenLog { panics });
        let rules = Arc::new(Rules::default());
        let projection = Projection::open_and_catch_up(folder.path(), rules, &*log, &mut |_| {}).unwrap();
        let (tracker, queue) = Tracker::new(4);
        let rebuild_slot = Arc::new(RebuildSlot::new(folder.path().to_owned(), RebuildResources::default()));
        let writer = queue.run(log, projection, rebuild_slot).unwrap();
        assert_eq!(tracker.failure(), None);
        let refused = runtime().block_on(tracker.submit(delivery()));
        assert_eq!(refused.unwrap_err(), Unavailable::StorageFailed);
        if panics {
            assert!(writer.join().is_err());
        }
        assert!(tracker.failure().is_some());
        let refused = runtime().block_on(tracker.submit(delivery()));
        assert_eq!(refused.unwrap_err(), Unavailable::StorageFailed);
    }
}

#[test]
fn a_full_queue_refuses_at_once() {
    let (tracker, _queue) = Tracker::new(1);
    let (answer, _answered) = oneshot::channel();
    tracker.queue.try_send(Task::Track(Submission { delivery: delivery(), answer })).unwrap();
    assert_eq!(tracker.queue_depth(), 1);
    let refused = runtime().block_on(tracker.submit(delivery()));
    assert_eq!(refused.unwrap_err(), Unavailable::QueueFull);
}

/// A log with one appointment, and a projection in which its row can't be read.
fn damaged(folder: &std::path::Path) -> (Arc<dyn Log>, Projection, Arc<RebuildSlot>) {
    let log = SledLog::open(&DataDir::at(folder), Arc::new(chrono::Utc::now)).unwrap();
    log.append(vec![delivery()]).unwrap();
    let path = folder.join("projection");
    let open = || Projection::open_and_catch_up(&path, Arc::new(Rules::default()), &log, &mut |_| {}).unwrap();
    open().damage_an_appointment().unwrap();
    // One that has nothing of it in memory.
    let projection = open();
    (Arc::new(log), projection, Arc::new(RebuildSlot::new(path, RebuildResources::default())))
}

fn event(event_type: &str) -> NewDelivery {
    let reading = Reading::Readable { appointment_id: AppointmentId::MIN, event_type: event_type.into() };
    NewDelivery { reading, ..delivery() }
}

/// Hands deliveries in, has the writer take them as one group, and returns the status that each sender gets.
fn told(
    deliveries: Vec<NewDelivery>,
    (log, projection, rebuild_slot): (Arc<dyn Log>, Projection, Arc<RebuildSlot>),
    meanwhile: impl FnOnce(&Tracker, &Arc<RebuildSlot>),
) -> Vec<Option<Status>> {
    let (tracker, queue) = Tracker::new(16);
    let mut answers = Vec::new();
    for delivery in deliveries {
        let (answer, answered) = oneshot::channel();
        tracker.queue.try_send(Task::Track(Submission { delivery, answer })).unwrap();
        answers.push(answered);
    }
    let at = Arc::clone(&rebuild_slot);
    meanwhile(&tracker, &at);
    let writer = queue.run(log, projection, rebuild_slot).unwrap();
    let statuses = answers.into_iter().map(|answered| answered.blocking_recv().unwrap().unwrap().folded.status);
    let statuses = statuses.collect();
    assert_eq!(tracker.failure(), None);
    drop(tracker);
    writer.join().unwrap();
    statuses
}

#[test]
fn who_waits_while_the_projection_is_built_anew_is_told_what_its_own_delivery_did() {
    let folder = tempfile::tempdir().unwrap();
    let statuses = told(vec![event("checkin"), event("discharge")], damaged(folder.path()), |_, _| {});
    assert_eq!(statuses, [Some(Status::CheckedIn), Some(Status::Discharged)]);
}

#[test]
fn a_rebuild_that_is_under_way_makes_room_and_what_it_made_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let (log, projection, rebuild_slot) = damaged(folder.path());
    let path = folder.path().join("projection");
    let candidate =
        rebuild_beside(None, &path, Arc::new(Rules::default()), &*log, &RebuildResources::default(), &mut |_| Ok(()));
    let candidate = candidate.unwrap();
    let (taken, is_taken) = std::sync::mpsc::channel();
    let rebuild = {
        let rebuild_slot = Arc::clone(&rebuild_slot);
        thread::spawn(move || {
            let held = rebuild_slot.take();
            taken.send(()).unwrap();
            // As a rebuild does: it works until the writer needs the slot.
            let begun = std::time::Instant::now();
            while !rebuild_slot.is_needed() {
                assert!(begun.elapsed().as_secs() < 20, "nobody needs it");
                thread::sleep(std::time::Duration::from_millis(1));
            }
            rebuild_slot.tidy();
            drop(held);
        })
    };
    is_taken.recv().unwrap();
    let statuses = told(vec![event("checkin")], (Arc::clone(&log), projection, rebuild_slot), |tracker, _| {
        // It was handed over, and nobody waits for it.
        let (answer, _) = oneshot::channel();
        tracker.queue.try_send(Task::Swap(Box::new(Swap { candidate, answer }))).unwrap();
    });
    rebuild.join().unwrap();
    assert_eq!(statuses, [Some(Status::CheckedIn)]);
    let projection = Projection::open_and_catch_up(&path, Arc::new(Rules::default()), &*log, &mut |_| {}).unwrap();
    assert!(!projection.is_corrupt());
    assert_eq!(projection.checkpoint().position, Position::new(2));
}

#[test]
fn a_server_that_stops_does_not_wait_for_a_projection() {
    let folder = tempfile::tempdir().unwrap();
    let (log, projection, rebuild_slot) = damaged(folder.path());
    rebuild_slot.close();
    let (tracker, queue) = Tracker::new(4);
    let writer = queue.run(log, projection, rebuild_slot).unwrap();
    let refused = runtime().block_on(tracker.submit(event("checkin")));
    assert_eq!(refused.unwrap_err(), Unavailable::StorageFailed);
    assert!(tracker.failure().unwrap().contains("the next start builds it"), "{:?}", tracker.failure());
    drop(tracker);
    writer.join().unwrap();
}
