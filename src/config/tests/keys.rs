//! The list of settings says of each key what the code makes of it.

use super::*;
use crate::config::settings::key::ConfigKey;

/// A file that has this line in a table, and the other lines that the table needs.
fn file(table: &ConfigTable, key: &str, line: &str) -> String {
    let unless = |other: &str, text: &str| if key == other { String::new() } else { format!("{text}\n") };
    let credential = format!("{} = [\"{KEY}\"]", if key == "route_keys" { "authtokens" } else { "route_keys" });
    let beside = match key {
        // A long wait is no longer than a very long one.
        "long_wait_minutes" => "very_long_wait_minutes = 1440\n",
        "very_long_wait_minutes" => "long_wait_minutes = 1\n",
        // With both kinds of credential, either `require` is in order.
        "require" => "authtokens = [\"a-token-of-the-downtown-clinic\"]\n",
        _ => "",
    };
    match table.heading {
        "" => format!("{line}\n"),
        "[[source]]" => format!("[[source]]\n{}{credential}\n{beside}{line}\n", unless("name", "name = \"a\"")),
        "[[reader]]" => {
            let token = unless("token", &format!("token = \"{TOKEN}\""));
            format!("[[reader]]\n{}{token}{line}\n", unless("name", "name = \"r\""))
        }
        "[lifecycle.NAME]" => format!("[lifecycle.busy]\n{}{line}\n", unless("extends", "extends = \"strict\"")),
        "{ key, expires }" => {
            let key = unless("key", &format!("key = \"{TOKEN}\",")).trim_end().to_owned();
            format!("[[reader]]\nname = \"r\"\ntoken = {{ {key} {line} }}\n")
        }
        heading => format!("{heading}\n{line}\n"),
    }
}

/// Every key, with its table.
fn settings() -> impl Iterator<Item = (&'static ConfigTable, &'static ConfigKey)> {
    TABLES.iter().flat_map(|table| table.keys.iter().map(move |setting| (table, setting)))
}

#[test]
fn what_is_said_to_hold_without_a_key_holds() {
    for (table, setting) in settings() {
        let key = setting.key;
        let absent = load(&file(table, key, ""), &[]);
        let line = match setting.absent {
            Absent::Number(number) => format!("{key} = {number}"),
            Absent::Text(text) => format!("{key} = \"{text}\""),
            Absent::Otherwise(_) => continue,
            Absent::Required => {
                let error = absent.expect_err(key);
                assert!(error.contains(&format!("has no `{key}`")), "{key}: {error}");
                continue;
            }
        };
        assert_eq!(load(&file(table, key, &line), &[]), absent, "{key}");
    }
    let of_connections = settings().find(|(_, setting)| setting.key == "connections_max").unwrap().1;
    let said = format!("{:?}", of_connections.absent);
    assert!(said.contains(&CONNECTIONS_MAX.to_string()), "{said}");
}

#[test]
fn every_value_that_a_key_is_said_to_hold_is_taken_and_no_other() {
    for (table, setting) in settings() {
        let key = setting.key;
        let read = |value: &str| load(&file(table, key, &format!("{key} = {value}")), &[]);
        match setting.kind {
            Kind::Number { least, most, .. } => {
                for value in [least, most] {
                    read(&value.to_string()).unwrap();
                }
                for value in [i64::from(least) - 1, i64::from(most) + 1] {
                    let error = read(&value.to_string()).expect_err(key);
                    assert!(error.contains(&format!("`{key}` is out of range")), "{error}");
                }
            }
            Kind::OneOf(texts) => {
                texts.iter().for_each(|text| drop(read(&format!("\"{text}\"")).unwrap()));
                assert!(read("\"another\"").is_err(), "{key}");
            }
            Kind::Boolean => {
                ["true", "false"].iter().for_each(|value| drop(read(value).unwrap()));
                assert!(read("1").is_err(), "{key}");
            }
            Kind::Text(_) | Kind::Time | Kind::Credential => assert!(read("7").is_err(), "{key}"),
            Kind::List(_) => assert!(read("\"no list\"").unwrap_err().contains("not a list"), "{key}"),
        }
    }
}

#[test]
fn every_table_of_the_file_is_told_and_every_row_of_a_lifecycle() {
    let mut told: Vec<&str> = TABLES.iter().map(|table| table.name().trim_end_matches(".NAME")).collect();
    told.retain(|name| !name.is_empty() && !name.contains(' '));
    assert_eq!(told.iter().copied().collect::<BTreeSet<_>>(), TABLE_NAMES.iter().copied().collect());
    let rows = &settings::key::names(crate::config::lifecycle::KEYS)[1..];
    let is_row = |event: &crate::lifecycle::EventType| !event.name().starts_with("undo_");
    let events = crate::lifecycle::EventType::ALL.into_iter().filter(is_row);
    assert_eq!(rows, events.map(|event| event.name()).collect::<Vec<_>>());
}
