//! RocksDB without its write-ahead log: a column family a keyspace, all of them flushed together, so that files end with
//! one batch in each. The binding knows no single delete, so a row that comes and goes leaves a tombstone.

use std::path::{Path, PathBuf};

use rocksdb::{
    BlockBasedIndexType, BlockBasedOptions, Cache, ColumnFamily, ColumnFamilyDescriptor, DB, DBCompressionType,
    IngestExternalFileOptions, Options, ReadOptions, Snapshot, SstFileWriter, WriteBatch, WriteOptions,
};

use crate::{
    rows::SortedRows,
    store::{Batch, Budget, Fallible, SPACES, Scan, Space, Store, View},
};

const BITS_PER_KEY: f64 = 10.0;
/// One thread to flush and one to compact.
const BACKGROUND_JOBS: i32 = 2;

struct Rocks {
    database: DB,
    path: PathBuf,
    budget: Budget,
}

struct RocksView<'a> {
    snapshot: Snapshot<'a>,
    store: &'a Rocks,
}

pub(super) fn open(path: &Path, budget: Budget) -> Fallible<Box<dyn Store>> {
    let mut options = Options::default();
    options.create_if_missing(true);
    options.create_missing_column_families(true);
    options.set_atomic_flush(true);
    options.set_db_write_buffer_size(budget.memtable_bytes);
    options.set_max_background_jobs(BACKGROUND_JOBS);
    let cache = Cache::new_lru_cache(budget.cache_bytes)?;
    let families = Space::ALL.map(|space| ColumnFamilyDescriptor::new(space.name(), family(space, budget, &cache)));
    let database = DB::open_cf_descriptors(&options, path, families)?;
    Ok(Box::new(Rocks { database, path: path.to_owned(), budget }))
}

/// Indexes and filters count against the cache, as they do elsewhere. They are in parts, since a whole one of a large file
/// would not stay in a shard of the cache.
fn family(space: Space, budget: Budget, cache: &Cache) -> Options {
    let mut blocks = BlockBasedOptions::default();
    blocks.set_block_cache(cache);
    blocks.set_cache_index_and_filter_blocks(true);
    blocks.set_index_type(BlockBasedIndexType::TwoLevelIndexSearch);
    blocks.set_partition_filters(true);
    blocks.set_format_version(5);
    if space.is_looked_up() {
        blocks.set_bloom_filter(BITS_PER_KEY, false);
    }
    let mut options = Options::default();
    options.set_block_based_table_factory(&blocks);
    options.set_compression_type(DBCompressionType::None);
    options.set_write_buffer_size(budget.memtable_bytes);
    options
}

impl Rocks {
    fn family(&self, space: Space) -> Fallible<&ColumnFamily> {
        self.database.cf_handle(space.name()).ok_or_else(|| format!("{} is not there", space.name()).into())
    }
}

impl Store for Rocks {
    fn ingest(&self, rows: &SortedRows<'_>) -> Fallible<()> {
        let cache = Cache::new_lru_cache(self.budget.cache_bytes)?;
        for space in Space::ALL {
            let file = self.path.join(format!("{}.sst", space.name()));
            let options = family(space, self.budget, &cache);
            let mut writer = SstFileWriter::create(&options);
            writer.open(&file)?;
            let mut count = 0;
            rows.each(space, &mut |key, value| {
                count += 1;
                Ok(writer.put(key, value)?)
            })?;
            // A file without rows is refused.
            if count > 0 {
                writer.finish()?;
                let mut how = IngestExternalFileOptions::default();
                how.set_move_files(true);
                self.database.ingest_external_file_cf_opts(self.family(space)?, &how, vec![file])?;
            }
        }
        Ok(())
    }

    fn write(&self, batch: &Batch) -> Fallible<()> {
        let mut families = Vec::with_capacity(SPACES);
        for space in Space::ALL {
            families.push(self.family(space)?);
        }
        let mut rows = WriteBatch::default();
        for (space, key, value) in batch.operations() {
            let family = families[space as usize];
            match value {
                Some(value) => rows.put_cf(family, key, value),
                None => rows.delete_cf(family, key),
            }
        }
        let mut options = WriteOptions::default();
        options.disable_wal(true);
        Ok(self.database.write_opt(rows, &options)?)
    }

    fn flush(&self) -> Fallible<()> {
        for space in Space::ALL {
            self.database.flush_cf(self.family(space)?)?;
        }
        Ok(())
    }

    fn view(&self) -> Fallible<Box<dyn View + '_>> {
        Ok(Box::new(RocksView { snapshot: self.database.snapshot(), store: self }))
    }

    fn close(self: Box<Self>) -> Fallible<()> {
        drop(self);
        Ok(())
    }
}

impl View for RocksView<'_> {
    fn get(&self, space: Space, key: &[u8], see: &mut dyn FnMut(&[u8])) -> Fallible<()> {
        if let Some(value) = self.snapshot.get_pinned_cf(self.store.family(space)?, key)? {
            see(&value);
        }
        Ok(())
    }

    fn scan(&self, scan: &Scan<'_>, see: &mut dyn FnMut(&[u8], &[u8])) -> Fallible<()> {
        let mut options = ReadOptions::default();
        options.set_iterate_lower_bound(scan.from);
        // Its upper bound is outside the range.
        options.set_iterate_upper_bound([scan.to, &[0]].concat());
        let mut rows = self.snapshot.raw_iterator_cf_opt(self.store.family(scan.space)?, options);
        if scan.is_down {
            rows.seek_to_last();
        } else {
            rows.seek_to_first();
        }
        for _ in 0..scan.rows_max {
            let Some((key, value)) = rows.item() else { break };
            see(key, value);
            if scan.is_down {
                rows.prev();
            } else {
                rows.next();
            }
        }
        Ok(rows.status()?)
    }
}
