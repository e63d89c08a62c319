//! The archive: it follows a running server within a second or so, survives kills and failing disks, and becomes the
//! log again.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use clockfold::{
    copies::{Archive, CopyKind, Survey},
    log::{Delivery, Head, Log, Position, SledLog},
};

use crate::support::{
    copies::{append, contents, files, many, open},
    delivery,
    load::{Acknowledged, Load, Plan, as_acknowledged, check_kept},
    random::Random,
    server::{CONFIG, CommandOutput, Server, clockfold, data_dir},
};

const KILLS: u64 = 20;
/// What the archive may be behind while nothing is wrong.
const BEHIND_MAX: Duration = Duration::from_secs(2);
/// What a retry may take.
const WELL_MAX: Duration = Duration::from_secs(40);

fn config(folder: &Path) -> String {
    with_archive(&folder.join("archive"))
}

fn with_archive(directory: &Path) -> String {
    format!("{CONFIG}[archive]\ndirectory = \"{}\"\n", directory.display())
}

fn metric(server: &Server, name: &str) -> Option<f64> {
    let metrics = server.get("/metrics").text();
    let line = metrics.lines().find(|line| line.split(' ').next() == Some(name))?;
    line.split(' ').nth(1)?.parse().ok()
}

fn wait_until(server: &Server, at_most: Duration, what: &str, done: impl Fn() -> bool) -> Duration {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < at_most, "{what}: {}", server.printed());
        thread::sleep(Duration::from_millis(20));
    }
    begun.elapsed()
}

fn caught_up(server: &Server) -> bool {
    metric(server, "clockfold_archive_lag_deliveries") == Some(0.0)
        && metric(server, "clockfold_archive_failed") == Some(0.0)
}

fn survey(archive: &Path) -> Survey {
    Survey::of(archive, &mut || {}).unwrap()
}

fn archived(survey: &Survey) -> Vec<Delivery> {
    survey.deliveries().flat_map(Result::unwrap).collect()
}

fn restore(folder: &Path, from: &str, into: &str) -> CommandOutput {
    let told = clockfold(folder, &[], &["restore", from, "--data-dir", into]);
    assert_eq!((told.status, told.stderr.as_str()), (0, ""));
    told
}

fn last_segment(archive: &Path) -> PathBuf {
    files(archive).into_iter().rfind(|path| path.extension().is_some_and(|end| end == "clockfold")).unwrap()
}

/// Follows `log` until the archive has all of it.
fn follow(log: &Arc<SledLog>, directory: &Path, segment_bytes: u64) {
    let archive = Archive::follow_with(directory.to_owned(), Arc::<SledLog>::clone(log), segment_bytes).unwrap();
    archive.stop(Instant::now() + Duration::from_secs(30));
}

#[test]
fn the_archive_follows_within_a_second_and_catches_up_after_a_time_without_it() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    // A log that had none so far.
    append(&data_dir(folder), many(5_000, 20, 100));
    let mut server = Server::start(folder, &config(folder));
    wait_until(&server, Duration::from_secs(20), "it did not catch up", || caught_up(&server));
    assert!(server.printed().contains("a new archive is begun"), "{}", server.printed());
    let mut slowest = Duration::ZERO;
    for number in 0..10 {
        let position: u64 =
            server.deliver(1_000 + number, "create").json()["position"].as_str().unwrap().parse().unwrap();
        let took = wait_until(&server, BEHIND_MAX, "it is behind", || {
            survey(&folder.join("archive")).whole.position.get() >= position
        });
        slowest = slowest.max(took);
    }
    println!("the slowest of 10 deliveries was archived after {slowest:?}");
    // What is accepted last is in it when the server has ended.
    server.deliver(7, "create");
    assert!(server.terminate().success());
    let whole = contents(&data_dir(folder));
    assert_eq!(survey(&folder.join("archive")).whole, whole.1);
    // Some time without it, and another start with it.
    let mut server = Server::start(folder, CONFIG);
    assert_eq!(metric(&server, "clockfold_archive_failed"), None);
    server.deliver(8, "create");
    assert!(server.terminate().success());
    let mut server = Server::start(folder, &config(folder));
    wait_until(&server, BEHIND_MAX, "it did not catch up", || caught_up(&server));
    assert!(!server.printed().contains("archive"), "{}", server.printed());
    assert!(server.terminate().success());
    let whole = contents(&data_dir(folder));
    let survey = survey(&folder.join("archive"));
    assert_eq!((survey.kind, survey.whole), (CopyKind::Archive, whole.1));
    assert!(survey.torn.is_none() && survey.damage.is_none());
    let told = restore(folder, "archive", "other");
    assert!(told.stdout.contains(&whole.1.digest.to_string()), "{}", told.stdout);
    assert_eq!(contents(&folder.join("other")), whole);
}

#[test]
fn an_archive_survives_kills_and_holds_what_was_acknowledged_a_moment_before() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut random = Random::new(u64::from(std::process::id()));
    let mut acknowledged: Vec<Acknowledged> = Vec::new();
    let (mut torn, mut most_behind, begun) = (0, 0, Instant::now());
    for round in 0..KILLS {
        let mut server = Server::start(folder, &config(folder));
        let first_appointment = 1_000 + round * 10_000_000;
        let plan = Plan { senders: 4, each: 100_000, first_appointment, seed: random.next(), note_bytes: 1..400 };
        let load = Load::start(server.address, &plan);
        thread::sleep(Duration::from_millis(20 + random.below(600)));
        server.kill();
        let sent = load.join();
        assert!(sent.refused.is_empty(), "{:?}", sent.refused);
        acknowledged.extend(sent.acknowledged);
        // The archive alone is a beginning of the log, to the letter.
        let survey = survey(&folder.join("archive"));
        assert!(survey.damage.is_none(), "{:?}", survey.damage);
        torn += u64::from(survey.torn.is_some());
        let ends = survey.whole.position.get();
        let found: Vec<Acknowledged> = archived(&survey).iter().map(as_acknowledged).collect();
        let as_far: Vec<Acknowledged> = acknowledged.iter().filter(|one| one.position <= ends).cloned().collect();
        check_kept(&as_far, &found, 1);
        most_behind = most_behind.max(acknowledged.len() - as_far.len());
        if round % 5 == 4 {
            restore(folder, "archive", "other");
            assert_eq!(contents(&folder.join("other")).1, survey.whole);
            fs::remove_dir_all(folder.join("other")).unwrap();
        }
    }
    // Once the log has been there, everything acknowledged is in the archive.
    let mut server = Server::start(folder, &config(folder));
    wait_until(&server, Duration::from_secs(20), "it did not catch up", || caught_up(&server));
    server.kill();
    let survey = survey(&folder.join("archive"));
    check_kept(&acknowledged, &archived(&survey).iter().map(as_acknowledged).collect::<Vec<_>>(), 1);
    assert_eq!(survey.whole, contents(&data_dir(folder)).1);
    println!(
        "{KILLS} kills, {torn} torn tails, {} acknowledged, at most {most_behind} behind at a kill, {:.1} s",
        acknowledged.len(),
        begun.elapsed().as_secs_f64()
    );
}

#[test]
fn a_torn_tail_is_told_and_everything_before_it_is_restored() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    append(&folder.join("data"), many(3_000, 21, 200));
    let log = Arc::new(open(&folder.join("data")));
    let archive = folder.join("archive");
    follow(&log, &archive, 200_000);
    let whole: Vec<Delivery> = log.read(Position::ZERO).map(Result::unwrap).collect();
    assert_eq!(survey(&archive).whole, log.head());
    let path = last_segment(&archive);
    let bytes = fs::read(&path).unwrap();
    let mut random = Random::new(22);
    for round in 0..30_usize {
        let torn: Vec<u8> = match round % 3 {
            // Cut anywhere, also in the header.
            0 => bytes[..random.index(bytes.len())].to_vec(),
            // Something else after the end, and zeros, as after a power cut.
            1 => {
                let more = 1 + random.below(300);
                [bytes.as_slice(), random.letters(more).as_bytes()].concat()
            }
            _ => {
                let from = random.index(bytes.len());
                bytes.iter().enumerate().map(|(at, byte)| if at < from { *byte } else { 0 }).collect()
            }
        };
        fs::write(&path, &torn).unwrap();
        let found = survey(&archive);
        assert!(found.damage.is_none(), "{:?}", found.damage);
        let deliveries = archived(&found);
        assert_eq!(deliveries, whole[..deliveries.len()]);
        assert_eq!(found.whole.position.get(), deliveries.len() as u64);
        if let Some(tail) = &found.torn {
            assert_eq!(tail.offset + tail.bytes, torn.len() as u64);
            if round < 6 {
                let told = restore(folder, "archive", "other");
                let expected = format!(
                    "ends after position {} with something that is not whole: the last {} bytes",
                    found.whole.position, tail.bytes
                );
                assert!(told.stdout.contains(&expected), "{expected}: {}", told.stdout);
                assert_eq!(contents(&folder.join("other")).1, found.whole);
                fs::remove_dir_all(folder.join("other")).unwrap();
            }
        }
        // The next start repairs it from the log.
        follow(&log, &archive, 200_000);
        let repaired = survey(&archive);
        assert!(repaired.torn.is_none() && repaired.damage.is_none());
        assert_eq!(repaired.whole, log.head());
        // What was written anew may be cut into segments elsewhere.
        files(&archive).iter().filter(|file| **file > path).for_each(|file| fs::remove_file(file).unwrap());
        fs::write(&path, &bytes).unwrap();
    }
    // Corruption in the middle is not a torn tail, although nothing is finished there.
    let mut damaged = bytes.clone();
    damaged[200] ^= 1;
    fs::write(&path, &damaged).unwrap();
    let found = survey(&archive);
    let damage = found.damage.expect("it is told");
    assert_eq!(damage.segment, path);
    assert_eq!(damage.whole_later.last().unwrap().1, log.head().position);
    let told = clockfold(folder, &[], &["restore", "archive", "--data-dir", "other"]);
    assert!(told.status == 1 && told.stderr.contains("--up-to-damage"), "{}", told.stderr);
    follow(&log, &archive, 200_000);
    assert_eq!((survey(&archive).whole, survey(&archive).damage), (log.head(), None));
}

#[test]
fn the_archive_of_another_log_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let archive = folder.join("archive");
    append(&folder.join("other"), vec![vec![delivery(1, "create"), delivery(2, "create")]]);
    follow(&Arc::new(open(&folder.join("other"))), &archive, 1 << 20);
    let before = fs::read(last_segment(&archive)).unwrap();
    let mut server = Server::start(folder, &config(folder));
    for count in 1..=3 {
        // Shorter than the archive, as long, longer.
        assert_eq!(server.deliver(7, "create").status, 200);
        wait_until(&server, WELL_MAX, "it says nothing", || server.printed().contains("is of another log"));
        wait_until(&server, WELL_MAX, "nothing is counted", || {
            metric(&server, "clockfold_archive_failed") == Some(1.0)
                && metric(&server, "clockfold_archive_lag_deliveries") == Some(f64::from(count))
        });
    }
    assert!(server.printed().contains("hint="), "{}", server.printed());
    assert_eq!(server.get("/readyz").status, 200);
    assert!(server.terminate().success());
    assert_eq!(fs::read(last_segment(&archive)).unwrap(), before);
    // Nor is what is no archive.
    let full = folder.join("full");
    fs::create_dir(&full).unwrap();
    fs::write(full.join("notes.txt"), "somebody's").unwrap();
    let server = Server::start(folder, &with_archive(&full));
    wait_until(&server, WELL_MAX, "it says nothing", || server.printed().contains("what it holds is no archive"));
    assert_eq!(server.deliver(7, "create").status, 200);
    assert_eq!(files(&full).len(), 1);
}

#[test]
fn an_archive_is_written_by_one_and_has_no_holes() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    append(&folder.join("data"), many(3_000, 23, 200));
    let log = Arc::new(open(&folder.join("data")));
    let archive = folder.join("archive");
    follow(&log, &archive, 100_000);
    let segments: Vec<PathBuf> =
        files(&archive).into_iter().filter(|path| path.extension().is_some_and(|end| end == "clockfold")).collect();
    assert!(segments.len() > 3, "{segments:?}");
    // Another one that follows the same log into it waits.
    let one = Archive::follow_with(archive.clone(), Arc::<SledLog>::clone(&log), 100_000).unwrap();
    thread::sleep(Duration::from_millis(300));
    follow(&log, &archive, 100_000);
    one.stop(Instant::now() + Duration::from_secs(9));
    assert_eq!(survey(&archive).whole, log.head());
    // A segment that is gone can't be written again by who only looks at the end: it is told.
    let kept = fs::read(&segments[1]).unwrap();
    fs::remove_file(&segments[1]).unwrap();
    drop(log);
    let server = Server::start_with(folder, &config(folder), |_| {});
    wait_until(&server, WELL_MAX, "it says nothing", || {
        server.printed().contains("does not begin where the one before it ends")
    });
    fs::write(&segments[1], kept).unwrap();
    wait_until(&server, WELL_MAX, "it is not well again", || server.printed().contains("the archive is well again"));
    wait_until(&server, WELL_MAX, "it did not catch up", || caught_up(&server));
}

/// A small file system in memory; unmounted when dropped.
struct Disk(PathBuf);

impl Disk {
    fn mount(path: &Path) -> Disk {
        fs::create_dir_all(path).unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=4m", "tmpfs"]).arg(path).output().unwrap();
        let why = String::from_utf8_lossy(&mounted.stderr).into_owned();
        assert!(
            mounted.status.success(),
            "this test mounts a small tmpfs: run it as root with the right to mount. {why}"
        );
        Disk(path.to_owned())
    }

    /// Returns whether that could be done: not to read-only while something is open for writing.
    fn remount(&self, option: &str) -> bool {
        let mut mount = Command::new("mount");
        mount.args(["-o", &format!("remount,{option}")]).arg(&self.0).output().unwrap().status.success()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: a server that is still ending must not keep it.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_failing_archive_disk_stops_nothing_and_is_caught_up_with_when_it_is_well() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let disk = Disk::mount(&folder.join("disk"));
    let archive = folder.join("disk/archive");
    let mut server = Server::start(folder, &with_archive(&archive));
    server.deliver(1, "create");
    wait_until(&server, BEHIND_MAX, "it is behind", || archive.exists() && survey(&archive).whole.position.get() == 1);
    let failing = |what: &str, cause: &str| {
        wait_until(&server, WELL_MAX, what, || metric(&server, "clockfold_archive_failed") == Some(1.0));
        wait_until(&server, WELL_MAX, what, || server.printed().contains(cause));
        let behind = metric(&server, "clockfold_archive_lag_deliveries");
        for _ in 0..20 {
            let begun = Instant::now();
            assert_eq!(server.deliver(2, "create").status, 200, "{what}");
            assert!(begun.elapsed() < Duration::from_secs(1), "{what}");
        }
        assert_eq!(server.get("/readyz").status, 200, "{what}");
        assert!(server.printed().contains("hint="), "{}", server.printed());
        wait_until(&server, WELL_MAX, what, || metric(&server, "clockfold_archive_lag_deliveries") > behind);
    };
    let well = |what: &str| {
        let took = wait_until(&server, WELL_MAX, what, || caught_up(&server));
        println!("after it was {what}, the archive was well after {took:?}");
    };
    // Full.
    let mut ballast = File::create(folder.join("disk/ballast")).unwrap();
    while ballast.write_all(&[1; 4096]).is_ok() {}
    let plan = Plan { senders: 2, each: 200, first_appointment: 1_000, seed: 24, note_bytes: 1_000..2_000 };
    assert_eq!(Load::start(server.address, &plan).join().acknowledged.len(), 400);
    failing("full", "No space left on device");
    drop(ballast);
    fs::remove_file(folder.join("disk/ballast")).unwrap();
    well("full");
    // Gone, and something else in its place; then there again, and read-only.
    fs::rename(&archive, folder.join("disk/away")).unwrap();
    fs::write(&archive, "in the way").unwrap();
    server.deliver(3, "create");
    failing("away", "archive");
    fs::remove_file(&archive).unwrap();
    fs::rename(folder.join("disk/away"), &archive).unwrap();
    if disk.remount("ro") {
        failing("read-only", "Read-only file system");
        println!("it was read-only, too");
        assert!(disk.remount("rw"));
    }
    well("away");
    assert_eq!(server.printed().matches("the archive is well again").count(), 2, "{}", server.printed());
    assert!(server.terminate().success());
    let whole: Head = contents(&data_dir(folder)).1;
    let found = survey(&archive);
    assert_eq!((found.whole, found.damage, found.torn), (whole, None, None));
}
