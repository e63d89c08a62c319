//! The list of the tables that make up the store: a small file that is replaced as a whole.
//!
//! ```text
//! 8 bytes  what kind of file this is
//! u64      the number of the next table
//! entry*   u64 number · u64 length of the file · u32 checksum of the table; the newest table first
//! u32      CRC-32 of all before
//! ```

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
    sync::Arc,
};

use clockfold_disk::Disk;

use crate::{
    error::{Error, Result, corrupt, io},
    planted::planted,
    table::{
        block::{seal, unsealed},
        reader::Table,
    },
};

pub(crate) const MAGIC: &[u8; 8] = b"cftabls\x01";
const NAME: &str = "manifest";
const NEW_NAME: &str = "manifest.new";
const ENTRY_BYTES: usize = 20;

/// What a manifest says.
pub(crate) struct Manifest {
    pub(crate) next_id: u64,
    /// The newest first.
    pub(crate) tables: Vec<Arc<Table>>,
}

/// Why a manifest is not surely on the disk.
pub(crate) struct NotWritten {
    pub(crate) error: Error,
    /// It may be there all the same, now or after a power cut: what it names has to stay.
    pub(crate) may_count: bool,
}

pub(crate) fn table_path(folder: &Path, id: u64) -> PathBuf {
    folder.join(format!("{id}.rows"))
}

impl Manifest {
    /// Reads the manifest of a folder, which is made if it is not there. Files that no manifest names are removed.
    pub(crate) fn open(disk: &Arc<dyn Disk>, folder: &Path, spaces: usize) -> Result<Manifest> {
        // The folder above has to be there: if an operator has moved it away, a start makes no new one.
        match disk.create_folder(folder) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            made => made.map_err(io("creating", folder))?,
        }
        // A start that made the folder may have been killed before the folder's name was on the disk.
        let above = folder.parent().unwrap_or(folder);
        disk.sync_folder(above).map_err(io("syncing", above))?;
        let path = folder.join(NAME);
        let bytes = match disk.read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Manifest::make(disk, folder),
            Err(error) => return Err(io("reading", &path)(error)),
        };
        let manifest = Manifest::decoded(disk, folder, &bytes, spaces)?;
        // This manifest may have come so shortly before a kill that it is not on the disk by name. Files that it does
        // not name go only after it is: a power cut could bring back the one before.
        if !planted!(RemovedBeforeFolderSynced) {
            disk.sync_folder(folder).map_err(io("syncing", folder))?;
        }
        manifest.remove_others(disk, folder)?;
        Ok(manifest)
    }

    /// Reads the manifest of a folder, and makes and removes nothing.
    pub(crate) fn open_to_read(disk: &Arc<dyn Disk>, folder: &Path, spaces: usize) -> Result<Manifest> {
        let path = folder.join(NAME);
        let bytes = disk.read(&path).map_err(io("reading", &path))?;
        Manifest::decoded(disk, folder, &bytes, spaces)
    }

    /// An empty store in a folder that holds nothing, or only the first manifest that a crash interrupted.
    fn make(disk: &Arc<dyn Disk>, folder: &Path) -> Result<Manifest> {
        let found = disk.list(folder).map_err(io("reading", folder))?;
        if !found.iter().all(|path| path.ends_with(NEW_NAME)) {
            return Err(Error::Foreign { path: folder.display().to_string() });
        }
        let manifest = Manifest { next_id: 1, tables: Vec::new() };
        manifest.write(&**disk, folder).map_err(|not_written| not_written.error)?;
        Ok(manifest)
    }

    /// The manifest in these bytes.
    fn decoded(disk: &Arc<dyn Disk>, folder: &Path, bytes: &[u8], spaces: usize) -> Result<Manifest> {
        let decoded = decode(bytes).or_else(|| planted!(TornManifestAccepted).then(|| (1, Vec::new())));
        let (next_id, entries) = decoded.ok_or_else(|| corrupt(&folder.join(NAME), "the list of tables"))?;
        let open = |(id, length, sum)| Table::open(disk, id, table_path(folder, id), length, sum, spaces).map(Arc::new);
        Ok(Manifest { next_id, tables: entries.into_iter().map(open).collect::<Result<_>>()? })
    }

    /// Replaces the manifest before, at once. A power cut after the return changes nothing. The writer of each table has
    /// synced its bytes; this syncs the tables' names first, then the manifest, then the manifest's name.
    pub(crate) fn write(&self, disk: &dyn Disk, folder: &Path) -> std::result::Result<(), NotWritten> {
        let new = folder.join(NEW_NAME);
        let not_there = |error| NotWritten { error, may_count: false };
        disk.sync_folder(folder).map_err(io("syncing", folder)).map_err(not_there)?;
        self.write_new(disk, &new).map_err(|error| {
            // The next write removes one that stays.
            let _ = disk.remove(&new);
            not_there(error)
        })?;
        if planted!(ManifestRenamedBeforeSync) {
            return Ok(());
        }
        let renamed = disk.rename(&new, &folder.join(NAME)).map_err(io("renaming", &new));
        let synced = renamed.and_then(|()| disk.sync_folder(folder).map_err(io("syncing", folder)));
        synced.map_err(|error| NotWritten { error, may_count: true })
    }

    fn write_new(&self, disk: &dyn Disk, new: &Path) -> Result<()> {
        let bytes = self.encode();
        let mut created = disk.create(new);
        if created.as_ref().is_err_and(|error| error.kind() == ErrorKind::AlreadyExists) {
            disk.remove(new).map_err(io("removing", new))?;
            created = disk.create(new);
        }
        let mut file = created.map_err(io("creating", new))?;
        file.append(&bytes).map_err(io("writing", new))?;
        if planted!(ManifestRenamedBeforeSync) {
            disk.rename(new, &new.with_extension("")).map_err(io("renaming", new))?;
            disk.sync_folder(new.parent().unwrap_or(new)).map_err(io("syncing", new))?;
        }
        file.sync().map_err(io("syncing", new))
    }

    fn encode(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&self.next_id.to_le_bytes());
        for table in &self.tables {
            bytes.extend_from_slice(&table.id.to_le_bytes());
            bytes.extend_from_slice(&table.length.to_le_bytes());
            bytes.extend_from_slice(&table.sum.to_le_bytes());
        }
        seal(&mut bytes);
        bytes
    }

    /// Removes what a crash left half done.
    fn remove_others(&self, disk: &Arc<dyn Disk>, folder: &Path) -> Result<()> {
        for path in disk.list(folder).map_err(io("reading", folder))? {
            if !path.ends_with(NAME) && !self.tables.iter().any(|table| table.path() == path) {
                disk.remove(&path).map_err(io("removing", &path))?;
            }
        }
        Ok(())
    }
}

/// A table's number, the length of its file and the checksum of the table.
type Entry = (u64, u64, u32);

/// The number of the next table, and the tables. `None`: it makes no sense.
pub(crate) fn decode(bytes: &[u8]) -> Option<(u64, Vec<Entry>)> {
    let rest = unsealed(bytes)?.strip_prefix(MAGIC)?;
    let (next_id, rest) = rest.split_first_chunk()?;
    let next_id = u64::from_le_bytes(*next_id);
    let (entries, rest) = rest.as_chunks::<ENTRY_BYTES>();
    let number = |bytes: &[u8]| bytes.iter().rev().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    let entry = |entry: &[u8; ENTRY_BYTES]| {
        let (id, sum) = (number(&entry[..8]), u32::try_from(number(&entry[16..])).ok()?);
        (id < next_id).then_some((id, number(&entry[8..16]), sum))
    };
    rest.is_empty()
        .then(|| entries.iter().map(entry).collect::<Option<_>>())
        .flatten()
        .map(|entries| (next_id, entries))
}
