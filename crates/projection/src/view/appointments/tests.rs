//! Every page of every filter in every order, against a filter and a sort of everything.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use clockfold_lifecycle::EventType;
use clockfold_log::{DataDir, Log, NewDelivery, Position, Reading, SledLog};

use crate::{
    schema::rules::Rules,
    view::{
        appointments::*,
        filter::{IdPrefix, Positions, Times},
    },
    write::store::Projection,
};

/// A log of a few sources whose appointments have ids of different lengths, and its projection.
fn folded(folder: &std::path::Path) -> Projection {
    let begin: DateTime<Utc> = "2026-03-02T15:00:00Z".parse().unwrap();
    let now = Arc::new(std::sync::Mutex::new(begin));
    let clock = Arc::clone(&now);
    let log = SledLog::open(&DataDir::at(folder), Arc::new(move || *clock.lock().unwrap())).unwrap();
    let mut projection = Projection::open(&folder.join("p"), Arc::new(Rules::default())).unwrap();
    let mut state: u64 = 88_172_645_463_325_252;
    let mut random = move |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    for _ in 0..120 {
        let group = (0..random(20) + 1).map(|_| {
            let event = EventType::ALL[usize::try_from(random(13)).unwrap()];
            // Many begin; CREATE is as likely as the rest together.
            let event = if random(2) == 0 { EventType::Create } else { event };
            let id = [random(9) + 1, random(90) + 10, random(900) + 100][usize::try_from(random(3)).unwrap()];
            NewDelivery {
                source: ["downtown", "lakeside", "airport"][usize::try_from(random(3)).unwrap()].parse().unwrap(),
                reading: Reading::Readable {
                    appointment_id: AppointmentId::new(id).unwrap(),
                    event_type: event.name().into(),
                },
                delivery_id: None,
                body: Vec::new(),
            }
        });
        log.append(group.collect()).unwrap();
        *now.lock().unwrap() += TimeDelta::milliseconds(i64::try_from(random(3)).unwrap() * 700);
        projection.catch_up(&log, &mut |_| {}).unwrap();
    }
    projection
}

fn filters(sources: &[SourceName]) -> Vec<AppointmentFilter> {
    let begin: DateTime<Utc> = "2026-03-02T15:00:20Z".parse().unwrap();
    let all = AppointmentFilter { sources: sources.to_vec(), ..AppointmentFilter::default() };
    let times = |from: Option<i64>, to: Option<i64>| {
        let at = |seconds: i64| begin + TimeDelta::seconds(seconds);
        Times { from: from.map(at), to: to.map(at) }
    };
    let ids = |ids: &[u64]| Some(ids.iter().map(|id| AppointmentId::new(*id).unwrap()).collect());
    let prefix = |digits| IdPrefix::new(digits);
    vec![
        all.clone(),
        AppointmentFilter { sources: vec![sources[1].clone()], ..all.clone() },
        AppointmentFilter { sources: Vec::new(), ..all.clone() },
        AppointmentFilter { statuses: vec![Status::Scheduled], ..all.clone() },
        AppointmentFilter { statuses: vec![Status::Removed, Status::CheckedIn, Status::Removed], ..all.clone() },
        AppointmentFilter { ids: ids(&[7, 8, 120, 7, 999]), ..all.clone() },
        AppointmentFilter { id_prefix: prefix("1"), ..all.clone() },
        AppointmentFilter { id_prefix: prefix("12"), statuses: vec![Status::Scheduled], ..all.clone() },
        AppointmentFilter { status_since: times(Some(0), Some(30)), ..all.clone() },
        AppointmentFilter { status_since: times(Some(30), Some(30)), ..all.clone() },
        AppointmentFilter { first_received_at: times(None, Some(10)), ..all.clone() },
        AppointmentFilter {
            first_received_at: times(Some(5), None),
            status_since: times(Some(20), None),
            ..all.clone()
        },
        AppointmentFilter {
            last_position: Positions { after: Some(Position::new(200)), to: Some(Position::new(900)) }.into(),
            ..all.clone()
        },
        AppointmentFilter {
            last_position: Positions { after: Some(Position::new(300)), to: None }.into(),
            statuses: vec![Status::Scheduled, Status::Removed],
            id_prefix: prefix("2"),
            ..all
        },
    ]
}

#[test]
fn every_page_is_what_a_sort_of_everything_has_there() {
    let folder = tempfile::tempdir().unwrap();
    let projection = folded(folder.path());
    let view = projection.view();
    let sources: Vec<SourceName> = view.sources().cloned().collect();
    let records: Vec<AppointmentRecord> = sources
        .iter()
        .flat_map(|source| (1..1_000).map(move |id| (source.clone(), AppointmentId::new(id).unwrap())))
        .filter_map(|(source, appointment_id)| view.appointment(&AppointmentKey { source, appointment_id }).unwrap())
        .collect();
    assert!(records.len() > 400);
    for filter in filters(&sources) {
        for by in [OrderBy::Id, OrderBy::StatusSince, OrderBy::FirstReceived, OrderBy::LastPosition] {
            let wanted = |record: &&AppointmentRecord| sources_has(&filter, record) && filter.includes(record);
            let mut expected: Vec<AppointmentOrderKey> =
                records.iter().filter(wanted).filter_map(|record| by.place(record)).collect();
            expected.sort();
            for descending in [false, true] {
                for few_max in [0, 30, FEW] {
                    let list = |page: &Page<AppointmentOrderKey>| {
                        let page = view.appointments_or_few(&filter, Order { by, descending }, page, few_max).unwrap();
                        let places = page.items.iter().map(|record| by.place(record).unwrap()).collect();
                        (places, page.has_more)
                    };
                    check_pages(&expected, list);
                }
                expected.reverse();
            }
            let count = view.appointment_count(&filter).unwrap();
            assert!(count.is_none_or(|count| count == expected.len() as u64), "{filter:?}");
        }
    }
}

fn sources_has(filter: &AppointmentFilter, record: &AppointmentRecord) -> bool {
    filter.sources.contains(&record.key.source)
}

/// Reads a list in pages from both ends, and a part of it between two cursors.
fn check_pages(
    expected: &[AppointmentOrderKey],
    list: impl Fn(&Page<AppointmentOrderKey>) -> (Vec<AppointmentOrderKey>, bool),
) {
    for from_end in [false, true] {
        let mut page = Page { after: None, before: None, limit: 61, from_end };
        let mut seen: Vec<AppointmentOrderKey> = Vec::new();
        loop {
            let (places, has_more) = list(&page);
            assert!(places.len() <= page.limit);
            if from_end {
                page.before = places.first().cloned();
                seen.splice(0..0, places);
            } else {
                page.after = places.last().cloned();
                seen.extend(places);
            }
            if !has_more {
                break;
            }
        }
        assert_eq!(seen, expected);
    }
    if expected.len() > 4 {
        let between = Page {
            after: Some(expected[1].clone()),
            before: Some(expected[expected.len() - 1].clone()),
            limit: 500,
            from_end: false,
        };
        assert_eq!(list(&between).0, expected[2..expected.len() - 1]);
        let turned = Page { after: between.before, before: between.after, limit: 5, from_end: true };
        assert_eq!(list(&turned), (Vec::new(), false));
    }
}
