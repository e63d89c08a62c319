//! A timeline and an explanation as text for a terminal of 100 columns.
//!
//! What the sender wrote is printed in ASCII and cut, so that no event type can move the cursor.

use std::fmt::Write as _;

use chrono::{DateTime, Utc};

use crate::{
    lifecycle::{Code, EventType, Explanation, FoldRules, Met, Status, Step},
    projection::AppointmentKey,
};

use super::{
    counted,
    timeline::{Timeline, TimelineRow},
};

const WIDTH: usize = 100;
/// As wide as the longest of the 13.
const EVENT_WIDTH: usize = "demographics_update".len();
const HEADING: [&str; 6] = ["POSITION", "RECEIVED (UTC)", "EVENT", "OUTCOME", "STATUS BEFORE", "STATUS AFTER"];

/// Every delivery as a row, and below it why it was not applied and what stands.
pub(super) fn timeline(timeline: &Timeline, rules: &FoldRules, configured: bool, unreadable: u64) -> String {
    let mut text = String::new();
    let Timeline { key: AppointmentKey { source, appointment_id }, appointment, .. } = timeline;
    let is = match (appointment.status(), appointment.status_since()) {
        (Some(status), Some(since)) => format!("has been {} since {} UTC", status.name(), time(since)),
        _ => "has not come into being".to_owned(),
    };
    wrap(&mut text, "", &format!("The appointment {appointment_id} of `{source}` {is}."));
    let window = match rules.reorder_window.num_seconds() {
        0 => "without a reorder window".to_owned(),
        seconds => format!("with a reorder window of {seconds} s"),
    };
    let whose = if configured { "" } else { ": the configuration does not have this source" };
    wrap(&mut text, "", &format!("It is folded by `{}`, {window}{whose}.", rules.lifecycle.name()));
    let meant = "Below each delivery: why it was not applied, and the steps that stood right after it arrived. The rest is as folded up to the end of the log.";
    wrap(&mut text, "", meant);
    text.push('\n');
    rows(&mut text, timeline, rules);
    if unreadable > 0 {
        let count = counted(unreadable, "delivery", "deliveries");
        text.push('\n');
        let why = "a body that can't be read names no appointment";
        wrap(&mut text, "", &format!("Not listed: {count} from `{source}` that could not be read; {why}."));
    }
    text
}

fn rows(text: &mut String, timeline: &Timeline, rules: &FoldRules) {
    let rows: Vec<[String; 6]> = timeline.entries.iter().map(cells).collect();
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].len());
        cells.chain([HEADING[column].len()]).max().unwrap_or_default()
    };
    let widths: [usize; 6] = std::array::from_fn(width);
    let indent = " ".repeat(widths[0] + 2);
    line(text, &widths, HEADING);
    for (entry, row) in timeline.entries.iter().zip(&rows) {
        line(text, &widths, row.each_ref().map(String::as_str));
        let judgement = &entry.judgement;
        if let (Some(code), Some(reason)) =
            (judgement.verdict.code().map(Code::name), timeline.reason(entry, &rules.lifecycle))
        {
            wrap(text, &indent, &format!("{code}: {reason}"));
        }
        if judgement.late {
            wrap(text, &indent, "It had been overtaken, and was put before what had overtaken it.");
        }
        if let Some(reconsidered) = judgement.reconsidered {
            let became = if judgement.applied_at().is_some() { "let it in" } else { "made it a repeat" };
            wrap(text, &indent, &format!("It was REJECTED when it arrived; position {} {became}.", reconsidered.at));
        }
        wrap(text, &indent, &format!("stands: {}", names(&entry.standing)));
    }
}

/// What would become of an event.
pub(super) fn explanation(
    key: &AppointmentKey,
    event: EventType,
    received_at: DateTime<Utc>,
    explained: &Explanation,
) -> String {
    let AppointmentKey { source, appointment_id } = key;
    let (name, at) = (event.name(), time(received_at));
    let mut text = format!("If `{name}` arrived for the appointment {appointment_id} of `{source}` at {at} UTC:\n\n");
    let outcome = explained.verdict.outcome().name();
    let outcome = match explained.verdict.code() {
        Some(code) => format!("{outcome} {}", code.name()),
        None if explained.late => format!("{outcome} late"),
        None => outcome.to_owned(),
    };
    for (name, value) in [("outcome", outcome.as_str()), ("status after", status(explained.status_after))] {
        let _ = writeln!(text, "{name:14}{value}");
    }
    let mut reason = String::new();
    wrap(&mut reason, &" ".repeat(14), &explained.reason);
    let _ = write!(text, "{:14}{}", "reason", reason.trim_start());
    text
}

fn cells(entry: &TimelineRow) -> [String; 6] {
    let judgement = &entry.judgement;
    let late = if judgement.late { " late" } else { "" };
    [
        entry.position.to_string(),
        time(entry.received_at),
        harmless(&entry.event_type),
        format!("{}{late}", judgement.verdict.outcome().name()),
        status(judgement.before).to_owned(),
        status(judgement.after).to_owned(),
    ]
}

fn line(text: &mut String, widths: &[usize; 6], cells: [&str; 6]) {
    let padded: Vec<String> = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
    // Writing to a String can't fail.
    let _ = writeln!(text, "{}", padded.join("  ").trim_end());
}

fn status(met: Met) -> &'static str {
    met.map_or("NONE", Status::name)
}

fn names(steps: &[Step]) -> String {
    let names: Vec<&str> = steps.iter().map(|step| step.event().name()).collect();
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}

fn time(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M:%S%.3f").to_string()
}

/// An event type as it may stand in a terminal: escaped, and cut where it is longer than any that is known.
fn harmless(sent: &str) -> String {
    let escaped: String = sent.chars().take(EVENT_WIDTH + 1).flat_map(char::escape_default).collect();
    match escaped.get(..EVENT_WIDTH - 3) {
        Some(first) if escaped.len() > EVENT_WIDTH => format!("{first}..."),
        _ if escaped.is_empty() => "\"\"".to_owned(),
        _ => escaped,
    }
}

/// Adds `words` in lines of at most [`WIDTH`] columns, each after `indent`.
fn wrap(text: &mut String, indent: &str, words: &str) {
    let mut column = 0;
    for word in words.split(' ') {
        let length = word.chars().count();
        if column > 0 && column + 1 + length > WIDTH {
            text.push('\n');
            column = 0;
        }
        if column == 0 {
            text.push_str(indent);
            column = indent.len();
        } else {
            text.push(' ');
            column += 1;
        }
        text.push_str(word);
        column += length;
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_sentences_are_wrapped_and_odd_event_types_are_harmless() {
        let mut text = String::new();
        wrap(&mut text, "    ", &"word ".repeat(60));
        assert!(text.lines().all(|line| line.starts_with("    ") && line.len() <= WIDTH), "{text}");
        assert_eq!(text.split_whitespace().count(), 60);
        assert!(text.lines().count() < 5, "{text}");
        for (sent, shown) in [
            ("checkin", "checkin"),
            ("demographics_update", "demographics_update"),
            ("demographics_updated", "demographics_upd..."),
            ("", "\"\""),
            ("a\u{1b}[2Jb", "a\\u{1b}[2Jb"),
            ("\n\n\n\n\n\n\n\n\n\n\n\n", "\\n\\n\\n\\n\\n\\n\\n\\n..."),
        ] {
            assert_eq!(harmless(sent), shown);
        }
    }
}
