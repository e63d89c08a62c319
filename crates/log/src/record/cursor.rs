//! Where a follower of a log is: a position, and how the log's digest there begins, so that a log of another history is
//! recognized.
//!
//! A position alone says nothing about what stands before it: a log that was restored from an older copy gives the same
//! positions to other deliveries. As text: `17`, or `17@1a2b3c4d` with the first eight hexadecimal digits of the digest.
//! By chance, one of four thousand million other histories passes for the same.

use std::{fmt, str::FromStr};

use crate::{
    Log, LogError,
    files::head::Head,
    record::{delivery::Position, digest::Digest},
};

/// Where a follower is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The last delivery that it has; 0 where it has none.
    pub position: Position,
    /// How the log's digest there begins; `None` where the follower keeps only positions.
    pub digest_start: Option<[u8; 4]>,
}

/// A log has another history than the one that a cursor is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnotherHistory {
    /// The follower's cursor.
    pub asked: Cursor,
    /// This log's cursor at the same position, or at its end where it ends before.
    pub here: Cursor,
    /// A position up to which both are the same, where the follower has shown one; there may be later ones.
    pub in_common: Option<Position>,
}

/// Why a cursor is no place in a log.
#[derive(Debug, thiserror::Error)]
pub enum CursorError {
    /// A position alone, and the log ends before it.
    #[error("the log ends before position {}", .0.position)]
    Beyond(Cursor),
    /// The digest is another one, or the log ends before it.
    #[error("{0}")]
    AnotherHistory(AnotherHistory),
    /// The log can't be read.
    #[error(transparent)]
    Log(#[from] LogError),
}

/// Not a cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a cursor is a position, or a position, @ and the first 8 hexadecimal digits of the digest there")]
pub struct InvalidCursor;

impl Cursor {
    /// The long form: a position with the log's digest there.
    pub fn at(position: Position, digest: Digest) -> Cursor {
        let (start, _) = digest.as_bytes().split_first_chunk().expect("a digest is longer");
        Cursor { position, digest_start: Some(*start) }
    }

    /// Whether it may be of a log that has this digest at its position.
    pub fn fits(&self, digest: &Digest) -> bool {
        self.digest_start.is_none_or(|start| digest.as_bytes().starts_with(&start))
    }

    /// The digest at its position, if it is a place in `log`; `None` where it does not say which digest it means, and
    /// none was looked up.
    pub fn find_in(self, log: &dyn Log) -> Result<Option<Digest>, CursorError> {
        let head = log.head();
        let another = |here| CursorError::AnotherHistory(AnotherHistory { asked: self, here, in_common: None });
        match self.digest_start {
            None if self.position > head.position => Err(CursorError::Beyond(self)),
            None => Ok(None),
            Some(_) if self.position > head.position => Err(another(head.into())),
            Some(_) => {
                let digest = log.digest_at(self.position)?;
                if self.fits(&digest) { Ok(Some(digest)) } else { Err(another(Cursor::at(self.position, digest))) }
            }
        }
    }
}

impl From<Position> for Cursor {
    /// The short form.
    fn from(position: Position) -> Cursor {
        Cursor { position, digest_start: None }
    }
}

impl From<Head> for Cursor {
    fn from(head: Head) -> Cursor {
        Cursor::at(head.position, head.digest)
    }
}

impl FromStr for Cursor {
    type Err = InvalidCursor;

    /// Reads what is displayed, and nothing else.
    fn from_str(text: &str) -> Result<Cursor, InvalidCursor> {
        let (position, start) = text.split_once('@').map_or((text, None), |(position, start)| (position, Some(start)));
        let position = Position::new(position.parse().map_err(|_| InvalidCursor)?);
        let digits = start.map(|start| u32::from_str_radix(start, 16)).transpose().map_err(|_| InvalidCursor)?;
        let cursor = Cursor { position, digest_start: digits.map(u32::to_be_bytes) };
        if cursor.to_string() == text { Ok(cursor) } else { Err(InvalidCursor) }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.digest_start {
            None => self.position.fmt(f),
            Some(start) => write!(f, "{}@{:08x}", self.position, u32::from_be_bytes(start)),
        }
    }
}

impl fmt::Display for AnotherHistory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let AnotherHistory { asked, here, in_common } = self;
        write!(f, "This log has another history than the one that you followed, which was at {asked}: ")?;
        if here.position == asked.position {
            write!(f, "here it is {here}. ")?;
        } else {
            write!(f, "it ends at {here}. ")?;
        }
        f.write_str("It may have been restored from a copy, and its positions given to other deliveries. ")?;
        match in_common {
            None => f.write_str(
                "How much both have in common can't be told from one cursor. Go on after an earlier cursor of yours that is taken here, or begin anew.",
            ),
            Some(Position::ZERO) => f.write_str("Begin anew."),
            Some(position) => write!(
                f,
                "Up to position {position}, by your other cursor, both are the same: forget what you have after it, and go on there."
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_is_displayed() {
        let digest = Digest::from_bytes([0x0a; 32]);
        let long = Cursor::at(Position::new(17), digest);
        assert_eq!(long.to_string(), "17@0a0a0a0a");
        for (text, cursor) in [
            ("17@0a0a0a0a", long),
            ("17", Position::new(17).into()),
            ("0", Position::ZERO.into()),
            ("0@00000000", Head::EMPTY.into()),
            ("18446744073709551615", Position::new(u64::MAX).into()),
        ] {
            assert_eq!((text.parse(), cursor.to_string().as_str()), (Ok(cursor), text));
        }
        for wrong in [
            "",
            "@",
            "17@",
            "@0a0a0a0a",
            "017",
            "+17",
            "-1",
            "17@0a0a0a0",
            "17@0a0a0a0a0",
            "17@0A0A0A0A",
            "17@+a0a0a0a",
            "17@0a0a0a0g",
            "17@0a0a0a0a@",
            " 17",
            "17 ",
            "18446744073709551616",
            "17@0a0a 0a0",
        ] {
            assert_eq!(wrong.parse::<Cursor>(), Err(InvalidCursor), "{wrong}");
        }
    }

    #[test]
    fn a_cursor_fits_its_own_digest_and_a_position_fits_any() {
        let (one, other) = (Digest::from_bytes([1; 32]), Digest::from_bytes([2; 32]));
        let cursor = Cursor::at(Position::new(3), one);
        assert_eq!((cursor.fits(&one), cursor.fits(&other)), (true, false));
        assert!(Cursor::from(Position::new(3)).fits(&other));
    }
}
