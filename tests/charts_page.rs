//! x
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is what it is for")]

mod support;

use support::{
    browser::Browser,
    pages,
    server::{Server, clockfold, data_dir},
};

const CONFIG: &str = r#"
[[source]]
name = "downtown"
route_keys = ["the-route-key-of-clinic-one-here"]
reorder_window_s = 5
time_zone = "America/New_York"
[[source]]
name = "lakeside"
route_keys = ["the-route-key-of-clinic-two-here"]
time_zone = "America/Chicago"
"#;

#[test]
fn look() {
    let folder = tempfile::tempdir().unwrap();
    let data = data_dir(folder.path());
    let made = clockfold(
        folder.path(),
        &[],
        &["simulate", "--deliveries", "4000", "--sources", "2", "--into", data.to_str().unwrap()],
    );
    assert!(made.status == 0, "{}", made.stderr);
    let server = Server::start(folder.path(), CONFIG);
    let last = server.query("{ deliveries(last: 1) { nodes { receivedAt } } }")["deliveries"]["nodes"][0]["receivedAt"]
        .as_str()
        .unwrap()
        .to_owned();
    let first =
        server.query("{ deliveries(first: 1) { nodes { receivedAt } } }")["deliveries"]["nodes"][0]["receivedAt"]
            .as_str()
            .unwrap()
            .to_owned();
    println!("{first} {last}");
    let browser = Browser::open();
    browser.go(&format!(
        "http://{}/charts?range=own&from={}&to={}&source=downtown",
        server.address,
        &first[..16],
        &last[..16]
    ));
    browser.wait_until("document.querySelectorAll('.plot canvas').length === 4");
    browser.script("document.querySelector('.plot').focus()");
    browser.script("document.querySelectorAll('.tools button')[0].click()");
    std::thread::sleep(std::time::Duration::from_millis(300));
    std::thread::sleep(std::time::Duration::from_millis(300));
    pages::look(&browser, "charts");
    assert_eq!(browser.console(), Vec::<String>::new());
    browser.go(&format!("http://{}/charts", server.address));
    browser.wait_until("document.querySelectorAll('.chart').length === 4");
    browser.keep_screenshot("charts-empty");
}
