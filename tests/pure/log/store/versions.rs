//! Logs that earlier versions wrote are read for ever.

use std::fs;

use clockfold::{
    lifecycle::Fault,
    log::{Body, DataDir, Delivery, Log, NewDelivery, Position, Reading},
    webhook,
};

use super::{chain, open, read_all};
use crate::support::{self, arrival, delivery, unreadable};

/// `fixtures/log-v1.tar.gz` was written by the first version of the format. It is read for ever.
/// Written anew, for a new version beside the old, with `UPDATE_FROZEN=1`.
#[test]
fn a_log_of_version_1_is_read_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let sample = support::fixture("log-v1.tar.gz");
    if std::env::var_os("UPDATE_FROZEN").is_some() {
        let data_dir = DataDir::at(folder.path().join("log-v1"));
        let log = open(&data_dir).unwrap();
        for group in support::sample_deliveries() {
            log.append(group).unwrap();
        }
        log.erase(&[Position::new(2)]).unwrap();
        fs::write(support::fixture("log-v1.digest"), format!("{}\n", log.head().digest)).unwrap();
        drop(log);
        support::tar(&["-czf", sample.to_str().unwrap(), "-C", folder.path().to_str().unwrap(), "log-v1"]);
    }
    support::tar(&["-xzf", sample.to_str().unwrap(), "-C", folder.path().to_str().unwrap()]);
    let log = open(&DataDir::at(folder.path().join("log-v1"))).unwrap();
    let read = read_all(&log);
    let sent: Vec<NewDelivery> = support::sample_deliveries().into_iter().flatten().collect();
    assert_eq!(read.len(), sent.len());
    for (delivery, sent) in read.iter().zip(&sent) {
        assert_eq!((&delivery.source, &delivery.reading), (&sent.source, &sent.reading));
        assert_eq!(delivery.delivery_id, sent.delivery_id);
        assert_eq!(delivery.received_at, arrival());
        match &delivery.body {
            Body::Kept { bytes, .. } => assert_eq!(*bytes, sent.body),
            Body::Erased { .. } => assert_eq!(delivery.position, Position::new(2)),
        }
    }
    let frozen = fs::read_to_string(support::fixture("log-v1.digest")).unwrap();
    assert_eq!(chain(&read).to_string(), frozen.trim());
    assert_eq!(log.head().digest.to_string(), frozen.trim());
}

/// A log with what near misses added to records: two codes, and what was read again of a body that was erased then.
/// `fixtures/log-v1-near-misses.tar.gz` is read for ever; written anew, beside the old, with `UPDATE_FROZEN=1`.
#[test]
fn what_near_misses_added_to_records_is_read_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let sample = support::fixture("log-v1-near-misses.tar.gz");
    let name = "log-v1-near-misses";
    let body = "\u{feff}{\"appointment_id\": 7, \"event_type\": \"transfer_in\"}".as_bytes();
    if std::env::var_os("UPDATE_FROZEN").is_some() {
        let log = open(&DataDir::at(folder.path().join(name))).unwrap();
        let mut group = vec![delivery(7, "create")];
        group.extend([Fault::MediaType, Fault::ContentCoding].map(|fault| unreadable("downtown", fault, b"\xff")));
        // As a reader of before wrote them, that read no byte order mark.
        group.extend([body, body, b"{"].map(|body| unreadable("downtown", Fault::NotJson, body)));
        log.append(group).unwrap();
        let log = log.read_again_by(webhook::read_again);
        assert_eq!(log.erase(&[Position::new(4), Position::new(6)]).unwrap(), 2);
        drop(log);
        support::tar(&["-czf", sample.to_str().unwrap(), "-C", folder.path().to_str().unwrap(), name]);
    }
    support::tar(&["-xzf", sample.to_str().unwrap(), "-C", folder.path().to_str().unwrap()]);
    let told = |delivery: &Delivery| {
        let (kind, fault) = match &delivery.reading {
            Reading::Readable { .. } => ("read", None),
            Reading::Unreadable(fault) => ("not read", Some(*fault)),
            Reading::ReadSince { fault, .. } => ("read since", Some(*fault)),
        };
        let erased = if matches!(delivery.body, Body::Erased { .. }) { " erased" } else { "" };
        let event = delivery.reading.event_type().unwrap_or_default();
        format!("{kind} {}{event}{erased}", fault.map_or(String::new(), |fault| format!("{} ", fault.name())))
    };
    let log = open(&DataDir::at(folder.path().join(name))).unwrap();
    let read: Vec<String> = read_all(&log).iter().map(told).collect();
    let mut expected = [
        "read create",
        "not read MEDIA_TYPE ",
        "not read CONTENT_CODING ",
        "read since NOT_JSON transfer_in erased",
        "not read NOT_JSON ",
        "not read NOT_JSON  erased",
    ];
    assert_eq!(read, expected);
    let digest = chain(&read_all(&log));
    assert_eq!(log.head().digest, digest);
    // A better reader changes what is handed out, by one delivery after another and by blocks, and no digest.
    let log = log.read_again_by(webhook::read_again);
    expected[4] = "read since NOT_JSON transfer_in";
    let again = read_all(&log);
    assert_eq!(again.iter().map(told).collect::<Vec<_>>(), expected);
    let blocks: Vec<Delivery> = log.blocks().flat_map(|block| block.unwrap().open().unwrap().deliveries).collect();
    assert_eq!(blocks, again);
    assert_eq!((chain(&again), log.head().digest), (digest, digest));
}
