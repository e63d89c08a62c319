//! A `[[source]]` table: a sender, what lets it in, and how its deliveries are folded.

use chrono::TimeDelta;
use chrono_tz::{TZ_VARIANTS, Tz};

use crate::{
    access::{Require, SourceAccess},
    graphql::{LONG_WAIT_MINUTES, VERY_LONG_WAIT_MINUTES},
    lifecycle::{FoldRules, Lifecycle},
    log::{InvalidSourceName, SourceName},
};

use super::{
    credentials::{self, Owner, Seen},
    document::{Node, Section},
    error::{Location, Problems, shown, shown_or, suggestion},
    lifecycle::Lifecycles,
    settings::key::{self, Absent, ConfigKey, Kind},
};

/// Headers that many deliveries share.
const NO_ID_HEADERS: [&str; 4] = ["content-type", "content-length", "host", "user-agent"];
/// Parts of the names of headers with a secret, or with the sender.
const NO_ID_PARTS: [&str; 9] =
    ["auth", "token", "secret", "signature", "api-key", "apikey", "password", "cookie", "forwarded"];
/// Deliveries that overtake each other do so by seconds. With an hour, a rejection would rarely be final.
const REORDER_WINDOW_S: u32 = 0;
const REORDER_WINDOW_S_RANGE: (u32, u32) = (0, 3600);
const STALE_AFTER_HOURS: u32 = 24;
const STALE_AFTER_HOURS_RANGE: (u32, u32) = (1, 24 * 366);
const BOOKING_HORIZON_DAYS: u32 = 30;
const BOOKING_HORIZON_DAYS_RANGE: (u32, u32) = (1, 3660);
/// Up to a day.
const WAIT_MINUTES_RANGE: (u32, u32) = (1, 24 * 60);

/// The keys of a `[[source]]`.
pub(super) const KEYS: &[ConfigKey] = &[
    ConfigKey::new(
        "name",
        Kind::Text("name of `a-z`, `0-9` and `-`, up to 64 characters"),
        Absent::Required,
        "Who sends. The log keeps the name with every delivery, so it never changes.",
    ),
    ConfigKey::new(
        "route_keys",
        Kind::List("credentials"),
        Absent::Otherwise("none"),
        "What may stand after `/webhook/` in the URL.",
    ),
    ConfigKey::new(
        "authtokens",
        Kind::List("credentials"),
        Absent::Otherwise("none"),
        "What may stand in the header `Authtoken`. A source needs a credential of either kind.",
    ),
    ConfigKey::new(
        "require",
        Kind::OneOf(REQUIRE),
        Absent::Text("any"),
        "With credentials of both kinds: whether a delivery needs one or both.",
    ),
    ConfigKey::new(
        "lifecycle",
        Kind::Text("name of a lifecycle: `strict`, `walk_in`, `lenient`, or one of `[lifecycle.NAME]`"),
        Absent::Text("strict"),
        "By which rules deliveries are applied.",
    ),
    ConfigKey::number(
        "reorder_window_s",
        REORDER_WINDOW_S_RANGE,
        "seconds",
        REORDER_WINDOW_S,
        "How far apart two deliveries may arrive in the wrong order. 5 is a good value for a clinic that goes live.",
    ),
    ConfigKey::new(
        "delivery_id_header",
        Kind::Text("header's name"),
        Absent::Otherwise("every delivery is kept"),
        "The header with the sender's own id of each delivery, such as `Idempotency-Key`. A repeat is kept once.",
    ),
    ConfigKey::number(
        "stale_after_hours",
        STALE_AFTER_HOURS_RANGE,
        "hours",
        STALE_AFTER_HOURS,
        "A patient who is CHECKED_IN, READY or CALLED_BACK leaves the board's columns after so long without a delivery.",
    ),
    ConfigKey::number(
        "booking_horizon_days",
        BOOKING_HORIZON_DAYS_RANGE,
        "days",
        BOOKING_HORIZON_DAYS,
        "A SCHEDULED appointment leaves the board's columns after so long without a delivery.",
    ),
    ConfigKey::new(
        "time_zone",
        Kind::Text("IANA time zone, such as `America/New_York`"),
        Absent::Text("UTC"),
        "The clinic's hours and days, by which patient flow counts.",
    ),
    ConfigKey::number(
        "long_wait_minutes",
        WAIT_MINUTES_RANGE,
        "minutes",
        LONG_WAIT_MINUTES,
        "From then on the board marks a wait as long.",
    ),
    ConfigKey::number(
        "very_long_wait_minutes",
        WAIT_MINUTES_RANGE,
        "minutes",
        VERY_LONG_WAIT_MINUTES,
        "From then on the board marks a wait as very long. At least `long_wait_minutes`.",
    ),
];

const REQUIRE: &[&str] = &["any", "all"];

/// A sender.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceConfig {
    /// Its name and what lets it in.
    pub access: SourceAccess,
    /// How its deliveries are folded.
    pub rules: FoldRules,
    /// After how many hours without a delivery an appointment that is here is stale.
    pub stale_after_hours: u32,
    /// After how many days without a delivery a booked appointment is stale.
    pub booking_horizon_days: u32,
    /// The clinic's time zone.
    pub time_zone: Tz,
    /// A patient who waits for this many minutes waits long.
    pub long_wait_minutes: u32,
    /// A patient who waits for this many minutes waits very long; at least `long_wait_minutes`.
    pub very_long_wait_minutes: u32,
}

/// Reads a source. `None` only where it has no usable name.
pub(super) fn read(
    node: Node,
    lifecycles: &Lifecycles,
    seen: &mut Seen,
    problems: &mut Problems,
) -> Option<SourceConfig> {
    let mut table = Section::of_node("[[source]]", node, &key::names(KEYS), problems)?;
    let name = name(&mut table, problems);
    let require = require(&mut table, problems);
    let lifecycle = lifecycle(&mut table, lifecycles, problems);
    let seconds = table.number("reorder_window_s", REORDER_WINDOW_S_RANGE, REORDER_WINDOW_S, problems);
    let rules = FoldRules { lifecycle, reorder_window: TimeDelta::seconds(seconds.into()) };
    let delivery_id_header = delivery_id_header(&mut table, problems);
    let stale_after_hours = table.number("stale_after_hours", STALE_AFTER_HOURS_RANGE, STALE_AFTER_HOURS, problems);
    let booking_horizon_days =
        table.number("booking_horizon_days", BOOKING_HORIZON_DAYS_RANGE, BOOKING_HORIZON_DAYS, problems);
    let time_zone = time_zone(&mut table, problems);
    let (long_wait_minutes, very_long_wait_minutes) = waits(&mut table, problems);
    let (keys, tokens) = (table.list("route_keys", problems), table.list("authtokens", problems));
    refuse_missing_credentials(&table.place, require, keys.len(), tokens.len(), problems);
    let owner = Owner::source(name.as_ref(), require, seen);
    let route_keys = credentials::read_route_keys(keys, &owner, seen, problems);
    let authtokens = credentials::read_tokens(tokens, &owner, seen, problems);
    let access = SourceAccess { name: name?, route_keys, authtokens, require, delivery_id_header };
    Some(SourceConfig {
        access,
        rules,
        stale_after_hours,
        booking_horizon_days,
        time_zone,
        long_wait_minutes,
        very_long_wait_minutes,
    })
}

fn name(table: &mut Section, problems: &mut Problems) -> Option<SourceName> {
    let Some(node) = table.take("name") else {
        problems.add(&table.place, "a source has no `name`", "write name = \"downtown\"; it never changes afterwards");
        return None;
    };
    let (place, text) = super::document::text(node, "`name`", problems)?;
    let name = text.parse().ok();
    if name.is_none() {
        let message = format!("{} can't name a source: {InvalidSourceName}", shown_or(&text, "this"));
        problems.add(&place, message, "write one such as downtown");
    }
    name
}

fn require(table: &mut Section, problems: &mut Problems) -> Require {
    match table.text("require", problems) {
        None => Require::default(),
        Some((_, text)) if text == "any" => Require::Any,
        Some((_, text)) if text == "all" => Require::All,
        Some((place, text)) => {
            let message = format!("`require`{} is neither \"any\" nor \"all\"", shown(&text));
            problems.add(&place, message, suggestion(&text, REQUIRE));
            Require::default()
        }
    }
}

fn lifecycle(table: &mut Section, lifecycles: &Lifecycles, problems: &mut Problems) -> Lifecycle {
    let Some((place, text)) = table.text("lifecycle", problems) else { return Lifecycle::strict() };
    lifecycles.find(&text).unwrap_or_else(|| {
        let message = format!("there is no lifecycle{}", shown(&text));
        problems.add(&place, message, suggestion(&text, &lifecycles.names()));
        Lifecycle::strict()
    })
}

/// A header's name (RFC 9110, section 5.1), in lower case. Its value goes into the log: no header with a secret.
fn delivery_id_header(table: &mut Section, problems: &mut Problems) -> Option<String> {
    let (place, text) = table.text("delivery_id_header", problems)?;
    let name = text.to_ascii_lowercase();
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || !name.bytes().all(allowed) {
        let message = format!("`delivery_id_header`{} is not a header's name", shown(&text));
        problems.add(&place, message, "write one such as Idempotency-Key or webhook-id, or leave it out");
    } else if NO_ID_HEADERS.contains(&name.as_str()) || NO_ID_PARTS.iter().any(|part| name.contains(part)) {
        let message = format!("`delivery_id_header` `{name}` does not hold a delivery's id");
        problems.add(&place, message, "name the header in which the sender gives each delivery an id of its own");
    }
    Some(name)
}

fn time_zone(table: &mut Section, problems: &mut Problems) -> Tz {
    let Some((place, text)) = table.text("time_zone", problems) else { return Tz::UTC };
    text.parse().unwrap_or_else(|_| {
        let message = format!("`time_zone`{} is not a time zone's name", shown(&text));
        let names: Vec<&str> = TZ_VARIANTS.iter().map(|zone| zone.name()).collect();
        let hint = match suggestion(&text, &names) {
            hint if hint.starts_with("did you mean") => hint,
            _ => "write an IANA name such as America/New_York".to_owned(),
        };
        problems.add(&place, message, hint);
        Tz::UTC
    })
}

/// From how many minutes on a wait is long, and very long.
fn waits(table: &mut Section, problems: &mut Problems) -> (u32, u32) {
    let of_long = table.key_place("long_wait_minutes");
    let of_very_long = table.key_place("very_long_wait_minutes");
    let long = table.number("long_wait_minutes", WAIT_MINUTES_RANGE, LONG_WAIT_MINUTES, problems);
    let very_long = table.number("very_long_wait_minutes", WAIT_MINUTES_RANGE, VERY_LONG_WAIT_MINUTES, problems);
    if let Some(place) = of_very_long.or(of_long).filter(|_| very_long < long) {
        let message = format!("`very_long_wait_minutes` is {very_long}, less than the {long} of `long_wait_minutes`");
        problems.add(&place, message, format!("write very_long_wait_minutes = {}", (2 * long).min(24 * 60)));
    }
    (long, very_long)
}

fn refuse_missing_credentials(place: &Location, require: Require, keys: usize, tokens: usize, problems: &mut Problems) {
    if keys == 0 && tokens == 0 {
        let hint = "give it route_keys or authtokens; `clockfold key new` makes one";
        problems.add(place, "a source has no credential, so nothing could be delivered to it", hint);
    } else if require == Require::All && (keys == 0 || tokens == 0) {
        let missing = if keys == 0 { "route_keys" } else { "authtokens" };
        let message = format!("a source with require = \"all\" needs both kinds of credential, and has no {missing}");
        problems.add(place, message, format!("add {missing}, or leave `require` out"));
    }
}
