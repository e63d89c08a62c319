//! Content codings are taken off, within the limit.

use std::io::Write as _;

use super::{check_kept, gzip, padded};
use crate::support::{
    net::http1::chunked,
    server::{CONFIG, ROUTE_KEY},
    webhook::{GOOD, JSON, deliveries, refusal, started},
};

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
