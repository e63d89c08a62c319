//! The `[lifecycle.NAME]` tables: lifecycles of one's own, which a source may choose by name.
//!
//! A row is an event and the statuses that it is applied from. This refuses a table that makes no sense, and one under
//! which a status can never be reached: nobody would want that, or notice it before long.

use crate::lifecycle::{EventKind, EventType, Lifecycle, MetSet, Obstacle, Status, obstacles};

use super::{
    document::{Node, Section, Setting, Value, text},
    error::{Location, Problems, shown, shown_or, suggestion},
    settings::key::{self, Absent, ConfigKey, Kind},
};

/// The keys of a `[lifecycle.NAME]`: what it is based on, and a row for each event but the undos.
pub(super) const KEYS: &[ConfigKey] = &[
    ConfigKey::new(
        EXTENDS,
        Kind::OneOf(&Lifecycle::BUILT_IN),
        Absent::Otherwise("a row that is absent is never applied"),
        "The built-in lifecycle that an absent row is taken from.",
    ),
    row("create"),
    row("reschedule"),
    row("demographics_update"),
    row("checkin"),
    row("remove"),
    row("ready"),
    row("callback"),
    row("discharge"),
];

const fn row(event: &'static str) -> ConfigKey {
    let meaning = "From which statuses this event is applied. `NONE` is an appointment that does not exist yet.";
    ConfigKey::new(event, Kind::List("statuses"), Absent::Otherwise("as in `extends`"), meaning)
}

const EXTENDS: &str = "extends";
const NONE: &str = "NONE";
const NAME_CHARACTERS_MAX: usize = 64;

/// The lifecycles that a source may choose.
pub(super) struct Lifecycles {
    custom: Vec<Lifecycle>,
    /// Whether a table may have been meant as a lifecycle that could not be read.
    incomplete: bool,
}

impl Lifecycles {
    /// Reads the tables. One with mistakes is kept too, so that a source may name it without another mistake.
    pub(super) fn read(node: Option<Node>, problems: &mut Problems) -> Lifecycles {
        let mut lifecycles = Lifecycles { custom: Vec::new(), incomplete: false };
        let Some(node) = node else { return lifecycles };
        let hint = "begin each one with [lifecycle.NAME]; a variable holds a table of tables: { NAME = { extends = \"strict\" } }";
        let Value::Table(table) = node.value else {
            problems.add(&node.place, "`lifecycle` is not a table of lifecycles", hint);
            return Lifecycles { incomplete: true, ..lifecycles };
        };
        let is_table = |entry: &Setting| matches!(entry.node.value, Value::Table(_));
        // Rows without a lifecycle's name before them are together one mistake.
        let nameless = table.iter().filter(|(_, entry)| !is_table(entry)).min_by_key(|(_, entry)| entry.place.clone());
        if let Some((key, entry)) = nameless {
            problems.add(&entry.place, format!("[lifecycle] has a key{}, which is no table", shown(key)), hint);
            lifecycles.incomplete = true;
        }
        for (name, entry) in table.into_iter().filter(|(_, entry)| is_table(entry)) {
            refuse_name(&name, &entry.place, problems);
            lifecycles.custom.extend(read_one(&name, entry, problems));
        }
        lifecycles
    }

    /// The lifecycle that a source names; `None` where there is none, which is a mistake.
    pub(super) fn find(&self, name: &str) -> Option<Lifecycle> {
        let custom = || self.custom.iter().find(|lifecycle| lifecycle.name() == name).cloned();
        Lifecycle::built_in(name).ok().or_else(custom).or_else(|| self.incomplete.then(Lifecycle::strict))
    }

    /// The names that a source may write, but for those as long as a secret.
    pub(super) fn names(&self) -> Vec<&str> {
        let custom = self.custom.iter().map(Lifecycle::name).filter(|name| is_name(name) && !shown(name).is_empty());
        Lifecycle::BUILT_IN.into_iter().chain(custom).collect()
    }

    /// Those of the configuration, by name.
    pub(super) fn into_custom(self) -> Vec<Lifecycle> {
        self.custom
    }
}

fn refuse_name(name: &str, place: &Location, problems: &mut Problems) {
    if Lifecycle::built_in(name).is_ok() {
        let hint = format!("give yours another name; {EXTENDS} = \"{name}\" takes the rows that it does not have");
        problems.add(place, format!("the lifecycle `{name}` is built in and stays as it is"), hint);
    } else if !is_name(name) {
        let message =
            format!("{} can't name a lifecycle: the name is 1 to 64 of a-z, 0-9, _ and -", shown_or(name, "this"));
        problems.add(place, message, "write one such as [lifecycle.two-doors]");
    }
}

fn is_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte);
    (1..=NAME_CHARACTERS_MAX).contains(&name.len()) && name.bytes().all(allowed)
}

fn read_one(name: &str, entry: Setting, problems: &mut Problems) -> Option<Lifecycle> {
    let (place, title) = (entry.place, title(name));
    let Value::Table(mut table) = entry.node.value else { return None };
    let earlier = problems.count();
    table.retain(|key, entry| {
        let undo = EventType::from_name(key).filter(|event| is_undo(*event));
        undo.iter().for_each(|undo| refuse_undo(*undo, &title, &entry.place, problems));
        undo.is_none()
    });
    let mut table = Section::of_table(&title, place, table, &key::names(KEYS), problems);
    let base = extends(&mut table, problems);
    let mut given = Vec::new();
    let row = |event: EventType| {
        let from = table.key_place(event.name()).map(|place| {
            given.push((event, place));
            read_row(&mut table, event, problems)
        });
        (event, from.or_else(|| base.as_ref()?.applied_from(event)).unwrap_or_default())
    };
    let rows: Vec<(EventType, MetSet)> = events().map(row).collect();
    let lifecycle = Lifecycle::custom(name, &rows);
    // After another mistake, what was meant is unknown.
    if problems.count() == earlier {
        refuse_unreachable(&lifecycle, &title, &table.place, &given, problems);
    }
    Some(lifecycle)
}

fn title(name: &str) -> String {
    let shown = shown(name);
    if shown.is_empty() { "this lifecycle".to_owned() } else { format!("the lifecycle{shown}") }
}

/// The events that may have a row.
fn events() -> impl Iterator<Item = EventType> {
    EventType::ALL.into_iter().filter(|event| !is_undo(*event))
}

fn is_undo(event: EventType) -> bool {
    matches!(event.kind(), EventKind::Undo(_))
}

fn refuse_undo(undo: EventType, title: &str, place: &Location, problems: &mut Problems) {
    let message = format!("{title} can't have a row for `{}`", undo.name());
    let hint = "take the row out: an undo is applied where the step that it undoes is the last that stands";
    problems.add(place, message, hint);
}

fn extends(table: &mut Section, problems: &mut Problems) -> Option<Lifecycle> {
    let (place, text) = table.text(EXTENDS, problems)?;
    let base = Lifecycle::built_in(&text).ok();
    if base.is_none() {
        let message = format!("there is no built-in lifecycle{}", shown(&text));
        problems.add(&place, message, suggestion(&text, &Lifecycle::BUILT_IN));
    }
    base
}

fn read_row(table: &mut Section, event: EventType, problems: &mut Problems) -> MetSet {
    let mut from = MetSet::default();
    for node in table.list(event.name(), problems) {
        let Some((place, text)) = text(node, "a status", problems) else { continue };
        match Status::from_name(&text) {
            None if text == NONE => from = from.and_none(),
            None => {
                let known: Vec<&str> = std::iter::once(NONE).chain(Status::ALL.map(Status::name)).collect();
                problems.add(&place, format!("there is no status{}", shown(&text)), suggestion(&text, &known));
            }
            status => from = from.with(status),
        }
    }
    from
}

/// One mistake for each row that keeps statuses from being reached, and one for all missing rows.
fn refuse_unreachable(
    lifecycle: &Lifecycle,
    title: &str,
    place: &Location,
    given: &[(EventType, Location)],
    problems: &mut Problems,
) {
    let never = |statuses: &[Status]| {
        let statuses: Vec<&str> =
            Status::ALL.iter().filter(|one| statuses.contains(one)).map(|one| one.name()).collect();
        format!("under {title} {} can never be reached", list(&statuses, "and"))
    };
    let mut missing: Vec<Obstacle> = Vec::new();
    for obstacle in obstacles(lifecycle) {
        match given.iter().find(|(event, _)| *event == obstacle.event) {
            Some((_, place)) => problems.add(place, never(&obstacle.statuses), hint(&obstacle)),
            None => missing.push(obstacle),
        }
    }
    if !missing.is_empty() {
        let statuses: Vec<Status> = missing.iter().flat_map(|obstacle| obstacle.statuses.clone()).collect();
        let rows: Vec<String> = missing.iter().map(|obstacle| format!("`{}`", obstacle.event.name())).collect();
        let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
        let hint = format!(
            "add a row for {}, or take the rows that are missing from a built-in lifecycle: {EXTENDS} = \"strict\"",
            list(&rows, "and")
        );
        problems.add(place, never(&statuses), hint);
    }
}

fn hint(obstacle: &Obstacle) -> String {
    let row = obstacle.event.name();
    let reached: Vec<&str> = obstacle.reached.iter().flatten().map(Status::name).collect();
    match reached[..] {
        [] => format!("let the row `{row}` have {NONE}: nothing begins an appointment"),
        [status] => format!("let the row `{row}` have {status}, which is reached"),
        _ => format!("let the row `{row}` have a status that is reached: {}", list(&reached, "or")),
    }
}

fn list(names: &[&str], last: &str) -> String {
    match names.split_last() {
        Some((name, rest)) if !rest.is_empty() => format!("{} {last} {name}", rest.join(", ")),
        _ => names.concat(),
    }
}
