//! The webhook's table of answers, row by row and in its order, on the real program.

mod ways_in;
mod media_types;
mod codings;
mod bodies;

use std::io::Write as _;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::support::{
    server::{ROUTE_KEY, Server},
    webhook::{GOOD, deliveries},
};

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

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

/// A readable body of exactly `length` bytes.
fn padded(length: usize) -> Vec<u8> {
    let mut body = GOOD[..GOOD.len() - 1].to_vec();
    body.resize(length - 1, b' ');
    body.push(b'}');
    body
}
