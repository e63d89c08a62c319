//! The journal: a group is on stable storage after one write and one `fdatasync`, before the store has it.
//!
//! A file is made ahead of need and filled with zeros, so that a sync has data to write and no metadata. The store gets
//! a full file's groups in the background, and the file is deleted; a log at rest has none. Integers are little-endian.
//!
//! ```text
//! file    log/journal-N; N counts from 1 and says the order
//! head    "clockfold journal 1\n" | mark, 8 random bytes | CRC-32 of both, u32
//! record  mark | length of the value u32 | CRC-32 of length, position and value, u32 | first position u64 | value
//! ```
//!
//! A value is a group as `envelope.rs` has it, with codec 0. Records follow the head and one another; zeros follow the
//! last. One record is one write, and the next one begins after its sync: so a power cut breaks the last record at
//! most, and that was never acknowledged. A broken record before a whole one is corruption, and so is a file that has
//! lost its head or its end: it has its number only once all of it is on the disk. By its mark, a record differs from
//! anything in a body.

use std::{
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    sync::Arc,
};

use clockfold_disk::{Disk, File, FileId};

use crate::{planted::planted, record::delivery::Position};

const NAME: &str = "journal-";
/// A file's name until all of it is on the disk. It has no number.
const NEW: &str = "journal-new";
/// A file's name that only shows whether one can be made.
const TRIED: &str = "journal-tried";
const MAGIC: &[u8; 20] = b"clockfold journal 1\n";
pub(crate) const MARK_BYTES: usize = 8;
/// Where a file's first record stands.
pub(crate) const HEAD_BYTES: usize = MAGIC.len() + MARK_BYTES + 4;
const RECORD_HEAD_BYTES: usize = MARK_BYTES + 4 + 4 + 8;

/// A file that takes records.
pub(crate) struct JournalFile {
    path: PathBuf,
    file: Arc<dyn File>,
    id: FileId,
    mark: [u8; MARK_BYTES],
    /// The bytes that it took from the disk when it was made.
    bytes: usize,
    /// Where the next record goes.
    end: usize,
    /// The record being written.
    record: Vec<u8>,
}

impl JournalFile {
    /// Makes a file of `bytes`, durably. A group that is larger makes it grow.
    pub(crate) fn make(
        disk: &dyn Disk,
        folder: &Path,
        number: u64,
        bytes: usize,
        mark: [u8; MARK_BYTES],
    ) -> io::Result<JournalFile> {
        let (new, path) = (folder.join(NEW), folder.join(format!("{NAME}{number:012}")));
        // A power cut before the rename leaves a file without a number, of which nobody expects anything.
        let name = if planted!(FileNamedBeforeSync) { &path } else { &new };
        let file: Arc<dyn File> = make_file(disk, name, bytes, mark)?.into();
        let id = file.id()?;
        // Another log may stand there by now: its files keep their names.
        let named = if planted!(FileNamedBeforeSync) { Ok(()) } else { disk.rename_new(&new, &path) };
        match named.and_then(|()| disk.sync_folder(folder)) {
            Ok(()) => Ok(JournalFile { path, file, id, mark, bytes, end: HEAD_BYTES, record: Vec::new() }),
            Err(error) => {
                // On a full disk, who opens the log next needs the room.
                for name in [&new, &path].into_iter().filter(|name| disk.is_at(id, name).unwrap_or(false)) {
                    let _ = disk.remove(name);
                }
                Err(error)
            }
        }
    }

    /// Writes a group and has `sync` make it durable; `first` is the position that its value begins with.
    pub(crate) fn append(
        &mut self,
        first: Position,
        value: &[u8],
        sync: impl FnOnce(&Arc<dyn File>) -> io::Result<()>,
    ) -> io::Result<()> {
        let length = u32::try_from(value.len()).map_err(io::Error::other)?;
        self.record.clear();
        self.record.extend_from_slice(&self.mark);
        self.record.extend_from_slice(&length.to_le_bytes());
        self.record.extend_from_slice(&checksum(length, first, value).to_le_bytes());
        self.record.extend_from_slice(&first.get().to_le_bytes());
        self.record.extend_from_slice(value);
        self.file.write_at(&self.record, self.end as u64)?;
        sync(&self.file)?;
        if planted!(RecordWrittenOverTheLast) {
            return Ok(());
        }
        self.end += self.record.len();
        Ok(())
    }

    /// Whether a value of this length fits without making the file grow.
    pub(crate) fn has_room_for(&self, value_bytes: usize) -> bool {
        self.end + RECORD_HEAD_BYTES + value_bytes <= self.bytes
    }

    /// Whether it has no record yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.end == HEAD_BYTES
    }

    /// Whether half of it is used: time to make the next one.
    pub(crate) fn is_half_full(&self) -> bool {
        self.end > self.bytes / 2
    }

    /// Whether its path still leads to it. A record in a file that somebody has removed is not durable.
    pub(crate) fn is_in_place(&self, disk: &dyn Disk) -> io::Result<bool> {
        disk.is_at(self.id, &self.path)
    }

    /// The file's name.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// Makes a file with a head and zeros, and syncs it. Its name is not synced. After an error there is none.
fn make_file(disk: &dyn Disk, path: &Path, bytes: usize, mark: [u8; MARK_BYTES]) -> io::Result<Box<dyn File>> {
    // What a crash left.
    match disk.remove(path) {
        _ if planted!(LeftoverKept) => {}
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut content = head(mark);
    content.resize(bytes, 0);
    let file = disk.create(path)?;
    match file.write_at(&content, 0).and_then(|()| file.sync()) {
        Ok(()) => Ok(file),
        Err(error) => {
            let _ = disk.remove(path);
            Err(error)
        }
    }
}

/// A mark for a new file.
pub(crate) fn random_mark() -> io::Result<[u8; MARK_BYTES]> {
    let mut mark = [0; MARK_BYTES];
    getrandom::fill(&mut mark).map_err(io::Error::other)?;
    Ok(mark)
}

/// Makes a file like those of the journal, of `bytes`, and removes it.
pub(crate) fn try_out(disk: &dyn Disk, folder: &Path, bytes: usize) -> io::Result<()> {
    let path = folder.join(TRIED);
    make_file(disk, &path, bytes, random_mark()?)?;
    let synced = disk.sync_folder(folder);
    let removed = disk.remove(&path);
    synced.and(removed)
}

/// Files without a number that a crash left. They hold nothing.
pub(crate) fn leftovers(disk: &dyn Disk, folder: &Path) -> io::Result<Vec<PathBuf>> {
    let is_leftover = |path: &PathBuf| path.ends_with(NEW) || path.ends_with(TRIED);
    Ok(disk.list(folder)?.into_iter().filter(is_leftover).collect())
}

/// The journal's files, in order.
pub(crate) fn files(disk: &dyn Disk, folder: &Path) -> io::Result<Vec<PathBuf>> {
    let number_of = |path: &Path| path.file_name()?.to_str()?.strip_prefix(NAME)?.parse::<u64>().ok();
    let mut files: Vec<_> = disk.list(folder)?.into_iter().filter_map(|path| Some((number_of(&path)?, path))).collect();
    files.sort();
    Ok(files.into_iter().map(|(_, path)| path).collect())
}

/// Deletes files of the journal, durably. Their groups have to be on stable storage elsewhere.
pub(crate) fn remove(disk: &dyn Disk, folder: &Path, files: &[PathBuf]) -> io::Result<()> {
    if files.is_empty() {
        return Ok(());
    }
    files.iter().try_for_each(|file| disk.remove(file))?;
    disk.sync_folder(folder)
}

/// What a file holds.
pub(crate) struct Contents {
    bytes: Vec<u8>,
    /// The file's mark; `None` where its head can't be read.
    mark: Option<[u8; MARK_BYTES]>,
}

/// A record that is whole.
pub(crate) struct FoundRecord<'a> {
    /// The position that the value begins with.
    pub(crate) first: Position,
    /// The group.
    pub(crate) value: &'a [u8],
    /// Where it ends in the file.
    pub(crate) end: usize,
}

impl Contents {
    /// Reads a file.
    pub(crate) fn read(disk: &dyn Disk, path: &Path) -> io::Result<Contents> {
        let bytes = disk.read_from_disk(path)?;
        let mark = bytes.get(MAGIC.len()..MAGIC.len() + MARK_BYTES).and_then(|mark| mark.try_into().ok());
        let mark = mark.filter(|mark| bytes.starts_with(&head(*mark)));
        Ok(Contents { bytes, mark })
    }

    /// How many bytes it has.
    pub(crate) fn length(&self) -> usize {
        self.bytes.len()
    }

    /// Whether its head can be read. A file gets its number with it.
    pub(crate) fn has_head(&self) -> bool {
        self.mark.is_some()
    }

    /// The whole records from the beginning, up to the first that is not.
    pub(crate) fn records(&self) -> impl Iterator<Item = FoundRecord<'_>> {
        let mut at = HEAD_BYTES;
        std::iter::from_fn(move || {
            let record = self.record_at(at)?;
            at = record.end;
            Some(record)
        })
    }

    /// Whether nothing was written from there on.
    pub(crate) fn is_blank_from(&self, at: usize) -> bool {
        self.bytes.iter().skip(at).all(|byte| *byte == 0)
    }

    /// Whether a whole record stands anywhere from there on.
    pub(crate) fn has_record_from(&self, at: usize) -> bool {
        let Some(mark) = self.mark else { return false };
        if planted!(BrokenBeforeWholeGivenUp) {
            return false;
        }
        let rest = self.bytes.get(at..).unwrap_or_default();
        let mut marks = rest.windows(MARK_BYTES).enumerate().filter(|(_, window)| *window == mark);
        marks.any(|(index, _)| self.record_at(at + index).is_some())
    }

    fn record_at(&self, at: usize) -> Option<FoundRecord<'_>> {
        let rest = self.bytes.get(at..)?;
        let (mark, rest) = rest.split_first_chunk::<MARK_BYTES>()?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let (crc, rest) = rest.split_first_chunk::<4>()?;
        let (first, rest) = rest.split_first_chunk::<8>()?;
        let length = u32::from_le_bytes(*length);
        let first = Position::new(u64::from_le_bytes(*first));
        let value = rest.get(..length as usize)?;
        let is_sound = u32::from_le_bytes(*crc) == checksum(length, first, value);
        let whole = self.mark == Some(*mark) && (is_sound || planted!(TornRecordTaken));
        whole.then_some(FoundRecord { first, value, end: at + RECORD_HEAD_BYTES + value.len() })
    }
}

fn head(mark: [u8; MARK_BYTES]) -> Vec<u8> {
    let mut head = [&MAGIC[..], &mark].concat();
    let crc = crc32fast::hash(&head);
    head.extend_from_slice(&crc.to_le_bytes());
    head
}

fn checksum(length: u32, first: Position, value: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&length.to_le_bytes());
    hasher.update(&first.get().to_le_bytes());
    if !planted!(ChecksumWithoutValue) {
        hasher.update(value);
    }
    hasher.finalize()
}
