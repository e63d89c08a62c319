//! Compaction: several tables become one, so that readers look at few.
//!
//! Files have sizes: each size is four times the one below. Once [`TABLES_OF_SIZE`] of one size or below stand in a
//! row, the newest first, they become one. So a row is written again once for each size, and a reader looks at three
//! files of each at most. Small ones, which an idle server makes, are compacted at once.

use std::{ops::Bound, sync::Arc};

use crate::{
    error::Result,
    merge::{Input, Merge},
    planted::planted,
    store::shared::Shared,
    table::{
        key::{Bounds, Direction},
        reader::Table,
        writer::TableWriter,
    },
};

const TABLES_OF_SIZE: usize = 4;

/// A compaction that is under way. Dropped before it is finished, it leaves everything as it was.
pub(crate) struct Compaction {
    shared: Arc<Shared>,
    /// All that there were when it began, the newest first; the first `count` become one.
    tables: Vec<Arc<Table>>,
    count: usize,
    writer: TableWriter,
    /// The keyspace whose rows come next, and those of them that are left.
    space: usize,
    rows: Option<Merge>,
}

impl Compaction {
    pub(crate) fn begin(shared: &Arc<Shared>, tables: Vec<Arc<Table>>, count: usize) -> Result<Compaction> {
        let (shared, writer) = (Arc::clone(shared), shared.new_table()?);
        Ok(Compaction { shared, tables, count, writer, space: 0, rows: None })
    }

    /// Copies some rows. `false`: there are no more.
    pub(crate) fn step(&mut self) -> Result<bool> {
        let mut left = self.shared.options.compaction_rows;
        while self.space < self.shared.options.keyspaces.len() {
            let (space, (compacted, kept)) = (self.space, self.tables.split_at(self.count));
            let rows = self.rows.get_or_insert_with(|| {
                let all: Bounds = (Bound::Unbounded, Bound::Unbounded);
                let inputs = compacted.iter().filter(|table| !table.sections[space].is_empty());
                let inputs = inputs.map(|table| Input::table(table, &self.shared.cache, space, &all));
                Merge::of(inputs, Direction::Up)
            });
            // Where no older table has rows, nothing needs to say that one was removed.
            let is_oldest = kept.iter().all(|table| table.sections[space].is_empty()) || planted!(RemovalForgotten);
            while let Some((key, value)) = rows.next()? {
                if value.is_some() || !is_oldest {
                    self.writer.push(space, &key, value.as_deref())?;
                }
                left = left.saturating_sub(1);
                if left == 0 {
                    return Ok(true);
                }
            }
            (self.space, self.rows) = (space + 1, None);
        }
        Ok(false)
    }

    /// Replaces the tables with the one. Their files go once no snapshot reads them.
    pub(crate) fn finish(self) -> Result<()> {
        let table = Arc::new(self.writer.finish()?);
        // Tables that came in the meantime are newer.
        let mut now = self.shared.state().levels.tables.clone();
        let mut first = now.len() - self.tables.len();
        if planted!(CompactedTableFirst) {
            now.rotate_left(first);
            first = 0;
        }
        let gone: Vec<_> = now.splice(first..first + self.count, [Arc::clone(&table)]).collect();
        if planted!(TablesRemovedBeforeManifest) {
            gone.iter().for_each(|table| table.remove());
        }
        self.shared.switch(now, &table, false)?;
        gone.iter().for_each(|table| table.let_go());
        Ok(())
    }
}

/// How many of the newest tables become one; the lengths are the newest first. Tables below `small` are of the smallest
/// size.
pub(crate) fn newest_to_compact(lengths: &[u64], small: u64) -> usize {
    let size_of_table = |length| size_of_table(length, small);
    let largest = lengths.iter().map(|length| size_of_table(*length)).max().unwrap_or(0);
    let mut compacted = 0;
    for size in 0..=largest {
        let count = lengths.iter().take_while(|length| size_of_table(**length) <= size).count();
        // Those that are compacted already are one table by now, of this size or above.
        let is_one = compacted > 0 && size_of_table(lengths[..compacted].iter().sum()) <= size;
        let tables = count.saturating_sub(compacted) + usize::from(is_one);
        if tables >= if size == 0 { 2 } else { TABLES_OF_SIZE } {
            compacted = count;
        }
    }
    compacted
}

/// 0 below `small`, 1 below four times that, and so on.
fn size_of_table(length: u64, small: u64) -> u32 {
    (length / small).checked_ilog2().map_or(0, |power| power / 2 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL_BYTES: u64 = 2 << 20;

    #[test]
    fn small_tables_become_one_at_once_and_others_by_four() {
        let check = |lengths: &[u64], expected: usize| {
            let lengths: Vec<u64> = lengths.iter().map(|length| length * SMALL_BYTES / 2).collect();
            assert_eq!(newest_to_compact(&lengths, SMALL_BYTES), expected, "{lengths:?}");
        };
        check(&[], 0);
        check(&[1], 0);
        check(&[1, 1], 2);
        check(&[2, 2, 3], 0);
        check(&[2, 2, 3, 2], 4);
        check(&[1, 2, 2, 3, 2], 5);
        check(&[1, 1, 32, 32, 32], 5);
        check(&[1, 1, 32, 32], 2);
        // A compaction that makes the fourth of the next size takes the others of that size along.
        check(&[3, 3, 3, 3, 8, 8, 8], 7);
        check(&[3, 3, 3, 3, 8, 8, 8, 200], 7);
        check(&[200, 2, 2, 2, 2], 5);
    }

    #[test]
    fn however_much_is_written_there_are_few_tables() {
        let mut lengths: Vec<u64> = Vec::new();
        for written in 0..10_000_u64 {
            lengths.insert(0, SMALL_BYTES * (1 + written * 7 % 13));
            loop {
                let count = newest_to_compact(&lengths, SMALL_BYTES);
                if count == 0 {
                    break;
                }
                let sum = lengths[..count].iter().sum();
                lengths.splice(..count, [sum]);
            }
            assert!(lengths.len() <= 24, "{lengths:?}");
        }
    }
}
