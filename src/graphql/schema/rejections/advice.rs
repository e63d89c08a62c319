//! When a pattern in a source's rejections is clear enough for advice, and the advice.
//!
//! Wrong advice costs more than none: an operator who follows it lets in what was rejected with reason. So a pattern
//! has to be frequent, of several appointments, and a good share of all rejections; and walk-ins also a share of all
//! patients who came, because everywhere staff forget a button now and then.

use crate::{
    graphql::{
        problem::Problem,
        schema::rejections::{RejectionAdvice, to_int},
        scope::Scope,
    },
    lifecycle::Lifecycle,
    log::SourceName,
    projection::{Evidence, Pattern, REJECTIONS_MAX, Shown, Stretches, WINDOW_TRIED},
};

/// The fewest rejections.
const REJECTIONS_MIN: u64 = 10;

/// The fewest appointments: one with which everything goes wrong is no pattern.
const APPOINTMENTS_MIN: u64 = 5;

/// How many of 100 who came must have had no CHECKIN for WALK_INS: in usual traffic staff skip one or two.
const WALK_INS_PERCENT_MIN: u64 = 5;

/// How many of 100 rejections must show the pattern. A window costs little and hardly ever takes anything away: in rare
/// logs a delivery that was applied no longer is. A lifecycle lets more in.
fn percent_min(pattern: Pattern) -> u64 {
    match pattern {
        Pattern::WalkIns | Pattern::MidStream => 25,
        Pattern::Overtaking => 5,
    }
}

/// The advice for these sources.
pub(super) fn of(
    scope: &Scope,
    sources: &[SourceName],
    stretches: &Stretches,
) -> Result<Vec<RejectionAdvice>, Problem> {
    let mut advice = Vec::new();
    for source in sources {
        let evidence = scope.view().evidence(source, stretches, scope.rules(source), scope.log())?;
        let clear: Vec<_> =
            evidence.shown.iter().filter(|(pattern, shown)| is_clear(**pattern, **shown, &evidence)).collect();
        let with_lenient = clear.iter().any(|(pattern, _)| **pattern == Pattern::MidStream);
        for (pattern, shown) in clear {
            let (line, argument) = setting(*pattern);
            let mut explanation = format!(
                "{} {} Try it out without changing anything: `rebuildProjection(dryRun: true, source: \"{source}\", {argument})` tells what would become of the source's appointments.",
                found(source, *pattern, *shown, &evidence),
                effect(*pattern, *shown),
            );
            if *pattern == Pattern::WalkIns && with_lenient {
                explanation += " `lifecycle = \"lenient\"`, which is advised too, includes it.";
            }
            if *pattern != Pattern::Overtaking && Lifecycle::built_in(scope.lifecycle(source).name()).is_err() {
                explanation += &format!(
                    " The source has a table of its own, `{}`: to keep its other rows, add the statuses to its rows instead.",
                    scope.lifecycle(source).name()
                );
            }
            advice.push(RejectionAdvice {
                source: source.as_str().to_owned(),
                pattern: (*pattern).into(),
                count: to_int(shown.rejections),
                explanation,
                setting: line,
            });
        }
    }
    Ok(advice)
}

fn is_clear(pattern: Pattern, shown: Shown, evidence: &Evidence) -> bool {
    let is_share = |part: u64, of: u64, percent: u64| part * 100 >= of * percent;
    let is_usual = match pattern {
        Pattern::WalkIns => is_share(shown.appointments, shown.appointments + evidence.check_ins, WALK_INS_PERCENT_MIN),
        Pattern::MidStream | Pattern::Overtaking => true,
    };
    shown.rejections >= REJECTIONS_MIN
        && shown.appointments >= APPOINTMENTS_MIN
        && is_share(shown.rejections, evidence.rejections, percent_min(pattern))
        && is_usual
}

/// The line of TOML, and the same as a command's argument.
fn setting(pattern: Pattern) -> (String, String) {
    let seconds = WINDOW_TRIED.num_seconds();
    let lifecycle = |name: &str| (format!("lifecycle = \"{name}\""), format!("lifecycle: \"{name}\""));
    match pattern {
        Pattern::WalkIns => lifecycle("walk_in"),
        Pattern::MidStream => lifecycle("lenient"),
        Pattern::Overtaking => (format!("reorder_window_s = {seconds}"), format!("reorderWindowSeconds: {seconds}")),
    }
}

fn found(source: &SourceName, pattern: Pattern, shown: Shown, evidence: &Evidence) -> String {
    let Shown { rejections, appointments } = shown;
    let of = if evidence.has_more {
        format!("{rejections} of the newest {REJECTIONS_MAX} rejections")
    } else {
        format!("{rejections} of {} rejections", evidence.rejections)
    };
    match pattern {
        Pattern::WalkIns => format!(
            "{of} of `{source}` are `ready`, `callback` or `discharge` of {appointments} appointments that were SCHEDULED and never had a `checkin`, while {} were checked in: they look like walk-ins whom nobody checks in.",
            evidence.check_ins
        ),
        Pattern::MidStream => format!(
            "{of} of `{source}` are of {appointments} appointments that never had a `create`: they look as if they had been booked before this source was switched on."
        ),
        Pattern::Overtaking => format!(
            "{of} of `{source}`, of {appointments} appointments, arrived in another order than they were sent: with what belongs before or after them they are at most {} seconds apart.",
            WINDOW_TRIED.num_seconds()
        ),
    }
}

fn effect(pattern: Pattern, shown: Shown) -> String {
    let (line, _) = setting(pattern);
    let Shown { rejections, .. } = shown;
    let also = match pattern {
        Pattern::WalkIns => "also for a patient whose check-in was forgotten",
        Pattern::MidStream => "and any step or detail then brings an appointment into being",
        Pattern::Overtaking => "and what became of a delivery may then change within that time",
    };
    format!("With `{line}` all {rejections} would have been applied, {also}.")
}
