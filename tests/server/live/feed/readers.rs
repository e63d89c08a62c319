//! Who may follow, and what of.

use super::{Feed, LAKESIDE, VIEWER, post, readers};
use crate::support::{
    server::{CONFIG, ROUTE_KEY, Server},
    session::{ORIGIN, sign_in, with_cookie},
};

#[test]
fn a_viewer_gets_no_body_and_no_other_source_and_a_stranger_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &readers());
    post(&server, ROUTE_KEY, 1, "create");
    post(&server, LAKESIDE, 2, "create");
    let mut feed = Feed::as_reader(server.address, "?after=0", VIEWER);
    feed.event().unwrap();
    let told = feed.delivery();
    assert_eq!((told["position"].as_str(), told["source"].as_str()), (Some("2"), Some("lakeside")));
    assert!(told.as_object().unwrap().keys().all(|field| !field.starts_with("body")), "{told}");
    post(&server, ROUTE_KEY, 3, "create");
    post(&server, LAKESIDE, 4, "create");
    assert_eq!(feed.position(), 4);

    let bearer = format!("Bearer {VIEWER}");
    let viewer = ("Authorization", bearer.as_str());
    for (method, query, headers, status, code) in [
        ("GET", "", vec![], 401, "UNAUTHENTICATED"),
        ("GET", "", vec![("Authorization", "Bearer wrong-wrong-wrong-wrong")], 401, "UNAUTHENTICATED"),
        ("GET", "?source=downtown", vec![viewer], 404, "SOURCE_NOT_FOUND"),
        ("GET", "?source=nowhere", vec![viewer], 404, "SOURCE_NOT_FOUND"),
        ("GET", "?after=5", vec![viewer], 400, "BAD_FEED"),
        ("GET", "?after=-1", vec![viewer], 400, "BAD_FEED"),
        ("GET", "?from=1", vec![viewer], 400, "BAD_FEED"),
        ("GET", "?after=1&after=2", vec![viewer], 400, "BAD_FEED"),
        ("GET", "", vec![viewer, ("Last-Event-ID", "x")], 400, "BAD_FEED"),
        ("POST", "", vec![viewer], 405, "METHOD_NOT_ALLOWED"),
    ] {
        let answer = server.request(method, &format!("/feed{query}"), &headers, b"");
        assert_eq!((answer.status, answer.json()["code"].as_str()), (status, Some(code)), "{method} {query}");
    }
    // Without readers it is for this machine alone.
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), CONFIG);
    for headers in [("Host", "clinic.example"), ("X-Forwarded-For", "192.0.2.7")] {
        assert_eq!(server.request("GET", "/feed", &[headers], b"").status, 403, "{headers:?}");
    }
}

#[test]
fn a_page_that_is_signed_in_follows_until_it_signs_out() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &readers());
    let cookie = sign_in(&server, VIEWER);
    let mut feed = Feed::open(server.address, "", &[ORIGIN, ("Cookie", &cookie)]);
    feed.event().unwrap();
    post(&server, LAKESIDE, 1, "create");
    assert_eq!(feed.position(), 1);
    assert_eq!(with_cookie(&server, "DELETE", &cookie).status, 204);
    assert_eq!(feed.end(), "SIGNED_OUT");
    let gone = server.request("GET", "/feed", &[ORIGIN, ("Cookie", &cookie)], b"");
    assert_eq!((gone.status, gone.json()["code"].as_str()), (401, Some("SIGNED_OUT")));
}
