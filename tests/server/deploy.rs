//! `deploy/`, against the real tools: Prometheus's own checks and unit tests, and a real Prometheus that scrapes a real
//! server, of which every expression of the dashboard and of the rules is asked.
//!
//! Grafana itself is not here (Debian has none): what it needs of a dashboard is checked in the file.

use std::{
    collections::BTreeSet,
    fs,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use serde_json::Value;

use crate::support::{
    net::promql::{Expression, percent_encoded},
    server::{CONFIG, Connection, ROUTE_KEY, Server},
    wait_for,
};

fn deploy(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(name)
}

fn read(name: &str) -> String {
    fs::read_to_string(deploy(name)).unwrap()
}

fn dashboard() -> Value {
    serde_json::from_str(&read("grafana/clockfold.json")).unwrap()
}

/// Runs `promtool`, which has to be content. (`tests/run` installs it.)
fn promtool(arguments: &[&str]) {
    let output = Command::new("promtool").args(arguments).output().expect("promtool, of Debian's package prometheus");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{arguments:?}: {}{}", text(&output.stdout), text(&output.stderr));
}

#[test]
fn prometheus_takes_the_files_and_each_alert_fires_when_it_must_and_not_otherwise() {
    let (config, rules) = (deploy("prometheus/prometheus.yml"), deploy("prometheus/clockfold.rules.yml"));
    let hours = deploy("prometheus/open-hours.rules.yml");
    promtool(&["check", "config", config.to_str().unwrap()]);
    promtool(&["check", "rules", "--lint-fatal", rules.to_str().unwrap(), hours.to_str().unwrap()]);
    let mut tested = String::new();
    for name in ["rules.test.yml", "hours.test.yml"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/deploy").join(name);
        promtool(&["test", "rules", path.to_str().unwrap()]);
        tested.push_str(&fs::read_to_string(path).unwrap());
    }
    for line in read("prometheus/clockfold.rules.yml").lines().chain(read("prometheus/open-hours.rules.yml").lines()) {
        if let Some(alert) = line.trim().strip_prefix("- alert: ") {
            assert!(tested.contains(alert), "no unit test names {alert}");
        }
    }
}

#[test]
fn the_unit_starts_what_there_is() {
    let unit = read("clockfold.service");
    let start = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
    let mut words = start.split_whitespace();
    assert_eq!((words.next(), words.next()), (Some("/usr/local/bin/clockfold"), Some("serve")));
    let help = Command::new(env!("CARGO_BIN_EXE_clockfold")).args(["serve", "--help"]).output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let flags: Vec<&str> = words.filter(|word| word.starts_with("--")).collect();
    assert!(flags.len() == 2 && flags.iter().all(|flag| help.contains(flag)), "{flags:?}");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clockfold.service");
    fs::write(&path, unit.replace("/usr/local/bin/clockfold", env!("CARGO_BIN_EXE_clockfold"))).unwrap();
    let verified = Command::new("systemd-analyze").arg("verify").arg(&path).output().expect("Debian's package systemd");
    let said = String::from_utf8_lossy(&verified.stderr).into_owned();
    assert!(verified.status.success() && !said.contains("clockfold.service:"), "{said}");
}

/// A real Prometheus, killed when dropped.
struct Prometheus {
    address: SocketAddr,
    child: Child,
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Prometheus {
    /// With the files of `deploy/`, but quicker, and scraping this server.
    fn start(folder: &Path, server: SocketAddr) -> Prometheus {
        let config = read("prometheus/prometheus.yml");
        for told in ["15s", "127.0.0.1:8080", "# - open-hours.rules.yml"] {
            assert!(config.contains(told), "{told}");
        }
        let config = config.replace("15s", "1s").replace("127.0.0.1:8080", &server.to_string());
        fs::write(folder.join("prometheus.yml"), config.replace("# - open-hours", "- open-hours")).unwrap();
        for rules in ["clockfold.rules.yml", "open-hours.rules.yml"] {
            fs::copy(deploy("prometheus").join(rules), folder.join(rules)).unwrap();
        }
        // A free port may be somebody else's by the time that it is asked for: then another one.
        for _ in 0..5 {
            let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
            let mut command = Command::new("prometheus");
            command.arg(format!("--config.file={}", folder.join("prometheus.yml").display()));
            command.arg(format!("--storage.tsdb.path={}", folder.join("prometheus").display()));
            command.arg(format!("--web.listen-address={address}")).arg("--log.level=warn");
            let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
            let mut prometheus = Prometheus { address, child: child.expect("Debian's package prometheus") };
            let mut has_ended = false;
            wait_for("Prometheus", || {
                has_ended = prometheus.child.try_wait().unwrap().is_some();
                let connection = Connection::try_open(address);
                let answer = connection.and_then(|mut connection| connection.request("GET", "/-/ready", &[], b""));
                has_ended || answer.is_ok_and(|answer| answer.status == 200)
            });
            if !has_ended {
                return prometheus;
            }
        }
        panic!("Prometheus does not start");
    }

    /// What its HTTP API answers.
    fn ask(&self, path: &str) -> Value {
        let answer = Connection::open(self.address).request("GET", &format!("/api/v1/{path}"), &[], b"").unwrap();
        let json = answer.json();
        assert_eq!((answer.status, json["status"].as_str()), (200, Some("success")), "{path}: {json}");
        json["data"].clone()
    }

    /// The samples of an instant query.
    fn query(&self, expression: &str) -> Vec<Value> {
        let data = self.ask(&format!("query?query={}", percent_encoded(expression)));
        data["result"].as_array().unwrap().clone()
    }

    /// The labels of all series that a selector finds.
    fn labels(&self, selector: &str) -> BTreeSet<String> {
        let series = self.ask(&format!("series?match[]={}", percent_encoded(selector)));
        let labels = |series: &Value| series.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        series.as_array().unwrap().iter().flat_map(labels).collect()
    }

    /// That an expression names only what the server exposes: each selector finds series, also with each one of the
    /// alternatives that it allows, and each label that it groups or joins by is one of theirs.
    fn check(&self, text: &str) {
        let expression = Expression::read(text);
        assert!(!expression.selectors.is_empty(), "{text}");
        let mut labels = BTreeSet::new();
        for selector in &expression.selectors {
            for one in selector.alternatives() {
                let found = self.labels(&one);
                assert!(!found.is_empty(), "nothing is exposed as {one}: {text}");
                labels.extend(found);
            }
        }
        for label in &expression.labels {
            assert!(labels.contains(label), "no series has the label {label}: {text}");
        }
        self.query(text);
    }
}

/// The expressions of the dashboard, with values for its variables.
fn dashboard_expressions(dashboard: &Value) -> Vec<String> {
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().cloned().unwrap_or_default());
    let annotations = dashboard["annotations"]["list"].as_array().unwrap().iter().cloned();
    let told = targets.chain(annotations).filter_map(|target| target["expr"].as_str().map(str::to_owned));
    told.map(|expression| chosen(&expression)).collect()
}

fn chosen(expression: &str) -> String {
    let values = [("$job", "clockfold"), ("$instance", ".+"), ("$source", ".+"), ("$__rate_interval", "1m")];
    values.into_iter().fold(expression.to_owned(), |text, (name, value)| text.replace(name, value))
}

#[test]
fn every_expression_names_what_a_running_server_exposes() {
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("archive");
    let config = format!("archive.directory = {archive:?}\n{CONFIG}");
    let mut server = Server::start(folder.path(), &config);
    let prometheus = Prometheus::start(folder.path(), server.address);
    let mut post = {
        let mut id = 0;
        let address = server.address;
        move || {
            id += 1;
            let body = format!(r#"{{"appointment_id": {id}, "event_type": "create"}}"#);
            let headers = [("Content-Type", "application/json")];
            let path = format!("/webhook/{ROUTE_KEY}");
            let answer = Connection::open(address).request("POST", &path, &headers, body.as_bytes()).unwrap();
            assert_eq!(answer.status, 200);
        }
    };
    server.deliver(1, "callback");
    let recorded = "job_source:clockfold_not_applied:ratio1h";
    wait_for("a few scrapes, and what is recorded of them", || {
        post();
        server.query("{ log { headPosition } }");
        let scraped = "count_over_time(up{job=\"clockfold\"}[1m]) > 4";
        !prometheus.query(scraped).is_empty() && !prometheus.query(recorded).is_empty()
    });

    let dashboard = dashboard();
    let panels = dashboard_expressions(&dashboard);
    assert!(panels.len() > 25, "{}", panels.len());
    for expression in &panels {
        prometheus.check(expression);
    }
    // A panel shows something, but for what is remarkable.
    for expression in panels.iter().filter(|expression| !expression.starts_with("changes(")) {
        assert!(!prometheus.query(expression).is_empty(), "nothing to show: {expression}");
    }
    for variable in dashboard["templating"]["list"].as_array().unwrap() {
        let Some(query) = variable["query"]["query"].as_str() else { continue };
        let inner = query.strip_prefix("label_values(").and_then(|rest| rest.strip_suffix(')')).unwrap();
        let (selector, label) = inner.rsplit_once(',').unwrap();
        assert!(prometheus.labels(&chosen(selector)).contains(label.trim()), "{query}");
    }

    // The rules as Prometheus has read them.
    let groups = prometheus.ask("rules")["groups"].as_array().unwrap().clone();
    let rules: Vec<&Value> = groups.iter().flat_map(|group| group["rules"].as_array().unwrap()).collect();
    assert!(rules.len() > 18, "{}", rules.len());
    for rule in rules {
        assert_eq!(rule["health"], "ok", "{rule}");
        prometheus.check(rule["query"].as_str().unwrap());
        if rule["type"] == "alerting" {
            for text in [&rule["annotations"]["summary"], &rule["annotations"]["description"]] {
                assert!(text.as_str().is_some_and(|text| text.len() > 20), "{rule}");
            }
            assert!(["page", "ticket"].contains(&rule["labels"]["severity"].as_str().unwrap()), "{rule}");
            // This machine's disk may be as good as full; what fires has been so for a time.
            assert_ne!(rule["state"], "firing", "{rule}");
        }
    }

    // What is exposed is well formed, explained, and documented.
    let metrics = server.get("/metrics").text();
    let path = folder.path().join("metrics.txt");
    fs::write(&path, &metrics).unwrap();
    let checked = Command::new("promtool").args(["check", "metrics"]).stdin(fs::File::open(path).unwrap()).output();
    let checked = checked.unwrap();
    let said = String::from_utf8_lossy(&checked.stderr).into_owned();
    assert!(checked.status.success() && said.is_empty(), "{said}");
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operations.md")).unwrap();
    let families = metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
    for family in families {
        assert!(metrics.contains(&format!("# HELP {family} ")), "{family} is not explained");
        assert!(page.contains(&format!("`{family}")), "docs/operations.md does not name {family}");
    }

    server.kill();
    wait_for("the alert that the server is gone", || {
        let alerts = prometheus.ask("alerts")["alerts"].as_array().unwrap().clone();
        alerts.iter().any(|alert| alert["labels"]["alertname"] == "ClockfoldDown" && alert["state"] == "pending")
    });
}

#[test]
fn what_is_packaged_is_the_same_program_and_finds_its_lines() {
    let folder = tempfile::tempdir().unwrap();
    let program = env!("CARGO_BIN_EXE_clockfold");
    let done = |command: &mut Command| {
        let output = command.output().unwrap();
        assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    done(Command::new(deploy("package")).arg(program).arg(folder.path()));
    let [packaged, lines] = ["clockfold", "clockfold.debug"].map(|name| folder.path().join(name));
    let bytes = |path: &Path| fs::metadata(path).unwrap().len();
    assert!(bytes(&packaged) < bytes(Path::new(program)) / 2, "{} bytes", bytes(&packaged));
    assert_eq!(done(Command::new(&packaged).arg("--version")), done(Command::new(program).arg("--version")));
    // Where `main` is, as its file beside it says; without that file nobody knows.
    let symbols = done(Command::new("nm").arg(program));
    let main = symbols.lines().find(|line| line.contains("9clockfold4main")).expect("`main` has a name");
    let address = main.split(' ').next().unwrap();
    let line_of = || done(Command::new("addr2line").arg("-e").arg(&packaged).arg(address));
    assert!(line_of().contains("src/main.rs:"), "{}", line_of());
    fs::remove_file(lines).unwrap();
    assert!(line_of().starts_with("??:"), "{}", line_of());
}

/// Units that Grafana knows, of those that are used.
const UNITS: [&str; 7] = ["none", "short", "percentunit", "s", "bytes", "cpm", "reqps"];

#[test]
fn the_dashboard_is_what_grafana_takes() {
    let dashboard = dashboard();
    assert_eq!((dashboard["uid"].as_str(), dashboard["title"].as_str()), (Some("clockfold"), Some("Clockfold")));
    assert!(dashboard["schemaVersion"].as_u64().is_some_and(|version| version >= 36));
    assert!(dashboard.get("id").is_none_or(Value::is_null), "an id is of one Grafana alone");
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    let source = &variables[0];
    assert_eq!(
        [&source["name"], &source["type"], &source["query"]].map(|text| text.as_str().unwrap()),
        ["datasource", "datasource", "prometheus"]
    );
    let names: BTreeSet<&str> = variables.iter().map(|variable| variable["name"].as_str().unwrap()).collect();
    let mut ids = BTreeSet::new();
    let mut taken = BTreeSet::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        let title = panel["title"].as_str().unwrap();
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{title}");
        let place = |name: &str| panel["gridPos"][name].as_u64().unwrap();
        let (x, y, w, h) = (place("x"), place("y"), place("w"), place("h"));
        assert!(w > 0 && h > 0 && x + w <= 24, "{title}");
        for cell in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
            assert!(taken.insert(cell), "{title} lies over another panel");
        }
        if panel["type"] == "row" {
            continue;
        }
        assert!(["stat", "timeseries", "bargauge"].contains(&panel["type"].as_str().unwrap()), "{title}");
        assert!(!panel["description"].as_str().unwrap().is_empty(), "{title}");
        assert!(UNITS.contains(&panel["fieldConfig"]["defaults"]["unit"].as_str().unwrap()), "{title}");
        let mut refs = BTreeSet::new();
        for target in panel["targets"].as_array().unwrap() {
            assert!(refs.insert(target["refId"].as_str().unwrap()), "{title}");
            assert_eq!(target["datasource"]["uid"], "${datasource}", "{title}");
            let expression = target["expr"].as_str().unwrap();
            for used in expression.split('$').skip(1) {
                let name: String = used.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
                assert!(name == "__rate_interval" || names.contains(name.as_str()), "{title}: ${name}");
            }
        }
        assert!(!refs.is_empty(), "{title}");
    }
}

#[test]
fn names_are_found_where_they_stand() {
    let read = Expression::read(
        "sum by (le, job) (rate(a_bucket{b=~\"c|d\",e=\"f\"}[5m] offset 1w)) / on () g:h > 0.5 and time() - i{j=~\".+\"} > 4 * 1e3",
    );
    let selectors: Vec<&str> = read.selectors.iter().map(|selector| selector.0.as_str()).collect();
    assert_eq!(selectors, ["a_bucket{b=~\"c|d\",e=\"f\"}", "g:h", "i{j=~\".+\"}"]);
    assert_eq!(read.labels, ["le", "job"]);
    assert_eq!(read.selectors[0].alternatives(), ["a_bucket{b=\"c\",e=\"f\"}", "a_bucket{b=\"d\",e=\"f\"}"]);
    assert_eq!(read.selectors[2].alternatives(), ["i{j=~\".+\"}"]);
    assert_eq!(percent_encoded("a{b}"), "a%7Bb%7D");
}
