//! A lifecycle as text: a plain table, Markdown, and a Mermaid diagram.

use std::fmt::Write as _;

use super::{
    event::{EventKind, EventType, Step},
    reach::{Transition, transitions},
    status::{Met, MetSet, Status},
    table::Lifecycle,
};

/// The table as aligned text, a row an event.
pub fn table(lifecycle: &Lifecycle) -> String {
    let rows: Vec<[String; 3]> = EventType::ALL.into_iter().map(|event| row(lifecycle, event)).collect();
    let heading = ["EVENT".to_owned(), "APPLIED FROM".to_owned(), "STATUS AFTER".to_owned()];
    let width = |column: usize| rows.iter().chain([&heading]).map(|row| row[column].len()).max().unwrap_or_default();
    let (first, second) = (width(0), width(1));
    let mut text = String::new();
    for [event, from, after] in [&heading].into_iter().chain(&rows) {
        // Writing to a String can't fail.
        let _ = writeln!(text, "{event:first$}  {from:second$}  {after}");
    }
    text
}

/// The page `schema/lifecycle.md`: lifecycles as tables and diagrams, and what a reader needs besides.
pub fn markdown(lifecycles: &[Lifecycle]) -> String {
    let mut text = String::from(PREFACE);
    for lifecycle in lifecycles {
        let _ = write!(text, "\n## `{}`\n\n| event | applied from | status after |\n|---|---|---|\n", lifecycle.name());
        for event in EventType::ALL {
            let [event, from, after] = row(lifecycle, event);
            let _ = writeln!(text, "| `{event}` | {from} | {after} |");
        }
        if let Some(note) = beginnings(lifecycle) {
            let _ = write!(text, "\n{note}\n");
        }
        let _ = write!(text, "\n```mermaid\n{}```\n", mermaid(lifecycle));
    }
    text
}

const PREFACE: &str = "# Lifecycles

Generated from the code by `clockfold lifecycle --format markdown`. A source chooses one of these lifecycles, or one of the configuration's own.

A step that was applied and not undone stands. The last step that stands makes the status; NONE means that there is no appointment yet. A step that stands already, and an undo of a step that was undone and not done again since, is DUPLICATE. What no row applies is REJECTED.

A source may have a reorder window, in which deliveries that were swapped on their way find their place. A delivery that would be REJECTED is put at the latest place among the appointment's applied deliveries at which it, and every delivery after it, is applied. It may only be put before deliveries that arrived at most a window before it. It is then APPLIED, and `late`. Where there is no such place it is REJECTED for now and waits: after whatever is applied to the appointment, it is judged again, until the window after its arrival has passed. At most 16 deliveries of an appointment wait; with one more, the earliest stays REJECTED. A delivery that arrived more than 60 s before an earlier one of its appointment, because the machine's clock was set back, is outside every window with what stands before it. Without a window, deliveries are judged as they arrive and a rejection is final.
";

/// The note for a lifecycle in which an appointment can begin without `create`.
fn beginnings(lifecycle: &Lifecycle) -> Option<String> {
    let begins = |event: EventType| lifecycle.applies(event, None);
    EventType::ALL.into_iter().find(|event| *event != EventType::Create && begins(*event))?;
    let scheduled = "An appointment that began without `create` counts as SCHEDULED where no step stands.";
    let create = if begins(EventType::Create) {
        " A `create` that comes after all is applied in any status. It stands first, and the status stays."
    } else if lifecycle.applied_from(EventType::Create).unwrap_or_default() == MetSet::default() {
        ""
    } else {
        " A `create` that is applied stands first, and the status stays."
    };
    Some(format!("{scheduled}{create}"))
}

/// The steps and their undos, and what else begins an appointment, as a Mermaid state diagram.
pub fn mermaid(lifecycle: &Lifecycle) -> String {
    let mut text = String::from("stateDiagram-v2\n");
    let state = |met: Met| met.map_or("[*]", |status| status.name());
    let mut changes: Vec<Transition> =
        transitions(lifecycle).into_iter().filter(|change| change.from != change.to).collect();
    changes.sort_by_key(|change| match change.event.kind() {
        EventKind::Step(step) | EventKind::Undo(step) => step,
        EventKind::Detail => Step::Create,
    });
    for Transition { event, from, to } in changes {
        let _ = writeln!(text, "    {} --> {}: {}", state(from), state(to), event.name());
    }
    text
}

fn row(lifecycle: &Lifecycle, event: EventType) -> [String; 3] {
    let (from, after) = match event.kind() {
        EventKind::Undo(step) => (
            format!("{}, where {} is the last standing step", step.status().name(), step.event().name()),
            "the status before that step".to_owned(),
        ),
        EventKind::Detail | EventKind::Step(Step::Create) => {
            (list(lifecycle, event), kept(lifecycle, event).to_owned())
        }
        EventKind::Step(step) => (list(lifecycle, event), step.status().name().to_owned()),
    };
    [event.name().to_owned(), from, after]
}

/// The status after what begins an appointment or keeps its status.
fn kept(lifecycle: &Lifecycle, event: EventType) -> &'static str {
    let from = lifecycle.applied_from(event).unwrap_or_default();
    match (from.contains(None), from.iter().flatten().next().is_some()) {
        (true, false) => Status::Scheduled.name(),
        (true, true) => "same; SCHEDULED from NONE",
        (false, _) => "same",
    }
}

fn list(lifecycle: &Lifecycle, event: EventType) -> String {
    let from = lifecycle.applied_from(event).unwrap_or_default();
    if from == MetSet::of(&Status::ALL).with(None) {
        return "any".to_owned();
    }
    if from == MetSet::default() {
        return "never".to_owned();
    }
    if from == MetSet::of(&Status::ALL) {
        return "any but NONE".to_owned();
    }
    let names: Vec<&str> = from.iter().map(|met| met.map_or("NONE", |status| status.name())).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What may begin an appointment is `begins`; each step is applied from the step before it.
    fn custom(begins: &[EventType], create: MetSet) -> Lifecycle {
        let row = |event: EventType| {
            let from = match event.kind() {
                EventKind::Step(Step::Create) => create,
                EventKind::Step(step) => MetSet::of(&[Step::ALL[step as usize - 1].status()]),
                _ => MetSet::default(),
            };
            (event, if begins.contains(&event) { from.and_none() } else { from })
        };
        Lifecycle::custom("custom", &EventType::ALL.map(row))
    }

    fn has_row(lifecycle: &Lifecycle, expected: &str) {
        let page = markdown(std::slice::from_ref(lifecycle));
        assert!(page.lines().any(|line| line == expected), "{expected}\n{page}");
    }

    #[test]
    fn how_an_appointment_can_begin_is_told_where_it_matters() {
        let (none, ready) = (MetSet::default(), MetSet::of(&[Status::Ready]));
        let note = |begins: &[EventType], create| beginnings(&custom(begins, create)).unwrap_or_default();
        assert_eq!(note(&[EventType::Create], none), "");
        assert!(note(&[EventType::Create, EventType::Reschedule], none).ends_with("and the status stays."));
        assert!(note(&[EventType::Create, EventType::Checkin], none).contains(" in any status. It stands first"));
        assert!(note(&[EventType::Checkin], ready).contains("where no step stands. A `create` that is applied stands"));
        assert!(note(&[EventType::Checkin], none).ends_with("where no step stands."));
    }

    #[test]
    fn the_status_after_is_the_one_that_comes() {
        let lifecycle = custom(&[EventType::Checkin, EventType::Reschedule], MetSet::of(&[Status::Ready]));
        has_row(&lifecycle, "| `create` | READY | same |");
        has_row(&lifecycle, "| `reschedule` | NONE | SCHEDULED |");
        has_row(&lifecycle, "| `demographics_update` | never | same |");
        has_row(&Lifecycle::lenient(), "| `demographics_update` | any | same; SCHEDULED from NONE |");
        let diagram = mermaid(&lifecycle);
        for edge in ["[*] --> SCHEDULED: reschedule", "CHECKED_IN --> SCHEDULED: undo_checkin"] {
            assert!(diagram.lines().any(|line| line.trim() == edge), "{edge}: {diagram}");
        }
        assert!(!diagram.contains(": create") && !diagram.contains("demographics_update"), "{diagram}");
    }
}
