//! TOML with the place of every key and value, wherever it came from: the file or a variable.

use std::collections::BTreeMap;

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::error::{Location, Problems, shown, suggestion};

/// The whole of it.
pub(super) struct Document {
    pub(super) place: Location,
    pub(super) table: Table,
}

/// Keys and what stands there.
pub(super) type Table = BTreeMap<String, Setting>;

/// A key's place and its value.
pub(super) struct Setting {
    pub(super) place: Location,
    pub(super) node: Node,
}

/// A value and its place. It may hold a secret, so it can't be printed.
pub(super) struct Node {
    pub(super) place: Location,
    pub(super) value: Value,
}

/// The kinds of value. An integer or a time that does not fit is `None`.
pub(super) enum Value {
    Text(String),
    Integer(Option<i64>),
    Float,
    Boolean(bool),
    Time(toml::value::Datetime),
    Array(Vec<Node>),
    Table(Table),
}

impl Document {
    pub(super) fn empty(place: Location) -> Document {
        Document { place, table: Table::new() }
    }
}

impl Value {
    fn kind(&self) -> &'static str {
        match self {
            Value::Text(_) => "a text",
            Value::Integer(_) => "a whole number",
            Value::Float => "a number with a fraction",
            Value::Boolean(_) => "true or false",
            Value::Time(_) => "a time",
            Value::Array(_) => "a list",
            Value::Table(_) => "a table",
        }
    }
}

/// Parses a file. The parser's messages name what it expected, never what it found.
pub(super) fn parse(whole: &Location, bytes: &[u8], problems: &mut Problems) -> Document {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let line = 1 + bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count();
            problems.add(&whole.line(line), "this is not UTF-8", "save the file as UTF-8");
            return Document::empty(whole.clone());
        }
    };
    let lines = Lines::of(whole, text);
    let (table, errors) = DeTable::parse_recoverable(text);
    report(&errors, &lines, problems);
    Document { place: whole.clone(), table: lines.table(table.into_inner()) }
}

/// Parses one value, for a variable.
pub(super) fn parse_value(place: &Location, text: &str, problems: &mut Problems) -> Node {
    let lines = Lines { whole: place, ends: None };
    let (value, errors) = DeValue::parse_recoverable(text);
    report(&errors, &lines, problems);
    lines.node(value)
}

fn report(errors: &[toml::de::Error], lines: &Lines<'_>, problems: &mut Problems) {
    let mut earlier = None;
    for error in errors {
        let place = error.span().map_or_else(|| lines.whole.clone(), |span| lines.place(span.start));
        // A later error on the same line is the same mistake seen again.
        if earlier.as_ref() != Some(&place) {
            let message = format!("this is not TOML: {}", error.message());
            problems.add(&place, message, "see https://toml.io for how TOML is written");
        }
        earlier = Some(place);
    }
}

/// Finds the line of a byte; for a variable there is only the whole.
struct Lines<'a> {
    whole: &'a Location,
    ends: Option<Vec<usize>>,
}

impl<'a> Lines<'a> {
    fn of(whole: &'a Location, text: &str) -> Lines<'a> {
        Lines { whole, ends: Some(text.match_indices('\n').map(|(index, _)| index).collect()) }
    }

    fn place(&self, byte: usize) -> Location {
        match &self.ends {
            Some(ends) => self.whole.line(1 + ends.partition_point(|end| *end < byte)),
            None => self.whole.clone(),
        }
    }

    fn table(&self, table: DeTable<'_>) -> Table {
        let entry = |(key, value): (Spanned<_>, _)| {
            let place = self.place(key.span().start);
            (String::from(key.into_inner()), Setting { place, node: self.node(value) })
        };
        table.into_iter().map(entry).collect()
    }

    fn node(&self, value: Spanned<DeValue<'_>>) -> Node {
        let place = self.place(value.span().start);
        let value = match value.into_inner() {
            DeValue::String(text) => Value::Text(text.into_owned()),
            DeValue::Integer(integer) => Value::Integer(i64::from_str_radix(integer.as_str(), integer.radix()).ok()),
            DeValue::Float(_) => Value::Float,
            DeValue::Boolean(boolean) => Value::Boolean(boolean),
            DeValue::Datetime(time) => Value::Time(time),
            DeValue::Array(values) => Value::Array(values.into_iter().map(|value| self.node(value)).collect()),
            DeValue::Table(table) => Value::Table(self.table(table)),
        };
        Node { place, value }
    }
}

/// A table that is being read, key by key.
pub(super) struct Section {
    pub(super) place: Location,
    table: Table,
}

impl Section {
    /// Starts to read a table. Keys other than `known` are refused at once.
    pub(super) fn of_table(
        title: &str,
        place: Location,
        table: Table,
        known: &[&str],
        problems: &mut Problems,
    ) -> Section {
        for (key, entry) in &table {
            if !known.contains(&key.as_str()) {
                problems.add(&entry.place, format!("{title} has no key{}", shown(key)), suggestion(key, known));
            }
        }
        Section { place, table }
    }

    /// Starts to read a value that has to be a table.
    pub(super) fn of_node(title: &str, node: Node, known: &[&str], problems: &mut Problems) -> Option<Section> {
        match node.value {
            Value::Table(table) => Some(Section::of_table(title, node.place, table, known, problems)),
            other => {
                problems.add(
                    &node.place,
                    format!("{title} is {}, not a table", other.kind()),
                    "write a table of keys and values",
                );
                None
            }
        }
    }

    pub(super) fn take(&mut self, key: &str) -> Option<Node> {
        self.table.remove(key).map(|entry| entry.node)
    }

    /// The place of a key that has not been taken yet.
    pub(super) fn key_place(&self, key: &str) -> Option<Location> {
        self.table.get(key).map(|entry| entry.place.clone())
    }

    /// A text, and where it stands.
    pub(super) fn text(&mut self, key: &str, problems: &mut Problems) -> Option<(Location, String)> {
        let node = self.take(key)?;
        text(node, &format!("`{key}`"), problems)
    }

    /// A whole number within a range; `default` where there is none.
    pub(super) fn number(&mut self, key: &str, range: (u32, u32), default: u32, problems: &mut Problems) -> u32 {
        self.number_if_any(key, range, default, problems).unwrap_or(default)
    }

    /// The same; `None` where the key is absent. `default` is only an example for messages.
    pub(super) fn number_if_any(
        &mut self,
        key: &str,
        range: (u32, u32),
        default: u32,
        problems: &mut Problems,
    ) -> Option<u32> {
        let node = self.take(key)?;
        let (least, most) = range;
        let number = match node.value {
            Value::Integer(number) => number.and_then(|number| u32::try_from(number).ok()),
            other => {
                let message = format!("`{key}` is {}, not a whole number", other.kind());
                problems.add(&node.place, message, format!("write a number such as {default}"));
                return None;
            }
        };
        let number = number.filter(|number| (least..=most).contains(number));
        if number.is_none() {
            let hint = format!("write a number from {least} to {most}; without the key it is {default}");
            problems.add(&node.place, format!("`{key}` is out of range"), hint);
        }
        number
    }

    /// `true` or `false`; `None` where the key is absent.
    pub(super) fn boolean(&mut self, key: &str, problems: &mut Problems) -> Option<bool> {
        let node = self.take(key)?;
        match node.value {
            Value::Boolean(boolean) => Some(boolean),
            other => {
                let message = format!("`{key}` is {}, not true or false", other.kind());
                problems.add(&node.place, message, format!("write {key} = true, or leave the key out"));
                None
            }
        }
    }

    /// The values of a list; none where the key is absent.
    pub(super) fn list(&mut self, key: &str, problems: &mut Problems) -> Vec<Node> {
        let Some(node) = self.take(key) else { return Vec::new() };
        match node.value {
            Value::Array(nodes) => nodes,
            other => {
                problems.add(
                    &node.place,
                    format!("`{key}` is {}, not a list", other.kind()),
                    format!("write {key} = [\"…\"]"),
                );
                Vec::new()
            }
        }
    }

    /// The tables under `[[key]]`; none where the key is absent.
    pub(super) fn tables(&mut self, key: &str, problems: &mut Problems) -> Vec<Node> {
        let Some(node) = self.take(key) else { return Vec::new() };
        match node.value {
            Value::Array(nodes) => nodes,
            other => {
                let message = format!("`{key}` is {}, not a list of tables", other.kind());
                problems.add(
                    &node.place,
                    message,
                    format!("begin each one with [[{key}]]; a variable holds a list: [{{ name = \"…\" }}]"),
                );
                Vec::new()
            }
        }
    }
}

/// The text of a value that has to be one. `what` names it in the message.
pub(super) fn text(node: Node, what: &str, problems: &mut Problems) -> Option<(Location, String)> {
    match node.value {
        Value::Text(text) => Some((node.place, text)),
        other => {
            problems.add(&node.place, format!("{what} is {}, not a text", other.kind()), "write it in double quotes");
            None
        }
    }
}
