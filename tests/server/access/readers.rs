//! Who may read what, on the real program.

use serde_json::{Value, json};

use crate::support::{
    net::http2,
    server::{Answer, CONFIG, Connection, Server, clockfold},
};

const ADMIN: &str = "the-token-of-an-admin-of-all";
const VIEWER: &str = "the-token-of-a-viewer-of-all";
const LIMITED: &str = "the-token-of-the-lakeside-desk";
const LIMITED_ADMIN: &str = "the-token-of-the-lakeside-admin";

const READERS: &str = r#"
[server]
failed_authentications_burst = 1000
[[source]]
name = "downtown"
route_keys = ["the-route-key-of-downtown"]
[[source]]
name = "lakeside"
route_keys = ["the-route-key-of-lakeside"]
[[reader]]
name = "admin"
token = "the-token-of-an-admin-of-all"
role = "admin"
[[reader]]
name = "viewer"
tokens = ["the-token-of-a-viewer-of-all", { key = "a-token-that-expired-in-2020", expires = 2020-01-01T00:00:00Z }]
[[reader]]
name = "lakeside-desk"
token = "the-token-of-the-lakeside-desk"
role = "viewer"
sources = ["lakeside"]
[[reader]]
name = "lakeside-admin"
token = "the-token-of-the-lakeside-admin"
role = "admin"
sources = ["lakeside"]
"#;

fn started(config: &str) -> (tempfile::TempDir, Server) {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), config);
    (folder, server)
}

/// Both sources have appointment 7; each has one of its own, and a body that can't be read.
fn with_deliveries() -> (tempfile::TempDir, Server) {
    let (folder, server) = started(READERS);
    for (source, own) in [("downtown", 1), ("lakeside", 2)] {
        for id in [7, own] {
            let body = format!(r#"{{"appointment_id": {id}, "event_type": "create"}}"#);
            assert_eq!(server.post_to(&format!("the-route-key-of-{source}"), body.as_bytes()).status, 200);
        }
        assert_eq!(server.post_to(&format!("the-route-key-of-{source}"), b"not JSON").status, 400);
    }
    (folder, server)
}

/// `data` of a query that a reader may ask.
fn ask(server: &Server, token: &str, query: &str) -> Value {
    let answer = server.query_as(Some(token), query);
    assert!(answer.get("errors").is_none(), "{query}: {answer}");
    answer["data"].clone()
}

/// The status and the first error's code.
fn refusal(answer: &Answer) -> String {
    let body = answer.json();
    format!("{} {}", answer.status, body["errors"][0]["extensions"]["code"].as_str().unwrap_or("-"))
}

#[test]
fn without_readers_only_this_machine_may_read() {
    let (_folder, server) = started(CONFIG);
    let query = "{ log { headPosition } }";
    let port = server.address.port();
    let loopback =
        ["127.0.0.1", "localhost", "LOCALHOST", "[::1]", "127.3.2.1", &format!("127.0.0.1:{port}"), "localhost:80"];
    for host in loopback {
        assert_eq!(server.ask(&[("Host", host)], query).status, 200, "{host}");
    }
    let elsewhere =
        ["clinic.example", "10.0.0.1", "localhost.clinic.example", "127.0.0.1.nip.io", "0.0.0.0", "", "a b"];
    for host in elsewhere {
        let answer = server.ask(&[("Host", host)], query);
        assert_eq!(refusal(&answer), "403 READERS_NOT_CONFIGURED", "{host}");
    }
    let forwarding = [
        "Forwarded",
        "X-Forwarded-For",
        "x-forwarded-for",
        "X-Forwarded-Host",
        "X-Forwarded-Proto",
        "X-Forwarded-Server",
        "X-Original-Forwarded-For",
        "X-Real-IP",
        "X-Client-IP",
        "CF-Connecting-IP",
        "True-Client-IP",
        "Fastly-Client-IP",
        "Via",
    ];
    for header in forwarding {
        for value in ["for=127.0.0.1", ""] {
            let answer = server.ask(&[(header, value)], query);
            assert_eq!(refusal(&answer), "403 READERS_NOT_CONFIGURED", "{header}");
            let message = answer.json()["errors"][0]["message"].to_string();
            assert!(message.contains("[[reader]]") && message.contains("clockfold key new"), "{message}");
        }
    }
    // A GET is judged in the same way.
    let get = |headers: &[(&str, &str)]| server.request("GET", "/graphql?query=%7B__typename%7D", headers, b"").status;
    assert_eq!((get(&[]), get(&[("Host", "clinic.example")]), get(&[("Via", "1.1 x")])), (200, 403, 403));
    // HTTP/2 has the host elsewhere.
    let over_http2 = |headers: &[(&str, &str)]| {
        let body = http2::request(server.address, "GET", "/graphql?query=%7B__typename%7D", headers, b"");
        serde_json::from_slice::<Value>(&body).unwrap()["data"].is_object()
    };
    assert!(over_http2(&[]) && over_http2(&[(":authority", "localhost:80")]));
    assert!(!over_http2(&[(":authority", "clinic.example")]));
    assert!(!over_http2(&[(":authority", "clinic.example"), ("host", "127.0.0.1")]));
    assert!(!over_http2(&[("x-forwarded-for", "10.0.0.1")]));
    // An absolute form counts as the host, and HTTP/1.0 without one is nobody.
    let mut connection = Connection::open(server.address);
    let line = b"GET http://clinic.example/graphql?query=%7B__typename%7D HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
    connection.send(line).unwrap();
    assert_eq!(connection.answer().unwrap().status, 403);
    let mut connection = Connection::open(server.address);
    connection.send(b"GET /graphql?query=%7B__typename%7D HTTP/1.0\r\n\r\n").unwrap();
    assert_eq!(connection.answer().unwrap().status, 403);
}

#[test]
fn with_readers_a_token_is_asked_for() {
    let (_folder, server) = started(READERS);
    let query = "{ log { headPosition } }";
    let bad = |headers: &[(&str, &str)]| {
        let answer = server.ask(headers, query);
        assert_eq!(refusal(&answer), "401 UNAUTHENTICATED", "{headers:?}");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        assert!(answer.json().get("data").is_none());
    };
    bad(&[]);
    bad(&[("Authorization", "Bearer")]);
    bad(&[("Authorization", "Bearer ")]);
    bad(&[("Authorization", "Bearer nonsense")]);
    bad(&[("Authorization", "Bearer a-token-that-expired-in-2020")]);
    bad(&[("Authorization", "Bearer the-route-key-of-downtown")]);
    bad(&[("Authorization", ADMIN)]);
    bad(&[("Authorization", &format!("Basic {ADMIN}"))]);
    bad(&[("Authtoken", ADMIN)]);
    bad(&[("Authorization", &format!("Bearer {ADMIN}")), ("Authorization", &format!("Bearer {ADMIN}"))]);
    for scheme in ["Bearer", "bearer", "BEARER"] {
        assert_eq!(server.ask(&[("Authorization", &format!("{scheme} {VIEWER}"))], query).status, 200);
    }
    // A reader comes through a proxy and under any name.
    let bearer = format!("Bearer {VIEWER}");
    let proxied = [("Authorization", bearer.as_str()), ("Host", "clinic.example"), ("X-Forwarded-For", "10.0.0.1")];
    assert_eq!(server.ask(&proxied, query).status, 200);
    // A method that is not there is told only to who may read.
    assert_eq!(server.request("DELETE", "/graphql", &[], b"").status, 401);
    let deleted = server.request("DELETE", "/graphql", &[("Authorization", &bearer)], b"");
    assert_eq!((deleted.status, deleted.header("allow")), (405, Some("GET, POST")));
}

#[test]
fn bodies_are_for_admins() {
    let (_folder, server) = with_deliveries();
    let query = "{ deliveries { nodes { id body bodyBase64 bodyErased } } appointment(appointmentId: 1) { history { nodes { body bodyBase64 } } } }";
    let told = ask(&server, ADMIN, query);
    let nodes = told["deliveries"]["nodes"].as_array().unwrap();
    assert_eq!(nodes.len(), 6);
    assert!(nodes.iter().all(|node| node["body"].is_string() && node["bodyBase64"].is_string()), "{told}");
    assert!(told["appointment"]["history"]["nodes"][0]["body"].is_string());
    let told = ask(&server, VIEWER, query);
    let shown = told["deliveries"]["nodes"].as_array().unwrap().iter();
    let history = told["appointment"]["history"]["nodes"].as_array().unwrap().iter();
    for node in shown.chain(history) {
        assert_eq!((&node["body"], &node["bodyBase64"]), (&Value::Null, &Value::Null));
    }
    for node in nodes {
        let by_id = format!("{{ node(id: {}) {{ ... on Delivery {{ body bodyBase64 position }} }} }}", node["id"]);
        let seen = ask(&server, VIEWER, &by_id)["node"].clone();
        assert_eq!(
            (&seen["body"], &seen["bodyBase64"], seen["position"].is_string()),
            (&Value::Null, &Value::Null, true)
        );
        assert_eq!(ask(&server, ADMIN, &by_id)["node"]["bodyBase64"], node["bodyBase64"]);
    }
}

#[test]
fn a_reader_of_one_source_sees_nothing_of_another() {
    let (_folder, server) = with_deliveries();
    let everything = "{ appointments { totalCount nodes { id source appointmentId } edges { cursor } } deliveries { totalCount nodes { id source } edges { cursor } } }";
    let all = ask(&server, ADMIN, everything);
    assert_eq!(all["appointments"]["totalCount"], 4);
    assert_eq!(all["deliveries"]["nodes"].as_array().unwrap().len(), 6);
    for token in [LIMITED, LIMITED_ADMIN] {
        let seen = ask(&server, token, everything);
        for list in ["appointments", "deliveries"] {
            let nodes = seen[list]["nodes"].as_array().unwrap();
            assert!(nodes.iter().all(|node| node["source"] == "lakeside"), "{seen}");
            let own = all[list]["nodes"].as_array().unwrap().iter().filter(|node| node["source"] == "lakeside").count();
            assert_eq!(nodes.len(), own);
            let count = &seen[list]["totalCount"];
            assert!(count.is_null() || *count == json!(own), "{list}: {count}");
            // Ids and cursors of an admin lead to nothing that is not the reader's.
            for node in all[list]["nodes"].as_array().unwrap() {
                let found = ask(&server, token, &format!("{{ node(id: {}) {{ id }} }}", node["id"]));
                assert_eq!(found["node"].is_object(), node["source"] == "lakeside", "{node}");
            }
            for edge in all[list]["edges"].as_array().unwrap() {
                let cursor = &edge["cursor"];
                let after = ask(&server, token, &format!("{{ {list}(after: {cursor}) {{ nodes {{ source }} }} }}"));
                let before =
                    ask(&server, token, &format!("{{ {list}(before: {cursor}, last: 9) {{ nodes {{ source }} }} }}"));
                for page in [after, before] {
                    assert!(page[list]["nodes"].as_array().unwrap().iter().all(|node| node["source"] == "lakeside"));
                }
            }
        }
        // Both sources have 7: who sees one of them is not told of the other.
        let seven =
            ask(&server, token, "{ appointment(appointmentId: 7) { source history { totalCount nodes { source } } } }");
        assert_eq!(seven["appointment"]["source"], "lakeside");
        assert_eq!(ask(&server, token, "{ appointment(appointmentId: 1) { id } }")["appointment"], Value::Null);
        let by_id = ask(&server, token, "{ deliveries(filter: { appointmentId: 1 }) { totalCount nodes { id } } }");
        assert_eq!(by_id["deliveries"]["nodes"], json!([]));
        assert!(by_id["deliveries"]["totalCount"].is_null() || by_id["deliveries"]["totalCount"] == 0);
        let outcomes = ask(&server, token, "{ deliveries(filter: { outcome: [UNREADABLE] }) { nodes { source } } }");
        assert_eq!(outcomes["deliveries"]["nodes"], json!([{ "source": "lakeside" }]));
        let statuses = ask(&server, token, "{ appointments(filter: { status: [SCHEDULED] }) { totalCount } }");
        assert_eq!(statuses["appointments"]["totalCount"], 2);
        // A source that is not the reader's and one that does not exist are the same.
        for query in [
            r#"{ appointment(appointmentId: 7, source: "NAME") { id } }"#,
            r#"{ appointments(filter: { source: "NAME" }) { totalCount } }"#,
            r#"{ deliveries(filter: { source: "NAME" }) { totalCount } }"#,
            r#"{ lifecycle(source: "NAME") { name } }"#,
        ] {
            let told = |name: &str| server.query_as(Some(token), &query.replace("NAME", name));
            let other = told("downtown");
            assert_eq!(other["errors"][0]["extensions"]["code"], "SOURCE_NOT_FOUND", "{query}: {other}");
            assert_eq!(other, told("nowhere-"));
            assert!(!other.to_string().contains("downtown"));
        }
    }
    let ambiguous = server.query_as(Some(ADMIN), "{ appointment(appointmentId: 7) { id } }");
    assert_eq!(ambiguous["errors"][0]["extensions"]["code"], "AMBIGUOUS_APPOINTMENT");
    assert_eq!(ambiguous["errors"][0]["extensions"]["sources"], json!(["downtown", "lakeside"]));
}

#[test]
fn an_id_may_have_63_bits() {
    let (_folder, server) = started(CONFIG);
    for id in ["5246887400", "9223372036854775807", "2147483648", "9007199254740993"] {
        let body = format!(r#"{{"appointment_id": {id}, "event_type": "create"}}"#);
        assert_eq!(server.post(body.as_bytes()).json()["appointmentId"], id);
        for literal in [id.to_owned(), format!("\"{id}\"")] {
            let query = format!(
                "{{ appointment(appointmentId: {literal}) {{ appointmentId }} deliveries(filter: {{ appointmentId: {literal} }}) {{ nodes {{ appointmentId }} }} }}"
            );
            let told = server.query(&query);
            assert_eq!(told["appointment"]["appointmentId"], id);
            assert_eq!(told["deliveries"]["nodes"], json!([{ "appointmentId": id }]));
        }
        let number: Value = serde_json::from_str(id).unwrap();
        for variable in [number, json!(id)] {
            let body = json!({ "query": "query ($id: ID!) { appointment(appointmentId: $id) { appointmentId } }", "variables": { "id": variable } });
            let answer = server.request(
                "POST",
                "/graphql",
                &[("Content-Type", "application/json")],
                body.to_string().as_bytes(),
            );
            assert_eq!(answer.json()["data"]["appointment"]["appointmentId"], id, "{}", answer.text());
        }
    }
    for (wrong, code) in [
        ("0", "BAD_USER_INPUT"),
        ("-1", "BAD_USER_INPUT"),
        ("\"9223372036854775808\"", "BAD_USER_INPUT"),
        ("\"007\"", "BAD_USER_INPUT"),
        ("\"\"", "BAD_USER_INPUT"),
        // No integer of 63 bits, so no ID.
        ("9223372036854775808", "GRAPHQL_VALIDATION_FAILED"),
        ("1.5", "GRAPHQL_VALIDATION_FAILED"),
    ] {
        let answer = server.query_as(None, &format!("{{ appointment(appointmentId: {wrong}) {{ id }} }}"));
        assert_eq!(answer["errors"][0]["extensions"]["code"], code, "{wrong}: {answer}");
    }
}

#[test]
fn metrics_are_for_this_machine_and_for_admins() {
    let (_folder, server) = with_deliveries();
    let metrics = |headers: &[(&str, &str)]| server.request("GET", "/metrics", headers, b"");
    let told = metrics(&[("Authorization", &format!("Bearer {ADMIN}"))]);
    assert_eq!((told.status, told.header("content-type")), (200, Some("text/plain; version=0.0.4; charset=utf-8")));
    assert!(
        told.text().contains(r#"clockfold_deliveries_total{source="downtown",outcome="APPLIED"} 2"#),
        "{}",
        told.text()
    );
    let through_a_proxy = |token: Option<&str>| {
        let bearer = token.map(|token| format!("Bearer {token}"));
        let mut headers = vec![("X-Forwarded-For", "127.0.0.1")];
        headers.extend(bearer.as_deref().map(|bearer| ("Authorization", bearer)));
        metrics(&headers).status
    };
    // A program on this machine may be anybody's.
    assert_eq!(metrics(&[]).status, 401);
    assert_eq!(metrics(&[("Authorization", &format!("Bearer {VIEWER}"))]).status, 403);
    assert_eq!(through_a_proxy(None), 401);
    assert_eq!(through_a_proxy(Some("nonsense")), 401);
    assert_eq!(through_a_proxy(Some(VIEWER)), 403);
    assert_eq!(through_a_proxy(Some(LIMITED)), 403);
    // The figures name every source.
    assert_eq!(through_a_proxy(Some(LIMITED_ADMIN)), 403);
    assert_eq!(through_a_proxy(Some(ADMIN)), 200);
    let (_folder, server) = started(CONFIG);
    assert_eq!(server.request("GET", "/metrics", &[("Via", "1.1 proxy")], b"").status, 403);
    assert_eq!(server.get("/metrics").status, 200);
    // A page that a browser on this machine shows may have taken a name of its own for this address.
    for (host, status) in [("clinic.example", 403), ("clinic.example:8080", 403), ("localhost:1", 200), ("[::1]", 200)]
    {
        assert_eq!(server.request("GET", "/metrics", &[("Host", host)], b"").status, status, "{host}");
    }
}

#[test]
fn the_operations_address_tells_everybody_its_metrics_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let config = READERS.replace("[server]", &format!("[server]\noperations_listen = \"127.0.0.1:{port}\""));
    let server = Server::start(folder.path(), &config);
    let operations = |method: &str, path: &str| {
        let mut connection = Connection::open(([127, 0, 0, 1], port).into());
        connection.request(method, path, &[("X-Forwarded-For", "10.0.0.1")], b"").unwrap().status
    };
    for path in ["/metrics", "/livez", "/readyz"] {
        assert_eq!((operations("GET", path), operations("HEAD", path)), (200, 200), "{path}");
    }
    for path in ["/graphql", "/schema.graphql", "/webhook/the-route-key-of-downtown", "/"] {
        assert_eq!((operations("GET", path), operations("POST", path)), (404, 404), "{path}");
    }
    assert_eq!(server.request("GET", "/metrics", &[("X-Forwarded-For", "10.0.0.1")], b"").status, 401);
}

#[test]
fn liveness_readiness_and_the_schema_are_for_everybody() {
    let (folder, server) = started(READERS);
    let far = [("Host", "clinic.example"), ("X-Forwarded-For", "10.0.0.1")];
    let get = |path: &str| server.request("GET", path, &far, b"");
    assert_eq!((get("/livez").status, get("/livez").json()), (200, json!({ "status": "alive" })));
    assert_eq!((get("/readyz").status, get("/readyz").json()), (200, json!({ "status": "ready" })));
    let published = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/schema/schema.graphql")).unwrap();
    assert_eq!((get("/schema.graphql").status, get("/schema.graphql").body), (200, published.clone()));
    assert_eq!(clockfold(folder.path(), &[], &["schema"]).stdout.into_bytes(), published);
}

#[test]
fn an_empty_list_finds_nothing_and_an_answer_has_a_bounded_size() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), CONFIG);
    let large = format!(r#"{{"appointment_id": 1, "event_type": "create", "note": "{}"}}"#, "x".repeat(60_000));
    for _ in 0..40 {
        assert_eq!(server.post(large.as_bytes()).status, 200);
    }
    let data = server.query("{ appointments(filter: {status: []}) { totalCount nodes { id } } deliveries(filter: {outcome: []}) { totalCount nodes { id } } }");
    for list in ["appointments", "deliveries"] {
        assert_eq!((&data[list]["totalCount"], &data[list]["nodes"]), (&0.into(), &serde_json::json!([])), "{list}");
    }
    let page = |copies: usize| {
        let bodies: String = (0..copies).map(|copy| format!("b{copy}: body ")).collect();
        server.query_as(None, &format!("{{ deliveries(first: 40) {{ nodes {{ {bodies} }} }} }}"))
    };
    assert!(page(1).get("errors").is_none());
    let refused = page(10);
    assert_eq!(refused["errors"][0]["extensions"]["code"], "ANSWER_TOO_LARGE");
    assert!(refused.to_string().len() < 20 << 20, "{}", refused.to_string().len());
}
