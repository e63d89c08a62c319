//! What following costs: `cargo bench --bench fanout -- [--seconds N] [--quick] [--distinct]`.
//!
//! The real server, in a process of its own; subscribers on real sockets, on one thread of this process, which reads
//! frames and nothing more. Told is the time from a webhook's answer to the last subscriber's message about it, and
//! how much the server's memory has grown for each subscriber. `--distinct` has every subscriber ask in words of its
//! own, so that nothing that is executed can be shared.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a bench prints its table")]
#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "figures for a person's eyes"
)]

use std::{
    cell::RefCell,
    error::Error,
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    rc::Rc,
    thread,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

type Fallible<T> = Result<T, Box<dyn Error>>;

const SOURCES: usize = 100;
const SECONDS: f64 = 15.0;
const SECONDS_MAX: f64 = 60.0;
/// From a webhook's answer to the last message about it, for 99 of 100 deliveries: at most this.
const LAST_MESSAGE_MS_MAX: f64 = 100.0;
/// The server's memory for a subscriber: at most this.
const SUBSCRIBER_KIB_MAX: f64 = 32.0;
/// How long the last messages may take to come.
const GRACE: Duration = Duration::from_secs(10);
const CONNECTING_AT_ONCE: usize = 64;

/// Who follows what.
struct Case {
    name: &'static str,
    subscribers: usize,
    /// Of how many sources each watches one; 0: each watches all.
    sources: usize,
    deliveries_per_second: f64,
}

fn main() -> Fallible<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    raise_open_files(&arguments)?;
    // `cargo test --all-targets` runs benches too, without `--bench`: then it is enough that it works.
    let quick = has("--quick") || !has("--bench");
    let seconds = arguments.iter().skip_while(|argument| *argument != "--seconds").nth(1);
    let seconds = match seconds {
        Some(seconds) => seconds.parse::<f64>()?.clamp(1.0, SECONDS_MAX),
        None if quick => 1.0,
        None => SECONDS,
    };
    let of = |count: usize| if quick { count / 20 } else { count };
    let cases = [
        Case { name: "each gets all", subscribers: of(1_000), sources: 0, deliveries_per_second: 20.0 },
        Case {
            name: "each watches one of 100 sources",
            subscribers: of(10_000),
            sources: SOURCES,
            deliveries_per_second: 100.0,
        },
    ];
    println!(
        "{:>11} {:>32} {:>12} {:>10} {:>8} {:>8} {:>8} {:>13} {:>9}",
        "subscribers", "", "deliveries/s", "messages", "p50 ms", "p99 ms", "max ms", "KiB/subscriber", "CPU/s"
    );
    let mut met = true;
    for case in cases {
        met &= measure(&case, seconds, has("--distinct"))?;
    }
    if quick {
        println!("too few and too short to be held against the targets");
        return Ok(());
    }
    println!(
        "targets (p99 under {LAST_MESSAGE_MS_MAX} ms, at most {SUBSCRIBER_KIB_MAX} KiB a subscriber): {}",
        if met { "met" } else { "MISSED" }
    );
    Ok(())
}

/// A subscriber is an open file here and one in the server. The soft limit is raised to the hard one by the shell.
fn raise_open_files(arguments: &[String]) -> Fallible<()> {
    if std::env::var_os("FANOUT_OPEN_FILES").is_some() {
        return Ok(());
    }
    let status = Command::new("sh")
        .args(["-c", r#"ulimit -n "$(ulimit -Hn)"; exec "$0" "$@""#])
        .arg(std::env::current_exe()?)
        .args(arguments)
        .env("FANOUT_OPEN_FILES", "raised")
        .status()?;
    std::process::exit(status.code().unwrap_or(1));
}

/// When each delivery was answered, and when and how often it was told.
#[derive(Default)]
struct Seen {
    told: Vec<(usize, Option<Instant>)>,
    messages: usize,
}

fn measure(case: &Case, seconds: f64, distinct: bool) -> Fallible<bool> {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let server = Server::start(dir.path())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let tasks = tokio::task::LocalSet::new();
    let seen = Rc::new(RefCell::new(Seen::default()));
    let before = server.resident_kib()?;
    let query = |index: usize| {
        let name = if distinct { format!("subscription Number{index}") } else { "subscription".to_owned() };
        let source = match case.sources {
            0 => String::new(),
            sources => format!(r#"(source: \"s{}\")"#, index % sources),
        };
        format!(
            "{name} {{ deliveries{source} {{ position receivedAt source appointmentId eventType outcome statusAfter }} }}"
        )
    };
    tasks.block_on(&runtime, async {
        let mut connecting = tokio::task::JoinSet::new();
        for index in 0..case.subscribers {
            if connecting.len() >= CONNECTING_AT_ONCE {
                connecting.join_next().await.expect("one is there")??;
            }
            let (address, query, seen) = (server.address, query(index), Rc::clone(&seen));
            connecting.spawn_local(async move {
                let stream = subscribe(address, &query).await.map_err(std::io::Error::other)?;
                tokio::task::spawn_local(follow(stream, seen));
                Ok::<_, std::io::Error>(())
            });
        }
        while let Some(connected) = connecting.join_next().await {
            connected??;
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
        Fallible::Ok(())
    })?;
    let subscribed = server.resident_kib()?;

    let count = (seconds * case.deliveries_per_second) as usize;
    let (address, interval) = (server.address, Duration::from_secs_f64(1.0 / case.deliveries_per_second));
    let cpu_before = server.cpu_seconds()?;
    let begun = Instant::now();
    let posted = thread::spawn(move || post(address, count, interval).map_err(|error| error.to_string()));
    let expected = case.subscribers.checked_div(case.sources).unwrap_or(case.subscribers);
    tasks.block_on(&runtime, async {
        let all = || seen.borrow().told.iter().filter(|(told, _)| *told == expected).count() == count;
        while !all() && begun.elapsed() < Duration::from_secs_f64(seconds) + GRACE {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    let took = begun.elapsed();
    let cpu = (server.cpu_seconds()? - cpu_before) / took.as_secs_f64();
    let answered = posted.join().map_err(|_| "the sender stopped")??;
    let at_end = server.resident_kib()?;

    let seen = seen.borrow();
    let mut delays = Vec::new();
    for (index, answered) in answered.iter().enumerate() {
        let (told, last) = seen.told.get(index).copied().unwrap_or_default();
        let Some(last) = last.filter(|_| told == expected) else {
            return Err(format!("delivery {} was told {told} times of {expected}", index + 1).into());
        };
        delays.push(last.saturating_duration_since(*answered).as_secs_f64() * 1e3);
    }
    delays.sort_by(f64::total_cmp);
    let percentile = |part: f64| delays[((delays.len() - 1) as f64 * part) as usize];
    let kib = (subscribed.max(at_end) - before) as f64 / case.subscribers as f64;
    let name = if distinct { format!("{}, distinct", case.name) } else { case.name.to_owned() };
    println!(
        "{:>11} {name:>32} {:>12.0} {:>10} {:>8.1} {:>8.1} {:>8.1} {:>13.1} {:>9.2}",
        case.subscribers,
        case.deliveries_per_second,
        seen.messages,
        percentile(0.5),
        percentile(0.99),
        percentile(1.0),
        kib,
        cpu
    );
    Ok(percentile(0.99) < LAST_MESSAGE_MS_MAX && kib <= SUBSCRIBER_KIB_MAX)
}

/// A WebSocket whose subscription has been asked for.
async fn subscribe(address: SocketAddr, query: &str) -> Result<TcpStream, Box<dyn Error + Send + Sync>> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let head = format!(
        "GET /graphql HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(stream.read_u8().await?);
    }
    if !answer.starts_with(b"HTTP/1.1 101") {
        return Err(String::from_utf8_lossy(&answer).into());
    }
    stream.write_all(&frame(r#"{"type":"connection_init"}"#)).await?;
    let length = usize::from(stream.read_u16().await? & 0x7f);
    stream.read_exact(&mut vec![0; length]).await?;
    stream.write_all(&frame(&format!(r#"{{"id":"1","type":"subscribe","payload":{{"query":"{query}"}}}}"#))).await?;
    Ok(stream)
}

/// A client's text frame, masked with zeros.
fn frame(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).expect("the messages here are short");
    let mut frame = vec![0x81];
    match u8::try_from(length) {
        Ok(length) if length < 126 => frame.push(0x80 | length),
        _ => {
            frame.push(0x80 | 126);
            frame.extend(length.to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(text.as_bytes());
    frame
}

/// Notes when each delivery is told.
async fn follow(mut stream: TcpStream, seen: Rc<RefCell<Seen>>) {
    const KEY: &[u8] = b"\"position\":\"";
    let mut bytes = Vec::with_capacity(512);
    loop {
        bytes.reserve(512);
        if !stream.read_buf(&mut bytes).await.is_ok_and(|read| read > 0) {
            return;
        }
        let now = Instant::now();
        let mut rest = &bytes[..];
        // Only whole frames; those without a position are pings.
        while let [_, short, after @ ..] = rest {
            let (length, payload) = match (short, after) {
                (126, [high, low, payload @ ..]) => (usize::from(u16::from_be_bytes([*high, *low])), payload),
                (126, _) => break,
                (length, payload) => (usize::from(*length), payload),
            };
            let Some((payload, next)) = payload.split_at_checked(length) else { break };
            rest = next;
            let Some(start) = payload.windows(KEY.len()).position(|window| window == KEY) else { continue };
            let digits = payload[start + KEY.len()..].iter().take_while(|byte| byte.is_ascii_digit());
            let position = digits.fold(0, |number, digit| number * 10 + usize::from(digit - b'0'));
            let mut seen = seen.borrow_mut();
            if seen.told.len() < position {
                seen.told.resize(position, (0, None));
            }
            seen.messages += 1;
            let (told, last) = &mut seen.told[position - 1];
            *told += 1;
            *last = Some(now);
        }
        let left = rest.len();
        bytes.drain(..bytes.len() - left);
    }
}

/// Sends webhooks at a steady pace. Returns when each was answered; the log is empty before.
fn post(address: SocketAddr, count: usize, interval: Duration) -> Fallible<Vec<Instant>> {
    let mut stream = BufReader::new(std::net::TcpStream::connect(address)?);
    stream.get_ref().set_nodelay(true)?;
    let begun = Instant::now();
    let mut answered = Vec::with_capacity(count);
    for index in 0..count {
        thread::sleep((interval * u32::try_from(index)?).saturating_sub(begun.elapsed()));
        let body = format!(r#"{{"appointment_id": {}, "event_type": "create"}}"#, index + 1);
        let head = format!(
            "POST /webhook/{} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            route_key(index % SOURCES),
            body.len()
        );
        stream.get_mut().write_all(format!("{head}{body}").as_bytes())?;
        let (mut line, mut length) = (String::new(), 0);
        stream.read_line(&mut line)?;
        if !line.contains(" 200 ") {
            return Err(line.into());
        }
        while line != "\r\n" {
            line.clear();
            stream.read_line(&mut line)?;
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse()?;
            }
        }
        stream.read_exact(&mut vec![0; length])?;
        answered.push(Instant::now());
    }
    Ok(answered)
}

fn route_key(source: usize) -> String {
    format!("the-route-key-of-source-{source:04}")
}

/// The real program; killed when dropped.
struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    fn start(dir: &Path) -> Fallible<Server> {
        let source = |index| format!("[[source]]\nname = \"s{index}\"\nroute_keys = [\"{}\"]\n", route_key(index));
        let config: String = (0..SOURCES).map(source).collect();
        fs::write(dir.join("clockfold.toml"), config)?;
        let mut child = Command::new(env!("CARGO_BIN_EXE_clockfold"))
            .args(["serve", "--listen", "127.0.0.1:0", "--config", "clockfold.toml", "--data-dir", "data"])
            .current_dir(dir)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().ok_or("no output")?).read_line(&mut line)?;
        let address = line.trim().strip_prefix("Clockfold listens on http://").ok_or("the server did not start")?;
        let address = address.parse()?;
        Ok(Server { child, address })
    }

    fn resident_kib(&self) -> Fallible<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
        Ok(line.trim().trim_end_matches("kB").trim().parse()?)
    }

    /// What it has computed so far, on all cores; the system counts in hundredths of a second.
    fn cpu_seconds(&self) -> Fallible<f64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks = |index: usize| fields.get(index).and_then(|ticks| ticks.parse::<f64>().ok()).ok_or("no ticks");
        Ok((ticks(11)? + ticks(12)?) / 100.0)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
