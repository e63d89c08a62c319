//! Segment files, version 1: a stretch of the log, appended to and never changed. Frozen: what was written is read for
//! ever.
//!
//! ```text
//! name    segment-POSITION.clockfold, the position of the first delivery with 20 digits
//! header  "CLKFSEG\n" | version u32 LE = 1 | position before the first delivery u64 LE | the log's digest there, 32 bytes
//!         | CRC-32 of all this, u32 LE
//! frames  length of kind and content u32 LE | CRC-32 of length, kind and content, u32 LE | kind u8 | content
//!   1     a group: position of its first delivery u64 LE | the group, as the log itself writes it (`envelope.rs`);
//!         it ends with the log's digest after the group
//!   2     the end of a finished segment: position of its last delivery u64 LE | the log's digest there, 32 bytes
//!         | BLAKE3 of every byte before this frame, 32 bytes
//! ```
//!
//! A crash tears at most the end of a segment that is not finished. Everything else that does not fit is corruption: a
//! changed bit is found by the CRC, a frame that was dropped, moved or exchanged by its position and by the chain.

mod bytes;
mod header;
mod frame;
mod writer;
mod reader;
mod salvage;

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::Path,
};

use clockfold_log::{Digest, Head, Position};

use bytes::take;
use frame::{END, END_BYTES, PREFIX_BYTES, crc_fits, length_of};

pub(crate) use header::list;
pub(crate) use reader::{Broken, SegmentReader};
pub(crate) use salvage::groups_after;
pub(crate) use writer::{Finished, GROUP_BYTES_MAX, GROUP_DELIVERIES_MAX, SegmentWriter, weight};

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
