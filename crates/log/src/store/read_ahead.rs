//! Reads from sled's data file what sled will read when it opens it, before sled does: then an error is reported before
//! anything was changed.
//!
//! sled 0.34.7 takes a system's error for the end of its log (`pagecache/iterator.rs`: a segment whose header can't be
//! read is not there, and a message that can't be read is the last one), and then overwrites every segment that it has
//! not come to (`pagecache/snapshot.rs`, `pagecache/segment.rs`). It reads the header of every segment, and the whole
//! of each that begins at or after its snapshot's place in the log; the rest only when somebody asks for it, and then
//! an error stays one. So this reads the same. The system keeps it in memory for sled, as far as it has room.

use std::{
    fs::{self, File},
    io,
    ops::Range,
    os::unix::fs::FileExt as _,
    path::Path,
};

/// A segment's header: a checksum, where the segment begins in sled's log, and how much was stable then.
const HEADER_BYTES: usize = 20;
/// sled turns these bits over in each number of a header.
const TURNED: u64 = 0x7fff_ffff_ffff_ffff;
const BUFFER_BYTES: usize = 256 << 10;

/// Reads all of it, and returns how many bytes that were.
pub(crate) fn read_ahead(folder: &Path, data_file: &File, segment_bytes: u64) -> io::Result<u64> {
    let snapshot = snapshot_place(folder)?;
    let from = snapshot - snapshot % segment_bytes;
    let mut buffer = vec![0; BUFFER_BYTES];
    let (mut at, mut read) = (0, 0);
    let length = data_file.metadata()?.len();
    while at < length {
        let mut header = [0; HEADER_BYTES];
        read += read_up_to(data_file, &mut header, at)? as u64;
        let end = at + segment_bytes;
        if place_in(&header).is_some_and(|place| place >= from) {
            read += read_through(data_file, at..end.min(length), &mut buffer)?;
        }
        at = end;
    }
    Ok(read)
}

fn read_through(file: &File, stretch: Range<u64>, buffer: &mut [u8]) -> io::Result<u64> {
    let mut at = stretch.start;
    while at < stretch.end {
        let length = usize::try_from(stretch.end - at).map_or(buffer.len(), |rest| rest.min(buffer.len()));
        match read_up_to(file, &mut buffer[..length], at)? as u64 {
            0 => break,
            count => at += count,
        }
    }
    Ok(at - stretch.start)
}

/// How much of its log sled's snapshot has, by the file's name; nothing where there is none. Where a crash left two,
/// the earlier one makes this read more than needed.
fn snapshot_place(folder: &Path) -> io::Result<u64> {
    let mut place = None;
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix("snap."));
        // We remove an unfinished one before sled looks.
        if let Some(number) = number.filter(|number| !number.ends_with(".generating")) {
            let number = u64::from_str_radix(number, 16).unwrap_or(0);
            place = Some(place.map_or(number, |place: u64| place.min(number)));
        }
    }
    Ok(place.unwrap_or(0))
}

/// Where a segment begins in sled's log; `None` where its header is none: sled reads no more of that.
fn place_in(header: &[u8; HEADER_BYTES]) -> Option<u64> {
    let (checksum, numbers) = header.split_first_chunk::<4>()?;
    let is_whole = u32::from_le_bytes(*checksum) == !crc32fast::hash(numbers);
    let place = numbers.first_chunk::<8>().filter(|_| is_whole)?;
    Some(u64::from_le_bytes(*place) ^ TURNED)
}

/// Fills the buffer, unless the file ends before. Returns how many bytes there were.
fn read_up_to(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    let mut count = 0;
    while count < buffer.len() {
        match file.read_at(&mut buffer[count..], at + count as u64) {
            Ok(0) => break,
            Ok(more) => count += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    const SEGMENT_BYTES: usize = 1 << 20;

    /// `READ_AHEAD=4000000000 cargo test read_ahead -- --nocapture` measures a log that is worth it.
    #[test]
    #[allow(clippy::print_stdout, reason = "figures are for who asks")]
    fn what_sled_reads_is_read_and_no_more() {
        let asked = std::env::var("READ_AHEAD").ok().map(|bytes| bytes.parse::<usize>().unwrap());
        let (bytes, segment_bytes) = asked.map_or((12 << 20, SEGMENT_BYTES), |bytes| (bytes, 8 << 20));
        let folder = tempfile::tempdir_in(std::env::var("TMPDIR").unwrap_or("/tmp".to_owned())).unwrap();
        let open = || {
            let config = sled::Config::new().path(folder.path()).segment_size(segment_bytes).flush_every_ms(None);
            config.cache_capacity(8 << 20).open().unwrap()
        };
        let write = |keys: std::ops::Range<usize>| {
            let database = open();
            for key in keys {
                let value: Vec<u8> = blake3::Hasher::new().update(&key.to_be_bytes()).finalize().as_bytes().repeat(128);
                database.insert((key as u64).to_be_bytes(), value).unwrap();
            }
            database.flush().unwrap();
        };
        let data_file = folder.path().join("db");
        let read = |when: &str| {
            let data_file = File::open(&data_file).unwrap();
            clockfold_disk::File::forget_cached(&data_file).unwrap();
            let begun = Instant::now();
            let read = read_ahead(folder.path(), &data_file, segment_bytes as u64).unwrap();
            let took = begun.elapsed();
            let begun = Instant::now();
            drop(open());
            println!("{when}: {read} bytes in {took:?}; then sled opens in {:?}", begun.elapsed());
            usize::try_from(read).unwrap()
        };
        let count = bytes / 4096;
        write(0..count);
        let whole = usize::try_from(data_file.metadata().unwrap().len()).unwrap();
        assert!(whole >= bytes);
        let headers = whole.div_ceil(segment_bytes) * HEADER_BYTES;
        assert!(read("never opened since it was made") + segment_bytes >= whole);
        let after = read("opened since");
        assert!((headers..=headers + 2 * segment_bytes).contains(&after), "{after} of {whole}");
        write(count..count + count / 4);
        let tail = read("a part since it was opened");
        // sled writes a page again as it grows.
        assert!((bytes / 4..whole).contains(&tail), "{tail} of {whole}");
    }
}
