//! What can go wrong for a field, and the code that a program reads.
//!
//! Resolvers fail with a [`Problem`] and nothing else, so no storage error's text reaches an answer.
//! A nullable field has the type `Option<Result<_, Problem>>`: its error makes it null and leaves
//! the rest of the answer. (With `Result<Option<_>, _>` the library would give up all of `data`.)

use async_graphql::{Error, ErrorExtensionValues, Value};

use crate::{
    log::{AnotherHistory, CursorError, LogError, SourceName},
    projection::ProjectionError,
};

/// The code of an error that is ours to repair.
pub(super) const INTERNAL: &str = "INTERNAL_SERVER_ERROR";
/// The code of data that can't be read since the storage failed.
pub(super) const STORAGE_FAILED: &str = "STORAGE_FAILED";
/// The code of a query whose time is over.
pub(super) const EXECUTION_TIMEOUT: &str = "EXECUTION_TIMEOUT";

/// The code of a cursor that is of another log.
pub(super) const ANOTHER_HISTORY: &str = "ANOTHER_HISTORY";

/// Why a field has no value.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum Problem {
    /// An argument that the schema's types can't exclude.
    #[error("{0}")]
    BadInput(&'static str),
    /// The subscriber that resumes has followed a log of another history.
    #[error("{0}")]
    AnotherHistory(AnotherHistory),
    /// The same for a source that does not exist and one that the reader may not see.
    #[error("There is no source of this name that you may read.")]
    SourceNotFound,
    /// Only sources that the reader may see.
    #[error("Several sources have this appointment: {}. Choose one with `source`.", names(.0))]
    Ambiguous(Vec<SourceName>),
    /// The answer would hold more bytes from senders than
    /// [`ANSWER_BYTES_MAX`](crate::graphql::limits::ANSWER_BYTES_MAX), or be longer than
    /// [`RESPONSE_BYTES_MAX`](crate::graphql::limits::RESPONSE_BYTES_MAX).
    #[error("The answer would be too large. Ask for a smaller page, or for fewer bodies.")]
    AnswerTooLarge,
    /// A page of more items than the configuration allows.
    #[error(
        "A page of {asked} items was asked for, and one may have {max}. `page_max` under [graphql] in the server's configuration sets the limit."
    )]
    PageTooLarge {
        /// How many were asked for.
        asked: usize,
        /// How many there may be.
        max: usize,
    },
    /// The query's time is over, or nobody waits for it.
    #[error("The query took too long.")]
    OutOfTime,
    /// An order that no index has.
    #[error(
        "Of an earlier moment, at most 50,000 appointments are put in another order than by id. Ask for fewer sources or statuses."
    )]
    TooManyToOrder,
    /// The reader's role does not allow it.
    #[error("{0}")]
    Forbidden(&'static str),
    /// No delivery names it.
    #[error("There is no such appointment.")]
    AppointmentNotFound,
    /// No lifecycle of that name.
    #[error("There is no lifecycle of this name.")]
    LifecycleNotFound,
    /// One rebuild at a time.
    #[error("A rebuild is running already. `cancelRebuild` ends it.")]
    Busy,
    /// Nothing here rebuilds: a server without a writer.
    #[error("This server does not rebuild.")]
    NotOffered,
    /// After a storage error some of the log can't be read until a restart; the details are in our own log.
    #[error("The storage has failed, and this can't be read from it. The server's own log says more.")]
    StorageFailed,
    /// Ours to repair; the details are in our own log.
    #[error("internal error")]
    Internal,
}

impl Problem {
    /// The JSON of a response with nothing but this error.
    pub(super) fn response(&self) -> String {
        let error = serde_json::json!({ "message": self.to_string(), "extensions": { "code": self.code() } });
        serde_json::json!({ "data": null, "errors": [error] }).to_string()
    }

    fn code(&self) -> &'static str {
        match self {
            Problem::BadInput(_) => "BAD_USER_INPUT",
            Problem::AnotherHistory(_) => ANOTHER_HISTORY,
            Problem::SourceNotFound => "SOURCE_NOT_FOUND",
            Problem::Ambiguous(_) => "AMBIGUOUS_APPOINTMENT",
            Problem::AnswerTooLarge => "ANSWER_TOO_LARGE",
            Problem::PageTooLarge { .. } => "PAGE_TOO_LARGE",
            Problem::OutOfTime => EXECUTION_TIMEOUT,
            Problem::TooManyToOrder => "TOO_MANY_TO_ORDER",
            Problem::Forbidden(_) => "FORBIDDEN",
            Problem::AppointmentNotFound => "APPOINTMENT_NOT_FOUND",
            Problem::LifecycleNotFound => "LIFECYCLE_NOT_FOUND",
            Problem::Busy => "BUSY",
            Problem::NotOffered => "NOT_OFFERED",
            Problem::StorageFailed => STORAGE_FAILED,
            Problem::Internal => INTERNAL,
        }
    }
}

impl From<ProjectionError> for Problem {
    fn from(error: ProjectionError) -> Problem {
        if matches!(error, ProjectionError::OutOfTime) {
            return Problem::OutOfTime;
        }
        if let ProjectionError::TooManyToOrder(_) = error {
            return Problem::TooManyToOrder;
        }
        tracing::error!(%error, "a query could not read the projection");
        match error {
            ProjectionError::Storage { .. } | ProjectionError::Log(LogError::Storage { .. }) => Problem::StorageFailed,
            _ => Problem::Internal,
        }
    }
}

impl From<LogError> for Problem {
    fn from(error: LogError) -> Problem {
        tracing::error!(%error, "a query could not read the log");
        match error {
            LogError::Storage { .. } => Problem::StorageFailed,
            _ => Problem::Internal,
        }
    }
}

impl From<CursorError> for Problem {
    fn from(error: CursorError) -> Problem {
        match error {
            CursorError::Beyond(_) => {
                Problem::BadInput("`after` is beyond the end of the log, which may have been restored from a copy.")
            }
            CursorError::AnotherHistory(another) => Problem::AnotherHistory(another),
            CursorError::Log(error) => error.into(),
        }
    }
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Error {
        let mut extensions = ErrorExtensionValues::default();
        extensions.set("code", problem.code());
        if let Problem::Ambiguous(sources) = &problem {
            extensions.set("sources", Value::List(sources.iter().map(|source| source.as_str().into()).collect()));
        }
        if let Problem::AnotherHistory(another) = &problem {
            extensions.set("asked", another.asked.to_string());
            extensions.set("here", another.here.to_string());
        }
        Error { extensions: Some(extensions), ..Error::new(problem.to_string()) }
    }
}

fn names(sources: &[SourceName]) -> String {
    sources.iter().map(SourceName::as_str).collect::<Vec<_>>().join(", ")
}
