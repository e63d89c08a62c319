//! Folds a story, and prints the status after each delivery:
//! `cargo run --example fold_story -- fixtures/stories/a-visit-from-booking-to-discharge.story`
//!
//! A story is a test case of this project: a line for each delivery, with what is expected of it behind an arrow. This
//! program uses the pure core alone, so it shows all that is needed for a status: rules, an appointment, and one call of
//! `fold` for each delivery. Time is an argument, and here every delivery arrives a tenth of a second after the one before it.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write},
    process::ExitCode,
};

use anyhow::Context as _;
use chrono::{DateTime, TimeDelta};
use clockfold::lifecycle::{Appointment, Arrival, FoldRules, Lifecycle, Status};

fn main() -> ExitCode {
    let Some(path) = std::env::args().nth(1) else {
        let _ = writeln!(io::stderr(), "usage: fold_story FILE");
        return ExitCode::from(2);
    };
    let story = fs::read_to_string(&path).with_context(|| path.clone());
    match story.and_then(|story| fold(&story, &mut io::stdout())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Folds the deliveries of a story that can be read, and prints what becomes of each.
pub fn fold(story: &str, output: &mut impl Write) -> anyhow::Result<()> {
    let rules = rules(story)?;
    // An appointment is known by its source and its number: two clinics may use the same one.
    let mut appointments: BTreeMap<(&str, &str), Appointment> = BTreeMap::new();
    let mut received_at = DateTime::UNIX_EPOCH;
    for (index, (source, event, id)) in story.lines().filter_map(delivery).enumerate() {
        received_at += TimeDelta::milliseconds(100);
        let appointment = appointments.entry((source, id)).or_default();
        let arrival = Arrival { position: index as u64 + 1, received_at, reading: Ok(event) };
        let folded = appointment.fold(&rules, arrival);
        let outcome = folded.judgement.verdict.outcome().name();
        let status = folded.status.map_or("NONE", Status::name);
        writeln!(output, "{source} {id} {event}: {outcome}, {status}")?;
    }
    Ok(())
}

/// What the first line that begins with `%` says: a lifecycle, and a reorder window in seconds.
fn rules(story: &str) -> anyhow::Result<FoldRules> {
    let line = story.lines().find_map(|line| line.strip_prefix('%')).unwrap_or("strict 0");
    let (lifecycle, seconds) = line.trim().split_once(' ').context("a lifecycle and a window")?;
    let lifecycle = Lifecycle::built_in(lifecycle).context("only stories of a built-in lifecycle are folded here")?;
    Ok(FoldRules { lifecycle, reorder_window: TimeDelta::seconds(seconds.parse()?) })
}

/// The source, the event and the appointment's number of a line such as `downtown create 7 -> 200 APPLIED SCHEDULED`.
fn delivery(line: &str) -> Option<(&str, &str, &str)> {
    let (told, _) = line.split_once("->")?;
    match told.split_whitespace().collect::<Vec<_>>()[..] {
        [source, event, id] if id.parse::<u64>().is_ok() => Some((source, event, id)),
        _ => None,
    }
}
