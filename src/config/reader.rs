//! A `[[reader]]` table: who may ask, what for, and about which sources.

use std::{collections::BTreeSet, num::NonZeroU32};

use crate::{
    access::{ReaderAccess, Role},
    log::SourceName,
};

use super::{
    credentials::{self, Owner, Seen},
    document::{Node, Section, text},
    error::{Problems, shown, suggestion},
    settings::key::{self, Absent, ConfigKey, Kind},
};

/// The keys of a `[[reader]]`.
pub(super) const KEYS: &[ConfigKey] = &[
    ConfigKey::new("name", Kind::Text("name of 1 to 64 characters"), Absent::Required, "Who reads."),
    ConfigKey::new(
        "token",
        Kind::Credential,
        Absent::Required,
        "What this reader sends as `Authorization: Bearer …`, or types into the sign-in page once.",
    ),
    ConfigKey::new(
        "tokens",
        Kind::List("credentials"),
        Absent::Otherwise("only `token`"),
        "Several that count at once, such as an old one and a new one. Either this or `token` has to be there.",
    ),
    ConfigKey::new(
        "role",
        Kind::OneOf(ROLES),
        Absent::Text("viewer"),
        "An `admin` also sees bodies; an admin of all sources may rebuild, export and read the metrics.",
    ),
    ConfigKey::new(
        "sources",
        Kind::List("names of sources"),
        Absent::Otherwise("all"),
        "The sources that this reader may see.",
    ),
    ConfigKey::number(
        "idle_sign_out_minutes",
        IDLE_SIGN_OUT_MINUTES_RANGE,
        "minutes",
        IDLE_SIGN_OUT_MINUTES,
        "A browser with nobody at it is signed out after so long. 0 means never, for a screen on a wall.",
    ),
];

const ROLES: &[&str] = &["viewer", "admin"];

const NAME_CHARACTERS_MAX: usize = 64;
const IDLE_SIGN_OUT_MINUTES: u32 = 15;
/// 0: never. Up to a day.
const IDLE_SIGN_OUT_MINUTES_RANGE: (u32, u32) = (0, 24 * 60);

/// Reads a reader. `None` only where it has no usable name.
pub(super) fn read(
    node: Node,
    known: &BTreeSet<SourceName>,
    seen: &mut Seen,
    problems: &mut Problems,
) -> Option<ReaderAccess> {
    let mut table = Section::of_node("[[reader]]", node, &key::names(KEYS), problems)?;
    let name = name(&mut table, problems);
    let role = role(&mut table, problems);
    let sources = sources(&mut table, known, problems);
    let idle = table.number("idle_sign_out_minutes", IDLE_SIGN_OUT_MINUTES_RANGE, IDLE_SIGN_OUT_MINUTES, problems);
    let mut nodes = table.list("tokens", problems);
    nodes.extend(table.take("token"));
    if nodes.is_empty() {
        problems.add(&table.place, "a reader has no `token`", "give it one; `clockfold key new` makes it");
    }
    let owner = Owner::reader(name.as_deref(), seen);
    let tokens = credentials::read_tokens(nodes, &owner, seen, problems);
    Some(ReaderAccess { name: name?, tokens, role, sources, idle_sign_out_minutes: NonZeroU32::new(idle) })
}

fn name(table: &mut Section, problems: &mut Problems) -> Option<String> {
    let Some(node) = table.take("name") else {
        problems.add(&table.place, "a reader has no `name`", "write name = \"front-desk\"");
        return None;
    };
    let (place, text) = text(node, "`name`", problems)?;
    let usable = (1..=NAME_CHARACTERS_MAX).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    if !usable {
        problems.add(
            &place,
            "a reader's name is 1 to 64 characters, none of them a control character",
            "write one such as front-desk",
        );
    }
    usable.then_some(text)
}

fn role(table: &mut Section, problems: &mut Problems) -> Role {
    match table.text("role", problems) {
        None => Role::default(),
        Some((_, text)) if text == "viewer" => Role::Viewer,
        Some((_, text)) if text == "admin" => Role::Admin,
        Some((place, text)) => {
            let message = format!("there is no role{}", shown(&text));
            problems.add(&place, message, suggestion(&text, ROLES));
            Role::default()
        }
    }
}

fn sources(table: &mut Section, known: &BTreeSet<SourceName>, problems: &mut Problems) -> Option<BTreeSet<SourceName>> {
    let place = table.key_place("sources")?;
    let nodes = table.list("sources", problems);
    if nodes.is_empty() {
        problems.add(
            &place,
            "`sources` names no source, so the reader would see nothing",
            "leave the key out for all sources",
        );
    }
    let mut sources = BTreeSet::new();
    for node in nodes {
        let Some((place, text)) = text(node, "a source's name", problems) else { continue };
        match text.parse::<SourceName>().ok().filter(|name| known.contains(name)) {
            Some(name) => drop(sources.insert(name)),
            None => {
                let known: Vec<&str> = known.iter().map(SourceName::as_str).collect();
                problems.add(
                    &place,
                    format!("the source{} is not configured", shown(&text)),
                    suggestion(&text, &known),
                );
            }
        }
    }
    Some(sources)
}
