//! What works on a group while it is made durable sees it as readers will, and before they do.

use std::panic::{AssertUnwindSafe, catch_unwind};

use clockfold::{
    lifecycle::Fault,
    log::{AppointmentId, Body, ChainedDelivery, Delivery, Log, LogError, NewDelivery, Position, Reading},
};

use crate::support::disk::killed::{group, open, read_all};

/// More than are folded after the sync in place of beside it, and fewer.
const LENGTHS: [u64; 2] = [40, 2];

fn read_as_a_discharge(_: Fault, _: &[u8]) -> Reading {
    Reading::Readable { appointment_id: AppointmentId::MIN, event_type: "discharge".into() }
}

fn unreadable() -> NewDelivery {
    NewDelivery {
        source: "downtown".parse().unwrap(),
        reading: Reading::Unreadable(Fault::NotJson),
        delivery_id: None,
        body: b"checkin 5".to_vec(),
    }
}

#[test]
fn a_group_is_worked_on_as_it_will_be_read_and_not_read_before() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path()).unwrap().read_again_by(read_as_a_discharge);
    let mut kept: Vec<Delivery> = Vec::new();
    for length in LENGTHS.into_iter().cycle().take(6) {
        let (head, mut seen) = (log.head(), Vec::new());
        let mut deliveries = group(1..=length);
        deliveries.push(unreadable());
        let positions = log.append_meanwhile(deliveries, &mut |entries: &[ChainedDelivery]| {
            if length > 4 {
                assert_eq!(log.head(), head);
            }
            assert!(seen.is_empty());
            seen.extend_from_slice(entries);
        });
        assert_eq!(positions.unwrap().len() as u64, length + 1);
        let last = seen.last().unwrap();
        assert_eq!((last.delivery.position, last.digest), (log.head().position, log.head().digest));
        assert!(matches!(&last.delivery.reading, Reading::ReadSince { fault: Fault::NotJson, .. }));
        assert!(matches!(&last.delivery.body, Body::Kept { bytes, .. } if bytes == b"checkin 5"));
        kept.extend(seen.into_iter().map(|entry| entry.delivery));
        assert_eq!(read_all(&log), kept);
    }
}

#[test]
fn a_panic_meanwhile_closes_the_log_and_what_its_file_holds_is_found() {
    for length in LENGTHS {
        let folder = tempfile::tempdir().unwrap();
        let log = open(folder.path()).unwrap();
        log.append(group(1..=3)).unwrap();
        let panics = || log.append_meanwhile(group(4..=3 + length), &mut |_| panic!("a defect, on purpose"));
        assert!(catch_unwind(AssertUnwindSafe(panics)).is_err());
        assert!(matches!(log.append(group(1..=1)), Err(LogError::Closed(_))));
        drop(log);
        let log = open(folder.path()).unwrap();
        assert_eq!(log.head().position, Position::new(3 + length), "all of the group was written and synced");
        assert_eq!(read_all(&log).len() as u64, 3 + length);
    }
}
