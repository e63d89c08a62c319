//! Patient flow against what appointments and deliveries tell one by one, on the real program with invented traffic.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::support::{
    self,
    server::{Server, clockfold},
};

/// Traffic of some weeks, of the clinics that the configuration names.
const DELIVERIES: &str = "2500";
const CONFIG: &str = r#"
[[source]]
name = "downtown"
route_keys = ["the-route-key-of-clinic-one-here"]
reorder_window_s = 5
time_zone = "Asia/Kolkata"
[[source]]
name = "lakeside"
route_keys = ["the-route-key-of-clinic-two-here"]
lifecycle = "lenient"
reorder_window_s = 60
"#;

const FIELDS: &str = "from to arrivals checkIns readies callBacks discharges removals leftWithoutBeingSeen deliveries
    rejectedRate duplicateRate undoRate census { status count }
    checkInToReady { ...figures } readyToCallBack { ...figures } checkInToCallBack { ...figures }
    callBackToDischarge { ...figures } checkInToDischarge { ...figures }";
const FIGURES: &str = "fragment figures on DurationFigures { count meanSeconds medianSeconds p90Seconds }";

fn flow(server: &Server, arguments: &str) -> Vec<Value> {
    let query = format!("{{ patientFlow({arguments}) {{ {FIELDS} }} }} {FIGURES}");
    server.query(&query)["patientFlow"].as_array().unwrap().clone()
}

/// Every item of a list.
fn all(server: &Server, list: &str, filter: &str, fields: &str) -> Vec<Value> {
    let (mut items, mut after) = (Vec::new(), String::new());
    loop {
        let query = format!(
            "{{ {list}(first: 500, filter: {{ {filter} }}{after}) {{ nodes {{ {fields} }} pageInfo {{ hasNextPage endCursor }} }} }}"
        );
        let page = server.query(&query)[list].clone();
        items.extend(page["nodes"].as_array().unwrap().iter().cloned());
        if page["pageInfo"]["hasNextPage"] == json!(false) {
            return items;
        }
        after = format!(", after: {}", page["pageInfo"]["endCursor"]);
    }
}

fn time(value: &Value) -> Option<DateTime<Utc>> {
    value.as_str().map(|text| text.parse().unwrap())
}

/// The figures of waits, in their plainest form.
fn figures(mut seconds: Vec<f64>) -> Value {
    seconds.sort_by(f64::total_cmp);
    let count = seconds.len();
    if count == 0 {
        return json!({ "count": 0, "meanSeconds": null, "medianSeconds": null, "p90Seconds": null });
    }
    let median = (seconds[(count - 1) / 2] + seconds[count / 2]) / 2.0;
    let p90 = seconds[(0..count).find(|index| (index + 1) * 100 >= count * 90).unwrap()];
    json!({ "count": count, "meanSeconds": seconds.iter().sum::<f64>() / count as f64, "medianSeconds": median, "p90Seconds": p90 })
}

struct Expected<'a> {
    appointments: &'a [Value],
    deliveries: &'a [Value],
}

impl Expected<'_> {
    /// What a stretch has, by looking at everything.
    fn of(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> BTreeMap<&'static str, Value> {
        let inside = |time: DateTime<Utc>| from <= time && time < to;
        let at = |appointment: &Value, step: &str| time(&appointment[step]);
        let count =
            |step: &str| json!(self.appointments.iter().filter(|one| at(one, step).is_some_and(inside)).count());
        let arrived = |one: &Value| {
            at(one, "checkedInAt")
                .or_else(|| ["readyAt", "calledBackAt", "dischargedAt"].iter().filter_map(|step| at(one, step)).min())
        };
        let left = self.appointments.iter().filter(|one| {
            at(one, "removedAt").is_some_and(inside)
                && arrived(one).is_some()
                && at(one, "calledBackAt").is_none()
                && at(one, "dischargedAt").is_none()
        });
        let waits = |first: &str, second: &str| {
            let wait = |one: &Value| {
                let (first, second) = (at(one, first)?, at(one, second).filter(|time| inside(*time))?);
                Some((second - first).max(TimeDelta::zero()).num_milliseconds() as f64 / 1_000.0)
            };
            figures(self.appointments.iter().filter_map(wait).collect())
        };
        let told: Vec<&Value> =
            self.deliveries.iter().filter(|one| inside(time(&one["receivedAt"]).unwrap())).collect();
        let share = |part: usize| if told.is_empty() { Value::Null } else { json!(part as f64 / told.len() as f64) };
        let with = |outcome: &str| told.iter().filter(|one| one["outcome"] == json!(outcome)).count();
        let undos = told.iter().filter(|one| {
            one["outcome"] == json!("APPLIED")
                && one["eventType"].as_str().is_some_and(|event| event.starts_with("UNDO"))
        });
        BTreeMap::from([
            ("arrivals", json!(self.appointments.iter().filter(|one| arrived(one).is_some_and(inside)).count())),
            ("checkIns", count("checkedInAt")),
            ("readies", count("readyAt")),
            ("callBacks", count("calledBackAt")),
            ("discharges", count("dischargedAt")),
            ("removals", count("removedAt")),
            ("leftWithoutBeingSeen", json!(left.count())),
            ("deliveries", json!(told.len())),
            ("rejectedRate", share(with("REJECTED"))),
            ("duplicateRate", share(with("DUPLICATE"))),
            ("undoRate", share(undos.count())),
            ("checkInToReady", waits("checkedInAt", "readyAt")),
            ("readyToCallBack", waits("readyAt", "calledBackAt")),
            ("checkInToCallBack", waits("checkedInAt", "calledBackAt")),
            ("callBackToDischarge", waits("calledBackAt", "dischargedAt")),
            ("checkInToDischarge", waits("checkedInAt", "dischargedAt")),
        ])
    }
}

/// Equal, but for the last digits of a mean.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => one.iter().all(|(key, value)| same(value, &other[key])),
        _ => match (one.as_f64(), other.as_f64()) {
            (Some(one), Some(other)) => (one - other).abs() < 0.002,
            _ => one == other,
        },
    }
}

#[test]
fn every_figure_is_what_looking_at_everything_tells() {
    let folder = tempfile::tempdir().unwrap();
    let data = support::server::data_dir(folder.path());
    let made = clockfold(
        folder.path(),
        &[],
        &["simulate", "--deliveries", DELIVERIES, "--sources", "2", "--into", data.to_str().unwrap()],
    );
    assert!(made.status == 0, "{}", made.stderr);
    let server = Server::start(folder.path(), CONFIG);
    let steps = "checkedInAt readyAt calledBackAt dischargedAt removedAt";
    let deliveries = all(&server, "deliveries", "", "source receivedAt outcome eventType");
    let (first, last) =
        (time(&deliveries[0]["receivedAt"]).unwrap(), time(&deliveries[deliveries.len() - 1]["receivedAt"]).unwrap());
    let mut sources: Vec<String> =
        deliveries.iter().map(|delivery| delivery["source"].as_str().unwrap().to_owned()).collect();
    sources.sort();
    sources.dedup();
    assert_eq!(sources.len(), 2, "{sources:?}");
    let mut told = Vec::new();
    for source in sources.iter().map(Some).chain([None]) {
        let name = source.map_or_else(String::new, |name| format!(r#"source: "{name}""#));
        let appointments = all(&server, "appointments", &name, steps);
        let of_source = |one: &&Value| source.is_none_or(|name| one["source"] == json!(name));
        let of_source: Vec<Value> = deliveries.iter().filter(of_source).cloned().collect();
        let expected = Expected { appointments: &appointments, deliveries: &of_source };
        let mut seen = BTreeMap::new();
        for (interval, from, to) in [
            ("DAY", first - TimeDelta::days(2), last + TimeDelta::hours(30)),
            ("HOUR", first, first + TimeDelta::days(3)),
            ("FIFTEEN_MINUTES", first + TimeDelta::hours(20), first + TimeDelta::hours(30)),
            ("MINUTE", first + TimeDelta::minutes(90), first + TimeDelta::minutes(200)),
        ] {
            let arguments = format!(r#"{name} from: "{}", to: "{}", interval: {interval}"#, text(from), text(to));
            let buckets = flow(&server, &arguments);
            for bucket in &buckets {
                let (from, to) = (time(&bucket["from"]).unwrap(), time(&bucket["to"]).unwrap());
                for (figure, expected) in expected.of(from, to) {
                    assert!(
                        same(&bucket[figure], &expected),
                        "{arguments}: {figure} from {from}: {} {expected}",
                        bucket[figure]
                    );
                    *seen.entry(figure).or_insert(0_u64) += u64::from(expected != json!(0) && expected != Value::Null);
                }
            }
            for bucket in [&buckets[0], &buckets[buckets.len() / 2], &buckets[buckets.len() - 1]] {
                let end = time(&bucket["to"]).unwrap() - TimeDelta::milliseconds(1);
                let separator = if name.is_empty() { "" } else { ", " };
                let counts = server.query(&format!(
                    r#"{{ statusCounts({name}{separator}asOf: "{}") {{ status count }} }}"#,
                    text(end)
                ));
                assert_eq!(bucket["census"], counts["statusCounts"], "{arguments}");
            }
            told.push((arguments, buckets));
        }
        assert!(seen.values().all(|count| *count > 0), "{seen:?}");
    }
    // The same after a rebuild.
    drop(server);
    std::fs::remove_dir_all(data.join("projection")).unwrap();
    let server = Server::start(folder.path(), CONFIG);
    for (arguments, buckets) in told {
        assert_eq!(flow(&server, &arguments), buckets, "{arguments}");
    }
}

fn text(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

#[test]
fn what_can_t_be_told_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), CONFIG);
    for (arguments, message) in [
        (r#"from: "2026-03-02T10:00:00Z", to: "2026-03-02T10:00:00Z", interval: HOUR"#, "after"),
        (r#"from: "2026-03-02T10:00:00Z", to: "2026-03-03T10:00:00Z", interval: MINUTE"#, "1000"),
        (r#"from: "0001-01-01T00:00:00Z", to: "9999-03-03T10:00:00Z", interval: DAY"#, "1000"),
        (r#"from: "2026-03-02T10:00:00Z", to: "2026-03-03T10:00:00Z", interval: DAY, timeZone: "Mars/Base""#, "IANA"),
    ] {
        let answer = server.ask(&[], &format!("{{ patientFlow({arguments}) {{ arrivals }} }}")).json();
        assert_eq!(answer["errors"][0]["extensions"]["code"], json!("BAD_USER_INPUT"), "{arguments}: {answer}");
        assert!(answer["errors"][0]["message"].as_str().unwrap().contains(message), "{answer}");
    }
    let unknown = r#"source: "nobody", from: "2026-03-02T10:00:00Z", to: "2026-03-03T10:00:00Z", interval: DAY"#;
    let answer = server.ask(&[], &format!("{{ patientFlow({unknown}) {{ arrivals }} }}")).json();
    assert_eq!(answer["errors"][0]["extensions"]["code"], json!("SOURCE_NOT_FOUND"));
    // Nothing has come, and the future has not begun.
    let nothing = flow(&server, r#"from: "2900-03-02T10:00:00Z", to: "2900-03-02T10:30:00Z", interval: HOUR"#);
    assert_eq!(
        (&nothing[0]["arrivals"], &nothing[0]["census"], &nothing[0]["undoRate"]),
        (&json!(0), &Value::Null, &Value::Null)
    );
}
