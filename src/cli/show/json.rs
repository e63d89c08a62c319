//! A timeline and an explanation as JSON. The names are GraphQL's, and no body is in it.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;

use crate::{
    copies::ndjson::escape_controls,
    lifecycle::{Code, EventType, Explanation, FoldRules, Status, Step},
    projection::AppointmentKey,
};

use super::timeline::{Timeline, TimelineRow};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AppointmentShown<'a> {
    source: &'a str,
    appointment_id: String,
    status: Option<&'static str>,
    status_since: Option<String>,
    standing: Vec<String>,
    first_received_at: Option<String>,
    last_received_at: Option<String>,
    last_position: Option<String>,
    created_at: Option<String>,
    checked_in_at: Option<String>,
    ready_at: Option<String>,
    called_back_at: Option<String>,
    discharged_at: Option<String>,
    removed_at: Option<String>,
    reschedule_count: u32,
    demographics_update_count: u32,
    allowed_events: Vec<String>,
    lifecycle: LifecycleShown<'a>,
    deliveries: Vec<DeliveryShown<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LifecycleShown<'a> {
    name: &'a str,
    reorder_window_seconds: i64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DeliveryShown<'a> {
    position: String,
    received_at: String,
    event_type: Option<String>,
    raw_event_type: &'a str,
    outcome: &'static str,
    code: Option<&'static str>,
    reason: Option<String>,
    outcome_at_arrival: &'static str,
    late: bool,
    applied_at: Option<String>,
    reconsidered_until: Option<String>,
    status_before: Option<&'static str>,
    status_after: Option<&'static str>,
    /// What stood right after its arrival; the rest is as folded up to the end of the log.
    standing_after: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ExplanationShown<'a> {
    source: &'a str,
    appointment_id: String,
    event_type: String,
    received_at: String,
    outcome: &'static str,
    code: Option<&'static str>,
    reason: &'a str,
    late: bool,
    status_after: Option<&'static str>,
    lets_in: Vec<String>,
    reconsidered_until: Option<String>,
}

/// The appointment's state and its deliveries.
pub(super) fn timeline(timeline: &Timeline, rules: &FoldRules) -> serde_json::Result<String> {
    let Timeline { key, appointment, .. } = timeline;
    let at = |step| appointment.time_of(step).map(time);
    print(&AppointmentShown {
        source: key.source.as_str(),
        appointment_id: key.appointment_id.to_string(),
        status: appointment.status().map(Status::name),
        status_since: appointment.status_since().map(time),
        standing: appointment.standing().map(|standing| name(standing.step.event())).collect(),
        first_received_at: timeline.entries.first().map(|first| time(first.received_at)),
        last_received_at: timeline.entries.last().map(|last| time(last.received_at)),
        last_position: timeline.entries.last().map(|last| last.position.to_string()),
        created_at: at(Step::Create),
        checked_in_at: at(Step::Checkin),
        ready_at: at(Step::Ready),
        called_back_at: at(Step::Callback),
        discharged_at: at(Step::Discharge),
        removed_at: at(Step::Remove),
        reschedule_count: appointment.reschedule_count(),
        demographics_update_count: appointment.demographics_update_count(),
        allowed_events: appointment.allowed_events(&rules.lifecycle).into_iter().map(name).collect(),
        lifecycle: LifecycleShown {
            name: rules.lifecycle.name(),
            reorder_window_seconds: rules.reorder_window.num_seconds(),
        },
        deliveries: timeline.entries.iter().map(|entry| delivery(timeline, entry, rules)).collect(),
    })
}

fn delivery<'a>(timeline: &Timeline, entry: &'a TimelineRow, rules: &FoldRules) -> DeliveryShown<'a> {
    let judgement = &entry.judgement;
    DeliveryShown {
        position: entry.position.to_string(),
        received_at: time(entry.received_at),
        event_type: entry.event().map(name),
        raw_event_type: &entry.event_type,
        outcome: judgement.verdict.outcome().name(),
        code: judgement.verdict.code().map(Code::name),
        reason: timeline.reason(entry, &rules.lifecycle),
        outcome_at_arrival: judgement.outcome_at_arrival().name(),
        late: judgement.late,
        applied_at: judgement.applied_at().map(|position| position.to_string()),
        reconsidered_until: timeline.reconsidered_until(entry).map(time),
        status_before: judgement.before.map(Status::name),
        status_after: judgement.after.map(Status::name),
        standing_after: entry.standing.iter().map(|step| name(step.event())).collect(),
    }
}

/// What would become of an event.
pub(super) fn explanation(
    key: &AppointmentKey,
    event: EventType,
    received_at: DateTime<Utc>,
    explained: &Explanation,
) -> serde_json::Result<String> {
    print(&ExplanationShown {
        source: key.source.as_str(),
        appointment_id: key.appointment_id.to_string(),
        event_type: name(event),
        received_at: time(received_at),
        outcome: explained.verdict.outcome().name(),
        code: explained.verdict.code().map(Code::name),
        reason: &explained.reason,
        late: explained.late,
        status_after: explained.status_after.map(Status::name),
        lets_in: explained.lets_in.iter().map(u64::to_string).collect(),
        reconsidered_until: explained.reconsidered_until.map(time),
    })
}

fn print(shown: &impl Serialize) -> serde_json::Result<String> {
    Ok(escape_controls(serde_json::to_string_pretty(shown)?) + "\n")
}

/// GraphQL's name of an event.
fn name(event: EventType) -> String {
    event.name().to_uppercase()
}

fn time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}
