//! Settings from `CLOCKFOLD_` variables, put over those of the file.
//!
//! `CLOCKFOLD_DATA_DIR` is `data_dir`, `CLOCKFOLD_SERVER_LISTEN` is `server.listen`, and so on; `CLOCKFOLD_SERVER_ALLOWED_ORIGINS`
//! holds a TOML list, `CLOCKFOLD_SOURCE` and `CLOCKFOLD_READER` hold a TOML list of tables, `CLOCKFOLD_LIFECYCLE` a table of tables; each takes the place of
//! all those in the file.

use std::collections::BTreeMap;

use super::{
    document::{Document, Node, Setting, Table, Value, parse_value},
    error::{Location, Problems, suggestion},
    graphql, server,
};

/// Names the file.
pub(super) const CONFIG: &str = "CLOCKFOLD_CONFIG";
/// The filter of log lines; the program reads it, not the configuration.
const LOG: &str = "CLOCKFOLD_LOG";
/// What invented traffic is sent with; a command reads it, not the configuration.
const SIMULATE: [&str; 2] = ["CLOCKFOLD_SIMULATE_ROUTE_KEYS", "CLOCKFOLD_SIMULATE_AUTHTOKENS"];
const PREFIX: &str = "CLOCKFOLD_";
const DATA_DIR: &str = "CLOCKFOLD_DATA_DIR";
const SERVER_PREFIX: &str = "CLOCKFOLD_SERVER_";
const GRAPHQL_PREFIX: &str = "CLOCKFOLD_GRAPHQL_";
const LISTEN: &str = "CLOCKFOLD_LISTEN";
const LISTEN_IN_FULL: &str = "CLOCKFOLD_SERVER_LISTEN";
const ARCHIVE_DIRECTORY: &str = "CLOCKFOLD_ARCHIVE_DIRECTORY";
const RETENTION_BODIES_DAYS: &str = "CLOCKFOLD_RETENTION_BODIES_DAYS";
const LIFECYCLE: &str = "CLOCKFOLD_LIFECYCLE";
const SOURCE: &str = "CLOCKFOLD_SOURCE";
const READER: &str = "CLOCKFOLD_READER";

/// Puts the variables over the file's settings.
pub(super) fn overlay(document: &mut Document, variables: &BTreeMap<String, String>, problems: &mut Problems) {
    for (name, value) in variables.iter().filter(|(name, _)| name.starts_with(PREFIX)) {
        let place = Location::whole(name);
        match name.as_str() {
            CONFIG | LOG => {}
            other if SIMULATE.contains(&other) => {}
            DATA_DIR => put(&mut document.table, "data_dir", &place, Value::Text(value.clone())),
            ARCHIVE_DIRECTORY => {
                put_in(document, "archive", "directory", &place, Value::Text(value.clone()));
            }
            RETENTION_BODIES_DAYS => {
                put_in(document, "retention", "bodies_days", &place, number_or_text(value));
            }
            LIFECYCLE => put_parsed(&mut document.table, "lifecycle", &place, value, problems),
            SOURCE => put_parsed(&mut document.table, "source", &place, value, problems),
            READER => put_parsed(&mut document.table, "reader", &place, value, problems),
            LISTEN if variables.contains_key(LISTEN_IN_FULL) => {
                problems.add(&place, format!("this says the same as {LISTEN_IN_FULL}"), "set only one of the two");
            }
            LISTEN => put_server(document, "listen", &place, value, problems),
            other => match (key(other, SERVER_PREFIX, server::KEYS), key(other, GRAPHQL_PREFIX, graphql::KEYS)) {
                (Some(key), _) => put_server(document, key, &place, value, problems),
                (None, Some(key)) => {
                    let value = text_or_number(value, graphql::TEXT_KEYS.contains(&key));
                    put_in(document, "graphql", key, &place, value);
                }
                (None, None) => refuse(other, &place, problems),
            },
        }
    }
}

/// The key of a table whose variables begin with `prefix`.
fn key(variable: &str, prefix: &str, keys: &[&'static str]) -> Option<&'static str> {
    let key = variable.strip_prefix(prefix)?;
    keys.iter().copied().find(|known| known.to_uppercase() == key)
}

fn put(table: &mut Table, key: &str, place: &Location, value: Value) {
    let node = Node { place: place.clone(), value };
    table.insert(key.to_owned(), Setting { place: place.clone(), node });
}

fn put_parsed(table: &mut Table, key: &str, place: &Location, text: &str, problems: &mut Problems) {
    let node = parse_value(place, text, problems);
    put(table, key, place, node.value);
}

fn put_server(document: &mut Document, key: &str, place: &Location, text: &str, problems: &mut Problems) {
    let value = match key {
        key if server::TOML_KEYS.contains(&key) => parse_value(place, text, problems).value,
        _ => text_or_number(text, server::TEXT_KEYS.contains(&key)),
    };
    put_in(document, "server", key, place, value);
}

fn text_or_number(text: &str, is_text: bool) -> Value {
    if is_text { Value::Text(text.to_owned()) } else { number_or_text(text) }
}

fn number_or_text(text: &str) -> Value {
    text.parse().map_or_else(|_| Value::Text(text.to_owned()), |number| Value::Integer(Some(number)))
}

fn put_in(document: &mut Document, table: &str, key: &str, place: &Location, value: Value) {
    let empty =
        || Setting { place: place.clone(), node: Node { place: place.clone(), value: Value::Table(Table::new()) } };
    let entry = document.table.entry(table.to_owned()).or_insert_with(empty);
    // What is there and is no table is refused later, with its line.
    if let Value::Table(table) = &mut entry.node.value {
        put(table, key, place, value);
    }
}

fn refuse(name: &str, place: &Location, problems: &mut Problems) {
    let of_server = server::KEYS.iter().map(|key| format!("{SERVER_PREFIX}{}", key.to_uppercase()));
    let of_graphql = graphql::KEYS.iter().map(|key| format!("{GRAPHQL_PREFIX}{}", key.to_uppercase()));
    let others = [CONFIG, LOG, DATA_DIR, LISTEN, ARCHIVE_DIRECTORY, RETENTION_BODIES_DAYS, LIFECYCLE, SOURCE, READER]
        .map(str::to_owned);
    let known: Vec<String> = others.into_iter().chain(of_server).chain(of_graphql).collect();
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    problems.add(place, "there is no such variable", suggestion(name, &known));
}
