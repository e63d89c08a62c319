//! Signing in, on the real program: a token once, a cookie from then on, and what that cookie may and may not do.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::support::{
    server::{Answer, CONFIG as NO_READER, Connection, Server, clockfold, data_dir},
    session::{ORIGIN, ask, cookie_from, cookie_of, post_token, seal, sign_in, takes_cookie, with_cookie},
};

const DESK: &str = "the-token-of-the-front-desk";
const ADMIN: &str = "the-token-of-an-admin-reader";
const WALL: &str = "the-token-of-the-wall-screen";

const CONFIG: &str = r#"
[[source]]
name = "downtown"
route_keys = ["CF3uQP8cSFIQB8gB/9285030fceca"]
[[source]]
name = "lakeside"
route_keys = ["the-route-key-of-lakeside"]
[[reader]]
name = "desk"
token = "the-token-of-the-front-desk"
sources = ["downtown"]
idle_sign_out_minutes = 1
[[reader]]
name = "admin"
token = "the-token-of-an-admin-reader"
role = "admin"
[[reader]]
name = "wall"
token = "the-token-of-the-wall-screen"
idle_sign_out_minutes = 0
"#;

const WHO: &str = "{ reader { name signedIn idleSignOutMinutes } }";

fn started(config: &str) -> (tempfile::TempDir, Server) {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), config);
    (folder, server)
}

/// Whether a browser is to send the cookie over TLS only.
fn is_secure(answer: &Answer) -> bool {
    answer.header("set-cookie").unwrap().split("; ").any(|attribute| attribute == "Secure")
}

/// The status, and the code of a GraphQL error or of a problem.
fn refusal(answer: &Answer) -> String {
    let body = answer.json();
    let code = body["errors"][0]["extensions"]["code"].as_str().or(body["code"].as_str());
    format!("{} {}", answer.status, code.unwrap_or("-"))
}

fn is_signed_in(server: &Server, cookie: &str) -> bool {
    let answer = ask(server, cookie, WHO);
    assert!(answer.status == 200 || refusal(&answer) == "401 SIGNED_OUT", "{}", answer.text());
    answer.status == 200
}

#[test]
fn a_token_is_given_once_and_a_cookie_says_who_asks_until_it_is_given_up() {
    let (_folder, server) = started(CONFIG);
    assert_eq!(refusal(&server.ask(&[ORIGIN], WHO)), "401 UNAUTHENTICATED");
    let answer = post_token(&server, &[ORIGIN], DESK);
    assert_eq!((answer.status, answer.body.len()), (204, 0));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let attributes = answer.header("set-cookie").unwrap().split_once("; ").unwrap().1.to_owned();
    assert_eq!(attributes, "HttpOnly; SameSite=Strict; Path=/; Max-Age=60");
    let cookie = cookie_of(&answer);
    assert!(!cookie.contains(DESK));
    let answer = ask(&server, &cookie, WHO);
    let desk = json!({ "name": "desk", "signedIn": true, "idleSignOutMinutes": 1 });
    assert_eq!(answer.json(), json!({ "data": { "reader": desk } }));
    // Nothing but a renewal renews, and no answer is kept by the browser.
    assert_eq!((answer.header("set-cookie"), answer.header("cache-control")), (None, Some("no-store")));
    let got = server.request("GET", "/graphql?query=%7Breader%7Bname%7D%7D", &[("Cookie", &cookie)], b"");
    assert_eq!(got.json()["data"]["reader"]["name"], "desk");
    // A token goes over a cookie, also a wrong one.
    let bearer = ("Authorization", &*format!("Bearer {ADMIN}"));
    let told = server.ask(&[ORIGIN, ("Cookie", &cookie), bearer], WHO).json();
    assert_eq!(
        (&told["data"]["reader"]["name"], &told["data"]["reader"]["signedIn"]),
        (&json!("admin"), &json!(false))
    );
    let wrong = server.ask(&[ORIGIN, ("Cookie", &cookie), ("Authorization", "Bearer nobodys")], WHO);
    assert_eq!((refusal(&wrong).as_str(), wrong.header("set-cookie")), ("401 UNAUTHENTICATED", None));
    // Renewed: both copies count, until it is given up.
    let answer = with_cookie(&server, "PUT", &cookie);
    assert_eq!((answer.status, answer.body.len(), answer.header("cache-control")), (204, 0, Some("no-store")));
    let renewed = cookie_of(&answer);
    assert!(renewed != cookie && is_signed_in(&server, &cookie) && is_signed_in(&server, &renewed));
    let other = sign_in(&server, DESK);
    let answer = with_cookie(&server, "DELETE", &renewed);
    assert!(answer.status == 204 && takes_cookie(&answer), "{}", answer.head);
    for cookie in [&cookie, &renewed] {
        let answer = ask(&server, cookie, WHO);
        assert!(refusal(&answer) == "401 SIGNED_OUT" && takes_cookie(&answer), "{}", answer.head);
        let answer = with_cookie(&server, "PUT", cookie);
        assert!(refusal(&answer) == "401 SIGNED_OUT" && takes_cookie(&answer), "{}", answer.head);
        // Whoever is signed out may say so again.
        let answer = with_cookie(&server, "DELETE", cookie);
        assert!(answer.status == 204 && takes_cookie(&answer), "{}", answer.head);
    }
    assert!(is_signed_in(&server, &other));
    assert_eq!(refusal(&server.request("PUT", "/session", &[ORIGIN], b"")), "401 UNAUTHENTICATED");
    // A screen on a wall stays signed in for as long as browsers keep a cookie.
    let answer = post_token(&server, &[ORIGIN], WALL);
    assert!(answer.header("set-cookie").unwrap().ends_with("; Max-Age=34560000"), "{}", answer.head);
}

#[test]
fn who_signs_in_as_another_is_no_longer_the_one_before() {
    let (_folder, server) = started(CONFIG);
    let before = sign_in(&server, ADMIN);
    let wrong = post_token(&server, &[ORIGIN, ("Cookie", &before)], "a-token-that-nobody-has");
    assert!(refusal(&wrong) == "401 WRONG_TOKEN" && is_signed_in(&server, &before));
    let after = cookie_of(&post_token(&server, &[ORIGIN, ("Cookie", &before)], DESK));
    assert!(!is_signed_in(&server, &before) && is_signed_in(&server, &after));
}

#[test]
fn what_is_no_sign_in_is_refused_with_what_to_do() {
    let (_folder, server) = started(CONFIG);
    let post = |headers: &[(&str, &str)], body: &[u8]| server.request("POST", "/session", headers, body);
    let json = ("Content-Type", "application/json");
    for body in [&b""[..], b"{", b"[]", b"{}", br#"{"token": 7}"#, br#"{"token": null}"#, b"\xff"] {
        assert_eq!(refusal(&post(&[ORIGIN, json], body)), "400 BAD_REQUEST", "{body:?}");
    }
    assert_eq!(refusal(&post(&[ORIGIN, json], &[b' '; 5_000])), "413 BODY_TOO_LARGE");
    let form = ("Content-Type", "application/x-www-form-urlencoded");
    assert_eq!(refusal(&post(&[ORIGIN, form], b"token=x")), "415 MEDIA_TYPE");
    assert_eq!(refusal(&post(&[ORIGIN, ("Content-Type", "text/plain")], b"{}")), "415 MEDIA_TYPE");
    for token in
        ["", "the-token-of-the-front-desk-", "the-token-of-the-front-des", "Bearer the-token-of-the-front-desk"]
    {
        let answer = post_token(&server, &[ORIGIN], token);
        assert_eq!((refusal(&answer).as_str(), answer.header("set-cookie")), ("401 WRONG_TOKEN", None));
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        assert!(!answer.text().contains(DESK), "{}", answer.text());
    }
    // What was copied with a line feed is the same token.
    assert_eq!(post_token(&server, &[ORIGIN], &format!(" {DESK}\n")).status, 204);
    for method in ["GET", "HEAD", "OPTIONS", "PATCH"] {
        let answer = server.request(method, "/session", &[ORIGIN], b"");
        assert_eq!((answer.status, answer.header("allow")), (405, Some("POST, PUT, DELETE")), "{method}");
    }
    // The secret of the lock file is for commands beside the server.
    let lock = fs::read_to_string(data_dir(_folder.path()).join("lock")).unwrap();
    assert_eq!(refusal(&post_token(&server, &[ORIGIN], lock.lines().nth(2).unwrap())), "401 WRONG_TOKEN");
    let (_folder, server) = started(NO_READER);
    let answer = post_token(&server, &[ORIGIN], DESK);
    assert_eq!(refusal(&answer), "403 READERS_NOT_CONFIGURED");
    assert_eq!(server.ask(&[ORIGIN, ("Cookie", "clockfold-session=v1.AAAA")], WHO).status, 200);
}

#[test]
fn guessing_is_slowed_down_and_who_knows_a_token_is_not() {
    let (folder, server) = started(&format!("[server]\nfailed_authentications_burst = 5\n{CONFIG}"));
    let good = sign_in(&server, DESK);
    let statuses: Vec<u16> = (0..8).map(|_| post_token(&server, &[ORIGIN], "a-wrong-token").status).collect();
    assert_eq!(statuses[..5], [401; 5]);
    assert!(statuses.contains(&429), "{statuses:?}");
    // Cookies that nobody was given are guesses too; one that was is none, and neither is one that has had its time.
    let forged: Vec<Answer> = (0..8).map(|_| ask(&server, "clockfold-session=v1.AAAA", WHO)).collect();
    let refused = forged.iter().find(|answer| refusal(answer) == "429 TOO_MANY_FAILURES");
    assert!(refused.is_some_and(|answer| answer.header("retry-after").is_some()), "{forged:?}");
    let old = cookie_from(&seal(folder.path()), DESK, TimeDelta::minutes(2));
    for _ in 0..10 {
        assert_eq!(refusal(&ask(&server, &old, WHO)), "401 SIGNED_OUT");
    }
    assert!(is_signed_in(&server, &good));
    sign_in(&server, DESK);
}

#[test]
fn a_cookie_that_is_forged_or_cut_is_nobodys() {
    let (folder, server) = started(&format!("[server]\nfailed_authentications_burst = 100000\n{CONFIG}"));
    let cookie = sign_in(&server, ADMIN);
    let name = "clockfold-session=".len();
    let mut connection = Connection::open(server.address);
    let mut refused = |cookie: &str| {
        let headers = [("Content-Type", "application/json"), ORIGIN, ("Cookie", cookie)];
        let answer = connection.request("POST", "/graphql", &headers, br#"{"query":"{ __typename }"}"#).unwrap();
        assert!(refusal(&answer) == "401 SIGNED_OUT" && takes_cookie(&answer), "{cookie}: {}", answer.head);
    };
    for at in name..cookie.len() {
        for bit in 0..7 {
            let mut bytes = cookie.clone().into_bytes();
            bytes[at] ^= 1 << bit;
            // Only what can stand in a cookie reaches the server as one.
            if bytes[at].is_ascii_graphic() && !b";,\"\\".contains(&bytes[at]) {
                refused(std::str::from_utf8(&bytes).unwrap());
            }
        }
        refused(&cookie[..at]);
    }
    // Whoever reads the configuration's digests, but not the lock file, can make none.
    let other = started(CONFIG);
    refused(&cookie_from(&seal(other.0.path()), ADMIN, TimeDelta::zero()));
    refused(&cookie_from(&seal(folder.path()), "a-token-of-no-reader", TimeDelta::zero()));
    assert!(is_signed_in(&server, &cookie));
}

#[test]
fn a_session_has_its_time_on_the_servers_clock() {
    let (folder, server) = started(CONFIG);
    let seal = seal(folder.path());
    let ago = |token: &str, seconds: i64| cookie_from(&seal, token, TimeDelta::seconds(seconds));
    assert!(is_signed_in(&server, &ago(DESK, 50)) && !is_signed_in(&server, &ago(DESK, 61)));
    assert!(is_signed_in(&server, &ago(ADMIN, 14 * 60)) && !is_signed_in(&server, &ago(ADMIN, 15 * 60)));
    assert!(is_signed_in(&server, &ago(WALL, 300 * 24 * 60 * 60)));
    let answer = with_cookie(&server, "PUT", &ago(DESK, 61));
    assert!(refusal(&answer) == "401 SIGNED_OUT" && takes_cookie(&answer));
    assert!(with_cookie(&server, "DELETE", &ago(DESK, 61)).status == 204);
    // In time, a renewal gives it a whole minute more.
    let renewed = cookie_of(&with_cookie(&server, "PUT", &ago(DESK, 50)));
    assert!(is_signed_in(&server, &renewed));
}

#[test]
fn sessions_outlast_the_server_and_end_with_the_lock_file_or_the_token() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(folder.path(), CONFIG);
    let (desk, admin) = (sign_in(&server, DESK), sign_in(&server, ADMIN));
    assert!(server.terminate().success());
    let mut server = Server::start(folder.path(), CONFIG);
    assert!(is_signed_in(&server, &desk) && is_signed_in(&server, &admin));
    server.kill();
    // A reader whose token is replaced is signed out, and no other.
    let mut server = Server::start(folder.path(), &CONFIG.replace(DESK, "the-next-token-of-the-front-desk"));
    assert!(!is_signed_in(&server, &desk) && is_signed_in(&server, &admin));
    server.kill();
    let mut server = Server::start(folder.path(), &CONFIG.replace(&format!("\"{ADMIN}\""), &expired(ADMIN)));
    assert!(is_signed_in(&server, &desk) && !is_signed_in(&server, &admin));
    server.kill();
    fs::remove_file(data_dir(folder.path()).join("lock")).unwrap();
    let server = Server::start(folder.path(), CONFIG);
    assert!(!is_signed_in(&server, &desk) && !is_signed_in(&server, &admin));
    assert!(is_signed_in(&server, &sign_in(&server, DESK)));
}

#[test]
fn whoever_has_signed_out_stays_so_when_the_server_is_started_anew() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(folder.path(), CONFIG);
    let [desk, other, wall, replaced] = [DESK, DESK, WALL, ADMIN].map(|token| sign_in(&server, token));
    for cookie in [&desk, &wall] {
        assert_eq!(with_cookie(&server, "DELETE", cookie).status, 204);
    }
    // Whoever signs in in the same browser ends what was there.
    let admin = cookie_of(&post_token(&server, &[ORIGIN, ("Cookie", &replaced)], ADMIN));
    for round in 0..3 {
        if round == 1 {
            assert!(server.terminate().success());
        } else {
            // Right after the answer: it was on stable storage before.
            server.kill();
        }
        // Other commands take the lock meanwhile.
        let exported = clockfold(folder.path(), &[], &["export", "--data-dir", "data", "--output", "exported"]);
        assert_eq!(exported.status, 0, "{}", exported.stderr);
        server = Server::start(folder.path(), CONFIG);
        for cookie in [&desk, &wall, &replaced] {
            let answer = ask(&server, cookie, "{ log { digest } }");
            assert_eq!(refusal(&answer), "401 SIGNED_OUT", "{round}");
            assert!(takes_cookie(&answer));
        }
        assert!(is_signed_in(&server, &other) && is_signed_in(&server, &admin), "{round}");
    }
    assert!(!server.printed().contains("WARN"), "{}", server.printed());
}

#[test]
fn the_key_is_in_the_lock_file_and_nowhere_else() {
    let (folder, mut server) = started(CONFIG);
    server.deliver(7, "create");
    let cookie = sign_in(&server, ADMIN);
    for (command, target) in [(&["backup", "backup"][..], "backup"), (&["export", "--output", "exported"], "exported")]
    {
        let told = clockfold(folder.path(), &[], &[command, &["--data-dir", "data"]].concat());
        assert!(told.status == 0 && folder.path().join(target).exists(), "{}", told.stderr);
    }
    assert!(server.terminate().success());
    let path = data_dir(folder.path()).join("lock");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let lock = fs::read_to_string(&path).unwrap();
    let digits = lock.lines().find_map(|line| line.strip_prefix("session-key ")).unwrap();
    let key: Vec<u8> = (0..32).map(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).unwrap()).collect();
    let mut files = Vec::new();
    all_files(folder.path(), &mut files);
    assert!(files.len() > 5, "{files:?}");
    for file in files.iter().filter(|file| **file != path) {
        let bytes = fs::read(file).unwrap();
        for secret in [digits.as_bytes(), &key, cookie.as_bytes(), ADMIN.as_bytes()] {
            let is_config = secret == ADMIN.as_bytes() && file.ends_with("clockfold.toml");
            assert!(is_config || !bytes.windows(secret.len()).any(|window| window == secret), "{}", file.display());
        }
    }
}

fn all_files(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { all_files(&path, files) } else { files.push(path) }
    }
}

fn expired(token: &str) -> String {
    format!("{{ key = \"{token}\", expires = 2020-01-01T00:00:00Z }}")
}

#[test]
fn pages_of_other_sites_neither_sign_in_nor_use_a_cookie() {
    let board = "https://board.example";
    let (_folder, server) = started(&format!("[server]\nallowed_origins = [\"{board}\"]\n{CONFIG}"));
    let cookie = sign_in(&server, DESK);
    let cookie = ("Cookie", cookie.as_str());
    let foreign: [&[(&str, &str)]; 6] = [
        &[("Origin", "https://evil.example")],
        &[("Origin", board)],
        &[("Origin", "http://127.0.0.1:8081")],
        &[("Origin", "null")],
        &[("Sec-Fetch-Site", "same-site"), ORIGIN],
        &[("Sec-Fetch-Site", "cross-site")],
    ];
    for headers in foreign {
        assert_eq!(refusal(&post_token(&server, headers, DESK)), "403 FOREIGN_ORIGIN", "{headers:?}");
        let with = [headers, &[cookie]].concat();
        for method in ["PUT", "DELETE"] {
            let answer = server.request(method, "/session", &with, b"");
            assert_eq!((refusal(&answer).as_str(), answer.header("set-cookie")), ("403 FOREIGN_ORIGIN", None));
        }
        let asked = server.ask(&with, WHO);
        let got = server.request("GET", "/graphql?query=%7B__typename%7D", &with, b"");
        for answer in [asked, got] {
            // The page is nobody, and the browser's cookie stays as it is.
            assert_eq!((refusal(&answer).as_str(), answer.header("set-cookie")), ("401 UNAUTHENTICATED", None));
            assert_eq!(answer.header("access-control-allow-credentials"), None);
        }
    }
    // What says nothing of where it comes from may read, and change nothing.
    assert_eq!(server.ask(&[cookie], WHO).status, 401);
    assert_eq!(server.request("GET", "/graphql?query=%7B__typename%7D", &[cookie], b"").status, 200);
    assert_eq!(server.request("PUT", "/session", &[cookie], b"").status, 401);
    // What a browser judges itself goes first: a proxy may call us by another name.
    let by_proxy = [("Origin", "https://clinic.example"), ("Sec-Fetch-Site", "same-origin"), cookie];
    assert_eq!(server.ask(&by_proxy, WHO).status, 200);
    let answer = post_token(&server, &by_proxy[..2], DESK);
    assert!(is_secure(&answer), "{}", answer.head);
    assert!(is_signed_in(&server, cookie.1));
}

#[test]
fn tls_is_told_by_the_page_or_by_a_setting() {
    for (setting, origin, host, secure) in [
        ("", "https://clinic.example", "clinic.example", true),
        ("", "http://clinic.example", "clinic.example", false),
        ("secure_cookies = true\n", "http://clinic.example", "clinic.example", true),
        ("secure_cookies = false\n", "https://clinic.example", "clinic.example", false),
    ] {
        let (_folder, server) = started(&format!("[server]\n{setting}{CONFIG}"));
        let headers = [("Origin", origin), ("Host", host)];
        let answer = post_token(&server, &headers, DESK);
        assert_eq!(is_secure(&answer), secure, "{setting}{origin}");
        let cookie = cookie_of(&answer);
        let renewed = server.request("PUT", "/session", &[&headers[..], &[("Cookie", &cookie)]].concat(), b"");
        assert_eq!(is_secure(&renewed), secure, "{setting}{origin}");
    }
}

#[test]
fn a_cookie_lets_nobody_see_more_than_the_token_does() {
    let (_folder, server) = started(CONFIG);
    let body = br#"{"appointment_id": 7, "event_type": "create", "note": "of nobody"}"#;
    assert_eq!((server.post(body).status, server.post_to("the-route-key-of-lakeside", body).status), (200, 200));
    let query = "{ sources { name } deliveries { nodes { source body bodyBase64 } } statusCounts { status count } \
                 log { headPosition } appointment(appointmentId: 7, source: \"lakeside\") { id } rebuild { state } }";
    for token in [DESK, ADMIN, WALL] {
        let by_cookie: Value = ask(&server, &sign_in(&server, token), query).json();
        assert_eq!(by_cookie, server.query_as(Some(token), query), "{token}");
        let text = by_cookie.to_string();
        assert_eq!(text.contains("of nobody"), token == ADMIN, "{text}");
        assert_eq!(text.contains("lakeside"), token != DESK, "{text}");
    }
    // Other routes that readers may read know the cookie, too, and only an admin's of all sources.
    for (token, status) in [(ADMIN, 200), (WALL, 403), (DESK, 403)] {
        let cookie = sign_in(&server, token);
        assert_eq!(server.request("GET", "/log", &[("Cookie", &cookie)], b"").status, status, "{token}");
    }
}
