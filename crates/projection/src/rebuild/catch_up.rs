//! From any state on disk to a projection of this log by these rules.
//!
//! Start, the catch-up after a crash and a rebuild are one path: keep what is there if it belongs
//! to this log and these rules, otherwise begin with nothing; then apply what the log has beyond it.
//! A projection by other rules stays in its place until the one by these rules is complete.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use clockfold_log::{Log, LogError, Position};

use crate::{
    error::{ProjectionError, failed},
    rebuild::{
        compare::{Differences, Report},
        generations::Generations,
        progress::{Progress, ProgressReporter, RebuildResources, Stage},
        rebuild_beside,
    },
    schema::{identity::Checkpoint, rules::Rules},
    write::store::Projection,
};

/// How many deliveries go into one batch.
const GROUP_DELIVERIES: usize = 4096;
/// From how many deliveries on a rebuild is worth it; fewer are applied.
const REBUILD_DELIVERIES: u64 = 20_000;
const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);

impl Projection {
    /// Opens the projection under `path` and brings it up to the head of `log`. A projection that does not belong to
    /// the log is thrown away and rebuilt. One that was folded by other rules is rebuilt beside itself, and messages
    /// say what that changed. `progress` is called about once a second.
    pub fn open_and_catch_up(
        path: &Path,
        rules: Arc<Rules>,
        log: &dyn Log,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Projection, ProjectionError> {
        let generations = Generations::at(path);
        match Projection::open_current(&generations, Arc::clone(&rules), log, progress) {
            Err(error) if error.is_corruption() => {
                tracing::warn!(%error, "the projection is corrupt; it is built anew from the log");
                let mut projection = start_over(&generations, rules, log, progress)?;
                projection.catch_up(log, progress)?;
                Ok(projection)
            }
            opened => opened,
        }
    }

    fn open_current(
        generations: &Generations,
        rules: Arc<Rules>,
        log: &dyn Log,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Projection, ProjectionError> {
        let rules_digest = rules.digest();
        let current = generations.current().map_err(|error| failed("looking for the projection", error))?;
        let mut projection = match current {
            None => start_over(generations, rules, log, progress)?,
            Some(current) => match Projection::open(&current, Arc::clone(&rules)) {
                Err(error) => {
                    tracing::warn!(%error, "the projection can't be opened; it is built anew from the log");
                    start_over(generations, rules, log, progress)?
                }
                Ok(projection) => match projection.unusable(log)? {
                    Some(why) => {
                        tracing::info!(why, "the projection is built anew from the log");
                        drop(projection);
                        start_over(generations, rules, log, progress)?
                    }
                    None if projection.refolded(&rules).is_empty() => {
                        // Removes what a crash left of an unfinished one.
                        generations.tidy().map_err(|error| failed("removing", error))?;
                        projection
                    }
                    None => {
                        let new = refold(generations, &projection, rules, log, progress)?;
                        drop(projection);
                        generations.tidy().map_err(|error| failed("removing", error))?;
                        return Ok(new);
                    }
                },
            },
        };
        if projection.checkpoint().rules_digest != rules_digest {
            projection.take_rules(rules_digest)?;
        }
        projection.catch_up(log, progress)?;
        Ok(projection)
    }

    /// Applies everything that the log has beyond the checkpoint.
    pub fn catch_up(&mut self, log: &dyn Log, progress: &mut dyn FnMut(Progress)) -> Result<(), ProjectionError> {
        self.catch_up_to(log.head().position, log, progress)
    }

    fn catch_up_to(
        &mut self,
        head: Position,
        log: &dyn Log,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), ProjectionError> {
        let (begun, first) = (Instant::now(), self.checkpoint().position);
        let mut told = Instant::now();
        let mut deliveries = log.read(first.next()).take_while(|delivery| match delivery {
            Ok(delivery) => delivery.position <= head,
            Err(_) => true,
        });
        loop {
            let group: Vec<_> = deliveries.by_ref().take(GROUP_DELIVERIES).collect::<Result<_, _>>()?;
            if group.is_empty() {
                return self.compare(log);
            }
            self.apply(&group)?;
            if told.elapsed() >= PROGRESS_INTERVAL {
                told = Instant::now();
                let done = self.checkpoint().position.get() - first.get();
                // Exact enough for a rate: far below 2^52.
                #[allow(clippy::cast_precision_loss)]
                let per_second = done as f64 / begun.elapsed().as_secs_f64();
                progress(Progress { stage: Stage::Folding, done, of: head.get() - first.get(), per_second });
            }
        }
    }

    /// The chain computed from the deliveries has to end where the log says.
    fn compare(&self, log: &dyn Log) -> Result<(), ProjectionError> {
        let Checkpoint { position, digest, .. } = self.checkpoint();
        if log.digest_at(position)? == digest {
            return Ok(());
        }
        let message = "the deliveries up to here do not make the digest that the log has here".to_owned();
        Err(LogError::Corrupt { position, message }.into())
    }

    /// Why what is on disk does not belong to this log, if so.
    pub fn unusable(&self, log: &dyn Log) -> Result<Option<&'static str>, ProjectionError> {
        let checkpoint = self.checkpoint();
        Ok(if checkpoint.position > log.head().position {
            // It is only ever written after the log: the deliveries that it is ahead by were durable, and are gone.
            tracing::error!(
                folded = checkpoint.position.get(),
                log_head = log.head().position.get(),
                "the log has lost deliveries that were folded once; restore it from a backup if nobody put an older one there"
            );
            Some("it is ahead of the log")
        } else if log.digest_at(checkpoint.position)? != checkpoint.digest {
            Some("it was folded from another log")
        } else {
            None
        })
    }
}

/// A projection of the log, in place of any other.
fn start_over(
    generations: &Generations<'_>,
    rules: Arc<Rules>,
    log: &dyn Log,
    progress: &mut dyn FnMut(Progress),
) -> Result<Projection, ProjectionError> {
    let failed = |error| failed("starting over", error);
    let path = generations.fresh().map_err(failed)?;
    let projection = build(&path, rules, log, log.head().position, progress)?;
    generations.switch(&path).and_then(|()| generations.tidy()).map_err(failed)?;
    Ok(projection)
}

/// A projection of the log up to a position, in a new folder.
fn build(
    path: &Path,
    rules: Arc<Rules>,
    log: &dyn Log,
    to: Position,
    progress: &mut dyn FnMut(Progress),
) -> Result<Projection, ProjectionError> {
    if to.get() < REBUILD_DELIVERIES {
        return build_one_by_one(path, rules, log, to, progress);
    }
    let mut tell = |told| {
        progress(told);
        Ok(())
    };
    let (resources, mut reporter) = (RebuildResources::default(), ProgressReporter::new(to, &mut tell));
    match Projection::rebuild(path, Arc::clone(&rules), log, to, &resources, &mut reporter, &mut ()) {
        Err(error @ ProjectionError::TooManyDeliveries) => {
            tracing::warn!(%error, "the log is folded one delivery after another");
            std::fs::remove_dir_all(path).map_err(|error| failed("starting over", error))?;
            build_one_by_one(path, rules, log, to, progress)
        }
        built => built,
    }
}

fn build_one_by_one(
    path: &Path,
    rules: Arc<Rules>,
    log: &dyn Log,
    to: Position,
    progress: &mut dyn FnMut(Progress),
) -> Result<Projection, ProjectionError> {
    let mut projection = Projection::open(path, rules)?;
    projection.catch_up_to(to, log, progress)?;
    Ok(projection)
}

/// A projection by `rules` in the place of `old`, which counts until the new one is complete.
fn refold(
    generations: &Generations<'_>,
    old: &Projection,
    rules: Arc<Rules>,
    log: &dyn Log,
    progress: &mut dyn FnMut(Progress),
) -> Result<Projection, ProjectionError> {
    for (source, _) in old.refolded(&rules) {
        let lifecycle = rules.of(&source).lifecycle.name();
        let window_s = rules.of(&source).reorder_window.num_seconds();
        tracing::info!(%source, lifecycle, window_s, "other rules apply to this source: the log is folded again");
    }
    // After a crash the old one is behind the log: the two are compared where both have folded the same.
    let mut tell = |told| {
        progress(told);
        Ok(())
    };
    let view = old.view();
    let built = rebuild_beside(
        Some(&view),
        generations.root(),
        Arc::clone(&rules),
        log,
        &RebuildResources::default(),
        &mut tell,
    );
    let mut new = match built {
        Ok(new) => new,
        // That the old one can't be read is no reason to keep it.
        Err(
            error @ (ProjectionError::Storage { .. }
            | ProjectionError::Corrupt(_)
            | ProjectionError::CorruptFile(_)
            | ProjectionError::TooManyDeliveries),
        ) => {
            tracing::warn!(%error, "what other rules have changed can't be told");
            return start_over(generations, rules, log, progress);
        }
        Err(error) => return Err(error),
    };
    let report = new.report.take();
    for (source, _) in old.refolded(&rules) {
        let Some(Report { position, sources, .. }) = &report else { break };
        let Differences { appointments, statuses: changed, .. } = sources.get(&source).copied().unwrap_or_default();
        let position = position.get();
        tracing::info!(%source, appointments, changed, position, "folded by other rules; so many appointments changed their status");
    }
    new.projection.catch_up(log, progress)?;
    new.take_the_place_of(None, generations.root())
}

#[cfg(test)]
mod tests {
    use clockfold_log::{DataDir, Digest, NewDelivery, Reading, SledLog};

    use super::*;

    #[test]
    fn a_projection_by_other_rules_is_built_anew() {
        let folder = tempfile::tempdir().unwrap();
        let data_dir = DataDir::at(folder.path());
        let log = SledLog::open(&data_dir, Arc::new(chrono::Utc::now)).unwrap();
        let reading = Reading::Readable { appointment_id: "1".parse().unwrap(), event_type: "create".into() };
        let source = "downtown".parse().unwrap();
        log.append(vec![NewDelivery { source, reading, delivery_id: None, body: Vec::new() }]).unwrap();
        let rules = Arc::new(Rules::default());
        let path = data_dir.projection();
        let open = || Projection::open_and_catch_up(&path, Arc::clone(&rules), &log, &mut |_| {}).unwrap();
        let projection = open();
        let rows = projection.reader().view().state_digest().unwrap();
        projection.pretend_rules(Digest::from_bytes([1; 32]));
        assert_ne!(projection.reader().view().state_digest().unwrap(), rows);
        drop(projection);
        assert_eq!(open().reader().view().state_digest().unwrap(), rows);
    }
}
