//! What a rebuild may use, and how far it is.

use std::{
    thread,
    time::{Duration, Instant},
};

use clockfold_log::Position;

use crate::error::{Cancelled, ProjectionError};

const PROGRESS_INTERVAL: Duration = Duration::from_millis(500);

/// What a rebuild may use.
#[derive(Clone, Debug)]
pub struct RebuildResources {
    /// Memory in bytes, about; the rest waits in files beside the projection.
    pub memory_bytes: usize,
    /// Threads that do the work.
    pub threads: usize,
}

impl Default for RebuildResources {
    /// 128 MiB, and every core.
    fn default() -> RebuildResources {
        let threads = thread::available_parallelism().map_or(1, std::num::NonZero::get);
        RebuildResources { memory_bytes: 128 << 20, threads }
    }
}

/// What a rebuild is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Reading the log.
    Reading,
    /// Folding what was read.
    Folding,
}

/// How far a rebuild, or a catch-up, has come.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// What is being done.
    pub stage: Stage,
    /// For how many deliveries that is done.
    pub done: u64,
    /// Of how many.
    pub of: u64,
    /// Deliveries a second, so far, in this stage.
    pub per_second: f64,
}

/// Reports how far a rebuild is, and learns whether it is to go on.
pub(crate) struct ProgressReporter<'a> {
    tell: &'a mut dyn FnMut(Progress) -> Result<(), Cancelled>,
    of: u64,
    stage: Stage,
    begun: Instant,
    told: Instant,
}

impl<'a> ProgressReporter<'a> {
    pub(crate) fn new(
        of: Position,
        tell: &'a mut dyn FnMut(Progress) -> Result<(), Cancelled>,
    ) -> ProgressReporter<'a> {
        ProgressReporter { tell, of: of.get(), stage: Stage::Reading, begun: Instant::now(), told: Instant::now() }
    }

    pub(crate) fn read(&mut self, position: Position) -> Result<(), ProjectionError> {
        self.tell(Stage::Reading, position.get())
    }

    pub(crate) fn folded(&mut self, deliveries: u64) -> Result<(), ProjectionError> {
        self.tell(Stage::Folding, deliveries)
    }

    fn tell(&mut self, stage: Stage, done: u64) -> Result<(), ProjectionError> {
        if stage != self.stage {
            (self.stage, self.begun) = (stage, Instant::now());
        } else if self.told.elapsed() < PROGRESS_INTERVAL {
            return Ok(());
        }
        self.told = Instant::now();
        // Exact enough for a rate: far below 2^52.
        #[allow(clippy::cast_precision_loss)]
        let per_second = done as f64 / self.begun.elapsed().as_secs_f64().max(0.001);
        Ok((self.tell)(Progress { stage, done, of: self.of, per_second })?)
    }
}
