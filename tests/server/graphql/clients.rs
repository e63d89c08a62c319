//! Clients as people use them, from npm and PyPI, beside the real program while webhooks flow: Apollo Client, urql and Relay
//! page through lists and see each item once, and keep one entry an appointment.

use serde_json::{Value, json};

use crate::support::{
    clients::{feed, folder, program, python_script, run, script, told},
    server::{CONFIG, Server},
};

/// A server with what the scripts expect, and what `name` printed beside it.
fn beside_a_server(name: &str) -> Value {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), CONFIG);
    feed(&server);
    script(&server, name)
}

/// Every item was seen, each once, and `pages_min` of them were posted between the pages.
fn check_pages(pages: &Value, known: u64, posted_min: u64) {
    assert_eq!((&pages["missing"], &pages["twice"]), (&json!([]), &json!([])), "{pages}");
    assert!(pages["seen"].as_u64().unwrap() >= known + posted_min, "{pages}");
}

#[test]
fn apollo_pages_through_lists_and_keeps_one_entry_an_appointment() {
    let saw = beside_a_server("apollo.mjs");
    check_pages(&saw["appointments"], 60, 5);
    check_pages(&saw["history"], 46, 5);
    assert_eq!(saw["statuses"], json!(["SCHEDULED", "CHECKED_IN", "CHECKED_IN", "READY"]), "one entry an appointment");
    assert_eq!(saw["entriesBesideTheList"], 1, "an appointment as of an earlier moment has an entry of its own");
    assert_eq!(saw["refused"], json!(["PAGE_TOO_LARGE"]), "the client sees an error's code");
}

#[test]
fn apollo_follows_an_appointment_over_a_web_socket() {
    let saw = beside_a_server("apollo-live.mjs");
    assert_eq!(saw["before"], json!(["SCHEDULED", "CHECKED_IN", "READY", "CHECKED_IN"]));
    assert_eq!(saw["shown"], json!(["CHECKED_IN", "READY", "CHECKED_IN", "CALLED_BACK"]), "its cache follows");
}

#[test]
fn urql_pages_through_lists_by_get_and_keeps_one_entry_an_appointment() {
    let saw = beside_a_server("urql.mjs");
    check_pages(&saw["appointments"], 60, 5);
    assert_eq!(saw["changed"], "REMOVED");
}

#[test]
fn gql_of_python_follows_over_web_sockets_with_its_defaults() {
    let token = "the-token-of-the-front-desk";
    let data = tempfile::tempdir().unwrap();
    let reader = format!("[[reader]]\nname = \"desk\"\ntoken = \"{token}\"\n");
    let server = Server::start(data.path(), &format!("{CONFIG}{reader}"));
    for id in 1..=3 {
        assert_eq!(server.deliver(id, "create").status, 200);
    }
    let saw = python_script(&server, "gql_live.py", token);
    let saw = saw.as_object().unwrap();
    assert_eq!(saw.len(), 5);
    for (transport, positions) in saw {
        assert_eq!(*positions, json!(["1", "2", "3"]), "{transport}");
    }
}

#[test]
fn relay_compiles_the_schema_and_pages_through_connections() {
    let output = run(program("relay-compiler").arg("relay.config.json").current_dir(folder().join("relay")));
    assert!(output.status.success(), "{}", told(&output));
    let saw = beside_a_server("relay.mjs");
    check_pages(&saw["appointments"], 60, 5);
    check_pages(&saw["history"], 46, 5);
}
