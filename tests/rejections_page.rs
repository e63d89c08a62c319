//! x
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is what it is for")]

mod support;

use support::{
    browser::Browser,
    pages,
    server::Server,
    sources::{SOURCES, post, post_all},
};

#[test]
fn look() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), SOURCES);
    for id in 1..8 {
        post_all(&server, "downtown", id, "create ready callback discharge");
    }
    for id in 10..14 {
        post_all(&server, "downtown", id, "create checkin ready discharge undo_checkin reschedule");
    }
    for id in 1..4 {
        post_all(&server, "riverside", id, "undo_ready callback ready CHECKIN");
    }
    post(&server, "downtown", 3, "transfer_in");
    server.post_to("the-route-key-of-downtown", b"{\"appointment_id\": 12, ");
    server.post_to("the-route-key-of-downtown", b"\xff\xfe");
    server.post_to("the-route-key-of-downtown", b"");
    let browser = Browser::open();
    browser.go(&format!("http://{}/rejections", server.address));
    browser.wait_until("document.querySelectorAll('.rejected .delivery').length > 5");
    browser.script("document.querySelector('#list-title').scrollIntoView()");
    browser.script("document.querySelectorAll('.rejected details').forEach((d) => d.open = true)");
    browser.wait_until("document.querySelectorAll('.rejected pre').length > 5");
    browser.script("document.querySelector('h1').scrollIntoView()");
    pages::look(&browser, "rejections");
    assert_eq!(browser.console(), Vec::<String>::new());
}
