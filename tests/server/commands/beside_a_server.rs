//! Commands beside a running server: they ask it for its log, and get what they would find with it stopped.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use crate::support::{
    self,
    copies::{append, many},
    load::{Load, Plan},
    server::{CONFIG, Connection, Server, clockfold, command, data_dir},
};

const READERS: &str = "[[reader]]\nname = \"admin\"\ntoken = \"token-of-an-admin-reader\"\nrole = \"admin\"\n\
                       [[reader]]\nname = \"viewer\"\ntoken = \"token-of-a-viewer-reader\"\n\
                       [[reader]]\nname = \"one\"\ntoken = \"token-of-a-limited-reader\"\nrole = \"admin\"\nsources = [\"downtown\"]\n";

fn export(folder: &Path, arguments: &[&str]) -> support::server::CommandOutput {
    clockfold(folder, &[], &[&["export", "--data-dir", "data"], arguments].concat())
}

/// Runs the export into a file and reads it.
fn exported(folder: &Path) -> String {
    let told = export(folder, &["--output", "exported"]);
    assert_eq!((told.status, told.stderr.as_str()), (0, ""));
    fs::read_to_string(folder.join("exported")).unwrap()
}

/// The lines of the lock file: process id, URL, secret, and the key of sessions.
fn lock_file(folder: &Path) -> Vec<String> {
    fs::read_to_string(data_dir(folder).join("lock")).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn an_export_beside_a_server_is_the_one_of_a_stopped_store() {
    for (config, listen) in [(CONFIG.to_owned(), "127.0.0.1:0"), (format!("{CONFIG}{READERS}"), "0.0.0.0:0")] {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        append(&data_dir(folder), many(3_000, 2, 100));
        let stopped = exported(folder);
        fs::write(folder.join("clockfold.toml"), &config).unwrap();
        let mut serve = command(folder);
        serve.args(["serve", "--data-dir", "data", "--listen", listen]);
        let mut server = Server::spawn(serve);
        assert_eq!(exported(folder), stopped);
        // A proxy that the environment names is not for this.
        let told = clockfold(
            folder,
            &[
                ("http_proxy", "http://127.0.0.1:9"),
                ("HTTP_PROXY", "http://127.0.0.1:9"),
                ("ALL_PROXY", "http://127.0.0.1:9"),
            ],
            &["export", "--data-dir", "data", "--to-position", "1"],
        );
        assert_eq!(told.status, 0, "{}", told.stderr);
        // Every filter goes on as on a stopped store.
        let filters = ["--source", "lakeside", "--from", "2026-03-02T15:04:10Z", "--to", "2026-03-02T15:04:20Z"];
        let beside = export(folder, &filters);
        assert_eq!(beside.status, 0, "{}", beside.stderr);
        let told = export(folder, &["--after-position", "9999"]);
        assert!(told.status == 1 && told.stderr.contains("behind the end of the log"), "{}", told.stderr);
        // Importing needs the store itself.
        let told = clockfold(folder, &[], &["import", "exported", "--data-dir", "data"]);
        assert!(told.status == 1 && told.stderr.contains("in use"), "{}", told.stderr);
        assert!(!server.printed().contains(&lock_file(folder)[2]), "{}", server.printed());
        let key = lock_file(folder)[3].clone();
        assert!(key.starts_with("session-key ") && !server.printed().contains(&key["session-key ".len()..]));
        assert!(server.terminate().success());
        assert_eq!(export(folder, &filters).stdout, beside.stdout);
        assert_eq!(exported(folder), stopped);
        assert_eq!(lock_file(folder)[1..], [key], "the next holder wipes the secret out, and keeps the key");
    }
}

#[test]
fn the_log_is_for_admins_of_all_sources() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let server = Server::start(folder, &format!("{CONFIG}{READERS}"));
    server.deliver(7, "create");
    let lock = lock_file(folder);
    assert_eq!(fs::metadata(data_dir(folder).join("lock")).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(lock[..2], [server.id().to_string(), format!("http://{}", server.address)]);
    let secret = lock[2].as_str();
    assert!(secret.len() >= 22, "{secret}");
    let get = |path: &str, headers: &[(&str, &str)]| {
        let answer = server.request("GET", path, headers, b"");
        let code = answer.header("content-type").is_some_and(|kind| kind.contains("json") && !kind.contains("ndjson"));
        (
            answer.status,
            if code { answer.json()["code"].as_str().unwrap_or_default().to_owned() } else { String::new() },
        )
    };
    let as_of = |token: &str| get("/log", &[("Authorization", &format!("Bearer {token}"))]);
    assert_eq!(as_of("token-of-an-admin-reader").0, 200);
    assert_eq!(as_of(secret).0, 200);
    assert_eq!(as_of("token-of-a-viewer-reader"), (403, "FORBIDDEN".to_owned()));
    assert_eq!(as_of("token-of-a-limited-reader"), (403, "FORBIDDEN".to_owned()));
    assert_eq!(as_of("token-of-nobody-at-all"), (401, "UNAUTHENTICATED".to_owned()));
    assert_eq!(get("/log", &[]), (401, "UNAUTHENTICATED".to_owned()));
    let bearer = format!("Bearer {secret}");
    let operator = ("Authorization", bearer.as_str());
    // Behind a proxy, a loopback peer is not who it seems.
    assert_eq!(get("/log", &[operator, ("X-Forwarded-For", "192.0.2.7")]).0, 401);
    for query in
        ["after=1&to=0", "to=2", "after=2", "after=x", "after=-1", "after=+1", "after=", "after=1&after=1", "last=1"]
    {
        assert_eq!(get(&format!("/log?{query}"), &[operator]), (400, "BAD_RANGE".to_owned()), "{query}");
    }
    assert_eq!(server.request("POST", "/log", &[operator], b"").header("allow"), Some("GET"));
    // The secret is an admin's elsewhere too.
    let answer = server.ask(&[operator], "{ log { headPosition } deliveries { nodes { body } } }").json();
    assert!(answer["data"]["deliveries"]["nodes"][0]["body"].is_string(), "{answer}");
    // Another start has another one.
    let earlier = secret.to_owned();
    drop(server);
    let server = Server::start(folder, &format!("{CONFIG}{READERS}"));
    assert_ne!(lock_file(folder)[2], earlier);
    let answer = server.request("GET", "/log", &[("Authorization", &format!("Bearer {earlier}"))], b"");
    assert_eq!(answer.status, 401);
}

#[test]
fn who_takes_the_log_slowly_holds_nothing_up() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    append(&data_dir(folder), many(20_000, 3, 1_000));
    let mut server = Server::start(folder, &format!("{CONFIG}[server]\nbody_timeout_s = 3\nshutdown_timeout_s = 2\n"));
    // More than may read at once, and none of them takes anything after the head.
    let mut slow: Vec<Connection> = (0..6).map(|_| Connection::open(server.address)).collect();
    for connection in &mut slow {
        connection.send(b"GET /log HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").unwrap();
    }
    thread::sleep(Duration::from_millis(300));
    let plan = Plan { senders: 4, each: 200, first_appointment: 1_000_000, seed: 4, note_bytes: 1..100 };
    let begun = Instant::now();
    let sent = Load::start(server.address, &plan).join();
    assert_eq!(sent.acknowledged.len(), 800, "{}", server.printed());
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    assert_eq!(server.get("/readyz").status, 200);
    let told = export(folder, &["--to-position", "1"]);
    assert!(told.status == 1 && told.stderr.contains("Too many are reading the log"), "{}", told.stderr);
    // They are given up after a while.
    let begun = Instant::now();
    while export(folder, &["--to-position", "1"]).status != 0 {
        assert!(begun.elapsed() < Duration::from_secs(30), "{}", server.printed());
        thread::sleep(Duration::from_millis(100));
    }
    // One that reads does not keep the server from its end, and is told that it got no whole log.
    let mut slow = Connection::open(server.address);
    slow.send(b"GET /log HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").unwrap();
    thread::sleep(Duration::from_millis(200));
    let begun = Instant::now();
    assert!(server.terminate().success());
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

#[test]
fn an_export_of_a_server_that_is_killed_meanwhile_is_not_taken_for_whole() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    append(&data_dir(folder), many(20_000, 5, 1_000));
    let mut server = Server::start(folder, CONFIG);
    let mut command = command(folder);
    command.args(["export", "--data-dir", "data", "--output", "file"]);
    let child = command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    let begun = Instant::now();
    while fs::metadata(folder.join(".file.partial")).map_or(0, |metadata| metadata.len()) < 100_000 {
        assert!(begun.elapsed() < Duration::from_secs(30));
    }
    server.kill();
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("try again"), "{told}");
    assert!(!folder.join("file").exists() && !folder.join(".file.partial").exists());
}
