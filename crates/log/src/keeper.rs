//! The keeper: a thread that remembers the head, looks whether the data directory is still there, and opens a log anew
//! that a storage error has closed.
//!
//! A failed write or sync is never tried again on the same file. Once the disk takes files again, everything is closed
//! and opened as at a start; the log that is opened has to hold what this process has acknowledged, or it stays closed.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use super::{LogError, opened::Files, sled_log::Shared};
use crate::files::{data_dir::storage, head::Head};

/// How often the head is remembered, where it has moved.
const HEAD_INTERVAL: Duration = Duration::from_millis(500);
/// How often a log that failed is opened anew, if the disk takes files.
const OPENING_INTERVAL: Duration = Duration::from_secs(1);
/// How often, where it was opened and is not what it should be: that waits for a person.
const HOPELESS_INTERVAL: Duration = Duration::from_secs(30);
/// How often a store that refuses by itself is tried before that is taken for corruption: what it says depends on the
/// disk.
const UNOPENABLE_TRIES: u32 = 3;
/// How often the same message is logged.
const WORDS_INTERVAL: Duration = Duration::from_secs(60);

/// Keeps a log until [`Condition::stop`](super::condition::Condition::stop).
pub(super) fn start(shared: Arc<Shared>) -> Result<JoinHandle<()>, LogError> {
    let mut keeper = Keeper { shared, remembered: None, tried: None, words: Words::default() };
    // Before anything is acknowledged: a process that ends a moment later leaves a log with a head.
    keeper.keep();
    let thread = thread::Builder::new().name("clockfold-keeper".to_owned()).spawn(move || keeper.run());
    thread.map_err(|error| storage("starting a thread".to_owned(), error))
}

struct Keeper {
    shared: Arc<Shared>,
    /// The head that the file has.
    remembered: Option<Head>,
    tried: Option<Tried>,
    words: Words,
}

/// The last time that the log was opened anew, or tried to be.
struct Tried {
    at: Instant,
    /// How long from then it is left alone, unless something else stands in its place.
    rest: Duration,
    /// What stood there, as far as it could be looked at.
    files: Option<Files>,
    /// How many times in succession the store itself refused by then.
    unopenable: u32,
}

/// What was logged last, and when: a disk that fails for a day is not reported each second.
#[derive(Default)]
struct Words(Option<(String, Instant)>);

impl Words {
    fn are_new(&mut self, words: &str) -> bool {
        let old = self.0.as_ref().is_some_and(|(said, at)| said == words && at.elapsed() < WORDS_INTERVAL);
        if !old {
            self.0 = Some((words.to_owned(), Instant::now()));
        }
        !old
    }
}

impl Keeper {
    fn run(mut self) {
        while self.shared.condition.wait(HEAD_INTERVAL) {
            match self.shared.condition.failure() {
                None => self.keep_or_fail(),
                Some(_) => self.repair(),
            }
        }
        if self.shared.condition.failure().is_none() {
            self.keep_or_fail();
        }
    }

    /// A defect closes the log, to be opened anew, and does not end this thread: without it nobody would do that.
    fn keep_or_fail(&mut self) {
        if catch_unwind(AssertUnwindSafe(|| self.keep())).is_err() {
            self.shared.condition.fail(&self.stopped_at_a_defect());
        }
    }

    fn stopped_at_a_defect(&self) -> LogError {
        let message = "this program stopped at something that it did not expect".to_owned();
        LogError::Unopenable { path: self.shared.data_dir.log(), message }
    }

    /// Writes the head, off the answers' path. It is a tripwire: where it can't be written, that is tried again.
    fn keep(&mut self) {
        // Before the head, which must not go into somebody else's directory.
        if let Err(error) = self.shared.check_files() {
            return self.shared.condition.fail(&error);
        }
        let head = self.shared.head();
        if self.remembered == Some(head) {
            return;
        }
        match self.shared.head_file.write(head) {
            Ok(()) => self.remembered = Some(head),
            Err(error) => {
                metrics::counter!("clockfold_head_failures_total").increment(1);
                if self.words.are_new(&error.to_string()) {
                    tracing::warn!(%error, "the head could not be remembered; it is tried again, and deliveries are kept as ever");
                }
            }
        }
    }

    fn repair(&mut self) {
        let files = Files::of(&self.shared.data_dir).ok();
        if self.tried.as_ref().is_some_and(|tried| tried.at.elapsed() < tried.rest_with(files)) {
            return;
        }
        let opened = catch_unwind(AssertUnwindSafe(|| self.shared.open_anew()));
        let opened = opened.unwrap_or_else(|_| Err(self.stopped_at_a_defect()));
        self.tried = Some(Tried::after(self.tried.as_ref(), opened.as_ref().err(), files));
        match opened {
            Ok(head) => {
                metrics::counter!("clockfold_log_openings_total").increment(1);
                tracing::info!(position = head.position.get(), "the log is open again, with all that was acknowledged");
                (self.remembered, self.words) = (None, Words::default());
            }
            Err(error) => self.is_not_open(&error),
        }
    }

    fn is_not_open(&mut self, error: &LogError) {
        self.shared.condition.is_kept_closed_by(error);
        match self.words.are_new(&error.to_string()) {
            true if error.is_corruption() => {
                tracing::error!(%error, hint = error.hint(), "the log was opened anew and is not what it was; it stays closed until it is");
            }
            true => tracing::warn!(%error, hint = error.hint(), "the log can't be opened anew yet"),
            false => {}
        }
    }
}

impl Tried {
    /// A try that has just ended so: an error counts from its end, because opening may take long.
    fn after(before: Option<&Tried>, error: Option<&LogError>, files: Option<Files>) -> Tried {
        let unopenable = match error {
            Some(LogError::Unopenable { .. }) => before.map_or(0, |before| before.unopenable) + 1,
            _ => 0,
        };
        let is_hopeless = unopenable >= UNOPENABLE_TRIES || error.is_some_and(LogError::is_corruption);
        let rest = if is_hopeless { HOPELESS_INTERVAL } else { OPENING_INTERVAL };
        Tried { at: Instant::now(), rest, files, unopenable }
    }

    /// How long it is left alone where these files stand there now. What was put back is opened at once.
    fn rest_with(&self, files: Option<Files>) -> Duration {
        if files == self.files { self.rest } else { self.rest.min(OPENING_INTERVAL) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DataDir, Position};

    #[test]
    fn what_waits_for_a_person_is_left_alone_for_longer_until_something_else_stands_there() {
        let folder = tempfile::tempdir().unwrap();
        let data_dir = DataDir::at(folder.path());
        let files = |name: &str| {
            let log = data_dir.log();
            std::fs::create_dir_all(&log).unwrap();
            std::fs::write(log.join(name), b"").unwrap();
            std::fs::rename(log.join(name), log.join("db")).unwrap();
            Files::of(&data_dir).ok()
        };
        let (ours, anothers) = (files("one"), files("other"));
        let damage = LogError::Corrupt { position: Position::new(1), message: String::new() };
        let unopenable = LogError::Unopenable { path: data_dir.log(), message: String::new() };
        let exchanged = LogError::Exchanged { path: data_dir.log() };
        let tries = [
            (Some(&damage), HOPELESS_INTERVAL),
            (Some(&unopenable), OPENING_INTERVAL),
            (Some(&unopenable), OPENING_INTERVAL),
            (Some(&exchanged), OPENING_INTERVAL),
            (Some(&unopenable), OPENING_INTERVAL),
            (Some(&unopenable), OPENING_INTERVAL),
            (Some(&unopenable), HOPELESS_INTERVAL),
            (Some(&unopenable), HOPELESS_INTERVAL),
            (None, OPENING_INTERVAL),
        ];
        let mut tried: Option<Tried> = None;
        for (error, rest) in tries {
            let now = Tried::after(tried.as_ref(), error, ours);
            assert_eq!((now.rest_with(ours), now.rest_with(anothers)), (rest, OPENING_INTERVAL), "{error:?}");
            tried = Some(now);
        }
    }
}
