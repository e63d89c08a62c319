//! From parameters to a request that the library may execute: parsed, bounded, variables checked.

use std::sync::Arc;

use async_graphql::{
    Request, Variables,
    parser::{
        parse_query,
        types::{DocumentOperations, ExecutableDocument, OperationDefinition, OperationType},
    },
    registry::Registry,
};
use serde_json::Value;

use super::{
    http::Method,
    limits::{self, Limits},
    params::Params,
    refusal::Refusal,
    variables,
};

/// How the client wants to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transport {
    /// Once.
    Answer,
    /// As long as something happens.
    Events,
}

/// What a request is held against.
pub(super) struct Checks {
    input_types: Registry,
    pub(super) limits: Arc<Limits>,
}

impl Checks {
    pub(super) fn new(limits: Arc<Limits>) -> Checks {
        Checks { input_types: variables::input_types(), limits }
    }
}

/// Checks everything that can be checked before the schema's own validation.
pub(super) fn prepare(
    params: Params,
    method: Method,
    transport: Transport,
    checks: &Checks,
) -> Result<Request, Refusal> {
    limits::check_length(&checks.limits, &params.query)?;
    let document = parse_query(&params.query)?;
    let asks_for_schema = limits::check_document(&checks.limits, &document)?;

    let operation = operation(&document, params.operation_name.as_deref())?;
    if method == Method::Get && operation.ty != OperationType::Query {
        return Err(Refusal::NotAQuery);
    }
    match (transport, operation.ty == OperationType::Subscription) {
        (Transport::Answer, true) => return Err(Refusal::NeedsEvents),
        (Transport::Events, false) => return Err(Refusal::NotASubscription),
        (Transport::Answer, false) | (Transport::Events, true) => {}
    }
    let values = Variables::from_json(Value::Object(params.variables.unwrap_or_default()));
    variables::check(&checks.input_types, operation, &values)?;

    let mut request = Request::new("").variables(values).data(asks_for_schema);
    request.operation_name = params.operation_name;
    request.set_parsed_query(document);
    Ok(request)
}

/// The operation with this name, or the only one.
fn operation<'a>(document: &'a ExecutableDocument, name: Option<&str>) -> Result<&'a OperationDefinition, Refusal> {
    let found = match (&document.operations, name) {
        (DocumentOperations::Single(operation), None) => Some(operation),
        (DocumentOperations::Single(_), Some(_)) => None,
        (DocumentOperations::Multiple(operations), Some(name)) => operations.get(name),
        (DocumentOperations::Multiple(operations), None) if operations.len() == 1 => operations.values().next(),
        (DocumentOperations::Multiple(_), None) => None,
    };
    found.map(|operation| &operation.node).ok_or(Refusal::UnknownOperation)
}
