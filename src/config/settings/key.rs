//! What is known of a key of the configuration.

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
    pub(in crate::config) const fn number(
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
    pub(in crate::config) const fn new(
        key: &'static str,
        kind: Kind,
        absent: Absent,
        meaning: &'static str,
    ) -> ConfigKey {
        ConfigKey { key, kind, absent, meaning }
    }
}

/// The keys, as they stand in the file.
pub(in crate::config) fn names(keys: &'static [ConfigKey]) -> Vec<&'static str> {
    keys.iter().map(|key| key.key).collect()
}
