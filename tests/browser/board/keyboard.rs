//! The board by keyboard alone: Tab leads to everything, arrows through the cards, and the focus is never lost.

use crate::support::{
    browser::{
        Browser,
        board::{CLINICS, busy_day, happened, holds, show},
    },
    server::Server,
    sources::post,
};

/// What has the focus, in words; a card by its number and its column.
fn focused(browser: &Browser) -> String {
    let words = "const at = document.activeElement, column = at.closest('[data-place]');
        return at.matches('.card') ? `${at.querySelector('.card-id').innerText} in ${column.dataset.place}`
            : (at.labels?.[0] ?? at).innerText.trim().split('\\n')[0] || at.id;";
    browser.script(words).as_str().unwrap().to_owned()
}

/// Presses keys and tells what has the focus then.
fn press(browser: &Browser, keys: &[&str]) -> String {
    browser.press(keys);
    // A card may have to be drawn first.
    browser.script_async("requestAnimationFrame(() => requestAnimationFrame(done))");
    focused(browser)
}

#[test]
fn everything_is_reached_by_tab_and_every_card_by_arrows() {
    let folder = tempfile::tempdir().unwrap();
    happened(folder.path(), &busy_day());
    let server = Server::start(folder.path(), CLINICS);
    let browser = Browser::open();
    browser.resize(1440, 900);
    show(&browser, &server, "/");
    browser.wait_until(&holds("READY", 52_468_700));

    let mut head = Vec::new();
    while head.last().is_none_or(|last| last != "Search by appointment number") {
        head.push(press(&browser, &["Tab"]));
    }
    assert_eq!((head[0].as_str(), head[1].as_str()), ("Skip to the content", "Board"));
    assert_eq!(head[head.len() - 2], "Light or dark");
    let walk: Vec<String> = (0..13).map(|_| press(&browser, &["Tab"])).collect();
    let expected = [
        "Source",
        "Columns",
        "Only long waits",
        "Ended within",
        "Wall display",
        "CSV",
        "Pause",
        "52468900 in SCHEDULED",
        "52468800 in CHECKED_IN",
        "52468700 in READY",
        "52468600 in CALLED_BACK",
        "52468500 in DISCHARGED",
        "52468311 in REMOVED",
    ];
    assert_eq!(walk, expected);
    assert_eq!(press(&browser, &["Tab"]), "4 appointments not heard of for long");
    // What has the focus shows it.
    let outline = "return getComputedStyle(document.activeElement).outlineStyle + getComputedStyle(document.activeElement).outlineWidth";
    assert_eq!(browser.script(outline), "solid3px");
    press(&browser, &["Enter"]);
    assert_eq!(press(&browser, &["Tab"]), "52460001 in STALE");

    browser.press(&["Shift+Tab", "Shift+Tab", "Shift+Tab", "Shift+Tab", "Shift+Tab"]);
    assert_eq!(focused(&browser), "52468700 in READY");
    assert_eq!(press(&browser, &["ArrowDown"]), "52468701 in READY");
    assert_eq!(press(&browser, &["End"]), "52468705 in READY");
    assert_eq!(press(&browser, &["ArrowDown"]), "52468705 in READY");
    assert_eq!(press(&browser, &["ArrowLeft"]), "52468800 in CHECKED_IN");
    assert_eq!(press(&browser, &["End", "ArrowUp"]), "52468851 in CHECKED_IN");
    assert_eq!(press(&browser, &["ArrowRight"]), "52468705 in READY");
    assert_eq!(press(&browser, &["Home"]), "52468700 in READY");

    // The card that has the focus goes elsewhere: the next one in its place has it.
    post(&server, "downtown", 52_468_700, "callback");
    browser.wait_until(&holds("CALLED_BACK", 52_468_700));
    assert_eq!(press(&browser, &["ArrowUp"]), "52468701 in READY");
    // Others come and go before it, and it keeps the focus.
    press(&browser, &["ArrowDown"]);
    post(&server, "lakeside", 52_468_701, "callback");
    browser.wait_until(&holds("CALLED_BACK", 52_468_701));
    assert_eq!(focused(&browser), "52468702 in READY");
    post(&server, "lakeside", 52_468_701, "undo_callback");
    browser.wait_until(&holds("READY", 52_468_701));
    assert_eq!(focused(&browser), "52468702 in READY");

    // Enter opens the appointment's page.
    assert_eq!(browser.script("return document.activeElement.pathname"), "/appointment/hilltop/52468702");
}

#[test]
fn filters_and_pause_work_without_a_pointer() {
    let folder = tempfile::tempdir().unwrap();
    happened(folder.path(), &busy_day());
    let server = Server::start(folder.path(), CLINICS);
    let browser = Browser::open();
    browser.resize(1440, 900);
    show(&browser, &server, "/");
    browser.wait_until(&holds("READY", 52_468_700));

    // The skip link leads past the header.
    press(&browser, &["Tab", "Enter"]);
    assert_eq!(browser.script("return document.activeElement.id"), "main");
    assert_eq!(press(&browser, &["Tab"]), "Search by appointment number");
    browser.press(&["8", "0", "3", "Enter"]);
    browser.wait_until("document.activeElement.matches('.card')");
    assert_eq!(focused(&browser), "52468803 in CHECKED_IN");
    assert_eq!(browser.script("return location.search"), "?q=803");
    assert_eq!(browser.script("return document.querySelectorAll('.card').length"), 1);
    browser.press(&["Shift+Tab", "Shift+Tab", "Shift+Tab", "Shift+Tab", "Shift+Tab"]);
    browser.press(&["Shift+Tab", "Shift+Tab", "Shift+Tab"]);
    assert_eq!(focused(&browser), "Search by appointment number");
    browser.press(&["Escape", "Tab", "Tab", "Enter", "Tab", "Space", "Escape"]);
    assert_eq!(focused(&browser), "Columns: 5 of 6");
    assert_eq!(
        browser.script("return location.search"),
        "?status=CHECKED_IN%2CREADY%2CCALLED_BACK%2CDISCHARGED%2CREMOVED"
    );
    browser.press(&["Tab", "Space"]);
    browser.wait_until("location.search.endsWith('&long=1')");

    browser.press(&["Tab", "Tab", "Tab", "Tab", "Enter"]);
    browser.wait_until("document.querySelector('.paused').innerText === 'Paused'");
    post(&server, "downtown", 1, "create");
    browser.wait_until("document.querySelector('.pausing').innerText.includes('1 new')");
    assert_eq!(focused(&browser), "Resume");
    browser.press(&["Shift+Tab", "Enter"]);
    browser.wait_until("!document.querySelector('.pausing').innerText.includes('new')");
    assert_eq!(focused(&browser), "Resume");
    assert_eq!(press(&browser, &["Enter"]), "Pause");
}
