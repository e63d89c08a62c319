//! `clockfold serve`: opens everything in the order in which a delivery meets it, serves until a
//! signal, and closes in the opposite order.

use std::{
    io::Write,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    thread::JoinHandle,
    time::{Duration, Instant},
};

use anyhow::{Context, anyhow};
use chrono::{DateTime, TimeDelta, Utc};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;
use tracing::Level;
use tracing_subscriber::{
    EnvFilter, Layer as _, filter::filter_fn, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

use crate::{
    access::{Gate, Readers, Seal, digest_of, fresh_secret},
    cli::common::{descriptors, hint::with_hint, stop::Signals},
    config::{Config, FIRST_SOURCE_FILE, FirstSource, LogFormat, SourceConfig, first_source},
    copies::Archive,
    data_dir::{RunningServer, SessionKey, session_key},
    graphql::{Graph, GraphParts, SourceSettings},
    log::{ArrivalTime, Clock, DataDir, Log, SledLog, made_at},
    projection::{
        DeliveryFilter, Page, Progress, Projection, ProjectionError, Reader, RebuildResources, Stage, StaleRules,
    },
    server::{
        App, ConnectionLimits, Listeners, Metrics, Operator, Parts, PublicUrl, SessionSettings, SubscriptionLimits,
        listen, run as run_server,
    },
    tracker::{RebuildSlot, Rebuilds, Tracker},
    webhook,
};

use super::erase_bodies::apply_retention;

/// What is logged without `CLOCKFOLD_LOG`: our own messages, and only the warnings of others.
const DEFAULT_FILTER: &str = "warn,clockfold=info";

/// The least time that the archive has at the end, however long the rest took.
const ARCHIVE_LEAST: Duration = Duration::from_secs(1);

/// How long a query that still runs may hold up the end.
const LAST_QUERIES: Duration = Duration::from_secs(2);

/// Serves until SIGTERM, SIGINT or SIGHUP.
pub(super) fn run(
    config: Config,
    log_filter: Option<&str>,
    clock: Clock,
    stdout: &mut dyn Write,
) -> anyhow::Result<()> {
    start_messages(config.server.log_format, log_filter.unwrap_or(DEFAULT_FILTER))?;
    let runtime = runtime()?;
    // Bound before anything is opened: a client that calls during a catch-up waits instead of being refused.
    let listeners = runtime.block_on(async { listeners(&config) })?;
    let public_url = config.server.public_url.as_ref().map(|url| format!("{}{}", url.origin, url.path));
    let started = |address, first: Option<&FirstSource>| greet(stdout, address, public_url.as_deref(), first);
    serve(Serving { config, runtime, listeners, clock }, started, stop_on_signal)
}

/// What it takes to serve.
pub(super) struct Serving {
    pub(super) config: Config,
    pub(super) runtime: Runtime,
    pub(super) listeners: Listeners,
    pub(super) clock: Clock,
}

/// The threads of a server.
pub(super) fn runtime() -> anyhow::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("starting the runtime")
}

/// Opens everything, says that it has `started`, and serves until what `stop` makes, on the runtime, is cancelled.
pub(super) fn serve(
    Serving { mut config, runtime, listeners, clock }: Serving,
    started: impl FnOnce(SocketAddr, Option<&FirstSource>) -> std::io::Result<()>,
    stop: impl FnOnce() -> anyhow::Result<CancellationToken>,
) -> anyhow::Result<()> {
    if config.server.public_url.is_some() && config.readers.is_empty() {
        tracing::warn!(
            "`public_url` says that a proxy is in front, and no [[reader]] is configured: whoever a proxy on this machine lets \
             through may read everything. Make a token with `clockfold key new` and add a reader with it"
        );
    }
    let connections_max = descriptors::raised().connections_max(config.server.connections_max);
    let metrics = Metrics::install().context("starting the metrics")?;
    let Opened { store, projection, first } = open(&mut config, &clock)?;
    let log: Arc<dyn Log> = Arc::<SledLog>::clone(&store);
    let metrics = begin(metrics, &config, &projection.reader(), &*log).context("looking for last deliveries")?;
    let address = listeners.public.local_addr()?;
    let secret = fresh_secret()?;
    let operator = Operator { secret: digest_of(secret.as_bytes()), listens_on: address };
    let limits = ConnectionLimits {
        connections_max: connections_max as usize,
        header_timeout: config.server.header_timeout,
        idle_timeout: config.server.idle_timeout,
    };
    let (shutdown_timeout, data_dir) = (config.server.shutdown_timeout, DataDir::at(&config.data_dir));
    let Running { app, rebuilds, rebuild_slot, writer, archive } =
        start(config, Arc::clone(&store), projection, (metrics, operator, clock))?;

    RunningServer { url: format!("http://{}", on_this_machine(address)), secret }.announce(&store.lock());
    // A program that reads that it listens may end it at once.
    let stop = {
        let _on_runtime = runtime.enter();
        stop()?
    };
    if let Err(error) = started(address, first.as_ref()) {
        if first.is_some_and(|first| first.fresh_secret.is_some()) {
            let path = data_dir.log().join(FIRST_SOURCE_FILE);
            return Err(anyhow!(
                "the new credential could not be printed: {error}\n  hint: remove {} and start again to have another one made",
                path.display()
            ));
        }
        // The reader of the output has seen enough; senders go on.
        tracing::warn!(%error, "standard output is closed");
    }
    let stopped_at = runtime.block_on(async {
        let signalled = tokio::spawn({
            let stop = stop.clone();
            async move {
                stop.cancelled().await;
                Instant::now()
            }
        });
        run_server(listeners, app, limits, shutdown_timeout, stop).await;
        anyhow::Ok(signalled.await?)
    })?;
    rebuild_slot.close();
    rebuilds.cancel();
    drop(rebuilds);
    // With the last handle on the queue gone, the writer answers the rest and ends.
    runtime.shutdown_timeout(LAST_QUERIES);
    writer.join().map_err(|_| anyhow!("the writer stopped at a defect; what was acknowledged is in the log"))?;
    if let Some(archive) = archive {
        archive.stop((stopped_at + shutdown_timeout).max(Instant::now() + ARCHIVE_LEAST));
    }
    let head = log.head().position;
    store.end().map_err(|error| {
        anyhow!(
            "{error}\n  hint: {}; the server has stopped, and the next start finds everything up to position {head}, which was acknowledged",
            error.hint()
        )
    })?;
    tracing::info!(position = head.get(), "stopped");
    Ok(())
}

/// What is on the disk, open and folded.
struct Opened {
    store: Arc<SledLog>,
    projection: Projection,
    /// Made for a configuration that names no source.
    first: Option<FirstSource>,
}

/// Opens the log, folds the deliveries that are not folded yet, and erases the bodies that are due.
fn open(config: &mut Config, clock: &Clock) -> anyhow::Result<Opened> {
    let data_dir = DataDir::at(&config.data_dir);
    let store = SledLog::open(&data_dir, Arc::clone(clock)).map_err(with_hint)?.read_again_by(webhook::read_again);
    let first = if config.sources.is_empty() { Some(first_source(&data_dir.log())?) } else { None };
    config.sources.extend(first.iter().map(|first| first.source.clone()));
    let rules = Arc::new(config.rules());
    let projection = Projection::open_and_catch_up(&data_dir.projection(), rules, &store, &mut tell_progress);
    let projection = projection.map_err(|error| match error {
        ProjectionError::Log(error) => with_hint(error),
        error => error.into(),
    })?;
    let store = match config.bodies_days {
        Some(days) => apply_retention(store, &projection, config, days, clock)?,
        None => store,
    };
    tracing::info!(position = projection.checkpoint().position.get(), "the log is open and folded");
    Ok(Opened { store: Arc::new(store.believing_from(made_at())), projection, first })
}

/// What goes on until the end.
struct Running {
    app: Arc<App>,
    rebuilds: Rebuilds,
    rebuild_slot: Arc<RebuildSlot>,
    writer: JoinHandle<()>,
    archive: Option<Archive>,
}

/// Starts the writer and the archive, and assembles what the routes need.
fn start(
    config: Config,
    store: Arc<SledLog>,
    projection: Projection,
    (metrics, operator, clock): (Metrics, Operator, Clock),
) -> anyhow::Result<Running> {
    let log: Arc<dyn Log> = Arc::<SledLog>::clone(&store);
    let rules = Arc::new(config.rules());
    let SessionKey(session_key) = session_key(&store.lock()).context("making a key for sessions")?;
    let (tracker, queue) = Tracker::new(config.server.queue_max as usize);
    let reader = projection.reader();
    let resources = RebuildResources {
        memory_bytes: (config.server.rebuild_memory_mb as usize) << 20,
        ..RebuildResources::default()
    };
    let rebuild_slot = Arc::new(RebuildSlot::new(DataDir::at(&config.data_dir).projection(), resources));
    let rebuilds = Rebuilds::new(
        tracker.clone(),
        Arc::clone(&log),
        reader.clone(),
        Arc::clone(&rules),
        Arc::clone(&rebuild_slot),
        Arc::clone(&clock),
    );
    let graph = Graph::new(GraphParts {
        reader,
        log: Arc::clone(&log),
        rules: Arc::clone(&rules),
        sources: config.sources.iter().map(|source| (source.access.name.clone(), settings(source))).collect(),
        lifecycles: config.lifecycles,
        limits: config.graphql,
        writer: Some((tracker.clone(), rebuilds.clone())),
        clock: believed(&clock, &log),
    });
    let writer = queue.run(Arc::clone(&log), projection, Arc::clone(&rebuild_slot)).context("starting the writer")?;
    let archive = config.archive.map(|directory| Archive::follow(directory, Arc::clone(&log)));
    let archive = archive.transpose().context("starting the archive")?;
    let app = App::new(Parts {
        tracker,
        log,
        gate: Gate::new(config.sources.iter().map(|source| source.access.clone()).collect()),
        graph,
        rules,
        readers: Readers::new(config.readers),
        sessions: SessionSettings {
            seal: Seal::new(&session_key),
            secure_cookies: config.server.secure_cookies,
            lock: Some(Arc::new(move || store.lock())),
        },
        metrics,
        clock,
        operator: Some(operator),
        failed_authentications_burst: config.server.failed_authentications_burst,
        body_timeout: config.server.body_timeout,
        allowed_origins: config.server.allowed_origins,
        public_url: config.server.public_url.map(|url| PublicUrl { origin: url.origin, path: url.path }),
        subscriptions: SubscriptionLimits {
            operations_max: config.server.operations_max as usize,
            subscriptions_max: config.server.subscriptions_max as usize,
            message_bytes_max: config.server.socket_message_bytes_max as usize,
            init_timeout: config.server.header_timeout,
        },
    });
    let app = app.context("starting the threads for queries")?;
    Ok(Running { app, rebuilds, rebuild_slot, writer, archive })
}

/// The time at which a delivery would arrive now: the clock's, unless the log does not believe it.
fn believed(clock: &Clock, log: &Arc<dyn Log>) -> Clock {
    let (clock, log) = (Arc::clone(clock), Arc::clone(log));
    Arc::new(move || {
        let now = clock();
        match log.last_arrival() {
            Ok(Some(last)) if now < last => ArrivalTime::at(last, now, made_at()).time(),
            Ok(_) | Err(_) => now,
        }
    })
}

/// What GraphQL knows of a source beyond its rules.
fn settings(source: &SourceConfig) -> SourceSettings {
    SourceSettings {
        stale: StaleRules {
            stale_after: TimeDelta::hours(source.stale_after_hours.into()),
            booking_horizon: TimeDelta::days(source.booking_horizon_days.into()),
        },
        time_zone: source.time_zone,
        long_wait_minutes: source.long_wait_minutes,
        very_long_wait_minutes: source.very_long_wait_minutes,
    }
}

/// Gives the metrics all directories and sources, so that every series exists before anything happens.
fn begin(metrics: Metrics, config: &Config, reader: &Reader, log: &dyn Log) -> anyhow::Result<Metrics> {
    let view = reader.view();
    let last = |source: &SourceConfig| -> anyhow::Result<Option<DateTime<Utc>>> {
        let filter = DeliveryFilter { sources: vec![source.access.name.clone()], ..DeliveryFilter::default() };
        let page = Page { after: None, before: None, limit: 1, from_end: true };
        let Some(position) = view.deliveries(&filter, &page)?.items.pop() else { return Ok(None) };
        Ok(log.read(position).next().transpose().map_err(with_hint)?.map(|delivery| delivery.received_at))
    };
    let last: Vec<_> = config.sources.iter().map(last).collect::<Result<_, _>>()?;
    let sources = config.sources.iter().map(|source| &source.access.name).zip(last);
    let data = ("data", config.data_dir.clone());
    let archive = config.archive.clone().map(|directory| ("archive", directory));
    Ok(metrics.begin([data].into_iter().chain(archive).collect(), sources))
}

/// Messages go to standard error, one a line. They hold no secret, no body and no path of a request, whatever the
/// filter asks for: below a warning, our dependencies print what passes through them (warp prints paths).
pub(super) fn start_messages(format: LogFormat, filter: &str) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(filter).context("reading CLOCKFOLD_LOG; an example: info")?;
    let harmless = filter_fn(|message| is_ours(message.target()) || *message.level() <= Level::WARN);
    let messages = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let messages = match format {
        LogFormat::Text => messages.with_ansi(false).boxed(),
        LogFormat::Json => messages.json().boxed(),
    };
    let started = tracing_subscriber::registry().with(filter).with(harmless).with(messages).try_init();
    started.map_err(|error| anyhow!("starting the messages: {error}"))
}

/// Whether a message comes from the program or one of its packages.
fn is_ours(target: &str) -> bool {
    target
        .strip_prefix("clockfold")
        .is_some_and(|rest| rest.is_empty() || rest.starts_with("::") || rest.starts_with('_'))
}

/// Call it on the runtime.
fn listeners(config: &Config) -> anyhow::Result<Listeners> {
    let bind = |address: SocketAddr| {
        listen(address).with_context(|| {
            format!("listening on {address}; choose another address with --listen if another program has it")
        })
    };
    Ok(Listeners {
        public: bind(config.server.listen)?,
        operations: config.server.operations_listen.map(bind).transpose()?,
    })
}

/// The address under which this machine itself reaches the server.
fn on_this_machine(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// A token that the signals which end a server cancel. Call it on a runtime.
pub(super) fn stop_on_signal() -> anyhow::Result<CancellationToken> {
    let stop = CancellationToken::new();
    let mut signals = Signals::new()?;
    let stopped = stop.clone();
    tokio::spawn(async move {
        signals.next().await;
        tracing::info!("stopping: no new connections; what was accepted is answered");
        stopped.cancel();
    });
    Ok(stop)
}

/// Greets the person who starts the server. Prints the fresh credential, once; nothing else ever does.
fn greet(
    stdout: &mut dyn Write,
    address: SocketAddr,
    public_url: Option<&str>,
    first: Option<&FirstSource>,
) -> std::io::Result<()> {
    writeln!(stdout, "Clockfold listens on http://{address}")?;
    let here = format!("http://{address}");
    let url = public_url.unwrap_or(&here);
    if public_url.is_some() {
        writeln!(stdout, "Browsers find the board at {url}/")?;
    }
    if let Some(first) = first {
        let name = &first.source.access.name;
        match &first.fresh_secret {
            Some(secret) => {
                writeln!(
                    stdout,
                    "\nNo source is configured, so `{name}` was made. Its key is shown this once; post to it with"
                )?;
                writeln!(
                    stdout,
                    "  curl -sS {url}/webhook/{secret} -H 'Content-Type: application/json' -d '{{\"appointment_id\": 12345, \"event_type\": \"create\"}}'"
                )?;
            }
            None => writeln!(
                stdout,
                "\nNo source is configured: `{name}` takes the key that the first start printed. Make another with `clockfold key new`."
            )?,
        }
    }
    writeln!(stdout, "\nQuery {url}/graphql, for example with")?;
    writeln!(
        stdout,
        "  curl -sS {url}/graphql -H 'Content-Type: application/json' -d '{{\"query\": \"{{ appointment(appointmentId: 12345) {{ status statusSince }} }}\"}}'"
    )?;
    writeln!(stdout, "or in a browser: {url}/explorer")?;
    stdout.flush()
}

fn tell_progress(progress: Progress) {
    let Progress { stage, done, of, per_second } = progress;
    // A rate for a person's eyes.
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let (per_second, seconds_left) = (per_second as u64, (of.saturating_sub(done) as f64 / per_second.max(1.0)) as u64);
    match stage {
        Stage::Reading => tracing::info!(done, of, per_second, seconds_left, "reading the log"),
        Stage::Folding => tracing::info!(done, of, per_second, seconds_left, "folding the log into the projection"),
    }
}
