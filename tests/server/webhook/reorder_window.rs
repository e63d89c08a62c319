//! The reorder window of the real program over GraphQL: what is told of a delivery that was put before others, of one
//! that waits and of one that was let in, and that `kill -9` in the middle of a window and a deleted projection
//! change none of it.

use std::{fs, path::Path};

use chrono::{DateTime, TimeDelta};
use serde_json::Value;

use crate::support::server::{CONFIG, Server, data_dir};

/// Longer than the test takes on any machine.
const WINDOW_S: i64 = 600;

fn start(folder: &Path) -> Server {
    Server::start(folder, &format!("{CONFIG}reorder_window_s = {WINDOW_S}\n"))
}

/// Delivers, and checks the outcome and the status that are answered.
fn deliver(server: &Server, appointment_id: u64, event: &str, expected: &str) -> Value {
    let answer = server.deliver(appointment_id, event).json();
    let late = if answer["late"] == true { " late" } else { "" };
    let told = format!("{} {}{late}", word(&answer["outcome"]), word(&answer["status"]));
    assert_eq!(told, expected, "{event} {appointment_id}");
    answer
}

/// Each delivery that names the appointment, as words; and the same from the appointment's history, if it has one.
fn told(server: &Server, appointment_id: u64) -> Vec<String> {
    const FIELDS: &str = "nodes { position receivedAt eventType outcome outcomeAtArrival late appliedAt reconsideredUntil statusBefore statusAfter }";
    let data = server.query(&format!(
        r#"{{
            deliveries(filter: {{ source: "downtown", appointmentId: "{appointment_id}" }}) {{ {FIELDS} }}
            appointment(source: "downtown", appointmentId: {appointment_id}) {{ history {{ {FIELDS} }} }}
        }}"#
    ));
    if !data["appointment"].is_null() {
        assert_eq!(data["appointment"]["history"], data["deliveries"]);
    }
    data["deliveries"]["nodes"].as_array().unwrap().iter().map(line).collect()
}

fn line(delivery: &Value) -> String {
    let mut words: Vec<String> =
        ["position", "eventType", "outcomeAtArrival"].map(|field| word(&delivery[field])).into();
    if delivery["outcome"] != delivery["outcomeAtArrival"] {
        words.push(format!("then {}", word(&delivery["outcome"])));
    }
    if !delivery["appliedAt"].is_null() {
        words.push(format!("at {}", word(&delivery["appliedAt"])));
    }
    words.extend((delivery["late"] == true).then(|| "late".to_owned()));
    if let Some(until) = delivery["reconsideredUntil"].as_str() {
        let time = |text: &str| DateTime::parse_from_rfc3339(text).unwrap();
        let received_at = time(delivery["receivedAt"].as_str().unwrap());
        assert_eq!(time(until), received_at + TimeDelta::seconds(WINDOW_S));
        words.push("waits".to_owned());
    }
    words.push(format!("{}..{}", word(&delivery["statusBefore"]), word(&delivery["statusAfter"])));
    words.join(" ")
}

fn word(value: &Value) -> String {
    value.as_str().unwrap_or("NONE").to_owned()
}

/// `kill -9`, and another start that finds the projection as it was left.
fn kill_and_restart(mut server: Server, folder: &Path) -> Server {
    server.kill();
    let server = start(folder);
    assert!(!server.printed().contains("built anew"), "the projection did not survive: {}", server.printed());
    server
}

/// The same, with the projection deleted in between.
fn kill_and_rebuild(mut server: Server, folder: &Path) -> Server {
    server.kill();
    fs::remove_dir_all(data_dir(folder).join("projection")).unwrap();
    start(folder)
}

#[test]
fn what_was_put_before_others_and_what_waits_are_told_and_survive_a_kill_and_a_rebuild() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path());
    let answer = deliver(&server, 7, "checkin", "REJECTED NONE");
    assert_eq!(word(&answer["code"]), "NOT_CREATED");
    let until = DateTime::parse_from_rfc3339(answer["reconsideredUntil"].as_str().unwrap()).unwrap();
    let received_at = DateTime::parse_from_rfc3339(answer["receivedAt"].as_str().unwrap()).unwrap();
    assert_eq!(until, received_at + TimeDelta::seconds(WINDOW_S));
    deliver(&server, 8, "create", "APPLIED SCHEDULED");
    deliver(&server, 8, "checkin", "APPLIED CHECKED_IN");
    deliver(&server, 8, "discharge", "APPLIED DISCHARGED");
    let answer = deliver(&server, 8, "ready", "APPLIED DISCHARGED late");
    assert!(answer.get("code").is_none() && answer.get("reconsideredUntil").is_none(), "{answer}");
    deliver(&server, 9, "checkin", "REJECTED NONE");
    deliver(&server, 9, "checkin", "REJECTED NONE");
    let placed = [
        "2 CREATE APPLIED NONE..SCHEDULED",
        "3 CHECKIN APPLIED SCHEDULED..CHECKED_IN",
        "4 DISCHARGE APPLIED READY..DISCHARGED",
        "5 READY APPLIED late CHECKED_IN..READY",
    ];
    let waiting_7 = ["1 CHECKIN REJECTED waits NONE..NONE"];
    let waiting_9 = ["6 CHECKIN REJECTED waits NONE..NONE", "7 CHECKIN REJECTED waits NONE..NONE"];
    let check = |server: &Server| {
        assert_eq!(told(server, 7), waiting_7);
        assert_eq!(told(server, 8), placed);
        assert_eq!(told(server, 9), waiting_9);
    };
    check(&server);

    // What waits is part of the checkpoint: the create comes to another process, within the window.
    let server = kill_and_restart(server, folder.path());
    check(&server);
    deliver(&server, 7, "create", "APPLIED CHECKED_IN");
    let let_in_7 = ["1 CHECKIN REJECTED then APPLIED at 8 SCHEDULED..CHECKED_IN", "8 CREATE APPLIED NONE..SCHEDULED"];
    assert_eq!(told(&server, 7), let_in_7);

    // It is also what the log alone says.
    let server = kill_and_rebuild(server, folder.path());
    assert_eq!(told(&server, 7), let_in_7);
    assert_eq!(told(&server, 8), placed);
    assert_eq!(told(&server, 9), waiting_9);
    deliver(&server, 9, "create", "APPLIED CHECKED_IN");
    deliver(&server, 9, "ready", "APPLIED READY");
    let let_in_9 = [
        "6 CHECKIN REJECTED then APPLIED at 9 SCHEDULED..CHECKED_IN",
        "7 CHECKIN REJECTED then DUPLICATE CHECKED_IN..CHECKED_IN",
        "9 CREATE APPLIED NONE..SCHEDULED",
        "10 READY APPLIED CHECKED_IN..READY",
    ];
    // After a rebuild an undo leads back to what was put before, and what is let in may be overtaken.
    deliver(&server, 8, "undo_discharge", "APPLIED READY");
    deliver(&server, 10, "discharge", "REJECTED NONE");
    deliver(&server, 10, "checkin", "REJECTED NONE");
    deliver(&server, 10, "create", "APPLIED DISCHARGED");
    deliver(&server, 10, "ready", "APPLIED DISCHARGED late");
    let let_in_10 = [
        "12 DISCHARGE REJECTED then APPLIED at 14 READY..DISCHARGED",
        "13 CHECKIN REJECTED then APPLIED at 14 SCHEDULED..CHECKED_IN",
        "14 CREATE APPLIED NONE..SCHEDULED",
        "15 READY APPLIED late CHECKED_IN..READY",
    ];
    let check = |server: &Server| {
        assert_eq!(told(server, 9), let_in_9);
        assert_eq!(told(server, 10), let_in_10);
    };
    check(&server);
    let server = kill_and_restart(server, folder.path());
    check(&server);
    check(&kill_and_rebuild(server, folder.path()));
}
