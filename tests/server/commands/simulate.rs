//! `clockfold simulate`: prints, fills an empty data directory, and posts to a real server.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use clockfold::log::{Body, DataDir, Log, NewDelivery, Position, SledLog};

use crate::support::{
    server::{CONFIG, CommandOutput, ROUTE_KEY, Server, clockfold, command, data_dir},
    wait_for,
};

fn told(folder: &Path, arguments: &str) -> CommandOutput {
    let arguments: Vec<&str> = arguments.split_whitespace().collect();
    clockfold(folder, &[], &[&["simulate"], &arguments[..]].concat())
}

/// What a log holds, but for its salts, with the arrival times in milliseconds.
fn content(directory: &Path) -> Vec<(i64, NewDelivery)> {
    let log = SledLog::open(&DataDir::at(directory), Arc::new(chrono::Utc::now)).unwrap();
    let deliveries = log.read(Position::ZERO.next()).map(|delivery| {
        let delivery = delivery.unwrap();
        let Body::Kept { bytes, .. } = delivery.body else { panic!("nothing was erased") };
        let (source, reading, delivery_id) = (delivery.source, delivery.reading, delivery.delivery_id);
        (delivery.received_at.timestamp_millis(), NewDelivery { source, reading, delivery_id, body: bytes })
    });
    deliveries.collect()
}

#[test]
fn keys_come_from_a_file_or_the_environment_and_no_list_of_processes_shows_them() {
    let folder = tempfile::tempdir().unwrap();
    let token = "a-token-of-the-clinic-uptown";
    let config = format!("{CONFIG}[[source]]\nname = \"uptown\"\nauthtokens = [\"{token}\"]\n");
    let server = Server::start(folder.path(), &config);
    fs::write(folder.path().join("keys"), format!("# of downtown\n\n  {ROUTE_KEY}\r\n")).unwrap();
    fs::write(folder.path().join("tokens"), token).unwrap();
    let target = format!("http://{}", server.address);
    let sent = |variables: &[(&str, &str)], arguments: &str| {
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        let there = ["simulate", "--deliveries", "5", "--rate", "100", "--target", &target];
        clockfold(folder.path(), variables, &[&there, &arguments[..]].concat())
    };
    let keys = ("CLOCKFOLD_SIMULATE_ROUTE_KEYS", ROUTE_KEY);
    let tokens = ("CLOCKFOLD_SIMULATE_AUTHTOKENS", token);
    let wrong = ("CLOCKFOLD_SIMULATE_ROUTE_KEYS", "a-key-that-nobody-has-been-given");
    let mut expected = 0;
    for (variables, arguments) in [
        (&[][..], "--route-keys-file keys"),
        (&[], "--authtokens-file tokens"),
        (&[keys], ""),
        (&[tokens], ""),
        // What stands in the command goes over the environment.
        (&[wrong], "--route-keys-file keys"),
        (&[wrong], "--authtokens-file tokens"),
    ] {
        let told = sent(variables, arguments);
        assert_eq!(told.status, 0, "{arguments}: {}{}", told.stdout, told.stderr);
        expected += 5;
        assert_eq!(server.query("{ log { headPosition } }")["log"]["headPosition"], expected.to_string());
    }
    // Other commands don't mind the variables.
    assert_eq!(clockfold(folder.path(), &[keys], &["check-config"]).status, 0);
    fs::write(folder.path().join("none"), "# nothing\n").unwrap();
    fs::write(folder.path().join("two"), format!("{ROUTE_KEY} {token}")).unwrap();
    for (arguments, status, why) in [
        ("--route-keys-file none", 1, "none holds no key"),
        ("--route-keys-file two", 1, "key 1 in two has a blank"),
        ("--route-keys-file missing", 1, "reading keys from missing"),
        ("--route-keys-file keys --route-key another", 2, "cannot be used with"),
        ("", 2, "a file with these"),
    ] {
        let told = sent(&[], arguments);
        assert_eq!(told.status, status, "{arguments}: {}", told.stderr);
        assert!(told.stderr.contains(why) && !told.stderr.contains(ROUTE_KEY), "{arguments}: {}", told.stderr);
    }
    // Through standard input, and whoever lists the processes meanwhile sees none.
    let mut child = command(folder.path())
        .args(["simulate", "--for", "30", "--rate", "20", "--route-keys-file", "-", "--target", &target])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(ROUTE_KEY.as_bytes()).unwrap();
    let head = || server.query("{ log { headPosition } }")["log"]["headPosition"].as_str().unwrap().to_owned();
    wait_for("a delivery", || head() != expected.to_string());
    let shown = fs::read(format!("/proc/{}/cmdline", child.id())).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!String::from_utf8_lossy(&shown).contains(ROUTE_KEY));
}

#[test]
fn what_is_printed_is_a_line_a_delivery() {
    let folder = tempfile::tempdir().unwrap();
    let printed = told(folder.path(), "--deliveries 300 --sources 8");
    assert_eq!((printed.status, printed.stderr.as_str()), (0, ""));
    let lines: Vec<serde_json::Value> =
        printed.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 300);
    for field in ["arrivesAt", "source", "body"] {
        assert!(lines.iter().all(|line| line[field].is_string()), "{field}");
    }
    assert!(lines.iter().any(|line| line["deliveryId"].is_string()));
    assert_eq!(told(folder.path(), "--deliveries 300 --sources 8").stdout, printed.stdout);
    assert_ne!(told(folder.path(), "--deliveries 300 --sources 8 --seed 2").stdout, printed.stdout);
    let from = told(folder.path(), "--deliveries 1 --first-appointment 7 --start 2030-05-01T15:00:00Z").stdout;
    assert!(from.contains(" 7,") && from.contains("\"2030-05-01T15:"), "{from}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn the_same_log_is_written_twice_and_none_is_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let fill = |name: &str, more: &str| {
        let told = told(folder.path(), &format!("--deliveries 3000 --sources 8 --dense-day 100 --into {name} {more}"));
        assert_eq!(told.status, 0, "{}", told.stderr);
        assert!(told.stdout.starts_with(&format!("{name} holds 3000 deliveries")), "{}", told.stdout);
        assert!(told.stderr.starts_with("the dense day is that of `downtown` from "), "{}", told.stderr);
        content(&folder.path().join(name))
    };
    let (first, second, one_by_one) = (fill("first", ""), fill("second", ""), fill("third", "--group 1"));
    assert_eq!(first.len(), 3_000);
    assert!(first == second);
    let without_times = |content: &[(i64, NewDelivery)]| -> Vec<NewDelivery> {
        content.iter().map(|(_, delivery)| delivery.clone()).collect()
    };
    assert!(without_times(&first) == without_times(&one_by_one));
    // A group has the time of its last delivery; one by one, each its own.
    assert_eq!(first[0].0, one_by_one[63].0);
    assert!(one_by_one[0].0 < one_by_one[63].0);

    let again = told(folder.path(), "--deliveries 10 --into first");
    assert_eq!((again.status, again.stdout.as_str()), (1, ""));
    assert!(
        again.stderr.contains("holds 3000 deliveries already") && again.stderr.contains("\n  hint: "),
        "{}",
        again.stderr
    );
    assert!(content(&folder.path().join("first")) == first);
    fs::create_dir(folder.path().join("letters")).unwrap();
    fs::write(folder.path().join("letters/mother.txt"), "Dear").unwrap();
    let foreign = told(folder.path(), "--deliveries 10 --into letters");
    assert_eq!(foreign.status, 1);
    assert!(foreign.stderr.contains("letters is no data directory"), "{}", foreign.stderr);
    assert_eq!(fs::read_dir(folder.path().join("letters")).unwrap().count(), 1);
    // Without a name, where the configuration says.
    let configured = told(folder.path(), "--deliveries 10 --data-dir configured --into");
    assert_eq!((configured.status, content(&folder.path().join("configured")).len()), (0, 10), "{}", configured.stderr);
}

#[test]
fn what_is_posted_is_answered_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), CONFIG);
    let address = server.address;
    let post = |arguments: &str| told(folder.path(), &format!("--target http://{address} {arguments}"));
    let count = |told: &CommandOutput, name: &str| -> u64 {
        let line = told.stdout.lines().find_map(|line| line.strip_prefix(name));
        line.map_or(0, |line| line.trim().parse().unwrap())
    };
    // Enough that some bodies can't be read.
    let all = post(&format!("--route-key {ROUTE_KEY} --deliveries 12000 --rate 1000000 --sources 9 --connections 8"));
    assert_eq!((all.status, all.stderr.as_str()), (0, ""), "{}", all.stdout);
    let outcomes = ["APPLIED", "DUPLICATE", "REJECTED", "UNRECOGNIZED", "UNREADABLE"].map(|name| count(&all, name));
    assert_eq!(outcomes.iter().sum::<u64>(), 12_000, "{}", all.stdout);
    assert!(outcomes.iter().all(|count| *count > 0), "{}", all.stdout);
    let next = all.stdout.split("--first-appointment ").nth(1).unwrap().trim().to_owned();

    // The key may stand in the URL; the time ends it.
    let begun = std::time::Instant::now();
    let timed = told(
        folder.path(),
        &format!("--post http://{address}/webhook/{ROUTE_KEY} --for 1 --rate 20 --first-appointment {next}"),
    );
    assert_eq!((timed.status, timed.stderr.as_str()), (0, ""), "{}", timed.stdout);
    assert!((1..10).contains(&begun.elapsed().as_secs()));
    let sent: u64 = timed.stdout.split(' ').next().unwrap().parse().unwrap();
    assert!((10..=20).contains(&sent), "{}", timed.stdout);
    let quick = post(&format!("--route-key {ROUTE_KEY} --for 1 --speed 20000 --first-appointment 950000001"));
    let quickly_sent: u64 = quick.stdout.split(' ').next().unwrap().parse().unwrap();
    assert!(quick.status == 0 && quickly_sent > 5, "{}{}", quick.stdout, quick.stderr);
    drop(server);
    let kept = content(&data_dir(folder.path())).len() as u64;
    assert_eq!(kept, 12_000 + sent + quickly_sent);
}

/// A second source, with a token.
const TOKEN: &str = "a-token-of-the-lakeside-clinic";

#[test]
fn the_same_seed_posts_the_same_bytes_in_the_same_order_for_each_source() {
    let posted = |seed: &str| {
        let folder = tempfile::tempdir().unwrap();
        let lakeside = format!(
            "{CONFIG}[[source]]\nname = \"lakeside\"\nroute_keys = [\"{TOKEN}-s-key\"]\nauthtokens = [\"{TOKEN}\"]\nrequire = \"all\"\n"
        );
        let config = lakeside.replace("downtown\"\n", "downtown\"\nauthtokens = [\"another-token-of-downtown\"]\n");
        let server = Server::start(folder.path(), &config);
        let credentials = format!(
            "--route-key {ROUTE_KEY} --route-key {TOKEN}-s-key --authtoken another-token-of-downtown --authtoken {TOKEN}"
        );
        let arguments =
            format!("--target http://{} {credentials} --deliveries 1500 --rate 100000 {seed}", server.address);
        let told = told(folder.path(), &arguments);
        assert_eq!((told.status, told.stderr.as_str()), (0, ""), "{}", told.stdout);
        drop(server);
        let mut bodies: BTreeMap<String, Vec<Vec<u8>>> = BTreeMap::new();
        for (_, delivery) in content(&data_dir(folder.path())) {
            bodies.entry(delivery.source.to_string()).or_default().push(delivery.body);
        }
        assert_eq!(bodies.values().map(Vec::len).sum::<usize>(), 1_500);
        bodies
    };
    let first = posted("--seed 3");
    assert_eq!(first.keys().collect::<Vec<_>>(), ["downtown", "lakeside"]);
    assert!(first == posted("--seed 3"));
    assert!(first != posted("--seed 4"));
}

#[test]
fn the_report_is_there_as_json() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), CONFIG);
    let arguments = "--deliveries 400 --rate 2000 --format json";
    let told = told(folder.path(), &format!("--target http://{} --route-key {ROUTE_KEY} {arguments}", server.address));
    assert_eq!((told.status, told.stderr.as_str()), (0, ""), "{}", told.stdout);
    let report: serde_json::Value = serde_json::from_str(&told.stdout).unwrap();
    let sum = |field: &str| -> u64 { report[field].as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum() };
    assert_eq!((report["deliveries"].as_u64(), sum("outcomes"), sum("statuses")), (Some(400), 400, 400), "{report}");
    assert_eq!((report["notTaken"].as_u64(), report["errors"].as_u64()), (Some(0), Some(0)), "{report}");
    assert_eq!(report["perSecondAsked"].as_u64(), Some(2_000));
    let rate = report["perSecond"].as_u64().unwrap();
    assert!((50..=2_000).contains(&rate), "{report}");
    let latency = ["p50", "p90", "p99", "max"].map(|name| report["latencyMs"][name].as_f64().unwrap());
    assert!(latency[0] > 0.0 && latency.is_sorted(), "{report}");
}

/// `clockfold simulate`, which goes on.
fn simulating(folder: &Path, address: SocketAddr, arguments: &str) -> std::process::Child {
    let mut command = command(folder);
    command.args(["simulate", "--route-key", ROUTE_KEY, "--target", &format!("http://{address}")]);
    command.args(arguments.split_whitespace()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// How many deliveries a server has.
fn head(server: &Server) -> u64 {
    let head = &server.query("{ log { headPosition } }")["log"]["headPosition"];
    head.as_str().unwrap().parse().unwrap()
}

#[test]
fn a_signal_ends_it_with_its_report() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), CONFIG);
    for signal in ["-INT", "-TERM"] {
        let before = head(&server);
        let child = simulating(folder.path(), server.address, "--for 3600 --rate 100");
        wait_for("a few deliveries", || head(&server) > before + 20);
        assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
        let output = child.wait_with_output().unwrap();
        let (stdout, stderr) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        assert_eq!((output.status.code(), stderr.as_str()), (Some(0), ""), "{stdout}");
        assert!(stdout.contains(" deliveries in ") && stdout.contains("APPLIED"), "{stdout}");
    }
}

#[test]
fn what_a_server_does_not_answer_is_sent_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(folder.path(), CONFIG);
    let child = simulating(folder.path(), server.address, "--deliveries 200 --rate 100 --retries 100 --format json");
    wait_for("the first delivery", || head(&server) > 0);
    server.kill();
    // Long enough that something is sent to nobody.
    thread::sleep(Duration::from_millis(500));
    server.start_again(folder.path());
    let output = child.wait_with_output().unwrap();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &report["notTaken"]), (Some(0), &0.into()), "{report}");
    let count = |field: &str| report[field].as_u64().unwrap();
    assert_eq!(count("deliveries"), 200);
    assert!(count("errors") > 0 && count("retries") >= count("errors"), "{report}");
    drop(server);
    // Each is there; what was kept and not answered may be there twice.
    assert!(content(&data_dir(folder.path())).len() >= 200);
}

#[test]
fn nothing_is_posted_where_it_does_not_belong() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), CONFIG);
    let wrong = "WRONGWRONGWRONGWRONGWRONG";
    let address = server.address;
    for (arguments, status, why) in [
        (format!("--post http://{address} --route-key {wrong}"), 1, "does not know this source (status 404)"),
        (format!("--post http://{address} --authtoken {wrong}"), 1, "does not know this source (status 401)"),
        (format!("--post http://192.0.2.1:8080/webhook/{wrong}"), 1, "192.0.2.1:8080 is not on this machine"),
        (format!("--post http://127.0.0.1:1/webhook/{wrong}"), 1, "127.0.0.1:1 does not answer"),
        (format!("--post http://{address}"), 2, "--target needs --route-key"),
        (format!("--post http://{address}/webhook/{wrong} --route-key {wrong}"), 2, "leave --route-key out"),
        (format!("--post https://{address}/webhook/{wrong}"), 2, "there is no TLS here"),
        (format!("--post http://{wrong}@{address}"), 2, "http://HOST:PORT"),
        (format!("--post http://{address} --route-key {wrong} --into x"), 2, "cannot be used with"),
        ("--rate 5".to_owned(), 2, "--target"),
        (format!("--target http://{address} --route-key {wrong} --route-key b --authtoken c"), 2, "in the same order"),
        (format!("--target http://{address} --route-key {wrong} --delivery-id-header a:b"), 2, "a header's name"),
        ("--sources 0".to_owned(), 2, "--sources"),
    ] {
        let told = told(folder.path(), &arguments);
        assert_eq!((told.status, told.stdout.as_str()), (status, ""), "{arguments}: {}", told.stderr);
        assert!(told.stderr.contains(why), "{arguments}: {}", told.stderr);
        assert!(!told.stderr.contains(wrong), "{arguments}: {}", told.stderr);
    }
    drop(server);
    assert_eq!(content(&data_dir(folder.path())).len(), 0);
}

/// Passes what comes in on to a server. The first answer goes back at once, the others after so long.
fn slow_way_to(server: SocketAddr, delay: Duration) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let answered = Arc::new(AtomicUsize::new(0));
    thread::spawn(move || {
        for incoming in listener.incoming() {
            let (mut client, answered) = (incoming.unwrap(), Arc::clone(&answered));
            let mut server = TcpStream::connect(server).unwrap();
            let (mut to_server, mut from_client) = (server.try_clone().unwrap(), client.try_clone().unwrap());
            thread::spawn(move || io::copy(&mut from_client, &mut to_server));
            thread::spawn(move || {
                let mut buffer = [0; 4096];
                while let Ok(read @ 1..) = server.read(&mut buffer) {
                    if answered.fetch_add(1, Ordering::Relaxed) > 0 {
                        thread::sleep(delay);
                    }
                    if client.write_all(&buffer[..read]).is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

#[test]
fn a_slow_server_does_not_keep_it_from_ending() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), CONFIG);
    let slow = slow_way_to(server.address, Duration::from_secs(25));
    let report = |child: std::process::Child| -> serde_json::Value {
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(1), "{report}");
        assert!(stderr.contains("2 deliveries had no answer yet when it ended"), "{stderr}");
        report
    };
    // One is answered, then each connection has one under way; nothing else is taken from its queue.
    let expected = |report: &serde_json::Value, answered: u64| {
        let numbers = ["deliveries", "notTaken", "inFlight", "errors"].map(|field| report[field].as_u64().unwrap());
        assert_eq!(numbers, [answered + 2, 0, 2, 0], "{report}");
    };
    let begun = Instant::now();
    let arguments = "--rate 50 --connections 2 --format json";
    expected(&report(simulating(folder.path(), slow, &format!("--for 2 {arguments}"))), 1);
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());

    let slow = slow_way_to(server.address, Duration::from_secs(25));
    let child = simulating(folder.path(), slow, &format!("--for 3600 {arguments}"));
    thread::sleep(Duration::from_secs(2));
    let told = Instant::now();
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    expected(&report(child), 1);
    assert!(told.elapsed() < Duration::from_secs(2), "{:?}", told.elapsed());
}
