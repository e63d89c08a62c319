//! How far the log is, and how far the projection has come.

use async_graphql::SimpleObject;

use crate::{
    graphql::{
        problem::Problem,
        scalars::{Cursor, Position},
        scope::Scope,
    },
    log,
};

/// The log of deliveries: the ground state that everything else is computed from.
#[derive(SimpleObject)]
pub(in crate::graphql) struct LogStatus {
    /// The last position; `"0"` where the log is empty.
    head_position: Position,
    /// The digest of the log at its head. Two logs with the same digest hold the same deliveries.
    digest: String,
    /// The kind of log.
    backend: String,
    /// What has been folded.
    projection: ProjectionStatus,
}

/// The projection: what the log's deliveries have been folded to.
#[derive(SimpleObject)]
pub(in crate::graphql) struct ProjectionStatus {
    /// The last position that is folded.
    position: Position,
    /// The digest of the log there.
    digest: String,
    /// Both, as a subscription takes them: with it as `after`, what comes after this answer is told.
    cursor: Cursor,
    /// The digest of the rules that it was folded by.
    rules_digest: String,
    /// How many deliveries are in the log and not folded yet.
    lag: i32,
}

impl LogStatus {
    pub(in crate::graphql) fn new(scope: &Scope) -> Result<LogStatus, Problem> {
        // The snapshot first: then the head is at or after it.
        let folded = scope.view().checkpoint()?;
        let head = scope.log().head();
        let lag = head.position.get().saturating_sub(folded.position.get());
        Ok(LogStatus {
            head_position: Position(head.position),
            digest: head.digest.to_string(),
            backend: scope.log().backend().to_owned(),
            projection: ProjectionStatus {
                position: Position(folded.position),
                digest: folded.digest.to_string(),
                cursor: Cursor(log::Cursor::at(folded.position, folded.digest)),
                rules_digest: folded.rules_digest.to_string(),
                lag: i32::try_from(lag).unwrap_or(i32::MAX),
            },
        })
    }
}
