//! Whatever the media type says, a delivery is kept, and near misses are counted.

use std::process::Command;

use super::{check_kept, gzip};
use crate::support::{
    server::{CONFIG, ROUTE_KEY, Server},
    webhook::{GOOD, JSON, deliveries, refusal, started},
};

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
