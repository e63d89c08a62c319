//! `clockfold show`: how an appointment came to be where it is, or what would become of an event.
//!
//! It reads the log once from its beginning to its end, and folds the one appointment on the way. Up to millions of
//! deliveries that is less work than opening the projection, and it needs none: it can be missing, behind, or folded by
//! other rules, and stays as it is.

mod json;
mod table;
mod timeline;

use std::collections::BTreeSet;

use anyhow::{anyhow, bail};
use chrono::{DateTime, SubsecRound as _, Utc};
use clap::{
    Args,
    builder::{PossibleValuesParser, TypedValueParser},
};

use crate::{
    cli::common::{call::Call, format::Format, hint::with_hint},
    config::Config,
    lifecycle::{EventType, FoldRules},
    log::{AppointmentId, ArrivalTime, Clock, DataDir, Log, LogError, Position, SledLog, SourceName},
    projection::AppointmentKey,
    webhook,
};

use timeline::Timeline;

/// Which appointment, and how.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Who sends its deliveries: the name of a source.
    #[arg(value_name = "SOURCE")]
    source: SourceName,
    /// The source's number for it.
    #[arg(value_name = "APPOINTMENT", value_parser = appointment_id)]
    appointment_id: AppointmentId,
    /// How to print it.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Instead, print what would become of this event if it arrived now.
    #[arg(long, value_name = "EVENT", value_parser = event_type())]
    explain: Option<EventType>,
}

/// What was found in the log.
struct Found {
    timeline: Timeline,
    /// All sources that have sent anything.
    sources: BTreeSet<SourceName>,
    /// The other sources that use the number.
    namesakes: BTreeSet<SourceName>,
    /// How many deliveries of the source could not be read.
    unreadable: u64,
    last_received_at: DateTime<Utc>,
}

/// Prints an appointment's timeline, or an explanation.
pub(super) fn run(
    arguments: &Arguments,
    mut config: Config,
    Call { invocation, clock, stdout, .. }: Call<'_>,
) -> anyhow::Result<()> {
    let _acting = invocation.reads(&config.data_dir)?;
    let log = open(arguments, &config, clock)?;
    let log_dir = DataDir::at(&config.data_dir).log();
    config.take_first_source(&log_dir)?;
    let configured = config.sources.iter().find(|source| source.access.name == arguments.source);
    // Any other source is folded by the default.
    let rules = configured.map(|source| source.rules.clone()).unwrap_or_default();
    let found = search(&log, arguments, &rules)?;
    let timeline = &found.timeline;
    if timeline.entries.is_empty() {
        bail!("{}", found.nothing(arguments, &config));
    }
    if let Some(event) = arguments.explain {
        let received_at =
            ArrivalTime::at(found.last_received_at, clock().trunc_subsecs(3), DateTime::<Utc>::MIN_UTC).time();
        let explained = timeline.appointment.explain(&rules, event, received_at);
        let text = match arguments.format {
            Format::Table => table::explanation(&timeline.key, event, received_at, &explained),
            Format::Json => json::explanation(&timeline.key, event, received_at, &explained)?,
        };
        return Ok(stdout.write_all(text.as_bytes())?);
    }
    let text = match arguments.format {
        Format::Table => table::timeline(timeline, &rules, configured.is_some(), found.unreadable),
        Format::Json => json::timeline(timeline, &rules)?,
    };
    stdout.write_all(text.as_bytes())?;
    stdout.flush()?;
    if timeline.appointment.status().is_none() {
        let AppointmentKey { source, appointment_id } = &timeline.key;
        let count = counted(timeline.entries.len() as u64, "delivery names", "deliveries name");
        bail!(
            "the appointment {appointment_id} of `{source}` has not come into being: {count} it, and none was applied\n  hint: `--explain create` tells what a `create` would do"
        );
    }
    Ok(())
}

/// Opens the log, but makes none.
fn open(arguments: &Arguments, config: &Config, clock: &Clock) -> anyhow::Result<SledLog> {
    let data_dir = DataDir::at(&config.data_dir);
    if !data_dir.log().is_dir() {
        bail!(
            "there is no log in the data directory {}\n  hint: name the directory that the server uses with --data-dir, or its configuration with --config",
            config.data_dir.display()
        );
    }
    let opened = SledLog::open_to_read(&data_dir, Clock::clone(clock));
    opened.map(|log| log.read_again_by(webhook::read_again)).map_err(|error| {
        let in_use = matches!(error, LogError::InUse { .. });
        let refusal = with_hint(error);
        if !in_use {
            return refusal;
        }
        anyhow!("{refusal}\n  hint: or ask the running server, at /graphql:\n    {}", query(arguments))
    })
}

/// What to ask a running server instead.
fn query(arguments: &Arguments) -> String {
    let Arguments { source, appointment_id, explain, .. } = arguments;
    let appointment = format!(r#"appointment(appointmentId: "{appointment_id}", source: "{source}")"#);
    match explain {
        Some(event) => format!(
            "{{ {appointment} {{ explain(eventType: {}) {{ outcome code reason late statusAfter letsIn reconsideredUntil }} }} }}",
            event.name().to_uppercase()
        ),
        None => format!(
            r#"{{ {appointment} {{ status statusSince standing }} deliveries(filter: {{ source: "{source}", appointmentId: "{appointment_id}" }}, first: 500) {{ nodes {{ position receivedAt rawEventType outcome code reason late appliedAt statusBefore statusAfter }} }} }}"#
        ),
    }
}

fn search(log: &dyn Log, arguments: &Arguments, rules: &FoldRules) -> anyhow::Result<Found> {
    let key = AppointmentKey { source: arguments.source.clone(), appointment_id: arguments.appointment_id };
    let mut found = Found {
        timeline: Timeline::new(key),
        sources: BTreeSet::new(),
        namesakes: BTreeSet::new(),
        unreadable: 0,
        last_received_at: DateTime::UNIX_EPOCH,
    };
    for delivery in log.read(Position::ZERO.next()) {
        let delivery = delivery.map_err(with_hint)?;
        found.last_received_at = delivery.received_at;
        if !found.sources.contains(&delivery.source) {
            found.sources.insert(delivery.source.clone());
        }
        let ours = delivery.source == arguments.source;
        match delivery.reading.appointment_id() {
            None => found.unreadable += u64::from(ours),
            Some(id) if id != arguments.appointment_id => {}
            Some(_) if ours => found.timeline.take(rules, &delivery),
            Some(_) => drop(found.namesakes.insert(delivery.source)),
        }
    }
    Ok(found)
}

impl Found {
    /// Why there is nothing to show, in a sentence that helps.
    fn nothing(&self, arguments: &Arguments, config: &Config) -> String {
        let Arguments { source, appointment_id, .. } = arguments;
        if self.sources.is_empty() {
            return format!("the log in {} holds no delivery yet", config.data_dir.display());
        }
        if !self.sources.contains(source) {
            let known = names(&self.sources);
            return format!("the log holds no delivery from a source `{source}`; it knows: {known}");
        }
        let mut told = format!("no delivery from `{source}` names the appointment {appointment_id}");
        if self.unreadable > 0 {
            let count = counted(self.unreadable, "delivery", "deliveries");
            told += &format!("; {count} from it could not be read");
        }
        if !self.namesakes.is_empty() {
            told += &format!("\n  hint: this number is used by: {}", names(&self.namesakes));
        }
        told
    }
}

fn names(sources: &BTreeSet<SourceName>) -> String {
    sources.iter().map(SourceName::as_str).collect::<Vec<_>>().join(", ")
}

/// A count with its noun.
fn counted(count: u64, one: &str, several: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {several}") }
}

pub(super) fn appointment_id(text: &str) -> Result<AppointmentId, &'static str> {
    text.parse().map_err(|()| "an appointment's number is an integer from 1 to 9223372036854775807")
}

/// One of the 13, to the letter; clap suggests the nearest one.
fn event_type() -> impl TypedValueParser<Value = EventType> {
    let names = EventType::ALL.map(EventType::name);
    PossibleValuesParser::new(names)
        .map(|name| EventType::from_name(&name).expect("only the names of the 13 are possible"))
}
