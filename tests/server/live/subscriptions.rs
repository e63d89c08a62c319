//! Subscriptions that follow the log: what is told, replayed and live.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{
    net::live::{Events, Socket, number},
    server::{CONFIG, Server},
    sources::{SOURCES, post, post_all},
    webhook::started,
};

const VIEWERS: &str = r#"
[[reader]]
name = "everything"
token = "the-token-that-sees-everything"
role = "admin"
[[reader]]
name = "lakeside"
token = "the-token-that-sees-lakeside"
sources = ["lakeside"]
"#;

#[test]
fn deliveries_are_replayed_and_then_followed_over_both_transports() {
    let (_folder, server) = started(CONFIG);
    for id in 1..=200 {
        server.deliver(id, "create");
    }
    let query = r#"subscription { deliveries(after: "0") { position appointmentId eventType outcome } }"#;
    let mut socket = Socket::open(server.address);
    socket.subscribe("1", query);
    let mut events = Events::open(server.address, &[], query);
    let mut check = |position: u64, id: u64, event: &str, outcome: &str| {
        let told = json!({ "deliveries": {
            "position": position.to_string(), "appointmentId": id.to_string(), "eventType": event, "outcome": outcome,
        } });
        assert_eq!(socket.data(), told);
        assert_eq!(events.data(), Some(told));
    };
    (1..=200).for_each(|id| check(id, id, "CREATE", "APPLIED"));
    server.deliver(7, "checkin");
    check(201, 7, "CHECKIN", "APPLIED");
    server.deliver(7, "checkin");
    check(202, 7, "CHECKIN", "DUPLICATE");
}

#[test]
fn the_only_field_may_come_through_fragments_and_more_than_once() {
    let (_folder, server) = started(CONFIG);
    for id in 1..=3 {
        server.deliver(id, "create");
    }
    let expected = json!({ "it": { "position": "3", "appointmentId": "3" } });
    let field = |fields: &str| format!("it: deliveries(after: $after) {{ {fields} }}");
    for query in [
        format!(
            "subscription S($after: Position! = \"2\") {{ ...F }} fragment F on Subscription {{ {} }}",
            field("position appointmentId")
        ),
        format!(
            "subscription($after: Position = \"2\") {{ {} ... {{ {} }} }}",
            field("position"),
            field("appointmentId position")
        ),
        format!(
            "subscription($after: Position = \"2\", $not: Boolean! = true) {{ ... on Subscription {{ {} }} board @skip(if: $not) {{ position }} }}",
            field("position appointmentId source @skip(if: $not)")
        ),
    ] {
        let mut socket = Socket::open(server.address);
        socket.subscribe("1", &query);
        assert_eq!(socket.data(), expected, "{query}");
        assert_eq!(Events::open(server.address, &[], &query).data(), Some(expected.clone()), "{query}");
    }
    let mut socket = Socket::open(server.address);
    socket.subscribe("1", "subscription { deliveries(after: \"2\") { position @skip(if: true) } }");
    assert_eq!(socket.data(), json!({ "deliveries": {} }));
    for (query, code) in [
        ("subscription { deliveries { position } board { position } }", "GRAPHQL_VALIDATION_FAILED"),
        (
            "subscription { ...F board { position } } fragment F on Subscription { deliveries { position } }",
            "GRAPHQL_VALIDATION_FAILED",
        ),
        ("subscription { __typename }", "GRAPHQL_VALIDATION_FAILED"),
        ("subscription { deliveries @skip(if: true) { position } }", "GRAPHQL_VALIDATION_FAILED"),
        (
            "subscription { deliveries { position } ... { deliveries(after: \"1\") { position } } }",
            "GRAPHQL_VALIDATION_FAILED",
        ),
        ("subscription { ...F } fragment F on Subscription { deliveries { nope } }", "GRAPHQL_VALIDATION_FAILED"),
    ] {
        socket.subscribe("2", query);
        let refused = socket.message();
        assert_eq!(refused["type"], "error", "{query}: {refused}");
        assert_eq!(refused["payload"][0]["extensions"]["code"], code, "{query}: {refused}");
    }
}

#[test]
fn without_a_position_only_what_comes_is_told_and_complete_ends_it() {
    let (_folder, server) = started(CONFIG);
    server.deliver(1, "create");
    let mut socket = Socket::open(server.address);
    socket.subscribe("live", "subscription { deliveries { position } }");
    assert!(socket.is_silent(Duration::from_millis(300)));
    server.deliver(1, "checkin");
    assert_eq!(socket.data()["deliveries"]["position"], "2");
    socket.say(&json!({ "id": "live", "type": "complete" }));
    // The id is free again, and answers come over the same connection.
    socket.subscribe("live", "{ log { headPosition } }");
    assert_eq!(socket.data()["log"]["headPosition"], "2");
    assert_eq!(socket.message(), json!({ "id": "live", "type": "complete" }));
    server.deliver(1, "ready");
    assert!(socket.is_silent(Duration::from_millis(300)));
}

#[test]
fn a_change_tells_the_appointment_as_it_was_then_replayed_as_live() {
    let (_folder, server) = started(CONFIG);
    let query = r#"subscription { appointmentChanged(after: "0") {
        position statusBefore statusAfter delivery { eventType }
        appointment { id status rescheduleCount lastPosition history { totalCount } }
    } }"#;
    let mut live = Socket::open(server.address);
    live.subscribe("1", query);
    let told: Vec<Value> = ["create", "reschedule", "ready", "checkin", "undo_checkin"]
        .into_iter()
        .filter_map(|event| {
            let applied = server.deliver(12345, event).json()["outcome"] == "APPLIED";
            applied.then(|| live.data()["appointmentChanged"].clone())
        })
        .collect();
    let line = |change: &Value| {
        let fields = ["position", "statusBefore", "statusAfter"].map(|name| change[name].as_str().unwrap_or("-"));
        let counts = (&change["appointment"]["rescheduleCount"], &change["appointment"]["history"]["totalCount"]);
        format!("{} {} {}", fields.join(" "), counts.0, counts.1)
    };
    let lines: Vec<String> = told.iter().map(line).collect();
    // The refused `ready` is no change, but counts among what had arrived.
    assert_eq!(
        lines,
        ["1 - SCHEDULED 0 1", "2 SCHEDULED SCHEDULED 1 2", "4 SCHEDULED CHECKED_IN 1 4", "5 CHECKED_IN SCHEDULED 1 5"]
    );
    let mut replayed = Socket::open(server.address);
    replayed.subscribe("1", query);
    told.iter().for_each(|change| assert_eq!(replayed.data()["appointmentChanged"], *change));
    // The id is the appointment's own.
    let id = server.query("{ appointment(appointmentId: 12345) { id } }")["appointment"]["id"].clone();
    assert!(told.iter().all(|change| change["appointment"]["id"] == id));
}

#[test]
fn a_delivery_that_lets_others_in_is_one_change() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), SOURCES);
    post_all(&server, "lakeside", 1, "ready checkin");
    let create = post(&server, "lakeside", 1, "create");
    assert_eq!(create["status"], "READY", "{create}");
    let mut socket = Socket::open(server.address);
    let query = |filter: &str| {
        format!(
            r#"subscription {{ appointmentChanged(after: "0", {filter}) {{ position statusBefore statusAfter }} }}"#
        )
    };
    socket.subscribe("all", &query(r#"source: "lakeside""#));
    let change = json!({ "position": "3", "statusBefore": null, "statusAfter": "READY" });
    assert_eq!(socket.data()["appointmentChanged"], change);
    // Filters: by status after it, and by appointment.
    socket.subscribe("discharged", &query("statuses: [DISCHARGED]"));
    socket.subscribe("two", &query(r#"appointmentIds: ["2"]"#));
    post_all(&server, "lakeside", 1, "discharge");
    post_all(&server, "hilltop", 2, "create");
    let mut came: Vec<(String, String)> = (0..3)
        .map(|_| {
            let message = socket.message();
            let position = &message["payload"]["data"]["appointmentChanged"]["position"];
            (
                message["id"].as_str().unwrap().to_owned(),
                position.as_str().unwrap_or_else(|| panic!("{message}")).to_owned(),
            )
        })
        .collect();
    came.sort();
    let expected = [("all", "4"), ("discharged", "4"), ("two", "5")].map(|(id, at)| (id.to_owned(), at.to_owned()));
    assert_eq!(came, expected);
}

#[test]
fn a_board_is_told_once_and_then_its_changes() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), SOURCES);
    post_all(&server, "downtown", 1, "create checkin");
    let mut socket = Socket::open(server.address);
    socket.subscribe(
        "1",
        r#"subscription { board(source: "downtown") {
            position board { columns { status count } } changes { from to appointment { appointmentId status } }
        } }"#,
    );
    let first = socket.data()["board"].clone();
    assert_eq!((&first["position"], &first["changes"]), (&json!("2"), &json!([])), "{first}");
    let counts: Vec<u64> =
        first["board"]["columns"].as_array().unwrap().iter().map(|column| column["count"].as_u64().unwrap()).collect();
    assert_eq!(counts, [0, 1, 0, 0, 0, 0]);
    // Of these, the refused `undo_ready` changes nothing, and another source has a board of its own.
    post_all(&server, "downtown", 1, "undo_ready ready");
    post_all(&server, "hilltop", 1, "create");
    post_all(&server, "downtown", 2, "create reschedule");
    for (position, id, from, to) in [
        ("4", "1", json!("CHECKED_IN"), "READY"),
        ("6", "2", Value::Null, "SCHEDULED"),
        ("7", "2", json!("SCHEDULED"), "SCHEDULED"),
    ] {
        let told = socket.data()["board"].clone();
        let change = json!({ "from": from, "to": to, "appointment": { "appointmentId": id, "status": to } });
        assert_eq!(told, json!({ "position": position, "board": null, "changes": [change] }));
    }
}

#[test]
fn a_reader_is_told_only_of_its_sources() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &format!("{SOURCES}{VIEWERS}"));
    for id in 1..=50 {
        post_all(&server, "downtown", id, "create");
        if id % 10 == 0 {
            post_all(&server, "lakeside", id, "create");
        }
    }
    let mut socket = Socket::open_as(server.address, Some("the-token-that-sees-lakeside"));
    socket.subscribe("1", r#"subscription { deliveries(after: "0") { position source body } }"#);
    for position in [11, 22, 33, 44, 55] {
        let told = json!({ "position": position.to_string(), "source": "lakeside", "body": null });
        assert_eq!(socket.data()["deliveries"], told);
    }
    post_all(&server, "downtown", 1, "checkin");
    post_all(&server, "lakeside", 10, "remove");
    assert_eq!(socket.data()["deliveries"]["position"], "57");
    // A source of others is no source at all.
    socket.subscribe("2", r#"subscription { deliveries(source: "downtown") { position } }"#);
    let refused = socket.message();
    assert_eq!(refused["payload"]["errors"][0]["extensions"]["code"], "SOURCE_NOT_FOUND", "{refused}");
    assert_eq!(socket.message(), json!({ "id": "2", "type": "complete" }));
    // An admin reads bodies, and one source of many.
    let mut socket = Socket::open_as(server.address, Some("the-token-that-sees-everything"));
    socket.subscribe("1", r#"subscription { deliveries(source: "lakeside", after: "44") { position body } }"#);
    let told = socket.data()["deliveries"].clone();
    assert_eq!((number(&told["position"]), told["body"].as_str().is_some()), (55, true), "{told}");
}
