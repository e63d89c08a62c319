//! Segment files, version 1: a stretch of the log, appended to and never changed. Frozen: what was written is read for
//! ever.
//!
//! ```text
//! name    segment-POSITION.clockfold, the position of the first delivery with 20 digits
//! header  "CLKFSEG\n" | version u32 LE = 1 | position before the first delivery u64 LE | the log's digest there, 32 bytes
//!         | CRC-32 of all this, u32 LE
//! frames  length of kind and content u32 LE | CRC-32 of length, kind and content, u32 LE | kind u8 | content
//!   1     a group: position of its first delivery u64 LE | the group, as the log itself writes it (`log/record.rs`);
//!         it ends with the log's digest after the group
//!   2     the end of a finished segment: position of its last delivery u64 LE | the log's digest there, 32 bytes
//!         | BLAKE3 of every byte before this frame, 32 bytes
//! ```
//!
//! A crash tears at most the end of a segment that is not finished. Everything else that does not fit is corruption: a
//! changed bit is found by the CRC, a frame that was dropped, moved or exchanged by its position and by the chain.

mod reader;
mod salvage;
mod writer;

use std::{
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use clockfold_log::{Digest, Head, Position};

pub(crate) use reader::{Broken, SegmentReader};
pub(crate) use salvage::groups_after;
pub(crate) use writer::{Finished, GROUP_BYTES_MAX, GROUP_DELIVERIES_MAX, SegmentWriter, weight};

const MAGIC: &[u8; 8] = b"CLKFSEG\n";
const VERSION: u32 = 1;
const HEADER_BYTES: usize = 56;
/// Length and CRC-32.
const PREFIX_BYTES: usize = 8;
const GROUP: u8 = 1;
const END: u8 = 2;
/// Of position, digest and BLAKE3.
const END_CONTENT_BYTES: usize = 72;
const END_BYTES: usize = PREFIX_BYTES + 1 + END_CONTENT_BYTES;
/// A group is closed well before; one delivery alone is bounded by the body limit.
const FRAME_BYTES_MAX: usize = 2 << 20;

/// The name of the segment that begins after this position.
fn file_name(after: Position) -> String {
    format!("segment-{:020}.clockfold", after.next().get())
}

/// The segments in a directory, by the position of their first delivery.
pub(super) fn list(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut segments = Vec::new();
    for entry in fs::read_dir(directory)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let digits = name.strip_prefix("segment-").and_then(|rest| rest.strip_suffix(".clockfold"));
        if digits.is_some_and(|digits| digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit())) {
            segments.push(directory.join(name));
        }
    }
    // With 20 digits, the order of names is that of positions.
    segments.sort();
    Ok(segments)
}

fn print_header(after: Head) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER_BYTES);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&after.position.get().to_le_bytes());
    bytes.extend_from_slice(after.digest.as_bytes());
    bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
    bytes
}

fn parse_header(bytes: &[u8; HEADER_BYTES]) -> Result<Head, String> {
    let mut rest = &bytes[..];
    let magic: [u8; 8] = take(&mut rest);
    let (version, position, digest) = (take(&mut rest), take(&mut rest), take(&mut rest));
    if magic != *MAGIC {
        return Err("it does not begin as a segment does".to_owned());
    }
    if crc32fast::hash(&bytes[..HEADER_BYTES - 4]).to_le_bytes() != take::<4>(&mut rest) {
        return Err("the checksum of its header does not fit".to_owned());
    }
    match u32::from_le_bytes(version) {
        VERSION => {
            Ok(Head { position: Position::new(u64::from_le_bytes(position)), digest: Digest::from_bytes(digest) })
        }
        other => Err(format!("version {other} is not known to this program; a newer one may have written it")),
    }
}

/// A frame's bytes.
fn print_frame(kind: u8, content: &[&[u8]]) -> Vec<u8> {
    let length: usize = 1 + content.iter().map(|part| part.len()).sum::<usize>();
    let length = u32::try_from(length).expect("a frame is far smaller than 4 GiB").to_le_bytes();
    let mut crc = crc32fast::Hasher::new();
    crc.update(&length);
    crc.update(&[kind]);
    content.iter().for_each(|part| crc.update(part));
    let mut frame = [&length[..], &crc.finalize().to_le_bytes(), &[kind]].concat();
    content.iter().for_each(|part| frame.extend_from_slice(part));
    frame
}

/// Whether a frame's CRC fits; `rest` is kind and content.
fn crc_fits(prefix: [u8; PREFIX_BYTES], rest: &[u8]) -> bool {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&prefix[..4]);
    crc.update(rest);
    crc.finalize().to_le_bytes() == prefix[4..]
}

fn length_of(prefix: [u8; PREFIX_BYTES]) -> usize {
    let [a, b, c, d, ..] = prefix;
    u32::from_le_bytes([a, b, c, d]) as usize
}

/// The next bytes of what is known to be long enough.
fn take<const N: usize>(bytes: &mut &[u8]) -> [u8; N] {
    let (first, rest) = bytes.split_first_chunk::<N>().expect("lengths are checked before");
    *bytes = rest;
    *first
}

/// Where a finished segment says that it ends; `None` where its end is missing. What is before its end is not read.
pub(super) fn end_of(path: &Path) -> io::Result<Option<Head>> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let Some(start) = length.checked_sub(END_BYTES as u64) else { return Ok(None) };
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = [0; END_BYTES];
    file.read_exact(&mut bytes)?;
    let mut rest = &bytes[..];
    let prefix = take::<PREFIX_BYTES>(&mut rest);
    if rest[0] != END || length_of(prefix) != rest.len() || !crc_fits(prefix, rest) {
        return Ok(None);
    }
    let mut content = &rest[1..];
    let position = Position::new(u64::from_le_bytes(take(&mut content)));
    Ok(Some(Head { position, digest: Digest::from_bytes(take(&mut content)) }))
}

/// Fills `buffer` as far as there is something.
fn read_as_far_as_there_is(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match input.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
