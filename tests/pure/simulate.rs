//! Invented traffic is the same for the same seed, has the shape of a clinic's, and is read and folded as what it says.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, TimeDelta, Utc};
use clockfold::{
    lifecycle::{Appointment, Arrival, EventType, FoldRules, Outcome, Status},
    log::{AppointmentId, SourceName, commitment},
    simulate::{DenseDay, FIRST_APPOINTMENT, Shape, Simulated, Simulation},
    webhook,
};

fn start() -> DateTime<Utc> {
    "2025-01-06T13:00:00Z".parse().unwrap()
}

fn traffic(seed: u64, sources: u16, deliveries: usize) -> impl Iterator<Item = Simulated> {
    Simulation::new(seed, start(), Shape { sources, ..Shape::default() }).take(deliveries)
}

/// What the fold makes of it.
#[derive(Default)]
struct Folded {
    appointments: HashMap<(SourceName, AppointmentId), Appointment>,
    outcomes: BTreeMap<Outcome, u32>,
    /// When an appointment's first one came, and how many did.
    deliveries: HashMap<(SourceName, AppointmentId), (DateTime<Utc>, u32)>,
}

impl Folded {
    fn of(traffic: impl Iterator<Item = Simulated>) -> Folded {
        let rules = FoldRules::default();
        let mut folded = Folded::default();
        for (position, Simulated { arrives_at: received_at, delivery, .. }) in (1..).zip(traffic) {
            let outcome = match delivery.reading.appointment_id() {
                None => Outcome::Unreadable,
                Some(id) => {
                    let key = (delivery.source.clone(), id);
                    folded.deliveries.entry(key.clone()).or_insert((received_at, 0)).1 += 1;
                    let arrival = Arrival { position, received_at, reading: delivery.reading.event_type() };
                    folded.appointments.entry(key).or_default().fold(&rules, arrival).judgement.verdict.outcome()
                }
            };
            *folded.outcomes.entry(outcome).or_default() += 1;
        }
        folded
    }
}

/// That a share lies between two, in percent.
fn check(what: &str, part: usize, whole: usize, least: f64, most: f64) {
    let share = part as f64 * 100.0 / whole as f64;
    assert!((least..=most).contains(&share), "{what}: {share:.2} %, not {least} to {most}");
}

#[test]
fn the_same_seed_gives_the_same_deliveries_and_another_one_others() {
    let made = |seed| traffic(seed, 7, 20_000).collect::<Vec<_>>();
    let first = made(1);
    assert!(first == made(1));
    assert!(first != made(2));
    // Nor may they differ between machines. Who changes the traffic on purpose puts the new digest here.
    let lines = first.iter().map(|Simulated { arrives_at, delivery, repeated }| {
        let body = String::from_utf8_lossy(&delivery.body);
        format!("{} {} {:?} {repeated} {body}\n", arrives_at.timestamp_millis(), delivery.source, delivery.delivery_id)
    });
    let digest = commitment(&[0; 16], lines.collect::<String>().as_bytes());
    assert_eq!(digest.to_string(), "2109bb61f62f656da47d4977fb4cd641d1704e0b8f9247eca10125003328d696");
}

#[test]
fn times_never_go_back_and_every_source_sends() {
    let mut last = start();
    let mut sources = BTreeSet::new();
    let mut ids = BTreeSet::new();
    for Simulated { arrives_at, delivery, repeated } in traffic(3, 50, 60_000) {
        assert!(arrives_at >= last);
        last = arrives_at;
        if let Some(id) = delivery.reading.appointment_id() {
            assert!(id.get() >= FIRST_APPOINTMENT, "{id}");
            ids.insert((id, delivery.source.clone()));
        }
        if let Some(delivery_id) = &delivery.delivery_id {
            assert!(delivery_id.len() <= 255 && delivery_id.is_ascii());
        }
        assert!(!repeated || last > start());
        sources.insert(delivery.source);
    }
    assert_eq!(sources.len(), 50);
    // One sequence for all sources, as the vendor's.
    let numbers: BTreeSet<_> = ids.iter().map(|(id, _)| *id).collect();
    assert_eq!(numbers.len(), ids.len());
    assert!(last - start() > TimeDelta::days(2) && last - start() < TimeDelta::days(4), "{last}");
}

#[test]
fn a_reading_is_what_the_reader_of_bodies_comes_to() {
    let mut faults = BTreeSet::new();
    let mut others = BTreeSet::new();
    let mut forms = BTreeSet::new();
    for Simulated { delivery, .. } in traffic(5, 30, 200_000) {
        assert_eq!(webhook::read(&delivery.body), delivery.reading, "{}", String::from_utf8_lossy(&delivery.body));
        match delivery.reading.event_type() {
            Err(fault) => drop(faults.insert(fault)),
            Ok(name) if EventType::from_name(name).is_none() => drop(others.insert(name.to_owned())),
            Ok(name) => {
                let text = String::from_utf8(delivery.body.clone()).unwrap();
                let id = delivery.reading.appointment_id().unwrap().to_string();
                forms.insert(text.replace(&id, "12345").replace(&format!("\"{name}\""), "\"remove\""));
            }
        }
    }
    assert_eq!((faults.len(), others.len(), forms.len()), (7, 5, 4), "{forms:?}");
    // As on the vendor's page.
    assert!(forms.contains("{\n  \"appointment_id\": 12345,\n  \"event_type\":     \"remove\",\n}"), "{forms:?}");
}

#[test]
fn clinics_days_have_the_shape_of_clinics_days() {
    let deliveries = 600_000;
    let folded = Folded::of(traffic(1, 12, deliveries));
    let outcome = |outcome| folded.outcomes[&outcome] as usize;
    check("APPLIED", outcome(Outcome::Applied), deliveries, 95.0, 98.5);
    check("DUPLICATE", outcome(Outcome::Duplicate), deliveries, 0.4, 1.5);
    check("REJECTED", outcome(Outcome::Rejected), deliveries, 0.8, 3.0);
    check("UNRECOGNIZED", outcome(Outcome::Unrecognized), deliveries, 0.1, 0.3);
    check("UNREADABLE", outcome(Outcome::Unreadable), deliveries, 0.02, 0.04);

    let end = start() + TimeDelta::days(50);
    let whole = |begun: &DateTime<Utc>| *begun < end;
    let over: Vec<_> = folded.deliveries.iter().filter(|(_, (begun, _))| whole(begun)).collect();
    let sent: u32 = over.iter().map(|(_, (_, count))| count).sum();
    check("deliveries an appointment", sent as usize, over.len(), 700.0, 800.0);
    let ended = |status| {
        let is = |key| folded.appointments[key].status() == status;
        over.iter().filter(|(key, _)| is(*key)).count()
    };
    check("discharged", ended(Some(Status::Discharged)), over.len(), 82.0, 92.0);
    check("removed", ended(Some(Status::Removed)), over.len(), 7.0, 14.0);
    let forgotten = [Status::Scheduled, Status::CheckedIn, Status::Ready, Status::CalledBack];
    let open: usize = forgotten.into_iter().map(|status| ended(Some(status))).sum();
    check("never ended", open, over.len(), 1.0, 5.0);

    let minutes = |from: Option<DateTime<Utc>>, to: Option<DateTime<Utc>>| Some((to? - from?).num_minutes());
    let median = |mut waits: Vec<i64>| {
        waits.sort_unstable();
        waits[waits.len() / 2]
    };
    let step = |appointment: &Appointment, event: EventType| {
        appointment.standing().find(|standing| standing.step.event() == event).map(|standing| standing.received_at)
    };
    let waits = |from, to| {
        let each = folded.appointments.values();
        median(each.filter_map(|appointment| minutes(step(appointment, from), step(appointment, to))).collect())
    };
    let door_to_room = waits(EventType::Checkin, EventType::Callback);
    let in_room = waits(EventType::Callback, EventType::Discharge);
    assert!((15..30).contains(&door_to_room) && (25..40).contains(&in_room), "{door_to_room} {in_room}");
}

#[test]
fn a_dense_day_is_one_sources_and_one_days() {
    let dense_day = Some(DenseDay { day: 2, appointments: 3_000 });
    let shape = Shape { sources: 5, dense_day, ..Shape::default() };
    let simulation = Simulation::new(1, start(), shape);
    let (source, begins, ends) = simulation.dense_day().unwrap();
    assert_eq!(ends - begins, TimeDelta::days(1));
    let creates = simulation
        .take_while(|simulated| simulated.arrives_at < start() + TimeDelta::days(6))
        .filter(|Simulated { delivery, repeated, .. }| delivery.reading.event_type() == Ok("create") && !repeated);
    let mut made: BTreeMap<(SourceName, bool), u32> = BTreeMap::new();
    for Simulated { arrives_at, delivery, .. } in creates {
        *made.entry((delivery.source, (begins..ends).contains(&arrives_at))).or_default() += 1;
    }
    assert!(made[&(source.clone(), true)] > 3_000);
    let others = made.iter().filter(|(key, _)| **key != (source.clone(), true));
    assert!(others.clone().count() == 9 && others.clone().all(|(_, count)| *count < 1_000), "{made:?}");
}

#[test]
fn what_is_held_is_bounded_by_what_is_open() {
    let mut simulation = Simulation::new(1, start(), Shape { sources: 10, ..Shape::default() });
    let held = |simulation: &mut Simulation, deliveries| {
        simulation.by_ref().take(deliveries).for_each(drop);
        simulation.in_flight()
    };
    let after_two_months = held(&mut simulation, 300_000);
    let after_a_year = held(&mut simulation, 1_700_000);
    assert!(after_a_year < after_two_months * 3 / 2, "{after_two_months} {after_a_year}");
}
