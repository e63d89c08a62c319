//! Logs on disk to be copied, and what is in a copy.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use chrono::TimeDelta;
use clockfold::log::{DataDir, Delivery, Head, Log, NewDelivery, Position, SledLog};

use super::{
    arrival, delivery_from,
    random::Random,
    server::{CommandOutput, clockfold, command},
};

/// What a killed command may have taken.
const COMMAND_MAX: Duration = Duration::from_secs(60);

/// Opens the log of a data directory.
pub fn open(data_dir: &Path) -> SledLog {
    SledLog::open(&DataDir::at(data_dir), Arc::new(chrono::Utc::now)).unwrap()
}

/// Everything that a log holds, and its head.
pub fn contents(data_dir: &Path) -> (Vec<Delivery>, Head) {
    let log = open(data_dir);
    (log.read(Position::ZERO).collect::<Result<_, _>>().unwrap(), log.head())
}

/// Appends groups, each a second after the one before, the first at [`arrival`].
pub fn append(data_dir: &Path, groups: Vec<Vec<NewDelivery>>) -> Head {
    let now = Arc::new(Mutex::new(arrival()));
    let told = Arc::clone(&now);
    let log = SledLog::open(&DataDir::at(data_dir), Arc::new(move || *told.lock().unwrap())).unwrap();
    for group in groups {
        log.append(group).unwrap();
        *now.lock().unwrap() += TimeDelta::seconds(1);
    }
    log.head()
}

/// So many deliveries from two sources, with notes that do not compress, in groups.
pub fn many(count: u64, seed: u64, note_bytes: u64) -> Vec<Vec<NewDelivery>> {
    let mut random = Random::new(seed);
    let mut groups = vec![Vec::new()];
    for number in 0..count {
        let source = if random.below(4) == 0 { "lakeside" } else { "downtown" };
        let mut delivery = delivery_from(source, 1 + number / 3, "checkin");
        delivery.body.extend_from_slice(random.letters(note_bytes).as_bytes());
        if groups.last().is_some_and(|group| group.len() as u64 > random.below(400)) {
            groups.push(Vec::new());
        }
        groups.last_mut().unwrap().push(delivery);
    }
    groups
}

/// Runs a command that comes to a good end and has nothing to complain about.
pub fn done(folder: &Path, arguments: &[&str]) -> CommandOutput {
    let told = clockfold(folder, &[], arguments);
    assert_eq!((told.status, told.stderr.as_str()), (0, ""), "{arguments:?}");
    told
}

/// Runs a command that fails and prints nothing but why.
pub fn refused(folder: &Path, arguments: &[&str]) -> String {
    let told = clockfold(folder, &[], arguments);
    assert_eq!((told.status, told.stdout.as_str()), (1, ""), "{arguments:?}: {}", told.stderr);
    told.stderr
}

/// Starts `clockfold` in `folder`, with nobody to read what it prints.
pub fn start(folder: &Path, arguments: &[&str]) -> Child {
    let mut command: Command = command(folder);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Kills a command `after` that, if it still runs. Returns whether it had come to its end, well.
pub fn kill_after(mut child: Child, after: Duration) -> bool {
    thread::sleep(after);
    let done = child.try_wait().unwrap();
    child.kill().unwrap();
    let status = done.unwrap_or_else(|| child.wait().unwrap());
    status.success()
}

/// How long a command takes to its end, which has to be a good one.
pub fn time_of(mut child: Child) -> Duration {
    let begun = Instant::now();
    while begun.elapsed() < COMMAND_MAX {
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success());
            return begun.elapsed();
        }
        thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    panic!("the command did not end");
}

/// The files of a directory, by name.
pub fn files(directory: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .collect();
    files.sort();
    files
}
