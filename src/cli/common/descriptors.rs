//! How many files and connections the process may have open, and how many of them are left for connections.
//!
//! The soft limit is raised to the hard one: it is low by default for the sake of programs that use `select`. What the
//! stores may open is set aside, so that connections never take a file from them.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::CONNECTIONS_MAX;

/// What the log has open at most: sled's file and ours beside it, the lock, the head while it is written, files of the
/// journal and folders that are synced.
const LOG: u64 = 16;
/// The tables of one projection: each size has a few, a size is four times the one before, and a compaction has its
/// inputs open beside its result. As many again stay open for readers that began before a compaction.
const PROJECTION: u64 = 64;
/// A rebuild has a second one.
const PROJECTIONS: u64 = 2;
/// The files that a rebuild sorts, each as large as its memory.
const SORTING: u64 = 40;
/// The archive: the segment that is written, one that is read, folders.
const ARCHIVE: u64 = 8;
/// What the stores may open.
const STORES: u64 = LOG + PROJECTIONS * PROJECTION + SORTING + ARCHIVE;
/// The connections of the listener for operations.
const OPERATIONS: u64 = 64;
/// Everything else: standard streams, listeners, the runtime's own, `/proc`, and connections that are being closed to
/// make room.
const OTHERS: u64 = 64;
const RESERVE: u64 = STORES + OPERATIONS + OTHERS;

/// The limit of open files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) struct Descriptors(u64);

/// Raises the limit as far as it may be raised.
pub(in crate::cli) fn raised() -> Descriptors {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum
        && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })
    {
        tracing::warn!(%error, ?current, ?maximum, "the limit of open files could not be raised to the hard one");
    }
    let current = getrlimit(Resource::Nofile).current;
    Descriptors(current.unwrap_or(u64::MAX))
}

impl Descriptors {
    /// How many connections there may be: as many as are configured, or as have room.
    pub(in crate::cli) fn connections_max(self, configured: Option<u32>) -> u32 {
        let Descriptors(limit) = self;
        let room = self.room();
        if limit < RESERVE * 2 {
            tracing::warn!(
                limit,
                reserve = RESERVE,
                "the limit of open files is low: raise the hard one (`ulimit -Hn`, LimitNOFILE), or a large log may not find the files that it needs"
            );
        }
        match configured {
            Some(wanted) if wanted > room => {
                tracing::warn!(
                    wanted,
                    limit,
                    reserve = RESERVE,
                    connections_max = room,
                    "`connections_max` does not fit the limit of open files, of which the stores need a part: it is lowered"
                );
                room
            }
            Some(wanted) => wanted,
            None => room.min(CONNECTIONS_MAX),
        }
    }

    /// How many connections fit. Where the limit is very low, half of it is for the stores.
    fn room(self) -> u32 {
        let room = self.0.saturating_sub(RESERVE).max(self.0 / 2).max(1);
        u32::try_from(room).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_what_the_stores_need() {
        for (limit, configured, connections) in [
            (1_024, None, 704),
            (1_024, Some(2), 2),
            (1_024, Some(704), 704),
            (1_024, Some(705), 704),
            (256, None, 128),
            (65_536, None, 16_384),
            (65_536, Some(30_000), 30_000),
            (u64::MAX, None, 16_384),
            (u64::MAX, Some(1_000_000), 1_000_000),
        ] {
            assert_eq!(Descriptors(limit).connections_max(configured), connections, "{limit} {configured:?}");
        }
    }
}
