//! A part of a log from one position to another, with the log's digest at both ends: it verifies by itself.

use clockfold_log::{Delivery, Head, Log, LogError, Position};

/// The deliveries after one position and up to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// Where the log was before the first of them.
    pub after: Head,
    /// Where it was after the last.
    pub to: Head,
}

/// Why there is no such stretch.
#[derive(Debug, thiserror::Error)]
pub enum StretchError {
    /// The log does not go that far.
    #[error("there is no position {asked}: the log ends at position {head}")]
    Beyond {
        /// What was asked for.
        asked: Position,
        /// The last position.
        head: Position,
    },
    /// Its end is before its beginning.
    #[error("position {after} is not before position {to}")]
    Backwards {
        /// The beginning.
        after: Position,
        /// The end.
        to: Position,
    },
    /// The log can't be read.
    #[error(transparent)]
    Log(#[from] LogError),
}

impl Stretch {
    /// The stretch of `log` after `after`, up to `to` or to its head at this moment.
    pub fn of(log: &dyn Log, after: Position, to: Option<Position>) -> Result<Stretch, StretchError> {
        let head = log.head();
        let to = to.unwrap_or(head.position);
        for asked in [after, to] {
            if asked > head.position {
                return Err(StretchError::Beyond { asked, head: head.position });
            }
        }
        if after > to {
            return Err(StretchError::Backwards { after, to });
        }
        let at = |position| match position {
            position if position == head.position => Ok(head),
            position => log.digest_at(position).map(|digest| Head { position, digest }),
        };
        Ok(Stretch { after: at(after)?, to: at(to)? })
    }

    /// How many deliveries it has.
    pub fn deliveries(&self) -> u64 {
        self.to.position.get() - self.after.position.get()
    }

    /// Its deliveries as `log` has them, each once; the digests are for the reader to compare.
    pub fn read<'a>(&self, log: &'a dyn Log) -> impl Iterator<Item = Result<Delivery, LogError>> + use<'a> {
        let count = usize::try_from(self.deliveries()).unwrap_or(usize::MAX);
        log.read(self.after.position.next()).take(count)
    }
}
