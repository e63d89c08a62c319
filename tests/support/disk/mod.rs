//! A disk that can be full.

pub mod faults;
pub mod killed;
pub mod power;
pub mod store;
pub mod trace;

use std::{
    fs::{self, File},
    io::Write,
    path::PathBuf,
    process::Command,
};

/// A small file system in memory; unmounted when dropped.
pub struct Disk {
    /// Where it is.
    pub path: PathBuf,
    _folder: tempfile::TempDir,
}

impl Disk {
    /// Mounts one.
    pub fn of_mebibytes(size: u32) -> Disk {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().canonicalize().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={size}m"), "tmpfs"]).arg(&path);
        let mounted = mount.output().unwrap();
        let why = String::from_utf8_lossy(&mounted.stderr).into_owned();
        assert!(
            mounted.status.success(),
            "this test mounts a small tmpfs: run it as root with the right to mount. {why}"
        );
        Disk { path, _folder: folder }
    }

    /// Takes what is free but for `left` bytes.
    pub fn fill(&self, left: usize) {
        let mut ballast = File::create(self.ballast()).unwrap();
        while ballast.write_all(&[1; 4096]).is_ok() {}
        let length = ballast.metadata().unwrap().len();
        ballast.set_len(length.saturating_sub(left as u64)).unwrap();
    }

    /// Gives back what [`Disk::fill`] took.
    pub fn free(&self) {
        fs::remove_file(self.ballast()).unwrap();
    }

    fn ballast(&self) -> PathBuf {
        self.path.join("ballast")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: a server that is still ending must not keep it.
        let _ = Command::new("umount").arg("-l").arg(&self.path).status();
    }
}
