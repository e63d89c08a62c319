//! Requests against the endpoint itself: every refusal with its status and code, and what an answer must not say.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is what it is for")]

use crate::graphql::{limits::Introspection, request::http::*};

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
    ask_within(Limits::default(), request)
}

fn ask_within(limits: Limits, request: HttpRequest<'_>) -> HttpAnswer {
    let limits = Arc::new(limits);
    Endpoint::new(crate::graphql::build_schema(&limits), limits)
        .answer(Question::read(&request), "an-id", |request| request)
}

/// The status and the first error's code, or `ok`.
fn check(request: HttpRequest<'_>, expected: &str) {
    check_answer(&ask(request), expected);
}

fn check_answer(answer: &HttpAnswer, expected: &str) {
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
fn a_hash_in_the_place_of_a_document_is_refused_in_the_words_that_clients_wait_for() {
    let hash = r#""extensions":{"persistedQuery":{"version":1,"sha256Hash":"00"}}"#;
    check(post(&format!("{{{hash}}}")), "400 PERSISTED_QUERY_NOT_SUPPORTED");
    check(post(&format!(r#"{{"query":null,"operationName":"A",{hash}}}"#)), "400 PERSISTED_QUERY_NOT_SUPPORTED");
    let asked = format!("{{{hash}}}");
    let as_json = ask(HttpRequest { accept: None, ..post(&asked) });
    check_answer(&as_json, "200 PERSISTED_QUERY_NOT_SUPPORTED");
    let body: serde_json::Value = serde_json::from_slice(&as_json.body).expect("a JSON answer");
    assert_eq!(body["errors"][0]["message"], "PersistedQueryNotSupported");
    let extensions = "extensions=%7B%22persistedQuery%22:%7B%22version%22:1%7D%7D";
    check(get(extensions), "400 PERSISTED_QUERY_NOT_SUPPORTED");
    // With the document, the hash is of no interest; without either, something is missing.
    check(post(&format!(r#"{{"query":"{{ __typename }}",{hash}}}"#)), "200 ok");
    check(post(r#"{"extensions":{"other":{}}}"#), "400 BAD_REQUEST");
}

/// The answer to a document that needs no data.
fn answered(query: &str, variables: &str) -> String {
    let variables: serde_json::Value = serde_json::from_str(variables).expect("JSON");
    let answer = ask(post(&serde_json::json!({ "query": query, "variables": variables }).to_string()));
    String::from_utf8(answer.body).expect("a JSON answer")
}

#[test]
fn directives_say_what_the_variables_say_or_their_defaults() {
    let include = "query($x: Boolean! = true) { a: __typename @include(if: $x) b: __typename @skip(if: $x) }";
    assert_eq!(answered(include, "{}"), r#"{"data":{"a":"Query"}}"#);
    assert_eq!(answered(include, r#"{"x":false}"#), r#"{"data":{"b":"Query"}}"#);
    // A plan for one value does not serve another.
    assert_eq!(answered(include, r#"{"x":true}"#), r#"{"data":{"a":"Query"}}"#);
    let spread = "query($x: Boolean = false) { ...F @include(if: $x) ... @skip(if: $x) { b: __typename } } fragment F on Query { a: __typename }";
    assert_eq!(answered(spread, "{}"), r#"{"data":{"b":"Query"}}"#);
    let null = answered("query($x: Boolean = true) { __typename @include(if: $x) }", r#"{"x":null}"#);
    assert!(null.starts_with(r#"{"data":null,"errors":["#) && null.contains("BAD_USER_INPUT"), "{null}");
}

#[test]
fn what_is_all_skipped_is_an_empty_object() {
    assert_eq!(answered("{ __typename @skip(if: true) }", "{}"), r#"{"data":{}}"#);
    assert_eq!(answered("mutation { __typename @skip(if: true) }", "{}"), r#"{"data":{}}"#);
    let nested = r#"{ __type(name: "Node") { name possibleTypes { name @skip(if: true) } } }"#;
    let expected = r#"{"data":{"__type":{"name":"Node","possibleTypes":[{},{}]}}}"#;
    assert_eq!(answered(nested, "{}"), expected);
    // Whatever names a client gives to its fields.
    let named = r#"{ __typename: __type(name: "Node") { a: name @include(if: false) } }"#;
    assert_eq!(answered(named, "{}"), r#"{"data":{"__typename":{}}}"#);
}

#[test]
fn fields_come_in_the_order_in_which_they_are_first_asked_for() {
    let query = r#"{ ...F b: __typename a: __typename t: __type(name: "Node") { kind } }
        fragment F on Query { a: __typename t: __type(name: "Node") { name kind interfaces { name } } }"#;
    let expected = r#"{"data":{"a":"Query","t":{"name":"Node","kind":"INTERFACE","interfaces":[]},"b":"Query"}}"#;
    assert_eq!(answered(query, "{}"), expected);
}

#[test]
fn valid_documents_that_the_library_refuses_are_answered() {
    let ok = |query: &str, variables: &str| {
        let answer = answered(query, variables);
        assert!(answer.starts_with(r#"{"data":{"#), "{query}: {answer}");
    };
    ok("query($x: Boolean!) { __typename @skip(if: $x) }", r#"{"x":false}"#);
    let deprecated = r#"query($d: Boolean) { __type(name: "Query") { fields(includeDeprecated: $d) { name } } }"#;
    ok(deprecated, "{}");
    ok(deprecated, r#"{"d":true}"#);
    // Another operation's variables have no values.
    let two = r#"{"query":"query A { __typename } query B($n: Int!) { board(endedWithinHours: $n) { position } }","operationName":"A"}"#;
    check(post(two), "200 ok");
    for wrong in [
        "query B { nope }",
        "query B($n: Int!) { __typename }",
        "query B { __typename @skip(if: $n) }",
        "query B { __typename } fragment F on Query { __typename }",
    ] {
        let two = serde_json::json!({ "query": format!("query A {{ __typename }} {wrong}"), "operationName": "A" });
        check(post(&two.to_string()), "400 GRAPHQL_VALIDATION_FAILED");
    }
}

#[test]
fn two_fields_of_one_name_are_the_same_field() {
    for conflict in [
        r#"{ __type(name: "Node") { a: name } ... { __type(name: "Node") { a: kind } } }"#,
        r#"{ ... on Query { t: __type(name: "Node") { name } } ...F } fragment F on Query { t: __type(name: "Int") { name } }"#,
    ] {
        let query = serde_json::json!({ "query": conflict });
        check(post(&query.to_string()), "400 GRAPHQL_VALIDATION_FAILED");
    }
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
    let deep = "{ lifecycle ".repeat(21);
    for (large, code) in [
        // Nested forty deep, and doubled at each level.
        (format!("{{ ...F20 }} {bomb} fragment F40 on Query {{ __typename }}"), "FIELD_LIMIT_EXCEEDED"),
        (format!("{{ ...F0 }} {bomb} fragment F40 on Query {{ __typename }}"), "DEPTH_LIMIT_EXCEEDED"),
        ("{ ...A } fragment A on Query { ...A }".to_owned(), "DEPTH_LIMIT_EXCEEDED"),
        (format!("{deep}{}", "}".repeat(21)), "DEPTH_LIMIT_EXCEEDED"),
        ("{a".repeat(70) + &"}".repeat(70), "DEPTH_LIMIT_EXCEEDED"),
        ("{a".repeat(10_000) + &"}".repeat(10_000), "GRAPHQL_PARSE_FAILED"),
        ("{ a ".repeat(10_000), "GRAPHQL_PARSE_FAILED"),
        (
            format!("{{ {} }}", (0..51).map(|n| format!("a{n}: __typename ")).collect::<String>()),
            "ALIAS_LIMIT_EXCEEDED",
        ),
        (format!("{{ __typename {} }}", "@skip(if: false) ".repeat(51)), "DIRECTIVE_LIMIT_EXCEEDED"),
        (format!("{{ {} }}", "__typename ".repeat(2_001)), "FIELD_LIMIT_EXCEEDED"),
        (format!("{{ {} }}", " ".repeat(65_536)), "DOCUMENT_TOO_LARGE"),
        (
            "{ appointments(first: 500) { nodes { history(first: 500) { nodes { id } } } } }".to_owned(),
            "COMPLEXITY_LIMIT_EXCEEDED",
        ),
        ("{ appointments(first: 2147483648) { totalCount } }".to_owned(), "GRAPHQL_VALIDATION_FAILED"),
    ] {
        check(post(&query(&large)), &format!("400 {code}"));
    }
}

#[test]
fn a_document_nested_as_deep_as_it_can_be_does_not_take_the_stack() {
    let largest = || Limits { document_bytes_max: 262_144, ..Limits::default() };
    for (open, close, times) in [
        ("{a", "}", 87_000),
        ("{a", "", 131_000),
        ("[", "", 262_000),
        ("[", "]", 130_000),
        ("{a:", "", 87_000),
        ("{a(", "", 87_000),
    ] {
        let nested = format!("{}{}", open.repeat(times), close.repeat(times));
        for query in [nested.clone(), format!("{{ a(b: {nested}"), format!("query($a: {nested}")] {
            let query: String = query.chars().take(262_144).collect();
            let body = serde_json::json!({ "query": query }).to_string();
            assert_eq!(ask_within(largest(), post(&body)).status, 400, "{open}");
        }
    }
}

#[test]
fn a_refusal_says_the_limit_what_was_asked_and_the_setting() {
    let message = |query: &str| {
        let answer = ask(post(&serde_json::json!({ "query": query }).to_string()));
        let body: serde_json::Value = serde_json::from_slice(&answer.body).expect("a JSON answer");
        body["errors"][0]["message"].as_str().expect("a message").to_owned()
    };
    let costly = message("{ board(endedWithinHours: 744) { position } b: board(endedWithinHours: 744) { position } }");
    assert!(costly.starts_with("The query has 84402 fields to answer, and may have 50000. "), "{costly}");
    assert!(costly.contains("`complexity_max` under [graphql]"), "{costly}");
    let aliases = message(&format!("{{ {} }}", "a: __typename ".repeat(60)));
    assert!(aliases.starts_with("The query has at least 51 aliases, and may have 50. "), "{aliases}");
    assert!(aliases.contains("`aliases_max` under [graphql]"), "{aliases}");
}

#[test]
fn the_schema_is_told_to_whom_the_setting_names() {
    let nobody = || Limits { introspection: Introspection::Nobody, ..Limits::default() };
    let asked = |limits, query: &str| ask_within(limits, post(&serde_json::json!({ "query": query }).to_string()));
    for query in [
        "{ __schema { queryType { name } } }",
        "{ t: __type(name: \"Query\") { name } }",
        "{ ...S } fragment S on Query { __schema { nope } }",
        "query A { __typename ... { __schema { queryType { name } } } }",
    ] {
        check_answer(&asked(nobody(), query), "400 INTROSPECTION_DISABLED");
        // Here nobody asks, so nobody is an admin.
        let admins = Limits { introspection: Introspection::Admins, ..Limits::default() };
        check_answer(&asked(admins, query), "400 INTROSPECTION_DISABLED");
    }
    check_answer(&asked(nobody(), "{ __typename }"), "200 ok");
    for (query, guess) in [
        ("{ appointmnts { totalCount } }", "appointments"),
        ("{ appointment(appointmentId: 1, sourc: 2) { id } }", "\"source\""),
    ] {
        let text = |limits| String::from_utf8(asked(limits, query).body).expect("a JSON answer");
        assert!(text(Limits::default()).contains("Did you mean"), "{query}");
        assert!(!text(nobody()).contains("Did you mean") && !text(nobody()).contains(guess), "{query}");
    }
}

#[test]
fn a_panic_is_answered_and_not_told() {
    // Without a scope, resolvers meet a defect.
    let answer = ask(post(r#"{"query":"{ log { headPosition } }"}"#));
    let body: serde_json::Value = serde_json::from_slice(&answer.body).expect("a JSON answer");
    let extensions = serde_json::json!({ "code": "INTERNAL_SERVER_ERROR", "requestId": "an-id" });
    let expected = serde_json::json!({ "errors": [{ "message": "internal error", "extensions": extensions }] });
    assert_eq!((answer.status, body), (500, expected));
}

#[test]
fn the_introspection_query_of_graphql_js_17_passes() {
    let query = include_str!("../../../../fixtures/graphql/introspection-graphql-js-17.graphql");
    let body = serde_json::json!({ "query": query }).to_string();
    check(post(&body), "200 ok");
    // Also where every limit is the lowest that the configuration takes.
    let least = Limits {
        depth_max: 16,
        complexity_max: 300,
        aliases_max: 0,
        directives_max: 0,
        selections_max: 300,
        document_bytes_max: 4_096,
        body_bytes_max: 4_096,
        ..Limits::default()
    };
    check_answer(&ask_within(least, post(&body)), "200 ok");
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
    assert_eq!(negotiate(Some("application/json;q=0.5, application/graphql-response+json")), Some(MediaType::GraphQl));
    assert_eq!(
        negotiate(Some("application/graphql-response+json; charset=utf-8, */*;q=0.1")),
        Some(MediaType::GraphQl)
    );
    assert_eq!(negotiate(Some("text/html, application/json;q=0")), None);
}
