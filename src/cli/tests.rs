//! What each command prints, and its exit status.

use std::fs;

use crate::access::CredentialDigest;

use super::*;

/// The exit status, standard output and standard error of a command line.
fn told(line: &str) -> (u8, String, String) {
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let arguments = std::iter::once("clockfold").chain(line.split_whitespace());
    let status = run(arguments, BTreeMap::new(), std::sync::Arc::new(chrono::Utc::now), &mut stdout, &mut stderr);
    (status, String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

#[test]
fn the_commands_are_well_formed() {
    use clap::CommandFactory as _;

    Cli::command().debug_assert();
}

#[test]
fn help_is_printed_with_an_example() {
    for command in ["", "serve", "demo", "simulate", "schema", "lifecycle", "show", "key", "key new", "check-config"] {
        let (status, stdout, stderr) = told(&format!("{command} --help"));
        assert_eq!((status, stderr.as_str()), (0, ""), "{command}");
        assert!(stdout.contains("Example") && stdout.contains("  clockfold "), "{stdout}");
    }
    assert_eq!(told("--version").0, 0);
}

#[test]
fn wrong_usage_is_2() {
    let wrong = [
        "",
        "nonsense",
        "serve --listen nowhere",
        "lifecycle --name stirct",
        "lifecycle --all --name strict",
        "key",
        "schema x",
        "show downtown",
        "show downtown 07",
        "show downtown 7 --explain CHECKIN",
        "show downtown 7 --format yaml",
        "demo --data-dir there",
        "--config clockfold.toml demo --clinics 1",
    ];
    for line in wrong {
        let (status, stdout, stderr) = told(line);
        assert_eq!((status, stdout.as_str()), (2, ""), "{line}");
        assert!(!stderr.is_empty());
    }
}

#[test]
fn lifecycle_prints_each_format() {
    assert!(told("lifecycle").1.starts_with("EVENT "));
    assert_eq!(told("lifecycle"), told("lifecycle --format table --name strict"));
    assert!(told("lifecycle --format markdown").1.contains("| `undo_remove` |"));
    assert_eq!(told("lifecycle --format markdown"), told("lifecycle --format markdown --all"));
    assert!(told("lifecycle --format mermaid").1.starts_with("stateDiagram-v2\n"));
}

/// A folder with a configuration that has two lifecycles of its own, and its path as an argument.
fn with_lifecycles() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clockfold.toml");
    let lifecycles =
        "[lifecycle.busy]\nextends = \"strict\"\ncheckin = [\"NONE\"]\n[lifecycle.spare]\nextends = \"lenient\"\n";
    let source = |name: &str, rest: &str| {
        format!("[[source]]\nname = \"{name}\"\nroute_keys = [\"a-key-of-the-clinic-{name}\"]\n{rest}\n")
    };
    let sources = source("downtown", "lifecycle = \"busy\"\nreorder_window_s = 5")
        + &source("uptown", "lifecycle = \"busy\"")
        + &source("lakeside", "reorder_window_s = 3600");
    fs::write(&path, format!("{lifecycles}{sources}")).unwrap();
    let argument = format!("--config {}", path.display());
    (folder, argument)
}

#[test]
fn lifecycle_prints_the_configurations_too() {
    let (folder, config) = with_lifecycles();
    let (status, busy, stderr) = told(&format!("lifecycle --name busy {config}"));
    assert_eq!((status, stderr.as_str()), (0, ""));
    let row = |event: &str| busy.lines().find(|line| line.split_whitespace().next() == Some(event)).unwrap();
    assert_eq!(row("checkin").split_whitespace().collect::<Vec<_>>(), ["checkin", "NONE", "CHECKED_IN"]);
    assert!(row("ready").contains(" CHECKED_IN "), "{busy}");
    // All: the built-in ones first.
    let page = told(&format!("lifecycle --format markdown {config}")).1;
    let headings: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    assert_eq!(headings, ["`strict`", "`walk_in`", "`lenient`", "`busy`", "`spare`"]);
    assert_eq!(told(&format!("lifecycle --all {config}")).1.matches("EVENT ").count(), 5);
    let (status, _, stderr) = told(&format!("lifecycle --name bussy {config}"));
    assert_eq!(status, 2);
    assert!(
        stderr.contains("there is no lifecycle `bussy`; there is: strict, walk_in, lenient, busy, spare"),
        "{stderr}"
    );
    // The built-in ones are printed beside a configuration with mistakes; one of its own can't be.
    fs::write(folder.path().join("clockfold.toml"), "[lifecycle.busy]\nextends = \"strickt\"\n").unwrap();
    assert_eq!(told(&format!("lifecycle --name walk_in {config}")), told("lifecycle --name walk_in"));
    assert_eq!(told(&format!("lifecycle {config}")), told("lifecycle"));
    let (status, stdout, stderr) = told(&format!("lifecycle --name busy {config}"));
    assert_eq!((status, stdout.as_str()), (1, ""));
    assert!(stderr.contains("clockfold.toml:2: there is no built-in lifecycle `strickt`"), "{stderr}");
}

#[test]
fn check_config_lists_lifecycles_with_their_sources_and_windows() {
    let (_folder, config) = with_lifecycles();
    let (status, stdout, _) = told(&format!("check-config {config}"));
    assert_eq!(status, 0);
    for line in [
        "lifecycle       busy: of downtown (reorder window 5 s), uptown (reorder window 0 s)",
        "lifecycle       spare: of no source",
        "source          lakeside: 1 route key, 0 authtokens, require any, lifecycle strict, reorder window 3600 s, UTC, waits long from 30 and very long from 60 minutes",
    ] {
        assert!(stdout.lines().any(|told| told == line), "{line}: {stdout}");
    }
}

#[test]
fn a_new_key_can_be_pasted() {
    let (status, stdout, _) = told("key new");
    assert_eq!(status, 0);
    let word = |name: &str| stdout.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned();
    let (secret, digest) = (word("secret"), word("digest"));
    assert_eq!(digest.parse::<CredentialDigest>().unwrap(), crate::access::digest_of(secret.as_bytes()));
    assert!(stdout.contains(&format!("route_keys = [\"{digest}\"]")));
    assert!(stdout.contains(&format!("authtokens = [\"{digest}\"]")));
    assert!(stdout.contains(&format!("/webhook/{secret}\n")));
    assert_ne!(told("key new").1, stdout);
}

#[test]
fn check_config_tells_what_was_read_but_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clockfold.toml");
    fs::write(
        &path,
        "[[source]]\nname = \"downtown\"\nroute_keys = [\"a-key-of-the-downtown-clinic\", { key = \"an-old-key-of-the-downtown-clinic\", expires = 2020-01-01T00:00:00Z }]\n",
    )
    .unwrap();
    let (status, stdout, stderr) = told(&format!("check-config --data-dir /elsewhere --config {}", path.display()));
    assert_eq!((status, stderr.as_str()), (0, ""));
    assert!(
        stdout.contains(
            "downtown: 2 route keys (1 expired), 0 authtokens, require any, lifecycle strict, reorder window 0 s, UTC"
        ),
        "{stdout}"
    );
    assert!(stdout.contains("/elsewhere") && stdout.contains("No reader is configured"), "{stdout}");
    assert!(!stdout.contains("-key-of-") && !stdout.contains("blake3:"), "{stdout}");
}

#[test]
fn check_config_tells_how_long_readers_stay_signed_in() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clockfold.toml");
    let reader = |name: &str, more: &str| {
        format!("[[reader]]\nname = \"{name}\"\ntoken = \"the-token-of-the-{name}-reader\"\n{more}\n")
    };
    let file = [
        "[server]\nsecure_cookies = true\n".to_owned(),
        reader("desk", ""),
        reader("wall", "idle_sign_out_minutes = 0\nrole = \"admin\""),
    ];
    fs::write(&path, file.concat()).unwrap();
    let (status, stdout, _) = told(&format!("check-config --config {}", path.display()));
    assert_eq!(status, 0);
    for line in [
        "cookies         over TLS only",
        "reader          desk: 1 token, viewer, all sources, signed out after 15 idle minutes",
        "reader          wall: 1 token, admin, all sources, never signed out",
    ] {
        assert!(stdout.lines().any(|told| told == line), "{line}: {stdout}");
    }
}

#[test]
fn a_wrong_configuration_is_1() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clockfold.toml");
    fs::write(&path, "\n[server]\nlisten = 7\n").unwrap();
    for command in ["check-config", "serve"] {
        let (status, stdout, stderr) = told(&format!("{command} --config {}", path.display()));
        assert_eq!((status, stdout.as_str()), (1, ""));
        assert!(stderr.starts_with(&format!("{}:3: `listen` is a whole number", path.display())), "{stderr}");
        assert!(stderr.contains("\n  hint: "), "{stderr}");
    }
}

#[test]
fn the_schema_is_printed_as_it_is() {
    let mut stdout = Vec::new();
    schema::run("type Query\n", &mut stdout).unwrap();
    assert_eq!(stdout, b"type Query\n");
}
