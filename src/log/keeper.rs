//! The keeper: a thread that remembers the head, looks whether the data directory is still there, and opens a log anew
//! that a storage error has closed.
//!
//! A failed write or sync is never tried again on the same file. Once the disk takes files again, everything is closed
//! and opened as at a start; what is opened has to hold what this process has acknowledged, or the log stays closed.

use std::{
    sync::Arc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use super::{LogError, data_dir::storage, head::Head, opened::Files, sled_log::Shared};

/// How often the head is remembered, where it has moved.
const HEAD_INTERVAL: Duration = Duration::from_millis(500);
/// How often a log that failed is opened anew, if the disk takes files.
const OPENING_INTERVAL: Duration = Duration::from_secs(1);
/// How often, where it was opened and is not what it should be: that waits for a person.
const HOPELESS_INTERVAL: Duration = Duration::from_secs(30);
/// How often the same message is said.
const WORDS_INTERVAL: Duration = Duration::from_secs(60);

/// Keeps a log until [`Condition::stop`](super::condition::Condition::stop).
pub(super) fn start(shared: Arc<Shared>) -> Result<JoinHandle<()>, LogError> {
    let mut keeper = Keeper { shared, remembered: None, tried: None, words: Words::default() };
    // Before anything is acknowledged: whoever ends the process a moment later leaves a log with a head.
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
}

/// What was said last, and when: a disk that fails for a day is not told of each second.
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
                None => self.keep(),
                Some(_) => self.repair(),
            }
        }
        if self.shared.condition.failure().is_none() {
            self.keep();
        }
    }

    /// The head is written off the answers' path. It is a tripwire: where it can't be written, that is tried again.
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
        let opened = self.shared.open_anew();
        // An error counts from its end: opening may take long.
        let rest = match &opened {
            Err(error) if error.is_damage() => HOPELESS_INTERVAL,
            _ => OPENING_INTERVAL,
        };
        self.tried = Some(Tried { at: Instant::now(), rest, files });
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
            true if error.is_damage() => {
                tracing::error!(%error, hint = error.hint(), "the log was opened anew and is not what it was; it stays closed until it is");
            }
            true => tracing::warn!(%error, hint = error.hint(), "the log can't be opened anew yet"),
            false => {}
        }
    }
}

impl Tried {
    /// How long it is left alone where these files stand there now. What was put back is opened at once.
    fn rest_with(&self, files: Option<Files>) -> Duration {
        if files == self.files { self.rest } else { self.rest.min(OPENING_INTERVAL) }
    }
}
