//! A segment read back: every frame against its CRC, its place and the chain.

use std::{
    fs::File,
    io::{self, BufReader, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use clockfold_log::{Delivery, Digest, Head, Position, decode_group};

use super::{
    bytes::{read_as_far_as_there_is, take},
    frame::{END, END_CONTENT_BYTES, FRAME_BYTES_MAX, GROUP, PREFIX_BYTES, crc_fits, length_of},
    header::{HEADER_BYTES, file_name, parse_header},
    writer::{Finished, SegmentWriter},
};

/// Reads a segment. Each group that it hands out is whole and chained to the one before.
pub(crate) struct SegmentReader {
    input: BufReader<File>,
    path: PathBuf,
    after: Head,
    at: Head,
    /// Where it was before the last group, and where that begins.
    before: (Head, u64),
    /// The end of the last whole frame.
    offset: u64,
    /// Over every byte up to there.
    hasher: blake3::Hasher,
    finished: bool,
    frame: Vec<u8>,
}

/// Where a segment can't be read any further.
#[derive(Debug)]
pub(crate) enum Broken {
    /// The system can't read it.
    Input(io::Error),
    /// The bytes do not fit.
    At {
        /// The end of what is whole.
        offset: u64,
        message: String,
    },
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Broken {
        Broken::Input(error)
    }
}

impl SegmentReader {
    /// Opens a segment and reads its header.
    pub(crate) fn open(path: &Path) -> Result<SegmentReader, Broken> {
        let mut input = BufReader::with_capacity(256 << 10, File::open(path)?);
        let mut header = [0; HEADER_BYTES];
        let at_start = |message| Broken::At { offset: 0, message };
        let read = read_as_far_as_there_is(&mut input, &mut header)?;
        if read < HEADER_BYTES {
            return Err(at_start(format!("its header ends after {read} of {HEADER_BYTES} bytes")));
        }
        let after = parse_header(&header).map_err(at_start)?;
        if path.file_name().is_none_or(|name| name.to_string_lossy() != file_name(after.position)) {
            let message = format!("it begins after position {}, which is not what its name says", after.position);
            return Err(at_start(message));
        }
        let mut hasher = blake3::Hasher::new();
        hasher.update(&header);
        let offset = HEADER_BYTES as u64;
        let path = path.to_owned();
        let before = (after, offset);
        Ok(SegmentReader { input, path, after, at: after, before, offset, hasher, finished: false, frame: Vec::new() })
    }

    /// The same, from the disk: first has the system forget its copy in memory, as far as that is on the disk.
    pub(crate) fn open_from_disk(path: &Path) -> Result<SegmentReader, Broken> {
        // Only advice: a file system that keeps all in memory ignores it.
        let _ = rustix::fs::fadvise(&File::open(path)?, 0, None, rustix::fs::Advice::DontNeed);
        SegmentReader::open(path)
    }

    /// Where the log was before its first delivery, as its header says.
    pub(crate) fn after(&self) -> Head {
        self.after
    }

    /// Where the log was after what has been read so far.
    pub(crate) fn at(&self) -> Head {
        self.at
    }

    /// Whether its end was written and has been read.
    pub(crate) fn is_finished(&self) -> bool {
        self.finished
    }

    /// The end of the last whole frame.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// How many bytes have been read so far, and their BLAKE3.
    pub(crate) fn read_so_far(&self) -> (u64, Digest) {
        (self.offset, Digest::from_bytes(*self.hasher.finalize().as_bytes()))
    }

    /// The next group; `None` at its end.
    pub(crate) fn next_group(&mut self) -> Result<Option<Vec<Delivery>>, Broken> {
        match self.step() {
            Err(Broken::At { message, .. }) => Err(Broken::At { offset: self.offset, message }),
            step => step,
        }
    }

    fn step(&mut self) -> Result<Option<Vec<Delivery>>, Broken> {
        let at = |message: String| Broken::At { offset: 0, message };
        let mut prefix = [0; PREFIX_BYTES];
        let read = read_as_far_as_there_is(&mut self.input, &mut prefix)?;
        if read == 0 {
            return Ok(None);
        }
        if self.finished {
            return Err(at("something follows its end".to_owned()));
        }
        let length = length_of(prefix);
        if read == PREFIX_BYTES && !(1..=FRAME_BYTES_MAX).contains(&length) {
            return Err(at(format!("a frame that claims {length} bytes")));
        }
        self.frame.resize(if read == PREFIX_BYTES { length } else { 0 }, 0);
        if read < PREFIX_BYTES || read_as_far_as_there_is(&mut self.input, &mut self.frame)? < length {
            return Err(at("a frame is cut short".to_owned()));
        }
        if !crc_fits(prefix, &self.frame) {
            return Err(at("the checksum of a frame does not fit".to_owned()));
        }
        let group = self.take_frame().map_err(at)?;
        self.hasher.update(&prefix);
        self.hasher.update(&self.frame);
        self.offset += (PREFIX_BYTES + length) as u64;
        Ok(group)
    }

    /// Goes on writing after the last whole frame; cuts off what follows that.
    pub(crate) fn into_writer(self) -> io::Result<SegmentWriter> {
        let mut file = File::options().read(true).write(true).open(&self.path)?;
        file.set_len(self.offset)?;
        file.seek(SeekFrom::End(0))?;
        file.sync_all()?;
        Ok(SegmentWriter::resume(file, self.path, (self.after, self.at), self.offset, self.hasher))
    }

    /// What the segment is, once all of it has been read.
    pub(crate) fn into_finished(self) -> Finished {
        let (bytes, blake3) = self.read_so_far();
        Finished { path: self.path, after: self.after, to: self.at, bytes, blake3 }
    }

    /// Takes a frame whose CRC fits. The error says why it does not belong there.
    fn take_frame(&mut self) -> Result<Option<Vec<Delivery>>, String> {
        let (kind, mut content) = self.frame.split_first().ok_or("an empty frame")?;
        match *kind {
            GROUP if content.len() > 8 => {
                let first = Position::new(u64::from_le_bytes(take(&mut content)));
                if first != self.at.position.next() {
                    let next = self.at.position.next();
                    return Err(format!("a frame that begins with position {first} stands where {next} belongs"));
                }
                let group = decode_group(first, content)?;
                let deliveries = Vec::from(group.deliveries);
                let digest = deliveries.iter().fold(self.at.digest, Digest::then);
                if digest != group.digest {
                    // Both are whole, so one of them was exchanged: neither is to be trusted.
                    (self.at, self.offset) = self.before;
                    return Err(format!(
                        "the hash chain does not fit: the frame of position {first} or the one before it is not the log's"
                    ));
                }
                let position = deliveries.last().map_or(first, |last| last.position);
                self.before = (self.at, self.offset);
                self.at = Head { position, digest };
                Ok(Some(deliveries))
            }
            END if content.len() == END_CONTENT_BYTES => {
                let position = Position::new(u64::from_le_bytes(take(&mut content)));
                let digest = Digest::from_bytes(take(&mut content));
                if (Head { position, digest }) != self.at
                    || take::<32>(&mut content) != *self.hasher.finalize().as_bytes()
                {
                    return Err("its end tells another content than it has".to_owned());
                }
                self.finished = true;
                Ok(Some(Vec::new()))
            }
            other => Err(format!("a frame of kind {other} and {} bytes is not known", content.len())),
        }
    }
}
