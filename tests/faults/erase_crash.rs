//! A kill, a full disk or a file system that can't do it leaves the log as it was or the one without the bodies, and
//! what is left beside it goes at the next open.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use clockfold::log::{DataDir, Delivery, Head, SledLog};

use crate::support::{
    self,
    bodies::{Marked, copy_all, names},
    copies::{contents, kill_after, start, time_of},
    disk::Disk,
    random::Random,
    server::{CONFIG, Server, clockfold, command, data_dir},
};

const APPOINTMENTS: u64 = 300;
const KILLS: u64 = 24;

/// A folder with a marked log, and what it has to hold before and after.
struct Prepared {
    folder: tempfile::TempDir,
    marked: Marked,
    before: (Vec<Delivery>, Head),
    after: (Vec<Delivery>, Head),
}

impl Prepared {
    fn new(seed: u64) -> Prepared {
        let folder = tempfile::tempdir().unwrap();
        let marked = Marked::make(&folder.path().join("kept"), APPOINTMENTS, seed);
        let before = contents(&folder.path().join("kept"));
        let after = (marked.without_bodies(), before.1);
        fs::write(folder.path().join("clockfold.toml"), CONFIG).unwrap();
        Prepared { folder, marked, before, after }
    }

    fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The log as it was at first, in `data`.
    fn restart(&self) -> PathBuf {
        copy_all(&self.folder().join("kept"), &data_dir(self.folder()));
        data_dir(self.folder())
    }

    fn arguments(&self) -> Vec<String> {
        let words = ["erase-bodies", "--data-dir", "data", "--before"].map(str::to_owned);
        words.into_iter().chain([self.marked.before()]).collect()
    }

    /// After a kill: one of the two logs is there, whole, and nothing beside it; then the command ends well. Returns
    /// whether the bodies were gone before that, and whether anything had to be removed.
    fn check(&self) -> (bool, bool) {
        let data = data_dir(self.folder());
        let left = data.join("erasing").exists();
        let found = contents(&data);
        assert!(found == self.before || found == self.after, "a log is there that is neither");
        assert_eq!(names(&data).into_iter().filter(|name| name == "erasing").count(), 0);
        let gone = found == self.after;
        if gone {
            self.marked.check_gone(&data);
        }
        let arguments = self.arguments();
        let told = clockfold(self.folder(), &[], &arguments.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!((told.status, told.stderr.as_str()), (0, ""));
        self.marked.check_gone(&data);
        assert_eq!(contents(&data), self.after);
        assert_eq!(names(&data), ["head", "lock", "log", "projection"]);
        (gone, left)
    }
}

#[test]
fn a_kill_at_any_moment_leaves_one_log_or_the_other() {
    let prepared = Prepared::new(11);
    let arguments = prepared.arguments();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    // With a projection, as it is where a server has run.
    let dry_run = [&arguments[..], &["--dry-run"]].concat();
    assert_eq!(clockfold(prepared.folder(), &[], &replaced(&dry_run, "data", "kept")).status, 0);
    let time = || {
        prepared.restart();
        u64::try_from(time_of(start(prepared.folder(), &arguments)).as_micros()).unwrap()
    };
    let took = (0..4).map(|_| time()).min().unwrap();
    let mut random = Random::new(u64::from(std::process::id()));
    let (mut gone, mut left) = (0, 0);
    for kill in 0..KILLS {
        prepared.restart();
        // Half of them around the end, where the two are exchanged; the other tests make it slower now and then.
        let (from, until) = if kill % 2 == 0 { (0, took) } else { (took / 2, took + took / 2) };
        let after = Duration::from_micros(from + random.below(until - from));
        kill_after(start(prepared.folder(), &arguments), after);
        let (was_gone, had_left) = prepared.check();
        (gone, left) = (gone + u64::from(was_gone), left + u64::from(had_left));
    }
    println!("of {KILLS} kills within {took} µs, {gone} came after the exchange and {left} left something behind");
    assert!(left > 0 && gone < KILLS);
}

fn replaced<'a>(arguments: &[&'a str], old: &str, new: &'a str) -> Vec<&'a str> {
    arguments.iter().map(|argument| if *argument == old { new } else { argument }).collect()
}

/// Kills the command when it makes a system call for the `number`th time, before that call does anything. Returns
/// whether it was made that often.
fn kill_at(prepared: &Prepared, call: &str, number: u32) -> bool {
    let program = command(prepared.folder());
    let mut strace = Command::new("strace");
    strace.current_dir(prepared.folder()).args(["-f", "-qq", "-o", "trace", "-e"]).arg(format!("trace={call}"));
    strace.arg("-e").arg(format!("inject={call}:signal=KILL:when={number}"));
    strace.arg("--").arg(program.get_program()).args(prepared.arguments());
    let status = strace.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
    !status.success()
}

#[test]
fn a_kill_right_before_and_right_after_the_exchange_leaves_one_log_or_the_other() {
    let prepared = Prepared::new(12);
    // The first exchange only tries out whether there is one.
    for (number, expected_left) in [(1, true), (2, true)] {
        prepared.restart();
        assert!(kill_at(&prepared, "renameat2", number));
        assert_eq!(prepared.check(), (false, expected_left), "exchange {number}");
    }
    prepared.restart();
    assert!(!kill_at(&prepared, "renameat2", 3), "there is a third exchange");
    prepared.check();
    // While the old log is removed.
    let (mut after_it, mut number) = (0, 0);
    loop {
        number += 1;
        prepared.restart();
        if !kill_at(&prepared, "unlinkat", number) {
            break;
        }
        let (gone, left) = prepared.check();
        assert!(left || !gone);
        after_it += u32::from(gone && left);
    }
    assert!(after_it >= 3, "{after_it} of {number} kills came while the old log was removed");
}

#[test]
fn what_a_kill_left_is_removed_by_a_server_that_starts_and_it_says_so() {
    let prepared = Prepared::new(13);
    let data = prepared.restart();
    assert!(kill_at(&prepared, "renameat2", 2));
    assert!(data.join("erasing").exists());
    let mut server = Server::start(prepared.folder(), CONFIG);
    assert!(!data.join("erasing").exists());
    assert!(server.printed().contains("what an interrupted command left, perhaps with bodies, is removed"));
    assert_eq!(server.get("/livez").status, 200);
    assert!(server.terminate().success());
    assert_eq!(contents(&data), prepared.before);
}

#[test]
fn a_full_disk_leaves_the_log_as_it_was_and_is_told() {
    let prepared = Prepared::new(14);
    let disk = Disk::of_mebibytes(64);
    let data = data_dir(&disk.path);
    copy_all(&prepared.folder().join("kept"), &data);
    let arguments = prepared.arguments();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    // So that the projection is there, and it is the second log that does not fit.
    assert_eq!(clockfold(&disk.path, &[], &[&arguments[..], &["--dry-run"]].concat()).status, 0);
    let mut refused = 0;
    for left in [64 << 10, 1 << 20, 3 << 20, 5 << 20, 9 << 20] {
        disk.fill(left);
        let told = clockfold(&disk.path, &[], &arguments);
        disk.free();
        println!("{left} bytes left: {} {}", told.status, told.stderr);
        if told.status == 0 {
            break;
        }
        refused += 1;
        assert_eq!((told.status, told.stdout.as_str()), (1, ""));
        assert!(told.stderr.contains("hint: make room"), "{}", told.stderr);
        assert!(!data.join("erasing").exists());
        assert_eq!(contents(&data), prepared.before);
    }
    assert!(refused >= 2);
    assert_eq!(clockfold(&disk.path, &[], &arguments).status, 0);
    prepared.marked.check_gone(&data);
    assert_eq!(contents(&data), prepared.after);
}

#[test]
fn a_log_that_another_one_can_not_take_the_place_of_is_refused() {
    let prepared = Prepared::new(15);
    let data = prepared.restart();
    let arguments = prepared.arguments();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let refused = |why: &str| {
        let told = clockfold(prepared.folder(), &[], &arguments);
        assert_eq!((told.status, told.stdout.as_str()), (1, ""), "{}", told.stderr);
        assert!(told.stderr.contains(why) && told.stderr.contains("hint: "), "{}", told.stderr);
        assert!(!data.join("erasing").exists());
    };
    let elsewhere = prepared.folder().join("elsewhere");
    fs::rename(data.join("log"), &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, data.join("log")).unwrap();
    refused("log is a symbolic link");
    fs::remove_file(data.join("log")).unwrap();
    fs::rename(&elsewhere, data.join("log")).unwrap();
    fs::hard_link(data.join("log/db"), prepared.folder().join("snapshot")).unwrap();
    refused("has another name (a hard link)");
    fs::remove_file(prepared.folder().join("snapshot")).unwrap();
    assert_eq!(contents(&data), prepared.before);

    // A layered file system that can't exchange what lies below.
    let overlay = Overlay::of(&data, prepared.folder());
    let told = clockfold(prepared.folder(), &[], &["erase-bodies", "--data-dir", "merged", "--before", arguments[4]]);
    assert_eq!((told.status, told.stdout.as_str()), (1, ""), "{}", told.stderr);
    assert!(told.stderr.contains("can't exchange two folders in one step"), "{}", told.stderr);
    assert!(!overlay.merged.join("erasing").exists());
    assert_eq!(contents(&overlay.merged), prepared.before);
    drop(overlay);

    // Beside a running server.
    let mut server = Server::start(prepared.folder(), CONFIG);
    let told = clockfold(prepared.folder(), &[], &arguments);
    assert_eq!((told.status, told.stdout.as_str()), (1, ""));
    assert!(told.stderr.contains("hint: stop that process first"), "{}", told.stderr);
    assert!(told.stderr.contains("[retention] bodies_days"), "{}", told.stderr);
    assert_eq!(server.get("/livez").status, 200);
    assert!(server.terminate().success());
    let told = clockfold(prepared.folder(), &[], &["erase-bodies", "--data-dir", "nowhere", "--before", arguments[4]]);
    assert!(told.status == 1 && told.stderr.contains("there is no log"), "{}", told.stderr);
    assert!(!prepared.folder().join("nowhere").exists());
    drop(SledLog::open(&DataDir::at(&data), std::sync::Arc::new(chrono::Utc::now)).unwrap());
}

/// A file system in two layers; unmounted when dropped.
struct Overlay {
    merged: PathBuf,
}

impl Overlay {
    fn of(lower: &Path, folder: &Path) -> Overlay {
        // The upper layer can't lie on a layered file system itself.
        let upper = folder.join("upper-disk");
        let merged = folder.join("merged");
        for path in [&upper, &merged] {
            fs::create_dir(path).unwrap();
        }
        support::run("mount", &["-t", "tmpfs", "-o", "size=64m", "tmpfs", upper.to_str().unwrap()]);
        for name in ["upper", "work"] {
            fs::create_dir(upper.join(name)).unwrap();
        }
        let options = format!(
            "lowerdir={},upperdir={},workdir={}",
            lower.display(),
            upper.join("upper").display(),
            upper.join("work").display()
        );
        support::run("mount", &["-t", "overlay", "-o", &options, "overlay", merged.to_str().unwrap()]);
        Overlay { merged }
    }
}

impl Drop for Overlay {
    fn drop(&mut self) {
        for path in [self.merged.clone(), self.merged.with_file_name("upper-disk")] {
            let _ = Command::new("umount").arg("-l").arg(path).status();
        }
    }
}
