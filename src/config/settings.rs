//! Every key of the configuration, once: what it is called, what it holds, and what holds where it is absent.
//!
//! Each table's keys stand beside the code that reads them. That code knows no other keys, variables are found here,
//! and a test writes the tables of `docs/configuration.md` from here.

use super::{archive, credentials, graphql, lifecycle, reader, retention, server, source};

/// A key of the configuration.
#[derive(Clone, Copy, Debug)]
pub struct ConfigKey {
    /// As it stands in the file.
    pub key: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// What holds without it.
    pub absent: Absent,
    /// What it does, in Markdown.
    pub meaning: &'static str,
}

/// What a key holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A whole number.
    Number {
        /// The least.
        least: u32,
        /// The most.
        most: u32,
        /// What it counts.
        unit: &'static str,
    },
    /// A text, which is a …
    Text(&'static str),
    /// One of these texts.
    OneOf(&'static [&'static str]),
    /// `true` or `false`.
    Boolean,
    /// A list of …
    List(&'static str),
    /// A date and time with an offset from UTC.
    Time,
    /// A secret, its digest, or a table with either and an expiry.
    Credential,
}

/// What holds where a key is absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absent {
    /// The same as with this number.
    Number(u32),
    /// The same as with this text.
    Text(&'static str),
    /// This, which no value says.
    Otherwise(&'static str),
    /// Nothing: the key has to be there.
    Required,
}

impl ConfigKey {
    /// A whole number from a range.
    pub(super) const fn number(
        key: &'static str,
        range: (u32, u32),
        unit: &'static str,
        default: u32,
        meaning: &'static str,
    ) -> ConfigKey {
        let (least, most) = range;
        ConfigKey { key, kind: Kind::Number { least, most, unit }, absent: Absent::Number(default), meaning }
    }

    /// Any other.
    pub(super) const fn new(key: &'static str, kind: Kind, absent: Absent, meaning: &'static str) -> ConfigKey {
        ConfigKey { key, kind, absent, meaning }
    }
}

/// Keys that stand together.
#[derive(Clone, Copy, Debug)]
pub struct ConfigTable {
    /// As it stands in the file, such as `[server]`; empty at the top of the file.
    pub heading: &'static str,
    /// Which variables stand for it.
    pub variables: Variables,
    /// Its keys, in the order in which they are told.
    pub keys: &'static [ConfigKey],
}

/// Which variables stand for a table of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variables {
    /// One for each key: this, and the key in capitals.
    Each(&'static str),
    /// One for all tables of this name, as TOML.
    Whole(&'static str),
    /// None: it stands inside another table.
    None,
}

impl ConfigTable {
    /// The variable that holds a key.
    pub fn variable(&self, setting: &ConfigKey) -> Option<String> {
        match self.variables {
            Variables::Each(prefix) => Some(format!("{prefix}{}", setting.key.to_uppercase())),
            Variables::Whole(_) | Variables::None => None,
        }
    }

    /// Its name in the file, without brackets; empty at the top of the file.
    pub(super) fn name(&self) -> &'static str {
        self.heading.trim_matches(['[', ']'])
    }
}

/// Everything that may be configured.
pub const TABLES: &[ConfigTable] = &[
    ConfigTable { heading: "", variables: Variables::Each("CLOCKFOLD_"), keys: super::KEYS },
    ConfigTable { heading: "[server]", variables: Variables::Each("CLOCKFOLD_SERVER_"), keys: server::KEYS },
    ConfigTable { heading: "[graphql]", variables: Variables::Each("CLOCKFOLD_GRAPHQL_"), keys: graphql::KEYS },
    ConfigTable { heading: "[archive]", variables: Variables::Each("CLOCKFOLD_ARCHIVE_"), keys: archive::KEYS },
    ConfigTable { heading: "[retention]", variables: Variables::Each("CLOCKFOLD_RETENTION_"), keys: retention::KEYS },
    ConfigTable { heading: "[[source]]", variables: Variables::Whole("CLOCKFOLD_SOURCE"), keys: source::KEYS },
    ConfigTable { heading: "[[reader]]", variables: Variables::Whole("CLOCKFOLD_READER"), keys: reader::KEYS },
    ConfigTable {
        heading: "[lifecycle.NAME]",
        variables: Variables::Whole("CLOCKFOLD_LIFECYCLE"),
        keys: lifecycle::KEYS,
    },
    ConfigTable { heading: "{ key, expires }", variables: Variables::None, keys: credentials::KEYS },
];

/// The keys, as they stand in the file.
pub(super) fn names(keys: &'static [ConfigKey]) -> Vec<&'static str> {
    keys.iter().map(|key| key.key).collect()
}

/// Every variable that holds one key, with its table.
pub(super) fn variables() -> impl Iterator<Item = (String, &'static ConfigTable, &'static ConfigKey)> {
    let of_table =
        |table: &'static ConfigTable| table.keys.iter().filter_map(move |one| Some((table.variable(one)?, table, one)));
    TABLES.iter().flat_map(of_table)
}
