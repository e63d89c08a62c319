//! How much one request may ask for.
//!
//! The library bounds depth and complexity, but only after it has walked the whole document, and it
//! walks a fragment again at each spread: a few hundred bytes of fragments that spread each other
//! cost it hours. So we walk the document first, spreading in the same way, and stop at a count.

use async_graphql::{
    Positioned,
    parser::types::{Directive, ExecutableDocument, Selection, SelectionSet},
};

use super::refusal::Refusal;

/// Bytes of bodies and event types, as they were sent, that one answer reads and holds.
pub(super) const ANSWER_BYTES_MAX: usize = 16 << 20;

/// How deep fields may nest. The introspection query of graphql-js 17 needs 16.
pub(super) const DEPTH_MAX: usize = 20;

/// The most fields that an answer may have, where a page counts as full. 500 deliveries with
/// all their fields are about 10,000; the introspection query of graphql-js 17 is 300.
pub(super) const COMPLEXITY_MAX: usize = 50_000;

/// The items of a page where the query does not say.
pub(super) const PAGE_DEFAULT: usize = 50;

/// The most items of a page.
pub(super) const PAGE_MAX: usize = 500;

/// The most appointments that a column of a board tells.
pub(super) const COLUMN_MAX: usize = 5_000;

/// What looking for a page's first item costs, in fields: it steps over what has left its index lately.
const LIST_BASE_COST: usize = 1_000;

/// What looking for a board's appointments costs, in fields: it grows with how long what has ended stays on it.
pub(super) fn board_cost(ended_within_hours: i32) -> usize {
    let hours = usize::try_from(ended_within_hours).unwrap_or_default();
    hours.saturating_mul(50).saturating_add(5_000).min(COMPLEXITY_MAX + 1)
}

/// What a list as of an earlier moment costs: it may look at appointments that were not there yet.
pub(super) fn past_cost(past: bool, list_cost: usize) -> usize {
    if past { list_cost.saturating_add(9_000).min(COMPLEXITY_MAX + 1) } else { list_cost }
}

const DOCUMENT_BYTES_MAX: usize = 64 * 1024;
const SELECTIONS_MAX: usize = 2_000;
const ALIASES_MAX: usize = 50;
const DIRECTIVES_MAX: usize = 50;
/// Fields and fragments within each other; the library's own limit.
const NESTING_MAX: usize = 32;

/// What a page of a list of everything costs.
pub(super) fn list_cost(first: Option<i32>, last: Option<i32>, item_cost: usize) -> usize {
    page_cost(first, last, item_cost).saturating_add(LIST_BASE_COST).min(COMPLEXITY_MAX + 1)
}

/// What a page costs: its own field, and its items' fields once an item.
pub(super) fn page_cost(first: Option<i32>, last: Option<i32>, item_cost: usize) -> usize {
    let items = first.or(last).map_or(PAGE_DEFAULT, |items| usize::try_from(items).unwrap_or_default());
    // Capped, because the library adds costs up without a check for overflow.
    items.saturating_mul(item_cost).saturating_add(1).min(COMPLEXITY_MAX + 1)
}

/// Refuses a document too long to parse.
pub(super) fn check_length(document: &str) -> Result<(), Refusal> {
    within(document.len(), DOCUMENT_BYTES_MAX, "bytes")
}

/// Refuses a document too large to validate.
pub(super) fn check_document(document: &ExecutableDocument) -> Result<(), Refusal> {
    let mut walk = Walk { document, selections: 0, aliases: 0, directives: 0 };
    for (_, operation) in document.operations.iter() {
        walk.directives(&operation.node.directives)?;
        walk.selection_set(&operation.node.selection_set.node, 1)?;
    }
    Ok(())
}

struct Walk<'a> {
    document: &'a ExecutableDocument,
    selections: usize,
    aliases: usize,
    directives: usize,
}

impl Walk<'_> {
    fn selection_set(&mut self, set: &SelectionSet, nesting: usize) -> Result<(), Refusal> {
        within(nesting, NESTING_MAX, "levels")?;
        for selection in &set.items {
            self.selections += 1;
            within(self.selections, SELECTIONS_MAX, "fields and fragments")?;
            self.directives(selection.node.directives())?;
            match &selection.node {
                Selection::Field(field) => {
                    self.aliases += usize::from(field.node.alias.is_some());
                    within(self.aliases, ALIASES_MAX, "aliases")?;
                    self.selection_set(&field.node.selection_set.node, nesting + 1)?;
                }
                Selection::InlineFragment(fragment) => {
                    self.selection_set(&fragment.node.selection_set.node, nesting + 1)?;
                }
                Selection::FragmentSpread(spread) => {
                    if let Some(fragment) = self.document.fragments.get(&spread.node.fragment_name.node) {
                        self.selection_set(&fragment.node.selection_set.node, nesting + 1)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn directives(&mut self, directives: &[Positioned<Directive>]) -> Result<(), Refusal> {
        self.directives += directives.len();
        within(self.directives, DIRECTIVES_MAX, "directives")
    }
}

fn within(count: usize, max: usize, what: &'static str) -> Result<(), Refusal> {
    if count > max { Err(Refusal::TooMuch { max, what }) } else { Ok(()) }
}
