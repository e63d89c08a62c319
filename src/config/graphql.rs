//! The `[graphql]` table: what one request may ask for.
//!
//! The ranges leave room for the introspection query of graphql-js 17 at their lower ends, and for no request that
//! takes the server's memory at their upper ends.

use std::time::Duration;

use crate::graphql::{Introspection, Limits};

use super::{
    document::{Node, Section},
    error::{Problems, shown, suggestion},
};

/// The keys of `[graphql]`. Each is also the variable `CLOCKFOLD_GRAPHQL_` and its name in capitals.
pub(super) const KEYS: &[&str] = &[
    "depth_max",
    "complexity_max",
    "aliases_max",
    "directives_max",
    "selections_max",
    "document_bytes_max",
    "body_bytes_max",
    "page_max",
    "execution_timeout_ms",
    "introspection",
];

/// That of [`KEYS`] that holds a text; the others hold a whole number.
pub(super) const TEXT_KEYS: &[&str] = &["introspection"];

/// The parser takes 64 levels, half of them for fragments.
pub(super) const DEPTH_RANGE: (u32, u32) = (16, 32);
pub(super) const COMPLEXITY_RANGE: (u32, u32) = (300, 1_000_000);
pub(super) const COUNT_RANGE: (u32, u32) = (0, 1_000);
pub(super) const SELECTIONS_RANGE: (u32, u32) = (300, 10_000);
pub(super) const BYTES_RANGE: (u32, u32) = (4_096, 262_144);
/// The schema's descriptions say 500.
pub(super) const PAGE_RANGE: (u32, u32) = (1, 500);
pub(super) const TIMEOUT_RANGE: (u32, u32) = (1, 600_000);

const WHO: &[&str] = &["everyone", "admins", "nobody"];

/// Reads `[graphql]`; what is absent has its default.
pub(super) fn read(node: Option<Node>, problems: &mut Problems) -> Limits {
    let default = Limits::default();
    let Some(node) = node else { return default };
    let Some(mut table) = Section::of_node("[graphql]", node, KEYS, problems) else { return default };
    let mut number = |key, range, default| table.number(key, range, default, problems);
    let timeout_ms = u32::try_from(default.execution_timeout.as_millis()).unwrap_or(u32::MAX);
    let limits = Limits {
        depth_max: number("depth_max", DEPTH_RANGE, default.depth_max),
        complexity_max: number("complexity_max", COMPLEXITY_RANGE, default.complexity_max),
        aliases_max: number("aliases_max", COUNT_RANGE, default.aliases_max),
        directives_max: number("directives_max", COUNT_RANGE, default.directives_max),
        selections_max: number("selections_max", SELECTIONS_RANGE, default.selections_max),
        document_bytes_max: number("document_bytes_max", BYTES_RANGE, default.document_bytes_max),
        body_bytes_max: number("body_bytes_max", BYTES_RANGE, default.body_bytes_max),
        page_max: number("page_max", PAGE_RANGE, default.page_max),
        execution_timeout: Duration::from_millis(number("execution_timeout_ms", TIMEOUT_RANGE, timeout_ms).into()),
        introspection: default.introspection,
    };
    Limits { introspection: introspection(&mut table, problems), ..limits }
}

fn introspection(table: &mut Section, problems: &mut Problems) -> Introspection {
    match table.text("introspection", problems) {
        None => Introspection::default(),
        Some((_, text)) if text == "everyone" => Introspection::Everyone,
        Some((_, text)) if text == "admins" => Introspection::Admins,
        Some((_, text)) if text == "nobody" => Introspection::Nobody,
        Some((place, text)) => {
            problems.add(&place, format!("`introspection` can't be{}", shown_or_that(&text)), suggestion(&text, WHO));
            Introspection::default()
        }
    }
}

fn shown_or_that(text: &str) -> String {
    let shown = shown(text);
    if shown.is_empty() { " that".to_owned() } else { shown }
}
