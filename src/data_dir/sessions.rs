//! What outlasts a server of its browsers' sessions: the key that seals them, and which of them somebody ended.
//!
//! Both stand in the lock file and nowhere else: in no copy of the log. The ended ones live and die with the key: where
//! that is lost, nobody is signed in.

use std::{fmt, io};

use chrono::{DateTime, Utc};

use crate::log::DataDirLock;

const KEY: &str = "session-key ";

const SIGNED_OUT: &str = "signed-out ";

/// How many ended sessions are kept; beyond that, the one goes that would go first.
const SIGNED_OUT_MAX: usize = 4096;

/// Random bytes that browsers' sessions are sealed with.
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

impl fmt::Debug for SessionKey {
    /// Nothing that a message should not hold.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionKey(..)")
    }
}

impl fmt::Debug for SignedOut {
    /// Nothing that a message should not hold.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SignedOut(.., {})", self.until)
    }
}

/// The key of this data directory's sessions; a new one where there was none that could be read.
pub fn session_key(lock: &DataDirLock) -> io::Result<SessionKey> {
    if let Some(key) = key_in(&lock.lasting()) {
        return Ok(key);
    }
    let mut key = SessionKey([0; 32]);
    getrandom::fill(&mut key.0).map_err(io::Error::other)?;
    if let Err(error) = lock.change_lasting(|lines| *lines = lines_of(key, &[])) {
        tracing::warn!(%error, "the lock file could not be written: after the next start everybody has to sign in again");
    }
    Ok(key)
}

/// The sessions that somebody ended, as far as they are kept.
pub fn signed_out(lock: &DataDirLock) -> Vec<SignedOut> {
    let lines = lock.lasting();
    key_in(&lines).map_or_else(Vec::new, |_| signed_out_in(&lines))
}

/// Keeps a session that somebody ended, durably. One that could not be written is written with the next. Call it where
/// blocking is fine.
pub fn keep_signed_out(lock: &DataDirLock, ended: SignedOut, now: DateTime<Utc>) {
    let kept = lock.change_lasting(|lines| {
        let Some(key) = key_in(lines) else { return };
        let mut all = signed_out_in(lines);
        all.retain(|other| other.until >= now && other.session != ended.session);
        all.push(ended);
        if all.len() > SIGNED_OUT_MAX {
            all.sort_by_key(|other| std::cmp::Reverse(other.until));
            all.truncate(SIGNED_OUT_MAX);
        }
        *lines = lines_of(key, &all);
    });
    if let Err(error) = kept {
        tracing::warn!(
            %error,
            "the lock file could not be written: after the next start, a copy of the cookie of somebody who has signed out counts \
             again, unless somebody else signs out before"
        );
    }
}

fn lines_of(SessionKey(key): SessionKey, signed_out: &[SignedOut]) -> Vec<String> {
    let ended = signed_out.iter().map(|SignedOut { session, until }| {
        format!("{SIGNED_OUT}{:032x} {}", u128::from_be_bytes(*session), until.timestamp_millis())
    });
    std::iter::once(format!("{KEY}{}", blake3::Hash::from_bytes(key).to_hex())).chain(ended).collect()
}

/// The first key that stands there.
fn key_in(lines: &[String]) -> Option<SessionKey> {
    let digits = lines.iter().find_map(|line| line.strip_prefix(KEY))?;
    blake3::Hash::from_hex(digits).ok().map(|hash| SessionKey(*hash.as_bytes()))
}

fn signed_out_in(lines: &[String]) -> Vec<SignedOut> {
    let read = |line: &String| {
        let (session, until) = line.strip_prefix(SIGNED_OUT)?.split_once(' ')?;
        let session = u128::from_str_radix(session, 16).ok().filter(|_| session.len() == 32)?;
        let until = DateTime::from_timestamp_millis(until.parse().ok()?)?;
        Some(SignedOut { session: session.to_be_bytes(), until })
    };
    lines.iter().filter_map(read).take(SIGNED_OUT_MAX).collect()
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;
    use crate::log::DataDir;

    fn locked(folder: &Path) -> DataDirLock {
        DataDir::at(folder).lock().unwrap()
    }

    fn key_of(folder: &Path) -> SessionKey {
        session_key(&locked(folder)).unwrap()
    }

    #[test]
    fn a_key_that_is_lost_or_cannot_be_read_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let first = key_of(folder.path());
        assert_eq!(key_of(folder.path()), first);
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
            let key = key_of(folder.path());
            assert_ne!(key, first, "{what}");
            assert_eq!(key_of(folder.path()), key, "{what}");
        }
        assert!(!format!("{first:?}").contains(&format!("{:?}", first.0)));
    }

    #[test]
    fn who_has_signed_out_is_kept_with_the_key_and_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let at = |seconds: i64| DateTime::from_timestamp(1_772_463_845 + seconds, 0).unwrap();
        let ended = |number: u128, seconds| SignedOut { session: number.to_be_bytes(), until: at(seconds) };
        let kept = || signed_out(&locked(folder.path()));
        let lock = locked(folder.path());
        let key = session_key(&lock).unwrap();
        for (number, seconds) in [(1, 10), (2, 20), (3, 30), (1, 10)] {
            keep_signed_out(&lock, ended(number, seconds), at(0));
        }
        drop(lock);
        for _ in 0..2 {
            assert_eq!(kept(), [ended(2, 20), ended(3, 30), ended(1, 10)]);
            assert_eq!(key_of(folder.path()), key);
        }
        // Those for which no cookie could still count go with the next one.
        keep_signed_out(&locked(folder.path()), ended(4, 40), at(25));
        assert_eq!(kept(), [ended(3, 30), ended(4, 40)]);
        // A torn line is none, and takes no other with it.
        let whole = fs::read_to_string(&path).unwrap();
        fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        assert_eq!(kept(), [ended(3, 30)]);
        // No more are kept than can be read back, and without its key nobody is signed in.
        let lock = locked(folder.path());
        let many: Vec<_> = (0..SIGNED_OUT_MAX)
            .map(|number| ended(u128::MAX - number as u128, 1_000_000 + i64::try_from(number).unwrap()))
            .collect();
        lock.change_lasting(|lines| *lines = lines_of(key, &many)).unwrap();
        keep_signed_out(&lock, ended(5, 2_000_000), at(25));
        drop(lock);
        let all = kept();
        assert_eq!((all.len(), all[0]), (SIGNED_OUT_MAX, ended(5, 2_000_000)));
        fs::write(&path, fs::read_to_string(&path).unwrap().replace(KEY, "key ")).unwrap();
        assert_eq!(kept(), []);
    }
}
