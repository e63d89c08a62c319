//! What was true at an earlier moment is what folding the deliveries up to it makes, told by a projection that has
//! folded all of them.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use chrono::{DateTime, TimeDelta, Utc};
use clockfold::{
    lifecycle::{Appointment, Arrival, Change, EventType, Fault, FoldRules, Judgement, Lifecycle, Status, Step},
    log::{DataDir, Delivery, Log, NewDelivery, Position, SledLog, SourceName},
    projection::{
        AppointmentFilter, AppointmentKey, AppointmentOrderKey, AsOf, BoardOf, Card, DeliveryFilter, Moment, Order,
        OrderBy, Page, PageOf, Projection, RebuildResources, Rules, SetBack, StaleRules, Times, View,
        compare_with_fresh_fold,
    },
};

use crate::support::{self, arrival, delivery_from, random::Random, unreadable};

const SOURCES: [&str; 3] = ["downtown", "lakeside", "a-third-one"];
const APPOINTMENTS: u64 = 700;
/// Enough for several sets of open appointments a source.
const DELIVERIES: [usize; 2] = [4_000, 16_000];

/// Mostly steps that make sense one after another; most sources' deliveries go to `downtown`.
fn delivery(random: &mut Random) -> NewDelivery {
    let source = random.one_of(&["downtown", "downtown", "downtown", "lakeside", "a-third-one"]);
    let id = 1 + random.below(APPOINTMENTS);
    let steps = ["create", "create", "checkin", "checkin", "ready", "callback", "discharge", "undo_ready"];
    match random.below(20) {
        0 => unreadable(source, Fault::NotJson, b"{"),
        1 => delivery_from(source, id, "transfer_in"),
        2..5 => delivery_from(source, id, random.one_of(&EventType::ALL).name()),
        _ => delivery_from(source, id, random.one_of(&steps)),
    }
}

fn open_log(folder: &Path, clock: &Arc<AtomicI64>) -> SledLog {
    // Ten seconds between two groups: a board of a day or two is some of the log.
    let clock = Arc::clone(clock);
    let now = move || arrival() + TimeDelta::seconds(clock.fetch_add(10, Ordering::Relaxed));
    SledLog::open(&DataDir::at(folder), Arc::new(now)).unwrap()
}

/// Sets the clock as machines do that lost the time or found it again: a little, some hours, or for years, and back.
fn set(clock: &AtomicI64, random: &mut Random) {
    let by = random.one_of(&[-30, -61, -300, 300, -4_000, 4_000, -40_000, 40_000, 315_360_000, -315_360_000]);
    clock.fetch_add(by, Ordering::Relaxed);
}

/// `a-third-one` is folded by the default.
fn rules() -> Arc<Rules> {
    let rules = |lifecycle, seconds| FoldRules { lifecycle, reorder_window: TimeDelta::seconds(seconds) };
    let by_source = [("downtown", rules(Lifecycle::strict(), 60)), ("lakeside", rules(Lifecycle::lenient(), 600))];
    let by_source = by_source.map(|(name, rules)| (name.parse().unwrap(), rules));
    Arc::new(Rules::new(BTreeMap::from(by_source)))
}

fn stale() -> StaleRules {
    StaleRules { stale_after: TimeDelta::minutes(50), booking_horizon: TimeDelta::minutes(90) }
}

/// One appointment, folded from nothing.
#[derive(Clone, Default)]
struct Folded {
    appointment: Appointment,
    judgements: BTreeMap<u64, Judgement>,
    last: Option<(Position, DateTime<Utc>)>,
}

/// Everything that the deliveries so far have made.
#[derive(Default)]
struct Prefix {
    appointments: BTreeMap<AppointmentKey, Folded>,
}

impl Prefix {
    fn take(&mut self, rules: &Rules, delivery: &Delivery) {
        let Some(appointment_id) = delivery.reading.appointment_id() else { return };
        let key = AppointmentKey { source: delivery.source.clone(), appointment_id };
        let folded = self.appointments.entry(key).or_default();
        let position = delivery.position.get();
        let arrival = Arrival { position, received_at: delivery.received_at, reading: delivery.reading.event_type() };
        let made = folded.appointment.fold(rules.of(&delivery.source), arrival);
        folded.judgements.insert(position, made.judgement);
        folded.last = Some((delivery.position, delivery.received_at));
        for change in made.changes {
            let judgement = folded.judgements.get_mut(&change.position()).unwrap();
            match change {
                Change::Judged { judgement: now, .. } => *judgement = now,
                Change::Moved { before, after, .. } => (judgement.before, judgement.after) = (before, after),
            }
        }
    }

    fn with_status(&self, source: &SourceName) -> impl Iterator<Item = (&AppointmentKey, &Folded, Status)> {
        let of_source = self.appointments.iter().filter(move |(key, _)| key.source == *source);
        of_source.filter_map(|(key, folded)| folded.appointment.status().map(|status| (key, folded, status)))
    }

    /// Holds everything that a view tells of a moment against this.
    fn check(&self, view: &View, rules: &Rules, moment: Moment, random: &mut Random) {
        let position = moment.position;
        for _ in 0..10 {
            let key = AppointmentKey {
                source: random.one_of(&SOURCES).parse().unwrap(),
                appointment_id: (1 + random.below(APPOINTMENTS)).to_string().parse().unwrap(),
            };
            let found = view.appointment_as_of(&key, position, rules.of(&key.source)).unwrap();
            let expected = self.appointments.get(&key);
            assert_eq!(found.as_ref().map(|record| &record.appointment), expected.map(|folded| &folded.appointment));
            let last = found.map(|record| (record.last_position, record.last_received_at));
            assert_eq!(last, expected.and_then(|folded| folded.last));
            let told = view.told_as_of(&key, position, rules.of(&key.source)).unwrap();
            let told = told.into_iter().map(|(position, told)| (position.get(), told.judgement));
            assert_eq!(
                told.collect::<BTreeMap<_, _>>(),
                expected.map(|folded| folded.judgements.clone()).unwrap_or_default()
            );
        }
        for source in SOURCES.map(|name| name.parse::<SourceName>().unwrap()) {
            self.check_counts_and_lists(view, rules, &source, moment.position);
            self.check_board(view, rules, &source, moment);
        }
    }

    fn check_counts_and_lists(&self, view: &View, rules: &Rules, source: &SourceName, position: Position) {
        let counts = view.status_counts_as_of(std::slice::from_ref(source), position).unwrap();
        for status in Status::ALL {
            let expected = self.with_status(source).filter(|(_, _, is)| *is == status).count() as u64;
            assert_eq!(counts[&status], expected, "{source} {status:?} at {position}");
        }
        for statuses in [vec![], vec![Status::Scheduled, Status::Ready], vec![Status::Discharged, Status::CheckedIn]] {
            let wanted = |status: &Status| statuses.is_empty() || statuses.contains(status);
            let expected = self.with_status(source).filter(|(_, _, status)| wanted(status));
            let places: Vec<(AppointmentKey, chrono::DateTime<chrono::Utc>)> =
                expected.map(|(key, folded, _)| (key.clone(), folded.appointment.status_since().unwrap())).collect();
            let filter = AppointmentFilter {
                sources: vec![source.clone()],
                statuses: statuses.clone(),
                ..AppointmentFilter::default()
            };
            for (by, descending, from_end) in
                [(OrderBy::Id, false, false), (OrderBy::Id, true, true), (OrderBy::StatusSince, true, false)]
            {
                let mut expected = places.clone();
                if by == OrderBy::StatusSince {
                    expected.sort_by_key(|(key, since)| (*since, key.clone()));
                }
                if descending {
                    expected.reverse();
                }
                let expected: Vec<AppointmentKey> = expected.into_iter().map(|(key, _)| key).collect();
                let order = Order { by, descending };
                let list = |page: &Page<AppointmentOrderKey>| {
                    view.appointments_as_of(&filter, order, position, rules, page).unwrap()
                };
                let mut page = Page { after: None, before: None, limit: 97, from_end };
                let mut seen = Vec::new();
                loop {
                    let PageOf { items, has_more } = list(&page);
                    let places: Vec<_> = items.iter().map(|record| by.place(record).unwrap()).collect();
                    let keys = items.into_iter().map(|record| record.key);
                    if from_end {
                        page.before = places.first().cloned();
                        seen.splice(0..0, keys);
                    } else {
                        page.after = places.last().cloned();
                        seen.extend(keys);
                    }
                    if !has_more {
                        break;
                    }
                }
                assert_eq!(seen, expected, "{source} {statuses:?} at {position}");
            }
        }
    }

    fn check_board(&self, view: &View, rules: &Rules, source: &SourceName, moment: Moment) {
        let ended_within = TimeDelta::minutes(70);
        let of = [BoardOf { source, fold: rules.of(source), stale: stale() }];
        let board = view.board(&of, moment, ended_within, usize::MAX).unwrap();
        let (mut columns, mut forgotten): (BTreeMap<Status, Vec<_>>, Vec<_>) = (BTreeMap::new(), Vec::new());
        for (key, folded, status) in self.with_status(source) {
            let silent = moment.time - folded.last.unwrap().1;
            let since = folded.appointment.status_since().unwrap();
            let place = (since, key.appointment_id);
            match status {
                Status::Discharged | Status::Removed if moment.time - since >= ended_within => {}
                Status::Discharged | Status::Removed if since - moment.time > TimeDelta::minutes(1) => {}
                Status::Discharged | Status::Removed => columns.entry(status).or_default().push(place),
                Status::Scheduled if silent >= stale().booking_horizon => forgotten.push(place),
                Status::CheckedIn | Status::Ready | Status::CalledBack if silent >= stale().stale_after => {
                    forgotten.push(place);
                }
                _ => columns.entry(status).or_default().push(place),
            }
        }
        columns.values_mut().chain([&mut forgotten]).for_each(|places| places.sort());
        let place = |card: &Card| {
            let record = view.record_of(card).unwrap();
            let folded = &self.appointments[&card.key];
            assert_eq!(record.appointment, folded.appointment, "{source} at {moment:?}");
            assert_eq!(Some(record.last_received_at), folded.last.map(|(_, last)| last));
            (card.status_since, card.key.appointment_id)
        };
        // A few of each column are its first ones, and the counts are the same.
        let few = view.board(&of, moment, ended_within, 3).unwrap();
        assert_eq!(few.stale.count, forgotten.len() as u64);
        for (status, column) in &few.columns {
            assert_eq!(column.count, columns[status].len() as u64);
            let first: Vec<_> = columns[status].iter().take(3).copied().collect();
            assert_eq!(column.first.iter().map(place).collect::<Vec<_>>(), first);
        }
        let found = board.columns.iter().map(|(status, column)| (*status, column.first.iter().map(place).collect()));
        assert_eq!(found.collect::<BTreeMap<Status, Vec<_>>>(), columns, "{source} at {moment:?}");
        assert_eq!(board.stale.first.iter().map(place).collect::<Vec<_>>(), forgotten, "{source} at {moment:?}");
    }
}

#[test]
fn every_moment_is_the_fold_of_what_had_arrived() {
    check_every_moment(5, support::times(DELIVERIES[0], DELIVERIES[1]), |_, _| {});
}

#[test]
fn every_moment_is_the_fold_up_to_the_last_that_had_arrived_where_the_clock_was_set() {
    for seed in [7, 8] {
        check_every_moment(seed, support::times(DELIVERIES[0], DELIVERIES[1]) / 4, |clock, random| {
            if random.below(25) == 0 {
                set(clock, random);
            }
        });
    }
}

/// Fills a log, with what happens to the clock between two groups, and holds what is told of it against folds of its
/// beginnings.
fn check_every_moment(seed: u64, count: usize, between: impl Fn(&AtomicI64, &mut Random)) {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(AtomicI64::new(0));
    let log = open_log(folder.path(), &clock);
    let mut random = Random::new(seed);
    let rules = rules();
    let path = DataDir::at(folder.path()).projection();
    let open = || Projection::open_and_catch_up(&path, Arc::clone(&rules), &log, &mut |_| {}).unwrap();
    let mut projection = open();
    let mut left = count;
    while left > 0 {
        let group = left.min(1 + usize::try_from(random.below(60)).unwrap());
        between(&clock, &mut random);
        log.append((0..group).map(|_| delivery(&mut random)).collect()).unwrap();
        projection.catch_up(&log, &mut |_| {}).unwrap();
        left -= group;
        if random.below(40) == 0 {
            drop(projection);
            projection = open();
        }
    }
    let view = projection.reader().view();
    let deliveries: Vec<Delivery> = log.read(Position::ZERO).collect::<Result<_, _>>().unwrap();
    let mut whole = Prefix::default();
    deliveries.iter().for_each(|delivery| whole.take(&rules, delivery));
    let mut prefix = Prefix::default();
    let nothing = Moment { position: Position::ZERO, time: arrival() };
    prefix.check(&view, &rules, nothing, &mut random);
    let mut checked = 0;
    for (index, delivery) in deliveries.iter().enumerate() {
        prefix.take(&rules, delivery);
        let last = index + 1 == deliveries.len();
        if last || random.below(count as u64 / 50) == 0 {
            let later = if last { TimeDelta::hours(1) } else { TimeDelta::zero() };
            let moment = Moment { position: delivery.position, time: delivery.received_at + later };
            prefix.check(&view, &rules, moment, &mut random);
            checked += 1;
        }
        if random.below(count as u64 / 40) == 0 {
            check_time(&log, &view, &deliveries, delivery.received_at, &mut random);
        }
        if random.below(count as u64 / 10) == 0 {
            check_flow(&log, &view, &rules, (&deliveries, &whole), delivery.received_at);
        }
    }
    assert!(checked > 20, "{checked}");
    let set_backs = deliveries.windows(2).filter(|pair| pair[1].received_at < pair[0].received_at);
    let set_backs: Vec<SetBack> = set_backs
        .map(|pair| SetBack { position: pair[1].position, from: pair[0].received_at, to: pair[1].received_at })
        .collect();
    assert_eq!(view.set_backs().unwrap(), set_backs);
    assert!(set_backs.iter().all(|at| at.from - at.to > TimeDelta::minutes(1)));
    // A rebuild knows the same.
    let report =
        compare_with_fresh_fold(&view, &path, &rules, &log, &RebuildResources::default(), &mut |_| Ok(())).unwrap();
    assert!(report.is_equal() && report.before == report.after, "{report:?}");
    assert_eq!(report.set_backs, set_backs);
}

/// The last position whose arrival time is at or before a time; 0 where there is none.
fn last_at(deliveries: &[Delivery], time: DateTime<Utc>) -> Position {
    deliveries
        .iter()
        .rfind(|delivery| delivery.received_at <= time)
        .map_or(Position::ZERO, |delivery| delivery.position)
}

/// A time means up to the last delivery that arrived at or before it; a stretch of time, what arrived in it.
fn check_time(log: &dyn Log, view: &View, deliveries: &[Delivery], time: DateTime<Utc>, random: &mut Random) {
    let time = time + TimeDelta::milliseconds(random.one_of(&[-1, 0, 1]));
    assert_eq!(view.position_at(log, time).unwrap(), last_at(deliveries, time), "at {time}");
    assert_eq!(view.position_of(log, AsOf::Time(time)).unwrap(), last_at(deliveries, time));
    let to = time + TimeDelta::seconds(random.one_of(&[0, 1, 60, 4_000]));
    for (from, to) in [(Some(time), Some(to)), (Some(time), None), (None, Some(time))] {
        let arrived = |delivery: &&Delivery| {
            from.is_none_or(|from| from <= delivery.received_at) && to.is_none_or(|to| delivery.received_at < to)
        };
        let expected: Vec<Position> = deliveries.iter().filter(arrived).map(|delivery| delivery.position).collect();
        let positions = view.arrived_in(log, Times { from, to }).unwrap();
        let sources = SOURCES.map(|name| name.parse().unwrap()).to_vec();
        let filter = DeliveryFilter { sources, positions, ..DeliveryFilter::default() };
        for from_end in [false, true] {
            let page = Page { after: None, before: None, limit: 700, from_end };
            let PageOf { items, has_more } = view.deliveries(&filter, &page).unwrap();
            let limit = expected.len().min(700);
            let wanted = if from_end { &expected[expected.len() - limit..] } else { &expected[..limit] };
            assert_eq!((&items[..], has_more), (wanted, expected.len() > limit), "from {from:?} to {to:?}");
        }
    }
}

/// What a flow tells of a stretch of time is what steps that stand, and deliveries, arrived in it; and its census is that
/// of the last position before its end.
fn check_flow(
    log: &dyn Log,
    view: &View,
    rules: &Rules,
    (deliveries, whole): (&[Delivery], &Prefix),
    time: DateTime<Utc>,
) {
    let minute = TimeDelta::minutes(1);
    let begin = DateTime::from_timestamp(time.timestamp().div_euclid(60) * 60, 0).unwrap();
    let bounds: Vec<DateTime<Utc>> = (-3..4).map(|count| begin + minute * 20 * count).collect();
    let now = bounds[bounds.len() - 1];
    for source in SOURCES.map(|name| name.parse::<SourceName>().unwrap()) {
        let margin = rules.of(&source).reorder_window * 2 + minute * 2;
        let sources = std::slice::from_ref(&source);
        let flows = view.patient_flow(log, sources, &bounds, margin, now).unwrap();
        for (stretch, flow) in bounds.windows(2).zip(&flows) {
            let within = |time: DateTime<Utc>| stretch[0] <= time && time < stretch[1];
            let of_source = || whole.with_status(&source).map(|(_, folded, _)| &folded.appointment);
            let count = |step| of_source().filter(|one| one.time_of(step).is_some_and(within)).count() as u64;
            let expected = [Step::Checkin, Step::Ready, Step::Callback, Step::Discharge, Step::Remove].map(count);
            let told = [flow.check_ins, flow.readies, flow.call_backs, flow.discharges, flow.removals];
            assert_eq!(told, expected, "{source} {stretch:?}");
            let arrived = |delivery: &&Delivery| delivery.source == source && within(delivery.received_at);
            assert_eq!(flow.tally.deliveries, deliveries.iter().filter(arrived).count() as u64);
            let end = last_at(deliveries, stretch[1] - TimeDelta::milliseconds(1));
            assert_eq!(flow.census, view.status_counts_as_of(sources, end).unwrap(), "{source} {stretch:?}");
        }
    }
}
