//! Compaction: several tables become one, so that readers look at few.
//!
//! Files have sizes: each size is four times the one below. Once [`TABLES_OF_SIZE`] of one size or below stand in a
//! row, the newest first, they become one, if none of them is longer than the others together. Small ones, which an idle
//! server makes, are compacted at once.

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
///
/// The longest of them is not longer than the others together. So each time that a row is written again, it is in a
/// table of twice the length at least, and no large table is written again for a few small ones.
pub(crate) fn newest_to_compact(lengths: &[u64], small: u64) -> usize {
    let size_of_table = |length| size_of_table(length, small);
    let largest = lengths.iter().map(|length| size_of_table(*length)).max().unwrap_or(0);
    let mut compacted = 0;
    for size in 0..=largest {
        let count = lengths.iter().take_while(|length| size_of_table(**length) <= size).count();
        // Those that are compacted already are one table by now.
        let one = (compacted > 0).then(|| lengths[..compacted].iter().sum());
        let tables: Vec<u64> = one.into_iter().chain(lengths[compacted..count].iter().copied()).collect();
        let is_even = tables.iter().max().copied().unwrap_or(0) <= tables.iter().sum::<u64>() / 2;
        if if size == 0 { tables.len() >= 2 } else { tables.len() >= TABLES_OF_SIZE && is_even } {
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
        check(&[2, 2, 2, 32], 0);
        check(&[10, 10, 10, 32], 0);
        check(&[11, 11, 11, 32], 4);
        // A compaction that makes the fourth of the next size takes the others of that size along.
        check(&[3, 3, 3, 3, 8, 8, 8], 7);
        check(&[3, 3, 3, 3, 8, 8, 8, 200], 7);
        check(&[200, 2, 2, 2, 2], 0);
    }

    /// What became of some bytes that were flushed.
    struct Model {
        lengths: Vec<u64>,
        flushed: u64,
        written: u64,
        tables_max: usize,
    }

    impl Model {
        fn new() -> Model {
            Model { lengths: Vec::new(), flushed: 0, written: 0, tables_max: 0 }
        }

        fn flush(&mut self, length: u64) {
            self.lengths.insert(0, length);
            self.flushed += length;
            self.written += length;
            loop {
                self.tables_max = self.tables_max.max(self.lengths.len());
                let count = newest_to_compact(&self.lengths, SMALL_BYTES);
                if count == 0 {
                    return;
                }
                let sum = self.lengths[..count].iter().sum();
                self.lengths.splice(..count, [sum]);
                self.written += sum;
            }
        }

        /// How often a byte is written.
        #[allow(clippy::cast_precision_loss)]
        fn write_amplification(&self) -> f64 {
            self.written as f64 / self.flushed as f64
        }
    }

    #[test]
    fn however_much_is_written_there_are_few_tables() {
        let mut model = Model::new();
        for number in 0..10_000_u64 {
            model.flush(SMALL_BYTES * (1 + number * 7 % 13));
        }
        assert!(model.tables_max <= 16, "{:?}", model.lengths);
    }

    /// A delivery is about 100 bytes of rows, and 24 MB of memory are about 10 MB of a file. An idle server makes a file
    /// of any length.
    #[test]
    fn a_row_is_written_a_few_times_and_looked_for_in_few_tables() {
        for (deliveries, written_max, tables_max) in [(1_000_000, 3.0, 6), (10_000_000, 5.0, 9), (100_000_000, 7.0, 12)]
        {
            for spread in [0, 2, 9] {
                let mut model = Model::new();
                let mut number = 0;
                while model.flushed < deliveries * 100 {
                    number += 1;
                    model.flush((10 << 20) - (number * 7 % 11) * (spread << 20) / 10);
                }
                let (written, tables) = (model.write_amplification(), model.tables_max);
                assert!(
                    written <= written_max && tables <= tables_max,
                    "{deliveries} {spread}: {written:.2}, {tables}"
                );
            }
        }
    }
}
