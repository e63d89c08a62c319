//! Where a projection lives: a folder of its own for each time it is built, and a file that says which one counts.
//!
//! A projection that is built beside another one takes its place by the rename of one small file, so a crash at any
//! moment leaves the old one or the new one. Nothing here is synced: what a power cut takes is rebuilt.

use std::{
    fs, io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use clockfold_log::Cause;

const CURRENT: &str = "current";
const CURRENT_NEW: &str = "current.new";

/// The folder that holds projections.
pub(crate) struct Generations<'a> {
    root: &'a Path,
}

impl<'a> Generations<'a> {
    pub(crate) fn at(root: &'a Path) -> Generations<'a> {
        Generations { root }
    }

    pub(crate) fn root(&self) -> &Path {
        self.root
    }

    /// The projection that counts, if there is one. An unreadable one is not taken for missing: a missing one is
    /// rebuilt, and every other folder goes.
    pub(crate) fn current(&self) -> io::Result<Option<PathBuf>> {
        let name = match fs::read_to_string(self.root.join(CURRENT)) {
            Ok(name) => name,
            // A file that is no text is left by a power cut, and one that the disk does not give back is as good as gone.
            Err(error)
                if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidData)
                    || Cause::of(&error) == Cause::Device =>
            {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        if !is_name(&name) {
            return Ok(None);
        }
        let path = self.root.join(name);
        match fs::metadata(&path) {
            Ok(found) => Ok(Some(path).filter(|_| found.is_dir())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A folder for a new one, beside the current one, with a name that was never given before: one that was given up
    /// may still be written for a moment. Everything else is removed.
    pub(crate) fn fresh(&self) -> io::Result<PathBuf> {
        make_dir(self.root)?;
        let current = self.current()?;
        self.keep_only(current.as_deref())?;
        let number = getrandom::u32().map_err(io::Error::other)?;
        Ok(self.root.join(format!("g{number}")))
    }

    /// Makes `path`, which [`Generations::fresh`] gave, the one that counts.
    pub(crate) fn switch(&self, path: &Path) -> io::Result<()> {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        fs::write(self.root.join(CURRENT_NEW), name)?;
        fs::rename(self.root.join(CURRENT_NEW), self.root.join(CURRENT))
    }

    /// Removes everything but the projection that counts.
    pub(crate) fn tidy(&self) -> io::Result<()> {
        self.keep_only(self.current()?.as_deref())
    }

    fn keep_only(&self, kept: Option<&Path>) -> io::Result<()> {
        for entry in fs::read_dir(self.root)? {
            let path = entry?.path();
            if Some(&*path) == kept || (kept.is_some() && path.ends_with(CURRENT)) {
                continue;
            }
            if path.is_dir() { fs::remove_dir_all(path)? } else { fs::remove_file(path)? }
        }
        Ok(())
    }
}

/// Makes a folder where it is missing. It holds ids of appointments, so it is for its owner only. Its parent has to be
/// there: where somebody has moved a data directory away, none is made in its place.
fn make_dir(path: &Path) -> io::Result<()> {
    match fs::DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        made => made,
    }
}

/// Whether a folder's name is one that [`Generations::fresh`] gives: `g` and a number. Earlier versions counted.
fn is_name(name: &str) -> bool {
    name.strip_prefix('g').is_some_and(|number| number.parse::<u64>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn until_the_switch_the_old_one_counts_and_after_it_the_new_one() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("projection");
        let generations = Generations::at(&root);
        assert_eq!(generations.current().unwrap(), None);
        let first = generations.fresh().unwrap();
        fs::create_dir(&first).unwrap();
        generations.switch(&first).unwrap();
        let second = generations.fresh().unwrap();
        fs::create_dir(&second).unwrap();
        assert_eq!(generations.current().unwrap().as_ref(), Some(&first));
        // A crash before the switch: the half-built one goes, and its name is not given again.
        let third = generations.fresh().unwrap();
        assert!(third != second && !second.exists());
        fs::create_dir(&third).unwrap();
        generations.switch(&third).unwrap();
        generations.tidy().unwrap();
        assert_eq!(generations.current().unwrap().as_ref(), Some(&third));
        assert!(!first.exists());
        // An unreadable one is not taken for missing, and nothing goes.
        fs::remove_file(root.join(CURRENT)).unwrap();
        fs::create_dir(root.join(CURRENT)).unwrap();
        assert!(generations.current().is_err() && generations.fresh().is_err() && generations.tidy().is_err());
        assert!(third.exists());
        fs::remove_dir(root.join(CURRENT)).unwrap();
        // A name that is not ours counts for nothing.
        fs::write(root.join(CURRENT), "../elsewhere").unwrap();
        assert_eq!(generations.current().unwrap(), None);
    }
}
