//! The projection follows from the log alone: however it is folded, its rows are the same.

mod rows;
mod corruption;
mod pages;
mod against_the_model;
mod boards;
mod planted;

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use chrono::TimeDelta;
use clockfold::{
    lifecycle::{EventType, Fault, FoldRules, Lifecycle},
    log::{DataDir, Log, NewDelivery, SledLog, SourceName},
    projection::{Projection, Rules},
};

use crate::support::{arrival, delivery_from, unreadable};

/// Deliveries that look like nothing in particular, the same for the same seed.
fn deliveries(count: u64, mut seed: u64) -> Vec<NewDelivery> {
    let mut random = |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    let mut one = || {
        let source = ["downtown", "lakeside", "a-third-one"][usize::try_from(random(3)).unwrap()];
        let event = EventType::ALL[usize::try_from(random(13)).unwrap()].name();
        match random(20) {
            0 => unreadable(source, Fault::ALL[usize::try_from(random(9)).unwrap()], b"{"),
            1 => delivery_from(source, 1 + random(40), "transfer_in"),
            _ => delivery_from(source, 1 + random(40), event),
        }
    };
    (0..count).map(|_| one()).collect()
}

fn open_log(folder: &Path) -> SledLog {
    // A tenth of a second between two groups.
    let clock = AtomicI64::new(0);
    let now = move || arrival() + TimeDelta::milliseconds(clock.fetch_add(100, Ordering::Relaxed));
    SledLog::open(&DataDir::at(folder), Arc::new(now)).unwrap()
}

fn open(folder: &Path, log: &dyn Log) -> Projection {
    let path = DataDir::at(folder).projection();
    Projection::open_and_catch_up(&path, rules(), log, &mut |_| {}).unwrap()
}

/// `a-third-one` is folded by the default.
fn rules() -> Arc<Rules> {
    let rules = |lifecycle, seconds| FoldRules { lifecycle, reorder_window: TimeDelta::seconds(seconds) };
    let by_source = [("downtown", rules(Lifecycle::strict(), 5)), ("lakeside", rules(Lifecycle::lenient(), 1))];
    let by_source = by_source.map(|(name, rules)| (name.parse().unwrap(), rules));
    Arc::new(Rules::new(BTreeMap::from(by_source)))
}

fn names() -> Vec<SourceName> {
    ["a-third-one", "downtown", "lakeside"].map(|name| name.parse().unwrap()).to_vec()
}
