//! The webhook's table of answers, row by row and in its order, on the real program.

use std::{io::Write as _, process::Command};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::support::{
    net::http1::chunked,
    server::{Answer, CONFIG, Connection, ROUTE_KEY, Server},
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

/// What is sent under a header, and what comes of it.
fn check_kept(server: &Server, headers: &[(&str, &str)], body: &[u8], kept: &[u8], expected: &str) {
    let before = deliveries(server);
    let answer = server.request("POST", &format!("/webhook/{ROUTE_KEY}"), headers, body);
    let told = answer.json();
    let told_code = told["code"].as_str().unwrap_or(told["outcome"].as_str().unwrap_or("-"));
    assert_eq!(format!("{} {told_code}", answer.status), expected, "{headers:?}: {}", answer.text());
    assert_eq!(told["position"], (before + 1).to_string(), "{headers:?}");
    let query = "{ deliveries(last: 1) { nodes { position receivedAt outcome code reason bodyBase64 } } }";
    let last = server.query(query)["deliveries"]["nodes"][0].clone();
    assert_eq!((&last["position"], &last["receivedAt"]), (&told["position"], &told["receivedAt"]));
    assert_eq!(STANDARD.decode(last["bodyBase64"].as_str().unwrap()).unwrap(), kept, "{headers:?}");
    if answer.status != 200 {
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        assert_eq!((&last["outcome"], &last["code"]), (&"UNREADABLE".into(), &told["code"]));
        assert_eq!(last["reason"], told["detail"]);
        assert!(told["detail"].as_str().unwrap().starts_with("The body was kept but could not be read"), "{told}");
    }
}

#[test]
fn whatever_the_media_type_says_a_delivery_is_kept() {
    let (_folder, server) = started(CONFIG);
    let check = |media_types: &[&str], body: &[u8], expected: &str| {
        let headers: Vec<_> = media_types.iter().map(|value| ("Content-Type", *value)).collect();
        check_kept(&server, &headers, body, body, expected);
    };
    let good = br#"{"appointment_id": 12345, "event_type": "demographics_update"}"#;
    check(&["application/json"], GOOD, "200 APPLIED");
    for read in [
        &[][..],
        &[""],
        &["application/json; charset=utf-8"],
        &["Application/JSON"],
        &["application/json ;x=y"],
        &["text/json"],
        &["application/vnd.clinic.v2+json; charset=utf-8"],
        &["application/json", "application/json"],
        &["application/json, application/json"],
        // An object by itself.
        &["text/plain"],
        &["text/plain;charset=UTF-8"],
        &["application/x-www-form-urlencoded"],
        &["application/octet-stream"],
        &["application/json", "text/plain"],
        &["*/*"],
        &["json"],
        &["nonsense, \"quoted"],
    ] {
        check(read, good, "200 APPLIED");
    }
    for other in ["text/plain", "application/x-www-form-urlencoded", "application/xml", "application/jsonp"] {
        for body in [&b"appointment_id=12345&event_type=create"[..], b"[]", b"", b"\xff\xfe{\x00}\x00"] {
            check(&[other], body, "415 MEDIA_TYPE");
        }
        check(&[other], b"{}", "422 APPOINTMENT_ID_MISSING");
        check(&[other], b"\xef\xbb\xbf {\"appointment_id\": 1,}", "422 EVENT_TYPE_MISSING");
    }
    for json in [&[][..], &["text/json"], &["application/x+json"]] {
        check(json, b"appointment_id=12345", "400 NOT_JSON");
        check(json, b"[]", "422 NOT_AN_OBJECT");
    }
    let kept = deliveries(&server);
    // What is too large is not kept, whatever it is.
    let path = format!("/webhook/{ROUTE_KEY}");
    let large = server.request("POST", &path, &[("Content-Type", "text/plain")], &vec![b' '; 70_000]);
    assert_eq!(refusal(&large), "413 BODY_TOO_LARGE");
    // After the credential.
    assert_eq!(server.request("POST", "/webhook/no-such-key-at-all-anywhere", &[], GOOD).status, 404);
    assert_eq!(server.request("POST", "/webhook", &[], GOOD).status, 401);
    assert_eq!(deliveries(&server), kept);
}

#[test]
fn a_byte_order_mark_is_read_over_and_kept() {
    let (_folder, server) = started(CONFIG);
    let body = [b"\xef\xbb\xbf", GOOD].concat();
    check_kept(&server, &[JSON], &body, &body, "200 APPLIED");
    let zipped = gzip(&body);
    check_kept(&server, &[JSON, ("Content-Encoding", "gzip")], &zipped, &body, "200 STEP_STANDS");
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

fn zlib(body: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

fn raw_deflate(body: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn content_codings_are_taken_off_within_the_limit_and_others_are_kept_as_they_came() {
    let (_folder, server) = started(CONFIG);
    let check = |codings: &[&str], body: &[u8], kept: &[u8], expected: &str| {
        let mut headers = vec![JSON];
        headers.extend(codings.iter().map(|value| ("Content-Encoding", *value)));
        check_kept(&server, &headers, body, kept, expected);
    };
    check(&["gzip"], &gzip(GOOD), GOOD, "200 APPLIED");
    for (codings, body) in [
        (&["x-gzip"][..], gzip(GOOD)),
        (&["GZIP"], gzip(GOOD)),
        (&["deflate"], zlib(GOOD)),
        (&["deflate"], raw_deflate(GOOD)),
        (&["deflate, gzip"], gzip(&zlib(GOOD))),
        (&["deflate", "gzip"], gzip(&zlib(GOOD))),
        (&["identity"], GOOD.to_vec()),
        (&[""], GOOD.to_vec()),
    ] {
        check(codings, &body, GOOD, "200 STEP_STANDS");
    }
    check(&["gzip"], &gzip(b"no JSON"), b"no JSON", "400 NOT_JSON");
    for (codings, body) in [
        (&["br"][..], GOOD.to_vec()),
        (&["zstd"], GOOD.to_vec()),
        (&["gzip"], GOOD.to_vec()),
        (&["gzip"], gzip(GOOD)[..20].to_vec()),
        (&["gzip"], Vec::new()),
        (&["deflate"], gzip(GOOD)),
        (&["gzip, br"], gzip(GOOD)),
        (&["gzip,gzip,gzip,gzip"], gzip(&gzip(&gzip(&gzip(GOOD))))),
    ] {
        check(codings, &body, &body, "415 CONTENT_CODING");
    }
    let kept = deliveries(&server);
    let path = format!("/webhook/{ROUTE_KEY}");
    let post = |body: &[u8]| server.request("POST", &path, &[JSON, ("Content-Encoding", "gzip")], body);
    assert_eq!(post(&gzip(&padded(65_536))).status, 200);
    assert_eq!(refusal(&post(&gzip(&padded(65_537)))), "413 BODY_TOO_LARGE");
    // 60 MiB of blanks in less than 64 KiB.
    let bomb = gzip(&vec![b' '; 60 << 20]);
    assert!(bomb.len() < 64 << 10);
    assert_eq!(refusal(&post(&bomb)), "413 BODY_TOO_LARGE");
    let headers = [JSON, ("Content-Encoding", "gzip"), ("Transfer-Encoding", "chunked")];
    assert_eq!(refusal(&server.request("POST", &path, &headers, &chunked(&bomb, 1000))), "413 BODY_TOO_LARGE");
    assert_eq!(server.request("POST", &path, &headers, &chunked(&gzip(GOOD), 7)).status, 200);
    // Over the limit on the wire, whatever it would unfold to.
    let wide = [JSON, ("Content-Encoding", "br")];
    assert_eq!(refusal(&server.request("POST", &path, &wide, &vec![0; 65_537])), "413 BODY_TOO_LARGE");
    assert_eq!(deliveries(&server), kept + 2);
}

/// What `/metrics` has counted of each kind, as words.
fn near_misses(server: &Server) -> String {
    let metrics = server.get("/metrics").text();
    let counted = metrics.lines().filter_map(|line| line.strip_prefix("clockfold_near_misses_total{kind=\""));
    let mut counted: Vec<String> = counted.map(|line| line.replace("\"}", "")).collect();
    counted.sort();
    counted.join(", ")
}

#[test]
fn near_misses_are_counted_by_kind_from_zero() {
    let (_folder, server) = started(CONFIG);
    assert_eq!(
        near_misses(&server),
        "bom 0, content_coding 0, content_coding_kept 0, json_media_type 0, media_type 0, no_media_type 0, path 0"
    );
    let post = |key: &str, headers: &[(&str, &str)], body: &[u8]| {
        server.request("POST", &format!("/webhook/{key}"), headers, body).status
    };
    let slash = format!("{ROUTE_KEY}/");
    assert_eq!(post(ROUTE_KEY, &[JSON], GOOD), 200);
    assert_eq!(post(&slash, &[JSON], GOOD), 200);
    assert_eq!(post(&slash, &[], &[b"\xef\xbb\xbf", GOOD].concat()), 200);
    assert_eq!(post(ROUTE_KEY, &[("Content-Type", "text/plain")], GOOD), 200);
    assert_eq!(post(ROUTE_KEY, &[("Content-Type", "text/plain")], b"-"), 415);
    assert_eq!(post(ROUTE_KEY, &[("Content-Type", "text/json"), ("Content-Encoding", "gzip")], &gzip(GOOD)), 200);
    assert_eq!(post(ROUTE_KEY, &[JSON, ("Content-Encoding", "br")], GOOD), 415);
    // What is not kept is no near miss.
    assert_eq!(post("no-such-key-at-all-anywhere/", &[], GOOD), 404);
    assert_eq!(post(ROUTE_KEY, &[], &vec![b' '; 70_000]), 413);
    assert_eq!(
        near_misses(&server),
        "bom 1, content_coding 1, content_coding_kept 1, json_media_type 1, media_type 2, no_media_type 1, path 2"
    );
}

#[test]
fn what_is_kept_unread_has_its_delivery_id() {
    let (_folder, server) = started(&format!("{CONFIG}delivery_id_header = \"x-delivery-id\"\n"));
    let post = |coding: &str, body: &[u8]| {
        let headers = [JSON, ("Content-Encoding", coding), ("X-Delivery-Id", "a-1")];
        server.request("POST", &format!("/webhook/{ROUTE_KEY}"), &headers, body)
    };
    let first = post("br", GOOD);
    assert_eq!(refusal(&first), "415 CONTENT_CODING");
    let again = post("br", GOOD);
    assert_eq!((again.status, &again.json()["repeated"]), (415, &true.into()));
    assert_eq!(again.json()["position"], first.json()["position"]);
    let other = post("gzip", &gzip(b"{}"));
    assert_eq!((other.status, &other.json()["conflictsWith"]), (422, &first.json()["position"]));
}

/// What people and programs use to try a webhook, with nothing said that they do not say by themselves.
#[test]
fn senders_that_say_nothing_of_the_media_type_are_read() {
    let (_folder, server) = started(CONFIG);
    let url = format!("http://{}/webhook/{ROUTE_KEY}", server.address);
    let body = std::str::from_utf8(GOOD).unwrap();
    let python =
        "import sys, urllib.request as r; print(r.urlopen(r.Request(sys.argv[1], sys.argv[2].encode())).status)";
    let node = "fetch(process.argv[1], { method: 'POST', body: process.argv[2] }).then((answer) => console.log(answer.status))";
    let folder = tempfile::tempdir().unwrap();
    let (file, zipped) = (folder.path().join("body.json"), folder.path().join("body.json.gz"));
    std::fs::write(&file, [b"\xef\xbb\xbf", GOOD, b"\r\n"].concat()).unwrap();
    std::fs::write(&zipped, gzip(GOOD)).unwrap();
    let (from_file, zipped) = (format!("@{}", file.display()), format!("@{}", zipped.display()));
    let status = ["-sS", "-o", "/dev/null", "-w", "%{http_code}"];
    let slashed = format!("{url}/");
    for arguments in [
        [&["curl"], &status[..], &["-d", body, &url]].concat(),
        [&["curl"], &status[..], &["--data-binary", &from_file, &slashed]].concat(),
        [
            &["curl"],
            &status[..],
            &["-H", "Content-Encoding: gzip", "-H", "Content-Type:", "--data-binary", &zipped, &url],
        ]
        .concat(),
        [&["curl"], &status[..], &["-T", file.to_str().unwrap(), "-X", "POST", &url]].concat(),
        vec!["python3", "-c", python, &url, body],
        vec!["node", "-e", node, &url, body],
    ] {
        let output = Command::new(arguments[0]).args(&arguments[1..]).output().expect("the program is there");
        let told = String::from_utf8_lossy(&output.stdout);
        assert_eq!(told.trim(), "200", "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    assert_eq!(deliveries(&server), 6);
    assert_eq!(server.query("{ appointment(appointmentId: 12345) { status } }")["appointment"]["status"], "SCHEDULED");
}

/// A readable body of exactly `length` bytes.
fn padded(length: usize) -> Vec<u8> {
    let mut body = GOOD[..GOOD.len() - 1].to_vec();
    body.resize(length - 1, b' ');
    body.push(b'}');
    body
}

#[test]
fn a_body_over_64_kib_is_413_and_one_of_64_kib_is_kept() {
    let (_folder, server) = started(CONFIG);
    let path = format!("/webhook/{ROUTE_KEY}");
    let announced = |body: &[u8]| server.post(body);
    let in_chunks = |body: &[u8]| {
        let headers = [JSON, ("Transfer-Encoding", "chunked")];
        server.request("POST", &path, &headers, &chunked(body, 1000))
    };
    for body in [padded(65_536), vec![b'x'; 65_536]] {
        let expected = if body[0] == b'{' { 200 } else { 400 };
        assert_eq!((announced(&body).status, in_chunks(&body).status), (expected, expected));
    }
    assert_eq!(deliveries(&server), 4);
    for length in [65_537, 100_000, 900_000] {
        assert_eq!(refusal(&announced(&padded(length))), "413 BODY_TOO_LARGE", "{length}");
        assert_eq!(refusal(&in_chunks(&padded(length))), "413 BODY_TOO_LARGE", "{length}");
    }
    // What is announced as far too large is refused before it is sent.
    let mut connection = Connection::open(server.address);
    let head = format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n");
    connection.send(format!("{head}Content-Length: 99999999999\r\n\r\n").as_bytes()).unwrap();
    assert_eq!(connection.answer().unwrap().status, 413);
    // After the credential.
    let unknown = server.request("POST", "/webhook/no-such-key-at-all-anywhere", &[JSON], &padded(65_537));
    assert_eq!(unknown.status, 404);
    assert_eq!(deliveries(&server), 4);
}

#[test]
fn an_unreadable_body_is_told_with_its_position_and_kept_byte_for_byte() {
    let (_folder, server) = started(CONFIG);
    let every_byte: Vec<u8> = (0..=255).collect();
    let bodies: [(&[u8], u16, &str); 13] = [
        (b"", 400, "NOT_JSON"),
        (b"not JSON", 400, "NOT_JSON"),
        (&every_byte, 400, "NOT_JSON"),
        (b"{\"appointment_id\": 1, \"event_type\": \"\xff\"}", 400, "NOT_JSON"),
        (b"\xff\xfe{\x00}\x00", 400, "NOT_JSON"),
        (b"{'appointment_id': 1, 'event_type': 'create'}", 400, "NOT_JSON"),
        (b"\r\n[ ]\t", 422, "NOT_AN_OBJECT"),
        (b"{}", 422, "APPOINTMENT_ID_MISSING"),
        (br#"{"appointment_id": 1}"#, 422, "EVENT_TYPE_MISSING"),
        (br#"{"appointment_id": 1.5, "event_type": "create"}"#, 422, "APPOINTMENT_ID_INVALID"),
        (br#"{"appointment_id": 1, "event_type": 7}"#, 422, "EVENT_TYPE_INVALID"),
        (br#"{"appointment_id": 1, "event_type": "\ud800"}"#, 422, "EVENT_TYPE_INVALID"),
        (br#"{"appointment_id": 1, "appointment_id": 1, "event_type": "create"}"#, 422, "FIELD_REPEATED"),
    ];
    for (position, (body, status, code)) in (1..).zip(bodies) {
        let answer = server.post(body);
        assert_eq!(refusal(&answer), format!("{status} {code}"), "{}", String::from_utf8_lossy(body));
        let told = answer.json();
        assert_eq!((&told["position"], &told["status"]), (&position.to_string().into(), &status.into()));
        assert!(is_time(told["receivedAt"].as_str().unwrap()), "{told}");
        assert!(told["detail"].as_str().unwrap().starts_with("The body was kept but could not be read"), "{told}");
        let query = "{ deliveries(last: 1) { nodes { position receivedAt outcome code reason appointmentId eventType rawEventType body bodyBase64 bodyErased } } }";
        let kept = server.query(query)["deliveries"]["nodes"][0].clone();
        assert_eq!((&kept["position"], &kept["receivedAt"]), (&told["position"], &told["receivedAt"]));
        assert_eq!((&kept["code"], &kept["reason"]), (&told["code"], &told["detail"]));
        assert_eq!((&kept["outcome"], &kept["bodyErased"]), (&"UNREADABLE".into(), &false.into()));
        for field in ["appointmentId", "eventType", "rawEventType"] {
            assert!(kept[field].is_null(), "{field}");
        }
        assert_eq!(STANDARD.decode(kept["bodyBase64"].as_str().unwrap()).unwrap(), body);
        assert_eq!(kept["body"].as_str(), std::str::from_utf8(body).ok());
    }
}

/// `2026-03-02T15:04:05.678Z`, to the letter.
fn is_time(text: &str) -> bool {
    let form: String = text.chars().map(|character| if character.is_ascii_digit() { '0' } else { character }).collect();
    form == "0000-00-00T00:00:00.000Z" && chrono::DateTime::parse_from_rfc3339(text).is_ok()
}

#[test]
fn the_answer_to_a_delivery_is_written_to_the_letter() {
    let (_folder, server) = started(CONFIG);
    let check = |id: &str, event: &str, expected: &str| {
        let body = format!(r#"{{"appointment_id": {id}, "event_type": "{event}"}}"#);
        let before = chrono::Utc::now().timestamp_millis();
        let answer = server.post(body.as_bytes());
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
        let told = answer.json();
        let received_at = told["receivedAt"].as_str().unwrap();
        let millis = chrono::DateTime::parse_from_rfc3339(received_at).unwrap().timestamp_millis();
        assert!(is_time(received_at) && (before..=before + 30_000).contains(&millis), "{received_at}");
        assert_eq!(answer.text().replace(received_at, "TIME"), expected);
    };
    check(
        "12345",
        "create",
        r#"{"position":"1","receivedAt":"TIME","outcome":"APPLIED","late":false,"source":"downtown","appointmentId":"12345","status":"SCHEDULED"}"#,
    );
    check(
        "12345",
        "checkin",
        r#"{"position":"2","receivedAt":"TIME","outcome":"APPLIED","late":false,"source":"downtown","appointmentId":"12345","status":"CHECKED_IN"}"#,
    );
    check(
        "12345",
        "create",
        r#"{"position":"3","receivedAt":"TIME","outcome":"DUPLICATE","late":false,"source":"downtown","appointmentId":"12345","status":"CHECKED_IN","code":"STEP_STANDS","reason":"`create` was not applied: the appointment was CHECKED_IN, and `create` stands already; its first time is kept."}"#,
    );
    check(
        "9223372036854775807",
        "undo_ready",
        r#"{"position":"4","receivedAt":"TIME","outcome":"REJECTED","late":false,"source":"downtown","appointmentId":"9223372036854775807","status":null,"code":"NOT_CREATED","reason":"`undo_ready` was not applied: there was no appointment yet, and `undo_ready` is applied only where `ready` is the last step that stands."}"#,
    );
    check(
        "12345",
        "transfer_in",
        r#"{"position":"5","receivedAt":"TIME","outcome":"UNRECOGNIZED","late":false,"source":"downtown","appointmentId":"12345","status":"CHECKED_IN","code":"UNKNOWN_EVENT_TYPE","reason":"The event type is none of the 13 that are known, to the letter. The delivery was kept and changes nothing."}"#,
    );
}
