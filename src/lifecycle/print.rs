//! A lifecycle as text: a plain table, Markdown, and a Mermaid diagram.

use std::fmt::Write as _;

use super::{
    event::{EventKind, EventType, Step},
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

/// The page `schema/lifecycle.md`: every built-in lifecycle as a table and a diagram.
pub fn markdown(lifecycles: &[Lifecycle]) -> String {
    let mut text = String::from(
        "# Lifecycles\n\nGenerated from the code by `clockfold lifecycle --format markdown`. A step that stands already, and an undo of a step that was undone and not done again since, is DUPLICATE. What no row applies is REJECTED.\n",
    );
    for lifecycle in lifecycles {
        let _ = write!(text, "\n## `{}`\n\n| event | applied from | status after |\n|---|---|---|\n", lifecycle.name());
        for event in EventType::ALL {
            let [event, from, after] = row(lifecycle, event);
            let _ = writeln!(text, "| `{event}` | {from} | {after} |");
        }
        let _ = write!(text, "\n```mermaid\n{}```\n", mermaid(lifecycle));
    }
    text
}

/// The steps and their undos as a Mermaid state diagram.
pub fn mermaid(lifecycle: &Lifecycle) -> String {
    let mut text = String::from("stateDiagram-v2\n");
    let state = |met: Met| met.map_or("[*]", |status| status.name());
    for step in Step::ALL {
        let from = lifecycle.applied_from(step.event()).unwrap_or_default();
        for met in from.iter() {
            let _ = writeln!(text, "    {} --> {}: {}", state(met), step.status().name(), step.event().name());
        }
        for undo in EventType::ALL.into_iter().filter(|event| event.kind() == EventKind::Undo(step)) {
            for met in from.iter().flatten() {
                let _ = writeln!(text, "    {} --> {}: {}", step.status().name(), met.name(), undo.name());
            }
        }
    }
    text
}

fn row(lifecycle: &Lifecycle, event: EventType) -> [String; 3] {
    let (from, after) = match event.kind() {
        EventKind::Step(step) => (list(lifecycle, event), step.status().name().to_owned()),
        EventKind::Undo(step) => (
            format!("{}, where {} is the last standing step", step.status().name(), step.event().name()),
            "the status before that step".to_owned(),
        ),
        EventKind::Detail => (list(lifecycle, event), "same".to_owned()),
    };
    [event.name().to_owned(), from, after]
}

fn list(lifecycle: &Lifecycle, event: EventType) -> String {
    let from = lifecycle.applied_from(event).unwrap_or_default();
    if from == MetSet::of(&Status::ALL).with(None) {
        return "any".to_owned();
    }
    if from == MetSet::of(&Status::ALL) {
        return "any but NONE".to_owned();
    }
    let names: Vec<&str> = from.iter().map(|met| met.map_or("NONE", |status| status.name())).collect();
    names.join(", ")
}
