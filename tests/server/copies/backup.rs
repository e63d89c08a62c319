//! `backup` and `restore`: a copy in files becomes the same log, and what is not the same is told with its place.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use clockfold::{
    copies::{BackupWriter, CopyKind, Stretch, Survey},
    log::{Head, Log, Position},
};

use crate::support::{
    self,
    copies::{append, contents, done, files, kill_after, many, open, refused, start, time_of},
    delivery,
    load::{Load, Plan},
    random::Random,
    sample_deliveries,
    server::{CONFIG, Server, clockfold, command, data_dir},
};

const KILLS: u64 = 20;

/// A backup in several segments, of the log in `data`.
fn backup_in_segments(folder: &Path, segment_bytes: u64) -> Head {
    let log = open(&folder.join("data"));
    let stretch = Stretch::of(&log, Position::ZERO, None).unwrap();
    let mut writer = BackupWriter::begin(&folder.join("backup"), stretch).unwrap().with_segments_of(segment_bytes);
    for delivery in stretch.read(&log) {
        writer.append(delivery.unwrap()).unwrap();
    }
    writer.finish(support::arrival()).unwrap().head
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_backup_becomes_the_same_log_and_overwrites_none() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    append(&folder.join("data"), sample_deliveries());
    open(&folder.join("data")).erase(&[Position::new(2)]).unwrap();
    let before = contents(&folder.join("data"));
    let digest = before.1.digest.to_string();
    let told = done(folder, &["backup", "backup", "--data-dir", "data"]);
    assert!(told.stdout.contains(&digest), "{}", told.stdout);
    assert_eq!(mode(&folder.join("backup")), 0o700);
    let names: Vec<_> = files(&folder.join("backup")).iter().map(|path| path.file_name().unwrap().to_owned()).collect();
    assert_eq!(names, ["manifest.json", "segment-00000000000000000001.clockfold"]);
    assert!(files(&folder.join("backup")).iter().all(|path| mode(path) == 0o600));
    let manifest: serde_json::Value =
        serde_json::from_slice(&fs::read(folder.join("backup/manifest.json")).unwrap()).unwrap();
    let segment = fs::read(folder.join("backup/segment-00000000000000000001.clockfold")).unwrap();
    assert_eq!(manifest["position"], before.1.position.to_string());
    assert_eq!(manifest["digest"], digest);
    assert_eq!(manifest["segments"][0]["bytes"], segment.len());
    assert_eq!(manifest["segments"][0]["blake3"], blake3_of(&segment));

    let told = done(folder, &["restore", "backup", "--data-dir", "other"]);
    assert!(told.stdout.contains(&digest), "{}", told.stdout);
    assert_eq!(contents(&folder.join("other")), before);
    let mut names: Vec<_> =
        fs::read_dir(folder.join("other")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["head", "lock", "log"]);
    // A log that holds anything stays as it is.
    for data_dir in ["other", "data"] {
        let told = refused(folder, &["restore", "backup", "--data-dir", data_dir]);
        assert!(told.contains("is not overwritten") && told.contains("hint: "), "{told}");
    }
    assert_eq!(contents(&folder.join("other")), before);
    // An empty one gets it, and the key that a first start made stays.
    drop(open(&folder.join("empty")));
    fs::write(folder.join("empty/log/first-source.toml"), "kept").unwrap();
    done(folder, &["restore", "backup", "--data-dir", "empty"]);
    assert_eq!(contents(&folder.join("empty")), before);
    assert_eq!(fs::read_to_string(folder.join("empty/log/first-source.toml")).unwrap(), "kept");
    // A directory is a backup's own.
    let told = refused(folder, &["backup", "backup", "--data-dir", "data"]);
    assert!(told.contains("is not empty"), "{told}");
    assert!(refused(folder, &["restore", "data", "--data-dir", "new"]).contains("neither a backup nor an archive"));
    assert!(refused(folder, &["restore", "nowhere", "--data-dir", "new"]).contains("nowhere"));
    assert!(!folder.join("new").exists());
    // Also of an empty log.
    drop(open(&folder.join("nothing")));
    done(folder, &["backup", "of-nothing", "--data-dir", "nothing"]);
    done(folder, &["restore", "of-nothing", "--data-dir", "still-nothing"]);
    assert_eq!(contents(&folder.join("still-nothing")).1, Head::EMPTY);
}

fn blake3_of(bytes: &[u8]) -> String {
    clockfold::access::digest_of(bytes).to_string().replace("blake3:", "")
}

#[test]
fn a_backup_is_made_while_webhooks_flow_and_is_the_log_at_its_position() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    append(&data_dir(folder), many(20_000, 7, 200));
    let mut server = Server::start(folder, CONFIG);
    let plan = Plan { senders: 4, each: 100_000, first_appointment: 1_000_000, seed: 8, note_bytes: 1..100 };
    let load = Load::start(server.address, &plan);
    let mut positions = Vec::new();
    for backup in ["one", "two"] {
        let told = done(folder, &["backup", backup, "--data-dir", "data"]);
        let position = told.stdout.split("ends at position ").nth(1).unwrap().split(' ').next().unwrap().to_owned();
        positions.push(position.parse::<usize>().unwrap());
    }
    let sent = load.finish();
    assert!(sent.refused.is_empty() && sent.unanswered.is_empty());
    assert!(positions[0] < positions[1], "{positions:?}: nothing flowed");
    // Restoring needs a stopped store.
    let told = refused(folder, &["restore", "two", "--data-dir", "data"]);
    assert!(told.contains("in use"), "{told}");
    assert!(server.terminate().success());
    let whole = contents(&data_dir(folder));
    for (backup, position) in ["one", "two"].into_iter().zip(positions) {
        done(folder, &["restore", backup, "--data-dir", &format!("of-{backup}")]);
        let (deliveries, head) = contents(&folder.join(format!("of-{backup}")));
        assert_eq!(deliveries, whole.0[..position]);
        assert_eq!(head.position, Position::new(position as u64));
        // A server goes on from there.
        let mut serve = command(folder);
        serve.args(["serve", "--listen", "127.0.0.1:0", "--config", "clockfold.toml", "--data-dir"]);
        serve.arg(format!("of-{backup}"));
        let server = Server::spawn(serve);
        assert_eq!(server.deliver(7, "create").json()["position"], (position + 1).to_string());
    }
}

#[test]
fn a_backup_that_is_killed_is_told_from_a_complete_one() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    append(&folder.join("data"), many(40_000, 9, 300));
    let whole = contents(&folder.join("data"));
    let arguments = ["backup", "backup", "--data-dir", "data"];
    let took = u64::try_from(time_of(start(folder, &arguments)).as_micros()).unwrap();
    let mut random = Random::new(u64::from(std::process::id()));
    let (mut incomplete, mut complete, begun) = (0, 0, Instant::now());
    for _ in 0..KILLS {
        fs::remove_dir_all(folder.join("backup")).unwrap();
        kill_after(start(folder, &arguments), Duration::from_micros(random.below(took)));
        fs::create_dir_all(folder.join("backup")).unwrap();
        if folder.join("backup/manifest.json").exists() {
            complete += 1;
            done(folder, &["restore", "backup", "--data-dir", "other"]);
            assert_eq!(contents(&folder.join("other")), whole);
            fs::remove_dir_all(folder.join("other")).unwrap();
            continue;
        }
        incomplete += 1;
        let told = refused(folder, &["restore", "backup", "--data-dir", "other"]);
        assert!(!folder.join("other").exists());
        if folder.join("backup/incomplete").exists() {
            assert!(told.contains("is incomplete"), "{told}");
            assert!(refused(folder, &arguments).contains("a backup that was interrupted"));
            done(folder, &["restore", "backup", "--data-dir", "other", "--up-to-damage"]);
            let (deliveries, _) = contents(&folder.join("other"));
            assert_eq!(deliveries, whole.0[..deliveries.len()]);
            fs::remove_dir_all(folder.join("other")).unwrap();
        }
    }
    println!("{incomplete} incomplete, {complete} complete, {:.1} s", begun.elapsed().as_secs_f64());
    assert!(incomplete > 0);
}

#[test]
fn a_restore_that_is_killed_leaves_no_half_log() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    append(&folder.join("data"), many(20_000, 10, 300));
    let whole = contents(&folder.join("data"));
    done(folder, &["backup", "backup", "--data-dir", "data"]);
    fs::remove_dir_all(folder.join("data")).unwrap();
    let arguments = ["restore", "backup", "--data-dir", "data"];
    let took = u64::try_from(time_of(start(folder, &arguments)).as_micros()).unwrap();
    let mut random = Random::new(u64::from(std::process::id()));
    let (mut halfway, begun) = (0, Instant::now());
    for _ in 0..KILLS {
        fs::remove_dir_all(folder.join("data")).unwrap();
        let completed = kill_after(start(folder, &arguments), Duration::from_micros(random.below(took)));
        // What a server would find: all of it, nothing at all, or a refusal.
        let opened = clockfold::log::SledLog::open(
            &clockfold::log::DataDir::at(folder.join("data")),
            std::sync::Arc::new(chrono::Utc::now),
        );
        match opened {
            Ok(log) => assert!(log.head() == whole.1 || (log.head() == Head::EMPTY && !completed), "{:?}", log.head()),
            Err(error) => {
                halfway += 1;
                assert!(error.to_string().contains("are missing"), "{error}");
            }
        }
        if !completed {
            let told = clockfold(folder, &[], &arguments);
            assert!(told.status == 0 || told.stderr.contains("is not overwritten"), "{}", told.stderr);
        }
        assert_eq!(contents(&folder.join("data")), whole);
    }
    println!("{halfway} of {KILLS} refused to start, {:.1} s", begun.elapsed().as_secs_f64());
}

/// One way to corruption a backup: what it is called, what it does to the files, and which positions may be told.
type Damage = (&'static str, fn(&[PathBuf]));

#[test]
fn every_damage_is_told_with_its_segment_and_position() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    append(&folder.join("data"), many(6_000, 11, 120));
    let whole = contents(&folder.join("data"));
    backup_in_segments(folder, 200_000);
    let kept = files(&folder.join("backup"));
    let segments: Vec<PathBuf> =
        kept.into_iter().filter(|path| path.extension().is_some_and(|end| end == "clockfold")).collect();
    assert!(segments.len() >= 4, "{segments:?}");
    let contents_before: Vec<Vec<u8>> = segments.iter().map(|path| fs::read(path).unwrap()).collect();
    let first_of =
        |path: &Path| -> u64 { path.to_string_lossy().split('-').next_back().unwrap()[..20].parse().unwrap() };
    let flip = |path: &Path, at: usize| {
        let mut bytes = fs::read(path).unwrap();
        bytes[at] ^= 1;
        fs::write(path, bytes).unwrap();
    };
    let damages: [Damage; 8] = [
        ("a flipped bit in a header", |segments| flip_at(&segments[1], 20)),
        ("a flipped bit in a length", |segments| flip_at(&segments[1], 56)),
        ("a flipped bit at the end", |segments| flip_at(&segments[1], usize::MAX)),
        ("a cut tail", |segments| cut(&segments[1], 100)),
        ("a dropped segment", |segments| fs::remove_file(&segments[1]).unwrap()),
        ("a dropped frame", |segments| edit_frames(&segments[1], |frames| drop(frames.remove(1)))),
        ("swapped frames", |segments| edit_frames(&segments[1], |frames| frames.swap(1, 2))),
        ("a repeated frame", |segments| edit_frames(&segments[1], |frames| frames.insert(1, frames[0].clone()))),
    ];
    for (what, damage) in damages {
        damage(&segments);
        check_damage(folder, what, &whole, first_of(&segments[1]), first_of(&segments[2]), &segments[1]);
        for (path, bytes) in segments.iter().zip(&contents_before) {
            fs::write(path, bytes).unwrap();
        }
    }
    // A segment of the same length and place, whole by itself, of another log.
    append(&folder.join("another"), many(6_000, 11, 120));
    let name = segments[1].file_name().unwrap();
    fs::rename(folder.join("backup"), folder.join("kept")).unwrap();
    fs::rename(folder.join("data"), folder.join("data-kept")).unwrap();
    fs::rename(folder.join("another"), folder.join("data")).unwrap();
    backup_in_segments(folder, 200_000);
    let other = folder.join("other-backup");
    fs::rename(folder.join("backup"), &other).unwrap();
    fs::rename(folder.join("kept"), folder.join("backup")).unwrap();
    let replacement = files(&other)
        .into_iter()
        .find(|path| path.file_name() == Some(name))
        .unwrap_or_else(|| files(&other)[2].clone());
    fs::copy(replacement, &segments[1]).unwrap();
    check_damage(folder, "an exchanged segment", &whole, first_of(&segments[1]), first_of(&segments[1]), &segments[1]);
    fs::write(&segments[1], &contents_before[1]).unwrap();
    // Any bit of it.
    let mut random = Random::new(12);
    for _ in 0..40 {
        let index = random.index(segments.len());
        flip(&segments[index], random.index(contents_before[index].len()));
        let survey = Survey::of(&folder.join("backup"), &mut || {}).unwrap();
        let damage = survey.damage.expect("a flipped bit is found");
        assert_eq!(damage.segment, segments[index]);
        assert_eq!((survey.kind, survey.whole.position.next()), (CopyKind::Backup, damage.position));
        fs::write(&segments[index], &contents_before[index]).unwrap();
    }
    done(folder, &["restore", "backup", "--data-dir", "whole"]);
    assert_eq!(contents(&folder.join("whole")), whole);
}

fn flip_at(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    let at = at.min(bytes.len() - 1);
    bytes[at] ^= 1;
    fs::write(path, bytes).unwrap();
}

fn cut(path: &Path, bytes: usize) {
    let whole = fs::read(path).unwrap();
    fs::write(path, &whole[..whole.len() - bytes]).unwrap();
}

/// Takes a segment's frames apart and puts them together again.
fn edit_frames(path: &Path, edit: impl FnOnce(&mut Vec<Vec<u8>>)) {
    let bytes = fs::read(path).unwrap();
    let (header, mut rest) = bytes.split_at(56);
    let mut frames = Vec::new();
    while !rest.is_empty() {
        let length = 8 + u32::from_le_bytes(rest[..4].try_into().unwrap()) as usize;
        frames.push(rest[..length].to_vec());
        rest = &rest[length..];
    }
    edit(&mut frames);
    fs::write(path, [header.to_vec(), frames.concat()].concat()).unwrap();
}

/// A corrupt backup is refused, with the segment and a position in `first..=last`, which is one after the segment's
/// where only its end is corrupt; what is before that can be had.
fn check_damage(
    folder: &Path,
    what: &str,
    whole: &(Vec<clockfold::log::Delivery>, Head),
    first: u64,
    last: u64,
    segment: &Path,
) {
    let told = refused(folder, &["restore", "backup", "--data-dir", "other"]);
    let name = segment.file_name().unwrap().to_string_lossy();
    assert!(told.contains(&*name) && told.contains("--up-to-damage"), "{what}: {told}");
    assert!(!folder.join("other").exists(), "{what}");
    let position: u64 = told.split("position ").nth(1).unwrap().split(':').next().unwrap().parse().unwrap();
    assert!((first..=last).contains(&position), "{what}: {first} to {last}: {told}");
    assert!(told.contains(&format!("positions 1 to {} are good", position - 1)), "{what}: {told}");
    assert!(told.contains("can still be read"), "{what}: {told}");
    let told = done(folder, &["restore", "backup", "--data-dir", "other", "--up-to-damage"]);
    assert!(told.stdout.contains(&*name), "{what}: {}", told.stdout);
    let (deliveries, head) = contents(&folder.join("other"));
    assert_eq!(head.position, Position::new(position - 1), "{what}");
    assert_eq!(deliveries, whole.0[..deliveries.len()], "{what}");
    fs::remove_dir_all(folder.join("other")).unwrap();
}

#[test]
fn a_changed_manifest_is_no_manifest() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    append(&folder.join("data"), vec![vec![delivery(1, "create")]]);
    done(folder, &["backup", "backup", "--data-dir", "data"]);
    let path = folder.join("backup/manifest.json");
    let manifest = fs::read_to_string(&path).unwrap();
    for (changed, message) in [
        (String::new(), "can't be right"),
        (manifest.replace("\"version\": 1", "\"version\": 2"), "not known to this program"),
        (manifest.replace("\"position\": \"1\"", "\"position\": \"2\""), "the segments end at position 1"),
        (manifest.replace("\"bytes\": ", "\"bytes\": 1"), "is not the one that the manifest tells"),
    ] {
        assert_ne!(changed, manifest);
        fs::write(&path, changed).unwrap();
        let told = refused(folder, &["restore", "backup", "--data-dir", "other"]);
        assert!(told.contains(message), "{message}: {told}");
    }
}

/// `fixtures/backup-v1.tar.gz` is of `fixtures/log-v1.tar.gz`, by the first version of the format. It is read for ever.
/// Written anew, for a new version beside the old, with `UPDATE_FROZEN=1`.
#[test]
fn a_backup_of_version_1_is_read_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (sample, within) = (support::fixture("backup-v1.tar.gz"), folder.to_str().unwrap());
    if std::env::var_os("UPDATE_FROZEN").is_some() {
        support::tar(&["-xzf", support::fixture("log-v1.tar.gz").to_str().unwrap(), "-C", within]);
        done(folder, &["backup", "backup-v1", "--data-dir", "log-v1"]);
        support::tar(&["-czf", sample.to_str().unwrap(), "-C", within, "backup-v1"]);
        fs::remove_dir_all(folder.join("backup-v1")).unwrap();
    }
    support::tar(&["-xzf", sample.to_str().unwrap(), "-C", within]);
    let frozen = fs::read_to_string(support::fixture("log-v1.digest")).unwrap();
    done(folder, &["restore", "backup-v1", "--data-dir", "other"]);
    assert_eq!(contents(&folder.join("other")).1.digest.to_string(), frozen.trim());
}
