//! Random deliveries to one appointment, for the laws of the fold.

use chrono::{DateTime, TimeDelta, Utc};
use clockfold::lifecycle::{Appointment, Arrival, EventType, Fault, FoldRules, Folded, Lifecycle, Met, MetSet, Status};
use proptest::{
    collection::vec,
    option,
    prelude::*,
    sample::{select, subsequence},
};

/// A delivery that has no position yet.
#[derive(Clone, Debug)]
pub struct Sent {
    pub received_at: DateTime<Utc>,
    pub reading: Result<String, Fault>,
}

impl Sent {
    pub fn at(received_at: DateTime<Utc>, event: EventType) -> Sent {
        Sent { received_at, reading: Ok(event.name().to_owned()) }
    }

    pub fn fold(&self, appointment: &mut Appointment, rules: &FoldRules, position: u64) -> Folded {
        let reading = self.reading.as_deref().map_err(|fault| *fault);
        appointment.fold(rules, Arrival { position, received_at: self.received_at, reading })
    }
}

pub fn start() -> DateTime<Utc> {
    DateTime::from_timestamp_millis(1_772_463_845_678).unwrap()
}

pub fn built_in() -> [Lifecycle; 3] {
    [Lifecycle::strict(), Lifecycle::walk_in(), Lifecycle::lenient()]
}

/// The built-in lifecycles, and tables that nobody would write.
pub fn lifecycles() -> impl Strategy<Value = Lifecycle> {
    let mets: Vec<Met> = std::iter::once(None).chain(Status::ALL.map(Some)).collect();
    let from = subsequence(mets, 0..=7);
    let from = from.prop_map(|mets| mets.into_iter().fold(MetSet::default(), MetSet::with));
    let rows = vec((select(&EventType::ALL[..]), from), 13);
    prop_oneof![3 => select(built_in().to_vec()), 1 => rows.prop_map(|rows| Lifecycle::custom("custom", &rows))]
}

pub fn rules() -> impl Strategy<Value = FoldRules> {
    let windows = select(vec![0, 1, 5].into_iter().map(TimeDelta::seconds).collect::<Vec<_>>());
    (lifecycles(), windows).prop_map(|(lifecycle, reorder_window)| FoldRules { lifecycle, reorder_window })
}

pub fn without_window(lifecycle: Lifecycle) -> FoldRules {
    FoldRules { lifecycle, reorder_window: TimeDelta::zero() }
}

/// A day that mostly makes sense, in which some deliveries are odd, lost, repeated or late; up to a window apart.
pub fn deliveries() -> impl Strategy<Value = Vec<Sent>> {
    const DAY: [&str; 9] =
        ["create", "checkin", "ready", "undo_ready", "ready", "callback", "discharge", "remove", "undo_remove"];
    let any_event = select(&EventType::ALL[..]).prop_map(|event| Ok(event.name().to_owned()));
    let odd = prop_oneof![Just(Ok("transfer_in".to_owned())), Just(Err(Fault::NotJson))];
    let instead = option::weighted(0.4, prop_oneof![9 => any_event, 1 => odd]);
    let late_by = prop_oneof![3 => Just(0), 1 => 1_usize..4];
    let gap_ms = prop_oneof![3 => 0_i64..400, 1 => select(vec![0, 999, 1_000, 1_001, 4_999, 5_000, 5_001]),
        1 => select(vec![-1, -59_999, -60_001])];
    vec((instead, late_by, gap_ms), 0..40).prop_map(|made| {
        let usual = DAY.into_iter().cycle().map(|event| Ok(event.to_owned()));
        let mut readings: Vec<_> = made
            .iter()
            .zip(usual)
            .enumerate()
            .map(|(index, ((instead, late_by, _), usual))| (index + late_by, instead.clone().unwrap_or(usual)))
            .collect();
        readings.sort_by_key(|(place, _)| *place);
        let mut received_at = start();
        let sent = readings.into_iter().zip(made).map(|((_, reading), (_, _, gap_ms))| {
            received_at += TimeDelta::milliseconds(gap_ms);
            Sent { received_at, reading }
        });
        sent.collect()
    })
}

/// A history that is applied in order: at each choice one of the events that would be applied then.
pub fn in_order(lifecycle: &Lifecycle, choices: &[usize], repeats: bool) -> Vec<EventType> {
    let rules = without_window(lifecycle.clone());
    let mut appointment = Appointment::default();
    let mut history: Vec<EventType> = Vec::new();
    for choice in choices {
        let mut allowed = appointment.allowed_events(lifecycle);
        allowed.retain(|event| repeats || !history.contains(event));
        if let Some(event) = allowed.get(choice % allowed.len().max(1)) {
            Sent::at(start(), *event).fold(&mut appointment, &rules, history.len() as u64);
            history.push(*event);
        }
    }
    history
}

/// Any event type at all, and times that jump as far as there are times.
pub fn anything() -> impl Strategy<Value = Vec<Sent>> {
    let text = vec(any::<u8>(), 0..20).prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let event = select(&EventType::ALL[..]).prop_map(|event| event.name().to_owned());
    let nearly = event.clone().prop_map(|name| name.to_uppercase());
    let reading = prop_oneof![6 => event.prop_map(Ok), 1 => text.prop_map(Ok), 1 => ".*".prop_map(Ok),
        1 => nearly.prop_map(Ok), 1 => Just(Err(Fault::FieldRepeated))];
    let began = select(vec![DateTime::<Utc>::MIN_UTC, start(), DateTime::<Utc>::MAX_UTC - TimeDelta::seconds(5)]);
    let gap_ms = prop_oneof![2 => Just(0), 4 => 0_i64..3_000, 1 => -9_000_000_000_000_000_i64..9_000_000_000_000_000];
    (began, vec((reading, gap_ms), 0..60)).prop_map(|(mut received_at, made)| {
        let sent = made.into_iter().map(|(reading, gap_ms)| {
            let later = received_at.checked_add_signed(TimeDelta::milliseconds(gap_ms));
            let end = if gap_ms < 0 { DateTime::<Utc>::MIN_UTC } else { DateTime::<Utc>::MAX_UTC };
            received_at = later.unwrap_or(end);
            Sent { received_at, reading }
        });
        sent.collect()
    })
}
