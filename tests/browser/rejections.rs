//! The page of what was rejected or can't be read, in a real browser: it tells what the API tells, filters from the
//! address and by keyboard, and shows no viewer a body.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::support::{
    browser::{
        Browser,
        pages::{BOSS, DESK, IN_A_BODY, READERS, look, tab_to, texts},
    },
    server::Server,
    session::{cookie_from, seal},
};

const SOURCES: &str = r#"
[[source]]
name = "downtown"
route_keys = ["the-route-key-of-downtown"]
time_zone = "America/New_York"
[[source]]
name = "lakeside"
route_keys = ["the-route-key-of-lakeside"]
time_zone = "America/New_York"
"#;
fn send(server: &Server, source: &str, body: &[u8]) {
    assert!(server.post_to(&format!("the-route-key-of-{source}"), body).status < 500);
}

fn send_all(server: &Server, source: &str, ids: std::ops::Range<u64>, events: &str) {
    for id in ids {
        for event in events.split_whitespace() {
            send(server, source, format!(r#"{{"appointment_id": {id}, "event_type": "{event}"}}"#).as_bytes());
        }
    }
}

/// Walk-ins at one clinic, and a bit of everything at the other.
fn fill(server: &Server) {
    send_all(server, "downtown", 1..10, "create ready callback discharge");
    send_all(server, "downtown", 20..25, "create checkin discharge undo_checkin");
    send_all(server, "lakeside", 1..4, "ready create CHECKIN undo_ready discharge");
    send(server, "lakeside", b"{\"appointment_id\": 12, ");
    send(server, "lakeside", b"\xff\xfe not text");
    send(server, "lakeside", b"");
    send(
        server,
        "lakeside",
        format!("{{\"appointment_id\": \"{IN_A_BODY}\", \"event_type\": \"checkin\"}}").as_bytes(),
    );
}

const LOADED: &str =
    "document.querySelector('.asked') && !document.querySelector('.meta').innerText.includes('Loading')";

fn show(browser: &Browser, server: &Server, path: &str) {
    browser.go(&format!("http://{}{path}", server.address));
    browser.wait_until(LOADED);
}

/// The groups and the deliveries that the API tells, of everything there is.
fn expected(server: &Server, source: Option<&str>, outcome: &[&str], code: Option<&str>) -> (Vec<Value>, Vec<Value>) {
    let named = source.map_or_else(String::new, |source| format!(r#"source: "{source}", "#));
    let range = r#"from: "2000-01-01T00:00:00Z", to: "2900-01-01T00:00:00Z""#;
    let groups = server
        .query(&format!("{{ rejections({named}{range}) {{ groups {{ source outcome code eventType count }} }} }}"));
    let wanted = |group: &Value| {
        outcome.contains(&group["outcome"].as_str().unwrap()) && code.is_none_or(|code| group["code"] == *code)
    };
    let groups = groups["rejections"]["groups"].as_array().unwrap().iter().filter(|group| wanted(group));
    let groups = groups.map(|group| {
        json!([group["source"], group["code"], group["eventType"].as_str().unwrap_or(""), group["count"].to_string()])
    });
    let code = code.map_or_else(String::new, |code| format!(r#", code: ["{code}"]"#));
    let filter = format!("{named}outcome: [{}]{code}", outcome.join(", "));
    let told = server.query(&format!("{{ deliveries(filter: {{ {filter} }}, last: 500) {{ nodes {{ position }} }} }}"));
    let positions = told["deliveries"]["nodes"].as_array().unwrap().iter().rev().map(|node| node["position"].clone());
    (groups.collect(), positions.collect())
}

fn shown(browser: &Browser) -> (Vec<Value>, Vec<Value>) {
    let groups = browser.script(
        "return [...document.querySelectorAll('.groups tbody tr')].map((row) => [row.dataset.source, row.dataset.code, \
         row.dataset.event, row.querySelector('.number').innerText])",
    );
    let positions = browser
        .script("return [...document.querySelectorAll('.rejected .delivery')].map(({ dataset }) => dataset.position)");
    (groups.as_array().unwrap().clone(), positions.as_array().unwrap().clone())
}

#[test]
fn groups_and_deliveries_are_those_of_the_api_for_every_filter_of_the_address() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), SOURCES);
    fill(&server);
    let browser = Browser::open();
    let all = ["REJECTED", "UNRECOGNIZED", "UNREADABLE"];
    for (query, source, outcome, code) in [
        ("", None, &all[..], None),
        ("?range=today&source=lakeside", Some("lakeside"), &all[..], None),
        ("?range=7d&outcome=UNREADABLE", None, &all[2..], None),
        (
            "?range=30d&outcome=REJECTED&code=NOT_CREATED&source=lakeside",
            Some("lakeside"),
            &all[..1],
            Some("NOT_CREATED"),
        ),
        ("?code=STEP_NOT_LAST", None, &all[..], Some("STEP_NOT_LAST")),
        ("?code=NOT_AN_OBJECT", None, &all[..], Some("NOT_AN_OBJECT")),
        ("?range=own&from=2001-01-01T00:00&to=2001-12-31T00:00", None, &[][..], None),
    ] {
        show(&browser, &server, &format!("/rejections{query}"));
        loop {
            let older =
                browser.script("const older = document.querySelector('.older'); older?.click(); return Boolean(older)");
            if older == false {
                break;
            }
            browser.wait_until(LOADED);
        }
        assert_eq!(shown(&browser), expected(&server, source, outcome, code), "{query}");
    }
    assert_eq!(texts(&browser, ".groups + .notice, section .notice")[0], "Nothing of this kind arrived in this time.");
    show(&browser, &server, "/rejections?range=own&from=2002-01-01T00:00&to=2001-12-31T00:00");
    assert_eq!(texts(&browser, ".notice[role=alert]"), ["The end is before the beginning."]);
    show(&browser, &server, "/rejections?source=nowhere");
    assert!(
        texts(&browser, ".notice[role=alert]")[0].starts_with("There is no source of this name that you may read.")
    );
    assert_eq!(browser.console(), Vec::<String>::new());
}

#[test]
fn by_keyboard_filters_advice_bodies_and_the_way_to_the_appointment() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), SOURCES);
    fill(&server);
    let browser = Browser::open();
    show(&browser, &server, "/rejections");
    let advice = server.query(r#"{ rejections(from: "2000-01-01T00:00:00Z", to: "2900-01-01T00:00:00Z") { advice { explanation setting } } }"#);
    let advice = &advice["rejections"]["advice"];
    assert_eq!(advice.as_array().unwrap().len(), 1, "{advice}");
    let boxes = texts(&browser, ".advice");
    assert_eq!(boxes.len(), 1);
    assert!(boxes[0].contains(&advice[0]["explanation"].as_str().unwrap().replace('`', "")), "{boxes:?}");
    tab_to(&browser, ".advice copy-button button");
    browser.press(&["Enter"]);
    browser.wait_until("document.querySelector('.advice copy-button [role=status]').innerText === 'Copied'");
    let setting = browser.script("return document.querySelector('.advice pre').textContent");
    assert_eq!(setting, json!("[[source]]\nname = \"downtown\"\nlifecycle = \"walk_in\""));
    // It is what a configuration takes.
    let again = tempfile::tempdir().unwrap();
    let line = advice[0]["setting"].as_str().unwrap();
    drop(Server::start(again.path(), &SOURCES.replacen("time_zone", &format!("{line}\ntime_zone"), 1)));

    browser.script("document.querySelector('h1').focus()");
    tab_to(&browser, "select[name=source]");
    browser.press(&["l", "a", "k"]);
    browser.wait_until(&format!("location.search === '?source=lakeside' && {LOADED}"));
    tab_to(&browser, "select[name=outcome]");
    browser.press(&["u", "n", "r", "e", "a"]);
    browser.wait_until(&format!("location.search === '?source=lakeside&outcome=UNREADABLE' && {LOADED}"));
    browser.wait_until("document.querySelectorAll('.rejected .delivery').length === 4");
    tab_to(&browser, ".raw-body summary");
    browser.press(&["Enter"]);
    browser.wait_until("document.querySelector('.raw-body pre')");
    let body = browser.script("return document.querySelector('.raw-body pre').textContent");
    assert_eq!(body, json!(format!("{{\"appointment_id\": \"{IN_A_BODY}\", \"event_type\": \"checkin\"}}")));
    browser.script("document.querySelectorAll('.raw-body').forEach((body) => { body.open = true; })");
    browser.wait_until("document.querySelectorAll('.raw-body pre').length === 3");
    // "\xff\xfe not text", as base64; and an empty one.
    assert_eq!(
        browser.script("return document.querySelector('pre[data-form=base64]').textContent"),
        json!("//4gbm90IHRleHQ=")
    );
    assert!(texts(&browser, ".rejected")[0].contains("The body is empty."));

    // From a group to its deliveries, and from one of them to its appointment at that moment.
    show(&browser, &server, "/rejections");
    tab_to(&browser, ".groups tr[data-code=STEP_NOT_LAST] a");
    browser.press(&["Enter"]);
    browser.wait_until(&format!("location.search === '?source=downtown&code=STEP_NOT_LAST' && {LOADED}"));
    browser.wait_until("document.querySelectorAll('.rejected .delivery').length === 5");
    tab_to(&browser, ".rejected .delivery p > a");
    browser.press(&["Enter"]);
    browser.wait_until(
        "location.pathname === '/appointment/downtown/24' && document.querySelector('[aria-current=step]')",
    );
    assert_eq!(browser.script("return document.activeElement.tagName"), json!("MAIN"));
    assert_eq!(texts(&browser, "[aria-current=step] .said"), ["Check-in undone"]);
    assert_eq!(browser.console(), Vec::<String>::new());
}

#[test]
fn a_viewer_is_told_that_bodies_are_for_admins_and_gets_none() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &format!("{SOURCES}{READERS}"));
    fill(&server);
    for (token, bodies) in [(DESK, 0), (BOSS, 25)] {
        let browser = Browser::open();
        browser.record_traffic();
        browser.go(&format!("http://{}/sign-in", server.address));
        browser.set_cookie(&cookie_from(&seal(folder.path()), token, TimeDelta::zero()));
        show(&browser, &server, "/rejections");
        browser.wait_until("document.querySelectorAll('.rejected .delivery').length === 25");
        assert_eq!(browser.script("return document.querySelectorAll('.raw-body').length"), json!(bodies));
        let told =
            texts(&browser, ".rejections-page")[0].contains("Raw bodies are shown to readers with the role admin");
        assert_eq!(told, bodies == 0);
        browser.script("document.querySelectorAll('.raw-body').forEach((body) => { body.open = true; })");
        browser.wait_until(&format!("document.querySelectorAll('.raw-body pre, .raw-body .quiet').length >= {bodies}"));
        browser.wait_until(&format!("traffic.join().includes('{IN_A_BODY}') === {}", bodies > 0));
        assert!(browser.traffic().contains("APPOINTMENT_ID_INVALID"));
    }
}

#[test]
fn it_fits_every_screen_and_axe_finds_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), SOURCES);
    let browser = Browser::open();
    show(&browser, &server, "/rejections");
    look(&browser, "rejections-none");
    fill(&server);
    show(&browser, &server, "/rejections?range=7d");
    look(&browser, "rejections");
    browser.script("document.querySelectorAll('.raw-body').forEach((body) => { body.open = true; })");
    browser.wait_until("document.querySelector('pre[data-form=base64]')");
    browser.script("document.querySelector('#list-title').scrollIntoView()");
    look(&browser, "rejections-bodies");
    assert_eq!(browser.console(), Vec::<String>::new());
}
