//! Writes a table's file. Within each keyspace rows come in the order of their keys; keyspaces may take turns.

use std::{path::PathBuf, sync::Arc};

use clockfold_disk::{Disk, File};

use crate::{
    KeyspaceOptions, Options,
    error::{Result, io},
    table::{
        block::{put_varint, seal},
        reader::{MAGIC, Table, Tail},
        section::{Section, SectionBuilder, put},
    },
};

/// A table that is being written. Dropped before it is finished, it removes its file.
pub(crate) struct TableWriter {
    disk: Arc<dyn Disk>,
    id: u64,
    path: PathBuf,
    /// `None` once the table is finished.
    file: Option<Box<dyn File>>,
    at: u64,
    /// Of the checksums in it.
    sums: crc32fast::Hasher,
    builders: Vec<SectionBuilder>,
    sections: Vec<Vec<Section>>,
}

impl TableWriter {
    pub(crate) fn create(disk: &Arc<dyn Disk>, id: u64, path: PathBuf, options: &Options) -> Result<TableWriter> {
        let file = disk.create(&path).map_err(io("creating", &path))?;
        let builder = |space: &KeyspaceOptions| {
            SectionBuilder::new(space.is_looked_up, options.block_bytes, options.section_blocks)
        };
        let builders = options.keyspaces.iter().map(builder).collect();
        let sections = options.keyspaces.iter().map(|_| Vec::new()).collect();
        let (disk, sums) = (Arc::clone(disk), crc32fast::Hasher::new());
        let mut writer = TableWriter { disk, id, path, file: Some(file), at: 0, sums, builders, sections };
        writer.write(MAGIC)?;
        Ok(writer)
    }

    pub(crate) fn push(&mut self, space: usize, key: &[u8], value: Option<&[u8]>) -> Result<()> {
        self.builders[space].push(key, value);
        if self.builders[space].is_full() { self.close_section(space) } else { Ok(()) }
    }

    fn close_section(&mut self, space: usize) -> Result<()> {
        let Some((section, bytes, sums)) = self.builders[space].finish(self.at) else { return Ok(()) };
        self.sections[space].push(section);
        self.sums.update(&sums);
        self.write(&bytes)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let file = self.file.as_mut().expect("it is there until the table is finished");
        file.append(bytes).map_err(io("writing", &self.path))?;
        self.at += bytes.len() as u64;
        Ok(())
    }

    /// The table, once its bytes are on the disk. Its name may not be.
    pub(crate) fn finish(mut self) -> Result<Table> {
        for space in 0..self.builders.len() {
            self.close_section(space)?;
        }
        let mut index = Vec::new();
        for (space, section) in
            self.sections.iter().enumerate().flat_map(|(space, all)| all.iter().map(move |one| (space, one)))
        {
            put_varint(&mut index, u32::try_from(space).expect("there are few"));
            index.extend_from_slice(&section.start.to_le_bytes());
            put_varint(&mut index, section.blocks_length);
            put_varint(&mut index, section.index_length);
            put(&mut index, &section.last);
        }
        seal(&mut index);
        let tail = Tail::of(self.at, &index, std::mem::take(&mut self.sums));
        index.extend_from_slice(&tail.encode());
        self.write(&index)?;
        let file = self.file.as_ref().expect("it is there until the table is finished");
        file.sync().map_err(io("syncing", &self.path))?;
        let file = self.file.take().expect("it was there just now");
        let sections = std::mem::take(&mut self.sections);
        let (disk, path) = (Arc::clone(&self.disk), std::mem::take(&mut self.path));
        Ok(Table::of(disk, self.id, path, file, self.at, tail.sum, sections))
    }
}

impl Drop for TableWriter {
    fn drop(&mut self) {
        if self.file.is_some() {
            // One that stays is removed at the next start.
            let _ = self.disk.remove(&self.path);
        }
    }
}
