//! Rows are the same in pieces and in one go, and nothing is folded out of its order.

use clockfold::log::{DataDir, Delivery, Digest, Log, Position};

use super::{deliveries, open, open_log};

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
