//! GraphQL over HTTP, without a web framework: one request in, one answer out.
//!
//! Follows the GraphQL-over-HTTP specification for `application/graphql-response+json` and
//! `application/json`. The library's own adapters let a GET run mutations and take `text/plain`,
//! which a foreign page may send; this one does neither.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use async_graphql::{
    Response,
    futures_util::{Stream, StreamExt as _},
};
use futures_executor::block_on;

use super::{
    Schema, errors,
    guard::Barred,
    limits::Limits,
    params::Params,
    prepare::{Checks, Transport, prepare},
    refusal::Refusal,
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

/// What the endpoint needs of an HTTP request. The server has checked the body's size.
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
pub(super) struct Endpoint {
    schema: Schema,
    checks: Checks,
}

impl Endpoint {
    pub(super) fn new(schema: Schema, limits: Arc<Limits>) -> Endpoint {
        Endpoint { schema, checks: Checks::new(limits) }
    }

    /// Answers `request`; `attach` gives the resolvers their data. A panic in a resolver is answered too.
    pub(super) fn answer(
        &self,
        request: &HttpRequest<'_>,
        request_id: &str,
        attach: impl FnOnce(async_graphql::Request) -> async_graphql::Request,
    ) -> HttpAnswer {
        let Some(media) = negotiate(request.accept) else {
            return refused(MediaType::Json, Refusal::NotAcceptable);
        };
        let executed = Params::read(request)
            .and_then(|params| prepare(params, request.method, Transport::Answer, &self.checks))
            .and_then(|prepared| {
                // Nothing of a query outlives it but what the stores guard themselves.
                let execute = AssertUnwindSafe(|| block_on(self.schema.execute(attach(prepared))));
                match catch_unwind(execute) {
                    Ok(response) => executed(self.complete(response, request_id)).map(Ok),
                    Err(cause) => Ok(Err(errors::of_panic(&*cause, request_id))),
                }
            });
        match executed {
            Ok(Ok(response)) => answer(200, media, &response),
            Ok(Err(errors)) => answer(500, media, &serde_json::json!({ "errors": errors })),
            Err(refusal) => refused(media, refusal),
        }
    }

    /// Begins a subscription: each item is the JSON of a response. What can't begin is told as an answer.
    pub(super) fn subscribe(
        &self,
        request: &HttpRequest<'_>,
        request_id: &str,
        scope: Scope,
    ) -> Result<impl Stream<Item = String> + Send + use<>, HttpAnswer> {
        let prepared =
            Params::read(request).and_then(|params| prepare(params, request.method, Transport::Events, &self.checks));
        let prepared = prepared.map_err(|refusal| refused(MediaType::GraphQl, refusal))?;
        let (request_id, execution_timeout) = (request_id.to_owned(), self.checks.limits.execution_timeout);
        let text = move |response: Response| {
            let response = match executed(errors::complete(response, &request_id, execution_timeout)) {
                Ok(response) => serde_json::to_string(&response),
                Err(refusal) => serde_json::to_string(&serde_json::json!({ "errors": refusal.into_errors() })),
            };
            response.expect("answers have text keys and finite numbers")
        };
        Ok(self.schema.execute_stream(prepared.data(scope)).map(text))
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.checks.limits
    }

    fn complete(&self, response: Response, request_id: &str) -> Response {
        errors::complete(response, request_id, self.limits().execution_timeout)
    }
}

/// Whether the client asks to be told as server-sent events. Then it takes nothing else.
pub(super) fn wants_events(request: &HttpRequest<'_>) -> bool {
    let accept = request.accept.unwrap_or_default();
    let range = |range: &str| range.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(EVENTS);
    request.method == Method::Post && accept.split(',').any(range)
}

const EVENTS: &str = "text/event-stream";

/// The two media types of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MediaType {
    /// `application/graphql-response+json`: the status tells whether the request was executed.
    GraphQl,
    /// `application/json`: 200 for every well-formed request, as older clients expect.
    Json,
}

impl MediaType {
    fn content_type(self) -> &'static str {
        match self {
            MediaType::GraphQl => "application/graphql-response+json; charset=utf-8",
            MediaType::Json => "application/json; charset=utf-8",
        }
    }
}

/// The media type with the highest quality, the first of several; `None` where the client takes neither.
fn negotiate(accept: Option<&str>) -> Option<MediaType> {
    let Some(accept) = accept.filter(|accept| !accept.trim().is_empty()) else {
        return Some(MediaType::Json);
    };
    let mut best: Option<(MediaType, f32)> = None;
    for range in accept.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let media = match parts.next().unwrap_or_default().to_ascii_lowercase().as_str() {
            "application/graphql-response+json" => MediaType::GraphQl,
            "application/json" | "application/*" | "*/*" => MediaType::Json,
            _ => continue,
        };
        let quality = parts.find_map(|part| part.strip_prefix("q=")).map_or(1.0, |q| q.parse().unwrap_or(0.0));
        if quality > best.map_or(0.0, |(_, quality)| quality) {
            best = Some((media, quality));
        }
    }
    best.map(|(media, _)| media)
}

/// Tells an executed request from one that the library refused while it validated or coerced.
///
/// Our resolvers give every error a code, so an error without one is the library's. Some it finds
/// only while executing (a literal that is no 32-bit Int); GraphQL counts these as refused too.
fn executed(response: Response) -> Result<Response, Refusal> {
    if let Some(barred) = response.errors.iter().find_map(|error| error.source::<Barred>()) {
        return Err((*barred).into());
    }
    let has_code = |error: &async_graphql::ServerError| errors::code(error).is_some();
    if response.errors.iter().all(has_code) {
        return Ok(response);
    }
    Err(Refusal::Invalid(response.errors.into_iter().filter(|error| !has_code(error)).collect()))
}

fn refused(media: MediaType, refusal: Refusal) -> HttpAnswer {
    let (status, allow) = (refusal.status(media), refusal.allow());
    let body = serde_json::json!({ "errors": refusal.into_errors() });
    HttpAnswer { allow, ..answer(status, media, &body) }
}

fn answer(status: u16, media: MediaType, body: &impl serde::Serialize) -> HttpAnswer {
    let body = serde_json::to_vec(body).expect("answers have text keys and finite numbers");
    HttpAnswer { status, content_type: media.content_type(), allow: None, body }
}

#[cfg(test)]
mod tests;
