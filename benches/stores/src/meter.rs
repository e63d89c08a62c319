//! What the process has used so far: processor time of all its threads, and bytes written.

use std::{fs, io, os::unix::fs::MetadataExt, path::Path, thread, time::Duration};

use rustix::time::{ClockId, Timespec, clock_gettime};

use crate::store::Fallible;

/// Nothing works any more once the process has been so quiet for so many looks at it.
const LOOKS: u32 = 10;
const LOOK_INTERVAL: Duration = Duration::from_millis(100);
const QUIET_CPU: Duration = Duration::from_millis(1);
/// A store that works on for longer than this without being asked to is not waited for.
const LOOKS_MAX: u32 = 1_200;

/// User and system time of all threads, those that have ended too.
pub(crate) fn process_cpu() -> Duration {
    duration(clock_gettime(ClockId::ProcessCPUTime))
}

/// User and system time of the calling thread.
pub(crate) fn thread_cpu() -> Duration {
    duration(clock_gettime(ClockId::ThreadCPUTime))
}

/// Bytes that the process gave to files, by the kernel's count: it counts a page when it becomes dirty. A file that is
/// removed before it reaches the disk counts too.
pub(crate) fn written_bytes() -> Fallible<u64> {
    let text = fs::read_to_string("/proc/self/io")?;
    let line = text.lines().find_map(|line| line.strip_prefix("write_bytes: "));
    Ok(line.ok_or("the kernel counts no bytes written")?.parse()?)
}

/// What the files of a folder take of the disk.
pub(crate) fn bytes_under(folder: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        // What stat calls a block has 512 bytes.
        bytes += if metadata.is_dir() { bytes_under(&entry.path())? } else { metadata.blocks() * 512 };
    }
    Ok(bytes)
}

/// Waits until the store's threads have done what there is to do.
pub(crate) fn settle() -> Fallible<()> {
    let mut quiet = 0;
    for _ in 0..LOOKS_MAX {
        let before = process_cpu();
        thread::sleep(LOOK_INTERVAL);
        quiet = if process_cpu() - before < QUIET_CPU { quiet + 1 } else { 0 };
        if quiet == LOOKS {
            return Ok(());
        }
    }
    Err("the store's threads do not come to an end".into())
}

fn duration(time: Timespec) -> Duration {
    Duration::try_from(time).unwrap_or_default()
}
