//! The result of posting: counts, rates, and how long the answers took. For a person, or as JSON.

use std::{collections::BTreeMap, io::Write, time::Duration};

use serde::Serialize;

use super::{latency::Latencies, sender::Answer};

/// Everything that is counted while deliveries are posted.
#[derive(Clone, Debug, Default)]
pub(in crate::cli) struct Report {
    /// Deliveries that are in the log, by outcome.
    outcomes: BTreeMap<String, u64>,
    /// Deliveries that were refused for good.
    refused: u64,
    /// Deliveries that were never answered.
    not_answered: u64,
    /// Deliveries that were under way at the end, for whose answer nobody waited.
    in_flight: u64,
    /// Answers by status. A delivery that was sent again has several.
    statuses: BTreeMap<u16, u64>,
    /// Requests without an answer.
    errors: u64,
    retries: u64,
    latencies: Latencies,
}

/// A report, complete.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary<'a> {
    deliveries: u64,
    seconds: f64,
    per_second: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    per_second_asked: Option<u32>,
    outcomes: &'a BTreeMap<String, u64>,
    not_taken: u64,
    in_flight: u64,
    statuses: &'a BTreeMap<u16, u64>,
    errors: u64,
    retries: u64,
    latency_ms: LatencyMs,
    next_appointment: String,
}

#[derive(Serialize)]
struct LatencyMs {
    p50: Option<f64>,
    p90: Option<f64>,
    p99: Option<f64>,
    max: Option<f64>,
}

/// What else a report needs at the end.
pub(super) struct End {
    pub(super) took: Duration,
    /// How many a second were asked for, if anything.
    pub(super) asked: Option<u32>,
    pub(super) next_appointment: String,
}

impl Report {
    /// Counts a request, answered or not.
    pub(super) fn answered(&mut self, answer: &Answer, took: Duration) {
        match answer {
            Answer::Taken(status, _) | Answer::Refused(status, _) => {
                *self.statuses.entry(*status).or_default() += 1;
                self.latencies.record(took);
            }
            Answer::None(_) => self.errors += 1,
            Answer::Cut => {}
        }
    }

    /// Counts a delivery that is sent again.
    pub(super) fn retried(&mut self) {
        self.retries += 1;
    }

    /// Counts the last answer to a delivery.
    pub(super) fn ended(&mut self, answer: &Answer) {
        match answer {
            Answer::Taken(_, outcome) => *self.outcomes.entry(outcome.clone()).or_default() += 1,
            Answer::Refused(..) => self.refused += 1,
            Answer::None(_) => self.not_answered += 1,
            Answer::Cut => self.in_flight += 1,
        }
    }

    /// How many deliveries were posted, whatever became of them.
    pub(in crate::cli) fn deliveries(&self) -> u64 {
        self.outcomes.values().sum::<u64>() + self.not_taken() + self.in_flight
    }

    /// How many of them are not in the log, as far as their sender knows.
    pub(in crate::cli) fn not_taken(&self) -> u64 {
        self.refused + self.not_answered
    }

    /// How many of them had no answer yet when it ended.
    pub(super) fn in_flight(&self) -> u64 {
        self.in_flight
    }

    /// How it goes, in a few words.
    pub(super) fn in_short(&self, took: Duration) -> String {
        let p99 = self.latencies.percentile(99).map_or("-".to_owned(), text);
        let rate = per_second(self.deliveries(), took);
        format!("{} posted, {rate}/s, p99 {p99}, {} not taken", self.deliveries(), self.not_taken())
    }

    pub(super) fn print(&self, end: &End, stdout: &mut dyn Write) -> std::io::Result<()> {
        let all = self.deliveries();
        let ms = u64::try_from(end.took.as_millis()).unwrap_or(u64::MAX).max(1);
        let asked = end.asked.map_or(String::new(), |asked| format!(" of {asked} asked for"));
        let rate = per_second(all, end.took);
        writeln!(stdout, "{all} deliveries in {}.{} s, {rate} a second{asked}", ms / 1_000, ms % 1_000 / 100)?;
        let mut line = |name: &str, count: u64| writeln!(stdout, "{name:<18} {count:>9}");
        self.outcomes.iter().try_for_each(|(name, count)| line(name, *count))?;
        let others =
            [("refused", self.refused), ("not answered", self.not_answered), ("still under way", self.in_flight)];
        for (name, count) in others {
            if count > 0 {
                line(name, count)?;
            }
        }
        writeln!(stdout, "\nanswers and errors")?;
        let mut line = |name: &str, count: u64| writeln!(stdout, "{name:<18} {count:>9}");
        self.statuses.iter().try_for_each(|(status, count)| line(&format!("status {status}"), *count))?;
        line("no answer", self.errors)?;
        line("sent again", self.retries)?;
        writeln!(stdout, "\nfrom a request to its answer")?;
        for (name, latency) in self.quantiles() {
            writeln!(stdout, "{name:<18} {:>9}", latency.map_or("-".to_owned(), text))?;
        }
        writeln!(stdout, "\nTo go on with other appointments: --first-appointment {}", end.next_appointment)
    }

    pub(super) fn print_json(&self, end: &End, stdout: &mut dyn Write) -> anyhow::Result<()> {
        let [p50, p90, p99, max] = self.quantiles().map(|(_, latency)| latency.map(milliseconds));
        let told = Summary {
            deliveries: self.deliveries(),
            seconds: end.took.as_secs_f64(),
            per_second: per_second(self.deliveries(), end.took),
            per_second_asked: end.asked,
            outcomes: &self.outcomes,
            not_taken: self.not_taken(),
            in_flight: self.in_flight,
            statuses: &self.statuses,
            errors: self.errors,
            retries: self.retries,
            latency_ms: LatencyMs { p50, p90, p99, max },
            next_appointment: end.next_appointment.clone(),
        };
        serde_json::to_writer_pretty(&mut *stdout, &told)?;
        Ok(writeln!(stdout)?)
    }

    fn quantiles(&self) -> [(&'static str, Option<Duration>); 4] {
        let percentile = |of_a_hundred| self.latencies.percentile(of_a_hundred);
        let longest = self.latencies.longest();
        [("p50", percentile(50)), ("p90", percentile(90)), ("p99", percentile(99)), ("max", longest)]
    }
}

fn per_second(count: u64, took: Duration) -> u64 {
    let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX).max(1);
    count.saturating_mul(1_000) / ms
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

fn text(duration: Duration) -> String {
    format!("{:.2} ms", milliseconds(duration))
}
