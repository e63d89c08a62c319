//! Rows in order, from memory and from tables, upwards or downwards; and all of them merged.

use std::{cmp::Ordering, collections::VecDeque, ops::Bound, sync::Arc};

use super::{
    block::Block,
    cache::Cache,
    error::Result,
    key::{Bounds, Key},
    memtable::{Memtable, is_range, nothing},
    section::SectionIndex,
    table::Table,
};

/// A row; without a value where it was removed.
pub(crate) type Row = (Key, Option<Vec<u8>>);

/// Which way keys go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Up,
    Down,
}

/// The first rows are copied out of memory so many at once; each time twice as many.
const FIRST_ROWS: usize = 8;
const ROWS_MAX: usize = 256;
/// A reader that goes on beyond so many blocks of a table reads much: its blocks don't push others out of the cache.
const KEPT_BLOCKS: usize = 16;

/// Where rows come from.
pub(crate) enum Source {
    Memory { memtable: Arc<Memtable>, space: usize, bounds: Bounds, sequence: u64, count: usize },
    Table(TableRows),
}

/// The rows of a table in a range.
pub(crate) struct TableRows {
    table: Arc<Table>,
    cache: Arc<Cache>,
    space: usize,
    bounds: Bounds,
    /// The place of the next interval; `None` before the first one was looked for.
    at: Option<Place>,
    blocks_read: usize,
}

struct Place {
    section: usize,
    index: Arc<SectionIndex>,
    block: usize,
    loaded: Arc<Block>,
    interval: usize,
}

impl Source {
    pub(crate) fn memory(memtable: &Arc<Memtable>, space: usize, bounds: &Bounds, sequence: u64) -> Source {
        let memtable = Arc::clone(memtable);
        Source::Memory { memtable, space, bounds: bounds.clone(), sequence, count: FIRST_ROWS }
    }

    pub(crate) fn table(table: &Arc<Table>, cache: &Arc<Cache>, space: usize, bounds: &Bounds) -> Source {
        let (table, cache) = (Arc::clone(table), Arc::clone(cache));
        Source::Table(TableRows { table, cache, space, bounds: bounds.clone(), at: None, blocks_read: 0 })
    }

    /// Some of the next rows; none where there are no more.
    fn fill(&mut self, direction: Direction, found: &mut VecDeque<Row>) -> Result<()> {
        match self {
            Source::Memory { memtable, space, bounds, sequence, count } => {
                while found.is_empty() && memtable.rows(*space, bounds, direction, *sequence, *count, found) {}
                *count = (*count * 2).min(ROWS_MAX);
                Ok(())
            }
            Source::Table(rows) => rows.fill(direction, found),
        }
    }
}

impl TableRows {
    fn fill(&mut self, direction: Direction, found: &mut VecDeque<Row>) -> Result<()> {
        while found.is_empty() {
            if self.at.is_some() {
                self.step(direction)?
            } else {
                self.seek(direction)?
            }
            let Some(place) = &self.at else { break };
            let copied = place.loaded.copy_interval(place.interval, found);
            copied.ok_or_else(|| self.table.corrupt("a row"))?;
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
                // What follows is outside of the range, too.
                self.bounds = nothing();
                break;
            }
        }
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
        if let (Some(key), Some(place)) = (key, &mut self.at) {
            place.interval = place.loaded.interval_of(&key).ok_or_else(|| self.table.corrupt("a row"))?;
        }
        Ok(())
    }

    /// The interval after the one at hand.
    fn step(&mut self, direction: Direction) -> Result<()> {
        if !is_range(&self.bounds) {
            self.at = None;
            return Ok(());
        }
        let Some(mut place) = self.at.take() else { return Ok(()) };
        let next = |at: usize, count: usize| match direction {
            Direction::Up => Some(at + 1).filter(|next| *next < count),
            Direction::Down => at.checked_sub(1),
        };
        if let Some(interval) = next(place.interval, place.loaded.intervals()) {
            place.interval = interval;
            self.at = Some(place);
            return Ok(());
        }
        if let Some(block) = next(place.block, place.index.blocks.len()) {
            return self.load(place.section, place.index, block, direction);
        }
        let sections = &self.table.sections[self.space];
        let Some(section) = next(place.section, sections.len()) else {
            self.bounds = nothing();
            return Ok(());
        };
        let index = self.table.index(&self.cache, &sections[section], self.blocks_read < KEPT_BLOCKS)?;
        let block = if direction == Direction::Up { 0 } else { index.blocks.len().saturating_sub(1) };
        self.load(section, index, block, direction)
    }

    fn load(&mut self, section: usize, index: Arc<SectionIndex>, block: usize, direction: Direction) -> Result<()> {
        let place = index.blocks.get(block).ok_or_else(|| self.table.corrupt("the index of a section"))?;
        self.blocks_read += 1;
        let of = &self.table.sections[self.space][section];
        let loaded = self.table.block(&self.cache, of, place, self.blocks_read <= KEPT_BLOCKS)?;
        let interval = if direction == Direction::Up { 0 } else { loaded.intervals().saturating_sub(1) };
        self.at = Some(Place { section, index, block, loaded, interval });
        Ok(())
    }
}

/// The rows of several sources, each key once: as the newest source has it.
pub(crate) struct Merge {
    direction: Direction,
    /// The newest first.
    sources: Vec<(Source, VecDeque<Row>)>,
    /// Whether a source with nothing at hand may have more.
    is_begun: bool,
}

impl Merge {
    pub(crate) fn of(sources: impl Iterator<Item = Source>, direction: Direction) -> Merge {
        let sources = sources.map(|source| (source, VecDeque::new())).collect();
        Merge { direction, sources, is_begun: false }
    }

    /// The next row, also one that was removed.
    pub(crate) fn next(&mut self) -> Result<Option<Row>> {
        if !self.is_begun {
            self.is_begun = true;
            for (source, rows) in &mut self.sources {
                source.fill(self.direction, rows)?;
            }
            self.sources.retain(|(_, rows)| !rows.is_empty());
        }
        let mut first: Option<(usize, &Key)> = None;
        let mut same = 0_usize;
        for (number, (_, rows)) in self.sources.iter().enumerate() {
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
            for older in number + 1..self.sources.len() {
                if self.sources[older].1.front().is_some_and(|(other, _)| other == key) {
                    self.pop(older)?;
                }
            }
        }
        Ok(row)
    }

    fn pop(&mut self, number: usize) -> Result<Option<Row>> {
        let (source, rows) = &mut self.sources[number];
        let row = rows.pop_front();
        if rows.is_empty() {
            source.fill(self.direction, rows)?;
        }
        Ok(row)
    }
}
