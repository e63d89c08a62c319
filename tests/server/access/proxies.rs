//! The real program behind a real nginx, Apache and Caddy, each with no more than its documentation's first page says:
//! webhooks, queries, event streams, WebSockets and signing in pass as they do without one.

use std::{
    fs,
    net::SocketAddr,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::support::{
    net::{
        http1::chunked,
        live::{Came, Events, Socket},
        proxy::{Proxy, Setup},
    },
    server::{Answer, CONFIG, Connection, ROUTE_KEY, Server},
    session::cookie_of,
    wait_for,
};

const TOKEN: &str = "the-token-of-the-front-desk";
const BEARER: (&str, &str) = ("Authorization", "Bearer the-token-of-the-front-desk");
const JSON: (&str, &str) = ("Content-Type", "application/json");

/// What comes live comes so soon.
const PROMPT: Duration = Duration::from_secs(2);

/// A server that has readers, as one behind a proxy must, and a proxy in front of it.
struct Site {
    proxy: Proxy,
    server: Server,
    folder: tempfile::TempDir,
}

impl Site {
    fn new(setup: Setup) -> Site {
        let folder = tempfile::tempdir().unwrap();
        let reader = format!("[[reader]]\nname = \"desk\"\ntoken = \"{TOKEN}\"\n");
        let server = Server::start(folder.path(), &format!("{CONFIG}{reader}"));
        let proxy = Proxy::start(setup, server.address);
        Site { proxy, server, folder }
    }

    fn address(&self) -> SocketAddr {
        self.proxy.address
    }

    /// A request through the proxy, on a connection of its own.
    fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let host = self.address().to_string();
        let headers = [&[("Host", host.as_str())], headers].concat();
        Connection::open(self.address()).request(method, path, &headers, body).expect("an answer")
    }

    /// Where the log ends.
    fn head(&self) -> String {
        let answer = self.server.query_as(Some(TOKEN), "{ log { headPosition } }");
        answer["data"]["log"]["headPosition"].as_str().unwrap().to_owned()
    }

    /// A subscription to what comes from now on, however late it begins.
    fn live(&self) -> String {
        format!("subscription {{ deliveries(after: \"{}\") {{ position }} }}", self.head())
    }

    /// How long after the answer to a webhook `told` has heard of it: the best of three, on a machine that does much else.
    fn promptness(&self, what: &str, mut told: impl FnMut()) {
        let times = [1, 2, 3].map(|id| {
            assert_eq!(self.server.deliver(id, "create").status, 200);
            let begun = Instant::now();
            told();
            begun.elapsed()
        });
        let best = times.into_iter().min().unwrap();
        assert!(best < PROMPT, "{what}: {times:?}");
    }
}

/// A webhook's body with so many bytes.
fn body_of(bytes: usize) -> Vec<u8> {
    let body = r#"{"appointment_id": 12345, "event_type": "create"}"#;
    format!("{body}{}", " ".repeat(bytes - body.len())).into_bytes()
}

fn webhooks_pass(site: &Site) {
    let path = format!("/webhook/{ROUTE_KEY}");
    let mut kept = Connection::open(site.address());
    for position in 1..=20 {
        let answer = kept.request("POST", &path, &[JSON], &body_of(100)).expect("the connection is kept");
        assert_eq!((answer.status, &answer.json()["position"]), (200, &json!(position.to_string())));
    }
    const CHUNKED: &[(&str, &str)] = &[JSON, ("Transfer-Encoding", "chunked")];
    let (limit, over) = (body_of(65_536), body_of(65_537));
    for (headers, body, status) in [
        (&[JSON][..], limit.clone(), 200),
        (&[JSON], over.clone(), 413),
        (&[JSON], body_of(300_000), 413),
        (CHUNKED, chunked(&limit, 10_000), 200),
        (CHUNKED, chunked(&over, 10_000), 413),
    ] {
        let answer = site.request("POST", &path, headers, &body);
        assert_eq!(answer.status, status, "{} bytes: {}", body.len(), answer.text());
    }
    assert_eq!(site.request("POST", "/webhook/no-such-key", &[JSON], &limit).status, 404);
    assert_eq!(site.request("GET", &path, &[], b"").header("allow"), Some("POST"));
}

fn queries_pass(site: &Site) {
    let query = json!({ "query": "{ log { headPosition } }" }).to_string();
    let posted = site.request("POST", "/graphql", &[JSON, BEARER], query.as_bytes());
    assert_eq!(
        (posted.status, &posted.json()["data"]["log"]["headPosition"]),
        (200, &json!("22")),
        "{}",
        posted.text()
    );
    let got = site.request("GET", "/graphql?query=%7Blog%7BheadPosition%7D%7D", &[BEARER], b"");
    assert_eq!(got.json(), posted.json());
    let refused = site.request("POST", "/graphql", &[JSON], query.as_bytes());
    assert_eq!((refused.status, refused.header("www-authenticate")), (401, Some("Bearer")));
}

fn events_come_at_once(site: &Site) {
    let mut events = Events::open(site.address(), &[BEARER], &site.live());
    site.promptness("/graphql", || assert!(events.data().is_some()));
    let mut feed = Events::follow(site.address(), &format!("/feed?after={}", site.head()), &[BEARER]);
    site.promptness("/feed", || assert!(feed.event("data").is_some()));
}

/// As a program's, which says no origin.
fn sockets_pass(site: &Site) {
    let mut by_header = Socket::connect(site.address(), &[BEARER]).expect("an upgrade");
    by_header.init(None);
    let mut by_message = Socket::connect(site.address(), &[]).expect("an upgrade");
    by_message.say(&json!({ "type": "connection_init", "payload": { "headers": { BEARER.0: BEARER.1 } } }));
    for socket in [&mut by_header, &mut by_message] {
        assert_eq!(socket.message(), json!({ "type": "connection_ack" }));
        socket.subscribe("1", &site.live());
    }
    site.promptness("a WebSocket", || _ = (by_header.data(), by_message.data()));
}

/// As a browser that judges no site: its page's origin is the proxy's.
fn a_page_signs_in(site: &Site) {
    let origin = site.proxy.origin();
    let page = ("Origin", origin.as_str());
    let token = json!({ "token": TOKEN }).to_string();
    let answer = site.request("POST", "/session", &[JSON, page], token.as_bytes());
    assert_eq!(answer.status, 204, "{}", answer.text());
    let cookie = cookie_of(&answer);
    let cookie = ("Cookie", cookie.as_str());
    let query = json!({ "query": "{ __typename }" }).to_string();
    assert_eq!(site.request("POST", "/graphql", &[JSON, page, cookie], query.as_bytes()).status, 200);
    assert_eq!(site.request("PUT", "/session", &[page, cookie], b"").status, 204);
    let mut socket = Socket::connect(site.address(), &[page, cookie]).expect("an upgrade");
    socket.init(None);
    assert_eq!(socket.message(), json!({ "type": "connection_ack" }));
    // Another site's page is still another site's.
    let foreign = ("Origin", "http://evil.example");
    assert_eq!(site.request("POST", "/session", &[JSON, foreign], token.as_bytes()).status, 403);
    assert_eq!(Socket::connect(site.address(), &[foreign, cookie]).err(), Some(403));
    assert_eq!(site.request("DELETE", "/session", &[page, cookie], b"").status, 204);
    assert!(matches!(socket.next(), Came::Closed(4403, _)));
}

fn everything_passes(setup: Setup) {
    let site = Site::new(setup);
    webhooks_pass(&site);
    queries_pass(&site);
    events_come_at_once(&site);
    sockets_pass(&site);
    a_page_signs_in(&site);
}

#[test]
fn everything_passes_apache() {
    everything_passes(Setup::Apache);
}

#[test]
fn everything_passes_caddy() {
    everything_passes(Setup::Caddy);
}

#[test]
fn everything_passes_nginx_that_passes_on_the_host() {
    everything_passes(Setup::NginxHost);
}

#[test]
fn everything_but_sockets_passes_nginx_with_nothing_but_proxy_pass() {
    let site = Site::new(Setup::NginxPlain);
    webhooks_pass(&site);
    queries_pass(&site);
    events_come_at_once(&site);
    // Over TLS and on this machine, a browser judges whose page it is, and needs no `Host` for that.
    let origin = site.proxy.origin();
    let page = [JSON, ("Origin", origin.as_str()), ("Sec-Fetch-Site", "same-origin")];
    let token = json!({ "token": TOKEN }).to_string();
    assert_eq!(site.request("POST", "/session", &page, token.as_bytes()).status, 204);
}

#[test]
fn the_messages_say_why_a_page_is_refused_behind_a_proxy_with_a_host_of_its_own() {
    let mut site = Site::new(Setup::NginxSockets);
    sockets_pass(&site);
    let origin = site.proxy.origin();
    assert_eq!(Socket::connect(site.address(), &[("Origin", &origin)]).err(), Some(403));
    let token = json!({ "token": TOKEN }).to_string();
    let refused = site.request("POST", "/session", &[JSON, ("Origin", &origin)], token.as_bytes());
    assert_eq!((refused.status, &refused.json()["code"]), (403, &json!("FOREIGN_ORIGIN")));
    // It names what did not fit, and what would.
    for what in ["a page's WebSocket was refused", "signing in was refused"] {
        let told = |line: &str| {
            [what, origin.as_str(), &site.server.address.to_string(), "proxy_set_header Host $http_host", "public_url"]
                .iter()
                .all(|part| line.contains(part))
        };
        wait_for(what, || site.server.printed().lines().any(told));
    }
    // Whoever comes often is not told of each time.
    for _ in 0..100 {
        let refused = site.server.request("POST", "/session", &[JSON, ("Origin", "http://evil.example")], b"{}");
        assert_eq!(refused.status, 403);
    }
    let printed = site.server.printed();
    let told = printed.lines().filter(|line| line.contains("was refused")).count();
    assert!((3..=15).contains(&told), "{told}: {printed}");
    // As they advise.
    let settings = format!("[server]\npublic_url = \"{origin}\"\n");
    let config = site.folder.path().join("clockfold.toml");
    fs::write(&config, settings + &fs::read_to_string(&config).unwrap()).unwrap();
    assert!(site.server.terminate().success());
    site.server.start_again(site.folder.path());
    a_page_signs_in(&site);
}
