//! Credentials as they are configured: a secret, a digest, or either with an expiry.
//!
//! A secret is hashed as soon as it is read and is not kept. Messages name a credential's owner and its place, never
//! the credential.

use chrono::{DateTime, Utc};

use crate::{
    access::{
        Credential, CredentialDigest, DIGEST_PREFIX, InvalidDigest, Require, SECRET_CHARACTERS_MIN, digest_of,
        normalise_route_key,
    },
    log::SourceName,
};

use super::{
    document::{Node, Section, Value, text},
    error::{Location, Problems},
    settings::key::{self, Absent, ConfigKey},
};

/// The keys of a credential that is written as a table.
pub(super) const KEYS: &[ConfigKey] = &[
    ConfigKey::new(
        "key",
        key::Kind::Text("secret of at least 22 characters, or its digest, `blake3:…`"),
        Absent::Required,
        "The credential itself. `clockfold key new` makes one and prints both forms.",
    ),
    ConfigKey::new(
        "expires",
        key::Kind::Time,
        Absent::Otherwise("never"),
        "From this moment on the credential counts for nothing.",
    ),
];

/// Whose credentials are being read.
pub(super) struct Owner {
    title: String,
    /// Differs from every other owner's: a name may be missing, or stand twice by mistake.
    number: usize,
    /// Whether one secret may stand both in its URL and in its header.
    shares_kinds: bool,
}

impl Owner {
    pub(super) fn source(name: Option<&SourceName>, require: Require, seen: &mut Seen) -> Owner {
        let title = name.map_or_else(|| "a source".to_owned(), |name| format!("the source `{name}`"));
        Owner { title, number: seen.next_owner(), shares_kinds: require == Require::Any }
    }

    pub(super) fn reader(name: Option<&str>, seen: &mut Seen) -> Owner {
        let title = name.map_or_else(|| "a reader".to_owned(), |name| format!("the reader `{name}`"));
        Owner { title, number: seen.next_owner(), shares_kinds: false }
    }
}

/// Every credential that was read so far, and its owner.
#[derive(Default)]
pub(super) struct Seen {
    credentials: Vec<SeenCredential>,
    owners: usize,
}

struct SeenCredential {
    digest: CredentialDigest,
    kind: Kind,
    title: String,
    owner: usize,
    place: Location,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    RouteKey,
    Token,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::RouteKey => "a route key",
            Kind::Token => "a token",
        }
    }
}

/// Reads what may stand in a URL after `/webhook/`.
pub(super) fn read_route_keys(
    nodes: Vec<Node>,
    owner: &Owner,
    seen: &mut Seen,
    problems: &mut Problems,
) -> Vec<Credential> {
    read_all(nodes, Kind::RouteKey, owner, seen, problems)
}

/// Reads what may stand in a header.
pub(super) fn read_tokens(
    nodes: Vec<Node>,
    owner: &Owner,
    seen: &mut Seen,
    problems: &mut Problems,
) -> Vec<Credential> {
    read_all(nodes, Kind::Token, owner, seen, problems)
}

fn read_all(nodes: Vec<Node>, kind: Kind, owner: &Owner, seen: &mut Seen, problems: &mut Problems) -> Vec<Credential> {
    let mut credentials = Vec::new();
    for node in nodes {
        let place = node.place.clone();
        let Some(credential) = read(node, kind, problems) else { continue };
        seen.refuse_repeated(credential.digest, kind, owner, place, problems);
        credentials.push(credential);
    }
    credentials
}

impl Seen {
    fn next_owner(&mut self) -> usize {
        self.owners += 1;
        self.owners
    }

    /// Refuses a credential of two owners: it would let one in as the other.
    fn refuse_repeated(
        &mut self,
        digest: CredentialDigest,
        kind: Kind,
        owner: &Owner,
        place: Location,
        problems: &mut Problems,
    ) {
        let one_way_in =
            |other: &SeenCredential| owner.shares_kinds && other.owner == owner.number && other.kind != kind;
        if let Some(other) = self.credentials.iter().find(|other| other.digest == digest && !one_way_in(other)) {
            let message = format!(
                "{} of {} is the same as {} of {} at {}",
                kind.name(),
                owner.title,
                other.kind.name(),
                other.title,
                other.place
            );
            problems.add(&place, message, "give each its own; `clockfold key new` makes one");
        }
        let (title, owner) = (owner.title.clone(), owner.number);
        self.credentials.push(SeenCredential { digest, kind, title, owner, place });
    }
}

fn read(node: Node, kind: Kind, problems: &mut Problems) -> Option<Credential> {
    let Value::Table(_) = node.value else {
        let (place, text) = text(node, kind.name(), problems)?;
        return Some(Credential { digest: digest(&place, &text, kind, problems)?, expires_at: None });
    };
    let title = format!("the table of {}", kind.name());
    let mut table = Section::of_node(&title, node, &key::names(KEYS), problems)?;
    let expires_at = table.take("expires").and_then(|node| expiry(node, problems));
    let Some(node) = table.take("key") else {
        problems.add(
            &table.place,
            format!("{title} has no `key`"),
            "write { key = \"…\", expires = 2026-12-31T00:00:00Z }",
        );
        return None;
    };
    let (place, text) = text(node, "`key`", problems)?;
    Some(Credential { digest: digest(&place, &text, kind, problems)?, expires_at })
}

fn digest(place: &Location, text: &str, kind: Kind, problems: &mut Problems) -> Option<CredentialDigest> {
    if text.starts_with(DIGEST_PREFIX) {
        let digest = text.parse().ok();
        if digest.is_none() {
            problems.add(
                place,
                format!("{} is not a digest: {InvalidDigest}", kind.name()),
                "`clockfold key new` prints one",
            );
        }
        return digest;
    }
    // A key is compared in its normal form, so two that differ only in spelling are the same here too.
    let secret = match kind {
        Kind::RouteKey => normalise_route_key(text),
        Kind::Token => text.to_owned(),
    };
    match fault(text, &secret, kind) {
        None => Some(digest_of(secret.as_bytes())),
        Some((message, hint)) => {
            problems.add(place, format!("{} {message}", kind.name()), hint);
            None
        }
    }
}

/// What is wrong with a secret, as it is `written` and as it is compared, and what to do.
fn fault(written: &str, secret: &str, kind: Kind) -> Option<(String, &'static str)> {
    if secret.chars().count() < SECRET_CHARACTERS_MIN {
        let message = format!("is shorter than {SECRET_CHARACTERS_MIN} characters and could be guessed");
        return Some((message, "`clockfold key new` makes a good one"));
    }
    match kind {
        Kind::RouteKey => {
            // The characters of a path (RFC 3986, section 3.3).
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._~-/%!$&'()*+,;=:@".contains(&byte);
            if !written.trim().bytes().all(allowed) {
                Some((
                    "has a character that can't stand in a URL as it is".to_owned(),
                    "use only letters, digits, and . _ ~ - /, or write the key as it stands in the URL, percent-encoded",
                ))
            } else if secret.split('/').any(|segment| matches!(segment, "." | "..")) {
                let message = "has a path segment that is only dots, which senders take out of a URL";
                Some((message.to_owned(), "write only what comes after /webhook/"))
            } else {
                None
            }
        }
        Kind::Token => {
            let visible = secret.bytes().all(|byte| byte.is_ascii_graphic());
            (!visible).then(|| {
                (
                    "has a character that can't stand in a header".to_owned(),
                    "use only visible ASCII characters, without spaces",
                )
            })
        }
    }
}

fn expiry(node: Node, problems: &mut Problems) -> Option<DateTime<Utc>> {
    let time = match &node.value {
        Value::Time(time) => time.to_string(),
        Value::Text(text) => text.clone(),
        _ => String::new(),
    };
    let expires_at = DateTime::parse_from_rfc3339(&time).ok().map(|time| time.to_utc());
    if expires_at.is_none() {
        let hint = "write one such as 2026-12-31T00:00:00Z";
        problems.add(&node.place, "`expires` is not a time with a date and an offset from UTC (RFC 3339)", hint);
    }
    expires_at
}
