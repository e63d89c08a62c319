//! Sorts more than fits into memory: sorted runs, in memory as long as there is room and then in files, merged.

use std::{
    fs::{self, File},
    io::{self, BufReader, BufWriter, Read, Write},
    path::{Path, PathBuf},
    thread::{self, JoinHandle},
};

use itertools::{Itertools as _, KMergeBy};

use crate::view::merge::is_before;

/// Runs that are being sorted at the same time.
const SORTING_MAX: usize = 2;
const FILE_BUFFER_BYTES: usize = 64 << 10;
/// How many runs a sorter's memory holds.
const RUNS_IN_MEMORY: usize = 16;

/// What can be sorted, and written to a file while it waits.
pub(crate) trait Spill: Ord + Send + Sized + 'static {
    /// How much memory one takes beyond its own size.
    fn heap_bytes(&self) -> usize {
        0
    }
    fn write(&self, file: &mut impl Write) -> io::Result<()>;
    /// Reads the next one back; fails at the end with [`io::ErrorKind::UnexpectedEof`].
    fn read(file: &mut impl Read) -> io::Result<Self>;
}

/// Takes items in any order.
pub(crate) struct Sorter<T> {
    /// Where runs go that have no room.
    folder: PathBuf,
    name: &'static str,
    memory_bytes: usize,
    run: Vec<T>,
    run_bytes: usize,
    sorting: Vec<JoinHandle<Vec<T>>>,
    sorted: Vec<(usize, Vec<T>)>,
    sorting_bytes: Vec<usize>,
    files: Vec<PathBuf>,
}

/// The items in order.
pub(crate) struct Sorted<T: Spill>(KMergeBy<Run<T>, IsBefore<T>>);

type IsBefore<T> = fn(&io::Result<T>, &io::Result<T>) -> bool;

enum Run<T> {
    Memory(std::vec::IntoIter<T>),
    File { left: u64, file: BufReader<File> },
}

impl<T: Spill> Sorter<T> {
    /// A sorter that takes about `memory_bytes`, and for the rest files in `folder` whose names begin with `name`.
    pub(crate) fn new(folder: &Path, name: &'static str, memory_bytes: usize) -> Sorter<T> {
        Sorter {
            folder: folder.to_owned(),
            name,
            memory_bytes,
            run: Vec::new(),
            run_bytes: 0,
            sorting: Vec::new(),
            sorted: Vec::new(),
            sorting_bytes: Vec::new(),
            files: Vec::new(),
        }
    }

    /// Takes one more.
    pub(crate) fn push(&mut self, item: T) -> io::Result<()> {
        self.run_bytes += size_of::<T>() + item.heap_bytes();
        self.run.push(item);
        if self.run_bytes >= self.memory_bytes / RUNS_IN_MEMORY { self.turn() } else { Ok(()) }
    }

    /// Everything in order.
    pub(crate) fn finish(mut self) -> io::Result<Sorted<T>> {
        self.run.sort_unstable();
        while !self.sorting.is_empty() {
            self.join_one()?;
        }
        let last = std::mem::take(&mut self.run);
        let memory = self.sorted.drain(..).map(|(_, run)| run).chain([last]).map(|run| Run::Memory(run.into_iter()));
        let mut runs: Vec<Run<T>> = memory.collect();
        for path in self.files.drain(..) {
            let file = File::open(&path)?;
            // Gone as soon as it is read.
            fs::remove_file(&path)?;
            let mut file = BufReader::with_capacity(FILE_BUFFER_BYTES, file);
            let mut left = [0; 8];
            file.read_exact(&mut left)?;
            runs.push(Run::File { left: u64::from_le_bytes(left), file });
        }
        Ok(Sorted::of(runs))
    }

    /// Has the run sorted on a thread of its own, and begins another.
    fn turn(&mut self) -> io::Result<()> {
        if self.sorting.len() >= SORTING_MAX {
            self.join_one()?;
        }
        let capacity = self.run.len();
        let mut run = std::mem::replace(&mut self.run, Vec::with_capacity(capacity));
        self.sorting_bytes.push(std::mem::take(&mut self.run_bytes));
        let sort = move || {
            run.sort_unstable();
            run
        };
        self.sorting.push(thread::Builder::new().name("clockfold-sort".to_owned()).spawn(sort)?);
        Ok(())
    }

    fn join_one(&mut self) -> io::Result<()> {
        let run = self.sorting.remove(0).join().map_err(|_| io::Error::other("sorting stopped at a defect"))?;
        let bytes = self.sorting_bytes.remove(0);
        self.sorted.push((bytes, run));
        let held: usize = self.sorted.iter().map(|(bytes, _)| bytes).sum();
        // The runs that are being filled and sorted take their part too.
        if held > self.memory_bytes.saturating_sub((SORTING_MAX + 1) * (self.memory_bytes / RUNS_IN_MEMORY)) {
            self.spill()?;
        }
        Ok(())
    }

    /// Writes all that is sorted into one file: few files, however little the memory.
    fn spill(&mut self) -> io::Result<()> {
        let path = self.folder.join(format!("{}-{}", self.name, self.files.len()));
        let mut file = BufWriter::with_capacity(FILE_BUFFER_BYTES, File::create_new(&path)?);
        self.files.push(path);
        let runs: Vec<Run<T>> = self.sorted.drain(..).map(|(_, run)| Run::Memory(run.into_iter())).collect();
        let items: usize = runs.iter().map(Run::in_memory).sum();
        file.write_all(&(items as u64).to_le_bytes())?;
        for item in Sorted::of(runs) {
            item?.write(&mut file)?;
        }
        file.flush()
    }
}

impl<T: Spill> Sorted<T> {
    fn of(runs: Vec<Run<T>>) -> Sorted<T> {
        Sorted(runs.into_iter().kmerge_by(is_before as IsBefore<T>))
    }
}

impl<T: Spill> Run<T> {
    fn in_memory(&self) -> usize {
        match self {
            Run::Memory(items) => items.len(),
            Run::File { .. } => 0,
        }
    }
}

impl<T: Spill> Iterator for Run<T> {
    type Item = io::Result<T>;

    fn next(&mut self) -> Option<io::Result<T>> {
        match self {
            Run::Memory(items) => items.next().map(Ok),
            Run::File { left: 0, .. } => None,
            Run::File { left, file } => {
                *left -= 1;
                Some(T::read(file))
            }
        }
    }
}

impl<T: Spill> Iterator for Sorted<T> {
    type Item = io::Result<T>;

    fn next(&mut self) -> Option<io::Result<T>> {
        self.0.next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_comes_back_in_order_whatever_the_memory() {
        for memory_bytes in [0, 1_000, 50_000, 1 << 20] {
            let folder = tempfile::tempdir().unwrap();
            let mut sorter = Sorter::new(folder.path(), "numbers", memory_bytes);
            let mut number = 1_u64;
            let mut all = Vec::new();
            for _ in 0..20_000 {
                number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                all.push(number >> 40);
                if memory_bytes > 0 || all.len() < 500 {
                    sorter.push(number >> 40).unwrap();
                }
            }
            if memory_bytes == 0 {
                all.truncate(499);
            }
            all.sort_unstable();
            let sorted = sorter.finish().unwrap();
            assert_eq!(sorted.map(Result::unwrap).collect::<Vec<u64>>(), all);
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        }
    }
}
