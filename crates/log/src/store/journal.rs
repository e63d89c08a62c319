//! The journal: a group is on stable storage after one write and one `fdatasync`, before the store has it.
//!
//! A file is made ahead of need and filled with zeros, so that a sync has data to write and no metadata. The store
//! gets what a full file holds in the background, and the file is deleted; a log at rest has none. Integers are
//! little-endian.
//!
//! ```text
//! file    log/journal-N; N counts from 1 and says the order
//! head    "clockfold journal 1\n" | mark, 8 random bytes | CRC-32 of both, u32
//! record  mark | length of the value u32 | CRC-32 of length, position and value, u32 | first position u64 | value
//! ```
//!
//! A value is a group as `record.rs` has it, with codec 0. Records follow the head and one another; zeros follow the
//! last. One record is one write, and the next one begins after its sync: so a power cut breaks the last record at
//! most, and that was never acknowledged. A broken record before a whole one is corruption. The mark tells a record from
//! whatever a body may hold.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use crate::{
    files::data_dir::{FileId, forget_cached, leads_to, place_of, sync_dir},
    record::delivery::Position,
};

/// What a file takes from the disk when it is made. A group that is larger makes it grow.
pub(crate) const JOURNAL_BYTES: usize = 2 << 20;
const NAME: &str = "journal-";
const MAGIC: &[u8; 20] = b"clockfold journal 1\n";
const MARK_BYTES: usize = 8;
/// Where a file's first record stands.
pub(crate) const HEAD_BYTES: usize = MAGIC.len() + MARK_BYTES + 4;
const RECORD_HEAD_BYTES: usize = MARK_BYTES + 4 + 4 + 8;

/// A file that takes records.
pub(crate) struct JournalFile {
    path: PathBuf,
    file: File,
    /// Where its path led.
    place: FileId,
    mark: [u8; MARK_BYTES],
    /// Where the next record goes.
    end: usize,
    /// The record being written.
    record: Vec<u8>,
}

impl JournalFile {
    /// Makes a file, durably.
    pub(crate) fn make(folder: &Path, number: u64) -> io::Result<JournalFile> {
        JournalFile::make_at(folder, folder.join(format!("{NAME}{number:012}")), JOURNAL_BYTES)
    }

    fn make_at(folder: &Path, path: PathBuf, bytes: usize) -> io::Result<JournalFile> {
        let mut mark = [0; MARK_BYTES];
        getrandom::fill(&mut mark).map_err(io::Error::other)?;
        let mut content = head(mark);
        content.resize(bytes, 0);
        let file = File::options().write(true).create_new(true).open(&path)?;
        let place = file.metadata().map(|found| place_of(&found));
        let written = file.write_all_at(&content, 0).and_then(|()| file.sync_all()).and_then(|()| sync_dir(folder));
        match written.and(place) {
            Ok(place) => Ok(JournalFile { path, file, place, mark, end: HEAD_BYTES, record: Vec::new() }),
            Err(error) => {
                // On a full disk, who opens the log next needs the room.
                let _ = fs::remove_file(&path);
                Err(error)
            }
        }
    }

    /// Makes a group durable; `first` is the position that its value begins with.
    pub(crate) fn append(&mut self, first: Position, value: &[u8]) -> io::Result<()> {
        let length = u32::try_from(value.len()).map_err(io::Error::other)?;
        self.record.clear();
        self.record.extend_from_slice(&self.mark);
        self.record.extend_from_slice(&length.to_le_bytes());
        self.record.extend_from_slice(&checksum(length, first, value).to_le_bytes());
        self.record.extend_from_slice(&first.get().to_le_bytes());
        self.record.extend_from_slice(value);
        self.file.write_all_at(&self.record, self.end as u64)?;
        self.file.sync_data()?;
        self.end += self.record.len();
        Ok(())
    }

    /// Whether a value of this length fits without making the file grow.
    pub(crate) fn has_room_for(&self, value_bytes: usize) -> bool {
        self.end + RECORD_HEAD_BYTES + value_bytes <= JOURNAL_BYTES
    }

    /// Whether it has no record yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.end == HEAD_BYTES
    }

    /// Whether half of it is used: time to make the next one.
    pub(crate) fn is_half_full(&self) -> bool {
        self.end > JOURNAL_BYTES / 2
    }

    /// Whether its path still leads to it. What is written to a file that somebody has removed is durable nowhere.
    pub(crate) fn is_in_place(&self) -> io::Result<bool> {
        leads_to(&self.path, self.place)
    }

    /// The file's name.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// Makes a file like those of the journal, with so many bytes, durably, and removes it.
pub(crate) fn try_out(folder: &Path, bytes: usize) -> io::Result<()> {
    let path = folder.join(NAME.to_owned() + "tried");
    // What an earlier try left.
    let _ = fs::remove_file(&path);
    let tried = JournalFile::make_at(folder, path.clone(), bytes);
    tried.and_then(|_| fs::remove_file(path))
}

/// The journal's files, in order.
pub(crate) fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix(NAME)?.parse::<u64>().ok());
        files.extend(number.map(|number| (number, entry.path())));
    }
    files.sort();
    Ok(files.into_iter().map(|(_, path)| path).collect())
}

/// Deletes files of the journal, durably. What they held has to be on stable storage elsewhere.
pub(crate) fn remove(folder: &Path, files: &[PathBuf]) -> io::Result<()> {
    if files.is_empty() {
        return Ok(());
    }
    files.iter().try_for_each(fs::remove_file)?;
    sync_dir(folder)
}

/// What a file was found to hold.
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
    pub(crate) fn read(path: &Path) -> io::Result<Contents> {
        let bytes = from_disk(path)?;
        let mark = bytes.get(MAGIC.len()..MAGIC.len() + MARK_BYTES).and_then(|mark| mark.try_into().ok());
        let mark = mark.filter(|mark| bytes.starts_with(&head(*mark)));
        Ok(Contents { bytes, mark })
    }

    /// Whether its head can't be read and yet it was used. A power cut while a file was made leaves nothing behind
    /// its head.
    pub(crate) fn is_unreadable(&self) -> bool {
        self.mark.is_none() && !self.is_blank_from(HEAD_BYTES)
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
        let whole = self.mark == Some(*mark) && u32::from_le_bytes(*crc) == checksum(length, first, value);
        whole.then_some(FoundRecord { first, value, end: at + RECORD_HEAD_BYTES + value.len() })
    }
}

/// A file's bytes as the disk has them.
fn from_disk(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    forget_cached(&file)?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
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
    hasher.update(value);
    hasher.finalize()
}
