//! GraphQL over HTTP, without a web framework: one request in, one answer out.
//!
//! Follows the GraphQL-over-HTTP specification for `application/graphql-response+json` and
//! `application/json`. The library's own adapters let a GET run mutations and take `text/plain`,
//! which a foreign page may send; this one does neither.

use std::sync::Arc;

use async_graphql::{Response, registry::Registry};
use futures_executor::block_on;

use super::{
    Schema,
    params::Params,
    prepare::{Prepared, Transport, prepare},
    refusal::Refusal,
    scope::Scope,
    variables,
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
    input_types: Registry,
}

impl Endpoint {
    pub(super) fn new(schema: Schema) -> Endpoint {
        Endpoint { schema, input_types: variables::input_types() }
    }

    /// Answers `request`; `attach` gives the resolvers their data.
    pub(super) fn answer(
        &self,
        request: &HttpRequest<'_>,
        attach: impl FnOnce(async_graphql::Request) -> async_graphql::Request,
    ) -> HttpAnswer {
        let Some(media) = negotiate(request.accept) else {
            return refused(MediaType::Json, Refusal::NotAcceptable);
        };
        let executed = Params::read(request)
            .and_then(|params| self.prepare(params, request.method, Transport::Answer))
            .and_then(|prepared| executed(block_on(self.schema.execute(attach(prepared.request())))));
        match executed {
            Ok(response) => answer(200, media, &response),
            Err(refusal) => refused(media, refusal),
        }
    }

    /// Checks a request before it is executed.
    pub(super) fn prepare(&self, params: Params, method: Method, transport: Transport) -> Result<Prepared, Refusal> {
        prepare(params, method, transport, &self.input_types)
    }

    /// Executes what is no subscription.
    pub(super) fn execute(&self, prepared: &Prepared, scope: Scope) -> Result<Response, Refusal> {
        executed(block_on(self.schema.execute(prepared.request().data(scope))))
    }
}

/// The JSON of a response.
pub(super) fn text(response: impl serde::Serialize) -> Arc<str> {
    serde_json::to_string(&response).expect("answers have text keys and finite numbers").into()
}

/// Whether the client asks to be told as server-sent events. Then it takes nothing else.
pub(super) fn wants_events(request: &HttpRequest<'_>) -> bool {
    let accept = request.accept.unwrap_or_default();
    let range = |range: &str| range.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(EVENTS);
    accept.split(',').any(range)
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
pub(super) fn executed(response: Response) -> Result<Response, Refusal> {
    let has_code = |error: &async_graphql::ServerError| {
        error.extensions.as_ref().is_some_and(|extensions| extensions.get("code").is_some())
    };
    if response.errors.iter().all(has_code) {
        return Ok(response);
    }
    Err(Refusal::Invalid(response.errors.into_iter().filter(|error| !has_code(error)).collect()))
}

pub(super) fn refused(media: MediaType, refusal: Refusal) -> HttpAnswer {
    let (status, allow) = (refusal.status(media), refusal.allow());
    let body = serde_json::json!({ "errors": refusal.into_errors() });
    HttpAnswer { allow, ..answer(status, media, &body) }
}

fn answer(status: u16, media: MediaType, body: &impl serde::Serialize) -> HttpAnswer {
    let body = serde_json::to_vec(body).expect("answers have text keys and finite numbers");
    HttpAnswer { status, content_type: media.content_type(), allow: None, body }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRAPHQL: &str = "application/graphql-response+json";

    fn post(body: &str) -> HttpRequest<'_> {
        HttpRequest {
            method: Method::Post,
            content_type: Some("application/json"),
            accept: Some(GRAPHQL),
            query_string: None,
            body: body.as_bytes(),
        }
    }

    fn get(query_string: &str) -> HttpRequest<'_> {
        let query_string = Some(query_string);
        HttpRequest { method: Method::Get, content_type: None, query_string, ..post("") }
    }

    fn ask(request: HttpRequest<'_>) -> HttpAnswer {
        Endpoint::new(crate::graphql::schema()).answer(&request, |request| request)
    }

    /// The status and the first error's code, or `ok`.
    fn check(request: HttpRequest<'_>, expected: &str) {
        let answer = ask(request);
        let body: serde_json::Value = serde_json::from_slice(&answer.body).expect("a JSON answer");
        let code = body["errors"][0]["extensions"]["code"].as_str();
        assert_eq!(format!("{} {}", answer.status, code.unwrap_or("ok")), expected, "{body}");
        assert_eq!(body.get("data").is_none(), code.is_some(), "a refused request has no data: {body}");
    }

    #[test]
    fn refusals_have_a_status_and_a_code() {
        check(post(r#"{"query":"{ __typename }"}"#), "200 ok");
        check(get("query=%7B+__typename+%7D&variables="), "200 ok");
        check(get("query=mutation+%7B+__typename+%7D"), "405 METHOD_NOT_ALLOWED");
        check(post("{"), "400 BAD_REQUEST");
        check(post(r#"{"query":1}"#), "400 BAD_REQUEST");
        check(post(r#"[{"query":"{ __typename }"}]"#), "400 BAD_REQUEST");
        check(post(r#"["{ __typename }",null,null,null]"#), "400 BAD_REQUEST");
        check(post(r#"{"query":"{ __typename "}"#), "400 GRAPHQL_PARSE_FAILED");
        check(post(r#"{"query":"{ nope }"}"#), "400 GRAPHQL_VALIDATION_FAILED");
        check(post(r#"{"query":"mutation { nope }"}"#), "400 GRAPHQL_VALIDATION_FAILED");
        check(post(r#"{"query":"subscription { rebuildProgress { done } }"}"#), "406 NOT_ACCEPTABLE");
        check(post(r#"{"query":"query A { __typename } query B { __typename }"}"#), "400 OPERATION_RESOLUTION_FAILURE");
        check(post(r#"{"query":"query A { __typename }","operationName":"B"}"#), "400 OPERATION_RESOLUTION_FAILURE");
        check(HttpRequest { content_type: Some("text/plain"), ..post("{}") }, "415 UNSUPPORTED_MEDIA_TYPE");
        check(HttpRequest { accept: Some("text/html"), ..post("{}") }, "406 NOT_ACCEPTABLE");
        check(HttpRequest { accept: Some("*/*"), ..post(r#"{"query":"{ nope }"}"#) }, "200 GRAPHQL_VALIDATION_FAILED");
    }

    #[test]
    fn variables_are_checked_before_anything_runs() {
        let with = |declared: &str, variables: &str| {
            let query =
                format!("query({declared}) {{ appointments(filter: $f, first: $n) @skip(if: true) {{ totalCount }} }}");
            let variables: serde_json::Value = serde_json::from_str(variables).expect("JSON");
            serde_json::json!({ "query": query, "variables": variables }).to_string()
        };
        let both = "$n: Int!, $f: AppointmentFilter";
        check(post(&with(both, r#"{"n":1,"f":{"status":"READY"}}"#)), "200 ok");
        check(post(&with("$n: Int! = 5, $f: AppointmentFilter", "{}")), "200 ok");
        for wrong in [
            "{}",
            r#"{"n":null}"#,
            r#"{"n":"1"}"#,
            r#"{"n":2147483648}"#,
            r#"{"n":1,"f":{"status":["GONE"]}}"#,
            r#"{"n":1,"f":{"status":[null]}}"#,
            r#"{"n":1,"f":{"other":1}}"#,
            r#"{"n":1,"f":7}"#,
        ] {
            check(post(&with(both, wrong)), "400 BAD_USER_INPUT");
        }
    }

    #[test]
    fn a_request_has_bounds() {
        let query = |query: &str| serde_json::json!({ "query": query }).to_string();
        let bomb: String = (0..40).map(|n| format!("fragment F{n} on Query {{ ...F{0} ...F{0} }} ", n + 1)).collect();
        for large in [
            format!("{{ ...F0 }} {bomb} fragment F40 on Query {{ __typename }}"),
            "{ ...A } fragment A on Query { ...A }".to_owned(),
            format!("{{ {} }}", (0..51).map(|n| format!("a{n}: __typename ")).collect::<String>()),
            format!("{{ __typename {} }}", "@skip(if: false) ".repeat(51)),
            format!("{{ {} }}", "__typename ".repeat(2_001)),
            format!("{{ {} }}", " ".repeat(65_536)),
        ] {
            check(post(&query(&large)), "400 QUERY_TOO_LARGE");
        }
        let deep = "{ appointments(first: 500) { nodes { history(first: 500) { nodes { id } } } } }";
        check(post(&query(deep)), "400 GRAPHQL_VALIDATION_FAILED");
        check(post(&query(&"{ a ".repeat(10_000))), "400 GRAPHQL_PARSE_FAILED");
        check(post(&query("{ appointments(first: 2147483648) { totalCount } }")), "400 GRAPHQL_VALIDATION_FAILED");
    }

    #[test]
    fn the_introspection_query_of_graphql_js_17_passes() {
        let query = include_str!("../../fixtures/graphql/introspection-graphql-js-17.graphql");
        check(post(&serde_json::json!({ "query": query }).to_string()), "200 ok");
    }

    #[test]
    fn a_parse_error_does_not_repeat_the_query() {
        let answer = ask(post(r#"{"query":"{ appointment(appointmentId: 4711 }"}"#));
        assert!(!String::from_utf8(answer.body).expect("a JSON answer").contains("4711"));
    }

    #[test]
    fn the_client_chooses_the_media_type() {
        assert_eq!(negotiate(None), Some(MediaType::Json));
        assert_eq!(negotiate(Some("*/*")), Some(MediaType::Json));
        assert_eq!(
            negotiate(Some("application/json;q=0.5, application/graphql-response+json")),
            Some(MediaType::GraphQl)
        );
        assert_eq!(
            negotiate(Some("application/graphql-response+json; charset=utf-8, */*;q=0.1")),
            Some(MediaType::GraphQl)
        );
        assert_eq!(negotiate(Some("text/html, application/json;q=0")), None);
    }
}
