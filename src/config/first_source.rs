//! The source of a first start: one that is made where none is configured, so that a delivery can be tried at once.
//!
//! The credential is made once and handed out once; only its digest is kept, inside the log's folder, as the lines of a
//! configuration. The file is on stable storage before the credential is handed out.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use crate::{
    access::{CredentialDigest, NoRandomness, digest_of, fresh_secret},
    log::SourceName,
};

use super::{
    ConfigErrors, SourceConfig, document,
    error::{Location, Problems},
    interpret,
};

/// The file's name, in the log's folder.
pub const FIRST_SOURCE_FILE: &str = "first-source.toml";

const NAME: &str = "first";

/// The first source.
#[derive(Debug)]
pub struct FirstSource {
    /// The source, as if it had been configured.
    pub source: SourceConfig,
    /// Its route key and token, only where it was made just now. It is printed once and kept nowhere.
    pub fresh_secret: Option<String>,
}

/// The first source can't be made or read.
#[derive(Debug, thiserror::Error)]
pub enum FirstSourceError {
    /// The file can't be written or read.
    #[error("{doing} {path}: {error}")]
    Storage {
        /// What was being done.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The file is not as it was written.
    #[error(transparent)]
    Unreadable(#[from] ConfigErrors),
    /// No credential can be made.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
}

/// Its name.
pub(super) fn name() -> SourceName {
    NAME.parse().expect("`first` is a source's name")
}

/// Reads the first source from the log's folder `log_dir`, or makes it. One process at a time may do this:
/// the caller holds the data directory's lock.
pub fn first_source(log_dir: &Path) -> Result<FirstSource, FirstSourceError> {
    let path = log_dir.join(FIRST_SOURCE_FILE);
    match fs::read(&path) {
        Ok(bytes) => Ok(FirstSource { source: parse(&path, &bytes)?, fresh_secret: None }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let secret = fresh_secret()?;
            let text = lines(&digest_of(secret.as_bytes()));
            let source = parse(&path, text.as_bytes())?;
            write_durably(log_dir, &path, &text)?;
            Ok(FirstSource { source, fresh_secret: Some(secret) })
        }
        Err(error) => Err(FirstSourceError::Storage { doing: "reading", path, error }),
    }
}

fn lines(digest: &CredentialDigest) -> String {
    format!(
        "# Made at the first start, because no source was configured. It holds the credential's digest.\n\
         # As soon as the configuration has a [[source]], this file is no longer read: copy what follows to keep it.\n\
         [[source]]\nname = \"{NAME}\"\nroute_keys = [\"{digest}\"]\nauthtokens = [\"{digest}\"]\n"
    )
}

fn parse(path: &Path, bytes: &[u8]) -> Result<SourceConfig, ConfigErrors> {
    let mut problems = Problems::default();
    let whole = Location::whole(&path.display().to_string());
    let document = document::parse(&whole, bytes, &mut problems);
    problems.check()?;
    let mut sources = interpret(document, &mut problems).sources;
    let source = sources.pop().filter(|_| sources.is_empty());
    if source.is_none() {
        problems.add(&whole, "this file has to hold one source", "move it away to have a new one made");
    }
    problems.check()?;
    Ok(source.expect("a file without one was refused above"))
}

/// Writes beside it, syncs, renames, and syncs the folder: after a power cut there is all of it or nothing.
fn write_durably(folder: &Path, path: &Path, text: &str) -> Result<(), FirstSourceError> {
    let storage = |doing, path: &Path| {
        let path = path.to_owned();
        move |error| FirstSourceError::Storage { doing, path, error }
    };
    let beside = path.with_extension("toml.new");
    fs::create_dir_all(folder).map_err(storage("making the folder", folder))?;
    let mut file = File::create(&beside).map_err(storage("writing", &beside))?;
    file.write_all(text.as_bytes()).map_err(storage("writing", &beside))?;
    file.sync_all().map_err(storage("syncing", &beside))?;
    fs::rename(&beside, path).map_err(storage("renaming to", path))?;
    let folder_file = File::open(folder).map_err(storage("opening", folder))?;
    folder_file.sync_all().map_err(storage("syncing", folder))
}

#[cfg(test)]
mod tests {
    use chrono::Utc;

    use crate::access::{Gate, RouteKey};

    use super::*;

    #[test]
    fn it_is_made_once_and_its_secret_told_once() {
        let folder = tempfile::tempdir().unwrap();
        let log_dir = folder.path().join("log");
        let made = first_source(&log_dir).unwrap();
        let secret = made.fresh_secret.unwrap();
        let again = first_source(&log_dir).unwrap();
        assert_eq!(again.fresh_secret, None);
        assert_eq!(again.source, made.source);
        let gate = Gate::new(vec![again.source.access]);
        let key = RouteKey::in_path(&format!("/webhook/{secret}")).unwrap();
        assert_eq!(gate.keyed(&key, None, Utc::now()).map(|sender| sender.source), Some(name()));
        assert_eq!(gate.by_token(Some(secret.as_bytes()), Utc::now()), Some(name()));
        let names: Vec<_> = fs::read_dir(&log_dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, [FIRST_SOURCE_FILE]);
        assert!(!fs::read_to_string(log_dir.join(FIRST_SOURCE_FILE)).unwrap().contains(&secret));
    }

    #[test]
    fn a_file_that_is_something_else_is_refused_with_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FIRST_SOURCE_FILE);
        for text in ["", "[[source]]\nname = \"first\"", "nonsense"] {
            fs::write(&path, text).unwrap();
            let error = first_source(folder.path()).unwrap_err().to_string();
            assert!(error.starts_with(&path.display().to_string()), "{error}");
        }
    }
}
