//! The projection follows from the log alone: however it is folded, its rows are the same.

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
    lifecycle::{Code, EventType, Fault, FoldRules, Lifecycle, Outcome, Status},
    log::{DataDir, Delivery, Digest, Log, NewDelivery, Position, SledLog, SourceName},
    projection::{
        AppointmentFilter, AppointmentKey, AppointmentOrderKey, DeliveryFilter, Order, Page, Positions, Projection,
        Rules, View,
    },
};

use crate::support::{arrival, bodies::copy_all, delivery_from, oracle::model, unreadable};

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

#[test]
fn folded_live_in_pieces_or_in_one_go_the_rows_are_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let log = open_log(folder.path());
    let mut projection = open(folder.path(), &log);
    for (round, group) in deliveries(6_000, 7).chunks(37).enumerate() {
        log.append(group.to_vec()).unwrap();
        if round % 40 == 39 {
            drop(projection);
            projection = open(folder.path(), &log);
        }
        projection.catch_up(&log, &mut |_| {}).unwrap();
    }
    let live = projection.reader().view().state_digest().unwrap();
    assert_eq!(projection.checkpoint().position, Position::new(6_000));
    assert_eq!(projection.checkpoint().digest, log.head().digest);
    drop(projection);
    std::fs::remove_dir_all(DataDir::at(folder.path()).projection()).unwrap();
    assert_eq!(open(folder.path(), &log).reader().view().state_digest().unwrap(), live);
}

#[test]
fn a_projection_of_another_log_or_a_damaged_one_is_built_anew() {
    let folder = tempfile::tempdir().unwrap();
    let log = open_log(folder.path());
    log.append(deliveries(500, 1)).unwrap();
    drop(open(folder.path(), &log));
    let path = DataDir::at(folder.path()).projection();
    // Another log under the same path.
    let elsewhere = tempfile::tempdir().unwrap();
    let log = open_log(elsewhere.path());
    log.append(deliveries(600, 2)).unwrap();
    let moved = Projection::open_and_catch_up(&path, rules(), &log, &mut |_| {}).unwrap();
    assert_eq!(moved.checkpoint().digest, log.head().digest);
    drop(moved);
    // Corruption that the store itself notices.
    let current = path.join(std::fs::read_to_string(path.join("current")).unwrap());
    for entry in std::fs::read_dir(&current).unwrap() {
        let entry = entry.unwrap().path();
        if entry.is_file() {
            std::fs::write(entry, b"not what it was").unwrap();
        }
    }
    let healed = Projection::open_and_catch_up(&path, rules(), &log, &mut |_| {}).unwrap();
    assert_eq!(healed.checkpoint().digest, log.head().digest);
}

/// Corruption that opening does not meet is met where rows are read to fold what has come since.
#[test]
fn a_flipped_bit_is_healed_by_the_start_that_meets_it() {
    let folder = tempfile::tempdir().unwrap();
    let log = open_log(folder.path());
    log.append(deliveries(4_000, 1)).unwrap();
    drop(open(folder.path(), &log));
    let path = DataDir::at(folder.path()).projection();
    let kept = folder.path().join("kept");
    copy_all(&path, &kept);
    // The same appointments again, so that their rows are looked up.
    log.append(deliveries(4_000, 2)).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let expected = Projection::open_and_catch_up(&elsewhere.path().join("p"), rules(), &log, &mut |_| {}).unwrap();
    let expected = expected.reader().view().state_digest().unwrap();
    for part in 0..20 {
        copy_all(&kept, &path);
        let current = path.join(std::fs::read_to_string(path.join("current")).unwrap());
        let files = std::fs::read_dir(&current).unwrap().map(|entry| entry.unwrap().path());
        let rows = files.filter(|path| path.extension().is_some_and(|extension| extension == "rows"));
        let rows = rows.max_by_key(|path| path.metadata().unwrap().len()).unwrap();
        let mut damaged = std::fs::read(&rows).unwrap();
        let place = damaged.len() * part / 20;
        damaged[place] ^= 1;
        std::fs::write(&rows, damaged).unwrap();
        let healed = open(folder.path(), &log);
        // Where no start meets it, a query or `verify` does, and says so.
        if let Ok(digest) = healed.reader().view().state_digest() {
            assert_eq!(digest, expected, "{part}");
        }
    }
}

#[test]
fn a_delivery_that_does_not_follow_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let log = open_log(folder.path());
    let mut projection = open(folder.path(), &log);
    log.append(deliveries(3, 1)).unwrap();
    let all: Vec<Delivery> = log.read(Position::ZERO).collect::<Result<_, _>>().unwrap();
    assert!(projection.apply(&all[1..]).is_err());
    assert_eq!(projection.apply(&all).unwrap().len(), 3);
    assert!(projection.apply(&all).is_err());
}

/// Appointments, events, and positions from and to.
type OfDeliveries = (Option<&'static [&'static str]>, &'static [EventType], Option<(u64, u64)>);

const DELIVERY_FILTERS: [OfDeliveries; 7] = [
    (None, &[], None),
    (Some(&["7"]), &[], None),
    (Some(&["4711", "8", "7", "8"]), &[], Some((100, 2_000))),
    (None, &[EventType::Checkin], None),
    (None, &[EventType::Remove, EventType::Create, EventType::Remove], Some((2_046, 2_050))),
    (Some(&["9"]), &[EventType::UndoReady], None),
    (None, &[], Some((500, 500))),
];

/// Every page of every filter, forward and backward, against a scan of the log.
#[test]
fn pages_and_counts_agree_with_a_scan_of_everything() {
    let folder = tempfile::tempdir().unwrap();
    let log = open_log(folder.path());
    log.append(deliveries(3_000, 3)).unwrap();
    let projection = open(folder.path(), &log);
    let view = projection.reader().view();
    let all: Vec<Delivery> = log.read(Position::ZERO).collect::<Result<_, _>>().unwrap();
    let verdict =
        |delivery: &Delivery| view.tell(delivery, rules().of(&delivery.source)).unwrap().unwrap().judgement.verdict;

    for sources in [names(), vec![names()[1].clone()], vec![names()[2].clone(), names()[0].clone()], vec![]] {
        for (outcomes, codes) in [
            (vec![], vec![]),
            (vec![Outcome::Rejected], vec![]),
            (vec![Outcome::Unreadable, Outcome::Applied], vec![]),
            (vec![], vec![Code::StepNotLast, Code::Unreadable(Fault::NotJson), Code::StepStands]),
            (vec![Outcome::Rejected], vec![Code::StatusNotAllowed, Code::StepStands]),
            (vec![Outcome::Applied], vec![Code::NotCreated]),
        ] {
            for (appointment_ids, events, positions) in DELIVERY_FILTERS {
                let appointment_ids =
                    appointment_ids.map(|ids| ids.iter().map(|id| id.parse().unwrap()).collect::<Vec<_>>());
                let positions = positions.map_or_else(Positions::default, |(after, to)| Positions {
                    after: Some(Position::new(after)),
                    to: Some(Position::new(to)),
                });
                let filter = DeliveryFilter {
                    sources: sources.clone(),
                    appointment_ids: appointment_ids.clone(),
                    outcomes: outcomes.clone(),
                    codes: codes.clone(),
                    events: events.to_vec(),
                    positions: positions.into(),
                };
                let event = |delivery: &Delivery| delivery.reading.event_type().ok().and_then(EventType::from_name);
                let wanted = |delivery: &&Delivery| {
                    sources.contains(&delivery.source)
                        && (outcomes.is_empty() || outcomes.contains(&verdict(delivery).outcome()))
                        && (codes.is_empty() || verdict(delivery).code().is_some_and(|code| codes.contains(&code)))
                        && (events.is_empty() || event(delivery).is_some_and(|event| events.contains(&event)))
                        && positions.after.is_none_or(|after| after < delivery.position)
                        && positions.to.is_none_or(|to| delivery.position <= to)
                        && appointment_ids
                            .as_ref()
                            .is_none_or(|ids| delivery.reading.appointment_id().is_some_and(|id| ids.contains(&id)))
                };
                let expected: Vec<Position> = all.iter().filter(wanted).map(|delivery| delivery.position).collect();
                let list = |page: &Page<Position>| view.deliveries(&filter, page).unwrap();
                walk(&expected, list, |position| *position);
                let count = view.delivery_count(&filter).unwrap();
                assert!(count.is_none_or(|count| count == expected.len() as u64));
            }
        }
        for statuses in [vec![], vec![Status::Removed], vec![Status::Ready, Status::Scheduled, Status::Ready]] {
            let filter = AppointmentFilter {
                sources: sources.clone(),
                statuses: statuses.clone(),
                ..AppointmentFilter::default()
            };
            let place = |key| AppointmentOrderKey { value: 0, key };
            let expected: Vec<_> = appointments(&view, &sources, &statuses).into_iter().map(place).collect();
            let list = |page: &Page<AppointmentOrderKey>| view.appointments(&filter, Order::default(), page).unwrap();
            walk(&expected, list, |record| place(record.key.clone()));
            assert_eq!(view.appointment_count(&filter).unwrap(), Some(expected.len() as u64));
        }
    }
}

/// The appointments that a filter means, each looked up by itself.
fn appointments(view: &View, sources: &[SourceName], statuses: &[Status]) -> Vec<AppointmentKey> {
    let mut found = Vec::new();
    for source in names().into_iter().filter(|source| sources.contains(source)) {
        for id in 1..=40_u64 {
            let key = AppointmentKey { source: source.clone(), appointment_id: id.to_string().parse().unwrap() };
            let status = view.appointment(&key).unwrap().and_then(|record| record.appointment.status());
            if status.is_some_and(|status| statuses.is_empty() || statuses.contains(&status)) {
                found.push(key);
            }
        }
    }
    found
}

/// Reads a list page by page from both ends and expects the same items each time.
fn walk<K: Clone + PartialEq + std::fmt::Debug, T>(
    expected: &[K],
    list: impl Fn(&Page<K>) -> clockfold::projection::PageOf<T>,
    key: impl Fn(&T) -> K,
) {
    for limit in [1, 7, 500] {
        for from_end in [false, true] {
            let mut seen: Vec<K> = Vec::new();
            let (mut after, mut before) = (None, None);
            loop {
                let page = list(&Page { after: after.clone(), before: before.clone(), limit, from_end });
                let keys: Vec<K> = page.items.iter().map(&key).collect();
                assert!(keys.len() <= limit);
                if from_end {
                    before = keys.first().cloned();
                    seen.splice(0..0, keys);
                } else {
                    after = keys.last().cloned();
                    seen.extend(keys);
                }
                if !page.has_more {
                    break;
                }
            }
            assert_eq!(seen, expected, "limit {limit}, from the end: {from_end}");
        }
    }
    if let [first, .., last] = expected {
        let between =
            list(&Page { after: Some(first.clone()), before: Some(last.clone()), limit: 5_000, from_end: false });
        assert_eq!(between.items.len(), expected.len() - 2);
        let nothing = list(&Page { after: Some(last.clone()), before: Some(first.clone()), limit: 5, from_end: false });
        assert!(nothing.items.is_empty() && !nothing.has_more);
    }
}

/// Through groups of any size, rows of history and restarts, each delivery is told as the naive model has it.
#[test]
fn every_delivery_is_told_as_the_model_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let log = open_log(folder.path());
    let mut projection = open(folder.path(), &log);
    for (round, group) in deliveries(6_000, 11).chunks(23).enumerate() {
        log.append(group.to_vec()).unwrap();
        if round % 5 == 4 {
            projection.catch_up(&log, &mut |_| {}).unwrap();
        }
        if round % 50 == 49 {
            drop(projection);
            projection = open(folder.path(), &log);
        }
    }
    projection.catch_up(&log, &mut |_| {}).unwrap();
    let view = projection.reader().view();
    let mut appointments: BTreeMap<AppointmentKey, Vec<Delivery>> = BTreeMap::new();
    for delivery in log.read(Position::ZERO).map(Result::unwrap) {
        if let Some(appointment_id) = delivery.reading.appointment_id() {
            let key = AppointmentKey { source: delivery.source.clone(), appointment_id };
            appointments.entry(key).or_default().push(delivery);
        }
    }
    let (mut late, mut let_in) = (0, 0);
    for (key, deliveries) in appointments {
        let (table, window_ms) = match key.source.as_str() {
            "downtown" => (model::Table::strict(), 5_000),
            "lakeside" => (model::Table::lenient(), 1_000),
            _ => (model::Table::strict(), 0),
        };
        let sent = |delivery: &Delivery| model::Sent {
            position: delivery.position.get(),
            received_at_ms: delivery.received_at.timestamp_millis(),
            event: delivery.reading.event_type().ok().map(str::to_owned),
        };
        let expected = model::fold(&table, window_ms, &deliveries.iter().map(sent).collect::<Vec<_>>());
        for (delivery, expected) in deliveries.iter().zip(expected.judged) {
            let told = view.tell(delivery, rules().of(&key.source)).unwrap().unwrap();
            let judgement = told.judgement;
            let found = model::Judged {
                position: delivery.position.get(),
                outcome: judgement.verdict.outcome().name(),
                outcome_at_arrival: judgement.outcome_at_arrival().name(),
                late: judgement.late,
                applied_at: judgement.applied_at(),
                reconsidered_until_ms: told.reconsidered_until.map(|until| until.timestamp_millis()),
                before: judgement.before.map(Status::name),
                after: judgement.after.map(Status::name),
            };
            assert_eq!(found, expected, "{key:?}");
            late += usize::from(found.late);
            let_in += usize::from(found.applied_at.is_some());
        }
        let record = view.appointment(&key).unwrap().unwrap();
        assert_eq!(record.appointment.status().map(Status::name), expected.status);
        assert_eq!(record.delivery_count, deliveries.len() as u64);
    }
    assert!(late > 50 && let_in > 50, "{late} late, {let_in} let in");
}

#[test]
fn an_empty_log_has_an_empty_projection() {
    let folder = tempfile::tempdir().unwrap();
    let log = open_log(folder.path());
    let projection = open(folder.path(), &log);
    let view = projection.reader().view();
    assert_eq!(view.checkpoint().unwrap().position, Position::ZERO);
    assert_eq!(view.checkpoint().unwrap().digest, Digest::EMPTY);
    assert_eq!(view.sources().cloned().collect::<Vec<_>>(), []);
}
