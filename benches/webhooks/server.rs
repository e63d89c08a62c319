//! The server under test, in a process of its own as in life: the child side and its handle.
//!
//! `storage` is the whole way of a delivery; `stub` is the same way with the writer left out, which is
//! what HTTP alone costs. The child prints its address and ends when its standard input does.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use chrono::Utc;
use clockfold::{
    access::{Credential, Gate, Readers, Require, Seal, SourceAccess, digest_of},
    graphql::{Graph, GraphParts, Limits, SourceSettings},
    lifecycle::{Folded, Judgement, Status, Verdict},
    log::{Clock, DataDir, Log, Position, SledLog, SourceName},
    projection::{Projection, RebuildResources, Rules},
    server::{App, ConnectionLimits, Listeners, Metrics, Parts, SessionSettings, SubscriptionLimits, run},
    tracker::{Queue, RebuildSlot, Receipt, Submission, Tracker},
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::Fallible;

pub(super) const ROUTE_KEY: &str = "a-route-key-that-only-this-bench-has";
const QUEUE_MAX: usize = 4096;
const LIMITS: ConnectionLimits = ConnectionLimits {
    connections_max: 1024,
    header_timeout: Duration::from_secs(10),
    idle_timeout: Duration::from_secs(75),
};
const TIMEOUT: Duration = Duration::from_secs(10);
/// `/proc` counts in hundredths of a second on every Linux that this runs on.
const TICK: Duration = Duration::from_millis(10);

/// Serves in this process until standard input ends.
pub(super) fn serve(kind: &str, dir: &Path) -> Fallible<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let metrics = Metrics::install()?;
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
    let address = listener.local_addr()?;
    let clock: Clock = Arc::new(Utc::now);
    let data_dir = DataDir::at(dir);
    let log: Arc<dyn Log> = Arc::new(SledLog::open(&data_dir, Arc::clone(&clock))?);
    let rules = Arc::new(Rules::default());
    let projection = Projection::open_and_catch_up(&data_dir.projection(), Arc::clone(&rules), &*log, &mut |_| {})?;
    let source: SourceName = "downtown".parse()?;
    let access = SourceAccess {
        name: source.clone(),
        route_keys: vec![Credential { digest: digest_of(ROUTE_KEY.as_bytes()), expires_at: None }],
        authtokens: Vec::new(),
        require: Require::Any,
        delivery_id_header: None,
    };
    let sources = std::collections::BTreeMap::from([(source, SourceSettings::default())]);
    let graph = Graph::new(GraphParts {
        reader: projection.reader(),
        log: Arc::clone(&log),
        rules: Arc::clone(&rules),
        sources,
        lifecycles: Vec::new(),
        limits: Limits::default(),
        writer: None,
        clock: Arc::clone(&clock),
    });
    let (tracker, queue) = Tracker::new(QUEUE_MAX);
    let writer = match kind {
        "storage" => Some(queue.run(
            Arc::clone(&log),
            projection,
            Arc::new(RebuildSlot::new(data_dir.projection(), RebuildResources::default())),
        )?),
        "stub" => {
            runtime.spawn(answer_at_once(queue));
            None
        }
        other => return Err(format!("there is no server called {other}").into()),
    };
    let app = App::new(Parts {
        tracker,
        log,
        gate: Gate::new(vec![access]),
        graph,
        rules,
        readers: Readers::new(Vec::new()),
        sessions: SessionSettings { seal: Seal::new(&[0; 32]), secure_cookies: None, lock: None },
        metrics,
        clock,
        operator: None,
        failed_authentications_burst: 10,
        body_timeout: TIMEOUT,
        public_url: None,
        allowed_origins: Vec::new(),
        subscriptions: SubscriptionLimits {
            operations_max: 1,
            subscriptions_max: 1,
            message_bytes_max: 1024,
            init_timeout: TIMEOUT,
        },
    })?;
    println!("{address}");
    std::io::stdout().flush()?;
    let stop = CancellationToken::new();
    let stopping = stop.clone();
    std::thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        stopping.cancel();
    });
    runtime.block_on(run(Listeners { public: listener, operations: None }, app, LIMITS, TIMEOUT, stop));
    runtime.shutdown_timeout(TIMEOUT);
    writer.map_or(Ok(()), |writer| writer.join().map_err(|_| "the writer panicked".into()))
}

/// What the writer would answer, without a log and a projection.
async fn answer_at_once(mut queue: Queue) {
    let mut position = Position::ZERO;
    while let Some(Submission { delivery, answer }) = queue.next().await {
        position = position.next();
        let status = Some(Status::Scheduled);
        let judgement =
            Judgement { verdict: Verdict::Applied, before: None, after: status, late: false, reconsidered: None };
        let folded = Folded { judgement, status, reconsidered_until: None, changes: Vec::new() };
        let (source, reading) = (delivery.source, delivery.reading);
        let received_at = Utc::now();
        let receipt = Receipt { position, received_at, source, reading, folded, repeated: false, conflicts_with: None };
        let _ = answer.send(Ok(receipt));
    }
}

/// A server in a child process; it ends with this value.
pub(super) struct Server {
    child: Child,
    pub(super) address: SocketAddr,
}

/// What a server has done and used since it began.
#[derive(Clone, Copy, Default)]
pub(super) struct Counters {
    pub(super) groups: f64,
    pub(super) deliveries: f64,
    pub(super) sync_seconds: f64,
    pub(super) cpu: Duration,
}

impl Server {
    /// Starts this program again as a server with its data in `dir`.
    pub(super) fn start(kind: &str, dir: &Path) -> Fallible<Server> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["--server", kind, "--dir"]).arg(dir).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let stdout = child.stdout.take().ok_or("a child without standard output")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let address = line.trim().parse().map_err(|_| format!("the {kind} server did not start"))?;
        Ok(Server { child, address })
    }

    /// Its own figures.
    pub(super) fn counters(&self) -> Fallible<Counters> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        write!(stream, "GET /metrics HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.address)?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        let value = |name: &str| {
            let mut lines = text.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            lines.next().and_then(|value| value.trim().parse().ok()).unwrap_or(0.0)
        };
        Ok(Counters {
            groups: value("clockfold_group_deliveries_count"),
            deliveries: value("clockfold_group_deliveries_sum"),
            sync_seconds: value("clockfold_log_sync_seconds_sum"),
            cpu: self.cpu()?,
        })
    }

    /// Processor time of all its threads: fields 14 and 15 of `/proc/PID/stat`, in ticks.
    fn cpu(&self) -> Fallible<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let (_, after_name) = stat.rsplit_once(')').ok_or("an unknown form of /proc/PID/stat")?;
        let ticks = after_name.split_whitespace().skip(11).take(2).map(str::parse::<u32>).sum::<Result<u32, _>>()?;
        Ok(TICK * ticks)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        for _ in 0..100 {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(TIMEOUT / 100);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
