//! Faults of the disk pass: while they last the server refuses what it can't keep, and afterwards it goes on by itself,
//! in the same process, with everything that it has acknowledged, once.

mod every;
mod some;

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crate::support::{
    disk::{
        faults::{Effect, Fault, FaultyDisk, Operation},
        killed,
    },
    load::{Acknowledged, acknowledged, as_acknowledged, body, check_kept, post},
    random::Random,
    server::{CONFIG, Connection, Server, clockfold, data_dir},
};

/// By itself, after the end of a fault.
pub(crate) const WELL_WITHIN: Duration = Duration::from_secs(5);
/// How long a fault lasts; one that sleeps lasts longer than one sleep.
pub(crate) const FAULT: Duration = Duration::from_millis(2_500);
const SLEEPY: Duration = Duration::from_millis(6_000);
/// The projection's rows have gone into a file by then.
const FLUSHED_WITHIN: Duration = Duration::from_secs(30);
/// `/livez` has to answer within this on a machine that does much else.
const ALIVE_WITHIN: Duration = Duration::from_secs(2);
/// Enough for groups that are folded while they are synced.
const SENDERS: u64 = 12;
/// Between a sender's posts, so that a case does not write gigabytes.
const PAUSE: Duration = Duration::from_millis(25);

const EVERY_OPERATION: &[Operation] = &[
    Operation::Write,
    Operation::Sync,
    Operation::Read,
    Operation::Rename,
    Operation::Open,
    Operation::Unlink,
    Operation::Change,
];

/// When a server that takes deliveries does an operation on a kind of file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Met {
    Always,
    /// Each twenty seconds, when rows go from memory into a file: the fault lasts until it is met.
    InTime,
    /// At a start, and after another fault.
    Perhaps,
}

/// Senders that go on whatever they are answered, at their own pace.
struct Steady {
    stop: Arc<AtomicBool>,
    senders: Vec<JoinHandle<Result<Vec<Acknowledged>, String>>>,
    /// Answers with 200.
    taken: Arc<AtomicU64>,
    /// Answers with 503.
    refused: Arc<AtomicU64>,
}

impl Steady {
    fn start(address: SocketAddr, seed: u64) -> Steady {
        let (stop, taken, refused) = (Arc::<AtomicBool>::default(), Arc::default(), Arc::default());
        let senders = (0..SENDERS).map(|number| {
            let (stop, taken, refused) = (Arc::clone(&stop), Arc::clone(&taken), Arc::clone(&refused));
            thread::spawn(move || send(address, seed * SENDERS + number, &stop, &taken, &refused))
        });
        Steady { senders: senders.collect(), stop, taken, refused }
    }

    /// What was acknowledged; an error where any answer was neither 200 nor 503 with `Retry-After`.
    fn finish(self) -> Result<Vec<Acknowledged>, String> {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Vec::new();
        let mut failed = Ok(());
        for sender in self.senders {
            match sender.join().expect("a sender does not panic") {
                Ok(acknowledged) => all.extend(acknowledged),
                Err(why) => failed = Err(why),
            }
        }
        failed.map(|()| all)
    }
}

/// Posts bodies of up to 60 KiB, so that the journal is moved often; each is one of its kind.
fn send(
    address: SocketAddr,
    seed: u64,
    stop: &AtomicBool,
    taken: &AtomicU64,
    refused: &AtomicU64,
) -> Result<Vec<Acknowledged>, String> {
    let mut random = Random::new(seed);
    let mut kept = Vec::new();
    let mut connection = Connection::open(address);
    for number in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let note_bytes = 200 + random.below(60 << 10);
        // Cheap to make, and no two are alike.
        let note = format!("{seed}-{number}-{}", random.letters(64).repeat(usize::try_from(note_bytes / 64).unwrap()));
        let events = ["create", "checkin", "ready", "demographics_update"];
        let event = events[random.index(events.len())];
        let text = body(1 + random.below(500), event, &note);
        let begun = Instant::now();
        match post(&mut connection, &text) {
            Ok(answer) if answer.status == 200 => {
                kept.push(acknowledged(&answer, event, text));
                taken.fetch_add(1, Ordering::Relaxed);
            }
            Ok(answer) if answer.status == 503 => {
                let retry = answer.header("retry-after").and_then(|seconds| seconds.parse::<u32>().ok());
                retry.ok_or_else(|| format!("503 without Retry-After: {}", answer.head))?;
                refused.fetch_add(1, Ordering::Relaxed);
                connection = Connection::open(address);
            }
            Ok(answer) => return Err(format!("an answer {} {}", answer.status, answer.text())),
            Err(error) => return Err(format!("no answer after {:?}: {error}", begun.elapsed())),
        }
        thread::sleep(PAUSE);
    }
    Ok(kept)
}

/// A server on a disk of its own, and all that it has acknowledged.
struct Tried {
    disk: FaultyDisk,
    server: Server,
    kept: Vec<Acknowledged>,
    seed: u64,
}

impl Tried {
    fn start(seed: u64) -> Tried {
        let disk = FaultyDisk::mount();
        let server = Server::start(&disk.path, CONFIG);
        Tried { disk, server, kept: Vec::new(), seed }
    }

    /// One fault, from its beginning to well after its end. Tells what happened.
    fn meet(&mut self, fault: Fault, met: Met) -> Result<String, String> {
        self.seed += 1;
        let load = Steady::start(self.server.address, self.seed);
        let told = self.meet_under(&load, fault, met);
        self.disk.clear();
        self.kept.extend(load.finish()?);
        told
    }

    fn meet_under(&mut self, load: &Steady, fault: Fault, met: Met) -> Result<String, String> {
        // Until the journal has been moved once, and the projection has files.
        thread::sleep(Duration::from_millis(500));
        let (taken, refused) = (load.taken.load(Ordering::Relaxed), load.refused.load(Ordering::Relaxed));
        if refused > 0 {
            return Err(format!("{refused} were refused before the fault"));
        }
        self.disk.raise(fault);
        let begun = Instant::now();
        let lasts = if matches!(fault.effect, Effect::Sleeps(_)) { SLEEPY } else { FAULT };
        let mut until = begun + lasts;
        while Instant::now() < until {
            if met == Met::InTime && self.disk.struck() == 0 && begun.elapsed() < FLUSHED_WITHIN {
                until = Instant::now() + lasts;
            }
            self.is_alive()?;
            self.look();
            thread::sleep(Duration::from_millis(150));
        }
        let during = (load.taken.load(Ordering::Relaxed) - taken, load.refused.load(Ordering::Relaxed));
        let struck = self.disk.clear();
        let well_after = self.is_well_again(load)?;
        if met != Met::Perhaps && struck == 0 {
            return Err("the fault was never met".to_owned());
        }
        Ok(format!("struck {struck:>4}, taken {:>3}, refused {:>3}, well after {well_after:.1?}", during.0, during.1))
    }

    fn is_alive(&self) -> Result<(), String> {
        let begun = Instant::now();
        let answer = Connection::open(self.server.address).request("GET", "/livez", &[], b"");
        let answer = answer.map_err(|error| format!("/livez: {error}"))?;
        if answer.status == 200 && begun.elapsed() < ALIVE_WITHIN {
            return Ok(());
        }
        Err(format!("/livez: {} after {:?}", answer.status, begun.elapsed()))
    }

    /// A reader of old bodies and of rows; who asks for them during a fault gets something, or an error. It is not waited
    /// for: a disk may sleep.
    fn look(&self) {
        let query = "{ deliveries(first: 3) { nodes { body } } appointments(first: 50) { nodes { status } } }";
        let body = serde_json::json!({ "query": query }).to_string();
        let address = self.server.address;
        thread::spawn(move || {
            let headers = [("Content-Type", "application/json")];
            let _ = Connection::open(address).request("POST", "/graphql", &headers, body.as_bytes());
        });
    }

    /// Waits until deliveries are taken again; from then on all of them are, and the server says that it is ready.
    fn is_well_again(&self, load: &Steady) -> Result<Duration, String> {
        let ended = Instant::now();
        let taken = load.taken.load(Ordering::Relaxed);
        let ready = || self.server.get("/readyz").status == 200;
        // What was under way when the fault ended is not enough.
        while load.taken.load(Ordering::Relaxed) < taken + 2 * SENDERS || !ready() {
            if ended.elapsed() > WELL_WITHIN {
                return Err(format!("not well {:?} after the fault's end", ended.elapsed()));
            }
            thread::sleep(Duration::from_millis(20));
        }
        let well_after = ended.elapsed();
        let refused = load.refused.load(Ordering::Relaxed);
        thread::sleep(Duration::from_millis(300));
        match load.refused.load(Ordering::Relaxed) - refused {
            0 => Ok(well_after),
            more => Err(format!("{more} refused after it was well again")),
        }
    }

    /// Ends the server, and holds the log against what was acknowledged.
    fn check(mut self) -> Result<(), String> {
        self.disk.clear();
        let printed = self.server.printed();
        let status = self.server.terminate();
        if !status.success() {
            return Err(format!("SIGTERM ends it with {status}"));
        }
        if printed.contains("panicked") {
            return Err("something panicked".to_owned());
        }
        let data = data_dir(&self.disk.path);
        let told = clockfold(&self.disk.path, &[], &["verify", "--data-dir", data.to_str().unwrap()]);
        if told.status != 0 {
            return Err(format!("verify: {}{}", told.stdout, told.stderr));
        }
        let log = killed::open(&data).map_err(|error| error.to_string())?;
        let found: Vec<Acknowledged> = killed::read_all(&log).iter().map(as_acknowledged).collect();
        // One who was refused may be in the log as well, but no one twice.
        let bodies: BTreeSet<&str> = found.iter().map(|delivery| delivery.body.as_str()).collect();
        if bodies.len() != found.len() {
            return Err(format!("{} deliveries are in the log twice", found.len() - bodies.len()));
        }
        let kept = &self.kept;
        let checked = std::panic::catch_unwind(|| check_kept(kept, &found, 1));
        checked.map_err(|_| "what was acknowledged is not in the log as it was".to_owned())
    }
}

/// Waits until a delivery is answered so; panics where that takes longer.
pub(crate) fn answered(server: &Server, status: u16, within: Duration) {
    let begun = Instant::now();
    loop {
        let answer = server.deliver(7, "checkin");
        if answer.status == status {
            return;
        }
        assert!(begun.elapsed() < within, "{} {within:?} later: {}", answer.status, server.printed());
        thread::sleep(Duration::from_millis(20));
    }
}
