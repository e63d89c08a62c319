//! Rebuilds: their arguments, how far they are, and what they have changed.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object, SimpleObject};
use chrono::TimeDelta;

use crate::{
    graphql::{
        problem::Problem,
        scalars::{DateTime, Position, parse_appointment_id},
        schema::appointment::Appointment,
        scope::Scope,
    },
    lifecycle::{FoldRules, Lifecycle},
    log::SourceName,
    projection::{self, AppointmentKey, Differences, ProjectionError, Report, Rules, SetBack},
    tracker::{self, RebuildState as CoreState},
};

const REORDER_WINDOW_SECONDS_MAX: i32 = 3600;
/// The most set-backs of the clock in a report.
const SET_BACKS_MAX: usize = 100;

/// What admins can have done.
pub(in crate::graphql) struct Mutation;

/// Where a rebuild is.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
enum RebuildState {
    /// It goes on.
    Running,
    /// It has come to its end. The new projection counts; of a dry run, nothing has changed.
    Done,
    /// Somebody asked for its end; nothing has changed.
    Cancelled,
    /// It could not come to its end; nothing has changed.
    Failed,
}

/// What a rebuild is doing.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
enum RebuildStage {
    /// Reading the log.
    Reading,
    /// Folding what was read.
    Folding,
}

/// A fold of the whole log into a new projection, beside the one that counts.
#[derive(SimpleObject)]
pub(in crate::graphql) struct Rebuild {
    /// Where it is.
    state: RebuildState,
    /// Whether it only tells what it would change.
    dry_run: bool,
    /// When it was begun.
    started_at: DateTime,
    /// What it does; null before it has begun.
    stage: Option<RebuildStage>,
    /// For how many deliveries that is done.
    done: Position,
    /// Of how many.
    of: Position,
    /// Deliveries a second in this stage, so far.
    per_second: f64,
    /// In how many seconds this stage ends at that rate; null where nobody can tell.
    seconds_left: Option<f64>,
    /// What has changed, or would; null until it is done, and where the old projection was corrupt: it can't be compared.
    report: Option<RebuildReport>,
    /// Why it failed; null where it has not.
    error: Option<String>,
}

/// How the projection and a fresh fold of the same deliveries differ.
#[derive(SimpleObject)]
pub(in crate::graphql) struct RebuildReport {
    /// Up to which position both are folded.
    position: Position,
    /// Whether nothing differs: what is told of every appointment and delivery, and every index.
    equal: bool,
    /// All sources together.
    total: RebuildDifferences,
    /// The sources whose appointments differ, by name.
    sources: Vec<SourceDifferences>,
    /// The first appointments that differ, at most ten.
    samples: Vec<RebuildSample>,
    /// How often the clock was set back: arrival times go back there.
    set_back_count: i32,
    /// Where it was set back last, in the order of the log: at most a hundred.
    set_backs: Vec<ClockSetBack>,
    /// The state digest of the projection.
    digest_before: String,
    /// The state digest of the fresh fold. Two folds of the same log by the same rules share it.
    digest_after: String,
}

/// A place where the machine's clock was set back by more than a minute, so that arrival times go back.
#[derive(SimpleObject)]
struct ClockSetBack {
    /// The first delivery after it.
    position: Position,
    /// When the delivery before that one arrived.
    from: DateTime,
    /// When that one arrived: earlier.
    to: DateTime,
}

/// How many appointments differ.
#[derive(SimpleObject)]
struct RebuildDifferences {
    /// How many there are.
    appointments: i32,
    /// How many differ in anything.
    changed: i32,
    /// How many have another status.
    statuses: i32,
    /// How many have other times of standing steps.
    times: i32,
    /// How many have deliveries with another outcome.
    outcomes: i32,
}

/// How many appointments of a source differ.
#[derive(SimpleObject)]
struct SourceDifferences {
    /// The source.
    source: String,
    /// How many.
    differences: RebuildDifferences,
}

/// An appointment that differs.
#[derive(SimpleObject)]
struct RebuildSample {
    /// Whose it is.
    source: String,
    /// The source's number for it.
    appointment_id: ID,
    /// As the projection has it; null where it has not come into being there.
    before: Option<Appointment>,
    /// As the fresh fold has it.
    after: Option<Appointment>,
}

/// One appointment that was folded anew.
#[derive(SimpleObject)]
struct RefoldedAppointment {
    /// As it was told before; null where it had not come into being.
    before: Option<Appointment>,
    /// As the log makes it; null where no delivery brings it into being.
    after: Option<Appointment>,
    /// Whether anything differed, in it or in what is told of one of its deliveries.
    changed: bool,
}

/// What admins can have done.
#[Object(name = "Mutation")]
impl Mutation {
    /// Folds the whole log into a new projection, while deliveries and queries go on. It takes the place of the one that
    /// counts when it has caught up. One runs at a time. For admins of all sources.
    async fn rebuild_projection(
        &self,
        ctx: &Context<'_>,
        #[graphql(default, desc = "Only tell what it would change.")] dry_run: bool,
        #[graphql(desc = "With `dryRun`: the source that other rules are tried out on.")] source: Option<String>,
        #[graphql(desc = "With `source`: the name of the lifecycle; absent: the one in force.")] lifecycle: Option<
            String,
        >,
        #[graphql(desc = "With `source`: the reorder window, 0 to 3600; absent: the one in force.")]
        reorder_window_seconds: Option<i32>,
    ) -> Result<Rebuild, Problem> {
        let scope = Scope::of(ctx);
        scope.require_admin_of_everything()?;
        let rebuilds = scope.rebuilds()?;
        let rules = match source {
            None if lifecycle.is_some() || reorder_window_seconds.is_some() => {
                return Err(Problem::BadInput("Other rules are tried out on a `source`: name one."));
            }
            None => None,
            Some(_) if !dry_run => {
                return Err(Problem::BadInput(
                    "Other rules are only tried out, with `dryRun: true`; the configuration puts them in force.",
                ));
            }
            Some(source) => {
                let source = scope.select(Some(&source))?.pop().ok_or(Problem::SourceNotFound)?;
                Some(other_rules(scope, source, lifecycle, reorder_window_seconds)?)
            }
        };
        let started = if dry_run { rebuilds.try_out(rules) } else { rebuilds.start() };
        started.map(|rebuild| Rebuild::from(&*rebuild)).map_err(|tracker::Busy| Problem::Busy)
    }

    /// Asks the running rebuild to end. Returns it, or the last one; null where there was none.
    async fn cancel_rebuild(&self, ctx: &Context<'_>) -> Option<Result<Rebuild, Problem>> {
        let scope = Scope::of(ctx);
        let cancel = || {
            scope.require_admin_of_everything()?;
            Ok(scope.rebuilds()?.cancel().map(|rebuild| Rebuild::from(&*rebuild)))
        };
        cancel().transpose()
    }

    /// Folds one appointment anew from the log, and keeps the outcome. Where its status was wrong, what is told of earlier
    /// moments and of counts may be too: then rebuild. For admins.
    async fn refold_appointment(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whose it is.")] source: String,
        #[graphql(desc = "The source's number for it: 1 to 9223372036854775807.")] appointment_id: ID,
    ) -> Result<RefoldedAppointment, Problem> {
        let scope = Scope::of(ctx);
        scope.require_admin()?;
        let appointment_id = parse_appointment_id(&appointment_id)?;
        let source = scope.select(Some(&source))?.pop().ok_or(Problem::SourceNotFound)?;
        let key = AppointmentKey { source, appointment_id };
        let tracker = scope.tracker()?;
        let arrived = scope.view().read_again(&key, scope.log());
        let refolded = arrived.and_then(|arrived| tracker.refold(arrived));
        let projection::Refolded { before, after, changed } = refolded.map_err(|error| match error {
            ProjectionError::NoSuchAppointment => Problem::AppointmentNotFound,
            error => error.into(),
        })?;
        Ok(RefoldedAppointment { before: Appointment::new(before), after: Appointment::new(after), changed })
    }
}

/// The rules in force, but for one source.
fn other_rules(
    scope: &Scope,
    source: SourceName,
    lifecycle: Option<String>,
    reorder_window_seconds: Option<i32>,
) -> Result<Rules, Problem> {
    let FoldRules { lifecycle: mut table, mut reorder_window } = scope.rules(&source).clone();
    if let Some(name) = lifecycle {
        let custom = || scope.lifecycles().iter().find(|lifecycle| lifecycle.name() == name).cloned();
        table = Lifecycle::built_in(&name).ok().or_else(custom).ok_or(Problem::LifecycleNotFound)?;
    }
    if let Some(seconds) = reorder_window_seconds {
        if !(0..=REORDER_WINDOW_SECONDS_MAX).contains(&seconds) {
            return Err(Problem::BadInput("`reorderWindowSeconds` is 0 to 3600."));
        }
        reorder_window = TimeDelta::seconds(seconds.into());
    }
    Ok(scope.all_rules().with(source, FoldRules { lifecycle: table, reorder_window }))
}

impl From<&tracker::Rebuild> for Rebuild {
    fn from(rebuild: &tracker::Rebuild) -> Rebuild {
        let (state, report, error) = match &rebuild.state {
            CoreState::Running => (RebuildState::Running, None, None),
            CoreState::Done(report) => (RebuildState::Done, report.as_ref(), None),
            CoreState::Cancelled => (RebuildState::Cancelled, None, None),
            CoreState::Failed(error) => (RebuildState::Failed, None, Some(error.clone())),
        };
        let progress = rebuild.progress;
        let (done, of) = progress.map_or((0, 0), |progress| (progress.done, progress.of));
        let per_second = progress.map_or(0.0, |progress| progress.per_second);
        let left = of.saturating_sub(done);
        // For a person's eyes: counts are far below 2^52.
        #[allow(clippy::cast_precision_loss)]
        let seconds_left = (per_second > 0.0).then(|| left as f64 / per_second);
        Rebuild {
            state,
            dry_run: rebuild.dry_run,
            started_at: DateTime(rebuild.started_at),
            stage: progress.map(|progress| match progress.stage {
                projection::Stage::Reading => RebuildStage::Reading,
                projection::Stage::Folding => RebuildStage::Folding,
            }),
            done: Position(crate::log::Position::new(done)),
            of: Position(crate::log::Position::new(of)),
            per_second,
            seconds_left: seconds_left.filter(|_| matches!(rebuild.state, CoreState::Running)),
            report: report.map(RebuildReport::from),
            error,
        }
    }
}

impl From<&Arc<Report>> for RebuildReport {
    fn from(report: &Arc<Report>) -> RebuildReport {
        let changed = report.sources.iter().filter(|(_, differences)| differences.changed > 0);
        let sources = changed.map(|(source, differences)| SourceDifferences {
            source: source.to_string(),
            differences: differences.into(),
        });
        let samples = report.samples.iter().map(|sample| RebuildSample {
            source: sample.key.source.to_string(),
            appointment_id: sample.key.appointment_id.into(),
            before: sample.before.clone().and_then(Appointment::new),
            after: sample.after.clone().and_then(Appointment::new),
        });
        RebuildReport {
            position: Position(report.position),
            equal: report.is_equal(),
            total: (&report.total()).into(),
            sources: sources.collect(),
            samples: samples.collect(),
            set_back_count: i32::try_from(report.set_backs.len()).unwrap_or(i32::MAX),
            set_backs: report.set_backs[report.set_backs.len().saturating_sub(SET_BACKS_MAX)..]
                .iter()
                .map(|SetBack { position, from, to }| ClockSetBack {
                    position: Position(*position),
                    from: DateTime(*from),
                    to: DateTime(*to),
                })
                .collect(),
            digest_before: report.before.to_string(),
            digest_after: report.after.to_string(),
        }
    }
}

impl From<&Differences> for RebuildDifferences {
    fn from(differences: &Differences) -> RebuildDifferences {
        let int = |count: u64| i32::try_from(count).unwrap_or(i32::MAX);
        RebuildDifferences {
            appointments: int(differences.appointments),
            changed: int(differences.changed),
            statuses: int(differences.statuses),
            times: int(differences.times),
            outcomes: int(differences.outcomes),
        }
    }
}
