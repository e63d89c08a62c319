//! A page of the server's in a browser, as far as its cookie goes, over real sockets.

use std::{fs, path::Path};

use chrono::{DateTime, TimeDelta, Utc};
use clockfold::access::{Seal, Session, digest_of};
use serde_json::json;

use super::{
    net::live::{Events, Socket},
    server::{Answer, Server, data_dir},
};

/// The origin of the pages that [`Server::request`] comes from.
pub const ORIGIN: (&str, &str) = ("Origin", "http://127.0.0.1");

const JSON: (&str, &str) = ("Content-Type", "application/json");

/// `POST /session` with further headers.
pub fn post_token(server: &Server, headers: &[(&str, &str)], token: &str) -> Answer {
    let body = json!({ "token": token }).to_string();
    server.request("POST", "/session", &[&[JSON], headers].concat(), body.as_bytes())
}

/// Signs in; the cookie as a browser sends it back.
pub fn sign_in(server: &Server, token: &str) -> String {
    let answer = post_token(server, &[ORIGIN], token);
    assert_eq!((answer.status, answer.text().as_str()), (204, ""), "{}", answer.head);
    cookie_of(&answer)
}

/// `PUT` or `DELETE /session`.
pub fn with_cookie(server: &Server, method: &str, cookie: &str) -> Answer {
    server.request(method, "/session", &[ORIGIN, ("Cookie", cookie)], b"")
}

/// A query of a page that is signed in.
pub fn ask(server: &Server, cookie: &str, query: &str) -> Answer {
    server.ask(&[ORIGIN, ("Cookie", cookie)], query)
}

/// A socket of a page that is signed in, which has said nothing yet.
pub fn connect(server: &Server, cookie: &str) -> Socket {
    let origin = format!("http://{}", server.address);
    Socket::connect(server.address, &[("Origin", &origin), ("Cookie", cookie)]).expect("an upgrade")
}

/// A subscription of a page that is signed in, over a socket.
pub fn follow(server: &Server, cookie: &str, query: &str) -> Socket {
    let mut socket = connect(server, cookie);
    socket.init(None);
    assert_eq!(socket.message(), json!({ "type": "connection_ack" }));
    socket.subscribe("1", query);
    socket
}

/// The same over server-sent events.
pub fn events(server: &Server, cookie: &str, query: &str) -> Events {
    let origin = format!("http://{}", server.address);
    Events::open(server.address, &[("Origin", &origin), ("Cookie", cookie)], query)
}

/// The cookie that an answer gives, as a browser sends it back.
pub fn cookie_of(answer: &Answer) -> String {
    let given = answer.header("set-cookie").unwrap_or_else(|| panic!("no cookie: {}", answer.head));
    given.split(';').next().unwrap().to_owned()
}

/// Whether an answer takes the cookie away.
pub fn takes_cookie(answer: &Answer) -> bool {
    let gone = "clockfold-session=; HttpOnly; SameSite=Strict; Path=/; Max-Age=0";
    answer.header("set-cookie") == Some(gone)
}

/// The seal of the server whose folder this is, as its lock file has it.
pub fn seal(folder: &Path) -> Seal {
    let lock = fs::read_to_string(data_dir(folder).join("lock")).unwrap();
    let digits = lock.lines().find_map(|line| line.strip_prefix("session-key ")).expect("a key");
    let byte = |at: usize| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).unwrap();
    Seal::new(&std::array::from_fn(byte))
}

/// The cookie of a session of which `ago` was the last that somebody was at the page.
pub fn cookie_from(seal: &Seal, token: &str, ago: TimeDelta) -> String {
    let now: DateTime<Utc> = Utc::now();
    let session = Session::begin(seal.tag(&digest_of(token.as_bytes())), now - ago).unwrap();
    format!("clockfold-session={}", seal.close(&session))
}
