//! Senders and readers in a closed loop: each connection sends its next request when the last is answered.
//!
//! Written by hand over a socket: a client library would use more of the two cores than the server does.

use std::{
    cell::{Cell, RefCell},
    net::SocketAddr,
    rc::Rc,
    time::{Duration, Instant},
};

use tokio::{net::TcpStream, task::LocalSet};

use super::{Fallible, server::ROUTE_KEY};

const EVENTS: [&str; 5] = ["create", "checkin", "ready", "callback", "discharge"];
/// Appointments that one connection carries through their day at the same time.
const APPOINTMENTS_AT_ONCE: u64 = 16;
/// A run that is not over so long after its time has hung.
const GRACE: Duration = Duration::from_secs(20);
/// Before anything is measured, a run warms up for this part of its time: one in so many.
pub(super) const WARM_UP_PART: u32 = 8;

/// What was measured, latencies in ascending order.
pub(super) struct Run {
    pub(super) per_second: f64,
    latencies: Vec<Duration>,
}

impl Run {
    pub(super) fn new(mut latencies: Vec<Duration>, elapsed: Duration) -> Run {
        latencies.sort_unstable();
        Run { per_second: latencies.len() as f64 / elapsed.as_secs_f64(), latencies }
    }

    pub(super) fn count(&self) -> usize {
        self.latencies.len()
    }

    /// The latency that `percent` of all were not above.
    pub(super) fn percentile(&self, percent: usize) -> Duration {
        let index = (self.latencies.len() * percent / 100).min(self.latencies.len().saturating_sub(1));
        self.latencies.get(index).copied().unwrap_or_default()
    }
}

/// What connections ask for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Work {
    /// Webhooks of appointments from creation to discharge.
    Deliveries,
    /// An existing appointment with what a dashboard shows of it.
    Appointment,
    /// The least that GraphQL can be asked.
    Typename,
}

/// What one server was told so far.
#[derive(Default)]
pub(super) struct Story {
    next_appointment: Cell<u64>,
    created: RefCell<Vec<u64>>,
}

/// Keeps `connections` busy for `duration`, after a warm-up.
pub(super) fn run(
    address: SocketAddr,
    story: &Rc<Story>,
    work: Work,
    connections: u64,
    duration: Duration,
) -> Fallible<Run> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let local = LocalSet::new();
    let from = Instant::now() + duration / WARM_UP_PART;
    let until = from + duration;
    let all = local.run_until(async {
        let start = |seed| tokio::task::spawn_local(connection(address, Rc::clone(story), work, seed, from, until));
        let tasks: Vec<_> = (1..=connections).map(start).collect();
        let mut latencies = Vec::new();
        for task in tasks {
            latencies.extend(task.await??);
        }
        Ok(latencies)
    });
    let latencies = runtime.block_on(async { tokio::time::timeout(duration * 2 + GRACE, all).await });
    latencies.map_err(|_| "the server stopped answering")?.map(|latencies| Run::new(latencies, duration))
}

async fn connection(
    address: SocketAddr,
    story: Rc<Story>,
    work: Work,
    seed: u64,
    from: Instant,
    until: Instant,
) -> Fallible<Vec<Duration>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut socket = Socket { stream, buffer: vec![0; 16 << 10] };
    let mut latencies = Vec::new();
    let mut random = seed;
    let mut step = 0;
    let mut first = 0;
    loop {
        let (path, body, expected) = match work {
            Work::Deliveries => {
                if step == 0 {
                    first = story.next_appointment.get() + 1;
                    story.next_appointment.set(first + APPOINTMENTS_AT_ONCE - 1);
                }
                let (event, id) = at(step, first);
                let body = format!(r#"{{"appointment_id": {id}, "event_type": "{event}"}}"#);
                (&["/webhook/", ROUTE_KEY].concat()[..], body, r#"{"position":""#)
            }
            Work::Appointment => {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let created = story.created.borrow();
                let index = usize::try_from(random >> 33)? % created.len();
                let query = "query($id: ID!) { appointment(appointmentId: $id) { appointmentId status statusSince lastReceivedAt } }";
                let body = format!(r#"{{"query":"{query}","variables":{{"id":"{}"}}}}"#, created[index]);
                ("/graphql", body, r#""status":""#)
            }
            Work::Typename => ("/graphql", r#"{"query":"{ __typename }"}"#.to_owned(), r#""__typename":"Query""#),
        };
        let length = body.len();
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        let sent = Instant::now();
        let answer = socket.ask(request.as_bytes()).await?;
        let answered = Instant::now();
        if !answer.starts_with("HTTP/1.1 200 ") || !answer.contains(expected) {
            return Err(format!("the server answered {body} with {answer}").into());
        }
        if work == Work::Deliveries {
            if let ("create", id) = at(step, first) {
                story.created.borrow_mut().push(id);
            }
            step = (step + 1) % (APPOINTMENTS_AT_ONCE * EVENTS.len() as u64);
        }
        if answered >= until {
            return Ok(latencies);
        }
        if answered >= from {
            latencies.push(answered - sent);
        }
    }
}

/// What stands at a step of a connection's day: all its appointments are created, then checked in, and so on.
fn at(step: u64, first: u64) -> (&'static str, u64) {
    let event = usize::try_from(step / APPOINTMENTS_AT_ONCE).map_or("", |index| EVENTS[index]);
    (event, first + step % APPOINTMENTS_AT_ONCE)
}

struct Socket {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Socket {
    /// Sends a request and returns the whole answer, head and body.
    async fn ask(&mut self, mut request: &[u8]) -> Fallible<&str> {
        while !request.is_empty() {
            match self.stream.try_write(request) {
                Ok(written) => request = &request[written..],
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => self.stream.writable().await?,
                Err(error) => return Err(error.into()),
            }
        }
        let mut read = 0;
        loop {
            self.stream.readable().await?;
            match self.stream.try_read(&mut self.buffer[read..]) {
                Ok(0) => return Err("the server closed a connection, or its answer is too long".into()),
                Ok(more) => read += more,
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => continue,
                Err(error) => return Err(error.into()),
            }
            if answer_length(&self.buffer[..read])? == Some(read) {
                return Ok(std::str::from_utf8(&self.buffer[..read])?);
            }
        }
    }
}

/// Head and body together, once the head is there.
fn answer_length(bytes: &[u8]) -> Fallible<Option<usize>> {
    let text = std::str::from_utf8(bytes)?;
    let Some((head, _)) = text.split_once("\r\n\r\n") else { return Ok(None) };
    let field = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then_some(value)
    });
    let body: usize = field.ok_or("an answer without a length")?.trim().parse()?;
    Ok(Some(head.len() + 4 + body))
}
