//! The published schema: `schema/schema.graphql` is what the code has, and all of it is described.
//!
//! `UPDATE_GOLDEN=1 cargo test --test pure graphql_schema` writes the file anew. Read the diff: clients
//! depend on every line.

use std::{fs, path::Path};

#[test]
fn the_published_schema_is_the_one_in_the_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/schema.graphql");
    let sdl = clockfold::graphql::sdl();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, &sdl).expect("the schema's file can be written");
    }
    let published = fs::read_to_string(&path).expect("the schema is published");
    assert!(published == sdl, "schema/schema.graphql differs from the code; UPDATE_GOLDEN=1 writes it anew");
}

#[test]
fn every_element_is_described() {
    let sdl = clockfold::graphql::sdl();
    let (mut before, mut in_description) = ("", false);
    for line in sdl.lines().filter(|line| !line.trim().is_empty()) {
        // A description of several lines stands between two of these.
        in_description ^= line.trim() == "\"\"\"";
        if !in_description && is_element(line) {
            assert!(before.ends_with('"'), "no description: {line}");
        }
        before = line;
    }
}

/// A type, a field, an argument or an enum value, which are a line each.
fn is_element(line: &str) -> bool {
    let word = line.trim_start();
    let indented = word.len() < line.len();
    let is_type = ["type ", "interface ", "enum ", "scalar ", "input "].iter().any(|kind| line.starts_with(kind));
    let is_member = indented && word.starts_with(|first: char| first.is_ascii_alphabetic());
    is_type || (is_member && !["query: Query", "mutation: Mutation", "subscription: Subscription"].contains(&word))
}
