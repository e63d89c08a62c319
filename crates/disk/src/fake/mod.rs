//! A disk in memory, for tests: it keeps apart what a program sees and what is on the disk, and a power cut takes any part
//! of the difference.
//!
//! - Bytes that were written to a file and not synced survive a power cut by the sector, each or not, in whatever order;
//!   one may be torn in the middle. The file's length may be on the disk without them: zeros or rubbish stand there then.
//! - Entries of a folder that were made, renamed or removed since it was synced survive each or not. The two halves of a
//!   rename are no exception: after a power cut the file may have both names, or the old one alone.
//! - A sync that failed has lost what it was to write: no later sync of that file makes up for it.
//! - A call fails where the test says so. A write that fails has written its first half.
//!
//! All choices follow from a number, so each run can be repeated. After every call that changes something, an image of
//! the disk can be kept: a run is cut at each of its steps without running it again.

mod file;
pub mod random;
pub mod runs;
pub mod seeds;
pub mod world;
#[cfg(test)]
mod tests;

use std::{
    fmt,
    io::{self, ErrorKind},
    ops::Range,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{
    Disk, File, FileId,
    fake::{
        file::FakeFile,
        world::{Node, World, set},
    },
};

/// What a program asks of a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// [`Disk::create_folder`].
    CreateFolder,
    /// [`Disk::create`].
    Create,
    /// [`Disk::open`].
    Open,
    /// [`Disk::read`].
    Read,
    /// [`Disk::rename`].
    Rename,
    /// [`Disk::remove`].
    Remove,
    /// [`Disk::list`].
    List,
    /// [`Disk::sync_folder`].
    SyncFolder,
    /// [`Disk::id_at`].
    IdAt,
    /// [`File::append`].
    Append,
    /// [`File::write_at`].
    WriteAt,
    /// [`File::sync`].
    Sync,
    /// [`File::length`].
    Length,
    /// [`File::read_at`].
    ReadAt,
    /// [`File::forget_cached`].
    ForgetCached,
    /// [`File::id`].
    Id,
}

/// Which calls fail, counted from the first one, and with what.
#[derive(Clone, Debug)]
pub struct Failures {
    /// The numbers of these calls.
    pub calls: Range<u64>,
    /// With what they fail.
    pub why: Why,
}

/// Why a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// EIO.
    Broken,
    /// ENOSPC, which only calls that need room meet.
    Full,
}

/// Whether a call is answered as if it had been done, and is not.
pub type LeftOut = fn(Call, &Path, &World) -> bool;

/// A disk; its clones are the same one.
#[derive(Clone)]
pub struct FakeDisk(Arc<Mutex<Inner>>);

struct Inner {
    world: World,
    calls: u64,
    failures: Option<Failures>,
    /// The calls that failed.
    failed: Vec<Call>,
    left_out: Option<LeftOut>,
    /// Calls whose failure is not reported.
    swallowed: Option<LeftOut>,
    images: Option<Vec<World>>,
}

impl FakeDisk {
    /// An empty disk.
    pub fn empty() -> FakeDisk {
        FakeDisk::of(World::default())
    }

    /// The disk as another start finds it.
    pub fn of(world: World) -> FakeDisk {
        let (calls, failed) = (0, Vec::new());
        FakeDisk(Arc::new(Mutex::new(Inner {
            world,
            calls,
            failures: None,
            failed,
            left_out: None,
            swallowed: None,
            images: None,
        })))
    }

    /// The disk as another start finds it, with the same calls left out.
    pub fn restarted(&self, world: World) -> FakeDisk {
        let disk = FakeDisk::of(world);
        let inner = self.inner();
        disk.plant(inner.left_out, inner.swallowed);
        disk
    }

    /// Has calls fail.
    pub fn fail(&self, failures: Failures) {
        self.inner().failures = Some(failures);
    }

    /// Makes some calls answer as if they had been done, and others as if they had not failed.
    pub fn plant(&self, left_out: Option<LeftOut>, swallowed: Option<LeftOut>) {
        let mut inner = self.inner();
        (inner.left_out, inner.swallowed) = (left_out, swallowed);
    }

    /// Keeps an image after each call that changes something from now on.
    pub fn keep_images(&self) {
        self.inner().images = Some(Vec::new());
    }

    /// The images since this was last asked.
    pub fn take_images(&self) -> Vec<World> {
        self.inner().images.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// The calls that failed since this was last asked.
    pub fn take_failed(&self) -> Vec<Call> {
        std::mem::take(&mut self.inner().failed)
    }

    /// How many calls there were.
    pub fn calls(&self) -> u64 {
        self.inner().calls
    }

    /// What is on it, and on its way there.
    pub fn world(&self) -> World {
        self.inner().world.clone()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does a call, or what remains of it where it fails.
    fn call<T: Default>(
        &self,
        call: Call,
        path: &Path,
        act: impl FnOnce(&mut World) -> io::Result<T>,
        failed: impl FnOnce(&mut World),
    ) -> io::Result<T> {
        let mut guard = self.inner();
        let inner = &mut *guard;
        let number = inner.calls;
        inner.calls += 1;
        let why =
            inner.failures.as_ref().filter(|failures| failures.calls.contains(&number)).map(|failures| failures.why);
        let answer = match why.filter(|why| *why == Why::Broken || call.needs_room()) {
            Some(why) => {
                failed(&mut inner.world);
                inner.failed.push(call);
                if inner.swallowed.is_some_and(|is| is(call, path, &inner.world)) {
                    Ok(T::default())
                } else {
                    Err(io::Error::from_raw_os_error(if why == Why::Broken { 5 } else { 28 }))
                }
            }
            None if inner.left_out.is_some_and(|is| is(call, path, &inner.world)) => Ok(T::default()),
            None => act(&mut inner.world),
        };
        if let Some(images) = &mut inner.images
            && call.changes()
        {
            images.push(inner.world.clone());
        }
        answer
    }

    fn file(&self, path: &Path, inode: usize) -> Box<dyn File> {
        Box::new(FakeFile { disk: self.clone(), path: path.to_owned(), inode })
    }
}

impl Call {
    fn needs_room(self) -> bool {
        matches!(
            self,
            Call::CreateFolder
                | Call::Create
                | Call::Rename
                | Call::Append
                | Call::WriteAt
                | Call::Sync
                | Call::ForgetCached
        )
    }

    fn changes(self) -> bool {
        !matches!(
            self,
            Call::Open
                | Call::Read
                | Call::List
                | Call::IdAt
                | Call::Length
                | Call::ReadAt
                | Call::ForgetCached
                | Call::Id
        )
    }
}

impl Disk for FakeDisk {
    fn create_folder(&self, path: &Path) -> io::Result<()> {
        let create = |world: &mut World| {
            if world.live.contains_key(path) {
                return Err(ErrorKind::AlreadyExists.into());
            }
            world.enter(path, Some(Node::Folder));
            Ok(())
        };
        self.call(Call::CreateFolder, path, create, |_| {})
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn File>> {
        let create = |world: &mut World| {
            if world.live.contains_key(path) {
                return Err(ErrorKind::AlreadyExists.into());
            }
            if !path.parent().is_some_and(|above| world.live.contains_key(above)) {
                return Err(ErrorKind::NotFound.into());
            }
            world.inodes.push(Arc::default());
            let inode = world.inodes.len() - 1;
            world.enter(path, Some(Node::File(inode)));
            Ok(inode)
        };
        Ok(self.file(path, self.call(Call::Create, path, create, |_| {})?))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn File>> {
        Ok(self.file(path, self.call(Call::Open, path, |world| world.file(path), |_| {})?))
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.call(Call::Read, path, |world| Ok(world.inodes[world.file(path)?].live.clone()), |_| {})
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let rename = |world: &mut World| {
            let inode = world.file(from)?;
            world.enter(to, Some(Node::File(inode)));
            world.enter(from, None);
            Ok(())
        };
        // It may have been done all the same.
        let failed = |world: &mut World| {
            if world.unsynced.len().is_multiple_of(2) {
                let _ = rename(world);
            }
        };
        self.call(Call::Rename, to, rename, failed)
    }

    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        if self.inner().world.live.contains_key(to) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        self.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let remove = |world: &mut World| {
            world.file(path)?;
            world.enter(path, None);
            Ok(())
        };
        self.call(Call::Remove, path, remove, |_| {})
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        let list = |world: &mut World| {
            if world.live.get(folder) != Some(&Node::Folder) {
                return Err(ErrorKind::NotFound.into());
            }
            Ok(world.live.keys().filter(|path| path.parent() == Some(folder)).cloned().collect())
        };
        self.call(Call::List, folder, list, |_| {})
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        let sync = |world: &mut World| {
            let is_of = |(path, _): &mut (PathBuf, _)| path.parent() == Some(folder);
            for (path, node) in world.unsynced.extract_if(.., is_of) {
                set(&mut world.durable, &path, node);
            }
            Ok(())
        };
        self.call(Call::SyncFolder, folder, sync, |_| {})
    }

    fn id_at(&self, path: &Path) -> io::Result<FileId> {
        let id = |world: &mut World| match world.live.get(path) {
            Some(Node::File(inode)) => Ok(id_of(*inode)),
            // There is one folder of a name, as long as nobody renames any.
            Some(Node::Folder) => Ok((1, 0)),
            None => Err(ErrorKind::NotFound.into()),
        };
        self.call(Call::IdAt, path, id, |_| {})
    }
}

impl fmt::Debug for FakeDisk {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("FakeDisk")
    }
}

fn id_of(inode: usize) -> FileId {
    (0, inode as u64)
}
