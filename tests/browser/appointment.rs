//! An appointment's page in a real browser: it tells every delivery and what the API tells of every moment, follows what
//! arrives, works by keyboard alone, and shows no viewer a body.

use std::time::Duration;

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::support::{
    self,
    browser::{
        Browser,
        board::happened,
        pages::{BOSS, DESK, IN_A_BODY, READERS, look, tab_to, texts},
    },
    server::{CONFIG, Server, clockfold, command},
    session::{cookie_from, seal},
    sources::{SOURCES, post, post_all},
};

fn show(browser: &Browser, server: &Server, path: &str) {
    browser.go(&format!("http://{}{path}", server.address));
    browser.wait_until(SHOWN);
}

/// Whether the page shows the moment that it is asked for.
const SHOWN: &str =
    "document.querySelector('.moment[aria-busy=false] .status-line') && document.querySelector('.timeline .delivery')";

/// What the page says of the moment that is chosen: status, standing steps, what would be applied.
fn told(browser: &Browser) -> Value {
    browser.script(
        "const all = (selector) => [...document.querySelectorAll(selector)].map((element) => element.innerText.trim());
         return { status: document.querySelector('.moment .status').dataset.status, standing: all('.standing li > span'), allowed: all('.allowed .chip') }",
    )
}

/// The same, as the API tells it, in the page's words.
fn expected(server: &Server, source: &str, id: u64, at: Option<&str>) -> Value {
    let at = at.map_or_else(String::new, |at| format!(r#", asOfPosition: "{at}""#));
    let query = format!(
        r#"{{ appointment(source: "{source}", appointmentId: {id}{at}) {{ status standing allowedEvents }} }}"#
    );
    let state = server.query(&query)["appointment"].clone();
    if state.is_null() {
        return json!({ "status": "NONE", "standing": [], "allowed": [] });
    }
    let words = |events: &Value| -> Vec<&str> {
        events.as_array().unwrap().iter().map(|event| words(event.as_str().unwrap())).collect()
    };
    json!({ "status": state["status"], "standing": words(&state["standing"]), "allowed": words(&state["allowedEvents"]) })
}

fn words(event: &str) -> &'static str {
    match event {
        "CREATE" => "Created",
        "RESCHEDULE" => "Rescheduled",
        "DEMOGRAPHICS_UPDATE" => "Details changed",
        "CHECKIN" => "Checked in",
        "UNDO_CHECKIN" => "Check-in undone",
        "REMOVE" => "Removed",
        "UNDO_REMOVE" => "Removal undone",
        "READY" => "Ready",
        "UNDO_READY" => "Ready undone",
        "CALLBACK" => "Called back",
        "UNDO_CALLBACK" => "Call-back undone",
        "DISCHARGE" => "Discharged",
        "UNDO_DISCHARGE" => "Discharge undone",
        other => panic!("{other}"),
    }
}

#[test]
fn stepping_by_keyboard_tells_of_every_position_what_the_api_tells() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), SOURCES);
    // A wide window: some come too early, and are let in by a later one.
    post_all(&server, "lakeside", 7, "ready checkin");
    post(&server, "downtown", 7, "create");
    post_all(&server, "lakeside", 7, "create demographics_update undo_ready CHECKIN ready ready callback");
    post_all(&server, "lakeside", 7, "undo_callback discharge undo_remove remove reschedule");
    let history =
        server.query(r#"{ deliveries(filter: { source: "lakeside", appointmentId: 7 }) { nodes { position } } }"#);
    let nodes = history["deliveries"]["nodes"].as_array().unwrap();
    let positions: Vec<&str> = nodes.iter().map(|node| node["position"].as_str().unwrap()).collect();
    assert_eq!(positions.len(), 14);

    let browser = Browser::open();
    show(&browser, &server, "/appointment/lakeside/7");
    assert_eq!(told(&browser), expected(&server, "lakeside", 7, None));
    tab_to(&browser, ".step");
    browser.press(&["Enter"]);
    for (index, position) in positions.iter().enumerate() {
        // The last place is where it follows what comes: its address says nothing of a moment.
        let is_last = index + 1 == positions.len();
        let at = if is_last { String::new() } else { format!("?at={position}") };
        browser.wait_until(&format!("location.search === '{at}' && {SHOWN}"));
        let current = if is_last { json!([]) } else { json!([position]) };
        let shown = "return [...document.querySelectorAll('.timeline [aria-current=step]')].map(({ dataset }) => dataset.position)";
        assert_eq!(browser.script(shown), current);
        let at = (!is_last).then_some(*position);
        assert_eq!(told(&browser), expected(&server, "lakeside", 7, at), "after {position}");
        let later = browser.script("return document.querySelectorAll('.timeline .later').length");
        assert_eq!(later, json!(positions.len() - 1 - index), "after {position}");
        // The focus is on a button; the arrow keys mean the history all the same.
        browser.press(&["ArrowRight"]);
    }
    // The slider does the same, and so does the browser's way back.
    tab_to(&browser, ".stepper input");
    browser.press(&["Home"]);
    browser.wait_until(&format!("location.search === '?at={}' && {SHOWN}", positions[0]));
    assert_eq!(told(&browser)["status"], "NONE");
    assert!(texts(&browser, ".moment")[0].contains("an appointment begins with create"));
    browser.press(&["ArrowRight", "ArrowRight"]);
    browser.wait_until(&format!("location.search === '?at={}' && {SHOWN}", positions[2]));
    assert_eq!(
        browser.script("return document.querySelector('.stepper input').ariaValueText"),
        json!(format!("delivery {}, 3 of 14", positions[2]))
    );
    // A position of another appointment's is a moment all the same.
    show(&browser, &server, "/appointment/lakeside/7?at=3");
    assert_eq!(told(&browser), expected(&server, "lakeside", 7, Some("3")));
    assert_eq!(browser.console(), Vec::<String>::new());
}

#[test]
fn the_timeline_tells_each_delivery_with_its_reason_and_what_came_of_it_later() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), SOURCES);
    post_all(&server, "lakeside", 7, "checkin create CHECKIN discharge ready checkin");
    let browser = Browser::open();
    show(&browser, &server, "/appointment/lakeside/7");
    let query = r#"{ deliveries(filter: { source: "lakeside", appointmentId: 7 }) { nodes { position receivedAt outcome code reason late appliedAt } } }"#;
    let nodes = server.query(query)["deliveries"]["nodes"].as_array().unwrap().clone();
    let shown = texts(&browser, ".timeline .delivery");
    assert_eq!(shown.len(), nodes.len());
    for (node, shown) in nodes.iter().zip(&shown) {
        let outcome = node["outcome"].as_str().unwrap();
        assert!(shown.to_uppercase().contains(outcome), "{shown}");
        for field in ["code", "position"] {
            assert!(node[field].as_str().is_none_or(|text| shown.contains(text)), "{field}: {shown}");
        }
        let reason = node["reason"].as_str().map(|reason| reason.replace('`', ""));
        assert!(reason.is_none_or(|reason| shown.contains(&reason)), "{node}: {shown}");
        let exact = node["receivedAt"].as_str().unwrap().replace('T', " ").replace('Z', " UTC");
        assert!(shown.contains(&exact), "{exact}: {shown}");
        assert_eq!(shown.contains("had been overtaken"), node["late"] == true, "{shown}");
    }
    assert!(shown[0].contains("let in by delivery 2 within the reorder window"), "{}", shown[0]);
    let told_by_title = browser.script("return document.querySelector('.timeline time').title");
    assert!(told_by_title.as_str().unwrap().ends_with(" UTC"));

    // What would become of an event, by keyboard; the same as the API foretells.
    tab_to(&browser, ".next select");
    browser.press(&["u", "n", "d", "o", "_", "r", "e", "a"]);
    browser.wait_until("document.querySelector('.forecast .outcome')");
    let foretold = server.query(r#"{ appointment(source: "lakeside", appointmentId: 7) { explain(eventType: UNDO_READY) { reason outcome } } }"#);
    let explain = &foretold["appointment"]["explain"];
    let forecast = &texts(&browser, ".forecast")[0];
    assert!(forecast.contains(&explain["reason"].as_str().unwrap().replace('`', "")), "{forecast}");
    assert_eq!(browser.console(), Vec::<String>::new());
}

#[test]
fn deliveries_appear_as_they_arrive_and_change_what_was_told_before() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(folder.path(), SOURCES);
    post(&server, "lakeside", 7, "ready");
    let browser = Browser::open();
    show(&browser, &server, "/appointment/lakeside/7");
    browser.script("window.loadedOnce = true");
    assert_eq!(told(&browser)["status"], "NONE");
    assert!(texts(&browser, ".moment")[0].contains("No delivery has brought it into being"));
    assert!(texts(&browser, ".timeline .delivery")[0].contains("Rejected"));

    // Deliveries of others are none of its business.
    post(&server, "lakeside", 8, "create");
    post_all(&server, "lakeside", 7, "create checkin");
    browser.wait_until("document.querySelectorAll('.timeline .delivery').length === 3");
    browser.wait_until("document.querySelector('.moment .status').dataset.status === 'READY'");
    assert!(texts(&browser, ".timeline .delivery")[0].contains("let in by delivery 4"));

    // While an earlier moment is chosen, it stays; what comes is told as later.
    browser.press(&["ArrowLeft"]);
    browser.wait_until(&format!("location.search === '?at=3' && {SHOWN}"));
    post(&server, "lakeside", 7, "callback");
    browser.wait_until("document.querySelectorAll('.timeline .later').length === 2");
    assert_eq!(told(&browser)["status"], "SCHEDULED");

    // After a restart of the server nothing is missed.
    let address = server.address;
    server.terminate();
    drop(server);
    browser.wait_until("document.querySelector('clockfold-connection')?.innerText.trim() !== 'Live'");
    let mut again = command(folder.path());
    again.args(["serve", "--listen", &address.to_string(), "--config", "clockfold.toml", "--data-dir", "data"]);
    let server = Server::spawn(again);
    post(&server, "lakeside", 7, "discharge");
    browser.wait_until("document.querySelectorAll('.timeline .later').length === 3");
    browser.click(".stepper .wide");
    browser.wait_until("document.querySelector('.moment .status').dataset.status === 'DISCHARGED'");
    assert_eq!(told(&browser), expected(&server, "lakeside", 7, None));
    assert_eq!(browser.script("return window.loadedOnce"), true);
}

#[test]
fn a_page_begins_anew_where_the_log_has_become_another_one() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(folder.path(), SOURCES);
    let address = server.address.to_string();
    post_all(&server, "lakeside", 7, "create checkin");
    let copied = clockfold(folder.path(), &[], &["backup", "copy", "--config", "clockfold.toml", "--data-dir", "data"]);
    assert_eq!(copied.status, 0, "{}", copied.stderr);
    post_all(&server, "lakeside", 7, "ready callback");
    let browser = Browser::open();
    show(&browser, &server, "/appointment/lakeside/7");
    browser.script("window.loadedOnce = true");
    let has = |count: u64| format!("document.querySelectorAll('.timeline .delivery').length === {count}");
    browser.wait_until(&has(4));
    server.terminate();
    drop(server);
    browser.wait_until("document.querySelector('clockfold-connection')?.innerText.trim() !== 'Live'");
    // From an older copy, and grown past where the page was before the page comes back.
    std::fs::remove_dir_all(folder.path().join("data")).unwrap();
    let restored =
        clockfold(folder.path(), &[], &["restore", "copy", "--config", "clockfold.toml", "--data-dir", "data"]);
    assert_eq!(restored.status, 0, "{}", restored.stderr);
    let mut elsewhere = Server::start(folder.path(), SOURCES);
    post_all(&elsewhere, "lakeside", 8, "create checkin ready");
    post_all(&elsewhere, "lakeside", 7, "remove");
    elsewhere.terminate();
    let mut again = command(folder.path());
    again.args(["serve", "--listen", &address, "--config", "clockfold.toml", "--data-dir", "data"]);
    let server = Server::spawn(again);
    browser.wait_until(&has(3));
    browser.wait_until("document.querySelector('.moment .status').dataset.status === 'REMOVED'");
    assert_eq!(told(&browser), expected(&server, "lakeside", 7, None));
    post(&server, "lakeside", 7, "undo_remove");
    browser.wait_until(&has(4));
    browser.wait_until("document.querySelector('.moment .status').dataset.status === 'CHECKED_IN'");
    assert_eq!(browser.script("return window.loadedOnce"), true);
}

#[test]
fn the_servers_clock_counts_whatever_the_computers_shows() {
    let folder = tempfile::tempdir().unwrap();
    happened(folder.path(), &[(45, "downtown", 12345, "create"), (40, "downtown", 12345, "checkin")]);
    let server = Server::start(folder.path(), CONFIG);
    let browser = Browser::open();
    let ahead = "const real = Date.now; Date.now = () => real() + 5 * 3_600_000;";
    browser.devtools("Page.addScriptToEvaluateOnNewDocument", &json!({ "source": ahead }));
    show(&browser, &server, "/appointment/downtown/12345");
    assert_eq!(texts(&browser, ".lasting"), ["for 40 min"]);
    // At an earlier moment it is told how long it had lasted then.
    show(&browser, &server, "/appointment/downtown/12345?at=1");
    browser.wait_until("document.querySelector('.lasting')?.innerText === 'for <1 min'");
    // Beyond the end of the log it is as it is now.
    show(&browser, &server, "/appointment/downtown/12345?at=999999999");
    browser.wait_until("document.querySelector('.lasting')?.innerText === 'for 40 min'");
    let beyond = "The log has no delivery 999999999 yet: it ends at 2. This is after all 2 deliveries.";
    assert_eq!(texts(&browser, ".where"), [beyond]);
    assert_eq!(texts(&browser, "#moment-title"), ["Now"]);
}

#[test]
fn a_long_history_is_told_page_by_page() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), CONFIG);
    server.deliver(12345, "create");
    for _ in 0..610 {
        server.deliver(12345, "demographics_update");
    }
    server.deliver(12345, "checkin");
    let browser = Browser::open();
    show(&browser, &server, "/appointment/downtown/12345");
    let shown = |browser: &Browser| {
        browser.script("return [...document.querySelectorAll('.timeline .delivery')].map(({ dataset }) => Number(dataset.position))")
    };
    assert_eq!(shown(&browser), json!((601..=612).collect::<Vec<_>>()));
    assert_eq!(texts(&browser, ".pager span")[0], "601–612 of 612");
    browser.click(".pager button");
    browser.wait_until("document.querySelectorAll('.timeline .delivery').length === 50");
    assert_eq!(shown(&browser), json!((551..=600).collect::<Vec<_>>()));
    // Reading earlier pages chooses no moment.
    assert_eq!(browser.script("return location.search"), "");
    show(&browser, &server, "/appointment/downtown/12345?at=17");
    assert_eq!(shown(&browser), json!((1..=50).collect::<Vec<_>>()));
    assert_eq!(texts(&browser, ".where")[0], "After delivery 17 (17 of 612).");
    browser.wait_until("document.querySelector('[aria-current=step]').getBoundingClientRect().bottom <= innerHeight");
    tab_to(&browser, ".stepper input");
    browser.press(&["End"]);
    browser.wait_until(&format!(
        "location.search === '' && {SHOWN} && document.querySelectorAll('.timeline .delivery').length === 12"
    ));
    assert_eq!(told(&browser)["status"], "CHECKED_IN");
}

#[test]
fn what_does_not_exist_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), CONFIG);
    server.deliver(12345, "create");
    let browser = Browser::open();
    for (path, words) in [
        ("/appointment/downtown/99", "No delivery of downtown names this appointment."),
        ("/appointment/nowhere/12345", "There is no source of this name that you may read."),
        ("/appointment/downtown/soon", "An appointment's id is an integer"),
        ("/appointment/downtown/%E0%A4%A", "There is no page at this address"),
    ] {
        browser.go(&format!("http://{}{path}", server.address));
        browser.wait_until(&format!("document.querySelector('main').innerText.includes({})", json!(words)));
    }
}

#[test]
fn a_body_is_told_byte_for_byte_to_admins_and_to_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(folder.path(), &format!("{CONFIG}{READERS}"));
    let note =
        format!("{{\"appointment_id\": 12345,\r\n \"event_type\": \"create\", \"note\": \"<b>{IN_A_BODY}</b> é\"}}");
    assert_eq!(server.post(note.as_bytes()).status, 200);
    server.deliver(12345, "checkin");
    let seal = seal(folder.path());
    let cookie = |token| cookie_from(&seal, token, TimeDelta::zero());

    let browser = Browser::open();
    browser.record_traffic();
    browser.go(&format!("http://{}/sign-in", server.address));
    browser.set_cookie(&cookie(DESK));
    show(&browser, &server, "/appointment/downtown/12345");
    browser.wait_until("document.querySelectorAll('.timeline .delivery').length === 2");
    assert_eq!(browser.script("return document.querySelectorAll('.raw-body, .erased').length"), json!(0));
    assert!(texts(&browser, ".history")[0].contains("Raw bodies are shown to readers with the role admin"));
    let asked = "fetch('/graphql', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ \
                 query: '{ deliveries { nodes { body bodyBase64 } } }' }) }).then((answer) => answer.text()).then(done)";
    let answer = browser.script_async(asked);
    assert!(answer.as_str().unwrap().contains(r#""body":null,"bodyBase64":null"#), "{answer}");
    assert!(browser.traffic().contains("CHECKED_IN") && !browser.traffic().contains(IN_A_BODY));

    let browser = Browser::open();
    browser.record_traffic();
    browser.go(&format!("http://{}/sign-in", server.address));
    browser.set_cookie(&cookie(BOSS));
    show(&browser, &server, "/appointment/downtown/12345");
    // Only once somebody opens it.
    assert!(!browser.traffic().contains(IN_A_BODY));
    tab_to(&browser, ".raw-body summary");
    browser.press(&["Enter"]);
    browser.wait_until("document.querySelector('.raw-body pre')");
    assert_eq!(browser.script("return document.querySelector('.raw-body pre').textContent"), json!(note));
    tab_to(&browser, ".raw-body copy-button button");
    browser.press(&["Enter"]);
    browser.wait_until("document.querySelector('.raw-body [role=status]').innerText === 'Copied'");

    // What is erased is told to be. Only what is over is.
    server.deliver(12345, "discharge");
    server.terminate();
    drop(server);
    std::thread::sleep(Duration::from_millis(20));
    let before = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
    let erased = clockfold(folder.path(), &[], &["erase-bodies", "--data-dir", "data", "--before", &before]);
    assert_eq!(erased.status, 0, "{erased:?}");
    let server = Server::start(folder.path(), &format!("{CONFIG}{READERS}"));
    browser.go(&format!("http://{}/sign-in", server.address));
    browser.set_cookie(&cookie_from(&support::session::seal(folder.path()), BOSS, TimeDelta::zero()));
    show(&browser, &server, "/appointment/downtown/12345");
    browser.wait_until("document.querySelectorAll('.erased').length === 3");
    assert_eq!(texts(&browser, ".erased"), ["The body was erased."; 3]);
}

#[test]
fn it_fits_every_screen_and_axe_finds_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let config = format!("{CONFIG}reorder_window_s = 5\ntime_zone = \"America/New_York\"\n");
    let server = Server::start(folder.path(), &config);
    for event in [
        "create",
        "checkin",
        "ready",
        "undo_ready",
        "undo_ready",
        "CHECKIN",
        "demographics_update",
        "ready",
        "undo_checkin",
    ] {
        server.deliver(52_468_874, event);
    }
    for event in ["discharge", "callback", "reschedule", "discharge"] {
        server.deliver(52_468_874, event);
    }
    let browser = Browser::open();
    show(&browser, &server, "/appointment/downtown/52468874");
    look(&browser, "appointment");
    show(&browser, &server, "/appointment/downtown/52468874?at=6");
    browser.script("document.querySelector('.timeline details').open = true; document.querySelector('.next select').value = 'UNDO_CHECKIN'");
    browser.script("document.querySelector('.next select').dispatchEvent(new Event('change'))");
    browser.wait_until("document.querySelector('.raw-body pre') && document.querySelector('.forecast .outcome')");
    look(&browser, "appointment-as-of");
    server.deliver(99, "ready");
    show(&browser, &server, "/appointment/downtown/99");
    look(&browser, "appointment-never");
    assert_eq!(browser.console(), Vec::<String>::new());
}
