//! Senders and readers in a closed loop: each connection sends its next request when the last is answered.

use std::{
    cell::{Cell, RefCell},
    net::SocketAddr,
    rc::Rc,
    time::{Duration, Instant},
};

use tokio::task::LocalSet;

use super::{
    Fallible,
    server::ROUTE_KEY,
    socket::{Run, Socket},
};

const EVENTS: [&str; 5] = ["create", "checkin", "ready", "callback", "discharge"];
/// Appointments that one connection carries through their day at the same time.
const APPOINTMENTS_AT_ONCE: u64 = 16;
/// A run that is not over so long after its time has hung.
const GRACE: Duration = Duration::from_secs(20);
/// Before anything is measured, a run warms up for this part of its time: one in so many.
pub(super) const WARM_UP_PART: u32 = 8;

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
    let mut socket = Socket::open(address).await?;
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
        let sent = Instant::now();
        let answer = socket.post(path, &body).await?;
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
