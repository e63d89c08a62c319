//! How a segment begins: its name and its header.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use clockfold_log::{Digest, Head, Position};

use super::bytes::take;

const MAGIC: &[u8; 8] = b"CLKFSEG\n";
const VERSION: u32 = 1;
pub(super) const HEADER_BYTES: usize = 56;

/// The name of the segment that begins after this position.
pub(super) fn file_name(after: Position) -> String {
    format!("segment-{:020}.clockfold", after.next().get())
}

/// The segments in a directory, by the position of their first delivery.
pub(crate) fn list(directory: &Path) -> io::Result<Vec<PathBuf>> {
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

pub(super) fn print_header(after: Head) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER_BYTES);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&after.position.get().to_le_bytes());
    bytes.extend_from_slice(after.digest.as_bytes());
    bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
    bytes
}

pub(super) fn parse_header(bytes: &[u8; HEADER_BYTES]) -> Result<Head, String> {
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
