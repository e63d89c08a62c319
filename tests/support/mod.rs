//! What several tests share. Every patient here is invented.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, reason = "each program uses a part of it")]

pub mod server;
pub mod random;
pub mod load;
pub mod sources;
pub mod session;
pub mod webhook;
pub mod bodies;
pub mod copies;
pub mod clients;
pub mod net;
pub mod browser;
pub mod disk;
pub mod oracle;

use std::{
    path::PathBuf,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use clockfold::{
    lifecycle::Fault,
    log::{AppointmentId, NewDelivery, Reading},
};

/// A number that whoever runs the tests asks for.
pub fn number_from_environment(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok();
    value.map(|value| value.parse().unwrap_or_else(|_| panic!("{name} is no number: {value}")))
}

/// How often something is tried: less where `tests/run quick` runs, or who works on a test.
pub fn times(quick: usize, all: usize) -> usize {
    if std::env::var_os("TEST_LAYER").is_some_and(|layer| layer != "quick") { all } else { quick }
}

/// The moment at which tests begin.
pub fn arrival() -> DateTime<Utc> {
    DateTime::from_timestamp_millis(1_772_463_845_678).expect("it is a time")
}

/// A delivery of the vendor's form from `downtown`.
pub fn delivery(appointment_id: u64, event_type: &str) -> NewDelivery {
    delivery_from("downtown", appointment_id, event_type)
}

/// A delivery of the vendor's form.
pub fn delivery_from(source: &str, appointment_id: u64, event_type: &str) -> NewDelivery {
    NewDelivery {
        source: source.parse().expect("a source's name"),
        reading: Reading::Readable {
            appointment_id: AppointmentId::new(appointment_id).expect("an appointment's id"),
            event_type: event_type.into(),
        },
        delivery_id: None,
        body: format!(r#"{{"appointment_id": {appointment_id}, "event_type": "{event_type}"}}"#).into_bytes(),
    }
}

/// A delivery whose body could not be read.
pub fn unreadable(source: &str, fault: Fault, body: &[u8]) -> NewDelivery {
    let source = source.parse().expect("a source's name");
    NewDelivery { source, reading: Reading::Unreadable(fault), delivery_id: None, body: body.to_vec() }
}

/// One delivery of every shape that a record of version 1 has, in three groups.
pub fn sample_deliveries() -> Vec<Vec<NewDelivery>> {
    use clockfold::lifecycle::EventType;

    let with_id = NewDelivery { delivery_id: Some("evt_0001".to_owned()), ..delivery(52_468_874, "create") };
    let known = EventType::ALL.into_iter().map(|event| delivery_from("lakeside", 1, event.name())).collect();
    let faults = [
        Fault::NotJson,
        Fault::NotAnObject,
        Fault::FieldRepeated,
        Fault::AppointmentIdMissing,
        Fault::AppointmentIdInvalid,
        Fault::EventTypeMissing,
        Fault::EventTypeInvalid,
    ];
    let mut odd: Vec<NewDelivery> =
        faults.into_iter().map(|fault| unreadable("downtown", fault, b"\xff\x00 not text")).collect();
    odd.push(delivery(AppointmentId::MAX.get(), "transfer_in"));
    odd.push(delivery(3, ""));
    odd.push(unreadable("downtown", Fault::NotJson, b""));
    vec![vec![with_id], known, odd]
}

/// What is waited for may take so long on a machine that does much else.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// Waits until something is so; panics with `what` where it never is.
pub fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < WAIT_MAX, "{what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// A file in `fixtures/`.
pub fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

/// Lets this process open as many files as it may.
pub fn raise_open_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
}

/// Runs `tar`.
pub fn tar(arguments: &[&str]) {
    run("tar", arguments);
}

/// Runs a program of the system's.
pub fn run(program: &str, arguments: &[&str]) {
    let status = Command::new(program).args(arguments).status().unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(status.success(), "{program} {arguments:?}");
}
