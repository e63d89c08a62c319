//! What is open while its browser is signed in, on the real program: it lives as long as the session, and no longer.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use serde_json::json;

use crate::support::{
    net::live::{Came, Socket},
    server::Server,
    session::{connect, cookie_from, cookie_of, events, follow, seal, sign_in, with_cookie},
};

const DESK: &str = "the-token-of-the-front-desk";
const CONFIG: &str = r#"
[[source]]
name = "downtown"
route_keys = ["CF3uQP8cSFIQB8gB/9285030fceca"]
[[reader]]
name = "desk"
token = "the-token-of-the-front-desk"
idle_sign_out_minutes = 1
[[reader]]
name = "vendor"
token = "the-token-of-a-vendor-reader"
"#;
const QUERY: &str = "subscription { deliveries { position } }";

fn started() -> (tempfile::TempDir, Server) {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), CONFIG);
    (folder, server)
}

/// The code and the reason of the close that comes next; the reason fits a close frame.
fn closed(socket: &mut Socket) -> (u16, String) {
    match socket.next() {
        Came::Closed(code, reason) => {
            assert!(reason.len() <= 123, "{reason}");
            (code, reason)
        }
        other => panic!("{other:?} in place of a close"),
    }
}

#[test]
fn a_page_that_is_signed_in_follows_without_a_token() {
    let (_folder, server) = started();
    let cookie = sign_in(&server, DESK);
    let (mut socket, mut told) = (follow(&server, &cookie, QUERY), events(&server, &cookie, QUERY));
    server.deliver(1, "create");
    assert_eq!(socket.data()["deliveries"]["position"], "1");
    assert_eq!(told.data().unwrap()["deliveries"]["position"], "1");
    // A token in the first message goes over the cookie.
    let mut socket = connect(&server, &cookie);
    socket.init(Some("the-token-of-a-vendor-reader"));
    assert_eq!(socket.message(), json!({ "type": "connection_ack" }));
    socket.subscribe("1", "{ reader { name signedIn } }");
    assert_eq!(socket.data()["reader"], json!({ "name": "vendor", "signedIn": false }));
    let mut socket = connect(&server, &cookie);
    socket.init(Some("a-token-that-nobody-has"));
    assert_eq!(closed(&mut socket).0, 4403);
}

#[test]
fn it_ends_when_nobody_is_at_the_page() {
    let (folder, server) = started();
    // Ten seconds are enough to be told something before the end, also on a busy machine.
    let cookie = cookie_from(&seal(folder.path()), DESK, TimeDelta::seconds(50));
    let begun = Instant::now();
    let (mut socket, mut told) = (follow(&server, &cookie, QUERY), events(&server, &cookie, QUERY));
    server.deliver(1, "create");
    assert_eq!(socket.data()["deliveries"]["position"], "1");
    assert_eq!(told.data().unwrap()["deliveries"]["position"], "1");
    let reason = "Forbidden: signed out: nobody was at the page for 1 min.".to_owned();
    assert_eq!(closed(&mut socket), (4403, reason));
    assert_eq!(told.data(), None);
    let lived = begun.elapsed();
    assert!(lived > Duration::from_millis(9_500) && lived < Duration::from_secs(30), "{lived:?}");
}

#[test]
fn it_goes_on_while_the_session_is_renewed() {
    let (folder, server) = started();
    // Somebody else's session, which is not renewed, ends meanwhile.
    let idle_for = TimeDelta::seconds(40);
    let [cookie, other] = [(); 2].map(|()| cookie_from(&seal(folder.path()), DESK, idle_for));
    let (mut socket, mut told) = (follow(&server, &cookie, QUERY), events(&server, &cookie, QUERY));
    let mut other = follow(&server, &other, QUERY);
    let renewed = cookie_of(&with_cookie(&server, "PUT", &cookie));
    assert_eq!(closed(&mut other).0, 4403);
    server.deliver(1, "create");
    assert_eq!(socket.data()["deliveries"]["position"], "1");
    assert_eq!(told.data().unwrap()["deliveries"]["position"], "1");
    assert_eq!(follow_once(&server, &renewed), "desk");
    // The old copy itself is over.
    let mut old = connect(&server, &cookie);
    old.init(None);
    assert_eq!(closed(&mut old), (4403, "Forbidden: signed out: sign in again.".to_owned()));
}

/// The reader's name, over a new socket.
fn follow_once(server: &Server, cookie: &str) -> String {
    follow(server, cookie, "{ reader { name } }").data()["reader"]["name"].as_str().unwrap().to_owned()
}

#[test]
fn it_ends_at_once_with_the_sign_out_in_every_tab() {
    let (_folder, server) = started();
    let cookie = sign_in(&server, DESK);
    let tabs = [follow(&server, &cookie, QUERY), follow(&server, &cookie, QUERY)];
    let mut told = events(&server, &cookie, QUERY);
    let mut waiting = connect(&server, &cookie);
    let elsewhere = sign_in(&server, DESK);
    let mut staying = [follow(&server, &elsewhere, QUERY), Socket::open_as(server.address, Some(DESK))];
    staying[1].subscribe("1", QUERY);
    let begun = Instant::now();
    assert_eq!(with_cookie(&server, "DELETE", &cookie).status, 204);
    for mut tab in tabs {
        assert_eq!(closed(&mut tab), (4403, "Forbidden: signed out.".to_owned()));
    }
    assert_eq!(told.data(), None);
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    // One that had not said a word yet is told so too.
    assert_eq!(closed(&mut waiting).0, 4403);
    server.deliver(1, "create");
    for socket in &mut staying {
        assert_eq!(socket.data()["deliveries"]["position"], "1");
    }
}

#[test]
fn a_socket_takes_a_cookie_from_pages_of_this_server_alone() {
    let (_folder, server) = started();
    let cookie = sign_in(&server, DESK);
    let with = |headers: &[(&str, &str)]| Socket::connect(server.address, &[&[("Cookie", &*cookie)], headers].concat());
    assert_eq!(with(&[("Origin", "https://evil.example")]).err(), Some(403));
    // Without an origin it is no page of a browser: it says who it is, or it is nobody.
    let mut socket = with(&[]).unwrap();
    socket.init(None);
    let (code, reason) = closed(&mut socket);
    assert!(code == 4403 && reason.contains("`Authorization`: `Bearer …`"), "{reason}");
    let origin = format!("http://{}", server.address);
    // What a browser judges of the site is not looked at here: its origin says it.
    let mut socket = with(&[("Origin", &origin), ("Sec-Fetch-Site", "cross-site")]).unwrap();
    socket.init(None);
    assert_eq!(socket.message(), json!({ "type": "connection_ack" }));
    for forged in ["clockfold-session=v1.AAAA", "clockfold-session="] {
        let mut socket = Socket::connect(server.address, &[("Origin", &origin), ("Cookie", forged)]).unwrap();
        socket.init(None);
        assert_eq!(closed(&mut socket), (4403, "Forbidden: signed out: sign in again.".to_owned()));
        // Whoever has a token all the same is let in by it.
        let mut socket = Socket::connect(server.address, &[("Origin", &origin), ("Cookie", forged)]).unwrap();
        socket.init(Some(DESK));
        assert_eq!(socket.message(), json!({ "type": "connection_ack" }));
    }
}
