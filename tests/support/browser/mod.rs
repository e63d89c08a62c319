//! A real browser without a screen: Debian's `chromium`, driven by its `chromedriver` over WebDriver, which is JSON over
//! HTTP. It resolves no name and reaches nothing but this machine.

pub mod accessibility;
pub mod board;
pub mod pages;

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::support::server::Connection;

/// What a page may take to show something.
const SHOWN_MAX: Duration = Duration::from_secs(60);

/// A browser with one window.
pub struct Browser {
    driver: Child,
    address: SocketAddr,
    session: String,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Starts it.
    pub fn open() -> Browser {
        let (driver, port) = start_driver();
        let profile = tempfile::tempdir().unwrap();
        let mut browser = Browser {
            driver,
            address: SocketAddr::from(([127, 0, 0, 1], port)),
            session: String::new(),
            _profile: profile,
        };
        let arguments = [
            "--headless=new".to_owned(),
            // The tests may run as root, where the sandbox does not work.
            "--no-sandbox".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--disable-background-networking".to_owned(),
            "--window-size=1280,900".to_owned(),
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1".to_owned(),
            format!("--user-data-dir={}", browser._profile.path().display()),
        ];
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": { "args": arguments },
            "goog:loggingPrefs": { "browser": "ALL" },
        } } });
        let made = browser.command("POST", "/session", &wanted);
        browser.session = made["sessionId"].as_str().expect("a session").to_owned();
        browser
    }

    /// Opens a page and waits until it is loaded.
    pub fn go(&self, url: &str) {
        self.post("url", &json!({ "url": url }));
    }

    /// Makes the window so large, and its pages as on a screen of that size.
    pub fn resize(&self, width: u32, height: u32) {
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", &metrics);
    }

    /// Has pages believe that the system is set like this: `("prefers-color-scheme", "dark")`.
    pub fn prefer(&self, features: &[(&str, &str)]) {
        let features: Vec<Value> =
            features.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
        self.devtools("Emulation.setEmulatedMedia", &json!({ "features": features }));
    }

    /// A command of Chromium's own protocol.
    pub fn devtools(&self, command: &str, parameters: &Value) -> Value {
        self.post("goog/cdp/execute", &json!({ "cmd": command, "params": parameters }))
    }

    /// Sets a cookie, `name=value`, as the server sets those that no script sees.
    pub fn set_cookie(&self, cookie: &str) {
        let (name, value) = cookie.split_once('=').expect("a name and a value");
        let cookie = json!({ "name": name, "value": value, "httpOnly": true, "sameSite": "Strict", "path": "/" });
        self.post("cookie", &json!({ "cookie": cookie }));
    }

    /// Keeps everything that the pages that are loaded from now on are sent, for [`Browser::traffic`].
    pub fn record_traffic(&self) {
        let source = "window.traffic = [];
            const fetched = window.fetch;
            window.fetch = async (...request) => {
                const response = await fetched(...request);
                traffic.push(await response.clone().text());
                return response;
            };
            window.WebSocket = class extends WebSocket {
                constructor(...request) {
                    super(...request);
                    this.addEventListener('message', ({ data }) => traffic.push(data));
                }
            };";
        self.devtools("Page.addScriptToEvaluateOnNewDocument", &json!({ "source": source }));
    }

    /// What the page has been sent by requests and over WebSockets.
    pub fn traffic(&self) -> String {
        self.script("return traffic.join('\\n')").as_str().expect("text").to_owned()
    }

    /// Presses keys one after another, wherever the focus is: characters, or names such as `Tab` and `Shift+Tab`.
    pub fn press(&self, keys: &[&str]) {
        let mut actions = Vec::new();
        for key in keys {
            let parts: Vec<String> = key.split('+').map(key_value).collect();
            actions.extend(parts.iter().map(|value| json!({ "type": "keyDown", "value": value })));
            actions.extend(parts.iter().rev().map(|value| json!({ "type": "keyUp", "value": value })));
        }
        self.post("actions", &json!({ "actions": [{ "type": "key", "id": "keyboard", "actions": actions }] }));
    }

    /// Moves the pointer, as a person who is there does.
    pub fn move_pointer(&self, x: u32, y: u32) {
        let actions = json!([{ "type": "pointerMove", "duration": 20, "x": x, "y": y }]);
        self.post("actions", &json!({ "actions": [{ "type": "pointer", "id": "mouse", "actions": actions }] }));
    }

    /// What the window shows, as PNG.
    pub fn screenshot(&self) -> Vec<u8> {
        let encoded = self.get("screenshot");
        base64_of(encoded.as_str().expect("a picture"))
    }

    /// Runs a function's body in the page and returns what it returns.
    pub fn script(&self, body: &str) -> Value {
        self.post("execute/sync", &json!({ "script": body, "args": [] }))
    }

    /// Runs a function's body in the page, which calls `done` with what is returned.
    pub fn script_async(&self, body: &str) -> Value {
        let script = format!("const done = arguments[arguments.length - 1]; {body}");
        self.post("execute/async", &json!({ "script": script, "args": [] }))
    }

    /// Keeps what the window shows in `target/screenshots`.
    pub fn keep_screenshot(&self, name: &str) {
        let project = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let (folder, shown) = (project.join("target/screenshots"), project.join("docs/screenshots"));
        let (name, screenshot) = (format!("{name}.png"), self.screenshot());
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(&name), &screenshot).unwrap();
        // Those that the documentation shows.
        if std::env::var_os("UPDATE_GOLDEN").is_some() && shown.join(&name).exists() {
            fs::write(shown.join(&name), &screenshot).unwrap();
        }
    }

    /// Waits until an expression is true in the page.
    pub fn wait_until(&self, expression: &str) {
        let begun = Instant::now();
        // While a page begins, what is asked about may not be there yet.
        while self.script(&format!("try {{ return Boolean({expression}) }} catch {{ return false }}")) != true {
            let text = || self.script("return document.body.innerText");
            assert!(begun.elapsed() < SHOWN_MAX, "{expression}: {:?}: {}", self.console(), text());
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Types into the first element that a selector finds.
    pub fn type_into(&self, selector: &str, text: &str) {
        let element = self.element(selector);
        self.post(&format!("element/{element}/value"), &json!({ "text": text }));
    }

    /// Clicks the first element that a selector finds.
    pub fn click(&self, selector: &str) {
        let element = self.element(selector);
        self.post(&format!("element/{element}/click"), &json!({}));
    }

    /// What the console has been told since the last call: warnings, errors, violations of a policy.
    pub fn console(&self) -> Vec<String> {
        let entries = self.post("se/log", &json!({ "type": "browser" }));
        let grave = |entry: &&Value| entry["level"] == "SEVERE" || entry["level"] == "WARNING";
        entries.as_array().expect("entries").iter().filter(grave).map(ToString::to_string).collect()
    }

    fn element(&self, selector: &str) -> String {
        let found = self.post("element", &json!({ "using": "css selector", "value": selector }));
        let (_, id) = found.as_object().and_then(|found| found.iter().next()).expect("an element");
        id.as_str().expect("an element's id").to_owned()
    }

    fn get(&self, path: &str) -> Value {
        self.command("GET", &format!("/session/{}/{path}", self.session), &json!({}))
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        self.command("POST", &format!("/session/{}/{path}", self.session), body)
    }

    fn command(&self, method: &str, path: &str, body: &Value) -> Value {
        let headers = [("Content-Type", "application/json")];
        let body = if method == "GET" { String::new() } else { body.to_string() };
        let answer = Connection::open(self.address).request(method, path, &headers, body.as_bytes());
        let answer = answer.expect("chromedriver answers");
        assert_eq!(answer.status, 200, "{path} {body}: {}", answer.text());
        answer.json()["value"].clone()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if let Ok(mut driver) = Connection::try_open(self.address) {
            let _ = driver.request("DELETE", &format!("/session/{}", self.session), &[], b"");
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// A key as WebDriver names it.
fn key_value(name: &str) -> String {
    let code = match name {
        "Tab" => '\u{e004}',
        "Enter" => '\u{e007}',
        "Shift" => '\u{e008}',
        "Escape" => '\u{e00c}',
        "Space" => '\u{e00d}',
        "PageUp" => '\u{e00e}',
        "PageDown" => '\u{e00f}',
        "End" => '\u{e010}',
        "Home" => '\u{e011}',
        "ArrowLeft" => '\u{e012}',
        "ArrowUp" => '\u{e013}',
        "ArrowRight" => '\u{e014}',
        "ArrowDown" => '\u{e015}',
        character => return character.to_owned(),
    };
    code.to_string()
}

fn base64_of(text: &str) -> Vec<u8> {
    use base64::{Engine as _, engine::general_purpose::STANDARD};

    STANDARD.decode(text).expect("base64")
}

/// The driver, and the port that it listens on.
fn start_driver() -> (Child, u16) {
    let mut told = String::new();
    // It takes a port that is free for IPv6, and ends where somebody has the same one for IPv4.
    for _ in 0..5 {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver is installed (Debian's packages chromium and chromium-driver; `tests/run` does it)");
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        for line in lines.by_ref().map(Result::unwrap) {
            if let Some((_, port)) = line.rsplit_once("successfully on port ") {
                // It goes on writing to where nobody reads; a few lines fit.
                thread::spawn(move || lines.for_each(drop));
                return (driver, port.trim_end_matches('.').parse().expect("a port"));
            }
            told.push_str(&line);
            told.push('\n');
        }
        driver.wait().unwrap();
    }
    panic!("the driver does not start: {told}");
}
