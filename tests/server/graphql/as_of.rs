//! GraphQL tells what was true at an earlier moment, on the real program, also after a restart.

use std::{thread, time::Duration};

use serde_json::{Value, json};

use crate::support::{
    server::Server,
    sources::{SOURCES, post, post_all},
};

const HISTORY: &str = "position eventType outcome outcomeAtArrival late statusBefore statusAfter reconsideredUntil";

/// Appointment 2 is of a source with a reorder window.
fn source(id: u64) -> &'static str {
    if id == 2 { "lakeside" } else { "downtown" }
}

fn appointment(server: &Server, id: u64, arguments: &str, fields: &str) -> Value {
    let source = source(id);
    let query = format!(r#"{{ appointment(appointmentId: "{id}", source: "{source}"{arguments}) {{ {fields} }} }}"#);
    server.query(&query)["appointment"].clone()
}

/// Each moment of an appointment, as it was told when it was the present.
fn told_live(server: &Server, id: u64, events: &str) -> Vec<(String, String, Value)> {
    let fields = format!(
        "status statusSince standing allowedEvents lastEvent lastPosition rescheduleCount history {{ totalCount nodes {{ {HISTORY} }} }}"
    );
    let mut moments = Vec::new();
    for event in events.split(' ') {
        let told = post(server, source(id), id, event);
        let text = |field: &str| told[field].as_str().unwrap().to_owned();
        moments.push((text("position"), text("receivedAt"), appointment(server, id, "", &fields)));
        thread::sleep(Duration::from_millis(5));
    }
    moments
}

fn as_of(server: &Server, id: u64, moments: &[(String, String, Value)]) {
    let fields = format!(
        "status statusSince standing allowedEvents lastEvent lastPosition rescheduleCount history {{ totalCount nodes {{ {HISTORY} }} }}"
    );
    for (position, received_at, then) in moments {
        let now = appointment(server, id, &format!(r#", asOfPosition: "{position}""#), &fields);
        assert_eq!(now, *then, "at {position}");
        let now = appointment(server, id, &format!(r#", asOf: "{received_at}""#), &fields);
        assert_eq!(now, *then, "at {received_at}");
        let nodes = then["history"]["nodes"].as_array();
        let applied = nodes.into_iter().flatten().rfind(|node| node["outcome"] == "APPLIED");
        assert_eq!(then["lastEvent"], applied.map_or(Value::Null, |node| node["eventType"].clone()), "{then}");
    }
}

#[test]
fn an_earlier_moment_is_told_as_it_was_told_then() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(folder.path(), SOURCES);
    // More deliveries than fit the appointment's own row, and some that are swapped within the window.
    let long = "create reschedule checkin discharge ready undo_discharge transfer_in callback remove undo_remove";
    let long = format!("{long} discharge checkin checkin undo_discharge undo_callback ready undo_ready ready callback");
    let swapped = "checkin ready create discharge callback";
    let (one, two) = (told_live(&server, 1, &long), told_live(&server, 2, swapped));
    for _ in 0..2 {
        as_of(&server, 1, &one);
        as_of(&server, 2, &two);
        let first: u64 = one[0].0.parse().unwrap();
        assert_eq!(appointment(&server, 1, &format!(r#", asOfPosition: "{}""#, first - 1), "status"), Value::Null);
        assert_eq!(appointment(&server, 1, r#", asOf: "2001-01-01T00:00:00Z""#, "status"), Value::Null);
        let later = appointment(&server, 1, r#", asOf: "2099-01-01T00:00:00Z""#, "status lastPosition");
        assert_eq!(later, appointment(&server, 1, "", "status lastPosition"));
        let later = appointment(&server, 1, r#", asOfPosition: "18446744073709551615""#, "status lastPosition");
        assert_eq!(later, appointment(&server, 1, "", "status lastPosition"));
        server.terminate();
        server = Server::start(folder.path(), SOURCES);
    }
}

#[test]
fn an_appointment_as_of_a_moment_is_a_node_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), SOURCES);
    post_all(&server, "downtown", 7, "create checkin discharge");
    let then = appointment(&server, 7, r#", asOfPosition: "2""#, "id status");
    let now = appointment(&server, 7, "", "id status");
    assert_eq!((&then["status"], &now["status"]), (&json!("CHECKED_IN"), &json!("DISCHARGED")));
    assert_ne!(then["id"], now["id"]);
    let node = format!("{{ node(id: {}) {{ id ... on Appointment {{ status lastPosition }} }} }}", then["id"]);
    let node = &server.query(&node)["node"];
    assert_eq!(*node, json!({ "id": then["id"], "status": "CHECKED_IN", "lastPosition": "2" }));
}

#[test]
fn lists_counts_and_the_board_tell_an_earlier_moment() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), SOURCES);
    for id in 1..=5 {
        post_all(&server, "downtown", id, "create checkin");
    }
    post_all(&server, "downtown", 1, "discharge");
    post_all(&server, "downtown", 2, "remove");
    let list = |moment: &str| {
        let query = format!(
            r#"{{ appointments(filter: {{ source: "downtown", status: [CHECKED_IN, REMOVED] }}{moment}, last: 2) {{
                totalCount pageInfo {{ hasPreviousPage startCursor }} nodes {{ appointmentId status }} }} }}"#
        );
        server.query(&query)["appointments"].clone()
    };
    let then = list(r#", asOfPosition: "8""#);
    let checked_in = |id: &str| json!({ "appointmentId": id, "status": "CHECKED_IN" });
    assert_eq!(then["nodes"], json!([checked_in("3"), checked_in("4")]));
    assert_eq!((&then["totalCount"], &then["pageInfo"]["hasPreviousPage"]), (&json!(4), &json!(true)));
    let before = format!(r#", asOfPosition: "8", before: {}"#, then["pageInfo"]["startCursor"]);
    assert_eq!(list(&before)["nodes"], json!([checked_in("1"), checked_in("2")]));
    assert_eq!(list("")["totalCount"], json!(4));

    let board = |moment: &str| {
        let query = format!(
            r#"{{ board(source: "downtown", endedWithinHours: 1{moment}) {{ position
                columns {{ status count appointments {{ appointmentId status }} }} stale {{ count }} }} }}"#
        );
        server.query(&query)["board"].clone()
    };
    let ids = |board: &Value, status: &str| {
        let columns = board["columns"].as_array().unwrap().clone();
        let column = columns.into_iter().find(|column| column["status"] == status).unwrap();
        let cards = column["appointments"].as_array().unwrap().clone();
        assert_eq!(column["count"], json!(cards.len()));
        assert!(cards.iter().all(|card| card["status"] == status));
        cards.iter().map(|card| card["appointmentId"].as_str().unwrap().to_owned()).collect::<Vec<_>>().join(" ")
    };
    let now = board("");
    assert_eq!(now["position"], json!("12"));
    assert_eq!([ids(&now, "CHECKED_IN"), ids(&now, "DISCHARGED"), ids(&now, "REMOVED")], ["3 4 5", "1", "2"]);
    let then = board(r#", asOfPosition: "11""#);
    assert_eq!([ids(&then, "CHECKED_IN"), ids(&then, "DISCHARGED"), ids(&then, "REMOVED")], ["2 3 4 5", "1", ""]);
    let then = board(r#", asOfPosition: "3""#);
    assert_eq!([ids(&then, "SCHEDULED"), ids(&then, "CHECKED_IN")], ["2", "1"]);
    // A year later everything that is open was forgotten, and what has ended is gone.
    let later = board(r#", asOf: "2099-01-01T00:00:00Z""#);
    assert_eq!(later["stale"]["count"], json!(3));
    assert!(later["columns"].as_array().unwrap().iter().all(|column| column["count"] == 0));

    let counts = |moment: &str| {
        let data = server.query(&format!(r#"{{ statusCounts(source: "downtown"{moment}) {{ status count }} }}"#));
        let counts = data["statusCounts"].as_array().unwrap().clone();
        counts.iter().map(|count| count["count"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(counts(""), [0, 3, 0, 0, 1, 1]);
    assert_eq!(counts(r#", asOfPosition: "3""#), [1, 1, 0, 0, 0, 0]);
    assert_eq!(counts(r#", asOfPosition: "0""#), [0; 6]);
    assert_eq!(counts(r#", asOf: "2001-01-01T00:00:00Z""#), [0; 6]);
}

#[test]
fn a_moment_is_given_in_one_way() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), SOURCES);
    let both = r#"asOf: "2026-01-01T00:00:00Z", asOfPosition: "1""#;
    for query in [
        format!(r#"{{ appointment(appointmentId: 1, {both}) {{ status }} }}"#),
        format!("{{ appointments({both}) {{ totalCount }} }}"),
        format!("{{ board({both}) {{ position }} }}"),
        format!("{{ statusCounts({both}) {{ count }} }}"),
        "{ board(endedWithinHours: -1) { position } }".to_owned(),
        "{ board { columns { appointments(first: 5001) { id } } } }".to_owned(),
    ] {
        let answer = server.ask(&[], &query).json();
        assert_eq!(answer["errors"][0]["extensions"]["code"], "BAD_USER_INPUT", "{query}: {answer}");
    }
}

#[test]
fn one_request_looks_into_the_past_a_few_times_at_most() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), SOURCES);
    let several = |field: &str, count: usize| {
        let fields: String = (0..count).map(|number| format!("a{number}: {field} ")).collect();
        server.ask(&[], &format!("{{ {fields} }}")).json()["errors"][0]["extensions"]["code"].clone()
    };
    let board = "board(endedWithinHours: 744) { position }";
    let list = r#"appointments(asOfPosition: "1", first: 1) { totalCount }"#;
    for (field, few, many) in [(board, 1, 2), (list, 4, 5), ("board { position }", 8, 9)] {
        assert_eq!(several(field, few), Value::Null, "{few} of {field}");
        assert_eq!(several(field, many), "COMPLEXITY_LIMIT_EXCEEDED", "{many} of {field}");
    }
}
