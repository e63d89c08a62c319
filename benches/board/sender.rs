//! Webhooks at a rate, each of which moves a card: over a few connections, one after another on each.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use crate::support::{
    load::{body, post},
    server::Connection,
};

/// Enough for any rate: each waits for its answer, which comes when the delivery is durable.
const CONNECTIONS: u64 = 16;

/// Moves the appointments 1 to `cards` forth and back.
pub(crate) struct Sender {
    address: SocketAddr,
    cards: u64,
    /// How many changes have been sent.
    sent: u64,
    /// How far each appointment has come round.
    rounds: Vec<AtomicU64>,
}

impl Sender {
    pub(crate) fn new(address: SocketAddr, cards: u64) -> Sender {
        Sender { address, cards, sent: 0, rounds: (0..=cards).map(|_| AtomicU64::new(0)).collect() }
    }

    /// Sends for a time; how many it were.
    pub(crate) fn send_for(&mut self, rate: f64, time: Duration) -> u64 {
        self.send(rate, (rate * time.as_secs_f64()) as u64)
    }

    /// Sends so many, at most so many a second.
    pub(crate) fn send(&mut self, rate: f64, count: u64) -> u64 {
        let (first, begun) = (self.sent, Instant::now());
        thread::scope(|scope| {
            for lane in 0..CONNECTIONS.min(self.cards) {
                let this = &*self;
                scope.spawn(move || {
                    let mut connection = Connection::open(this.address);
                    // An appointment is always of the same lane: its events keep their order.
                    for number in (0..count).filter(|number| (first + number) % CONNECTIONS.min(this.cards) == lane) {
                        let due = begun + Duration::from_secs_f64(number as f64 / rate);
                        thread::sleep(due.saturating_duration_since(Instant::now()));
                        this.change(&mut connection, first + number);
                    }
                });
            }
        });
        self.sent += count;
        count
    }

    fn change(&self, connection: &mut Connection, number: u64) {
        let lanes = CONNECTIONS.min(self.cards);
        let (lane, turn) = (number % lanes, number / lanes);
        let in_lane = (self.cards - lane).div_ceil(lanes);
        // Spread over the columns, as patients are.
        let id = 1 + lane + lanes * (turn * 7 % in_lane);
        let event = event_of(id, self.rounds[id as usize].fetch_add(1, Ordering::Relaxed));
        let answer = post(connection, &body(id, event, "")).expect("an answer");
        assert_eq!(answer.json()["outcome"], "APPLIED", "{id} {event}: {}", answer.text());
    }
}

/// What an appointment, which begins SCHEDULED, CHECKED_IN or READY, is told next: a step forth, a step back.
fn event_of(id: u64, round: u64) -> &'static str {
    let pairs = match id % 3 {
        0 => ["checkin", "undo_checkin"],
        1 => ["ready", "undo_ready"],
        _ => ["callback", "undo_callback"],
    };
    pairs[(round % 2) as usize]
}
