//! A log that fails, and a queue that is full.

use super::*;
use crate::{
    log::{AppointmentId, Delivery, Digest, Head, LogError},
    projection::{Rules, Workshop},
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
        let workbench = Arc::new(Workbench::new(folder.path().to_owned(), Workshop::default()));
        let writer = queue.run(log, projection, workbench).unwrap();
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
