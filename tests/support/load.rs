//! Senders: several connections that post realistic histories and remember what was acknowledged.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use chrono::SecondsFormat;
use clockfold::log::{Body, Delivery};

use super::{
    random::Random,
    server::{Answer, Connection, ROUTE_KEY, Server},
};

/// Appointments that every load posts to, so that old rows change again.
const SHARED_APPOINTMENTS: u64 = 50;
/// Appointments that a sender has open at a time.
const OPEN_AT_ONCE: usize = 4;

/// What a sender posts.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Connections at the same time.
    pub senders: usize,
    /// Deliveries that each of them posts at most.
    pub each: usize,
    /// The first appointment id; every sender has a million of its own.
    pub first_appointment: u64,
    /// What the choices are drawn from.
    pub seed: u64,
    /// How long a note every body has.
    pub note_bytes: Range<u64>,
}

/// A delivery that was answered with 200, as it was sent and as it was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acknowledged {
    pub position: u64,
    pub received_at: String,
    pub source: String,
    pub appointment_id: String,
    pub event_type: String,
    pub body: String,
}

/// What became of a load.
#[derive(Debug, Default)]
pub struct Sent {
    /// Answered with 200.
    pub acknowledged: Vec<Acknowledged>,
    /// Answered otherwise, and how long that took.
    pub refused: Vec<(Answer, Duration)>,
    /// Bodies whose connection ended before an answer.
    pub unanswered: Vec<String>,
}

/// A load that runs.
pub struct Load {
    stop: Arc<AtomicBool>,
    senders: Vec<JoinHandle<Sent>>,
}

impl Load {
    /// Starts the senders. Each stops at its plan's end, at [`Load::finish`], when its connection ends, and
    /// when it is refused.
    pub fn start(address: SocketAddr, plan: &Plan) -> Load {
        let stop = Arc::new(AtomicBool::new(false));
        let sender = |number: usize| {
            let (stop, plan) = (Arc::clone(&stop), plan.clone());
            thread::spawn(move || send(address, &plan, number as u64, &stop))
        };
        Load { senders: (0..plan.senders).map(sender).collect(), stop }
    }

    /// Lets every sender finish its request, and adds up. Acknowledged deliveries come by position.
    pub fn finish(self) -> Sent {
        self.stop.store(true, Ordering::Relaxed);
        self.join()
    }

    /// Waits for the plan's end.
    pub fn join(self) -> Sent {
        let mut sum = Sent::default();
        for sender in self.senders {
            let sent = sender.join().expect("a sender does not panic");
            sum.acknowledged.extend(sent.acknowledged);
            sum.refused.extend(sent.refused);
            sum.unanswered.extend(sent.unanswered);
        }
        sum.acknowledged.sort_by_key(|delivery| delivery.position);
        sum
    }
}

fn send(address: SocketAddr, plan: &Plan, number: u64, stop: &AtomicBool) -> Sent {
    let mut sent = Sent::default();
    let mut random = Random::new(plan.seed.wrapping_mul(1_000_003).wrapping_add(number));
    let mut histories = Histories::new(plan.first_appointment + number * 1_000_000);
    let Ok(mut connection) = Connection::try_open(address) else { return sent };
    for _ in 0..plan.each {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let (appointment_id, event_type) = histories.next(&mut random);
        let note_bytes = plan.note_bytes.start + random.below(plan.note_bytes.end - plan.note_bytes.start);
        let note = random.letters(note_bytes);
        let body = body(appointment_id, event_type, &note);
        let begun = Instant::now();
        let Ok(answer) = post(&mut connection, &body) else {
            sent.unanswered.push(body);
            break;
        };
        if answer.status != 200 {
            sent.refused.push((answer, begun.elapsed()));
            break;
        }
        sent.acknowledged.push(acknowledged(&answer, event_type, body));
    }
    sent
}

/// Posts with [`ROUTE_KEY`] on an open connection.
pub fn post(connection: &mut Connection, body: &str) -> std::io::Result<Answer> {
    let path = format!("/webhook/{ROUTE_KEY}");
    connection.request("POST", &path, &[("Content-Type", "application/json")], body.as_bytes())
}

/// What a 200 to `body` says.
pub fn acknowledged(answer: &Answer, event_type: &str, body: String) -> Acknowledged {
    let json = answer.json();
    let text = |name: &str| json[name].as_str().unwrap_or_else(|| panic!("no {name} in {json}")).to_owned();
    Acknowledged {
        position: text("position").parse().expect("a position is a decimal"),
        received_at: text("receivedAt"),
        source: text("source"),
        appointment_id: text("appointmentId"),
        event_type: event_type.to_owned(),
        body,
    }
}

/// A body of the vendor's form with a note, which can make it one of its kind.
pub fn body(appointment_id: u64, event_type: &str, note: &str) -> String {
    format!(r#"{{"appointment_id": {appointment_id}, "event_type": "{event_type}", "note": "{note}"}}"#)
}

/// Everything that the server has from `after` on, through GraphQL, and the cursor of the last.
pub fn read_back(server: &Server, after: Option<String>) -> (Vec<Acknowledged>, Option<String>) {
    try_read_back(server, after).unwrap_or_else(|(_, errors)| panic!("{errors}: {}", server.printed()))
}

/// Like [`read_back`]; what was read before an error, and the errors.
#[allow(clippy::type_complexity, reason = "the one caller takes it apart at once")]
pub fn try_read_back(
    server: &Server,
    mut after: Option<String>,
) -> Result<(Vec<Acknowledged>, Option<String>), (Vec<Acknowledged>, serde_json::Value)> {
    let mut all = Vec::new();
    loop {
        let cursor = after.as_deref().map_or("null".to_owned(), |cursor| format!("\"{cursor}\""));
        let page = server.query_as(None, &format!(
            "{{ deliveries(first: 100, after: {cursor}) {{ pageInfo {{ hasNextPage endCursor }} nodes {{ position receivedAt source appointmentId rawEventType body }} }} }}"
        ));
        if let Some(errors) = page.get("errors") {
            return Err((all, errors.clone()));
        }
        let page = &page["data"]["deliveries"];
        for node in page["nodes"].as_array().expect("a list of nodes") {
            let text = |name: &str| node[name].as_str().unwrap_or_default().to_owned();
            all.push(Acknowledged {
                position: text("position").parse().expect("a position is a decimal"),
                received_at: text("receivedAt"),
                source: text("source"),
                appointment_id: text("appointmentId"),
                event_type: text("rawEventType"),
                body: text("body"),
            });
        }
        if let Some(cursor) = page["pageInfo"]["endCursor"].as_str() {
            after = Some(cursor.to_owned());
        }
        if page["pageInfo"]["hasNextPage"] != true {
            return Ok((all, after));
        }
    }
}

/// A delivery that the library read, in the words of its answer.
pub fn as_acknowledged(delivery: &Delivery) -> Acknowledged {
    let body = match &delivery.body {
        Body::Kept { bytes, .. } => String::from_utf8(bytes.clone()).expect("the bodies sent here are text"),
        Body::Erased { .. } => panic!("nothing was erased"),
    };
    Acknowledged {
        position: delivery.position.get(),
        received_at: delivery.received_at.to_rfc3339_opts(SecondsFormat::Millis, true),
        source: delivery.source.to_string(),
        appointment_id: delivery.reading.appointment_id().map_or_else(String::new, |id| id.to_string()),
        event_type: delivery.reading.event_type().unwrap_or_default().to_owned(),
        body,
    }
}

/// Panics unless everything acknowledged is in `found`, at its position and as it was sent, and `found`'s
/// positions begin at `first` without a gap and its arrival times never go back.
pub fn check_kept(acknowledged: &[Acknowledged], found: &[Acknowledged], first: u64) {
    for (delivery, position) in found.iter().zip(first..) {
        assert_eq!(delivery.position, position, "positions have a gap");
    }
    for pair in found.windows(2) {
        assert!(pair[0].received_at <= pair[1].received_at, "arrival times went back: {pair:?}");
    }
    let by_position: BTreeMap<u64, &Acknowledged> =
        found.iter().map(|delivery| (delivery.position, delivery)).collect();
    for delivery in acknowledged {
        assert_eq!(by_position.get(&delivery.position), Some(&delivery), "an acknowledged delivery is lost or changed");
    }
    let positions: std::collections::BTreeSet<u64> = acknowledged.iter().map(|delivery| delivery.position).collect();
    assert_eq!(positions.len(), acknowledged.len(), "a position was acknowledged twice");
}

/// Appointments that come into being, change and end as a clinic's do, several at a time.
struct Histories {
    next_appointment: u64,
    open: Vec<(u64, Vec<&'static str>)>,
}

impl Histories {
    fn new(first_appointment: u64) -> Histories {
        Histories { next_appointment: first_appointment, open: Vec::new() }
    }

    fn next(&mut self, random: &mut Random) -> (u64, &'static str) {
        if random.below(5) == 0 {
            let events = ["create", "checkin", "undo_checkin", "ready", "demographics_update", "discharge"];
            return (1 + random.below(SHARED_APPOINTMENTS), events[random.index(events.len())]);
        }
        if self.open.len() < OPEN_AT_ONCE {
            self.open.push((self.next_appointment, history(random)));
            self.next_appointment += 1;
        }
        let chosen = random.index(self.open.len());
        let (appointment, events) = &mut self.open[chosen];
        let next = (*appointment, events.pop().expect("an open history has an event left"));
        if events.is_empty() {
            self.open.swap_remove(chosen);
        }
        next
    }
}

/// One appointment's events, the last first.
fn history(random: &mut Random) -> Vec<&'static str> {
    let mut events = vec!["create"];
    if random.below(3) == 0 {
        events.push("reschedule");
    }
    if random.below(3) == 0 {
        events.push("demographics_update");
    }
    if random.below(8) == 0 {
        events.push("remove");
    } else {
        events.push("checkin");
        if random.below(6) == 0 {
            events.extend(["undo_checkin", "checkin"]);
        }
        events.extend(["ready", "callback", "discharge"]);
    }
    events.reverse();
    events
}
