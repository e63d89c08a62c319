//! Who may read: a bearer token comes in, a [`Viewer`] goes out, or nothing.

use std::{collections::BTreeSet, num::NonZeroU32};

use chrono::{DateTime, Utc};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use crate::{
    access::credential::{Credential, CredentialDigest, digest_of},
    log::SourceName,
};

/// What a reader may see beyond statuses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Role {
    /// Everything but bodies.
    #[default]
    Viewer,
    /// Bodies too.
    Admin,
}

/// An authenticated reader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Viewer {
    /// Its name in the configuration; `None`: it needs none.
    pub name: Option<String>,
    /// What it may see.
    pub role: Role,
    /// The only sources it may see; `None`: all.
    pub sources: Option<BTreeSet<SourceName>>,
    /// Whether a browser's cookie says who it is.
    pub signed_in: bool,
    /// Without anybody at the page for so many minutes a browser is signed out; `None`: never.
    pub idle_sign_out_minutes: Option<NonZeroU32>,
}

impl Viewer {
    /// A reader on the server's own machine: where no reader is configured, or with the secret of the lock file.
    pub fn local_admin() -> Viewer {
        Viewer { name: None, role: Role::Admin, sources: None, signed_in: false, idle_sign_out_minutes: None }
    }
}

/// A configured reader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReaderAccess {
    /// Its name.
    pub name: String,
    /// Its live tokens: several while one replaces another.
    pub tokens: Vec<Credential>,
    /// What it may see.
    pub role: Role,
    /// The only sources it may see; `None`: all.
    pub sources: Option<BTreeSet<SourceName>>,
    /// Without anybody at the page for so many minutes a browser is signed out; `None`: never.
    pub idle_sign_out_minutes: Option<NonZeroU32>,
}

impl ReaderAccess {
    fn viewer(&self) -> Viewer {
        let ReaderAccess { name, tokens: _, role, sources, idle_sign_out_minutes } = self.clone();
        Viewer { name: Some(name), role, sources, signed_in: false, idle_sign_out_minutes }
    }
}

/// All configured readers.
#[derive(Clone)]
pub struct Readers {
    readers: Vec<ReaderAccess>,
}

impl Readers {
    /// These readers.
    pub fn new(readers: Vec<ReaderAccess>) -> Readers {
        Readers { readers }
    }

    /// Whether no reader is configured.
    pub fn is_empty(&self) -> bool {
        self.readers.is_empty()
    }

    /// The reader whose token this is.
    pub fn authenticate(&self, bearer: &[u8], now: DateTime<Utc>) -> Option<Viewer> {
        let offered = digest_of(bearer);
        self.authenticate_by(|digest| digest.ct_eq(&offered), now)
    }

    /// The reader with a token that `is_it` accepts. Asks about every token, so that the time reveals nothing.
    pub fn authenticate_by(&self, is_it: impl Fn(&CredentialDigest) -> Choice, now: DateTime<Utc>) -> Option<Viewer> {
        let mut found = u64::MAX;
        for (reader, index) in self.readers.iter().zip(0_u64..) {
            for token in &reader.tokens {
                let live = Choice::from(u8::from(token.is_live(now)));
                found.conditional_assign(&index, is_it(&token.digest) & live);
            }
        }
        let reader = usize::try_from(found).ok().and_then(|index| self.readers.get(index))?;
        Some(reader.viewer())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(name: &str, secrets: &[&str], expires_at: Option<DateTime<Utc>>) -> ReaderAccess {
        let token = |secret: &&str| Credential { digest: digest_of(secret.as_bytes()), expires_at };
        let tokens = secrets.iter().map(token).collect();
        ReaderAccess { name: name.to_owned(), tokens, role: Role::Viewer, sources: None, idle_sign_out_minutes: None }
    }

    #[test]
    fn a_token_finds_its_reader_until_it_expires() {
        let now = DateTime::UNIX_EPOCH;
        let readers = Readers::new(vec![
            reader("front-desk", &["old", "new"], None),
            reader("audit", &["past"], Some(now)),
            reader("vendor", &["other"], None),
        ]);
        let name = |bearer: &str| readers.authenticate(bearer.as_bytes(), now).and_then(|viewer| viewer.name);
        assert_eq!(name("old").as_deref(), Some("front-desk"));
        assert_eq!(name("new").as_deref(), Some("front-desk"));
        assert_eq!(name("other").as_deref(), Some("vendor"));
        assert_eq!(name("past"), None);
        assert_eq!(name(""), None);
    }
}
