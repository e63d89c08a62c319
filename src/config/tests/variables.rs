//! Settings by variable and by flag.

use super::*;

fn check_variable(name: &str, value: &str, expected: &str) {
    let errors = load("", &[(name, value)]).expect_err(name);
    assert!(errors.starts_with(&format!("{name}: {expected}")), "{errors}");
}

#[test]
fn variables_go_over_the_file() {
    let file = "data_dir = \"a\"\n[server]\nlisten = \"1.1.1.1:1\"\nqueue_max = 7\n";
    let sources = format!("[{{ name = \"env\", route_keys = [\"{KEY}\"], long_wait_minutes = 5 }}]");
    let readers = format!("[{{ name = \"r\", token = \"{TOKEN}\", sources = [\"env\"], idle_sign_out_minutes = 0 }}]");
    let config = load(
        file,
        &[
            ("CLOCKFOLD_DATA_DIR", "2026"),
            ("CLOCKFOLD_LISTEN", "2.2.2.2:2"),
            ("CLOCKFOLD_ARCHIVE_DIRECTORY", "/mnt/archive"),
            ("CLOCKFOLD_RETENTION_BODIES_DAYS", "90"),
            ("CLOCKFOLD_SERVER_BODY_TIMEOUT_S", "9"),
            ("CLOCKFOLD_SERVER_LOG_FORMAT", "json"),
            ("CLOCKFOLD_SOURCE", &sources),
            ("CLOCKFOLD_READER", &readers),
        ],
    )
    .unwrap();
    assert_eq!(config.data_dir, Path::new("2026"));
    assert_eq!(config.archive.as_deref(), Some(Path::new("/mnt/archive")));
    assert_eq!(load("archive.directory = \"/mnt\"", &[]).unwrap().archive.as_deref(), Some(Path::new("/mnt")));
    assert_eq!(load(file, &[]).unwrap().archive, None);
    assert_eq!(config.bodies_days, Some(90));
    assert_eq!(load("retention.bodies_days = 36500", &[]).unwrap().bodies_days, Some(36_500));
    assert_eq!(load(file, &[]).unwrap().bodies_days, None);
    assert_eq!(config.server.listen.to_string(), "2.2.2.2:2");
    assert_eq!((config.server.queue_max, config.server.body_timeout), (7, Duration::from_secs(9)));
    assert_eq!(config.server.log_format, LogFormat::Json);
    assert_eq!((config.sources.len(), config.readers.len()), (1, 1));
    assert_eq!((config.sources[0].long_wait_minutes, config.readers[0].idle_sign_out_minutes), (5, None));
    assert_eq!(load("", &[("CLOCKFOLD_SERVER_LISTEN", "2.2.2.2:2")]).unwrap().server.listen.port(), 2);
}

#[test]
fn every_server_key_is_a_variable() {
    for key in &settings::key::names(server::KEYS) {
        let name = format!("CLOCKFOLD_SERVER_{}", key.to_uppercase());
        let value = match *key {
            "listen" | "operations_listen" => "9.9.9.9:9",
            "log_format" => "json",
            "allowed_origins" => "[\"https://board.example\"]",
            "secure_cookies" => "false",
            "public_url" => "https://clinic.example/clockfold",
            "socket_message_bytes_max" => "2048",
            _ => "77",
        };
        let config = load("", &[(&name, value)]).unwrap();
        assert_ne!(config.server, ServerConfig::default(), "{name}");
    }
}

#[test]
fn every_graphql_key_is_a_variable_and_has_a_range() {
    for key in &settings::key::names(graphql::KEYS) {
        let name = format!("CLOCKFOLD_GRAPHQL_{}", key.to_uppercase());
        let (value, beyond) = match *key {
            "depth_max" => ("17", ["15", "33"]),
            "complexity_max" => ("300", ["299", "1000001"]),
            "aliases_max" | "directives_max" => ("0", ["-1", "1001"]),
            "selections_max" => ("300", ["299", "10001"]),
            "document_bytes_max" | "body_bytes_max" => ("4096", ["4095", "262145"]),
            "page_max" => ("1", ["0", "501"]),
            "execution_timeout_ms" => ("1", ["0", "600001"]),
            "introspection" => {
                assert_eq!(load("", &[(&name, "nobody")]).unwrap().graphql.introspection, Introspection::Nobody);
                check_variable(
                    &name,
                    "some",
                    "`introspection` can't be `some`\n  hint: there is: everyone, admins, nobody",
                );
                check_variable(&name, "admin", "`introspection` can't be `admin`\n  hint: did you mean `admins`?");
                continue;
            }
            other => panic!("`{other}` has no range here"),
        };
        assert_ne!(load("", &[(&name, value)]).unwrap().graphql, Limits::default(), "{name}");
        for value in beyond {
            check_variable(&name, value, &format!("`{key}` is out of range\n  hint: write a number from "));
        }
        check_variable(&name, "many", &format!("`{key}` is a text, not a whole number"));
        check(
            &format!("[graphql]\n{key} = 1.5\n"),
            &format!("clockfold.toml:2: `{key}` is a number with a fraction, not a whole number"),
        );
    }
    check("[graphql]\ndepth = 20\n", "clockfold.toml:2: [graphql] has no key `depth`");
    check("graphql = 1\n", "clockfold.toml:1: [graphql] is a whole number, not a table");
    check_variable(
        "CLOCKFOLD_GRAPHQL_PAGES_MAX",
        "1",
        "there is no such variable\n  hint: did you mean `CLOCKFOLD_GRAPHQL_PAGE_MAX`?",
    );
}

#[test]
fn mistakes_in_allowed_origins() {
    for (origins, expected) in [
        ("[\"*\"]", "every origin can't be allowed"),
        ("[\"https://board.example/\"]", "this is no origin\n  hint: write it as the browser sends it: scheme://host"),
        ("[\"board.example\"]", "`board.example` is no origin"),
        ("[\"null\"]", "`null` is no origin"),
        ("[\"https://a.b\", \"https://a.b\"]", "`https://a.b` is listed twice"),
        ("[1]", "an origin is a whole number, not a text"),
        ("\"https://a.b\"", "`allowed_origins` is a text, not a list"),
    ] {
        check(&format!("[server]\nallowed_origins = {origins}\n"), &format!("clockfold.toml:2: {expected}"));
        check_variable("CLOCKFOLD_SERVER_ALLOWED_ORIGINS", origins, expected);
    }
    check_variable("CLOCKFOLD_SERVER_ALLOWED_ORIGINS", "https://a.b", "this is not TOML");
}

#[test]
fn mistakes_in_retention() {
    let hint = "\n  hint: write bodies_days = N, a number of days from 1 to 36500";
    for (text, expected) in [
        ("[retention]", "1: [retention] says no `bodies_days`"),
        ("[retention]\nbodies_days = 0", "2: `bodies_days` is out of range"),
        ("[retention]\nbodies_days = 36501", "2: `bodies_days` is out of range"),
        ("[retention]\nbodies_days = -1", "2: `bodies_days` is out of range"),
        ("[retention]\nbodies_days = \"30\"", "2: `bodies_days` is not a whole number"),
        ("[retention]\nbodies_days = 1.5", "2: `bodies_days` is not a whole number"),
    ] {
        check(text, &format!("clockfold.toml:{expected}{hint}"));
    }
    check("retention = 30", "clockfold.toml:1: [retention] is a whole number, not a table");
    check(
        "[retention]\nbodies_days = 30\nbody_days = 30",
        "clockfold.toml:3: [retention] has no key `body_days`\n  hint: did you mean `bodies_days`?",
    );
}

#[test]
fn mistakes_in_variables() {
    check_variable("CLOCKFOLD_LISTN", "x", "there is no such variable\n  hint: did you mean `CLOCKFOLD_LISTEN`?");
    check_variable("CLOCKFOLD_SERVER_QUEUE", "1", "there is no such variable");
    check_variable("CLOCKFOLD_LISTEN", "8080", "`listen` `8080` is not an IP address with a port");
    check_variable("CLOCKFOLD_SERVER_QUEUE_MAX", "many", "`queue_max` is a text, not a whole number");
    check_variable("CLOCKFOLD_DATA_DIR", "", "`data_dir` is empty");
    check_variable("CLOCKFOLD_ARCHIVE_DIRECTORY", "", "`directory` is empty");
    check_variable("CLOCKFOLD_RETENTION_BODIES_DAYS", "a year", "`bodies_days` is not a whole number");
    check_variable("CLOCKFOLD_RETENTION_BODIES_DAYS", "0", "`bodies_days` is out of range");
    check_variable("CLOCKFOLD_ARCHIVE", "/mnt", "there is no such variable");
    check_variable("CLOCKFOLD_SOURCE", "[{", "this is not TOML");
    check_variable("CLOCKFOLD_SOURCE", "downtown", "this is not TOML");
    check_variable("CLOCKFOLD_SOURCE", "\"downtown\"", "`source` is a text, not a list of tables");
    check_variable("CLOCKFOLD_SOURCE", "[7]", "[[source]] is a whole number, not a table");
    check_variable("CLOCKFOLD_READER", "[{ name = \"r\", token = \"short\" }]", "a token is shorter");
    check_variable(
        "CLOCKFOLD_READER",
        &format!("[{{ name = \"r\", token = \"{TOKEN}\", role = \"x\" }}]"),
        "there is no role",
    );
    let both = [("CLOCKFOLD_LISTEN", "1.1.1.1:1"), ("CLOCKFOLD_SERVER_LISTEN", "1.1.1.1:1")];
    assert!(load("", &both).unwrap_err().contains("set only one of the two"));
}

#[test]
fn flags_go_over_everything() {
    let variables = [("CLOCKFOLD_LISTEN", "2.2.2.2:2"), ("CLOCKFOLD_DATA_DIR", "b")];
    let inputs = Inputs {
        path: None,
        data_dir: Some("c".into()),
        listen: Some("3.3.3.3:3".parse().unwrap()),
        variables: variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
    };
    let config = Config::load(inputs).unwrap();
    assert_eq!((config.data_dir.as_path(), config.server.listen.port()), (Path::new("c"), 3));
}

#[test]
fn one_credential_of_two_sources_in_one_variable_is_refused() {
    let sources =
        format!("[{{ name = \"a\", route_keys = [\"{KEY}\"] }}, {{ name = \"b\", authtokens = [\"{KEY}\"] }}]");
    check_variable(
        "CLOCKFOLD_SOURCE",
        &sources,
        "a token of the source `b` is the same as a route key of the source `a`",
    );
}
