//! How commands on this machine ask the server that has the data directory: it writes its URL and a secret into the lock
//! file, which only its owner can read.

use std::fmt;

use crate::log::{DataDir, DataDirLock};

/// How to ask the server that holds a data directory.
#[derive(Clone, PartialEq, Eq)]
pub struct RunningServer {
    /// Its root on this machine, such as `http://127.0.0.1:8080`.
    pub url: String,
    /// Lets in anybody who can read the lock file, as an admin of all sources.
    pub secret: String,
}

impl fmt::Debug for RunningServer {
    /// Nothing that a message should not hold.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RunningServer({})", self.url)
    }
}

impl RunningServer {
    /// The server that holds `data_dir`, as far as the lock file says.
    pub fn of(data_dir: &DataDir) -> Option<RunningServer> {
        let [url, secret] = data_dir.announced()?.try_into().ok()?;
        Some(RunningServer { url, secret })
    }

    /// Says in the lock file how to ask this process.
    pub fn announce(&self, lock: &DataDirLock) {
        if let Err(error) = lock.announce(&[&self.url, &self.secret]) {
            tracing::warn!(%error, "the lock file could not be written: commands beside this server won't find it");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_command_finds_the_server_that_has_the_directory_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let data_dir = DataDir::at(folder.path());
        let server =
            RunningServer { url: "http://127.0.0.1:8080".to_owned(), secret: "a-secret-of-this-start".to_owned() };
        assert_eq!(RunningServer::of(&data_dir), None);
        let lock = data_dir.lock().unwrap();
        assert_eq!(RunningServer::of(&data_dir), None);
        server.announce(&lock);
        assert_eq!(RunningServer::of(&data_dir), Some(server.clone()));
        drop(lock);
        assert_eq!(RunningServer::of(&data_dir), None);
        let path = folder.path().join("lock");
        for (text, found) in [
            ("7\nhttp://127.0.0.1:8080\na-secret-of-this-start\n", Some(server)),
            ("7\nhttp://127.0.0.1:8080\na-secret-of", None),
            ("7\nsession-key 00\nttp://127.0.0.1:8080\na-secret-of-this-start\n", None),
        ] {
            fs::write(&path, text).unwrap();
            assert_eq!(RunningServer::of(&data_dir), found, "{text}");
        }
    }
}
