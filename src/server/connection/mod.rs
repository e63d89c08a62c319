//! Connections: accepted, bounded in number, time and memory, and what is written to them.

pub(in crate::server) mod chunks;
pub(in crate::server) mod connections;
pub(in crate::server) mod peer;
pub(in crate::server) mod impatient;
pub(in crate::server) mod answer;
pub(in crate::server) mod accept;
