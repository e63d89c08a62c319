//! Merges the rows of a batch, of memory and of tables into one order, upwards or downwards.

use std::{cmp::Ordering, collections::VecDeque, ops::Range, sync::Arc};

use crate::{
    error::Result,
    memory::{batch_rows::BatchRows, memtable::Memtable},
    table::{
        cache::Cache,
        key::{Bounds, Direction, Key, Row},
        reader::Table,
        rows::TableRows,
    },
};

/// How many rows are copied out of memory at first; each time twice as many.
const FIRST_ROWS: usize = 8;
const ROWS_MAX: usize = 256;
/// Where rows come from.
pub(crate) enum Input {
    Batch { batch: Arc<BatchRows>, range: Range<usize>, count: usize },
    Memory { memtable: Arc<Memtable>, space: usize, bounds: Bounds, sequence: u64, count: usize },
    Table(TableRows),
}

impl Input {
    pub(crate) fn batch(batch: &Arc<BatchRows>, space: usize, bounds: &Bounds) -> Input {
        Input::Batch { batch: Arc::clone(batch), range: batch.range(space, bounds), count: FIRST_ROWS }
    }

    pub(crate) fn memory(memtable: &Arc<Memtable>, space: usize, bounds: &Bounds, sequence: u64) -> Input {
        let memtable = Arc::clone(memtable);
        Input::Memory { memtable, space, bounds: bounds.clone(), sequence, count: FIRST_ROWS }
    }

    pub(crate) fn table(table: &Arc<Table>, cache: &Arc<Cache>, space: usize, bounds: &Bounds) -> Input {
        let (table, cache) = (Arc::clone(table), Arc::clone(cache));
        Input::Table(TableRows::of(table, cache, space, bounds.clone()))
    }

    /// Some of the next rows; none where there are no more.
    fn fill(&mut self, direction: Direction, found: &mut VecDeque<Row>) -> Result<()> {
        match self {
            Input::Batch { batch, range, count } => {
                batch.copy(range, direction, *count, found);
                *count = (*count * 2).min(ROWS_MAX);
                Ok(())
            }
            Input::Memory { memtable, space, bounds, sequence, count } => {
                while found.is_empty() && memtable.rows(*space, bounds, direction, *sequence, *count, found) {}
                *count = (*count * 2).min(ROWS_MAX);
                Ok(())
            }
            Input::Table(rows) => rows.fill(direction, found),
        }
    }
}

/// The rows of several inputs, each key once: as the newest input has it.
pub(crate) struct Merge {
    direction: Direction,
    /// The newest first.
    inputs: Vec<(Input, VecDeque<Row>)>,
    /// Whether an input with nothing at hand may have more.
    is_begun: bool,
}

impl Merge {
    pub(crate) fn of(inputs: impl Iterator<Item = Input>, direction: Direction) -> Merge {
        let inputs = inputs.map(|input| (input, VecDeque::new())).collect();
        Merge { direction, inputs, is_begun: false }
    }

    /// The next row, also one that was removed.
    pub(crate) fn next(&mut self) -> Result<Option<Row>> {
        if !self.is_begun {
            self.is_begun = true;
            for (input, rows) in &mut self.inputs {
                input.fill(self.direction, rows)?;
            }
            self.inputs.retain(|(_, rows)| !rows.is_empty());
        }
        let mut first: Option<(usize, &Key)> = None;
        let mut same = 0_usize;
        for (number, (_, rows)) in self.inputs.iter().enumerate() {
            let Some((key, _)) = rows.front() else { continue };
            let order = first.map_or(Ordering::Less, |(_, first)| match self.direction {
                Direction::Up => key.cmp(first),
                Direction::Down => first.cmp(key),
            });
            match order {
                Ordering::Less => (first, same) = (Some((number, key)), 1),
                Ordering::Equal => same += 1,
                Ordering::Greater => {}
            }
        }
        let Some((number, _)) = first else { return Ok(None) };
        let row = self.pop(number)?;
        if same > 1
            && let Some((key, _)) = &row
        {
            for older in number + 1..self.inputs.len() {
                if self.inputs[older].1.front().is_some_and(|(other, _)| other == key) {
                    self.pop(older)?;
                }
            }
        }
        Ok(row)
    }

    fn pop(&mut self, number: usize) -> Result<Option<Row>> {
        let (input, rows) = &mut self.inputs[number];
        let row = rows.pop_front();
        if rows.is_empty() {
            input.fill(self.direction, rows)?;
        }
        Ok(row)
    }
}
