//! What is measured, and how Prometheus gets it.
//!
//! Each event is counted where it happens; here are the names, the gauges that are read at each scrape, and the series
//! that exist from the start. A counter that first appears as 1 hides its first step from `increase` and `rate`, and an
//! alert on it would miss just what it is for.

use std::{path::PathBuf, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use metrics_process::Collector;
use tokio_util::sync::CancellationToken;

use crate::{
    lifecycle::Outcome,
    log::{Room, SourceName},
    webhook::NearMiss,
};

use super::app::App;

/// Bounds in seconds: from a fast disk's sync to a request that somebody waited for.
const SECONDS: [f64; 13] = [0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.0, 4.0];
const GROUP: [f64; 10] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0];
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

/// The statuses that a webhook may be answered with, as the tables of `docs/webhooks.md` have them.
const WEBHOOK_STATUSES: [u16; 12] = [200, 400, 401, 404, 405, 408, 413, 415, 422, 429, 500, 503];
/// The directions of the clock's jumps, as their counter's label.
pub(super) const CLOCK_DIRECTIONS: [&str; 2] = ["forward", "back"];

/// The recorder of this process, and what it reads at each scrape.
#[derive(Clone)]
pub struct Metrics {
    handle: PrometheusHandle,
    /// What is kept where.
    directories: Vec<(&'static str, PathBuf)>,
    /// Collects memory, files and processor time.
    process: Collector,
}

impl Metrics {
    /// Installs the recorder for this process; fails where one is installed already.
    pub fn install() -> Result<Metrics, BuildError> {
        let handle = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)?
            .set_buckets_for_metric(Matcher::Full("clockfold_group_deliveries".to_owned()), &GROUP)?
            .install_recorder()?;
        describe();
        let process = Collector::default();
        process.describe();
        Ok(Metrics { handle, directories: Vec::new(), process })
    }

    /// A recorder that nothing is recorded in, for where many servers share a process.
    pub fn detached() -> Metrics {
        let handle = PrometheusBuilder::new().build_recorder().handle();
        Metrics { handle, directories: Vec::new(), process: Collector::default() }
    }

    /// The same for a server that starts now, has these directories, and listens to these sources, whose last
    /// deliveries arrived at these times. Every series about them exists from now on.
    pub fn begin<'a>(
        self,
        directories: Vec<(&'static str, PathBuf)>,
        sources: impl Iterator<Item = (&'a SourceName, Option<DateTime<Utc>>)>,
    ) -> Metrics {
        gauge!("clockfold_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
        for (source, last) in sources {
            let source = || source.as_str().to_owned();
            for outcome in Outcome::ALL {
                let labels = [("source", source()), ("outcome", outcome.name().to_owned())];
                counter!("clockfold_deliveries_total", &labels).increment(0);
            }
            counter!("clockfold_repeats_total", "source" => source()).increment(0);
            counter!("clockfold_delivery_id_conflicts_total", "source" => source()).increment(0);
            gauge!("clockfold_last_delivery_timestamp_seconds", "source" => source()).set(last.map_or(0.0, seconds));
        }
        for status in WEBHOOK_STATUSES {
            counter!("clockfold_answers_total", "route" => "webhook", "status" => status.to_string()).increment(0);
        }
        for near_miss in NearMiss::ALL {
            counter!("clockfold_near_misses_total", "kind" => near_miss.name()).increment(0);
        }
        counter!("clockfold_projection_mended_total").increment(0);
        counter!("clockfold_log_openings_total").increment(0);
        counter!("clockfold_head_failures_total").increment(0);
        for direction in CLOCK_DIRECTIONS {
            counter!("clockfold_clock_jumps_total", "direction" => direction).increment(0);
        }
        Metrics { directories, ..self }
    }

    /// Keeps the recorder's memory bounded while nobody scrapes.
    pub(super) async fn upkeep(&self, stop: CancellationToken) {
        let mut interval = tokio::time::interval(UPKEEP_INTERVAL);
        while stop.run_until_cancelled(interval.tick()).await.is_some() {
            self.handle.run_upkeep();
        }
    }

    /// Everything, as it is now. Counts as gauges: exact up to 2^53.
    #[allow(clippy::cast_precision_loss)]
    pub(super) fn render(&self, app: &App) -> String {
        let (head, folded) = (app.log.head().position.get(), app.tracker.folded().get());
        gauge!("clockfold_queue_depth").set(app.tracker.queue_depth() as f64);
        let max = app.following.limits.subscriptions_max;
        let (subscriptions, sockets) = (&app.following.subscription_permits, &app.following.socket_permits);
        gauge!("clockfold_subscriptions").set((max - subscriptions.available_permits()) as f64);
        gauge!("clockfold_subscriptions_max").set(max as f64);
        gauge!("clockfold_websockets").set((max - sockets.available_permits()) as f64);
        gauge!("clockfold_log_head_position").set(head as f64);
        gauge!("clockfold_projection_position").set(folded as f64);
        gauge!("clockfold_projection_lag_deliveries").set(head.saturating_sub(folded) as f64);
        // Others report a log that can't be read.
        let last_arrival = app.log.last_arrival().ok().flatten();
        let behind = last_arrival.map_or(TimeDelta::zero(), |last| (last - (app.clock)()).max(TimeDelta::zero()));
        gauge!("clockfold_clock_behind_seconds").set(seconds_of(behind));
        gauge!("clockfold_storage_failed").set(if app.failure().is_some() { 1.0 } else { 0.0 });
        for (directory, path) in &self.directories {
            if let Some(Room { free, total }) = Room::at(path) {
                gauge!("clockfold_disk_free_bytes", "directory" => *directory).set(free as f64);
                gauge!("clockfold_disk_size_bytes", "directory" => *directory).set(total as f64);
            }
        }
        self.process.collect();
        self.handle.render()
    }
}

#[allow(clippy::cast_precision_loss)]
fn seconds(time: DateTime<Utc>) -> f64 {
    time.timestamp_millis() as f64 / 1_000.0
}

/// A length of time, for a gauge or a person.
#[allow(clippy::cast_precision_loss)]
pub(super) fn seconds_of(length: TimeDelta) -> f64 {
    length.num_milliseconds() as f64 / 1_000.0
}

fn describe() {
    let counters = [
        ("clockfold_deliveries_total", "Deliveries that were made durable and folded, by source and outcome."),
        ("clockfold_repeats_total", "Deliveries that were not kept again: their id and body were known, by source."),
        (
            "clockfold_near_misses_total",
            "Deliveries that were kept although their path, media type, content coding or first bytes are not as asked for, by kind.",
        ),
        ("clockfold_delivery_id_conflicts_total", "Deliveries with the id of another one and another body, by source."),
        (
            "clockfold_projection_mended_total",
            "How often the projection was built anew because its files were corrupt.",
        ),
        ("clockfold_log_openings_total", "How often the log was opened anew after a storage error."),
        ("clockfold_head_failures_total", "How often the head could not be remembered; it is tried again."),
        ("clockfold_connections_closed_total", "Connections that the server closed, by reason."),
        ("clockfold_streams_reset_total", "Answers over HTTP/2 that were given up because nobody took them."),
        (
            "clockfold_clock_jumps_total",
            "How often the machine's clock jumped beside a stopwatch that nobody sets, by direction.",
        ),
        ("clockfold_answers_total", "HTTP answers, by route and status."),
    ];
    counters.into_iter().for_each(|(name, text)| describe_counter!(name, text));
    let gauges = [
        (
            "clockfold_last_delivery_timestamp_seconds",
            "When the last delivery arrived, by source; 0 where there is none.",
        ),
        ("clockfold_queue_depth", "Deliveries that wait for the writer."),
        ("clockfold_subscriptions", "Subscriptions and feeds that go on."),
        ("clockfold_subscriptions_max", "How many there may be."),
        ("clockfold_websockets", "WebSockets that are open."),
        ("clockfold_connections", "Connections that are open, WebSockets among them."),
        ("clockfold_connections_max", "How many there may be."),
        ("clockfold_unauthenticated_bytes", "What connections take that have not authenticated, as it is reckoned."),
        ("clockfold_buffers_bytes", "What is set aside for bodies that arrive and for answers that are made or wait."),
        ("clockfold_log_head_position", "The last durable position."),
        ("clockfold_projection_position", "The last position that is folded."),
        ("clockfold_projection_lag_deliveries", "Durable deliveries that are not folded yet."),
        ("clockfold_archive_lag_deliveries", "Durable deliveries that the archive does not have yet."),
        ("clockfold_archive_failed", "1 while the archive can't be written, else 0."),
        ("clockfold_storage_failed", "1 while the storage fails and no deliveries are accepted, else 0."),
        (
            "clockfold_clock_behind_seconds",
            "How far the machine's clock is behind the arrival time of the last delivery; 0 where it is not.",
        ),
        ("clockfold_disk_free_bytes", "Bytes that may still be written to the disk of a directory."),
        ("clockfold_disk_size_bytes", "All bytes of that disk."),
        ("clockfold_build_info", "1, with the program's version."),
    ];
    gauges.into_iter().for_each(|(name, text)| describe_gauge!(name, text));
    describe_histogram!("clockfold_answer_seconds", Unit::Seconds, "From a request's head to its answer, by route.");
    describe_histogram!(
        "clockfold_log_sync_seconds",
        Unit::Seconds,
        "Making a group durable, once it is written: fdatasync."
    );
    describe_histogram!("clockfold_group_deliveries", "Deliveries that shared one sync.");
}
