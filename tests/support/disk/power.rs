//! A disk that forgets: what a trace's calls did to files, and what of it a power cut would leave.
//!
//! A file's bytes are durable once a sync of that file has returned that began after their write had. A name is
//! durable once its folder has been synced after it was made, renamed or removed. Everything else may be lost, or
//! may not: writes reach a disk in any order, and the last of them perhaps in part.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    path::{Path, PathBuf},
};

use crate::support::{disk::trace::Call, random::Random};

/// What a power cut does with what was not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Forgets it.
    Clean,
    /// Keeps some of it, one write in part.
    Torn,
}

/// The files below one folder.
pub struct Disk {
    root: String,
    files: Vec<File>,
    names: Names,
    durable_names: Names,
    /// Where the next `write` of a descriptor goes.
    offsets: HashMap<i64, usize>,
    /// What a folder held when its sync began, by the sync's place.
    syncing: HashMap<usize, Names>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Node {
    Folder,
    File(usize),
}

type Names = BTreeMap<String, Node>;

#[derive(Default)]
struct File {
    length: usize,
    durable: Vec<u8>,
    /// Changes that no sync has covered yet, and where in the trace they were over.
    pending: Vec<(Option<usize>, Change)>,
}

enum Change {
    Write(usize, Vec<u8>),
    Truncate(usize),
}

impl Disk {
    /// The folder `root`, which is empty and itself durable.
    pub fn at(root: &Path) -> Disk {
        let root = root.to_str().expect("a temporary folder's name is text").to_owned();
        let (names, durable_names) = (Names::new(), Names::new());
        Disk { root, files: Vec::new(), names, durable_names, offsets: HashMap::new(), syncing: HashMap::new() }
    }

    /// A call begins.
    pub fn begin(&mut self, call: &Call) {
        let failed = call.end.is_some() && call.result < 0;
        let named = || Some(call.path().to_owned());
        match call.name.as_str() {
            _ if failed => {}
            "pwrite64" => self.write(named(), call, call.numbers.get(1).copied()),
            "write" => self.write(named(), call, None),
            "ftruncate" => {
                if let Some(file) = self.file(call.path()) {
                    let length = call.arguments.rsplit(',').next().and_then(|length| length.trim().parse().ok());
                    self.files[file].change(call.end, Change::Truncate(length.expect("a length")));
                }
            }
            "fsync" => {
                let inside = |name: &str| parent(name) == call.path();
                let held = self.names.iter().filter(|(name, _)| inside(name));
                self.syncing.insert(call.begin, held.map(|(name, node)| (name.clone(), *node)).collect());
            }
            "pwritev" | "fallocate" | "renameat" | "renameat2" if self.holds(call.path()) => {
                panic!("{} is not known to this disk", call.name)
            }
            _ => {}
        }
    }

    /// A call is over.
    pub fn end(&mut self, call: &Call) {
        if call.result < 0 {
            return;
        }
        let name = call.string(0);
        match call.name.as_str() {
            "openat" => {
                self.offsets.insert(call.result, 0);
                if !self.holds(&name) {
                    return;
                }
                if call.arguments.contains("O_CREAT") && !self.names.contains_key(&name) {
                    self.make_file(&name);
                }
                if let Some(file) = self.file(&name).filter(|_| call.arguments.contains("O_TRUNC")) {
                    self.files[file].change(call.end, Change::Truncate(0));
                }
            }
            "lseek" => {
                let descriptor = call.descriptor.as_ref().map_or(-1, |(number, _)| *number);
                self.offsets.insert(descriptor, usize::try_from(call.result).expect("an offset"));
            }
            "mkdir" if self.holds(&name) => {
                self.names.insert(name, Node::Folder);
            }
            "rename" if self.holds(&name) => self.rename(&name, call.string(1)),
            "unlink" => {
                self.names.remove(&name);
            }
            "fdatasync" | "fsync" => self.sync(call),
            _ => {}
        }
    }

    /// The process has ended, and the next one's trace begins. What calls that a kill left unfinished have done
    /// is read from the real folder.
    pub fn next_process(&mut self, unfinished: &[Call]) {
        for call in unfinished.iter().filter(|call| call.name == "rename") {
            let name = call.string(0);
            if self.names.contains_key(&name) && !Path::new(&name).exists() {
                self.rename(&name, call.string(1));
            }
        }
        self.names.retain(|name, _| Path::new(name).exists());
        for path in files_below(Path::new(&self.root)).into_iter().filter(|path| is_kept(path)) {
            let name = path.to_str().expect("names are text").to_owned();
            let file = self.file(&name).unwrap_or_else(|| self.make_file(&name));
            let content = fs::read(&path).expect("a file that was listed");
            self.files[file].became(&content);
        }
        // Whatever it was, it is over before the next trace's calls.
        self.files.iter_mut().flat_map(|file| &mut file.pending).for_each(|(end, _)| *end = Some(0));
        self.offsets.clear();
        self.syncing.clear();
    }

    /// Writes what a power cut of this moment leaves into `image`.
    pub fn cut(&self, cut: Cut, random: &mut Random, image: &Path) {
        let keep_names = cut == Cut::Torn && random.below(2) == 0;
        let names = if keep_names { &self.names } else { &self.durable_names };
        let reachable = |name: &str| {
            let mut folders = std::iter::successors(Some(parent(name)), |name| Some(parent(name)));
            folders.find(|folder| *folder == self.root || !names.contains_key(*folder)) == Some(&self.root)
        };
        for (name, node) in names.iter().filter(|(name, _)| reachable(name) && is_kept(Path::new(name))) {
            let path = image.join(Path::new(name).strip_prefix(&self.root).expect("every name is below the root"));
            match node {
                Node::Folder => fs::create_dir_all(path).expect("a folder of the image"),
                Node::File(file) => fs::write(path, self.files[*file].after(cut, random)).expect("a file of the image"),
            }
        }
    }

    fn write(&mut self, name: Option<String>, call: &Call, offset: Option<i64>) {
        let Some(file) = name.and_then(|name| self.file(&name)) else { return };
        let descriptor = call.descriptor.as_ref().map_or(-1, |(number, _)| *number);
        let next = self.offsets.get(&descriptor).copied().unwrap_or(0);
        let offset_of_write = offset.map_or(next, |offset| usize::try_from(offset).expect("an offset"));
        let mut bytes = call.strings.first().cloned().unwrap_or_default();
        if call.end.is_some() {
            bytes.truncate(usize::try_from(call.result).expect("it succeeded"));
        }
        if offset.is_none() {
            self.offsets.insert(descriptor, next + bytes.len());
        }
        self.files[file].change(call.end, Change::Write(offset_of_write, bytes));
    }

    fn sync(&mut self, call: &Call) {
        if let Some(file) = self.file(call.path()) {
            self.files[file].sync(call.begin);
        } else if let Some(held) = self.syncing.remove(&call.begin) {
            self.durable_names.retain(|name, _| parent(name) != call.path());
            self.durable_names.extend(held);
        }
    }

    fn rename(&mut self, from: &str, to: String) {
        if let Some(node) = self.names.remove(from) {
            self.names.insert(to, node);
        }
    }

    fn make_file(&mut self, name: &str) -> usize {
        self.files.push(File::default());
        self.names.insert(name.to_owned(), Node::File(self.files.len() - 1));
        self.files.len() - 1
    }

    fn file(&self, name: &str) -> Option<usize> {
        match self.names.get(name)? {
            Node::File(file) => Some(*file),
            Node::Folder => None,
        }
    }

    fn holds(&self, name: &str) -> bool {
        name.strip_prefix(&self.root).is_some_and(|rest| rest.starts_with('/'))
    }
}

impl File {
    fn change(&mut self, end: Option<usize>, change: Change) {
        self.length = match &change {
            Change::Write(offset, bytes) => self.length.max(offset + bytes.len()),
            Change::Truncate(length) => *length,
        };
        self.pending.push((end, change));
    }

    /// Makes durable what was over before a sync that began at `place`.
    fn sync(&mut self, place: usize) {
        let (covered, later) =
            std::mem::take(&mut self.pending).into_iter().partition(|(end, _)| end.is_some_and(|end| end < place));
        self.pending = later;
        let covered: Vec<(Option<usize>, Change)> = covered;
        covered.iter().for_each(|(_, change)| change.apply(&mut self.durable));
    }

    /// The process has ended, and this is what the file holds. Calls that the kill left unfinished have done what
    /// shows here, and nothing else: what is durable is not touched by one that never happened.
    fn became(&mut self, content: &[u8]) {
        let mut live = self.live();
        if live == content {
            return;
        }
        self.pending.retain(|(end, _)| end.is_some());
        live = self.live();
        self.length = live.len();
        if content.len() < live.len() {
            self.change(None, Change::Truncate(content.len()));
        }
        let differs = |index: &usize| live.get(*index) != content.get(*index);
        let (first, last) = ((0..content.len()).find(differs), (0..content.len()).rfind(differs));
        if let Some((first, last)) = first.zip(last) {
            self.change(None, Change::Write(first, content[first..=last].to_vec()));
        }
    }

    fn live(&self) -> Vec<u8> {
        let mut content = self.durable.clone();
        self.pending.iter().for_each(|(_, change)| change.apply(&mut content));
        content
    }

    fn after(&self, cut: Cut, random: &mut Random) -> Vec<u8> {
        let mut content = self.durable.clone();
        if cut == Cut::Torn && !self.pending.is_empty() {
            let torn = random.index(self.pending.len());
            for (index, (_, change)) in self.pending.iter().enumerate() {
                match change {
                    Change::Write(offset, bytes) if index == torn => {
                        let part = &bytes[..random.index(bytes.len() + 1)];
                        Change::Write(*offset, part.to_vec()).apply(&mut content);
                    }
                    change if random.below(2) == 0 => change.apply(&mut content),
                    _ => {}
                }
            }
        }
        content
    }
}

impl Change {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Change::Write(offset, bytes) => {
                let end = offset + bytes.len();
                if content.len() < end {
                    content.resize(end, 0);
                }
                content[*offset..end].copy_from_slice(bytes);
            }
            Change::Truncate(length) => content.resize(*length, 0),
        }
    }
}

/// The projection may be lost at any time, and the trace is not a part of the disk.
fn is_kept(path: &Path) -> bool {
    let mut parts = path.components().map(|part| part.as_os_str().to_string_lossy().into_owned());
    parts.any(|part| part == "data") && !path.to_string_lossy().contains("/data/projection")
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder of the test") {
        let path = entry.expect("an entry of the test's folder").path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(path);
        }
    }
    files
}

fn parent(name: &str) -> &str {
    name.rsplit_once('/').map_or("", |(parent, _)| parent)
}
