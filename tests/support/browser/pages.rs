//! The pages, as a person meets them: on screens of some size, in light and dark, by keyboard.

use serde_json::json;

use crate::support::browser::{Browser, accessibility};

/// A screen: its name, width and height.
pub type Screen = (&'static str, u32, u32);

/// Screens that every page is looked at on.
pub const SCREENS: [Screen; 3] = [("phone", 390, 844), DESKTOP, ("wall", 1_920, 1_080)];
/// The screen at most desks.
pub const DESKTOP: Screen = ("desktop", 1_440, 900);

/// A viewer's token.
pub const DESK: &str = "the-token-of-the-front-desk";
/// An admin's token.
pub const BOSS: &str = "the-token-of-whoever-decides";
/// Both, for a configuration.
pub const READERS: &str = r#"
[[reader]]
name = "desk"
token = "the-token-of-the-front-desk"
role = "viewer"
[[reader]]
name = "boss"
token = "the-token-of-whoever-decides"
role = "admin"
"#;
/// What no page of a viewer's may ever hold.
pub const IN_A_BODY: &str = "a-word-that-is-in-no-other-place";

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

/// Looks at the page on every one of [`SCREENS`]: like [`look_on`].
pub fn look(browser: &Browser, name: &str) {
    look_on(browser, &SCREENS, name, |_| ());
}

/// Looks at the page on each of these screens, in light and in dark, after `show` has done what it takes: it fits, and
/// axe-core finds nothing. The pictures are kept as `target/screenshots/NAME-SCREEN-SCHEME.png`.
pub fn look_on(browser: &Browser, screens: &[Screen], name: &str, show: impl Fn(&str)) {
    for &(screen, width, height) in screens {
        browser.resize(width, height);
        for scheme in ["light", "dark"] {
            browser.prefer(&[("prefers-color-scheme", scheme)]);
            show(screen);
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
            accessibility::check_as_it_is(browser, &state);
        }
    }
    browser.prefer(&[]);
    browser.resize(DESKTOP.1, DESKTOP.2);
}

/// The texts of what a selector finds.
pub fn texts(browser: &Browser, selector: &str) -> Vec<String> {
    let found = browser.script(&format!(
        "return [...document.querySelectorAll({})].map((element) => element.textContent.replace(/\\s+/g, ' ').trim())",
        json!(selector)
    ));
    found.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}
