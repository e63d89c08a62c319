//! The file system: every call of the kernel's, done in the folder behind it, unless a fault is in the way.

use std::{
    ffi::OsStr,
    fs::{self, DirBuilder, File, Metadata, Permissions},
    io,
    os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt, PermissionsExt, chown},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use fuser::{
    BsdFileFlags, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation, INodeNo, LockOwner,
    OpenAccMode, OpenFlags, RenameFlags, ReplyAttr, ReplyCreate, ReplyData, ReplyDirectory, ReplyEmpty, ReplyEntry,
    ReplyOpen, ReplyStatfs, ReplyWrite, Request, TimeOrNow, WriteFlags,
};

use super::{
    Operation, SMALL_BYTES, State, ToldRoom,
    nodes::{Nodes, Open, What},
};

/// The kernel asks each time.
const NOT_KEPT: Duration = Duration::ZERO;
/// Reads and writes come here each time, instead of the kernel's memory.
const UNCACHED: FopenFlags = FopenFlags::FOPEN_DIRECT_IO;
const FIRST: Generation = Generation(0);

pub(super) struct Passthrough {
    root: PathBuf,
    nodes: Mutex<Nodes>,
    state: Arc<State>,
}

impl Passthrough {
    pub(super) fn over(root: &Path, state: Arc<State>) -> Passthrough {
        Passthrough { root: root.to_owned(), nodes: Mutex::new(Nodes::new()), state }
    }

    fn nodes(&self) -> MutexGuard<'_, Nodes> {
        self.nodes.lock().unwrap()
    }

    /// Where a node is below the root.
    fn path(&self, node: INodeNo) -> PathBuf {
        self.nodes().path(node.0)
    }

    fn pass(&self, operation: Operation, path: &Path) -> Result<(), Errno> {
        self.state.pass(operation, &[path])
    }

    fn entry(&self, path: &Path) -> Result<FileAttr, Errno> {
        let metadata = fs::symlink_metadata(self.root.join(path))?;
        Ok(attributes(self.nodes().number(path), &metadata))
    }

    fn look(&self, node: INodeNo, handle: Option<FileHandle>) -> Result<FileAttr, Errno> {
        let open = match handle {
            Some(handle) => Some(self.nodes().opened(handle.0)),
            None => self.nodes().handle_on(node.0),
        };
        let metadata = match open.as_deref() {
            Some(Open { what: What::File(file, _), .. }) => file.metadata()?,
            _ if self.nodes().is_there(node.0) => fs::symlink_metadata(self.root.join(self.path(node)))?,
            _ => return Err(Errno::ENOENT),
        };
        Ok(attributes(node.0, &metadata))
    }

    fn open_file(&self, path: &Path, flags: OpenFlags, make: Option<(u32, &Request)>) -> Result<u64, Errno> {
        self.pass(Operation::Open, path)?;
        let mut options = File::options();
        let writes = flags.acc_mode() != OpenAccMode::O_RDONLY;
        // What has to be kept of it is read first.
        options.read(true).write(writes || make.is_some());
        if let Some((mode, _)) = make {
            options.create(true).truncate(false).mode(mode);
        }
        let file = options.open(self.root.join(path))?;
        if let Some((_, request)) = make.filter(|(_, request)| request.uid() != 0) {
            chown(self.root.join(path), Some(request.uid()), Some(request.gid()))?;
        }
        let mut nodes = self.nodes();
        let number = nodes.number(path);
        let unsynced = nodes.unsynced_of(number);
        Ok(nodes.open(number, What::File(file, unsynced)))
    }

    /// Does something with an open file.
    fn with_file<T>(
        &self,
        operation: Operation,
        handle: FileHandle,
        act: impl FnOnce(&Open, Result<(), Errno>) -> Result<T, Errno>,
    ) -> Result<T, Errno> {
        let open = self.nodes().opened(handle.0);
        let path = self.path(INodeNo(open.number));
        let passed = self.pass(operation, &path);
        act(&open, passed)
    }

    fn set_length(&self, node: INodeNo, handle: Option<FileHandle>, length: u64) -> Result<(), Errno> {
        self.pass(Operation::Write, &self.path(node))?;
        match handle.map(|handle| self.nodes().opened(handle.0)).as_deref() {
            Some(Open { what: What::File(file, unsynced), .. }) => {
                let before = file.metadata()?.len();
                let lost = usize::try_from(before.saturating_sub(length)).expect("a file fits into memory here");
                unsynced.keep(file, length, lost)?;
                Ok(file.set_len(length)?)
            }
            _ => Ok(File::options().write(true).open(self.root.join(self.path(node)))?.set_len(length)?),
        }
    }

    fn change(&self, node: INodeNo, mode: Option<u32>, uid: Option<u32>, gid: Option<u32>) -> Result<(), Errno> {
        let path = self.path(node);
        if mode.or(uid).or(gid).is_some() {
            self.pass(Operation::Change, &path)?;
        }
        if let Some(mode) = mode {
            fs::set_permissions(self.root.join(&path), Permissions::from_mode(mode & 0o7777))?;
        }
        if uid.or(gid).is_some() {
            chown(self.root.join(&path), uid, gid)?;
        }
        Ok(())
    }

    fn remove(&self, parent: INodeNo, name: &OsStr, remove: fn(PathBuf) -> io::Result<()>) -> Result<(), Errno> {
        let path = self.path(parent).join(name);
        self.pass(Operation::Unlink, &path)?;
        remove(self.root.join(&path))?;
        self.nodes().remove(&path);
        Ok(())
    }
}

impl Filesystem for Passthrough {
    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let path = self.path(parent).join(name);
        match self.pass(Operation::Look, &path).and_then(|()| self.entry(&path)) {
            Ok(found) => reply.entry(&NOT_KEPT, &found, FIRST),
            Err(error) => reply.error(error),
        }
    }

    fn getattr(&self, _: &Request, node: INodeNo, handle: Option<FileHandle>, reply: ReplyAttr) {
        match self.pass(Operation::Look, &self.path(node)).and_then(|()| self.look(node, handle)) {
            Ok(found) => reply.attr(&NOT_KEPT, &found),
            Err(error) => reply.error(error),
        }
    }

    fn setattr(
        &self,
        _: &Request,
        node: INodeNo,
        mode: Option<u32>,
        uid: Option<u32>,
        gid: Option<u32>,
        size: Option<u64>,
        _: Option<TimeOrNow>,
        _: Option<TimeOrNow>,
        _: Option<SystemTime>,
        handle: Option<FileHandle>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let changed = self.change(node, mode, uid, gid);
        let changed = changed.and_then(|()| size.map_or(Ok(()), |size| self.set_length(node, handle, size)));
        match changed.and_then(|()| self.look(node, handle)) {
            Ok(found) => reply.attr(&NOT_KEPT, &found),
            Err(error) => reply.error(error),
        }
    }

    fn mkdir(&self, request: &Request, parent: INodeNo, name: &OsStr, mode: u32, umask: u32, reply: ReplyEntry) {
        let path = self.path(parent).join(name);
        let make = || -> Result<FileAttr, Errno> {
            self.pass(Operation::Change, &path)?;
            DirBuilder::new().mode(mode & !umask).create(self.root.join(&path))?;
            chown(self.root.join(&path), Some(request.uid()), Some(request.gid()))?;
            self.entry(&path)
        };
        match make() {
            Ok(made) => reply.entry(&NOT_KEPT, &made, FIRST),
            Err(error) => reply.error(error),
        }
    }

    fn unlink(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        answer(self.remove(parent, name, fs::remove_file), reply);
    }

    fn rmdir(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        answer(self.remove(parent, name, fs::remove_dir), reply);
    }

    fn rename(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        new_parent: INodeNo,
        new_name: &OsStr,
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        let (from, to) = (self.path(parent).join(name), self.path(new_parent).join(new_name));
        let rename = || -> Result<(), Errno> {
            if !flags.is_empty() {
                return Err(Errno::EINVAL);
            }
            self.state.pass(Operation::Rename, &[&from, &to])?;
            fs::rename(self.root.join(&from), self.root.join(&to))?;
            self.nodes().rename(&from, &to);
            Ok(())
        };
        answer(rename(), reply);
    }

    fn open(&self, _: &Request, node: INodeNo, flags: OpenFlags, reply: ReplyOpen) {
        match self.open_file(&self.path(node), flags, None) {
            Ok(handle) => reply.opened(FileHandle(handle), UNCACHED),
            Err(error) => reply.error(error),
        }
    }

    fn create(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        umask: u32,
        flags: i32,
        reply: ReplyCreate,
    ) {
        let path = self.path(parent).join(name);
        let made = self.open_file(&path, OpenFlags(flags), Some((mode & !umask, request)));
        match made.and_then(|handle| Ok((handle, self.entry(&path)?))) {
            Ok((handle, found)) => reply.created(&NOT_KEPT, &found, FIRST, FileHandle(handle), UNCACHED),
            Err(error) => reply.error(error),
        }
    }

    fn read(
        &self,
        _: &Request,
        _: INodeNo,
        handle: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let read = self.with_file(Operation::Read, handle, |open, passed| {
            passed?;
            if size > SMALL_BYTES {
                self.pass(Operation::LargeRead, &self.path(INodeNo(open.number)))?;
            }
            let What::File(file, _) = &open.what else { return Err(Errno::EISDIR) };
            let mut bytes = vec![0; size as usize];
            let count = file.read_at(&mut bytes, offset)?;
            bytes.truncate(count);
            Ok(bytes)
        });
        match read {
            Ok(bytes) => reply.data(&bytes),
            Err(error) => reply.error(error),
        }
    }

    fn write(
        &self,
        _: &Request,
        _: INodeNo,
        handle: FileHandle,
        offset: u64,
        data: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        let written = self.with_file(Operation::Write, handle, |open, passed| {
            let What::File(file, unsynced) = &open.what else { return Err(Errno::EISDIR) };
            unsynced.keep(file, offset, data.len())?;
            let part = if passed.is_ok() { data } else { &data[..data.len() / 2] };
            file.write_all_at(part, offset)?;
            passed
        });
        match written {
            Ok(()) => reply.written(u32::try_from(data.len()).expect("a write has a bound")),
            Err(error) => reply.error(error),
        }
    }

    fn flush(&self, _: &Request, _: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        reply.ok();
    }

    fn release(
        &self,
        _: &Request,
        _: INodeNo,
        handle: FileHandle,
        _: OpenFlags,
        _: Option<LockOwner>,
        _: bool,
        reply: ReplyEmpty,
    ) {
        self.nodes().close(handle.0);
        reply.ok();
    }

    fn fsync(&self, _: &Request, _: INodeNo, handle: FileHandle, _: bool, reply: ReplyEmpty) {
        let synced = self.with_file(Operation::Sync, handle, |open, passed| {
            let What::File(file, unsynced) = &open.what else { return Err(Errno::EISDIR) };
            match passed {
                Ok(()) => unsynced.settle(),
                Err(_) => unsynced.lose(file)?,
            }
            passed
        });
        answer(synced, reply);
    }

    fn opendir(&self, _: &Request, node: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        let open = || -> Result<u64, Errno> {
            let path = self.path(node);
            self.pass(Operation::Open, &path)?;
            let mut entries = Vec::new();
            for entry in fs::read_dir(self.root.join(path))? {
                let entry = entry?;
                let kind = FileType::from_std(entry.file_type()?).ok_or(Errno::EIO)?;
                entries.push((entry.file_name().to_string_lossy().into_owned(), kind));
            }
            Ok(self.nodes().open(node.0, What::Folder(entries)))
        };
        match open() {
            Ok(handle) => reply.opened(FileHandle(handle), FopenFlags::empty()),
            Err(error) => reply.error(error),
        }
    }

    fn readdir(&self, _: &Request, _: INodeNo, handle: FileHandle, offset: u64, mut reply: ReplyDirectory) {
        let open = self.nodes().opened(handle.0);
        let What::Folder(entries) = &open.what else { return reply.error(Errno::ENOTDIR) };
        for (next, (name, kind)) in (1..).zip(entries).skip(usize::try_from(offset).expect("it was told here")) {
            // Programs take no numbers from here.
            if reply.add(INodeNo(u64::MAX), next, *kind, name) {
                break;
            }
        }
        reply.ok();
    }

    fn releasedir(&self, _: &Request, _: INodeNo, handle: FileHandle, _: OpenFlags, reply: ReplyEmpty) {
        self.nodes().close(handle.0);
        reply.ok();
    }

    fn fsyncdir(&self, _: &Request, node: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        answer(self.pass(Operation::Sync, &self.path(node)), reply);
    }

    fn statfs(&self, _: &Request, _: INodeNo, reply: ReplyStatfs) {
        if let Some(ToldRoom { all, free, available }) = self.state.now.lock().unwrap().told {
            return reply.statfs(all, free, available, 0, 0, 4096, 255, 4096);
        }
        match rustix::fs::statvfs(&self.root) {
            Ok(told) => {
                let size = u32::try_from(told.f_frsize).unwrap_or(4096);
                reply.statfs(told.f_blocks, told.f_bfree, told.f_bavail, told.f_files, told.f_ffree, size, 255, size);
            }
            Err(error) => reply.error(Errno::from_i32(error.raw_os_error())),
        }
    }
}

fn answer(done: Result<(), Errno>, reply: ReplyEmpty) {
    match done {
        Ok(()) => reply.ok(),
        Err(error) => reply.error(error),
    }
}

fn attributes(number: u64, metadata: &Metadata) -> FileAttr {
    let at = |seconds: i64| UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or_default());
    FileAttr {
        ino: INodeNo(number),
        size: metadata.size(),
        blocks: metadata.blocks(),
        atime: at(metadata.atime()),
        mtime: at(metadata.mtime()),
        ctime: at(metadata.ctime()),
        crtime: UNIX_EPOCH,
        kind: FileType::from_std(metadata.file_type()).unwrap_or(FileType::RegularFile),
        perm: u16::try_from(metadata.mode() & 0o7777).expect("it has twelve bits"),
        nlink: u32::try_from(metadata.nlink()).unwrap_or(u32::MAX),
        uid: metadata.uid(),
        gid: metadata.gid(),
        rdev: 0,
        blksize: 4096,
        flags: 0,
    }
}
