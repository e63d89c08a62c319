//! The list of the tables that make up the store: a small file that is replaced as a whole.
//!
//! ```text
//! 8 bytes  what kind of file this is
//! u64      the number of the next table
//! entry*   u64 number · u64 length of the file · u32 checksum of its index; the newest table first
//! u32      CRC-32 of all before
//! ```

use std::{
    fs::{self, File},
    io::Write,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    error::{Error, Result, corrupt, io},
    table::{
        block::{seal, unsealed},
        reader::Table,
    },
};

const MAGIC: &[u8; 8] = b"cftabls\x01";
const NAME: &str = "manifest";
const NEW_NAME: &str = "manifest.new";
const ENTRY_BYTES: usize = 20;

/// What a manifest says.
pub(crate) struct Manifest {
    pub(crate) next_id: u64,
    /// The newest first.
    pub(crate) tables: Vec<Arc<Table>>,
}

pub(crate) fn table_path(folder: &Path, id: u64) -> PathBuf {
    folder.join(format!("{id}.rows"))
}

impl Manifest {
    /// What is in a folder, which is made if it is not there. Files that no manifest names are removed.
    pub(crate) fn open(folder: &Path, spaces: usize) -> Result<Manifest> {
        // The folder above has to be there: where somebody has moved it away, none is made in its place.
        match fs::DirBuilder::new().mode(0o700).create(folder) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists && folder.is_dir() => {}
            made => made.map_err(io("creating", folder))?,
        }
        let path = folder.join(NAME);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let mut files = fs::read_dir(folder).map_err(io("reading", folder))?;
                if files.next().is_some() {
                    return Err(Error::Foreign { path: folder.display().to_string() });
                }
                let manifest = Manifest { next_id: 1, tables: Vec::new() };
                manifest.write(folder)?;
                return Ok(manifest);
            }
            Err(error) => return Err(io("reading", &path)(error)),
        };
        let manifest = Manifest::decoded(folder, &bytes, spaces)?;
        manifest.remove_others(folder)?;
        Ok(manifest)
    }

    /// What is in a folder that is only read: nothing is made, and nothing removed.
    pub(crate) fn open_to_read(folder: &Path, spaces: usize) -> Result<Manifest> {
        let path = folder.join(NAME);
        let bytes = fs::read(&path).map_err(io("reading", &path))?;
        Manifest::decoded(folder, &bytes, spaces)
    }

    /// What the bytes of a manifest name.
    fn decoded(folder: &Path, bytes: &[u8], spaces: usize) -> Result<Manifest> {
        let (next_id, entries) = decode(bytes).ok_or_else(|| corrupt(&folder.join(NAME), "the list of tables"))?;
        let open = |(id, length, sum)| Table::open(id, table_path(folder, id), length, sum, spaces).map(Arc::new);
        Ok(Manifest { next_id, tables: entries.into_iter().map(open).collect::<Result<_>>()? })
    }

    /// Puts it in the place of the one before, at once.
    pub(crate) fn write(&self, folder: &Path) -> Result<()> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&self.next_id.to_le_bytes());
        for table in &self.tables {
            bytes.extend_from_slice(&table.id.to_le_bytes());
            bytes.extend_from_slice(&table.length.to_le_bytes());
            bytes.extend_from_slice(&table.sum.to_le_bytes());
        }
        seal(&mut bytes);
        let (new, path) = (folder.join(NEW_NAME), folder.join(NAME));
        let write = || {
            let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
            file.write_all(&bytes)?;
            file.sync_data()?;
            // The folder is not synced: a power cut that takes a name of a file costs a rebuild, and nothing else.
            fs::rename(&new, &path)
        };
        write().map_err(io("writing", &path))
    }

    /// What a crash left half done.
    fn remove_others(&self, folder: &Path) -> Result<()> {
        for entry in fs::read_dir(folder).map_err(io("reading", folder))? {
            let path = entry.map_err(io("reading", folder))?.path();
            if !path.ends_with(NAME) && !self.tables.iter().any(|table| table.path() == path) {
                fs::remove_file(&path).map_err(io("removing", &path))?;
            }
        }
        Ok(())
    }
}

type Entry = (u64, u64, u32);

fn decode(bytes: &[u8]) -> Option<(u64, Vec<Entry>)> {
    let rest = unsealed(bytes)?.strip_prefix(MAGIC)?;
    let (next_id, rest) = rest.split_first_chunk()?;
    let number = |bytes: &[u8]| bytes.iter().rev().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    let entry =
        |entry: &[u8]| Some((number(&entry[..8]), number(&entry[8..16]), u32::try_from(number(&entry[16..])).ok()?));
    let entries = rest.chunks(ENTRY_BYTES).map(|bytes| (bytes.len() == ENTRY_BYTES).then(|| entry(bytes)).flatten());
    Some((u64::from_le_bytes(*next_id), entries.collect::<Option<_>>()?))
}
