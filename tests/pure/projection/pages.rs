//! Lists, their pages and their counts, against a scan of everything.

use clockfold::{
    lifecycle::{Code, EventType, Fault, Outcome, Status},
    log::{Delivery, Log, Position, SourceName},
    projection::{
        AppointmentFilter, AppointmentKey, AppointmentOrderKey, DeliveryFilter, Order, Page, Positions, View,
    },
};

use super::{deliveries, names, open, open_log, rules};

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
                    appointment_ids,
                    outcomes: outcomes.clone(),
                    codes: codes.clone(),
                    events: events.to_vec(),
                    positions: positions.into(),
                };
                check_deliveries(&view, &all, &filter, positions);
            }
        }
        check_appointments(&view, &sources);
    }
}

/// Expects the deliveries that a filter means, of those between these positions, on every page and in the count.
pub(super) fn check_deliveries(view: &View, all: &[Delivery], filter: &DeliveryFilter, positions: Positions) {
    let DeliveryFilter { sources, appointment_ids, outcomes, codes, events, .. } = filter;
    let verdict =
        |delivery: &Delivery| view.tell(delivery, rules().of(&delivery.source)).unwrap().unwrap().judgement.verdict;
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
    let list = |page: &Page<Position>| view.deliveries(filter, page).unwrap();
    walk(&expected, list, |position| *position);
    let count = view.delivery_count(filter).unwrap();
    assert!(count.is_none_or(|count| count == expected.len() as u64));
}

/// Expects the same appointments of these sources whether they are listed by status, counted, or looked up.
pub(super) fn check_appointments(view: &View, sources: &[SourceName]) {
    for statuses in [vec![], vec![Status::Removed], vec![Status::Ready, Status::Scheduled, Status::Ready]] {
        let filter =
            AppointmentFilter { sources: sources.to_vec(), statuses: statuses.clone(), ..AppointmentFilter::default() };
        let place = |key| AppointmentOrderKey { value: 0, key };
        let expected: Vec<_> = appointments(view, sources, &statuses).into_iter().map(place).collect();
        let list = |page: &Page<AppointmentOrderKey>| view.appointments(&filter, Order::default(), page).unwrap();
        walk(&expected, list, |record| place(record.key.clone()));
        assert_eq!(view.appointment_count(&filter).unwrap(), Some(expected.len() as u64));
    }
}

/// The appointments that a filter means, each looked up by itself.
pub(super) fn appointments(view: &View, sources: &[SourceName], statuses: &[Status]) -> Vec<AppointmentKey> {
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
