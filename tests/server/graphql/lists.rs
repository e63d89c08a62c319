//! Lists on the real program: orders, filters and cursors, in one request or in many, while webhooks arrive.

use std::{thread, time::Duration};

use serde_json::{Value, json};

use crate::support::{
    net::live::{Events, Socket},
    server::{Answer, CONFIG, Server},
    sources::{SOURCES, post},
};

/// Deliveries some milliseconds apart, so that every time is another.
fn fill(server: &Server) -> Vec<Value> {
    let told = [
        ("downtown", 31, "create"),
        ("downtown", 30, "create"),
        ("lakeside", 310, "create"),
        ("downtown", 31, "checkin"),
        ("downtown", 4, "create"),
        ("downtown", 30, "remove"),
        ("downtown", 31, "reschedule"),
        ("lakeside", 310, "demographics_update"),
        ("downtown", 4, "ready"),
    ];
    told.map(|(source, id, event)| {
        thread::sleep(Duration::from_millis(3));
        post(server, source, id, event)
    })
    .to_vec()
}

fn ids(server: &Server, list: &str, arguments: &str) -> Vec<String> {
    let field = if list == "deliveries" { "position" } else { "appointmentId" };
    let answer = server.query(&format!("{{ {list}({arguments}) {{ nodes {{ {field} }} }} }}"));
    answer[list]["nodes"].as_array().unwrap().iter().map(|node| node[field].as_str().unwrap().to_owned()).collect()
}

#[test]
fn appointments_come_in_each_order_both_ways() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), SOURCES);
    fill(&server);
    for (field, ascending) in [
        ("ID", ["4", "30", "31", "310"]),
        ("STATUS_SINCE", ["310", "31", "4", "30"]),
        ("CREATED", ["31", "30", "310", "4"]),
        ("LAST_CHANGE", ["30", "31", "310", "4"]),
    ] {
        // The times of one pair may be those of one group; what is asked for is told apart by at least 3 ms.
        let up = ids(&server, "appointments", &format!("orderBy: {{ field: {field} }}"));
        assert_eq!(up, ascending, "{field}");
        let down = ids(&server, "appointments", &format!("orderBy: {{ field: {field}, direction: DESC }}"));
        assert!(down.iter().rev().eq(&up), "{field}: {down:?}");
        let mut page_by_page = Vec::new();
        let mut after = String::new();
        loop {
            let query = format!(
                "{{ appointments(orderBy: {{ field: {field}, direction: DESC }}, first: 1{after}) {{ nodes {{ appointmentId }} pageInfo {{ endCursor hasNextPage }} }} }}"
            );
            let page = server.query(&query)["appointments"].clone();
            page_by_page.push(page["nodes"][0]["appointmentId"].as_str().unwrap().to_owned());
            after = format!(r#", after: {}"#, page["pageInfo"]["endCursor"]);
            if page["pageInfo"]["hasNextPage"] == json!(false) {
                break;
            }
        }
        assert_eq!(page_by_page, down, "{field}");
        let last = ids(&server, "appointments", &format!("orderBy: {{ field: {field} }}, last: 2"));
        assert_eq!(last, ascending[2..], "{field}");
    }
}

#[test]
fn a_filter_is_all_of_what_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), SOURCES);
    let told = fill(&server);
    let at = |position: usize| told[position - 1]["receivedAt"].clone();
    for (filter, expected) in [
        (r#"appointmentIdPrefix: "3""#.to_owned(), vec!["30", "31", "310"]),
        (r#"appointmentIdPrefix: "31", source: "lakeside""#.to_owned(), vec!["310"]),
        (r#"appointmentIds: ["31", "4", "31", "77"]"#.to_owned(), vec!["4", "31"]),
        ("appointmentIds: []".to_owned(), vec![]),
        ("status: []".to_owned(), vec![]),
        ("status: [SCHEDULED, REMOVED]".to_owned(), vec!["4", "30", "310"]),
        (format!("firstReceivedAt: {{ from: {}, to: {} }}", at(2), at(5)), vec!["30", "310"]),
        (format!("lastReceivedAt: {{ from: {} }}", at(7)), vec!["4", "31", "310"]),
        (format!("lastReceivedAt: {{ to: {} }}", at(7)), vec!["30"]),
        (format!("statusSince: {{ from: {} }}, status: [SCHEDULED, CHECKED_IN]", at(4)), vec!["4", "31"]),
    ] {
        assert_eq!(ids(&server, "appointments", &format!("filter: {{ {filter} }}")), expected, "{filter}");
    }
    for (filter, expected) in [
        ("eventType: [CHECKIN, REMOVE]".to_owned(), vec!["4", "6"]),
        ("eventType: [CREATE], source: \"lakeside\"".to_owned(), vec!["3"]),
        ("outcome: [REJECTED]".to_owned(), vec!["9"]),
        ("outcome: [APPLIED], eventType: [READY]".to_owned(), vec![]),
        (r#"code: ["STEP_STANDS", "STATUS_NOT_ALLOWED", "NOT_CREATED"]"#.to_owned(), vec!["9"]),
        (r#"code: ["NOT_JSON"]"#.to_owned(), vec![]),
        ("code: []".to_owned(), vec![]),
        (r#"appointmentIds: ["4", "310"]"#.to_owned(), vec!["3", "5", "8", "9"]),
        (format!("receivedAt: {{ from: {}, to: {} }}", at(3), at(6)), vec!["3", "4", "5"]),
        ("eventType: []".to_owned(), vec![]),
    ] {
        assert_eq!(ids(&server, "deliveries", &format!("filter: {{ {filter} }}")), expected, "{filter}");
    }
}

#[test]
fn what_a_list_can_t_be_asked_for_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), SOURCES);
    fill(&server);
    let cursor = |order: &str| {
        let query = format!("{{ appointments({order}first: 1) {{ edges {{ cursor }} }} }}");
        server.query(&query)["appointments"]["edges"][0]["cursor"].as_str().unwrap().to_owned()
    };
    let by_since = cursor("orderBy: { field: STATUS_SINCE }, ");
    let by_id = cursor("");
    for (arguments, message) in [
        (format!(r#"after: "{by_since}""#), "cursors of this list"),
        (format!(r#"orderBy: {{ field: CREATED }}, after: "{by_since}""#), "cursors of this list"),
        (format!(r#"orderBy: {{ field: STATUS_SINCE }}, after: "{by_id}""#), "cursors of this list"),
        ("first: 1, last: 1".to_owned(), "not both"),
        ("first: -1".to_owned(), "fewer than 0"),
        ("last: -1".to_owned(), "fewer than 0"),
        (r#"filter: { appointmentIdPrefix: "03" }"#.to_owned(), "digits"),
        (r#"filter: { appointmentIds: ["x"] }"#.to_owned(), "integer"),
        (
            r#"filter: { statusSince: { from: "2026-03-02T10:00:00Z", to: "2026-03-02T09:00:00Z" } }"#.to_owned(),
            "before",
        ),
    ] {
        let answer = server.ask(&[], &format!("{{ appointments({arguments}) {{ totalCount }} }}")).json();
        let error = &answer["errors"][0];
        assert_eq!(error["extensions"]["code"], json!("BAD_USER_INPUT"), "{arguments}: {answer}");
        assert!(error["message"].as_str().unwrap().contains(message), "{arguments}: {answer}");
    }
    for list in ["appointments(last: 501)", "deliveries(first: 501)"] {
        let answer = server.ask(&[], &format!("{{ {list} {{ totalCount }} }}")).json();
        assert_eq!(answer["errors"][0]["extensions"]["code"], json!("PAGE_TOO_LARGE"), "{list}: {answer}");
    }
}

#[test]
fn nodes_are_what_node_is_in_the_order_that_was_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), SOURCES);
    fill(&server);
    let answer = server.query("{ appointments { nodes { id } } deliveries(last: 1) { nodes { id } } }");
    let id = |list: &str, index: usize| answer[list]["nodes"][index]["id"].clone();
    let by_since = server.query("{ appointments(orderBy: { field: STATUS_SINCE }) { edges { cursor } } }");
    let cursor = &by_since["appointments"]["edges"][0]["cursor"];
    let ids = [id("appointments", 1), json!("nothing"), id("deliveries", 0), cursor.clone(), id("appointments", 0)];
    let fields = "__typename ... on Appointment { appointmentId } ... on Delivery { position }";
    let nodes = server.query(&format!("{{ nodes(ids: {}) {{ {fields} }} }}", json!(ids)));
    let expected = json!([
        { "__typename": "Appointment", "appointmentId": "30" },
        null,
        { "__typename": "Delivery", "position": "9" },
        null,
        { "__typename": "Appointment", "appointmentId": "4" },
    ]);
    assert_eq!(nodes["nodes"], expected);
    let many = server.ask(&[], &format!("{{ nodes(ids: {}) {{ id }} }}", json!(vec!["x"; 501]))).json();
    assert_eq!(many["errors"][0]["extensions"]["code"], json!("PAGE_TOO_LARGE"));
}

/// A poller that asks for what has changed since its last page sees the end of everything, whatever comes meanwhile.
#[test]
fn a_poller_by_last_change_misses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), SOURCES);
    thread::scope(|scope| {
        let posting = scope.spawn(|| {
            for number in 0..300_u64 {
                post(
                    &server,
                    "downtown",
                    number % 40 + 1,
                    ["create", "checkin", "undo_checkin"][usize::try_from(number % 3).unwrap()],
                );
            }
        });
        let (mut last_seen, mut cursor) = (std::collections::BTreeMap::new(), String::new());
        let mut after_the_end = false;
        loop {
            after_the_end = after_the_end || posting.is_finished();
            let query = format!(
                "{{ appointments(orderBy: {{ field: LAST_CHANGE }}, first: 7{cursor}) {{ edges {{ cursor node {{ appointmentId lastPosition }} }} }} }}"
            );
            let edges = server.query(&query)["appointments"]["edges"].as_array().unwrap().clone();
            for edge in &edges {
                let node = &edge["node"];
                last_seen.insert(node["appointmentId"].as_str().unwrap().to_owned(), node["lastPosition"].clone());
            }
            match edges.last() {
                Some(last) => cursor = format!(", after: {}", last["cursor"]),
                None if after_the_end => break,
                None => {}
            }
        }
        posting.join().unwrap();
        let all = server.query("{ appointments(first: 500) { nodes { appointmentId lastPosition } } }");
        for node in all["appointments"]["nodes"].as_array().unwrap() {
            assert_eq!(last_seen[node["appointmentId"].as_str().unwrap()], node["lastPosition"]);
        }
        assert_eq!(last_seen.len(), 40);
    });
}

fn code(answer: &Answer) -> Value {
    answer.json()["errors"][0]["extensions"]["code"].clone()
}

#[test]
fn an_answer_is_bounded_however_it_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &format!("{CONFIG}[graphql]\naliases_max = 200\n"));
    // A byte of the body is six of JSON.
    assert_eq!(server.post(&[1; 65_000]).status, 400);
    let bodies = |count: usize| (0..count).map(|number| format!("a{number}: body ")).collect::<String>();
    let query = |count| format!("{{ deliveries(first: 1) {{ nodes {{ {} }} }} }}", bodies(count));
    assert!(server.ask(&[], &query(80)).body.len() > 31_000_000);
    let too_large = server.ask(&[], &query(100));
    assert_eq!((too_large.status, code(&too_large)), (200, json!("ANSWER_TOO_LARGE")));
    assert_eq!(too_large.json()["data"], Value::Null);
    let asked: String = form_urlencoded::byte_serialize(query(100).as_bytes()).collect();
    assert_eq!(code(&server.get(&format!("/graphql?query={asked}"))), "ANSWER_TOO_LARGE");
    let mut socket = Socket::open(server.address);
    let subscription = format!("subscription {{ deliveries(after: \"0\") {{ {} }} }}", bodies(100));
    for query in [query(100), subscription.clone()] {
        socket.subscribe("1", &query);
        let message = socket.message();
        assert_eq!(message["payload"]["errors"][0]["extensions"]["code"], "ANSWER_TOO_LARGE", "{query}");
        if query != subscription {
            assert_eq!(socket.message()["type"], "complete");
        }
    }
    let mut events = Events::open(server.address, &[], &subscription);
    assert!(events.event("data").unwrap().contains("ANSWER_TOO_LARGE"));
}
