//! The board in a real browser: it moves as deliveries arrive, and loads little and nothing from elsewhere.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is what it is for")]

mod support;

use support::{
    board::{holds, show},
    browser::Browser,
    server::{CONFIG, Server},
};

/// What a browser may have to load before the board stands, compressed.
const FIRST_LOAD_BYTES_MAX: usize = 60_000;

#[test]
fn cards_move_as_deliveries_arrive_and_nothing_comes_from_elsewhere() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), CONFIG);
    server.deliver(12345, "create");
    let browser = Browser::open();
    show(&browser, &server, "/");
    browser.wait_until(&holds("SCHEDULED", 12345));
    browser.script("window.loadedOnce = true");

    server.deliver(12345, "checkin");
    browser.wait_until(&holds("CHECKED_IN", 12345));
    server.deliver(12346, "create");
    browser.wait_until(&holds("SCHEDULED", 12346));
    server.deliver(12345, "ready");
    browser.wait_until(&holds("READY", 12345));
    server.deliver(12345, "undo_ready");
    browser.wait_until(&holds("CHECKED_IN", 12345));
    assert_eq!(browser.script("return window.loadedOnce"), true);

    assert_eq!(browser.console(), Vec::<String>::new());
    let elsewhere = "return performance.getEntriesByType('resource').map(({ name }) => name)\
                     .filter((name) => !name.startsWith(location.origin + '/'))";
    assert_eq!(browser.script(elsewhere), serde_json::json!([]));
}

#[test]
fn the_first_load_is_small() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), CONFIG);
    let files = ["/", "/assets/app.css", "/assets/app.js", "/assets/shared.js", "/assets/board.js"];
    let sizes = files.map(|path| {
        let answer = server.request("GET", path, &[("Accept-Encoding", "gzip")], b"");
        assert_eq!((answer.status, answer.header("content-encoding")), (200, Some("gzip")), "{path}");
        answer.body.len()
    });
    assert!(sizes.iter().sum::<usize>() <= FIRST_LOAD_BYTES_MAX, "{sizes:?}");
}
