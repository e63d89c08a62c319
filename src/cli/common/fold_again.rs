//! What `rebuild` and `verify` have in common: how far a fold is, and a running server that does the work instead.

use std::{thread, time::Duration};

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

use crate::{
    cli::common::{fold_report::FoldReport, hint::with_hint, log_source::ServerLog, progress::Progress},
    projection::{self, ProjectionError, Stage},
};

const POLL: Duration = Duration::from_millis(200);
/// The fields that a running server is asked for.
const FIELDS: &str = "state stage done of error report { position equal total { appointments changed statuses times outcomes } sources { source differences { appointments changed statuses times outcomes } } samples { source appointmentId before { status statusSince lastPosition } after { status statusSince lastPosition } } setBackCount setBacks { position from to } digestBefore digestAfter }";

/// Shows how far a rebuild is.
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

/// Has a running server do it, and waits for its report. There is none where the old projection was corrupt.
pub(in crate::cli) fn on_server(
    server: &ServerLog,
    arguments: &Value,
    progress: &mut Progress<'_>,
) -> anyhow::Result<Option<FoldReport>> {
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
        Some("DONE") => serde_json::from_value(rebuild["report"].take()).context("reading the server's report"),
        Some("CANCELLED") => bail!("the rebuild was cancelled; nothing has changed"),
        _ => bail!("the running server could not do it: {}", rebuild["error"].as_str().context("it does not say why")?),
    }
}
