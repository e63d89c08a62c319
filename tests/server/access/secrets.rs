//! No secret and no body in anything that the program prints or answers, whatever is done to it.
//!
//! Every secret and every body here holds a word that stands nowhere else.

use std::{fs, path::Path, time::Duration};

use clockfold::access::digest_of;

use crate::support::{
    net::{http1::chunked, http2, live::Came},
    server::{Connection, Server, clockfold, command, data_dir},
    session,
};

const ROUTE_KEY: &str = "canary-route-key/of-the-clinic";
const TOKEN: &str = "canary-authtoken-of-the-clinic";
const BOTH_KEY: &str = "canary-route-key-of-both-kinds";
const BOTH_TOKEN: &str = "canary-authtoken-of-both-kinds";
const ADMIN: &str = "canary-token-of-an-admin-reader";
const VIEWER: &str = "canary-token-of-a-viewer-reader";
const WRONG: &str = "canary-that-nobody-has-configured";
const JSON: (&str, &str) = ("Content-Type", "application/json");

const CONFIG: &str = r#"
[server]
failed_authentications_burst = 30
body_timeout_s = 1
header_timeout_s = 1
[[source]]
name = "downtown"
route_keys = ["canary-route-key/of-the-clinic", { key = "canary-route-key-of-last-year", expires = 2020-01-01T00:00:00Z }]
authtokens = ["canary-authtoken-of-the-clinic"]
[[source]]
name = "lakeside"
require = "all"
route_keys = ["canary-route-key-of-both-kinds"]
authtokens = ["canary-authtoken-of-both-kinds"]
[[reader]]
name = "admin"
token = "canary-token-of-an-admin-reader"
role = "admin"
[[reader]]
name = "viewer"
token = "canary-token-of-a-viewer-reader"
"#;

/// Looks for the word as text, as hexadecimal digits and as a list of numbers, and for every digest.
fn check(what: &str, text: &str) {
    let lower = text.to_lowercase();
    let mut forms: Vec<String> = vec!["canary".into(), "63616e617279".into(), "99, 97, 110, 97, 114, 121".into()];
    for secret in [ROUTE_KEY, TOKEN, BOTH_KEY, BOTH_TOKEN, ADMIN, VIEWER, WRONG] {
        forms.push(digest_of(secret.as_bytes()).to_string().replace("blake3:", ""));
    }
    for form in forms {
        if let Some(found) = lower.find(&form) {
            let from = lower[..found].rfind('\n').map_or(0, |end| end + 1);
            let line = lower[from..].lines().next().unwrap_or_default();
            panic!("{what} tells a secret or a body: {line}");
        }
    }
}

/// Everything that senders, readers and passers-by do. Checks each answer but an admin's bodies.
fn provoke(server: &Server) {
    let mut answers = Vec::new();
    let mut post = |path: &str, headers: &[(&str, &str)], body: &[u8]| {
        let answer = server.request("POST", path, headers, body);
        answers.push((answer.status, format!("{}{}", answer.head, answer.text())));
    };
    let good = br#"{"appointment_id": 7, "event_type": "create", "note": "canary of a patient"}"#;
    let keyed = format!("/webhook/{ROUTE_KEY}");
    let both = format!("/webhook/{BOTH_KEY}");
    for body in [
        &good[..],
        br#"{"appointment_id": 7, "event_type": "canary_event", "canary": 1}"#,
        br#"{"appointment_id": "canary", "event_type": "create"}"#,
        br#"{"appointment_id": 7, "event_type": ["canary"]}"#,
        b"canary, which is no JSON",
        b"canary \xff\x00",
        &[b"canary ".repeat(9_000), b"!".to_vec()].concat(),
        &b"canary ".repeat(12_000),
    ] {
        post(&keyed, &[JSON], body);
        post("/webhook", &[JSON, ("Authtoken", TOKEN)], body);
        post(&both, &[JSON, ("Authtoken", BOTH_TOKEN)], body);
    }
    post(&keyed, &[JSON, ("Transfer-Encoding", "chunked")], &chunked(good, 7));
    post(&keyed, &[("Content-Type", "text/canary")], good);
    post(&keyed, &[("Content-Type", "text/canary")], b"canary");
    post(&keyed, &[JSON, ("Content-Encoding", "canary")], good);
    post(&format!("{keyed}%20//"), &[JSON], good);
    post(&format!("{keyed}?canary=1"), &[JSON], good);
    for _ in 0..9 {
        post(&format!("/webhook/{WRONG}"), &[JSON], good);
        post(&both, &[JSON, ("Authtoken", WRONG)], good);
        post("/webhook", &[JSON, ("Authtoken", WRONG)], good);
        post("/graphql", &[JSON, ("Authorization", &format!("Bearer {WRONG}"))], good);
        post("/webhook/canary-route-key-of-last-year", &[JSON], good);
    }
    post(&format!("/{WRONG}"), &[JSON], good);
    for method in ["GET", "PUT", "DELETE", "OPTIONS"] {
        let answer = server.request(method, &keyed, &[], b"");
        answers.push((answer.status, format!("{}{}", answer.head, answer.text())));
    }
    let statuses: Vec<u16> = answers.iter().map(|(status, _)| *status).collect();
    for expected in [200, 400, 401, 404, 405, 413, 415, 422, 429] {
        assert!(statuses.contains(&expected), "nothing was answered {expected}");
    }
    for (status, answer) in answers {
        check(&format!("an answer {status}"), &answer);
    }
    ask(server);
    misbehave(server);
}

/// Queries, good and bad, and the other routes.
fn ask(server: &Server) {
    for token in [ADMIN, VIEWER] {
        for query in [
            "{ appointment(appointmentId: 7, source: \"downtown\") { status history { nodes { outcome code reason } } } }",
            "{ deliveries(first: 500) { nodes { id position outcome code reason } edges { cursor } } log { digest } }",
            "{ appointment(appointmentId: \"canary\") { status } }",
            "{ appointment(appointmentId: 7, source: \"canary\") { status } }",
            "{ deliveries(after: \"canary\") { totalCount } }",
            "{ node(id: \"canary\") { id } }",
            "{ appointment(appointmentId: \"canary }",
            "\"canary\" {",
        ] {
            let answer = server.ask(&[("Authorization", &format!("Bearer {token}"))], query);
            check(query, &format!("{}{}", answer.head, answer.text()));
        }
        for body in [
            &b"canary"[..],
            br#"{"query": "query ($id: ID!) { appointment(appointmentId: $id) { id } }", "variables": {"id": ["canary"]}}"#,
            br#"{"query": "query ($n: Int) { deliveries(first: $n) { totalCount } }", "variables": {"n": "canary"}}"#,
            br#"{"query": ["canary"]}"#,
        ] {
            let headers = [JSON, ("Authorization", &format!("Bearer {token}"))];
            let answer = server.request("POST", "/graphql", &headers, body);
            check("a GraphQL answer", &answer.text());
        }
    }
    let bodies = "{ deliveries(first: 500) { nodes { body bodyBase64 rawEventType } } }";
    let told = server.query_as(Some(ADMIN), bodies).to_string();
    assert!(told.contains("canary of a patient"), "an admin reads bodies, so they are there to be looked for");
    let told = server.query_as(Some(VIEWER), bodies).to_string();
    check("what a viewer reads", &told.replace("canary_event", ""));
    for path in ["/metrics", "/livez", "/readyz", "/schema.graphql", "/", "/canary"] {
        let answer = server.get(path);
        check(path, &format!("{}{}", answer.head, answer.text()));
    }
}

/// Requests that are none, or not to their end; and everything once more over HTTP/2.
fn misbehave(server: &Server) {
    for bytes in [
        format!(
            "POST /webhook/{ROUTE_KEY} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\ncanary"
        ),
        format!("POST /webhook/{ROUTE_KEY} HTTP/1.1\r\nHost: a\r\nAuthtoken: {TOKEN}\r\nX"),
        format!("POST /webhook/{ROUTE_KEY} HTTP/9.9\r\nHost: a\r\n\r\n"),
        format!("POST /webhook/{ROUTE_KEY} HTTP/1.1\r\nAuthtoken {TOKEN}\r\n\r\n"),
        format!("CONNECT {WRONG}:443 HTTP/1.1\r\nHost: a\r\n\r\n"),
        format!(
            "POST /webhook/{ROUTE_KEY} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\ncanary\r\n"
        ),
        format!("{WRONG}\r\n\r\n"),
    ] {
        let mut connection = Connection::open(server.address);
        connection.send(bytes.as_bytes()).unwrap();
        let answer = connection.rest(Duration::from_secs(5)).unwrap_or_default();
        check("an answer to nonsense", &String::from_utf8_lossy(&answer));
    }
    let body = br#"{"appointment_id": 8, "event_type": "create", "note": "canary"}"#;
    for (path, token) in [
        (format!("/webhook/{ROUTE_KEY}"), TOKEN),
        ("/webhook".to_owned(), TOKEN),
        ("/webhook".to_owned(), WRONG),
        (format!("/webhook/{WRONG}"), WRONG),
    ] {
        let headers = [JSON, ("Authtoken", token)];
        check(
            "an answer over HTTP/2",
            &String::from_utf8_lossy(&http2::request(server.address, "POST", &path, &headers, body)),
        );
    }
}

/// Browsers that sign in, stay, and go, and pages and guesses that may not. Returns what no message may hold: cookies, and
/// the key that they are sealed with.
fn sign_in_and_out(server: &Server, folder: &Path) -> Vec<String> {
    let mut secrets = Vec::new();
    for token in [ADMIN, VIEWER] {
        let cookie = session::sign_in(server, token);
        let answer = session::ask(server, &cookie, "{ reader { name } deliveries { nodes { outcome } } }");
        check("an answer to a cookie", &format!("{}{}", answer.head, answer.text()));
        let mut socket = session::follow(server, &cookie, "subscription { deliveries { position } }");
        let renewed = session::cookie_of(&session::with_cookie(server, "PUT", &cookie));
        let cut = &cookie[..cookie.len() - 9];
        let foreign =
            server.request("PUT", "/session", &[("Origin", "https://elsewhere.example"), ("Cookie", &cookie)], b"");
        let gone = session::with_cookie(server, "DELETE", &renewed);
        let signed_out = session::ask(server, &cookie, "{ reader { name } }");
        let forged = session::ask(server, cut, "{ reader { name } }");
        let wrong = session::post_token(server, &[session::ORIGIN], WRONG);
        let nonsense = server.request("POST", "/session", &[JSON], br#"{"token": ["canary"]}"#);
        for answer in [foreign, gone, signed_out, forged, wrong, nonsense] {
            let told = format!("{}{}", answer.head, answer.text());
            check("an answer of /session", &told);
            assert!(!told.contains("v1."), "{told}");
        }
        assert!(matches!(socket.next(), Came::Closed(4403, reason) if !reason.contains("v1.")));
        secrets.extend([&cookie, &renewed].map(|cookie| cookie.split_once("v1.").unwrap().1.to_owned()));
    }
    let metrics = server.request("GET", "/metrics", &[("Authorization", &format!("Bearer {ADMIN}"))], b"").text();
    assert!(metrics.contains("route=\"session\""), "{metrics}");
    let lock = fs::read_to_string(data_dir(folder).join("lock")).unwrap();
    let key = lock.lines().find_map(|line| line.strip_prefix("session-key ")).unwrap();
    secrets.push(key.to_owned());
    let bytes: Vec<String> =
        (0..32).map(|at| u8::from_str_radix(&key[2 * at..2 * at + 2], 16).unwrap().to_string()).collect();
    secrets.push(bytes.join(", "));
    for secret in &secrets {
        assert!(!metrics.contains(&secret[..20]), "{metrics}");
    }
    secrets
}

fn provoked_with(log_format: &str, filter: &str) {
    let folder = tempfile::tempdir().unwrap();
    let config = CONFIG.replace("[server]", &format!("[server]\nlog_format = \"{log_format}\""));
    for _ in 0..2 {
        let mut server = Server::start_with(folder.path(), &config, |command| {
            command.env("CLOCKFOLD_LOG", filter);
        });
        let secrets = sign_in_and_out(&server, folder.path());
        provoke(&server);
        assert!(server.terminate().success());
        std::thread::sleep(Duration::from_millis(50));
        let printed = server.printed();
        assert!(printed.contains("stopped"), "{printed}");
        for secret in secrets {
            assert!(!printed.contains(&secret[..20]), "what is printed as {log_format} tells a session");
        }
        check(&format!("what is printed as {log_format}"), &printed);
    }
}

#[test]
fn nothing_is_told_with_every_message_as_text() {
    provoked_with("text", "trace");
}

#[test]
fn nothing_is_told_with_every_message_as_json() {
    provoked_with("json", "trace,hyper=trace,h2=trace,warp=trace,sled=trace");
}

#[test]
fn a_wrong_configuration_does_not_repeat_its_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let source = |lines: &str| format!("[[source]]\nname = \"downtown\"\n{lines}\n");
    let key = "route_keys = [\"canary-route-key/of-the-clinic\"]";
    let reader = |lines: &str| format!("{}[[reader]]\nname = \"r\"\n{lines}\n", source(key));
    let path = folder.path().join("clockfold.toml");
    for wrong in [
        source("route_keys = [\"canary\"]"),
        source("authtokens = [\"canary\"]"),
        source("route_keys = [\"canary with spaces in its middle\"]"),
        source("authtokens = [\"canary-with-a-spécial-character\"]"),
        source("route_keys = \"canary-route-key/of-the-clinic\""),
        source("route_keys = [\"canary-route-key/of-the-clinic\", 7]"),
        source("route_keys = [\"canary-route-key/of-the-clinic\""),
        source("route_keys = [canary-route-key-of-the-clinic]"),
        source("route_keys = [\"canary-route-key-of-the-clinic]"),
        source("route_keys = [\"canary-route-key\\q-of-the-clinic\"]"),
        source("route_keys = ['canary-route-key-of-the-clinic\"]"),
        source("route_keys = [\"blake3:canary\"]"),
        source(
            "route_keys = [{ key = \"canary-route-key/of-the-clinic\", expires = \"canary-route-key-at-the-wrong-place\" }]",
        ),
        source("route_keys = [{ kee = \"canary-route-key/of-the-clinic\" }]"),
        source("route_key = \"canary-route-key/of-the-clinic\""),
        source("canary-route-key-where-a-key-is-expected = 1"),
        source("canary-route-key-where-a-key-is-expected"),
        source(&format!("{key}\nauthtokens = [\"canary-route-key/of-the-clinic\"]\nrequire = \"all\"")),
        source(&format!("{key}\nrequire = \"canary-at-the-wrong-place\"")),
        source(&format!("{key}\nlifecycle = \"canary-at-the-wrong-place\"")),
        source(&format!("{key}\ntime_zone = \"canary at the wrong place\"")),
        source(&format!("{key}\n{key}")),
        format!("{}{}", source(key), source(key)),
        format!("[[source]]\nname = \"canary-at-the-wrong-PLACE\"\n{key}\n"),
        format!("[server]\nlisten = \"canary-at-the-wrong-place\"\n{}", source(key)),
        format!("[server]\nlog_format = \"canary-at-the-wrong-place\"\n{}", source(key)),
        reader("token = \"canary\""),
        reader("token = [\"canary-token-of-a-viewer-reader\"]"),
        reader("token = \"canary-route-key/of-the-clinic\""),
        reader("token = \"canary-token-of-a-viewer-reader\"\nrole = \"canary-at-the-wrong-place\""),
        reader("token = \"canary-token-of-a-viewer-reader\"\nsources = [\"canary-at-the-wrong-place\"]"),
        "canary-at-the-very-top-of-the-file".to_owned(),
    ] {
        fs::write(&path, &wrong).unwrap();
        for command in ["check-config", "serve"] {
            let told = clockfold(folder.path(), &[], &[command]);
            assert_eq!((told.status, told.stdout.as_str()), (1, ""), "{wrong}");
            assert!(told.stderr.contains("hint: "), "{wrong}: {}", told.stderr);
            check(&wrong, &told.stderr);
        }
    }
    fs::write(&path, "").unwrap();
    for (name, value) in [
        ("CLOCKFOLD_SOURCE", "[{ name = \"downtown\", route_keys = [\"canary-route-key-of-the-clinic\" }]"),
        ("CLOCKFOLD_SOURCE", "canary-route-key-of-the-clinic"),
        ("CLOCKFOLD_SOURCE", "\"canary-route-key-of-the-clinic\""),
        ("CLOCKFOLD_SOURCE", "[{ name = \"downtown\", route_keys = [\"canary\"] }]"),
        ("CLOCKFOLD_READER", "[{ name = \"r\", token = \"canary\" }]"),
        ("CLOCKFOLD_READER", "{ token = canary-token-of-a-viewer }"),
        ("CLOCKFOLD_LISTEN", "canary-at-the-wrong-place"),
        ("CLOCKFOLD_SERVER_QUEUE_MAX", "canary-at-the-wrong-place"),
        ("CLOCKFOLD_TOKEN", "canary-token-of-a-viewer"),
        ("CLOCKFOLD_LOG", "canary=canary=canary-at-the-wrong-place"),
    ] {
        let told = clockfold(folder.path(), &[(name, value)], &["serve", "--listen", "127.0.0.1:0"]);
        assert_eq!(told.status, 1, "{name}");
        check(name, &format!("{}{}", told.stdout, told.stderr));
    }
}

#[test]
fn the_commands_tell_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clockfold.toml");
    fs::write(&path, CONFIG).unwrap();
    let variables = [
        ("CLOCKFOLD_SOURCE", r#"[{ name = "from-a-variable", route_keys = ["canary-route-key/of-the-clinic"] }]"#),
        ("CLOCKFOLD_READER", r#"[{ name = "from-a-variable", token = "canary-token-of-an-admin-reader" }]"#),
    ];
    for variables in [&[][..], &variables] {
        for arguments in [
            &["check-config"][..],
            &["--help"],
            &["serve", "--help"],
            &["check-config", "--help"],
            &["key", "--help"],
            &["schema", "--help"],
            &["lifecycle", "--help"],
            &["serve", "nonsense"],
            &["nonsense"],
            &[],
        ] {
            let told = clockfold(folder.path(), variables, arguments);
            check(&format!("{arguments:?}"), &format!("{}{}", told.stdout, told.stderr));
        }
    }
}

#[test]
fn the_first_starts_key_is_printed_once_and_is_nowhere_in_the_data_directory() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = command(folder.path());
    command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(data_dir(folder.path()));
    command.env("CLOCKFOLD_LOG", "trace");
    let mut server = Server::spawn(command);
    let secret = loop {
        let printed = server.printed();
        if let Some((_, rest)) = printed.split_once("/webhook/") {
            break rest.split_whitespace().next().unwrap().to_owned();
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let body = br#"{"appointment_id": 7, "event_type": "create"}"#;
    assert_eq!(server.post_to(&secret, body).status, 200);
    assert!(server.terminate().success());
    assert_eq!(server.printed().matches(&secret).count(), 1, "{}", server.printed());
    let mut folders = vec![folder.path().to_owned()];
    while let Some(path) = folders.pop() {
        for entry in fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                folders.push(entry);
            } else {
                let bytes = fs::read(&entry).unwrap();
                let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
                assert!(!found, "{} holds the key", entry.display());
            }
        }
    }
}
