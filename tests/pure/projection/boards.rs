//! Boards, against the rules of a board asked of each appointment by itself.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use clockfold::{
    lifecycle::Status,
    projection::{BoardOf, BoardPlace, Column, Moment, StaleRules, View},
};

use super::{names, pages, rules};
use crate::support::arrival;

/// The log of these tests is over within seconds.
const WITHIN_MS: [(i64, i64); 4] = [(0, 0), (300, 900), (1_500, 700), (60_000, 60_000)];

/// Expects that the board of now has each appointment where the rules say, at some times.
pub(super) fn check(view: &View) {
    let (names, rules, position) = (names(), rules(), view.checkpoint().unwrap().position);
    let ms = TimeDelta::milliseconds;
    let times = [0, 1_000, 3_000, 5_000, 90_000].map(|later| arrival() + ms(later));
    for ((silent, ended), time) in WITHIN_MS.into_iter().flat_map(|within| times.map(|time| (within, time))) {
        let stale = StaleRules { stale_after: ms(silent), booking_horizon: ms(silent * 2) };
        let of = names.iter().map(|source| BoardOf { source, fold: rules.of(source), stale }).collect::<Vec<_>>();
        let board = view.board(&of, Moment { position, time }, ms(ended), 4).unwrap();
        let mut columns: BTreeMap<Option<Status>, Vec<_>> = BTreeMap::new();
        for key in pages::appointments(view, &names, &[]) {
            let record = view.appointment(&key).unwrap().unwrap();
            let column = match record.place_on_board(time, stale, ms(ended)) {
                None => continue,
                Some(BoardPlace::Stale) => None,
                Some(BoardPlace::Column(status)) => Some(status),
            };
            columns.entry(column).or_default().push((record.appointment.status_since().unwrap(), key));
        }
        let found = |column: &Column| {
            let cards = column.first.iter().map(|card| (card.status_since, card.key.clone()));
            (column.count, cards.collect::<Vec<_>>())
        };
        let mut expected = |column: Option<Status>| {
            let mut places = columns.remove(&column).unwrap_or_default();
            places.sort();
            let count = places.len() as u64;
            places.truncate(4);
            (count, places)
        };
        assert_eq!(found(&board.stale), expected(None), "stale at {time}");
        for (status, column) in &board.columns {
            assert_eq!(found(column), expected(Some(*status)), "{status:?} at {time}");
        }
        assert!(columns.is_empty(), "{columns:?} at {time}");
    }
}
