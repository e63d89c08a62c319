//! What was not applied in a stretch of time: how much of it, what it means, and which setting would change it.
//!
//! Sources and a stretch come in, groups and advice go out. Groups are counted from the index, so a long stretch is
//! cheap; advice looks at the newest rejections only. Both end with the request's time.

mod advice;

use async_graphql::{Enum, SimpleObject};
use chrono::{DateTime as Time, Utc};

use crate::{
    graphql::{
        problem::Problem,
        scalars::{DateTime, Position},
        schema::lists::filter::{TimeRange, positions},
        scope::Scope,
        words::{EventType, Outcome},
    },
    log::{self, SourceName},
    projection::{self, NotApplied},
};

/// Deliveries of a stretch of time that were REJECTED, UNRECOGNIZED or UNREADABLE, as folded up to now.
#[derive(SimpleObject)]
pub(in crate::graphql) struct RejectionSummary {
    /// By source, code and event: the largest first.
    groups: Vec<RejectionGroup>,
    /// Settings that would have applied many of them. Empty where no pattern is clear enough.
    advice: Vec<RejectionAdvice>,
}

/// Deliveries of one source that were not applied for the same reason.
#[derive(SimpleObject)]
pub(in crate::graphql) struct RejectionGroup {
    /// Who sent them.
    source: String,
    /// What became of them.
    outcome: Outcome,
    /// Why they were not applied, for programs.
    code: &'static str,
    /// What they said; null where the type is none of the 13 or the body is unreadable.
    event_type: Option<EventType>,
    /// How many there are.
    count: i32,
    /// When the first of them arrived.
    first_received_at: DateTime,
    /// When the last of them arrived.
    last_received_at: DateTime,
    /// The last of them.
    last_position: Position,
    /// What it means and what usually causes it, for people.
    explanation: String,
}

/// A setting to try, because a source's newest rejections (2,000 at most are looked at) show a pattern.
#[derive(SimpleObject)]
pub(in crate::graphql) struct RejectionAdvice {
    /// The source.
    source: String,
    /// What its rejections have in common.
    pattern: RejectionPattern,
    /// How many of them the setting would have applied.
    count: i32,
    /// The pattern and the numbers, for people, and how to try the setting without changing anything.
    explanation: String,
    /// A line of TOML for the source's table in the configuration.
    setting: String,
}

/// What many rejections of a source have in common.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "projection::Pattern")]
pub(in crate::graphql) enum RejectionPattern {
    /// READY, CALLBACK or DISCHARGE of appointments that were SCHEDULED and never had a CHECKIN.
    WalkIns,
    /// Steps and details of appointments that never had a CREATE.
    MidStream,
    /// What would have let them in arrived within seconds after them, or they within seconds after what they belong before.
    Overtaking,
}

impl RejectionSummary {
    pub(in crate::graphql) fn new(
        scope: &Scope,
        sources: &[SourceName],
        (from, to): (Time<Utc>, Time<Utc>),
    ) -> Result<RejectionSummary, Problem> {
        if to <= from {
            return Err(Problem::BadInput("`to` is after `from`."));
        }
        let stretches = positions(scope, Some(TimeRange { from: Some(DateTime(from)), to: Some(DateTime(to)) }))?;
        let mut groups = scope.view().not_applied(sources, &stretches)?;
        groups.sort_by(|one, other| {
            let order = |group: &NotApplied| (group.source.clone(), group.code, group.event);
            other.count.cmp(&one.count).then_with(|| order(one).cmp(&order(other)))
        });
        Ok(RejectionSummary {
            groups: groups.iter().map(|group| RejectionGroup::new(scope, group)).collect::<Result<_, _>>()?,
            advice: advice::of(scope, sources, &stretches)?,
        })
    }
}

impl RejectionGroup {
    fn new(scope: &Scope, group: &NotApplied) -> Result<RejectionGroup, Problem> {
        let lifecycle = scope.lifecycle(&group.source);
        let received_at = |position: log::Position| {
            let delivery = scope.log().read(position).next().transpose()?.ok_or(Problem::Internal)?;
            Ok::<_, Problem>(DateTime(delivery.received_at))
        };
        Ok(RejectionGroup {
            source: group.source.as_str().to_owned(),
            outcome: group.code.outcome().into(),
            code: group.code.name(),
            event_type: group.event.map(EventType::from),
            count: to_int(group.count),
            first_received_at: received_at(group.first)?,
            last_received_at: received_at(group.last)?,
            last_position: Position(group.last),
            explanation: group.code.explanation(group.event, lifecycle),
        })
    }
}

fn to_int(count: u64) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}
