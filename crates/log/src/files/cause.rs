//! Why the system refused, as far as the cause changes what a person does.
//!
//! None of these says that the log is corrupt: where the system refuses, the log may be well. So no hint here says to
//! restore a copy.

use std::io;

use rustix::io::Errno;

/// What kept the log from being opened, read or written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// EACCES, EPERM: this user may not.
    NotAllowed,
    /// EROFS: the file system is mounted read-only.
    ReadOnly,
    /// ENOSPC: the disk is full, of bytes or of files.
    NoSpace,
    /// EDQUOT: this user's quota of the disk is used up.
    Quota,
    /// EIO: the disk, or something between, has failed.
    Device,
    /// EMFILE, ENFILE: too many files are open.
    TooManyFiles,
    /// EFBIG: a limit on how large a file may be.
    TooLarge,
    /// ENOMEM.
    NoMemory,
    /// ENODEV, ENXIO, ENOTCONN, ESTALE: the disk is no longer there.
    Gone,
    /// EAGAIN of a lock: another process has the store's file.
    Locked,
    /// Anything else.
    Other,
}

impl Cause {
    /// The cause of a system's error.
    pub fn of(error: &io::Error) -> Cause {
        match error.raw_os_error() {
            Some(number) => Cause::of_number(number),
            // Made of another error's kind and text.
            None => Cause::in_text(&error.to_string()).unwrap_or_else(|| Cause::of_kind(error.kind())),
        }
    }

    /// Whether the system refuses, and not the code that reads what is there.
    pub(crate) fn is_the_systems(error: &io::Error) -> bool {
        error.raw_os_error().is_some() || Cause::in_text(&error.to_string()).is_some()
    }

    /// What the system said, where only a text is left of its error: sled hands on copies of its errors, which hold no
    /// number but their printed form, `Os { code: 28, …`.
    pub(crate) fn in_text(text: &str) -> Option<Cause> {
        let (_, rest) = text.split_once("Os { code: ")?;
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok().map(Cause::of_number)
    }

    fn of_number(number: i32) -> Cause {
        match Errno::from_raw_os_error(number) {
            Errno::ACCESS | Errno::PERM => Cause::NotAllowed,
            Errno::ROFS => Cause::ReadOnly,
            Errno::NOSPC => Cause::NoSpace,
            Errno::DQUOT => Cause::Quota,
            Errno::IO => Cause::Device,
            Errno::MFILE | Errno::NFILE => Cause::TooManyFiles,
            Errno::FBIG => Cause::TooLarge,
            Errno::NOMEM => Cause::NoMemory,
            Errno::NODEV | Errno::NXIO | Errno::NOTCONN | Errno::STALE => Cause::Gone,
            Errno::AGAIN => Cause::Locked,
            _ => Cause::Other,
        }
    }

    fn of_kind(kind: io::ErrorKind) -> Cause {
        match kind {
            io::ErrorKind::PermissionDenied => Cause::NotAllowed,
            io::ErrorKind::ReadOnlyFilesystem => Cause::ReadOnly,
            io::ErrorKind::StorageFull => Cause::NoSpace,
            io::ErrorKind::QuotaExceeded => Cause::Quota,
            io::ErrorKind::FileTooLarge => Cause::TooLarge,
            io::ErrorKind::OutOfMemory => Cause::NoMemory,
            io::ErrorKind::StaleNetworkFileHandle => Cause::Gone,
            _ => Cause::Other,
        }
    }

    /// What the person who reads the message can do.
    pub(crate) fn hint(self) -> &'static str {
        match self {
            Cause::NotAllowed => {
                "run it as the user who owns the data directory, and let that user alone own all that is in it; nothing in the log was changed"
            }
            Cause::ReadOnly => {
                "make the file system writable again (mount -o remount,rw); a kernel that met errors on the disk makes it read-only and says why in its messages (dmesg)"
            }
            Cause::NoSpace => {
                "make room on the disk (df -h, and df -i for files), or give it more; what was acknowledged is kept"
            }
            Cause::Quota => "raise the owner's quota on this file system, or make room within it",
            Cause::Device => {
                "check the disk: the kernel's messages (dmesg) say what failed, smartctl whether the disk is failing. Whether anything is lost is only known once it can be read"
            }
            Cause::TooManyFiles => {
                "raise the limit on open files (LimitNOFILE= in the unit, ulimit -n, or fs.file-max for the machine); the disk is not what is wrong"
            }
            Cause::TooLarge => {
                "raise the limit on a file's size (LimitFSIZE= in the unit, ulimit -f); the disk is not what is wrong"
            }
            Cause::NoMemory => "give the machine, or the control group, more memory; the disk is not what is wrong",
            Cause::Gone => {
                "the disk is not there any more: check that it is attached and mounted, and what the kernel's messages (dmesg) say"
            }
            Cause::Locked => {
                "another process has the log's files open, though not the data directory's lock: find it (fuser -v, lsof) and stop it"
            }
            Cause::Other => {
                "check the disk (space, permissions, kernel messages); nothing that was acknowledged is given up by a restart"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_means_the_same_as_itself_as_its_copy_and_in_a_panic() {
        for (number, cause) in [
            (13, Cause::NotAllowed),
            (1, Cause::NotAllowed),
            (30, Cause::ReadOnly),
            (28, Cause::NoSpace),
            (122, Cause::Quota),
            (5, Cause::Device),
            (24, Cause::TooManyFiles),
            (23, Cause::TooManyFiles),
            (27, Cause::TooLarge),
            (12, Cause::NoMemory),
            (107, Cause::Gone),
            (11, Cause::Locked),
            (22, Cause::Other),
        ] {
            let error = io::Error::from_raw_os_error(number);
            let copy = io::Error::new(error.kind(), format!("{error:?}"));
            let copy_of_copy = io::Error::new(copy.kind(), format!("{copy:?}"));
            assert_eq!([Cause::of(&error), Cause::of(&copy), Cause::of(&copy_of_copy)], [cause; 3], "{number}");
            let panic = format!("called `Result::unwrap()` on an `Err` value: Io({error:?})");
            assert_eq!(Cause::in_text(&panic), Some(cause));
        }
        assert_eq!(Cause::of(&io::Error::other("the end is missing")), Cause::Other);
        assert_eq!(Cause::of(&io::ErrorKind::StorageFull.into()), Cause::NoSpace);
        assert_eq!(Cause::in_text("Os { code: "), None);
    }

    #[test]
    fn each_hint_is_one_of_its_kind_and_none_gives_the_log_up() {
        use Cause::*;

        let all = [NotAllowed, ReadOnly, NoSpace, Quota, Device, TooManyFiles, TooLarge, NoMemory, Gone, Locked, Other];
        let hints: std::collections::BTreeSet<&str> = all.iter().map(|cause| cause.hint()).collect();
        assert_eq!(hints.len(), all.len());
        for hint in hints {
            assert!(!hint.contains("backup") && !hint.contains("restore") && !hint.contains("head"), "{hint}");
        }
    }
}
