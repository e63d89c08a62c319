//! The `[graphql]` table: what one request may ask for.
//!
//! At their lower ends, the ranges leave room for the introspection query of graphql-js 17; at their upper ends, no
//! request takes up the server's memory.

use std::time::Duration;

use crate::graphql::{Introspection, Limits};

use super::{
    document::{Node, Section},
    error::{Problems, shown, suggestion},
    settings::key::{self, Absent, ConfigKey, Kind},
};

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

/// The keys of `[graphql]`. A test compares the defaults with those of [`Limits`].
pub(super) const KEYS: &[ConfigKey] = &[
    ConfigKey::number("depth_max", DEPTH_RANGE, "levels", 20, "How deep fields may stand within each other."),
    ConfigKey::number(
        "complexity_max",
        COMPLEXITY_RANGE,
        "fields",
        50_000,
        "Fields that the answer may have, if every page were full.",
    ),
    ConfigKey::number("aliases_max", COUNT_RANGE, "aliases", 50, "Aliases of a document."),
    ConfigKey::number("directives_max", COUNT_RANGE, "directives", 50, "Directives of a document."),
    ConfigKey::number(
        "selections_max",
        SELECTIONS_RANGE,
        "fields",
        2_000,
        "Fields and fragments of a document. A fragment counts at each spread.",
    ),
    ConfigKey::number("document_bytes_max", BYTES_RANGE, "bytes", 65_536, "The size of a document."),
    ConfigKey::number("body_bytes_max", BYTES_RANGE, "bytes", 65_536, "The size of a POST's body."),
    ConfigKey::number("page_max", PAGE_RANGE, "items", 500, "Items of one page of a list."),
    ConfigKey::number(
        "execution_timeout_ms",
        TIMEOUT_RANGE,
        "milliseconds",
        10_000,
        "How long a query may take, from the end of its request. The wait for a thread counts.",
    ),
    ConfigKey::new(
        "introspection",
        Kind::OneOf(WHO),
        Absent::Text("everyone"),
        "Who may ask for the schema: by introspection, at `/schema.graphql`, and through \"Did you mean\" in errors.",
    ),
];

/// Reads `[graphql]`; what is absent has its default.
pub(super) fn read(node: Option<Node>, problems: &mut Problems) -> Limits {
    let default = Limits::default();
    let Some(node) = node else { return default };
    let Some(mut table) = Section::of_node("[graphql]", node, &key::names(KEYS), problems) else {
        return default;
    };
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
