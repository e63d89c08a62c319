//! A rebuild beside the fold of live deliveries: the same rows.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta};
use clockfold_lifecycle::{EventType, Fault, Lifecycle};
use clockfold_log::{DataDir, NewDelivery, Reading, SledLog};

use crate::{
    error::Cancelled,
    rebuild::{
        bulk::*,
        progress::{Progress, Stage},
    },
    schema::sink::StateHasher,
};

/// Deliveries of three sources, some with ids, some unreadable, and one appointment with a history of many rows.
fn deliveries(count: u64) -> Vec<NewDelivery> {
    let mut seed = 9_u64;
    let mut random = |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    let mut one = || {
        let source = ["downtown", "lakeside", "a-third-one", "hilltop"][usize::try_from(random(4)).unwrap()];
        let id = if random(10) == 0 { 1 } else { 1 + random(900) };
        let event = EventType::ALL[usize::try_from(random(13)).unwrap()].name();
        let reading = match random(30) {
            0 => Reading::Unreadable(Fault::ALL[usize::try_from(random(9)).unwrap()]),
            1 => Reading::Readable { appointment_id: id.to_string().parse().unwrap(), event_type: "transfer".into() },
            _ => Reading::Readable { appointment_id: id.to_string().parse().unwrap(), event_type: event.into() },
        };
        let delivery_id = (source == "hilltop").then(|| format!("evt_{}", random(700)));
        NewDelivery { source: source.parse().unwrap(), reading, delivery_id, body: b"{}".to_vec() }
    };
    (0..count).map(|_| one()).collect()
}

fn rules() -> Arc<Rules> {
    let rules = |lifecycle, seconds| FoldRules { lifecycle, reorder_window: TimeDelta::seconds(seconds) };
    let by_source = [("downtown", rules(Lifecycle::strict(), 5)), ("lakeside", rules(Lifecycle::lenient(), 60))];
    Arc::new(Rules::new(BTreeMap::from(by_source.map(|(name, rules)| (name.parse().unwrap(), rules)))))
}

#[test]
fn a_rebuild_makes_the_rows_that_live_deliveries_make() {
    let folder = tempfile::tempdir().unwrap();
    let time = std::sync::atomic::AtomicI64::new(1_772_463_845_678);
    let clock =
        move || DateTime::from_timestamp_millis(time.fetch_add(700, std::sync::atomic::Ordering::Relaxed)).unwrap();
    let log = SledLog::open(&DataDir::at(folder.path()), Arc::new(clock)).unwrap();
    let mut live = Projection::open(&folder.path().join("live"), rules()).unwrap();
    for group in deliveries(12_000).chunks(41) {
        log.append(group.to_vec()).unwrap();
        live.catch_up(&log, &mut |_| {}).unwrap();
    }
    let head = log.head().position;
    let expected = live.reader().view().state_digest().unwrap();
    for (memory_bytes, threads) in [(256 << 20, 1), (1 << 20, 3), (200_000, 2)] {
        let resources = RebuildResources { memory_bytes, threads };
        let path = folder.path().join(format!("rebuilt-{threads}"));
        let (mut hasher, mut told) = (StateHasher::new(), Vec::new());
        let mut tell = |progress: Progress| {
            told.push(progress);
            Ok(())
        };
        let progress = &mut ProgressReporter::new(head, &mut tell);
        let rebuilt = Projection::rebuild(&path, rules(), &log, head, &resources, progress, &mut hasher).unwrap();
        assert_eq!(rebuilt.reader().view().state_digest().unwrap(), expected, "{resources:?}");
        assert_eq!(hasher.finish(), expected);
        assert_eq!(rebuilt.checkpoint(), live.checkpoint());
        assert_eq!(rebuilt.status_logs, live.status_logs);
        assert!(!path.with_extension("sorting").exists());
        assert!(told.iter().any(|progress| progress.stage == Stage::Folding));
    }
}

#[test]
fn a_rebuild_up_to_a_position_goes_on_from_there() {
    let folder = tempfile::tempdir().unwrap();
    let log = SledLog::open(&DataDir::at(folder.path()), Arc::new(chrono::Utc::now)).unwrap();
    deliveries(3_000).chunks(100).for_each(|group| drop(log.append(group.to_vec()).unwrap()));
    let mut whole = Projection::open(&folder.path().join("whole"), rules()).unwrap();
    whole.catch_up(&log, &mut |_| {}).unwrap();
    let to = Position::new(1_234);
    let mut yes = |_| Ok(());
    let progress = &mut ProgressReporter::new(to, &mut yes);
    let path = folder.path().join("part");
    let mut part =
        Projection::rebuild(&path, rules(), &log, to, &RebuildResources::default(), progress, &mut ()).unwrap();
    assert_eq!(part.checkpoint().digest, log.digest_at(to).unwrap());
    part.catch_up(&log, &mut |_| {}).unwrap();
    let digest = |projection: &Projection| projection.reader().view().state_digest().unwrap();
    assert_eq!(digest(&part), digest(&whole));
}

#[test]
fn a_rebuild_can_be_cancelled() {
    let folder = tempfile::tempdir().unwrap();
    let log = SledLog::open(&DataDir::at(folder.path()), Arc::new(chrono::Utc::now)).unwrap();
    deliveries(3_000).chunks(100).for_each(|group| drop(log.append(group.to_vec()).unwrap()));
    let mut no = |_| Err(Cancelled::OnRequest);
    let progress = &mut ProgressReporter::new(log.head().position, &mut no);
    let path = folder.path().join("cancelled");
    let head = log.head().position;
    let cancelled = Projection::rebuild(&path, rules(), &log, head, &RebuildResources::default(), progress, &mut ());
    assert!(matches!(cancelled, Err(ProjectionError::Cancelled(Cancelled::OnRequest))));
}

#[test]
fn an_appointment_with_too_many_deliveries_is_folded_one_by_one() {
    let folder = tempfile::tempdir().unwrap();
    let log = SledLog::open(&DataDir::at(folder.path()), Arc::new(chrono::Utc::now)).unwrap();
    let reading = |name: &str| Reading::Readable { appointment_id: AppointmentId::MIN, event_type: name.into() };
    let one = |number: usize| NewDelivery {
        source: "downtown".parse().unwrap(),
        reading: if number == 0 { reading("create") } else { reading("demographics_update") },
        delivery_id: None,
        body: Vec::new(),
    };
    for first in (0..21_000).step_by(500) {
        log.append((first..first + 500).map(one).collect()).unwrap();
    }
    let path = folder.path().join("projections");
    let opened = Projection::open_and_catch_up(&path, rules(), &log, &mut |_| {}).unwrap();
    let key = AppointmentKey { source: "downtown".parse().unwrap(), appointment_id: AppointmentId::MIN };
    assert_eq!(opened.reader().view().appointment(&key).unwrap().unwrap().delivery_count, 21_000);
}
