//! The files that say what a directory is: a backup's manifest, which makes it complete, and an archive's mark.

use std::{
    fs,
    io::{self, Write},
    path::Path,
};

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

use clockfold_log::{Digest, Head, Position, sync_dir};

use super::{CopyError, create_private, segment::Finished};

pub(super) const MANIFEST: &str = "manifest.json";
/// There from the first moment of a backup until its manifest is in its place.
pub(super) const INCOMPLETE: &str = "incomplete";
pub(super) const ARCHIVE: &str = "archive.json";
const BACKUP_FORMAT: &str = "clockfold-backup";
const ARCHIVE_FORMAT: &str = "clockfold-archive";
const VERSION: u32 = 1;

/// What a complete backup holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// Where the log was.
    pub head: Head,
    /// The segments, in order.
    pub(super) segments: Vec<SegmentWords>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ManifestWords {
    format: String,
    version: u32,
    made_at: String,
    position: String,
    digest: String,
    segments: Vec<SegmentWords>,
}

/// A segment in a manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct SegmentWords {
    pub(super) file: String,
    pub(super) first_position: String,
    pub(super) last_position: String,
    pub(super) digest: String,
    pub(super) bytes: u64,
    pub(super) blake3: String,
}

#[derive(Serialize, Deserialize)]
struct Mark {
    format: String,
    version: u32,
}

impl SegmentWords {
    pub(super) fn of(segment: &Finished) -> SegmentWords {
        SegmentWords {
            file: segment.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
            first_position: segment.after.position.next().to_string(),
            last_position: segment.to.position.to_string(),
            digest: segment.to.digest.to_string(),
            bytes: segment.bytes,
            blake3: segment.blake3.to_string(),
        }
    }
}

impl Manifest {
    /// Puts the manifest in its place, durably: from then on the backup is complete.
    pub(super) fn write(&self, directory: &Path, now: DateTime<Utc>) -> io::Result<()> {
        let words = ManifestWords {
            format: BACKUP_FORMAT.to_owned(),
            version: VERSION,
            made_at: now.to_rfc3339_opts(SecondsFormat::Millis, true),
            position: self.head.position.to_string(),
            digest: self.head.digest.to_string(),
            segments: self.segments.clone(),
        };
        put(directory, MANIFEST, &words)
    }

    /// The manifest of a directory, if it has one.
    pub(super) fn read(directory: &Path) -> Result<Option<Manifest>, CopyError> {
        let path = directory.join(MANIFEST);
        let wrong = |message: &str| CopyError::Manifest { path: path.clone(), message: message.to_owned() };
        let Some(bytes) = read_if_there(&path)? else { return Ok(None) };
        let words: ManifestWords =
            serde_json::from_slice(&bytes).map_err(|_| wrong("it is not what a backup's manifest looks like"))?;
        if words.format != BACKUP_FORMAT || words.version != VERSION {
            return Err(wrong("its format or version is not known to this program"));
        }
        let position = words.position.parse().map(Position::new).map_err(|_| wrong("its position is no number"))?;
        let digest: Digest = words.digest.parse().map_err(|_| wrong("its digest is none"))?;
        Ok(Some(Manifest { head: Head { position, digest }, segments: words.segments }))
    }
}

/// Marks a directory as an archive, durably.
pub(super) fn mark_archive(directory: &Path) -> io::Result<()> {
    put(directory, ARCHIVE, &Mark { format: ARCHIVE_FORMAT.to_owned(), version: VERSION })
}

/// Whether a directory is marked as an archive.
pub(super) fn is_archive(directory: &Path) -> Result<bool, CopyError> {
    let path = directory.join(ARCHIVE);
    let Some(bytes) = read_if_there(&path)? else { return Ok(false) };
    match serde_json::from_slice::<Mark>(&bytes) {
        Ok(mark) if mark.format == ARCHIVE_FORMAT && mark.version == VERSION => Ok(true),
        _ => {
            Err(CopyError::Manifest { path, message: "its format or version is not known to this program".to_owned() })
        }
    }
}

fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>, CopyError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(CopyError::file("reading", path)(error)),
    }
}

/// Writes a file beside its place and renames it there.
fn put(directory: &Path, name: &str, words: &impl Serialize) -> io::Result<()> {
    let temporary = directory.join(format!("{name}.new"));
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut text = serde_json::to_vec_pretty(words)?;
    text.push(b'\n');
    let mut file = create_private(&temporary)?;
    file.write_all(&text)?;
    file.sync_all()?;
    fs::rename(&temporary, directory.join(name))?;
    sync_dir(directory)
}
