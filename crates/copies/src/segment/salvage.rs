//! What can still be found in a corrupt segment, for the message that reports the corruption.

use std::{fs, io, path::Path};

use clockfold_log::{Position, decode_group};

use super::{
    bytes::take,
    frame::{FRAME_BYTES_MAX, GROUP, PREFIX_BYTES, crc_fits, length_of},
};

/// A group's frame is at least this long: prefix, kind, position.
const LEAST_BYTES: usize = PREFIX_BYTES + 1 + 8;

/// The first and last positions of every whole group that begins after `offset` and holds positions after `at`, in the
/// order of the file. They are whole by their CRC; whether they are the log's is not known without the groups before.
pub(crate) fn groups_after(path: &Path, offset: u64, at: Position) -> io::Result<Vec<(Position, Position)>> {
    let bytes = fs::read(path)?;
    let mut start = usize::try_from(offset).unwrap_or(usize::MAX).saturating_add(1);
    let mut groups = Vec::new();
    while let Some(rest) = bytes.get(start..).filter(|rest| rest.len() > LEAST_BYTES) {
        match group_at(rest).filter(|(first, ..)| *first > at) {
            Some((first, last, length)) => {
                groups.push((first, last));
                start += length;
            }
            None => start += 1,
        }
    }
    Ok(groups)
}

/// A whole group's frame at the beginning of `bytes`: its first and last position and its length.
fn group_at(bytes: &[u8]) -> Option<(Position, Position, usize)> {
    let mut rest = bytes;
    let prefix = take::<PREFIX_BYTES>(&mut rest);
    // Where no frame begins, a length is any number: only a possible one is worth a checksum.
    let length = Some(length_of(prefix)).filter(|length| *length <= FRAME_BYTES_MAX)?;
    let frame = rest.get(..length).filter(|frame| frame.len() > 9 && frame[0] == GROUP)?;
    if !crc_fits(prefix, frame) {
        return None;
    }
    let mut content = &frame[1..];
    let first = Position::new(u64::from_le_bytes(take(&mut content)));
    let group = decode_group(first, content).ok()?;
    Some((first, group.deliveries.back()?.position, PREFIX_BYTES + frame.len()))
}
