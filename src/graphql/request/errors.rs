//! What an answer's errors say beyond what the resolvers said.
//!
//! An error that is ours to repair carries the request's id, under which our own log has the cause. A query that ran
//! out of time has no data and one error, however far it had come.

use std::{any::Any, time::Duration};

use async_graphql::{Response, ServerError, Value};

use crate::graphql::problem::{EXECUTION_TIMEOUT, INTERNAL, Problem, STORAGE_FAILED};

/// Completes the errors of a response to the request with this id.
pub(in crate::graphql) fn complete(mut response: Response, request_id: &str, execution_timeout: Duration) -> Response {
    if let Some(over) = response.errors.iter().position(|error| code(error) == Some(EXECUTION_TIMEOUT)) {
        let mut error = response.errors.swap_remove(over);
        error.message = format!(
            "The query took longer than the {} ms that it may. Ask for less at a time; `execution_timeout_ms` under [graphql] in the server's configuration sets the limit.",
            execution_timeout.as_millis()
        );
        response.errors = vec![error];
        response.data = Value::Null;
    }
    for error in &mut response.errors {
        if matches!(code(error), Some(INTERNAL | STORAGE_FAILED)) {
            error.extensions.get_or_insert_default().set("requestId", request_id);
        }
    }
    response
}

/// The errors of a request whose resolver panicked. The log has the cause; the answer does not.
pub(in crate::graphql) fn of_panic(cause: &(dyn Any + Send), request_id: &str) -> Vec<ServerError> {
    let text = cause.downcast_ref::<&str>().copied().or_else(|| cause.downcast_ref::<String>().map(String::as_str));
    tracing::error!(request_id, cause = text.unwrap_or("no text"), "a query met a defect");
    let error = async_graphql::Error::from(Problem::Internal).into_server_error(async_graphql::Pos::default());
    let response = complete(Response::from_errors(vec![error]), request_id, Duration::ZERO);
    response.errors.into_iter().map(|error| ServerError { locations: Vec::new(), ..error }).collect()
}

/// An error's code, where it has one.
pub(in crate::graphql) fn code(error: &ServerError) -> Option<&str> {
    match error.extensions.as_ref()?.get("code")? {
        Value::String(code) => Some(code),
        _ => None,
    }
}
