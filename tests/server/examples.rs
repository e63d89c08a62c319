//! The programs in `examples/` that need a server, and an export that a server has made, through the program that verifies it.

use std::fs;

use crate::support::{
    copies::done,
    server::{CONFIG, Server},
};

#[allow(dead_code, unreachable_pub, reason = "a program of its own, whose `main` is for the command line")]
#[path = "../../examples/follow_feed.rs"]
mod follow_feed;

#[allow(dead_code, unreachable_pub, reason = "a program of its own, whose `main` is for the command line")]
#[path = "../../examples/verify_export.rs"]
mod verify_export;

const TOKEN: &str = "the-token-of-the-one-who-follows";

#[test]
fn the_feed_is_followed_and_resumed_by_its_cursor() {
    let folder = tempfile::tempdir().unwrap();
    let config = format!("{CONFIG}[[reader]]\nname = \"follower\"\ntoken = \"{TOKEN}\"\n");
    let mut server = Server::start(folder.path(), &config);
    let cursor = folder.path().join("cursor");
    let mut told = String::new();
    for (event, expected) in [
        ("create", "1: downtown 7 NONE -> SCHEDULED\n"),
        ("checkin", "2: downtown 7 SCHEDULED -> CHECKED_IN\n"),
        // It changes no status: the cursor passes it, and nothing is printed.
        ("checkin", ""),
        ("ready", "4: downtown 7 CHECKED_IN -> READY\n"),
    ] {
        assert_eq!(server.deliver(7, event).status, 200);
        told += expected;
    }
    // The feed ends when the server does; what was told until then is all there is, and is told once.
    let url = format!("http://{}", server.address);
    let follow = {
        let (url, cursor) = (url.clone(), cursor.clone());
        std::thread::spawn(move || {
            let mut output = Vec::new();
            let ended = follow_feed::follow(&url, Some(TOKEN), &cursor, &mut output).unwrap();
            (ended, String::from_utf8(output).unwrap())
        })
    };
    let begun = std::time::Instant::now();
    while !fs::read_to_string(&cursor).is_ok_and(|cursor| cursor.starts_with("4@")) {
        assert!(begun.elapsed().as_secs() < 30, "{:?}", fs::read_to_string(&cursor));
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    server.terminate();
    assert_eq!(follow.join().unwrap(), (follow_feed::Ended::ComeBack, told));
    // Nobody listens: that passes by itself.
    let mut output = Vec::new();
    assert_eq!(follow_feed::follow(&url, Some(TOKEN), &cursor, &mut output).unwrap(), follow_feed::Ended::ComeBack);

    server.start_again(folder.path());
    assert_eq!(server.deliver(7, "callback").status, 200);
    // Whoever prints it has seen enough after one line.
    let ended = follow_feed::follow(&url, Some(TOKEN), &cursor, &mut One(&mut output)).unwrap();
    assert_eq!(ended, follow_feed::Ended::Done);
    assert_eq!(String::from_utf8(output).unwrap(), "5: downtown 7 READY -> CALLED_BACK\n");
    let refused = follow_feed::follow(&url, Some("not-the-token-of-anybody"), &cursor, &mut Vec::new()).unwrap_err();
    assert!(refused.to_string().starts_with("the server answered 401: "), "{refused}");
}

/// A reader who goes away after one line.
struct One<'a>(&'a mut Vec<u8>);

impl std::io::Write for One<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Err(std::io::ErrorKind::BrokenPipe.into())
    }
}

#[test]
fn an_export_of_a_server_is_verified() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), CONFIG);
    for event in ["create", "checkin", "nonsense"] {
        assert_eq!(server.deliver(7, event).status, 200);
    }
    let export = done(folder.path(), &["export", "--data-dir", "data"]).stdout;
    let mut output = Vec::new();
    verify_export::verify(export.as_bytes(), &mut output).unwrap();
    let output = String::from_utf8(output).unwrap();
    assert!(output.starts_with("positions 1 to 3 are as they were exported\nbodies erased: 0\n"), "{output}");
}
