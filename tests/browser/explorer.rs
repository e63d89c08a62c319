//! The explorer: its files as they are sent, and the page in a real browser that reaches nothing but this machine.

use crate::support::{
    browser::Browser,
    server::{Answer, CONFIG, Server},
};

const TOKEN: &str = "5fT0nq7LwBz2RkVx9sHd3MpY";

#[test]
fn files_are_sent_with_a_policy_compressed_and_once() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), CONFIG);
    let get = |path: &str, headers: &[(&str, &str)]| server.request("GET", path, headers, b"");
    for (path, content_type) in [
        ("/explorer", "text/html; charset=utf-8"),
        ("/explorer/explorer.js", "text/javascript; charset=utf-8"),
        ("/explorer/explorer.css", "text/css; charset=utf-8"),
        ("/explorer/licences.txt", "text/plain; charset=utf-8"),
    ] {
        let plain = get(path, &[]);
        check_headers(&plain, path);
        assert_eq!((plain.status, plain.header("content-type")), (200, Some(content_type)), "{path}");
        assert_eq!(plain.header("content-encoding"), None, "{path}");

        let small = get(path, &[("Accept-Encoding", "gzip, deflate, br")]);
        check_headers(&small, path);
        assert_eq!(small.header("content-encoding"), Some("gzip"), "{path}");
        assert!(small.body.len() < plain.body.len() && small.header("etag") != plain.header("etag"), "{path}");

        let tag = small.header("etag").unwrap();
        let again = get(path, &[("Accept-Encoding", "gzip"), ("If-None-Match", tag)]);
        check_headers(&again, path);
        assert_eq!((again.status, again.body.len()), (304, 0), "{path}");
        let head = server.request("HEAD", path, &[], b"");
        assert_eq!(head.header("content-length"), Some(plain.body.len().to_string().as_str()), "{path}");
    }
    assert_eq!(get("/explorer/index.html", &[]).status, 404);
    assert_eq!(get("/explorer/../Cargo.toml", &[]).status, 404);
    // A slash at the end makes another address, of a page as of a file.
    for path in
        ["/explorer", "/explorer/explorer.js", "/assets/app.js", "/sign-in", "/charts", "/appointment/downtown/1"]
    {
        assert_eq!((get(path, &[]).status, get(&format!("{path}/"), &[]).status), (200, 404), "{path}");
    }
    for refused in ["gzip;Q=0", "gzip ; q = 0"] {
        let plain = get("/assets/app.js", &[("Accept-Encoding", refused)]);
        assert_eq!((plain.status, plain.header("content-encoding")), (200, None), "{refused}");
    }
    let posted = server.request("POST", "/explorer", &[], b"");
    assert_eq!((posted.status, posted.header("allow")), (405, Some("GET, HEAD")));
}

fn check_headers(answer: &Answer, path: &str) {
    let policy = answer.header("content-security-policy").unwrap();
    for part in ["default-src 'none'", "script-src 'self';", "connect-src 'self'", "frame-ancestors 'none'"] {
        assert!(policy.contains(part), "{path}: {policy}");
    }
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
    assert_eq!(answer.header("vary"), Some("Accept-Encoding"), "{path}");
    assert_eq!(answer.header("cache-control"), Some("no-cache"), "{path}");
}

/// The page, once GraphiQL stands.
fn open(server: &Server) -> Browser {
    let browser = Browser::open();
    browser.go(&format!("http://{}/explorer", server.address));
    browser.wait_until("document.querySelector('.graphiql-query-editor .CodeMirror')");
    browser
}

/// Runs a query in the page and waits until the answer holds `expected`.
fn ask(browser: &Browser, query: &str, expected: &str) {
    browser.script(&format!(
        "document.querySelector('.graphiql-query-editor .CodeMirror').CodeMirror.setValue({})",
        serde_json::json!(query)
    ));
    browser.click(".graphiql-execute-button");
    let shown = "document.querySelector('.result-window .CodeMirror')?.CodeMirror.getValue()";
    browser.wait_until(&format!("({shown} ?? '').includes({})", serde_json::json!(expected)));
}

#[test]
fn the_page_answers_shows_the_documentation_and_needs_nothing_from_elsewhere() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), CONFIG);
    server.deliver(12345, "create");
    let browser = open(&server);

    ask(&browser, "{ appointment(appointmentId: 12345) { status } }", r#""status": "SCHEDULED""#);
    browser.click("[aria-label='Show Documentation Explorer']");
    browser.wait_until("document.querySelector('.graphiql-doc-explorer')?.innerText.includes('query: Query')");
    browser.script(
        "[...document.querySelectorAll('.graphiql-doc-explorer a')].find((a) => a.innerText === 'Query').click()",
    );
    browser.wait_until(
        "document.querySelector('.graphiql-doc-explorer').innerText.includes('Everything that can be read.')",
    );

    // A subscription is told as server-sent events; the last rebuild is told once.
    ask(&browser, "mutation { rebuildProjection(dryRun: true) { dryRun } }", r#""dryRun": true"#);
    ask(&browser, "subscription { rebuildProgress { state } }", r#""state": "DONE""#);

    assert_eq!(browser.console(), Vec::<String>::new());
    let elsewhere = "return performance.getEntriesByType('resource').map(({ name }) => name)\
                     .filter((name) => !name.startsWith(location.origin + '/') && !name.startsWith('data:'))";
    assert_eq!(browser.script(elsewhere), serde_json::json!([]));

    // What the policy forbids does not happen, and the console tells it: so an empty console means something.
    browser.script(
        "const script = document.createElement('script'); script.textContent = 'window.planted = 1'; document.body.append(script)",
    );
    assert_eq!(browser.script("return window.planted ?? null"), serde_json::Value::Null);
    let console = browser.console();
    assert!(console.iter().any(|entry| entry.contains("Content Security Policy")), "{console:?}");
}

#[test]
fn who_is_signed_in_needs_no_token() {
    let data = tempfile::tempdir().unwrap();
    let reader = format!("[[reader]]\nname = \"front-desk\"\ntoken = \"{TOKEN}\"\nrole = \"viewer\"\n");
    let server = Server::start(data.path(), &format!("{CONFIG}{reader}"));
    server.deliver(12345, "create");
    let browser = open(&server);
    let status = |method: &str, body: &str| {
        let headers = "{ 'Content-Type': 'application/json' }";
        browser.script(&format!(
            "return fetch('/session', {{ method: '{method}', headers: {headers}, body: {body} }}).then(({{ status }}) => status)"
        ))
    };
    assert_eq!(status("POST", &format!("JSON.stringify({{ token: '{TOKEN}' }})")), 204);
    // What the page asked before, it was refused.
    assert!(browser.console().iter().all(|entry| entry.contains("401")));
    browser.go(&format!("http://{}/explorer", server.address));
    browser.wait_until("document.querySelector('.graphiql-query-editor .CodeMirror')");
    ask(&browser, "{ reader { name signedIn } }", r#""signedIn": true"#);
    assert_eq!(status("PUT", "null"), 204);
    ask(&browser, "subscription { appointmentChanged(after: \"0\") { position } }", r#""position": "1""#);
    // No script ever sees the cookie.
    assert_eq!(browser.script("return document.cookie"), "");
    assert_eq!(browser.console(), Vec::<String>::new());
    assert_eq!(status("DELETE", "null"), 204);
    ask(&browser, "{ reader { name } }", "The token is missing or not known.");
    assert_eq!(status("PUT", "null"), 401);
}

#[test]
fn a_reader_gives_a_token_that_the_browser_does_not_keep() {
    let data = tempfile::tempdir().unwrap();
    let reader = format!("[[reader]]\nname = \"front-desk\"\ntoken = \"{TOKEN}\"\nrole = \"viewer\"\n");
    let server = Server::start(data.path(), &format!("{CONFIG}{reader}"));
    server.deliver(12345, "create");
    let browser = open(&server);

    ask(&browser, "{ statusCounts { count } }", "The token is missing or not known.");
    let console = browser.console();
    assert!(console.iter().all(|entry| entry.contains("401")), "{console:?}");

    browser.type_into("#token", TOKEN);
    browser.click("header button");
    ask(&browser, "{ appointment(appointmentId: 12345) { status } }", r#""status": "SCHEDULED""#);
    browser.click("[aria-label='Show Documentation Explorer']");
    browser.wait_until("document.querySelector('.graphiql-doc-explorer')?.innerText.includes('query: Query')");
    assert_eq!(browser.console(), Vec::<String>::new());

    let kept = "return JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie, location.href, \
                performance.getEntriesByType('resource').map(({ name }) => name)])";
    let kept = browser.script(kept);
    let kept = kept.as_str().unwrap();
    assert!(!kept.contains(TOKEN) && !kept.contains("12345") && !kept.contains("Bearer"), "{kept}");
}
