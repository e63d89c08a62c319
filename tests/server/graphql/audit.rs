//! GraphQL as the specifications say, on the real program: every audit of npm's `graphql-http`, and thousands of random
//! documents that graphql-js executes over the same data.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::Instant,
};

use serde_json::{Value, json};

use crate::support::{
    clients::told,
    server::{CONFIG, Server},
};

/// What `graphql-http` 1.23.1 has.
const AUDITS: usize = 61;

/// How many random documents are compared, by two processes.
const DOCUMENTS: usize = 20_000;

/// Two clinics, and limits that no random document meets.
const TWO_CLINICS: &str = r#"
[[source]]
name = "downtown"
route_keys = ["CF3uQP8cSFIQB8gB/9285030fceca"]
[[source]]
name = "uptown"
route_keys = ["the-key-of-the-source-uptown"]
time_zone = "America/New_York"
[graphql]
depth_max = 32
complexity_max = 1000000
aliases_max = 1000
directives_max = 1000
selections_max = 10000
"#;

#[test]
fn every_audit_of_graphql_over_http_is_ok() {
    let folder = installed("graphql-audit", "graphql-http");
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), CONFIG);
    let url = format!("http://{}/graphql", server.address);
    let output = Command::new("node").arg("audit.mjs").arg(url).current_dir(&folder).output().expect("node is there");
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{printed}{}", String::from_utf8_lossy(&output.stderr));
    assert!(printed.contains(&format!("{AUDITS} of {AUDITS} audits are ok")), "{printed}");
}

#[test]
fn random_documents_are_answered_as_graphql_js_answers_them() {
    let (_data, server) = two_clinics();
    // All that can become of a delivery, in every status.
    for (id, events) in [
        (1, "ready undo_ready nonsense"),
        (3, "create checkin discharge ready"),
        (4, "create checkin ready callback"),
        (5, "checkin"),
        (12, "create remove"),
        (17, "create create reschedule demographics_update"),
    ] {
        events.split(' ').for_each(|event| assert_eq!(server.deliver(id, event).status, 200));
    }
    assert_eq!(server.post(b"{}").status, 422);
    let schema = schema();
    let half = (DOCUMENTS / 2).to_string();
    let begun = Instant::now();
    let halves = ["1", "1000001"].map(|first| oracle(&server, &schema, &[&half, first]));
    for half in halves {
        let output = half.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", told(&output));
        assert!(told(&output).contains(" 0 differ"), "{}", told(&output));
    }
    println!("{DOCUMENTS} documents in {} s", begun.elapsed().as_secs());
    assert!(!server.printed().contains("panicked"), "{}", server.printed());
}

#[test]
fn the_oracle_finds_a_planted_difference_and_makes_it_small() {
    let (data, server) = two_clinics();
    let planted = data.path().join("planted.graphql");
    let sdl = fs::read_to_string(schema()).unwrap();
    let (nullable, needed) = ("  ): Appointment\n", "  ): Appointment!\n");
    assert!(sdl.contains(nullable));
    fs::write(&planted, sdl.replace(nullable, needed)).unwrap();
    let output: Output = oracle(&server, &planted, &["400"]).wait_with_output().unwrap();
    let printed = told(&output);
    assert!(!output.status.success(), "{printed}");
    assert!(printed.contains("number ") && printed.contains("appointment(appointmentId:"), "{printed}");
}

#[test]
fn errors_make_null_what_cannot_hold_them() {
    let (_data, server) = two_clinics();
    let ambiguous = "AMBIGUOUS_APPOINTMENT";
    let bad = "BAD_USER_INPUT";
    for (query, variables, data, errors) in [
        // Where a value may be null, it alone is.
        (
            "{ log { headPosition } appointment(appointmentId: 2) { id } }",
            json!({}),
            json!({ "log": { "headPosition": "6" }, "appointment": null }),
            json!([["appointment", ambiguous]]),
        ),
        // Where it may not, what it is in is.
        (
            "{ log { headPosition } lifecycle(source: \"nowhere\") { name } }",
            json!({}),
            json!(null),
            json!([["lifecycle", "SOURCE_NOT_FOUND"]]),
        ),
        (
            r#"{ appointment(appointmentId: 1) { appointmentId history(first: -1) { totalCount } } log { headPosition } }"#,
            json!({}),
            json!({ "appointment": null, "log": { "headPosition": "6" } }),
            json!([["appointment.history", bad]]),
        ),
        // An error is told once for a field, wherever the field stands, and nothing of what is given up with it.
        (
            "{ appointment(appointmentId: 2) { id } ... { appointment(appointmentId: 2) { status } } }",
            json!({}),
            json!({ "appointment": null }),
            json!([["appointment", ambiguous]]),
        ),
        (
            "{ a: lifecycle(source: \"nowhere\") { name } appointment(appointmentId: 2) { id } }",
            json!({}),
            json!(null),
            json!([["a", "SOURCE_NOT_FOUND"]]),
        ),
        // A variable that is null is not one that is left out.
        (
            "query($h: Int) { board(endedWithinHours: $h) { position } }",
            json!({}),
            json!({ "board": { "position": "6" } }),
            json!([]),
        ),
        (
            "query($h: Int) { board(endedWithinHours: $h) { position } }",
            json!({ "h": null }),
            json!(null),
            json!([["board", bad]]),
        ),
        (
            "query($id: ID = 1) { appointment(appointmentId: $id) { status } log { headPosition } }",
            json!({ "id": null }),
            json!({ "appointment": null, "log": { "headPosition": "6" } }),
            json!([["appointment", bad]]),
        ),
        (
            "query($d: OrderDirection, $n: Int) { appointments(first: $n, orderBy: {field: ID, direction: $d}) { nodes { appointmentId } } }",
            json!({}),
            json!({ "appointments": { "nodes": [{ "appointmentId": "1" }, { "appointmentId": "2" }, { "appointmentId": "2" }] } }),
            json!([]),
        ),
        (
            "query($s: AppointmentStatus = READY) { appointments(filter: {status: [$s]}) { totalCount } }",
            json!({ "s": null }),
            json!(null),
            json!([["appointments", bad]]),
        ),
        // Null in a directive, wherever its object is met.
        (
            "query($x: Boolean = true) { nodes(ids: [\"none\"]) { id } appointments { nodes { id @skip(if: $x) } } }",
            json!({ "x": null }),
            json!(null),
            json!([["appointments.nodes.0", bad]]),
        ),
    ] {
        let request = json!({ "query": query, "variables": variables }).to_string();
        let headers = [("Content-Type", "application/json"), ("Accept", "application/graphql-response+json")];
        let answer = server.request("POST", "/graphql", &headers, request.as_bytes()).json();
        let path = |error: &Value| {
            let segments = error["path"].as_array().into_iter().flatten();
            segments.map(|it| it.as_str().map_or(it.to_string(), str::to_owned)).collect::<Vec<_>>().join(".")
        };
        let told: Vec<Value> = (answer["errors"].as_array().into_iter().flatten())
            .map(|error| json!([path(error), error["extensions"]["code"]]))
            .collect();
        assert_eq!((&answer["data"], json!(told)), (&data, errors), "{query}: {answer}");
    }
}

/// A server with appointments of two clinics, one number in both.
fn two_clinics() -> (tempfile::TempDir, Server) {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), TWO_CLINICS);
    for (id, event) in [(1, "create"), (1, "checkin"), (2, "create"), (2, "ready")] {
        assert_eq!(server.deliver(id, event).status, 200);
    }
    for event in ["create", "checkin"] {
        let body = format!(r#"{{"appointment_id": 2, "event_type": "{event}"}}"#);
        let headers = [("Content-Type", "application/json")];
        let answer = server.request("POST", "/webhook/the-key-of-the-source-uptown", &headers, body.as_bytes());
        assert_eq!(answer.status, 200);
    }
    (data, server)
}

/// Compares the server's answers with those of graphql-js.
fn oracle(server: &Server, schema: &Path, arguments: &[&str]) -> Child {
    let mut command = Command::new("node");
    command.arg("oracle.mjs").arg(format!("http://{}/graphql", server.address)).arg(schema).args(arguments);
    command.env("NODE_ENV", "production").current_dir(installed("graphql-oracle", "graphql"));
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("node is there")
}

fn schema() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/schema.graphql")
}

/// A folder of `tests` in which npm's `package` is installed.
fn installed(folder: &str, package: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder);
    assert!(
        folder.join("node_modules").join(package).exists(),
        "{package} is not installed; `tests/run` does it, or: npm ci in {}",
        folder.display()
    );
    folder
}
