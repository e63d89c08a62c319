//! An appointment's page in a real browser.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is what it is for")]

mod support;

use support::{
    browser::Browser,
    pages,
    server::{CONFIG, Server},
};

#[test]
fn look() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), CONFIG);
    for event in [
        "create",
        "ready",
        "checkin",
        "ready",
        "undo_ready",
        "CHECKIN",
        "demographics_update",
        "ready",
        "callback",
        "callback",
        "discharge",
        "reschedule",
    ] {
        server.deliver(12345, event);
    }
    let browser = Browser::open();
    browser.go(&format!("http://{}/appointment/downtown/12345", server.address));
    browser.wait_until("document.querySelectorAll('.timeline .delivery').length === 12");
    browser.go(&format!("http://{}/appointment/downtown/12345?at=5", server.address));
    browser.wait_until(
        "document.querySelectorAll('.timeline .delivery').length === 12 && document.querySelector('.status-line')",
    );
    browser.script("document.querySelector('.next select').value='UNDO_CHECKIN'; document.querySelector('.next select').dispatchEvent(new Event('change'))");
    browser.wait_until("document.querySelector('.forecast .outcome')");
    pages::look(&browser, "appointment");
    assert_eq!(browser.console(), Vec::<String>::new());
}
