//! GraphQL over HTTP, without a web framework: one request in, one answer out.
//!
//! Follows the GraphQL-over-HTTP specification for `application/graphql-response+json` and
//! `application/json`. The library's own adapters let a GET run mutations and take `text/plain`,
//! which a foreign page may send; this one does neither.

use std::{
    io::{self, Write},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use async_graphql::{Response, ServerError};
use futures_executor::block_on;

use crate::graphql::{
    limits::{Limits, RESPONSE_BYTES_MAX},
    problem::Problem,
    request::{
        effort::Effort,
        errors,
        guard::Barred,
        media_type::{MediaType, negotiate},
        params::Params,
        prepare::{Checks, Prepared, Transport, prepare},
        refusal::Refusal,
    },
    schema::Schema,
    scope::Scope,
};

/// The methods that the endpoint has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Queries only, in the query string.
    Get,
    /// A JSON body.
    Post,
}

/// The parts of an HTTP request that the endpoint needs. The server has checked the body's size.
#[derive(Clone, Copy, Debug)]
pub struct HttpRequest<'a> {
    /// The method.
    pub method: Method,
    /// The header `Content-Type`.
    pub content_type: Option<&'a str>,
    /// The header `Accept`.
    pub accept: Option<&'a str>,
    /// What follows the `?`.
    pub query_string: Option<&'a str>,
    /// The body, empty for a GET.
    pub body: &'a [u8],
}

/// A request whose parameters were read.
pub struct Question {
    method: Method,
    /// What the answer is to be; `None` where there is nothing that its client accepts.
    media: Option<MediaType>,
    /// Whether its client accepts server-sent events.
    takes_events: bool,
    params: Result<Params, Refusal>,
}

impl Question {
    /// What a request over HTTP asks.
    pub fn read(request: &HttpRequest<'_>) -> Question {
        Question {
            method: request.method,
            media: negotiate(request.accept),
            takes_events: takes_events(request),
            params: Params::read(request),
        }
    }

    /// What a message over a socket asks.
    pub fn of_payload(payload: serde_json::Value) -> Question {
        Question {
            method: Method::Post,
            media: Some(MediaType::GraphQl),
            takes_events: true,
            params: Params::of(payload),
        }
    }
}

/// What the server sends back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpAnswer {
    /// The status.
    pub status: u16,
    /// The header `Content-Type`.
    pub content_type: &'static str,
    /// The header `Allow`, with a 405.
    pub allow: Option<&'static str>,
    /// The body, JSON in UTF-8.
    pub body: Vec<u8>,
}

/// The schema, ready to answer.
pub(in crate::graphql) struct Endpoint {
    schema: Schema,
    checks: Checks,
}

impl Endpoint {
    pub(in crate::graphql) fn new(schema: Schema, limits: Arc<Limits>) -> Endpoint {
        Endpoint { schema, checks: Checks::new(limits) }
    }

    /// Answers a question; `attach` gives the resolvers their data. A panic in a resolver gets an answer too.
    pub(in crate::graphql) fn answer(
        &self,
        Question { method, media, params, .. }: Question,
        request_id: &str,
        attach: impl Fn(async_graphql::Request) -> async_graphql::Request,
    ) -> HttpAnswer {
        let Some(media) = media else {
            return refused(MediaType::Json, Refusal::NotAcceptable);
        };
        let executed = params
            .and_then(|params| self.prepare(params, method, Transport::Answer))
            .and_then(|prepared| self.execute_within(prepared, attach, request_id));
        match executed {
            Ok(Ok(response)) => answer(200, media, &response),
            Ok(Err(errors)) => answer(500, media, &serde_json::json!({ "errors": errors })),
            Err(refusal) => refused(media, refusal),
        }
    }

    /// Whether a request gets server-sent events: it is a subscription and accepts them, or accepts nothing else. Some
    /// clients accept events for every query too.
    pub(in crate::graphql) fn wants_events(&self, Question { media, takes_events, params, .. }: &Question) -> bool {
        *takes_events && (media.is_none() || params.as_ref().is_ok_and(|params| self.checks.is_subscription(params)))
    }

    /// How a question is best executed.
    pub(in crate::graphql) fn effort(&self, question: &Question) -> Effort {
        question.params.as_ref().map_or(Effort::Unknown, |params| self.checks.effort(params))
    }

    /// Checks a question before it is executed.
    pub(in crate::graphql) fn check(&self, question: Question, transport: Transport) -> Result<Prepared, Refusal> {
        self.prepare(question.params?, question.method, transport)
    }

    fn prepare(&self, params: Params, method: Method, transport: Transport) -> Result<Prepared, Refusal> {
        prepare(params, method, transport, &self.checks)
    }

    /// Has the library validate a document that it will execute in another form.
    pub(in crate::graphql) fn validate(
        &self,
        prepared: &mut Prepared,
        attach: impl Fn(async_graphql::Request) -> async_graphql::Request,
    ) -> Result<(), Refusal> {
        prepared.validate(&self.checks, &self.schema, attach)
    }

    /// Executes a query or a mutation: the JSON of its response, with only errors where a resolver panicked.
    pub(in crate::graphql) fn execute(
        &self,
        prepared: Prepared,
        scope: impl Fn() -> Scope,
        request_id: &str,
    ) -> Result<Arc<str>, Refusal> {
        let executed = self.execute_within(prepared, |request| request.data(scope()), request_id)?;
        Ok(executed.map_or_else(|errors| text(serde_json::json!({ "errors": errors })), text))
    }

    /// The response, or the errors of a panic.
    fn execute_within(
        &self,
        mut prepared: Prepared,
        attach: impl Fn(async_graphql::Request) -> async_graphql::Request,
        request_id: &str,
    ) -> Result<Result<Response, Vec<ServerError>>, Refusal> {
        // A query leaves nothing behind but what the stores guard themselves.
        let execute = AssertUnwindSafe(|| {
            self.validate(&mut prepared, &attach)?;
            let execute = || block_on(self.schema.execute(attach(prepared.request())));
            Ok::<Response, Refusal>(prepared.timed(execute))
        });
        match catch_unwind(execute) {
            Ok(response) => executed(prepared.complete(response?, request_id, self.limits())).map(Ok),
            Err(cause) => Ok(Err(errors::of_panic(&*cause, request_id))),
        }
    }

    pub(in crate::graphql) fn limits(&self) -> &Limits {
        &self.checks.limits
    }
}

/// The JSON of a response, as [`json`] makes it.
pub(in crate::graphql) fn text(response: impl serde::Serialize) -> Arc<str> {
    String::from_utf8(json(&response)).expect("JSON is UTF-8").into()
}

/// The JSON of a response; where that is too long, of one that says so. The data of a response is bounded, but not how
/// often its keys are written, nor how much longer escapes make its texts.
fn json(response: &impl serde::Serialize) -> Vec<u8> {
    let mut bounded = Bounded(Vec::new());
    match serde_json::to_writer(&mut bounded, response) {
        Ok(()) => bounded.0,
        Err(error) if error.is_io() => Problem::AnswerTooLarge.response().into_bytes(),
        Err(error) => unreachable!("answers have text keys and finite numbers: {error}"),
    }
}

/// Takes at most [`RESPONSE_BYTES_MAX`].
struct Bounded(Vec<u8>);

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > RESPONSE_BYTES_MAX {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Whether the client accepts server-sent events.
fn takes_events(request: &HttpRequest<'_>) -> bool {
    let accept = request.accept.unwrap_or_default();
    let range = |range: &str| range.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(EVENTS);
    accept.split(',').any(range)
}

const EVENTS: &str = "text/event-stream";

/// Separates an executed request from one that the library refused while it validated or coerced.
///
/// Our resolvers give every error a code, so an error without one is the library's. Some it finds
/// only while executing (a literal that is no 32-bit Int); GraphQL counts these as refused too.
pub(in crate::graphql) fn executed(response: Response) -> Result<Response, Refusal> {
    if let Some(barred) = response.errors.iter().find_map(|error| error.source::<Barred>()) {
        return Err((*barred).into());
    }
    let has_code = |error: &async_graphql::ServerError| errors::code(error).is_some();
    if response.errors.iter().all(has_code) {
        return Ok(response);
    }
    Err(Refusal::Invalid(response.errors.into_iter().filter(|error| !has_code(error)).collect()))
}

pub(in crate::graphql) fn refused(media: MediaType, refusal: Refusal) -> HttpAnswer {
    let (status, allow) = (refusal.status(media), refusal.allow());
    let body = serde_json::json!({ "errors": refusal.into_errors() });
    HttpAnswer { allow, ..answer(status, media, &body) }
}

fn answer(status: u16, media: MediaType, body: &impl serde::Serialize) -> HttpAnswer {
    HttpAnswer { status, content_type: media.content_type(), allow: None, body: json(body) }
}

#[cfg(test)]
mod tests;
