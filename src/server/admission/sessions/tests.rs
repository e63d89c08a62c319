//! Sessions against a clock that is made up.

use std::num::NonZeroU32;

use crate::{
    access::{Credential, ReaderAccess, Role},
    server::admission::sessions::*,
};

const TOKEN: &[u8] = b"the-token-of-the-front-desk";
const WALL: &[u8] = b"the-token-of-the-wall-screen";

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_772_463_845 + seconds, 0).unwrap()
}

fn reader(name: &str, token: &[u8], idle_minutes: u32) -> ReaderAccess {
    ReaderAccess {
        name: name.to_owned(),
        tokens: vec![Credential { digest: digest_of(token), expires_at: Some(at(1_000_000_000)) }],
        role: Role::Viewer,
        sources: None,
        idle_sign_out_minutes: NonZeroU32::new(idle_minutes),
    }
}

fn readers() -> Readers {
    Readers::new(vec![reader("desk", TOKEN, 15), reader("wall", WALL, 0)])
}

fn sessions() -> Sessions {
    Sessions::new(SessionSettings { seal: Seal::new(&[7; 32]), secure_cookies: None, lock: None }, None)
}

/// The headers of a page of ours with these cookies.
fn with(cookies: &[&str]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(header::HOST, HeaderValue::from_static("clinic.example"));
    headers.insert(header::ORIGIN, HeaderValue::from_static("https://clinic.example"));
    for cookie in cookies {
        headers.append(header::COOKIE, HeaderValue::from_str(cookie).unwrap());
    }
    headers
}

/// The part of a cookie that a browser sends back.
fn sent_back(cookie: &HeaderValue) -> String {
    cookie.to_str().unwrap().split(';').next().unwrap().to_owned()
}

/// The reader's name, or why there is none.
fn told(sessions: &Sessions, readers: &Readers, cookies: &[&str], now: DateTime<Utc>) -> String {
    match sessions.of(readers, &with(cookies), true, now) {
        Cookie::Absent => "absent".to_owned(),
        Cookie::Counts(_, viewer) => viewer.name.filter(|_| viewer.signed_in).unwrap(),
        Cookie::Ended(ended) => format!("{ended:?}"),
    }
}

/// Signs in. Returns the session, the reader, and the cookie as a browser sends it.
fn signed_in(sessions: &Sessions, token: &[u8], now: DateTime<Utc>) -> (Session, Viewer, String) {
    let (session, viewer) = sessions.begin(&readers(), token, now).unwrap();
    let cookie = sent_back(&sessions.cookie(&session, &viewer, &with(&[])));
    (session, viewer, cookie)
}

#[test]
fn a_session_counts_until_nobody_was_at_the_page_for_too_long() {
    let (sessions, readers) = (sessions(), readers());
    assert!(sessions.begin(&readers, b"another-token-that-nobody-has", at(0)).is_none());
    let (session, viewer, cookie) = signed_in(&sessions, TOKEN, at(0));
    let names = |cookie: &str, now| told(&sessions, &readers, &[cookie], now);
    assert_eq!(names(&cookie, at(0)), "desk");
    assert_eq!(names(&cookie, at(899)), "desk");
    assert_eq!(names(&cookie, at(900)), "Idle(15)");
    // A clock that was put back a little does no harm, and one that was wrong by more prolongs no session.
    assert_eq!(names(&cookie, at(-899)), "desk");
    assert_eq!(names(&cookie, at(-900)), "Idle(15)");
    let renewed = sessions.renew(session, &viewer, at(600));
    let newer = sent_back(&sessions.cookie(&renewed, &viewer, &with(&[])));
    assert_eq!((names(&newer, at(1499)), names(&newer, at(1500))), ("desk".to_owned(), "Idle(15)".to_owned()));
    // An older copy gets no younger by that, but what is open goes on.
    assert_eq!(names(&cookie, at(900)), "Idle(15)");
    assert!(sessions.still(&readers, &session, at(1499)).is_ok());
    assert_eq!(sessions.still(&readers, &session, at(1500)), Err(Ended::Idle(NonZeroU32::new(15).unwrap())));
    assert_eq!(sessions.idle_at(&session, &viewer), Some(at(1500)));
    // A screen on a wall stays for as long as browsers keep a cookie.
    let (session, viewer, cookie) = signed_in(&sessions, WALL, at(0));
    let days = |days: i64| at(days * 86_400);
    assert_eq!((names(&cookie, days(399)).as_str(), sessions.idle_at(&session, &viewer)), ("wall", None));
    assert_eq!(names(&cookie, days(400)), "Forgotten");
}

#[test]
fn who_signs_out_is_signed_out_everywhere_and_nobody_else_is() {
    let (sessions, readers) = (sessions(), readers());
    let (session, viewer, cookie) = signed_in(&sessions, TOKEN, at(0));
    let (_, _, other) = signed_in(&sessions, TOKEN, at(0));
    let (wall, wall_viewer, wall_cookie) = signed_in(&sessions, WALL, at(0));
    let mut watch = sessions.watch();
    let renewed = sessions.renew(session, &viewer, at(1));
    let newer = sent_back(&sessions.cookie(&renewed, &viewer, &with(&[])));
    assert!(!watch.has_changed().unwrap());
    sessions.forget(&session, &viewer, at(2));
    assert!(watch.has_changed().unwrap());
    watch.mark_unchanged();
    for cookie in [&cookie, &newer] {
        assert_eq!(told(&sessions, &readers, &[cookie], at(3)), "SignedOut");
    }
    assert_eq!(sessions.still(&readers, &session, at(3)), Err(Ended::SignedOut));
    assert_eq!(told(&sessions, &readers, &[&other], at(3)), "desk");
    sessions.forget(&wall, &wall_viewer, at(2));
    assert_eq!(told(&sessions, &readers, &[&wall_cookie], at(900_000_000)), "SignedOut");
    // Without a lock file, a start forgets who signed out: a copy counts as long as it would have.
    assert_eq!(told(&super::tests::sessions(), &readers, &[&cookie], at(899)), "desk");
}

#[test]
fn a_session_ends_with_its_credential() {
    let (sessions, all) = (sessions(), readers());
    let (_, _, desk) = signed_in(&sessions, TOKEN, at(0));
    let (_, _, wall) = signed_in(&sessions, WALL, at(0));
    let without = Readers::new(vec![reader("wall", WALL, 0)]);
    assert_eq!(told(&sessions, &without, &[&desk], at(1)), "CredentialGone");
    assert_eq!(told(&sessions, &without, &[&wall], at(1)), "wall");
    let rotated = Readers::new(vec![reader("desk", b"the-next-token-of-the-front-desk", 15), reader("wall", WALL, 0)]);
    assert_eq!(told(&sessions, &rotated, &[&desk], at(1)), "CredentialGone");
    assert_eq!(told(&sessions, &all, &[&wall], at(1_000_000_000)), "CredentialGone");
    // A credential is the reader's who has it by today's configuration, not the one's who had it.
    let renamed = Readers::new(vec![reader("front-desk", TOKEN, 15)]);
    assert_eq!(told(&sessions, &renamed, &[&desk], at(1)), "front-desk");
}

#[test]
fn only_the_one_cookie_of_ours_counts() {
    let (sessions, readers) = (sessions(), readers());
    let (_, _, cookie) = signed_in(&sessions, TOKEN, at(0));
    let (_, _, other) = signed_in(&sessions, TOKEN, at(0));
    for (cookies, expected) in [
        (vec![], "absent"),
        (vec!["theme=dark"], "absent"),
        (vec![&*format!("theme=dark; {cookie};b=c")], "desk"),
        (vec!["theme=dark", &cookie], "desk"),
        (vec![&*cookie, &other], "Unknown"),
        (vec![&*format!("{cookie}; {other}")], "Unknown"),
        (vec![&*format!("{cookie}; clockfold-session=planted")], "Unknown"),
        (vec!["clockfold-session="], "Unknown"),
        (vec![&*cookie.to_uppercase()], "absent"),
        (vec![&*format!("{cookie}AAAA")], "Unknown"),
        (vec![&*cookie.replace('=', "=\"")], "Unknown"),
    ] {
        assert_eq!(told(&sessions, &readers, &cookies, at(1)), expected, "{cookies:?}");
    }
    let elsewhere =
        Sessions::new(SessionSettings { seal: Seal::new(&[8; 32]), secure_cookies: None, lock: None }, None);
    assert_eq!(told(&elsewhere, &readers, &[&cookie], at(1)), "Unknown");
    // Without readers there is nobody whose cookie it could be.
    assert_eq!(told(&sessions, &Readers::new(Vec::new()), &[&cookie], at(1)), "absent");
}

#[test]
fn a_cookie_has_its_attributes() {
    let readers = readers();
    for (setting, origin, secure) in [
        (None, "https://clinic.example", true),
        (None, "http://clinic.example", false),
        (Some(true), "http://clinic.example", true),
        (Some(false), "https://clinic.example", false),
    ] {
        let sessions =
            Sessions::new(SessionSettings { seal: Seal::new(&[7; 32]), secure_cookies: setting, lock: None }, None);
        let mut headers = with(&[]);
        headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
        for (token, seconds) in [(TOKEN, 15 * 60), (WALL, 400 * 24 * 60 * 60)] {
            let (session, viewer) = sessions.begin(&readers, token, at(0)).unwrap();
            let cookie = sessions.cookie(&session, &viewer, &headers);
            assert!(cookie.is_sensitive() && !format!("{cookie:?}").contains("v1."));
            let (_, attributes) = cookie.to_str().unwrap().split_once("; ").unwrap();
            let secure = if secure { "; Secure" } else { "" };
            assert_eq!(attributes, format!("HttpOnly; SameSite=Strict{secure}; Path=/; Max-Age={seconds}"));
        }
    }
    assert_eq!(no_cookie(), "clockfold-session=; HttpOnly; SameSite=Strict; Path=/; Max-Age=0");
}

#[test]
fn what_is_remembered_has_a_bound() {
    let mut ledger = Ledger::default();
    let id = |sessions: &Sessions| sessions.begin(&readers(), TOKEN, at(0)).unwrap().0.id;
    let sessions = sessions();
    let (first, second) = (id(&sessions), id(&sessions));
    ledger.remember(first, at(0), at(10), at(0));
    ledger.remember(first, at(5), at(20), at(5));
    ledger.remember(second, at(6), at(30), at(15));
    assert_eq!((ledger.time(&first), ledger.by_end.len()), (Some(at(5)), 2));
    ledger.remember(second, at(6), at(30), at(21));
    assert_eq!((ledger.time(&first), ledger.times.len(), ledger.by_end.len()), (None, 1, 1));
    for _ in 0..REMEMBERED_MAX + 5 {
        ledger.remember(id(&sessions), at(22), at(100), at(22));
    }
    assert_eq!((ledger.times.len(), ledger.by_end.len()), (REMEMBERED_MAX, REMEMBERED_MAX));
    assert_eq!(ledger.time(&second), None);
}
