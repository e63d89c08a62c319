//! A sender that gives each delivery an id has every repeat answered as the first was, and kept once.

use std::{collections::BTreeSet, sync::Barrier, thread};

use serde_json::Value;

use crate::support::{
    self,
    server::{Answer, CONFIG, Connection, ROUTE_KEY, Server},
    webhook::{deliveries, started},
};

const REPEATS: usize = 200;

fn config() -> String {
    format!(
        "{CONFIG}delivery_id_header = \"Idempotency-Key\"\n[[source]]\nname = \"lakeside\"\nroute_keys = [\"lakeside-has-a-key-of-its-own\"]\ndelivery_id_header = \"webhook-id\"\n[[source]]\nname = \"without\"\nroute_keys = [\"a-source-without-the-setting\"]\n"
    )
}

fn body(id: u64, event: &str) -> String {
    format!(r#"{{"appointment_id": {id}, "event_type": "{event}"}}"#)
}

fn post_to(server: &Server, key: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let headers: Vec<_> = headers.iter().copied().chain([("Content-Type", "application/json")]).collect();
    server.request("POST", &format!("/webhook/{key}"), &headers, body.as_bytes())
}

fn post(server: &Server, id: &str, body: &str) -> Value {
    let answer = post_to(server, ROUTE_KEY, &[("Idempotency-Key", id)], body);
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

/// An answer without what only a repeat says.
fn plain(mut answer: Value) -> Value {
    answer.as_object_mut().unwrap().remove("repeated");
    answer
}

#[test]
fn two_hundred_repeats_at_once_are_one_delivery() {
    let (_folder, server) = started(&config());
    let barrier = Barrier::new(REPEATS);
    let one = || {
        let mut connection = Connection::open(server.address);
        barrier.wait();
        let headers = [("Content-Type", "application/json"), ("idempotency-key", "evt_0001")];
        let path = format!("/webhook/{ROUTE_KEY}");
        connection.request("POST", &path, &headers, body(52_468_874, "create").as_bytes()).unwrap().json()
    };
    let answers: Vec<Value> = thread::scope(|scope| {
        let threads: Vec<_> = (0..REPEATS).map(|_| scope.spawn(one)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(answers.iter().filter(|answer| answer.get("repeated").is_none()).count(), 1);
    let told: BTreeSet<String> = answers.into_iter().map(|answer| plain(answer).to_string()).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(deliveries(&server), 1);
    let metrics = server.get("/metrics").text();
    assert!(metrics.contains("clockfold_repeats_total{source=\"downtown\"} 199"), "{metrics}");
}

#[test]
fn a_repeat_is_known_after_kill_9_and_after_the_projection_was_deleted() {
    let (folder, mut server) = started(&config());
    let first = post(&server, "evt_0001", &body(1, "checkin"));
    assert_eq!(first["outcome"], "REJECTED");
    for deleted in [false, true] {
        server.kill();
        if deleted {
            std::fs::remove_dir_all(support::server::data_dir(folder.path()).join("projection")).unwrap();
        }
        server = Server::start(folder.path(), &config());
        let again = post(&server, "evt_0001", &body(1, "checkin"));
        assert_eq!(again["repeated"], true);
        assert_eq!(plain(again), first);
    }
    assert_eq!(deliveries(&server), 1);
}

#[test]
fn the_same_id_with_another_body_is_a_delivery_of_its_own_and_says_so() {
    let (_folder, server) = started(&config());
    post(&server, "evt_0001", &body(1, "create"));
    let other = post(&server, "evt_0001", &body(1, "checkin"));
    assert_eq!((&other["position"], &other["conflictsWith"]), (&"2".into(), &"1".into()));
    assert_eq!(other["status"], "CHECKED_IN");
    // Each of the two bodies has its repeats.
    let again = post(&server, "evt_0001", &body(1, "checkin"));
    assert_eq!((&again["position"], &again["repeated"]), (&"2".into(), &true.into()));
    assert_eq!(post(&server, "evt_0001", &body(1, "create"))["position"], "1");
    let listed = server.query("{ deliveries { nodes { position deliveryId conflictsWith } } }");
    assert_eq!(
        listed["deliveries"]["nodes"],
        serde_json::json!([
            {"position": "1", "deliveryId": "evt_0001", "conflictsWith": null},
            {"position": "2", "deliveryId": "evt_0001", "conflictsWith": "1"},
        ])
    );
    let metrics = server.get("/metrics").text();
    assert!(metrics.contains("clockfold_delivery_id_conflicts_total{source=\"downtown\"} 1"), "{metrics}");
}

#[test]
fn an_unreadable_body_is_kept_once_too() {
    let (_folder, server) = started(&config());
    for repeated in [false, true] {
        let answer = post_to(&server, ROUTE_KEY, &[("Idempotency-Key", "evt_0001")], "not JSON");
        assert_eq!((answer.status, answer.header("content-type")), (400, Some("application/problem+json")));
        assert_eq!((&answer.json()["position"], answer.json()["repeated"] == true), (&"1".into(), repeated));
    }
    assert_eq!(deliveries(&server), 1);
}

#[test]
fn what_a_waiting_delivery_became_is_what_its_repeat_is_told() {
    let (_folder, server) = started(&format!("{CONFIG}delivery_id_header = \"X-Id\"\nreorder_window_s = 60\n"));
    let send = |id, event| post_to(&server, ROUTE_KEY, &[("x-id", id)], &body(7, event)).json();
    assert!(send("a", "checkin")["reconsideredUntil"].is_string());
    send("b", "create");
    let again = send("a", "checkin");
    assert_eq!((&again["outcome"], &again["status"]), (&"APPLIED".into(), &"CHECKED_IN".into()));
    assert!(again.get("reconsideredUntil").is_none());
}

#[test]
fn ids_belong_to_a_source_and_to_its_header() {
    let (_folder, server) = started(&config());
    let lakeside = "lakeside-has-a-key-of-its-own";
    let create = body(1, "create");
    post_to(&server, ROUTE_KEY, &[("Idempotency-Key", "evt_0001")], &create);
    assert_eq!(post_to(&server, lakeside, &[("Webhook-Id", "evt_0001")], &create).json()["outcome"], "APPLIED");
    assert_eq!(post_to(&server, lakeside, &[("Webhook-Id", "evt_0001")], &create).json()["position"], "2");
    // Another header, none, two, an empty or an endless value, or one that is no text: no id, and kept each time.
    let endless = "x".repeat(256);
    let no_ids: [&[(&str, &str)]; 6] = [
        &[("Webhook-Id", "evt\t0001")],
        &[("Idempotency-Key", "evt_0001")],
        &[],
        &[("Webhook-Id", "evt_0001"), ("Webhook-Id", "evt_0001")],
        &[("Webhook-Id", "")],
        &[("Webhook-Id", &endless)],
    ];
    for (index, headers) in no_ids.into_iter().enumerate() {
        let answer = post_to(&server, lakeside, headers, &create).json();
        assert_eq!((&answer["position"], &answer["outcome"]), (&(index + 3).to_string().into(), &"DUPLICATE".into()));
    }
    // Without the setting, repeats are folded.
    let send = || post_to(&server, "a-source-without-the-setting", &[("Idempotency-Key", "evt_0001")], &create).json();
    assert_eq!(send()["outcome"], "APPLIED");
    assert_eq!(send()["outcome"], "DUPLICATE");
}

#[test]
fn many_bodies_with_one_id_are_all_kept() {
    let (_folder, server) = started(&config());
    for id in 1..=20_u64 {
        let answer = post(&server, "always-the-same", &body(id, "create"));
        assert_eq!(answer["position"], id.to_string());
        assert_eq!(answer.get("conflictsWith").is_some(), id > 1);
    }
    assert_eq!(post(&server, "always-the-same", &body(3, "create"))["position"], "3");
}

#[test]
fn what_was_read_stands_in_for_a_body_that_was_erased() {
    let (folder, mut server) = started(&config());
    let unreadable =
        |server: &Server, id: &str, body: &str| post_to(server, ROUTE_KEY, &[("Idempotency-Key", id)], body).json();
    let first = post(&server, "evt_0001", &body(1, "create"));
    let last = post(&server, "evt_0002", &body(1, "remove"));
    let not_json = unreadable(&server, "evt_0003", "not JSON");
    post(&server, "evt_0004", &body(2, "create"));
    assert!(server.terminate().success());
    let told = support::server::clockfold(
        folder.path(),
        &[],
        &["erase-bodies", "--config", "clockfold.toml", "--data-dir", "data", "--before", "2100-01-01T00:00:00Z"],
    );
    assert!(told.status == 0 && told.stdout.contains("3 bodies"), "{}{}", told.stdout, told.stderr);
    let server = Server::start(folder.path(), &config());
    // The same reading is a repeat, whatever else the body says: nobody can tell any more.
    let longer = r#"{"appointment_id": 1, "event_type": "create", "note": "another body"}"#;
    for again in [post(&server, "evt_0001", &body(1, "create")), post(&server, "evt_0001", longer)] {
        assert_eq!(again["repeated"], true);
        assert_eq!((&again["position"], &again["receivedAt"]), (&first["position"], &first["receivedAt"]));
        // As folded up to now.
        assert_eq!((&again["outcome"], &again["status"]), (&"APPLIED".into(), &"REMOVED".into()));
    }
    assert_eq!(plain(post(&server, "evt_0002", &body(1, "remove"))), last);
    let again = unreadable(&server, "evt_0003", "not JSON either");
    assert_eq!((&again["position"], &again["repeated"]), (&not_json["position"], &true.into()));
    assert_eq!(deliveries(&server), 4);
    // Another reading is a delivery of its own.
    let other = post(&server, "evt_0001", &body(1, "undo_remove"));
    assert_eq!((&other["position"], &other["conflictsWith"]), (&"5".into(), &"1".into()));
    let other = unreadable(&server, "evt_0003", "[]");
    assert_eq!(
        (&other["position"], &other["code"], &other["repeated"]),
        (&"6".into(), &"NOT_AN_OBJECT".into(), &Value::Null)
    );
    // A body that is there is compared first, and one that stays is compared as ever.
    assert_eq!(post(&server, "evt_0001", &body(1, "undo_remove"))["position"], "5");
    let other = post(&server, "evt_0004", r#"{"appointment_id": 2, "event_type": "create", "note": 1}"#);
    assert_eq!((&other["position"], &other["conflictsWith"]), (&"7".into(), &"4".into()));
}
