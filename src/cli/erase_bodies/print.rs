//! What `erase-bodies` prints: counts by source, and where else bodies may lie.

use std::fmt::Write as _;

use chrono::SecondsFormat;
use serde::Serialize;

use crate::{
    config::Config,
    log::{Head, SourceName},
    retention::{Counts, Due, Selection},
};

/// What was done, or would be.
pub(super) struct Report<'a> {
    pub(super) selection: &'a Selection,
    pub(super) due: &'a Due,
    pub(super) dry_run: bool,
    /// Whether something was removed that an interrupted run had left.
    pub(super) interrupted: bool,
    pub(super) head: Head,
    pub(super) config: &'a Config,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Object<'a> {
    before: String,
    dry_run: bool,
    erased: u64,
    sources: Vec<Source<'a>>,
    head_position: String,
    digest: String,
    unfinished_removed: bool,
    archive: Option<String>,
    also_in: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Source<'a> {
    source: &'a str,
    /// Whether its lifecycle is configured.
    configured: bool,
    erased: u64,
    erased_bytes: u64,
    kept: u64,
    erased_earlier: u64,
}

/// A row for each source, and sentences.
pub(super) fn table(told: &Report<'_>) -> String {
    let Report { due, dry_run, head, config, .. } = told;
    let mut text = String::new();
    let before = before(told);
    let mut line = |sentence: String| {
        text.push_str(&sentence);
        text.push('\n');
    };
    if told.interrupted {
        line("What an interrupted command had left, perhaps with bodies, was removed.".to_owned());
    }
    let heading = ["SOURCE", if *dry_run { "WOULD GO" } else { "ERASED" }, "BYTES", "STAY", "ERASED EARLIER"];
    let row = |(source, counts): (&SourceName, &Counts)| {
        let Counts { due, due_bytes, kept, erased } = counts;
        [source.to_string(), due.to_string(), due_bytes.to_string(), kept.to_string(), erased.to_string()]
    };
    let rows: Vec<[String; 5]> = due.by_source.iter().map(row).collect();
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].len());
        cells.chain([heading[column].len()]).max().unwrap_or_default()
    };
    let widths: [usize; 5] = std::array::from_fn(width);
    for row in [heading.map(str::to_owned)].iter().chain(&rows).filter(|_| !rows.is_empty()) {
        let cells = row.iter().zip(widths).enumerate().map(|(column, (cell, width))| match column {
            0 => format!("{cell:width$}"),
            _ => format!("{cell:>width$}"),
        });
        line(cells.collect::<Vec<_>>().join("  "));
    }
    let others: Vec<&str> =
        due.by_source.keys().filter(|source| !is_configured(source, config)).map(SourceName::as_str).collect();
    if !others.is_empty() {
        line(format!("Not configured, so what has ended there is told by `strict`: {}.", others.join(", ")));
    }
    let count = due.count();
    match (count, *dry_run) {
        (0, _) => line(format!("No body that arrived before {before} is to be erased; nothing was changed.")),
        (_, true) => line(format!("{count} bodies that arrived before {before} would be erased; nothing was changed.")),
        (_, false) => line(format!(
            "{count} bodies that arrived before {before} are erased, and so are their salts. The log was written anew and compared: it still ends at position {} with the digest {}.",
            head.position, head.digest
        )),
    }
    if !dry_run {
        line(also_in(config));
    }
    text
}

/// The same as one object.
pub(super) fn json(told: &Report<'_>) -> anyhow::Result<String> {
    let source = |(source, counts): (&'_ SourceName, &Counts)| (source.clone(), *counts);
    let sources: Vec<(SourceName, Counts)> = told.due.by_source.iter().map(source).collect();
    let object = Object {
        before: before(told),
        dry_run: told.dry_run,
        erased: told.due.count(),
        sources: sources
            .iter()
            .map(|(source, counts)| Source {
                source: source.as_str(),
                configured: is_configured(source, told.config),
                erased: counts.due,
                erased_bytes: counts.due_bytes,
                kept: counts.kept,
                erased_earlier: counts.erased,
            })
            .collect(),
        head_position: told.head.position.to_string(),
        digest: told.head.digest.to_string(),
        unfinished_removed: told.interrupted,
        archive: told.config.archive.as_ref().map(|path| path.display().to_string()),
        also_in: also_in(told.config),
    };
    let mut text = String::new();
    writeln!(text, "{}", serde_json::to_string_pretty(&object)?)?;
    Ok(text)
}

/// Where else bodies may lie.
pub(super) fn also_in(config: &Config) -> String {
    let archive = match &config.archive {
        Some(directory) => format!("in the archive in {} and ", directory.display()),
        None => String::new(),
    };
    format!(
        "Bodies that are erased here are still {archive}in every backup, export and archive that was made before; renew or remove those too, as docs/copies.md says under Retention."
    )
}

fn is_configured(source: &SourceName, config: &Config) -> bool {
    config.sources.iter().any(|configured| configured.access.name == *source)
}

fn before(told: &Report<'_>) -> String {
    told.selection.before.to_rfc3339_opts(SecondsFormat::Millis, true)
}
