//! The log's promises on real sled files: what is appended reads back, what is missing or changed is found.

mod reading;
mod clock;
mod opening;
mod versions;

use std::sync::{Arc, Mutex};

use chrono::{DateTime, Utc};
use clockfold::log::{DataDir, Delivery, Digest, Log, LogError, Position, SledLog};

use crate::support::arrival;

/// A clock that a test sets.
fn clock_at(time: DateTime<Utc>) -> (Arc<Mutex<DateTime<Utc>>>, clockfold::log::Clock) {
    let now = Arc::new(Mutex::new(time));
    let told = Arc::clone(&now);
    (now, Arc::new(move || *told.lock().unwrap()))
}

fn open(data_dir: &DataDir) -> Result<SledLog, LogError> {
    SledLog::open(data_dir, clock_at(arrival()).1)
}

fn read_all(log: &SledLog) -> Vec<Delivery> {
    log.read(Position::ZERO).collect::<Result<_, _>>().unwrap()
}

fn chain(deliveries: &[Delivery]) -> Digest {
    deliveries.iter().fold(Digest::EMPTY, Digest::then)
}
