//! The pages beside the board, as a person meets them: on screens of some size, in light and dark, by keyboard.

use serde_json::json;

use super::{accessibility, browser::Browser};

/// Screens that pages are looked at on.
pub const PHONE: (u32, u32) = (390, 844);
pub const DESKTOP: (u32, u32) = (1_280, 900);
pub const WALL: (u32, u32) = (1_920, 1_080);

/// Presses Tab until the focus is on what a selector finds; panics where it never is.
pub fn tab_to(browser: &Browser, selector: &str) {
    for _ in 0..300 {
        browser.press(&["Tab"]);
        if browser.script(&format!("return document.activeElement?.matches({})", json!(selector))) == true {
            return;
        }
    }
    panic!("Tab never leads to {selector}");
}

/// Looks at the page on every screen, in light and in dark: it fits, and axe-core finds nothing. The pictures are kept as
/// `target/screenshots/NAME-SCREEN-SCHEME.png`.
pub fn look(browser: &Browser, name: &str) {
    for (screen, (width, height)) in [("phone", PHONE), ("desktop", DESKTOP), ("wall", WALL)] {
        browser.resize(width, height);
        for scheme in ["light", "dark"] {
            browser.prefer(&[("prefers-color-scheme", scheme)]);
            browser.script_async("requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 60)))");
            let state = format!("{name}-{screen}-{scheme}");
            browser.keep_screenshot(&state);
            let beyond = browser.script(
                "const { scrollWidth, scrollHeight } = document.documentElement; return [scrollWidth - innerWidth, scrollHeight - innerHeight]",
            );
            assert_eq!(beyond, json!([0, 0]), "{state}: the page is larger than the window");
            let aside = browser.script(
                "const { scrollWidth, clientWidth } = document.querySelector('main'); return scrollWidth - clientWidth",
            );
            assert_eq!(aside, json!(0), "{state}: it has to be scrolled sideways");
            accessibility::check(browser, &state);
        }
    }
    browser.prefer(&[]);
    browser.resize(DESKTOP.0, DESKTOP.1);
}

/// The texts of what a selector finds.
pub fn texts(browser: &Browser, selector: &str) -> Vec<String> {
    let found = browser.script(&format!(
        "return [...document.querySelectorAll({})].map((element) => element.textContent.replace(/\\s+/g, ' ').trim())",
        json!(selector)
    ));
    found.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}
