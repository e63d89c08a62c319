//! A thread that syncs a file while its caller works.

use std::{
    io,
    sync::{Arc, mpsc},
    thread::{self, JoinHandle},
    time::Instant,
};

use clockfold_disk::File;

/// Syncs one file after another.
pub(crate) struct Syncer {
    /// `None` once it is to end.
    files: Option<mpsc::Sender<Unsynced>>,
    thread: Option<JoinHandle<()>>,
}

/// A file to sync, and who waits for that.
type Unsynced = (Arc<dyn File>, mpsc::SyncSender<io::Result<()>>);

impl Syncer {
    pub(crate) fn start() -> io::Result<Syncer> {
        let (files, unsynced) = mpsc::channel::<Unsynced>();
        let work = move || {
            for (file, synced) in unsynced {
                // Who no longer waits does not need the result.
                let _ = synced.send(sync(&*file));
            }
        };
        let thread = thread::Builder::new().name("syncer".to_owned()).spawn(work)?;
        Ok(Syncer { files: Some(files), thread: Some(thread) })
    }

    /// Syncs a file, and does `meanwhile` on this thread before it waits for that.
    pub(crate) fn sync(&self, file: &Arc<dyn File>, meanwhile: impl FnOnce()) -> io::Result<()> {
        let (tell, synced) = mpsc::sync_channel(1);
        let stopped = || io::Error::other("the thread that syncs has stopped");
        let files = self.files.as_ref().ok_or_else(stopped)?;
        files.send((Arc::clone(file), tell)).map_err(|_| stopped())?;
        meanwhile();
        synced.recv().map_err(|_| stopped())?
    }
}

impl Drop for Syncer {
    fn drop(&mut self) {
        drop(self.files.take());
        // A panic was logged when it happened.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// Syncs a file of the journal.
pub(crate) fn sync(file: &dyn File) -> io::Result<()> {
    let started = Instant::now();
    file.sync()?;
    metrics::histogram!("clockfold_log_sync_seconds").record(started.elapsed());
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use clockfold_disk::FileId;

    use super::*;

    /// Every other sync fails.
    #[derive(Default)]
    struct Failing(AtomicUsize);

    impl File for Failing {
        fn append(&mut self, _: &[u8]) -> io::Result<()> {
            Err(io::Error::other("it is only synced"))
        }

        fn write_at(&self, _: &[u8], _: u64) -> io::Result<()> {
            Err(io::Error::other("it is only synced"))
        }

        fn sync(&self) -> io::Result<()> {
            match self.0.fetch_add(1, Ordering::SeqCst) % 2 {
                0 => Ok(()),
                _ => Err(io::Error::other("the disk is full, on purpose")),
            }
        }

        fn length(&self) -> io::Result<u64> {
            Ok(0)
        }

        fn read_at(&self, _: &mut [u8], _: u64) -> io::Result<()> {
            Err(io::Error::other("it is only synced"))
        }

        fn forget_cached(&self) -> io::Result<()> {
            Ok(())
        }

        fn id(&self) -> io::Result<FileId> {
            Err(io::Error::other("it is only synced"))
        }
    }

    #[test]
    fn each_caller_gets_the_result_of_its_own_sync() {
        let syncer = Syncer::start().unwrap();
        let file: Arc<dyn File> = Arc::new(Failing::default());
        let mut worked = 0;
        for round in 0..100 {
            let synced = syncer.sync(&file, || worked += 1);
            assert_eq!((synced.is_ok(), worked), (round % 2 == 0, round + 1));
        }
        // A caller whose own work panics leaves no result behind for the next one.
        for round in 0..10 {
            let panicked = || panic!("a defect, on purpose");
            let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| syncer.sync(&file, panicked)));
            assert!(caught.is_err());
            assert!(syncer.sync(&file, || {}).is_err(), "{round}");
        }
    }
}
