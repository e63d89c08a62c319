//! Each field of the schema against roles and sources, on the real program: for a reader of one source, another source
//! is the same as one that does not exist, wherever it is named and whichever field is asked.

use std::collections::BTreeSet;

use serde_json::json;

use crate::support::server::Server;

const ADMIN: &str = "the-token-of-an-admin-of-all";
const VIEWER: &str = "the-token-of-a-viewer-of-all";
const LIMITED: &str = "the-token-of-the-lakeside-desk";
const LIMITED_ADMIN: &str = "the-token-of-the-lakeside-admin";

const CONFIG: &str = r#"
[[source]]
name = "downtown"
route_keys = ["the-route-key-of-downtown"]
[[source]]
name = "lakeside"
route_keys = ["the-route-key-of-lakeside"]
[[reader]]
name = "admin"
token = "the-token-of-an-admin-of-all"
role = "admin"
[[reader]]
name = "viewer"
token = "the-token-of-a-viewer-of-all"
[[reader]]
name = "lakeside-desk"
token = "the-token-of-the-lakeside-desk"
sources = ["lakeside"]
[[reader]]
name = "lakeside-admin"
token = "the-token-of-the-lakeside-admin"
role = "admin"
sources = ["lakeside"]
"#;

/// Every field that names a source or an appointment, with `SOURCE` for a source, `ID` for an appointment of it, `NODE`
/// and `PAST` for its ids, `DELIVERY` for the id of one of its deliveries, and `POSITION` for its position.
const NAMING: &[&str] = &[
    r#"{ appointment(appointmentId: ID, source: "SOURCE") { id history { totalCount } explain(eventType: READY) { reason } } }"#,
    r#"{ appointment(appointmentId: ID, source: "SOURCE", asOfPosition: "POSITION") { id } }"#,
    r#"{ appointment(appointmentId: ID, source: "SOURCE", asOf: "2100-01-01T00:00:00Z") { id } }"#,
    "{ appointment(appointmentId: ID) { id source } }",
    r#"{ appointment(appointmentId: ID, asOfPosition: "POSITION") { id source } }"#,
    r#"{ appointments(filter: { source: "SOURCE" }) { totalCount nodes { id } } }"#,
    r#"{ appointments(filter: { source: "SOURCE", status: [SCHEDULED] }, asOfPosition: "POSITION") { totalCount nodes { id } } }"#,
    r#"{ deliveries(filter: { source: "SOURCE" }) { totalCount nodes { id } } }"#,
    r#"{ deliveries(filter: { source: "SOURCE", appointmentId: ID, outcome: [APPLIED] }) { totalCount nodes { id } } }"#,
    "{ deliveries(filter: { appointmentId: ID }) { totalCount nodes { id } } }",
    r#"{ statusCounts(source: "SOURCE") { status count } }"#,
    r#"{ statusCounts(source: "SOURCE", asOfPosition: "POSITION") { status count } }"#,
    r#"{ board(source: "SOURCE") { columns { count } stale { count } } }"#,
    r#"{ board(source: "SOURCE", asOfPosition: "POSITION") { columns { count appointments { id } } } }"#,
    r#"{ patientFlow(source: "SOURCE", from: "2026-01-01T00:00:00Z", to: "2026-01-02T00:00:00Z", interval: DAY) { __typename } }"#,
    r#"{ rejections(source: "SOURCE", from: "2026-01-01T00:00:00Z", to: "2100-01-02T00:00:00Z") { groups { source count } advice { source } } }"#,
    r#"{ lifecycle(source: "SOURCE") { name reorderWindowSeconds } }"#,
    r#"{ appointments(filter: { source: "SOURCE", appointmentIds: [ID] }, orderBy: { field: STATUS_SINCE }) { totalCount nodes { id } } }"#,
    "{ appointments(filter: { appointmentIds: [ID] }) { totalCount nodes { id } } }",
    r#"{ appointments(filter: { appointmentIdPrefix: "3", lastReceivedAt: { to: "2100-01-01T00:00:00Z" } }) { totalCount nodes { id } } }"#,
    r#"{ deliveries(filter: { source: "SOURCE", eventType: [CREATE], receivedAt: { to: "2100-01-01T00:00:00Z" } }) { totalCount nodes { id } } }"#,
    "{ deliveries(filter: { appointmentIds: [ID] }) { totalCount nodes { id } } }",
    r#"{ nodes(ids: ["NODE", "PAST", "DELIVERY"]) { id } }"#,
    r#"{ node(id: "NODE") { id ... on Appointment { status } } }"#,
    r#"{ node(id: "PAST") { id ... on Appointment { status } } }"#,
    r#"{ node(id: "DELIVERY") { id ... on Delivery { source body } } }"#,
    r#"mutation { refoldAppointment(source: "SOURCE", appointmentId: ID) { changed } }"#,
    r#"mutation { rebuildProjection(dryRun: true, source: "SOURCE") { state } }"#,
];

/// Fields that name neither; what they tell of several sources is looked at below.
const NAMING_NOTHING: &[&str] = &["log", "rebuild", "cancelRebuild", "reader", "sources"];

struct House {
    _folder: tempfile::TempDir,
    server: Server,
}

/// Downtown has appointments 1 to 4 and lakeside 7: no number of one is the other's.
fn house() -> House {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), CONFIG);
    for (source, ids) in [("downtown", 1..=4), ("lakeside", 7..=7)] {
        for id in ids {
            let body = format!(r#"{{"appointment_id": {id}, "event_type": "create"}}"#);
            assert_eq!(server.post_to(&format!("the-route-key-of-{source}"), body.as_bytes()).status, 200);
        }
    }
    House { _folder: folder, server }
}

/// A query of [`NAMING`] about an appointment that the admin sees.
fn about(house: &House, template: &str, source: &str, appointment_id: u64) -> String {
    let asked = format!(
        "{{ now: appointment(source: \"{source}\", appointmentId: {appointment_id}) {{ id history {{ nodes {{ id position }} }} }} }}"
    );
    let now = house.server.query_as(Some(ADMIN), &asked)["data"]["now"].clone();
    let delivery = &now["history"]["nodes"][0];
    let position = delivery["position"].as_str().unwrap();
    let past = format!(
        "{{ then: appointment(source: \"{source}\", appointmentId: {appointment_id}, asOfPosition: \"{position}\") {{ id }} }}"
    );
    let past = house.server.query_as(Some(ADMIN), &past)["data"]["then"]["id"].clone();
    let query = filled(template, source, appointment_id);
    let query = query.replace("\"NODE\"", &now["id"].to_string()).replace("\"PAST\"", &past.to_string());
    query.replace("\"DELIVERY\"", &delivery["id"].to_string()).replace("POSITION", position)
}

fn filled(template: &str, source: &str, appointment_id: u64) -> String {
    let id = appointment_id.to_string();
    template.replace("SOURCE", source).replace(": ID", &format!(": {id}")).replace("[ID]", &format!("[{id}]"))
}

/// The same query about what nobody has: a source, a number, a place in the log.
fn about_nothing(template: &str) -> String {
    // `a1:nowhere-:9`, `p1:1:nowhere-:9` and `d1:99`, as ids are written.
    let query =
        filled(template, "nowhere-", 9).replace("Prefix: \"3\"", "Prefix: \"9\"").replace("NODE", "YTE6bm93aGVyZS06OQ");
    query.replace("PAST", "cDE6MTpub3doZXJlLTo5").replace("DELIVERY", "ZDE6OTk").replace("POSITION", "1")
}

#[test]
fn another_source_is_the_same_as_none() {
    let house = house();
    for template in NAMING {
        for token in [LIMITED, LIMITED_ADMIN] {
            let other = house.server.query_as(Some(token), &about(&house, template, "downtown", 3));
            let none = house.server.query_as(Some(token), &about_nothing(template));
            assert_eq!(other, none, "{template}");
            let text = other.to_string();
            assert!(!text.contains("downtown") && !text.contains("SCHEDULED\",\"count\":4"), "{template}: {text}");
        }
        // And it is there: who may see it is told something else.
        let admin = house.server.query_as(Some(ADMIN), &about(&house, template, "downtown", 3));
        assert_ne!(admin, house.server.query_as(Some(ADMIN), &about_nothing(template)), "{template}: {admin}");
        assert!(admin.get("errors").is_none(), "{template}: {admin}");
    }
}

#[test]
fn every_field_is_in_the_table() {
    let house = house();
    let query = "{ __schema { queryType { fields { name } } mutationType { fields { name } } } }";
    let schema = house.server.query_as(Some(ADMIN), query)["data"]["__schema"].clone();
    for kind in ["queryType", "mutationType"] {
        for field in schema[kind]["fields"].as_array().unwrap() {
            let name = field["name"].as_str().unwrap();
            let named = NAMING.iter().any(|query| query.contains(&format!("{{ {name}(")));
            assert!(named || NAMING_NOTHING.contains(&name), "`{name}` is in no table: which sources does it tell of?");
        }
    }
}

#[test]
fn where_no_source_is_named_only_the_readers_counts() {
    let house = house();
    let everything = "{ appointments { totalCount nodes { source } } deliveries { totalCount nodes { source } } statusCounts { status count } \
                      board { columns { status count appointments { source } } stale { count } } }";
    for token in [LIMITED, LIMITED_ADMIN] {
        let told = house.server.query_as(Some(token), everything)["data"].clone();
        assert_eq!((&told["appointments"]["totalCount"], &told["deliveries"]["totalCount"]), (&json!(1), &json!(1)));
        let scheduled = json!({ "status": "SCHEDULED", "count": 1 });
        assert_eq!(told["statusCounts"][0], scheduled, "{told}");
        assert_eq!((&told["board"]["columns"][0]["count"], &told["board"]["stale"]["count"]), (&json!(1), &json!(0)));
        assert!(!told.to_string().contains("downtown"), "{told}");
    }
    let told = house.server.query_as(Some(VIEWER), everything)["data"].clone();
    assert_eq!(told["appointments"]["totalCount"], 5);
}

#[test]
fn a_reader_is_told_who_it_is_and_of_its_own_sources_alone() {
    let house = house();
    let query = "{ reader { name role sources signedIn idleSignOutMinutes } sources { name } }";
    let names = |sources: &[&str]| sources.iter().map(|name| json!({ "name": name })).collect::<Vec<_>>();
    for (token, name, role, sources) in [
        (ADMIN, "admin", "ADMIN", None),
        (VIEWER, "viewer", "VIEWER", None),
        (LIMITED, "lakeside-desk", "VIEWER", Some(["lakeside"])),
        (LIMITED_ADMIN, "lakeside-admin", "ADMIN", Some(["lakeside"])),
    ] {
        let reader =
            json!({ "name": name, "role": role, "sources": sources, "signedIn": false, "idleSignOutMinutes": 15 });
        let seen = sources.map_or(names(&["downtown", "lakeside"]), |sources| names(&sources));
        let told = house.server.query_as(Some(token), query);
        assert_eq!(told, json!({ "data": { "reader": reader, "sources": seen } }));
    }
}

#[test]
fn sources_are_told_as_they_are_configured() {
    let folder = tempfile::tempdir().unwrap();
    let config = "[[source]]\nname = \"uptown\"\nroute_keys = [\"the-route-key-of-uptown\"]\n\
                  [[source]]\nname = \"downtown\"\nroute_keys = [\"the-route-key-of-downtown\"]\nlifecycle = \"walk_in\"\n\
                  reorder_window_s = 5\nstale_after_hours = 12\nbooking_horizon_days = 60\ntime_zone = \"America/New_York\"\n\
                  long_wait_minutes = 20\nvery_long_wait_minutes = 20\n";
    let server = Server::start(folder.path(), config);
    let told = server.query(
        "{ reader { name role sources signedIn idleSignOutMinutes } sources { name timeZone lifecycle reorderWindowSeconds \
         staleAfterHours bookingHorizonDays longWaitMinutes veryLongWaitMinutes } }",
    );
    // Without a reader, this machine itself is nobody in particular and may do everything.
    let reader =
        json!({ "name": null, "role": "ADMIN", "sources": null, "signedIn": false, "idleSignOutMinutes": null });
    assert_eq!(told["reader"], reader);
    let downtown = json!({
        "name": "downtown", "timeZone": "America/New_York", "lifecycle": "walk_in", "reorderWindowSeconds": 5,
        "staleAfterHours": 12, "bookingHorizonDays": 60, "longWaitMinutes": 20, "veryLongWaitMinutes": 20,
    });
    let uptown = json!({
        "name": "uptown", "timeZone": "UTC", "lifecycle": "strict", "reorderWindowSeconds": 0,
        "staleAfterHours": 24, "bookingHorizonDays": 30, "longWaitMinutes": 30, "veryLongWaitMinutes": 60,
    });
    assert_eq!(told["sources"], json!([downtown, uptown]));
    // Without any source, there is the one that the first start makes.
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), "");
    assert_eq!(server.query("{ sources { name } }")["sources"], json!([{ "name": "first" }]));
}

#[test]
fn when_other_sources_deliveries_arrived_is_not_told() {
    let house = house();
    let board = |token: &str, arguments: &str| {
        house.server.query_as(Some(token), &format!("{{ board{arguments} {{ asOf position }} }}"))["data"]["board"]
            .clone()
    };
    let nothing = json!({ "asOf": "1970-01-01T00:00:00.000Z", "position": "0" });
    let delivery = &house.server.query_as(Some(ADMIN), "{ deliveries(last: 1) { nodes { receivedAt } } }");
    let own = json!({ "asOf": delivery["data"]["deliveries"]["nodes"][0]["receivedAt"], "position": "5" });
    // One more of downtown's comes last.
    let body = r#"{"appointment_id": 1, "event_type": "checkin"}"#;
    assert_eq!(house.server.post_to("the-route-key-of-downtown", body.as_bytes()).status, 200);
    for token in [LIMITED, LIMITED_ADMIN] {
        for position in 1..=4 {
            assert_eq!(board(token, &format!("(asOfPosition: \"{position}\")")), nothing);
        }
        for position in 5..=7 {
            assert_eq!(board(token, &format!("(asOfPosition: \"{position}\")")), own);
        }
        assert_eq!(board(token, "(asOf: \"2100-01-01T00:00:00Z\")")["position"], "5");
        assert_eq!(board(token, "")["position"], "5");
    }
    assert_eq!(board(ADMIN, "(asOfPosition: \"6\")")["position"], "6");
}

#[test]
fn roles_are_checked_field_by_field() {
    let house = house();
    let (first, own) = ("downtown", "lakeside");
    let refold = |source: &str, id: u64| {
        format!("mutation {{ refoldAppointment(source: \"{source}\", appointmentId: {id}) {{ changed }} }}")
    };
    let (refold_first, refold_own) = (refold(first, 1), refold(own, 7));
    // For each: the code for an admin, a viewer, an admin of lakeside, a viewer of lakeside.
    let forbidden = "FORBIDDEN";
    for (query, codes) in [
        ("{ rebuild { state } }", ["-", forbidden, forbidden, forbidden]),
        ("mutation { cancelRebuild { state } }", ["-", forbidden, forbidden, forbidden]),
        ("mutation { rebuildProjection(dryRun: true) { state } }", ["-", forbidden, forbidden, forbidden]),
        (&refold_first, ["-", forbidden, "SOURCE_NOT_FOUND", forbidden]),
        (&refold_own, ["-", forbidden, "-", forbidden]),
        ("{ log { headPosition digest projection { lag } } }", ["-", "-", "-", "-"]),
    ] {
        for (token, expected) in [ADMIN, VIEWER, LIMITED_ADMIN, LIMITED].into_iter().zip(codes) {
            let answer = house.server.query_as(Some(token), query);
            let code = answer["errors"][0]["extensions"]["code"].as_str().unwrap_or("-");
            assert_eq!(code, expected, "{query} by {token}: {answer}");
        }
    }
    let bodies = "{ deliveries { nodes { source body bodyBase64 } } }";
    for (token, sources) in [(ADMIN, vec![first, own]), (VIEWER, vec![]), (LIMITED_ADMIN, vec![own]), (LIMITED, vec![])]
    {
        let told = house.server.query_as(Some(token), bodies)["data"].clone();
        let nodes = told["deliveries"]["nodes"].as_array().unwrap().clone();
        let with_body =
            nodes.iter().filter(|node| *node != &json!({ "source": node["source"], "body": null, "bodyBase64": null }));
        let of: BTreeSet<&str> = with_body.map(|node| node["source"].as_str().unwrap()).collect();
        assert_eq!(of, sources.into_iter().collect::<BTreeSet<_>>(), "{token}");
        assert!(nodes.iter().all(|node| node["body"].is_null() == node["bodyBase64"].is_null()));
    }
}

#[test]
fn several_sources_are_named_only_to_who_sees_them() {
    let house = house();
    // Both have 7 from now on.
    let body = r#"{"appointment_id": 7, "event_type": "create"}"#;
    assert_eq!(house.server.post_to("the-route-key-of-downtown", body.as_bytes()).status, 200);
    let query = "{ appointment(appointmentId: 7) { source } }";
    let told = house.server.query_as(Some(VIEWER), query);
    assert_eq!(told["errors"][0]["extensions"]["sources"], json!(["downtown", "lakeside"]));
    for token in [LIMITED, LIMITED_ADMIN] {
        let told = house.server.query_as(Some(token), query);
        assert_eq!(told, json!({ "data": { "appointment": { "source": "lakeside" } } }));
    }
}
