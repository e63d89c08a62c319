//! The lock file: one process at a time has the data directory, and says in it how to ask it.
//!
//! Its lines, which only its owner can read: the process's id; while a server runs, its URL and a secret, wiped out at
//! its end or, after a kill, by who next takes the lock to write; `session-key` with 64 hexadecimal digits, which that one keeps, so that browsers
//! stay signed in while the server is started anew; and `signed-out` with the id of each session that somebody ended and
//! until when a copy of its cookie could count. They live and die with the key: where that is lost, nobody is signed in.
//! What else stands behind the key is left over and counts for nothing.

use std::{
    fmt,
    fs::{self, File, Permissions, TryLockError},
    io::{self, Read as _},
    os::unix::fs::{FileExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use chrono::{DateTime, Utc};

use crate::{
    LogError,
    files::data_dir::{leads_to, place_of, storage},
};

const KEY_LINE: &str = "session-key ";

const SIGNED_OUT_LINE: &str = "signed-out ";

/// So many sessions that somebody ended are kept; then the one that would go first goes.
const SIGNED_OUT_MAX: usize = 4096;

/// More than a lock file has.
const FILE_BYTES_MAX: u64 = 512 << 10;

/// While this lives, no other process opens the data directory.
#[derive(Debug)]
pub struct DataDirLock {
    file: File,
    text: Mutex<Text>,
    /// What becomes of the file at the end, where whoever has the lock only reads.
    after: Option<After>,
}

/// What a lock file is to be again.
#[derive(Debug)]
struct After {
    path: PathBuf,
    /// `None`: it was not there.
    content: Option<Vec<u8>>,
}

/// How to ask the server that holds a data directory.
#[derive(Clone, PartialEq, Eq)]
pub struct RunningServer {
    /// Its root on this machine, such as `http://127.0.0.1:8080`.
    pub url: String,
    /// Lets whoever can read the lock file in, as an admin of all sources.
    pub secret: String,
}

/// Random bytes that browsers' sessions are sealed with. They are nowhere but in the lock file: in no copy of the log.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SessionKey(pub [u8; 32]);

/// A session that somebody ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SignedOut {
    /// Its id.
    pub session: [u8; 16],
    /// Until when a copy of its cookie could count.
    pub until: DateTime<Utc>,
}

/// What the file says beside this process's id.
#[derive(Clone, Debug, Default)]
struct Text {
    server: Option<RunningServer>,
    key: Option<SessionKey>,
    signed_out: Vec<SignedOut>,
}

impl fmt::Debug for SignedOut {
    /// Nothing that a log line should not hold.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SignedOut(.., {})", self.until)
    }
}

impl fmt::Debug for RunningServer {
    /// Nothing that a log line should not hold.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RunningServer({})", self.url)
    }
}

impl fmt::Debug for SessionKey {
    /// Nothing that a log line should not hold.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionKey(..)")
    }
}

impl Drop for DataDirLock {
    /// Said, and not left to the closing of the file: a child that is about to become another program still has a copy
    /// of the file open, and would keep the lock for as long.
    fn drop(&mut self) {
        if let Some(After { path, content }) = &self.after {
            let put_back = match content {
                Some(content) => {
                    self.file.write_all_at(content, 0).and_then(|()| self.file.set_len(content.len() as u64))
                }
                // Whoever opened it a moment ago finds out that it is gone.
                None => fs::remove_file(path),
            };
            if let Err(error) = put_back {
                tracing::warn!(%error, "the lock file could not be made what it was");
            }
        } else {
            // Nobody can be asked any more.
            let text = self.text.get_mut().unwrap_or_else(PoisonError::into_inner);
            if text.server.take().is_some()
                && let Err(error) = text.write_to(&self.file)
            {
                tracing::warn!(%error, "the lock file could not be written: it names a server that has ended");
            }
        }
        if let Err(error) = self.file.unlock() {
            tracing::warn!(%error, "the lock on the data directory could not be given back before its file is closed");
        }
    }
}

impl DataDirLock {
    /// Takes the lock of the data directory `root`, whose lock file is at `path`.
    pub(crate) fn take(root: &Path, path: &Path) -> Result<DataDirLock, LogError> {
        let (lock, _) = DataDirLock::taken(root, path)?;
        lock.make_private();
        lock.say();
        Ok(lock)
    }

    /// Takes it for who only reads what is there: the file is afterwards what it was before, or gone where there was none.
    pub(crate) fn take_to_read(root: &Path, path: &Path) -> Result<DataDirLock, LogError> {
        let (mut lock, was_there) = DataDirLock::taken(root, path)?;
        let content = was_there.then(|| fs::read(path)).transpose();
        let content = content.map_err(|error| storage(format!("reading {}", path.display()), error))?;
        lock.after = Some(After { path: path.to_owned(), content });
        lock.say();
        Ok(lock)
    }

    /// Takes the lock, and leaves the file as it is. Tells whether it was there, or is made by this very call.
    pub(crate) fn taken(root: &Path, path: &Path) -> Result<(DataDirLock, bool), LogError> {
        let failed = |error| storage(format!("locking {}", path.display()), error);
        loop {
            let (file, was_there) = match open_or_make(path) {
                Ok(opened) => opened,
                // Somebody else has made it in between.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(error) => return Err(failed(error)),
            };
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    let holder = read(&file).ok().and_then(|text| text.lines().next().map(str::to_owned));
                    return Err(LogError::InUse { path: root.to_owned(), holder });
                }
                Err(TryLockError::Error(error)) => return Err(failed(error)),
            }
            let before = read(&file).unwrap_or_default();
            let key = key_in(&before);
            let signed_out = if key.is_some() { signed_out_in(&before) } else { Vec::new() };
            let text = Text { server: None, key, signed_out };
            let lock = DataDirLock { file, text: Mutex::new(text), after: None };
            // Whoever made it to read has removed it since.
            if lock.is_at(path).map_err(failed)? {
                return Ok((lock, was_there));
            }
        }
    }

    /// An earlier version made it readable to all.
    fn make_private(&self) {
        if let Err(error) = self.file.set_permissions(Permissions::from_mode(0o600)) {
            tracing::warn!(%error, "the lock file could not be made its owner's alone");
        }
    }

    /// Says in the file who has the lock. That only serves a message: a full disk must not keep a log from being read.
    fn say(&self) {
        let text = self.text.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = text.write_to(&self.file) {
            tracing::warn!(%error, "the lock file could not be written");
        }
    }

    /// Writes into the lock file, which only its owner can read, how to ask this process. It is
    /// wiped out when the lock is given back, or by who takes it next to write.
    pub fn announce(&self, server: &RunningServer) {
        let mut text = self.text.lock().unwrap_or_else(PoisonError::into_inner);
        text.server = Some(server.clone());
        if let Err(error) = text.write_to(&self.file) {
            tracing::warn!(%error, "the lock file could not be written: commands beside this server won't find it");
        }
    }

    /// Whether the file stands at `path`.
    pub(crate) fn is_at(&self, path: &Path) -> io::Result<bool> {
        leads_to(path, place_of(&self.file.metadata()?))
    }

    /// Says in this file what another one says that is no longer there.
    pub(crate) fn take_over(&self, other: &DataDirLock) {
        self.make_private();
        let said = other.text.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut text = self.text.lock().unwrap_or_else(PoisonError::into_inner);
        *text = said;
        if let Err(error) = text.write_to(&self.file) {
            tracing::warn!(%error, "the lock file could not be written: commands beside this server won't find it");
        }
    }

    /// The key that the data directory's sessions are sealed with; a new one where there was none that could be read.
    pub fn session_key(&self) -> Result<SessionKey, LogError> {
        let mut text = self.text.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = text.key {
            return Ok(key);
        }
        let mut key = SessionKey([0; 32]);
        getrandom::fill(&mut key.0).map_err(|error| storage("making a key for sessions".to_owned(), error))?;
        text.key = Some(key);
        if let Err(error) = text.write_to(&self.file).and_then(|()| self.file.sync_data()) {
            tracing::warn!(%error, "the lock file could not be written: after the next start everybody has to sign in again");
        }
        Ok(key)
    }

    /// The sessions that somebody ended, as far as they are kept.
    pub fn signed_out(&self) -> Vec<SignedOut> {
        self.text.lock().unwrap_or_else(PoisonError::into_inner).signed_out.clone()
    }

    /// Keeps a session that somebody ended, durably. What could not be written is written with the next one. Call it where
    /// blocking is fine.
    pub fn keep_signed_out(&self, ended: SignedOut, now: DateTime<Utc>) {
        let mut text = self.text.lock().unwrap_or_else(PoisonError::into_inner);
        text.signed_out.retain(|other| other.until >= now && other.session != ended.session);
        text.signed_out.push(ended);
        if text.signed_out.len() > SIGNED_OUT_MAX {
            text.signed_out.sort_by_key(|other| std::cmp::Reverse(other.until));
            text.signed_out.truncate(SIGNED_OUT_MAX);
        }
        if let Err(error) = text.write_to(&self.file).and_then(|()| self.file.sync_data()) {
            tracing::warn!(%error, "the lock file could not be written: a copy of the cookie of whoever has signed out now counts again after the next start, if nobody else signs out before");
        }
    }
}

/// How to ask the server that has written the lock file at `path`, as far as that tells.
pub(crate) fn running_server(path: &Path) -> Option<RunningServer> {
    let text = read(&File::open(path).ok()?).ok()?;
    let mut lines = text.split_inclusive('\n').take_while(|line| !line.starts_with(KEY_LINE)).skip(1);
    // Without its line feed a line is being written right now.
    let mut line = || lines.next()?.strip_suffix('\n').map(str::to_owned);
    Some(RunningServer { url: line()?, secret: line()? })
}

impl Text {
    /// Over what stands there, and only then cut to its length: there is no moment without the key, and no need for room
    /// on a full disk.
    fn write_to(&self, file: &File) -> io::Result<()> {
        let mut text = format!("{}\n", std::process::id());
        if let Some(RunningServer { url, secret }) = &self.server {
            text += &format!("{url}\n{secret}\n");
        }
        if let Some(SessionKey(key)) = self.key {
            text += &format!("{KEY_LINE}{}\n", blake3::Hash::from_bytes(key).to_hex());
            for SignedOut { session, until } in &self.signed_out {
                let session = u128::from_be_bytes(*session);
                text += &format!("{SIGNED_OUT_LINE}{session:032x} {}\n", until.timestamp_millis());
            }
        }
        file.write_all_at(text.as_bytes(), 0)?;
        file.set_len(text.len() as u64)
    }
}

/// The lock file, and whether it was there. `AlreadyExists` where somebody else makes it at this moment.
fn open_or_make(path: &Path) -> io::Result<(File, bool)> {
    let mut options = File::options();
    options.read(true).write(true);
    match options.open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            options.create_new(true).mode(0o600).open(path).map(|file| (file, false))
        }
        opened => opened.map(|file| (file, true)),
    }
}

/// The first key that stands there whole.
fn key_in(text: &str) -> Option<SessionKey> {
    let digits = text.split_inclusive('\n').find_map(|line| line.strip_prefix(KEY_LINE)?.strip_suffix('\n'))?;
    blake3::Hash::from_hex(digits).ok().map(|hash| SessionKey(*hash.as_bytes()))
}

/// The sessions whose lines stand there whole.
fn signed_out_in(text: &str) -> Vec<SignedOut> {
    let read = |line: &str| {
        let (session, until) = line.strip_prefix(SIGNED_OUT_LINE)?.strip_suffix('\n')?.split_once(' ')?;
        let session = u128::from_str_radix(session, 16).ok().filter(|_| session.len() == 32)?;
        let until = DateTime::from_timestamp_millis(until.parse().ok()?)?;
        Some(SignedOut { session: session.to_be_bytes(), until })
    };
    text.split_inclusive('\n').filter_map(read).take(SIGNED_OUT_MAX).collect()
}

fn read(file: &File) -> io::Result<String> {
    let mut text = String::new();
    // From its start, wherever somebody has read it to.
    io::Seek::rewind(&mut &*file)?;
    (&mut &*file).take(FILE_BYTES_MAX).read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn locked(folder: &Path) -> DataDirLock {
        DataDirLock::take(folder, &folder.join("lock")).unwrap()
    }

    fn server() -> RunningServer {
        RunningServer { url: "http://127.0.0.1:8080".to_owned(), secret: "a-secret-of-this-start".to_owned() }
    }

    #[test]
    fn whoever_takes_the_lock_next_keeps_the_key_and_wipes_out_the_secret() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let lock = locked(folder.path());
        assert_eq!(running_server(&path), None);
        lock.announce(&server());
        assert_eq!(running_server(&path), Some(server()));
        let key = lock.session_key().unwrap();
        assert_eq!((lock.session_key().unwrap(), running_server(&path)), (key, Some(server())));
        drop(lock);
        for _ in 0..2 {
            let lock = locked(folder.path());
            assert_eq!(running_server(&path), None);
            assert!(!fs::read_to_string(&path).unwrap().contains("a-secret-of-this-start"));
            assert_eq!(lock.session_key().unwrap(), key);
            lock.announce(&server());
            assert_eq!(running_server(&path), Some(server()));
        }
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(!format!("{:?}", locked(folder.path())).contains(&format!("{:?}", key.0)));
    }

    #[test]
    fn who_only_reads_leaves_the_file_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let to_read = || DataDirLock::take_to_read(folder.path(), &path).unwrap();
        let lock = to_read();
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("{}\n", std::process::id()));
        drop(lock);
        assert!(!path.exists());
        let killed = "7\nhttp://127.0.0.1:8080\na-secret-of-this-start\nsession-key 00\nleft over";
        fs::write(&path, killed).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        let lock = to_read();
        assert!(matches!(DataDirLock::take(folder.path(), &path), Err(LogError::InUse { .. })));
        assert_eq!(running_server(&path), None, "the server that was killed is not asked");
        drop(lock);
        assert_eq!(fs::read_to_string(&path).unwrap(), killed);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
    }

    #[test]
    fn who_takes_the_lock_knows_whether_it_made_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        for was_there in [false, true] {
            assert_eq!(DataDirLock::taken(folder.path(), &path).unwrap().1, was_there);
        }
        fs::remove_file(&path).unwrap();
        let path = folder.path().join("nowhere/lock");
        assert!(matches!(DataDirLock::taken(folder.path(), &path), Err(LogError::Storage { .. })));
    }

    #[test]
    fn a_key_that_is_lost_or_cannot_be_read_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let first = locked(folder.path()).session_key().unwrap();
        let whole = fs::read(&path).unwrap();
        for (what, bytes) in [
            ("empty", Vec::new()),
            ("cut", whole[..whole.len() - 2].to_vec()),
            ("without its line feed", whole[..whole.len() - 1].to_vec()),
            ("no digits", String::from_utf8_lossy(&whole).replace("session-key ", "session-key x").into_bytes()),
            ("no text", [&whole[..9], b"\xff\xfe"].concat()),
            ("another line", b"1\nhttp://127.0.0.1:1\nsecret\n".to_vec()),
        ] {
            fs::write(&path, bytes).unwrap();
            let key = locked(folder.path()).session_key().unwrap();
            assert_ne!(key, first, "{what}");
            assert_eq!(locked(folder.path()).session_key().unwrap(), key, "{what}");
        }
    }

    #[test]
    fn who_has_signed_out_is_kept_with_the_key_and_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let at = |seconds: i64| DateTime::from_timestamp(1_772_463_845 + seconds, 0).unwrap();
        let ended = |number: u128, seconds| SignedOut { session: number.to_be_bytes(), until: at(seconds) };
        let lock = locked(folder.path());
        let key = lock.session_key().unwrap();
        for (number, seconds) in [(1, 10), (2, 20), (3, 30), (1, 10)] {
            lock.keep_signed_out(ended(number, seconds), at(0));
        }
        lock.announce(&server());
        assert_eq!(running_server(&path), Some(server()));
        drop(lock);
        for _ in 0..2 {
            let lock = locked(folder.path());
            assert_eq!(lock.signed_out(), [ended(2, 20), ended(3, 30), ended(1, 10)]);
            assert_eq!((lock.session_key().unwrap(), running_server(&path)), (key, None));
        }
        // Those that no cookie could count for any more go with the next one.
        locked(folder.path()).keep_signed_out(ended(4, 40), at(25));
        assert_eq!(locked(folder.path()).signed_out(), [ended(3, 30), ended(4, 40)]);
        // A torn line is none, and takes no other with it.
        let whole = fs::read_to_string(&path).unwrap();
        fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        assert_eq!(locked(folder.path()).signed_out(), [ended(3, 30)]);
        // The file keeps to what is read back of it, and without its key nobody is signed in.
        let lock = locked(folder.path());
        let many = (0..=SIGNED_OUT_MAX).map(|number| ended(u128::MAX - number as u128, 1_000_000 + number as i64));
        lock.text.lock().unwrap().signed_out = many.collect();
        lock.keep_signed_out(ended(5, 2_000_000), at(25));
        drop(lock);
        assert!(fs::metadata(&path).unwrap().len() < FILE_BYTES_MAX);
        let kept = locked(folder.path()).signed_out();
        assert_eq!((kept.len(), kept[0]), (SIGNED_OUT_MAX, ended(5, 2_000_000)));
        fs::write(&path, fs::read_to_string(&path).unwrap().replace(KEY_LINE, "key ")).unwrap();
        assert_eq!(locked(folder.path()).signed_out(), []);
    }

    #[test]
    fn what_another_version_or_half_a_write_left_tells_no_wrong_server() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let told = |text: &str| {
            fs::write(&path, text).unwrap();
            running_server(&path)
        };
        assert_eq!(told("7\nhttp://127.0.0.1:8080\na-secret-of-this-start\n"), Some(server()));
        assert_eq!(told("7\nhttp://127.0.0.1:8080\na-secret-of"), None);
        assert_eq!(told("7\n"), None);
        // The rest of a longer text, before it is cut off.
        assert_eq!(told("7\nsession-key 00\nttp://127.0.0.1:8080\na-secret-of-this-start\n"), None);
    }
}
