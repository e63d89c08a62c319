//! The head: where the log ends, remembered in a small file beside it.
//!
//! It is a tripwire and makes no delivery durable: a store that lost its end opens without an error, with fewer rows,
//! and only this file shows it. It may trail the log by a second, never lead it. An open log has one from the start.

use std::{io, path::PathBuf, sync::Arc};

use clockfold_disk::Disk;

use crate::{
    LogError,
    files::data_dir::{DataDir, storage},
    record::{delivery::Position, digest::Digest},
};

/// The end of a log: the last position, and the chain's digest there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The last position; 0 where the log is empty.
    pub position: Position,
    /// The chain's digest there.
    pub digest: Digest,
}

impl Head {
    /// The head of an empty log.
    pub const EMPTY: Head = Head { position: Position::ZERO, digest: Digest::EMPTY };
}

/// The file that remembers a head.
#[derive(Clone, Debug)]
pub struct HeadFile {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    temporary: PathBuf,
}

impl HeadFile {
    /// The head file of a data directory.
    pub fn of(data_dir: &DataDir) -> HeadFile {
        let (disk, path) = (Arc::clone(data_dir.disk()), data_dir.head());
        HeadFile { disk, path, temporary: data_dir.log().join("head.new") }
    }

    /// What is remembered; `None` where there is no file.
    pub fn read(&self) -> Result<Option<Head>, LogError> {
        let bytes = match self.disk.read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(storage(format!("reading {}", self.path.display()), error)),
        };
        let text = String::from_utf8(bytes).map_err(|error| self.unreadable(error))?;
        parse(&text).map(Some).ok_or_else(|| self.unreadable("its content or its checksum does not fit"))
    }

    /// Replaces the file atomically and durably.
    pub fn write(&self, head: Head) -> Result<(), LogError> {
        let replace = || {
            // What a crash left.
            match self.disk.remove(&self.temporary) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let mut file = self.disk.create(&self.temporary)?;
            file.append(print(head).as_bytes())?;
            file.sync()?;
            self.disk.rename(&self.temporary, &self.path)?;
            self.path.parent().map_or(Ok(()), |folder| self.disk.sync_folder(folder))
        };
        replace().map_err(|error: io::Error| storage(format!("writing {}", self.path.display()), error))
    }

    fn unreadable(&self, message: impl std::fmt::Display) -> LogError {
        LogError::HeadUnreadable { path: self.path.clone(), message: message.to_string() }
    }
}

/// One line: `clockfold-head 1 POSITION DIGEST CRC`, the checksum over what stands before it.
fn print(head: Head) -> String {
    let text = format!("clockfold-head 1 {} {}", head.position, head.digest);
    let crc = crc32fast::hash(text.as_bytes());
    format!("{text} {crc:08x}\n")
}

fn parse(text: &str) -> Option<Head> {
    let mut words = text.split_ascii_whitespace().skip(2);
    let position = Position::new(words.next()?.parse().ok()?);
    let digest: &str = words.next()?;
    let mut bytes = [0; 32];
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(digest.get(2 * index..2 * index + 2)?, 16).ok()?;
    }
    let head = Head { position, digest: Digest::from_bytes(bytes) };
    (print(head) == text).then_some(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_reads_back_and_any_changed_character_is_found() {
        let head = Head { position: Position::new(1_234_567), digest: Digest::from_bytes([0xa7; 32]) };
        let text = print(head);
        assert_eq!(parse(&text), Some(head));
        for index in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[index] ^= 1;
            assert_eq!(parse(&String::from_utf8(bytes).expect("one bit keeps it ASCII")), None, "at {index}");
        }
    }
}
