//! No 200 leaves before its delivery is on stable storage: proved from a trace of the program's system calls.

use std::path::Path;

use crate::support::{
    disk::trace::{Call, finished, parse, start_traced},
    load::{Acknowledged, Load, Plan, acknowledged, body, post},
    random::Random,
    server::{CONFIG, Connection, data_dir},
};

const ONE_AT_A_TIME: u64 = 40;

/// Whether every acknowledged delivery was durable when its answer left. A delivery is known by its body's
/// marker, which stands in a file of the journal as it was sent, and its answer by its position.
///
/// For each there has to be: a write to a file of the journal that holds the marker; a sync of that same file that
/// began after the write had returned; and an answer that began after that sync had returned without an error.
fn check(trace: &str, log: &Path, deliveries: &[Acknowledged]) -> Result<(), String> {
    let calls = parse(trace);
    let journal = format!("{}/journal-", log.to_str().unwrap());
    let on_journal: Vec<&Call> = calls.iter().filter(|call| call.path().starts_with(&journal)).collect();
    let answers: Vec<(&Call, String)> = calls.iter().filter_map(|call| Some((call, call.ok_answer()?))).collect();
    for delivery in deliveries {
        let marker = marker(&delivery.body);
        let position = format!("\"position\":\"{}\"", delivery.position);
        let mut to_it = answers.iter().filter(|(_, text)| text.contains(&position));
        let (Some((answer, _)), None) = (to_it.next(), to_it.next()) else {
            return Err(format!("the answer to {} is not there, or not once", delivery.position));
        };
        let holds = |call: &&&Call| {
            let whole = call.strings.first().is_some_and(|bytes| call.result == bytes.len() as i64);
            call.name == "pwrite64" && whole && contains(&call.strings[0], marker)
        };
        // The last write before the answer first: that is where it usually is.
        let before = on_journal.iter().rev().filter(|call| call.done_before(answer.begin));
        let durable = before.filter(holds).any(|written| {
            let end = written.end.expect("a finished call has an end");
            let covers = |sync: &&&Call| sync.is_sync() && sync.path() == written.path() && sync.begin > end;
            on_journal.iter().filter(covers).any(|sync| sync.done_before(answer.begin))
        });
        if !durable {
            return Err(format!("{} was answered before it was on stable storage", delivery.position));
        }
    }
    Ok(())
}

/// Whether `path` was made, or got its name, and its entry was synced with its folder before `place`.
fn check_entry(calls: &[Call], path: &Path, place: usize) -> Result<(), String> {
    let (name, folder) = (path.to_str().unwrap(), path.parent().unwrap().to_str().unwrap());
    let made = calls.iter().find(|call| {
        let opened = call.name == "openat" && call.arguments.contains("O_CREAT");
        let named = call.name.starts_with("rename") && call.string(1) == name;
        call.result >= 0 && (named || (opened || call.name == "mkdir") && call.string(0) == name)
    });
    let made = made.and_then(|call| call.end).ok_or_else(|| format!("{name} was not made"))?;
    let synced = |call: &Call| call.name == "fsync" && call.path() == folder && call.begin > made;
    let synced = calls.iter().any(|call| synced(call) && call.done_before(place));
    if synced { Ok(()) } else { Err(format!("{folder} was not synced after {name} was made in it")) }
}

fn marker(body: &str) -> &str {
    body.split('"').rev().nth(1).expect("the last field of a body is its marker")
}

fn contains(bytes: &[u8], marker: &str) -> bool {
    bytes.windows(marker.len()).any(|window| window == marker.as_bytes())
}

fn is_sync(line: &&str) -> bool {
    line.contains(" fdatasync(") || line.contains("<... fdatasync resumed>")
}

#[test]
fn no_answer_leaves_before_its_delivery_is_on_stable_storage() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    let trace = root.join("trace");
    let mut server = start_traced(&root, CONFIG, &trace);
    let mut random = Random::new(u64::from(server.id()));
    let mut deliveries = Vec::new();
    let mut connection = Connection::open(server.address);
    for appointment in 0..ONE_AT_A_TIME {
        let body = body(100_000_000 + appointment, "create", &random.letters(48));
        let answer = post(&mut connection, &body).unwrap();
        deliveries.push(acknowledged(&answer, "create", body));
    }
    drop(connection);
    let plan = Plan { senders: 8, each: 40, first_appointment: 1_000, seed: random.next(), note_bytes: 48..200 };
    deliveries.extend(Load::start(server.address, &plan).join().acknowledged);
    // More than two files of the journal hold.
    let plan = Plan { senders: 6, each: 30, first_appointment: 9_000, seed: random.next(), note_bytes: 30_000..40_000 };
    deliveries.extend(Load::start(server.address, &plan).join().acknowledged);
    assert!(server.terminate().success());
    let trace = finished(&trace, server.id());

    let data = data_dir(&root);
    let log = data.join("log");
    assert_eq!(deliveries.len(), 40 + 8 * 40 + 6 * 30);
    check(&trace, &log, &deliveries).unwrap();

    // The log's files: their entries, and what it can't be opened without.
    let calls = parse(&trace);
    let first_answer = calls.iter().find(|call| call.ok_answer().is_some()).unwrap().begin;
    let names = ["conf", "db", "blobs"].map(|name| log.join(name));
    for path in [data.clone(), log.clone()].into_iter().chain(names) {
        check_entry(&calls, &path, first_answer).unwrap();
    }
    for number in 1..=3 {
        let path = log.join(format!("journal-{number:012}"));
        let first_group = calls.iter().find(|call| call.name == "fdatasync" && Path::new(call.path()) == path);
        check_entry(&calls, &path, first_group.expect("the load needs three files").begin).unwrap();
    }
    let conf = log.join("conf");
    let on_conf = |call: &&Call| Path::new(call.path()) == conf;
    let written = calls.iter().filter(on_conf).filter(|call| call.name == "write").filter_map(|call| call.end).max();
    let written = written.expect("conf was written");
    let synced = calls
        .iter()
        .filter(on_conf)
        .any(|call| call.is_sync() && call.begin > written && call.done_before(first_answer));
    assert!(synced, "conf was not synced after it was written");

    // The check itself is worth something: it refuses traces in which the sync is missing, late or failed.
    let (syncs, others): (Vec<&str>, Vec<&str>) = trace.lines().partition(is_sync);
    assert!(syncs.len() >= 40, "each delivery that comes alone has a sync of its own");
    let without = others.join("\n");
    assert!(check(&without, &log, &deliveries).is_err(), "a trace without a sync passed");
    let late = [&others[..], &syncs[..]].concat().join("\n");
    assert!(check(&late, &log, &deliveries).is_err(), "a trace with every sync at its end passed");
    let sync_error = |line: &str| line.strip_suffix("= 0").map(|begin| format!("{begin}= -1 EIO (Input/output error)"));
    let failed: Vec<String> = trace
        .lines()
        .map(|line| if is_sync(&line) { sync_error(line) } else { None }.unwrap_or_else(|| line.to_owned()))
        .collect();
    assert!(check(&failed.join("\n"), &log, &deliveries).is_err(), "a trace in which every sync failed passed");
    println!("{} answers, {} syncs", deliveries.len(), syncs.len());
}

/// A trace in shorthand: one thread writes, another answers.
#[test]
fn the_check_tells_traces_apart() {
    let good = r#"
1 1.0 pwrite64(7</d/log/journal-1>, "..MARKER48..", 12, 0) = 12
1 1.1 fdatasync(7</d/log/journal-1>) = 0
2 1.2 writev(9<socket:[5]>, [{iov_base="HTTP/1.1 200 OK {"position":"1"}", iov_len=3}], 1) = 3
"#;
    let interleaved = r#"
1 1.0 pwrite64(7</d/log/journal-1>, "..MARKER48..", 12, 0 <unfinished ...>
2 1.0 write(3</d/other>, "x", 1) = 1
1 1.0 <... pwrite64 resumed>) = 12
1 1.1 fdatasync(7</d/log/journal-1> <unfinished ...>
2 1.1 write(3</d/other>, "x", 1) = 1
1 1.1 <... fdatasync resumed>) = 0
2 1.2 writev(9<socket:[5]>, [{iov_base="HTTP/1.1 200 OK {"position":"1"}", iov_len=3}], 1) = 3
"#;
    let began_before_the_write = r#"
1 1.1 fdatasync(7</d/log/journal-1> <unfinished ...>
2 1.0 pwrite64(7</d/log/journal-1>, "..MARKER48..", 12, 0) = 12
1 1.1 <... fdatasync resumed>) = 0
2 1.2 writev(9<socket:[5]>, [{iov_base="HTTP/1.1 200 OK {"position":"1"}", iov_len=3}], 1) = 3
"#;
    let answered_meanwhile = r#"
1 1.0 pwrite64(7</d/log/journal-1>, "..MARKER48..", 12, 0) = 12
1 1.1 fdatasync(7</d/log/journal-1> <unfinished ...>
2 1.2 writev(9<socket:[5]>, [{iov_base="HTTP/1.1 200 OK {"position":"1"}", iov_len=3}], 1) = 3
1 1.1 <... fdatasync resumed>) = 0
"#;
    let another_file = good.replace("fdatasync(7</d/log/journal-1>)", "fdatasync(8</d/projection/0.jnl>)");
    let next_journal = good.replace("fdatasync(7</d/log/journal-1>)", "fdatasync(8</d/log/journal-2>)");
    let the_store = good.replace("/d/log/journal-1>", "/d/log/db>");
    let half_a_write = good.replace(") = 12", ") = 4");
    let another_body = good.replace("MARKER48", "ANOTHER");
    let delivery = Acknowledged {
        position: 1,
        received_at: String::new(),
        source: String::new(),
        appointment_id: String::new(),
        event_type: String::new(),
        body: r#"{"note": "MARKER48"}"#.to_owned(),
    };
    let passes = |trace: &str| {
        // Texts are printed in hexadecimal, so that nothing in them ends them.
        let trace = trace.replace("{\"position\":\"1\"}", r"\x22position\x22:\x221\x22");
        check(&trace, Path::new("/d/log"), std::slice::from_ref(&delivery)).is_ok()
    };
    assert!(passes(good));
    assert!(passes(interleaved));
    let files = [&*another_file, &next_journal, &the_store];
    for bad in [began_before_the_write, answered_meanwhile, &half_a_write, &another_body, ""].into_iter().chain(files) {
        assert!(!passes(bad), "{bad}");
    }
}
