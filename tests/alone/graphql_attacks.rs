//! The attacks of the OWASP GraphQL cheat sheet against the real program: each is refused with its own code, in
//! bounded time and memory, and tells a stranger nothing.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{
    net::http1::chunked,
    server::{Answer, Connection, Server},
};

const TOKEN: &str = "the-token-of-the-front-desk";

const CONFIG: &str = r#"
[server]
failed_authentications_burst = 1000000
[graphql]
body_bytes_max = 131072
[[source]]
name = "downtown"
route_keys = ["CF3uQP8cSFIQB8gB/9285030fceca"]
[[reader]]
name = "front-desk"
token = "the-token-of-the-front-desk"
role = "admin"
"#;

/// What one attack may take until it is refused, on a machine that does other things as well: the quickest of [`TIMES`].
const REFUSED_WITHIN: Duration = Duration::from_secs(1);
/// How much the server may grow while all of them are tried again and again.
const GROWTH_KB_MAX: u64 = 64 << 10;
const TIMES: usize = 10;

/// A request that somebody sends to do harm.
struct Attack {
    name: &'static str,
    method: &'static str,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    /// The status and the first error's code.
    refusal: &'static str,
}

impl Attack {
    fn post(name: &'static str, body: impl Into<Vec<u8>>, refusal: &'static str) -> Attack {
        let headers = vec![("Content-Type", "application/json".to_owned())];
        Attack { name, method: "POST", path: "/graphql".to_owned(), headers, body: body.into(), refusal }
    }

    fn query(name: &'static str, query: &str, refusal: &'static str) -> Attack {
        Attack::post(name, json!({ "query": query }).to_string(), refusal)
    }

    fn form(name: &'static str, media_type: &str, body: &str) -> Attack {
        let headers = vec![("Content-Type", media_type.to_owned())];
        Attack { headers, ..Attack::post(name, body, "415 UNSUPPORTED_MEDIA_TYPE") }
    }

    fn get(name: &'static str, query_string: &str, refusal: &'static str) -> Attack {
        let path = format!("/graphql?{query_string}");
        Attack { name, method: "GET", path, headers: Vec::new(), body: Vec::new(), refusal }
    }

    fn send(&self, server: &Server, token: Option<&str>) -> std::io::Result<Answer> {
        let mut headers: Vec<(&str, &str)> = self.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let bearer = token.map(|token| format!("Bearer {token}"));
        headers.extend(bearer.as_deref().map(|bearer| ("Authorization", bearer)));
        headers.push(("Accept", "application/graphql-response+json"));
        Connection::open(server.address).request(self.method, &self.path, &headers, &self.body)
    }
}

/// Every attack of the cheat sheet, in several sizes.
fn attacks() -> Vec<Attack> {
    let aliases = |count: usize| (0..count).map(|n| format!("a{n}:__typename ")).collect::<String>();
    let many = |fields: &str| format!("{{ {fields} }}");
    let bomb: String = (0..15).map(|n| format!("fragment F{n} on Query {{ ...F{0} ...F{0} }} ", n + 1)).collect();
    let types = "{ __schema { types { ".to_owned() + &"fields { type { ".repeat(15) + "name " + &"}".repeat(33);
    let spread = |value: &str, count: usize| {
        let spreads: String = (0..count).map(|n| format!("a{n}{{...F}}")).collect();
        format!("{{ {spreads} }} fragment F on X {{ x(l: [{}]) }}", value.repeat(40_000 / value.len()))
    };
    let long = format!("\"{}\"", "x".repeat(39_000));
    let variables = {
        let each = |what: fn(usize) -> String| (0..2_500).map(what).collect::<String>();
        let (declared, used) = (each(|n| format!("$v{n}:ID ")), each(|n| format!("$v{n} ")));
        format!("query({declared}) {{ a{{...F}} b{{...F}} c{{...F}} d{{...F}} }} fragment F on X {{ x(l: [{used}]) }}")
    };
    let operations = |count: usize| (0..count).map(|n| format!("query q{n}{{log{{digest}}}}")).collect::<String>();
    let levels = |count: usize| "{a".repeat(count) + &"}".repeat(count);
    let one = json!({ "query": "{ __typename }" });
    let mutation = "mutation { refoldAppointment(source: \"downtown\", appointmentId: 7) { changed } }";
    let form = "query=%7B__typename%7D";
    let multipart =
        "--b\r\nContent-Disposition: form-data; name=\"operations\"\r\n\r\n{\"query\":\"{__typename}\"}\r\n--b--\r\n";
    let json = json!({ "query": mutation }).to_string();
    let nested_variables = format!(r#"{{"query":"{{__typename}}","variables":{{"a":{}}}}}"#, "[".repeat(30_000));
    vec![
        Attack::query("alias flood", &many(&aliases(51)), "400 ALIAS_LIMIT_EXCEEDED"),
        Attack::query("large alias flood", &many(&aliases(3_500)), "400 ALIAS_LIMIT_EXCEEDED"),
        Attack::query("a long alias", &many(&format!("{}: __typename", "a".repeat(257))), "400 ALIAS_LIMIT_EXCEEDED"),
        Attack::query("values that fragments multiply", &spread("[] ", 1_000), "400 VALUE_LIMIT_EXCEEDED"),
        Attack::query("texts that fragments multiply", &spread(&long, 1_000), "400 VALUE_LIMIT_EXCEEDED"),
        Attack::query(
            "values in directives",
            &format!("{{ __typename @a(b: [{}]) }}", "1 ".repeat(20_001)),
            "400 VALUE_LIMIT_EXCEEDED",
        ),
        Attack::query("a variable flood", &variables, "400 GRAPHQL_VALIDATION_FAILED"),
        Attack::query("an operation flood", &operations(101), "400 OPERATION_LIMIT_EXCEEDED"),
        Attack::query("a large operation flood", &operations(2_500), "400 OPERATION_LIMIT_EXCEEDED"),
        Attack::post("batching", Value::from(vec![one.clone(); 2]).to_string(), "400 BAD_REQUEST"),
        Attack::post("large batching", Value::from(vec![one; 4_000]).to_string(), "400 BAD_REQUEST"),
        Attack::query("circular fragment", "{ ...A } fragment A on Query { ...A }", "400 DEPTH_LIMIT_EXCEEDED"),
        Attack::query(
            "circular fragments",
            "{ ...A } fragment A on Query { log { ...B } } fragment B on LogStatus { ...C } fragment C on LogStatus { ...B }",
            "400 DEPTH_LIMIT_EXCEEDED",
        ),
        Attack::query(
            "fragments that double",
            &format!("{{ ...F0 }} {bomb} fragment F15 on Query {{ __typename }}"),
            "400 FIELD_LIMIT_EXCEEDED",
        ),
        Attack::query("deep nesting", &types, "400 DEPTH_LIMIT_EXCEEDED"),
        Attack::query("deeper nesting", &levels(70), "400 DEPTH_LIMIT_EXCEEDED"),
        Attack::query("deepest nesting", &levels(20_000), "400 GRAPHQL_PARSE_FAILED"),
        Attack::query("nesting without an end", &"{a".repeat(30_000), "400 GRAPHQL_PARSE_FAILED"),
        Attack::query("nested values", &format!("{{ a(b: {}", "[".repeat(60_000)), "400 GRAPHQL_PARSE_FAILED"),
        Attack::post("nested variables", nested_variables, "400 BAD_REQUEST"),
        Attack::query("huge document", &many(&"__typename ".repeat(10_000)), "400 DOCUMENT_TOO_LARGE"),
        Attack::post("huge body", vec![b' '; 140_000], "413 BODY_TOO_LARGE"),
        Attack::post("huger body", vec![b' '; 900_000], "413 BODY_TOO_LARGE"),
        Attack::query("field duplication", &many(&"__typename ".repeat(5_000)), "400 FIELD_LIMIT_EXCEEDED"),
        Attack::query("directive flood", &many(&"__typename @a ".repeat(51)), "400 DIRECTIVE_LIMIT_EXCEEDED"),
        Attack::query(
            "directives on one field",
            &many(&format!("__typename {}", "@include(if:true)".repeat(3_500))),
            "400 DIRECTIVE_LIMIT_EXCEEDED",
        ),
        Attack::query("many errors", &many(&"nope ".repeat(1_999)), "400 GRAPHQL_VALIDATION_FAILED"),
        Attack::query(
            "pages of pages",
            "{ appointments(first: 500) { nodes { history(first: 500) { nodes { id } } } } }",
            "400 COMPLEXITY_LIMIT_EXCEEDED",
        ),
        Attack::query("a large page", "{ deliveries(first: 501) { nodes { id } } }", "200 PAGE_TOO_LARGE"),
        Attack::query("a negative page", "{ deliveries(last: -1) { nodes { id } } }", "200 BAD_USER_INPUT"),
        Attack::get(
            "mutation by GET",
            &format!("query={}", mutation.replace(' ', "%20").replace('"', "%22")),
            "405 METHOD_NOT_ALLOWED",
        ),
        Attack::get(
            "duplication by GET",
            &format!("query=%7B{}%7D", "__typename+".repeat(5_000)),
            "400 FIELD_LIMIT_EXCEEDED",
        ),
        Attack::form("form", "application/x-www-form-urlencoded", form),
        Attack::form("form with JSON in it", "application/x-www-form-urlencoded", &json),
        Attack::form("multipart form", "multipart/form-data; boundary=b", multipart),
        Attack::form("text form", "text/plain", &json),
        Attack::form("text form that says JSON", "text/plain; application/json", &json),
        Attack { headers: Vec::new(), ..Attack::form("no media type", "", &json) },
    ]
}

/// The status and the first error's code.
fn refusal(answer: &Answer) -> String {
    format!("{} {}", answer.status, answer.json()["errors"][0]["extensions"]["code"].as_str().unwrap_or("-"))
}

/// Resident memory of the server, in KB.
fn resident_kb(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn every_attack_is_refused_with_its_code_in_bounded_time_and_memory() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), CONFIG);
    assert_eq!(server.deliver(7, "create").status, 200);
    let attacks = attacks();
    // Once through, so that what the server sets up for good does not count.
    for attack in &attacks {
        let answer = attack.send(&server, Some(TOKEN)).unwrap();
        assert_eq!(refusal(&answer), attack.refusal, "{}: {:.300}", attack.name, answer.text());
        assert!(answer.body.len() < 8_192, "{}: {} bytes", attack.name, answer.body.len());
        let sets_nothing_off = answer.json()["data"].is_null();
        assert!(sets_nothing_off, "{}: {}", attack.name, answer.text());
    }
    let before = resident_kb(&server);
    let (mut slowest, mut name) = (Duration::ZERO, "");
    for attack in &attacks {
        let mut quickest = Duration::MAX;
        for _ in 0..TIMES {
            let begun = Instant::now();
            let answer = attack.send(&server, Some(TOKEN)).unwrap();
            quickest = quickest.min(begun.elapsed());
            assert_eq!(refusal(&answer), attack.refusal, "{}", attack.name);
        }
        assert!(quickest < REFUSED_WITHIN, "{} took {quickest:?}", attack.name);
        if quickest > slowest {
            (slowest, name) = (quickest, attack.name);
        }
    }
    let grown = resident_kb(&server).saturating_sub(before);
    println!(
        "{} attacks, {TIMES} times each: the slowest, {name}, took {slowest:?}; grown by {grown} KB",
        attacks.len()
    );
    assert!(grown < GROWTH_KB_MAX, "grown by {grown} KB");
    let told = server.query_as(Some(TOKEN), "{ appointment(appointmentId: 7) { status } }");
    assert_eq!(told["data"]["appointment"]["status"], "SCHEDULED", "{told}");
}

#[test]
fn a_stranger_learns_nothing_from_any_attack() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), CONFIG);
    let plain = server.ask(&[], "{ __typename }");
    assert_eq!(refusal(&plain), "401 UNAUTHENTICATED");
    let schema = |query: &'static str| Attack::query("schema", query, "");
    let further = [
        schema("{ __schema { types { name } } }"),
        schema("{ __type(name: \"Query\") { fields { name } } }"),
        schema("{ appointmnts { totalCount } }"),
        schema("{ nope"),
        Attack::post("nothing", "", ""),
        Attack::get("GET", "query=%7B__schema%7BqueryType%7Bname%7D%7D%7D", ""),
        Attack { method: "DELETE", ..Attack::post("another method", "", "") },
    ];
    for attack in attacks().iter().chain(&further) {
        for token in [None, Some("a-token-that-nobody-has-made")] {
            let begun = Instant::now();
            // Nobody reads a stranger's body: who sends a long one may find the connection closed.
            let answer = match attack.send(&server, token) {
                Err(_) if attack.body.len() > 64 << 10 => continue,
                answer => answer.unwrap(),
            };
            assert_eq!((answer.status, answer.text()), (401, plain.text()), "{}", attack.name);
            assert!(begun.elapsed() < REFUSED_WITHIN, "{}", attack.name);
        }
    }
}

#[test]
fn a_body_is_bounded_however_it_comes() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), CONFIG);
    let bearer = format!("Bearer {TOKEN}");
    let headers = [
        ("Content-Type", "application/json"),
        ("Authorization", bearer.as_str()),
        ("Transfer-Encoding", "chunked"),
        ("Accept", "application/graphql-response+json"),
    ];
    let send = |body: &[u8]| server.request("POST", "/graphql", &headers, &chunked(body, 4_000));
    let padded = |bytes: usize| {
        let query = json!({ "query": "{ __typename }" }).to_string();
        format!("{query}{}", " ".repeat(bytes - query.len())).into_bytes()
    };
    assert_eq!(send(&padded(131_072)).json(), json!({ "data": { "__typename": "Query" } }));
    assert_eq!(refusal(&send(&padded(131_073))), "413 BODY_TOO_LARGE");
    let message = send(&padded(131_073)).json()["errors"][0]["message"].clone();
    assert_eq!(message, "A body may have at most 131072 bytes.");
    // A webhook's is another limit.
    assert_eq!(server.post(&vec![b' '; 65_537]).status, 413);
}

#[test]
fn the_largest_queries_that_are_allowed_take_bounded_time() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), CONFIG);
    for (name, query) in [
        ("fields that are the same", format!("{{ {} }}", "log { headPosition } ".repeat(999))),
        ("aliases", format!("{{ {} }}", (0..50).map(|n| format!("a{n}: log {{ digest }} ")).collect::<String>())),
        ("fragments", format!("{{ {} }} fragment L on Query {{ log {{ digest }} }}", "...L ".repeat(600))),
    ] {
        let begun = Instant::now();
        let answer = server.query_as(Some(TOKEN), &query);
        println!("{name}: {:?}", begun.elapsed());
        assert!(answer.get("errors").is_none(), "{name}: {answer:.300}");
        assert!(begun.elapsed() < REFUSED_WITHIN, "{name} took {:?}", begun.elapsed());
    }
}

#[test]
fn an_error_repeats_nothing_of_a_query_but_names() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), CONFIG);
    for query in [
        "{ appointment(appointmentId: \"a secret\", source: 1) { id } }",
        "{ appointments(filter: { status: \"a secret\" }) { totalCount } }",
        "{ appointments(filter: \"a secret\") { totalCount } }",
        "{ appointments(first: \"a secret\") { totalCount } }",
        "{ board(asOf: \"a secret\") { position } }",
        "{ board(asOfPosition: \"a secret\") { position } }",
        "{ appointments(after: \"a secret\") { totalCount } }",
        "{ appointment(appointmentId: \"a secret\") { id } }",
        "{ lifecycle(source: \"a secret\") { name } }",
        "query($a: DateTime = \"a secret\") { board(asOf: $a) { position } }",
        "{ node(id: \"a secret) { id } }",
        "{ a secret }} #",
    ] {
        let answer = server.query_as(Some(TOKEN), query);
        assert!(answer["errors"][0]["extensions"]["code"].is_string(), "{query}: {answer}");
        assert!(!answer.to_string().contains("a secret"), "{query}: {answer}");
    }
}
