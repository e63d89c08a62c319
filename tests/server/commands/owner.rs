//! Whose files: a command that only reads leaves a data directory at rest as it is, whoever runs it, and one that writes
//! is for the owner alone.

use std::{
    collections::BTreeMap,
    fs::{self, Permissions},
    os::unix::fs::{MetadataExt, PermissionsExt, chown},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::support::{
    run,
    server::{CONFIG, CommandOutput, Server},
};

/// Nobody on this machine: it has no name, and no group of its own.
const OWNER: u32 = 41_345;
const ANOTHER: u32 = 41_346;

/// What a file is: its length and content, mode, user and group.
type File = (Vec<u8>, u32, u32, u32);

/// A data directory of a user without a name, and the program where that one can run it.
struct Service {
    folder: tempfile::TempDir,
}

impl Service {
    /// A server has taken deliveries, and was ended, or killed with a journal left.
    fn new(ended: bool) -> Service {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        assert_eq!(folder.path().metadata().unwrap().uid(), 0, "this test becomes other users: run it as root");
        let service = Service { folder };
        // By a program of its own: a child that this process starts meanwhile would have the copy open for writing, and what
        // is open for writing is not run.
        run("cp", &[env!("CARGO_BIN_EXE_clockfold"), service.program().to_str().unwrap()]);
        fs::create_dir(service.data()).unwrap();
        chown(service.data(), Some(OWNER), Some(OWNER)).unwrap();
        let mut server = service.serve();
        for appointment in 1..=40 {
            assert_eq!(server.deliver(appointment, "create").status, 200);
            assert_eq!(server.deliver(appointment, "checkin").status, 200);
        }
        if ended {
            assert!(server.terminate().success());
        } else {
            server.kill();
        }
        service
    }

    fn program(&self) -> PathBuf {
        self.folder.path().join("clockfold")
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn config(&self) -> PathBuf {
        let path = self.folder.path().join("clockfold.toml");
        fs::write(&path, CONFIG).unwrap();
        path
    }

    fn command(&self, user: u32, arguments: &[&str]) -> Command {
        let mut command = Command::new("setpriv");
        command.args([format!("--reuid={user}"), format!("--regid={user}"), "--clear-groups".to_owned()]);
        command.arg("--").arg(self.program()).args(arguments);
        command.arg("--config").arg(self.config()).arg("--data-dir").arg(self.data()).current_dir(self.folder.path());
        command
    }

    fn serve(&self) -> Server {
        Server::spawn(self.command(OWNER, &["serve", "--listen", "127.0.0.1:0"]))
    }

    fn run(&self, user: u32, arguments: &[&str]) -> CommandOutput {
        told(&mut self.command(user, arguments))
    }

    /// Every file of the data directory, by its name.
    fn files(&self) -> BTreeMap<PathBuf, File> {
        let mut files = BTreeMap::new();
        collect(&self.data(), &mut files);
        files
    }
}

fn told(command: &mut Command) -> CommandOutput {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    CommandOutput {
        status: output.status.code().unwrap_or(-1),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

fn collect(path: &Path, files: &mut BTreeMap<PathBuf, File>) {
    let metadata = path.symlink_metadata().unwrap();
    let content = if metadata.is_file() { fs::read(path).unwrap() } else { Vec::new() };
    files.insert(path.to_owned(), (content, metadata.mode(), metadata.uid(), metadata.gid()));
    if metadata.is_dir() {
        fs::read_dir(path).unwrap().for_each(|entry| collect(&entry.unwrap().path(), files));
    }
}

/// Panics unless both are the same. What sled has for itself counts only if `also_sleds`.
fn check_same(before: &BTreeMap<PathBuf, File>, after: &BTreeMap<PathBuf, File>, also_sleds: bool, what: &str) {
    let is_sleds = |path: &Path| {
        let name = path.file_name().unwrap().to_string_lossy();
        path.parent().unwrap().ends_with("log") && (name == "db" || name.starts_with("snap."))
    };
    let names = |files: &BTreeMap<PathBuf, File>| {
        files.keys().filter(|path| also_sleds || !is_sleds(path)).cloned().collect::<Vec<_>>()
    };
    assert_eq!(names(before), names(after), "{what}: files came or went");
    for (path, (content, mode, user, group)) in after {
        assert_eq!((*user, *group), (OWNER, OWNER), "{what}: the owner of {}", path.display());
        let Some(was) = before.get(path) else { continue };
        assert_eq!((was.1, was.2, was.3), (*mode, *user, *group), "{what}: {}", path.display());
        assert!((is_sleds(path) && !also_sleds) || was.0 == *content, "{what}: the content of {}", path.display());
    }
}

/// Every command that only reads, with what it needs beside the data directory.
fn reading(folder: &Path) -> Vec<Vec<String>> {
    let place = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
    vec![
        words("verify"),
        words("verify --format json"),
        words("export"),
        [words("export --output"), vec![place("all.ndjson")]].concat(),
        words("show downtown 7"),
        words("show downtown 7 --explain ready"),
        words("rebuild --dry-run"),
        words("rebuild --dry-run --source downtown --reorder-window 5"),
        [words("backup"), vec![place("backup")]].concat(),
    ]
}

fn check_reading(service: &Service, user: u32, mut settled: bool) {
    // Where only root may go.
    let private = tempfile::tempdir().unwrap();
    if user != 0 {
        chown(private.path(), Some(user), Some(user)).unwrap();
    }
    for words in reading(private.path()) {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let before = service.files();
        let answer = service.run(user, &words);
        assert_eq!(answer.status, 0, "{words:?}: {answer:?}");
        check_same(&before, &service.files(), settled, &format!("{words:?} by {user}"));
        // sled settles its file when it opens what was written since.
        settled = true;
    }
    for made in ["all.ndjson", "backup"] {
        let made = private.path().join(made).metadata().unwrap();
        assert_eq!(made.uid(), user, "what is made elsewhere is whose who made it");
    }
}

#[test]
fn whoever_only_looks_leaves_everything_as_it_was_and_the_owners() {
    let service = Service::new(true);
    check_reading(&service, 0, false);
    check_reading(&service, OWNER, true);
    let mut server = service.serve();
    assert_eq!(server.deliver(41, "create").json()["position"], "81");
    assert!(server.terminate().success());
}

#[test]
fn a_log_that_was_killed_keeps_its_journal_until_the_next_start() {
    let service = Service::new(false);
    let has_journal = || {
        fs::read_dir(service.data().join("log"))
            .unwrap()
            .any(|entry| entry.unwrap().file_name().to_string_lossy().starts_with("journal-"))
    };
    assert!(has_journal());
    check_reading(&service, 0, false);
    assert!(has_journal());
    let mut server = service.serve();
    assert_eq!(server.deliver(41, "create").json()["position"], "81");
    assert!(server.terminate().success());
    assert!(!has_journal());
    check_reading(&service, 0, false);
}

#[test]
fn nothing_is_made_in_the_data_directory_to_look_at_it() {
    let service = Service::new(true);
    let (scratch, projection) = (tempfile::tempdir().unwrap(), service.data().join("projection"));
    fs::set_permissions(scratch.path(), Permissions::from_mode(0o777)).unwrap();
    let mut folders: Vec<PathBuf> = service.files().into_keys().filter(|path| path.starts_with(&projection)).collect();
    folders.retain(|path| path.is_dir());
    folders.iter().for_each(|folder| fs::set_permissions(folder, Permissions::from_mode(0o500)).unwrap());
    for words in ["verify", "rebuild --dry-run"] {
        let words: Vec<&str> = words.split(' ').collect();
        let answer = told(service.command(0, &words).env("TMPDIR", scratch.path()));
        assert_eq!(answer.status, 0, "{answer:?}");
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 0, "it tidies up");
        let answer = told(service.command(0, &words).env("TMPDIR", scratch.path().join("nowhere")));
        assert!(answer.status == 1 && answer.stderr.contains("TMPDIR"), "{answer:?}");
    }
}

#[test]
fn who_writes_has_to_be_the_owner_and_is_told_how() {
    let service = Service::new(true);
    let before = service.files();
    let export = service.folder.path().join("all.ndjson");
    fs::write(&export, service.run(OWNER, &["export"]).stdout).unwrap();
    fs::set_permissions(&export, Permissions::from_mode(0o644)).unwrap();
    let (export, data) = (export.to_str().unwrap(), service.data());
    check_same(&before, &service.files(), false, "export");
    let before = service.files();
    let writing = [
        vec!["serve", "--listen", "127.0.0.1:0"],
        vec!["rebuild"],
        vec!["rebuild", "--source", "downtown", "--appointment", "7"],
        vec!["import", export],
        vec!["erase-bodies", "--before", "2020-01-01T00:00:00Z"],
        vec!["restore", export],
        vec!["simulate", "--into"],
    ];
    let reading = [vec!["verify"], vec!["show", "downtown", "7"], vec!["export"]];
    let refused = |user: u32, words: &[&str]| {
        let answer = service.run(user, words);
        assert_eq!((answer.status, answer.stdout.as_str()), (1, ""), "{words:?} by {user}: {answer:?}");
        let says = format!("the data directory {} belongs to user {OWNER}", data.display());
        assert!(answer.stderr.starts_with(&says), "{words:?} by {user}: {answer:?}");
        let line = answer.stderr.split_once("run it as the owner: ").unwrap().1.trim().to_owned();
        assert!(line.starts_with(&format!("setpriv --reuid={OWNER} --regid={OWNER} --clear-groups -- ")), "{line}");
        line
    };
    for words in &writing {
        refused(0, words);
        refused(ANOTHER, words);
    }
    for words in &reading {
        refused(ANOTHER, words);
    }
    check_same(&before, &service.files(), true, "refusals");
    // The line is one that works.
    let line = refused(0, &["rebuild", "--format", "json"]);
    let answer = told(Command::new("sh").arg("-c").arg(&line).current_dir(service.folder.path()));
    assert_eq!(answer.status, 0, "{line}: {answer:?}");
    check_same(&service.files(), &service.files(), true, "the owner's own");
    assert!(service.serve().terminate().success());
}

#[test]
fn a_new_log_is_whose_who_begins_it_but_root_begins_none_for_another() {
    let service = Service::new(true);
    fs::remove_dir_all(service.data()).unwrap();
    fs::create_dir(service.data()).unwrap();
    // As an orchestrator mounts a volume: root's, and the group's to write to.
    chown(service.data(), Some(0), Some(OWNER)).unwrap();
    fs::set_permissions(service.data(), Permissions::from_mode(0o770)).unwrap();
    assert!(service.serve().terminate().success());
    assert_eq!(service.data().join("log").metadata().unwrap().uid(), OWNER);
    assert_eq!(service.run(0, &["verify"]).status, 0);
    assert!(service.serve().terminate().success());
    fs::remove_dir_all(service.data().join("log")).unwrap();
    chown(service.data(), Some(OWNER), Some(OWNER)).unwrap();
    let answer = service.run(0, &["simulate", "--deliveries", "3", "--into"]);
    assert!(answer.status == 1 && answer.stderr.contains("belongs to"), "{answer:?}");
    assert!(!service.data().join("log").exists());
}

#[test]
fn a_name_is_told_where_the_machine_has_one() {
    let service = Service::new(true);
    let users = fs::read_to_string("/etc/passwd").unwrap();
    let named = users.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|user| user[0] == "nobody").unwrap();
    for path in service.files().into_keys() {
        chown(path, Some(named[2].parse().unwrap()), None).unwrap();
    }
    let answer = service.run(0, &["rebuild"]);
    assert!(
        answer.stderr.contains(&format!("run it as the owner: runuser -u nobody -- {}", service.program().display()))
    );
    let data = service.data();
    let said = format!("rebuild --config {} --data-dir {}", service.config().display(), data.display());
    assert!(answer.stderr.trim().ends_with(&said), "{answer:?}");
}

#[test]
fn each_refusal_of_the_systems_has_its_own_hint() {
    let service = Service::new(true);
    // A file that root has made.
    let db = service.data().join("log/db");
    chown(&db, Some(0), Some(0)).unwrap();
    fs::set_permissions(&db, Permissions::from_mode(0o600)).unwrap();
    let hint = |arguments: &[&str], user| {
        let answer = service.run(user, arguments);
        assert_eq!(answer.status, 1, "{answer:?}");
        for never in ["backup", "restore", "move the `head`"] {
            assert!(!answer.stderr.contains(never), "{answer:?}");
        }
        answer.stderr
    };
    for (user, words) in
        [(OWNER, vec!["verify"]), (0, vec!["verify"]), (OWNER, vec!["serve", "--listen", "127.0.0.1:0"])]
    {
        assert!(hint(&words, user).contains("run it as the user who owns"), "{words:?}");
    }
    chown(&db, Some(OWNER), Some(OWNER)).unwrap();
    // A head that can't be read is no reason to move it away.
    let head = service.data().join("head");
    chown(&head, Some(0), Some(0)).unwrap();
    fs::set_permissions(&head, Permissions::from_mode(0o600)).unwrap();
    assert!(hint(&["verify"], OWNER).contains("run it as the user who owns"));
    chown(&head, Some(OWNER), Some(OWNER)).unwrap();
    // Somebody else has the store's file, though not the lock.
    let file = fs::File::open(&db).unwrap();
    file.lock().unwrap();
    assert!(hint(&["verify"], OWNER).contains("another process has the log's files open"));
    drop(file);
    assert_eq!(service.run(OWNER, &["verify"]).status, 0);
}
