//! A file a route: what is asked over HTTP, and what asks the floors below.

pub(in crate::server) mod parameters;
pub(in crate::server) mod events;
pub(in crate::server) mod webhook;
pub(in crate::server) mod graphql;
pub(in crate::server) mod socket;
pub(in crate::server) mod sign_in;
pub(in crate::server) mod pages;
pub(in crate::server) mod log;
pub(in crate::server) mod feed;
pub(in crate::server) mod board_csv;
pub(in crate::server) mod operations;
