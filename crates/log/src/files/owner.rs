//! Whose a data directory is, and acting as that user.
//!
//! sled writes to the files that it opens, and the user who makes a file owns it: a command that root runs on a
//! service's directory would leave files there that the service can't open. So a command that only reads acts as the
//! owner, and one that writes is for the owner alone.

use std::{fmt, fs, io, os::unix::fs::MetadataExt};

use rustix::{
    process::{Gid, Uid, getegid, geteuid},
    thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid},
};

use crate::DataDir;

/// The user and the group that a data directory belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The user's id.
    pub user: u32,
    /// The group's id.
    pub group: u32,
    /// Whether the log is there already, and is the owner's.
    has_log: bool,
}

/// While this lives, the thread that made it acts as another user, and so does every thread that it starts meanwhile.
///
/// The system keeps users by thread, and this one stays among those that root may become again: [`Acting::pause`] is
/// for work outside the data directory, such as in the place where root wants a copy.
#[derive(Debug)]
pub struct Acting {
    /// The real user, and the one that it acts as; `None` where they are the same.
    changed: Option<((Uid, Gid), (Uid, Gid))>,
}

impl Owner {
    /// The owner of a data directory: that of the log, or where there is none yet, of the directory. `None` where that
    /// is not there either.
    pub fn of(data_dir: &DataDir) -> io::Result<Option<Owner>> {
        let owner = |found: fs::Metadata, has_log| Some(Owner { user: found.uid(), group: found.gid(), has_log });
        let has_log = match fs::metadata(data_dir.log()) {
            Ok(found) => return Ok(owner(found, true)),
            // A directory that this user can't look into belongs to somebody who keeps a log there.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => true,
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(error) => return Err(error),
        };
        match fs::metadata(data_dir.root()) {
            Ok(found) => Ok(owner(found, has_log)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether this process runs as the owner.
    pub fn is_this_user(self) -> bool {
        self.user == geteuid().as_raw()
    }

    /// Whether this process may begin or go on with a log there, so that the owner can open every file of it. A new log
    /// belongs to the user who begins it: a directory that a group may write to serves any of its members. Root may
    /// always, and makes files for nobody else.
    pub fn lets_write(self) -> bool {
        self.is_this_user() || (!self.has_log && !geteuid().is_root())
    }

    /// Acts as the owner from now on; only root can, where that is another one.
    pub fn act(self) -> io::Result<Acting> {
        if self.is_this_user() {
            return Ok(Acting::as_before());
        }
        let (before, owner) = ((geteuid(), getegid()), (Uid::from_raw(self.user), Gid::from_raw(self.group)));
        // While this is still root: afterwards it may not.
        set_thread_groups(&[])?;
        become_user(owner)?;
        Ok(Acting { changed: Some((before, owner)) })
    }

    /// The user's name, as far as the machine's own list has one.
    fn name(self) -> Option<String> {
        let users = fs::read_to_string("/etc/passwd").ok()?;
        let mut users = users.lines().map(|line| line.split(':').collect::<Vec<_>>());
        let found = users.find(|user| user.get(2).is_some_and(|id| id.parse() == Ok(self.user)));
        found.map(|user| user[0].to_owned())
    }

    /// The words before a command that run it as the owner.
    pub fn runner(self) -> String {
        match self.name() {
            Some(name) => format!("runuser -u {name} --"),
            None => format!("setpriv --reuid={} --regid={} --clear-groups --", self.user, self.group),
        }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{name} (user {})", self.user),
            None => write!(f, "user {}", self.user),
        }
    }
}

impl Acting {
    /// Acts as nobody else.
    pub fn as_before() -> Acting {
        Acting { changed: None }
    }

    /// Does something as the user that this was before.
    pub fn pause<T>(&self, act: impl FnOnce() -> T) -> io::Result<T> {
        let Some((before, owner)) = self.changed else { return Ok(act()) };
        become_user(before)?;
        let done = act();
        become_user(owner)?;
        Ok(done)
    }
}

impl Drop for Acting {
    fn drop(&mut self) {
        if let Some((before, _)) = self.changed
            && let Err(error) = become_user(before)
        {
            tracing::warn!(%error, "this is no longer who it was before");
        }
    }
}

/// Keeps the old user among those that it may become again.
fn become_user((user, group): (Uid, Gid)) -> io::Result<()> {
    // The way back to root is the user's first, because only root may take any group.
    if user.is_root() {
        set_thread_res_uid(None, user, None)?;
        return Ok(set_thread_res_gid(None, group, None)?);
    }
    set_thread_res_gid(None, group, None)?;
    Ok(set_thread_res_uid(None, user, None)?)
}
