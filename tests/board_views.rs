//! Every state of the board at phone, desktop and wall size, light and dark: axe-core finds nothing, and pictures are kept
//! in `target/screenshots` for people to look at.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is what it is for")]

mod support;

use support::{
    accessibility::check,
    board::{CLINICS, busy_day, happened, show},
    browser::Browser,
    server::Server,
};

/// Name, width and height of the screen, and the page.
const SCREENS: [(&str, u32, u32, &str); 5] = [
    ("phone", 390, 844, "/"),
    ("desktop", 1440, 900, "/"),
    ("wall", 1920, 1080, "/?tv=1"),
    ("small-phone", 320, 568, "/"),
    ("tablet", 820, 1180, "/"),
];

#[test]
fn a_busy_board_is_clear_on_every_screen() {
    let folder = tempfile::tempdir().unwrap();
    happened(folder.path(), &busy_day());
    let server = Server::start(folder.path(), CLINICS);
    let browser = Browser::open();
    for (screen, width, height, path) in SCREENS {
        browser.resize(width, height);
        for scheme in ["light", "dark"] {
            browser.prefer(&[("prefers-color-scheme", scheme)]);
            show(&browser, &server, path);
            browser.wait_until("document.querySelectorAll('.card').length >= 7");
            browser.wait_until("document.querySelector('.connection').dataset.is === 'live'");
            let wide = browser.script("return document.documentElement.scrollWidth > innerWidth");
            assert_eq!(wide, false, "{screen}");
            browser.keep_screenshot(&format!("board-{screen}-{scheme}"));
        }
        check(&browser, &format!("board {screen}"));
    }
    assert_eq!(browser.console(), Vec::<String>::new());
}
