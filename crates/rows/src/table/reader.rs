//! A table: one file of rows that never changes.
//!
//! ```text
//! 8 bytes   what kind of file this is
//! section*  of any keyspace, in any order; those of one keyspace in the order of their keys
//! index     (varint keyspace · u64 start · varint length of blocks · varint length of index · varint · last key)* · CRC-32
//! tail      u64 where the index begins · u32 its length · u32 the table's checksum · CRC-32 of this tail
//! ```
//!
//! The table's checksum is that of all its other checksums, in the order of the file, so the manifest, which has it
//! too, can tell one table from another. Version 1 has a number there that is the same in all tables.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use clockfold_disk::{Disk, File};

use crate::{
    error::{Error, Result, corrupt, io, unreadable},
    table::{
        block::{Block, seal, sum_of, take_varint, unsealed},
        cache::{Cache, Cached},
        key::Key,
        section::{BlockHandle, Section, SectionIndex, take},
    },
};

/// What a table's file begins with; its last byte is the version.
pub(crate) const MAGIC: &[u8; 8] = b"cfrows\0\x02";
const MAGIC_1: &[u8; 8] = b"cfrows\0\x01";

const TAIL_BYTES: usize = 20;

/// A table that can be read.
pub(crate) struct Table {
    pub(crate) id: u64,
    /// Of the whole file.
    pub(crate) length: u64,
    /// The checksum of its checksums.
    pub(crate) sum: u32,
    /// By keyspace.
    pub(crate) sections: Vec<Vec<Section>>,
    disk: Arc<dyn Disk>,
    path: PathBuf,
    file: Box<dyn File>,
    is_gone: AtomicBool,
    /// A reader has met corruption in it.
    is_corrupt: AtomicBool,
}

/// The end of a file.
pub(crate) struct Tail {
    index_at: u64,
    index_length: u32,
    pub(crate) sum: u32,
}

impl Tail {
    /// The tail of a table with this index, which ends with its checksum; `sums` are those of all before.
    pub(crate) fn of(index_at: u64, index: &[u8], mut sums: crc32fast::Hasher) -> Tail {
        let index_length = u32::try_from(index.len()).expect("an index is far below 4 GiB");
        sums.update(sum_of(index));
        Tail { index_at, index_length, sum: sums.finalize() }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes =
            [&self.index_at.to_le_bytes()[..], &self.index_length.to_le_bytes(), &self.sum.to_le_bytes()].concat();
        seal(&mut bytes);
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Tail> {
        let (index_at, rest) = unsealed(bytes)?.split_first_chunk()?;
        let (index_length, rest) = rest.split_first_chunk()?;
        let index_length = u32::from_le_bytes(*index_length);
        Some(Tail {
            index_at: u64::from_le_bytes(*index_at),
            index_length,
            sum: u32::from_le_bytes(*rest.first_chunk()?),
        })
    }
}

impl Table {
    pub(crate) fn of(
        disk: Arc<dyn Disk>,
        id: u64,
        path: PathBuf,
        file: Box<dyn File>,
        length: u64,
        sum: u32,
        sections: Vec<Vec<Section>>,
    ) -> Table {
        let (is_gone, is_corrupt) = (AtomicBool::new(false), AtomicBool::new(false));
        Table { id, length, sum, sections, disk, path, file, is_gone, is_corrupt }
    }

    /// Opens a file, whose length and checksum are in the manifest.
    pub(crate) fn open(
        disk: &Arc<dyn Disk>,
        id: u64,
        path: PathBuf,
        length: u64,
        sum: u32,
        spaces: usize,
    ) -> Result<Table> {
        let file = disk.open(&path).map_err(io("opening", &path))?;
        let found = file.length().map_err(io("opening", &path))?;
        let mut table = Table::of(Arc::clone(disk), id, path, file, length, sum, Vec::new());
        if found != length {
            return Err(table.corrupt("it is not as long as it was"));
        }
        let tail_at = length.checked_sub(TAIL_BYTES as u64).ok_or_else(|| table.corrupt("it is too short"))?;
        let magic = table.read(0, MAGIC.len())?;
        let tail = Tail::decode(&table.read(tail_at, TAIL_BYTES)?)
            .filter(|tail| tail.sum == sum && (magic == MAGIC || magic == MAGIC_1));
        let tail = tail.ok_or_else(|| table.corrupt("its end"))?;
        if tail.index_at.checked_add(u64::from(tail.index_length)) != Some(tail_at) {
            return Err(table.corrupt("its end"));
        }
        let index = table.read(tail.index_at, tail.index_length as usize)?;
        table.sections = decode_index(&index, spaces).ok_or_else(|| table.corrupt("its index"))?;
        Ok(table)
    }

    /// The table's entry for a row; `hash` is the key's. `None`: no entry, `Some(None)`: it was removed.
    #[allow(clippy::option_option, reason = "not there, removed, or there")]
    pub(crate) fn get(&self, cache: &Cache, space: usize, key: &Key, hash: u64) -> Result<Option<Option<Vec<u8>>>> {
        let sections = &self.sections[space];
        let Some(section) = sections.get(sections.partition_point(|section| section.last < *key)) else {
            return Ok(None);
        };
        let index = self.index(cache, section, true)?;
        if !index.filter.may_have(hash) {
            return Ok(None);
        }
        let Some(handle) = index.blocks.get(index.blocks.partition_point(|block| block.last < *key)) else {
            return Ok(None);
        };
        let block = self.block(cache, section, handle, true)?;
        let found = block.get(key).ok_or_else(|| self.corrupt("a row"))?;
        Ok(found.map(|value| value.map(<[u8]>::to_vec)))
    }

    /// A section's index; kept in the cache if `keep`.
    pub(crate) fn index(&self, cache: &Cache, section: &Section, keep: bool) -> Result<Arc<SectionIndex>> {
        let at = section.start + u64::from(section.blocks_length);
        if let Some(Cached::Index(index)) = cache.get((self.id, at)) {
            return Ok(index);
        }
        let bytes = self.read(at, section.index_length as usize)?;
        let index = SectionIndex::decode(&bytes).ok_or_else(|| self.corrupt("the index of a section"))?;
        let index = Arc::new(index);
        if keep {
            cache.put((self.id, at), Cached::Index(Arc::clone(&index)));
        }
        Ok(index)
    }

    /// A block; kept in the cache if `keep`.
    pub(crate) fn block(
        &self,
        cache: &Cache,
        section: &Section,
        handle: &BlockHandle,
        keep: bool,
    ) -> Result<Arc<Block>> {
        let at = section.start + u64::from(handle.at);
        if let Some(Cached::Block(block)) = cache.get((self.id, at)) {
            return Ok(block);
        }
        let bytes = self.read(at, handle.length as usize)?;
        let block = Arc::new(Block::checked(bytes).ok_or_else(|| self.corrupt("a block"))?);
        if keep {
            cache.put((self.id, at), Cached::Block(Arc::clone(&block)));
        }
        Ok(block)
    }

    fn read(&self, at: u64, length: usize) -> Result<Vec<u8>> {
        if at.checked_add(length as u64).is_none_or(|end| end > self.length) {
            return Err(self.corrupt("it points beyond its end"));
        }
        let mut bytes = vec![0; length];
        self.file.read_at(&mut bytes, at).map_err(|error| {
            self.is_corrupt.store(true, Ordering::Relaxed);
            unreadable(&self.path)(error)
        })?;
        Ok(bytes)
    }

    pub(crate) fn corrupt(&self, what: &'static str) -> Error {
        self.is_corrupt.store(true, Ordering::Relaxed);
        corrupt(&self.path, what)
    }

    /// Whether corruption was met in it.
    pub(crate) fn is_corrupt(&self) -> bool {
        self.is_corrupt.load(Ordering::Relaxed)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes the file. One that stays is removed at the next start.
    pub(crate) fn remove(&self) {
        let _ = self.disk.remove(&self.path);
    }

    /// Its rows are in another table now: the file goes when the last reader lets go of it.
    pub(crate) fn let_go(&self) {
        self.is_gone.store(true, Ordering::Relaxed);
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        if self.is_gone.load(Ordering::Relaxed) {
            self.remove();
        }
    }
}

fn decode_index(bytes: &[u8], spaces: usize) -> Option<Vec<Vec<Section>>> {
    let mut rest = unsealed(bytes)?;
    let mut sections: Vec<Vec<Section>> = std::iter::repeat_with(Vec::new).take(spaces).collect();
    while !rest.is_empty() {
        let space = sections.get_mut(take_varint(&mut rest)? as usize)?;
        let (start, after) = rest.split_first_chunk()?;
        rest = after;
        let start = u64::from_le_bytes(*start);
        let (blocks_length, index_length) = (take_varint(&mut rest)?, take_varint(&mut rest)?);
        let last = Key::from(take(&mut rest)?);
        if space.last().is_some_and(|before| before.last >= last) {
            return None;
        }
        space.push(Section { last, start, blocks_length, index_length });
    }
    Some(sections)
}
