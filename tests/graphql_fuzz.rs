//! schemathesis makes queries from the schema, allowed ones and others, and asks the real program: each is answered, or
//! refused with a code that is known. The seed is fixed, so a failure comes again.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is what it is for")]

mod support;

use std::{fs, path::Path, process::Command};

use support::{
    clients::{feed, folder, python_program, run, told},
    server::{CONFIG, Server},
};

/// After so many seconds `timeout` ends it: the queries take about ten.
const SECONDS_MAX: &str = "120";

#[test]
fn what_the_schema_allows_is_answered_or_refused() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), CONFIG);
    feed(&server);
    let work = tempfile::tempdir().unwrap();
    prepare(work.path(), &server);

    let mut command = Command::new("timeout");
    command.arg(SECONDS_MAX).arg(python_program("schemathesis"));
    command.args(["run", &format!("http://{}/graphql", server.address), "--no-color"]);
    let output = run(command.current_dir(work.path()));
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

/// The fuzzer's files in a folder of their own, where it leaves its notes, with cursors that the server knows.
fn prepare(work: &Path, server: &Server) {
    let cursors =
        server.query("{ appointments(first: 1) { edges { cursor } } deliveries(first: 1) { edges { cursor } } }");
    let cursor = |list: &str| cursors[list]["edges"][0]["cursor"].as_str().unwrap().to_owned();
    let from = folder().join("schemathesis");
    let config = fs::read_to_string(from.join("schemathesis.toml")).unwrap();
    let config = config.replace("APPOINTMENT_CURSOR", &cursor("appointments"));
    let config = config.replace("DELIVERY_CURSOR", &cursor("deliveries"));
    fs::write(work.join("schemathesis.toml"), config).unwrap();
    fs::copy(from.join("checks.py"), work.join("checks.py")).unwrap();
}
