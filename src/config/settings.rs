//! Every key of the configuration, once: what it is called, what it holds, and what holds where it is absent.
//!
//! Each table's keys stand beside the code that reads them. That code knows no other keys, variables are found here,
//! and a test writes the tables of `docs/configuration.md` from here.

use super::{archive, credentials, graphql, lifecycle, reader, retention, server, source};

/// A key of the configuration.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
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

impl Setting {
    /// A whole number from a range.
    pub(super) const fn number(
        key: &'static str,
        range: (u32, u32),
        unit: &'static str,
        default: u32,
        meaning: &'static str,
    ) -> Setting {
        let (least, most) = range;
        Setting { key, kind: Kind::Number { least, most, unit }, absent: Absent::Number(default), meaning }
    }

    /// Any other.
    pub(super) const fn new(key: &'static str, kind: Kind, absent: Absent, meaning: &'static str) -> Setting {
        Setting { key, kind, absent, meaning }
    }
}

/// Keys that stand together.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    /// As it stands in the file, such as `[server]`; empty at the top of the file.
    pub heading: &'static str,
    /// Which variables stand for it.
    pub variables: Variables,
    /// Its keys, in the order in which they are told.
    pub settings: &'static [Setting],
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

impl Table {
    /// The variable that holds a key.
    pub fn variable(&self, setting: &Setting) -> Option<String> {
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
pub const TABLES: &[Table] = &[
    Table { heading: "", variables: Variables::Each("CLOCKFOLD_"), settings: super::SETTINGS },
    Table { heading: "[server]", variables: Variables::Each("CLOCKFOLD_SERVER_"), settings: server::SETTINGS },
    Table { heading: "[graphql]", variables: Variables::Each("CLOCKFOLD_GRAPHQL_"), settings: graphql::SETTINGS },
    Table { heading: "[archive]", variables: Variables::Each("CLOCKFOLD_ARCHIVE_"), settings: archive::SETTINGS },
    Table { heading: "[retention]", variables: Variables::Each("CLOCKFOLD_RETENTION_"), settings: retention::SETTINGS },
    Table { heading: "[[source]]", variables: Variables::Whole("CLOCKFOLD_SOURCE"), settings: source::SETTINGS },
    Table { heading: "[[reader]]", variables: Variables::Whole("CLOCKFOLD_READER"), settings: reader::SETTINGS },
    Table {
        heading: "[lifecycle.NAME]",
        variables: Variables::Whole("CLOCKFOLD_LIFECYCLE"),
        settings: lifecycle::SETTINGS,
    },
    Table { heading: "{ key, expires }", variables: Variables::None, settings: credentials::SETTINGS },
];

/// The keys, as they stand in the file.
pub(super) fn keys(settings: &'static [Setting]) -> Vec<&'static str> {
    settings.iter().map(|setting| setting.key).collect()
}

/// Every variable that holds one key, with its table.
pub(super) fn variables() -> impl Iterator<Item = (String, &'static Table, &'static Setting)> {
    let of_table =
        |table: &'static Table| table.settings.iter().filter_map(move |one| Some((table.variable(one)?, table, one)));
    TABLES.iter().flat_map(of_table)
}
