//! What the kernel knows by number: the files and folders that it has seen, where they are now, and what is open.

use std::{
    collections::BTreeMap,
    fs::File,
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use fuser::FileType;

/// The disk's root.
const ROOT: u64 = 1;

/// Files and folders by number. A number is never given twice.
pub(super) struct Nodes {
    by_number: BTreeMap<u64, PathBuf>,
    by_path: BTreeMap<PathBuf, u64>,
    open: BTreeMap<u64, Arc<Open>>,
    last: u64,
}

/// What is open.
pub(super) struct Open {
    pub(super) number: u64,
    pub(super) what: What,
}

pub(super) enum What {
    File(File, Unsynced),
    /// A folder's entries when it was opened.
    Folder(Vec<(String, FileType)>),
}

/// What was there before the writes that no sync has made durable, the oldest first. The log's files have one together,
/// through whichever handle they are written; of others it is not kept.
#[derive(Clone, Default)]
pub(super) struct Unsynced(Option<Arc<Mutex<Vec<Before>>>>);

/// A stretch of a file before it was written, and the file's length then.
struct Before {
    at: u64,
    bytes: Vec<u8>,
    length: u64,
}

impl Nodes {
    pub(super) fn new() -> Nodes {
        let root = PathBuf::new();
        Nodes {
            by_number: BTreeMap::from([(ROOT, root.clone())]),
            by_path: BTreeMap::from([(root, ROOT)]),
            open: BTreeMap::new(),
            last: ROOT,
        }
    }

    /// Where a node is, or was when it was removed.
    pub(super) fn path(&self, number: u64) -> PathBuf {
        self.by_number.get(&number).cloned().expect("the kernel asks for what it was told")
    }

    /// The number of what is at `path`.
    pub(super) fn number(&mut self, path: &Path) -> u64 {
        if let Some(number) = self.by_path.get(path) {
            return *number;
        }
        self.last += 1;
        self.by_path.insert(path.to_owned(), self.last);
        self.by_number.insert(self.last, path.to_owned());
        self.last
    }

    /// What is at `path` is no more there.
    pub(super) fn remove(&mut self, path: &Path) {
        self.by_path.remove(path);
    }

    /// Whether a node is still where its path says.
    pub(super) fn is_there(&self, number: u64) -> bool {
        self.by_number.get(&number).is_some_and(|path| self.by_path.get(path) == Some(&number))
    }

    /// What is at `from`, and all below it, is at `to` now.
    pub(super) fn rename(&mut self, from: &Path, to: &Path) {
        self.by_path.retain(|path, _| !path.starts_with(to) || to.starts_with(from));
        let moved: Vec<(PathBuf, u64)> = self
            .by_path
            .iter()
            .filter(|(path, _)| path.starts_with(from))
            .map(|(path, number)| (path.clone(), *number))
            .collect();
        for (path, number) in moved {
            self.by_path.remove(&path);
            let rest = path.strip_prefix(from).expect("it begins with it");
            let new = if rest.as_os_str().is_empty() { to.to_owned() } else { to.join(rest) };
            self.by_path.insert(new.clone(), number);
            self.by_number.insert(number, new);
        }
    }

    /// Takes what was opened. Returns its handle.
    pub(super) fn open(&mut self, number: u64, what: What) -> u64 {
        self.last += 1;
        self.open.insert(self.last, Arc::new(Open { number, what }));
        self.last
    }

    pub(super) fn opened(&self, handle: u64) -> Arc<Open> {
        Arc::clone(self.open.get(&handle).expect("the kernel names what it was given"))
    }

    pub(super) fn close(&mut self, handle: u64) {
        self.open.remove(&handle);
    }

    /// Any handle on a file that may be removed already.
    pub(super) fn handle_on(&self, number: u64) -> Option<Arc<Open>> {
        self.open.values().find(|open| open.number == number).map(Arc::clone)
    }

    /// What is not synced of a file that is about to be opened.
    pub(super) fn unsynced_of(&self, number: u64) -> Unsynced {
        let known = self.open.values().find(|open| open.number == number);
        if let Some(What::File(_, unsynced)) = known.map(|open| &open.what) {
            return unsynced.clone();
        }
        let in_log = self.path(number).parent().is_some_and(|parent| parent.ends_with("log"));
        if in_log { Unsynced(Some(Arc::default())) } else { Unsynced::default() }
    }
}

impl Unsynced {
    /// Keeps what `length` bytes at `at` are before they are written.
    pub(super) fn keep(&self, file: &File, at: u64, length: usize) -> io::Result<()> {
        let Some(list) = &self.0 else { return Ok(()) };
        let mut list = list.lock().unwrap();
        let mut bytes = vec![0; length];
        let read = file.read_at(&mut bytes, at)?;
        bytes.truncate(read);
        list.push(Before { at, bytes, length: file.metadata()?.len() });
        Ok(())
    }

    /// It is durable now.
    pub(super) fn settle(&self) {
        self.0.iter().for_each(|list| list.lock().unwrap().clear());
    }

    /// It is gone: the file is as it was at the last sync.
    pub(super) fn lose(&self, file: &File) -> io::Result<()> {
        let Some(list) = &self.0 else { return Ok(()) };
        for Before { at, bytes, length } in list.lock().unwrap().drain(..).rev() {
            file.write_all_at(&bytes, at)?;
            file.set_len(length)?;
        }
        Ok(())
    }
}
