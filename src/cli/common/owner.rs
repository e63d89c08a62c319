//! Whose files a command works on. The data directory belongs to one user, and every file in it has to.
//!
//! A command that only reads acts as that user, where root runs it; what it makes for itself goes to `TMPDIR`. A
//! command that writes refuses everybody else, as PostgreSQL does: the owner can't open what root makes there.

use std::{
    env,
    ffi::{OsStr, OsString},
    io,
    path::Path,
};

use anyhow::{Context as _, anyhow};
use tempfile::TempDir;

use crate::log::{Acting, DataDir, Owner};

/// How this program was called.
pub(in crate::cli) struct Invocation(Vec<OsString>);

/// A folder below `TMPDIR`; it goes when this is dropped.
pub(in crate::cli) struct Scratch(TempDir);

impl Invocation {
    pub(in crate::cli) fn of(words: Vec<OsString>) -> Invocation {
        Invocation(words)
    }

    /// Refuses a user whose files in the data directory its owner couldn't open.
    pub(in crate::cli) fn writes(&self, data_dir: &Path) -> anyhow::Result<()> {
        match owner(data_dir)? {
            Some(owner) if !owner.lets_write() => Err(self.refusal(data_dir, owner)),
            _ => Ok(()),
        }
    }

    /// Acts as the owner of a data directory until the returned value is dropped. Where the owner is another user, only
    /// root can; anybody else is refused.
    pub(in crate::cli) fn reads(&self, data_dir: &Path) -> anyhow::Result<Acting> {
        // Without a directory there is nothing to read, and no owner.
        let Some(owner) = owner(data_dir)? else { return Ok(Acting::as_before()) };
        owner.act().map_err(|error| match error.kind() {
            io::ErrorKind::PermissionDenied => self.refusal(data_dir, owner),
            _ => anyhow!(error).context(format!("becoming {owner}, who owns {}", data_dir.display())),
        })
    }

    fn refusal(&self, data_dir: &Path, owner: Owner) -> anyhow::Error {
        let words: Vec<String> = self.0.iter().map(|word| quoted(word)).collect();
        anyhow!(
            "the data directory {} belongs to {owner}, and this is another user: its owner could not open what it makes there\n  hint: run it as the owner: {} {}",
            data_dir.display(),
            owner.runner(),
            words.join(" ")
        )
    }
}

fn owner(data_dir: &Path) -> anyhow::Result<Option<Owner>> {
    let looking = || format!("looking at the data directory {}", data_dir.display());
    Owner::of(&DataDir::at(data_dir)).with_context(looking)
}

/// A word as a shell takes it.
fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:=,@%+".contains(&byte);
    if !word.is_empty() && word.bytes().all(is_plain) {
        return word.into_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

impl Scratch {
    /// Makes one that only its owner can look into.
    pub(in crate::cli) fn make() -> anyhow::Result<Scratch> {
        let made = tempfile::Builder::new().prefix("clockfold-").tempdir();
        made.map(Scratch)
            .with_context(|| format!("making a folder in {}; TMPDIR names another place", env::temp_dir().display()))
    }

    pub(in crate::cli) fn path(&self) -> &Path {
        self.0.path()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_comes_back_out_of_a_shell_as_it_was() {
        for (word, expected) in [
            ("--data-dir", "--data-dir"),
            ("/var/lib/clockfold", "/var/lib/clockfold"),
            ("", "''"),
            ("a place", "'a place'"),
            ("it's $HOME", r"'it'\''s $HOME'"),
        ] {
            assert_eq!(quoted(OsStr::new(word)), expected);
        }
    }
}
