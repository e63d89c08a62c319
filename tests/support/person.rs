//! Somebody at the browser: with a keyboard, with a screen of some size, in the light or in the dark, and with eyes for
//! what axe-core finds.

use std::{fs, path::PathBuf};

use serde_json::{Value, json};

use super::browser::Browser;

/// Keys that WebDriver has no letter for.
pub const TAB: &str = "\u{e004}";
pub const ENTER: &str = "\u{e007}";
pub const SPACE: &str = " ";
pub const LEFT: &str = "\u{e012}";
pub const RIGHT: &str = "\u{e014}";
pub const DOWN: &str = "\u{e015}";
pub const HOME: &str = "\u{e011}";

/// Screens that pages are looked at on.
pub const PHONE: (u32, u32) = (390, 844);
pub const DESKTOP: (u32, u32) = (1_280, 900);
pub const WALL: (u32, u32) = (1_920, 1_080);

impl Browser {
    /// Presses and releases keys, one after another, wherever the focus is.
    pub fn press(&self, keys: &[&str]) {
        let stroke =
            |key: &&str| [json!({ "type": "keyDown", "value": key }), json!({ "type": "keyUp", "value": key })];
        let actions: Vec<Value> = keys.iter().flat_map(stroke).collect();
        self.post("actions", &json!({ "actions": [{ "type": "key", "id": "keyboard", "actions": actions }] }));
    }

    /// Presses Tab until the focus is on what a selector finds; panics where it never is.
    pub fn tab_to(&self, selector: &str) {
        for _ in 0..200 {
            self.press(&[TAB]);
            if self.script(&format!("return document.activeElement?.matches({})", json!(selector))) == true {
                return;
            }
        }
        panic!("Tab never leads to {selector}");
    }

    /// Gives the window's inside a size.
    pub fn resize(&self, (width, height): (u32, u32)) {
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", &metrics);
    }

    /// Has the computer be set to light or dark.
    pub fn prefer(&self, scheme: &str) {
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.devtools("Emulation.setEmulatedMedia", &features);
    }

    /// Keeps what is to be seen as `target/screenshots/NAME.png`, and looks whether something is wider than the screen.
    pub fn screenshot(&self, name: &str) {
        let shot = self.devtools("Page.captureScreenshot", &json!({ "format": "png" }));
        let bytes = decode(shot["data"].as_str().expect("base64"));
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/screenshots");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(format!("{name}.png")), bytes).unwrap();
        let too_wide = "return document.documentElement.scrollWidth - innerWidth";
        assert!(self.script(too_wide).as_i64().unwrap() <= 0, "{name}: the page is wider than the screen");
    }

    /// What axe-core finds wrong: rule, and where.
    pub fn axe(&self) -> Vec<String> {
        let path = "src/dashboard/web/node_modules/axe-core/axe.min.js";
        let source = fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path))
            .unwrap_or_else(|error| panic!("{path}: {error}; `npm ci` in src/dashboard/web puts it there"));
        if self.script("return Boolean(window.axe)") != true {
            self.script(&format!("{source}; window.axe = axe"));
        }
        let found = self.script(
            "return axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) => violations.flatMap(
               ({ id, nodes }) => nodes.map(({ target, failureSummary }) => `${id}: ${target}: ${failureSummary}`)))",
        );
        found.as_array().expect("what was found").iter().map(|one| one.as_str().unwrap().to_owned()).collect()
    }

    /// What axe-core finds in the light and in the dark.
    pub fn axe_in_light_and_dark(&self) {
        for scheme in ["light", "dark"] {
            self.prefer(scheme);
            let found = self.axe();
            assert!(found.is_empty(), "{scheme}: {}", found.join("\n"));
        }
        self.prefer("light");
    }

    fn devtools(&self, command: &str, parameters: &Value) -> Value {
        self.post("goog/cdp/execute", &json!({ "cmd": command, "params": parameters }))
    }
}

fn decode(base64: &str) -> Vec<u8> {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    STANDARD.decode(base64).unwrap()
}
