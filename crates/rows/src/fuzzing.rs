//! The decoders, for a fuzzer. Each function takes any bytes and puts their checksums right, so that a fuzzer gets past
//! a checksum. A decoder gives an error, or rows in the order of their keys.

use std::{collections::VecDeque, ops::Bound, path::Path, sync::Arc};

use clockfold_disk::{Disk, fake::FakeDisk};

use crate::{
    error::Error,
    merge::{Input, Merge},
    store::manifest,
    table::{
        block::{Block, put_varint, seal},
        cache::Cache,
        filter::{Filter, hash_of},
        key::{Bounds, Direction, Key},
        reader::{MAGIC, Table, Tail},
        section::{SectionIndex, put},
    },
};

const SPACES: usize = 2;

fn sealed(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    seal(&mut bytes);
    bytes
}

/// A block: its rows by interval and by key.
pub fn block(bytes: &[u8]) {
    let Some(block) = Block::checked(sealed(bytes)) else { return };
    for interval in 0..block.intervals() {
        let mut rows = VecDeque::new();
        if block.copy_interval(interval, &mut rows).is_some() {
            assert!(rows.iter().is_sorted_by(|one, other| one.0 < other.0), "an interval is not in order");
            let copied: usize = rows.iter().map(|(key, value)| key.len() + value.as_ref().map_or(0, Vec::len)).sum();
            assert!(copied <= 16 * bytes.len(), "{copied} bytes come of {}", bytes.len());
        }
        for (key, _) in &rows {
            let _ = block.get(key);
        }
    }
    let _ = block.get(&Key::from(bytes));
}

/// The index of a section, and the filter in it.
pub fn section_index(bytes: &[u8]) {
    if let Some(index) = SectionIndex::decode(&sealed(bytes)) {
        assert!(index.blocks.is_sorted_by(|one, other| one.last < other.last), "blocks are not in order");
        assert!(index.memory_bytes() <= 64 * bytes.len() + 64, "an index takes much memory");
        let _ = index.filter.may_have(hash_of(bytes));
    }
}

/// A filter.
pub fn filter(bytes: &[u8]) {
    let filter = Filter::from_bytes(bytes);
    for hash in [0, u64::MAX, hash_of(bytes)] {
        let _ = filter.may_have(hash);
    }
}

/// A manifest.
pub fn manifest(bytes: &[u8]) {
    for bytes in [sealed(bytes), sealed(&[manifest::MAGIC, bytes].concat())] {
        if let Some((next_id, tables)) = manifest::decode(&bytes) {
            assert!(tables.iter().all(|(id, _, _)| *id < next_id), "a number is given twice");
        }
    }
}

/// A table's file. The bytes are taken for parts of it, each behind its length: blocks and indexes of sections get
/// their checksums, and the last part, which says where they are, its own and an end that fits. Returns how many rows
/// were read.
pub fn table(mut bytes: &[u8]) -> usize {
    let (mut file, mut sections) = (MAGIC.to_vec(), Vec::new());
    let mut index = Vec::new();
    while let Some((&[space, blocks, last], rest)) = bytes.split_first_chunk::<3>() {
        bytes = rest;
        let (start, mut places) = (file.len(), Vec::new());
        for _ in 0..blocks % 4 {
            let block = sealed(part(&mut bytes));
            put(&mut places, part(&mut bytes));
            put_varint(&mut places, u32::try_from(block.len()).unwrap_or(0));
            file.extend_from_slice(&block);
        }
        let mut of_section = Vec::new();
        put_varint(&mut of_section, u32::from(blocks % 4) + u32::from(blocks == 255));
        of_section.extend_from_slice(&places);
        put(&mut of_section, part(&mut bytes));
        let length = file.len() - start;
        let of_section = sealed(&of_section);
        file.extend_from_slice(&of_section);
        // Sometimes it says that it is elsewhere.
        let start = if last == 255 { sections.last().copied().unwrap_or(7) } else { start };
        sections.push(start);
        put_varint(&mut index, u32::from(space % 3));
        index.extend_from_slice(&(start as u64).to_le_bytes());
        put_varint(&mut index, u32::try_from(length).unwrap_or(0));
        put_varint(&mut index, u32::try_from(of_section.len()).unwrap_or(0));
        put(&mut index, part(&mut bytes));
    }
    seal(&mut index);
    let tail = Tail::of(file.len() as u64, &index, crc32fast::Hasher::new());
    file.extend_from_slice(&index);
    file.extend_from_slice(&tail.encode());
    read(&file, tail.sum)
}

/// The next part, behind a byte that is its length.
fn part<'a>(bytes: &mut &'a [u8]) -> &'a [u8] {
    let Some((length, rest)) = bytes.split_first() else { return &[] };
    let (part, rest) = rest.split_at(usize::from(*length).min(rest.len()));
    *bytes = rest;
    part
}

/// Reads all of a table, both ways, and each of its rows by its key. Returns how many.
fn read(file: &[u8], sum: u32) -> usize {
    let mut count = 0;
    let path = Path::new("/folder/1.rows");
    let (length, disk): (_, Arc<dyn Disk>) = (file.len() as u64, Arc::new(with_file(path, file)));
    let Ok(table) = Table::open(&disk, 1, path.to_owned(), length, sum, SPACES).map(Arc::new) else { return 0 };
    let (cache, all): (_, Bounds) = (Arc::new(Cache::of_bytes(1 << 20)), (Bound::Unbounded, Bound::Unbounded));
    for space in 0..SPACES {
        for direction in [Direction::Up, Direction::Down] {
            let mut rows = Merge::of(std::iter::once(Input::table(&table, &cache, space, &all)), direction);
            let mut last: Option<Key> = None;
            loop {
                match rows.next() {
                    Ok(Some((key, _))) => {
                        let is_next = last.as_ref().is_none_or(|last| (key > *last) == (direction == Direction::Up));
                        assert!(is_next && last.as_ref() != Some(&key), "rows are not in order");
                        let _ = table.get(&cache, space, &key, hash_of(&key));
                        last = Some(key);
                        count += 1;
                    }
                    Ok(None) => break,
                    Err(error) => {
                        assert!(matches!(error, Error::Corrupt { .. }), "{error}");
                        break;
                    }
                }
            }
        }
    }
    count
}

/// A disk with one file.
fn with_file(path: &Path, bytes: &[u8]) -> FakeDisk {
    let disk = FakeDisk::empty();
    let written = path.parent().map_or(Ok(()), |folder| disk.create_folder(folder));
    written.and_then(|()| disk.create(path)?.append(bytes)).expect("nothing fails there");
    disk
}

#[cfg(test)]
mod tests {
    use super::*;
    use clockfold_disk::fake::random::Random;

    use crate::table::{block::BlockBuilder, section::SectionBuilder};

    /// A block without its checksum, and its last key. Keys begin with `first`.
    fn some_block(random: &mut Random, first: u8) -> (Vec<u8>, Vec<u8>) {
        let (mut builder, mut bytes) = (BlockBuilder::default(), Vec::new());
        for number in 0..=u8::try_from(random.below(30)).unwrap() {
            let key = [&[first, 7, 7, number][..], &[9; 20][..random.below(20)]].concat();
            builder.push(&key, (!random.one_in(4)).then_some(&[1; 9][..random.below(9)]));
        }
        let last = builder.last().to_vec();
        builder.finish(&mut bytes);
        bytes.truncate(bytes.len() - 4);
        (bytes, last)
    }

    /// Bytes that mean something to a decoder, so that it gets far with a changed version of them.
    fn meaningful(random: &mut Random) -> Vec<u8> {
        match random.below(3) {
            0 => some_block(random, 1).0,
            1 => {
                let mut section = SectionBuilder::new(true, 60, 3);
                (0..20 + random.byte() % 9).for_each(|number| section.push(&[7, number], Some(b"value")));
                let (section, bytes, _) = section.finish(0).unwrap();
                bytes[section.blocks_length as usize..bytes.len() - 4].to_vec()
            }
            _ => (0..3).flat_map(|section| some_section(random, 4 * section)).collect(),
        }
    }

    /// The parts of a section, as `table` takes them.
    fn some_section(random: &mut Random, first: u8) -> Vec<u8> {
        let (blocks, mut last) = (1 + random.byte() % 3, Vec::new());
        let mut bytes = vec![0, blocks, 0];
        let put = |bytes: &mut Vec<u8>, part: &[u8]| {
            bytes.push(u8::try_from(part.len()).unwrap_or(u8::MAX));
            bytes.extend_from_slice(&part[..part.len().min(255)]);
        };
        for number in 0..blocks {
            let mut block;
            (block, last) = some_block(random, first + number);
            while block.len() > 255 {
                (block, last) = some_block(random, first + number);
            }
            put(&mut bytes, &block);
            put(&mut bytes, &last);
        }
        put(&mut bytes, &[255; 8][..random.below(9)]);
        put(&mut bytes, &last);
        bytes
    }

    #[test]
    fn decoders_take_any_bytes_behind_checksums_that_fit() {
        let (random, mut rows) = (&mut Random::of(7), 0);
        for round in 0..30_000 {
            let mut bytes = if round % 3 == 0 {
                (0..random.below(200)).map(|_| random.byte() >> random.below(8)).collect()
            } else {
                meaningful(random)
            };
            for _ in 0..random.below(4) {
                if !bytes.is_empty() {
                    let at = random.below(bytes.len());
                    match random.below(4) {
                        0 => bytes[at] = random.byte(),
                        1 => bytes[at] ^= 1 << random.below(8),
                        2 => drop(bytes.splice(at..at, [random.byte(), 255])),
                        _ => drop(bytes.remove(at)),
                    }
                }
            }
            block(&bytes);
            section_index(&bytes);
            filter(&bytes);
            manifest(&bytes);
            rows += table(&bytes);
        }
        assert!(rows > 100_000, "only {rows} rows of tables were reached");
    }
}
