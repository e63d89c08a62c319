//! schemathesis makes queries from the schema, allowed ones and others, and asks the real program: each is answered, or
//! refused with a code that is known. The seed is fixed, so a failure comes again.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener},
    path::Path,
    process::{Command, Output},
    thread,
};

use crate::support::{
    clients::{feed, folder, python_program, run, told},
    server::{CONFIG, Server},
};

/// After so many seconds `timeout` ends it: alone it takes less than thirty, and four tests at a time on two cores some
/// times as long.
const SECONDS_MAX: &str = "240";

#[test]
fn what_the_schema_allows_is_answered_or_refused() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), CONFIG);
    feed(&server);
    let work = tempfile::tempdir().unwrap();
    prepare(work.path(), &cursor(&server, "appointments"), &cursor(&server, "deliveries"));

    let output = fuzz(work.path(), &[&format!("http://{}/graphql", server.address)]);
    let printed = told(&output);
    assert!(output.status.success(), "{printed}");
    let tested = server.query("{ __schema { queryType { fields { name } } mutationType { fields { name } } } }");
    let fields = |kind: &str| tested["__schema"][kind]["fields"].as_array().unwrap().len();
    let operations = fields("queryType") + fields("mutationType");
    assert!(printed.contains(&format!("{operations} passed")), "every query and mutation was tried: {printed}");
    // It lists the operations that never returned data.
    assert!(!printed.contains("  - Query."), "the queries reach what there is: {printed}");
    assert!(!server.printed().contains("panicked"), "{}", server.printed());
    assert_eq!(server.get("/readyz").status, 200);
}

#[test]
fn a_planted_fault_is_found() {
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/schema.graphql");
    let refusal = r#"{"data":null,"errors":[{"message":"…","path":["log"],"extensions":{"code":"INTERNAL"}}]}"#;
    for (status, body, found) in [
        ("500 Internal Server Error", "{}", "Server error"),
        ("200 OK", "<html>", "No JSON"),
        ("200 OK", r#"{"data":null}"#, "Neither data nor errors"),
        ("200 OK", refusal, "The code INTERNAL"),
    ] {
        let work = tempfile::tempdir().unwrap();
        prepare(work.path(), "none", "none");
        let address = always(format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ));
        let url = format!("http://{address}/graphql");
        let path = schema.to_str().unwrap();
        let output = fuzz(work.path(), &[path, "--url", &url, "--include-name", "Query.log", "--max-examples", "5"]);
        assert!(!output.status.success() && told(&output).contains(found), "{found}: {}", told(&output));
    }
}

/// Runs the fuzzer in the folder that has its files.
fn fuzz(work: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new("timeout");
    command.arg(SECONDS_MAX).arg(python_program("schemathesis")).args(["run", "--no-color"]).args(arguments);
    run(command.current_dir(work))
}

/// A server that gives every request the same answer.
fn always(answer: String) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let mut length = 0;
            let mut line = String::new();
            while stream.read_line(&mut line).is_ok_and(|read| read > 2) {
                let header = std::mem::take(&mut line).to_ascii_lowercase();
                length = header.strip_prefix("content-length:").map_or(length, |value| value.trim().parse().unwrap());
            }
            let _ = stream.read_exact(&mut vec![0; length]);
            let _ = stream.get_mut().write_all(answer.as_bytes());
        }
    });
    address
}

/// A cursor that the server knows.
fn cursor(server: &Server, list: &str) -> String {
    let told = server.query(&format!("{{ {list}(first: 1) {{ edges {{ cursor }} }} }}"));
    told[list]["edges"][0]["cursor"].as_str().unwrap().to_owned()
}

/// The fuzzer's files in a folder of their own, where it leaves its notes.
fn prepare(work: &Path, appointment_cursor: &str, delivery_cursor: &str) {
    let from = folder().join("schemathesis");
    let config = fs::read_to_string(from.join("schemathesis.toml")).unwrap();
    let config = config.replace("APPOINTMENT_CURSOR", appointment_cursor).replace("DELIVERY_CURSOR", delivery_cursor);
    fs::write(work.join("schemathesis.toml"), config).unwrap();
    fs::copy(from.join("checks.py"), work.join("checks.py")).unwrap();
}
