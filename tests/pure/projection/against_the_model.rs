//! What the projection tells of each delivery is what the naive model makes of it.

use std::collections::BTreeMap;

use clockfold::{
    lifecycle::Status,
    log::{Delivery, Log, Position},
    projection::{AppointmentKey, View},
};

use crate::support::oracle::model;

use super::{deliveries, open, open_log, rules};

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
    let (late, let_in) = check(&projection.reader().view(), &log);
    assert!(late > 50 && let_in > 50, "{late} late, {let_in} let in");
}

/// Expects that each delivery of the log is told as the naive model has it. Returns how many were applied late, and how
/// many a later one let in.
pub(super) fn check(view: &View, log: &dyn Log) -> (usize, usize) {
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
    (late, let_in)
}
