//! The rows of one table in a range, upwards or downwards.

use std::{collections::VecDeque, ops::Bound, sync::Arc};

use crate::{
    error::Result,
    table::{
        block::Block,
        cache::Cache,
        key::{Bounds, Direction, Key, Row, is_range, nothing},
        reader::Table,
        section::SectionIndex,
    },
};

/// After this many blocks of a table, a reader's blocks are not cached: it reads much, and would push others out.
const KEPT_BLOCKS: usize = 16;

/// The rows of a table in a range.
pub(crate) struct TableRows {
    table: Arc<Table>,
    cache: Arc<Cache>,
    space: usize,
    bounds: Bounds,
    /// Where the interval at hand is; `None` before the first one was looked for.
    at: Option<Cursor>,
    blocks_read: usize,
    /// The key that was read last, within the range or not: the next ones are on its other side.
    last: Option<Key>,
}

struct Cursor {
    section: usize,
    index: Arc<SectionIndex>,
    block: usize,
    loaded: Arc<Block>,
    interval: usize,
}

impl TableRows {
    pub(crate) fn of(table: Arc<Table>, cache: Arc<Cache>, space: usize, bounds: Bounds) -> TableRows {
        TableRows { table, cache, space, bounds, at: None, blocks_read: 0, last: None }
    }

    /// Some of the next rows; none where there are no more.
    pub(crate) fn fill(&mut self, direction: Direction, found: &mut VecDeque<Row>) -> Result<()> {
        while found.is_empty() {
            if self.at.is_some() {
                self.step(direction)?
            } else {
                self.seek(direction)?
            }
            let Some(cursor) = &self.at else { break };
            let copied = cursor.loaded.copy_interval(cursor.interval, found);
            copied.ok_or_else(|| self.table.corrupt("a row"))?;
            self.check_order(direction, found)?;
            let (from, to) = &self.bounds;
            let below = |key: &Key| match from {
                Bound::Unbounded => false,
                Bound::Included(from) => key < from,
                Bound::Excluded(from) => key <= from,
            };
            let beyond = |key: &Key| match to {
                Bound::Unbounded => false,
                Bound::Included(to) => key > to,
                Bound::Excluded(to) => key >= to,
            };
            let mut is_past = false;
            while let Some(gone) = found.pop_front_if(|row| below(&row.0)) {
                drop(gone);
                is_past |= direction == Direction::Down;
            }
            while let Some(gone) = found.pop_back_if(|row| beyond(&row.0)) {
                drop(gone);
                is_past |= direction == Direction::Up;
            }
            if direction == Direction::Down {
                found.make_contiguous().reverse();
            }
            if is_past {
                // All that follows is outside the range, too.
                self.bounds = nothing();
                break;
            }
        }
        Ok(())
    }

    /// Each interval is in order by itself; this checks the order between them.
    fn check_order(&mut self, direction: Direction, found: &VecDeque<Row>) -> Result<()> {
        let (Some((least, _)), Some((greatest, _))) = (found.front(), found.back()) else { return Ok(()) };
        let is_next = self.last.as_ref().is_none_or(|last| match direction {
            Direction::Up => last < least,
            Direction::Down => last > greatest,
        });
        if !is_next {
            return Err(self.table.corrupt("rows are not in order"));
        }
        self.last = Some(if direction == Direction::Up { greatest.clone() } else { least.clone() });
        Ok(())
    }

    /// The first interval that may have rows of the range.
    fn seek(&mut self, direction: Direction) -> Result<()> {
        let sections = &self.table.sections[self.space];
        let end = match direction {
            Direction::Up => &self.bounds.0,
            Direction::Down => &self.bounds.1,
        };
        let key = match end {
            Bound::Unbounded => None,
            Bound::Included(key) | Bound::Excluded(key) => Some(key.clone()),
        };
        let last = sections.len().checked_sub(1);
        let (Some(last), true) = (last, is_range(&self.bounds)) else { return Ok(()) };
        let section = match (&key, direction) {
            (Some(key), Direction::Up) => sections.partition_point(|section| section.last < *key),
            (Some(key), Direction::Down) => sections.partition_point(|section| section.last < *key).min(last),
            (None, Direction::Up) => 0,
            (None, Direction::Down) => last,
        };
        if section > last {
            return Ok(());
        }
        let index = self.table.index(&self.cache, &sections[section], true)?;
        let last = index.blocks.len().saturating_sub(1);
        let block = match (&key, direction) {
            (Some(key), _) => index.blocks.partition_point(|block| block.last < *key).min(last),
            (None, Direction::Up) => 0,
            (None, Direction::Down) => last,
        };
        self.load(section, index, block, direction)?;
        if let (Some(key), Some(cursor)) = (key, &mut self.at) {
            cursor.interval = cursor.loaded.interval_of(&key).ok_or_else(|| self.table.corrupt("a row"))?;
        }
        Ok(())
    }

    /// The interval after the one at hand.
    fn step(&mut self, direction: Direction) -> Result<()> {
        if !is_range(&self.bounds) {
            self.at = None;
            return Ok(());
        }
        let Some(mut cursor) = self.at.take() else { return Ok(()) };
        let next = |at: usize, count: usize| match direction {
            Direction::Up => Some(at + 1).filter(|next| *next < count),
            Direction::Down => at.checked_sub(1),
        };
        if let Some(interval) = next(cursor.interval, cursor.loaded.intervals()) {
            cursor.interval = interval;
            self.at = Some(cursor);
            return Ok(());
        }
        if let Some(block) = next(cursor.block, cursor.index.blocks.len()) {
            return self.load(cursor.section, cursor.index, block, direction);
        }
        let sections = &self.table.sections[self.space];
        let Some(section) = next(cursor.section, sections.len()) else {
            self.bounds = nothing();
            return Ok(());
        };
        let index = self.table.index(&self.cache, &sections[section], self.blocks_read < KEPT_BLOCKS)?;
        let block = if direction == Direction::Up { 0 } else { index.blocks.len().saturating_sub(1) };
        self.load(section, index, block, direction)
    }

    fn load(&mut self, section: usize, index: Arc<SectionIndex>, block: usize, direction: Direction) -> Result<()> {
        let cursor = index.blocks.get(block).ok_or_else(|| self.table.corrupt("the index of a section"))?;
        self.blocks_read += 1;
        let of = &self.table.sections[self.space][section];
        let loaded = self.table.block(&self.cache, of, cursor, self.blocks_read <= KEPT_BLOCKS)?;
        let interval = if direction == Direction::Up { 0 } else { loaded.intervals().saturating_sub(1) };
        self.at = Some(Cursor { section, index, block, loaded, interval });
        Ok(())
    }
}
