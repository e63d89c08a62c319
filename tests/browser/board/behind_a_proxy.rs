//! The pages behind a real nginx: under a path of another site, where no WebSocket comes through, and where the proxy calls
//! the server by another name.

use std::{net::TcpListener, thread, time::Duration};

use serde_json::{Value, json};

use crate::support::{
    browser::{
        Browser,
        accessibility::check,
        board::holds,
        pages::{DESK, READERS},
    },
    net::{
        live::Socket,
        nginx_path::{HOST, Nginx, UPGRADES, free_address},
    },
    server::{CONFIG, Server},
    session::post_token,
    webhook::with_server,
};

const STANDS: &str = "document.querySelector('.columns:not([aria-busy=true])') && document.querySelector('.count')";
/// What stands as the counts of the board, without what only listeners are told.
const COUNTS: &str = "[...document.querySelectorAll('.columns h2 .count, .picker .count')].map((count) => \
    [...count.childNodes].filter(({ nodeType }) => nodeType === Node.TEXT_NODE).map(({ data }) => data).join('').trim())";

fn via(way: &str) -> String {
    format!("document.querySelector('.connection').dataset.via === '{way}'")
}

fn is_at(path: &str) -> String {
    format!("location.pathname + location.search === '{path}'")
}

/// `/clockfold/` of the site, as nginx's own documentation has it.
fn under_a_path(server: &Server, more: &str) -> String {
    format!("location /clockfold/ {{ proxy_pass http://{}/; {more} }} location / {{ return 404; }}", server.address)
}

/// The whole site.
fn at_the_top(server: &Server, more: &str) -> String {
    format!("location / {{ proxy_pass http://{}; {more} }}", server.address)
}

fn script_text(browser: &Browser, expression: &str) -> String {
    browser.script(&format!("return {expression}")).as_str().unwrap_or_default().to_owned()
}

/// Types the token where the page asks for one.
fn sign_in(browser: &Browser) {
    browser.wait_until("document.activeElement?.id === 'token'");
    browser.type_into("#token", DESK);
    browser.press(&["Enter"]);
}

#[test]
fn the_pages_stand_under_a_path_of_another_site() {
    let folder = tempfile::tempdir().unwrap();
    let site = free_address();
    let public_url = format!("http://{site}/clockfold/");
    let config = with_server(&format!("public_url = \"{public_url}\"")) + READERS;
    let server = Server::start(folder.path(), &config);
    assert!(prints(&server, &format!("Browsers find the board at {public_url}\n")), "{}", server.printed());
    assert!(prints(&server, &format!("or in a browser: {public_url}explorer\n")), "{}", server.printed());
    // A plain `proxy_pass`: what the server gets as `Host` is its own address.
    let nginx = Nginx::start(site, &under_a_path(&server, UPGRADES));
    let at = |path: &str| format!("http://{}/clockfold{path}", nginx.address);
    server.deliver(12345, "create");
    let browser = Browser::open();

    browser.go(&at("/appointment/downtown/12345?at=1"));
    browser.wait_until(&is_at("/clockfold/sign-in?next=%2Fappointment%2Fdowntown%2F12345%3Fat%3D1"));
    sign_in(&browser);
    // A deep link, and the same loaded again.
    let shows_appointment = "document.querySelector('.timeline .delivery .said')?.innerText.includes('Created')";
    for _ in 0..2 {
        browser.wait_until(&is_at("/clockfold/appointment/downtown/12345?at=1"));
        browser.wait_until(shows_appointment);
        browser.go(&at("/appointment/downtown/12345?at=1"));
    }
    // The cookie is for nothing else of the site.
    let cookies = browser.devtools("Network.getAllCookies", &json!({}));
    let cookie = &cookies["cookies"][0];
    assert_eq!((&cookie["name"], &cookie["path"]), (&json!("clockfold-session"), &json!("/clockfold")), "{cookies}");

    browser.go(&at("/"));
    browser.wait_until(STANDS);
    browser.wait_until(&holds("SCHEDULED", 12345));
    browser.wait_until(&via("socket"));
    server.deliver(12345, "checkin");
    browser.wait_until(&holds("CHECKED_IN", 12345));
    // Ways from page to page, without a load between.
    browser.script("window.loadedOnce = true");
    browser.click(".card");
    browser.wait_until(&is_at("/clockfold/appointment/downtown/12345"));
    browser.wait_until(shows_appointment);
    for (page, path) in
        [("Rejections", "/clockfold/rejections"), ("Charts", "/clockfold/charts"), ("Board", "/clockfold/")]
    {
        browser.script(&format!(
            "[...document.querySelectorAll('nav a')].find((link) => link.innerText === '{page}').click()"
        ));
        browser.wait_until(&is_at(path));
        browser.wait_until("document.querySelector('main h1')");
    }
    assert_eq!(browser.script("return window.loadedOnce"), true);
    browser.wait_until(STANDS);

    let csv = "const { href } = [...document.querySelectorAll('a[download]')].find((link) => link.innerText === 'CSV'); \
               fetch(href).then(async (answer) => done([href, answer.status, await answer.text()]))";
    let csv = browser.script_async(csv);
    assert_eq!(csv[0], json!(at("/board.csv?endedWithinHours=24")));
    assert_eq!(csv[1], 200);
    assert!(csv[2].as_str().unwrap().contains("12345"), "{csv}");
    let elsewhere = "return performance.getEntriesByType('resource').map(({ name }) => name).filter((name) => \
                     !name.startsWith(location.origin + '/clockfold/') && !name.startsWith('data:'))";
    assert_eq!(browser.script(elsewhere), json!([]));

    explorer(&browser, &at("/explorer"));
    assert_eq!(browser.script(elsewhere), json!([]));
    let console = browser.console();
    assert!(console.iter().all(|entry| entry.contains("401")), "{console:?}");

    browser.go(&at("/charts"));
    browser.wait_until("document.querySelector('.who')");
    browser.script("[...document.querySelectorAll('button')].find((one) => one.innerText === 'Sign out').click()");
    browser.wait_until(&is_at("/clockfold/sign-in?next=%2Fcharts"));
    let cookies = browser.devtools("Network.getAllCookies", &json!({}));
    assert_eq!(cookies["cookies"], json!([]));
    // The way back leads nowhere else than below the path.
    for elsewhere in ["//127.0.0.2/", "/..//127.0.0.2/", "/../", "/%2e%2e/", "/\\127.0.0.2/", "/sign-in"] {
        browser.go(&at(&format!("/sign-in?next={}", elsewhere.replace('%', "%25"))));
        sign_in(&browser);
        browser.wait_until(&is_at("/clockfold/"));
        browser.wait_until(STANDS);
        browser.script_async("fetch('/clockfold/session', { method: 'DELETE' }).then(() => done())");
    }
}

/// The greeting comes in several lines.
fn prints(server: &Server, text: &str) -> bool {
    (0..100).any(|_| {
        thread::sleep(Duration::from_millis(50));
        server.printed().contains(text)
    })
}

/// GraphiQL stands, and answers whoever is signed in.
fn explorer(browser: &Browser, url: &str) {
    browser.go(url);
    browser.wait_until("document.querySelector('.graphiql-query-editor .CodeMirror')");
    let schema = "fetch(document.querySelector('header a').href).then((answer) => answer.text()).then(done)";
    assert!(browser.script_async(schema).as_str().unwrap().contains("type Query"));
    for (query, expected) in [
        ("{ appointment(appointmentId: 12345) { status } }", r#""status": "CHECKED_IN""#),
        ("subscription { appointmentChanged(after: \"0\") { position } }", r#""position": "2""#),
    ] {
        browser.script(&format!(
            "document.querySelector('.graphiql-query-editor .CodeMirror').CodeMirror.setValue({})",
            json!(query)
        ));
        browser.click(".graphiql-execute-button");
        let shown = "document.querySelector('.result-window .CodeMirror')?.CodeMirror.getValue()";
        browser.wait_until(&format!("({shown} ?? '').includes({})", json!(expected)));
    }
}

#[test]
fn a_path_needs_no_setting_where_the_proxy_passes_on_the_host() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &format!("{CONFIG}{READERS}"));
    let nginx = Nginx::start(free_address(), &under_a_path(&server, &format!("{HOST} {UPGRADES}")));
    server.deliver(1, "create");
    let browser = Browser::open();
    browser.go(&format!("http://{}/clockfold/?ended=4", nginx.address));
    browser.wait_until(&is_at("/clockfold/sign-in?next=%2F%3Fended%3D4"));
    sign_in(&browser);
    browser.wait_until(&is_at("/clockfold/?ended=4"));
    browser.wait_until(&holds("SCHEDULED", 1));
    browser.wait_until(&via("socket"));
    // nginx leads there from the path without its slash.
    browser.go(&format!("http://{}/clockfold", nginx.address));
    browser.wait_until(&holds("SCHEDULED", 1));
}

#[test]
fn where_no_websocket_comes_through_the_board_moves_by_an_event_stream() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(folder.path(), &format!("{CONFIG}{READERS}"));
    let nginx = Nginx::start(free_address(), &under_a_path(&server, HOST));
    server.deliver(1, "create");
    let browser = Browser::open();
    browser.go(&format!("http://{}/clockfold/", nginx.address));
    sign_in(&browser);
    browser.wait_until(&holds("SCHEDULED", 1));
    browser.wait_until(&via("events"));
    assert_eq!(script_text(&browser, "document.querySelector('.connection [role=status]').innerText"), "Live");
    check(&browser, "by an event stream");
    server.deliver(1, "checkin");
    browser.wait_until(&holds("CHECKED_IN", 1));
    // Another page, and a stream of its own.
    browser.go(&format!("http://{}/clockfold/appointment/downtown/1", nginx.address));
    browser.wait_until("document.querySelectorAll('.timeline .delivery').length === 2");
    server.deliver(1, "ready");
    browser.wait_until("document.querySelectorAll('.timeline .delivery').length === 3");
    browser.go(&format!("http://{}/clockfold/", nginx.address));
    browser.wait_until(&holds("READY", 1));

    // A server that was away is found again.
    server.kill();
    browser.wait_until("document.querySelector('.connection').dataset.is === 'waiting'");
    server.start_again(folder.path());
    server.deliver(1, "callback");
    browser.wait_until(&holds("CALLED_BACK", 1));
    browser.wait_until(&via("events"));

    // From now on WebSockets come through. The stream is still open, and the page comes to know by itself.
    nginx.reload(&under_a_path(&server, &format!("{HOST} {UPGRADES}")));
    // What its old worker still takes does not come through.
    let comes_through = format!("dispatchEvent(new Event('online')); return {}", via("socket"));
    assert!((0..60).any(|_| {
        thread::sleep(Duration::from_secs(1));
        browser.script(&comes_through) == true
    }));
    server.deliver(1, "discharge");
    browser.wait_until(&holds("DISCHARGED", 1));
}

#[test]
fn the_reason_is_shown_where_a_proxy_calls_the_server_by_another_name() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), CONFIG);
    let nginx = Nginx::start(free_address(), &at_the_top(&server, UPGRADES));
    server.deliver(1, "create");
    let browser = Browser::open();
    for path in ["/", "/?tv=1"] {
        browser.go(&format!("http://{}{path}", nginx.address));
        browser.wait_until(
            "document.querySelector('.strip.lost')?.innerText.includes('Pages of this origin may not connect.')",
        );
        browser.wait_until("document.querySelector('.strip.lost').innerText.includes('public_url')");
        browser.wait_until(&holds("SCHEDULED", 1));
        browser.wait_until(&via("events"));
        check(&browser, "a socket that is refused");
        browser.keep_screenshot(if path == "/" { "board-socket-refused" } else { "wall-socket-refused" });
    }
    server.deliver(1, "checkin");
    browser.wait_until(&holds("CHECKED_IN", 1));
}

#[test]
fn nothing_is_counted_before_the_server_has_told_it() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), CONFIG);
    server.deliver(1, "create");
    // Whoever asks for a WebSocket gets no answer, ever.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let locations = format!(
        "set $whom {}; if ($http_upgrade) {{ set $whom {}; }} location / {{ proxy_pass http://$whom; {HOST} }}",
        server.address,
        silent.local_addr().unwrap()
    );
    let nginx = Nginx::start(free_address(), &locations);
    let browser = Browser::open();
    for (path, columns) in [("/?tv=1", 6), ("/", 12)] {
        browser.go(&format!("http://{}{path}", nginx.address));
        browser.wait_until("document.querySelector('.columns h2 .count')");
        let unknown = Value::from(vec!["–"; columns]);
        assert_eq!(browser.script(&format!("return {COUNTS}")), unknown, "{path}");
        thread::sleep(Duration::from_secs(2));
        assert_eq!(browser.script(&format!("return {COUNTS}")), unknown, "{path}");
        check(&browser, "nothing is known yet");
    }
    // A WebSocket of which nothing comes does not pass either.
    browser.wait_until(&holds("SCHEDULED", 1));
    browser.wait_until(&via("events"));
    assert_eq!(browser.script(&format!("return {COUNTS}.slice(-6)")), json!(["1", "0", "0", "0", "0", "0"]));
    drop(silent);
}

#[test]
fn a_server_that_takes_no_further_websocket_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &with_server("subscriptions_max = 1"));
    server.deliver(1, "create");
    let other = Socket::open(server.address);
    let browser = Browser::open();
    browser.go(&format!("http://{}/", server.address));
    browser.wait_until(
        "document.querySelector('.strip.lost')?.innerText.includes('The server has all the subscriptions')",
    );
    assert_eq!(browser.script(&format!("return {COUNTS}[0]")), "–");
    drop(other);
    browser.wait_until(&holds("SCHEDULED", 1));
    browser.wait_until("!document.querySelector('.strip.lost')");
    browser.wait_until(&via("socket"));
}

#[test]
fn a_page_can_ask_whether_its_socket_would_be_taken() {
    let folder = tempfile::tempdir().unwrap();
    let config = with_server("public_url = \"https://clinic.example/clockfold\"") + READERS;
    let server = Server::start(folder.path(), &config);
    let asked = |headers: &[(&str, &str)]| server.request("POST", "/graphql/socket", headers, b"");
    let own = format!("http://{}", server.address);
    for origin in [own.as_str(), "https://clinic.example"] {
        let answer = asked(&[("Host", &server.address.to_string()), ("Origin", origin)]);
        assert_eq!((answer.status, answer.text().as_str()), (204, ""), "{origin}");
        let headers = [("Origin", origin)];
        assert!(Socket::connect(server.address, &headers).is_ok(), "{origin}");
    }
    for origin in ["http://clinic.example", "https://clinic.example:8443", "https://other.example", "null"] {
        let answer = asked(&[("Origin", origin)]);
        assert_eq!((answer.status, answer.json()["code"].as_str()), (403, Some("FOREIGN_ORIGIN")), "{origin}");
        assert_eq!(Socket::connect(server.address, &[("Origin", origin)]).err(), Some(403), "{origin}");
    }
    let other = server.get("/graphql/socket");
    assert_eq!((other.status, other.header("allow")), (405, Some("POST")));
}

#[test]
fn the_cookie_is_for_the_path_where_the_pages_are() {
    let folder = tempfile::tempdir().unwrap();
    let config = with_server("public_url = \"https://clinic.example/clockfold/\"") + READERS;
    let server = Server::start(folder.path(), &config);
    let own = format!("http://{}", server.address);
    let given = |origin: &str| {
        let host = server.address.to_string();
        let answer = post_token(&server, &[("Host", &host), ("Origin", origin)], DESK);
        assert_eq!(answer.status, 204, "{origin}: {}", answer.text());
        answer.header("set-cookie").unwrap().to_owned()
    };
    let public = given("https://clinic.example");
    assert!(public.contains("; HttpOnly; SameSite=Strict; Secure; Path=/clockfold; Max-Age="), "{public}");
    // The pages are at the server's own address too.
    assert!(given(&own).contains("; HttpOnly; SameSite=Strict; Path=/; Max-Age="));
    assert_eq!(post_token(&server, &[("Origin", "https://other.example")], DESK).status, 403);

    // Whichever it was, it is taken away.
    let cookie = public.split(';').next().unwrap();
    let leaving = [("Origin", "https://clinic.example"), ("Cookie", cookie)];
    let gone = ["/", "/clockfold"]
        .map(|path| format!("set-cookie: clockfold-session=; HttpOnly; SameSite=Strict; Path={path}; Max-Age=0"));
    for answer in [server.request("DELETE", "/session", &leaving, b""), server.ask(&leaving, "{ reader { name } }")] {
        let head = answer.head.to_lowercase();
        assert!(gone.iter().all(|line| head.contains(&line.to_lowercase())), "{}", answer.head);
    }
}
