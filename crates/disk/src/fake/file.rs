//! An open file of the disk in memory.

use std::{
    io::{self, ErrorKind},
    path::PathBuf,
    sync::Arc,
};

use crate::{
    File, FileId,
    fake::{
        Call, FakeDisk, id_of,
        world::{Inode, World},
    },
};

pub(super) struct FakeFile {
    pub(super) disk: FakeDisk,
    pub(super) path: PathBuf,
    pub(super) inode: usize,
}

impl FakeFile {
    /// Writes bytes, or half of them where the call fails; at the file's end where no place is given.
    fn write(&self, call: Call, bytes: &[u8], at: Option<u64>) -> io::Result<()> {
        let write = |world: &mut World, bytes: &[u8]| {
            let inode = Arc::make_mut(&mut world.inodes[self.inode]);
            inode.write(bytes, at.map_or(inode.live.len(), place));
        };
        let written = |world: &mut World| {
            write(world, bytes);
            Ok(())
        };
        self.disk.call(call, &self.path, written, |world| write(world, &bytes[..bytes.len() / 2]))
    }

    /// Syncs it, and then does one thing more with it.
    fn sync_and(&self, call: Call, then: fn(&mut Inode)) -> io::Result<()> {
        let inode = |world: &mut World, act: fn(&mut Inode)| act(Arc::make_mut(&mut world.inodes[self.inode]));
        let sync = |world: &mut World| {
            inode(world, Inode::sync);
            inode(world, then);
            Ok(())
        };
        self.disk.call(call, &self.path, sync, |world| inode(world, Inode::lose))
    }
}

impl File for FakeFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write(Call::Append, bytes, None)
    }

    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        self.write(Call::WriteAt, bytes, Some(at))
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_and(Call::Sync, |_| {})
    }

    fn length(&self) -> io::Result<u64> {
        let length = |world: &mut World| Ok(world.inodes[self.inode].live.len() as u64);
        self.disk.call(Call::Length, &self.path, length, |_| {})
    }

    fn read_at(&self, bytes: &mut [u8], at: u64) -> io::Result<()> {
        let read = |world: &mut World| {
            let (live, at) = (&world.inodes[self.inode].live, place(at));
            let found = live.get(at..at + bytes.len()).ok_or(ErrorKind::UnexpectedEof)?;
            bytes.copy_from_slice(found);
            Ok(())
        };
        self.disk.call(Call::ReadAt, &self.path, read, |_| {})
    }

    fn forget_cached(&self) -> io::Result<()> {
        self.sync_and(Call::ForgetCached, Inode::forget_cached)
    }

    fn id(&self) -> io::Result<FileId> {
        self.disk.call(Call::Id, &self.path, |_| Ok(id_of(self.inode)), |_| {})
    }
}

/// A place in a file, which is in memory here.
fn place(at: u64) -> usize {
    usize::try_from(at).expect("a file in memory is no larger than memory")
}
