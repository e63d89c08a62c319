//! The limits of a GraphQL request as settings, on the real program: a query ends with its time and with its client,
//! the schema is told to whom the configuration names, and what is ours to repair is told to nobody but the log.

use std::{
    path::Path,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use clockfold::{
    log::{DataDir, Log, SledLog},
    projection::open_as_it_is,
};
use serde_json::{Value, json};

use crate::support::{
    delivery,
    server::{Answer, CONFIG, Connection, Server, data_dir},
};

/// Enough that a board of them takes a while.
const APPOINTMENTS: u64 = 40_000;
const BOARD: &str = "{ board { columns { count } } }";

/// A log of so many appointments, not folded yet.
fn fill(folder: &Path, appointments: u64) {
    let log = SledLog::open(&DataDir::at(data_dir(folder)), Arc::new(chrono::Utc::now)).unwrap();
    let ids: Vec<u64> = (1..=appointments).collect();
    for group in ids.chunks(500) {
        log.append(group.iter().map(|id| delivery(*id, "create")).collect()).unwrap();
    }
}

fn code(answer: &Answer) -> Value {
    answer.json()["errors"][0]["extensions"]["code"].clone()
}

/// Ticks of processor time that the server has taken: a hundredth of a second each.
fn ticks(server: &Server) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", server.id())).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

#[test]
fn a_query_ends_with_its_time_and_with_its_client() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path(), APPOINTMENTS);
    let server = Server::start(folder.path(), CONFIG);
    let begun = Instant::now();
    let whole = server.ask(&[], BOARD).json();
    let takes = begun.elapsed();
    assert_eq!(whole["data"]["board"]["columns"][0]["count"], APPOINTMENTS, "{whole}");
    println!("the board takes {takes:?}");

    // Clients that go away take their queries along.
    let body = json!({ "query": BOARD }).to_string();
    let request = format!(
        "POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let asking: Vec<Connection> = (0..24)
        .map(|_| {
            let mut connection = Connection::open(server.address);
            connection.send(request.as_bytes()).unwrap();
            connection
        })
        .collect();
    thread::sleep(takes.min(Duration::from_millis(50)));
    drop(asking);
    thread::sleep(Duration::from_millis(500));
    let before = ticks(&server);
    thread::sleep(Duration::from_millis(500));
    let after = ticks(&server) - before;
    println!("{after} ticks in half a second after 24 clients had gone");
    assert!(after < 20, "the server still works for clients that have gone: {after} ticks in half a second");
    drop(server);
    check_that_the_end_waits_for_no_query(folder.path());

    let limit = takes / 8;
    let config = format!("{CONFIG}[graphql]\nexecution_timeout_ms = {}\n", limit.as_millis().max(1));
    let server = Server::start(folder.path(), &config);
    // More than run at a time: each gives its place back.
    for _ in 0..40 {
        let begun = Instant::now();
        let answer = server.ask(&[], BOARD);
        let took = begun.elapsed();
        let body = answer.json();
        assert_eq!((answer.status, &body["data"]), (200, &Value::Null), "{body}");
        assert_eq!(body["errors"].as_array().unwrap().len(), 1, "{body}");
        assert_eq!(body["errors"][0]["extensions"]["code"], "EXECUTION_TIMEOUT", "{body}");
        let message = body["errors"][0]["message"].as_str().unwrap();
        assert!(message.contains(&format!("the {} ms that it may", limit.as_millis().max(1))), "{message}");
        assert!(message.contains("`execution_timeout_ms` under [graphql]"), "{message}");
        assert!(took < limit + Duration::from_millis(500), "a query of {limit:?} took {took:?}");
    }
    // Part of an answer is none.
    let answer = server.ask(&[], "{ log { headPosition } board { columns { count } } }");
    assert_eq!((code(&answer), &answer.json()["data"]), ("EXECUTION_TIMEOUT".into(), &Value::Null));
    assert_eq!(server.query("{ log { headPosition } }")["log"]["headPosition"], APPOINTMENTS.to_string());
    assert!(!server.printed().contains("ERROR"), "{}", server.printed());
}

/// A query that runs on at the end of the shutdown time holds the end up no longer.
fn check_that_the_end_waits_for_no_query(folder: &Path) {
    let mut server = Server::start(folder, &format!("[server]\nshutdown_timeout_s = 1\n{CONFIG}"));
    let body = json!({ "query": board_many_times() }).to_string();
    let request = format!(
        "POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut connection = Connection::open(server.address);
    connection.send(request.as_bytes()).unwrap();
    thread::sleep(Duration::from_millis(50));
    server.signal("TERM");
    let begun = Instant::now();
    assert!(server.wait(Duration::from_secs(30)).success());
    let took = begun.elapsed();
    println!("the end took {took:?} with a query that went on");
    assert!(took < Duration::from_millis(2_500), "the end took {took:?}");
}

/// As many boards as one query may ask for.
fn board_many_times() -> String {
    let boards: String = (0..8).map(|number| format!("b{number}: board {{ columns {{ count }} }} ")).collect();
    format!("{{ {boards} }}")
}

#[test]
fn a_query_that_finds_no_place_in_its_time_is_told_to_come_again() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path(), APPOINTMENTS);
    let server = Server::start(folder.path(), &format!("{CONFIG}[graphql]\nexecution_timeout_ms = 100\n"));
    let begun = Instant::now();
    let statuses: Vec<(u16, Value)> = thread::scope(|scope| {
        let asked: Vec<_> = (0..80)
            .map(|_| {
                scope.spawn(|| {
                    let answer = server.ask(&[], BOARD);
                    (answer.status, code(&answer))
                })
            })
            .collect();
        asked.into_iter().map(|asked| asked.join().unwrap()).collect()
    });
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    for (status, code) in statuses {
        let known = [(200, json!("EXECUTION_TIMEOUT")), (503, json!("TOO_MANY_QUERIES")), (200, Value::Null)];
        assert!(known.contains(&(status, code.clone())), "{status} {code}");
    }
    assert_eq!(server.query("{ log { headPosition } }")["log"]["headPosition"], APPOINTMENTS.to_string());
}

#[test]
fn a_setting_below_the_default_counts() {
    let folder = tempfile::tempdir().unwrap();
    let limits = "[graphql]\naliases_max = 1\ndirectives_max = 1\ncomplexity_max = 2000\npage_max = 10\n";
    let server = Server::start(folder.path(), &format!("{CONFIG}{limits}"));
    for id in 1..=12 {
        assert_eq!(server.deliver(id, "create").status, 200);
    }
    for (query, expected) in [
        ("{ a: __typename b: __typename }", "ALIAS_LIMIT_EXCEEDED"),
        ("{ __typename @skip(if: false) log @skip(if: false) { digest } }", "DIRECTIVE_LIMIT_EXCEEDED"),
        ("{ board { position } }", "COMPLEXITY_LIMIT_EXCEEDED"),
        ("{ deliveries(first: 11) { totalCount } }", "PAGE_TOO_LARGE"),
        ("{ appointments(last: 11) { totalCount } }", "PAGE_TOO_LARGE"),
        ("{ appointment(appointmentId: 1) { history(first: 11) { totalCount } } }", "PAGE_TOO_LARGE"),
    ] {
        assert_eq!(code(&server.ask(&[], query)), expected, "{query}");
    }
    let message = server.ask(&[], "{ deliveries(first: 11) { totalCount } }").json()["errors"][0]["message"].clone();
    let message = message.as_str().unwrap().to_owned();
    assert!(message.starts_with("A page of 11 items was asked for, and one may have 10. `page_max`"), "{message}");
    // Where nothing is said, a page is as large as it may be.
    let page = server.query("{ deliveries { nodes { position } pageInfo { hasNextPage } } }");
    assert_eq!(page["deliveries"]["nodes"].as_array().unwrap().len(), 10);
    assert_eq!(page["deliveries"]["pageInfo"]["hasNextPage"], true);
}

#[test]
fn the_schema_is_told_to_admins_or_to_nobody() {
    const READERS: &str = "[[reader]]\nname = \"a\"\ntoken = \"the-token-of-an-admin-of-all\"\nrole = \"admin\"\n\
                           [[reader]]\nname = \"v\"\ntoken = \"the-token-of-a-viewer-of-all\"\n";
    let introspect = "{ __schema { queryType { name } } }";
    for (setting, admin, viewer) in [("everyone", true, true), ("admins", true, false), ("nobody", false, false)] {
        let folder = tempfile::tempdir().unwrap();
        let config = format!("{CONFIG}{READERS}[graphql]\nintrospection = \"{setting}\"\n");
        let server = Server::start(folder.path(), &config);
        for (role, token, told) in
            [("admin", "the-token-of-an-admin-of-all", admin), ("viewer", "the-token-of-a-viewer-of-all", viewer)]
        {
            let answer = server.query_as(Some(token), introspect);
            match told {
                true => assert_eq!(answer["data"]["__schema"]["queryType"]["name"], "Query", "{setting} {role}"),
                false => {
                    assert_eq!(answer["errors"][0]["extensions"]["code"], "INTROSPECTION_DISABLED", "{setting} {role}");
                    let guess = server.query_as(Some(token), "{ appointmnts { totalCount } }").to_string();
                    assert!(!guess.contains("Did you mean") && !guess.contains("appointments"), "{guess}");
                }
            }
            assert_eq!(server.query_as(Some(token), "{ __typename }")["data"]["__typename"], "Query");
            let bearer = format!("Bearer {token}");
            let schema = server.request("GET", "/schema.graphql", &[("Authorization", &bearer)], b"");
            assert_eq!(schema.status == 200, told, "{setting} {role}: {}", schema.status);
        }
        let stranger = server.get("/schema.graphql");
        assert_eq!(
            stranger.status,
            [("everyone", 200), ("admins", 401), ("nobody", 404)]
                .into_iter()
                .find(|(name, _)| *name == setting)
                .unwrap()
                .1
        );
    }
}

#[test]
fn a_damaged_row_is_told_to_the_log_and_to_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path(), 10);
    let mut server = Server::start(folder.path(), CONFIG);
    server.query("{ log { headPosition } }");
    assert!(server.terminate().success());
    drop(server);
    let projections = data_dir(folder.path()).join("projection");
    let projection = open_as_it_is(&projections, Arc::default()).unwrap().unwrap();
    projection.damage_an_appointment().unwrap();
    drop(projection);

    let server = Server::start_with(folder.path(), CONFIG, |command| {
        command.env("CLOCKFOLD_LOG", "error");
    });
    for sent in [None, Some("trace-0123456789")] {
        let headers: Vec<(&str, &str)> = sent.iter().map(|id| ("X-Request-Id", *id)).collect();
        let answer = server.ask(&headers, "{ appointment(appointmentId: 1) { status } log { headPosition } }");
        let id = answer.header("x-request-id").unwrap().to_owned();
        assert!(sent.is_none_or(|sent| sent == id), "{id}");
        let error = &answer.json()["errors"][0];
        assert_eq!(error["message"], "internal error", "{error}");
        assert_eq!(error["extensions"], json!({ "code": "INTERNAL_SERVER_ERROR", "requestId": id }));
        assert!(!answer.text().contains("damaged") && !answer.text().contains("projection"), "{}", answer.text());
        assert_eq!(answer.json()["data"]["log"]["headPosition"], "10", "the rest of the answer is there");
        let printed = wait_for(&server, &id);
        let line = printed.lines().find(|line| line.contains(&id)).unwrap();
        assert!(line.contains("ERROR") && line.contains("a row of the projection is corrupt"), "{line}");
    }
    assert_eq!(server.query("{ appointment(appointmentId: 2) { status } }")["appointment"]["status"], "SCHEDULED");
    drop(server);
    let server = Server::start(folder.path(), &format!("[server]\nlog_format = \"json\"\n{CONFIG}"));
    let answer = server.ask(&[], "{ appointment(appointmentId: 1) { status } }");
    let id = answer.header("x-request-id").unwrap();
    let line: Value = wait_for(&server, id)
        .lines()
        .filter(|line| line.contains(id))
        .map(|line| serde_json::from_str(line).unwrap())
        .next()
        .unwrap();
    assert_eq!((&line["span"]["request_id"], &line["level"]), (&json!(id), &json!("ERROR")), "{line}");
}

/// What the server has printed once it has printed this.
fn wait_for(server: &Server, text: &str) -> String {
    let begun = Instant::now();
    loop {
        let printed = server.printed();
        if printed.contains(text) {
            return printed;
        }
        assert!(begun.elapsed() < Duration::from_secs(5), "{text} is not in: {printed}");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn every_answer_has_a_request_id() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), CONFIG);
    let mut seen = std::collections::BTreeSet::new();
    for (method, path) in [
        ("GET", "/livez"),
        ("GET", "/metrics"),
        ("GET", "/nowhere"),
        ("GET", "/graphql?query=%7B__typename%7D"),
        ("POST", "/graphql"),
        ("GET", "/schema.graphql"),
        ("POST", "/webhook/nobody-has-this-key"),
        ("POST", "/webhook"),
        ("GET", "/log"),
    ] {
        let answer = server.request(method, path, &[], b"");
        let id = answer.header("x-request-id").unwrap_or_else(|| panic!("{path}: {}", answer.head));
        assert!(seen.insert(id.to_owned()), "{path}: {id} again");
        let sent = server.request(method, path, &[("X-Request-Id", "from-a-proxy-1")], b"");
        assert_eq!(sent.header("x-request-id"), Some("from-a-proxy-1"), "{path}");
        for harmful in ["a b", "a;b", "ä", &"a".repeat(65)] {
            let sent = server.request(method, path, &[("X-Request-Id", harmful)], b"");
            assert_ne!(sent.header("x-request-id"), Some(harmful), "{path}");
        }
    }
}
