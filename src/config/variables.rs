//! Settings from `CLOCKFOLD_` variables, put over those of the file.
//!
//! `CLOCKFOLD_DATA_DIR` is `data_dir`, `CLOCKFOLD_SERVER_LISTEN` is `server.listen`, and so on: `settings.rs` has them.
//! A value that is neither a text nor a number is written as TOML. `CLOCKFOLD_SOURCE` and `CLOCKFOLD_READER` hold a
//! TOML list of tables, `CLOCKFOLD_LIFECYCLE` a table of tables; each takes the place of all those in the file.

use std::collections::BTreeMap;

use super::{
    document::{Document, Node, Setting, Table, Value, parse_value},
    error::{Location, Problems, suggestion},
    settings::{
        self,
        key::{ConfigKey, Kind},
    },
};

/// Names the file.
pub(super) const CONFIG: &str = "CLOCKFOLD_CONFIG";
/// The filter of log lines; the program reads it, not the configuration.
const LOG: &str = "CLOCKFOLD_LOG";
/// The credentials of invented traffic; a command reads them, not the configuration.
const SIMULATE: [&str; 2] = ["CLOCKFOLD_SIMULATE_ROUTE_KEYS", "CLOCKFOLD_SIMULATE_AUTHTOKENS"];
const PREFIX: &str = "CLOCKFOLD_";
/// The short form of the one that follows.
const LISTEN: &str = "CLOCKFOLD_LISTEN";
const LISTEN_IN_FULL: &str = "CLOCKFOLD_SERVER_LISTEN";
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
            LIFECYCLE => put_parsed(&mut document.table, "lifecycle", &place, value, problems),
            SOURCE => put_parsed(&mut document.table, "source", &place, value, problems),
            READER => put_parsed(&mut document.table, "reader", &place, value, problems),
            LISTEN if variables.contains_key(LISTEN_IN_FULL) => {
                problems.add(&place, format!("this says the same as {LISTEN_IN_FULL}"), "set only one of the two");
            }
            LISTEN => put_setting(document, LISTEN_IN_FULL, &place, value, problems),
            other => put_setting(document, other, &place, value, problems),
        }
    }
}

/// Puts the value of a variable that stands for one key where the file has that key.
fn put_setting(document: &mut Document, variable: &str, place: &Location, text: &str, problems: &mut Problems) {
    let Some((_, table, setting)) = settings::variables().find(|(name, ..)| name == variable) else {
        return refuse(variable, place, problems);
    };
    let value = value_of(setting, place, text, problems);
    match table.name() {
        "" => put(&mut document.table, setting.key, place, value),
        name => put_in(document, name, setting.key, place, value),
    }
}

fn value_of(setting: &ConfigKey, place: &Location, text: &str, problems: &mut Problems) -> Value {
    match setting.kind {
        Kind::Text(_) | Kind::OneOf(_) => Value::Text(text.to_owned()),
        Kind::Number { .. } => number_or_text(text),
        Kind::Boolean | Kind::List(_) | Kind::Time | Kind::Credential => parse_value(place, text, problems).value,
    }
}

fn put(table: &mut Table, key: &str, place: &Location, value: Value) {
    let node = Node { place: place.clone(), value };
    table.insert(key.to_owned(), Setting { place: place.clone(), node });
}

fn put_parsed(table: &mut Table, key: &str, place: &Location, text: &str, problems: &mut Problems) {
    let node = parse_value(place, text, problems);
    put(table, key, place, node.value);
}

fn number_or_text(text: &str) -> Value {
    text.parse().map_or_else(|_| Value::Text(text.to_owned()), |number| Value::Integer(Some(number)))
}

fn put_in(document: &mut Document, table: &str, key: &str, place: &Location, value: Value) {
    let empty =
        || Setting { place: place.clone(), node: Node { place: place.clone(), value: Value::Table(Table::new()) } };
    let entry = document.table.entry(table.to_owned()).or_insert_with(empty);
    // A value there that is no table is refused later, with its line.
    if let Value::Table(table) = &mut entry.node.value {
        put(table, key, place, value);
    }
}

fn refuse(name: &str, place: &Location, problems: &mut Problems) {
    let others = [CONFIG, LOG, LISTEN, LIFECYCLE, SOURCE, READER].map(str::to_owned);
    let known: Vec<String> = others.into_iter().chain(settings::variables().map(|(name, ..)| name)).collect();
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    problems.add(place, "there is no such variable", suggestion(name, &known));
}
