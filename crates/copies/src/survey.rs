//! What a backup or an archive holds: reads every segment to its end, and checks it against the chain and the manifest.

use std::path::{Path, PathBuf};

use clockfold_log::{Delivery, Head, Position};

use super::{
    CopyError, Corruption,
    manifest::{INCOMPLETE, Manifest, SegmentWords, is_archive},
    segment::{Broken, SegmentReader, groups_after, list},
};

/// A copy that has been read to its end, or to its corruption.
#[derive(Debug)]
pub struct Survey {
    /// What it is.
    pub kind: CopyKind,
    /// The end of what is good, from the log's beginning.
    pub whole: Head,
    /// What a crash left at the end of an archive.
    pub torn: Option<Torn>,
    /// What is not as it was written.
    pub damage: Option<Corruption>,
    segments: Vec<PathBuf>,
}

/// What a directory holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyKind {
    /// A complete backup.
    Backup,
    /// A backup that was interrupted.
    IncompleteBackup,
    /// A server's archive.
    Archive,
}

/// The end of an archive that is not whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Torn {
    /// The segment's file.
    pub segment: PathBuf,
    /// Where the whole part ends.
    pub offset: u64,
    /// How many bytes come after that.
    pub bytes: u64,
    /// What does not fit.
    pub message: String,
}

impl Survey {
    /// Reads the copy in `directory`. `step` is called for each delivery.
    pub fn of(directory: &Path, step: &mut dyn FnMut()) -> Result<Survey, CopyError> {
        let segments = list(directory).map_err(CopyError::file("reading", directory))?;
        let (kind, manifest) = match Manifest::read(directory)? {
            Some(manifest) => (CopyKind::Backup, Some(manifest)),
            None if is_archive(directory)? => (CopyKind::Archive, None),
            None if directory.join(INCOMPLETE).exists() => (CopyKind::IncompleteBackup, None),
            None => return Err(CopyError::Unknown { path: directory.to_owned() }),
        };
        let mut survey = Survey { kind, whole: Head::EMPTY, torn: None, damage: None, segments };
        survey.read(directory, manifest.as_ref(), step)?;
        Ok(survey)
    }

    /// The deliveries that are good, group by group.
    pub fn deliveries(&self) -> impl Iterator<Item = Result<Vec<Delivery>, CopyError>> + '_ {
        let end = self.whole.position;
        let groups = self.segments.iter().flat_map(|path| Groups { path, reader: None, ended: false });
        let within = move |group: &Result<Vec<Delivery>, CopyError>| match group {
            Ok(deliveries) => deliveries.first().is_none_or(|first| first.position <= end),
            Err(_) => true,
        };
        groups.take_while(within)
    }

    /// Reads all segments, up to the first that is not as it was written.
    fn read(&mut self, directory: &Path, manifest: Option<&Manifest>, step: &mut dyn FnMut()) -> Result<(), CopyError> {
        let expected = manifest.map(|manifest| manifest.segments.as_slice());
        let count = expected.map_or(self.segments.len(), |expected| expected.len().max(self.segments.len()));
        for index in 0..count {
            let words = expected.map(|expected| expected.get(index));
            let named = words.flatten().map(|words| directory.join(&words.file));
            let path = self.segments.get(index).cloned();
            let found = match (path, named) {
                (Some(path), named) if named.is_none() || named.as_ref() == Some(&path) => {
                    if words == Some(None) {
                        Err((path, 0, "the manifest does not know it".to_owned()))
                    } else {
                        let last = index + 1 == self.segments.len();
                        self.read_segment(&path, last, words.flatten(), step)?
                            .map_err(|(offset, why)| (path, offset, why))
                    }
                }
                (_, named) => Err((named.unwrap_or_else(|| directory.to_owned()), 0, "it is missing".to_owned())),
            };
            if let Err((segment, offset, message)) = found {
                self.tell_damage(segment, offset, message)?;
                return Ok(());
            }
        }
        match manifest {
            Some(manifest) if manifest.head != self.whole => Err(CopyError::Manifest {
                path: directory.join(super::manifest::MANIFEST),
                message: format!("the segments end at position {} with another digest", self.whole.position),
            }),
            _ => Ok(()),
        }
    }

    /// Reads a segment. The inner error says where it is corrupt, and how.
    fn read_segment(
        &mut self,
        path: &Path,
        last: bool,
        words: Option<&SegmentWords>,
        step: &mut dyn FnMut(),
    ) -> Result<Result<(), (u64, String)>, CopyError> {
        let broken = |broken| match broken {
            Broken::Input(error) => Err(CopyError::file("reading", path)(error)),
            Broken::At { offset, message } => Ok((offset, message)),
        };
        let mut reader = match SegmentReader::open(path) {
            Ok(reader) => reader,
            Err(error) => {
                let (offset, message) = broken(error)?;
                return self.torn_or_damaged(path, last, offset, message);
            }
        };
        if reader.after() != self.whole {
            let (begins, ends) = (reader.after().position, self.whole.position);
            return Ok(Err((
                0,
                match begins == ends {
                    true => "the digest in its header is not the one at the end of what comes before it".to_owned(),
                    false => {
                        format!("it begins after position {begins}, and what comes before it ends at position {ends}")
                    }
                },
            )));
        }
        loop {
            match reader.next_group() {
                Ok(Some(group)) => group.iter().for_each(|_| step()),
                Ok(None) => break,
                Err(error) => {
                    let (offset, message) = broken(error)?;
                    self.whole = reader.at();
                    return self.torn_or_damaged(path, last, offset, message);
                }
            }
        }
        let before = std::mem::replace(&mut self.whole, reader.at());
        let (bytes, finished) = (reader.offset(), reader.is_finished());
        let may_be_open = last && self.kind != CopyKind::Backup;
        if !finished && !may_be_open {
            return Ok(Err((bytes, "its end is missing".to_owned())));
        }
        if words.is_some_and(|words| *words != SegmentWords::of(&reader.into_finished())) {
            // Whole by itself, and still not the one that was written.
            self.whole = before;
            return Ok(Err((0, "it is not the one that the manifest tells".to_owned())));
        }
        Ok(Ok(()))
    }

    /// At the very end of an unfinished copy, a crash may have torn the last frame.
    fn torn_or_damaged(
        &mut self,
        path: &Path,
        last: bool,
        offset: u64,
        message: String,
    ) -> Result<Result<(), (u64, String)>, CopyError> {
        let failed = CopyError::file("reading", path);
        let (length, later) = match (path.metadata(), groups_after(path, offset, self.whole.position)) {
            (Ok(metadata), Ok(later)) => (metadata.len(), later),
            (Err(error), _) | (_, Err(error)) => return Err(failed(error)),
        };
        if !last || self.kind == CopyKind::Backup || !later.is_empty() {
            return Ok(Err((offset, message)));
        }
        self.torn = Some(Torn { segment: path.to_owned(), offset, bytes: length - offset, message });
        Ok(Ok(()))
    }

    /// Looks for groups that are still whole after corruption.
    fn tell_damage(&mut self, segment: PathBuf, offset: u64, message: String) -> Result<(), CopyError> {
        let mut whole_later: Vec<(Position, Position)> = Vec::new();
        for path in self.segments.iter().filter(|path| **path >= segment) {
            let from = if *path == segment { offset } else { 0 };
            let groups = groups_after(path, from, self.whole.position).map_err(CopyError::file("reading", path))?;
            for (first, last) in groups {
                match whole_later.last_mut() {
                    Some(range) if range.1.next() == first => range.1 = last,
                    _ => whole_later.push((first, last)),
                }
            }
        }
        let position = self.whole.position.next();
        self.damage = Some(Corruption { segment, offset, position, message, whole_later });
        Ok(())
    }
}

/// The whole groups of one segment.
struct Groups<'a> {
    path: &'a Path,
    reader: Option<SegmentReader>,
    ended: bool,
}

impl Groups<'_> {
    fn step(&mut self) -> Result<Option<Vec<Delivery>>, Broken> {
        let reader = match &mut self.reader {
            Some(reader) => reader,
            none => none.insert(SegmentReader::open(self.path)?),
        };
        reader.next_group()
    }
}

impl Iterator for Groups<'_> {
    type Item = Result<Vec<Delivery>, CopyError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let group = match self.step() {
            Ok(group) => Ok(group),
            Err(Broken::Input(error)) => Err(CopyError::file("reading", self.path)(error)),
            // The survey knows it, and what is good ends before it.
            Err(Broken::At { .. }) => Ok(None),
        };
        self.ended = !matches!(group, Ok(Some(_)));
        group.transpose()
    }
}
