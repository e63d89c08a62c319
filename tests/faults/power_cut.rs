//! Power cuts, simulated: everything that no sync has covered is forgotten, or worse, kept in part. What was
//! acknowledged before the cut is in the log that opens after it.

use std::{fs, path::Path, sync::Arc, thread, time::Duration};

use clockfold::{
    copies::Survey,
    log::{DataDir, Delivery, Digest, Log, Position, SledLog},
};

use crate::support::{
    disk::{
        power::{Cut, Disk},
        trace::{Call, finished, parse, start_traced},
    },
    load::{Acknowledged, Load, Plan, as_acknowledged, check_kept},
    random::Random,
    server::{CONFIG, data_dir},
};

/// Runs of the program on the same data directory; each but the last ends with `kill -9` under load.
const RUNS: u64 = 3;
/// Cuts while the program starts, and while it takes deliveries; of every run.
const CUTS: [usize; 2] = [10, 14];

/// The run whose bodies are so large that files of the journal fill up and are moved meanwhile.
const LARGE_RUN: u64 = 1;

/// One run of the program: what it did, and what it acknowledged.
struct Run {
    calls: Vec<Call>,
    /// With the place at which the answer left.
    acknowledged: Vec<(usize, Acknowledged)>,
    lines: usize,
}

impl Run {
    /// How much of the archive's last segment was on stable storage at a place in the trace; `None` where no sync says.
    fn archived_bytes(&self, at: usize) -> Option<(String, u64)> {
        let of_segment = |call: &&Call| call.path().contains("/data/archive/segment-");
        let sync = self.calls.iter().filter(of_segment).rfind(|call| call.is_sync() && call.done_before(at))?;
        let (mut bytes, path) = (0, sync.path());
        for call in self.calls.iter().filter(|call| call.path() == path && call.done_before(sync.begin)) {
            match call.name.as_str() {
                "write" => bytes += call.result,
                "ftruncate" => bytes = call.arguments.rsplit(',').next().unwrap().trim().parse().unwrap(),
                _ => {}
            }
        }
        Some((path.rsplit('/').next().unwrap().to_owned(), u64::try_from(bytes).unwrap()))
    }
}

#[test]
fn what_was_acknowledged_survives_power_cuts() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    let seed = u64::from(std::process::id());
    println!("seed {seed}");
    let mut random = Random::new(seed);
    let mut disk = Disk::at(&root);
    let mut earlier: Vec<Acknowledged> = Vec::new();
    let (mut cuts, mut unacknowledged, mut synced, mut journals) = (0, 0, 0, 0);
    for number in 0..RUNS {
        let run = run(&root, number, &mut random);
        let first_answer = run.acknowledged.iter().map(|(place, _)| *place).min().unwrap();
        let moved = |call: &&Call| call.begin > first_answer && call.name == "unlink" && is_journal(&call.string(0));
        journals += usize::from(number == LARGE_RUN) * run.calls.iter().filter(moved).count();
        let mut places: Vec<usize> = (0..CUTS[0]).map(|_| random.index(first_answer)).collect();
        places.extend((0..CUTS[1]).map(|_| first_answer + random.index(run.lines - first_answer)));
        places.sort_unstable();
        for (begin, call) in in_order(&run.calls) {
            let place = if begin { call.begin } else { call.end.unwrap() };
            while places.first().is_some_and(|cut| *cut <= place) {
                let at = places.remove(0);
                let before = run.acknowledged.iter().filter(|(left, _)| *left < at).map(|(_, delivery)| delivery);
                let kept: Vec<Acknowledged> = earlier.iter().chain(before).cloned().collect();
                let cut = if cuts % 2 == 0 { Cut::Clean } else { Cut::Torn };
                let archived = run.archived_bytes(at);
                synced += usize::from(archived.is_some());
                unacknowledged +=
                    check_cut(&disk, cut, &mut random, &kept, archived, &format!("run {number}, line {at}"));
                cuts += 1;
            }
            if begin { disk.begin(call) } else { disk.end(call) }
        }
        let unfinished: Vec<Call> = run.calls.iter().filter(|call| call.end.is_none()).cloned().collect();
        disk.next_process(&unfinished);
        earlier.extend(run.acknowledged.into_iter().map(|(_, delivery)| delivery));
    }
    let acknowledged = earlier.len();
    println!(
        "{cuts} cuts, {synced} of them with something archived, {acknowledged} acknowledged, {unacknowledged} not and kept, {journals} journals moved"
    );
    assert!(synced > 10, "{synced} cuts of an archive mean little");
    assert!(journals > 0, "no journal was moved under load");
    assert!(cuts >= 60 && earlier.len() > 300, "{cuts} cuts of {} deliveries mean little", earlier.len());
}

/// A kill can meet a write before it has done anything. It must not count as one that may be lost together with what
/// was there before.
#[test]
fn a_write_that_a_kill_left_undone_takes_nothing_durable_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    let file = root.join("data/db");
    fs::create_dir(root.join("data")).unwrap();
    fs::write(&file, b"durable").unwrap();
    let (name, folder) = (file.to_str().unwrap(), root.join("data"));
    let folder = folder.to_str().unwrap();
    let top = root.to_str().unwrap();
    let trace = format!(
        r#"1 1.0 mkdir("{folder}", 0700) = 0
1 1.0 fsync(4<{top}>) = 0
1 1.0 openat(AT_FDCWD, "{name}", O_RDWR|O_CREAT, 0666) = 3<{name}>
1 1.1 fsync(4<{folder}>) = 0
1 1.2 pwrite64(3<{name}>, "durable", 7, 0) = 7
1 1.3 fdatasync(3<{name}>) = 0
1 1.4 pwrite64(3<{name}>, " and more", 9, 7 <unfinished ...>
"#
    );
    let calls = parse(&trace);
    let mut random = Random::new(1);
    for content in [&b"durable"[..], b"durable an", b"durable and more"] {
        let mut disk = Disk::at(&root);
        for (begin, call) in in_order(&calls) {
            if begin { disk.begin(call) } else { disk.end(call) }
        }
        fs::write(&file, content).unwrap();
        disk.next_process(&calls.iter().filter(|call| call.end.is_none()).cloned().collect::<Vec<_>>());
        for _ in 0..50 {
            let image = tempfile::tempdir().unwrap();
            disk.cut(Cut::Torn, &mut random, image.path());
            let left = fs::read(image.path().join("data/db")).unwrap();
            assert!(left.starts_with(b"durable") && content.starts_with(&left), "{left:?} of {content:?}");
        }
    }
}

/// Runs the program under load, and ends it: the last run with a signal, the others with a kill.
fn run(root: &Path, number: u64, random: &mut Random) -> Run {
    let path = root.join(format!("trace-{number}"));
    // In the data directory only because that is what the disk of this test is.
    let config = format!("{CONFIG}[archive]\ndirectory = \"{}\"\n", data_dir(root).join("archive").display());
    let mut server = start_traced(root, &config, &path);
    let last = number + 1 == RUNS;
    let each = if last { 60 } else { 100_000 };
    let first_appointment = 1_000 + number * 100_000_000;
    let (note_bytes, least_ms) = if number == LARGE_RUN { (20_000..50_000, 1_200) } else { (1..800, 300) };
    let plan = Plan { senders: 6, each, first_appointment, seed: random.next(), note_bytes };
    let load = Load::start(server.address, &plan);
    let acknowledged = if last {
        let sent = load.join();
        assert!(server.terminate().success());
        sent.acknowledged
    } else {
        thread::sleep(Duration::from_millis(least_ms + random.below(600)));
        server.kill();
        load.join().acknowledged
    };
    let text = finished(&path, server.id());
    let calls = parse(&text);
    let answers: Vec<(usize, String)> = calls.iter().filter_map(|call| Some((call.begin, call.ok_answer()?))).collect();
    let placed = |delivery: Acknowledged| {
        let position = format!("\"position\":\"{}\"", delivery.position);
        let (place, _) = answers.iter().find(|(_, text)| text.contains(&position)).expect("every answer is traced");
        (*place, delivery)
    };
    Run { acknowledged: acknowledged.into_iter().map(placed).collect(), lines: text.lines().count(), calls }
}

fn is_journal(name: &str) -> bool {
    name.contains("/data/log/journal-")
}

/// Every call's beginning (`true`) and end, in the order in which they happened.
fn in_order(calls: &[Call]) -> Vec<(bool, &Call)> {
    let begins = calls.iter().map(|call| (call.begin, true, call));
    let ends = calls.iter().filter_map(|call| Some((call.end?, false, call)));
    let mut events: Vec<(usize, bool, &Call)> = begins.chain(ends).collect();
    events.sort_by_key(|(place, begin, call)| (*place, call.begin, !begin));
    events.into_iter().map(|(_, begin, call)| (begin, call)).collect()
}

/// Opens what a cut leaves, and returns how many deliveries are there that nobody was told of.
fn check_cut(
    disk: &Disk,
    cut: Cut,
    random: &mut Random,
    kept: &[Acknowledged],
    archived: Option<(String, u64)>,
    at: &str,
) -> usize {
    let image = tempfile::tempdir().unwrap();
    disk.cut(cut, random, image.path());
    let data_dir = DataDir::at(data_dir(image.path()));
    let log = SledLog::open(&data_dir, Arc::new(chrono::Utc::now)).unwrap_or_else(|error| {
        let listed: Vec<_> = fs::read_dir(data_dir.log()).unwrap().map(|entry| entry.unwrap()).collect();
        panic!("{cut:?} cut at {at}: {error}\n{listed:?}")
    });
    let deliveries: Vec<Delivery> = log.read(Position::ZERO).collect::<Result<_, _>>().unwrap();
    assert_eq!(log.head().digest, deliveries.iter().fold(Digest::EMPTY, Digest::then), "{cut:?} cut at {at}");
    let found: Vec<Acknowledged> = deliveries.iter().map(as_acknowledged).collect();
    assert!(found.len() >= kept.len(), "{cut:?} cut at {at}: {} of {} are left", found.len(), kept.len());
    check_kept(kept, &found, 1);
    check_archive(&data_dir.root().join("archive"), &log, archived, &format!("{cut:?} cut at {at}"));
    found.len() - kept.len()
}

/// The archive that a cut leaves is a beginning of the log, with everything that was synced.
fn check_archive(archive: &Path, log: &SledLog, archived: Option<(String, u64)>, at: &str) {
    if !archive.join("archive.json").exists() {
        assert!(archived.is_none(), "{at}: the archive is gone");
        return;
    }
    let survey = Survey::of(archive, &mut || {}).unwrap();
    assert_eq!(survey.damage, None, "{at}");
    assert_eq!(log.digest_at(survey.whole.position).unwrap(), survey.whole.digest, "{at}");
    if let Some((segment, synced)) = archived {
        let length = fs::metadata(archive.join(&segment)).unwrap().len();
        let whole = survey.torn.as_ref().map_or(length, |torn| torn.offset);
        assert!(whole >= synced, "{at}: {whole} of {synced} bytes of {segment} are whole: {:?}", survey.torn);
    }
}
