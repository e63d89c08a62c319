//! Lifecycles of one's own: what a table means, and every mistake in one.

use crate::lifecycle::{EventType, Lifecycle, Met, MetSet, Status};

use super::*;

/// Rows under which every status is reached, from line 2 on.
const ROWS: &str = r#"create = ["NONE"]
checkin = ["NONE", "SCHEDULED"]
ready = ["CHECKED_IN"]
callback = ["READY"]
discharge = ["CALLED_BACK"]
remove = ["SCHEDULED"]
"#;

/// The only lifecycle of a file with these lines.
fn read(lines: &str) -> Lifecycle {
    let config = load(&format!("[lifecycle.busy]\n{lines}"), &[]).unwrap();
    let [lifecycle] = &config.lifecycles[..] else { panic!("{lines}") };
    assert_eq!(lifecycle.name(), "busy");
    lifecycle.clone()
}

fn from(lifecycle: &Lifecycle, event: EventType) -> Vec<Met> {
    lifecycle.applied_from(event).unwrap().iter().collect()
}

/// A file with this lifecycle has one mistake, on this line.
fn check_rows(rows: &str, line: usize, expected: &str) {
    let source = format!("[[source]]\nname = \"downtown\"\nroute_keys = [\"{KEY}\"]\nlifecycle = \"busy\"\n");
    check(&format!("[lifecycle.busy]\n{rows}\n{source}"), &format!("clockfold.toml:{line}: {expected}"));
}

#[test]
fn a_table_has_the_rows_that_are_given_and_no_others() {
    let busy = read(ROWS);
    assert_eq!(from(&busy, EventType::Checkin), [None, Some(Status::Scheduled)]);
    assert_eq!(from(&busy, EventType::Discharge), [Some(Status::CalledBack)]);
    // A detail that is never applied is no mistake.
    assert_eq!(from(&busy, EventType::Reschedule), []);
    assert_eq!(from(&busy, EventType::DemographicsUpdate), []);
    let with_detail = read(&format!("{ROWS}reschedule = [\"SCHEDULED\", \"SCHEDULED\"]\n"));
    assert_eq!(from(&with_detail, EventType::Reschedule), [Some(Status::Scheduled)]);
}

#[test]
fn a_table_takes_the_rows_that_are_not_given_from_a_built_in_one() {
    for base in Lifecycle::BUILT_IN {
        let built_in = Lifecycle::built_in(base).unwrap();
        assert_eq!(read(&format!("extends = \"{base}\"")).rule_bytes(), built_in.rule_bytes());
        let busy = read(&format!("ready = [\"SCHEDULED\"]\nextends = \"{base}\"\nreschedule = []"));
        for event in EventType::ALL {
            let expected = match event {
                EventType::Ready => Some(MetSet::of(&[Status::Scheduled])),
                EventType::Reschedule => Some(MetSet::default()),
                _ => built_in.applied_from(event),
            };
            assert_eq!(busy.applied_from(event), expected, "{base}: {event:?}");
        }
    }
}

#[test]
fn a_source_chooses_one_by_name() {
    let source = |name: &str, key: &str, lifecycle: &str| {
        format!("[[source]]\nname = \"{name}\"\nroute_keys = [\"{key}\"]\nlifecycle = \"{lifecycle}\"\n")
    };
    // Before or after it, and one that no source chooses is fine.
    let file = source("a", KEY, "two-doors_2")
        + &format!("[lifecycle.two-doors_2]\n{ROWS}[lifecycle.unused]\nextends = \"lenient\"\n")
        + &source("b", TOKEN, "walk_in");
    let config = load(&file, &[]).unwrap();
    let names: Vec<&str> = config.lifecycles.iter().map(Lifecycle::name).collect();
    assert_eq!(names, ["two-doors_2", "unused"]);
    assert_eq!(config.sources[0].rules.lifecycle, config.lifecycles[0]);
    assert_eq!(config.sources[1].rules.lifecycle, Lifecycle::walk_in());
    let named = |lifecycle: &str, expected: &str| {
        let file = source("a", KEY, lifecycle) + "[lifecycle.busy]\nextends = \"strict\"\n";
        check(&file, &format!("clockfold.toml:4: there is no lifecycle `{lifecycle}`\n  hint: {expected}"));
    };
    named("bussy", "did you mean `busy`?");
    named("walkin", "did you mean `walk_in`?");
    named("elsewhere", "there is: strict, walk_in, lenient, busy");
    // A name as long as a secret may be a secret in the wrong place.
    let file = source("a", KEY, "busi") + &format!("[lifecycle.{TOKEN}]\nextends = \"strict\"\n");
    check(&file, "clockfold.toml:4: there is no lifecycle `busi`\n  hint: there is: strict, walk_in, lenient");
}

#[test]
fn the_variable_takes_the_place_of_the_files() {
    let file = format!(
        "[lifecycle.old]\nextends = \"strict\"\n[[source]]\nname = \"a\"\nroute_keys = [\"{KEY}\"]\nlifecycle = \"busy\"\n"
    );
    let tables = r#"{ busy = { extends = "walk_in", checkin = ["NONE"] }, quiet = { extends = "strict" } }"#;
    let config = load(&file, &[("CLOCKFOLD_LIFECYCLE", tables)]).unwrap();
    assert_eq!(config.lifecycles.iter().map(Lifecycle::name).collect::<Vec<_>>(), ["busy", "quiet"]);
    assert_eq!(from(&config.sources[0].rules.lifecycle, EventType::Checkin), [None]);
    for (tables, expected) in [
        (
            "{ busy = { extends = \"strickt\" } }",
            "there is no built-in lifecycle `strickt`\n  hint: did you mean `strict`?",
        ),
        ("{ busy = [] }", "[lifecycle] has a key `busy`, which is no table"),
        ("[{ name = \"busy\" }]", "`lifecycle` is not a table of lifecycles"),
        ("busy", "this is not TOML"),
    ] {
        let errors = load("", &[("CLOCKFOLD_LIFECYCLE", tables)]).unwrap_err();
        assert!(errors.starts_with(&format!("CLOCKFOLD_LIFECYCLE: {expected}")), "{errors}");
        assert_eq!(errors.matches("hint: ").count(), 1, "{errors}");
    }
}

#[test]
fn mistakes_in_a_row() {
    let extended = |row: &str, expected: &str| check_rows(&format!("extends = \"strict\"\n{row}"), 3, expected);
    extended("chekin = []", "the lifecycle `busy` has no key `chekin`\n  hint: did you mean `checkin`?");
    extended("name = \"x\"", "the lifecycle `busy` has no key `name`\n  hint: there is: extends, create, reschedule,");
    extended(
        "undo_checkin = [\"READY\"]",
        "the lifecycle `busy` can't have a row for `undo_checkin`\n  hint: take the row out: an undo is applied where",
    );
    extended("ready = [\"CHECKEDIN\"]", "there is no status `CHECKEDIN`\n  hint: did you mean `CHECKED_IN`?");
    extended("ready = [\"none\"]", "there is no status `none`\n  hint: did you mean `NONE`?");
    extended("ready = [\"HERE\"]", "there is no status `HERE`\n  hint: there is: NONE, SCHEDULED, CHECKED_IN, READY,");
    extended("ready = \"CHECKED_IN\"", "`ready` is a text, not a list");
    extended("ready = [7]", "a status is a whole number, not a text");
    check_rows(
        "extends = \"busy\"",
        2,
        "there is no built-in lifecycle `busy`\n  hint: there is: strict, walk_in, lenient",
    );
    check_rows("extends = []", 2, "`extends` is a list, not a text");
    // A possible secret is not shown.
    extended(&format!("ready = [\"{TOKEN}\"]"), "there is no status\n");
    extended(&format!("\"{TOKEN}\" = []"), "the lifecycle `busy` has no key\n");
    check_rows(&format!("extends = \"{TOKEN}\""), 2, "there is no built-in lifecycle\n");
    let file = format!("[lifecycle.{TOKEN}]\nextends = \"strict\"\nchekin = []\n");
    check(&file, "clockfold.toml:3: this lifecycle has no key `chekin`");
}

#[test]
fn mistakes_in_a_name() {
    let source =
        |name: &str| format!("[[source]]\nname = \"downtown\"\nroute_keys = [\"{KEY}\"]\nlifecycle = \"{name}\"\n");
    for name in ["Busy", "", "two doors", "café", "-".repeat(65).as_str()] {
        let shown = if name.len() > 60 { "this".to_owned() } else { format!("`{name}`") };
        let file = format!("\n[lifecycle.\"{name}\"]\nextends = \"strict\"\n{}", source(name));
        check(&file, &format!("clockfold.toml:2: {shown} can't name a lifecycle: the name is 1 to 64 of"));
    }
    let longest = "-".repeat(64);
    assert!(load(&format!("[lifecycle.{longest}]\nextends = \"strict\"\n{}", source(&longest)), &[]).is_ok());
    for name in Lifecycle::BUILT_IN {
        let file = format!("[lifecycle.{name}]\n{ROWS}{}", source(name));
        check(&file, &format!("clockfold.toml:1: the lifecycle `{name}` is built in and stays as it is"));
    }
    // Rows without a name before them are one mistake.
    check(&format!("[lifecycle]\n{ROWS}{}", source("busy")), "clockfold.toml:2: [lifecycle] has a key `create`, which");
    check(&format!("lifecycle = \"busy\"\n{}", source("busy")), "clockfold.toml:1: `lifecycle` is not a table of");
    check(
        &format!("[[lifecycle]]\nname = \"busy\"\n{}", source("busy")),
        "clockfold.toml:1: `lifecycle` is not a table",
    );
    check("[lifecycle.busy]\nextends = \"strict\"\n[lifecycle.busy]\n", "clockfold.toml:3: this is not TOML");
}

#[test]
fn a_table_under_which_a_status_is_never_reached_is_refused() {
    let without = |event: &str| -> String {
        ROWS.lines().filter(|line| !line.starts_with(event)).map(|line| format!("{line}\n")).collect()
    };
    let instead = |event: &str, row: &str| format!("{}{event} = {row}\n", without(event));
    // A row that is there is reported with its line; rows that depend on it are the same mistake.
    check_rows(
        &instead("ready", "[\"DISCHARGED\"]"),
        7,
        "under the lifecycle `busy` READY, CALLED_BACK and DISCHARGED can never be reached\n  hint: let the row `ready` have a status that is reached: SCHEDULED, CHECKED_IN or REMOVED",
    );
    check_rows(
        &instead("remove", "[]"),
        7,
        "under the lifecycle `busy` REMOVED can never be reached\n  hint: let the row `remove` have a status that is reached: SCHEDULED,",
    );
    check_rows(
        "extends = \"strict\"\ncreate = [\"SCHEDULED\"]",
        3,
        "under the lifecycle `busy` SCHEDULED, CHECKED_IN, READY, CALLED_BACK, DISCHARGED and REMOVED can never be reached\n  hint: let the row `create` have NONE: nothing begins an appointment",
    );
    // Rows that are missing are one mistake together.
    check_rows(
        &without("callback"),
        1,
        "under the lifecycle `busy` CALLED_BACK and DISCHARGED can never be reached\n  hint: add a row for `callback`, or take the rows that are missing from a built-in lifecycle: extends = \"strict\"",
    );
    check_rows(
        "create = [\"NONE\"]",
        1,
        "under the lifecycle `busy` CHECKED_IN, READY, CALLED_BACK, DISCHARGED and REMOVED can never be reached\n  hint: add a row for `checkin`, `ready`, `callback`, `discharge` and `remove`, or",
    );
    check_rows("", 1, "under the lifecycle `busy` SCHEDULED, CHECKED_IN,");
    // Two rows that have nothing to do with each other are two mistakes.
    let rows = format!("[lifecycle.busy]\n{}", instead("remove", "[]").replace("[\"CALLED_BACK\"]", "[]"));
    let errors = load(&rows, &[]).unwrap_err();
    assert!(errors.contains("toml:6: ") && errors.contains("toml:7: "), "{errors}");
    assert_eq!(errors.matches("hint: ").count(), 2, "{errors}");
    // Without `create`, SCHEDULED is where an undo of the first step leads.
    read(&without("create"));
}
