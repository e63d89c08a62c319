//! A section: some blocks of one keyspace, and behind them the index that says which block has what.
//!
//! ```text
//! block*  the rows, in order
//! index   varint count · (varint key length · last key · varint block length)* · varint filter length · filter · CRC-32
//! ```
//!
//! The index is read through the cache, so a table itself keeps in memory only one key for each section of about 256
//! KiB: 1.3 MB for 5 GB of rows.

use crate::{
    planted::planted,
    table::{
        block::{BlockBuilder, put_varint, seal, sum_of, take_varint, unsealed},
        filter::{Filter, hash_of},
        key::Key,
    },
};

/// Where a section is in its file, and how far its keys go.
pub(crate) struct Section {
    pub(crate) last: Key,
    pub(crate) start: u64,
    pub(crate) blocks_length: u32,
    pub(crate) index_length: u32,
}

/// A section's blocks.
pub(crate) struct SectionIndex {
    pub(crate) blocks: Vec<BlockHandle>,
    pub(crate) filter: Filter,
}

/// A block, from the section's start.
pub(crate) struct BlockHandle {
    pub(crate) last: Key,
    pub(crate) at: u32,
    pub(crate) length: u32,
}

impl SectionIndex {
    /// An index as it was read; `None` where it makes no sense.
    pub(crate) fn decode(bytes: &[u8]) -> Option<SectionIndex> {
        let mut rest = unsealed(bytes)?;
        let count = take_varint(&mut rest)?;
        let (mut blocks, mut at) = (Vec::new(), 0_u32);
        for _ in 0..count {
            let last = Key::from(take(&mut rest)?);
            let length = take_varint(&mut rest)?;
            if blocks.last().is_some_and(|before: &BlockHandle| before.last >= last) {
                return None;
            }
            blocks.push(BlockHandle { last, at, length });
            at = at.checked_add(length)?;
        }
        let filter = Filter::from_bytes(take(&mut rest)?);
        Some(SectionIndex { blocks, filter })
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.blocks.len() * size_of::<BlockHandle>() + self.filter.as_bytes().len()
    }
}

/// Some bytes, after their length.
pub(crate) fn take<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = take_varint(bytes)? as usize;
    let (taken, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(taken)
}

pub(crate) fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, u32::try_from(bytes.len()).expect("a key and a filter are far below 4 GiB"));
    out.extend_from_slice(bytes);
}

/// Takes the rows of one keyspace in order and makes sections of them.
pub(crate) struct SectionBuilder {
    with_filter: bool,
    block_bytes: usize,
    blocks_max: usize,
    block: BlockBuilder,
    bytes: Vec<u8>,
    blocks: Vec<(Vec<u8>, u32)>,
    hashes: Vec<u64>,
    /// The checksums of its blocks.
    sums: Vec<u8>,
}

impl SectionBuilder {
    pub(crate) fn new(with_filter: bool, block_bytes: usize, blocks_max: usize) -> SectionBuilder {
        SectionBuilder {
            with_filter,
            block_bytes,
            blocks_max,
            block: BlockBuilder::default(),
            bytes: Vec::new(),
            blocks: Vec::new(),
            hashes: Vec::new(),
            sums: Vec::new(),
        }
    }

    pub(crate) fn push(&mut self, key: &[u8], value: Option<&[u8]>) {
        if planted!(RowForgotten) && self.blocks.len() + 1 == self.blocks_max && !self.block.is_empty() {
            self.close_block();
            return;
        }
        self.block.push(key, value);
        if self.with_filter && !(planted!(FilterKeyForgotten) && self.hashes.len() == 3) {
            self.hashes.push(hash_of(key));
        }
        if self.block.len() >= self.block_bytes {
            self.close_block();
        }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.blocks.len() >= self.blocks_max
    }

    fn close_block(&mut self) {
        let last = self.block.last().to_vec();
        let length = self.block.finish(&mut self.bytes);
        self.sums.extend_from_slice(sum_of(&self.bytes));
        self.blocks.push((last, length));
    }

    /// The section at `start`, if there is any, its bytes, and the checksums in them; the next section begins empty.
    pub(crate) fn finish(&mut self, start: u64) -> Option<(Section, Vec<u8>, Vec<u8>)> {
        if !self.block.is_empty() {
            self.close_block();
        }
        let last = Key::from(&*self.blocks.last()?.0);
        let mut index = Vec::new();
        put_varint(&mut index, u32::try_from(self.blocks.len()).expect("there are few"));
        for (last, length) in self.blocks.drain(..) {
            put(&mut index, &last);
            put_varint(&mut index, length);
        }
        put(&mut index, Filter::of(&self.hashes).as_bytes());
        seal(&mut index);
        self.hashes.clear();
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).expect("a section is far below 4 GiB");
        let section = Section { last, start, blocks_length: length(&self.bytes), index_length: length(&index) };
        let mut bytes = std::mem::take(&mut self.bytes);
        self.bytes.reserve(bytes.len());
        bytes.extend_from_slice(&index);
        let mut sums = std::mem::take(&mut self.sums);
        sums.extend_from_slice(sum_of(&index));
        Some((section, bytes, sums))
    }
}
