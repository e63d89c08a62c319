//! `export` and `import`: what comes back is what the log held, and what is not that is refused with its place.

use std::{
    fs,
    io::Write,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use clockfold::log::{Digest, Log, NewDelivery, Position};
use serde_json::Value;

use crate::support::{
    self,
    copies::{append, contents, done, kill_after, many, open, refused, start, time_of},
    delivery, delivery_from,
    random::Random,
    sample_deliveries,
    server::{clockfold, command},
};

const KILLS: u64 = 20;

fn lines(export: &str) -> Vec<Value> {
    export.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The log of `folder`'s `data` holds every shape of a delivery, and one body is erased.
fn sample(folder: &Path) {
    append(&folder.join("data"), sample_deliveries());
    open(&folder.join("data")).erase(&[Position::new(2)]).unwrap();
}

#[test]
fn an_export_holds_every_field_and_comes_back_as_the_same_log() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    sample(folder);
    let export = done(folder, &["export", "--data-dir", "data"]).stdout;
    let (deliveries, head) = contents(&folder.join("data"));
    let lines = lines(&export);
    assert_eq!(lines.len(), deliveries.len() + 2);
    let (after, to) = (
        serde_json::json!({"position": "0", "digest": Digest::EMPTY.to_string()}),
        serde_json::json!({"position": head.position.to_string(), "digest": head.digest.to_string()}),
    );
    assert_eq!(lines[0], serde_json::json!({"format": "clockfold-export", "version": 1, "after": after, "to": to}));
    assert_eq!(
        lines[lines.len() - 1],
        serde_json::json!({"end": true, "after": after, "to": to, "deliveries": deliveries.len().to_string()})
    );
    assert_eq!(lines[1]["position"], "1");
    assert_eq!(lines[1]["receivedAt"], "2026-03-02T15:04:05.678Z");
    assert_eq!(lines[1]["source"], "downtown");
    assert_eq!(lines[1]["appointmentId"], "52468874");
    assert_eq!(lines[1]["eventType"], "create");
    assert_eq!(lines[1]["deliveryId"], "evt_0001");
    assert_eq!(lines[1]["body"], "eyJhcHBvaW50bWVudF9pZCI6IDUyNDY4ODc0LCAiZXZlbnRfdHlwZSI6ICJjcmVhdGUifQ==");
    assert_eq!(lines[1]["salt"].as_str().unwrap().len(), 24);
    assert_eq!(lines[2]["commitment"].as_str().unwrap().len(), 64);
    assert!(lines[2].get("body").is_none() && lines[2].get("salt").is_none());
    let unreadable = lines.iter().find(|line| line["unreadable"] == "NOT_JSON").unwrap();
    assert!(unreadable.get("appointmentId").is_none() && unreadable["body"] == "/wAgbm90IHRleHQ=");
    // The fields stand in one order, so that the same log is the same text.
    let first = export.lines().nth(1).unwrap();
    let begins = r#"{"position":"1","receivedAt":"2026-03-02T15:04:05.678Z","source":"downtown","appointmentId":"52468874","eventType":"create","deliveryId":"evt_0001","salt":""#;
    assert!(first.starts_with(begins), "{first}");

    fs::write(folder.join("all.ndjson"), &export).unwrap();
    let told = done(folder, &["import", "all.ndjson", "--data-dir", "other"]);
    assert!(told.stdout.contains(&head.digest.to_string()), "{}", told.stdout);
    assert_eq!(contents(&folder.join("other")), (deliveries, head));
    assert_eq!(done(folder, &["export", "--data-dir", "other"]).stdout, export);
    // The same again changes nothing, and says so.
    let told = done(folder, &["import", "all.ndjson", "--data-dir", "other"]);
    assert!(told.stdout.contains("nothing was new"), "{}", told.stdout);
    // An erased body is no difference, whichever side it was erased on.
    open(&folder.join("other")).erase(&[Position::new(3)]).unwrap();
    assert!(done(folder, &["import", "all.ndjson", "--data-dir", "other"]).stdout.contains("nothing was new"));
    assert_eq!(contents(&folder.join("other")).1, head);
    // From standard input, and into a new file for its owner only.
    let mut child = command(folder)
        .args(["import", "-", "--data-dir", "piped"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(export.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(contents(&folder.join("piped")).1, head);
    let mut names: Vec<_> =
        fs::read_dir(folder.join("piped")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["head", "lock", "log"]);
    for _ in 0..2 {
        let told = done(folder, &["export", "--data-dir", "data", "--output", "file.ndjson"]);
        assert!(told.stdout.contains(&head.digest.to_string()), "{}", told.stdout);
    }
    assert_eq!(fs::read_to_string(folder.join("file.ndjson")).unwrap(), export);
    assert_eq!(fs::metadata(folder.join("file.ndjson")).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(folder.join("data/lock")).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn what_a_sender_wrote_drives_no_terminal_and_comes_back_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let ranges = ['\0'..='!', '~'..='\u{a1}', '\u{61b}'..='\u{61d}', '\u{200d}'..='\u{2010}', '\u{2027}'..='\u{202f}'];
    let odd: Vec<char> = ranges.into_iter().flatten().chain('\u{2065}'..='\u{206a}').collect();
    let sent = odd.iter().map(|odd| delivery_from("downtown", 7, &format!("check{odd}[2Jin"))).collect();
    append(&folder.join("data"), vec![sent]);
    let export = done(folder, &["export", "--data-dir", "data"]).stdout;
    let drives = |character: char| {
        let turns = "\u{61c}\u{200e}\u{200f}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2066}\u{2067}\u{2068}\u{2069}";
        character != '\n' && (character.is_control() || turns.contains(character))
    };
    assert_eq!(export.chars().find(|character| drives(*character)), None);
    for ((line, odd), position) in export.lines().skip(1).zip(&odd).zip(1..) {
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["position"], position.to_string());
        assert_eq!(line["eventType"], format!("check{odd}[2Jin"));
    }
    fs::write(folder.join("all.ndjson"), &export).unwrap();
    done(folder, &["import", "all.ndjson", "--data-dir", "other"]);
    assert_eq!(contents(&folder.join("other")), contents(&folder.join("data")));
    assert_eq!(done(folder, &["export", "--data-dir", "other"]).stdout, export);
    // An export of before, in which they stand as they are, is the same one.
    let as_it_is = |text: String, odd: &char| text.replace(&format!("\\u{:04x}", u32::from(*odd)), &odd.to_string());
    let before = odd.iter().filter(|odd| **odd >= '\u{7f}').fold(export.clone(), as_it_is);
    assert!(before.len() < export.len() && before.contains('\u{9b}'));
    fs::write(folder.join("before.ndjson"), before).unwrap();
    done(folder, &["import", "before.ndjson", "--data-dir", "again"]);
    assert_eq!(contents(&folder.join("again")), contents(&folder.join("data")));
}

#[test]
fn an_export_is_limited_to_sources_times_and_positions() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let group = |source: &str| vec![delivery_from(source, 7, "create"), delivery_from(source, 8, "create")];
    append(&folder.join("data"), ["downtown", "lakeside", "downtown", "uptown"].into_iter().map(group).collect());
    let positions = |arguments: &[&str]| {
        let export = done(folder, &[&["export", "--data-dir", "data"], arguments].concat()).stdout;
        let lines = lines(&export);
        let inner = &lines[1..lines.len() - 1];
        inner.iter().map(|line| line["position"].as_str().unwrap()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(positions(&["--source", "downtown"]), "1 2 5 6");
    assert_eq!(positions(&["--source", "downtown", "--source", "uptown"]), "1 2 5 6 7 8");
    assert_eq!(positions(&["--after-position", "3"]), "4 5 6 7 8");
    assert_eq!(positions(&["--to-position", "3"]), "1 2 3");
    assert_eq!(positions(&["--after-position", "3", "--to-position", "3"]), "");
    assert_eq!(positions(&["--from", "2026-03-02T15:04:06.678Z"]), "3 4 5 6 7 8");
    assert_eq!(positions(&["--from", "2026-03-02T15:04:06.679Z"]), "5 6 7 8");
    assert_eq!(positions(&["--to", "2026-03-02T15:04:06.678Z"]), "1 2");
    assert_eq!(positions(&["--from", "2026-03-02T10:04:06.678-05:00", "--to", "2026-03-02T15:04:08Z"]), "3 4 5 6");
    assert_eq!(positions(&["--from", "2027-01-01T00:00:00Z"]), "");
    assert_eq!(positions(&["--to", "2025-01-01T00:00:00Z"]), "");
    assert_eq!(positions(&["--source", "lakeside", "--after-position", "3", "--to", "2026-03-02T15:04:08Z"]), "4");
    // What has gaps says so, and is no log.
    let export = done(folder, &["export", "--data-dir", "data", "--source", "lakeside"]).stdout;
    assert_eq!(lines(&export)[0]["sources"], serde_json::json!(["lakeside"]));
    assert_eq!(lines(&export)[3]["sources"], serde_json::json!(["lakeside"]));
    fs::write(folder.join("lakeside.ndjson"), export).unwrap();
    let told = refused(folder, &["import", "lakeside.ndjson", "--data-dir", "other"]);
    assert!(told.contains("only some sources"), "{told}");
    assert!(!folder.join("other").exists());
    let told = refused(folder, &["export", "--data-dir", "data", "--to-position", "9"]);
    assert!(told.contains("the log ends at position 8"), "{told}");
    refused(folder, &["export", "--data-dir", "data", "--after-position", "5", "--to-position", "4"]);
    refused(folder, &["export", "--data-dir", "nowhere"]);
    assert!(!folder.join("nowhere").exists());
    // Whoever looks on is told how far it is.
    let told = clockfold(folder, &[], &["export", "--data-dir", "data", "--progress"]);
    assert!(told.stderr.contains("exporting: 8 of 8 deliveries, 100 %"), "{}", told.stderr);
}

#[test]
fn a_log_grows_by_what_is_new_and_takes_nothing_of_another_log() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let groups = |count: usize| sample_deliveries().into_iter().cycle().take(count).collect::<Vec<_>>();
    append(&folder.join("data"), groups(3));
    done(folder, &["export", "--data-dir", "data", "--output", "short"]);
    let short = contents(&folder.join("data"));
    append(&folder.join("data"), groups(2));
    let long = contents(&folder.join("data"));
    done(folder, &["export", "--data-dir", "data", "--output", "long"]);
    let since = short.1.position.to_string();
    done(folder, &["export", "--data-dir", "data", "--after-position", &since, "--output", "since"]);
    for (grown_by, into) in [("long", "one"), ("since", "two")] {
        done(folder, &["import", "short", "--data-dir", into]);
        assert_eq!(contents(&folder.join(into)), short);
        let told = done(folder, &["import", grown_by, "--data-dir", into]);
        let new = format!("as positions {} to {}", short.1.position.next(), long.1.position);
        assert!(told.stdout.contains(&new), "{}", told.stdout);
        assert_eq!(contents(&folder.join(into)), long);
        // A shorter one is in it already.
        assert!(done(folder, &["import", "short", "--data-dir", into]).stdout.contains("nothing was new"));
    }
    let told = refused(folder, &["import", "since", "--data-dir", "three"]);
    assert!(told.contains("the log ends at position 0"), "{told}");
    // Another log with the same beginning, and one that differs before the exported stretch.
    done(folder, &["import", "short", "--data-dir", "other"]);
    append(&folder.join("other"), vec![vec![delivery(99, "create")]]);
    let before = contents(&folder.join("other"));
    let differs = format!("position {} differs", short.1.position.next());
    let told = refused(folder, &["import", "long", "--data-dir", "other"]);
    assert!(told.contains(&differs) && told.contains("nothing was changed"), "{told}");
    assert_eq!(contents(&folder.join("other")), before);
    append(&folder.join("fourth"), groups(4));
    let before = contents(&folder.join("fourth"));
    let told = refused(folder, &["import", "since", "--data-dir", "fourth"]);
    assert!(told.contains("of another log"), "{told}");
    let told = refused(folder, &["import", "short", "--data-dir", "fourth"]);
    assert!(told.contains("position 1 differs"), "{told}");
    assert_eq!(contents(&folder.join("fourth")), before);
}

#[test]
fn a_bad_line_is_told_with_its_number_and_nothing_is_imported() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    sample(folder);
    let export = done(folder, &["export", "--data-dir", "data"]).stdout;
    let lines: Vec<&str> = export.lines().collect();
    let last = lines.len();
    let with = |number: usize, line: &str| {
        let mut changed = lines.clone();
        changed[number - 1] = line;
        changed.join("\n") + "\n"
    };
    let replaced = |number: usize, from: &str, to: &str| {
        assert!(lines[number - 1].contains(from), "{from}: {}", lines[number - 1]);
        with(number, &lines[number - 1].replacen(from, to, 1))
    };
    let without = |number: usize| {
        let mut changed = lines.clone();
        changed.remove(number - 1);
        changed.join("\n") + "\n"
    };
    let swapped = [&lines[..4], &[lines[5], lines[4]], &lines[6..]].concat().join("\n") + "\n";
    for (changed, message) in [
        (String::new(), "cut short"),
        ("{}\n".to_owned(), "line 1: this is not an export"),
        ("PATIENT\n".to_owned(), "line 1: this is not an export"),
        (replaced(1, "\"version\":1", "\"version\":2"), "line 1: this is version 2"),
        (with(3, "{\"position\": PATIENT"), "line 3: this is not JSON"),
        (with(3, ""), "line 3: this is not JSON"),
        (with(4, "{\"PATIENT\":1}"), "line 4: a field is not known"),
        (replaced(2, "\"position\":\"1\"", "\"position\":1"), "line 2: a field is not known"),
        (replaced(2, "\"position\":\"1\"", "\"position\":\"01\""), "line 2: `position`"),
        (replaced(2, "\"position\":\"1\",", ""), "line 2: `position` is missing"),
        (replaced(2, ".678Z", ".6781Z"), "line 2: `receivedAt`"),
        (replaced(2, "15:04:05.678Z", "15:04:35.678Z"), "line 3: `receivedAt` is less than a minute before"),
        (replaced(2, "15:04:05.678Z", "17:04:05.678Z"), "the digest after line"),
        (replaced(2, "downtown", "Down Town"), "line 2: `source`"),
        (replaced(2, "\"52468874\"", "\"0\""), "line 2: `appointmentId`"),
        (replaced(2, "\"appointmentId\":\"52468874\",", ""), "line 2: there is to be either `appointmentId`"),
        (replaced(2, "\"salt\":\"", "\"salt\":\"?"), "line 2: `salt` is not base64"),
        (replaced(2, "\"body\":\"", "\"commitment\":\""), "line 2: there is to be either `salt` and `body`"),
        (replaced(3, "\"commitment\":\"", "\"commitment\":\"0"), "line 3: `commitment`"),
        (replaced(last - 1, "NOT_JSON", "NOT_KNOWN"), &format!("line {}: `unreadable`", last - 1)),
        (replaced(2, "evt_0001", "evt_0002"), "the digest after line"),
        (replaced(2, "\"body\":\"e", "\"body\":\"f"), "the digest after line"),
        (without(5), "line 5: position 5 stands where 4 belongs"),
        (swapped, "line 5: position 5 stands where 4 belongs"),
        (without(last), "cut short: it ends after line"),
        (export[..export.len() - 1].to_owned(), "cut short: it ends after line"),
        (export[..export.len() / 2].to_owned(), "cut short: it ends after line"),
        (without(last - 1), &format!("line {}: the last line does not count", last - 1)),
        (export.clone() + "\n", &format!("line {}: the last line came before", last + 1)),
    ] {
        fs::write(folder.join("changed"), changed).unwrap();
        let told = refused(folder, &["import", "changed", "--data-dir", "other"]);
        assert!(told.contains(message), "{message}: {told}");
        assert!(!told.contains("PATIENT"), "{told}");
        assert!(!folder.join("other").exists(), "{message}");
    }
    let huge = format!("{}\n{}\n", lines[0], "x".repeat(2 << 20));
    fs::write(folder.join("changed"), huge).unwrap();
    assert!(refused(folder, &["import", "changed", "--data-dir", "other"]).contains("line 2: it is longer than"));
    assert!(refused(folder, &["import", "nowhere", "--data-dir", "other"]).contains("opening nowhere"));
}

#[test]
fn an_import_that_is_killed_is_simply_run_again() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    append(&folder.join("data"), many(40_000, 1, 300));
    let whole = contents(&folder.join("data"));
    done(folder, &["export", "--data-dir", "data", "--output", "all"]);
    let arguments = ["import", "all", "--data-dir", "other"];
    let took = time_of(start(folder, &arguments));
    assert_eq!(contents(&folder.join("other")), whole);
    let mut random = Random::new(u64::from(std::process::id()));
    let (mut kills, mut partial, begun) = (0, 0, Instant::now());
    while kills < KILLS {
        fs::remove_dir_all(folder.join("other")).unwrap();
        let mut completed = false;
        // Killed up to three times on the same directory, each time at another moment.
        for _ in 0..3 {
            let microseconds = u64::try_from(took.as_micros()).unwrap();
            completed = kill_after(start(folder, &arguments), Duration::from_micros(random.below(microseconds)));
            kills += u64::from(!completed);
            if folder.join("other/log").exists() {
                let (deliveries, head) = contents(&folder.join("other"));
                assert_eq!(deliveries, whole.0[..deliveries.len()], "what an interrupted import leaves is a beginning");
                partial += u64::from(!deliveries.is_empty() && head != whole.1);
            }
        }
        done(folder, &arguments);
        assert_eq!(contents(&folder.join("other")), whole, "completed: {completed}");
    }
    println!("{kills} kills, {partial} of them left a part, {:.1} s", begun.elapsed().as_secs_f64());
}

#[test]
fn copies_are_appended_only_in_their_order() {
    let folder = tempfile::tempdir().unwrap();
    append(&folder.path().join("data"), vec![vec![delivery(1, "create")], vec![delivery(2, "create")]]);
    let (deliveries, head) = contents(&folder.path().join("data"));
    let log = open(&folder.path().join("other"));
    log.append_copies(&[]).unwrap();
    log.append_copies(&deliveries[1..]).unwrap_err();
    let mut earlier = deliveries.clone();
    earlier[1].received_at -= chrono::TimeDelta::seconds(9);
    log.append_copies(&earlier).unwrap_err();
    assert_eq!(log.head().position, Position::ZERO, "all of a group or nothing");
    log.append_copies(&deliveries).unwrap();
    assert_eq!(log.head(), head);
    log.append_copies(&deliveries).unwrap_err();
    // And it goes on from there.
    let next: Vec<NewDelivery> = vec![delivery(3, "create")];
    assert_eq!(log.append(next).unwrap(), [Position::new(3)]);
}

/// `fixtures/export-v1.ndjson` is of `fixtures/log-v1.tar.gz`, by the first version of the format. It is read for ever.
/// Written anew, for a new version beside the old, with `UPDATE_FROZEN=1`.
#[test]
fn an_export_of_version_1_is_read_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let sample = support::fixture("export-v1.ndjson");
    support::tar(&["-xzf", support::fixture("log-v1.tar.gz").to_str().unwrap(), "-C", folder.to_str().unwrap()]);
    let export = done(folder, &["export", "--data-dir", "log-v1"]).stdout;
    if std::env::var_os("UPDATE_FROZEN").is_some() {
        fs::write(&sample, &export).unwrap();
    }
    let frozen = fs::read_to_string(support::fixture("log-v1.digest")).unwrap();
    done(folder, &["import", sample.to_str().unwrap(), "--data-dir", "other"]);
    assert_eq!(contents(&folder.join("other")).1.digest.to_string(), frozen.trim());
    assert!(export == fs::read_to_string(sample).unwrap(), "the format is another one: it needs another version");
}
