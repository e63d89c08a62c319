//! The board in a real browser: it moves as deliveries arrive, and loads little and nothing from elsewhere.

use crate::support::{
    browser::{
        Browser,
        board::{happened, holds, show},
    },
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
fn the_servers_clock_counts_whatever_the_computers_shows() {
    let folder = tempfile::tempdir().unwrap();
    happened(folder.path(), &[(45, "downtown", 1, "create"), (40, "downtown", 1, "checkin")]);
    let server = Server::start(folder.path(), CONFIG);
    let browser = Browser::open();
    let ahead = "const real = Date.now; Date.now = () => real() + 5 * 3_600_000;";
    browser.devtools("Page.addScriptToEvaluateOnNewDocument", &serde_json::json!({ "source": ahead }));
    show(&browser, &server, "/");
    browser.wait_until(&holds("CHECKED_IN", 1));
    browser.wait_until("document.querySelector('.flag')");
    let shown = browser.script("return document.querySelector('.card').innerText");
    assert!(shown.as_str().unwrap().contains("40 min") && shown.as_str().unwrap().contains("Long"), "{shown}");
    // Time passes without any delivery; only the browser's stopwatch is put forward.
    browser.script("const real = performance.now.bind(performance); performance.now = () => real() + 21 * 60_000");
    browser.wait_until("document.querySelector('.card').innerText.includes('1h 01m')");
    browser.wait_until("document.querySelector('.flag').innerText === 'Very long'");
}

#[test]
fn the_first_load_is_small() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), CONFIG);
    server.deliver(12345, "create");
    let browser = Browser::open();
    show(&browser, &server, "/");
    browser.wait_until(&holds("SCHEDULED", 12345));
    // Whatever the browser has loaded until then, as it travels.
    let loaded = browser.script(
        "return ['/', ...performance.getEntriesByType('resource').map(({ name }) => new URL(name).pathname)]\
         .filter((path) => path !== '/graphql')",
    );
    let sizes: Vec<(&str, usize)> = loaded
        .as_array()
        .unwrap()
        .iter()
        .map(|path| {
            let path = path.as_str().unwrap();
            let answer = server.request("GET", path, &[("Accept-Encoding", "gzip")], b"");
            assert_eq!((answer.status, answer.header("content-encoding")), (200, Some("gzip")), "{path}");
            (path, answer.body.len())
        })
        .collect();
    assert!(sizes.len() >= 4, "{sizes:?}");
    assert!(sizes.iter().map(|(_, size)| size).sum::<usize>() <= FIRST_LOAD_BYTES_MAX, "{sizes:?}");
}
