//! The frames of a segment: what their bytes are, and whether they are whole.

/// Length and CRC-32.
pub(super) const PREFIX_BYTES: usize = 8;
pub(super) const GROUP: u8 = 1;
pub(super) const END: u8 = 2;
/// Of position, digest and BLAKE3.
pub(super) const END_CONTENT_BYTES: usize = 72;
pub(super) const END_BYTES: usize = PREFIX_BYTES + 1 + END_CONTENT_BYTES;
/// A group is closed well before; one delivery alone is bounded by the body limit.
pub(super) const FRAME_BYTES_MAX: usize = 2 << 20;

/// A frame's bytes.
pub(super) fn print_frame(kind: u8, content: &[&[u8]]) -> Vec<u8> {
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
pub(super) fn crc_fits(prefix: [u8; PREFIX_BYTES], rest: &[u8]) -> bool {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&prefix[..4]);
    crc.update(rest);
    crc.finalize().to_le_bytes() == prefix[4..]
}

pub(super) fn length_of(prefix: [u8; PREFIX_BYTES]) -> usize {
    let [a, b, c, d, ..] = prefix;
    u32::from_le_bytes([a, b, c, d]) as usize
}
