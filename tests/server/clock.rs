//! The machine's clock goes wrong and is set right again, under the real program: everything that is told in times goes
//! on, and so does every copy of the log. libfaketime (Debian's package faketime) makes the clock; no stopwatch changes.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use crate::support::{
    copies::contents,
    server::{Answer, CONFIG, Server, clockfold, data_dir},
};

/// How soon the server notices a jump: it looks once a second.
const NOTICED_MAX: Duration = Duration::from_secs(20);

/// A clock that is set by what a file says.
struct Clock(PathBuf);

impl Clock {
    fn in_folder(folder: &Path) -> Clock {
        let clock = Clock(folder.join("clock"));
        clock.set("+0");
        clock
    }

    /// Sets it so far from the right time, or to a time, as `man faketime` has it.
    fn set(&self, to: &str) {
        let fresh = self.0.with_extension("fresh");
        fs::write(&fresh, format!("{to}\n")).unwrap();
        fs::rename(&fresh, &self.0).unwrap();
    }

    fn rules(&self, command: &mut Command) {
        let folders = fs::read_dir("/usr/lib").unwrap().map(|entry| entry.unwrap().path());
        let library = folders.map(|folder| folder.join("faketime/libfaketime.so.1")).find(|path| path.exists());
        command.env("LD_PRELOAD", library.expect("Debian's package faketime"));
        command.env("FAKETIME_TIMESTAMP_FILE", &self.0).env("FAKETIME_NO_CACHE", "1");
        command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    }
}

fn received_at(answer: &Answer) -> DateTime<Utc> {
    assert_eq!(answer.status, 200, "{}", answer.head);
    answer.json()["receivedAt"].as_str().unwrap().parse().unwrap()
}

fn metric(server: &Server, name: &str) -> f64 {
    let metrics = server.get("/metrics").text();
    let value = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.unwrap_or_else(|| panic!("no {name} in {metrics}")).parse().unwrap()
}

fn wait_for_jumps(server: &Server, forward: f64, back: f64) {
    let begun = Instant::now();
    let jumps = |direction: &str| metric(server, &format!("clockfold_clock_jumps_total{{direction=\"{direction}\"}}"));
    while (jumps("forward"), jumps("back")) != (forward, back) {
        assert!(begun.elapsed() < NOTICED_MAX, "{} forward, {} back", jumps("forward"), jumps("back"));
        thread::sleep(Duration::from_millis(200));
    }
}

fn is_now(time: DateTime<Utc>) -> bool {
    (Utc::now() - time).abs() < TimeDelta::minutes(1)
}

fn text(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

/// What is told of the statuses at a time.
fn statuses(server: &Server, as_of: DateTime<Utc>) -> Value {
    let list = format!("appointments(asOf: \"{}\")", text(as_of));
    let nodes = server.query(&format!("{{ {list} {{ nodes {{ appointmentId status }} }} }}"));
    let one =
        |node: &Value| format!("{} {}", node["appointmentId"].as_str().unwrap(), node["status"].as_str().unwrap());
    nodes["appointments"]["nodes"].as_array().unwrap().iter().map(one).collect::<Vec<_>>().join(", ").into()
}

/// Everything that the story below can be asked for, but for what the present decides.
fn told(server: &Server, begun: DateTime<Utc>) -> Value {
    let (from, to) = (text(begun - TimeDelta::days(1)), text(begun + TimeDelta::days(4_000)));
    let query = format!(
        "{{ deliveries {{ nodes {{ position receivedAt outcome late appliedAt statusAfter }} }}
            appointments {{ nodes {{ appointmentId status statusSince standing lastReceivedAt }} }}
            now: deliveries(filter: {{ receivedAt: {{ from: \"{from}\", to: \"{to}\" }} }}) {{ nodes {{ position }} }}
            log {{ headPosition digest projection {{ digest }} }} }}"
    );
    server.query(&query)
}

#[test]
fn a_clock_that_is_ten_years_ahead_for_a_moment_stops_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let clock = Clock::in_folder(folder);
    let config = format!("{CONFIG}reorder_window_s = 5\ntime_zone = \"America/New_York\"\n");
    let mut server = Server::start_with(folder, &config, |command| clock.rules(command));
    let begun = received_at(&server.deliver(1, "create"));
    let before = received_at(&server.deliver(1, "checkin"));
    assert!(is_now(begun) && is_now(before));
    assert!(metric(&server, "clockfold_clock_behind_seconds").abs() < 1.0);

    clock.set("+3650d");
    wait_for_jumps(&server, 1.0, 0.0);
    let ahead = received_at(&server.deliver(2, "create"));
    assert!(is_now(ahead - TimeDelta::days(3650)), "{ahead}");
    assert_eq!(server.deliver(3, "ready").json()["outcome"], "REJECTED");
    assert!(metric(&server, "clockfold_clock_behind_seconds").abs() < 1.0);

    clock.set("+0");
    wait_for_jumps(&server, 1.0, 1.0);
    let behind = metric(&server, "clockfold_clock_behind_seconds");
    assert!((behind - 3650.0 * 86_400.0).abs() < 60.0, "{behind}");

    // Times are right again, and go on.
    let created = server.deliver(3, "create");
    let set_right = received_at(&created);
    assert!(is_now(set_right));
    // What waited before the clock was set back is over.
    assert_eq!(created.json()["status"], "SCHEDULED");
    assert!(metric(&server, "clockfold_clock_behind_seconds").abs() < 1.0);
    let checked_in = received_at(&server.deliver(2, "checkin"));
    thread::sleep(Duration::from_millis(1_200));
    let called_back = received_at(&server.deliver(2, "callback"));
    assert!((1_200..60_000).contains(&(called_back - checked_in).num_milliseconds()));
    // Windows go on: these two arrive swapped.
    server.deliver(4, "checkin");
    assert_eq!(server.deliver(4, "create").json()["status"], "CHECKED_IN");
    // A patient who waited all the time, and one whose wait began when the clock was ahead: that counts as 0.
    assert_eq!(server.deliver(1, "callback").json()["status"], "CALLED_BACK");

    check_what_is_told(&server, (begun, before), ahead, set_right);
    let printed = server.printed();
    assert!(printed.contains("the machine's clock jumped") && printed.contains("the clock was set back"), "{printed}");
    assert_eq!(printed.matches("the machine's clock jumped").count(), 2, "{printed}");
    check_copies(folder, &mut server, begun);
}

fn check_what_is_told(
    server: &Server,
    (begun, before): (DateTime<Utc>, DateTime<Utc>),
    ahead: DateTime<Utc>,
    set_right: DateTime<Utc>,
) {
    // The chart of today has the check-ins and the waits.
    let (from, to) = (text(begun - TimeDelta::hours(1)), text(begun + TimeDelta::hours(1)));
    let flow = server.query(&format!(
        "{{ patientFlow(from: \"{from}\", to: \"{to}\", interval: DAY) {{ deliveries checkIns checkInToCallBack {{ count meanSeconds }} census {{ status count }} }} }}"
    ));
    let flow = flow["patientFlow"].as_array().unwrap();
    let sum = |field: &str| flow.iter().map(|bucket| bucket[field].as_i64().unwrap()).sum::<i64>();
    assert_eq!((sum("deliveries"), sum("checkIns")), (8, 3), "{flow:?}");
    let waits = flow.iter().map(|bucket| bucket["checkInToCallBack"]["count"].as_i64().unwrap()).sum::<i64>();
    assert_eq!(waits, 2);
    for mean in flow.iter().filter_map(|bucket| bucket["checkInToCallBack"]["meanSeconds"].as_f64()) {
        assert!((0.0..120.0).contains(&mean), "{mean}");
    }
    // As of a time is up to the last delivery that arrived at or before it.
    assert_eq!(statuses(server, begun - TimeDelta::milliseconds(1)), "");
    assert_eq!(statuses(server, before), "1 CHECKED_IN");
    assert_eq!(statuses(server, set_right), "1 CHECKED_IN, 2 SCHEDULED, 3 SCHEDULED");
    let now = "1 CALLED_BACK, 2 CALLED_BACK, 3 SCHEDULED, 4 CHECKED_IN";
    for later in [Utc::now(), begun + TimeDelta::days(1_800), ahead, ahead + TimeDelta::days(1)] {
        assert_eq!(statuses(server, later), now, "{later}");
    }
    // A stretch of time is what arrived in it.
    let positions = |from: DateTime<Utc>, to: DateTime<Utc>| {
        let filter = format!("receivedAt: {{ from: \"{}\", to: \"{}\" }}", text(from), text(to));
        let found = server.query(&format!("{{ deliveries(filter: {{ {filter} }}) {{ nodes {{ position }} }} }}"));
        let position = |node: &Value| node["position"].as_str().unwrap().to_owned();
        found["deliveries"]["nodes"].as_array().unwrap().iter().map(position).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(positions(begun + TimeDelta::days(1), ahead + TimeDelta::days(1)), "3 4");
    assert_eq!(positions(begun, begun + TimeDelta::days(1)), "1 2 5 6 7 8 9 10");
    // The board shows who is here, and time in status begins anew.
    let board = server.query("{ board { columns { status count } stale { count } } }");
    let count = |status: &str| {
        let columns = board["board"]["columns"].as_array().unwrap();
        columns.iter().find(|column| column["status"] == status).unwrap()["count"].as_i64().unwrap()
    };
    assert_eq!(["SCHEDULED", "CHECKED_IN", "CALLED_BACK"].map(count), [1, 1, 2]);
    assert_eq!(board["board"]["stale"]["count"], 0);
}

/// Restart, rebuild, export and import, backup and restore: all of them tell the same.
fn check_copies(folder: &Path, server: &mut Server, begun: DateTime<Utc>) {
    let data = data_dir(folder);
    let data = data.to_str().unwrap();
    let run = |arguments: &[&str]| {
        let done = clockfold(folder, &[], arguments);
        assert_eq!(done.status, 0, "{arguments:?}: {}", done.stderr);
        done.stdout
    };
    let told_live = told(server, begun);
    // `verify` names the place, beside the server and without it, and finds no fault.
    let set_back = "the clock was set back once, and arrival times with it:\n    at position 5 from ";
    assert!(run(&["verify", "--data-dir", data]).contains(set_back));
    let exported_there = run(&["export", "--data-dir", data, "--from", &text(begun + TimeDelta::days(1))]);
    assert_eq!(exported_there.lines().count(), 2 + 2, "{exported_there}");
    let next_day = text(begun + TimeDelta::days(1));
    assert_eq!(run(&["export", "--data-dir", data, "--to", &next_day]).lines().count(), 2 + 10);

    assert!(server.terminate().success());
    let verified = run(&["verify", "--data-dir", data]);
    assert!(verified.contains(set_back) && verified.contains("it equals a fresh fold"), "{verified}");
    let verified: Value = serde_json::from_str(&run(&["verify", "--data-dir", data, "--format", "json"])).unwrap();
    assert_eq!((&verified["log"]["setBackCount"], &verified["ok"]), (&1.into(), &true.into()));
    assert_eq!(verified["log"]["setBacks"][0]["position"], "5");
    assert_eq!(run(&["export", "--data-dir", data, "--to", &next_day]).lines().count(), 2 + 10);
    run(&["export", "--data-dir", data, "--output", "all.ndjson"]);
    run(&["import", "all.ndjson", "--data-dir", "imported"]);
    run(&["backup", "copy", "--data-dir", data]);
    run(&["verify", "copy"]);
    run(&["restore", "copy", "--data-dir", "restored"]);
    for copy in ["imported", "restored"] {
        assert_eq!(contents(&folder.join(copy)), contents(&data_dir(folder)), "{copy}");
        assert!(run(&["verify", "--data-dir", copy]).contains(set_back), "{copy}");
    }

    server.start_again(folder);
    assert_eq!(told(server, begun), told_live);
    assert!(run(&["rebuild", "--data-dir", data]).contains("0 differ"));
    assert_eq!(told(server, begun), told_live);
    assert!(server.terminate().success());
    fs::remove_dir_all(data_dir(folder).join("projection")).unwrap();
    server.start_again(folder);
    assert_eq!(told(server, begun), told_live);
}

#[test]
fn a_clock_that_is_before_the_program_was_made_is_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let clock = Clock::in_folder(folder);
    clock.set("@2001-09-09 01:46:40");
    let mut server = Server::start_with(folder, CONFIG, |command| clock.rules(command));
    let first = received_at(&server.deliver(1, "create"));
    assert_eq!(first, clockfold::log::made_at());
    thread::sleep(Duration::from_millis(1_100));
    assert_eq!(received_at(&server.deliver(1, "checkin")), first);
    assert!(server.printed().contains("is not believed"), "{}", server.printed());
    assert!(metric(&server, "clockfold_clock_behind_seconds") > 86_400.0);
    // The board is of the last arrival, not of that year.
    let board = server.query("{ board { asOf columns { status count } } }");
    assert_eq!(board["board"]["asOf"], text(first));
    clock.set("+0");
    wait_for_jumps(&server, 1.0, 0.0);
    assert!(is_now(received_at(&server.deliver(1, "ready"))));
    assert!(server.terminate().success());
    let verified = clockfold(folder, &[], &["verify", "--data-dir", data_dir(folder).to_str().unwrap()]);
    assert_eq!((verified.status, verified.stdout.contains("set back")), (0, false), "{}", verified.stdout);
}
