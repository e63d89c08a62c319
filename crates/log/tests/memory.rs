//! What reading a long log leaves in memory. Alone in its process: what other tests take would count too.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is what it is for")]

use std::fs;

use chrono::{DateTime, Utc};
use clockfold_log::{AppointmentId, DataDir, Log as _, NewDelivery, Position, Reading, SledLog};

const DELIVERIES: u64 = 120_000;
const BODY_BYTES: usize = 1_000;
/// Half of what is read. Without care sled keeps all of it.
const KEPT_BYTES_MAX: usize = 60 << 20;

/// This process's resident memory, in bytes.
fn resident() -> usize {
    let pages = fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

/// A body that does not compress.
fn noise(number: u64) -> Vec<u8> {
    let mut state = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_be_bytes()
    };
    (0..BODY_BYTES / 8).flat_map(|_| next()).collect()
}

fn arrival() -> DateTime<Utc> {
    DateTime::from_timestamp_millis(1_772_463_845_678).unwrap()
}

fn delivery(number: u64) -> NewDelivery {
    NewDelivery {
        source: "downtown".parse().unwrap(),
        reading: Reading::Readable {
            appointment_id: AppointmentId::new(number + 1).unwrap(),
            event_type: "checkin".into(),
        },
        delivery_id: None,
        body: noise(number),
    }
}

#[test]
fn a_log_that_was_read_does_not_stay_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    let open = || SledLog::open(&DataDir::at(folder.path()), std::sync::Arc::new(arrival)).unwrap();
    let log = open();
    for first in (0..DELIVERIES).step_by(64) {
        log.append((first..first + 64).map(delivery).collect()).unwrap();
    }
    drop(log);

    let log = open();
    let before = resident();
    let mut read = 0;
    for block in log.blocks() {
        read += block.unwrap().open().unwrap().deliveries.len() as u64;
    }
    assert_eq!(read, DELIVERIES);
    let kept = resident().saturating_sub(before);
    assert!(kept < KEPT_BYTES_MAX, "reading all of it left {kept} bytes in memory");

    let before = resident();
    for position in (1..=DELIVERIES).step_by(64) {
        log.read(Position::new(position)).next().unwrap().unwrap();
    }
    let kept = resident().saturating_sub(before);
    assert!(kept < KEPT_BYTES_MAX, "reading one of each group left {kept} bytes more");
}
