//! Sizes; a simulation has smaller ones.

use std::io;

use crate::store::journal::{MARK_BYTES, random_mark};

/// How large things are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    /// What a file of the journal takes from the disk when it is made. A group that is larger makes it grow. It is a part of
    /// the format: a shorter file is refused, so a version that has larger ones has to know the size of the older.
    pub(crate) journal_bytes: usize,
    /// A value holds at most about this many bytes of bodies and event types, unless one delivery alone has more.
    pub(crate) value_bytes: usize,
    /// And at most this many deliveries.
    pub(crate) value_deliveries: usize,
    /// The most values that share one sync of the store: what sled has written and not synced stays well below a
    /// segment, so it never gives a segment away whose content has moved to where a power cut would lose it.
    pub(crate) values_a_sync: usize,
    /// Draws the mark of a new file.
    pub(crate) mark: fn() -> io::Result<[u8; MARK_BYTES]>,
}

impl Options {
    /// The sizes of a real log.
    pub(crate) const USUAL: Options = Options {
        journal_bytes: 2 << 20,
        value_bytes: 16 << 10,
        value_deliveries: 256,
        values_a_sync: 32,
        mark: random_mark,
    };
}
