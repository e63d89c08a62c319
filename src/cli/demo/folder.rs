//! A folder that exists as long as somebody holds it.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

use anyhow::Context as _;

use crate::{access::fresh_secret, log::make_private_dir};

/// A folder of a new name, for its owner only. It is removed with everything in it when it is dropped; after a
/// `kill -9` it is left, and does no harm: no other demo takes it.
pub(super) struct ThrowAway(PathBuf);

impl ThrowAway {
    /// Makes one where the system keeps temporary files.
    pub(super) fn make() -> anyhow::Result<ThrowAway> {
        let name = fresh_secret()?.get(..12).unwrap_or_default().to_owned();
        let path = temporary(env::temp_dir()).join(format!("clockfold-demo-{name}"));
        let doing = || format!("making {}; TMPDIR names another place for it", path.display());
        if path.exists() {
            return Err(io::Error::from(io::ErrorKind::AlreadyExists)).with_context(doing);
        }
        make_private_dir(&path).with_context(doing)?;
        Ok(ThrowAway(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

/// The folder for temporary files. A `TMPDIR=` of nothing would mean where the program was started.
fn temporary(named: PathBuf) -> PathBuf {
    if named.as_os_str().is_empty() { PathBuf::from("/tmp") } else { named }
}

impl Drop for ThrowAway {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::warn!(path = %self.0.display(), %error, "the throw-away store could not be removed; remove it by hand");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_name_is_no_folder() {
        for (named, folder) in [("", "/tmp"), ("/var/tmp", "/var/tmp"), ("here", "here")] {
            assert_eq!(temporary(PathBuf::from(named)), PathBuf::from(folder), "{named}");
        }
    }
}
