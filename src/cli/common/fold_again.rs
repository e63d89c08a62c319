//! What `rebuild` and `verify` have in common: a report in the words of GraphQL, and a running server that does the
//! work instead.

use std::{thread, time::Duration};

use anyhow::{Context as _, bail};
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use crate::{
    cli::common::{hint::with_hint, log_source::ServerLog, progress::Progress},
    projection::{self, AppointmentRecord, Differences, ProjectionError, Report, SetBack, Stage},
};

const POLL: Duration = Duration::from_millis(200);
/// The most set-backs of the clock that are listed, as GraphQL has it.
const SET_BACKS_MAX: usize = 100;

/// What a running server is asked for.
const FIELDS: &str = "state stage done of error report { position equal total { appointments changed statuses times outcomes } sources { source differences { appointments changed statuses times outcomes } } samples { source appointmentId before { status statusSince lastPosition } after { status statusSince lastPosition } } setBackCount setBacks { position from to } digestBefore digestAfter }";

/// Tells how far a rebuild is.
pub(in crate::cli) fn tell(progress: &mut Progress<'_>, told: projection::Progress) {
    let doing = match told.stage {
        Stage::Reading => "reading the log",
        Stage::Folding => "folding",
    };
    if progress.doing() != doing {
        progress.begin(doing, told.of);
    }
    progress.reach(told.done);
}

/// What went wrong, and what to do.
pub(in crate::cli) fn explained(error: ProjectionError) -> anyhow::Error {
    match error {
        ProjectionError::Log(error) => with_hint(error),
        error => error.into(),
    }
}

/// Has a running server do it, and waits for its report.
pub(in crate::cli) fn on_server(
    server: &ServerLog,
    arguments: &Value,
    progress: &mut Progress<'_>,
) -> anyhow::Result<Value> {
    let mutation = format!(
        "mutation($dryRun: Boolean!, $source: String, $lifecycle: String, $window: Int) {{ rebuildProjection(dryRun: $dryRun, source: $source, lifecycle: $lifecycle, reorderWindowSeconds: $window) {{ {FIELDS} }} }}"
    );
    let mut rebuild = server.graphql(&mutation, arguments)?["rebuildProjection"].take();
    while rebuild["state"] == "RUNNING" {
        let number = |field: &str| rebuild[field].as_str().and_then(|text| text.parse().ok()).unwrap_or(0);
        let doing = if rebuild["stage"] == "FOLDING" { "folding" } else { "reading the log" };
        if progress.doing() != doing {
            progress.begin(doing, number("of"));
        }
        progress.reach(number("done"));
        thread::sleep(POLL);
        rebuild = server.graphql(&format!("{{ rebuild {{ {FIELDS} }} }}"), &json!({}))?["rebuild"].take();
    }
    match rebuild["state"].as_str() {
        Some("DONE") => Ok(rebuild["report"].take()),
        Some("CANCELLED") => bail!("the rebuild was cancelled; nothing has changed"),
        _ => bail!("the running server could not do it: {}", rebuild["error"].as_str().context("it does not say why")?),
    }
}

/// A report as GraphQL tells it.
pub(in crate::cli) fn report_value(report: &Report) -> Value {
    let differences = |one: &Differences| {
        json!({
            "appointments": one.appointments, "changed": one.changed, "statuses": one.statuses,
            "times": one.times, "outcomes": one.outcomes,
        })
    };
    let changed = report.sources.iter().filter(|(_, one)| one.changed > 0);
    let sources = changed.map(|(source, one)| json!({ "source": source.as_str(), "differences": differences(one) }));
    let samples = report.samples.iter().map(|sample| {
        json!({
            "source": sample.key.source.as_str(),
            "appointmentId": sample.key.appointment_id.to_string(),
            "before": sample.before.as_ref().and_then(appointment_value),
            "after": sample.after.as_ref().and_then(appointment_value),
        })
    });
    json!({
        "position": report.position.to_string(),
        "equal": report.is_equal(),
        "total": differences(&report.total()),
        "sources": sources.collect::<Vec<_>>(),
        "samples": samples.collect::<Vec<_>>(),
        "setBackCount": report.set_backs.len(),
        "setBacks": set_backs_value(&report.set_backs),
        "digestBefore": report.before.to_string(),
        "digestAfter": report.after.to_string(),
    })
}

/// The last set-backs of the clock, as GraphQL tells them.
pub(in crate::cli) fn set_backs_value(set_backs: &[SetBack]) -> Value {
    let time = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Millis, true);
    let value = |at: &SetBack| json!({ "position": at.position.to_string(), "from": time(at.from), "to": time(at.to) });
    set_backs[set_backs.len().saturating_sub(SET_BACKS_MAX)..].iter().map(value).collect()
}

/// An appointment of a sample; `None` where it has not come into being.
pub(in crate::cli) fn appointment_value(record: &AppointmentRecord) -> Option<Value> {
    let since = record.appointment.status_since()?;
    Some(json!({
        "status": record.appointment.status()?.name(),
        "statusSince": since.to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
        "lastPosition": record.last_position.to_string(),
    }))
}

/// A report for a person.
pub(in crate::cli) fn print_report(report: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let number = |value: &Value| value.as_u64().unwrap_or_default();
    let total = &report["total"];
    let mut told = format!(
        "compared at position {}: {} appointments, {} differ ({} in their status, {} in times of steps, {} in outcomes of deliveries)\n",
        text(&report["position"]),
        number(&total["appointments"]),
        number(&total["changed"]),
        number(&total["statuses"]),
        number(&total["times"]),
        number(&total["outcomes"]),
    );
    if report["equal"] == false && number(&total["changed"]) == 0 {
        told += "no appointment differs, but an index does\n";
    }
    for source in report["sources"].as_array().into_iter().flatten() {
        let one = &source["differences"];
        told += &format!(
            "  {}: {} of {} differ, {} in their status\n",
            text(&source["source"]),
            number(&one["changed"]),
            number(&one["appointments"]),
            number(&one["statuses"])
        );
    }
    let samples = report["samples"].as_array().map(Vec::as_slice).unwrap_or_default();
    if !samples.is_empty() {
        told += "for example:\n";
    }
    for sample in samples {
        let one = |record: &Value| match record["status"].as_str() {
            None => "NONE".to_owned(),
            Some(status) => format!("{status} since {}", text(&record["statusSince"])),
        };
        told += &format!(
            "  {} {}: {}, by the fresh fold {}\n",
            text(&sample["source"]),
            text(&sample["appointmentId"]),
            one(&sample["before"]),
            one(&sample["after"])
        );
    }
    told += &format!("state digest {}\n", text(&report["digestBefore"]));
    if report["digestBefore"] != report["digestAfter"] {
        told += &format!("fresh fold   {}\n", text(&report["digestAfter"]));
    }
    told
}
