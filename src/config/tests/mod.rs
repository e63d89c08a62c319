//! Every setting, every mistake, and that no mistake repeats a secret.

use std::{fs, num::NonZeroU32, time::Duration};

use chrono::{DateTime, Utc};

use crate::{
    access::{Gate, Require, Role, RouteKey, digest_of},
    graphql::Introspection,
};

use super::*;
mod lifecycle;
mod keys;
mod variables;

const KEY: &str = "CF3uQP8cSFIQB8gB/9285030fceca";
const TOKEN: &str = "a-token-of-the-downtown-clinic";

fn load(file: &str, variables: &[(&str, &str)]) -> Result<Config, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clockfold.toml");
    fs::write(&path, file).unwrap();
    let variables = variables.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    let inputs = Inputs { path: Some(path), variables, ..Inputs::default() };
    Config::load(inputs).map_err(|errors| {
        let text = errors.to_string();
        for secret in [KEY, TOKEN] {
            assert!(!text.contains(secret), "{text}");
            assert!(!format!("{errors:?}").contains(secret));
        }
        text.replace(&format!("{}/", folder.path().display()), "")
    })
}

/// A file with one more line in its only source has one mistake, which begins so.
fn check_source(line: &str, expected: &str) {
    let file = format!("[[source]]\nname = \"downtown\"\nroute_keys = [\"{KEY}\"]\n{line}\n");
    check(&file, &format!("clockfold.toml:4: {expected}"));
}

fn check(file: &str, expected: &str) {
    let errors = load(file, &[]).expect_err(file);
    assert!(errors.starts_with(expected), "{errors}\nexpected: {expected}");
    assert_eq!(errors.matches("hint: ").count(), 1, "{errors}");
}

#[test]
fn without_anything_there_are_defaults() {
    let config = load("", &[("PATH", "/bin"), ("CLOCKFOLD_LOG", "debug")]).unwrap();
    assert_eq!(config.data_dir, Path::new("clockfold-data"));
    assert_eq!(config.server, ServerConfig::default());
    assert_eq!(config.graphql, Limits::default());
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:8080");
    assert!(config.sources.is_empty() && config.readers.is_empty());
}

/// A file in which every key stands.
const EVERY_KEY: &str = r#"
data_dir = "/var/lib/clockfold"
[server]
listen = "0.0.0.0:80"
operations_listen = "[::1]:9090"
connections_max = 1
queue_max = 2
header_timeout_s = 3
idle_timeout_s = 9
body_timeout_s = 4
shutdown_timeout_s = 5
failed_authentications_burst = 6
log_format = "json"
rebuild_memory_mb = 64
operations_max = 7
subscriptions_max = 8
socket_message_bytes_max = 2048
allowed_origins = ["https://board.example", "http://localhost:5173"]
secure_cookies = true
public_url = "https://clinic.example/clockfold/"
[graphql]
depth_max = 16
complexity_max = 300
aliases_max = 0
directives_max = 1
selections_max = 301
document_bytes_max = 4096
body_bytes_max = 4097
page_max = 1
execution_timeout_ms = 2
introspection = "admins"
[[source]]
name = "downtown"
route_keys = ["CF3uQP8cSFIQB8gB/9285030fceca", { key = "an-old-key-that-is-long-enough", expires = 2026-01-01T00:00:00Z }]
authtokens = [{ key = "a-token-of-the-downtown-clinic", expires = "2027-01-01T00:00:00-05:00" }]
require = "all"
lifecycle = "strict"
reorder_window_s = 0
stale_after_hours = 12
booking_horizon_days = 60
time_zone = "America/New_York"
long_wait_minutes = 45
very_long_wait_minutes = 1440
[[source]]
name = "uptown"
authtokens = ["the-token-of-the-uptown-clinic"]
[[reader]]
name = "front-desk"
token = "the-token-of-the-front-desk"
sources = ["downtown"]
idle_sign_out_minutes = 1440
[[reader]]
name = "wall"
token = "the-token-of-the-screen-on-the-wall"
idle_sign_out_minutes = 0
[[reader]]
name = "vendor"
tokens = ["the-first-token-of-the-vendor", { key = "the-second-token-of-the-vendor" }]
role = "admin"
"#;

#[test]
fn every_setting() {
    let config = load(EVERY_KEY, &[]).unwrap();
    let server = ServerConfig {
        listen: "0.0.0.0:80".parse().unwrap(),
        operations_listen: Some("[::1]:9090".parse().unwrap()),
        connections_max: Some(1),
        queue_max: 2,
        header_timeout: Duration::from_secs(3),
        idle_timeout: Duration::from_secs(9),
        body_timeout: Duration::from_secs(4),
        shutdown_timeout: Duration::from_secs(5),
        failed_authentications_burst: 6,
        log_format: LogFormat::Json,
        rebuild_memory_mb: 64,
        operations_max: 7,
        subscriptions_max: 8,
        socket_message_bytes_max: 2048,
        allowed_origins: vec!["https://board.example".to_owned(), "http://localhost:5173".to_owned()],
        secure_cookies: Some(true),
        public_url: Some(PublicUrl { origin: "https://clinic.example".to_owned(), path: "/clockfold".to_owned() }),
    };
    let limits = Limits {
        depth_max: 16,
        complexity_max: 300,
        aliases_max: 0,
        directives_max: 1,
        selections_max: 301,
        document_bytes_max: 4096,
        body_bytes_max: 4097,
        page_max: 1,
        execution_timeout: Duration::from_millis(2),
        introspection: Introspection::Admins,
    };
    assert_eq!(config.graphql, limits);
    assert_eq!((config.data_dir.as_path(), &config.server), (Path::new("/var/lib/clockfold"), &server));
    let [downtown, uptown] = &config.sources[..] else { panic!() };
    assert_eq!(downtown.access.require, Require::All);
    assert_eq!(downtown.access.route_keys[0].digest, digest_of(KEY.as_bytes()));
    assert_eq!(downtown.access.route_keys[1].expires_at.unwrap().to_rfc3339(), "2026-01-01T00:00:00+00:00");
    assert_eq!(downtown.access.authtokens[0].expires_at.unwrap().to_rfc3339(), "2027-01-01T05:00:00+00:00");
    assert_eq!((downtown.stale_after_hours, downtown.booking_horizon_days), (12, 60));
    assert_eq!(downtown.time_zone, chrono_tz::America::New_York);
    assert_eq!((uptown.stale_after_hours, uptown.booking_horizon_days), (24, 30));
    assert_eq!((downtown.long_wait_minutes, downtown.very_long_wait_minutes), (45, 1440));
    assert_eq!((uptown.long_wait_minutes, uptown.very_long_wait_minutes), (30, 60));
    let [front_desk, wall, vendor] = &config.readers[..] else { panic!() };
    let idle = [front_desk, wall, vendor].map(|reader| reader.idle_sign_out_minutes.map(NonZeroU32::get));
    assert_eq!(idle, [Some(1440), None, Some(15)]);
    assert_eq!((front_desk.role, vendor.role), (Role::Viewer, Role::Admin));
    assert_eq!(front_desk.sources, Some(BTreeSet::from(["downtown".parse().unwrap()])));
    assert_eq!((vendor.tokens.len(), &vendor.sources), (2, &None));
    assert!(!format!("{config:?}").contains("blake3:"));
}

#[test]
fn a_digest_stands_for_its_secret() {
    let digest = digest_of(KEY.as_bytes());
    let config = load(&format!("[[source]]\nname = \"a\"\nroute_keys = [\"{digest}\"]"), &[]).unwrap();
    let gate = Gate::new(config.sources.into_iter().map(|source| source.access).collect());
    let now: DateTime<Utc> = DateTime::UNIX_EPOCH;
    let keyed = |key: &str| gate.keyed(&RouteKey::in_path(&format!("/webhook/{key}")).unwrap(), None, now);
    assert_eq!(keyed(KEY).map(|sender| sender.source.to_string()).as_deref(), Some("a"));
    assert_eq!(keyed(&digest.to_string()), None);
}

#[test]
fn mistakes_at_the_top_and_in_server() {
    check(
        "datadir = \"x\"",
        "clockfold.toml:1: the configuration has no key `datadir`\n  hint: did you mean `data_dir`?",
    );
    check("\n[sever]", "clockfold.toml:2: the configuration has no key `sever`\n  hint: did you mean `server`?");
    check("data_dir = 7", "clockfold.toml:1: `data_dir` is a whole number, not a text");
    check("data_dir = \"\"", "clockfold.toml:1: `data_dir` is empty");
    check("server = 1", "clockfold.toml:1: [server] is a whole number, not a table");
    check("[source]\nname = \"a\"", "clockfold.toml:1: `source` is a table, not a list of tables");
    check(
        "[server]\n\nlisten = \"localhost\"",
        "clockfold.toml:3: `listen` `localhost` is not an IP address with a port",
    );
    check("[server]\nlisten = 8080", "clockfold.toml:2: `listen` is a whole number, not a text");
    check("[server]\nqueue_max = 0", "clockfold.toml:2: `queue_max` is out of range");
    check("[server]\nqueue_max = 99999999999999999999", "clockfold.toml:2: `queue_max` is out of range");
    check("[server]\nqueue_max = \"many\"", "clockfold.toml:2: `queue_max` is a text, not a whole number");
    check(
        "[server]\nbody_timeout = 3",
        "clockfold.toml:2: [server] has no key `body_timeout`\n  hint: did you mean `body_timeout_s`?",
    );
    check(
        "[server]\npublic_url = \"clinic.example/clockfold\"",
        "clockfold.toml:2: `public_url` is not an http or https address of pages\n  hint: write where browsers find the pages",
    );
    check(
        "[server]\nsecure_cookies = \"yes\"",
        "clockfold.toml:2: `secure_cookies` is a text, not true or false\n  hint: write secure_cookies = true",
    );
    check("[server]\nlog_format = \"xml\"", "clockfold.toml:2: there is no log format `xml`");
    check("[server]\nlisten = ", "clockfold.toml:2: this is not TOML");
}

#[test]
fn mistakes_in_a_source() {
    check_source("authtoken = []", "[[source]] has no key `authtoken`\n  hint: did you mean `authtokens`?");
    check_source("delivery_id_header = \"X Id\"", "`delivery_id_header` `X Id` is not a header's name");
    check_source("delivery_id_header = \"X-Api-Key\"", "`delivery_id_header` `x-api-key` does not hold");
    check_source("delivery_id_header = \"Authtoken\"", "`delivery_id_header` `authtoken` does not hold");
    check_source("lifecycle = \"strickt\"", "there is no lifecycle `strickt`\n  hint: did you mean `strict`?");
    check_source("reorder_window_s = 3601", "`reorder_window_s` is out of range");
    check_source("reorder_window_s = \"0\"", "`reorder_window_s` is a text, not a whole number");
    check_source("stale_after_hours = -1", "`stale_after_hours` is out of range");
    check_source(
        "booking_horizon_days = 1.5",
        "`booking_horizon_days` is a number with a fraction, not a whole number",
    );
    for key in ["long_wait_minutes", "very_long_wait_minutes"] {
        check_source(&format!("{key} = 0"), &format!("`{key}` is out of range"));
        check_source(&format!("{key} = 1441"), &format!("`{key}` is out of range"));
        check_source(&format!("{key} = \"30\""), &format!("`{key}` is a text, not a whole number"));
    }
    check_source(
        "long_wait_minutes = 90",
        "`very_long_wait_minutes` is 60, less than the 90 of `long_wait_minutes`\n  hint: write very_long_wait_minutes = 180",
    );
    check_source("very_long_wait_minutes = 29", "`very_long_wait_minutes` is 29, less than the 30");
    check_source(
        "long_wait_minute = 5",
        "[[source]] has no key `long_wait_minute`\n  hint: did you mean `long_wait_minutes`?",
    );
    check_source("time_zone = \"\"", "`time_zone` `` is not a time zone's name");
    check_source("require = \"both\"", "`require` `both` is neither");
    check_source("authtokens = \"a-token-of-the-downtown-clinic\"", "`authtokens` is a text, not a list");
    check_source("authtokens = [7]", "a token is a whole number, not a text");
    check_source("authtokens = [\"short\"]", "a token is shorter than 22 characters and could be guessed");
    check_source(
        "authtokens = [\"a token of the downtown clinic\"]",
        "a token has a character that can't stand in a header",
    );
    check_source("authtokens = [\"blake3:abc\"]", "a token is not a digest");
    check_source("authtokens = [{ expires = 2026-12-31T00:00:00Z }]", "the table of a token has no `key`");
    check_source(
        &format!("authtokens = [{{ key = \"{TOKEN}\", expire = 1 }}]"),
        "the table of a token has no key `expire`\n  hint: did you mean `expires`?",
    );
    for expires in ["2026-12-31", "2026-12-31T00:00:00", "00:00:00", "7", "\"tomorrow\""] {
        check_source(
            &format!("authtokens = [{{ key = \"{TOKEN}\", expires = {expires} }}]"),
            "`expires` is not a time",
        );
    }
    // A secret in the wrong place is not shown either.
    check_source(&format!("lifecycle = \"{TOKEN}\""), "there is no lifecycle\n");
    check_source(&format!("\"{TOKEN}\" = 1"), "[[source]] has no key\n");
    check_source(&format!("authtokens = [\"{TOKEN}]"), "this is not TOML");
    check("[[source]]\nroute_keys = [\"CF3uQP8cSFIQB8gB/9285030fceca\"]", "clockfold.toml:1: a source has no `name`");
    check("\n[[source]]\nname = \"a\"", "clockfold.toml:2: a source has no credential");
    for name in ["Downtown", "", "a b", "a_b"] {
        let file = format!("[[source]]\nname = \"{name}\"\nroute_keys = [\"{KEY}\"]");
        check(&file, &format!("clockfold.toml:2: `{name}` can't name a source: a source's name is"));
    }
}

#[test]
fn mistakes_in_a_route_key() {
    let keys = [
        ("short", "a route key is shorter than 22 characters"),
        ("a key of the downtown clinic", "a route key has a character"),
        ("a-key-of-the-downtown clinic", "a route key has a character"),
        ("%20%20a-key-of-the-downtown%20", "a route key is shorter than 22 characters"),
        ("a/////////////////////////key", "a route key is shorter than 22 characters"),
        ("a-key-of-the-downtown-clinic?", "a route key has a character"),
        ("a-key-of-the-downtown-clinić", "a route key has a character"),
        ("a-key-of/../the-downtown-clinic", "a route key has a path segment that is only dots"),
        ("a-key-of/%2E/the-downtown-clinic", "a route key has a path segment that is only dots"),
    ];
    for (key, expected) in keys {
        let file = format!("[[source]]\nname = \"a\"\nroute_keys = [\n\"{KEY}\",\n\"{key}\"]\n");
        check(&file, &format!("clockfold.toml:5: {expected}"));
        assert!(expected.contains("shorter") || !load(&file, &[]).unwrap_err().contains(key), "{key}");
    }
}

#[test]
fn a_route_key_counts_in_its_normal_form() {
    let other = "[[source]]\nname = \"b\"\nroute_keys = [\"another-key-of-another-clinic\"]\n";
    for written in [
        "/CF3uQP8cSFIQB8gB/9285030fceca",
        "CF3uQP8cSFIQB8gB//9285030fceca/",
        " CF3uQP8cSFIQB8gB/9285030fceca%20",
        "CF3uQP8cSFIQB8gB%2F9285030fcec%61",
    ] {
        let file = format!("[[source]]\nname = \"a\"\nroute_keys = [\"{written}\"]\n{other}");
        let config = load(&file, &[]).unwrap();
        let gate = Gate::new(config.sources.into_iter().map(|source| source.access).collect());
        for path in [format!("/webhook/{KEY}"), format!("/webhook/{}", written.trim())] {
            let key = RouteKey::in_path(&path).unwrap();
            let found = gate.keyed(&key, None, DateTime::UNIX_EPOCH);
            assert_eq!(found.map(|sender| sender.source.to_string()).as_deref(), Some("a"), "{written}");
        }
        // Two spellings of one key would let one in as the other.
        let twice = file.replace("another-key-of-another-clinic", KEY);
        check(&twice, "clockfold.toml:6: a route key of the source `b` is the same as a route key of the source `a`");
    }
    let reserved = "[[source]]\nname = \"a\"\nroute_keys = [\"a+key=of:the@downtown;clinic\"]\n";
    assert!(load(reserved, &[]).is_ok());
}

#[test]
fn what_stands_twice() {
    let source = |name: &str, lines: &str| format!("[[source]]\nname = \"{name}\"\n{lines}\n");
    let keys = format!("route_keys = [\"{KEY}\"]");
    let digest = format!("authtokens = [\"{}\"]", digest_of(KEY.as_bytes()));
    let reader = format!("[[reader]]\nname = \"r\"\ntoken = \"{KEY}\"\n");
    let twice = |file: String, expected: &str| check(&file, expected);
    twice(
        source("a", &keys) + &source("b", &keys),
        "clockfold.toml:6: a route key of the source `b` is the same as a route key of the source `a` at ",
    );
    twice(
        source("a", &keys) + &source("b", &digest),
        "clockfold.toml:6: a token of the source `b` is the same as a route key of the source `a`",
    );
    twice(
        source("a", &keys) + &reader,
        "clockfold.toml:6: a token of the reader `r` is the same as a route key of the source `a`",
    );
    twice(
        source("a", &format!("route_keys = [\"{KEY}\", \"{KEY}\"]")),
        "clockfold.toml:3: a route key of the source `a` is the same",
    );
    twice(
        source("a", &format!("require = \"all\"\n{keys}\n{digest}")),
        "clockfold.toml:5: a token of the source `a` is the same",
    );
    twice(
        source("a", &keys) + &source("a", &format!("authtokens = [\"{TOKEN}\"]")),
        "clockfold.toml:4: the source `a` is configured twice; first at ",
    );
    twice(source("a", &format!("{keys}\n{keys}")), "clockfold.toml:4: this is not TOML: duplicate key");
    // One secret for a source's URL and its header, where either is enough, is one way in and no mistake.
    assert!(load(&source("a", &format!("{keys}\n{digest}")), &[]).is_ok());
}

#[test]
fn require_all_needs_both_kinds() {
    let source = |line: &str| format!("\n[[source]]\nname = \"a\"\nrequire = \"all\"\n{line}");
    let expected = "clockfold.toml:2: a source with require = \"all\" needs both kinds of credential, and has no ";
    check(&source(&format!("route_keys = [\"{KEY}\"]")), &format!("{expected}authtokens"));
    check(&source(&format!("authtokens = [\"{TOKEN}\"]")), &format!("{expected}route_keys"));
}

#[test]
fn mistakes_in_a_reader() {
    let reader = |lines: &str| format!("[[reader]]\n{lines}");
    let token = format!("token = \"{TOKEN}\"");
    check(&reader(&token), "clockfold.toml:1: a reader has no `name`");
    check(&reader("name = \"r\""), "clockfold.toml:1: a reader has no `token`");
    check(&reader(&format!("name = \"r\"\nrole = \"root\"\n{token}")), "clockfold.toml:3: there is no role `root`");
    check(
        &reader(&format!("name = \"r\"\nsources = [\"nowhere\"]\n{token}")),
        "clockfold.toml:3: the source `nowhere` is not configured",
    );
    check(&reader(&format!("name = \"r\"\nsources = []\n{token}")), "clockfold.toml:3: `sources` names no source");
    check(&reader("name = \"r\"\ntoken = \"short\""), "clockfold.toml:3: a token is shorter");
    for idle in ["-1", "1441"] {
        check(
            &reader(&format!("name = \"r\"\n{token}\nidle_sign_out_minutes = {idle}")),
            "clockfold.toml:4: `idle_sign_out_minutes` is out of range\n  hint: write a number from 0 to 1440; without the key it is 15",
        );
    }
    assert!(load(&reader(&format!("name = \"r\"\nsources = [\"first\"]\n{token}")), &[]).is_ok());
}

#[test]
fn all_mistakes_are_told_in_the_order_of_the_file() {
    let errors = load("[[reader]]\nname = 7\n[server]\nlisten = \"x\"\nqueue = 1\n", &[("CLOCKFOLD_LISTN", "x")]);
    let errors = errors.unwrap_err();
    assert!(errors.starts_with("CLOCKFOLD_LISTN: "), "{errors}");
    let errors = load("[[reader]]\nname = 7\n[server]\nlisten = \"x\"\nqueue = 1\n", &[]).unwrap_err();
    let places: Vec<&str> =
        errors.lines().filter_map(|line| line.split(' ').next()).filter(|word| !word.is_empty()).collect();
    assert_eq!(places, ["clockfold.toml:1:", "clockfold.toml:2:", "clockfold.toml:4:", "clockfold.toml:5:"]);
}

#[test]
fn a_file_that_is_named_has_to_exist() {
    let named = Inputs { path: Some("/nowhere/clockfold.toml".into()), ..Inputs::default() };
    let by_variable = [(super::variables::CONFIG.to_owned(), "/nowhere/clockfold.toml".to_owned())].into();
    for inputs in [named, Inputs { variables: by_variable, ..Inputs::default() }] {
        let errors = Config::load(inputs).unwrap_err().to_string();
        assert!(errors.starts_with("/nowhere/clockfold.toml: the configuration can't be read: "), "{errors}");
    }
}

#[test]
fn a_file_that_is_no_text_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("latin-1.toml");
    fs::write(&path, b"# fine\n# caf\xe9\n").unwrap();
    let errors = Config::load(Inputs { path: Some(path.clone()), ..Inputs::default() }).unwrap_err().to_string();
    assert!(errors.starts_with(&format!("{}:2: this is not UTF-8", path.display())), "{errors}");
}
