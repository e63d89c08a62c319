//! A page that the server has no answer for at the moment asks again by itself, and says so meanwhile. In a real browser.

use serde_json::json;

use crate::support::{
    browser::Browser,
    net::live::Socket,
    server::{CONFIG, Server},
    webhook::with_server,
};

/// Gives the first request with `WORD` in its body the answer of a server that runs as many queries as it may.
const REFUSE_ONE: &str = r#"{
    const real = window.fetch;
    let refused = false;
    window.fetch = (to, how) => {
        if (refused || !String(how?.body).includes('WORD')) return real(to, how);
        refused = true;
        const message = 'Too many queries run at this moment. Try again.';
        const errors = [{ message, extensions: { code: 'TOO_MANY_QUERIES' } }];
        return Promise.resolve(new Response(JSON.stringify({ errors }), { status: 503 }));
    };
}"#;

const REFUSED: &str = "document.body.innerText.includes('Too many queries run at this moment')";

#[test]
fn a_first_load_that_is_refused_for_the_moment_is_asked_for_again() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), CONFIG);
    server.deliver(1, "create");
    let charts = "/charts?range=own&from=2026-03-02T00:00&to=2026-03-03T00:00";
    for (path, word, shown) in [
        ("/appointment/downtown/1", "query Appointment", ".timeline .delivery"),
        ("/appointment/downtown/1", "idleSignOutMinutes", ".timeline .delivery"),
        ("/rejections", "query Rejections", ".rejections-page .asked"),
        ("/rejections", "idleSignOutMinutes", ".rejections-page .asked"),
        (charts, "query Flow", "flow-chart"),
        (charts, "idleSignOutMinutes", "flow-chart"),
        ("/", "idleSignOutMinutes", ".columns .card"),
    ] {
        let browser = Browser::open();
        let source = REFUSE_ONE.replace("WORD", word);
        browser.devtools("Page.addScriptToEvaluateOnNewDocument", &json!({ "source": source }));
        browser.go(&format!("http://{}{path}", server.address));
        browser.wait_until(REFUSED);
        browser.wait_until(&format!("document.querySelector('{shown}') && !{REFUSED}"));
    }
}

#[test]
fn an_appointment_that_may_not_be_followed_for_the_moment_is_followed_later() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &with_server("subscriptions_max = 2"));
    server.deliver(1, "create");
    let mut other = Socket::open(server.address);
    for id in ["1", "2"] {
        other.subscribe(id, r#"subscription { deliveries(after: "0") { position } }"#);
        assert_eq!(other.data()["deliveries"]["position"], "1");
    }
    let browser = Browser::open();
    browser.go(&format!("http://{}/appointment/downtown/1", server.address));
    let deaf = "document.body.innerText.includes('What arrives now is not shown')";
    browser.wait_until(deaf);
    // What comes meanwhile is not lost to it.
    server.deliver(1, "checkin");
    drop(other);
    browser.wait_until("document.querySelectorAll('.timeline .delivery').length === 2");
    browser.wait_until(&format!("!{deaf}"));
    server.deliver(1, "ready");
    browser.wait_until("document.querySelector('.moment .status').dataset.status === 'READY'");
}
