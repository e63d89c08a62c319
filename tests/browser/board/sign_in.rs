//! Signing in, in a real browser: the token is typed once, what was shown is gone when the session is over, and a
//! viewer is never sent a body.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use serde_json::json;

use crate::support::{
    browser::{
        Browser,
        accessibility::check,
        board::{holds, show},
        pages::{DESK, IN_A_BODY},
    },
    server::Server,
    session::{cookie_from, seal, with_cookie},
};

const CONFIG: &str = r#"
[[source]]
name = "downtown"
route_keys = ["CF3uQP8cSFIQB8gB/9285030fceca"]
[[reader]]
name = "desk"
token = "the-token-of-the-front-desk"
role = "viewer"
idle_sign_out_minutes = 1
[[reader]]
name = "wall"
token = "the-token-of-the-screen-at-the-wall"
idle_sign_out_minutes = 0
"#;
const WALL: &str = "the-token-of-the-screen-at-the-wall";

fn started() -> (tempfile::TempDir, Server, Browser) {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), CONFIG);
    let body = format!(r#"{{"appointment_id": 12345, "event_type": "create", "note": "{IN_A_BODY}"}}"#);
    assert_eq!(server.post(body.as_bytes()).status, 200);
    (folder, server, Browser::open())
}

fn is_at(path: &str) -> String {
    format!("location.pathname + location.search === '{path}'")
}

#[test]
fn a_token_is_typed_once_and_signing_out_leaves_nothing() {
    let (_folder, server, browser) = started();
    let at = |path: &str| format!("http://{}{path}", server.address);
    browser.go(&at("/?long=1&ended=4"));
    browser.wait_until(&is_at("/sign-in?next=%2F%3Flong%3D1%26ended%3D4"));
    browser.wait_until("document.activeElement?.id === 'token'");
    for (scheme, size) in [("light", (1440, 900)), ("dark", (390, 844))] {
        browser.resize(size.0, size.1);
        browser.prefer(&[("prefers-color-scheme", scheme)]);
        browser.keep_screenshot(&format!("sign-in-{scheme}"));
    }
    check(&browser, "sign-in");
    assert!(!browser.console().iter().any(|entry| entry.contains("Content Security Policy")));

    browser.press(&["w", "r", "o", "n", "g", "Enter"]);
    browser.wait_until("document.querySelector('#token-error').innerText.includes('This token is not known')");
    browser.wait_until("document.activeElement?.id === 'token'");
    browser.keep_screenshot("sign-in-refused");
    check(&browser, "sign-in, refused");
    browser.type_into("#token", DESK);
    browser.press(&["Enter"]);
    browser.wait_until(&is_at("/?long=1&ended=4"));
    browser.go(&at("/"));
    browser.wait_until(&holds("SCHEDULED", 12345));
    let kept = "return JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie, location.href, \
                performance.getEntriesByType('resource').map(({ name }) => name), document.documentElement.outerHTML])";
    assert!(!browser.script(kept).as_str().unwrap().contains(DESK));

    browser.script("[...document.querySelectorAll('button')].find((one) => one.innerText === 'Sign out').click()");
    browser.wait_until(&is_at("/sign-in"));
    assert_eq!(browser.script("return document.documentElement.innerHTML.includes('12345')"), false);
    browser.go(&at("/"));
    browser.wait_until(&is_at("/sign-in"));
    // The way back leads nowhere else than to this site.
    for elsewhere in [
        "//127.0.0.2/",
        "https://127.0.0.2/",
        "/\\127.0.0.2/",
        "/..//127.0.0.2/",
        "/%2E./\\127.0.0.2/",
        "javascript:alert(1)",
        "/sign-in?next=/",
    ] {
        browser.go(&at(&format!("/sign-in?next={}", urlencoded(elsewhere))));
        browser.wait_until("document.activeElement?.id === 'token'");
        browser.type_into("#token", DESK);
        browser.press(&["Enter"]);
        browser.wait_until(&is_at("/"));
        browser.wait_until(&holds("SCHEDULED", 12345));
        browser.script("return fetch('/session', { method: 'DELETE' })");
        browser.wait_until(&is_at("/sign-in?why=ended"));
    }
}

#[test]
fn who_is_gone_is_signed_out_and_who_moves_is_not() {
    let (folder, server, browser) = started();
    let seal = seal(folder.path());
    // A session in which somebody was active last so long ago.
    let signed_in = |idle_ms: i64| {
        browser.go(&format!("http://{}/sign-in", server.address));
        let cookie = cookie_from(&seal, DESK, TimeDelta::milliseconds(idle_ms));
        browser.set_cookie(&cookie);
        show(&browser, &server, "/");
        browser.wait_until(&holds("SCHEDULED", 12345));
        cookie
    };
    // A board that moves by itself keeps nothing alive.
    signed_in(40_000);
    server.deliver(12346, "create");
    browser.wait_until(&holds("SCHEDULED", 12346));
    browser.wait_until(&is_at("/sign-in?why=ended"));
    assert_eq!(browser.script("return document.documentElement.innerHTML.includes('12345')"), false);
    browser.wait_until("document.activeElement?.id === 'token'");
    check(&browser, "signed out");
    browser.keep_screenshot("signed-out");

    signed_in(40_000);
    browser.move_pointer(200, 300);
    browser.move_pointer(220, 320);
    std::thread::sleep(Duration::from_secs(22));
    assert_eq!(browser.script(&format!("return {}", is_at("/"))), true);
    let told = "return performance.getEntriesByType('resource').filter(({ name }) => name.endsWith('/session')).length";
    assert_eq!(browser.script(told), 1, "at most once in a while");

    // In another window somebody signs out: this one hides everything at once.
    let cookie = signed_in(0);
    assert_eq!(with_cookie(&server, "DELETE", &cookie).status, 204);
    browser.wait_until(&is_at("/sign-in?why=ended"));
    assert_eq!(browser.script("return document.documentElement.innerHTML.includes('12345')"), false);
}

#[test]
fn a_page_that_comes_back_to_light_looks_whether_its_session_is_over() {
    let (folder, server, browser) = started();
    for event in ["document.dispatchEvent(new Event('visibilitychange'))", "dispatchEvent(new Event('pageshow'))"] {
        browser.go(&format!("http://{}/sign-in", server.address));
        let cookie = cookie_from(&seal(folder.path()), DESK, TimeDelta::zero());
        browser.set_cookie(&cookie);
        // It follows nothing, so no connection tells it.
        browser.go(&format!("http://{}/rejections", server.address));
        browser.wait_until("document.querySelector('.rejections-page .asked')");
        assert_eq!(with_cookie(&server, "DELETE", &cookie).status, 204);
        assert_eq!(browser.script(&format!("return {}", is_at("/rejections"))), true);
        let begun = Instant::now();
        browser.script(event);
        browser.wait_until(&is_at("/sign-in?next=%2Frejections&why=ended"));
        assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    }
}

#[test]
fn a_wall_keeps_its_cookie_and_a_server_that_cannot_renew_one_is_not_asked_at_every_movement() {
    let (folder, server, browser) = started();
    let open = |token: &str, ago: TimeDelta| {
        browser.go(&format!("http://{}/sign-in", server.address));
        browser.set_cookie(&cookie_from(&seal(folder.path()), token, ago));
        show(&browser, &server, "/");
        browser.wait_until(&holds("SCHEDULED", 12345));
    };
    // Nobody touches it, and browsers forget a cookie after 400 days.
    open(WALL, TimeDelta::days(399));
    browser.wait_until("performance.getEntriesByType('resource').some(({ name }) => name.endsWith('/session'))");

    open(DESK, TimeDelta::zero());
    browser.script(
        "const real = window.fetch; window.asked = 0; \
         window.fetch = (to, how) => to !== '/session' ? real(to, how) : (window.asked++, Promise.resolve(new Response(null, { status: 503 })))",
    );
    for step in 0..40 {
        browser.move_pointer(200 + step, 300);
    }
    let asked = browser.script("return window.asked");
    assert!(asked == 1 || asked == 2, "{asked} times");
}

#[test]
fn a_viewer_is_never_sent_a_body() {
    let (folder, server, browser) = started();
    browser.go(&format!("http://{}/sign-in", server.address));
    browser.set_cookie(&cookie_from(&seal(folder.path()), DESK, TimeDelta::zero()));
    browser.record_traffic();
    show(&browser, &server, "/");
    browser.wait_until(&holds("SCHEDULED", 12345));
    let body = format!(r#"{{"appointment_id": 12345, "event_type": "checkin", "note": "{IN_A_BODY}"}}"#);
    server.post(body.as_bytes());
    browser.wait_until(&holds("CHECKED_IN", 12345));
    let traffic = browser.traffic();
    assert!(traffic.contains("12345") && traffic.contains("CHECKED_IN"), "the traffic is recorded");
    assert!(!traffic.contains(IN_A_BODY) && !traffic.contains("bodyBase64"));
    // Also where its browser asks for it.
    let asked = browser.script_async(
        "fetch('/graphql', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ query: \
         '{ deliveries { nodes { body bodyBase64 } } }' }) }).then((answer) => answer.json()).then(done)",
    );
    let nothing = json!({ "body": null, "bodyBase64": null });
    assert_eq!(asked["data"]["deliveries"]["nodes"], json!([nothing, nothing]), "{asked}");
}

fn urlencoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}
