//! Every state of the board at phone, desktop and wall size, light and dark: axe-core finds nothing, and pictures are kept
//! in `target/screenshots` for people to look at.

use crate::support::{
    browser::{
        Browser,
        board::{CLINICS, busy_day, happened, show},
        pages::{SCREENS, look_on},
    },
    server::Server,
};

#[test]
fn a_busy_board_is_clear_on_every_screen() {
    let folder = tempfile::tempdir().unwrap();
    happened(folder.path(), &busy_day());
    let server = Server::start(folder.path(), CLINICS);
    let browser = Browser::open();
    let screens = [&SCREENS[..], &[("small-phone", 320, 568), ("tablet", 820, 1_180)]].concat();
    look_on(&browser, &screens, "board", |screen| {
        show(&browser, &server, if screen == "wall" { "/?tv=1" } else { "/" });
        browser.wait_until("document.querySelectorAll('.card').length >= 7");
        browser.wait_until("document.querySelector('.connection').dataset.is === 'live'");
    });
    assert_eq!(browser.console(), Vec::<String>::new());
}
