//! What of the board is shown: filters in the address, a search, what staff has forgotten, an empty board, a wall.

use serde_json::json;

use crate::support::{
    browser::{
        Browser,
        accessibility::check,
        board::{CLINICS, Past, busy_day, happened, holds, show},
    },
    server::{CONFIG, Server},
};

/// Column, count and cards that are shown of it.
const COLUMNS: &str = "return [...document.querySelectorAll('.columns .column')].map((column) => \
    [column.dataset.place, column.querySelector('.count').innerText.replace(/\\s*appointments/, ''), column.querySelectorAll('.card').length])";

#[test]
fn an_address_has_its_filters() {
    let folder = tempfile::tempdir().unwrap();
    happened(folder.path(), &busy_day());
    let server = Server::start(folder.path(), CLINICS);
    let browser = Browser::open();
    browser.resize(1440, 900);
    let columns = |path: &str| {
        show(&browser, &server, path);
        browser.wait_until("document.querySelector('.columns .card')");
        browser.script(COLUMNS)
    };
    // Waits of hilltop are long from 20 minutes on, of the others from 30.
    let long = columns("/?long=1&status=CHECKED_IN,READY");
    assert_eq!(long, json!([["CHECKED_IN", "6 of 7", 6], ["READY", "4 of 6", 4]]));
    let source = columns("/?source=lakeside&status=READY,DISCHARGED&ended=1");
    assert_eq!(source, json!([["READY", "2", 2], ["DISCHARGED", "1", 1]]));
    assert_eq!(browser.script("return document.querySelectorAll('.card-source').length"), 0);
    let flags =
        "return [...document.querySelectorAll('.card')].map((card) => card.querySelector('.flag')?.innerText ?? '-')";
    columns("/?source=hilltop&status=CHECKED_IN");
    assert_eq!(browser.script(flags), json!(["Very long", "Long"]));
    // Nonsense counts as absent.
    assert_eq!(columns("/?status=NOWHERE&ended=999999&long=2").as_array().unwrap().len(), 6);

    browser.go(&format!("http://{}/?source=nowhere", server.address));
    browser.wait_until("document.querySelector('.notice')?.innerText.includes('There is no source of this name')");
    check(&browser, "an unknown source");
    show(&browser, &server, "/?q=99999");
    browser.wait_until("document.querySelector('.notice')?.innerText.includes('No card with 99999')");
    check(&browser, "nothing found");
    browser.keep_screenshot("board-nothing-found");
    browser.click(".notice button");
    browser.wait_until(&holds("READY", 52_468_700));
    assert_eq!(browser.script("return location.search"), "");

    // What staff have forgotten stands apart, and opens.
    browser.click(".stale summary");
    browser.wait_until("document.querySelectorAll('.stale .card').length === 4");
    check(&browser, "forgotten ones");
    browser.keep_screenshot("board-forgotten");
    // The menu of columns, open.
    browser.click(".menu summary");
    check(&browser, "the menu of columns");
    browser.keep_screenshot("board-menu");
    browser.resize(390, 844);
    show(&browser, &server, "/");
    browser.click(".toolbar > button");
    browser.wait_until("document.querySelector('.filters').dataset.open === 'true'");
    check(&browser, "filters on a phone");
    browser.keep_screenshot("board-phone-filters");
}

#[test]
fn an_empty_board_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), CONFIG);
    let browser = Browser::open();
    for (scheme, width, height) in [("light", 1440, 900), ("dark", 390, 844)] {
        browser.resize(width, height);
        browser.prefer(&[("prefers-color-scheme", scheme)]);
        show(&browser, &server, "/");
        let line = format!("curl -sS http://{}/webhook/ROUTE-KEY", server.address);
        browser.wait_until(&format!("document.querySelector('.notice pre')?.innerText.includes('{line}')"));
        browser.keep_screenshot(&format!("board-empty-{scheme}"));
    }
    check(&browser, "an empty board");
    server.deliver(1, "create");
    browser.wait_until("!document.querySelector('.notice')");
}

#[test]
fn a_wall_has_nothing_to_click_and_turns_its_pages_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let many: Vec<Past> =
        (1..=30).flat_map(|id| [(90, "downtown", id, "create"), (id as i64, "downtown", id, "checkin")]).collect();
    happened(folder.path(), &many);
    let server = Server::start(folder.path(), CONFIG);
    let browser = Browser::open();
    browser.resize(1920, 1080);
    show(&browser, &server, "/?tv=1&theme=dark&status=CHECKED_IN,READY,CALLED_BACK");
    browser.wait_until("document.querySelector('.turn')?.innerText.endsWith(' of 30')");
    let focusable = "return [...document.querySelectorAll('*')].filter((one) => one.tabIndex >= 0 || one.onclick).map((one) => one.outerHTML)";
    assert_eq!(browser.script(focusable), json!([]));
    browser.press(&["Tab", "Tab"]);
    assert_eq!(browser.script("return document.activeElement === document.body"), true);
    let overflows = "return document.documentElement.scrollHeight > innerHeight || document.documentElement.scrollWidth > innerWidth";
    assert_eq!(browser.script(overflows), false);
    assert_eq!(browser.script("return getComputedStyle(document.querySelector('.card-id')).fontSize >= '24px'"), true);
    check(&browser, "a full wall");
    browser.keep_screenshot("wall-full");
    let turn = browser.script("return document.querySelector('.turn').innerText");
    browser.wait_until(&format!("document.querySelector('.turn').innerText !== {turn}"));
    server.deliver(1, "ready");
    browser.wait_until(&holds("READY", 1));
}
