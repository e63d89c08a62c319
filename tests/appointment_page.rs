//! An appointment's page in a real browser.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is what it is for")]

mod support;

use support::{
    browser::Browser,
    person::{DESKTOP, PHONE},
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
    browser.resize(DESKTOP);
    browser.go(&format!("http://{}/appointment/downtown/12345", server.address));
    browser.wait_until("document.querySelectorAll('.timeline .delivery').length === 12");
    browser.screenshot("appointment-desktop");
    browser.go(&format!("http://{}/appointment/downtown/12345?at=5", server.address));
    browser.wait_until(
        "document.querySelectorAll('.timeline .delivery').length === 12 && document.querySelector('.status-line')",
    );
    browser.script("document.querySelector('.next select').value='UNDO_CHECKIN'; document.querySelector('.next select').dispatchEvent(new Event('change'))");
    browser.wait_until("document.querySelector('.forecast .outcome')");
    browser.prefer("dark");
    browser.screenshot("appointment-desktop-dark");
    browser.resize(PHONE);
    browser.screenshot("appointment-phone-dark");
    assert_eq!(browser.axe(), Vec::<String>::new());
    assert_eq!(browser.console(), Vec::<String>::new());
}
