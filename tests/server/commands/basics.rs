//! What the commands print and how they end, the first start, and who may have a data directory.

use std::{
    fs,
    net::TcpListener,
    path::Path,
    process::{Command, Stdio},
};

use clockfold::access::{SECRET_CHARACTERS_MIN, digest_of};

use crate::support::{
    self,
    server::{CONFIG, CommandOutput, Connection, Server, clockfold, command, data_dir},
};

fn told(arguments: &[&str]) -> CommandOutput {
    clockfold(tempfile::tempdir().unwrap().path(), &[], arguments)
}

/// What a command prints that has to succeed.
fn printed(arguments: &[&str]) -> String {
    let told = told(arguments);
    assert_eq!((told.status, told.stderr.as_str()), (0, ""), "{arguments:?}");
    told.stdout
}

/// `check-config` of a file.
fn check_config(text: &str) -> CommandOutput {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("clockfold.toml"), text).unwrap();
    clockfold(folder.path(), &[], &["check-config"])
}

/// A file in `schema/` is what a command prints; `UPDATE_GOLDEN=1` writes it anew.
fn check_golden(name: &str, printed: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, printed).unwrap();
    }
    let published = fs::read_to_string(&path).unwrap_or_default();
    assert!(published == printed, "schema/{name} differs from the code; UPDATE_GOLDEN=1 writes it anew");
}

#[test]
fn what_is_published_is_what_the_commands_print() {
    check_golden("schema.graphql", &printed(&["schema"]));
    check_golden("lifecycle.md", &printed(&["lifecycle", "--format", "markdown"]));
}

#[test]
fn a_lifecycle_is_printed_as_a_table_and_as_a_diagram() {
    let table = printed(&["lifecycle"]);
    assert_eq!(table.lines().count(), 14);
    let row = |event: &str| {
        let row = table.lines().find(|line| line.split_whitespace().next() == Some(event)).unwrap();
        row.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(row("callback"), "callback CHECKED_IN, READY CALLED_BACK");
    assert_eq!(row("create"), "create NONE SCHEDULED");
    assert_eq!(row("demographics_update"), "demographics_update any but NONE same");
    let diagram = printed(&["lifecycle", "--format", "mermaid", "--name", "strict"]);
    assert!(diagram.starts_with("stateDiagram-v2\n"), "{diagram}");
    for edge in ["[*] --> SCHEDULED: create", "READY --> CALLED_BACK: callback", "REMOVED --> READY: undo_remove"] {
        assert!(diagram.lines().any(|line| line.trim() == edge), "{edge}: {diagram}");
    }
    assert!(!diagram.contains("READY --> CHECKED_IN: undo_checkin"), "{diagram}");
}

#[test]
fn a_new_keys_lines_let_its_holder_in() {
    let text = printed(&["key", "new"]);
    let word = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned();
    let (secret, digest) = (word("secret"), word("digest"));
    assert!(secret.len() >= SECRET_CHARACTERS_MIN, "{secret}");
    assert_eq!(digest, digest_of(secret.as_bytes()).to_string());
    assert_ne!(printed(&["key", "new"]), text);
    let line = |key: &str| text.lines().map(str::trim).find(|line| line.starts_with(key)).unwrap().to_owned();
    let (route_keys, authtokens, token) = (line("route_keys ="), line("authtokens ="), line("token ="));
    let reader = format!("{CONFIG}[[reader]]\nname = \"r\"\n{token}\n");
    for config in [format!("[[source]]\nname = \"downtown\"\n{route_keys}\n{authtokens}\n"), reader.clone()] {
        let told = check_config(&config);
        assert_eq!((told.status, told.stderr.as_str()), (0, ""));
    }
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &reader);
    assert!(server.query_as(Some(&secret), "{ log { digest } }")["data"].is_object());
    let folder = tempfile::tempdir().unwrap();
    let server =
        Server::start(folder.path(), &format!("[[source]]\nname = \"downtown\"\n{route_keys}\n{authtokens}\n"));
    let body = br#"{"appointment_id": 7, "event_type": "create"}"#;
    assert_eq!(server.post_to(&secret, body).status, 200);
    let headers = [("Content-Type", "application/json"), ("Authtoken", secret.as_str())];
    assert_eq!(server.request("POST", "/webhook", &headers, body).status, 200);
}

#[test]
fn a_configuration_is_summed_up_or_every_mistake_is_told() {
    let good = check_config(CONFIG);
    assert_eq!((good.status, good.stderr.as_str()), (0, ""));
    for told in
        ["in order", "clockfold-data", "127.0.0.1:8080", "downtown: 1 route key,", "strict", "No reader is configured"]
    {
        assert!(good.stdout.contains(told), "{told}: {}", good.stdout);
    }
    assert!(good.stdout.contains("bodies are kept for ever"), "{}", good.stdout);
    assert!(good.stdout.contains("depth 20, complexity 50000, 50 aliases"), "{}", good.stdout);
    assert!(good.stdout.contains("10000 ms, schema to everyone"), "{}", good.stdout);
    assert!(good.stdout.contains("web pages       of no other origin"), "{}", good.stdout);
    let good = check_config(&format!(
        "[server]\nallowed_origins = [\"https://board.example\"]\n{CONFIG}[graphql]\nintrospection = \"nobody\"\npage_max = 7\n"
    ));
    assert!(good.stdout.contains("web pages       of https://board.example"), "{}", good.stdout);
    assert!(good.stdout.contains("pages of 7,") && good.stdout.contains("schema to nobody"), "{}", good.stdout);
    let good = check_config(&format!("{CONFIG}[retention]\nbodies_days = 90\n"));
    assert!(good.stdout.contains("bodies of ended appointments, 90 days"), "{}", good.stdout);
    assert!(check_config("").stdout.contains("No source is configured"));
    // Each mistake with its file, its line and a hint.
    let wrong = check_config(
        "data_dri = \"x\"\n[server]\nlisten = \"nowhere\"\nqueue_max = 0\n\n[[source]]\nname = \"Down Town\"\nroute_keys = [\"short\"]\nlifecycle = \"stirct\"\n",
    );
    assert_eq!((wrong.status, wrong.stdout.as_str()), (1, ""));
    for mistake in [
        "clockfold.toml:1: the configuration has no key `data_dri`\n  hint: did you mean `data_dir`?",
        "clockfold.toml:3: `listen` `nowhere` is not an IP address with a port\n  hint: ",
        "clockfold.toml:4: `queue_max`",
        "clockfold.toml:7: `Down Town` can't name a source",
        "clockfold.toml:8: a route key is shorter than 22 characters",
        "clockfold.toml:9: there is no lifecycle `stirct`\n  hint: did you mean `strict`?",
    ] {
        assert!(wrong.stderr.contains(mistake), "{mistake}: {}", wrong.stderr);
    }
    assert_eq!(wrong.stderr.matches("\n  hint: ").count(), 6, "{}", wrong.stderr);
    for (wrong, mistake) in [
        (
            format!("{CONFIG}{CONFIG}"),
            "clockfold.toml:4: the source `downtown` is configured twice; first at clockfold.toml:1",
        ),
        (
            format!("{CONFIG}{}", CONFIG.replace("downtown", "lakeside")),
            "clockfold.toml:6: a route key of the source `lakeside` is the same as a route key of the source `downtown` at clockfold.toml:3",
        ),
        ("[archive]\n".to_owned(), "clockfold.toml:1: [archive] names no `directory`"),
        ("[archive]\npath = \"x\"\n".to_owned(), "clockfold.toml:1: [archive] names no `directory`"),
        (format!("{CONFIG}colour = 1\n"), "clockfold.toml:4: [[source]] has no key `colour`"),
        ("[[source]]\nname = \"downtown\"\n".to_owned(), "clockfold.toml:1: "),
        ("[server\n".to_owned(), "clockfold.toml:1: this is not TOML"),
    ] {
        let told = check_config(&wrong);
        assert_eq!(told.status, 1, "{wrong}");
        assert!(told.stderr.starts_with(mistake) && told.stderr.contains("\n  hint: "), "{mistake}: {}", told.stderr);
    }
}

#[test]
fn the_exit_status_tells_done_from_failed_from_wrong_usage() {
    for (arguments, status) in [
        (&["--version"][..], 0),
        (&["--help"], 0),
        (&["serve", "--help"], 0),
        (&["lifecycle", "--name", "strict"], 0),
        (&["check-config", "--config", "no-such-file.toml"], 1),
        (&["serve", "--config", "no-such-file.toml"], 1),
        (&["serve", "--data-dir", "/dev/null/nowhere", "--listen", "127.0.0.1:0"], 1),
        (&[], 2),
        (&["nonsense"], 2),
        (&["serve", "--nonsense"], 2),
        (&["serve", "--listen", "nowhere"], 2),
        (&["lifecycle", "--name", "nonsense"], 2),
        (&["lifecycle", "--format", "nonsense"], 2),
        (&["key"], 2),
        (&["show", "downtown", "7"], 1),
        (&["show", "downtown"], 2),
        (&["show", "Down Town", "7"], 2),
        (&["show", "downtown", "0"], 2),
        (&["show", "downtown", "7", "--explain", "chekin"], 2),
        (&["export"], 1),
        (&["export", "--from", "yesterday"], 2),
        (&["export", "--source", "Down Town"], 2),
        (&["export", "--after-position", "-1"], 2),
        (&["import", "no-such-file"], 1),
        (&["import"], 2),
        (&["backup", "anywhere"], 1),
        (&["backup"], 2),
        (&["restore", "no-such-directory"], 1),
        (&["restore"], 2),
        (&["rebuild"], 1),
        (&["rebuild", "--lifecycle", "lenient"], 2),
        (&["rebuild", "--dry-run", "--source", "downtown", "--reorder-window", "3601"], 2),
        (&["rebuild", "--memory-mb", "1"], 2),
        (&["verify"], 1),
        (&["verify", "no-such-directory"], 1),
        (&["erase-bodies"], 2),
        (&["erase-bodies", "--before", "2026-01-01T00:00:00Z"], 1),
        (&["erase-bodies", "--before", "yesterday"], 2),
        (&["erase-bodies", "--before", "2026-01-01T00:00:00Z", "--format", "xml"], 2),
    ] {
        let told = told(arguments);
        assert_eq!(told.status, status, "{arguments:?}: {}{}", told.stdout, told.stderr);
        assert_eq!(told.stderr.is_empty(), status == 0, "{arguments:?}");
    }
    for command in [
        "serve",
        "schema",
        "lifecycle",
        "show",
        "simulate",
        "export",
        "import",
        "backup",
        "restore",
        "rebuild",
        "verify",
        "erase-bodies",
        "key",
        "check-config",
    ] {
        let help = printed(&[command, "--help"]);
        assert!(help.contains(&format!("  clockfold {command}")), "no example: {help}");
        assert!(printed(&["--help"]).contains(command));
    }
    // Whoever reads a part of the output has not made it fail.
    let folder = tempfile::tempdir().unwrap();
    let mut child = command(folder.path()).arg("schema").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn flags_go_over_variables_over_the_file_over_defaults() {
    let folder = tempfile::tempdir().unwrap();
    let listens = |variables: &[(&str, &str)], flags: &[&str]| {
        let told = clockfold(folder.path(), variables, &[&["check-config"], flags].concat());
        assert_eq!((told.status, told.stderr.as_str()), (0, ""));
        let value = |name: &str| {
            let line = told.stdout.lines().find(|line| line.starts_with(name)).unwrap();
            line.strip_prefix(name).unwrap().trim().to_owned()
        };
        (value("data directory"), value("listen"))
    };
    let pair = |data_dir: &str, listen: &str| (data_dir.to_owned(), listen.to_owned());
    assert_eq!(listens(&[], &[]), pair("clockfold-data", "127.0.0.1:8080"));
    fs::write(folder.path().join("clockfold.toml"), "data_dir = \"of-the-file\"\n[server]\nlisten = \"127.0.0.1:1\"\n")
        .unwrap();
    assert_eq!(listens(&[], &[]), pair("of-the-file", "127.0.0.1:1"));
    let variables = [("CLOCKFOLD_DATA_DIR", "of-a-variable"), ("CLOCKFOLD_LISTEN", "127.0.0.1:2")];
    assert_eq!(listens(&variables, &[]), pair("of-a-variable", "127.0.0.1:2"));
    assert_eq!(listens(&variables, &["--data-dir", "of-a-flag"]), pair("of-a-flag", "127.0.0.1:2"));
    // Which file: the flag, the variable, the one that is there.
    fs::write(folder.path().join("other.toml"), "data_dir = \"of-the-other-file\"\n").unwrap();
    fs::write(folder.path().join("third.toml"), "data_dir = \"of-the-third-file\"\n").unwrap();
    let other = [("CLOCKFOLD_CONFIG", "other.toml")];
    assert_eq!(listens(&other, &[]).0, "of-the-other-file");
    assert_eq!(listens(&other, &["--config", "third.toml"]).0, "of-the-third-file");
    // `serve` listens where a flag says, whatever the rest says.
    let mut serve = command(folder.path());
    serve.envs(variables).args(["serve", "--listen", "127.0.0.1:0", "--data-dir", "of-a-flag"]);
    let server = Server::spawn(serve);
    assert!(server.address.port() > 2 && folder.path().join("of-a-flag/log").is_dir());
    assert!(!folder.path().join("of-a-variable").exists() && !folder.path().join("of-the-file").exists());
}

/// `clockfold serve` in a folder without a configuration.
fn first_start(folder: &Path) -> Server {
    let mut serve = command(folder);
    serve.args(["serve", "--listen", "127.0.0.1:0"]);
    let server = Server::spawn(serve);
    while !server.printed().contains("/graphql -H") {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    server
}

/// Runs a line in a shell, as whoever copies it does.
fn pasted(line: &str) -> serde_json::Value {
    let output = Command::new("sh").args(["-c", line]).output().unwrap();
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn the_first_start_prints_a_line_that_works_once_and_its_key_stays() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = first_start(folder.path());
    let printed = server.printed();
    let lines: Vec<&str> = printed.lines().map(str::trim).filter(|line| line.starts_with("curl ")).collect();
    let [post, query] = lines[..] else { panic!("{printed}") };
    let told = pasted(post);
    assert_eq!(
        (&told["outcome"], &told["status"], &told["source"]),
        (&"APPLIED".into(), &"SCHEDULED".into(), &"first".into())
    );
    assert_eq!(pasted(query)["data"]["appointment"]["status"], "SCHEDULED");
    let key = post.split("/webhook/").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    assert_eq!(printed.matches(&key).count(), 1);
    assert!(server.terminate().success());
    let data_dir = folder.path().join("clockfold-data");
    let mut names: Vec<String> =
        fs::read_dir(&data_dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["head", "lock", "log", "projection"]);
    let server = first_start(folder.path());
    assert!(!server.printed().contains(&key) && !server.printed().contains("curl -sS http://127.0.0.1/webhook"));
    assert!(server.printed().contains("`first` takes the key that the first start printed"), "{}", server.printed());
    let body = br#"{"appointment_id": 12345, "event_type": "checkin"}"#;
    assert_eq!(server.post_to(&key, body).json()["status"], "CHECKED_IN");
    // It is a token as well.
    let headers = [("Content-Type", "application/json"), ("Authtoken", key.as_str())];
    assert_eq!(server.request("POST", "/webhook", &headers, body).json()["outcome"], "DUPLICATE");
}

#[test]
fn a_server_whose_output_nobody_reads_goes_on_unless_a_key_would_be_lost() {
    let folder = tempfile::tempdir().unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let address = format!("127.0.0.1:{port}");
    let start = |folder: &Path| {
        let mut serve = command(folder);
        serve.args(["serve", "--listen", &address]).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = serve.spawn().unwrap();
        drop(child.stdout.take());
        child
    };
    let output = start(folder.path()).wait_with_output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("the new credential could not be printed") && told.contains("first-source.toml"), "{told}");
    // The next start has nothing to lose.
    let mut child = start(folder.path());
    let lives = (0..2000).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(5));
        std::net::TcpStream::connect(&address).is_ok()
            && Connection::open(address.parse().unwrap())
                .request("GET", "/livez", &[], b"")
                .is_ok_and(|answer| answer.status == 200)
    });
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(lives);
}

#[test]
fn a_second_process_is_refused_and_the_first_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), CONFIG);
    let data = data_dir(folder.path());
    let told =
        clockfold(folder.path(), &[], &["serve", "--listen", "127.0.0.1:0", "--data-dir", data.to_str().unwrap()]);
    assert_eq!((told.status, told.stdout.as_str()), (1, ""));
    assert!(
        told.stderr.contains(data.to_str().unwrap()) && told.stderr.contains(&server.id().to_string()),
        "{}",
        told.stderr
    );
    assert!(
        told.stderr.contains("hint: stop that process first, or choose another directory with --data-dir"),
        "{}",
        told.stderr
    );
    assert_eq!(server.deliver(7, "create").json()["position"], "1");
}

#[test]
fn an_address_that_is_taken_is_told_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let told = clockfold(folder.path(), &[], &["serve", "--listen", &address]);
    assert_eq!((told.status, told.stdout.as_str()), (1, ""));
    assert!(
        told.stderr.contains(&format!("listening on {address}; choose another address with --listen")),
        "{}",
        told.stderr
    );
    assert!(!folder.path().join("clockfold-data").exists(), "nothing is made before it can listen");
    let operations = format!("[server]\noperations_listen = \"{address}\"\n{CONFIG}");
    fs::write(folder.path().join("clockfold.toml"), operations).unwrap();
    let told = clockfold(folder.path(), &[], &["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(told.status, 1);
    assert!(told.stderr.contains(&address), "{}", told.stderr);
}

#[test]
fn the_documented_configuration_is_in_order() {
    let page = include_str!("../../../docs/configuration.md");
    let toml = page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("clockfold.toml"), toml).unwrap();
    let output = support::server::command(folder.path()).arg("check-config").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // What is commented out is a default, so it has to be accepted too.
    let all: String = toml
        .lines()
        .map(|line| line.strip_prefix("# ").filter(|line| line.contains(" = ")).unwrap_or(line).to_owned() + "\n")
        .collect();
    std::fs::write(folder.path().join("clockfold.toml"), all).unwrap();
    let output = support::server::command(folder.path()).arg("check-config").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
