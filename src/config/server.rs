//! The `[server]` table: where it listens, and its limits.

mod origins;
mod public_url;

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use super::{
    document::{Node, Section},
    error::{Problems, shown, suggestion},
    settings::key::{self, Absent, ConfigKey, Kind},
};

pub use public_url::PublicUrl;

/// The most that `connections_max` is by default: the limit of open files decides.
pub const CONNECTIONS_MAX: u32 = 16_384;
const QUEUE_MAX: u32 = 4096;
const HEADER_TIMEOUT_S: u32 = 10;
const IDLE_TIMEOUT_S: u32 = 75;
const BODY_TIMEOUT_S: u32 = 20;
const SHUTDOWN_TIMEOUT_S: u32 = 20;
const FAILED_AUTHENTICATIONS_BURST: u32 = 100;
const REBUILD_MEMORY_MB: u32 = 128;
const REBUILD_MEMORY_RANGE: (u32, u32) = (16, 65_536);
const OPERATIONS_MAX: u32 = 20;
const SUBSCRIPTIONS_MAX: u32 = 20_000;
const SOCKET_MESSAGE_BYTES_MAX: u32 = 64 << 10;
const SOCKET_MESSAGE_BYTES_RANGE: (u32, u32) = (1 << 10, 1 << 20);
const COUNT_RANGE: (u32, u32) = (1, 1_000_000);
const SECONDS_RANGE: (u32, u32) = (1, 3600);

/// The keys of `[server]`.
pub(super) const KEYS: &[ConfigKey] = &[
    ConfigKey::new(
        "listen",
        Kind::Text("IP address with a port"),
        Absent::Text("127.0.0.1:8080"),
        "Where everything is served. `--listen` goes over it, and `CLOCKFOLD_LISTEN` says the same.",
    ),
    ConfigKey::new(
        "operations_listen",
        Kind::Text("IP address with a port"),
        Absent::Otherwise("nowhere"),
        "A second address for `/livez`, `/readyz` and `/metrics`, open to everybody who reaches it.",
    ),
    ConfigKey::new(
        "connections_max",
        Kind::Number { least: COUNT_RANGE.0, most: COUNT_RANGE.1, unit: "connections" },
        Absent::Otherwise("16384, or as many as the limit of open files has room for"),
        "Open connections, WebSockets among them. More than the limit of open files has room for is lowered to it.",
    ),
    ConfigKey::number(
        "queue_max",
        COUNT_RANGE,
        "deliveries",
        QUEUE_MAX,
        "Deliveries that wait for the disk. The server answers one more with 503.",
    ),
    ConfigKey::number(
        "header_timeout_s",
        SECONDS_RANGE,
        "seconds",
        HEADER_TIMEOUT_S,
        "How long the head of a request may take. A client that takes none of its answer for twice as long loses it.",
    ),
    ConfigKey::number(
        "idle_timeout_s",
        SECONDS_RANGE,
        "seconds",
        IDLE_TIMEOUT_S,
        "How long a connection stays open without a request. Keep it longer than your proxy's own time, mostly 60.",
    ),
    ConfigKey::number(
        "body_timeout_s",
        SECONDS_RANGE,
        "seconds",
        BODY_TIMEOUT_S,
        "How long the body of a request may take.",
    ),
    ConfigKey::number(
        "shutdown_timeout_s",
        SECONDS_RANGE,
        "seconds",
        SHUTDOWN_TIMEOUT_S,
        "How long the server may take to end after a signal.",
    ),
    ConfigKey::number(
        "failed_authentications_burst",
        COUNT_RANGE,
        "requests",
        FAILED_AUTHENTICATIONS_BURST,
        "Failed authentications that one address may make at once; after them it may make one a second.",
    ),
    ConfigKey::new(
        "log_format",
        Kind::OneOf(LOG_FORMATS),
        Absent::Text("text"),
        "How messages on standard error are written: for people, or as one JSON object a line.",
    ),
    ConfigKey::number(
        "rebuild_memory_mb",
        REBUILD_MEMORY_RANGE,
        "MiB",
        REBUILD_MEMORY_MB,
        "Memory in which a rebuild sorts. The rest waits in files beside the projection.",
    ),
    ConfigKey::number(
        "operations_max",
        COUNT_RANGE,
        "operations",
        OPERATIONS_MAX,
        "Operations at a time on one WebSocket.",
    ),
    ConfigKey::number(
        "subscriptions_max",
        COUNT_RANGE,
        "subscriptions",
        SUBSCRIPTIONS_MAX,
        "Subscriptions at a time, and as many WebSockets. Each takes an open file.",
    ),
    ConfigKey::number(
        "socket_message_bytes_max",
        SOCKET_MESSAGE_BYTES_RANGE,
        "bytes",
        SOCKET_MESSAGE_BYTES_MAX,
        "The size of one message that a client sends over a WebSocket.",
    ),
    ConfigKey::new(
        LIST_KEY,
        Kind::List("origins"),
        Absent::Otherwise("none"),
        "Other sites whose pages may read `/graphql` in a browser, each as the browser sends it: \
         `https://board.example`.",
    ),
    ConfigKey::new(
        "secure_cookies",
        Kind::Boolean,
        Absent::Otherwise("`true` where the page that signs in came over TLS"),
        "Whether browsers send the session's cookie over TLS only.",
    ),
    ConfigKey::new(
        "public_url",
        Kind::Text("http or https address"),
        Absent::Otherwise("the address of the request"),
        "Where browsers find the pages, if a proxy calls the server by another name or under a path.",
    ),
];

const LIST_KEY: &str = "allowed_origins";

const LOG_FORMATS: &[&str] = &["text", "json"];

/// How it listens, and its limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerConfig {
    /// Where everything is served.
    pub listen: SocketAddr,
    /// Where `/metrics` is served to everybody, if anywhere.
    pub operations_listen: Option<SocketAddr>,
    /// The most connections at a time; `None`: as many as the limit of open files has room for, up to [`CONNECTIONS_MAX`].
    pub connections_max: Option<u32>,
    /// The most deliveries that wait for the log.
    pub queue_max: u32,
    /// How long a request's headers may take; a client that takes none of an answer for twice as long loses it.
    pub header_timeout: Duration,
    /// How long a connection is kept without a request.
    pub idle_timeout: Duration,
    /// How long a request's body may take.
    pub body_timeout: Duration,
    /// How long the end may take after a signal.
    pub shutdown_timeout: Duration,
    /// How many authentications of one address may fail in a burst.
    pub failed_authentications_burst: u32,
    /// How log lines are written.
    pub log_format: LogFormat,
    /// The memory that a rebuild sorts in, in MiB; the rest waits in files.
    pub rebuild_memory_mb: u32,
    /// The most operations at a time on one WebSocket.
    pub operations_max: u32,
    /// The most subscriptions at a time, and the most WebSockets.
    pub subscriptions_max: u32,
    /// The most bytes of one message over a WebSocket.
    pub socket_message_bytes_max: u32,
    /// The origins of web pages that may read GraphQL answers in a browser, and connect.
    pub allowed_origins: Vec<String>,
    /// Whether browsers send the cookie over TLS only; `None`: where the page that signs in came over TLS.
    pub secure_cookies: Option<bool>,
    /// Where browsers find the pages, where that is not the address that it listens on.
    pub public_url: Option<PublicUrl>,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// An object a line.
    Json,
}

impl Default for ServerConfig {
    fn default() -> ServerConfig {
        ServerConfig {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            operations_listen: None,
            connections_max: None,
            queue_max: QUEUE_MAX,
            header_timeout: seconds(HEADER_TIMEOUT_S),
            idle_timeout: seconds(IDLE_TIMEOUT_S),
            body_timeout: seconds(BODY_TIMEOUT_S),
            shutdown_timeout: seconds(SHUTDOWN_TIMEOUT_S),
            failed_authentications_burst: FAILED_AUTHENTICATIONS_BURST,
            log_format: LogFormat::Text,
            rebuild_memory_mb: REBUILD_MEMORY_MB,
            operations_max: OPERATIONS_MAX,
            subscriptions_max: SUBSCRIPTIONS_MAX,
            socket_message_bytes_max: SOCKET_MESSAGE_BYTES_MAX,
            allowed_origins: Vec::new(),
            secure_cookies: None,
            public_url: None,
        }
    }
}

/// Reads `[server]`; what is absent has its default.
pub(super) fn read(node: Option<Node>, problems: &mut Problems) -> ServerConfig {
    let default = ServerConfig::default();
    let Some(node) = node else { return default };
    let Some(mut table) = Section::of_node("[server]", node, &key::names(KEYS), problems) else {
        return default;
    };
    ServerConfig {
        listen: address(&mut table, "listen", problems).unwrap_or(default.listen),
        operations_listen: address(&mut table, "operations_listen", problems),
        connections_max: table.number_if_any("connections_max", COUNT_RANGE, CONNECTIONS_MAX, problems),
        queue_max: table.number("queue_max", COUNT_RANGE, QUEUE_MAX, problems),
        header_timeout: seconds(table.number("header_timeout_s", SECONDS_RANGE, HEADER_TIMEOUT_S, problems)),
        idle_timeout: seconds(table.number("idle_timeout_s", SECONDS_RANGE, IDLE_TIMEOUT_S, problems)),
        body_timeout: seconds(table.number("body_timeout_s", SECONDS_RANGE, BODY_TIMEOUT_S, problems)),
        shutdown_timeout: seconds(table.number("shutdown_timeout_s", SECONDS_RANGE, SHUTDOWN_TIMEOUT_S, problems)),
        failed_authentications_burst: table.number(
            "failed_authentications_burst",
            COUNT_RANGE,
            FAILED_AUTHENTICATIONS_BURST,
            problems,
        ),
        log_format: log_format(&mut table, problems),
        rebuild_memory_mb: table.number("rebuild_memory_mb", REBUILD_MEMORY_RANGE, REBUILD_MEMORY_MB, problems),
        operations_max: table.number("operations_max", COUNT_RANGE, OPERATIONS_MAX, problems),
        subscriptions_max: table.number("subscriptions_max", COUNT_RANGE, SUBSCRIPTIONS_MAX, problems),
        socket_message_bytes_max: table.number(
            "socket_message_bytes_max",
            SOCKET_MESSAGE_BYTES_RANGE,
            SOCKET_MESSAGE_BYTES_MAX,
            problems,
        ),
        allowed_origins: origins::read(&mut table, LIST_KEY, problems),
        secure_cookies: table.boolean("secure_cookies", problems),
        public_url: public_url::read(&mut table, "public_url", problems),
    }
}

fn seconds(number: u32) -> Duration {
    Duration::from_secs(number.into())
}

fn address(table: &mut Section, key: &str, problems: &mut Problems) -> Option<SocketAddr> {
    let (place, text) = table.text(key, problems)?;
    let address = text.parse().ok();
    if address.is_none() {
        let message = format!("`{key}`{} is not an IP address with a port", shown(&text));
        problems.add(&place, message, "write one such as 127.0.0.1:8080, 0.0.0.0:8080 or [::1]:8080");
    }
    address
}

fn log_format(table: &mut Section, problems: &mut Problems) -> LogFormat {
    match table.text("log_format", problems) {
        None => LogFormat::default(),
        Some((_, text)) if text == "text" => LogFormat::Text,
        Some((_, text)) if text == "json" => LogFormat::Json,
        Some((place, text)) => {
            let message = format!("there is no log format{}", shown(&text));
            problems.add(&place, message, suggestion(&text, LOG_FORMATS));
            LogFormat::default()
        }
    }
}
