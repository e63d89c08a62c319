//! The board and its wall on screens of every size: numbers are never cut, nothing lies over anything else, and no page
//! has to be scrolled sideways.

use serde_json::{Value, json};

use crate::support::{
    browser::{
        Browser,
        accessibility::check,
        board::{CLINICS, Past, happened, show},
    },
    server::Server,
};

/// As many characters as a source's name may have.
const LONG_NAME: &str = "aclinicwiththelongestnamethatasourcemayhave012345678901234567890";

/// What is wrong with the cards in sight: a number that is cut, a part that is outside its card or over another one, a
/// column over another one.
const FAULTS: &str = r#"
    const faults = [];
    const over = (a, b) => a.left < b.right - 0.5 && b.left < a.right - 0.5 && a.top < b.bottom - 0.5 && b.top < a.bottom - 0.5;
    const outside = (a, b) => a.left < b.left - 0.5 || a.right > b.right + 0.5 || a.top < b.top - 0.5 || a.bottom > b.bottom + 0.5;
    const pairs = (all, name) => all.forEach((one, at) => all.slice(at + 1).forEach((other) => {
        if (over(one.getBoundingClientRect(), other.getBoundingClientRect()))
            faults.push(`${name}: ${one.className} ${one.innerText} lies over ${other.className} ${other.innerText}`);
    }));
    for (const list of document.querySelectorAll('.columns .cards')) {
        const cards = [...list.querySelectorAll('.card')];
        pairs(cards, list.closest('.column').dataset.place);
        for (const card of cards) {
            const parts = [...card.querySelectorAll('.card-id, .card-time, .card-event, .card-source, .flag')];
            pairs(parts, 'within a card');
            for (const part of parts) {
                if (outside(part.getBoundingClientRect(), card.getBoundingClientRect()))
                    faults.push(`${part.className} ${part.innerText} is outside its card`);
                const whole = part.matches('.card-id, .card-time, .flag');
                if (whole && (part.scrollWidth > part.clientWidth || part.scrollHeight > part.clientHeight + 2))
                    faults.push(`${part.className} ${part.innerText} is cut`);
            }
            if (card.scrollWidth > card.clientWidth) faults.push(`${card.innerText} is wider than its card`);
        }
    }
    const columns = [...document.querySelectorAll('.columns .column')].filter((column) => column.offsetParent);
    pairs(columns, 'columns');
    for (const column of columns)
        if (column.scrollWidth > column.clientWidth) faults.push(`${column.dataset.place}: its name does not fit`);
    return faults;
"#;

/// Columns that are full, of appointments whose numbers begin here.
fn full_columns(first: u64) -> Vec<Past<'static>> {
    let mut events: Vec<Past> = Vec::new();
    let sources = ["downtown", "lakeside", "hilltop"].into_iter().cycle();
    for ((number, source), minutes) in (0..21).zip(sources).zip((0..7).cycle()) {
        let minutes_ago = 5 + 40 * minutes;
        let steps: [&[&str]; 6] = [
            &["create"],
            &["create", "checkin"],
            &["create", "checkin", "ready"],
            &["create", "checkin", "ready", "callback"],
            &["create", "checkin", "ready", "callback", "discharge"],
            &["create", "checkin", "ready", "callback", "undo_callback", "undo_ready"],
        ];
        for (column, steps) in (0..).zip(steps) {
            let id = first + 100 * column + number;
            events.extend((0..).zip(steps).map(|(step, event)| (minutes_ago + 60 - 10 * step, source, id, *event)));
        }
    }
    events
}

#[test]
fn a_number_is_never_cut() {
    let browser = Browser::open();
    for (digits, first) in [(9, 524_689_000), (19, 9_123_456_789_012_340_000)] {
        let folder = tempfile::tempdir().unwrap();
        happened(folder.path(), &full_columns(first));
        let server = Server::start(folder.path(), CLINICS);
        let screens = [
            ("/?tv=1", 1_920, 1_080),
            ("/?tv=1", 1_280, 720),
            ("/?tv=1", 1_080, 1_920),
            ("/?tv=1&status=CHECKED_IN,READY,CALLED_BACK", 1_920, 1_080),
            ("/?tv=1", 320, 640),
            ("/?", 1_280, 900),
            ("/?", 1_920, 1_080),
            ("/?", 390, 844),
        ];
        for (path, width, height) in screens {
            browser.resize(width, height);
            for source in ["", "&source=downtown"] {
                show(&browser, &server, &format!("{path}{source}"));
                browser.wait_until("document.querySelectorAll('.columns .card').length > 1");
                browser.script_async("requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 60)))");
                let state = format!("{digits} digits on {path}{source} at {width}x{height}");
                assert_eq!(browser.script(FAULTS), json!([]), "{state}");
                let name = if path == "/?tv=1" { "wall" } else { "board" };
                browser
                    .keep_screenshot(&format!("{name}-{digits}-digits-{width}x{height}{}", source.replace('&', "-")));
            }
        }
        check(&browser, "numbers of many digits");
    }
}

#[test]
fn on_a_narrow_wall_columns_take_turns() {
    let folder = tempfile::tempdir().unwrap();
    happened(folder.path(), &full_columns(52_468_000));
    let server = Server::start(folder.path(), CLINICS);
    let browser = Browser::open();
    let places = "return [...document.querySelectorAll('.columns .column')].map((column) => column.dataset.place)";
    for (width, together) in [(320, 1), (640, 3), (1_080, 6)] {
        browser.resize(width, 1_000);
        show(&browser, &server, "/?tv=1");
        assert_eq!(browser.script(places).as_array().unwrap().len(), together, "{width}");
    }
    browser.resize(640, 1_000);
    show(&browser, &server, "/?tv=1");
    let both = ["Columns 1–3 of 6", "Columns 4–6 of 6"];
    browser.wait_until(&format!("document.querySelector('.wall-head').innerText.includes('{}')", both[0]));
    assert_eq!(browser.script(places), json!(["SCHEDULED", "CHECKED_IN", "READY"]));
    browser.wait_until(&format!("document.querySelector('.wall-head').innerText.includes('{}')", both[1]));
    assert_eq!(browser.script(places), json!(["CALLED_BACK", "DISCHARGED", "REMOVED"]));
    assert_eq!(browser.script(FAULTS), json!([]));
    check(&browser, "a narrow wall");
}

#[test]
fn no_page_has_to_be_scrolled_sideways() {
    let folder = tempfile::tempdir().unwrap();
    // Walk-ins whom nobody checks in: the page of rejections has an advice.
    let walk_ins = (1..=15).flat_map(|id| [(90, LONG_NAME, id, "create"), (30, LONG_NAME, id, "ready")]);
    let visits = (101..=115).flat_map(|id| [(90, LONG_NAME, id, "create"), (30, LONG_NAME, id, "checkin")]);
    happened(folder.path(), &walk_ins.chain(visits).collect::<Vec<Past>>());
    let config = format!("[[source]]\nname = \"{LONG_NAME}\"\nroute_keys = [\"the-route-key-of-the-long-one\"]\n");
    let server = Server::start(folder.path(), &config);
    let browser = Browser::open();
    let pages = [
        ("/".to_owned(), ".columns .card"),
        (format!("/?source={LONG_NAME}"), ".columns .card"),
        ("/?tv=1".to_owned(), ".columns .card"),
        (format!("/?tv=1&source={LONG_NAME}"), ".columns .card"),
        ("/rejections".to_owned(), ".advice h2"),
        (format!("/rejections?source={LONG_NAME}"), ".advice h2"),
        ("/charts".to_owned(), ".plot canvas"),
        (format!("/charts?source={LONG_NAME}"), ".plot canvas"),
        (format!("/appointment/{LONG_NAME}/1"), ".delivery"),
        (format!("/appointment/{LONG_NAME}/9223372036854775807"), ".notice"),
    ];
    let mut faults: Vec<Value> = Vec::new();
    for (width, height) in [(320, 640), (640, 900), (1_280, 900)] {
        browser.resize(width, height);
        for (path, shown) in &pages {
            browser.go(&format!("http://{}{path}", server.address));
            browser.wait_until(&format!("document.querySelector('{shown}')"));
            browser.script_async("requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 60)))");
            let beyond = browser.script(
                "const main = document.querySelector('main');
                 const beyond = [...document.querySelectorAll('h1, h2, h3, select, .advice, .meta')]
                     .filter((one) => !one.closest('.columns') && one.getBoundingClientRect().right > innerWidth + 0.5)
                     .map((one) => one.tagName + ' ' + one.innerText.slice(0, 40));
                 return [document.documentElement.scrollWidth - innerWidth, main.scrollWidth - main.clientWidth, beyond]",
            );
            if beyond != json!([0, 0, []]) {
                faults.push(json!([path, width, beyond]));
            }
            if path.starts_with("/?tv") {
                assert_eq!(browser.script(FAULTS), json!([]), "{path} at {width}");
                browser.keep_screenshot(&format!("wall-long-name-{width}"));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}
