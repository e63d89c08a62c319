//! A backup: a stretch from the log's beginning to a stated position, in segments, with a manifest at the end.
//!
//! Each segment is read back from the disk when it is finished, and its chain recomputed. The manifest comes last and
//! by a rename, so a directory without one is no backup.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use chrono::{DateTime, Utc};

use clockfold_log::{Delivery, Head, sync_dir};

use super::{
    CopyError, Stretch, create_private, make_durable_dir,
    manifest::{INCOMPLETE, MANIFEST, Manifest, SegmentWords},
    segment::{Broken, Finished, SegmentReader, SegmentWriter, weight},
};

/// A segment is finished once it is this long, by default.
pub const SEGMENT_BYTES: u64 = 64 << 20;
/// Deliveries that are appended at once.
const BATCH_DELIVERIES_MAX: usize = 512;
const BATCH_BYTES_MAX: usize = 1 << 20;

/// A backup that is being written.
pub struct BackupWriter {
    directory: PathBuf,
    to: Head,
    at: Head,
    segment: Option<SegmentWriter>,
    batch: Vec<Delivery>,
    batch_bytes: usize,
    segments: Vec<SegmentWords>,
    segment_bytes: u64,
}

impl BackupWriter {
    /// Begins a backup in a directory that is empty, or is made. `stretch` begins with the log.
    pub fn begin(directory: &Path, stretch: Stretch) -> Result<BackupWriter, CopyError> {
        let failed = |doing| CopyError::file(doing, directory);
        make_durable_dir(directory).map_err(failed("making"))?;
        if fs::read_dir(directory).map_err(failed("reading"))?.next().is_some() {
            let interrupted = directory.join(INCOMPLETE).exists() && !directory.join(MANIFEST).exists();
            return Err(CopyError::NotEmpty { path: directory.to_owned(), interrupted });
        }
        let mark = || {
            let mut file = create_private(&directory.join(INCOMPLETE))?;
            file.write_all(
                b"This backup is being written, or was interrupted. It is complete once manifest.json is here.\n",
            )?;
            file.sync_all()?;
            sync_dir(directory)
        };
        mark().map_err(failed("beginning a backup in"))?;
        Ok(BackupWriter {
            directory: directory.to_owned(),
            to: stretch.to,
            at: stretch.after,
            segment: None,
            batch: Vec::new(),
            batch_bytes: 0,
            segments: Vec::new(),
            segment_bytes: SEGMENT_BYTES,
        })
    }

    /// The same, with segments of another length.
    pub fn with_segments_of(self, segment_bytes: u64) -> BackupWriter {
        BackupWriter { segment_bytes, ..self }
    }

    /// Takes the next delivery.
    pub fn append(&mut self, delivery: Delivery) -> Result<(), CopyError> {
        self.batch_bytes += weight(&delivery);
        self.batch.push(delivery);
        if self.batch.len() == BATCH_DELIVERIES_MAX || self.batch_bytes >= BATCH_BYTES_MAX {
            self.write_batch()?;
        }
        Ok(())
    }

    /// Completes the backup, if it holds its whole stretch.
    pub fn finish(mut self, now: DateTime<Utc>) -> Result<Manifest, CopyError> {
        self.write_batch()?;
        self.finish_segment()?;
        if self.at != self.to {
            let message = format!("the deliveries up to position {} do not have the log's digest", self.at.position);
            return Err(CopyError::ReadBack { path: self.directory, message });
        }
        let manifest = Manifest { head: self.to, segments: self.segments };
        let complete = || {
            manifest.write(&self.directory, now)?;
            fs::remove_file(self.directory.join(INCOMPLETE))?;
            sync_dir(&self.directory)
        };
        complete().map_err(CopyError::file("completing the backup in", &self.directory))?;
        Ok(manifest)
    }

    fn write_batch(&mut self) -> Result<(), CopyError> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let failed = || CopyError::file("writing to", &self.directory);
        let segment = match &mut self.segment {
            Some(segment) => segment,
            none => none.insert(SegmentWriter::create(&self.directory, self.at).map_err(failed())?),
        };
        segment.append(&self.batch).map_err(failed())?;
        self.at = segment.at();
        let full = segment.bytes() >= self.segment_bytes;
        self.batch.clear();
        self.batch_bytes = 0;
        if full { self.finish_segment() } else { Ok(()) }
    }

    fn finish_segment(&mut self) -> Result<(), CopyError> {
        let Some(segment) = self.segment.take() else { return Ok(()) };
        let finished = segment.finish().map_err(CopyError::file("writing to", &self.directory))?;
        read_back(&finished)?;
        self.segments.push(SegmentWords::of(&finished));
        Ok(())
    }
}

/// Reads a finished segment from the disk and compares it with what was written.
fn read_back(written: &Finished) -> Result<(), CopyError> {
    let path = &written.path;
    let broken = |broken| match broken {
        Broken::Input(error) => CopyError::file("reading back", path)(error),
        Broken::At { offset, message } => {
            CopyError::ReadBack { path: path.clone(), message: format!("{message}, at byte {offset}") }
        }
    };
    let mut reader = SegmentReader::open_from_disk(path).map_err(broken)?;
    while reader.next_group().map_err(broken)?.is_some() {}
    if !reader.is_finished() || reader.into_finished() != *written {
        return Err(CopyError::ReadBack { path: path.clone(), message: "it has another content".to_owned() });
    }
    Ok(())
}
