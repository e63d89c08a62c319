//! Invented traffic: what the clinics of a vendor would send, for measuring, trying and showing.
//!
//! A seed, a start and a [`Shape`] come in; deliveries come out, each with the time at which it arrives, in the order
//! of these times, without an end. There is no I/O here and no clock, and no arithmetic that differs between machines:
//! the same three give the same deliveries. Memory is bounded by the appointments that are open, not by the deliveries
//! sent. Nobody in it exists: the ids begin far above the vendor's own.

mod shape;
mod random;
mod clinic;
mod visit;
mod body;
mod traffic;

pub use shape::{DELIVERIES_A_DAY, DenseDay, FIRST_APPOINTMENT, SOURCES_MAX, Shape, Simulated, Source};
pub use traffic::Simulation;
