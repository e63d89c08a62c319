//! Every key of the configuration, once: its name, its kind of value, and what holds where it is absent.
//!
//! Each table's keys stand beside the code that reads them. That code knows no other keys, variables are found here,
//! and a test writes the tables of `docs/configuration.md` from here.

pub(super) mod key;

use key::ConfigKey;

use super::{archive, credentials, data_dir, graphql, lifecycle, reader, retention, server, source};

/// Keys that stand together.
#[derive(Clone, Copy, Debug)]
pub struct ConfigTable {
    /// As it stands in the file, such as `[server]`; empty at the top of the file.
    pub heading: &'static str,
    /// Which variables stand for it.
    pub variables: Variables,
    /// Its keys, in the order in which they are documented.
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
    ConfigTable { heading: "", variables: Variables::Each("CLOCKFOLD_"), keys: data_dir::KEYS },
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

/// Every variable that holds one key, with its table.
pub(super) fn variables() -> impl Iterator<Item = (String, &'static ConfigTable, &'static ConfigKey)> {
    let of_table =
        |table: &'static ConfigTable| table.keys.iter().filter_map(move |one| Some((table.variable(one)?, table, one)));
    TABLES.iter().flat_map(of_table)
}
