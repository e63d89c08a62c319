//! How a fresh fold of the log differs from the projection, in the words of GraphQL: made here from the core's report,
//! or read from a running server's answer; printed for people or as JSON.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

use crate::projection::{self, AppointmentRecord, Refolded, Report};

/// The most set-backs of the clock that are listed, as GraphQL has it.
const SET_BACKS_MAX: usize = 100;

/// The projection beside a fresh fold.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::cli) struct FoldReport {
    pub(in crate::cli) position: String,
    pub(in crate::cli) equal: bool,
    pub(in crate::cli) total: Differences,
    pub(in crate::cli) sources: Vec<OfSource>,
    pub(in crate::cli) samples: Vec<Sample>,
    #[serde(flatten)]
    pub(in crate::cli) set_backs: SetBacks,
    pub(in crate::cli) digest_before: String,
    pub(in crate::cli) digest_after: String,
}

/// How many appointments differ, and in what.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::cli) struct Differences {
    pub(in crate::cli) appointments: u64,
    pub(in crate::cli) changed: u64,
    pub(in crate::cli) statuses: u64,
    pub(in crate::cli) times: u64,
    pub(in crate::cli) outcomes: u64,
}

/// A source with differences.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::cli) struct OfSource {
    source: String,
    differences: Differences,
}

/// An appointment that differs.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::cli) struct Sample {
    source: String,
    appointment_id: String,
    before: Option<Folded>,
    after: Option<Folded>,
}

/// What an appointment was folded to.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::cli) struct Folded {
    status: String,
    status_since: String,
    last_position: String,
}

/// One appointment before and after it was folded anew.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::cli) struct Refold {
    pub(in crate::cli) changed: bool,
    pub(in crate::cli) before: Option<Folded>,
    pub(in crate::cli) after: Option<Folded>,
}

/// How often the clock was set back, and the last places where it was.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(in crate::cli) struct SetBacks {
    #[serde(rename = "setBackCount")]
    pub(in crate::cli) count: u64,
    #[serde(rename = "setBacks")]
    pub(in crate::cli) last: Vec<SetBack>,
}

/// A delivery that arrived earlier than the one before it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::cli) struct SetBack {
    pub(in crate::cli) position: String,
    pub(in crate::cli) from: String,
    pub(in crate::cli) to: String,
}

impl From<&Report> for FoldReport {
    fn from(report: &Report) -> FoldReport {
        let changed = report.sources.iter().filter(|(_, differences)| differences.changed > 0);
        let samples = report.samples.iter().map(|sample| Sample {
            source: sample.key.source.as_str().to_owned(),
            appointment_id: sample.key.appointment_id.to_string(),
            before: sample.before.as_ref().and_then(Folded::of),
            after: sample.after.as_ref().and_then(Folded::of),
        });
        FoldReport {
            position: report.position.to_string(),
            equal: report.is_equal(),
            total: (&report.total()).into(),
            sources: changed
                .map(|(source, one)| OfSource { source: source.as_str().to_owned(), differences: one.into() })
                .collect(),
            samples: samples.collect(),
            set_backs: SetBacks::from(&report.set_backs[..]),
            digest_before: report.before.to_string(),
            digest_after: report.after.to_string(),
        }
    }
}

impl From<&projection::Differences> for Differences {
    fn from(one: &projection::Differences) -> Differences {
        let projection::Differences { appointments, changed, statuses, times, outcomes } = *one;
        Differences { appointments, changed, statuses, times, outcomes }
    }
}

impl From<&[projection::SetBack]> for SetBacks {
    fn from(all: &[projection::SetBack]) -> SetBacks {
        let last = &all[all.len().saturating_sub(SET_BACKS_MAX)..];
        let shown = |at: &projection::SetBack| SetBack {
            position: at.position.to_string(),
            from: millis(at.from),
            to: millis(at.to),
        };
        SetBacks { count: all.len() as u64, last: last.iter().map(shown).collect() }
    }
}

impl From<&Refolded> for Refold {
    fn from(refolded: &Refolded) -> Refold {
        let Refolded { changed, before, after, .. } = refolded;
        Refold { changed: *changed, before: Folded::of(before), after: Folded::of(after) }
    }
}

impl Refold {
    /// For a person.
    pub(in crate::cli) fn print(&self) -> String {
        let (before, after) = (Folded::print(self.before.as_ref()), Folded::print(self.after.as_ref()));
        let changed = if self.changed { "it differed, and was written anew" } else { "nothing differed" };
        format!("before  {before}\nafter   {after}\n{changed}\n")
    }
}

impl Folded {
    /// `None` where the appointment has not come into being.
    fn of(record: &AppointmentRecord) -> Option<Folded> {
        Some(Folded {
            status: record.appointment.status()?.name().to_owned(),
            status_since: millis(record.appointment.status_since()?),
            last_position: record.last_position.to_string(),
        })
    }

    /// The status and since when, for a person.
    fn print(one: Option<&Folded>) -> String {
        one.map_or_else(|| "NONE".to_owned(), |one| format!("{} since {}", one.status, one.status_since))
    }
}

impl FoldReport {
    /// For a person.
    pub(in crate::cli) fn print(&self) -> String {
        let Differences { appointments, changed, statuses, times, outcomes } = self.total;
        let mut text = format!(
            "compared at position {}: {appointments} appointments, {changed} differ ({statuses} in their status, {times} in times of steps, {outcomes} in outcomes of deliveries)\n",
            self.position
        );
        if !self.equal && changed == 0 {
            text += "no appointment differs, but an index does\n";
        }
        for OfSource { source, differences: Differences { appointments, changed, statuses, .. } } in &self.sources {
            text += &format!("  {source}: {changed} of {appointments} differ, {statuses} in their status\n");
        }
        if !self.samples.is_empty() {
            text += "for example:\n";
        }
        for Sample { source, appointment_id, before, after } in &self.samples {
            let (before, after) = (Folded::print(before.as_ref()), Folded::print(after.as_ref()));
            text += &format!("  {source} {appointment_id}: {before}, by the fresh fold {after}\n");
        }
        text += &format!("state digest {}\n", self.digest_before);
        if self.digest_before != self.digest_after {
            text += &format!("fresh fold   {}\n", self.digest_after);
        }
        text
    }
}

fn millis(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}
