//! Which connections are open, and which is closed where there is no room for all of them.
//!
//! Each connection has a [`ConnectionState`]: who is at the other end, since when it is idle, and whether a request on
//! it was ever authenticated. A client that has said who it is keeps its connection. The others are *strangers*: where
//! one connection too many comes, the longest idle of them go first, from the address that has the most; where
//! strangers take too much memory, the largest, and the others are not read until those have gone. So a client with a
//! credential always gets in, however many have none.

mod account;
mod waiter;
mod memory;
mod eviction;
mod room;
mod state;
mod listener;
mod turn;
mod hold;

pub(in crate::server) use hold::Held;
pub(in crate::server) use listener::{Connections, STALLED, Times};
pub(in crate::server) use state::{Asked, ConnectionState, Open, Verdict};
pub(in crate::server::connection) use turn::Turn;
