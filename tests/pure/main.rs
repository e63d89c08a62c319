//! What needs no server: the core against its model and its laws, the log and the projection as files, the house.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that panics has failed; its figures are for who asks"
)]

#[path = "../support/mod.rs"]
mod support;

mod house;
mod house_paths;
mod house_circles;
mod house_sizes;
mod house_pages;
mod docs;
mod examples;
mod graphql_schema;
mod model;
mod model_overtaking;
mod model_laws;
mod lifecycle;
mod log;
mod projection;
mod as_of;
mod simulate;
