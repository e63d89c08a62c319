//! Whether a document asks for more than one request may.
//!
//! The library bounds depth and complexity, but only after it has walked the whole document, and it
//! walks a fragment again at each spread: a few hundred bytes of fragments that spread each other
//! cost it hours. So we walk the document first, spreading in the same way, and stop at a count.

use async_graphql::{
    Positioned,
    parser::types::{Directive, ExecutableDocument, Selection, SelectionSet},
};
use async_graphql_value::Value;

use crate::graphql::limits::Limits;

/// Bytes of an alias: each row of an answer repeats it, and so does the path of each error. Generated ones are shorter.
const ALIAS_BYTES_MAX: u32 = 256;

/// Values that the arguments of a document have, a fragment's at each spread: lists, their items, objects, their fields
/// and all other literals. The executed document repeats them all as often. A long document without fragments has
/// fewer.
const VALUES_MAX: u32 = 20_000;

/// For each of this many bytes, a text counts as one more value.
const TEXT_BYTES_OF_A_VALUE: usize = 64;

/// Operations of a document, of which one is executed and each is validated.
const OPERATIONS_MAX: u32 = 100;

/// A limit of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::graphql) enum Limit {
    DocumentBytes,
    Depth,
    Nesting,
    Complexity,
    Aliases,
    AliasBytes,
    Directives,
    Selections,
    Values,
    Operations,
}

/// A request exceeds a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "The query has {least}{asked} {}, and may have {max}. Ask for less; {} the limit.",
    self.limit.what(),
    self.limit.set_by(),
    least = if self.is_whole() { "" } else { "at least " }
)]
pub(in crate::graphql) struct Exceeded {
    /// Which limit.
    pub(in crate::graphql) limit: Limit,
    /// How much was found; counting stops there.
    pub(in crate::graphql) asked: usize,
    /// How much is allowed.
    pub(in crate::graphql) max: usize,
}

impl Exceeded {
    /// The code that a program reads.
    pub(in crate::graphql) fn code(self) -> &'static str {
        match self.limit {
            Limit::DocumentBytes => "DOCUMENT_TOO_LARGE",
            Limit::Depth | Limit::Nesting => "DEPTH_LIMIT_EXCEEDED",
            Limit::Complexity => "COMPLEXITY_LIMIT_EXCEEDED",
            Limit::Aliases | Limit::AliasBytes => "ALIAS_LIMIT_EXCEEDED",
            Limit::Directives => "DIRECTIVE_LIMIT_EXCEEDED",
            Limit::Selections => "FIELD_LIMIT_EXCEEDED",
            Limit::Values => "VALUE_LIMIT_EXCEEDED",
            Limit::Operations => "OPERATION_LIMIT_EXCEEDED",
        }
    }

    /// Whether all of it was counted.
    fn is_whole(self) -> bool {
        matches!(self.limit, Limit::DocumentBytes | Limit::AliasBytes | Limit::Operations | Limit::Complexity)
    }
}

impl Limit {
    fn what(self) -> &'static str {
        match self {
            Limit::DocumentBytes => "bytes",
            Limit::Depth => "levels of fields",
            Limit::Nesting => "levels of fields and fragments",
            Limit::Complexity => "fields to answer",
            Limit::Aliases => "aliases",
            Limit::AliasBytes => "bytes in an alias",
            Limit::Directives => "directives",
            Limit::Selections => "fields and fragments",
            Limit::Values => "values of arguments",
            Limit::Operations => "operations",
        }
    }

    /// What sets it, as the beginning of a sentence.
    fn set_by(self) -> String {
        let setting = match self {
            Limit::DocumentBytes => "document_bytes_max",
            Limit::Depth | Limit::Nesting => "depth_max",
            Limit::Complexity => "complexity_max",
            Limit::Aliases => "aliases_max",
            Limit::Directives => "directives_max",
            Limit::Selections => "selections_max",
            Limit::AliasBytes | Limit::Values | Limit::Operations => return "no setting changes".to_owned(),
        };
        format!("`{setting}` under [graphql] in the server's configuration sets")
    }
}

/// Whether a document asks for the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::graphql) struct AsksForSchema(pub(in crate::graphql) bool);

/// Refuses a document too long to parse.
pub(in crate::graphql) fn check_length(limits: &Limits, document: &str) -> Result<(), Exceeded> {
    within(Limit::DocumentBytes, document.len(), limits.document_bytes_max)
}

/// What was found in a document.
#[derive(Clone, Copy, Debug)]
pub(in crate::graphql) struct Found {
    pub(in crate::graphql) asks_for_schema: AsksForSchema,
    /// Values of arguments, a fragment's at each spread.
    pub(in crate::graphql) values: usize,
}

/// Refuses a document too large to validate.
pub(in crate::graphql) fn check_document(limits: &Limits, document: &ExecutableDocument) -> Result<Found, Exceeded> {
    within(Limit::Operations, document.operations.iter().count(), OPERATIONS_MAX)?;
    let mut walk =
        Walk { limits, document, selections: 0, aliases: 0, directives: 0, values: 0, asks_for_schema: false };
    for (_, operation) in document.operations.iter() {
        walk.directives(&operation.node.directives)?;
        walk.selection_set(&operation.node.selection_set.node, 1, 1)?;
    }
    Ok(Found { asks_for_schema: AsksForSchema(walk.asks_for_schema), values: walk.values })
}

struct Walk<'a> {
    limits: &'a Limits,
    document: &'a ExecutableDocument,
    selections: usize,
    aliases: usize,
    directives: usize,
    values: usize,
    asks_for_schema: bool,
}

impl Walk<'_> {
    /// `depth` counts the fields down to this set's, `nesting` the fragments too.
    fn selection_set(&mut self, set: &SelectionSet, depth: usize, nesting: usize) -> Result<(), Exceeded> {
        if nesting > self.limits.nesting_max() {
            return Err(Exceeded { limit: Limit::Nesting, asked: nesting, max: self.limits.nesting_max() });
        }
        for selection in &set.items {
            self.selections += 1;
            within(Limit::Selections, self.selections, self.limits.selections_max)?;
            self.directives(selection.node.directives())?;
            match &selection.node {
                Selection::Field(field) => {
                    within(Limit::Depth, depth, self.limits.depth_max)?;
                    if let Some(alias) = &field.node.alias {
                        self.aliases += 1;
                        within(Limit::AliasBytes, alias.node.len(), ALIAS_BYTES_MAX)?;
                    }
                    within(Limit::Aliases, self.aliases, self.limits.aliases_max)?;
                    field.node.arguments.iter().try_for_each(|(_, value)| self.value(&value.node))?;
                    self.asks_for_schema |= matches!(field.node.name.node.as_str(), "__schema" | "__type");
                    self.selection_set(&field.node.selection_set.node, depth + 1, nesting + 1)?;
                }
                Selection::InlineFragment(fragment) => {
                    self.selection_set(&fragment.node.selection_set.node, depth, nesting + 1)?;
                }
                Selection::FragmentSpread(spread) => {
                    if let Some(fragment) = self.document.fragments.get(&spread.node.fragment_name.node) {
                        self.directives(&fragment.node.directives)?;
                        self.selection_set(&fragment.node.selection_set.node, depth, nesting + 1)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn directives(&mut self, directives: &[Positioned<Directive>]) -> Result<(), Exceeded> {
        self.directives += directives.len();
        within(Limit::Directives, self.directives, self.limits.directives_max)?;
        let arguments = directives.iter().flat_map(|directive| &directive.node.arguments);
        arguments.map(|(_, value)| &value.node).try_for_each(|value| self.value(value))
    }

    fn value(&mut self, value: &Value) -> Result<(), Exceeded> {
        self.values += 1;
        if let Value::String(text) = value {
            self.values += text.len() / TEXT_BYTES_OF_A_VALUE;
        }
        within(Limit::Values, self.values, VALUES_MAX)?;
        match value {
            Value::List(items) => items.iter().try_for_each(|item| self.value(item)),
            Value::Object(fields) => fields.values().try_for_each(|value| self.value(value)),
            _ => Ok(()),
        }
    }
}

fn within(limit: Limit, asked: usize, max: u32) -> Result<(), Exceeded> {
    let max = max as usize;
    if asked > max { Err(Exceeded { limit, asked, max }) } else { Ok(()) }
}
