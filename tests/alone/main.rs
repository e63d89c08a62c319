//! What measures time or memory, or takes all of the machine: one test after another, and nothing beside them.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that panics has failed; its figures are for who asks"
)]

#[path = "../support/mod.rs"]
mod support;

mod graphql_limits;
mod graphql_attacks;
mod attacks;
