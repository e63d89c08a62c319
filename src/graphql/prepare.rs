//! From parameters to a request that the library may execute: parsed, bounded, variables checked.

use std::sync::Arc;

use async_graphql::{
    Name, Positioned, Request, Variables,
    parser::types::{
        DocumentOperations, ExecutableDocument, OperationDefinition, OperationType, Selection, SelectionSet,
    },
    registry::Registry,
};

use super::{
    documents::{Documents, Parsed},
    http::Method,
    limits::Limits,
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
    /// Either, over a socket.
    Socket,
}

/// A request that may be executed, as often as there is something to tell.
pub(super) struct Prepared {
    /// The document as it was sent.
    pub(super) text: String,
    /// Which of its operations.
    pub(super) operation_name: Option<String>,
    /// Whether that is a subscription.
    pub(super) is_subscription: bool,
    parsed: Arc<Parsed>,
    variables: Variables,
    /// The variable that says after which position a subscription begins, if nothing else reads it.
    after: Option<Name>,
}

impl Prepared {
    /// The request for one execution of several.
    pub(super) fn request(&self) -> Request {
        request(self.operation_name.clone(), &self.parsed, self.variables.clone())
    }

    /// The request for the only execution.
    pub(super) fn into_request(self) -> Request {
        request(self.operation_name, &self.parsed, self.variables)
    }

    /// The values of the variables, but where it begins: all else is what it asks.
    pub(super) fn variables_but_after(&self) -> String {
        let mut variables = self.variables.clone();
        self.after.as_ref().and_then(|after| variables.remove(after));
        serde_json::to_string(&variables).expect("variables have text keys and finite numbers")
    }
}

/// What a request is held against.
pub(super) struct Checks {
    input_types: Registry,
    documents: Documents,
    pub(super) limits: Arc<Limits>,
}

impl Checks {
    pub(super) fn new(limits: Arc<Limits>) -> Checks {
        Checks { input_types: variables::input_types(), documents: Documents::default(), limits }
    }
}

impl Checks {
    /// Whether it is a subscription that is asked for; what can't be told is none.
    pub(super) fn is_subscription(&self, params: &Params) -> bool {
        let Ok(parsed) = self.documents.parse(&params.query, &self.limits) else { return false };
        operation(&parsed.document, params.operation_name.as_deref())
            .is_ok_and(|operation| operation.ty == OperationType::Subscription)
    }
}

fn request(operation_name: Option<String>, parsed: &Arc<Parsed>, variables: Variables) -> Request {
    let mut request = Request::new("").variables(variables).data(Arc::clone(parsed));
    request.operation_name = operation_name;
    request.set_parsed_query(parsed.document.clone());
    request
}

/// Checks everything that can be checked before the schema's own validation.
pub(super) fn prepare(
    params: Params,
    method: Method,
    transport: Transport,
    checks: &Checks,
) -> Result<Prepared, Refusal> {
    let parsed = checks.documents.parse(&params.query, &checks.limits)?;
    let operation = operation(&parsed.document, params.operation_name.as_deref())?;
    let is_subscription = operation.ty == OperationType::Subscription;
    match transport {
        // A subscription only reads: an `EventSource`, which can't POST, may follow it.
        Transport::Events if !is_subscription => return Err(Refusal::NotASubscription),
        Transport::Answer if method == Method::Get && operation.ty != OperationType::Query => {
            return Err(Refusal::NotAQuery);
        }
        Transport::Answer if is_subscription => return Err(Refusal::NeedsEvents),
        Transport::Answer | Transport::Events | Transport::Socket => {}
    }
    if is_subscription && !has_one_field(&operation.selection_set.node) {
        return Err(Refusal::SeveralSubscriptions);
    }
    let values = Variables::from_json(serde_json::Value::Object(params.variables.unwrap_or_default()));
    variables::check(&checks.input_types, operation, &values)?;

    let after = if is_subscription { after_variable(operation, &params.query) } else { None };
    Ok(Prepared {
        text: params.query,
        operation_name: params.operation_name,
        is_subscription,
        parsed,
        variables: values,
        after,
    })
}

/// Whether a subscription's selection is one field, as GraphQL asks. A fragment there is refused: nobody needs one.
fn has_one_field(set: &SelectionSet) -> bool {
    matches!(set.items.as_slice(), [Positioned { node: Selection::Field(_), .. }])
}

/// The variable that is the argument `after` of a subscription's field, if it stands nowhere else in the document.
fn after_variable(operation: &OperationDefinition, text: &str) -> Option<Name> {
    let [Positioned { node: Selection::Field(field), .. }] = operation.selection_set.node.items.as_slice() else {
        return None;
    };
    let variable = field.node.get_argument("after")?.node.to_string();
    let name = variable.strip_prefix('$')?;
    let is_whole = |rest: &str| !rest.starts_with(|next: char| next.is_ascii_alphanumeric() || next == '_');
    let uses = text.match_indices(variable.as_str()).filter(|(at, _)| is_whole(&text[at + variable.len()..]));
    // Where it is declared, and here.
    (uses.count() == 2).then(|| Name::new(name))
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
