//! `GET /board.csv`: the whole board as a file that a spreadsheet reads, to readers alone.

use std::{collections::BTreeSet, path::Path, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};
use clockfold::log::{AppointmentId, Clock, DataDir, Log, NewDelivery, Reading, SledLog};

use crate::support::server::{Answer, Server, data_dir};

const ADMIN: &str = "the-token-that-sees-everything";
const VIEWER: &str = "the-token-that-sees-the-dash";

const HEADER: &str =
    "source,appointmentId,status,statusSince,stale,lastEventType,lastOutcome,lastReceivedAt,lastPosition,deliveries";

/// Two sources, of which one has a name that a spreadsheet would take for a sum; an admin and a viewer of that one.
fn config() -> String {
    format!(
        "[[source]]\nname = \"downtown\"\nroute_keys = [\"a-key-of-the-clinic-downtown\"]\n\
         [[source]]\nname = \"-dash\"\nroute_keys = [\"a-key-of-the-clinic-with-a-dash\"]\n\
         [[reader]]\nname = \"ops\"\ntoken = \"{ADMIN}\"\nrole = \"admin\"\n\
         [[reader]]\nname = \"desk\"\ntoken = \"{VIEWER}\"\nsources = [\"-dash\"]\n"
    )
}

/// Appends deliveries that arrived so many hours ago.
fn arrived(folder: &Path, hours_ago: i64, deliveries: &[(&str, u64, &str)]) {
    let at: DateTime<Utc> = Utc::now() - TimeDelta::hours(hours_ago);
    let clock: Clock = Arc::new(move || at);
    let log = SledLog::open(&DataDir::at(data_dir(folder)), clock).unwrap();
    let delivery = |(source, id, event): &(&str, u64, &str)| NewDelivery {
        source: source.parse().unwrap(),
        reading: Reading::Readable { appointment_id: AppointmentId::new(*id).unwrap(), event_type: (*event).into() },
        delivery_id: None,
        body: format!(r#"{{"appointment_id": {id}, "event_type": "{event}"}}"#).into_bytes(),
    };
    for group in deliveries.chunks(500) {
        log.append(group.iter().map(delivery).collect()).unwrap();
    }
}

fn ask(server: &Server, query: &str, token: &str) -> Answer {
    server.request("GET", &format!("/board.csv{query}"), &[("Authorization", &format!("Bearer {token}"))], b"")
}

/// The rows under the header.
fn rows(answer: &Answer) -> Vec<Vec<String>> {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let text = answer.text();
    assert!(text.ends_with("\r\n") && text.matches('\n').count() == text.matches("\r\n").count());
    let mut lines = text.split_terminator("\r\n");
    assert_eq!(lines.next(), Some(HEADER));
    lines.map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

#[test]
fn every_row_of_the_board_is_there_and_nothing_is_cut() {
    let folder = tempfile::tempdir().unwrap();
    arrived(folder.path(), 30, &[("downtown", 1, "create"), ("downtown", 1, "checkin"), ("downtown", 2, "create")]);
    arrived(folder.path(), 26, &[("downtown", 2, "remove")]);
    arrived(folder.path(), 3, &[("downtown", 3, "create"), ("downtown", 3, "checkin"), ("downtown", 3, "discharge")]);
    // More than a column of the GraphQL board has, and a history that is longer than a row of it.
    let many: Vec<_> = (10_000..15_600).map(|id| ("-dash", id, "create")).collect();
    arrived(folder.path(), 2, &many);
    let checks: Vec<_> = (0..16).flat_map(|_| [("-dash", 9, "create"), ("-dash", 9, "CHECKIN")]).collect();
    arrived(folder.path(), 1, &checks);
    let server = Server::start(folder.path(), &config());

    let answer = ask(&server, "", ADMIN);
    assert_eq!(answer.header("content-type"), Some("text/csv; charset=utf-8; header=present"));
    let disposition = answer.header("content-disposition").unwrap();
    assert!(
        disposition.starts_with("attachment; filename=\"board-2") && disposition.ends_with("Z.csv\""),
        "{disposition}"
    );
    let rows = rows(&answer);
    let ids: BTreeSet<(&str, &str)> = rows.iter().map(|row| (row[0].as_str(), row[1].as_str())).collect();
    assert_eq!((rows.len(), ids.len()), (5_603, 5_603));
    assert!(rows.iter().all(|row| row.len() == 10));
    let row = |id: &str| rows.iter().find(|row| row[1] == id).unwrap();
    let words = |id: &str| {
        let row = row(id);
        [0, 2, 4, 5, 6, 9].map(|column: usize| row[column].clone())
    };
    assert_eq!(words("1"), ["downtown", "CHECKED_IN", "yes", "CHECKIN", "APPLIED", "2"]);
    assert_eq!(words("3"), ["downtown", "DISCHARGED", "no", "DISCHARGE", "APPLIED", "3"]);
    // An event type that is not known has no name of ours; and no sum begins with a hyphen.
    assert_eq!(words("9"), ["'-dash", "SCHEDULED", "no", "", "UNRECOGNIZED", "32"]);
    assert_eq!(words("12345"), ["'-dash", "SCHEDULED", "no", "CREATE", "APPLIED", "1"]);
    // As GraphQL tells it.
    let query = r#"{ board(source: "downtown", endedWithinHours: 40) {
        columns { status appointments { appointmentId statusSince lastReceivedAt lastPosition } }
        stale { appointments { appointmentId statusSince lastReceivedAt lastPosition } } } }"#;
    let board = server.query_as(Some(ADMIN), query)["data"]["board"].clone();
    let mut told: BTreeSet<Vec<String>> = BTreeSet::new();
    let columns = board["columns"].as_array().unwrap().iter().chain([&board["stale"]]);
    for appointment in columns.flat_map(|column| column["appointments"].as_array().unwrap()) {
        let fields = ["appointmentId", "statusSince", "lastReceivedAt", "lastPosition"];
        told.insert(fields.map(|field| appointment[field].as_str().unwrap().to_owned()).into());
    }
    let listed = self::rows(&ask(&server, "?source=downtown&endedWithinHours=40", ADMIN));
    let listed: BTreeSet<Vec<String>> =
        listed.iter().map(|row| [1, 3, 7, 8].map(|column: usize| row[column].clone()).into()).collect();
    assert_eq!((listed.len(), &listed), (3, &told));
}

#[test]
fn it_is_for_readers_and_of_their_sources() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &config());
    assert_eq!(rows(&ask(&server, "", ADMIN)), Vec::<Vec<String>>::new());
    for (key, id) in [("a-key-of-the-clinic-downtown", 1), ("a-key-of-the-clinic-with-a-dash", 2)] {
        let body = format!(r#"{{"appointment_id": {id}, "event_type": "create"}}"#);
        assert_eq!(server.post_to(key, body.as_bytes()).status, 200);
    }
    let ids = |query: &str, token: &str| -> Vec<String> {
        rows(&ask(&server, query, token)).iter().map(|row| row[1].clone()).collect()
    };
    assert_eq!(ids("", ADMIN), ["2", "1"]);
    assert_eq!(ids("?source=downtown", ADMIN), ["1"]);
    assert_eq!(ids("", VIEWER), ["2"]);
    for (query, token, status, code) in [
        ("", "wrong-wrong-wrong-wrong", 401, "UNAUTHENTICATED"),
        ("?source=downtown", VIEWER, 404, "SOURCE_NOT_FOUND"),
        ("?endedWithinHours=745", ADMIN, 400, "BAD_BOARD"),
        ("?endedWithinHours=x", ADMIN, 400, "BAD_BOARD"),
        ("?status=READY", ADMIN, 400, "BAD_BOARD"),
    ] {
        let answer = ask(&server, query, token);
        assert_eq!((answer.status, answer.json()["code"].as_str()), (status, Some(code)), "{query}");
    }
    assert_eq!(server.get("/board.csv").status, 401);
    assert_eq!(server.request("POST", "/board.csv", &[("Authorization", &format!("Bearer {ADMIN}"))], b"").status, 405);
}
