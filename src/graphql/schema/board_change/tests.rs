//! What passing time does to a board, with a clock that is made up.

use std::{collections::BTreeMap, sync::Arc};

use async_graphql::{Request, futures_util::StreamExt as _};
use futures_executor::block_on;
use serde_json::{Value, json};

use crate::{
    access::Viewer,
    graphql::{
        build_schema,
        schema::board_change::*,
        scope::{Scope, Stores},
        settings::SourceSettings,
    },
    log::{Clock, DataDir, Log, NewDelivery, Reading, SledLog},
    projection::{Projection, RebuildResources, Rules},
    tracker::{RebuildSlot, Rebuilds, Tracker},
};

const HOUR_MS: i64 = 3_600_000;

/// A log in which everything arrives at the epoch, and what answers from it.
fn stores(folder: &std::path::Path, events: &[(u64, &str)]) -> Arc<Stores> {
    let clock: Clock = Arc::new(|| chrono::DateTime::UNIX_EPOCH);
    let log = SledLog::open(&DataDir::at(folder), Arc::clone(&clock)).unwrap();
    let source: SourceName = "downtown".parse().unwrap();
    let delivery = |(id, event): &(u64, &str)| NewDelivery {
        source: source.clone(),
        reading: Reading::Readable { appointment_id: id.to_string().parse().unwrap(), event_type: (*event).into() },
        delivery_id: None,
        body: Vec::new(),
    };
    log.append(events.iter().map(delivery).collect()).unwrap();
    let rules = Arc::new(Rules::default());
    let projection = Projection::open_and_catch_up(&folder.join("p"), Arc::clone(&rules), &log, &mut |_| {}).unwrap();
    let (log, reader) = (Arc::new(log) as Arc<dyn Log>, projection.reader());
    let (tracker, _) = Tracker::new(1);
    let rebuilds = Rebuilds::new(
        tracker.clone(),
        Arc::clone(&log),
        reader.clone(),
        Arc::clone(&rules),
        Arc::new(RebuildSlot::new(folder.join("p"), RebuildResources::default())),
        Arc::clone(&clock),
    );
    let sources = BTreeMap::from([(source, SourceSettings::default())]);
    let (lifecycles, limits) = (Vec::new(), Arc::default());
    let writer = Some((tracker, rebuilds));
    Arc::new(Stores { reader, log, rules, sources, clock, lifecycles, limits, writer })
}

/// The updates between the hours from one to another.
fn updates(stores: &Arc<Stores>, position: u64, from_hours: i64, to_hours: i64) -> Vec<Value> {
    let time = |hours: i64| chrono::DateTime::from_timestamp_millis(hours * HOUR_MS).unwrap();
    let (from, to) = (time(from_hours), time(to_hours));
    let step = Arc::new(Step::new(Kind::Passed { position: log::Position::new(position), from, to }));
    let query = "subscription { board { position board { asOf stale { count } } changes { from to appointment { appointmentId } } } }";
    let scope = Scope::new(Arc::clone(stores), Viewer::local_admin());
    let request = Request::new(query).data(scope).data(step);
    let responses: Vec<Value> =
        block_on(build_schema(&Arc::default()).execute_stream(request).map(|it| json!(it)).collect());
    responses.iter().map(|response| response["data"]["board"].clone()).collect()
}

/// The changes in them: from, to and appointment of each.
fn told(stores: &Arc<Stores>, position: u64, from_hours: i64, to_hours: i64) -> Vec<String> {
    let line = |change: &Value| {
        let place = |name: &str| change[name].as_str().unwrap_or("-").to_owned();
        format!("{}: {} {}", change["appointment"]["appointmentId"].as_str().unwrap(), place("from"), place("to"))
    };
    let lines = |update: &Value| {
        assert!(update["board"].is_null() && update["position"].is_string(), "{update}");
        update["changes"].as_array().unwrap().iter().map(line).collect::<Vec<_>>()
    };
    updates(stores, position, from_hours, to_hours).iter().flat_map(lines).collect()
}

#[test]
fn what_goes_stale_or_has_ended_long_ago_is_told_when_its_time_has_come() {
    let folder = tempfile::tempdir().unwrap();
    let events = [(1, "create"), (2, "create"), (2, "checkin"), (3, "create"), (3, "remove")];
    let stores = stores(folder.path(), &events);
    assert_eq!(told(&stores, 5, 0, 23), Vec::<String>::new());
    assert_eq!(told(&stores, 5, 23, 24), ["2: CHECKED_IN STALE", "3: REMOVED -"]);
    assert_eq!(told(&stores, 5, 24, 25), Vec::<String>::new());
    assert_eq!(told(&stores, 5, 25, 31 * 24), ["1: SCHEDULED STALE"]);
    // With the position of an earlier moment, later deliveries do not count.
    assert_eq!(told(&stores, 2, 23, 24), Vec::<String>::new());
}

#[test]
fn where_the_clock_was_set_back_the_whole_board_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let stores = stores(folder.path(), &[(1, "create"), (1, "checkin")]);
    let updates = updates(&stores, 2, 90_000, 1);
    let whole = json!({ "asOf": "1970-01-01T01:00:00.000Z", "stale": { "count": 0 } });
    assert_eq!(updates, [json!({ "position": "2", "board": whole, "changes": [] })]);
}
