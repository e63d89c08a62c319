//! From whatever is on disk to a projection of this log by these rules.
//!
//! Start, the catch-up after a crash and a rebuild are one path: keep what is there if it belongs
//! to this log and these rules, otherwise begin with nothing; then apply what the log has beyond it.

use std::{
    fs, io,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use crate::log::{Log, LogError, Position};

use super::{Checkpoint, Projection, ProjectionError, Rules, store::failed};

/// How many deliveries go into one batch.
const GROUP_DELIVERIES: usize = 4096;
const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);

/// How far a catch-up has come.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// The last position that is folded.
    pub position: Position,
    /// The log's head when the catch-up began.
    pub head: Position,
    /// Deliveries folded a second, so far.
    pub per_second: f64,
}

impl Projection {
    /// Opens the projection in `path` and brings it up to the head of `log`. What does not belong to
    /// the log or to the rules is thrown away and built anew. `progress` is called about once a second.
    pub fn open_and_catch_up(
        path: &Path,
        rules: Arc<Rules>,
        log: &dyn Log,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Projection, ProjectionError> {
        let mut projection = match Projection::open(path, Arc::clone(&rules)) {
            Ok(projection) => match projection.unusable(&rules, log)? {
                None => projection,
                Some(why) => {
                    drop(projection);
                    start_over(path, rules, why)?
                }
            },
            Err(error) if path.exists() => {
                tracing::warn!(%error, "the projection can't be opened");
                start_over(path, rules, "it can't be opened")?
            }
            Err(error) => return Err(error),
        };
        projection.catch_up(log, progress)?;
        Ok(projection)
    }

    /// Applies everything that the log has beyond the checkpoint.
    pub fn catch_up(&mut self, log: &dyn Log, progress: &mut dyn FnMut(Progress)) -> Result<(), ProjectionError> {
        let (begun, first) = (Instant::now(), self.checkpoint().position);
        let mut told = Instant::now();
        let head = log.head().position;
        let mut deliveries = log.read(first.next());
        loop {
            let group: Vec<_> = deliveries.by_ref().take(GROUP_DELIVERIES).collect::<Result<_, _>>()?;
            if group.is_empty() {
                return self.compare(log);
            }
            self.apply(&group)?;
            if told.elapsed() >= PROGRESS_INTERVAL {
                told = Instant::now();
                let position = self.checkpoint().position;
                // Exact enough for a rate: both are far below 2^52.
                #[allow(clippy::cast_precision_loss)]
                let per_second = (position.get() - first.get()) as f64 / begun.elapsed().as_secs_f64();
                progress(Progress { position, head, per_second });
            }
        }
    }

    /// The chain that was computed from what was read has to end where the log says that it ends.
    fn compare(&self, log: &dyn Log) -> Result<(), ProjectionError> {
        let Checkpoint { position, digest, .. } = self.checkpoint();
        if log.digest_at(position)? == digest {
            return Ok(());
        }
        let message = "the deliveries up to here do not make the digest that the log has here".to_owned();
        Err(LogError::Damaged { position, message }.into())
    }

    /// Why what is on disk does not serve, if so.
    fn unusable(&self, rules: &Rules, log: &dyn Log) -> Result<Option<&'static str>, ProjectionError> {
        let checkpoint = self.checkpoint();
        Ok(if checkpoint.rules_digest != rules.digest() {
            Some("it was folded by other rules, or has another format")
        } else if checkpoint.position > log.head().position {
            // It is only ever written after the log: what it is ahead by was durable, and is gone.
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

fn start_over(path: &Path, rules: Arc<Rules>, why: &str) -> Result<Projection, ProjectionError> {
    tracing::info!(why, "the projection is built anew from the log");
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed("removing", error)),
        _ => {}
    }
    Projection::open(path, rules)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::{DataDir, Digest, NewDelivery, Reading, SledLog};

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
