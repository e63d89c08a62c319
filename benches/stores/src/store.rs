//! What a store has to do here. A store's own file in `stores/` says how, and nothing else knows which one it is.

use std::{error::Error, ops::Range};

use crate::rows::SortedRows;

pub(crate) type Fallible<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// A keyspace, as the projection has them; their keys are in `traffic.rs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Space {
    Sources,
    Appointments,
    ById,
    ByStatus,
    ByFirst,
    ByLast,
    Meta,
}

pub(crate) const SPACES: usize = Space::ALL.len();

impl Space {
    pub(crate) const ALL: [Space; 7] =
        [Space::Sources, Space::Appointments, Space::ById, Space::ByStatus, Space::ByFirst, Space::ByLast, Space::Meta];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Space::Sources => "sources",
            Space::Appointments => "appointments",
            Space::ById => "by_id",
            Space::ByStatus => "by_status",
            Space::ByFirst => "by_first",
            Space::ByLast => "by_last",
            Space::Meta => "meta",
        }
    }

    /// Its rows are looked up by their keys, so it deserves a filter; those of the others are only read by ranges.
    pub(crate) const fn is_looked_up(self) -> bool {
        matches!(self, Space::Sources | Space::Appointments | Space::Meta)
    }

    /// A key of it is put in at most once, and removed at most once after that.
    pub(crate) const fn is_once(self) -> bool {
        matches!(self, Space::ByStatus | Space::ByFirst | Space::ByLast)
    }
}

/// The memory that every store gets.
#[derive(Clone, Copy)]
pub(crate) struct Budget {
    /// For what is read of files.
    pub(crate) cache_bytes: usize,
    /// For rows that have no file yet.
    pub(crate) memtable_bytes: usize,
}

/// An open store.
pub(crate) trait Store: Send + Sync {
    /// Fills the store, which is empty, by the shortest way that it has for rows in order.
    fn ingest(&self, rows: &SortedRows<'_>) -> Fallible<()>;

    /// Writes a batch as one. One thread calls it.
    fn write(&self, batch: &Batch) -> Fallible<()>;

    /// Puts everything that was written into files.
    fn flush(&self) -> Fallible<()>;

    /// Holds this moment for reading.
    fn view(&self) -> Fallible<Box<dyn View + '_>>;

    /// Ends its threads.
    fn close(self: Box<Self>) -> Fallible<()>;
}

/// All rows as of one moment.
pub(crate) trait View {
    /// Shows the value of a row, if there is one.
    fn get(&self, space: Space, key: &[u8], see: &mut dyn FnMut(&[u8])) -> Fallible<()>;

    /// Shows rows with their keys, in the order of the scan.
    fn scan(&self, scan: &Scan<'_>, see: &mut dyn FnMut(&[u8], &[u8])) -> Fallible<()>;
}

/// Some rows of a keyspace.
pub(crate) struct Scan<'a> {
    pub(crate) space: Space,
    /// The least key and the greatest one.
    pub(crate) from: &'a [u8],
    pub(crate) to: &'a [u8],
    pub(crate) is_down: bool,
    pub(crate) rows_max: usize,
}

impl Scan<'_> {
    /// Takes rows from the end at which the scan begins.
    pub(crate) fn walk<I: DoubleEndedIterator>(
        &self,
        rows: I,
        see: impl FnMut(I::Item) -> Fallible<()>,
    ) -> Fallible<()> {
        if self.is_down {
            rows.rev().take(self.rows_max).try_for_each(see)
        } else {
            rows.take(self.rows_max).try_for_each(see)
        }
    }
}

/// Rows that are written together. It is in no store's form, so that each pays for the way to its own.
#[derive(Default)]
pub(crate) struct Batch {
    operations: Vec<Operation>,
    bytes: Vec<u8>,
}

struct Operation {
    space: Space,
    key: Range<usize>,
    /// `None` removes the row.
    value: Option<Range<usize>>,
}

impl Batch {
    pub(crate) fn put(&mut self, space: Space, key: &[u8], value: &[u8]) {
        let operation = Operation { space, key: self.push(key), value: Some(self.push(value)) };
        self.operations.push(operation);
    }

    pub(crate) fn remove(&mut self, space: Space, key: &[u8]) {
        let operation = Operation { space, key: self.push(key), value: None };
        self.operations.push(operation);
    }

    pub(crate) fn clear(&mut self) {
        self.operations.clear();
        self.bytes.clear();
    }

    pub(crate) fn len(&self) -> usize {
        self.operations.len()
    }

    /// Bytes of its keys and values.
    pub(crate) fn byte_count(&self) -> usize {
        self.bytes.len()
    }

    /// What it does, in order: a keyspace, a key, and the value where there is one afterwards.
    pub(crate) fn operations(&self) -> impl Iterator<Item = (Space, &[u8], Option<&[u8]>)> {
        self.operations.iter().map(|operation| {
            let value = operation.value.clone().map(|value| &self.bytes[value]);
            (operation.space, &self.bytes[operation.key.clone()], value)
        })
    }

    fn push(&mut self, bytes: &[u8]) -> Range<usize> {
        let begin = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        begin..self.bytes.len()
    }
}
