//! Requests that are not executed, and the answer to each: status, code, message.

use async_graphql::{ErrorExtensionValues, Pos, ServerError, parser};

use crate::graphql::request::{exceeded::Exceeded, guard::Barred, media_type::MediaType, plan::Fault};

/// The most errors of one document in an answer: each of its thousands of fields could have one.
const ERRORS_MAX: usize = 20;

/// Why a request was not executed.
#[derive(Debug, thiserror::Error)]
pub(in crate::graphql) enum Refusal {
    #[error("This endpoint answers application/graphql-response+json and application/json.")]
    NotAcceptable,
    #[error("A POST has the header `Content-Type: application/json`.")]
    UnsupportedMediaType,
    #[error("A GET runs queries only: send this operation as a POST.")]
    NotAQuery,
    #[error("A subscription is told as events: send the header `Accept: text/event-stream`.")]
    NeedsEvents,
    #[error("Only subscriptions are told as events: leave `text/event-stream` out of the header `Accept`.")]
    NotASubscription,
    #[error("A subscription has exactly one field at its top, and none of introspection.")]
    SeveralSubscriptions,
    /// The parameters can't be read.
    #[error("{0}")]
    Malformed(&'static str),
    /// The document is no GraphQL. Its text is not repeated: the parser would print a whole line of it.
    #[error("The query is not a GraphQL document.")]
    Syntax(Vec<Pos>),
    #[error(
        "The document does not have exactly one operation of that name; with several operations, `operationName` chooses one."
    )]
    UnknownOperation,
    /// The document asks for too much.
    #[error(transparent)]
    TooMuch(#[from] Exceeded),
    /// The parser's own bound, which no setting changes.
    #[error("The query has more than 64 levels of fields and fragments.")]
    TooDeepToParse,
    #[error(
        "This server does not tell its schema to this reader. `introspection` under [graphql] in its configuration decides."
    )]
    SchemaNotTold,
    #[error("The variable `${name}` needs a value of the type `{expected}`.")]
    Variable { name: String, expected: String, pos: Pos },
    /// A variable of a subscription is null where none may be.
    #[error("{}", .0.error().message)]
    Fault(Fault),
    /// Only a document's hash was sent. On this error, in these words, clients send the document.
    #[error("PersistedQueryNotSupported")]
    PersistedQuery,
    /// The library's validation.
    #[error("The query does not fit the schema.")]
    Invalid(Vec<ServerError>),
}

impl From<parser::Error> for Refusal {
    fn from(error: parser::Error) -> Refusal {
        match error {
            parser::Error::RecursionLimitExceeded => Refusal::TooDeepToParse,
            error => Refusal::Syntax(error.positions().collect()),
        }
    }
}

impl From<Barred> for Refusal {
    fn from(barred: Barred) -> Refusal {
        match barred {
            Barred::Costs(exceeded) => Refusal::TooMuch(exceeded),
            Barred::Schema => Refusal::SchemaNotTold,
        }
    }
}

impl Refusal {
    /// A request that HTTP could carry but GraphQL refused is a 200 under `application/json`.
    pub(in crate::graphql) fn status(&self, media: MediaType) -> u16 {
        match self {
            Refusal::NotAcceptable => 406,
            Refusal::UnsupportedMediaType => 415,
            Refusal::NotAQuery => 405,
            Refusal::Malformed(_) | Refusal::NotASubscription => 400,
            Refusal::NeedsEvents => 406,
            Refusal::Syntax(_)
            | Refusal::UnknownOperation
            | Refusal::SeveralSubscriptions
            | Refusal::TooMuch(_)
            | Refusal::TooDeepToParse
            | Refusal::SchemaNotTold
            | Refusal::Variable { .. }
            | Refusal::Fault(_)
            | Refusal::PersistedQuery
            | Refusal::Invalid(_) => match media {
                MediaType::GraphQl => 400,
                MediaType::Json => 200,
            },
        }
    }

    /// The methods to use instead, with a 405.
    pub(in crate::graphql) fn allow(&self) -> Option<&'static str> {
        matches!(self, Refusal::NotAQuery).then_some("POST")
    }

    /// The errors as the client sees them, each with a code.
    pub(in crate::graphql) fn into_errors(self) -> Vec<ServerError> {
        let code = self.code();
        let message = self.to_string();
        let mut errors = match self {
            Refusal::Invalid(errors) => errors,
            Refusal::Syntax(locations) => vec![ServerError { locations, ..ServerError::new(message, None) }],
            Refusal::Fault(fault) => vec![fault.error()],
            Refusal::Variable { pos, .. } => vec![ServerError::new(message, Some(pos))],
            _ => vec![ServerError::new(message, None)],
        };
        errors.truncate(ERRORS_MAX);
        for error in &mut errors {
            error.path.clear();
            forget_value(&mut error.message);
            error.extensions.get_or_insert_with(ErrorExtensionValues::default).set("code", code);
        }
        errors
    }

    fn code(&self) -> &'static str {
        match self {
            Refusal::NotAcceptable => "NOT_ACCEPTABLE",
            Refusal::UnsupportedMediaType => "UNSUPPORTED_MEDIA_TYPE",
            Refusal::NotAQuery => "METHOD_NOT_ALLOWED",
            Refusal::NeedsEvents => "NOT_ACCEPTABLE",
            Refusal::NotASubscription | Refusal::Malformed(_) => "BAD_REQUEST",
            Refusal::Syntax(_) => "GRAPHQL_PARSE_FAILED",
            Refusal::UnknownOperation => "OPERATION_RESOLUTION_FAILURE",
            Refusal::TooMuch(exceeded) => exceeded.code(),
            Refusal::TooDeepToParse => "DEPTH_LIMIT_EXCEEDED",
            Refusal::SchemaNotTold => "INTROSPECTION_DISABLED",
            Refusal::Variable { .. } | Refusal::Fault(_) => "BAD_USER_INPUT",
            Refusal::PersistedQuery => "PERSISTED_QUERY_NOT_SUPPORTED",
            Refusal::SeveralSubscriptions | Refusal::Invalid(_) => "GRAPHQL_VALIDATION_FAILED",
        }
    }
}

/// The library's messages about a value of another type repeat it at their end. The value may be a secret.
fn forget_value(message: &mut String) {
    for before in [" the value \"", ", found "] {
        message.truncate(message.find(before).unwrap_or(message.len()));
    }
}
