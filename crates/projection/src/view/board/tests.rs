//! The board out of the orders against the board that is folded, over logs of every kind.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use clockfold_lifecycle::{EventType, Lifecycle, Status};
use clockfold_log::{DataDir, Log, NewDelivery, Reading, SledLog};

use crate::{
    rebuild::{progress::RebuildResources, rebuild_beside},
    schema::{
        appointment::AppointmentRecord,
        keys::{appointment_key, ordered_ms, status_key, time_order},
        keyspaces::Space,
        rules::Rules,
    },
    view::board::{
        cards::{Card, Column},
        *,
    },
    write::store::Projection,
};

const SOURCES: [&str; 3] = ["downtown", "lakeside", "a-third-one"];
const APPOINTMENTS: u64 = 30;
const GROUPS: usize = 60;
const MINUTE_MS: i64 = 60_000;
const YEAR_MS: i64 = 365 * 24 * 60 * MINUTE_MS;

/// Numbers that a seed repeats.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[usize::try_from(self.below(all.len() as u64)).unwrap()]
    }
}

/// `a-third-one` is folded by the default: without a window.
fn rules() -> Arc<Rules> {
    let rules = |lifecycle, seconds| FoldRules { lifecycle, reorder_window: TimeDelta::seconds(seconds) };
    let by_source = [("downtown", rules(Lifecycle::strict(), 300)), ("lakeside", rules(Lifecycle::lenient(), 3_600))];
    Arc::new(Rules::new(BTreeMap::from(by_source.map(|(name, rules)| (name.parse().unwrap(), rules)))))
}

/// Mostly steps of a visit; some name appointments that do not come into being.
fn delivery(random: &mut Random) -> NewDelivery {
    let visit = ["create", "create", "checkin", "ready", "callback", "discharge", "remove", "undo_ready"];
    let event_type = match random.below(10) {
        0 => "transfer",
        1..4 => random.one_of(&EventType::ALL).name(),
        _ => random.one_of(&visit),
    };
    let id = 1 + random.below(APPOINTMENTS);
    let reading = Reading::Readable { appointment_id: id.to_string().parse().unwrap(), event_type: event_type.into() };
    NewDelivery { source: random.one_of(&SOURCES).parse().unwrap(), reading, delivery_id: None, body: Vec::new() }
}

/// How far the clock goes between two groups; backwards is a new run, where it is more than a minute.
fn passed_ms(random: &mut Random, has_set_backs: bool) -> i64 {
    match random.below(12) {
        0 if has_set_backs => -random.one_of(&[1, 2, 30, 300, 3_000]) * MINUTE_MS,
        1 if has_set_backs => random.one_of(&[-2, 2]) * YEAR_MS,
        2 => 600 * MINUTE_MS,
        3..7 => 0,
        _ => i64::try_from(random.below(20 * 60_000)).unwrap(),
    }
}

/// A column as it is told, with all that is known of each of its appointments; the stale ones' has no status.
#[derive(Debug, PartialEq)]
struct Told {
    status: Option<Status>,
    count: u64,
    first: Vec<(DateTime<Utc>, AppointmentRecord)>,
}

/// All columns of a board.
fn told(view: &View, board: Board) -> Vec<Told> {
    let columns = board.columns.into_iter().map(|(status, column)| (Some(status), column));
    let column = |(status, Column { count, first })| {
        let first = first.iter().map(|card: &Card| (card.status_since, view.record_of(card).unwrap()));
        Told { status, count, first: first.collect() }
    };
    columns.chain([(None, board.stale)]).map(column).collect()
}

/// Holds the boards of this moment against each other. Returns how many are in columns, ended, and stale.
fn check(view: &View, time: DateTime<Utc>, random: &mut Random, at: &str) -> [u64; 3] {
    let moment = Moment { position: view.checkpoint().unwrap().position, time };
    let minutes = TimeDelta::minutes;
    let all = SOURCES.map(|name| name.parse::<SourceName>().unwrap());
    let (rules, mut seen) = (rules(), [0; 3]);
    for (stale_after, booking_horizon, ended_within) in [(0, 0, 0), (50, 90, 70), (600, 60, 44_640), (90, 900, 1)] {
        let stale = StaleRules { stale_after: minutes(stale_after), booking_horizon: minutes(booking_horizon) };
        let ended_within = minutes(ended_within);
        for sources in [&all[..], &all[..1], &all[1..2], &all[2..]] {
            let of = sources.iter().map(|source| BoardOf { source, fold: rules.of(source), stale });
            let of: Vec<BoardOf<'_>> = of.collect();
            for wanted in [0, 1, 3, usize::MAX] {
                let by_way = |is_present| {
                    let board = view.board_or_past(&of, moment, ended_within, wanted, |_| Ok(is_present));
                    told(view, board.unwrap())
                };
                let (present, folded) = (by_way(true), by_way(false));
                assert_eq!(
                    present, folded,
                    "{at}: {sources:?} at {moment:?}, {stale:?}, {ended_within}, {wanted} wanted"
                );
                for Told { status, count, first } in present {
                    assert_eq!(first.len() as u64, count.min(wanted as u64));
                    let kind = status.map_or(2, |status| usize::from(!is_open(status)));
                    seen[kind] += count;
                }
            }
        }
    }
    // A moment after which a source had no delivery is now for it.
    let earlier = Position::new(moment.position.get().saturating_sub(random.below(6)));
    let stale = StaleRules { stale_after: minutes(50), booking_horizon: minutes(90) };
    let of = all.each_ref().map(|source| BoardOf { source, fold: rules.of(source), stale });
    let moment = Moment { position: earlier, time };
    let board = view.board(&of, moment, minutes(70), 5).unwrap();
    let folded = view.board_or_past(&of, moment, minutes(70), 5, |_| Ok(false)).unwrap();
    assert_eq!(told(view, board), told(view, folded), "{at}: {moment:?}");
    seen
}

#[test]
fn the_board_of_now_is_the_one_that_is_folded() {
    let mut seen = [0; 3];
    for seed in 0..8 {
        let folder = tempfile::tempdir().unwrap();
        let (mut random, clock) = (Random(seed), Arc::new(AtomicI64::new(1_772_463_845_678)));
        let now = Arc::clone(&clock);
        let time = move || DateTime::from_timestamp_millis(now.load(Ordering::Relaxed)).unwrap();
        let log = SledLog::open(&DataDir::at(folder.path()), Arc::new(time.clone())).unwrap();
        let projections = folder.path().join("p");
        let mut live = Projection::open_and_catch_up(&projections, rules(), &log, &mut |_| {}).unwrap();
        let mut look = |projection: &Projection, random: &mut Random, at: &str| {
            let last = projection.last_arrival.unwrap_or_else(&time);
            let beside = TimeDelta::minutes(random.one_of(&[-700, -61, -1, 0, 1, 30, 70, 400]));
            let found = check(&projection.view(), last + beside, random, at);
            seen.iter_mut().zip(found).for_each(|(sum, found)| *sum += found);
        };
        for group in 0..GROUPS {
            clock.fetch_add(passed_ms(&mut random, seed % 4 > 0), Ordering::Relaxed);
            let deliveries = 1 + random.below(25);
            log.append((0..deliveries).map(|_| delivery(&mut random)).collect()).unwrap();
            live.catch_up(&log, &mut |_| {}).unwrap();
            if group % 6 == 5 {
                look(&live, &mut random, &format!("seed {seed}, group {group}"));
            }
        }
        let resources = RebuildResources::default();
        let built = rebuild_beside(Some(&live.view()), &projections, rules(), &log, &resources, &mut |_| Ok(()));
        let built = built.unwrap();
        assert!(built.report.unwrap().is_equal());
        for _ in 0..4 {
            look(&built.projection, &mut random, &format!("seed {seed}, built anew"));
        }
    }
    assert!(seen.iter().all(|count| *count > 1_000), "{seen:?}");
}

/// A log of a source whose appointments come all at once, but for the last of each open status, which come two days later;
/// and its projection.
fn forgotten(folder: &std::path::Path) -> (Projection, DateTime<Utc>) {
    let clock = Arc::new(AtomicI64::new(1_772_463_845_678));
    let now = Arc::clone(&clock);
    let time = move || DateTime::from_timestamp_millis(now.load(Ordering::Relaxed)).unwrap();
    let log = SledLog::open(&DataDir::at(folder), Arc::new(time.clone())).unwrap();
    let visit = |first: u64, to: u64| {
        let one = |id: u64| {
            let reached = usize::try_from(id % 4).unwrap() + 1;
            ["create", "checkin", "ready", "callback"].into_iter().take(reached).map(move |step| NewDelivery {
                source: "downtown".parse().unwrap(),
                reading: Reading::Readable { appointment_id: id.to_string().parse().unwrap(), event_type: step.into() },
                delivery_id: None,
                body: Vec::new(),
            })
        };
        (first..to).flat_map(one).collect::<Vec<_>>()
    };
    log.append(visit(1, 401)).unwrap();
    clock.fetch_add(48 * 60 * MINUTE_MS, Ordering::Relaxed);
    log.append(visit(401, 405)).unwrap();
    let mut projection = Projection::open(&folder.join("p"), Arc::new(Rules::default())).unwrap();
    projection.catch_up(&log, &mut |_| {}).unwrap();
    (projection, time())
}

#[test]
fn a_board_reads_no_record_and_of_the_stale_ones_only_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let (projection, time) = forgotten(folder.path());
    let source = "downtown".parse().unwrap();
    let fold = FoldRules::default();
    let stale = StaleRules { stale_after: TimeDelta::hours(24), booking_horizon: TimeDelta::hours(24) };
    let board = |wanted| {
        let view = projection.view();
        let moment = Moment { position: view.checkpoint().unwrap().position, time };
        view.board(&[BoardOf { source: &source, fold: &fold, stale }], moment, TimeDelta::hours(1), wanted)
    };
    let ids = |column: &Column| column.first.iter().map(|card| card.key.appointment_id.get()).collect::<Vec<_>>();
    let check = |board: Board| {
        let columns = board.columns.values().map(|column| (column.count, ids(column)));
        assert_eq!(columns.collect::<Vec<_>>(), [404, 401, 402, 403].map(|id| (1, vec![id])));
        assert_eq!((board.stale.count, ids(&board.stale)), (400, vec![1, 2, 3]));
        board
    };
    let card = check(board(3).unwrap()).stale.first.remove(0);
    // Without the records, and with rows that nobody can read for all that are stale but the newest of each status.
    let number = projection.view().number_of(&source).unwrap();
    let mut batch = projection.store.database.batch();
    for id in 1..=404 {
        let key = AppointmentKey { source: source.clone(), appointment_id: AppointmentId::new(id).unwrap() };
        let record = projection.view().appointment(&key).unwrap().unwrap();
        batch.remove(&projection.store[Space::Appointments], appointment_key(number, key.appointment_id));
        if id <= 396 {
            let row = status_key(number, record.appointment.status().unwrap(), record.last_position.get(), id);
            batch.remove(&projection.store[Space::ByLast], row);
            batch.insert(&projection.store[Space::ByLast], row, [1]);
        }
    }
    batch.commit().unwrap();
    check(board(3).unwrap());
    assert!(matches!(projection.view().record_of(&card), Err(ProjectionError::Corrupt(_))));
    // Nobody waits any more.
    let (deadline, _guard) = crate::view::deadline::Deadline::until(std::time::Instant::now());
    let view = projection.view().within(deadline);
    let of = [BoardOf { source: &source, fold: &fold, stale }];
    let moment = Moment { position: Position::new(1), time };
    assert!(matches!(view.board(&of, moment, TimeDelta::hours(1), 3), Err(ProjectionError::OutOfTime)));
}

#[test]
fn an_order_is_the_time_again() {
    for ms in [0, 1, -1, 1_772_463_845_678, -8_334_601_228_800_000] {
        let time = DateTime::from_timestamp_millis(ms).unwrap();
        assert_eq!(ordered_ms(time_order(time)), ms);
    }
}
