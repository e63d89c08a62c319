//! Who is let in: 405, 401 and 429, and every credential that lives.

use crate::support::{
    server::{Answer, CONFIG, ROUTE_KEY},
    webhook::{GOOD, JSON, deliveries, refusal, started, with_server},
};

/// Sources with every way in. `burst` is large, so that only the test of the 429 meets it.
const MANY_WAYS_IN: &str = r#"
[server]
failed_authentications_burst = 10000
[[source]]
name = "keyed"
route_keys = [
    "one-segment-key-of-a-clinic",
    "two/segments-of-a-second-key",
    "three/segments/of-a-third-key.~_-",
    { key = "a-key-that-expired-long-ago", expires = 2020-01-01T00:00:00Z },
    { key = "a-key-that-expires-in-2999", expires = 2999-01-01T00:00:00Z },
    "blake3:DIGEST",
]
[[source]]
name = "tokens"
authtokens = ["the-first-token-of-tokens", "the-second-token-of-tokens", { key = "a-token-that-expired-in-2020", expires = 2020-01-01T00:00:00Z }]
[[source]]
name = "either"
route_keys = ["the-route-key-of-either"]
authtokens = ["the-authtoken-of-either"]
[[source]]
name = "both"
require = "all"
route_keys = ["the-route-key-of-both-kinds"]
authtokens = ["the-authtoken-of-both-kinds"]
"#;

fn many_ways_in() -> String {
    let digest = clockfold::access::digest_of(b"only-its-digest-is-configured").to_string();
    MANY_WAYS_IN.replace("blake3:DIGEST", &digest)
}

/// The answer as it came, but for the time and the request's id.
fn without_date_and_id(answer: &Answer) -> String {
    let differs = |line: &str| ["date:", "x-request-id:"].iter().any(|name| line.to_lowercase().starts_with(name));
    let head: Vec<&str> = answer.head.lines().filter(|line| !differs(line)).collect();
    format!("{}\n{}", head.join("\n"), answer.text())
}

#[test]
fn a_method_other_than_post_is_405_before_anything_else() {
    let (_folder, server) = started(CONFIG);
    let known = format!("/webhook/{ROUTE_KEY}");
    for method in ["GET", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "BREW"] {
        for path in [known.as_str(), "/webhook/no-such-key-at-all-anywhere", "/webhook", "/webhook/"] {
            let answer = server.request(method, path, &[], b"");
            assert_eq!((answer.status, answer.header("allow")), (405, Some("POST")), "{method} {path}");
        }
    }
    assert_eq!(deliveries(&server), 0);
}

#[test]
fn whoever_is_not_let_in_cannot_tell_why() {
    let (_folder, server) = started(&many_ways_in());
    let post = |path: &str, token: Option<&str>| {
        let mut headers = vec![JSON];
        headers.extend(token.map(|token| ("Authtoken", token)));
        server.request("POST", path, &headers, GOOD)
    };
    let first = post("/webhook/no-such-key-at-all-anywhere", None);
    assert_eq!(refusal(&first), "404 NOT_FOUND");
    for (path, token) in [
        ("/webhook/another/unknown/key/with/segments", None),
        ("/webhook/x", Some("the-authtoken-of-both-kinds")),
        ("/webhook/the-route-key-of-both-kinds", None),
        ("/webhook/the-route-key-of-both-kinds", Some("nonsense")),
        ("/webhook/the-route-key-of-both-kinds", Some("the-authtoken-of-either")),
        ("/webhook/a-key-that-expired-long-ago", None),
        ("/webhook/the-authtoken-of-either", None),
        ("/webhook/One-segment-key-of-a-clinic", None),
        ("/webhook/one%252Dsegment-key-of-a-clinic", None),
        ("/webhook/one-segment-key-of-a-clinic//more/", None),
        ("/webhook/one-segment-key-of-a-%20clinic", None),
        ("/webhook/one-segment-key-of-a-clinic%00", None),
        ("/webhook/./one-segment-key-of-a-clinic", None),
        ("//webhook//no-such-key/at-all%20/", None),
        ("/webhook/two", None),
        ("/webhook/two/segments-of-a-second-key/more", None),
        ("/webhook/%00", None),
        ("/webhooks/one-segment-key-of-a-clinic", None),
        ("/no/such/route", None),
    ] {
        assert_eq!(without_date_and_id(&post(path, token)), without_date_and_id(&first), "{path}");
    }
    let first = post("/webhook", None);
    assert_eq!(refusal(&first), "401 UNAUTHENTICATED");
    for path in ["/webhook", "/webhook/", "//webhook//", "/webhook/%20"] {
        for token in [
            Some("nonsense"),
            Some(""),
            Some("a-token-that-expired-in-2020"),
            Some("the-authtoken-of-both-kinds"),
            Some("the-route-key-of-either"),
            None,
        ] {
            assert_eq!(without_date_and_id(&post(path, token)), without_date_and_id(&first), "{path} {token:?}");
        }
    }
    let twice = [JSON, ("Authtoken", "the-first-token-of-tokens"), ("Authtoken", "nonsense")];
    assert_eq!(server.request("POST", "/webhook", &twice, GOOD).status, 401);
    assert_eq!(deliveries(&server), 0);
}

#[test]
fn every_live_credential_lets_its_own_source_in() {
    let (_folder, server) = started(&many_ways_in());
    for (path, token, source) in [
        ("/webhook/one-segment-key-of-a-clinic", None, "keyed"),
        ("/webhook/one-segment-key-of-a-clinic?query=ignored", None, "keyed"),
        ("/webhook/two/segments-of-a-second-key", None, "keyed"),
        ("/webhook/three/segments/of-a-third-key.~_-", None, "keyed"),
        ("/webhook/one-segment-key-of-a-clinic/", None, "keyed"),
        ("/webhook//one-segment-key-of-a-clinic", None, "keyed"),
        ("//webhook/two//segments-of-a-second-key//", None, "keyed"),
        ("/webhook/one%2Dsegment-key-of-a-clinic", None, "keyed"),
        ("/webhook/two%2Fsegments-of-a-second-key", None, "keyed"),
        ("/webhook/%20one-segment-key-of-a-clinic%09", None, "keyed"),
        ("/webhook/one-segment-key-of-a-clinic%0D%0A?query", None, "keyed"),
        ("/webhook/only-its-digest-is-configured/", None, "keyed"),
        ("/webhook/the-route-key-of-both-kinds/", Some("the-authtoken-of-both-kinds"), "both"),
        ("//webhook//", Some("the-second-token-of-tokens"), "tokens"),
        ("/webhook/%20", Some("the-second-token-of-tokens"), "tokens"),
        ("/webhook/a-key-that-expires-in-2999", None, "keyed"),
        ("/webhook/only-its-digest-is-configured", None, "keyed"),
        ("/webhook", Some("the-first-token-of-tokens"), "tokens"),
        ("/webhook", Some("the-second-token-of-tokens"), "tokens"),
        ("/webhook/", Some("the-second-token-of-tokens"), "tokens"),
        ("/webhook", Some("the-authtoken-of-either"), "either"),
        ("/webhook/the-route-key-of-either", None, "either"),
        ("/webhook/the-route-key-of-either", Some("nonsense"), "either"),
        ("/webhook/the-route-key-of-both-kinds", Some("the-authtoken-of-both-kinds"), "both"),
    ] {
        let mut headers = vec![JSON];
        headers.extend(token.map(|token| ("authTOKEN", token)));
        let answer = server.request("POST", path, &headers, GOOD);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        assert_eq!(answer.json()["source"], source, "{path}");
    }
}

#[test]
fn many_failures_are_429_and_a_valid_delivery_never_is() {
    let (_folder, server) = started(&with_server("failed_authentications_burst = 5"));
    let fail = |path: &str| server.request("POST", path, &[JSON], GOOD);
    for _ in 0..5 {
        assert_eq!(fail("/webhook/no-such-key-at-all-anywhere").status, 404);
    }
    for path in ["/webhook/no-such-key-at-all-anywhere", "/webhook"] {
        let answer = fail(path);
        assert_eq!(refusal(&answer), "429 TOO_MANY_FAILURES");
        let seconds: u64 = answer.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=60).contains(&seconds), "{seconds}");
        for _ in 0..5 {
            assert_eq!(server.post(GOOD).status, 200, "an authenticated delivery is never refused for its rate");
        }
    }
    // Nothing else is looked at before the credential.
    assert_eq!(server.request("POST", "/webhook/no-such-key-at-all-anywhere", &[], GOOD).status, 429);
}
