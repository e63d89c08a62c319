//! What is on a disk and what is on its way there; and what a power cut leaves of that.

use std::{
    collections::BTreeMap,
    io::{self, ErrorKind},
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::fake::random::Random;

/// All names. An image shares them with the disk until one of the two changes them.
pub(super) type Entries = Arc<BTreeMap<PathBuf, Node>>;

/// Everything that is on a disk, and what is on its way there.
#[derive(Clone, Default)]
pub struct World {
    pub(super) inodes: Vec<Arc<Inode>>,
    pub(super) live: Entries,
    pub(super) durable: Entries,
    /// What became of names since their folder was synced.
    pub(super) unsynced: Vec<(PathBuf, Option<Node>)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Node {
    Folder,
    File(usize),
}

#[derive(Clone, Default)]
pub(super) struct Inode {
    pub(super) live: Vec<u8>,
    pub(super) durable: Vec<u8>,
    pub(super) unsynced: Vec<Write>,
}

#[derive(Clone)]
pub(super) struct Write {
    pub(super) at: usize,
    pub(super) bytes: Vec<u8>,
    /// A sync of it has failed.
    pub(super) is_lost: bool,
}

/// How much of what was not synced a power cut leaves.
#[derive(Clone, Copy)]
enum Luck {
    None,
    Some,
    All,
}

impl Luck {
    fn of(random: &mut Random) -> Luck {
        [Luck::None, Luck::Some, Luck::Some, Luck::All][random.below(4)]
    }

    fn has(self, random: &mut Random) -> bool {
        match self {
            Luck::None => false,
            Luck::Some => random.one_in(2),
            Luck::All => true,
        }
    }
}

impl World {
    /// What the next start finds after a power cut at this moment.
    pub fn after_power_cut(&self, random: &mut Random) -> World {
        let sector_bytes = [32, 128, 512][random.below(3)];
        let mut entries = self.durable.clone();
        let luck = Luck::of(random);
        for (path, node) in &self.unsynced {
            if luck.has(random) {
                set(&mut entries, path, *node);
            }
        }
        let of_folder =
            |path: &Path| path.parent().is_none_or(|above| above.parent().is_none() || entries.contains_key(above));
        if !entries.keys().all(|path| of_folder(path)) {
            let left = entries.iter().filter(|(path, _)| of_folder(path));
            entries = Arc::new(left.map(|(path, node)| (path.clone(), *node)).collect());
        }
        let cut = |inode: &Arc<Inode>| match inode.unsynced.is_empty() {
            true => Arc::clone(inode),
            false => Arc::new(inode.after_power_cut(sector_bytes, random)),
        };
        let inodes = self.inodes.iter().map(cut).collect();
        World { inodes, live: Arc::clone(&entries), durable: entries, unsynced: Vec::new() }
    }

    /// Changes one of these files at rest: some bits, a sector, or its end. Returns which; `None` where there is none.
    pub fn corrupt(&mut self, random: &mut Random, is_one: impl Fn(&Path) -> bool) -> Option<PathBuf> {
        let files: Vec<_> = self
            .live
            .iter()
            .filter_map(|(path, node)| match node {
                Node::File(inode) if is_one(path) => Some((path.clone(), *inode)),
                _ => None,
            })
            .collect();
        if files.is_empty() {
            return None;
        }
        let (path, inode) = files[random.below(files.len())].clone();
        let inode = Arc::make_mut(&mut self.inodes[inode]);
        let length = inode.live.len();
        match random.below(4) {
            _ if length == 0 => inode.live.push(random.byte()),
            0 => inode.live.truncate(random.below(length)),
            1 => {
                let at = random.below(length);
                inode.live[at..length.min(at + 32)].fill(0);
            }
            _ => inode.live[random.below(length)] ^= 1 << random.below(8),
        }
        inode.durable = inode.live.clone();
        Some(path)
    }

    /// Whether a name's entry was changed since its folder was synced.
    pub fn is_unsynced(&self, is_name: impl Fn(&Path) -> bool) -> bool {
        self.unsynced.iter().any(|(path, _)| is_name(path))
    }

    pub(super) fn enter(&mut self, path: &Path, node: Option<Node>) {
        set(&mut self.live, path, node);
        self.unsynced.push((path.to_owned(), node));
    }

    pub(super) fn file(&self, path: &Path) -> io::Result<usize> {
        match self.live.get(path) {
            Some(Node::File(inode)) => Ok(*inode),
            Some(Node::Folder) => Err(ErrorKind::IsADirectory.into()),
            None => Err(ErrorKind::NotFound.into()),
        }
    }
}

pub(super) fn set(entries: &mut Entries, path: &Path, node: Option<Node>) {
    let entries = Arc::make_mut(entries);
    match node {
        Some(node) => entries.insert(path.to_owned(), node),
        None => entries.remove(path),
    };
}

impl Inode {
    pub(super) fn write(&mut self, bytes: &[u8], at: usize) {
        put(&mut self.live, bytes, at, 0);
        self.unsynced.push(Write { at, bytes: bytes.to_owned(), is_lost: false });
    }

    pub(super) fn sync(&mut self) {
        for Write { at, bytes, .. } in self.unsynced.extract_if(.., |write| !write.is_lost) {
            put(&mut self.durable, &bytes, at, 0);
        }
    }

    /// A sync has failed: what it was to write is lost.
    pub(super) fn lose(&mut self) {
        self.unsynced.iter_mut().for_each(|write| write.is_lost = true);
    }

    /// Bytes that a sync has lost are no longer visible either.
    pub(super) fn forget_cached(&mut self) {
        self.live.clone_from(&self.durable);
        self.unsynced.clear();
    }

    fn after_power_cut(&self, sector_bytes: usize, random: &mut Random) -> Inode {
        let (mut bytes, luck) = (self.durable.clone(), Luck::of(random));
        if !self.unsynced.is_empty() {
            let rubbish = if random.one_in(2) { 0 } else { random.byte() };
            if random.one_in(2) && self.live.len() > bytes.len() {
                bytes.resize(self.live.len(), rubbish);
            }
            for write in &self.unsynced {
                for sector in sectors(write, sector_bytes) {
                    if luck.has(random) {
                        let torn = if random.one_in(8) { random.below(sector.len() + 1) } else { sector.len() };
                        let end = sector.start + torn;
                        put(&mut bytes, &write.bytes[sector.start - write.at..end - write.at], sector.start, rubbish);
                    }
                }
            }
        }
        Inode { live: bytes.clone(), durable: bytes, unsynced: Vec::new() }
    }
}

/// Puts bytes into a file; a gap before them becomes `between`.
fn put(file: &mut Vec<u8>, bytes: &[u8], at: usize, between: u8) {
    let end = at + bytes.len();
    if file.len() < end {
        file.resize(end, between);
    }
    file[at..end].copy_from_slice(bytes);
}

/// The parts of a write that go to the disk by themselves.
fn sectors(write: &Write, sector_bytes: usize) -> impl Iterator<Item = Range<usize>> {
    let (mut at, end) = (write.at, write.at + write.bytes.len());
    std::iter::from_fn(move || {
        let next = ((at / sector_bytes + 1) * sector_bytes).min(end);
        let sector = at..next;
        at = next;
        (!sector.is_empty()).then_some(sector)
    })
}
