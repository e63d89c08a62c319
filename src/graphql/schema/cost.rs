//! What a query costs, in fields of its answer: known before anything is read.
//!
//! The library adds up what these functions say of each field. It adds without a check for overflow, so every cost
//! ends at [`COST_MAX`], which is beyond every limit.

use crate::lifecycle::Status;

/// The items of a page where the query does not say.
pub(in crate::graphql) const PAGE_DEFAULT: usize = 50;

/// The most appointments of a column of a board.
pub(in crate::graphql) const COLUMN_MAX: usize = 5_000;

/// The appointments of a column where the query does not say.
pub(in crate::graphql) const COLUMN_DEFAULT: usize = 500;

/// What looking for a page's first item costs, in fields: it steps over entries that have left its index lately.
const LIST_BASE_COST: usize = 1_000;

/// A cost from which on nothing is counted.
const COST_MAX: usize = 1 << 40;

/// What looking for a board's appointments costs, in fields: it grows with how long ended appointments stay on it.
pub(in crate::graphql) fn board_cost(ended_within_hours: i32) -> usize {
    let hours = usize::try_from(ended_within_hours).unwrap_or_default();
    hours.saturating_mul(50).saturating_add(5_000).min(COST_MAX)
}

/// What a list as of an earlier moment costs: it may look at appointments that were not there yet.
pub(in crate::graphql) fn past_cost(past: bool, list_cost: usize) -> usize {
    if past { list_cost.saturating_add(9_000).min(COST_MAX) } else { list_cost }
}

/// What a page of a list of everything costs.
pub(in crate::graphql) fn list_cost(first: Option<i32>, last: Option<i32>, item_cost: usize) -> usize {
    page_cost(first, last, item_cost).saturating_add(LIST_BASE_COST).min(COST_MAX)
}

/// What a page costs: its own field, and its items' fields once an item.
pub(in crate::graphql) fn page_cost(first: Option<i32>, last: Option<i32>, item_cost: usize) -> usize {
    let items = first.or(last).map_or(PAGE_DEFAULT, |items| usize::try_from(items).unwrap_or_default());
    items.saturating_mul(item_cost).saturating_add(1).min(COST_MAX)
}

/// What a patient flow costs: its figures are read for every minute, and a range often has about fifty stretches.
pub(in crate::graphql) fn flow_cost(bucket_cost: usize) -> usize {
    bucket_cost.saturating_mul(50).saturating_add(2_000).min(COST_MAX)
}

/// What a summary of rejections costs: thousands of them are looked at, and there are often about fifty groups.
pub(in crate::graphql) fn rejections_cost(summary_cost: usize) -> usize {
    summary_cost.saturating_mul(50).saturating_add(4_000).min(COST_MAX)
}

/// What the sources cost: a server often has a few, and rarely fifty.
pub(in crate::graphql) fn sources_cost(source_cost: usize) -> usize {
    source_cost.saturating_mul(50).saturating_add(1).min(COST_MAX)
}

/// What things by their ids cost.
pub(in crate::graphql) fn nodes_cost(ids: usize, item_cost: usize) -> usize {
    ids.saturating_mul(item_cost).saturating_add(1).min(COST_MAX)
}

/// What a column costs. A board costs a column's share of its appointments: together they are one list.
pub(in crate::graphql) fn column_cost(first: Option<i32>, item_cost: usize) -> usize {
    let items = first.map_or(COLUMN_DEFAULT, |items| usize::try_from(items).unwrap_or_default());
    (items.saturating_mul(item_cost) / Status::ALL.len()).saturating_add(1).min(COST_MAX)
}
