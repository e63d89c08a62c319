//! Web pages of other origins, on the real program: a listed origin may read answers of `/graphql`, and nothing else.

use crate::support::server::{Answer, CONFIG, ROUTE_KEY, Server};

const ALLOWED: &str = "https://board.example";

fn started(settings: &str) -> (tempfile::TempDir, Server) {
    let folder = tempfile::tempdir().unwrap();
    let readers = "[[reader]]\nname = \"desk\"\ntoken = \"the-token-of-the-front-desk\"\n";
    let server = Server::start(folder.path(), &format!("[server]\n{settings}\n{CONFIG}{readers}"));
    (folder, server)
}

fn with_origins() -> (tempfile::TempDir, Server) {
    started("allowed_origins = [\"https://board.example\", \"http://localhost:5173\"]")
}

/// The headers that let a page read an answer.
fn cors(answer: &Answer) -> Vec<String> {
    let lines = answer.head.lines().map(str::to_ascii_lowercase);
    lines.filter(|line| line.starts_with("access-control-")).collect()
}

fn preflight(server: &Server, origin: &str, path: &str) -> Answer {
    let headers = [
        ("Origin", origin),
        ("Access-Control-Request-Method", "POST"),
        ("Access-Control-Request-Headers", "authorization,content-type"),
    ];
    server.request("OPTIONS", path, &headers, b"")
}

#[test]
fn a_listed_origin_is_told_what_it_may_send() {
    let (_folder, server) = with_origins();
    for origin in [ALLOWED, "http://localhost:5173"] {
        let answer = preflight(&server, origin, "/graphql");
        assert_eq!((answer.status, answer.body.len()), (204, 0), "{}", answer.head);
        assert_eq!(answer.header("access-control-allow-origin"), Some(origin));
        assert_eq!(answer.header("access-control-allow-methods"), Some("GET, POST"));
        assert_eq!(answer.header("access-control-allow-headers"), Some("authorization, content-type"));
        assert_eq!(answer.header("access-control-allow-private-network"), None);
        assert_eq!(answer.header("access-control-max-age"), Some("3600"));
        assert_eq!(answer.header("vary"), Some("Origin"));
        // A page of another origin sends its token itself: its cookie counts for nothing.
        assert_eq!(answer.header("access-control-allow-credentials"), None);
    }
}

#[test]
fn a_listed_origin_may_send_any_header_and_come_from_the_internet() {
    let (_folder, server) = with_origins();
    for (asked, told) in [
        // Of the clients' own: Apollo, urql, Hasura's, Sentry's, Datadog's and OpenTelemetry's.
        (
            "apollo-require-preflight,apollographql-client-name,authorization,content-type,x-apollo-operation-name",
            "apollo-require-preflight, apollographql-client-name, authorization, content-type, x-apollo-operation-name",
        ),
        (
            "baggage,sentry-trace,traceparent,X-Datadog-Trace-Id",
            "baggage, sentry-trace, traceparent, x-datadog-trace-id",
        ),
        // What is no header is not repeated; nor is a list without an end.
        ("x-a: b", "authorization, content-type, accept, x-request-id"),
        (&"a,".repeat(1000), "authorization, content-type, accept, x-request-id"),
    ] {
        let headers = [
            ("Origin", ALLOWED),
            ("Access-Control-Request-Method", "POST"),
            ("Access-Control-Request-Headers", asked),
            ("Access-Control-Request-Private-Network", "true"),
        ];
        let answer = server.request("OPTIONS", "/graphql", &headers, b"");
        assert_eq!(answer.header("access-control-allow-headers"), Some(told), "{asked}");
        assert_eq!(answer.header("access-control-allow-private-network"), Some("true"));
        let varies = "vary: access-control-request-headers, access-control-request-private-network";
        assert!(answer.head.lines().any(|line| line.eq_ignore_ascii_case(varies)), "{}", answer.head);
    }
}

#[test]
fn another_origin_is_told_nothing() {
    let (_folder, server) = with_origins();
    for origin in [
        "https://evil.example",
        "http://board.example",
        "https://board.example:8443",
        "https://board.example.evil.example",
        "https://BOARD.example",
        "null",
        "*",
        "",
    ] {
        let answer = preflight(&server, origin, "/graphql");
        assert_eq!((answer.status, cors(&answer)), (204, Vec::<String>::new()), "{origin}");
        let answer = server.ask(&[("Origin", origin)], "{ __typename }");
        assert_eq!((answer.status, cors(&answer)), (401, Vec::<String>::new()), "{origin}");
        assert_eq!(answer.header("vary"), Some("Origin"), "{origin}");
    }
    let two = server.ask(&[("Origin", ALLOWED), ("Origin", ALLOWED)], "{ __typename }");
    assert_eq!(cors(&two), Vec::<String>::new());
    // Without a list there is no page that may read.
    let (_folder, server) = started("");
    assert_eq!(cors(&preflight(&server, ALLOWED, "/graphql")), Vec::<String>::new());
    let answer = server.ask(&[("Origin", ALLOWED)], "{ __typename }");
    assert_eq!((cors(&answer), answer.header("vary")), (Vec::new(), None));
}

#[test]
fn a_page_of_a_listed_origin_reads_every_answer() {
    let (_folder, server) = with_origins();
    let token = ("Authorization", "Bearer the-token-of-the-front-desk");
    let answer = server.ask(&[("Origin", ALLOWED), token], "{ __typename }");
    let got = server.request("GET", "/graphql?query=%7B__typename%7D", &[("Origin", ALLOWED), token], b"");
    let refused = server.ask(&[("Origin", ALLOWED)], "{ __typename }");
    let large = server.request("POST", "/graphql", &[("Origin", ALLOWED), token], &[b' '; 70_000]);
    for (answer, status) in [(answer, 200), (got, 200), (refused, 401), (large, 413)] {
        assert_eq!(answer.status, status);
        assert_eq!(answer.header("access-control-allow-origin"), Some(ALLOWED), "{}", answer.head);
        assert_eq!(answer.header("access-control-expose-headers"), Some("x-request-id, retry-after"));
        assert_eq!(answer.header("vary"), Some("Origin"));
    }
    // What is not a question before a request is a request.
    let options = server.request("OPTIONS", "/graphql", &[("Origin", ALLOWED)], b"");
    assert_eq!(options.status, 401);
}

#[test]
fn other_routes_have_no_pages() {
    let (_folder, server) = with_origins();
    let webhook = format!("/webhook/{ROUTE_KEY}");
    for path in [webhook.as_str(), "/webhook", "/metrics", "/log", "/readyz", "/schema.graphql", "/nowhere"] {
        for answer in [
            preflight(&server, ALLOWED, path),
            server.request("GET", path, &[("Origin", ALLOWED)], b""),
            server.request("POST", path, &[("Origin", ALLOWED), ("Content-Type", "application/json")], b"{}"),
        ] {
            assert_eq!(cors(&answer), Vec::<String>::new(), "{path}");
            assert_ne!(answer.status, 204, "{path}");
        }
    }
}
