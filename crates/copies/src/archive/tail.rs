//! The end of an archive: found, checked against the log, repaired where a crash tore it, and written on.

use std::{
    fs::{self, File, TryLockError},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use clockfold_log::{Head, Log, LogError, Position, sync_dir};

use crate::{
    CopyError, Corruption, make_durable_dir,
    manifest::{ARCHIVE, is_archive, mark_archive},
    segment::{
        Broken, GROUP_BYTES_MAX, GROUP_DELIVERIES_MAX, SegmentReader, SegmentWriter, end_of, groups_after, list, weight,
    },
};

/// Up to where a segment is on stable storage.
#[derive(Clone, Debug)]
pub(super) struct Synced {
    path: PathBuf,
    bytes: u64,
}

/// An archive that can be appended to.
pub(super) struct Tail {
    directory: PathBuf,
    at: Head,
    /// `None` where the next delivery begins a new one.
    segment: Option<SegmentWriter>,
    /// Locked while this lives.
    _mark: File,
}

impl Tail {
    /// Opens the archive in `directory`, or begins one. It is `log`'s, and ends with the last frame that is whole and,
    /// by `synced`, durable.
    pub(super) fn open(directory: &Path, log: &dyn Log, synced: Option<&Synced>) -> Result<Tail, CopyError> {
        let failed = |doing| CopyError::file(doing, directory);
        make_durable_dir(directory).map_err(failed("making"))?;
        begin_if_new(directory, log)?;
        let mark = lock(directory)?;
        let mut segments = list(directory).map_err(failed("reading"))?;
        if let (Some(synced), Some(last)) = (synced, segments.last())
            && synced.path < *last
        {
            fs::remove_file(last).map_err(failed("removing an unfinished segment in"))?;
            segments.pop();
        }
        let before_last = check_order(&segments, directory, log)?;
        let limit = |path: &Path| synced.filter(|synced| synced.path == path).map(|synced| synced.bytes);
        let (segment, at) = match segments.last() {
            None => (None, Head::EMPTY),
            Some(path) => repair(path, before_last, limit(path), directory, log)?,
        };
        sync_dir(directory).map_err(failed("syncing"))?;
        Ok(Tail { directory: directory.to_owned(), at, segment, _mark: mark })
    }

    /// The last delivery that it has.
    pub(super) fn at(&self) -> Head {
        self.at
    }

    /// Appends the next deliveries of the log, durably, and ends the segment where it has become long enough.
    pub(super) fn append_batch(&mut self, log: &dyn Log, segment_bytes: u64) -> Result<Synced, CopyError> {
        let most = usize::try_from(segment_bytes).unwrap_or(usize::MAX).min(GROUP_BYTES_MAX);
        // One frame, one sync: so a power cut tears the last frame at most, and whatever is broken before it is corruption.
        let mut batch = Vec::new();
        let mut bytes = 0;
        for delivery in log.read(self.at.position.next()) {
            let delivery = delivery?;
            bytes += weight(&delivery);
            if !batch.is_empty() && (bytes > most || batch.len() == GROUP_DELIVERIES_MAX) {
                break;
            }
            batch.push(delivery);
        }
        if batch.is_empty() {
            let message = "the delivery is missing".to_owned();
            return Err(LogError::Corrupt { position: self.at.position.next(), message }.into());
        }
        let failed = || CopyError::file("writing to", &self.directory);
        let segment = match &mut self.segment {
            Some(segment) => segment,
            none => none.insert(SegmentWriter::create(&self.directory, self.at).map_err(failed())?),
        };
        segment.append(&batch).and_then(|()| segment.sync()).map_err(failed())?;
        check_in_place(segment).map_err(CopyError::file("writing to", segment.path()))?;
        self.at = segment.at();
        let synced = Synced { path: segment.path().to_owned(), bytes: segment.bytes() };
        match self.segment.take_if(|segment| segment.bytes() >= segment_bytes) {
            None => Ok(synced),
            Some(full) => {
                let finished = full.finish().map_err(failed())?;
                Ok(Synced { path: finished.path, bytes: finished.bytes })
            }
        }
    }
}

/// Marks an empty directory as an archive.
fn begin_if_new(directory: &Path, log: &dyn Log) -> Result<(), CopyError> {
    if is_archive(directory)? {
        return Ok(());
    }
    let failed = |doing| CopyError::file(doing, directory);
    for entry in fs::read_dir(directory).map_err(failed("reading"))? {
        let name = entry.map_err(failed("reading"))?.file_name();
        // An interrupted beginning may leave the first; a file system's root has the second.
        if name != *format!("{ARCHIVE}.new") && name != "lost+found" {
            return Err(CopyError::NotAnArchive { path: directory.to_owned() });
        }
    }
    mark_archive(directory).map_err(failed("beginning an archive in"))?;
    let (directory, deliveries) = (directory.display(), log.head().position.get());
    match deliveries {
        0 => tracing::info!(%directory, "a new archive is begun"),
        _ => tracing::warn!(
            %directory,
            deliveries,
            "a new archive is begun; if there was one already, check that its disk is mounted"
        ),
    }
    Ok(())
}

fn lock(directory: &Path) -> Result<File, CopyError> {
    let path = directory.join(ARCHIVE);
    let file = File::open(&path).map_err(CopyError::file("opening", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(CopyError::InUse { path: directory.to_owned() }),
        // A file system without locks: the digests still reveal another log.
        Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => Ok(file),
        Err(TryLockError::Error(error)) => Err(CopyError::file("locking", path)(error)),
    }
}

/// Whether every segment but the last is finished and begins where the one before it ends, at the log's digests. Returns
/// where the last one has to begin.
fn check_order(segments: &[PathBuf], directory: &Path, log: &dyn Log) -> Result<Head, CopyError> {
    let mut at = Head::EMPTY;
    for path in segments.iter().take(segments.len().saturating_sub(1)) {
        let corrupt = |message: &str| {
            let (segment, message, position) = (path.clone(), message.to_owned(), at.position.next());
            CopyError::Corrupt(Box::new(Corruption { segment, offset: 0, position, message, whole_later: Vec::new() }))
        };
        match SegmentReader::open(path) {
            Ok(reader) if reader.after() == at => {}
            Ok(_) => return Err(corrupt("it does not begin where the one before it ends")),
            Err(Broken::Input(error)) => return Err(CopyError::file("reading", path)(error)),
            Err(Broken::At { message, .. }) => return Err(corrupt(&message)),
        }
        let end = end_of(path).map_err(CopyError::file("reading", path))?;
        at = end.ok_or_else(|| corrupt("its end is missing"))?;
        check_log(at, directory, log)?;
    }
    Ok(at)
}

/// Whether the log has this digest there.
fn check_log(at: Head, directory: &Path, log: &dyn Log) -> Result<(), CopyError> {
    let other = |message| CopyError::OtherLog { path: directory.to_owned(), message };
    let head = log.head().position;
    if at.position > head {
        let message = format!(
            "it goes up to position {}, and the log ends at position {head}; if the log has lost its end, restore it from the archive",
            at.position
        );
        return Err(other(message));
    }
    if log.digest_at(at.position)? != at.digest {
        return Err(other(format!("at position {} it has another digest than the log", at.position)));
    }
    Ok(())
}

/// Reads the last segment to the end of what is whole, at most `limit` bytes, and cuts off what follows. The log has it
/// all, so nothing is lost by that.
fn repair(
    path: &Path,
    begins: Head,
    limit: Option<u64>,
    directory: &Path,
    log: &dyn Log,
) -> Result<(Option<SegmentWriter>, Head), CopyError> {
    let failed = |doing| CopyError::file(doing, path);
    let length = path.metadata().map_err(failed("reading"))?.len();
    let broken_header = |message: String| {
        check_ahead(path, 0, begins.position, directory, log)?;
        tracing::warn!(segment = %path.display(), %message, "the archive's last segment can't be read and is written anew from the log");
        fs::remove_file(path).map_err(failed("removing"))?;
        Ok((None, begins))
    };
    let mut reader = match SegmentReader::open(path) {
        Ok(reader) => reader,
        Err(Broken::Input(error)) => return Err(failed("reading")(error)),
        Err(Broken::At { message, .. }) => return broken_header(message),
    };
    check_log(reader.after(), directory, log)?;
    if reader.after() != begins {
        return broken_header("it does not begin where the one before it ends".to_owned());
    }
    while limit.is_none_or(|limit| reader.offset() < limit) {
        match reader.next_group() {
            Ok(Some(_)) => {}
            Ok(None) => break,
            Err(Broken::Input(error)) => return Err(failed("reading")(error)),
            Err(Broken::At { offset, message }) => {
                check_ahead(path, offset, reader.at().position, directory, log)?;
                tracing::warn!(
                    segment = %path.display(),
                    position = reader.at().position.get(),
                    bytes = length - offset,
                    %message,
                    "the archive's end is not whole; it is cut off there and written anew from the log"
                );
                break;
            }
        }
    }
    let at = reader.at();
    check_log(at, directory, log)?;
    if reader.is_finished() && reader.offset() == length {
        // It may have been written by a process that was killed before it could sync it.
        File::open(path).and_then(|file| file.sync_all()).map_err(failed("syncing"))?;
        return Ok((None, at));
    }
    Ok((Some(reader.into_writer().map_err(failed("writing to"))?), at))
}

/// Before something is cut off: the log must have it.
fn check_ahead(path: &Path, offset: u64, at: Position, directory: &Path, log: &dyn Log) -> Result<(), CopyError> {
    let later = groups_after(path, offset, at).map_err(CopyError::file("reading", path))?;
    let (end, head) = (later.iter().map(|(_, last)| *last).max(), log.head().position);
    match end.filter(|end| *end > head) {
        None => Ok(()),
        Some(end) => {
            let message = format!("it holds position {end}, and the log ends at position {head}");
            Err(CopyError::OtherLog { path: directory.to_owned(), message })
        }
    }
}

/// Writes to a file that was removed or moved away succeed, for nothing.
fn check_in_place(segment: &SegmentWriter) -> io::Result<()> {
    let (named, open) = (fs::metadata(segment.path())?, segment.file().metadata()?);
    if (named.dev(), named.ino()) == (open.dev(), open.ino()) {
        Ok(())
    } else {
        Err(io::Error::new(io::ErrorKind::NotFound, "the segment that was being written is no longer there"))
    }
}
