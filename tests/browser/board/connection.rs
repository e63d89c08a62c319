//! The board and its connection: a server that is killed and comes back, two who look at the same, a pause.

use crate::support::{
    browser::{
        Browser,
        accessibility::check,
        board::{CLINICS, busy_day, happened, holds, show},
    },
    net::live::Socket,
    server::{CONFIG, Server},
    sources::{post, post_all},
    webhook::with_server,
};

/// Every card that is shown, with its column.
const SHOWN: &str = "return [...document.querySelectorAll('.columns .card')].map((card) => \
    `${card.closest('[data-place]').dataset.place} ${card.querySelector('.card-id').innerText} ${card.querySelector('.card-event').innerText}`)";
const IS_LIVE: &str = "document.querySelector('.connection').dataset.is === 'live'";

#[test]
fn a_server_that_was_killed_and_comes_back_costs_nothing() {
    let folder = tempfile::tempdir().unwrap();
    happened(folder.path(), &busy_day());
    let mut server = Server::start(folder.path(), CLINICS);
    let browser = Browser::open();
    browser.resize(1440, 900);
    show(&browser, &server, "/");
    browser.wait_until(&holds("READY", 52_468_700));
    browser.script("window.loadedOnce = true");

    server.kill();
    browser.wait_until("document.querySelector('.connection').innerText.includes('Reconnecting')");
    browser.wait_until(
        "document.querySelector('.connection [role=status]').innerText === 'Connection lost, reconnecting'",
    );
    browser.wait_until("document.querySelector('.strip.lost')?.innerText.includes('as of')");
    check(&browser, "connection lost");
    browser.keep_screenshot("board-connection-lost");
    // What it has shown stays, and says that it is old.
    assert_eq!(browser.script("return document.querySelectorAll('.columns .card').length > 20"), true);

    server.start_again(folder.path());
    // Before the board is back: what happened meanwhile is not told to anybody live.
    post_all(&server, "downtown", 52_468_700, "callback");
    post_all(&server, "lakeside", 77, "create checkin");
    browser.wait_until(IS_LIVE);
    browser.wait_until(&holds("CALLED_BACK", 52_468_700));
    browser.wait_until(&holds("CHECKED_IN", 77));
    browser.wait_until("document.querySelector('.strip.caught-up')?.innerText.includes('Live again.')");
    // Whatever came over the new connection before or after its first answer, these two have changed and nothing else.
    browser.wait_until(
        "[...document.querySelectorAll('.card.fresh')].map((card) => card.querySelector('.card-id').innerText).sort().join() === '52468700,77'",
    );
    check(&browser, "live again");
    browser.keep_screenshot("board-live-again");
    assert_eq!(browser.script("return window.loadedOnce"), true);
    // And it goes on.
    post(&server, "lakeside", 77, "ready");
    browser.wait_until(&holds("READY", 77));
}

#[test]
fn a_server_that_only_falls_silent_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), CONFIG);
    server.deliver(1, "create");
    let browser = Browser::open();
    show(&browser, &server, "/");
    browser.wait_until(&holds("SCHEDULED", 1));
    server.signal("STOP");
    browser.wait_until("document.querySelector('.connection').dataset.is === 'waiting'");
    server.signal("CONT");
    browser.wait_until(IS_LIVE);
    server.deliver(1, "checkin");
    browser.wait_until(&holds("CHECKED_IN", 1));
}

#[test]
fn a_server_that_has_no_place_for_now_is_asked_again() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &with_server("subscriptions_max = 2"));
    server.deliver(1, "create");
    let mut others = Socket::open(server.address);
    others.subscribe("1", "subscription { deliveries { position } }");
    others.subscribe("2", "subscription { deliveries { position } }");
    let browser = Browser::open();
    browser.go(&format!("http://{}/", server.address));
    browser.wait_until(
        "document.querySelector('.strip.lost')?.innerText.includes('The server has all the subscriptions')",
    );
    check(&browser, "no place for now");
    drop(others);
    browser.wait_until(&holds("SCHEDULED", 1));
    browser.wait_until("!document.querySelector('.strip.lost')");
}

#[test]
fn the_next_try_can_be_made_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(folder.path(), CONFIG);
    server.deliver(1, "create");
    let browser = Browser::open();
    show(&browser, &server, "/");
    browser.wait_until(&holds("SCHEDULED", 1));
    server.terminate();
    // By now the page waits for many seconds between its tries.
    browser.wait_until("/in 1\\d s/.test(document.querySelector('.connection').innerText)");
    server.start_again(folder.path());
    let wait = "const [, seconds] = /in (\\d+) s/.exec(document.querySelector('.connection').innerText); return Number(seconds)";
    let wait = browser.script(wait).as_u64().unwrap();
    browser.click(".connection button");
    let begun = std::time::Instant::now();
    browser.wait_until(IS_LIVE);
    // Sooner than by itself.
    assert!(begun.elapsed().as_secs() < wait - 2, "{:?}, not {wait} s", begun.elapsed());
    server.deliver(1, "checkin");
    browser.wait_until(&holds("CHECKED_IN", 1));
}

#[test]
fn two_who_look_see_the_same() {
    let folder = tempfile::tempdir().unwrap();
    happened(folder.path(), &busy_day());
    let server = Server::start(folder.path(), CLINICS);
    // One looks from the beginning, the other comes later.
    let (first, second) = (Browser::open(), Browser::open());
    for browser in [&first, &second] {
        browser.resize(1440, 900);
    }
    show(&first, &server, "/");
    first.wait_until(&holds("READY", 52_468_700));
    post_all(&server, "downtown", 52_468_800, "ready callback undo_callback");
    post_all(&server, "lakeside", 52_468_801, "demographics_update");
    show(&second, &server, "/");
    post_all(&server, "hilltop", 52_468_802, "ready discharge undo_discharge remove");
    post_all(&server, "downtown", 52_468_900, "checkin");
    post_all(&server, "hilltop", 9, "create");
    for browser in [&first, &second] {
        browser.wait_until(&holds("SCHEDULED", 9));
    }
    let shown = first.script(SHOWN);
    assert_eq!(shown, second.script(SHOWN));
    let has = |card: &str| shown.as_array().unwrap().iter().any(|shown| shown == card);
    for card in [
        "READY 52468800 Call-back undone",
        "CHECKED_IN 52468801 Details changed",
        "REMOVED 52468802 Removed",
        "CHECKED_IN 52468900 Checked in",
        "SCHEDULED 9 Created",
    ] {
        assert!(has(card), "{card}: {shown}");
    }
}

#[test]
fn a_paused_board_stands_still_and_counts_what_waits() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(folder.path(), CLINICS);
    post_all(&server, "downtown", 1, "create");
    post_all(&server, "downtown", 2, "create checkin");
    let browser = Browser::open();
    browser.resize(1440, 900);
    show(&browser, &server, "/");
    browser.wait_until(&holds("CHECKED_IN", 2));
    browser.click(".pausing .toggle");
    let before = browser.script(SHOWN);
    // Three appointments, however often they change.
    post_all(&server, "downtown", 1, "checkin ready undo_ready ready");
    post_all(&server, "downtown", 2, "reschedule remove undo_remove");
    post_all(&server, "hilltop", 3, "create checkin");
    let waiting = |words: &str| format!("document.querySelector('.pausing').innerText.includes('{words}')");
    browser.wait_until(&waiting("3 new"));
    assert_eq!(browser.script(SHOWN), before);
    check(&browser, "paused");
    browser.keep_screenshot("board-paused");

    browser.click(".pausing .primary");
    browser.wait_until(&holds("READY", 1));
    browser.wait_until(&holds("CHECKED_IN", 3));
    assert_eq!(browser.script("return document.querySelector('.paused').innerText"), "Paused");
    // Still paused, also over a new connection.
    let before = browser.script(SHOWN);
    server.kill();
    browser.wait_until("document.querySelector('.connection').dataset.is === 'waiting'");
    server.start_again(folder.path());
    post_all(&server, "downtown", 1, "callback");
    browser.wait_until(&waiting("1 new"));
    assert_eq!(browser.script(SHOWN), before);
    browser.click(".pausing .toggle");
    browser.wait_until(&holds("CALLED_BACK", 1));
}
