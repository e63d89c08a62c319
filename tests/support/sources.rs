//! Sources with different rules, and deliveries to them.

use serde_json::Value;

use super::server::Server;

/// A source that judges at once, one with a window that no test outlasts, one that is lenient, and one with the
/// shortest window there is.
pub const SOURCES: &str = r#"
[[source]]
name = "downtown"
route_keys = ["the-route-key-of-downtown"]
[[source]]
name = "lakeside"
route_keys = ["the-route-key-of-lakeside"]
reorder_window_s = 3600
[[source]]
name = "hilltop"
route_keys = ["the-route-key-of-hilltop"]
lifecycle = "lenient"
[[source]]
name = "riverside"
route_keys = ["the-route-key-of-riverside"]
reorder_window_s = 1
"#;

/// Posts an event, and tells the answer.
pub fn post(server: &Server, source: &str, id: u64, event: &str) -> Value {
    let body = format!(r#"{{"appointment_id": {id}, "event_type": "{event}"}}"#);
    let answer = server.post_to(&format!("the-route-key-of-{source}"), body.as_bytes());
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

/// Posts events, one after another.
pub fn post_all(server: &Server, source: &str, id: u64, events: &str) {
    events.split_whitespace().for_each(|event| drop(post(server, source, id, event)));
}

/// The positions of what a delivery let in, by position.
pub fn let_in_by(server: &Server, source: &str, id: u64, position: &Value) -> Vec<Value> {
    let filter = format!(r#"filter: {{ source: "{source}", appointmentId: "{id}" }}"#);
    let told = server.query(&format!("{{ deliveries({filter}) {{ nodes {{ position appliedAt }} }} }}"));
    let nodes = told["deliveries"]["nodes"].as_array().unwrap().clone();
    nodes.into_iter().filter(|node| node["appliedAt"] == *position).map(|node| node["position"].clone()).collect()
}
