//! A segment that is being written: groups are appended, made durable when the caller says, and ended once.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use clockfold_log::{Body, Delivery, Digest, Head, encode_group, sync_dir};

use super::{
    frame::{END, GROUP, print_frame},
    header::{file_name, print_header},
};
use crate::create_private;

/// A group holds at most about this many bytes of bodies, unless one delivery alone has more.
pub(crate) const GROUP_BYTES_MAX: usize = 64 << 10;
/// And at most this many deliveries.
pub(crate) const GROUP_DELIVERIES_MAX: usize = 512;

/// A segment that takes more.
pub(crate) struct SegmentWriter {
    file: File,
    path: PathBuf,
    after: Head,
    at: Head,
    bytes: u64,
    hasher: blake3::Hasher,
}

/// A segment that takes no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finished {
    pub(crate) path: PathBuf,
    /// Where the log was before its first delivery.
    pub(crate) after: Head,
    /// And after its last.
    pub(crate) to: Head,
    pub(crate) bytes: u64,
    /// BLAKE3 of the whole file.
    pub(crate) blake3: Digest,
}

impl SegmentWriter {
    /// Makes the segment that begins after `after`, durably.
    pub(crate) fn create(directory: &Path, after: Head) -> io::Result<SegmentWriter> {
        let path = directory.join(file_name(after.position));
        let file = create_private(&path)?;
        let mut writer = SegmentWriter { file, path, after, at: after, bytes: 0, hasher: blake3::Hasher::new() };
        let begun = writer.write(&print_header(after)).and_then(|()| writer.file.sync_all());
        if let Err(error) = begun.and_then(|()| sync_dir(directory)) {
            // Of no use without its header. Where it can't be removed either, its next reader reports it.
            let _ = fs::remove_file(&writer.path);
            return Err(error);
        }
        Ok(writer)
    }

    /// Goes on with a segment whose whole frames have been read and hashed, and which ends with the last of them.
    pub(super) fn resume(
        file: File,
        path: PathBuf,
        (after, at): (Head, Head),
        bytes: u64,
        hasher: blake3::Hasher,
    ) -> SegmentWriter {
        SegmentWriter { file, path, after, at, bytes, hasher }
    }

    /// Appends deliveries, which follow the last one.
    pub(crate) fn append(&mut self, deliveries: &[Delivery]) -> io::Result<()> {
        let mut rest = deliveries;
        while let Some(first) = rest.first() {
            let mut bytes = 0;
            let fits = |delivery: &&Delivery| {
                bytes += weight(delivery);
                bytes <= GROUP_BYTES_MAX
            };
            let count = rest.iter().take(GROUP_DELIVERIES_MAX).take_while(fits).count().max(1);
            let (group, later) = rest.split_at(count);
            let digest = group.iter().fold(self.at.digest, Digest::then);
            let frame = print_frame(GROUP, &[&first.position.get().to_le_bytes(), &encode_group(group, digest)]);
            self.write(&frame)?;
            self.at = Head { position: group.last().map_or(self.at.position, |last| last.position), digest };
            rest = later;
        }
        Ok(())
    }

    /// Makes what was appended durable.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// Ends the segment, durably.
    pub(crate) fn finish(mut self) -> io::Result<Finished> {
        let hash = self.hasher.finalize();
        let (position, digest) = (self.at.position.get().to_le_bytes(), *self.at.digest.as_bytes());
        self.write(&print_frame(END, &[&position, &digest, hash.as_bytes()]))?;
        self.file.sync_all()?;
        let blake3 = Digest::from_bytes(*self.hasher.finalize().as_bytes());
        Ok(Finished { path: self.path, after: self.after, to: self.at, bytes: self.bytes, blake3 })
    }

    /// The last delivery that was appended.
    pub(crate) fn at(&self) -> Head {
        self.at
    }

    /// How long it is.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.hasher.update(bytes);
        self.bytes += bytes.len() as u64;
        Ok(())
    }
}

/// About how many bytes a delivery adds to a group.
pub(crate) fn weight(delivery: &Delivery) -> usize {
    let body = match &delivery.body {
        Body::Kept { bytes, .. } => bytes.len(),
        Body::Erased { .. } => 0,
    };
    body + delivery.reading.event_type().map_or(0, str::len) + delivery.delivery_id.as_ref().map_or(0, String::len)
}
