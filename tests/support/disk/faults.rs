//! A disk whose faults a test chooses: a passthrough over a folder, mounted with FUSE and served by the test's process.
//!
//! Nothing is cached in between: what a program does reaches [`passthrough`], which asks here whether a fault is in the
//! way. A write that fails has written its first half. A sync that fails has lost what was written to the file since the
//! last one that did not, as a kernel may that gives up a page which it can't write.

mod nodes;
mod passthrough;

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Condvar, Mutex},
    time::{Duration, Instant},
};

use fuser::{BackgroundSession, Config, Errno, MountOption, Session, SessionACL};

use passthrough::Passthrough;

/// As many calls of the program's may sleep at a time without keeping others.
const THREADS: usize = 24;

/// A read of a file's head: no more of it.
const SMALL_BYTES: u32 = 512;

/// What a program asks of a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Writes, and changes of a file's length.
    Write,
    /// `fsync` and `fdatasync` of files and folders.
    Sync,
    Read,
    /// Those of more than [`SMALL_BYTES`].
    LargeRead,
    Rename,
    /// Opening and making files.
    Open,
    /// Removing files and folders.
    Unlink,
    /// Making folders, and changes of modes and owners.
    Change,
    /// Looking whether something is there, and what it is.
    Look,
}

/// Which files a fault is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The log's store: `db` and what else it has.
    Store,
    /// What a whole store has of it: `db` and `conf`.
    MadeStore,
    /// The journal's files.
    Journal,
    /// The head, and its new version before it is renamed.
    Head,
    /// The projection's folder and all that is in it.
    Projection,
    /// All there is.
    Everything,
}

/// What happens to an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It fails with this error.
    Fails(Error),
    /// It takes so long, or until the fault ends.
    Sleeps(Duration),
}

/// What a disk answers that can't.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// EIO
    Io,
    /// ENOSPC
    NoSpace,
    /// EROFS
    ReadOnly,
    /// EMFILE
    TooManyFiles,
}

/// A fault.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    pub operations: &'static [Operation],
    pub target: Target,
    pub effect: Effect,
}

/// A folder with faults; unmounted when dropped, whoever still uses it.
pub struct FaultyDisk {
    /// Where it is.
    pub path: PathBuf,
    state: Arc<State>,
    _session: BackgroundSession,
    _folders: (tempfile::TempDir, tempfile::TempDir),
}

/// What the disk's handle and the file system have in common.
#[derive(Default)]
struct State {
    now: Mutex<Now>,
    ended: Condvar,
}

#[derive(Default)]
struct Now {
    fault: Option<Fault>,
    struck: u64,
    told: Option<ToldRoom>,
}

/// What a disk says of its room, in blocks of 4 KiB: how many it has, and how many are free to root and to others.
#[derive(Clone, Copy, Debug)]
pub struct ToldRoom {
    pub all: u64,
    pub free: u64,
    pub available: u64,
}

impl FaultyDisk {
    /// Mounts one. What it holds is in memory where there is such a place: only the faults are slow here.
    pub fn mount() -> FaultyDisk {
        assert!(
            Path::new("/dev/fuse").exists(),
            "this test mounts a file system: /dev/fuse is missing (modprobe fuse; in a container, --device /dev/fuse --cap-add SYS_ADMIN)"
        );
        let memory = Path::new("/dev/shm");
        let backing = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().canonicalize().unwrap();
        let state = Arc::new(State::default());
        let mut config = Config::default();
        config.mount_options = vec![MountOption::FSName("faults".to_owned()), MountOption::DefaultPermissions];
        config.acl = SessionACL::All;
        config.n_threads = Some(THREADS);
        let filesystem = Passthrough::over(backing.path(), Arc::clone(&state));
        let session = Session::new(filesystem, &path, &config).and_then(Session::spawn);
        let session = session.unwrap_or_else(|error| {
            panic!("this test mounts a file system with FUSE: run it as root with the right to mount. {error}")
        });
        FaultyDisk { path, state, _session: session, _folders: (folder, backing) }
    }

    /// From now on, until it is cleared, this happens.
    pub fn raise(&self, fault: Fault) {
        let mut now = self.state.now.lock().unwrap();
        (now.fault, now.struck) = (Some(fault), 0);
    }

    /// The disk is well again; what sleeps wakes up. Returns how many operations the fault has struck.
    pub fn clear(&self) -> u64 {
        let mut now = self.state.now.lock().unwrap();
        now.fault = None;
        self.state.ended.notify_all();
        now.struck
    }

    /// It says so of its room from now on, whatever it has.
    pub fn tell(&self, told: ToldRoom) {
        self.state.now.lock().unwrap().told = Some(told);
    }

    /// How many operations the fault has struck so far.
    pub fn struck(&self) -> u64 {
        self.state.now.lock().unwrap().struck
    }
}

impl Drop for FaultyDisk {
    fn drop(&mut self) {
        self.clear();
        // Lazily: a server that is still ending must not keep it.
        let _ = Command::new("umount").arg("-l").arg(&self.path).status();
    }
}

impl State {
    /// Lets an operation on one of these paths pass, now or later, or fail.
    fn pass(&self, operation: Operation, paths: &[&Path]) -> Result<(), Errno> {
        let mut now = self.now.lock().unwrap();
        let strikes = |fault: &Fault| {
            fault.operations.contains(&operation) && paths.iter().any(|path| fault.target.contains(path))
        };
        let Some(fault) = now.fault.filter(strikes) else { return Ok(()) };
        now.struck += 1;
        match fault.effect {
            Effect::Fails(error) => Err(error.into()),
            Effect::Sleeps(time) => {
                let until = Instant::now() + time;
                while now.fault.is_some() && Instant::now() < until {
                    now = self.ended.wait_timeout(now, until.saturating_duration_since(Instant::now())).unwrap().0;
                }
                Ok(())
            }
        }
    }
}

impl From<Error> for Errno {
    fn from(error: Error) -> Errno {
        match error {
            Error::Io => Errno::EIO,
            Error::NoSpace => Errno::ENOSPC,
            Error::ReadOnly => Errno::EROFS,
            Error::TooManyFiles => Errno::EMFILE,
        }
    }
}

impl Target {
    /// Whether a path below the disk's root is one of these.
    fn contains(self, path: &Path) -> bool {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let in_log = path.parent().is_some_and(|parent| parent.ends_with("log") || parent.ends_with("log/blobs"));
        match self {
            Target::Store => in_log && !name.starts_with("journal-") && name != "head.new",
            Target::MadeStore => in_log && (name == "db" || name == "conf"),
            Target::Journal => in_log && name.starts_with("journal-"),
            Target::Head => name == "head" || name == "head.new",
            Target::Projection => path.iter().any(|part| part == "projection"),
            Target::Everything => true,
        }
    }
}
