//! From parameters to a request that the library may execute: parsed, bounded, variables checked.

use async_graphql::{
    Request, Variables,
    parser::{
        parse_query,
        types::{DocumentOperations, ExecutableDocument, OperationDefinition, OperationType},
    },
    registry::Registry,
};
use serde_json::Value;

use super::{http::Method, limits, params::Params, refusal::Refusal, variables};

/// How the client wants to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transport {
    /// Once.
    Answer,
    /// As long as something happens.
    Events,
}

/// Checks everything that can be checked before the schema's own validation.
pub(super) fn prepare(
    params: Params,
    method: Method,
    transport: Transport,
    input_types: &Registry,
) -> Result<Request, Refusal> {
    limits::check_length(&params.query)?;
    let document = parse_query(&params.query)?;
    limits::check_document(&document)?;

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
    variables::check(input_types, operation, &values)?;

    let mut request = Request::new("").variables(values);
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
