//! Takes bytes from a file, and from bytes that were read.

use std::io::{self, Read};

/// The next bytes; the caller has checked that there are enough.
pub(super) fn take<const N: usize>(bytes: &mut &[u8]) -> [u8; N] {
    let (first, rest) = bytes.split_first_chunk::<N>().expect("lengths are checked before");
    *bytes = rest;
    *first
}

/// Fills `buffer` as far as the input goes.
pub(super) fn read_as_far_as_there_is(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
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
