//! The real program over real sockets, as senders, readers and operators use it.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that panics has failed; its figures are for who asks"
)]

#[path = "../support/mod.rs"]
mod support;

mod path;
mod webhook;
mod access;
mod graphql;
mod live;
mod projection;
mod copies;
mod commands;
mod readme;
mod examples;
mod deploy;
mod clock;
mod shutdown;
