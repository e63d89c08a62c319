//! From parameters to a request that the library may execute: parsed, bounded, variables checked.

use std::sync::Arc;

use async_graphql::{
    Name, Request, Response, Value, Variables,
    parser::types::{DocumentOperations, ExecutableDocument, Field, OperationDefinition, OperationType},
};
use futures_executor::block_on;

use crate::graphql::{
    limits::Limits,
    problem,
    request::{
        documents::{Documents, Parsed},
        effort::Effort,
        errors,
        guard::{OnlyValidate, Valid},
        http::{self, Method},
        params::Params,
        plan::{Plan, Types},
        refusal::Refusal,
        variables,
    },
    schema::Schema,
};

/// How the client wants its responses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::graphql) enum Transport {
    /// Once.
    Answer,
    /// As long as something happens.
    Events,
    /// Either, over a socket.
    Socket,
}

/// A request that may be executed: a subscription's, for each step.
pub(in crate::graphql) struct Prepared {
    /// The document as it was sent.
    pub(in crate::graphql) text: String,
    /// Which of its operations.
    pub(in crate::graphql) operation_name: Option<String>,
    /// Whether that is a subscription.
    pub(in crate::graphql) is_subscription: bool,
    parsed: Arc<Parsed>,
    plan: Arc<Plan>,
    /// The library's verdict on the document, where something else is executed in its place.
    valid: Option<Valid>,
    variables: Variables,
    /// The variable with the position after which a subscription begins, if nothing else reads it.
    after: Option<Name>,
}

impl Prepared {
    /// Has the library validate the document as it was sent, where it will not be executed as it was sent; `attach` gives
    /// it the reader. To be called once, before anything is executed.
    pub(in crate::graphql) fn validate(
        &mut self,
        checks: &Checks,
        schema: &Schema,
        attach: impl Fn(Request) -> Request,
    ) -> Result<(), Refusal> {
        if self.plan.document().is_some() && self.parsed.known_valid().is_none() {
            let (document, others) = self.parsed.to_validate(&checks.types, self.operation_name.as_deref());
            // A null where none may be is an error of its field, and the plan finds it.
            let given = self.variables.iter().filter(|(_, value)| **value != Value::Null);
            let mut variables = Variables::default();
            variables.extend(given.map(|(name, value)| (name.clone(), value.clone())));
            let validated = |document, name, variables| {
                let request = self.request_of(document, name, variables).data(OnlyValidate);
                let response = block_on(schema.execute(attach(request)));
                match response.errors.iter().find_map(|error| error.source::<Valid>()) {
                    Some(valid) => Ok(*valid),
                    None => Err(http::executed(response).err().unwrap_or(Refusal::Invalid(Vec::new()))),
                }
            };
            let valid = validated(document, self.operation_name.clone(), variables)?;
            for other in others {
                // Nobody needs its cost, so nobody needs the values of its variables.
                match validated(other, None, Variables::default()) {
                    Err(Refusal::Invalid(errors)) if !errors.iter().all(lacks_a_value) => {
                        return Err(Refusal::Invalid(errors));
                    }
                    _ => {}
                }
            }
            self.valid = Some(valid);
        }
        self.plan.conflict().map_or(Ok(()), |conflict| Err(Refusal::Invalid(vec![conflict.clone()])))
    }

    /// The request for one execution.
    pub(in crate::graphql) fn request(&self) -> Request {
        let variables = self.variables.clone();
        match self.plan.document() {
            Some(document) => {
                let request = self.request_of(document.clone(), None, variables);
                if let Some(valid) = self.valid { request.data(valid) } else { request }
            }
            None => self.request_of(self.parsed.document.clone(), self.operation_name.clone(), variables),
        }
    }

    fn request_of(
        &self,
        document: ExecutableDocument,
        operation_name: Option<String>,
        variables: Variables,
    ) -> Request {
        let mut request = Request::new("").variables(variables).data(Arc::clone(&self.parsed));
        request.operation_name = operation_name;
        request.set_parsed_query(document);
        request
    }

    /// Executes it, and remembers for its document how long that took.
    pub(in crate::graphql) fn timed<T>(&self, execute: impl FnOnce() -> T) -> T {
        self.parsed.longest.of(execute)
    }

    /// Completes the library's response to the request with this id.
    pub(in crate::graphql) fn complete(&self, response: Response, request_id: &str, limits: &Limits) -> Response {
        let response = errors::complete(response, request_id, limits.execution_timeout);
        // Where the library has refused a document, or its time is over, no field has answered.
        let has_answered = |error: &async_graphql::ServerError| {
            errors::code(error).is_some_and(|code| code != problem::EXECUTION_TIMEOUT)
        };
        if response.errors.iter().all(has_answered) { self.plan.finish(response) } else { response }
    }

    /// The values of the variables but for its beginning: all else makes it the operation that it is.
    pub(in crate::graphql) fn variables_but_after(&self) -> String {
        let mut variables = self.variables.clone();
        self.after.as_ref().and_then(|after| variables.remove(after));
        serde_json::to_string(&variables).expect("variables have text keys and finite numbers")
    }
}

/// What a request is checked against.
pub(in crate::graphql) struct Checks {
    types: Types,
    documents: Documents,
    pub(in crate::graphql) limits: Arc<Limits>,
}

impl Checks {
    pub(in crate::graphql) fn new(limits: Arc<Limits>) -> Checks {
        Checks { types: Types::default(), documents: Documents::default(), limits }
    }

    /// Whether a subscription is asked for; a document that can't be parsed is none.
    pub(in crate::graphql) fn is_subscription(&self, params: &Params) -> bool {
        let Ok(parsed) = self.documents.parse(&params.query, &self.limits) else { return false };
        operation(&parsed.document, params.operation_name.as_deref())
            .is_ok_and(|operation| operation.ty == OperationType::Subscription)
    }

    /// How a request is best executed, as far as that is known without parsing its document: of one that is not at hand, each
    /// that has the word of a mutation or a subscription anywhere may be one.
    pub(in crate::graphql) fn effort(&self, params: &Params) -> Effort {
        let Some(parsed) = self.documents.at_hand(&params.query) else {
            let may_wait = ["mutation", "subscription"].iter().any(|word| params.query.contains(word));
            return if may_wait { Effort::Waits } else { Effort::Unknown };
        };
        match operation(&parsed.document, params.operation_name.as_deref()) {
            Ok(operation) if operation.ty != OperationType::Query => Effort::Waits,
            Ok(_) if parsed.longest.is_little() => Effort::Little,
            _ => Effort::Unknown,
        }
    }
}

/// Checks everything that can be checked before the schema's own validation.
pub(in crate::graphql) fn prepare(
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
    let values = Variables::from_json(serde_json::Value::Object(params.variables.unwrap_or_default()));
    variables::check(&checks.types, operation, &values)?;

    let plan = parsed.plan(&checks.types, (params.operation_name.as_deref(), operation), &values);
    let mut after = None;
    if is_subscription {
        if let Some(fault) = plan.fault() {
            return Err(Refusal::Fault(fault.clone()));
        }
        let only = plan.only_field().ok_or(Refusal::SeveralSubscriptions)?;
        after = after_variable(only, &params.query);
    }
    Ok(Prepared {
        text: params.query,
        operation_name: params.operation_name,
        is_subscription,
        parsed: Arc::clone(&parsed),
        plan: Arc::clone(&plan),
        valid: None,
        variables: values,
        after,
    })
}

/// Whether an error says that the cost of a field depends on a variable, and there is no value for it. (The library
/// reports an undeclared variable in other words.)
fn lacks_a_value(error: &async_graphql::ServerError) -> bool {
    let name = error.message.strip_prefix("Variable ").and_then(|rest| rest.strip_suffix(" is not defined."));
    name.is_some_and(|name| !name.contains('"'))
}

/// The variable that is the argument `after` of a subscription's field, if it stands nowhere else in the document.
fn after_variable(field: &Field, text: &str) -> Option<Name> {
    let variable = field.get_argument("after")?.node.to_string();
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
