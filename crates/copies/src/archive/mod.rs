//! The archive: a copy of the log on another disk that a server keeps up with, about a second behind.
//!
//! A thread of its own follows the log from where the archive ends, so that after a time without it the archive catches
//! up. It never holds up a delivery: errors of the archive's disk are logged, counted and tried again.

mod tail;

use std::{
    io,
    path::PathBuf,
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

use clockfold_log::{Head, Log, Position};

use super::{CopyError, SEGMENT_BYTES};
use tail::{Synced, Tail};

/// How often the log is asked whether it has grown.
const INTERVAL: Duration = Duration::from_millis(200);
const RETRY_LEAST: Duration = Duration::from_secs(1);
const RETRY_MOST: Duration = Duration::from_secs(15);
/// After how long the same trouble is logged again.
const TELL_AGAIN: Duration = Duration::from_secs(300);

/// A server's archive while it runs.
pub struct Archive {
    stop: mpsc::Sender<Instant>,
    ended: mpsc::Receiver<()>,
}

impl Archive {
    /// Starts to follow `log` into `directory`.
    pub fn follow(directory: PathBuf, log: Arc<dyn Log>) -> io::Result<Archive> {
        Archive::follow_with(directory, log, SEGMENT_BYTES)
    }

    /// The same, with segments of another length.
    pub fn follow_with(directory: PathBuf, log: Arc<dyn Log>, segment_bytes: u64) -> io::Result<Archive> {
        let (stop, stopped) = mpsc::channel();
        let (end, ended) = mpsc::channel();
        let mut follower =
            Follower { directory, log, segment_bytes, tail: None, synced: None, at: Head::EMPTY, trouble: None };
        let run = move || {
            follower.run(&stopped);
            drop(follower);
            // The thread that stopped it may have gone on already.
            let _ = end.send(());
        };
        thread::Builder::new().name("clockfold-archive".to_owned()).spawn(run)?;
        Ok(Archive { stop, ended })
    }

    /// Ends it, once it has all that the log has, or at `deadline`.
    pub fn stop(self, deadline: Instant) {
        let _ = self.stop.send(deadline);
        let left = deadline.saturating_duration_since(Instant::now());
        if self.ended.recv_timeout(left + INTERVAL) == Err(mpsc::RecvTimeoutError::Timeout) {
            tracing::warn!(
                "the archive's disk did not answer in time; the next start goes on from where the archive ends"
            );
        }
    }
}

/// What stops the archive from going on.
struct Trouble {
    message: String,
    told: Instant,
    retry_at: Instant,
    wait: Duration,
}

struct Follower {
    directory: PathBuf,
    log: Arc<dyn Log>,
    segment_bytes: u64,
    tail: Option<Tail>,
    /// What is known to be on stable storage: later writes may not be, whatever is read back.
    synced: Option<Synced>,
    at: Head,
    trouble: Option<Trouble>,
}

impl Follower {
    fn run(&mut self, stopped: &mpsc::Receiver<Instant>) {
        let deadline = loop {
            self.attend(None);
            match stopped.recv_timeout(INTERVAL) {
                Ok(deadline) => break deadline,
                Err(mpsc::RecvTimeoutError::Timeout) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => break Instant::now(),
            }
        };
        if let Some(trouble) = &mut self.trouble {
            trouble.retry_at = Instant::now();
        }
        self.attend(Some(deadline));
        let (archived, head) = (self.at.position, self.log.head().position);
        if archived < head {
            tracing::warn!(
                archived = archived.get(),
                head = head.get(),
                "the archive does not have all of the log; the next start goes on from there"
            );
        }
    }

    /// Copies what is new, unless it is not yet time to try again.
    fn attend(&mut self, deadline: Option<Instant>) {
        let due = self.trouble.as_ref().is_none_or(|trouble| Instant::now() >= trouble.retry_at);
        if due {
            match self.catch_up(deadline) {
                Ok(()) => self.tell_well(),
                Err(error) => {
                    // The file's content is now unknown: it is read again before anything else is written.
                    self.tail = None;
                    self.tell_trouble(&error);
                }
            }
        }
        self.count();
    }

    fn catch_up(&mut self, deadline: Option<Instant>) -> Result<(), CopyError> {
        let tail = match &mut self.tail {
            Some(tail) => tail,
            none => none.insert(Tail::open(&self.directory, &*self.log, self.synced.as_ref())?),
        };
        self.at = tail.at();
        while tail.at().position < self.log.head().position && deadline.is_none_or(|deadline| Instant::now() < deadline)
        {
            self.synced = Some(tail.append_batch(&*self.log, self.segment_bytes)?);
            self.at = tail.at();
            let lag = self.log.head().position.get().saturating_sub(self.at.position.get());
            set_lag(lag);
        }
        Ok(())
    }

    fn tell_trouble(&mut self, error: &CopyError) {
        let (message, now) = (error.to_string(), Instant::now());
        let before = self.trouble.take();
        let wait = before.as_ref().map_or(RETRY_LEAST, |before| (before.wait * 2).min(RETRY_MOST));
        let known = before.filter(|before| before.message == message && before.told.elapsed() < TELL_AGAIN);
        if known.is_none() {
            tracing::error!(
                error = %message,
                hint = error.hint(),
                archived = self.at.position.get(),
                "the archive can't be written; deliveries are accepted all the same, and it is tried again"
            );
        }
        let told = known.map_or(now, |known| known.told);
        self.trouble = Some(Trouble { message, told, retry_at: now + wait, wait });
    }

    fn tell_well(&mut self) {
        if self.trouble.take().is_some() {
            tracing::info!(archived = self.at.position.get(), "the archive is well again");
        }
    }

    fn count(&self) {
        let head: Position = self.log.head().position;
        set_lag(head.get().saturating_sub(self.at.position.get()));
        metrics::gauge!("clockfold_archive_failed").set(if self.trouble.is_some() { 1.0 } else { 0.0 });
    }
}

/// A count as a gauge: exact up to 2^53.
#[allow(clippy::cast_precision_loss)]
fn set_lag(deliveries: u64) {
    metrics::gauge!("clockfold_archive_lag_deliveries").set(deliveries as f64);
}
