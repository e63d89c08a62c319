//! `clockfold rebuild` and `clockfold verify`, on a stopped store and beside a running server, as a person calls them.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, sync::Arc};

use clockfold::{
    lifecycle::EventType,
    log::{DataDir, Log, NewDelivery, Position, SledLog},
    projection::{Projection, Rules, open_as_it_is},
};
use serde_json::Value;

use crate::support::{
    delivery_from,
    disk::Disk,
    random::Random,
    server::{CONFIG, CommandOutput, Server, clockfold, data_dir},
};

fn configure(folder: &Path) {
    let name = data_dir(folder).file_name().unwrap().to_str().unwrap().to_owned();
    fs::write(folder.join("clockfold.toml"), format!("data_dir = \"{name}\"\n{CONFIG}")).unwrap();
}

fn fill(folder: &Path, count: u64) {
    configure(folder);
    let log = SledLog::open(&DataDir::at(data_dir(folder)), Arc::new(chrono::Utc::now)).unwrap();
    let mut random = Random::new(5);
    let one = |random: &mut Random| {
        let steps = ["create", "create", "checkin", "ready", "callback", "discharge", "remove"];
        let event = match random.below(5) {
            0 => EventType::ALL[random.index(13)].name(),
            _ => steps[random.index(steps.len())],
        };
        let delivery_id = (random.below(3) == 0).then(|| format!("evt_{}", random.below(500)));
        NewDelivery { delivery_id, ..delivery_from("downtown", 1 + random.below(1_500), event) }
    };
    for _ in 0..count / 100 {
        log.append((0..100).map(|_| one(&mut random)).collect()).unwrap();
    }
}

fn run(folder: &Path, arguments: &[&str]) -> CommandOutput {
    clockfold(folder, &[], arguments)
}

fn json(folder: &Path, arguments: &[&str]) -> Value {
    let told = run(folder, &[arguments, &["--format", "json"]].concat());
    serde_json::from_str(&told.stdout).unwrap_or_else(|error| panic!("{error}: {}{}", told.stdout, told.stderr))
}

/// The digest of the projection that counts.
fn state_digest(folder: &Path) -> String {
    let data_dir = DataDir::at(data_dir(folder));
    let log = SledLog::open(&data_dir, Arc::new(chrono::Utc::now)).unwrap();
    let rules = Arc::new(Rules::default());
    let projection = Projection::open_and_catch_up(&data_dir.projection(), rules, &log, &mut |_| {}).unwrap();
    projection.reader().view().state_digest().unwrap().to_string()
}

#[test]
fn folded_live_rebuilt_on_any_number_of_threads_or_imported_the_state_digest_is_the_same() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path(), 12_000);
    // Folded group by group, as if it were live.
    let live = {
        let data_dir = DataDir::at(data_dir(folder.path()));
        let log = SledLog::open(&data_dir, Arc::new(chrono::Utc::now)).unwrap();
        let empty = tempfile::tempdir().unwrap();
        let nothing = SledLog::open(&DataDir::at(empty.path()), Arc::new(chrono::Utc::now)).unwrap();
        let path = folder.path().join("live");
        let mut live = Projection::open_and_catch_up(&path, Arc::new(Rules::default()), &nothing, &mut |_| {}).unwrap();
        let mut deliveries = log.read(Position::ZERO);
        loop {
            let group: Vec<_> = deliveries.by_ref().take(37).map(Result::unwrap).collect();
            if group.is_empty() {
                break;
            }
            live.apply(&group).unwrap();
        }
        live.reader().view().state_digest().unwrap().to_string()
    };
    for threads in ["1", "2", "5"] {
        let told = run(folder.path(), &["rebuild", "--threads", threads, "--memory-mb", "16"]);
        assert_eq!(told.status, 0, "{}{}", told.stdout, told.stderr);
        assert_eq!(state_digest(folder.path()), live, "{threads} threads");
    }
    let verified = json(folder.path(), &["verify"]);
    assert_eq!(verified["ok"], true, "{verified}");
    assert_eq!(verified["projection"]["report"]["digestAfter"], live);
    // The same out of an export and out of a backup.
    let export = folder.path().join("all.ndjson");
    let backup = folder.path().join("backup");
    assert_eq!(run(folder.path(), &["export", "--output", export.to_str().unwrap()]).status, 0);
    assert_eq!(run(folder.path(), &["backup", backup.to_str().unwrap()]).status, 0);
    for (command, from) in [("import", &export), ("restore", &backup)] {
        let other = tempfile::tempdir().unwrap();
        configure(other.path());
        let told = run(other.path(), &[command, from.to_str().unwrap()]);
        assert_eq!(told.status, 0, "{}{}", told.stdout, told.stderr);
        assert_eq!(json(other.path(), &["verify"])["stateDigest"], live);
        assert_eq!(json(other.path(), &["verify"])["log"]["digest"], verified["log"]["digest"]);
        assert_eq!(state_digest(other.path()), live);
    }
    let copy = json(folder.path(), &["verify", backup.to_str().unwrap()]);
    assert_eq!((&copy["ok"], &copy["log"]["digest"]), (&Value::Bool(true), &verified["log"]["digest"]));
}

#[test]
fn a_projection_that_is_not_what_the_log_makes_is_told_and_mended() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path(), 2_000);
    let unknown = run(folder.path(), &["rebuild", "--dry-run", "--source", "uptown"]);
    assert_eq!(unknown.status, 1, "{}", unknown.stdout);
    let first = run(folder.path(), &["rebuild"]);
    let unknown = run(folder.path(), &["rebuild", "--dry-run", "--source", "uptown"]);
    assert!(unknown.stderr.contains("there is no source `uptown` in the log or the configuration; there is: downtown"));
    let mode = |path: &str| fs::metadata(data_dir(folder.path()).join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("projection"), mode("head")), (0o700, 0o600), "ids of appointments are their owner's business");
    assert!(first.stdout.contains("there was none of this log before"), "{}", first.stdout);
    // The projection of a log that ends otherwise, made to look like one of this log.
    let projections = data_dir(folder.path()).join("projection");
    let projection = open_as_it_is(&projections, Arc::default()).unwrap().unwrap();
    projection.confuse_two_appointments().unwrap();
    drop(projection);
    let verified = run(folder.path(), &["verify"]);
    assert_eq!(verified.status, 1, "{}", verified.stdout);
    assert!(verified.stdout.contains("it differs from a fresh fold"), "{}", verified.stdout);
    assert!(verified.stdout.contains("`clockfold rebuild` builds it anew"), "{}", verified.stdout);
    let report = &json(folder.path(), &["rebuild", "--dry-run"])["report"];
    assert_eq!((&report["equal"], &report["total"]["changed"]), (&Value::Bool(false), &1.into()), "{report}");
    assert_eq!(run(folder.path(), &["verify"]).status, 1, "a dry run repairs nothing");
    assert_eq!(run(folder.path(), &["rebuild"]).status, 0);
    assert_eq!(run(folder.path(), &["verify"]).status, 0);
}

#[test]
fn beside_a_running_server_the_server_does_it() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path(), 3_000);
    let server = Server::start(folder.path(), CONFIG);
    configure(folder.path());
    assert_eq!(server.deliver(7, "create").status, 200);
    let verified = json(folder.path(), &["verify"]);
    assert_eq!(verified["ok"], true, "{verified}");
    assert_eq!(verified["log"]["goodUpTo"], "3001");
    assert!(verified["log"]["digest"].is_string());
    let before = fs::read_to_string(data_dir(folder.path()).join("projection/current")).unwrap();
    let rebuilt = json(folder.path(), &["rebuild"]);
    assert_eq!(rebuilt["report"]["equal"], true, "{rebuilt}");
    assert_ne!(fs::read_to_string(data_dir(folder.path()).join("projection/current")).unwrap(), before);
    let tried = run(folder.path(), &["rebuild", "--dry-run", "--source", "downtown", "--lifecycle", "lenient"]);
    assert!(tried.stdout.contains("for example:"), "{}{}", tried.stdout, tried.stderr);
    let unknown = run(folder.path(), &["rebuild", "--dry-run", "--source", "downtown", "--lifecycle", "nope"]);
    assert_eq!(unknown.status, 1);
    assert!(unknown.stderr.contains("There is no lifecycle of this name"), "{}", unknown.stderr);
    let refolded = run(folder.path(), &["rebuild", "--source", "downtown", "--appointment", "7"]);
    assert!(refolded.stdout.contains("nothing differed"), "{}{}", refolded.stdout, refolded.stderr);
    drop(server);
    let refolded = run(folder.path(), &["rebuild", "--source", "downtown", "--appointment", "7"]);
    assert!(refolded.stdout.contains("nothing differed"), "{}{}", refolded.stdout, refolded.stderr);
    let nobody = run(folder.path(), &["rebuild", "--source", "downtown", "--appointment", "999999"]);
    assert_eq!(nobody.status, 1);
}

#[test]
fn a_log_that_has_lost_what_was_folded_once_is_told() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path(), 2_000);
    let shorter = folder.path().join("shorter.ndjson");
    let shorter = shorter.to_str().unwrap();
    assert_eq!(run(folder.path(), &["export", "--to-position", "1900", "--output", shorter]).status, 0);
    assert_eq!(run(folder.path(), &["rebuild"]).status, 0);
    let data_dir = data_dir(folder.path());
    fs::remove_dir_all(data_dir.join("log")).unwrap();
    fs::remove_file(data_dir.join("head")).unwrap();
    assert_eq!(run(folder.path(), &["import", shorter]).status, 0);
    let verified = run(folder.path(), &["verify"]);
    assert_eq!(verified.status, 1, "{}", verified.stdout);
    let lost =
        "it is of position 2000, and the log ends at 1900; deliveries that were folded once are gone from the log";
    assert!(verified.stdout.contains(lost), "{}", verified.stdout);
    let rebuilt = run(folder.path(), &["rebuild"]);
    assert_eq!(rebuilt.status, 1);
    assert!(rebuilt.stderr.contains("deliveries that were folded once are gone"), "{}", rebuilt.stderr);
    fs::remove_file(data_dir.join("head")).unwrap();
    let verified = run(folder.path(), &["verify"]);
    assert_eq!(verified.status, 1);
    assert!(verified.stderr.contains("no remembered head"), "{}", verified.stderr);
    assert!(!data_dir.join("head").exists(), "the tripwire is not set again by who only looks");
}

#[test]
fn one_appointment_is_not_folded_by_other_rules_than_its_neighbours() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path(), 1_000);
    assert_eq!(run(folder.path(), &["rebuild"]).status, 0);
    let path = folder.path().join("clockfold.toml");
    let other = fs::read_to_string(&path).unwrap() + "lifecycle = \"lenient\"\n";
    fs::write(&path, other).unwrap();
    let refolded = run(folder.path(), &["rebuild", "--source", "downtown", "--appointment", "1"]);
    assert_eq!(refolded.status, 1, "{}", refolded.stdout);
    assert!(refolded.stderr.contains("other rules apply to `downtown`"), "{}", refolded.stderr);
    let verified = run(folder.path(), &["verify"]);
    assert_eq!(verified.status, 0, "{}{}", verified.stdout, verified.stderr);
    assert!(verified.stdout.contains("other rules apply to downtown now"), "{}", verified.stdout);
}

#[test]
fn a_rebuild_leaves_the_disk_room_for_deliveries() {
    let disk = Disk::of_mebibytes(120);
    fill(&disk.path, 30_000);
    let server = Server::start(&disk.path, CONFIG);
    configure(&disk.path);
    disk.fill(8 << 20);
    let rebuilt = run(&disk.path, &["rebuild"]);
    assert_eq!(rebuilt.status, 1, "{}", rebuilt.stdout);
    assert!(rebuilt.stderr.contains("is almost full"), "{}", rebuilt.stderr);
    assert_eq!(server.deliver(7, "create").status, 200);
    disk.free();
    let rebuilt = run(&disk.path, &["rebuild"]);
    assert_eq!(rebuilt.status, 0, "{}{}", rebuilt.stdout, rebuilt.stderr);
    assert_eq!(server.deliver(8, "create").status, 200);
}
