//! `clockfold show` on what a real server has received: why an appointment is where it is.

use std::{fs, path::Path, process::Command};

use serde_json::Value;

use crate::support::{
    server::{CommandOutput, Server, clockfold, command, data_dir},
    sources::{SOURCES, let_in_by, post, post_all},
};

/// `clockfold show` of a server's data, with the configuration that [`Server::start`] wrote.
fn show(folder: &Path, arguments: &[&str]) -> CommandOutput {
    let data = data_dir(folder);
    clockfold(folder, &[], &[&["show", "--data-dir", data.to_str().unwrap()], arguments].concat())
}

/// What it prints where it has to succeed.
fn shown(folder: &Path, arguments: &[&str]) -> String {
    let told = show(folder, arguments);
    assert_eq!((told.status, told.stderr.as_str()), (0, ""), "{arguments:?}");
    told.stdout
}

fn shown_json(folder: &Path, arguments: &[&str]) -> Value {
    serde_json::from_str(&shown(folder, &[arguments, &["--format", "json"]].concat())).unwrap()
}

/// A day with everything in it: one that waits and is let in, a repeat, a placed one, an unknown type, a rejection.
const DAY: &str = "create ready checkin ready discharge callback transfer_in undo_checkin";

/// The fields of an appointment and of a delivery that GraphQL and `show` both have.
const APPOINTMENT: &str = "source appointmentId status statusSince standing firstReceivedAt lastReceivedAt lastPosition createdAt checkedInAt readyAt calledBackAt dischargedAt removedAt rescheduleCount demographicsUpdateCount allowedEvents";
const DELIVERY: &str = "position receivedAt eventType rawEventType outcome code reason outcomeAtArrival late appliedAt reconsideredUntil statusBefore statusAfter";

#[test]
fn json_tells_what_graphql_told_with_and_without_a_projection() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(folder.path(), SOURCES);
    let appointments = [
        ("lakeside", 7, DAY),
        ("downtown", 7, DAY),
        ("downtown", 8, "create reschedule remove reschedule checkin undo_remove undo_remove create CHECKIN"),
        ("hilltop", 9, "demographics_update callback discharge undo_discharge create undo_discharge"),
        ("riverside", 10, "checkin create"),
    ];
    for (source, id, events) in appointments {
        post_all(&server, source, id, events);
    }
    assert_eq!(server.post_to("the-route-key-of-lakeside", b"not JSON").status, 400);
    let told = appointments.map(|(source, id, _)| {
        let told = server.query(&format!(
            r#"{{ appointment(appointmentId: "{id}", source: "{source}") {{ {APPOINTMENT} history {{ nodes {{ {DELIVERY} }} }} }} lifecycle(source: "{source}") {{ name }} }}"#
        ));
        assert!(told["appointment"].is_object(), "{told}");
        told
    });
    assert!(server.terminate().success());
    let check = || {
        for ((source, id, events), mut told) in appointments.into_iter().zip(told.clone()) {
            let mut shown = shown_json(folder.path(), &[source, &id.to_string()]);
            assert_eq!(shown["lifecycle"]["name"], told["lifecycle"]["name"]);
            let told = told["appointment"].as_object_mut().unwrap();
            let history = told.remove("history").unwrap();
            let mut deliveries = shown["deliveries"].take();
            for (field, value) in told {
                assert_eq!(shown[field.as_str()], *value, "{source} {id}: {field}");
            }
            for delivery in deliveries.as_array_mut().unwrap() {
                assert!(delivery.as_object_mut().unwrap().remove("standingAfter").unwrap().is_array());
            }
            assert_eq!(deliveries, history["nodes"], "{source} {id}");
            assert_eq!(deliveries.as_array().unwrap().len(), events.split_whitespace().count());
        }
    };
    check();
    // Neither needs nor makes a projection.
    let projection = data_dir(folder.path()).join("projection");
    fs::remove_dir_all(&projection).unwrap();
    check();
    assert!(!projection.exists());
    // What stood right after each arrival, whatever was let in or placed later.
    let shown = shown_json(folder.path(), &["lakeside", "7"]);
    let standing = |delivery: &Value| {
        let steps = delivery["standingAfter"].as_array().unwrap().iter().map(|step| step.as_str().unwrap());
        steps.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(
        shown["deliveries"].as_array().unwrap().iter().map(standing).collect::<Vec<_>>(),
        [
            "CREATE",
            "CREATE",
            "CREATE CHECKIN READY",
            "CREATE CHECKIN READY",
            "CREATE CHECKIN READY DISCHARGE",
            "CREATE CHECKIN READY CALLBACK DISCHARGE",
            "CREATE CHECKIN READY CALLBACK DISCHARGE",
            "CREATE CHECKIN READY CALLBACK DISCHARGE",
        ]
    );
    assert_eq!(shown["lifecycle"]["reorderWindowSeconds"], 3600);
    assert!(!shown.to_string().contains("body"));
}

/// The text with each arrival time, and each time that follows from one, in the words of the tests.
fn with_fixed_times(text: &str, shown: &Value) -> String {
    let mut text = text.to_owned();
    for delivery in shown["deliveries"].as_array().unwrap() {
        let times = [&delivery["receivedAt"], &delivery["reconsideredUntil"]];
        for time in times.into_iter().filter_map(Value::as_str) {
            text = text.replace(time, "2026-03-02T15:04:05.678Z");
            text = text.replace(&time.replace('T', " ").replace('Z', ""), "2026-03-02 15:04:05.678");
        }
    }
    text
}

#[test]
fn the_table_tells_a_day_as_a_person_reads_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(folder.path(), SOURCES);
    post_all(&server, "lakeside", 7, DAY);
    post_all(&server, "lakeside", 8, "create");
    assert_eq!(server.post_to("the-route-key-of-lakeside", b"not JSON").status, 400);
    assert!(server.terminate().success());
    let text = shown(folder.path(), &["lakeside", "7"]);
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    let text = with_fixed_times(&text, &shown_json(folder.path(), &["lakeside", "7"]));
    let expected = "\
The appointment 7 of `lakeside` has been DISCHARGED since 2026-03-02 15:04:05.678 UTC.
It is folded by `strict`, with a reorder window of 3600 s.
Below each delivery: why it was not applied, and the steps that stood right after it arrived. The
rest is as folded up to the end of the log.

POSITION  RECEIVED (UTC)           EVENT         OUTCOME       STATUS BEFORE  STATUS AFTER
1         2026-03-02 15:04:05.678  create        APPLIED       NONE           SCHEDULED
          stands: create
2         2026-03-02 15:04:05.678  ready         APPLIED       CHECKED_IN     READY
          It was REJECTED when it arrived; position 3 let it in.
          stands: create
3         2026-03-02 15:04:05.678  checkin       APPLIED       SCHEDULED      CHECKED_IN
          stands: create, checkin, ready
4         2026-03-02 15:04:05.678  ready         DUPLICATE     READY          READY
          STEP_STANDS: `ready` was not applied: the appointment was READY, and `ready` stands
          already; its first time is kept.
          stands: create, checkin, ready
5         2026-03-02 15:04:05.678  discharge     APPLIED       CALLED_BACK    DISCHARGED
          stands: create, checkin, ready, discharge
6         2026-03-02 15:04:05.678  callback      APPLIED late  READY          CALLED_BACK
          It had been overtaken, and was put before what had overtaken it.
          stands: create, checkin, ready, callback, discharge
7         2026-03-02 15:04:05.678  transfer_in   UNRECOGNIZED  DISCHARGED     DISCHARGED
          UNKNOWN_EVENT_TYPE: The event type is none of the 13 that are known, to the letter. The
          delivery was kept and changes nothing.
          stands: create, checkin, ready, callback, discharge
8         2026-03-02 15:04:05.678  undo_checkin  REJECTED      DISCHARGED     DISCHARGED
          STEP_NOT_LAST: `undo_checkin` was not applied: the appointment was DISCHARGED, and
          `undo_checkin` is applied only where `checkin` is the last step that stands. It waits
          until 2026-03-02T15:04:05.678Z for what it may have overtaken.
          stands: create, checkin, ready, callback, discharge

Not listed: 1 delivery from `lakeside` that could not be read; a body that can't be read names no
appointment.
";
    assert!(text == expected, "{text}");
}

#[test]
fn show_explains_what_then_happens() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(folder.path(), SOURCES);
    post_all(&server, "lakeside", 7, "create checkin discharge");
    post_all(&server, "downtown", 8, "create checkin");
    post_all(&server, "downtown", 9, "checkin");
    post_all(&server, "lakeside", 10, "create ready");
    assert!(server.terminate().success());
    let cases = [
        (
            "downtown",
            8,
            "ready",
            "APPLIED",
            "`ready` would be applied: the appointment is CHECKED_IN and becomes READY.",
        ),
        (
            "downtown",
            8,
            "callback",
            "APPLIED",
            "`callback` would be applied: the appointment is CHECKED_IN and becomes CALLED_BACK.",
        ),
        (
            "downtown",
            8,
            "undo_ready",
            "REJECTED",
            "`undo_ready` would not be applied: the appointment is CHECKED_IN, and `undo_ready` is applied only where `ready` is the last step that stands; `ready` was never done.",
        ),
        (
            "downtown",
            8,
            "checkin",
            "DUPLICATE",
            "`checkin` would not be applied: the appointment is CHECKED_IN, and `checkin` stands already; its first time is kept.",
        ),
        (
            "downtown",
            9,
            "create",
            "APPLIED",
            "`create` would be applied: there is no appointment yet, and it becomes SCHEDULED.",
        ),
        (
            "lakeside",
            7,
            "ready",
            "APPLIED",
            "`ready` would be applied: it would be put before `discharge`, which overtook it. The appointment stays DISCHARGED.",
        ),
        (
            "lakeside",
            10,
            "checkin",
            "APPLIED",
            "`checkin` would be applied: the appointment is SCHEDULED and becomes CHECKED_IN. It would let in what waits at position 8. The appointment becomes READY.",
        ),
    ];
    let explained = cases.map(|(source, id, event, outcome, reason)| {
        let arguments = [source, &id.to_string(), "--explain", event];
        let explained = shown_json(folder.path(), &arguments);
        assert_eq!((&explained["outcome"], &explained["reason"]), (&outcome.into(), &reason.into()));
        let text = shown(folder.path(), &arguments);
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            text.starts_with(&format!("If `{event}` arrived for the appointment {id} of `{source}` at ")),
            "{text}"
        );
        assert!(words(&text).contains(&format!("outcome {outcome}")), "{text}");
        assert!(words(&text).ends_with(&format!("reason {}", words(reason))), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
        explained
    });
    // Each on a server of its own: they are about the same appointments.
    for ((source, id, event, ..), explained) in cases.into_iter().zip(explained) {
        let copy = tempfile::tempdir().unwrap();
        let (from, to) = (data_dir(folder.path()), data_dir(copy.path()));
        let copied = Command::new("cp").arg("-r").args([&from, &to]).status().unwrap();
        assert!(copied.success());
        let server = Server::start(copy.path(), SOURCES);
        let told = post(&server, source, id, event);
        for (explained, told) in [
            (&explained["outcome"], &told["outcome"]),
            (&explained["code"], &told["code"]),
            (&explained["late"], &told["late"]),
            (&explained["statusAfter"], &told["status"]),
        ] {
            assert_eq!(explained, told, "{source} {id} {event}");
        }
        let let_in = let_in_by(&server, source, id, &told["position"]);
        assert_eq!(explained["letsIn"], Value::Array(let_in), "{source} {id} {event}");
    }
}

#[test]
fn what_cannot_be_shown_is_told_with_what_helps() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(folder.path(), SOURCES);
    let refused = |arguments: &[&str], expected: &str| {
        let told = show(folder.path(), arguments);
        assert_eq!((told.status, told.stdout.as_str()), (1, ""), "{arguments:?}");
        assert!(told.stderr.contains(expected), "{arguments:?}: {}", told.stderr);
        told.stderr
    };
    // A running server holds the log; what to ask it can be pasted.
    post_all(&server, "downtown", 7, "ready create ready");
    let pasted = |arguments: &[&str]| {
        let told = refused(arguments, "hint: or ask the running server, at /graphql:");
        assert!(told.contains(&format!("(process {})", server.id())) && told.contains("stop that process first"));
        server.query(told.trim_end().lines().last().unwrap().trim())
    };
    let told = pasted(&["downtown", "7"]);
    assert_eq!(
        (&told["appointment"]["status"], &told["deliveries"]["nodes"][2]["code"]),
        (&"SCHEDULED".into(), &"STATUS_NOT_ALLOWED".into())
    );
    assert_eq!(
        pasted(&["downtown", "7", "--explain", "checkin"])["appointment"]["explain"]["statusAfter"],
        "CHECKED_IN"
    );

    post_all(&server, "downtown", 9, "checkin ready");
    post_all(&server, "lakeside", 11, "create");
    assert_eq!(server.post_to("the-route-key-of-downtown", b"not JSON").status, 400);
    assert!(server.terminate().success());
    let known = "no delivery from a source `uptown`; it knows: downtown, lakeside";
    refused(&["uptown", "7"], known);
    refused(&["uptown", "7", "--explain", "ready"], known);
    let nowhere = "no delivery from `downtown` names the appointment 11; 1 delivery from it could not be read\n  hint: this number is used by: lakeside";
    refused(&["downtown", "11"], nowhere);
    refused(&["downtown", "11", "--format", "json"], nowhere);
    // Deliveries name it, but none brought it into being: they are shown all the same.
    let told = show(folder.path(), &["downtown", "9"]);
    assert_eq!(told.status, 1);
    assert!(told.stdout.contains("NOT_CREATED") && told.stdout.contains("has not come into being"), "{}", told.stdout);
    assert!(
        told.stderr.contains("has not come into being: 2 deliveries name it, and none was applied"),
        "{}",
        told.stderr
    );
    let told = show(folder.path(), &["downtown", "9", "--format", "json"]);
    let shown: Value = serde_json::from_str(&told.stdout).unwrap();
    assert_eq!((told.status, &shown["status"], shown["deliveries"].as_array().unwrap().len()), (1, &Value::Null, 2));
    // A wrong event is wrong usage.
    let told = show(folder.path(), &["downtown", "7", "--explain", "chekin"]);
    assert_eq!((told.status, told.stdout.as_str()), (2, ""));
    assert!(told.stderr.contains("a similar value exists: 'checkin'"), "{}", told.stderr);
    // Nothing is made where there is nothing.
    let told = clockfold(folder.path(), &[], &["show", "downtown", "7", "--data-dir", "elsewhere"]);
    assert_eq!((told.status, told.stdout.as_str()), (1, ""));
    assert!(told.stderr.contains("no log in the data directory elsewhere\n  hint: "), "{}", told.stderr);
    assert!(!folder.path().join("elsewhere").exists());
}

#[test]
fn what_a_sender_wrote_moves_no_cursor_and_other_rules_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(folder.path(), SOURCES);
    post_all(&server, "hilltop", 7, "callback");
    let odd = br#"{"appointment_id": 7, "event_type": "\u001b[2J\u202e\u009b2J\u2067checkin"}"#;
    assert_eq!(server.post_to("the-route-key-of-hilltop", odd).status, 200);
    assert!(server.terminate().success());
    let text = shown(folder.path(), &["hilltop", "7"]);
    assert!(text.contains("folded by `lenient`, without a reorder window.") && text.contains("\\u{1b}[2J"), "{text}");
    assert!(text.is_ascii() && text.chars().all(|character| character == '\n' || !character.is_control()), "{text}");
    let json = shown(folder.path(), &["hilltop", "7", "--format", "json"]);
    assert!(json.is_ascii() && json.chars().all(|character| character == '\n' || !character.is_control()), "{json}");
    let shown = shown_json(folder.path(), &["hilltop", "7"]);
    assert_eq!(shown["deliveries"][1]["rawEventType"], "\u{1b}[2J\u{202e}\u{9b}2J\u{2067}checkin");
    // By a configuration without the source it is folded by the default, and that is said.
    fs::write(folder.path().join("clockfold.toml"), "").unwrap();
    let told = show(folder.path(), &["hilltop", "7"]);
    assert_eq!(told.status, 1);
    assert!(
        told.stdout.contains("by `strict`, without a reorder window: the configuration does not have this source."),
        "{}",
        told.stdout
    );
}

#[test]
fn the_source_of_a_first_start_is_shown_too() {
    let folder = tempfile::tempdir().unwrap();
    let mut serve = command(folder.path());
    serve.args(["serve", "--listen", "127.0.0.1:0"]);
    let mut server = Server::spawn(serve);
    while !server.printed().contains("/graphql -H") {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let printed = server.printed();
    let key = printed.split("/webhook/").nth(1).unwrap().split_whitespace().next().unwrap();
    assert_eq!(server.post_to(key, br#"{"appointment_id": 12345, "event_type": "create"}"#).status, 200);
    assert!(server.terminate().success());
    let told = clockfold(folder.path(), &[], &["show", "first", "12345"]);
    assert_eq!((told.status, told.stderr.as_str()), (0, ""));
    assert!(told.stdout.contains("It is folded by `strict`, without a reorder window.\n"), "{}", told.stdout);
}
