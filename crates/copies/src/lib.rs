//! The log outside its store: lines of text that anybody can read, and files that a log can be restored from.
//!
//! Deliveries come in as a log hands them out and come back as they were, in order, with positions, times, salts and
//! digest. Everything that is read back is checked against the hash chain, so a copy of another log is noticed, and
//! nothing here says "done" before the digest fits. Copies hold what was sent about patients: directories and files are
//! made for their owner only.

mod stretch;
pub mod ndjson;
mod error;
mod segment;
mod manifest;
mod backup;
mod archive;
mod survey;
mod restore;

use std::{
    fs::{self, File},
    io,
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use clockfold_log::{make_private_dir, sync_dir};

pub use archive::Archive;
pub use backup::{BackupWriter, SEGMENT_BYTES};
pub use error::{CopyError, Corruption};
pub use manifest::Manifest;
pub use restore::Restoration;
pub use stretch::{Stretch, StretchError};
pub use survey::{CopyKind, Survey, Torn};

/// A new file for its owner only. One that is there already is an error.
pub fn create_private(path: &Path) -> io::Result<File> {
    File::options().read(true).write(true).create_new(true).mode(0o600).open(path)
}

/// A directory for its owner only, and durable: without its own entry a power cut forgets what is in it.
fn make_durable_dir(path: &Path) -> io::Result<()> {
    make_private_dir(path)?;
    fs::canonicalize(path)?.parent().map_or(Ok(()), sync_dir)
}
