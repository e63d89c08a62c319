//! The traffic of all clinics, by time: coming deliveries wait in a heap, and the earliest arrives next.
//!
//! Each clinic plans a day when it begins, an appointment when it is made. On the way to the receiver, deliveries are
//! lost, repeated, and overtaken by their neighbours, as they are in the world.

use std::{cmp::Reverse, collections::BinaryHeap, ops::Range};

use chrono::{DateTime, TimeDelta, Utc};

use crate::log::{AppointmentId, NewDelivery, SourceName};

use super::{
    body::Said,
    clinic::{Clinic, DAY, HOUR, MINUTE, SECOND, clinics},
    random::{Random, mixed},
    shape::{DenseDay, Shape, Simulated, Source},
    visit::{Booking, Click, Visit},
};

/// What befalls a delivery, by a number below a million that is drawn for it: it never comes,
const LOST: Range<u64> = 0..1_000;
/// it comes twice,
const REPEATED: Range<u64> = 1_000..9_000;
/// it is followed by one with an event type that is none of the 13,
const OTHER: Range<u64> = 9_000..11_000;
/// or by one with a body that nobody can read.
const BROKEN: Range<u64> = 11_000..11_300;
/// How many of a thousand appointments have two neighbours that overtake each other.
const SWAPPED: u64 = 15;

/// Deliveries without an end, by the time of their arrival.
pub struct Simulation {
    clinics: Vec<Clinic>,
    random: Random,
    seed: u64,
    first_day: Vec<i64>,
    dense_day: Option<DenseDay>,
    tasks: BinaryHeap<Reverse<Task>>,
    /// Counts tasks: of those at the same time, the one that was planned first comes first.
    planned: u64,
    next_appointment: u64,
    /// Kept for its room.
    clicks: Vec<Click>,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Task {
    at_ms: i64,
    order: u64,
    clinic: u16,
    what: What,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum What {
    /// A day begins: its bookings are planned.
    Day,
    /// An appointment is made: its clicks are planned.
    Make(Booking),
    /// A delivery arrives.
    Arrive {
        appointment: u64,
        said: Said,
        /// The order of the first that was sent with this content; its own where it is the first.
        first: u64,
    },
}

impl Simulation {
    /// The traffic from `start` on. There are no appointments from before.
    pub fn new(seed: u64, start: DateTime<Utc>, shape: Shape) -> Simulation {
        // The clinics are the same whatever happens in them.
        let clinics = clinics(&shape, &mut Random::new(mixed(seed)));
        let start_ms = start.timestamp_millis();
        let mut simulation = Simulation {
            first_day: clinics.iter().map(|clinic| clinic.midnight(start_ms).1).collect(),
            clinics,
            random: Random::new(seed),
            seed,
            dense_day: shape.dense_day,
            tasks: BinaryHeap::new(),
            planned: 0,
            next_appointment: shape.first_appointment.get(),
            clicks: Vec::new(),
        };
        for clinic in 0..u16::try_from(simulation.clinics.len()).unwrap_or(u16::MAX) {
            simulation.plan(start_ms, clinic, What::Day);
        }
        simulation
    }

    /// Who sends, the first source first.
    pub fn sources(&self) -> impl Iterator<Item = Source> + '_ {
        self.clinics.iter().map(|clinic| Source {
            name: clinic.name.clone(),
            utc_offset: TimeDelta::milliseconds(clinic.utc_offset_ms()),
            has_delivery_ids: clinic.has_delivery_ids,
        })
    }

    /// The number of the next appointment that will be made.
    pub fn next_appointment(&self) -> AppointmentId {
        AppointmentId::new(self.next_appointment).unwrap_or(AppointmentId::MAX)
    }

    /// How much is planned and has not happened: memory grows with it.
    pub fn in_flight(&self) -> usize {
        self.tasks.len()
    }

    /// Whose day is like no other, when it begins, and when it is over.
    pub fn dense_day(&self) -> Option<(SourceName, DateTime<Utc>, DateTime<Utc>)> {
        let (dense, clinic, first) = (self.dense_day?, self.clinics.first()?, self.first_day.first()?);
        let begins_ms = clinic.midnight_of(first + i64::from(dense.day));
        Some((clinic.name.clone(), time(begins_ms), time(begins_ms + DAY)))
    }

    fn plan(&mut self, at_ms: i64, clinic: u16, what: What) {
        self.planned += 1;
        self.tasks.push(Reverse(Task { at_ms, order: self.planned, clinic, what }));
    }

    /// Plans the appointments that a clinic makes on a day that has begun, and the next day.
    fn day(&mut self, now_ms: i64, index: u16) {
        let clinic = &self.clinics[usize::from(index)];
        let (midnight, day_number) = clinic.midnight(now_ms);
        let usual = clinic.appointments(day_number, &mut self.random);
        let since_start = day_number - self.first_day[usize::from(index)];
        let on_top = match self.dense_day {
            Some(dense) if index == 0 && i64::from(dense.day) == since_start => u64::from(dense.appointments),
            _ => 0,
        };
        for number in 0..usual + on_top {
            let clinic = &self.clinics[usize::from(index)];
            let (made_at, booking) = appointment(clinic, midnight, number >= usual, &mut self.random);
            // On the first day, leave out those from before the start.
            if made_at >= now_ms {
                self.plan(made_at, index, What::Make(booking));
            }
        }
        self.plan(midnight + DAY, index, What::Day);
    }

    /// Plans all deliveries of an appointment that is made now.
    fn make(&mut self, now_ms: i64, clinic: u16, booking: Booking) {
        let appointment = self.next_appointment;
        self.next_appointment += 1;
        let mut clicks = std::mem::take(&mut self.clicks);
        let visit = Visit { clinic: &self.clinics[usize::from(clinic)], random: &mut self.random, clicks: &mut clicks };
        visit.plan(now_ms, booking);
        if self.random.chance(SWAPPED) {
            swap(&mut clicks, &mut self.random);
        }
        for click in &clicks {
            // From the button to the receiver.
            let arrives_ms = click.at_ms + self.random.between(80, 900);
            self.send(arrives_ms, clinic, appointment, Said::Event(click.event));
        }
        self.clicks = clicks;
    }

    /// Plans the arrival of a delivery, and what may come with it.
    fn send(&mut self, arrives_ms: i64, clinic: u16, appointment: u64, said: Said) {
        let drawn = self.random.below(1_000_000);
        if LOST.contains(&drawn) {
            return;
        }
        let first = self.planned + 1;
        self.plan(arrives_ms, clinic, What::Arrive { appointment, said, first });
        if REPEATED.contains(&drawn) {
            // The sender has waited for an answer, and tries once more.
            let again_ms = arrives_ms + self.random.between(SECOND, MINUTE);
            self.plan(again_ms, clinic, What::Arrive { appointment, said, first });
        }
        let odd = match drawn {
            _ if OTHER.contains(&drawn) => Said::other(drawn),
            _ if BROKEN.contains(&drawn) => Said::broken(drawn),
            _ => return,
        };
        let (later_ms, first) = (arrives_ms + self.random.between(0, 5 * MINUTE), self.planned + 1);
        self.plan(later_ms, clinic, What::Arrive { appointment, said: odd, first });
    }

    fn arrival(&self, at_ms: i64, clinic: u16, appointment: u64, said: Said, first: u64, repeated: bool) -> Simulated {
        let clinic = &self.clinics[usize::from(clinic)];
        // Nobody counts that far: beyond, all have the last id.
        let id = AppointmentId::new(appointment).unwrap_or(AppointmentId::MAX);
        let (body, reading) = said.about(id, clinic.form);
        let delivery_id = clinic.has_delivery_ids.then(|| format!("evt_{:016x}", mixed(first ^ mixed(self.seed))));
        Simulated {
            arrives_at: time(at_ms),
            delivery: NewDelivery { source: clinic.name.clone(), reading, delivery_id, body },
            repeated,
        }
    }
}

impl Iterator for Simulation {
    type Item = Simulated;

    fn next(&mut self) -> Option<Simulated> {
        loop {
            let Reverse(Task { at_ms, order, clinic, what }) = self.tasks.pop()?;
            match what {
                What::Day => self.day(at_ms, clinic),
                What::Make(booking) => self.make(at_ms, clinic, booking),
                What::Arrive { appointment, said, first } => {
                    return Some(self.arrival(at_ms, clinic, appointment, said, first, order != first));
                }
            }
        }
    }
}

/// When an appointment is made on the day that begins at `midnight`, and for when.
fn appointment(clinic: &Clinic, midnight: i64, today: bool, random: &mut Random) -> (i64, Booking) {
    if random.below(1_000) < clinic.walk_ins {
        return (clinic.arrival(midnight, random), Booking::WalkIn);
    }
    let days = match random.below(100) {
        _ if today => 0,
        0..=54 => 0,
        55..=74 => 1,
        75..=89 => random.between(2, 6),
        _ => random.between(7, 30),
    };
    if days == 0 {
        // In the morning, or while others are seen, for later on the same day.
        let visit_at = clinic.arrival(midnight, random);
        return (visit_at - random.wait(2 * HOUR).min(visit_at - midnight), Booking::For(visit_at));
    }
    let visit_at = clinic.arrival(midnight + days * DAY, random);
    (clinic.booking(midnight, random), Booking::For(visit_at))
}

/// Two neighbours, pressed within a moment, that arrive the other way round.
fn swap(clicks: &mut [Click], random: &mut Random) {
    let pairs = clicks.len().saturating_sub(1) as u64;
    if pairs == 0 {
        return;
    }
    let earlier = usize::try_from(random.below(pairs)).unwrap_or(0);
    // Pressed right after the one before it, so that nothing else moves.
    clicks[earlier + 1].at_ms = clicks[earlier].at_ms + 100;
    clicks[earlier].at_ms += random.between(1_100, 4_000);
}

fn time(ms: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(ms).unwrap_or(DateTime::<Utc>::MAX_UTC)
}
