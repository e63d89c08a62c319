//! Whether a command is to end before its work is done: a signal says so, or another thread. A thread can wait for it.

use std::{
    process,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The exit status after a second signal.
const TOLD_TWICE: i32 = 130;

/// Set once, and then for good.
#[derive(Debug, Default)]
pub(in crate::cli) struct Stop {
    stopped: Mutex<bool>,
    changed: Condvar,
}

impl Stop {
    /// From now on SIGINT, SIGTERM and SIGHUP set it, and end the process only when they come a second time.
    pub(in crate::cli) fn on_signal() -> anyhow::Result<Arc<Stop>> {
        let stop = Arc::new(Stop::default());
        let told = Arc::clone(&stop);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
        let runtime = runtime.context("getting ready for signals")?;
        let mut signals = runtime.block_on(async { Signals::new() }).context("getting ready for signals")?;
        let listen = move || {
            runtime.block_on(signals.next());
            told.stop();
            runtime.block_on(signals.next());
            process::exit(TOLD_TWICE);
        };
        thread::Builder::new().name("signals".to_owned()).spawn(listen).context("getting ready for signals")?;
        Ok(stop)
    }

    pub(in crate::cli) fn stop(&self) {
        *self.stopped() = true;
        self.changed.notify_all();
    }

    pub(in crate::cli) fn is_stopped(&self) -> bool {
        *self.stopped()
    }

    /// Waits for `at_most`, or until it is set. Returns whether it is.
    pub(in crate::cli) fn wait(&self, at_most: Duration) -> bool {
        let until = Instant::now() + at_most;
        let mut stopped = self.stopped();
        while !*stopped {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            stopped = self.changed.wait_timeout(stopped, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        *stopped
    }

    fn stopped(&self) -> MutexGuard<'_, bool> {
        self.stopped.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// From now on a write beyond the limit on files (RLIMIT_FSIZE) fails, as on a full disk; by default it would end the
/// process.
pub(in crate::cli) fn outlive_file_limit() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
    let runtime = runtime.context("getting ready for signals")?;
    let kind = SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw());
    // Its handler stays as long as the process.
    runtime.block_on(async { signal(kind) }).map(drop).context("getting ready for signals")
}

/// The signals that ask a program to end.
pub(in crate::cli) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    /// A terminal that is closed.
    hangup: Signal,
}

impl Signals {
    /// From now on they no longer end the process by themselves. Call it on a runtime.
    pub(in crate::cli) fn new() -> std::io::Result<Signals> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for the next one.
    pub(in crate::cli) async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            _ = self.hangup.recv() => {}
        }
    }
}
