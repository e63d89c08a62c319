//! GraphQL explains what would become of the next event, and that is what then becomes of it.

use std::{thread, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use clockfold::lifecycle::EventType;
use serde_json::{Value, json};

use crate::support::{
    server::Server,
    sources::{SOURCES, let_in_by, post, post_all},
};

fn explain(server: &Server, source: &str, id: u64, event: EventType) -> Value {
    let event = event.name().to_uppercase();
    let fields = "outcome code reason late statusAfter letsIn reconsideredUntil";
    let query = format!(
        r#"{{ appointment(appointmentId: "{id}", source: "{source}") {{ explain(eventType: {event}) {{ {fields} }} }} }}"#
    );
    server.query(&query)["appointment"]["explain"].clone()
}

fn time(value: &Value) -> DateTime<Utc> {
    value.as_str().unwrap().parse().unwrap()
}

#[test]
fn what_graphql_explains_is_what_then_happens() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), SOURCES);
    let states = [
        ("downtown", "create"),
        ("downtown", "create checkin"),
        ("downtown", "create checkin ready undo_ready"),
        ("downtown", "create checkin ready callback"),
        ("downtown", "create checkin discharge"),
        ("downtown", "create remove undo_remove"),
        ("downtown", "create remove"),
        ("lakeside", "create"),
        ("lakeside", "create checkin discharge"),
        ("lakeside", "create checkin ready callback remove"),
        ("lakeside", "create ready"),
        ("lakeside", "create callback ready"),
        ("hilltop", "callback"),
        ("hilltop", "demographics_update"),
    ];
    let (mut id, mut late, mut let_in) = (0, 0, 0);
    for (source, state) in states {
        for event in EventType::ALL {
            id += 1;
            post_all(&server, source, id, state);
            let explained = explain(&server, source, id, event);
            let told = post(&server, source, id, event.name());
            let about = format!("{source}: {state}, then {}: {explained} {told}", event.name());
            for (explained, told) in [
                (&explained["outcome"], &told["outcome"]),
                (&explained["code"], &told["code"]),
                (&explained["late"], &told["late"]),
                (&explained["statusAfter"], &told["status"]),
            ] {
                assert_eq!(explained, told, "{about}");
            }
            let mut lets_in = explained["letsIn"].as_array().unwrap().clone();
            lets_in.sort_by_key(|position| position.as_str().unwrap().parse::<u64>().unwrap());
            assert_eq!(lets_in, let_in_by(&server, source, id, &told["position"]), "{about}");
            late += usize::from(explained["late"] == true);
            let_in += lets_in.len();
            let reason = explained["reason"].as_str().unwrap();
            match told.get("reconsideredUntil") {
                None => {
                    assert_eq!(explained["reconsideredUntil"], Value::Null, "{about}");
                    assert!(!told.to_string().contains("waits until"), "{about}");
                }
                Some(until) => {
                    let earlier = time(until) - time(&explained["reconsideredUntil"]);
                    assert!((TimeDelta::zero()..TimeDelta::minutes(1)).contains(&earlier), "{about}");
                    let waits = format!(" It waits until {} for what it may have overtaken.", until.as_str().unwrap());
                    assert!(told["reason"].as_str().unwrap().ends_with(&waits), "{about}");
                }
            }
            // The same sentence, in another tense.
            let first = |reason: &str| reason.split(". ").next().unwrap().trim_end_matches('.').to_owned();
            let in_the_past =
                reason.replace("would not be applied: the appointment is", "was not applied: the appointment was");
            match told.get("reason") {
                None => assert!(reason.starts_with(&format!("`{}` would be applied: ", event.name())), "{about}"),
                Some(told) => assert_eq!(first(&in_the_past), first(told.as_str().unwrap()), "{about}"),
            }
        }
    }
    assert!(late > 5 && let_in >= 3, "{late} late, {let_in} let in");
    // There is nothing to explain about what never came into being.
    let none = server.query(r#"{ appointment(appointmentId: "999999") { explain(eventType: READY) { outcome } } }"#);
    assert_eq!(none, json!({ "appointment": null }));
}

#[test]
fn what_is_explained_is_judged_by_the_clock() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), SOURCES);
    // A machine that is too slow to be asked within a second is asked again.
    let in_time = (1..=20).any(|id| {
        post_all(&server, "riverside", id, "create checkin discharge");
        explain(&server, "riverside", id, EventType::Ready)["late"] == true
    });
    assert!(in_time);
    thread::sleep(Duration::from_millis(1_100));
    let asked_at = Utc::now();
    let explained = explain(&server, "riverside", 1, EventType::Ready);
    assert_eq!((&explained["outcome"], &explained["late"]), (&"REJECTED".into(), &false.into()), "{explained}");
    assert!(time(&explained["reconsideredUntil"]) > asked_at, "{explained}");
}
