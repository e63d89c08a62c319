//! Thousands of cards: all of them are counted and reached, few are in the document, and a column that has more than
//! the server tells says so.

use crate::support::{
    browser::{
        Browser,
        board::{Past, happened, holds, show},
    },
    load::{Load, Plan},
    server::{CONFIG, Server},
};

#[test]
fn five_thousand_cards_are_there_and_few_are_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let waiting =
        (1..=5_000).flat_map(|id| [(300, "downtown", id, "create"), (200 - id as i64 / 50, "downtown", id, "checkin")]);
    let scheduled = (10_001..=15_003).map(|id| (400 - id as i64 / 100, "downtown", id, "create"));
    happened(folder.path(), &waiting.chain(scheduled).collect::<Vec<Past>>());
    let server = Server::start(folder.path(), CONFIG);
    let browser = Browser::open();
    browser.resize(1440, 900);
    show(&browser, &server, "/");
    browser.wait_until(&holds("CHECKED_IN", 1));
    let count = |place: &str| {
        let words = format!("return document.querySelector('[data-place={place}] .count').innerText.split(/\\s/)[0]");
        browser.script(&words).as_str().unwrap().to_owned()
    };
    assert_eq!((count("CHECKED_IN"), count("SCHEDULED")), ("5,000".to_owned(), "5,003".to_owned()));
    let column = "document.querySelector('[data-place=CHECKED_IN]')";
    assert_eq!(browser.script("return document.querySelectorAll('.card').length < 150"), true);
    assert_eq!(browser.script(&format!("return {column}.querySelector('.slot').getAttribute('aria-setsize')")), "5000");

    // The keyboard gets to the last one, and so does scrolling.
    browser.script(&format!("{column}.querySelector('.card').focus()"));
    browser.press(&["End"]);
    browser.wait_until("document.activeElement.dataset.key === 'downtown/5000'");
    browser.script(&format!("{column}.querySelector('.cards').scrollTop = 100_000"));
    browser.wait_until(&format!(
        "Number({column}.querySelector('.slot:nth-child(8)').getAttribute('aria-posinset')) > 1000"
    ));
    assert_eq!(browser.script("return document.activeElement.dataset.key"), "downtown/5000");
    // One in the middle of thousands moves.
    server.deliver(2_500, "ready");
    browser.wait_until(&holds("READY", 2_500));
    assert_eq!(browser.script("return document.activeElement.dataset.key"), "downtown/5000");

    // Three are scheduled that the server does not tell.
    let untold = "document.querySelector('[data-place=SCHEDULED] .untold')?.innerText";
    browser.wait_until(&format!("{untold}?.startsWith('3 more are not listed')"));
    server.deliver(20_000, "create");
    browser.wait_until(&format!("{untold}?.startsWith('4 more are not listed')"));
    server.deliver(10_001, "checkin");
    browser.wait_until("!document.querySelector('[data-key=\"downtown/10001\"]')");
    assert_eq!((count("CHECKED_IN"), count("SCHEDULED")), ("5,000".to_owned(), "5,003".to_owned()));
    assert_eq!(browser.script(&format!("return {untold}.split(' ')[0]")), "4");
    assert_eq!(browser.console(), Vec::<String>::new());
}

/// Everything that the columns have, in order, in sight or not.
const ALL: &str = "return [...document.querySelectorAll('.columns > board-column')].map(({ place, count, cards }) => \
    [place, count, cards.map(({ key, event, since }) => `${key} ${event} ${since}`)])";

#[test]
fn what_was_followed_is_what_a_new_look_shows() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), CONFIG);
    let browser = Browser::open();
    browser.resize(1440, 900);
    show(&browser, &server, "/");
    for round in 0..3 {
        let plan = Plan { senders: 4, each: 150, first_appointment: 1, seed: round, note_bytes: 0..20 };
        let sent = Load::start(server.address, &plan).join();
        assert_eq!((sent.refused.len(), sent.unanswered.len()), (0, 0));
        let position = sent.acknowledged.iter().map(|delivery| delivery.position).max().unwrap();
        // The last delivery may be one that changes nothing on a board: this one does.
        let last = 9_000_000 + round;
        server.deliver(last, "create");
        browser.wait_until(&format!(
            "document.querySelector('board-column').cards.some(({{ key }}) => key === 'downtown/{last}')"
        ));
        let followed = browser.script(ALL);
        show(&browser, &server, "/");
        assert_eq!(followed, browser.script(ALL), "after {position}");
        let moved = followed.as_array().unwrap().iter().filter(|column| column[1].as_u64() > Some(3)).count();
        assert!(moved >= 3, "{followed}");
    }
}
